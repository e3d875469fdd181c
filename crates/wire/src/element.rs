//! An element and everything below it, flat: nodes of 20 bytes that point into the bytes.
//!
//! Specification: [XML 1.0](https://www.w3.org/TR/xml/), [Namespaces in XML 1.0](https://www.w3.org/TR/xml-names/).
//! A document is read only; new XML is written with [`crate::Writer`].

use std::borrow::Cow;
use std::sync::Arc;

use crate::ns;
use crate::scan::{Attribute, Declared, Limits, Name, ScanError, Sink, is_space, scan_into, text};
use crate::unescape;

/// The namespace of a node, where it is not the number of the attribute that declares it.
const IMPLIED: u32 = u32::MAX;
const XML: u32 = u32::MAX - 1;
const NONE: u32 = u32::MAX - 2;
const XMLNS: u32 = u32::MAX - 3;

/// In the order of the bytes: an element, its attributes, its child elements. Text is what stands between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Element {
        start: u32,
        /// The offset after the element.
        end: u32,
        /// The number of the first node after the element; while it is open, that of its parent.
        next: u32,
        space: u32,
        name_len: u8,
        prefix_len: u8,
    },
    Attribute {
        start: u32,
        value: u32,
        len: u32,
        space: u32,
        name_len: u8,
        prefix_len: u8,
    },
}

const _: () = assert!(size_of::<Node>() == 20);

impl Node {
    pub(crate) fn name(&self) -> Name {
        match *self {
            Node::Element {
                start,
                name_len,
                prefix_len,
                ..
            } => Name::new(start + 1, name_len, prefix_len),
            Node::Attribute {
                start,
                name_len,
                prefix_len,
                ..
            } => Name::new(start, name_len, prefix_len),
        }
    }

    pub(crate) fn space(&self) -> u32 {
        match *self {
            Node::Element { space, .. } | Node::Attribute { space, .. } => space,
        }
    }
}

/// One element, its attributes and children, namespaces resolved. Where its root declares no default namespace it
/// is in `jabber:client`, as is a [`crate::Stanza`].
#[derive(Clone, Debug)]
pub struct Document {
    bytes: Arc<[u8]>,
    nodes: Vec<Node>,
}

impl Document {
    /// Reads bytes that hold exactly one element. Only the 32-bit offsets limit its size: what has not been scanned
    /// goes through [`Document::parse_within`].
    ///
    /// # Errors
    /// A [`ScanError`].
    pub fn parse(bytes: impl Into<Arc<[u8]>>) -> Result<Document, ScanError> {
        Self::parse_within(bytes, &Limits::SCANNED)
    }

    /// Reads bytes that hold exactly one element, within limits.
    ///
    /// # Errors
    /// A [`ScanError`].
    pub fn parse_within(bytes: impl Into<Arc<[u8]>>, limits: &Limits) -> Result<Document, ScanError> {
        let bytes = bytes.into();
        // Measured on stanzas: a node for every 40 bytes or so.
        let mut builder = Builder {
            nodes: Vec::with_capacity(bytes.len() / 32 + 4),
            open: NONE,
        };
        scan_into(&bytes, limits, &mut builder)?;
        Ok(Document {
            bytes,
            nodes: builder.nodes,
        })
    }

    /// The outermost element.
    pub fn root(&self) -> Element<'_> {
        Element {
            document: self,
            index: 0,
        }
    }

    /// The bytes that were parsed.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The name of a namespace, given as a node has it.
    fn resolve(&self, space: u32) -> &[u8] {
        match space {
            IMPLIED => ns::CLIENT.as_bytes(),
            XML => ns::XML.as_bytes(),
            XMLNS => ns::XMLNS.as_bytes(),
            NONE => b"",
            declaration => match self.nodes.get(declaration as usize) {
                Some(&Node::Attribute { value, len, .. }) => {
                    &self.bytes[value as usize..(value + len) as usize]
                }
                _ => b"",
            },
        }
    }
}

