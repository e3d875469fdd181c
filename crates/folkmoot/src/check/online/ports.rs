//! The server's own ports by its public name: whether they are open, what is spoken there, and which certificate is shown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Subject;
use super::dns::{AllSeen, Place};
use crate::check::Finding;
use crate::outgoing::{self, Outgoing, To};

/// How long one connection may take in all.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most that a server says before we know what it is.
const GREETING_BYTES: usize = 16_384;

/// What is spoken on a port.
#[derive(Clone, Copy)]
enum Spoken {
    StartTls,
    Tls,
}

/// Connects to everything that the records name.
pub async fn check(subject: &Subject<'_>, seen: &AllSeen, findings: &mut Vec<Finding>) {
    let roots = match outgoing::roots(None).and_then(outgoing::tls) {
        Ok(tls) => tls,
        Err(error) => {
            findings.push(Finding::error(format!("{error:#}")));
            return;
        }
    };
    for domain in &seen.domains {
        for place in &domain.xmpp {
            each(&roots, &domain.domain, place, Spoken::StartTls, findings).await;
        }
        for place in &domain.xmpp_tls {
            each(&roots, &domain.domain, place, Spoken::Tls, findings).await;
        }
    }
    site(subject, seen, findings).await;
}

async fn each(tls: &ClientConfig, domain: &str, place: &Place, spoken: Spoken, findings: &mut Vec<Finding>) {
    for address in &place.addresses {
        let socket = SocketAddr::new(*address, place.port);
        let what = format!("XMPP of {domain} on {}:{} ({address})", place.host, place.port);
        let done = tokio::time::timeout(PATIENCE, connect(tls, domain, socket, spoken)).await;
        let error = match done {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error,
            Err(_) => anyhow::anyhow!("no answer within {} s", PATIENCE.as_secs()),
        };
        findings.push(explain(what, domain, &error));
    }
}

/// One line for what went wrong with a connection.
fn explain(what: String, name: &str, error: &anyhow::Error) -> Finding {
    use rustls::CertificateError as Certificate;
    let tls = error.chain().find_map(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.and_then(|io| io.get_ref()?.downcast_ref::<rustls::Error>())
            .or_else(|| cause.downcast_ref::<rustls::Error>())
    });
    let (found, wanted, remedy) = match tls {
        Some(rustls::Error::InvalidCertificate(
            Certificate::Expired | Certificate::ExpiredContext { .. },
        )) => (
            "a certificate that has expired".to_owned(),
            "one that is good now".to_owned(),
            "renew it, then send SIGHUP; if it is fresh, set this machine's clock",
        ),
        Some(rustls::Error::InvalidCertificate(
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
        )) => (
            "a certificate that is not good yet".to_owned(),
            "one that is good now".to_owned(),
            "set this machine's clock: timedatectl set-ntp true",
        ),
        Some(rustls::Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        )) => (
            "a certificate for other names".to_owned(),
            format!("one that names {name}"),
            "get one that names every domain and the site's host, or set acme.enabled",
        ),
        Some(rustls::Error::InvalidCertificate(Certificate::UnknownIssuer)) => (
            "a certificate of nobody who is trusted".to_owned(),
            "a whole chain up to a known authority".to_owned(),
            "let tls.certificate hold the chain (fullchain.pem), or set acme.enabled",
        ),
        Some(rustls::Error::InvalidCertificate(other)) => (
            format!("a certificate that clients refuse ({other:?})"),
            format!("one that names {name} and is trusted"),
            "get another, or set acme.enabled",
        ),
        Some(other) => (
            format!("no TLS ({other})"),
            "TLS 1.2 or 1.3".to_owned(),
            "look what answers there instead of this server",
        ),
        None => (
            format!("{error:#}"),
            "this server's answer".to_owned(),
            "open the port in the firewall and forward it on the router; many routers do not lead back from inside, so try from outside too",
        ),
    };
    Finding::error(what).detail(found, wanted, remedy)
}

async fn connect(
    tls: &ClientConfig,
    domain: &str,
    address: SocketAddr,
    spoken: Spoken,
) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address).await.context("cannot connect")?;
    let mut tls = tls.clone();
    match spoken {
        Spoken::Tls => tls.alpn_protocols = vec![b"xmpp-client".to_vec()],
        Spoken::StartTls => {
            let header = format!(
                "<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
            );
            stream.write_all(header.as_bytes()).await?;
            until(&mut stream, "</stream:features>").await?;
            stream
                .write_all(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
                .await?;
            until(&mut stream, "<proceed").await?;
        }
    }
    let name = ServerName::try_from(domain.to_owned()).context("the domain is no host name")?;
    tokio_rustls::TlsConnector::from(Arc::new(tls))
        .connect(name, stream)
        .await?;
    Ok(())
}

/// Reads until a text has come whole; after it nothing comes unasked.
async fn until(stream: &mut TcpStream, text: &str) -> anyhow::Result<()> {
    let mut seen = Vec::new();
    while !(String::from_utf8_lossy(&seen).contains(text) && seen.ends_with(b">")) {
        if stream.read_buf(&mut seen).await? == 0 {
            bail!("the connection ended before it was XMPP with STARTTLS");
        }
        if seen.len() > GREETING_BYTES {
            bail!("something else than XMPP answers");
        }
    }
    Ok(())
}

/// The web site: that it is this server's, and that a proxy before it is believed.
async fn site(subject: &Subject<'_>, seen: &AllSeen, findings: &mut Vec<Finding>) {
    let url = &subject.site_url;
    let Ok(uri) = url.parse::<http::Uri>() else { return };
    let is_secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    for address in &seen.site {
        let to = To::At(SocketAddr::new(*address, port));
        let what = format!("site {url} ({address})");
        let asked = async {
            Outgoing::new(None)?
                .get(&format!("{url}/healthz/connection"), to)
                .await
        };
        let answer = match asked.await {
            Ok(answer) => answer,
            Err(error) => {
                findings.push(explain(what, &subject.site_host, &error));
                continue;
            }
        };
        let seen: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        let is_seen_secure = seen.as_ref().and_then(|seen| seen.get("secure")?.as_bool());
        match is_seen_secure {
            None => findings.push(Finding::error(what).detail(
                format!("status {} and not this server's answer", answer.status.as_u16()),
                "this server's answer",
                "let the proxy pass everything to ports.http, or change site_url",
            )),
            // TLS ended before us, and we were not told, or did not believe it.
            Some(false) if is_secure => findings.push(Finding::error(what).detail(
                "a proxy whose word about its clients is not believed",
                "X-Forwarded-For and X-Forwarded-Proto from a trusted proxy",
                "let the proxy send both, and name its address in trusted_proxies",
            )),
            Some(_) => {}
        }
    }
}
