//! For a server on a home network: the page from which a phone is set up, and its certificate in the forms that
//! phones install. Served over plain HTTP too, since whoever comes here does not trust the certificate yet.
//!
//! Everything else is for HTTPS: plain HTTP from the network is led there, so that no password travels in the open.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha1::{Digest, Sha1};

use crate::answer;
use crate::catalogue::Catalogue;
use crate::network::Client;
use crate::render::{self, LanPage};
use crate::site::Site;

/// What the page tells.
#[derive(Clone, Debug)]
pub struct Lan {
    /// The server's domain, which is its name on the network.
    pub domain: String,
    /// The authority's certificate, DER.
    pub authority: Vec<u8>,
    /// Its SHA-256, as phones show it.
    pub fingerprint: String,
    /// The port of XMPP.
    pub xmpp: Option<u16>,
    /// The port of HTTPS.
    pub https: Option<u16>,
}

/// The host that a request named, as far as it can be this machine's: an address. By any other name it has its own.
fn host(lan: &Lan, headers: &HeaderMap) -> String {
    let named = || {
        let authority: Authority = headers.get(header::HOST)?.to_str().ok()?.parse().ok()?;
        let host = authority.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().ok()?;
        Some(host.to_owned())
    };
    named().unwrap_or_else(|| lan.domain.clone())
}

/// `/lan`
pub(crate) async fn page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let Some(lan) = &site.settings.lan else {
        return answer::not_found(&site);
    };
    let text = &Catalogue::ENGLISH.lan;
    let page = LanPage {
        title: text.title.replace("{}", &lan.domain),
        domain: lan.domain.clone(),
        app_host: host(lan, &headers).trim_matches(['[', ']']).to_owned(),
        host: host(lan, &headers),
        fingerprint: lan.fingerprint.clone(),
        xmpp: lan.xmpp,
        https: lan.https,
    };
    answer::page(StatusCode::OK, render::lan(&site, &page), "no-store")
}

fn file(site: &Site, content_type: &'static str, bytes: impl FnOnce(&Lan) -> Vec<u8>) -> Response {
    let Some(lan) = &site.settings.lan else {
        return answer::not_found(site);
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (headers, bytes(lan)).into_response()
}

/// The certificate as Android takes it.
pub(crate) async fn der(State(site): State<Arc<Site>>) -> Response {
    file(&site, "application/x-x509-ca-cert", |lan| lan.authority.clone())
}

/// The certificate as text.
pub(crate) async fn pem(State(site): State<Arc<Site>>) -> Response {
    file(&site, "application/x-pem-file", |lan| {
        let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
        let body = STANDARD.encode(&lan.authority);
        for line in body.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
        text.into_bytes()
    })
}

/// The certificate as iPhones take it: a profile with one payload (Apple's Configuration Profile Reference).
pub(crate) async fn profile(State(site): State<Arc<Site>>) -> Response {
    file(&site, "application/x-apple-aspen-config", |lan| {
        mobileconfig(lan).into_bytes()
    })
}

fn mobileconfig(lan: &Lan) -> String {
    let title = Catalogue::ENGLISH.lan.title.replace("{}", &lan.domain);
    let title = render::escaped(&title);
    let (payload, whole) = (uuid(&lan.authority, 1), uuid(&lan.authority, 2));
    let body = STANDARD.encode(&lan.authority);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\"><dict>\n\
         <key>PayloadContent</key><array><dict>\n\
         <key>PayloadType</key><string>com.apple.security.root</string>\n\
         <key>PayloadVersion</key><integer>1</integer>\n\
         <key>PayloadIdentifier</key><string>org.folkmoot.lan.{payload}</string>\n\
         <key>PayloadUUID</key><string>{payload}</string>\n\
         <key>PayloadDisplayName</key><string>{title}</string>\n\
         <key>PayloadCertificateFileName</key><string>folkmoot.crt</string>\n\
         <key>PayloadContent</key><data>{body}</data>\n\
         </dict></array>\n\
         <key>PayloadType</key><string>Configuration</string>\n\
         <key>PayloadVersion</key><integer>1</integer>\n\
         <key>PayloadIdentifier</key><string>org.folkmoot.lan.{whole}</string>\n\
         <key>PayloadUUID</key><string>{whole}</string>\n\
         <key>PayloadDisplayName</key><string>{title}</string>\n\
         </dict></plist>\n"
    )
}