/// Collects nodes while the scanner runs.
struct Builder {
    nodes: Vec<Node>,
    /// The number of the innermost open element.
    open: u32,
}

impl Sink for Builder {
    fn open(&mut self, start: u32, name: Name) {
        let parent = self.open;
        self.open = self.nodes.len() as u32;
        self.nodes.push(Node::Element {
            start,
            end: 0,
            next: parent,
            space: IMPLIED,
            name_len: name.len(),
            prefix_len: name.prefix_len(),
        });
    }

    fn attribute(&mut self, attribute: &Attribute, is_declaration: bool) -> u32 {
        let number = self.nodes.len() as u32;
        self.nodes.push(Node::Attribute {
            start: attribute.name.start,
            value: attribute.value,
            len: attribute.len,
            space: if is_declaration { XMLNS } else { NONE },
            name_len: attribute.name.len(),
            prefix_len: attribute.name.prefix_len(),
        });
        number
    }

    fn element_space(&mut self, declared: Declared) {
        if let Some(Node::Element { space, .. }) = self.nodes.get_mut(self.open as usize) {
            *space = number(declared);
        }
    }

    fn attribute_space(&mut self, attribute: u32, declared: Declared) {
        if let Some(Node::Attribute { space, .. }) = self.nodes.get_mut(attribute as usize) {
            *space = number(declared);
        }
    }

    fn close(&mut self, after: u32) {
        let count = self.nodes.len() as u32;
        if let Some(Node::Element { end, next, .. }) = self.nodes.get_mut(self.open as usize) {
            *end = after;
            self.open = std::mem::replace(next, count);
        }
    }
}

fn number(declared: Declared) -> u32 {
    match declared {
        Declared::Implied | Declared::Outside => IMPLIED,
        Declared::Xml => XML,
        Declared::None(handle) | Declared::By(handle) => handle,
    }
}

/// An attribute that is no declaration of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attr<'d> {
    /// Its namespace; empty without prefix.
    pub ns: &'d str,
    /// Its name without prefix.
    pub name: &'d str,
    /// Its value.
    pub value: Cow<'d, str>,
}

/// An element of a [`Document`]: a cursor, cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Element<'d> {
    document: &'d Document,
    index: u32,
}

