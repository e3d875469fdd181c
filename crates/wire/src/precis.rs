//! Preparation of names: the PRECIS string classes and the two profiles that JIDs use.
//!
//! Specification: [RFC 8264](https://www.rfc-editor.org/rfc/rfc8264) (classes),
//! [RFC 8265](https://www.rfc-editor.org/rfc/rfc8265) (profiles),
//! [RFC 5892](https://www.rfc-editor.org/rfc/rfc5892) (context rules),
//! [RFC 5893](https://www.rfc-editor.org/rfc/rfc5893) (Bidi rule).
//! The properties are those of the Unicode version that `icu_properties` carries, so that this year's emoji is
//! a legal nickname; tables frozen at an old version refuse it. It does not know what a JID is.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;
use icu_properties::props::{
    BidiClass, DefaultIgnorableCodePoint, GeneralCategory, HangulSyllableType, JoiningType,
    NoncharacterCodePoint, Script,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// RFC 8264 §8: what a code point may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Property {
    /// Allowed in both classes.
    Valid,
    /// Allowed in the FreeformClass only.
    FreeformOnly,
    /// Allowed where its context rule holds.
    Context,
    /// Never allowed.
    Disallowed,
}

/// RFC 8264 §4: the two string classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Identifier,
    Freeform,
}

/// RFC 8265 §3.3, UsernameCaseMapped: `None` when the string is not allowed or empty.
pub(crate) fn username_case_mapped(text: &str) -> Option<Cow<'_, str>> {
    stable(text, |text| {
        let text = map_width(text);
        if !is_in_class(&text, Class::Identifier) {
            return None;
        }
        let text = normalize_nfc(text.to_lowercase());
        satisfies_bidi_rule(&text).then_some(text)
    })
}

/// RFC 8265 §4.2, OpaqueString: `None` when the string is not allowed or empty.
pub(crate) fn opaque_string(text: &str) -> Option<Cow<'_, str>> {
    stable(text, |text| {
        if !is_in_class(text, Class::Freeform) {
            return None;
        }
        let spaced = text.chars().map(|c| if is_space(c) { ' ' } else { c }).collect();
        Some(normalize_nfc(spaced))
    })
}

/// Width, case (character by character, as IDNA maps) and normalization form of a domain name's label.
pub(crate) fn map_label(label: &str) -> String {
    let mut lower = String::with_capacity(label.len());
    for c in map_width(label).chars() {
        match c {
            // Cherokee folds to its capitals, which were there first: they are what IDNA allows.
            '\u{13A0}'..='\u{13F5}' => lower.push(c),
            '\u{13F8}'..='\u{13FD}' | '\u{AB70}'..='\u{ABBF}' => lower.extend(c.to_uppercase()),
            _ => lower.extend(c.to_lowercase()),
        }
    }
    normalize_nfc(lower)
}

/// True if every code point of the string is allowed in the IdentifierClass (RFC 8264 §4.2).
pub(crate) fn is_identifier(text: &str) -> bool {
    is_in_class(text, Class::Identifier)
}

/// Normalization Form KC, for SASLprep.
pub(crate) fn normalize_nfkc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}

/// The general category of a character, for SASLprep.
pub(crate) fn general_category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// The directional class of a character.
pub(crate) fn bidi_class(c: char) -> BidiClass {
    CodePointMapData::<BidiClass>::new().get(c)
}

/// RFC 8264 §7: the rules are applied again until the string no longer changes, and a string that still changes
/// after the fourth time is refused.
fn stable(text: &str, enforce: impl Fn(&str) -> Option<String>) -> Option<Cow<'_, str>> {
    let mut current = Cow::Borrowed(text);
    for _ in 0..4 {
        let next = enforce(&current)?;
        if next.is_empty() {
            return None;
        }
        if next == *current {
            return Some(current);
        }
        current = Cow::Owned(next);
    }
    None
}

fn normalize_nfc(text: String) -> String {
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    if nfc.is_normalized(&text) {
        text
    } else {
        nfc.normalize(&text).into_owned()
    }
}

fn is_space(c: char) -> bool {
    general_category(c) == GeneralCategory::SpaceSeparator
}

/// RFC 8265 §3.3.1: full-width and half-width characters become their ordinary forms. All of them stand in one
/// block, and there the compatibility decomposition is the width mapping wherever its result is allowed.
fn map_width(text: &str) -> Cow<'_, str> {
    const WIDE: std::ops::RangeInclusive<char> = '\u{FF01}'..='\u{FFEF}';
    if !text.contains(|c| WIDE.contains(&c)) {
        return Cow::Borrowed(text);
    }
    let mut mapped = String::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        let encoded: &str = c.encode_utf8(&mut buffer);
        if WIDE.contains(&c) {
            mapped.push_str(&normalize_nfkc(encoded));
        } else {
            mapped.push(c);
        }
    }
    Cow::Owned(mapped)
}

