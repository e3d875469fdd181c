//! What a browser is told, by way of its push service: RFC 8030, <https://www.rfc-editor.org/rfc/rfc8030>.
//!
//! The text is for the web client's service worker: which sort of thing came, from whom, and how often; what a message says
//! only where the person wished it. It makes requests and judges answers; they are carried by whoever is given as [`Post`].

use serde_json::{Value, json};
use store::{BoxFuture, Timestamp};
use wire::BareJid;

use super::encryption::{TEXT_BYTES, encrypt};
use super::event::{Gathered, Told};
use super::vapid::Vapid;

/// The longest endpoint, in bytes.
pub(crate) const ENDPOINT_BYTES: usize = 2_048;
/// How long a push service keeps what it cannot deliver, in seconds (§5.2): a day. Nobody rings for so long.
const KEPT_S: u32 = 86_400;
const CALL_KEPT_S: u32 = 30;
/// The longest pause that a push service may ask for.
const PAUSE_MOST_MS: u64 = 3_600_000;
/// And what is taken where it asks for none.
const PAUSE_MS: u64 = 60_000;

/// A request to a push service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRequest {
    /// Where to: the capability URL of one browser. Secret.
    pub endpoint: String,
    /// The header fields.
    pub headers: Vec<(&'static str, String)>,
    /// The encrypted text.
    pub body: Vec<u8>,
}

/// What a push service answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushResponse {
    /// The status.
    pub status: u16,
    /// `Retry-After` in seconds, where it said so.
    pub retry_after: Option<u64>,
}

/// Whoever carries requests to push services: over TLS that is verified, following no redirect, and never to a private
/// address but in development.
pub trait Post: Send + Sync {
    /// Sends a request; `None` when no answer came.
    fn post(&self, request: PushRequest) -> BoxFuture<'static, Option<PushResponse>>;
}

/// What becomes of a registration after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was taken.
    Taken,
    /// The registration is worth nothing any more.
    Gone,
    /// It may succeed later; not before this many milliseconds.
    Later(u64),
}

/// The origin of an endpoint that may be pushed to: HTTPS at a named host's usual port; elsewhere only in development.
pub(crate) fn origin(endpoint: &str, is_dev: bool) -> Option<&str> {
    let (scheme, rest) = endpoint.split_once("://")?;
    let is_plain = endpoint.len() <= ENDPOINT_BYTES && endpoint.bytes().all(|byte| byte.is_ascii_graphic());
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let is_safe = scheme == "https" && is_name(authority);
    let is_own = is_dev && matches!(scheme, "http" | "https") && !authority.is_empty();
    let has_user = authority.contains('@');
    (is_plain && !has_user && (is_safe || is_own)).then(|| &endpoint[..scheme.len() + 3 + authority.len()])
}

/// Whether it is a host's full name, neither an address nor with a port.
fn is_name(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    labels.len() >= 2
        && host.len() <= 253
        && labels.iter().all(is_label)
        && labels
            .last()
            .is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A browser as its registration names it.
pub(super) struct Browser<'a> {
    pub endpoint: &'a str,
    pub public_key: &'a [u8],
    pub secret: &'a [u8],
    pub shows_text: bool,
}

/// The request that tells a browser; `None` when it cannot be made for this one, now or later.
pub(super) fn request(
    browser: &Browser<'_>,
    account: &BareJid,
    gathered: &Gathered,
    vapid: &Vapid,
    now: Timestamp,
    is_dev: bool,
) -> Option<PushRequest> {
    let origin = origin(browser.endpoint, is_dev)?;
    let text = text(account, gathered, browser.shows_text);
    let body = encrypt(&text, browser.public_key, browser.secret).ok()?;
    let (kept, urgency) = if gathered.is_urgent() {
        (CALL_KEPT_S, "high")
    } else if gathered.messages > 0 {
        (KEPT_S, "high")
    } else {
        (KEPT_S, "normal")
    };
    let headers = vec![
        ("authorization", vapid.authorization(origin, now)?),
        ("content-encoding", "aes128gcm".to_owned()),
        ("content-type", "application/octet-stream".to_owned()),
        ("ttl", kept.to_string()),
        ("urgency", urgency.to_owned()),
    ];
    Some(PushRequest {
        endpoint: browser.endpoint.to_owned(),
        headers,
        body,
    })
}

/// What the service worker reads. Where it would be too long, the oldest is left out.
fn text(account: &BareJid, gathered: &Gathered, shows_text: bool) -> Vec<u8> {
    let mut events: Vec<Value> = gathered.told.iter().map(|told| event(told, shows_text)).collect();
    loop {
        let text = json!({ "account": account.as_str(), "events": events }).to_string();
        if text.len() <= TEXT_BYTES || events.is_empty() {
            return text.into_bytes();
        }
        events.remove(0);
    }
}

fn event(told: &Told, shows_text: bool) -> Value {
    let Told { event, count, at } = told;
    let mut value = json!({
        "kind": event.what.name(),
        "from": event.from.bare_str(),
        "count": count,
        "at": at.0,
    });
    if let Some(text) = event.text.as_deref().filter(|_| shows_text) {
        value["text"] = text.into();
    }
    if let Some(post) = event.post {
        // Beyond 53 bits JavaScript would round it.
        value["post"] = post.0.to_string().into();
    }
    value
}

/// §5, §7.3, §8.4: what an answer means.
pub(super) fn outcome(answer: Option<PushResponse>) -> Outcome {
    let Some(answer) = answer else {
        return Outcome::Later(PAUSE_MS);
    };
    let pause = answer.retry_after.map_or(PAUSE_MS, |seconds| {
        seconds.saturating_mul(1_000).min(PAUSE_MOST_MS)
    });
    match answer.status {
        200..=299 => Outcome::Taken,
        // §7.3: the subscription has expired; 403 is said where it belongs to another key (RFC 8292 §4.2).
        403 | 404 | 410 => Outcome::Gone,
        _ => Outcome::Later(pause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_named_hosts_over_tls() {
        let safe = "https://updates.push.services.mozilla.com/wpush/v2/gAAAA?x=1";
        assert_eq!(
            origin(safe, false),
            Some("https://updates.push.services.mozilla.com")
        );
        for endpoint in [
            "http://push.example.org/x",
            "https://127.0.0.1/x",
            "https://[::1]/x",
            "https://localhost/x",
            "https://push.example.org:8443/x",
            "https://user@push.example.org/x",
            "https://push.example.org\r\nHost: x/",
            "https://2130706433/x",
            "https://0x7f.1/x",
            "https:///x",
            "push.example.org",
            "https://push..org/x",
        ] {
            assert_eq!(origin(endpoint, false), None, "{endpoint}");
        }
        assert_eq!(
            origin("http://127.0.0.1:4000/x", true),
            Some("http://127.0.0.1:4000")
        );
        let long = format!("https://push.example.org/{}", "x".repeat(ENDPOINT_BYTES));
        assert_eq!(origin(&long, false), None);
    }

    #[test]
    fn what_answers_mean() {
        let answer = |status, retry_after| outcome(Some(PushResponse { status, retry_after }));
        assert_eq!(answer(201, None), Outcome::Taken);
        assert_eq!(answer(410, None), Outcome::Gone);
        assert_eq!(answer(307, None), Outcome::Later(PAUSE_MS));
        assert_eq!(answer(429, Some(5)), Outcome::Later(5_000));
        assert_eq!(answer(503, Some(u64::MAX)), Outcome::Later(PAUSE_MOST_MS));
        assert_eq!(outcome(None), Outcome::Later(PAUSE_MS));
    }
}
