//! Certificates are shown, and renewed without disconnecting anybody.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::running::{Folder, Server};

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A connection that trusts only this certificate.
fn connect(server: &Server, service: &str, protocol: &[u8], trusted: &Path) -> std::io::Result<Tls> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(trusted).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, server.connect(service));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Asks once more on a connection that stands.
fn ask(stream: &mut Tls) -> String {
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut seen = String::new();
    let mut bytes = [0; 1_024];
    while !seen.ends_with("ok\n") {
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    seen
}

fn make(certificate: &Path, key: &Path) {
    let pair = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["localhost".into()])
        .unwrap()
        .self_signed(&pair)
        .unwrap();
    std::fs::write(key, pair.serialize_pem()).unwrap();
    std::fs::write(certificate, made.pem()).unwrap();
}

#[test]
fn a_development_certificate_serves_https_and_xmpp() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let trusted = folder.data().join("certificates/self-signed.pem");
    assert!(ask(&mut connect(&server, "https", b"http/1.1", &trusted).unwrap()).starts_with("HTTP/1.1 200"));
    let stream = connect(&server, "xmpp_tls", b"xmpp-client", &trusted).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"xmpp-client"[..]));
}

#[test]
fn a_renewed_certificate_is_shown_and_nobody_is_disconnected() {
    let folder = Folder::new();
    let (certificate, key) = (folder.join("own.pem"), folder.join("own.key"));
    make(&certificate, &key);
    let old = folder.join("old.pem");
    std::fs::copy(&certificate, &old).unwrap();
    let arguments = ["--set", "tls.certificate=own.pem", "--set", "tls.key=own.key"];
    let server = Server::start(&folder, &arguments);
    let mut standing = connect(&server, "https", b"http/1.1", &old).unwrap();
    ask(&mut standing);

    // A pair that does not fit changes nothing: the next signal is answered after this one.
    let other = folder.join("other.pem");
    make(&other, &folder.join("other.key"));
    std::fs::copy(&other, &certificate).unwrap();
    server.signal("HUP");
    std::fs::copy(folder.join("other.key"), &key).unwrap();
    server.signal("HUP");
    while connect(&server, "https", b"http/1.1", &other).is_err() {
        std::thread::yield_now();
    }
    connect(&server, "xmpp_tls", b"xmpp-client", &other).unwrap();
    assert!(connect(&server, "https", b"http/1.1", &old).is_err());
    ask(&mut standing);
    assert!(server.stop().0.success());
}
