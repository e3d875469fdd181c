//! Against rustls's own client: both versions, bindings, pieces of every size, and what an idle connection holds.

#![allow(clippy::unwrap_used)]

use std::future::poll_fn;

use rustls::ClientConfig;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{RootCertStore, SupportedProtocolVersion, version};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;

struct World {
    config: TlsConfig,
    certificate: CertificateDer<'static>,
}

fn world() -> World {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    World {
        config: TlsConfig::new(vec![certificate.clone()], key.into()).unwrap(),
        certificate,
    }
}

fn connector(world: &World, version: &'static SupportedProtocolVersion) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(world.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

type Established = (Tls<DuplexStream>, ChannelBinding, TlsStream<DuplexStream>);

async fn established(world: &World, version: &'static SupportedProtocolVersion, pipe: usize) -> Established {
    let (ours, theirs) = duplex(pipe);
    let connector = connector(world, version);
    let connecting = connector.connect(ServerName::try_from("localhost").unwrap(), theirs);
    let (accepted, connected) = tokio::join!(Tls::accept(ours, &world.config, None), connecting);
    let (tls, binding) = accepted.unwrap();
    (tls, binding, connected.unwrap())
}

async fn read(tls: &mut Tls<DuplexStream>, length: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < length {
        let mut into = scratch::take();
        let read = poll_fn(|cx| tls.poll_read(cx, &mut into)).await.unwrap();
        assert_ne!(read, 0, "ended after {} bytes", all.len());
        all.extend_from_slice(&into);
        scratch::give(into);
    }
    all
}

async fn write(tls: &mut Tls<DuplexStream>, data: &[u8]) {
    let mut buffer = scratch::take();
    buffer.extend_from_slice(data);
    tls.write(buffer).unwrap();
    poll_fn(|cx| tls.poll_flush(cx)).await.unwrap();
}

#[tokio::test]
async fn data_goes_both_ways_in_pieces_of_any_size() {
    let world = world();
    let data: Vec<u8> = (0..200_000u32).map(|number| number as u8).collect();
    for version in [&version::TLS12, &version::TLS13] {
        for pipe in [7, 1_000, 1_000_000] {
            let (mut tls, _, mut client) = established(&world, version, pipe).await;
            let there = async {
                client.write_all(&data).await.unwrap();
                client.flush().await.unwrap();
                let mut back = vec![0; data.len()];
                client.read_exact(&mut back).await.unwrap();
                back
            };
            let here = async {
                let came = read(&mut tls, data.len()).await;
                write(&mut tls, &came).await;
            };
            let (back, ()) = tokio::join!(there, here);
            assert!(back == data);
            // Nothing is held while nothing happens.
            assert_eq!(tls.received.capacity(), 0);
            assert!(tls.unwritten.is_empty());
        }
    }
}

#[tokio::test]
async fn both_sides_bind_to_the_same() {
    let world = world();
    let (_tls, binding, client) = established(&world, &version::TLS13, 10_000).await;
    let label = b"EXPORTER-Channel-Binding";
    let exported = client
        .get_ref()
        .1
        .export_keying_material([0; 32], label, Some(b""))
        .unwrap();
    assert_eq!(binding.exporter.as_deref(), Some(&exported[..]));
    // rcgen signs with ECDSA and SHA-256.
    assert_eq!(
        binding.end_point,
        Some(Sha256::digest(&world.certificate).to_vec())
    );
    assert!(binding.offered);

    let (_tls, binding, _client) = established(&world, &version::TLS12, 10_000).await;
    assert_eq!(binding.exporter, None);
    assert!(binding.end_point.is_some());
}

#[tokio::test]
async fn what_came_with_the_end_of_the_handshake_is_read() {
    let world = world();
    let (ours, theirs) = duplex(100_000);
    let connector = connector(&world, &version::TLS13);
    let client = async {
        let mut client = connector
            .connect(ServerName::try_from("localhost").unwrap(), theirs)
            .await
            .unwrap();
        client.write_all(b"hello").await.unwrap();
        client.flush().await.unwrap();
        client
    };
    // The client's Finished and its first data wait in the pipe together before the server looks.
    let (accepted, client) = tokio::join!(Tls::accept(ours, &world.config, None), client);
    let (mut tls, _) = accepted.unwrap();
    assert_eq!(read(&mut tls, 5).await, b"hello");
    drop(client);
}

#[tokio::test]
async fn garbage_is_answered_with_an_alert() {
    let world = world();
    let (ours, mut theirs) = duplex(10_000);
    theirs
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let error = Tls::accept(ours, &world.config, None).await.err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let mut alert = Vec::new();
    theirs.read_to_end(&mut alert).await.unwrap();
    assert_eq!(alert.first(), Some(&21), "an alert record");
}

#[tokio::test]
async fn a_peer_that_leaves_is_noticed_and_told_goodbye() {
    let world = world();
    for version in [&version::TLS12, &version::TLS13] {
        let (mut tls, _, mut client) = established(&world, version, 10_000).await;
        client.shutdown().await.unwrap();
        let mut into = scratch::take();
        assert_eq!(poll_fn(|cx| tls.poll_read(cx, &mut into)).await.unwrap(), 0);
        tls.finish();
        poll_fn(|cx| tls.poll_shutdown(cx)).await.unwrap();
        let mut rest = Vec::new();
        // Without our close_notify this would be an unexpected end of file.
        client.read_to_end(&mut rest).await.unwrap();
    }
}

#[tokio::test]
async fn a_handshake_that_stops_ends() {
    let world = world();
    let (ours, theirs) = duplex(10_000);
    drop(theirs);
    let error = Tls::accept(ours, &world.config, None).await.err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

/// RFC 7301 §3.2: a client that speaks something else is told so.
#[tokio::test]
async fn another_protocol_is_refused_with_an_alert() {
    let world = world();
    for version in [&version::TLS12, &version::TLS13] {
        let (ours, theirs) = duplex(1_000_000);
        let mut config = ClientConfig::clone(connector(&world, version).config());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let connecting = connector.connect(ServerName::try_from("localhost").unwrap(), theirs);
        let (accepted, connected) = tokio::join!(Tls::accept(ours, &world.config, None), connecting);
        assert!(accepted.is_err());
        let refusal = connected.unwrap_err().to_string();
        assert!(refusal.contains("NoApplicationProtocol"), "{refusal}");
    }
}
