//! Bytes that mean nothing, on every port; whoever speaks sense meanwhile does not notice.

use std::io::{Read, Write};

use testkit::plain_client::PlainClient;

use crate::running::{Folder, Server};

/// What a server on the open network gets to hear.
fn noises() -> Vec<Vec<u8>> {
    let mut random = Vec::new();
    let mut state = 0x2545_f491_u32;
    for _ in 0..4_096 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        random.push(state.to_le_bytes()[0]);
    }
    vec![
        random,
        vec![0; 4_096],
        b"\x16\x03\x01\xff\xff\x01\x00\xff\xfc\x03\x03".to_vec(),
        b"GET / HTTP/1.1\r\nHost: \x00\r\n\r\n".to_vec(),
        b"GET /../../../etc/passwd HTTP/1.0\r\n\r\n".to_vec(),
        b"POST /xmpp-websocket HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        [b"GET /".as_slice(), &b"a".repeat(100_000)].concat(),
        [b"<stream:stream ".as_slice(), &b"a='' ".repeat(10_000)].concat(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        b"\xef\xbb\xbf<?xml version='1.1'?><stream/>".to_vec(),
    ]
}

#[test]
fn noise_on_every_port_disturbs_nobody() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--dev", "--domain", "localhost", "--bind=127.0.0.1"]);
    PlainClient::register(server.address(), "juliet", "secret").unwrap();
    let mut juliet = PlainClient::sign_in(server.address(), "juliet", "secret", "balcony").unwrap();
    for (number, noise) in noises().into_iter().enumerate() {
        for service in ["xmpp", "xmpp_tls", "http", "https"] {
            let mut stream = server.connect(service);
            // The server may have had enough before all is said.
            let _ = stream.write_all(&noise);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = stream.take(1 << 20).read_to_end(&mut answer);
            assert!(
                !answer.windows(5).any(|five| five == b"root:"),
                "{number} on {service}"
            );
        }
        let id = format!("ping{number}");
        juliet
            .ask(
                &id,
                &format!("<iq type='get' id='{id}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"),
            )
            .unwrap();
    }
    assert_eq!(server.get("/healthz").0, 200);
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}
