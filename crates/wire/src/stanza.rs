//! A stanza: its bytes, shared, and spans into them; attributes are changed by splicing.
//!
//! Specification: [RFC 6120](https://www.rfc-editor.org/rfc/rfc6120) §8. What a stanza says below its root is read
//! through a [`Document`].
//!
//! The bytes are canonical: the root of a message, presence or iq declares no default namespace (`jabber:client` is
//! implied), declares whatever prefix of its stream header it uses, and carries the language of its stream.

use std::borrow::Cow;
use std::sync::Arc;

use crate::element::Document;
use crate::ns;
use crate::scan::{AttributeSpan, Head, Kind, Limits, ScanError, Scope, Space, scan_one, text};
use crate::splice::RootEdit;
use crate::stream::StreamContext;
use crate::unescape;
use crate::write::escape_attr;

/// What becomes of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set<'a> {
    /// It stays as it is.
    Keep,
    /// It goes, if it is there.
    Remove,
    /// It gets this value.
    To(&'a str),
}

/// One first-level element; a clone shares the bytes.
#[derive(Clone, Debug)]
pub struct Stanza {
    bytes: Arc<[u8]>,
    head: Head,
}

impl Stanza {
    /// Takes bytes that hold exactly one element, made here or stored before; the sizes that [`Limits`] bound are
    /// not bounded.
    ///
    /// # Errors
    /// A [`ScanError`].
    pub fn parse(bytes: impl Into<Arc<[u8]>>) -> Result<Stanza, ScanError> {
        let bytes = bytes.into();
        let head = scan_one(&bytes, &Limits::SCANNED)?;
        let is_canonical = !(head.kind.is_stanza() && head.xmlns.exists());
        if is_canonical && head.len() == bytes.len() {
            return Ok(Stanza { bytes, head });
        }
        Ok(ingress(&bytes, &head, &StreamContext::PLAIN, None))
    }

    /// Whether it is a message, presence, iq or something else.
    pub fn kind(&self) -> Kind {
        self.head.kind
    }

    /// The root's name without prefix.
    pub fn name(&self) -> &str {
        self.head.name(&self.bytes)
    }

    /// The root's namespace; `jabber:client` for messages, presences and iqs whatever their stream.
    pub fn namespace(&self) -> &str {
        self.resolve(self.head.space)
    }

    /// The `to` attribute.
    pub fn to(&self) -> Option<Cow<'_, str>> {
        self.attribute(&self.head.to)
    }

    /// The `from` attribute.
    pub fn from(&self) -> Option<Cow<'_, str>> {
        self.attribute(&self.head.from)
    }

    /// The `id` attribute.
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.attribute(&self.head.id)
    }

    /// The `type` attribute.
    pub fn type_(&self) -> Option<Cow<'_, str>> {
        self.attribute(&self.head.type_)
    }

    /// The `xml:lang` attribute, which the stream's language has become where the stanza had none.
    pub fn lang(&self) -> Option<Cow<'_, str>> {
        self.attribute(&self.head.lang)
    }

    /// Namespace and name of the first child element.
    pub fn first_child(&self) -> Option<(&str, &str)> {
        let child = self.head.child;
        (child.len() > 0).then(|| {
            (
                self.resolve(self.head.child_space),
                text(child.local(&self.bytes)),
            )
        })
    }

    /// The canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The canonical bytes, shared.
    pub fn shared(&self) -> Arc<[u8]> {
        Arc::clone(&self.bytes)
    }

    /// The content between the root's tags.
    pub fn inner(&self) -> &[u8] {
        &self.bytes[self.head.tag_end as usize..self.head.inner_end as usize]
    }

    /// The element and all below it.
    pub fn document(&self) -> Document {
        // The bytes have been scanned, and splicing keeps them well-formed.
        Document::parse(self.shared()).unwrap_or_else(|error| unreachable!("a scanned stanza: {error}"))
    }

    /// The stanza with other addresses; everything else stays byte for byte.
    pub fn with(&self, from: Set<'_>, to: Set<'_>) -> Stanza {
        if from == Set::Keep && to == Set::Keep {
            return self.clone();
        }
        let (from_value, to_value) = (escaped(from), escaped(to));
        let mut edit = RootEdit::new(&self.head);
        let new_from = edit.set(FROM, &self.bytes, &self.head.from, from, &from_value);
        let new_to = edit.set(TO, &self.bytes, &self.head.to, to, &to_value);
        let bytes = edit.apply(&self.bytes);
        let mut head = edit.moved_head(&self.head);
        new_from.note(&mut head.from);
        new_to.note(&mut head.to);
        Stanza { bytes, head }
    }

    /// Appends the stanza with other addresses to `out`, for fan-out: nothing is allocated but what `out` needs.
    pub fn write_with(&self, from: Set<'_>, to: Set<'_>, out: &mut Vec<u8>) {
        let (from_value, to_value) = (escaped(from), escaped(to));
        let mut edit = RootEdit::new(&self.head);
        edit.set(FROM, &self.bytes, &self.head.from, from, &from_value);
        edit.set(TO, &self.bytes, &self.head.to, to, &to_value);
        edit.append(&self.bytes, out);
    }

    /// Appends the stanza to `out`, with whole elements behind its last child.
    pub fn write_with_children(&self, children: &[u8], out: &mut Vec<u8>) {
        let (inner_end, len) = (self.head.inner_end as usize, self.bytes.len());
        out.reserve(len + children.len() + MAX_NAME);
        if inner_end < len {
            out.extend_from_slice(&self.bytes[..inner_end]);
            out.extend_from_slice(children);
            out.extend_from_slice(&self.bytes[inner_end..]);
        } else {
            // An empty element, whose only tag ends in `/>`.
            out.extend_from_slice(&self.bytes[..len - 2]);
            out.push(b'>');
            out.extend_from_slice(children);
            out.extend_from_slice(b"</");
            out.extend_from_slice(self.head.name.whole(&self.bytes));
            out.push(b'>');
        }
    }

    fn attribute(&self, span: &AttributeSpan) -> Option<Cow<'_, str>> {
        span.value(&self.bytes).map(unescape::attribute)
    }

    fn resolve(&self, space: Space) -> &str {
        text(Scope::ALONE.resolve(space, &self.bytes))
    }
}

