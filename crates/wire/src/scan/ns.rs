//! Namespaces while scanning: what prefixes mean inside an element and what the stream around it declares.
//!
//! Specification: [Namespaces in XML 1.0](https://www.w3.org/TR/xml-names/). Names are compared as written; the
//! scanner sees to it that one name has one spelling.

use super::ScanError;
use super::chars::{self, Name};
use super::inline::Inline;
use crate::ns;

/// The namespace of an element or attribute, as a place where its name stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Space {
    /// The default namespace around the element: the stream's content namespace, or `jabber:client`.
    #[default]
    Implied,
    /// None at all.
    None,
    /// That of the prefix `xml`.
    Xml,
    /// That of a prefix of the stream header, by number.
    Outer(u8),
    /// A declaration inside the element: the span of its value.
    Span(u32, u32),
}

/// What is declared around a first-level element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    /// The namespace of elements without prefix.
    pub(crate) content: &'a str,
    /// Prefixes and their namespaces; at most 32.
    pub(crate) prefixes: &'a [(Box<str>, Box<str>)],
}

impl Scope<'static> {
    /// Bytes that stand alone: only `jabber:client` is implied.
    pub(crate) const ALONE: Scope<'static> = Scope {
        content: ns::CLIENT,
        prefixes: &[],
    };
}

impl<'a> Scope<'a> {
    /// The name of a namespace; empty for none.
    pub(crate) fn resolve<'d>(&self, space: Space, data: &'d [u8]) -> &'d [u8]
    where
        'a: 'd,
    {
        match space {
            Space::Implied => self.content.as_bytes(),
            Space::None => b"",
            Space::Xml => ns::XML.as_bytes(),
            Space::Outer(index) => self
                .prefixes
                .get(usize::from(index))
                .map_or(b"", |(_, uri)| uri.as_bytes()),
            Space::Span(start, len) => &data[start as usize..(start + len) as usize],
        }
    }

    /// The number of a prefix.
    pub(super) fn find(&self, prefix: &[u8]) -> Option<u8> {
        let index = self
            .prefixes
            .iter()
            .position(|(known, _)| known.as_bytes() == prefix)?;
        u8::try_from(index).ok()
    }
}

/// A declaration in scope.
#[derive(Clone, Copy, Debug, Default)]
struct Binding {
    prefix_start: u32,
    prefix_len: u8,
    uri_start: u32,
    uri_len: u32,
    /// What the sink gave the attribute that declares it.
    handle: u32,
}

/// The meaning of a prefix: the namespace and the sink's handle of its declaration, if that is inside the element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) space: Space,
    pub(super) handle: Option<u32>,
}

/// The number of a binding that stands for "the default namespace is the one implied".
pub(super) const IMPLIED: u16 = u16::MAX;

/// The declarations in scope inside a first-level element, innermost last.
#[derive(Clone, Debug)]
pub(super) struct Bindings {
    list: Inline<Binding, 8>,
    /// One bit for each prefix of the scope that was used.
    pub(super) outer: u32,
}

impl Bindings {
    pub(super) fn new() -> Self {
        Bindings {
            list: Inline::new(),
            outer: 0,
        }
    }

    pub(super) fn len(&self) -> u16 {
        self.list.len() as u16
    }

    pub(super) fn truncate(&mut self, len: u16) {
        self.list.truncate(usize::from(len));
    }

    /// Notes the declaration `name`=`data[uri_start..][..uri_len]` (§3). True if it declares the default namespace.
    pub(super) fn declare(
        &mut self,
        data: &[u8],
        name: Name,
        (uri_start, uri_len): (u32, u32),
        handle: u32,
    ) -> Result<bool, ScanError> {
        let uri = &data[uri_start as usize..(uri_start + uri_len) as usize];
        let is_default = name.prefix_len() == 0;
        let prefix = if is_default { &b""[..] } else { name.local(data) };
        // The two reserved namespaces have reserved prefixes and no others.
        let is_reserved = uri == ns::XML.as_bytes() || uri == ns::XMLNS.as_bytes();
        match prefix {
            b"xml" if uri == ns::XML.as_bytes() => return Ok(false),
            b"xml" | b"xmlns" => return Err(ScanError::ReservedPrefix),
            _ if is_reserved || (!is_default && uri.is_empty()) => return Err(ScanError::ReservedPrefix),
            _ => {}
        }
        self.list.push(Binding {
            prefix_start: name.end() as u32 - prefix.len() as u32,
            prefix_len: prefix.len() as u8,
            uri_start,
            uri_len,
            handle,
        });
        Ok(is_default)
    }