/// A UUID made of a name (RFC 9562 §5.5), so that installing twice replaces.
fn uuid(authority: &[u8], number: u8) -> String {
    let mut hasher = Sha1::new();
    hasher.update(authority);
    hasher.update([number]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// What may be asked over plain HTTP from the network: what leads to HTTPS.
fn is_for_strangers(path: &str) -> bool {
    path == "/lan" || path.starts_with("/lan/") || path.starts_with("/style-") || path == "/favicon.svg"
}

/// Where a request over plain HTTP from the network has to go instead; `None` when it may be answered.
pub fn elsewhere(lan: &Lan, client: &Client, request: &Request) -> Option<Response> {
    let is_own = client.address.is_loopback() && !client.is_proxied;
    if client.is_secure || is_own || is_for_strangers(request.uri().path()) {
        return None;
    }
    let path = match request.uri().path_and_query() {
        // To whoever comes first, the page that explains.
        None => "/lan",
        Some(path) if path.as_str() == "/" => "/lan",
        Some(path) => path.as_str(),
    };
    let target = match (path, lan.https) {
        ("/lan", _) => "/lan".to_owned(),
        (path, Some(port)) => format!("https://{}:{port}{path}", host(lan, request.headers())),
        (_, None) => return Some(StatusCode::NOT_FOUND.into_response()),
    };
    let target = HeaderValue::from_str(&target).ok()?;
    Some((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, target)]).into_response())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::body::Body;

    fn lan() -> Lan {
        Lan {
            domain: "verona.local".into(),
            authority: vec![0x30; 200],
            fingerprint: "AA:BB".into(),
            xmpp: Some(5222),
            https: Some(5443),
        }
    }

    fn led(address: [u8; 4], is_secure: bool, host: &str, path: &str) -> Option<(u16, String)> {
        let request = Request::get(path)
            .header("host", host)
            .body(Body::empty())
            .unwrap();
        let response = elsewhere(&lan(), &Client::direct(address.into(), is_secure), &request)?;
        let location = response.headers().get("location");
        let location = location.map_or("", |location| location.to_str().unwrap());
        Some((response.status().as_u16(), location.to_owned()))
    }

    #[test]
    fn plain_http_from_the_network_leads_to_https() {
        let phone = [192, 168, 1, 9];
        let to = |location: &str| Some((307, location.to_owned()));
        assert_eq!(
            led(phone, false, "192.168.1.5:5280", "/signup?a=b"),
            to("https://192.168.1.5:5443/signup?a=b")
        );
        assert_eq!(
            led(phone, false, "verona.local", "/xmpp-websocket"),
            to("https://verona.local:5443/xmpp-websocket")
        );
        assert_eq!(
            led(phone, false, "[fd00::5]:5280", "/home"),
            to("https://[fd00::5]:5443/home")
        );
        assert_eq!(led(phone, false, "192.168.1.5:5280", "/"), to("/lan"));
        for path in ["/lan", "/lan/folkmoot.crt"] {
            assert_eq!(led(phone, false, "192.168.1.5", path), None, "{path}");
        }
        assert_eq!(led(phone, true, "192.168.1.5", "/home"), None);
        assert_eq!(led([127, 0, 0, 1], false, "localhost:5280", "/home"), None);
        // Nobody is led where a request's words would lead them.
        for host in ["evil.example", "a b", "x\"y", "me@evil"] {
            assert_eq!(
                led(phone, false, host, "/home"),
                to("https://verona.local:5443/home"),
                "{host}"
            );
        }
    }

    #[test]
    fn the_profile_is_a_plist_with_the_certificate() {
        let text = mobileconfig(&lan());
        assert!(text.contains("com.apple.security.root"));
        assert!(text.contains(&STANDARD.encode(lan().authority)));
        for name in ["plist", "dict", "array", "key", "string", "data", "integer"] {
            let opened =
                text.matches(&format!("<{name}>")).count() + text.matches(&format!("<{name} ")).count();
            assert_eq!(opened, text.matches(&format!("</{name}>")).count(), "{name}");
        }
        assert_eq!(uuid(&[1], 1).len(), 36);
        assert_ne!(uuid(&[1], 1), uuid(&[1], 2));
    }
}
