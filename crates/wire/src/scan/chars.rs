//! Characters of XML 1.0: classes of bytes and code points, UTF-8, references, and the loops that skip plain bytes.
//!
//! Specification: [XML 1.0](https://www.w3.org/TR/xml/) §2.2, §2.3, §4.1. Tags and namespaces are not here.
//!
//! Functions that may need bytes which have not arrived return `Ok(None)` then. They decide from left to right, so
//! that an error is the same however the bytes were split.

use super::ScanError;

/// The longest name in bytes, prefix and colon included.
pub(crate) const MAX_NAME: usize = 255;
/// The most digits in a character reference; more could only be leading zeros.
const MAX_DIGITS: usize = 8;

const SPACE: u8 = 1;
const NAME_START: u8 = 2;
const NAME: u8 = 4;
const URI: u8 = 8;

/// The classes of each ASCII byte.
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        class[byte] = match byte as u8 {
            b'\t' | b'\n' | b'\r' | b' ' => SPACE,
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => NAME_START | NAME | URI,
            b'0'..=b'9' | b'-' | b'.' => NAME | URI,
            b'~' | b':' | b'/' | b'?' | b'@' | b'!' | b'$' | b'\'' | b'(' | b')' => URI,
            b'*' | b'+' | b',' | b';' | b'=' => URI,
            _ => 0,
        };
        byte += 1;
    }
    class
};

/// White space of XML (§2.3, S).
pub(crate) fn is_space(byte: u8) -> bool {
    CLASS[usize::from(byte)] & SPACE != 0
}

/// The offset of the first byte at or after `at` that is not white space.
pub(crate) fn skip_space(data: &[u8], mut at: usize) -> usize {
    while data.get(at).is_some_and(|byte| is_space(*byte)) {
        at += 1;
    }
    at
}

/// Characters that stand for themselves in a URI (RFC 3986 §2.2, §2.3), without `#`, `&` and square brackets.
pub(super) fn is_uri(byte: u8) -> bool {
    CLASS[usize::from(byte)] & URI != 0
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks the bytes of `word` that equal `byte` in their highest bits. Bytes above a marked one may be marked in
/// error, so only the lowest mark counts.
fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ (ONES * u64::from(byte));
    difference.wrapping_sub(ONES) & !difference
}

/// Marks the control characters, under the same condition.
fn control(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word
}

/// The offset of the first byte at or after `at` that needs a look in text: `<`, `&`, `]`, a control character or a
/// byte beyond ASCII.
pub(crate) fn skip_text(data: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = data[at..].first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let found =
            (equal(word, b'<') | equal(word, b'&') | equal(word, b']') | control(word) | word) & HIGHS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while data
        .get(at)
        .is_some_and(|byte| !matches!(byte, b'<' | b'&' | b']' | ..0x20 | 0x80..))
    {
        at += 1;
    }
    at
}

/// The offset of the first byte at or after `at` that needs a look in an attribute's value: the quote, `<`, `&`, a
/// control character or a byte beyond ASCII.
pub(crate) fn skip_value(data: &[u8], mut at: usize, quote: u8) -> usize {
    while let Some(chunk) = data[at..].first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let found =
            (equal(word, quote) | equal(word, b'<') | equal(word, b'&') | control(word) | word) & HIGHS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while data
        .get(at)
        .is_some_and(|byte| *byte != quote && !matches!(byte, b'<' | b'&' | ..0x20 | 0x80..))
    {
        at += 1;
    }
    at
}

/// The length of the character that begins `data`, which is a control character or beyond ASCII; checked against
/// XML 1.0 §2.2, Char.
pub(crate) fn character(data: &[u8]) -> Result<Option<usize>, ScanError> {
    match data.first() {
        None => Ok(None),
        Some(b'\t' | b'\n' | b'\r' | 0x20..0x80) => Ok(Some(1)),
        Some(..0x20) => Err(ScanError::Character),
        Some(0x80..) => Ok(decode(data)?.map(|(_, len)| len)),
    }
}