fn is_in_class(text: &str, class: Class) -> bool {
    text.char_indices().all(|(at, c)| match property(c) {
        Property::Valid => true,
        Property::FreeformOnly => class == Class::Freeform,
        Property::Context => satisfies_context_rule(text, at, c),
        Property::Disallowed => false,
    })
}

/// RFC 8264 §8, in its order.
fn property(c: char) -> Property {
    if let Some(exception) = exception(c) {
        return exception;
    }
    if matches!(c, '\u{21}'..='\u{7E}') {
        return Property::Valid;
    }
    let category = general_category(c);
    if category == GeneralCategory::Unassigned {
        return Property::Disallowed;
    }
    if matches!(c, '\u{200C}' | '\u{200D}') {
        return Property::Context;
    }
    if is_old_hangul_jamo(c) || is_ignorable(c) || category == GeneralCategory::Control {
        return Property::Disallowed;
    }
    if has_compatibility_form(c) {
        return Property::FreeformOnly;
    }
    use GeneralCategory as G;
    match category {
        G::LowercaseLetter
        | G::UppercaseLetter
        | G::OtherLetter
        | G::DecimalNumber
        | G::ModifierLetter
        | G::NonspacingMark
        | G::SpacingMark => Property::Valid,
        G::TitlecaseLetter | G::LetterNumber | G::OtherNumber | G::EnclosingMark => Property::FreeformOnly,
        G::SpaceSeparator => Property::FreeformOnly,
        G::MathSymbol | G::CurrencySymbol | G::ModifierSymbol | G::OtherSymbol => Property::FreeformOnly,
        G::ConnectorPunctuation
        | G::DashPunctuation
        | G::OpenPunctuation
        | G::ClosePunctuation
        | G::InitialPunctuation
        | G::FinalPunctuation
        | G::OtherPunctuation => Property::FreeformOnly,
        _ => Property::Disallowed,
    }
}

/// RFC 8264 §9.6, RFC 5892 §2.6.
fn exception(c: char) -> Option<Property> {
    match c {
        '\u{DF}' | '\u{3C2}' | '\u{6FD}' | '\u{6FE}' | '\u{F0B}' | '\u{3007}' => Some(Property::Valid),
        '\u{B7}' | '\u{375}' | '\u{5F3}' | '\u{5F4}' | '\u{30FB}' => Some(Property::Context),
        '\u{660}'..='\u{669}' | '\u{6F0}'..='\u{6F9}' => Some(Property::Context),
        '\u{640}' | '\u{7FA}' | '\u{302E}' | '\u{302F}' | '\u{3031}'..='\u{3035}' | '\u{303B}' => {
            Some(Property::Disallowed)
        }
        _ => None,
    }
}

/// RFC 8264 §9.9.
fn is_old_hangul_jamo(c: char) -> bool {
    matches!(
        CodePointMapData::<HangulSyllableType>::new().get(c),
        HangulSyllableType::LeadingJamo | HangulSyllableType::VowelJamo | HangulSyllableType::TrailingJamo
    )
}

/// RFC 8264 §9.13.
fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        || CodePointSetData::new::<NoncharacterCodePoint>().contains(c)
}

/// RFC 8264 §9.17.
fn has_compatibility_form(c: char) -> bool {
    let mut buffer = [0; 4];
    !ComposingNormalizerBorrowed::new_nfkc().is_normalized(c.encode_utf8(&mut buffer))
}

/// RFC 5892 appendix A: `at` is the byte offset of `c`.
fn satisfies_context_rule(text: &str, at: usize, c: char) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + c.len_utf8()..].chars().next();
    let script = CodePointMapData::<Script>::new();
    let has_script = |c: Option<char>, wanted: Script| c.is_some_and(|c| script.get(c) == wanted);
    match c {
        '\u{200C}' => before.is_some_and(is_virama) || joins_cursively(text, at, c),
        '\u{200D}' => before.is_some_and(is_virama),
        '\u{B7}' => before == Some('l') && after == Some('l'),
        '\u{375}' => has_script(after, Script::Greek),
        '\u{5F3}' | '\u{5F4}' => has_script(before, Script::Hebrew),
        '\u{30FB}' => text
            .chars()
            .any(|c| matches!(script.get(c), Script::Hiragana | Script::Katakana | Script::Han)),
        '\u{660}'..='\u{669}' => !text.contains(|c| matches!(c, '\u{6F0}'..='\u{6F9}')),
        '\u{6F0}'..='\u{6F9}' => !text.contains(|c| matches!(c, '\u{660}'..='\u{669}')),
        _ => false,
    }
}

