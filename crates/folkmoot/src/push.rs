//! Carries what is pushed to browsers to their push services (RFC 8030): over verified TLS, to addresses of the public
//! Internet only, one request a connection, no redirect followed. In development loopback and plain HTTP do as well.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use http::{Method, Request, Uri, header};
use http_body_util::Full;
use hyper::body::Bytes;
use store::BoxFuture;
use tokio::sync::OnceCell;
use xmpp::push::browser::{Post, PushRequest, PushResponse};

use crate::house::Mode;
use crate::outgoing::{Outgoing, To};

/// How long a push service may take, looking up its name included.
const PATIENCE: Duration = Duration::from_secs(10);
/// What it says beside its status is not read; more than this is too much.
const ANSWER_BYTES: usize = 16 << 10;

/// The carrier of pushes.
#[derive(Clone)]
pub struct Carrier(Arc<Inner>);

struct Inner {
    mode: Mode,
    /// Made when the first push is sent, so that who never pushes does not read the machine's authorities.
    outgoing: OnceCell<Outgoing>,
}

impl Carrier {
    /// One that has sent nothing yet.
    pub fn new(mode: Mode) -> Self {
        Self(Arc::new(Inner {
            mode,
            outgoing: OnceCell::new(),
        }))
    }

    async fn send(&self, push: PushRequest) -> anyhow::Result<PushResponse> {
        let uri: Uri = push.endpoint.parse().context("the endpoint is no URL")?;
        let address = self.address(&uri).await?;
        let mut request = Request::builder().method(Method::POST).uri(uri);
        for (name, value) in push.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(push.body)))?;
        let outgoing = self
            .0
            .outgoing
            .get_or_try_init(|| async { anyhow::Ok(Outgoing::new(None)?.with_answers_of(ANSWER_BYTES)) })
            .await?;
        let answer = outgoing.send(request, To::At(address)).await?;
        Ok(PushResponse {
            status: answer.status.as_u16(),
            retry_after: answer
                .headers
                .get(header::RETRY_AFTER)
                .and_then(|value| seconds(value.to_str().ok()?)),
        })
    }

    /// Where the endpoint's host is: an address that the answer of the name's servers cannot turn against this network.
    async fn address(&self, uri: &Uri) -> anyhow::Result<SocketAddr> {
        let host = uri.host().context("the endpoint names no host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let mut found = tokio::net::lookup_host((host, port))
            .await
            .context("no such host")?;
        let is_allowed = |address: &SocketAddr| self.0.mode == Mode::Development || is_public(address.ip());
        match found.find(is_allowed) {
            Some(address) => Ok(address),
            None => bail!("its host is not on the public Internet"),
        }
    }
}

impl Post for Carrier {
    fn post(&self, request: PushRequest) -> BoxFuture<'static, Option<PushResponse>> {
        let carrier = self.clone();
        Box::pin(async move {
            // The endpoint is a secret: only its host is named.
            let uri: Option<Uri> = request.endpoint.parse().ok();
            let host = uri.as_ref().and_then(Uri::host).unwrap_or_default().to_owned();
            let sent = tokio::time::timeout(PATIENCE, carrier.send(request)).await;
            match sent.unwrap_or_else(|_| bail!("it did not answer in time")) {
                Ok(answer) => {
                    if !(200..300).contains(&answer.status) {
                        tracing::info!(host, status = answer.status, "a push service refused a push");
                    }
                    Some(answer)
                }
                Err(error) => {
                    tracing::warn!(host, error = format!("{error:#}"), "a push was not delivered");
                    None
                }
            }
        })
    }
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date.
fn seconds(value: &str) -> Option<u64> {
    value.trim().parse().ok().or_else(|| {
        let until = httpdate::parse_http_date(value.trim()).ok()?;
        Some(
            until
                .duration_since(SystemTime::now())
                .map_or(0, |left| left.as_secs()),
        )
    })
}

/// Whether an address belongs to the public Internet (RFC 6890 and the registries that it names).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || matches!(
            (a, b, c),
            (0 | 224.., _, _) | (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _)
        );
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let within = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // What stands for an IPv4 address is as public as that (RFC 6052, RFC 3056).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => within(high, low),
        // Special purposes, and documentation (RFC 3849).
        [0x2001, 0..=0x1ff | 0xdb8, ..] => false,
        // All else that is given out begins so (RFC 4291 §2.4).
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_public_internet() {
        for address in [
            "9.9.9.9",
            "93.184.216.34",
            "2620:fe::fe",
            "64:ff9b::909:909",
            "::ffff:9.9.9.9",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn pauses_are_seconds_or_dates() {
        assert_eq!(seconds(" 120 "), Some(120));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
        assert_eq!(seconds("soon"), None);
    }

    #[tokio::test]
    async fn a_private_host_is_not_asked() {
        let carrier = Carrier::new(Mode::Usual);
        let error = carrier
            .address(&"https://127.0.0.1/x".parse().unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "its host is not on the public Internet");
    }
}
