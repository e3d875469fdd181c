//! How a client finds the WebSocket: XEP-0156 in both forms of host-meta (RFC 6415).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::network::Client;
use crate::render;
use crate::site::Site;

/// XEP-0156 §3: the relation of a WebSocket's address.
const WEBSOCKET: &str = "urn:xmpp:alt-connections:websocket";

/// `/.well-known/host-meta`
pub(crate) async fn xml(
    State(site): State<Arc<Site>>,
    client: axum::Extension<Client>,
    headers: HeaderMap,
) -> Response {
    let url = websocket_url(&site.settings.site_url, &client, &headers);
    let url = render::attribute(&url);
    let body = format!(
        "<?xml version='1.0' encoding='utf-8'?>\n\
         <XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n  <Link rel='{WEBSOCKET}' href='{url}'/>\n</XRD>\n"
    );
    answer("application/xrd+xml; charset=utf-8", body)
}

/// `/.well-known/host-meta.json`
pub(crate) async fn json(
    State(site): State<Arc<Site>>,
    client: axum::Extension<Client>,
    headers: HeaderMap,
) -> Response {
    let url = websocket_url(&site.settings.site_url, &client, &headers);
    let body = serde_json::json!({ "links": [{ "rel": WEBSOCKET, "href": url }] });
    answer("application/json", body.to_string())
}

fn answer(content_type: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        // XEP-0156 §2: any web page may read it.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        ),
        (header::VARY, HeaderValue::from_static("Host, X-Forwarded-Proto")),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        ),
    ];
    (headers, body).into_response()
}

/// The WebSocket beside the site.
///
/// A request that came under the site's own host name, by another port or scheme, is told
/// that same port and scheme: a page under HTTPS may not open a plain WebSocket.
fn websocket_url(site_url: &str, client: &Client, headers: &HeaderMap) -> String {
    let (scheme, authority) = site_url.split_once("://").unwrap_or(("http", site_url));
    let asked = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let is_same = host_of(asked) == host_of(authority) && !client.is_proxied;
    let (is_secure, authority) = if is_same && (client.is_secure || scheme == "http") {
        (client.is_secure, asked)
    } else {
        // A site under HTTPS that is asked in the clear stands behind a proxy that was not told of.
        (scheme == "https", authority)
    };
    format!(
        "{}://{authority}/xmpp-websocket",
        if is_secure { "wss" } else { "ws" }
    )
}

/// The host of `host:port`, brackets kept.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn url(site: &str, host: &str, client: Client) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("host", host.parse().unwrap());
        websocket_url(site, &client, &headers)
    }

    #[test]
    fn the_address_is_one_that_the_page_may_open() {
        let (plain, secure) = (
            Client::direct([127, 0, 0, 1].into(), false),
            Client::direct([127, 0, 0, 1].into(), true),
        );
        let site = "http://localhost:5280";
        assert_eq!(
            url(site, "localhost:5280", plain),
            "ws://localhost:5280/xmpp-websocket"
        );
        assert_eq!(
            url(site, "localhost:5443", secure),
            "wss://localhost:5443/xmpp-websocket"
        );
        // Whatever else a client writes into Host is not repeated.
        assert_eq!(
            url(site, "evil.example", secure),
            "ws://localhost:5280/xmpp-websocket"
        );
        assert_eq!(
            url("https://a.example", "a.example:5280", plain),
            "wss://a.example/xmpp-websocket"
        );
        assert_eq!(
            url("https://a.example", "a.example:5443", secure),
            "wss://a.example:5443/xmpp-websocket"
        );
        let proxied = Client {
            is_proxied: true,
            is_secure: false,
            ..plain
        };
        assert_eq!(
            url("https://a.example", "a.example", proxied),
            "wss://a.example/xmpp-websocket"
        );
    }
}
