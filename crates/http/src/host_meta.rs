//! How a client finds its ways to the server: XEP-0156 in both forms of host-meta (RFC 6415), and XEP-0487 (host-meta 2) in
//! the second, where it is known under which addresses the server is reached.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Map, Value, json};

use crate::network::Client;
use crate::render;
use crate::site::Site;

/// XEP-0156 §3: the relation of a WebSocket's address.
const WEBSOCKET: &str = "urn:xmpp:alt-connections:websocket";
/// XEP-0156 §3: that of XMPP over HTTP.
const BOSH: &str = "urn:xmpp:alt-connections:xbosh";
/// XEP-0487 §3: a port that speaks TLS from the first byte.
const TLS: &str = "urn:xmpp:alt-connections:tls";
/// How long what is said here holds, in seconds.
const TTL: u32 = 3_600;

/// The ways to the server beside the WebSocket, which is always there.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    /// The addresses under which the server is reached from everywhere; none where they are not known (XEP-0487).
    pub addresses: Vec<IpAddr>,
    /// The port with TLS from the first byte.
    pub tls: Option<u16>,
    /// Whether there are sessions over HTTP.
    pub has_bosh: bool,
}

/// `/.well-known/host-meta`
pub(crate) async fn xml(
    State(site): State<Arc<Site>>,
    client: axum::Extension<Client>,
    headers: HeaderMap,
) -> Response {
    let base = Base::of(&site.settings.site_url, &client, &headers);
    let mut body = String::from(
        "<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n",
    );
    for (rel, url) in base.links(&site.settings.ways) {
        body.push_str(&format!(
            "  <Link rel='{rel}' href='{}'/>\n",
            render::attribute(&url)
        ));
    }
    body.push_str("</XRD>\n");
    answer("application/xrd+xml; charset=utf-8", body)
}

/// `/.well-known/host-meta.json`
pub(crate) async fn json(
    State(site): State<Arc<Site>>,
    client: axum::Extension<Client>,
    headers: HeaderMap,
) -> Response {
    let base = Base::of(&site.settings.site_url, &client, &headers);
    let body = document(&base, &site.settings.ways, domain(&site, &headers));
    answer("application/json", body.to_string())
}

/// The domain that is asked about, by the host of the request.
fn domain<'a>(site: &'a Site, headers: &HeaderMap) -> &'a str {
    let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let asked = asked.map(host_of).unwrap_or_default();
    let known = site.settings.domains.iter().find(|domain| *domain == asked);
    known.map_or(site.domain(), String::as_str)
}

/// The JSON form; XEP-0487's where it can be said under which addresses, and only of ways that are encrypted.
fn document(base: &Base, ways: &Ways, domain: &str) -> Value {
    let mut links: Vec<Value> = base
        .links(ways)
        .map(|(rel, url)| json!({ "rel": rel, "href": url }))
        .collect();
    let mut document = Map::new();
    if base.is_secure && !ways.addresses.is_empty() {
        document.insert("xmpp".into(), json!({ "ttl": TTL }));
        // §3.2: the name in the handshake is the one that the certificate is chosen by.
        for link in &mut links {
            reach(link, ways, 20, host_of(&base.authority));
        }
        if let Some(port) = ways.tls {
            let mut link = json!({ "rel": TLS, "port": port });
            reach(&mut link, ways, 10, domain);
            links.insert(0, link);
        }
    }
    document.insert("links".into(), links.into());
    document.into()
}

/// Says of a way how it is reached (XEP-0487 §3.1).
fn reach(link: &mut Value, ways: &Ways, priority: u8, name: &str) {
    if let Value::Object(link) = link {
        link.insert("ips".into(), json!(ways.addresses));
        link.insert("priority".into(), priority.into());
        link.insert("weight".into(), 50.into());
        link.insert("sni".into(), name.into());
    }
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

/// What stands before the paths of the WebSocket and of sessions over HTTP.
struct Base {
    is_secure: bool,
    authority: String,
}

impl Base {
    /// Beside the site.
    ///
    /// A request that came under the site's own host name, by another port or scheme, is told that same port and scheme: a
    /// page under HTTPS may not open a plain WebSocket.
    fn of(site_url: &str, client: &Client, headers: &HeaderMap) -> Base {
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
        Base {
            is_secure,
            authority: authority.to_owned(),
        }
    }

    fn websocket(&self) -> String {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        format!("{scheme}://{}/xmpp-websocket", self.authority)
    }

    fn bosh(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}/http-bind", self.authority)
    }

    /// The ways that have an address of their own (XEP-0156 §2).
    fn links(&self, ways: &Ways) -> impl Iterator<Item = (&'static str, String)> {
        let bosh = ways.has_bosh.then(|| (BOSH, self.bosh()));
        [(WEBSOCKET, self.websocket())].into_iter().chain(bosh)
    }
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
        Base::of(site, &client, &headers).websocket()
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

    #[test]
    fn host_meta_2_is_there_where_addresses_are_known_and_the_way_is_encrypted() {
        let ways = Ways {
            addresses: vec![[192, 0, 2, 1].into(), "2001:db8::1".parse().unwrap()],
            tls: Some(443),
            has_bosh: true,
        };
        let base = |is_secure| Base {
            is_secure,
            authority: "social.a.example:5443".to_owned(),
        };
        let told = document(&base(true), &ways, "a.example");
        let reach = |sni: &str, priority: u8| json!({ "ips": ["192.0.2.1", "2001:db8::1"], "priority": priority, "weight": 50, "sni": sni });
        let with = |link: Value, reach: Value| {
            let mut link = link;
            link.as_object_mut()
                .unwrap()
                .extend(reach.as_object().unwrap().clone());
            link
        };
        assert_eq!(
            told,
            json!({
                "xmpp": { "ttl": 3_600 },
                "links": [
                    with(json!({ "rel": TLS, "port": 443 }), reach("a.example", 10)),
                    with(
                        json!({ "rel": WEBSOCKET, "href": "wss://social.a.example:5443/xmpp-websocket" }),
                        reach("social.a.example", 20)
                    ),
                    with(
                        json!({ "rel": BOSH, "href": "https://social.a.example:5443/http-bind" }),
                        reach("social.a.example", 20)
                    ),
                ],
            })
        );
        let plain = json!({ "links": [
            { "rel": WEBSOCKET, "href": "ws://social.a.example:5443/xmpp-websocket" },
            { "rel": BOSH, "href": "http://social.a.example:5443/http-bind" },
        ] });
        assert_eq!(document(&base(false), &ways, "a.example"), plain);
        // Without addresses it is XEP-0156 alone.
        let unknown = Ways::default();
        assert_eq!(
            document(&base(true), &unknown, "a.example"),
            json!({ "links": [{ "rel": WEBSOCKET, "href": "wss://social.a.example:5443/xmpp-websocket" }] })
        );
    }
}
