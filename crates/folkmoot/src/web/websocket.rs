//! The opening handshake of a WebSocket (RFC 6455 §4.2) for XMPP (RFC 7395 §3.1).
//!
//! What follows the handshake is `xmpp`'s.

use std::net::IpAddr;

use axum::body::Body;
use base64::Engine;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use sha1::{Digest, Sha1};

/// Where the WebSocket is.
pub const PATH: &str = "/xmpp-websocket";
/// Appended to the client's key (RFC 6455 §1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Which web pages may open the WebSocket. Programs that are no browser send no `Origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Any: who speaks proves themselves by SASL, and no cookie is involved.
    Any,
    /// Only pages of this machine: a server for localhost lets in whoever reaches it,
    /// so a page from elsewhere must not reach it through its reader's browser.
    Loopback,
    /// These, each as scheme, host and port, and the site's own.
    Only(Vec<String>),
}

/// Why a handshake is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is an ordinary request: say what would be expected (RFC 9110 §15.5.22).
    NotAnUpgrade,
    /// Another version than 13 (RFC 6455 §4.2.2).
    Version,
    /// A part is missing or wrong.
    Malformed,
    /// The client does not offer the subprotocol `xmpp` (RFC 7395 §3.1).
    Subprotocol,
    /// The page may not.
    Origin,
}

/// Checks a request and gives the `Sec-WebSocket-Accept` for it.
pub fn handshake<B>(request: &Request<B>, origins: &Origins, site: &str) -> Result<HeaderValue, Refusal> {
    let headers = request.headers();
    let is_upgrade = has_token(headers, &header::UPGRADE, "websocket");
    if request.method() != Method::GET || !is_upgrade || !has_token(headers, &header::CONNECTION, "upgrade") {
        return Err(Refusal::NotAnUpgrade);
    }
    if request.version() != Version::HTTP_11 {
        return Err(Refusal::Malformed);
    }
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err(Refusal::Version);
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .and_then(|key| key.to_str().ok())
        .ok_or(Refusal::Malformed)?;
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(key)
        .map_err(|_| Refusal::Malformed)?;
    if decoded.len() != 16 {
        return Err(Refusal::Malformed);
    }
    if !has_token(headers, &header::SEC_WEBSOCKET_PROTOCOL, "xmpp") {
        return Err(Refusal::Subprotocol);
    }
    if !origins.allow_header(headers.get(header::ORIGIN), site) {
        return Err(Refusal::Origin);
    }
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(GUID.as_bytes());
    let accept = base64::engine::general_purpose::STANDARD.encode(hash.finalize());
    HeaderValue::from_str(&accept).map_err(|_| Refusal::Malformed)
}

impl Origins {
    /// Whether a request may that says this of the page that makes it; programs say nothing.
    pub fn allow_header(&self, origin: Option<&HeaderValue>, site: &str) -> bool {
        origin.is_none_or(|origin| origin.to_str().is_ok_and(|origin| self.allow(origin, site)))
    }

    /// Whether a page of this origin may; `site` is the site's own URL.
    fn allow(&self, origin: &str, site: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Loopback => host_of(origin).is_some_and(is_loopback_host),
            Self::Only(list) => {
                let is_same = |allowed: &str| allowed.trim_end_matches('/').eq_ignore_ascii_case(origin);
                is_same(site) || list.iter().any(|allowed| is_same(allowed))
            }
        }
    }
}

/// The host in an origin, without scheme, port and brackets.
fn host_of(origin: &str) -> Option<&str> {
    let (_, rest) = origin.split_once("://")?;
    if let Some(rest) = rest.strip_prefix('[') {
        return rest.split_once(']').map(|(host, _)| host);
    }
    Some(rest.split_once(':').map_or(rest, |(host, _)| host))
}

/// Whether a host is this machine by its name or address.
fn is_loopback_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a list header holds a word, whatever its case.
fn has_token(headers: &HeaderMap, name: &header::HeaderName, wanted: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case(wanted))
}

/// The answer that turns the connection into a WebSocket.
pub fn accepted(accept: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("xmpp"));
    response
}

/// The answer to a handshake that is refused: one line of text.
pub fn refused(refusal: Refusal) -> Response<Body> {
    let (status, text) = match refusal {
        Refusal::NotAnUpgrade => (
            StatusCode::UPGRADE_REQUIRED,
            "this address speaks XMPP over WebSocket (RFC 7395)\n",
        ),
        Refusal::Version => (
            StatusCode::UPGRADE_REQUIRED,
            "only WebSocket version 13 is spoken here (RFC 6455)\n",
        ),
        Refusal::Malformed => (
            StatusCode::BAD_REQUEST,
            "the WebSocket handshake is malformed (RFC 6455)\n",
        ),
        Refusal::Subprotocol => (StatusCode::BAD_REQUEST, "offer the subprotocol xmpp (RFC 7395)\n"),
        Refusal::Origin => (
            StatusCode::FORBIDDEN,
            "pages of this origin may not connect (websocket_origins)\n",
        ),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    if status == StatusCode::UPGRADE_REQUIRED {
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    response
}

#[cfg(test)]
#[path = "websocket_tests.rs"]
mod tests;