    /// The default namespace, which is declared by the binding with this number.
    pub(super) fn default(&self, number: u16) -> Resolved {
        match self.list.get(usize::from(number)) {
            Some(binding) => resolved(&binding),
            None => Resolved {
                space: Space::Implied,
                handle: None,
            },
        }
    }

    /// What a prefix means here.
    pub(super) fn resolve(
        &mut self,
        data: &[u8],
        prefix: &[u8],
        scope: &Scope<'_>,
    ) -> Result<Resolved, ScanError> {
        for binding in self.list.iter().rev() {
            let start = binding.prefix_start as usize;
            if data[start..start + usize::from(binding.prefix_len)] == *prefix {
                return Ok(resolved(&binding));
            }
        }
        match prefix {
            b"xml" => Ok(Resolved {
                space: Space::Xml,
                handle: None,
            }),
            b"xmlns" => Err(ScanError::ReservedPrefix),
            _ => {
                let index = scope.find(prefix).ok_or(ScanError::UnboundPrefix)?;
                self.outer |= 1 << index;
                Ok(Resolved {
                    space: Space::Outer(index),
                    handle: None,
                })
            }
        }
    }
}

fn resolved(binding: &Binding) -> Resolved {
    let space = if binding.uri_len == 0 {
        Space::None
    } else {
        Space::Span(binding.uri_start, binding.uri_len)
    };
    Resolved {
        space,
        handle: Some(binding.handle),
    }
}

/// True if a namespace name, as written, is empty or a URI reference (RFC 3986 §4.1) that every parser takes.
///
/// A name that is none could end the stream of whoever receives it: expat refuses one that holds the character that
/// its user separates names with, libxml2 one that is no URI. And one name must have one spelling, for names are
/// compared as written: else `jabber&#58;client` could pass a rule about `jabber:client`. `&` has to be `&amp;`, so
/// that is the only reference allowed.
pub(super) fn is_plain(name: &[u8]) -> bool {
    has_uri_characters(name) && has_uri_structure(name)
}

/// RFC 3986 §2, and §3.5: at most one `#`.
fn has_uri_characters(name: &[u8]) -> bool {
    let mut has_fragment = false;
    let mut rest = name;
    loop {
        let Some(at) = rest.iter().position(|byte| !chars::is_uri(*byte)) else {
            return true;
        };
        rest = &rest[at..];
        let len = match rest {
            [b'#', ..] if !has_fragment => {
                has_fragment = true;
                1
            }
            [b'&', ..] if rest.starts_with(b"&amp;") => 5,
            [b'%', first, second, ..] if first.is_ascii_hexdigit() && second.is_ascii_hexdigit() => 3,
            _ => return false,
        };
        rest = &rest[len..];
    }
}

/// RFC 3986 §3: what stands before a first colon is a scheme, and a port is a number.
fn has_uri_structure(name: &[u8]) -> bool {
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let Some(end) = name.iter().position(|byte| !is_scheme(byte)) else {
        return true;
    };
    let rest = match name[end] {
        b':' if name[0].is_ascii_alphabetic() => &name[end + 1..],
        b':' => return false,
        _ if has_colon_in_first_segment(&name[end..]) => return false,
        _ => name,
    };
    let Some(authority) = rest.strip_prefix(b"//") else {
        return true;
    };
    let mut authority = authority
        .iter()
        .take_while(|byte| !matches!(byte, b'/' | b'?' | b'#'));
    let has_port = authority.by_ref().any(|byte| *byte == b':');
    !has_port || authority.all(u8::is_ascii_digit)
}

/// §4.2: a relative reference would be taken for an absolute one.
fn has_colon_in_first_segment(rest: &[u8]) -> bool {
    rest.iter()
        .take_while(|byte| !matches!(byte, b'/' | b'?' | b'#'))
        .any(|byte| *byte == b':')
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn namespace_names() {
        for good in [
            "",
            "jabber:client",
            "vcard-temp",
            "http://jabber.org/protocol/pubsub#event",
            "urn:ietf:params:xml:ns:xmpp-sasl",
            "http://example.org:8080/a%20b/?c=1&amp;d='2'",
            "eu.siacs.conversations.axolotl",
            "it's",
            "#a",
            "/a:b",
        ] {
            assert!(is_plain(good.as_bytes()), "{good}");
        }
        for bad in [
            " ",
            "a b",
            "urn:a}b",
            "urn:a|b",
            "urn:\u{e9}",
            "urn:a&b",
            "urn:a&#58;",
            "urn:%4",
            "urn:%gg",
            "a=b:c",
            ":a",
            "1:a",
            "http://a:b/",
            "urn:a#b#c",
            "urn:[a]",
            "urn:a\n",
            "urn:<",
            "urn:\"",
        ] {
            assert!(!is_plain(bad.as_bytes()), "{bad}");
        }
    }
}
