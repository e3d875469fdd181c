//! The values of attributes and text as they are meant, from how they are written.
//!
//! Specification: [XML 1.0](https://www.w3.org/TR/xml/) §2.11, §3.3.3, §4.6. The bytes have been scanned, so nothing
//! can fail; the way back is in [`crate::write`].

use std::borrow::Cow;

use crate::scan::{reference, text};

/// The value of an attribute, given what stands between its quotes.
pub(crate) fn attribute(written: &[u8]) -> Cow<'_, str> {
    if !written
        .iter()
        .any(|byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r'))
    {
        return Cow::Borrowed(text(written));
    }
    let mut value = String::with_capacity(written.len());
    // §3.3.3: literal white space becomes a space, after line breaks have become one character each (§2.11).
    append(written, &mut value, |_| ' ');
    Cow::Owned(value)
}

/// Character data without markup inside.
pub(crate) fn character_data(written: &[u8]) -> Cow<'_, str> {
    if memchr::memchr2(b'&', b'\r', written).is_none() {
        return Cow::Borrowed(text(written));
    }
    let mut value = String::with_capacity(written.len());
    append(written, &mut value, line_break);
    Cow::Owned(value)
}

/// Appends what stands between two child elements: text, references and character data sections.
pub(crate) fn append_content(mut written: &[u8], value: &mut String) {
    while let Some(start) = memchr::memchr(b'<', written) {
        append(&written[..start], value, line_break);
        // Only a character data section can begin here.
        let section = written.get(start + 9..).unwrap_or_default();
        let end = memchr::memmem::find(section, b"]]>").unwrap_or(section.len());
        append_literal(&section[..end], value, line_break);
        written = section.get(end + 3..).unwrap_or_default();
    }
    append(written, value, line_break);
}

fn line_break(byte: u8) -> char {
    if byte == b'\t' { '\t' } else { '\n' }
}

/// Appends with references replaced.
fn append(mut written: &[u8], value: &mut String, space: fn(u8) -> char) {
    while let Some(start) = memchr::memchr(b'&', written) {
        append_literal(&written[..start], value, space);
        written = match reference(&written[start..]) {
            Ok(Some((character, len))) => {
                value.push(character);
                &written[start + len..]
            }
            Ok(None) | Err(_) => &[],
        };
    }
    append_literal(written, value, space);
}

/// Appends with line breaks and tabs replaced.
fn append_literal(mut written: &[u8], value: &mut String, space: fn(u8) -> char) {
    while let Some(at) = memchr::memchr3(b'\t', b'\n', b'\r', written) {
        value.push_str(text(&written[..at]));
        value.push(space(written[at]));
        // §2.11: CR LF is one line break.
        let len = if written[at..].starts_with(b"\r\n") { 2 } else { 1 };
        written = &written[at + len..];
    }
    value.push_str(text(written));
}
