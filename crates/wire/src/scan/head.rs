//! What the scanner notes of a first-level element while it passes: spans, no copies.
//!
//! Specification: [RFC 6120](https://www.rfc-editor.org/rfc/rfc6120) §8.1. Everything is relative to the first
//! byte of the element; whoever holds the bytes asks with them.

use std::borrow::Cow;

use super::chars::Name;
use super::ns::Space;
use crate::unescape;

/// What a first-level element is (RFC 6120 §8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `<message/>` in the stream's content namespace.
    Message,
    /// `<presence/>` in the stream's content namespace.
    Presence,
    /// `<iq/>` in the stream's content namespace.
    Iq,
    /// Everything else: `<starttls/>`, `<auth/>`, `<r/>`, errors of the stream.
    Other,
}

impl Kind {
    /// True for message, presence and iq.
    pub fn is_stanza(self) -> bool {
        self != Kind::Other
    }
}

/// An attribute: where its name begins, where its value begins and how long that is. All zero where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AttributeSpan {
    pub(crate) name: u32,
    pub(crate) value: u32,
    pub(crate) len: u32,
}

impl AttributeSpan {
    pub(crate) fn exists(&self) -> bool {
        self.value != 0
    }

    /// The value as written between its quotes.
    pub(crate) fn value<'a>(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        self.exists()
            .then(|| &data[self.value as usize..(self.value + self.len) as usize])
    }

    /// The offset after the closing quote.
    pub(crate) fn end(&self) -> usize {
        (self.value + self.len) as usize + 1
    }
}

/// One whole first-level element: its length, kind and header attributes. Made by the scanner only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub(crate) len: u32,
    pub(crate) kind: Kind,
    pub(crate) name: Name,
    pub(crate) space: Space,
    /// The offset after the `>` of the start tag.
    pub(crate) tag_end: u32,
    /// The offset of the end tag's `<`; the end of the start tag where the element is empty.
    pub(crate) inner_end: u32,
    pub(crate) to: AttributeSpan,
    pub(crate) from: AttributeSpan,
    pub(crate) id: AttributeSpan,
    pub(crate) type_: AttributeSpan,
    pub(crate) lang: AttributeSpan,
    /// The root's own declaration of the default namespace.
    pub(crate) xmlns: AttributeSpan,
    /// The first child element; its length is zero where there is none.
    pub(crate) child: Name,
    pub(crate) child_space: Space,
    /// One bit for each prefix of the stream header that the element uses.
    pub(crate) outer: u32,
}

impl Head {
    pub(super) const NONE: Head = {
        let name = Name::NONE;
        let attribute = AttributeSpan {
            name: 0,
            value: 0,
            len: 0,
        };
        Head {
            len: 0,
            kind: Kind::Other,
            name,
            space: Space::Implied,
            tag_end: 0,
            inner_end: 0,
            to: attribute,
            from: attribute,
            id: attribute,
            type_: attribute,
            lang: attribute,
            xmlns: attribute,
            child: name,
            child_space: Space::Implied,
            outer: 0,
        }
    };

    /// How many bytes the element takes.
    #[expect(clippy::len_without_is_empty, reason = "no element is empty of bytes")]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it is a message, presence, iq or something else.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The element's name without prefix. `data` is what was scanned.
    pub fn name<'a>(&self, data: &'a [u8]) -> &'a str {
        text(self.name.local(data))
    }

    /// The `from` attribute. `data` is what was scanned.
    pub fn from<'a>(&self, data: &'a [u8]) -> Option<Cow<'a, str>> {
        self.from.value(data).map(unescape::attribute)
    }
}

/// Scanned bytes as text: the scanner has checked them.
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
