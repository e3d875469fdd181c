//! The opening of a stream: the XML declaration and what the stream's start tag says.
//!
//! Specification: [RFC 6120](https://www.rfc-editor.org/rfc/rfc6120) §4.2, §4.7, §4.8, §11.4–§11.6. Whether its
//! addresses and version are acceptable is for whoever receives the header.

use super::ScanError;
use super::chars::skip_space;
use super::machine::{Machine, is_prefix};
use super::ns::{Scope, Space};
use super::text;
use crate::ns;
use crate::stream::{StreamContext, StreamHeader};
use crate::unescape;

/// The longest XML declaration, in bytes.
const MAX_DECLARATION: usize = 128;
/// How many prefixes a stream header may declare: each is a bit in [`super::Head`].
const MAX_PREFIXES: usize = 32;

/// The length of the XML declaration at the beginning of `data`; zero where there is none, `None` if that cannot be
/// said yet (XML 1.0 §2.8, XMLDecl).
pub(super) fn declaration(data: &[u8]) -> Result<Option<usize>, ScanError> {
    match data {
        [] | [b'<'] => return Ok(None),
        // What begins so is UTF-16 or UTF-32, or has a byte order mark of these (XML 1.0 appendix F).
        [0 | 0xFE | 0xFF, ..] | [b'<', 0, ..] => return Err(ScanError::Encoding),
        [b'<', b'?', ..] => {}
        _ => return Ok(Some(0)),
    }
    match is_prefix(b"<?xml", data) {
        Some(true) => {}
        Some(false) => return Err(ScanError::ProcessingInstruction),
        None => return Ok(None),
    }
    let view = data.get(..MAX_DECLARATION).unwrap_or(data);
    match rest_of_declaration(view, 5)? {
        None if view.len() == MAX_DECLARATION => Err(ScanError::Syntax),
        found => Ok(found),
    }
}

/// After `<?xml`: pseudo-attributes in their fixed order, then `?>`.
fn rest_of_declaration(data: &[u8], mut at: usize) -> Result<Option<usize>, ScanError> {
    let names: [&[u8]; 3] = [b"version", b"encoding", b"standalone"];
    let mut next = 0;
    loop {
        let start = at;
        at = skip_space(data, at);
        let rest = &data[at..];
        if rest.is_empty() {
            return Ok(None);
        }
        if rest[0] == b'?' && next > 0 {
            return match is_prefix(b"?>", rest) {
                Some(true) => Ok(Some(at + 2)),
                Some(false) => Err(ScanError::Syntax),
                None => Ok(None),
            };
        }
        if at == start {
            // `<?xml-stylesheet` and the like; or two pseudo-attributes without white space between them.
            return Err(if next == 0 {
                ScanError::ProcessingInstruction
            } else {
                ScanError::Syntax
            });
        }
        let found = names.iter().skip(next).position(|name| name[0] == rest[0]);
        // The version is required, the others are not.
        let Some(found) = found.filter(|found| next > 0 || *found == 0) else {
            return Err(ScanError::Syntax);
        };
        next += found;
        match is_prefix(names[next], rest) {
            Some(true) => at += names[next].len(),
            Some(false) => return Err(ScanError::Syntax),
            None => return Ok(None),
        }
        let Some((value, end)) = quoted(data, at)? else {
            return Ok(None);
        };
        let is_good = match next {
            0 => value == b"1.0",
            1 if value.eq_ignore_ascii_case(b"utf-8") => true,
            1 => return Err(ScanError::Encoding),
            _ => value == b"yes" || value == b"no",
        };
        if !is_good {
            return Err(ScanError::Syntax);
        }
        at = end;
        next += 1;
    }
}

/// `=`, a quoted value and the offset after it.
fn quoted(data: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, ScanError> {
    let at = skip_space(data, at);
    match data.get(at) {
        None => return Ok(None),
        Some(b'=') => {}
        Some(_) => return Err(ScanError::Syntax),
    }
    let at = skip_space(data, at + 1);
    let quote = match data.get(at) {
        None => return Ok(None),
        Some(&quote @ (b'"' | b'\'')) => quote,
        Some(_) => return Err(ScanError::Syntax),
    };
    let value = &data[at + 1..];
    for (len, byte) in value.iter().enumerate() {
        if *byte == quote {
            return Ok(Some((&value[..len], at + 2 + len)));
        }
        if !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'-' | b'_' | b':') {
            return Err(ScanError::Syntax);
        }
    }
    Ok(None)
}

/// Reads the stream's start tag, which `machine` has just finished.
pub(super) fn finish(machine: &Machine, data: &[u8]) -> Result<(StreamHeader, StreamContext), ScanError> {
    let head = machine.finish();
    let is_streams =
        head.space != Space::Implied && Scope::ALONE.resolve(head.space, data) == ns::STREAMS.as_bytes();
    if !is_streams {
        return Err(ScanError::StreamNamespace);
    }
    // A stream that ends where it begins is none.
    if head.name.local(data) != b"stream" || machine.open.is_empty() {
        return Err(ScanError::NotAStream);
    }
    let mut header = StreamHeader::default();
    for attribute in machine.attributes.iter() {
        let value = attribute.value(data);
        let slot = match attribute.name.whole(data) {
            b"to" => &mut header.to,
            b"from" => &mut header.from,
            b"id" => &mut header.id,
            b"version" => &mut header.version,
            b"xml:lang" => &mut header.lang,
            b"xmlns" => {
                header.default_ns = Some(text(value).to_owned());
                continue;
            }
            b"xmlns:xml" => continue,
            _ => {
                if attribute.name.prefix(data) == b"xmlns" {
                    let prefix = text(attribute.name.local(data));
                    header.prefixes.push((prefix.to_owned(), text(value).to_owned()));
                }
                continue;
            }
        };
        *slot = Some(unescape::attribute(value).into_owned());
    }
    bound_prefixes(&header)?;
    let context = StreamContext::new(text(head.name.whole(data)), &header);
    Ok((header, context))
}

/// What encloses stanzas may declare only so many prefixes.
pub(super) fn bound_prefixes(header: &StreamHeader) -> Result<(), ScanError> {
    if header.prefixes.len() > MAX_PREFIXES {
        return Err(ScanError::TooManyNamespaces);
    }
    Ok(())
}
