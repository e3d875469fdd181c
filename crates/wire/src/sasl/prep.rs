//! Preparation of passwords, so that one password typed on two systems is one sequence of bytes.
//!
//! Specification: SASLprep ([RFC 4013](https://www.rfc-editor.org/rfc/rfc4013) with the tables of
//! [RFC 3454](https://www.rfc-editor.org/rfc/rfc3454)), which RFC 5802 §2.2 names and XMPP clients apply; RFC 8265's
//! OpaqueString differs in the normalization form and would lock some of them out. Characters that came after
//! Unicode 3.2 are let through as they are, as in a "query".

use icu_properties::props::{BidiClass, GeneralCategory};

use super::plain::MAX_PASSWORD;
use crate::precis::{bidi_class, general_category, normalize_nfkc};

/// Why a password cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing is left after the mapping.
    #[error("the password is empty")]
    Empty,
    /// More than 1,024 bytes.
    #[error("the password is too long")]
    TooLong,
    /// A control character or another that SASLprep prohibits.
    #[error("the password contains a character that cannot be used")]
    Prohibited,
}

/// Prepares a password for [`ScramKeys::derive`](super::ScramKeys::derive).
///
/// # Errors
/// A [`PasswordError`]; its text can be shown to the person.
pub fn prepare_password(password: &str) -> Result<String, PasswordError> {
    if password.len() > MAX_PASSWORD {
        return Err(PasswordError::TooLong);
    }
    let is_plain = !password.is_empty() && password.bytes().all(|b| matches!(b, 0x20..=0x7E));
    if is_plain {
        return Ok(password.to_owned());
    }
    let mapped: String = password
        .chars()
        .filter(|c| !is_mapped_to_nothing(*c))
        .map(map_space)
        .collect();
    let prepared = normalize_nfkc(&mapped).into_owned();
    if prepared.is_empty() {
        return Err(PasswordError::Empty);
    }
    if prepared.chars().any(is_prohibited) || !satisfies_bidi(&prepared) {
        return Err(PasswordError::Prohibited);
    }
    Ok(prepared)
}

/// RFC 3454 table B.1.
fn is_mapped_to_nothing(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{1806}' | '\u{180B}'..='\u{180D}' | '\u{200B}'..='\u{200D}' | '\u{2060}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
    )
}

/// RFC 4013 §2.1: other spaces become the ordinary one.
fn map_space(c: char) -> char {
    if general_category(c) == GeneralCategory::SpaceSeparator {
        ' '
    } else {
        c
    }
}

/// RFC 4013 §2.3: tables C.2.1 to C.9 of RFC 3454. A `char` is never a surrogate (C.5).
fn is_prohibited(c: char) -> bool {
    let is_noncharacter = matches!(u32::from(c), 0xFDD0..=0xFDEF) || u32::from(c) & 0xFFFE == 0xFFFE;
    is_noncharacter
        || matches!(
            general_category(c),
            GeneralCategory::Control | GeneralCategory::PrivateUse
        )
        || (c != ' ' && general_category(c) == GeneralCategory::SpaceSeparator)
        || matches!(
            c,
            '\u{340}' | '\u{341}' | '\u{6DD}' | '\u{70F}' | '\u{180E}' | '\u{200E}' | '\u{200F}'
                | '\u{2028}'..='\u{202E}' | '\u{2061}'..='\u{2063}' | '\u{206A}'..='\u{206F}'
                | '\u{2FF0}'..='\u{2FFB}' | '\u{FFF9}'..='\u{FFFD}' | '\u{1D173}'..='\u{1D17A}'
                | '\u{E0001}' | '\u{E0020}'..='\u{E007F}'
        )
}

/// RFC 3454 §6: a text with right-to-left letters has no left-to-right ones, and begins and ends with the former.
fn satisfies_bidi(text: &str) -> bool {
    let is_rtl = |c| matches!(bidi_class(c), BidiClass::RightToLeft | BidiClass::ArabicLetter);
    if !text.contains(is_rtl) {
        return true;
    }
    text.starts_with(is_rtl)
        && text.ends_with(is_rtl)
        && !text.contains(|c| bidi_class(c) == BidiClass::LeftToRight)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4013 §3, and more.
    #[test]
    fn prepared() {
        for (given, wanted) in [
            ("I\u{AD}X", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u{AA}", "a"),
            ("\u{2168}", "IX"),
            ("a\u{A0}b", "a b"),
            ("cafe\u{301}", "café"),
            ("🐒🫩", "🐒🫩"),
            ("\u{5D0}1\u{5D0}", "\u{5D0}1\u{5D0}"),
            (" leading", " leading"),
        ] {
            assert_eq!(prepare_password(given).as_deref(), Ok(wanted));
            assert_eq!(prepare_password(wanted).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn refused() {
        assert_eq!(prepare_password(""), Err(PasswordError::Empty));
        assert_eq!(prepare_password("\u{AD}"), Err(PasswordError::Empty));
        assert_eq!(
            prepare_password(&"x".repeat(MAX_PASSWORD + 1)),
            Err(PasswordError::TooLong)
        );
        for bad in [
            "\u{7}",
            "a\tb",
            "\u{627}1",
            "\u{627}a\u{627}",
            "\u{E000}",
            "\u{FFFF}",
            "\u{202E}x",
            "\u{2028}",
        ] {
            assert_eq!(prepare_password(bad), Err(PasswordError::Prohibited), "{bad:?}");
        }
    }
}
