//! A home network: a phone fetches the authority's certificate over plain HTTP, trusts nothing else, and is served.
//!
//! The network is a loopback address of its own, 127.0.0.2.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sha2::{Digest, Sha256};

use crate::running::{Folder, Server, failed, run, said};

const ADDRESS: &str = "127.0.0.2";
const NETWORK: [&str; 5] = ["--lan", "--bind", ADDRESS, "--domain", "verona.local"];

fn connect(server: &Server, service: &str) -> TcpStream {
    let stream = TcpStream::connect((ADDRESS, server.port(service))).unwrap();
    let patience = std::time::Duration::from_secs(20);
    stream.set_read_timeout(Some(patience)).unwrap();
    stream
}

/// The body of an answer over plain HTTP.
fn fetch(server: &Server, path: &str) -> (String, Vec<u8>) {
    let mut stream = connect(server, "http");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    (head, answer[end + 4..].to_vec())
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A phone that trusts only what it installed.
fn secure(
    server: &Server,
    service: &str,
    name: &str,
    protocol: &[u8],
    trusted: &[u8],
) -> std::io::Result<Tls> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(trusted.to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, connect(server, service));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Says something and reads until the answer is whole.
fn say(stream: &mut Tls, text: &str, end: &str) -> String {
    stream.write_all(text.as_bytes()).unwrap();
    let mut seen = String::new();
    let mut bytes = [0; 4_096];
    while !seen.contains(end) {
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    seen
}

#[test]
fn a_phone_is_set_up_from_the_terminal_and_the_page() {
    let folder = Folder::new();
    let server = Server::start(&folder, &NETWORK);
    let greeting = &server.greeting;
    let page = format!("http://{ADDRESS}:{}/lan", server.port("http"));
    let app = format!(
        "address NAME@verona.local, host {ADDRESS}, port {}",
        server.port("xmpp")
    );
    for part in [page.as_str(), app.as_str(), "https://verona.local:"] {
        assert!(greeting.contains(part), "{part} in {greeting}");
    }
    let (_, page) = fetch(&server, "/lan");
    let page = String::from_utf8(page).unwrap();
    let (head, authority) = fetch(&server, "/lan/folkmoot.crt");
    assert!(
        head.contains("content-type: application/x-x509-ca-cert"),
        "{head}"
    );
    let fingerprint: Vec<String> = Sha256::digest(&authority)
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let fingerprint = fingerprint.join(":");
    assert!(greeting.contains(&fingerprint) && page.contains(&fingerprint));
    let (head, profile) = fetch(&server, "/lan/folkmoot.mobileconfig");
    assert!(
        head.contains("content-type: application/x-apple-aspen-config"),
        "{head}"
    );
    assert!(
        String::from_utf8(profile)
            .unwrap()
            .contains("com.apple.security.root")
    );
    let (_, pem) = fetch(&server, "/lan/folkmoot.pem");
    assert!(pem.starts_with(b"-----BEGIN CERTIFICATE-----"));

    // The web client, by address and by name.
    for name in [ADDRESS, "verona.local"] {
        let mut web = secure(&server, "https", name, b"http/1.1", &authority).unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        assert!(say(&mut web, &request, "\r\n\r\n").starts_with("HTTP/1.1 200"));
    }
    // An app, with the link that the terminal printed: no name below the domain has to be found for it.
    let token = greeting.split_once("/welcome/").unwrap().1;
    let token = token.split_whitespace().next().unwrap();
    let mut app = secure(&server, "xmpp_tls", "verona.local", b"xmpp-client", &authority).unwrap();
    let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                  to='verona.local' version='1.0'>";
    say(&mut app, header, "</stream:features>");
    let preauth = format!("<iq type='set' id='t'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>");
    assert!(say(&mut app, &preauth, "/>").contains("type='result'"));
    let register = "<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>juliet</username>\
                    <password>open sesame</password></query></iq>";
    assert!(say(&mut app, register, "/>").contains("type='result'"));
    assert_eq!(
        said(&run(
            &folder,
            &[&["account", "list"][..], &["--set", "lan=true"]].concat()
        )),
        "juliet@verona.local  active  administrator\n"
    );
    let link = said(&run(&folder, &["invite", "--from", "juliet@verona.local"]));
    assert!(
        link.starts_with(&format!("https://verona.local:{}/invite/", server.port("https"))),
        "{link}"
    );
    assert!(server.stop().0.success());
}

#[test]
fn the_authority_outlasts_a_restart() {
    let folder = Folder::new();
    let server = Server::start(&folder, &NETWORK);
    let (_, authority) = fetch(&server, "/lan/folkmoot.crt");
    assert!(server.stop().0.success());
    let server = Server::start(&folder, &NETWORK);
    assert_eq!(fetch(&server, "/lan/folkmoot.crt").1, authority);
    secure(&server, "https", ADDRESS, b"http/1.1", &authority).unwrap();
    assert!(server.stop().0.success());
}

#[test]
fn only_a_home_network_has_such_a_page_and_its_own_certificates() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    for path in [
        "/lan",
        "/lan/folkmoot.crt",
        "/lan/folkmoot.pem",
        "/lan/folkmoot.mobileconfig",
    ] {
        assert_eq!(server.get(path).0, 404, "{path}");
    }
    drop(server);
    let own = ["--set", "tls.certificate=own.pem", "--set", "tls.key=own.key"];
    let error = failed(&run(&folder, &[&["check"][..], &NETWORK, &own].concat()));
    assert!(error.contains("--lan makes its own certificates"), "{error}");
}

#[test]
fn where_the_name_leads_nowhere_the_address_is_printed() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--bind", ADDRESS]);
    let link = format!("open     http://{ADDRESS}:{}\n", server.port("http"));
    assert!(server.greeting.contains(&link), "{}", server.greeting);
}
