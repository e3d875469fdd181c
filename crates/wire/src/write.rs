//! Writing XML: elements, attributes and text, escaped.
//!
//! Specification: [XML 1.0](https://www.w3.org/TR/xml/) §2.2, §2.4, §3. Whatever text is given, what is written is
//! well-formed; names are the caller's responsibility. Existing bytes are edited in [`crate::Stanza`].

use crate::ns;

/// Appends elements to a buffer.
///
/// ```
/// let mut xml = wire::Writer::new();
/// xml.open("iq").attr("type", "result").open("ping").ns("urn:xmpp:ping").close().close();
/// assert_eq!(xml.finish(), b"<iq type='result'><ping xmlns='urn:xmpp:ping'/></iq>");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    /// Where the names of open elements stand in `out`: start and length.
    open: Vec<(usize, usize)>,
    is_in_tag: bool,
}

impl Writer {
    /// Writes into a new buffer.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// Appends to a buffer.
    pub fn appending(out: Vec<u8>) -> Writer {
        Writer {
            out,
            open: Vec::new(),
            is_in_tag: false,
        }
    }

    /// Begins an element. `name` may have a prefix.
    pub fn open(&mut self, name: &str) -> &mut Self {
        self.end_tag();
        self.out.push(b'<');
        self.open.push((self.out.len(), name.len()));
        self.out.extend_from_slice(name.as_bytes());
        self.is_in_tag = true;
        self
    }

    /// Declares the default namespace of the element just opened.
    pub fn ns(&mut self, xmlns: &str) -> &mut Self {
        self.attr("xmlns", xmlns)
    }

    /// Adds an attribute to the element just opened, before anything is written inside it.
    pub fn attr(&mut self, name: &str, value: &str) -> &mut Self {
        debug_assert!(self.is_in_tag, "attribute {name} after content");
        if self.is_in_tag {
            self.out.push(b' ');
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"='");
            escape_attr(value, &mut self.out);
            self.out.push(b'\'');
        }
        self
    }

    /// Adds an attribute if there is a value.
    pub fn attr_opt(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }

    /// Writes text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        if !text.is_empty() {
            self.end_tag();
            escape_text(text, &mut self.out);
        }
        self
    }

    /// Writes whole elements as they are, such as those made by [`crate::Element::cut`].
    pub fn raw(&mut self, elements: &[u8]) -> &mut Self {
        if !elements.is_empty() {
            self.end_tag();
            self.out.extend_from_slice(elements);
        }
        self
    }

    /// Ends the innermost open element.
    pub fn close(&mut self) -> &mut Self {
        debug_assert!(!self.open.is_empty(), "nothing is open");
        let Some((start, len)) = self.open.pop() else {
            return self;
        };
        if self.is_in_tag {
            self.out.extend_from_slice(b"/>");
            self.is_in_tag = false;
        } else {
            self.out.extend_from_slice(b"</");
            self.out.extend_from_within(start..start + len);
            self.out.push(b'>');
        }
        self
    }

    /// Writes an element that holds nothing but text.
    pub fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        self.open(name).text(text).close()
    }

    /// Ends what is still open and returns the bytes.
    pub fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.close();
        }
        self.out
    }

    fn end_tag(&mut self) {
        if self.is_in_tag {
            self.out.push(b'>');
            self.is_in_tag = false;
        }
    }
}

/// Appends text with `&`, `<`, `>` and carriage returns replaced by references. Characters that XML does not allow
/// are left out.
pub fn escape_text(text: &str, out: &mut Vec<u8>) {
    escape(text, out, |byte| match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        // A literal one would be read as a line feed (XML 1.0 §2.11).
        b'\r' => Some(b"&#13;"),
        _ => None,
    });
}

/// Appends the value of an attribute, for either kind of quotes. Characters that XML does not allow are left out.
pub fn escape_attr(value: &str, out: &mut Vec<u8>) {
    escape(value, out, |byte| match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        b'\'' => Some(b"&apos;"),
        b'"' => Some(b"&quot;"),
        // Literal ones would be read as spaces (XML 1.0 §3.3.3).
        b'\t' => Some(b"&#9;"),
        b'\n' => Some(b"&#10;"),
        b'\r' => Some(b"&#13;"),
        _ => None,
    });
}

fn escape(text: &str, out: &mut Vec<u8>, replace: fn(u8) -> Option<&'static [u8]>) {
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let (replacement, len) = match replace(byte) {
            Some(replacement) => (replacement, 1),
            None if byte < b' ' && !matches!(byte, b'\t' | b'\n') => (&b""[..], 1),
            // U+FFFE and U+FFFF.
            None if byte == 0xEF && matches!(bytes[at..], [_, 0xBF, 0xBE | 0xBF, ..]) => (&b""[..], 3),
            None => continue,
        };
        out.extend_from_slice(&bytes[written..at]);
        out.extend_from_slice(replacement);
        written = at + len;
    }
    out.extend_from_slice(&bytes[written..]);
}

/// Appends a stanza in canonical form as a WebSocket message wants it: the declarations that a TCP stream's header
/// makes are written on the root (RFC 7395 §3.3.3).
pub fn write_framed(stanza: &[u8], out: &mut Vec<u8>) {
    let name_len = stanza
        .iter()
        .skip(1)
        .take_while(|byte| !matches!(byte, b' ' | b'>' | b'/' | b'\t' | b'\n' | b'\r'));
    let name_end = (1 + name_len.count()).min(stanza.len());
    let (start, rest) = stanza.split_at(name_end);
    out.extend_from_slice(start);
    let has = |wanted: &[u8]| root_has(rest, wanted);
    if start.starts_with(b"<stream:") {
        if !has(b"xmlns:stream") {
            declare(b"xmlns:stream", ns::STREAMS, out);
        }
    } else if !has(b"xmlns") {
        declare(b"xmlns", ns::CLIENT, out);
    }
    out.extend_from_slice(rest);
}

fn declare(name: &[u8], namespace: &str, out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(name);
    out.extend_from_slice(b"='");
    out.extend_from_slice(namespace.as_bytes());
    out.push(b'\'');
}

/// True if a start tag, given from the end of its element's name, has an attribute.
fn root_has(mut rest: &[u8], wanted: &[u8]) -> bool {
    loop {
        rest = rest.trim_ascii_start();
        let Some(len) = rest.iter().position(|byte| matches!(byte, b'=' | b'>' | b'/')) else {
            return false;
        };
        if rest[len] != b'=' {
            return false;
        }
        if rest[..len].trim_ascii_end() == wanted {
            return true;
        }
        let value = rest[len + 1..].trim_ascii_start();
        let Some((&quote, value)) = value.split_first() else {
            return false;
        };
        let Some(end) = memchr::memchr(quote, value) else {
            return false;
        };
        rest = &value[end + 1..];
    }
}