/// Decodes the UTF-8 sequence that begins `data`: the code point and its length in bytes.
///
/// Overlong forms, surrogates and what lies beyond U+10FFFF fail as soon as their second byte is there; U+FFFE and
/// U+FFFF are no characters of XML.
fn decode(data: &[u8]) -> Result<Option<(u32, usize)>, ScanError> {
    let Some(&first) = data.first() else {
        return Ok(None);
    };
    let (len, second) = match first {
        ..0x80 => return Ok(Some((u32::from(first), 1))),
        0xC2..=0xDF => (2, 0x80..=0xBF),
        0xE0 => (3, 0xA0..=0xBF),
        0xED => (3, 0x80..=0x9F),
        0xE1..=0xEF => (3, 0x80..=0xBF),
        0xF0 => (4, 0x90..=0xBF),
        0xF1..=0xF3 => (4, 0x80..=0xBF),
        0xF4 => (4, 0x80..=0x8F),
        _ => return Err(ScanError::Utf8),
    };
    let mut code = u32::from(first) & (0x7F >> len);
    for index in 1..len {
        let Some(&byte) = data.get(index) else {
            return Ok(None);
        };
        let is_right = if index == 1 {
            second.contains(&byte)
        } else {
            byte & 0xC0 == 0x80
        };
        if !is_right {
            return Err(ScanError::Utf8);
        }
        code = code << 6 | u32::from(byte & 0x3F);
    }
    if matches!(code, 0xFFFE | 0xFFFF) {
        return Err(ScanError::Character);
    }
    Ok(Some((code, len)))
}

/// True for the code points of XML 1.0 §2.2, Char.
pub(crate) fn is_character(code: u32) -> bool {
    matches!(code, 0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x1_0000..=0x10_FFFF)
}

/// The character and the length of the reference that begins `data` with its `&` (§4.1, §4.6).
pub(crate) fn reference(data: &[u8]) -> Result<Option<(char, usize)>, ScanError> {
    let Some(&first) = data.get(1) else {
        return Ok(None);
    };
    if first == b'#' {
        return numeric_reference(data);
    }
    for (name, character) in [
        (&b"&amp;"[..], '&'),
        (b"&lt;", '<'),
        (b"&gt;", '>'),
        (b"&quot;", '"'),
        (b"&apos;", '\''),
    ] {
        if data.starts_with(name) {
            return Ok(Some((character, name.len())));
        }
        if name.starts_with(data) {
            return Ok(None);
        }
    }
    if CLASS[usize::from(first)] & NAME_START != 0 || first >= 0x80 {
        return Err(ScanError::UndefinedEntity);
    }
    Err(ScanError::Reference)
}

fn numeric_reference(data: &[u8]) -> Result<Option<(char, usize)>, ScanError> {
    let Some(&marker) = data.get(2) else {
        return Ok(None);
    };
    let (radix, start) = if marker == b'x' { (16, 3) } else { (10, 2) };
    let mut code: u32 = 0;
    for index in start..=start + MAX_DIGITS {
        let Some(&byte) = data.get(index) else {
            return Ok(None);
        };
        if let Some(digit) = char::from(byte).to_digit(radix) {
            code = code.saturating_mul(radix).saturating_add(digit);
        } else if byte == b';' && index > start {
            let character = char::from_u32(code).filter(|_| is_character(code));
            return character
                .map(|character| Some((character, index + 1)))
                .ok_or(ScanError::Character);
        } else {
            return Err(ScanError::Reference);
        }
    }
    Err(ScanError::ReferenceTooLong)
}

/// A qualified name: where it begins, how long it is and how much of that is its prefix, the colon not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) start: u32,
    /// Both lengths in one: a name is moved about a lot, and two words without holes stay in registers.
    lens: u32,
}

impl Name {
    /// No name.
    pub(crate) const NONE: Name = Name::new(0, 0, 0);

    /// The lengths are those of the whole name and of its prefix.
    pub(crate) const fn new(start: u32, len: u8, prefix_len: u8) -> Name {
        Name {
            start,
            lens: len as u32 | (prefix_len as u32) << 8,
        }
    }

    /// The length in bytes, prefix and colon included.
    pub(crate) fn len(&self) -> u8 {
        self.lens as u8
    }

    /// The length of the prefix; zero where there is none.
    pub(crate) fn prefix_len(&self) -> u8 {
        (self.lens >> 8) as u8
    }

