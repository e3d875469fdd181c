//! The scanner's state machine: one element, from `<` to the end of its end tag, stopping wherever bytes run out.
//!
//! Specification: [XML 1.0](https://www.w3.org/TR/xml/) §3 as restricted by
//! [RFC 6120](https://www.rfc-editor.org/rfc/rfc6120) §11. What a finished start tag means is in [`super::tag`];
//! what stands between elements is in [`super`].

use super::chars::{self, Name};
use super::head::Head;
use super::inline::Inline;
use super::ns::{Bindings, Scope};
use super::{Limits, ScanError};

/// Where in the grammar the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In content, or before the element.
    Content,
    /// On the `<` of some markup.
    Markup,
    /// In a start tag, after its name or an attribute.
    Tag,
    /// After an attribute's name.
    Equals,
    /// After the `=`.
    Quote,
    /// In an attribute's value, up to this quote.
    Value(u8),
    /// In an end tag, after its name.
    EndTag,
    /// In a character data section.
    Cdata,
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The bytes ran out.
    More,
    /// The start tag of the outermost element is read; told only where it was asked for.
    Opened,
    /// The outermost element is complete.
    Closed,
}

/// Receives elements and attributes as the machine reads them.
pub(crate) trait Sink {
    /// A start tag whose `<` is at `start`; its attributes follow.
    fn open(&mut self, start: u32, name: Name);
    /// An attribute of the start tag last opened; the result is told again where its namespace is meant.
    fn attribute(&mut self, attribute: &Attribute, is_declaration: bool) -> u32;
    /// The namespace of the element last opened.
    fn element_space(&mut self, space: Declared);
    /// The namespace of an attribute with a prefix.
    fn attribute_space(&mut self, attribute: u32, space: Declared);
    /// The end of the innermost open element; `end` is the offset after it.
    fn close(&mut self, end: u32);
}

/// Who declares a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    /// Nobody inside the bytes: the default namespace around them.
    Implied,
    /// The default namespace is switched off by this declaration.
    None(u32),
    /// The prefix `xml`, which needs no declaration.
    Xml,
    /// The attribute with this handle.
    By(u32),
    /// The stream header.
    Outside,
}

/// For scanning without a document.
impl Sink for () {
    fn open(&mut self, _: u32, _: Name) {}
    fn attribute(&mut self, _: &Attribute, _: bool) -> u32 {
        0
    }
    fn element_space(&mut self, _: Declared) {}
    fn attribute_space(&mut self, _: u32, _: Declared) {}
    fn close(&mut self, _: u32) {}
}

/// An attribute of the start tag being read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attribute {
    pub(crate) name: Name,
    pub(crate) value: u32,
    pub(crate) len: u32,
}

impl Attribute {
    /// The value as written.
    pub(crate) fn value<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &data[self.value as usize..(self.value + self.len) as usize]
    }
}

/// An element whose end tag is still to come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Open {
    pub(super) name: Name,
    /// How many declarations were in scope before it.
    pub(super) bindings: u16,
    /// The number of the binding that is its default namespace.
    pub(super) default: u16,
}

/// All that is known of an element in the middle of it.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    at: At,
    /// The next byte to look at. All offsets count from the first byte of the element's input.
    pub(super) pos: usize,
    /// White space was seen since the last attribute.
    is_spaced: bool,
    /// The `<` of the start tag being read, and its name.
    pub(super) start: u32,
    pub(super) name: Name,
    /// The attribute being read.
    attribute: Attribute,
    pub(super) attributes: Inline<Attribute, 8>,
    pub(super) open: Inline<Open, 12>,
    pub(super) bindings: Bindings,
    pub(super) head: Head,
}

impl Machine {
    /// Ready at the `<` of an element, which is at `pos`.
    pub(super) fn new(pos: usize) -> Self {
        Machine {
            at: At::Markup,
            pos,
            is_spaced: false,
            start: 0,
            name: Name::default(),
            attribute: Attribute::default(),
            attributes: Inline::new(),
            open: Inline::new(),
            bindings: Bindings::new(),
            head: Head::NONE,
        }
    }

    /// Goes on after the name of the stream's end tag: what is left of it is white space and `>`.
    pub(super) fn expect_end(&mut self, pos: usize) {
        self.at = At::EndTag;
        self.pos = pos;
    }