impl<'d> Element<'d> {
    /// The name without prefix.
    pub fn name(&self) -> &'d str {
        text(self.node().name().local(self.bytes()))
    }

    /// The namespace; empty for none. It stands as it was written: `&` in it is `&amp;`.
    pub fn ns(&self) -> &'d str {
        text(self.document.resolve(self.node().space()))
    }

    /// True if the element has this name and this namespace.
    pub fn is(&self, name: &str, ns: &str) -> bool {
        let node = self.node();
        node.name().local(self.bytes()) == name.as_bytes()
            && self.document.resolve(node.space()) == ns.as_bytes()
    }

    /// The value of the attribute without prefix that has this name.
    pub fn attr(&self, name: &str) -> Option<Cow<'d, str>> {
        self.find_attribute(|node| node.space() == NONE && node.name().whole(self.bytes()) == name.as_bytes())
    }

    /// The value of the attribute with this namespace and name.
    pub fn attr_ns(&self, ns: &str, name: &str) -> Option<Cow<'d, str>> {
        self.find_attribute(|node| {
            node.space() != XMLNS
                && node.name().local(self.bytes()) == name.as_bytes()
                && self.document.resolve(node.space()) == ns.as_bytes()
        })
    }

    /// All attributes in the order written, without declarations of namespaces.
    pub fn attrs(&self) -> impl Iterator<Item = Attr<'d>> + use<'d> {
        let document = self.document;
        let bytes = self.bytes();
        self.attribute_nodes()
            .filter(|node| node.space() != XMLNS)
            .map(move |node| Attr {
                ns: text(document.resolve(node.space())),
                name: text(node.name().local(bytes)),
                value: value_of(node, bytes),
            })
    }

    /// The child elements in order.
    pub fn children(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        let document = self.document;
        let end = self.next();
        let mut index = self.first_child_index();
        std::iter::from_fn(move || {
            if index >= end {
                return None;
            }
            let child = Element { document, index };
            index = child.next();
            Some(child)
        })
    }

    /// The first child element with this name and namespace.
    pub fn child(&self, name: &str, ns: &str) -> Option<Element<'d>> {
        self.children().find(|child| child.is(name, ns))
    }

    /// The text directly inside the element, that of its children left out.
    pub fn text(&self) -> Cow<'d, str> {
        let (inner, inner_start) = (self.inner_raw(), self.inner_range().0);
        if memchr::memchr(b'<', inner).is_none() {
            return unescape::character_data(inner);
        }
        let mut value = String::new();
        let mut at = 0;
        for child in self.children() {
            let (start, end) = child.range();
            unescape::append_content(&inner[at..start - inner_start], &mut value);
            at = end - inner_start;
        }
        unescape::append_content(&inner[at..], &mut value);
        Cow::Owned(value)
    }

    /// The element's bytes as written. Declarations around it are missing: see [`Element::cut`].
    pub fn raw(&self) -> &'d [u8] {
        let (start, end) = self.range();
        &self.bytes()[start..end]
    }

    /// The bytes between the element's tags as written.
    pub fn inner_raw(&self) -> &'d [u8] {
        let (start, end) = self.inner_range();
        &self.bytes()[start..end]
    }

    pub(crate) fn document(&self) -> &'d Document {
        self.document
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn bytes(&self) -> &'d [u8] {
        &self.document.bytes
    }

    pub(crate) fn node(&self) -> &'d Node {
        &self.document.nodes[self.index as usize]
    }

    /// The number of the first node after this element.
    pub(crate) fn next(&self) -> u32 {
        match *self.node() {
            Node::Element { next, .. } => next,
            Node::Attribute { .. } => self.index + 1,
        }
    }

    /// The offsets of the first byte and after the last.
    pub(crate) fn range(&self) -> (usize, usize) {
        match *self.node() {
            Node::Element { start, end, .. } => (start as usize, end as usize),
            Node::Attribute { start, .. } => (start as usize, start as usize),
        }
    }

    pub(crate) fn attribute_nodes(&self) -> impl Iterator<Item = &'d Node> + use<'d> {
        self.document.nodes[self.index as usize + 1..self.next() as usize]
            .iter()
            .take_while(|node| matches!(node, Node::Attribute { .. }))
    }

    fn first_child_index(&self) -> u32 {
        self.index + 1 + self.attribute_nodes().count() as u32
    }

    fn find_attribute(&self, is_wanted: impl Fn(&Node) -> bool) -> Option<Cow<'d, str>> {
        self.attribute_nodes()
            .find(|node| is_wanted(node))
            .map(|node| value_of(node, self.bytes()))
    }

    /// Offsets between the tags; where the element is empty, twice the end of its tag.
    fn inner_range(&self) -> (usize, usize) {
        let bytes = self.bytes();
        let (_, end) = self.range();
        let tag = self
            .attribute_nodes()
            .last()
            .map_or(self.node().name().end(), |node| match *node {
                Node::Attribute { value, len, .. } => (value + len) as usize + 1,
                Node::Element { end, .. } => end as usize,
            });
        let space = bytes[tag..].iter().take_while(|byte| is_space(**byte)).count();
        if bytes[tag + space] == b'/' {
            return (end, end);
        }
        let start = tag + space + 1;
        let len = memchr::memrchr(b'<', &bytes[start..end]).unwrap_or_default();
        (start, start + len)
    }
}

fn value_of<'d>(node: &Node, bytes: &'d [u8]) -> Cow<'d, str> {
    match *node {
        Node::Attribute { value, len, .. } => {
            unescape::attribute(&bytes[value as usize..(value + len) as usize])
        }
        Node::Element { .. } => Cow::Borrowed(""),
    }
}