    /// The name as written.
    pub(crate) fn whole<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize;
        &data[start..start + usize::from(self.len())]
    }

    /// The prefix without its colon; empty where there is none.
    pub(crate) fn prefix<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize;
        &data[start..start + usize::from(self.prefix_len())]
    }

    /// The name without its prefix.
    pub(crate) fn local<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        let skip = if self.prefix_len() == 0 {
            0
        } else {
            usize::from(self.prefix_len()) + 1
        };
        &self.whole(data)[skip..]
    }

    /// The offset after the name.
    pub(crate) fn end(&self) -> usize {
        self.start as usize + usize::from(self.len())
    }
}

/// The length of the run of ASCII name characters that begins `data`; zero if the first cannot begin a name.
fn ascii_run(data: &[u8]) -> usize {
    if data
        .first()
        .is_none_or(|byte| CLASS[usize::from(*byte)] & NAME_START == 0)
    {
        return 0;
    }
    data.iter()
        .position(|byte| CLASS[usize::from(*byte)] & NAME == 0)
        .unwrap_or(data.len())
}

/// The qualified name at `start` if it is of the ordinary kind: ASCII, not too long, and the byte after it is there.
#[inline]
pub(super) fn plain_name(data: &[u8], start: usize) -> Option<Name> {
    let rest = data.get(start..)?;
    let mut len = ascii_run(rest);
    let mut prefix_len = 0;
    if len > 0 && rest.get(len) == Some(&b':') {
        let local_len = ascii_run(&rest[len + 1..]);
        if local_len == 0 {
            return None;
        }
        prefix_len = len;
        len += 1 + local_len;
    }
    let is_over = rest.get(len).is_some_and(|byte| *byte < 0x80 && *byte != b':');
    if len == 0 || len > MAX_NAME || !is_over {
        return None;
    }
    Some(Name::new(start as u32, len as u8, prefix_len as u8))
}

/// Reads the qualified name at `start` (Namespaces in XML 1.0 §4, QName); `None` until the byte after it is there.
#[inline]
pub(super) fn name(data: &[u8], start: usize) -> Result<Option<Name>, ScanError> {
    match plain_name(data, start) {
        Some(name) => Ok(Some(name)),
        None => any_name(data, start),
    }
}

fn any_name(data: &[u8], start: usize) -> Result<Option<Name>, ScanError> {
    let available = &data[start..];
    let (view, is_cut) = match available.get(..=MAX_NAME) {
        Some(view) => (view, true),
        None => (available, false),
    };
    let mut at = 0;
    let mut prefix_len = 0;
    let mut wanted = NAME_START;
    while let Some(&byte) = view.get(at) {
        if CLASS[usize::from(byte)] & wanted != 0 {
            at += 1;
            wanted = NAME;
        } else if byte >= 0x80 {
            let Some((code, len)) = decode(&view[at..])? else {
                break;
            };
            if !is_letter(code) {
                return Err(ScanError::NameCharacter);
            }
            at += len;
            wanted = NAME;
        } else if byte == b':' && wanted == NAME && prefix_len == 0 {
            prefix_len = at;
            at += 1;
            wanted = NAME_START;
        } else if wanted == NAME && byte != b':' {
            return Ok(Some(Name::new(start as u32, at as u8, prefix_len as u8)));
        } else {
            return Err(ScanError::Name);
        }
    }
    if is_cut {
        Err(ScanError::NameTooLong)
    } else {
        Ok(None)
    }
}

/// Letters beyond ASCII that names may hold.
///
/// These are in the tables of both XML 1.0's fourth edition and its fifth. The fifth allows far more, but many
/// clients read XML with expat, which keeps to the fourth: a name that it does not know would end the stream of
/// whoever receives it.
fn is_letter(code: u32) -> bool {
    matches!(
        code,
        0xC0..=0xD6
            | 0xD8..=0xF6
            | 0xF8..=0x131
            | 0x134..=0x13E
            | 0x141..=0x148
            | 0x14A..=0x17E
            | 0x388..=0x38A
            | 0x38E..=0x3A1
            | 0x3A3..=0x3CE
            | 0x401..=0x40C
            | 0x40E..=0x44F
            | 0x451..=0x45C
            | 0x45E..=0x481
            | 0x5D0..=0x5EA
            | 0x621..=0x63A
            | 0x641..=0x64A
            | 0x3041..=0x3094
            | 0x30A1..=0x30FA
            | 0x4E00..=0x9FA5
            | 0xAC00..=0xD7A3
    )
}