    /// Reads on. `data` begins with the same bytes at each call.
    pub(super) fn run<S: Sink>(
        &mut self,
        data: &[u8],
        scope: &Scope<'_>,
        limits: &Limits,
        stop_at_tag: bool,
        sink: &mut S,
    ) -> Result<Progress, ScanError> {
        loop {
            let has_all = match self.at {
                At::Content => self.content(data)?,
                At::Markup => self.markup(data, sink)?,
                At::Tag => match self.tag(data, limits)? {
                    None => false,
                    Some(InTag::Attribute) => true,
                    Some(end) => {
                        let is_empty = end == InTag::Empty;
                        self.finish_tag(data, is_empty, scope, limits, sink)?;
                        self.at = At::Content;
                        if stop_at_tag {
                            return Ok(Progress::Opened);
                        }
                        if self.open.is_empty() {
                            return Ok(Progress::Closed);
                        }
                        true
                    }
                },
                At::Equals => self.sign(
                    data,
                    |byte| (byte == b'=').then_some(At::Quote),
                    ScanError::Syntax,
                )?,
                At::Quote => {
                    let quote = |byte| matches!(byte, b'"' | b'\'').then_some(At::Value(byte));
                    self.sign(data, quote, ScanError::Syntax)? && self.begin_value()
                }
                At::Value(quote) => self.value(data, quote)?,
                At::EndTag => {
                    let has_all = self.sign(
                        data,
                        |byte| (byte == b'>').then_some(At::Content),
                        ScanError::MismatchedTag,
                    )?;
                    if has_all && self.close(sink) {
                        return Ok(Progress::Closed);
                    }
                    has_all
                }
                At::Cdata => self.cdata(data)?,
            };
            if !has_all {
                return Ok(Progress::More);
            }
        }
    }

    /// What was noted of the finished element.
    pub(super) fn finish(&self) -> Head {
        Head {
            len: self.pos as u32,
            outer: self.bindings.outer,
            ..self.head
        }
    }

    /// True if what was read is the end tag of the stream and not an element.
    pub(super) fn is_end_of_stream(&self) -> bool {
        self.head.name.len() == 0
    }

    /// Text up to the next markup.
    fn content(&mut self, data: &[u8]) -> Result<bool, ScanError> {
        if data.get(self.pos) == Some(&b'<') {
            self.at = At::Markup;
            return Ok(true);
        }
        loop {
            self.pos = chars::skip_text(data, self.pos);
            let rest = &data[self.pos..];
            let len = match rest.first() {
                Some(b'<') => {
                    self.at = At::Markup;
                    return Ok(true);
                }
                Some(b'&') => chars::reference(rest)?.map(|(_, len)| len),
                Some(b']') => match is_prefix(b"]]>", rest) {
                    Some(true) => return Err(ScanError::CdataEnd),
                    Some(false) => Some(1),
                    None => None,
                },
                _ => chars::character(rest)?,
            };
            let Some(len) = len else { return Ok(false) };
            self.pos += len;
        }
    }

    /// A character data section up to its end.
    fn cdata(&mut self, data: &[u8]) -> Result<bool, ScanError> {
        loop {
            self.pos = chars::skip_text(data, self.pos);
            let rest = &data[self.pos..];
            let len = match rest.first() {
                Some(b'<' | b'&') => Some(1),
                Some(b']') => match is_prefix(b"]]>", rest) {
                    Some(true) => {
                        self.pos += 3;
                        self.at = At::Content;
                        return Ok(true);
                    }
                    Some(false) => Some(1),
                    None => None,
                },
                _ => chars::character(rest)?,
            };
            let Some(len) = len else { return Ok(false) };
            self.pos += len;
        }
    }

    /// Tells by the bytes after `<` what follows.
    fn markup<S: Sink>(&mut self, data: &[u8], sink: &mut S) -> Result<bool, ScanError> {
        let rest = &data[self.pos + 1..];
        match rest.first() {
            None => Ok(false),
            Some(b'/') => self.end_tag(data),
            Some(b'?') => Err(ScanError::ProcessingInstruction),
            Some(b'!') => self.declaration(rest),
            Some(_) => {
                let Some(name) = chars::name(data, self.pos + 1)? else {
                    return Ok(false);
                };
                self.start = self.pos as u32;
                self.name = name;
                self.pos = name.end();
                self.attributes.truncate(0);
                self.is_spaced = false;
                self.at = At::Tag;
                sink.open(self.start, name);
                Ok(true)
            }
        }
    }

    /// On `</`: the name must be that of the innermost open element.
    fn end_tag(&mut self, data: &[u8]) -> Result<bool, ScanError> {
        let Some(open) = self.open.last() else {
            return Err(ScanError::MismatchedTag);
        };
        match is_prefix(open.name.whole(data), &data[self.pos + 2..]) {
            Some(true) => {
                if self.open.len() == 1 {
                    self.head.inner_end = self.pos as u32;
                }
                self.pos += 2 + usize::from(open.name.len());
                self.at = At::EndTag;
                Ok(true)
            }
            Some(false) => Err(ScanError::MismatchedTag),
            None => Ok(false),
        }
    }

