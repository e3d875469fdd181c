//! What a request says in its wrapper's attributes ([XEP-0124 §7](https://xmpp.org/extensions/xep-0124.html#session) to §15).

use wire::{HttpBody, Stanza, StreamHeader, ns, write_framed, write_framed_close, write_framed_open};

use super::answer::{CONTENT_TYPES, Condition, DEFAULT_CONTENT_TYPE};
use super::state::{HOLD_MAX, WAIT_MAX_S, write_frame};

/// The largest number that every language can count with (§14.1).
const RID_MAX: u64 = 9_007_199_254_740_991;

/// The first request (§7.1).
pub(super) struct Creation {
    pub(super) rid: u64,
    pub(super) to: String,
    pub(super) from: Option<String>,
    pub(super) lang: Option<String>,
    /// `xmpp:version` (XEP-0206 §3).
    pub(super) version: Option<String>,
    /// Major and minor; none of a client that wants errors as HTTP has them (§17.1).
    pub(super) ver: Option<(u32, u32)>,
    pub(super) wait_s: u64,
    pub(super) hold: usize,
    pub(super) has_acks: bool,
    pub(super) new_key: Option<String>,
    pub(super) content_type: &'static str,
}

impl Creation {
    pub(super) fn read(body: &HttpBody) -> Result<Creation, Condition> {
        let number = |name: &str| match body.attribute(name).map(str::parse) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number)),
            Some(Err(_)) => Err(Condition::BadRequest),
        };
        // Near the end of what can be counted there is no room for a session.
        let rid = rid(body)
            .filter(|rid| *rid <= RID_MAX - u64::from(u32::MAX))
            .ok_or(Condition::BadRequest)?;
        let to = body.attribute("to").filter(|to| !to.is_empty());
        let content_type = match body.attribute("content") {
            None => DEFAULT_CONTENT_TYPE,
            Some(wanted) => CONTENT_TYPES
                .into_iter()
                .find(|known| is_same_type(known, wanted))
                .ok_or(Condition::BadRequest)?,
        };
        let hold = number("hold")?.unwrap_or(1).min(HOLD_MAX as u64);
        Ok(Creation {
            rid,
            to: to.ok_or(Condition::ImproperAddressing)?.to_owned(),
            from: body.attribute("from").map(str::to_owned),
            lang: body.lang().map(str::to_owned),
            version: body.xbosh("version").map(str::to_owned),
            ver: body.attribute("ver").map(version).transpose()?,
            wait_s: number("wait")?.unwrap_or(WAIT_MAX_S).min(WAIT_MAX_S),
            hold: hold as usize,
            has_acks: body.attribute("ack") == Some("1"),
            new_key: body.attribute("newkey").map(str::to_owned),
            content_type,
        })
    }

    pub(super) fn wait_ms(&self) -> u64 {
        self.wait_s * 1_000
    }

    /// Whether the client does not let its requests be held (§12).
    pub(super) fn is_polling(&self) -> bool {
        self.wait_s == 0 || self.hold == 0
    }
}

/// Whether two values of `Content-Type` mean the same, whatever their case and white space.
fn is_same_type(known: &str, wanted: &str) -> bool {
    let plain = |text: &str| text.replace([' ', '"'], "").to_ascii_lowercase();
    plain(known) == plain(wanted)
}

/// `major.minor`, each a number of its own (§7.1).
fn version(text: &str) -> Result<(u32, u32), Condition> {
    let parsed = text
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    parsed.ok_or(Condition::BadRequest)
}

/// What every later request says.
pub(super) struct Request {
    pub(super) rid: u64,
    pub(super) key: Option<String>,
    pub(super) new_key: Option<String>,
    pub(super) ack: Option<u64>,
    /// Seconds (§10).
    pub(super) pause: Option<u64>,
    pub(super) is_terminating: bool,
    /// A stream that begins anew (XEP-0206 §5); what else is in the body does not count then.
    pub(super) restart: Option<Restart>,
    /// The elements, framed for the stream.
    pub(super) payload: Vec<u8>,
}

/// The stream header of a restart, as far as it is said.
pub(super) struct Restart {
    to: Option<String>,
    from: Option<String>,
    lang: Option<String>,
}

/// A request's number, if it can be one.
pub(super) fn rid(body: &HttpBody) -> Option<u64> {
    let rid = body.attribute("rid")?.parse().ok()?;
    (1..=RID_MAX).contains(&rid).then_some(rid)
}

impl Request {
    /// `None` where it makes no sense.
    pub(super) fn read(body: &HttpBody, payloads: &[Stanza]) -> Option<Request> {
        let number = |name: &str| match body.attribute(name).map(str::parse) {
            None => Some(None),
            Some(Ok(number)) => Some(Some(number)),
            Some(Err(_)) => None,
        };
        let is_restart = matches!(body.xbosh("restart"), Some("true" | "1"));
        let is_terminating = match body.attribute("type") {
            Some("terminate") => true,
            // §17.3: a client may report errors as well; there is nothing to be done about them.
            Some("error") | None => false,
            Some(_) => return None,
        };
        // What begins and ends a stream is said by attributes here.
        if payloads.iter().any(|payload| payload.namespace() == ns::FRAMING) {
            return None;
        }
        let mut payload = Vec::new();
        for stanza in payloads.iter().filter(|_| !is_restart) {
            write_frame(&mut payload, |out| write_framed(stanza.bytes(), out));
        }
        if is_terminating {
            write_frame(&mut payload, |out| write_framed_close(None, out));
        }
        let owned = |name: &str| body.attribute(name).map(str::to_owned);
        Some(Request {
            rid: rid(body)?,
            key: owned("key"),
            new_key: owned("newkey"),
            ack: number("ack")?,
            pause: number("pause")?,
            is_terminating,
            restart: is_restart.then(|| Restart {
                to: owned("to"),
                from: owned("from"),
                lang: body.lang().map(str::to_owned),
            }),
            payload,
        })
    }

    /// Whether it brings nothing and asks for nothing but answers.
    pub(super) fn is_empty(&self) -> bool {
        self.payload.is_empty() && self.restart.is_none() && self.pause.is_none()
    }
}

impl Restart {
    /// Appends the stream header that begins the stream anew; where it says no domain, that of the session.
    pub(super) fn write(self, domain: &str, out: &mut Vec<u8>) {
        let header = StreamHeader {
            to: Some(self.to.unwrap_or_else(|| domain.to_owned())),
            from: self.from,
            version: Some("1.0".to_owned()),
            lang: self.lang,
            default_ns: Some(ns::CLIENT.to_owned()),
            ..StreamHeader::default()
        };
        write_framed_open(&header, out);
    }
}
