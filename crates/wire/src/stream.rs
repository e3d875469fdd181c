//! Opening and closing streams, over TCP and framed in WebSocket messages.
//!
//! Specification: [RFC 6120](https://www.rfc-editor.org/rfc/rfc6120) §4.2–§4.8,
//! [RFC 7395](https://www.rfc-editor.org/rfc/rfc7395) §3.3–§3.6. What follows from a header is not here.

use std::borrow::Cow;

use crate::element::Document;
use crate::ns;
use crate::scan::{Head, Limits, ScanError, Scope, scan_one};
use crate::write::escape_attr;

/// What a stream header says: `<stream:stream/>` on TCP, `<open/>` on WebSocket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHeader {
    /// The address that the sender wants to reach (RFC 6120 §4.7.2).
    pub to: Option<String>,
    /// The address of the sender (§4.7.1).
    pub from: Option<String>,
    /// The stream's id, given by the receiving side (§4.7.3).
    pub id: Option<String>,
    /// The version of the protocol, `1.0` (§4.7.5).
    pub version: Option<String>,
    /// The language of what carries none of its own (§4.7.4).
    pub lang: Option<String>,
    /// The namespace declared for elements without prefix (§4.8.2), as written.
    pub default_ns: Option<String>,
    /// Prefixes and the namespaces declared for them, as written.
    pub prefixes: Vec<(String, String)>,
}

impl StreamHeader {
    /// The header that a server answers with on a client's stream.
    pub fn server(from: &str, id: &str) -> StreamHeader {
        StreamHeader {
            from: Some(from.to_owned()),
            id: Some(id.to_owned()),
            version: Some("1.0".to_owned()),
            default_ns: Some(ns::CLIENT.to_owned()),
            ..StreamHeader::default()
        }
    }

    fn attributes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("from", &self.from),
            ("to", &self.to),
            ("id", &self.id),
            ("version", &self.version),
            ("xml:lang", &self.lang),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

/// What a stream header declares for the stanzas inside it; kept as long as the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamContext {
    /// The name of the stream's element, for its end tag.
    pub(crate) name: Cow<'static, str>,
    content: Cow<'static, str>,
    lang: Option<Box<str>>,
    prefixes: Vec<(Box<str>, Box<str>)>,
}

impl StreamContext {
    /// A client's stream that declares nothing more than it must, and a WebSocket connection without language.
    pub const PLAIN: StreamContext = StreamContext {
        name: Cow::Borrowed("stream:stream"),
        content: Cow::Borrowed(ns::CLIENT),
        lang: None,
        prefixes: Vec::new(),
    };

    /// The context of a WebSocket connection that was opened with this header.
    pub fn framed(open: &StreamHeader) -> StreamContext {
        StreamContext {
            lang: open.lang.as_deref().map(Box::from),
            ..StreamContext::PLAIN
        }
    }

    pub(crate) fn new(name: &str, header: &StreamHeader) -> StreamContext {
        StreamContext {
            name: intern(name),
            content: intern(header.default_ns.as_deref().unwrap_or_default()),
            lang: header.lang.as_deref().map(Box::from),
            prefixes: header
                .prefixes
                .iter()
                .map(|(prefix, uri)| (Box::from(prefix.as_str()), Box::from(uri.as_str())))
                .collect(),
        }
    }

    /// The namespace of stanzas (RFC 6120 §4.8.2); empty when the header declared none.
    pub fn content_namespace(&self) -> &str {
        &self.content
    }

    /// The language of stanzas that carry none (§4.7.4).
    pub fn lang(&self) -> Option<&str> {
        self.lang.as_deref()
    }

    pub(crate) fn scope(&self) -> Scope<'_> {
        Scope {
            content: &self.content,
            prefixes: &self.prefixes,
        }
    }
}

/// The strings of nearly every stream cost no memory.
fn intern(text: &str) -> Cow<'static, str> {
    let known = ["stream:stream", "", ns::CLIENT, ns::SERVER, ns::COMPONENT];
    match known.into_iter().find(|known| *known == text) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(text.to_owned()),
    }
}

/// Appends the XML declaration and the stream's start tag (RFC 6120 §4.2). The prefix `stream` is always declared.
pub fn write_stream_open(header: &StreamHeader, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<?xml version='1.0'?><stream:stream");
    if let Some(content) = &header.default_ns {
        write_attribute("xmlns", content, out);
    }
    write_attribute("xmlns:stream", ns::STREAMS, out);
    for (prefix, uri) in &header.prefixes {
        if prefix != "stream" {
            write_attribute(&format!("xmlns:{prefix}"), uri, out);
        }
    }
    for (name, value) in header.attributes() {
        write_attribute(name, value, out);
    }
    out.push(b'>');
}

/// Appends the stream's end tag (§4.4).
pub fn write_stream_close(out: &mut Vec<u8>) {
    out.extend_from_slice(b"</stream:stream>");
}

/// Appends `<open/>` (RFC 7395 §3.4).
pub fn write_framed_open(header: &StreamHeader, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<open");
    write_attribute("xmlns", ns::FRAMING, out);
    for (name, value) in header.attributes() {
        write_attribute(name, value, out);
    }
    out.extend_from_slice(b"/>");
}

/// Appends `<close/>`, with the address to connect to instead, if there is one (RFC 7395 §3.6).
pub fn write_framed_close(see_other_uri: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<close");
    write_attribute("xmlns", ns::FRAMING, out);
    if let Some(uri) = see_other_uri {
        write_attribute("see-other-uri", uri, out);
    }
    out.extend_from_slice(b"/>");
}

fn write_attribute(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"='");
    escape_attr(value, out);
    out.push(b'\'');
}

/// A WebSocket message (RFC 7395 §3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framed {
    /// `<open/>`: the stream begins, or begins again.
    Open(Box<StreamHeader>),
    /// `<close/>`: the stream ends.
    Close {
        /// Where to connect instead.
        see_other_uri: Option<String>,
    },
    /// Any other element; take it with [`crate::ingress`].
    Stanza(Head),
}

/// Reads one WebSocket message.
///
/// # Errors
/// A [`ScanError`]: the message must hold exactly one element and begin with it (§3.3.3).
pub fn read_framed(data: &[u8], limits: &Limits) -> Result<Framed, ScanError> {
    let head = scan_one(data, limits)?;
    if Scope::ALONE.resolve(head.space, data) != ns::FRAMING.as_bytes() {
        return Ok(Framed::Stanza(head));
    }
    let document = Document::parse(data)?;
    let root = document.root();
    let attribute = |name| root.attr(name).map(Cow::into_owned);
    match root.name() {
        "open" => Ok(Framed::Open(Box::new(StreamHeader {
            to: attribute("to"),
            from: attribute("from"),
            id: attribute("id"),
            version: attribute("version"),
            lang: root.attr_ns(ns::XML, "lang").map(Cow::into_owned),
            default_ns: Some(ns::CLIENT.to_owned()),
            prefixes: Vec::new(),
        }))),
        "close" => Ok(Framed::Close {
            see_other_uri: attribute("see-other-uri"),
        }),
        _ => Err(ScanError::NotAStream),
    }
}
