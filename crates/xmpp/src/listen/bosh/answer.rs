//! What is written in answer: wrappers, and the conditions that end a session
//! ([XEP-0124 §17](https://xmpp.org/extensions/xep-0124.html#errors)).

use wire::{escape_attr, ns};

/// What answers are where the client does not say otherwise (§7.1).
pub(super) const DEFAULT_CONTENT_TYPE: &str = "text/xml; charset=utf-8";
/// What a client may have its answers called; it is always the same XML. A browser that opens one as a page runs nothing in
/// it: the HTTP side says so in the headers.
pub(super) const CONTENT_TYPES: [&str; 6] = [
    DEFAULT_CONTENT_TYPE,
    "text/xml",
    "application/xml; charset=utf-8",
    "text/plain; charset=utf-8",
    "text/html; charset=utf-8",
    "text/html",
];

/// An answer as HTTP carries it.
#[derive(Debug)]
pub struct Reply {
    /// 200, except towards clients that are older than the conditions.
    pub status: u16,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The bytes.
    pub body: Vec<u8>,
}

/// Why a session is ended or not begun (§17.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    BadRequest,
    HostUnknown,
    ImproperAddressing,
    InternalServerError,
    ItemNotFound,
    OtherRequest,
    PolicyViolation,
    RemoteConnectionFailed,
    RemoteStreamError,
    SystemShutdown,
}

impl Condition {
    fn as_str(self) -> &'static str {
        match self {
            Condition::BadRequest => "bad-request",
            Condition::HostUnknown => "host-unknown",
            Condition::ImproperAddressing => "improper-addressing",
            Condition::InternalServerError => "internal-server-error",
            Condition::ItemNotFound => "item-not-found",
            Condition::OtherRequest => "other-request",
            Condition::PolicyViolation => "policy-violation",
            Condition::RemoteConnectionFailed => "remote-connection-failed",
            Condition::RemoteStreamError => "remote-stream-error",
            Condition::SystemShutdown => "system-shutdown",
        }
    }

    /// What a client without `ver` understands in its place (§17.1).
    fn http_status(self) -> u16 {
        match self {
            Condition::BadRequest => 400,
            Condition::PolicyViolation => 403,
            Condition::ItemNotFound => 404,
            _ => 200,
        }
    }
}

/// How a session wants its answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) content_type: &'static str,
    /// Errors as HTTP has them.
    pub(super) is_legacy: bool,
}

impl Reply {
    pub(super) fn new(content_type: &'static str, body: Vec<u8>) -> Reply {
        Reply {
            status: 200,
            content_type,
            body,
        }
    }

    /// The end of a session, or none at all.
    pub(super) fn terminate(condition: Condition, manner: Option<Manner>) -> Reply {
        let mut wrapper = Wrapper::new();
        wrapper.end(Some(condition));
        let content_type = manner.map_or(DEFAULT_CONTENT_TYPE, |manner| manner.content_type);
        let is_legacy = manner.is_some_and(|manner| manner.is_legacy);
        Reply {
            status: if is_legacy { condition.http_status() } else { 200 },
            ..Reply::new(content_type, wrapper.finish(&[]))
        }
    }
}

/// A `<body/>` being written.
pub(super) struct Wrapper {
    out: Vec<u8>,
}

impl Wrapper {
    pub(super) fn new() -> Wrapper {
        let mut wrapper = Wrapper {
            out: b"<body".to_vec(),
        };
        wrapper.attribute("xmlns", ns::HTTP_BIND);
        wrapper
    }

    pub(super) fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"='");
        escape_attr(value, &mut self.out);
        self.out.push(b'\'');
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.attribute(name, &value.to_string());
    }

    /// Says that the session is over (§13, §17.2).
    pub(super) fn end(&mut self, condition: Option<Condition>) {
        self.attribute("type", "terminate");
        if let Some(condition) = condition {
            self.attribute("condition", condition.as_str());
        }
    }

    /// Ends the wrapper around these elements, which stand alone.
    pub(super) fn finish(mut self, elements: &[u8]) -> Vec<u8> {
        if elements.is_empty() {
            self.out.extend_from_slice(b"/>");
        } else {
            self.out.push(b'>');
            self.out.extend_from_slice(elements);
            self.out.extend_from_slice(b"</body>");
        }
        self.out
    }
}