/// The longest name of an element, with its prefix and what stands around it in an end tag.
const MAX_NAME: usize = 260;
const FROM: &[u8] = b" from='";
const TO: &[u8] = b" to='";
const LANG: &[u8] = b" xml:lang='";
const XMLNS: &[u8] = b" xmlns='";

/// Takes an element from the socket: copies it once, canonical and with `from` set if one is given.
///
/// `data` begins with the element that `head` describes; `context` is that of its stream.
pub fn ingress(data: &[u8], head: &Head, context: &StreamContext, from: Option<&str>) -> Stanza {
    let data = &data[..head.len()];
    let is_stanza = head.kind.is_stanza();
    let from = from.map_or(Set::Keep, Set::To);
    let lang = context.lang().filter(|_| is_stanza && !head.lang.exists());
    // Only a client's stream has the namespace that is implied here; messages, presences and iqs mean the same on all.
    let xmlns = match context.content_namespace() {
        _ if is_stanza => Set::Remove,
        ns::CLIENT => Set::Keep,
        _ if head.xmlns.exists() => Set::Keep,
        content => Set::To(content),
    };
    let (from_value, lang_value) = (escaped(from), escaped(lang.map_or(Set::Keep, Set::To)));
    let (prefixes, spaces) = declarations(head, context);

    let mut edit = RootEdit::new(head);
    let new_from = edit.set(FROM, data, &head.from, from, &from_value);
    let new_xmlns = edit.set(
        XMLNS,
        data,
        &head.xmlns,
        xmlns,
        context.content_namespace().as_bytes(),
    );
    let prefixes_start = edit.insert([&prefixes, b"", b""]);
    let new_lang = edit.set(
        LANG,
        data,
        &head.lang,
        lang.map_or(Set::Keep, Set::To),
        &lang_value,
    );

    let bytes = edit.apply(data);
    let mut new = edit.moved_head(head);
    new_from.note(&mut new.from);
    new_xmlns.note(&mut new.xmlns);
    new_lang.note(&mut new.lang);
    let place = |old: Space, moved: Space| match old {
        Space::Outer(prefix) => spaces
            .iter()
            .find(|(outer, ..)| *outer == prefix)
            .map_or(moved, |(_, start, len)| Space::Span(prefixes_start + start, *len)),
        Space::Implied if new.xmlns.exists() && !head.xmlns.exists() => match new.xmlns.len {
            0 => Space::None,
            len => Space::Span(new.xmlns.value, len),
        },
        Space::Span(start, _) if is_stanza && head.xmlns.exists() && start == head.xmlns.value => {
            Space::Implied
        }
        _ => moved,
    };
    new.space = place(head.space, new.space);
    new.child_space = place(head.child_space, new.child_space);
    new.outer = 0;
    Stanza { bytes, head: new }
}

/// A prefix of the stream header by number, and the span of its namespace in what is written.
type Declared = (u8, u32, u32);

/// Declarations of the stream header's prefixes that an element uses.
fn declarations(head: &Head, context: &StreamContext) -> (Vec<u8>, Vec<Declared>) {
    let (mut out, mut spaces) = (Vec::new(), Vec::new());
    for (number, (prefix, uri)) in (0..).zip(context.scope().prefixes) {
        if head.outer & (1 << number) == 0 {
            continue;
        }
        out.extend_from_slice(b" xmlns:");
        out.extend_from_slice(prefix.as_bytes());
        // As it was written in the header, between quotes of which it has at most one kind.
        let quote = if uri.contains('\'') { b'"' } else { b'\'' };
        out.extend_from_slice(&[b'=', quote]);
        spaces.push((number, out.len() as u32, uri.len() as u32));
        out.extend_from_slice(uri.as_bytes());
        out.push(quote);
    }
    (out, spaces)
}

/// The value of an attribute as it is to be written.
fn escaped(set: Set<'_>) -> Cow<'_, [u8]> {
    let Set::To(value) = set else {
        return Cow::Borrowed(b"");
    };
    let is_plain =
        |byte: u8| matches!(byte, b' '..0x7F) && !matches!(byte, b'&' | b'<' | b'>' | b'\'' | b'"');
    if value.bytes().all(is_plain) {
        return Cow::Borrowed(value.as_bytes());
    }
    let mut out = Vec::with_capacity(value.len() + 16);
    escape_attr(value, &mut out);
    Cow::Owned(out)
}
