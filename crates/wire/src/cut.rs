//! Cutting an element out of its context so that it means the same anywhere.
//!
//! Specification: [Namespaces in XML 1.0](https://www.w3.org/TR/xml-names/) §6 (scope of declarations) and
//! [XML 1.0](https://www.w3.org/TR/xml/) §2.12 (`xml:lang`). A payload that leans on the stanza it came in would
//! break the streams of all who receive it in another. Prefixes inside text and attribute values are not looked for.

use crate::element::{Document, Element, Node};
use crate::ns;

/// What holds around an element and is not written on it.
#[derive(Default)]
struct Around {
    /// The number of the attribute that declares the default namespace.
    xmlns: Option<u32>,
    /// The number of the attribute that gives the language.
    lang: Option<u32>,
}

impl Element<'_> {
    /// The element's bytes with what they take from their context written on the root: the default namespace, every
    /// prefix that is used but declared outside, and `xml:lang`. Everything else stays byte for byte.
    pub fn cut(&self) -> Vec<u8> {
        let raw = self.raw();
        let (start, _) = self.range();
        let name_end = self.node().name().end() - start;
        let mut out = Vec::with_capacity(raw.len() + 64);
        out.extend_from_slice(&raw[..name_end]);
        self.write_context(&mut out);
        out.extend_from_slice(&raw[name_end..]);
        out
    }

    fn write_context(&self, out: &mut Vec<u8>) {
        let document = self.document();
        let bytes = self.bytes();
        let around = self.around();
        let has = |name: &[u8]| {
            self.attribute_nodes()
                .any(|node| node.name().whole(bytes) == name)
        };
        if !has(b"xmlns") {
            match around.xmlns {
                Some(declaration) => write_attribute(document, declaration, out),
                None => {
                    out.extend_from_slice(b" xmlns='");
                    out.extend_from_slice(ns::CLIENT.as_bytes());
                    out.push(b'\'');
                }
            }
        }
        for declaration in self.outer_declarations() {
            write_attribute(document, declaration, out);
        }
        if let Some(lang) = around.lang.filter(|_| !has(b"xml:lang")) {
            write_attribute(document, lang, out);
        }
    }

    /// Walks down from the root to this element, noting what is declared on the way.
    fn around(&self) -> Around {
        let mut around = Around::default();
        let mut above = self.document().root();
        while above.index() != self.index() {
            for (number, node) in (above.index() + 1..).zip(above.attribute_nodes()) {
                match node.name().whole(self.bytes()) {
                    b"xmlns" => around.xmlns = Some(number),
                    b"xml:lang" => around.lang = Some(number),
                    _ => {}
                }
            }
            match above.children().find(|child| child.next() > self.index()) {
                Some(child) => above = child,
                None => break,
            }
        }
        around
    }

    /// The numbers of declarations of prefixes outside of this element that its names need, each once.
    fn outer_declarations(&self) -> Vec<u32> {
        let mut declarations = Vec::new();
        let own = self.index() as usize..self.next() as usize;
        for node in &self.document().nodes()[own] {
            let declaration = node.space();
            if node.name().prefix_len() > 0
                && declaration < self.index()
                && !declarations.contains(&declaration)
            {
                declarations.push(declaration);
            }
        }
        declarations
    }
}

/// Writes an attribute as it stands elsewhere in the document, with the quotes that it has there.
fn write_attribute(document: &Document, number: u32, out: &mut Vec<u8>) {
    let Some(node @ Node::Attribute { value, len, .. }) = document.nodes().get(number as usize) else {
        return;
    };
    let bytes = document.bytes();
    let (value, end) = (*value as usize, (value + len) as usize + 1);
    out.push(b' ');
    out.extend_from_slice(node.name().whole(bytes));
    out.push(b'=');
    out.extend_from_slice(&bytes[value - 1..end]);
}