    /// After `<`, on `!`: only a character data section inside an element is allowed.
    fn declaration(&mut self, rest: &[u8]) -> Result<bool, ScanError> {
        match rest.get(1) {
            None => Ok(false),
            Some(b'-') => Err(ScanError::Comment),
            Some(b'D') => Err(ScanError::Doctype),
            Some(b'[') if !self.open.is_empty() => match is_prefix(b"![CDATA[", rest) {
                Some(true) => {
                    self.pos += 9;
                    self.at = At::Cdata;
                    Ok(true)
                }
                Some(false) => Err(ScanError::Syntax),
                None => Ok(false),
            },
            Some(_) => Err(ScanError::Syntax),
        }
    }

    /// In a start tag: an attribute's name or the end of the tag.
    fn tag(&mut self, data: &[u8], limits: &Limits) -> Result<Option<InTag>, ScanError> {
        while self.attributes.len() < usize::from(limits.max_attributes) {
            let Some((attribute, end)) = plain_attribute(data, self.pos) else {
                break;
            };
            self.attributes.push(attribute);
            self.pos = end;
            self.is_spaced = false;
        }
        let space_end = chars::skip_space(data, self.pos);
        self.is_spaced |= space_end > self.pos;
        self.pos = space_end;
        match data.get(self.pos) {
            None => Ok(None),
            Some(b'>') => {
                self.pos += 1;
                Ok(Some(InTag::End))
            }
            Some(b'/') => match data.get(self.pos + 1) {
                None => Ok(None),
                Some(b'>') => {
                    self.pos += 2;
                    Ok(Some(InTag::Empty))
                }
                Some(_) => Err(ScanError::Syntax),
            },
            Some(_) if !self.is_spaced => Err(ScanError::Syntax),
            Some(_) => {
                let Some(name) = chars::name(data, self.pos)? else {
                    return Ok(None);
                };
                if self.attributes.len() >= usize::from(limits.max_attributes) {
                    return Err(ScanError::TooManyAttributes);
                }
                self.attribute.name = name;
                self.pos = name.end();
                self.at = At::Equals;
                Ok(Some(InTag::Attribute))
            }
        }
    }

    /// White space and then a sign that leads to the next state.
    fn sign(
        &mut self,
        data: &[u8],
        next: impl FnOnce(u8) -> Option<At>,
        otherwise: ScanError,
    ) -> Result<bool, ScanError> {
        self.pos = chars::skip_space(data, self.pos);
        let Some(&byte) = data.get(self.pos) else {
            return Ok(false);
        };
        self.at = next(byte).ok_or(otherwise)?;
        self.pos += 1;
        Ok(true)
    }

    /// After the opening quote.
    fn begin_value(&mut self) -> bool {
        self.attribute.value = self.pos as u32;
        true
    }

    /// An attribute's value up to its closing quote.
    fn value(&mut self, data: &[u8], quote: u8) -> Result<bool, ScanError> {
        loop {
            self.pos = chars::skip_value(data, self.pos, quote);
            let rest = &data[self.pos..];
            let len = match rest.first() {
                Some(&byte) if byte == quote => {
                    self.attribute.len = self.pos as u32 - self.attribute.value;
                    self.attributes.push(self.attribute);
                    self.pos += 1;
                    self.is_spaced = false;
                    self.at = At::Tag;
                    return Ok(true);
                }
                Some(b'<') => return Err(ScanError::LessThan),
                Some(b'&') => chars::reference(rest)?.map(|(_, len)| len),
                _ => chars::character(rest)?,
            };
            let Some(len) = len else { return Ok(false) };
            self.pos += len;
        }
    }

    /// After the `>` of an end tag; true if it was that of the outermost element.
    fn close<S: Sink>(&mut self, sink: &mut S) -> bool {
        if let Some(open) = self.open.pop() {
            self.bindings.truncate(open.bindings);
            sink.close(self.pos as u32);
        }
        self.open.is_empty()
    }
}

/// A space and an attribute of the ordinary kind, with the offset after it: nothing in it needs a second look. All
/// others are left to the state machine.
fn plain_attribute(data: &[u8], at: usize) -> Option<(Attribute, usize)> {
    if data.get(at) != Some(&b' ') {
        return None;
    }
    let name = chars::plain_name(data, at + 1)?;
    let Some([b'=', quote @ (b'"' | b'\'')]) = data.get(name.end()..name.end() + 2) else {
        return None;
    };
    let value = name.end() + 2;
    let end = chars::skip_value(data, value, *quote);
    if data.get(end) != Some(quote) {
        return None;
    }
    Some((
        Attribute {
            name,
            value: value as u32,
            len: (end - value) as u32,
        },
        end + 1,
    ))
}

/// What was found in a start tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InTag {
    Attribute,
    End,
    Empty,
}

/// Whether `data` begins with `wanted`; `None` while it may still turn out to.
pub(super) fn is_prefix(wanted: &[u8], data: &[u8]) -> Option<bool> {
    if data.starts_with(wanted) {
        Some(true)
    } else if wanted.starts_with(data) {
        None
    } else {
        Some(false)
    }
}