/// The canonical combining class of viramas (Unicode Standard Annex 44, table 15).
const VIRAMA: u8 = 9;

fn is_virama(c: char) -> bool {
    CanonicalCombiningClassMapBorrowed::new().get_u8(c) == VIRAMA
}

/// RFC 5892 appendix A.1: `(L|D) T* ZWNJ T* (R|D)`.
fn joins_cursively(text: &str, at: usize, c: char) -> bool {
    let joining = CodePointMapData::<JoiningType>::new();
    let mut before = text[..at].chars().rev().map(|c| joining.get(c));
    let mut after = text[at + c.len_utf8()..].chars().map(|c| joining.get(c));
    let is_visible = |joining: &JoiningType| *joining != JoiningType::Transparent;
    matches!(
        before.find(is_visible),
        Some(JoiningType::LeftJoining | JoiningType::DualJoining)
    ) && matches!(
        after.find(is_visible),
        Some(JoiningType::RightJoining | JoiningType::DualJoining)
    )
}

/// RFC 5893 §2, asked only of strings that hold a right-to-left character (RFC 8265 §3.3.1).
fn satisfies_bidi_rule(text: &str) -> bool {
    use BidiClass as B;
    let is_rtl = |class| matches!(class, B::RightToLeft | B::ArabicLetter | B::ArabicNumber);
    if text.is_ascii() || !text.chars().any(|c| is_rtl(bidi_class(c))) {
        return true;
    }
    let Some(first) = text.chars().next().map(bidi_class) else {
        return true;
    };
    let last = text
        .chars()
        .rev()
        .map(bidi_class)
        .find(|class| *class != B::NonspacingMark);
    let neutral = |class| {
        matches!(
            class,
            B::EuropeanNumber
                | B::EuropeanSeparator
                | B::CommonSeparator
                | B::EuropeanTerminator
                | B::OtherNeutral
                | B::BoundaryNeutral
                | B::NonspacingMark
        )
    };
    match first {
        B::RightToLeft | B::ArabicLetter => {
            let has = |wanted| text.chars().any(|c| bidi_class(c) == wanted);
            text.chars()
                .map(bidi_class)
                .all(|class| is_rtl(class) || neutral(class))
                && last.is_some_and(|class| is_rtl(class) || class == B::EuropeanNumber)
                && !(has(B::EuropeanNumber) && has(B::ArabicNumber))
        }
        // A left-to-right string that holds a right-to-left character breaks rule 5, any other first character
        // breaks rule 1.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn usernames_are_mapped() {
        for (given, wanted) in [
            ("Juliet", "juliet"),
            ("ＪＵＬＩＥＴ", "juliet"),
            ("fußball", "fußball"),
            ("Fu\u{308}r", "für"),
            ("Σ", "σ"),
            ("ΑΣ", "ας"),
            ("\u{5D0}\u{5D1}1", "\u{5D0}\u{5D1}1"),
            ("l·l", "l·l"),
            ("カ・ナ", "カ・ナ"),
        ] {
            assert_eq!(username_case_mapped(given).unwrap(), wanted, "{given}");
        }
    }

    #[test]
    fn usernames_are_refused() {
        for bad in [
            "",
            "foo bar",
            "henry\u{2163}",
            "\u{265A}",
            "a\u{200D}b",
            "a\u{AD}b",
            "a·b",
            "a\u{5D0}",
            "\u{5D0}a",
            "1\u{5D0}",
            "\u{660}\u{6F0}",
            "\u{1100}",
            "\u{E000}",
            "\u{378}",
            "\u{7}",
            "・",
            "\u{5D0}1\u{660}",
        ] {
            assert_eq!(username_case_mapped(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn opaque_strings() {
        assert_eq!(opaque_string("a\u{2003}b").unwrap(), "a b");
        assert_eq!(opaque_string("e\u{301}").unwrap(), "é");
        assert_eq!(opaque_string("Keeps Case").unwrap(), "Keeps Case");
        assert_eq!(
            opaque_string("\u{1FAE9}").unwrap(),
            "\u{1FAE9}",
            "an emoji of Unicode 16"
        );
        for bad in [
            "",
            "a\nb",
            "\u{0}",
            "a\u{200D}",
            "\u{FDD0}",
            "\u{202E}x",
            "\u{FE0F}",
        ] {
            assert_eq!(opaque_string(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn zero_width_non_joiner_between_cursive_letters() {
        assert!(is_identifier("\u{628}\u{200C}\u{628}"));
        assert!(is_identifier("\u{915}\u{94D}\u{200C}"));
        assert!(!is_identifier("a\u{200C}b"));
    }
}
