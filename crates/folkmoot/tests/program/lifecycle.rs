//! Start, use, stop.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::running::{Folder, Server, exists, program, said};

#[test]
fn it_starts_says_where_it_is_and_stops() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let http = server.port("http");
    assert!(
        server
            .greeting
            .contains(&format!("open     http://localhost:{http}")),
        "{}",
        server.greeting
    );
    assert!(
        server
            .greeting
            .contains(&format!("http://localhost:{http}/welcome/")),
        "{}",
        server.greeting
    );
    assert_eq!(server.get("/healthz").0, 200);
    assert!(server.get("/metrics").1.contains("folkmoot_sessions 0"));
    let (status, meta) = server.get("/.well-known/host-meta.json");
    assert_eq!(status, 200);
    assert!(meta.contains("/xmpp-websocket"));
    let begun = Instant::now();
    let (status, log) = server.stop();
    assert!(
        status.success() && begun.elapsed() < Duration::from_secs(10),
        "{log}"
    );
    assert_eq!(log, "");
    for left in ["ports.json", "admin.sock"] {
        assert!(!exists(&folder.data().join(left)), "{left}");
    }
}

#[test]
fn an_administrators_link_is_good_until_there_is_one_and_only_the_last() {
    let folder = Folder::new();
    let link = |greeting: &str| {
        greeting
            .split("/welcome/")
            .nth(1)
            .map(|rest| rest.trim().to_owned())
    };
    let first = Server::start(&folder, &[]);
    let first_link = link(&first.greeting).unwrap();
    first.kill();
    let second = Server::start(&folder, &[]);
    assert_ne!(link(&second.greeting), Some(first_link));
    let added = crate::running::add_account(&folder, "juliet@localhost", &["--admin"]);
    assert!(said(&added).contains("administers"));
    second.kill();
    assert_eq!(link(&Server::start(&folder, &[]).greeting), None);
}

#[test]
fn an_open_stream_is_told_that_the_server_stops() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut stream = server.connect("xmpp");
    stream
        .write_all(
            b"<stream:stream to='localhost' version='1.0' xmlns='jabber:client' \
              xmlns:stream='http://etherx.jabber.org/streams'>",
        )
        .unwrap();
    let mut seen = String::new();
    let mut bytes = [0; 4_096];
    while !seen.contains("</stream:features>") {
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    server.signal("TERM");
    stream.read_to_string(&mut seen).unwrap();
    assert!(seen.contains("<system-shutdown"), "{seen}");
    assert!(seen.ends_with("</stream:stream>"), "{seen}");
    assert!(server.stop().0.success());
}

#[test]
fn who_only_listens_does_not_hold_up_the_end() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut silent: Vec<_> = ["xmpp", "xmpp_tls", "http", "https"]
        .into_iter()
        .map(|service| server.connect(service))
        .collect();
    let mut kept = server.connect("http");
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut bytes = [0; 4_096];
    assert!(kept.read(&mut bytes).unwrap() > 0);
    let mut half = server.connect("http");
    half.write_all(b"GET /healthz HT").unwrap();
    // Whoever was accepted before the signal is known to the server once a later request was answered.
    assert_eq!(server.get("/healthz").0, 200);
    let begun = Instant::now();
    let (status, log) = server.stop();
    // A stream's other side has limits.close_seconds to close; nothing was cut after it.
    assert!(status.success() && log.is_empty(), "{log}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    silent.push(kept);
    silent.push(half);
}

#[test]
fn the_websocket_opens_beside_the_pages() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut stream = server.connect("http");
    write!(
        stream,
        "GET /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: xmpp\r\nOrigin: http://localhost:{}\r\n\r\n",
        server.port("http")
    )
    .unwrap();
    let mut seen = Vec::new();
    let mut bytes = [0; 4_096];
    while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0);
        seen.extend_from_slice(&bytes[..length]);
    }
    let head = String::from_utf8_lossy(&seen).to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(
        head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{head}"
    );
    let open = b"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
    // A final text frame under a mask of zeros.
    let mut frame = vec![0x81, 0x80 | u8::try_from(open.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(open);
    stream.write_all(&frame).unwrap();
    let mut answer = String::new();
    while !answer.contains("features") {
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    assert!(answer.contains("<open "), "{answer}");
    assert_eq!(server.get("/xmpp-websocket").0, 426);
}

#[test]
fn a_configuration_is_printed_whole_and_read_back() {
    let folder = Folder::new();
    let print = |arguments: &[&str]| {
        let mut command = program(&folder, &["config"]);
        said(&command.args(arguments).output().unwrap())
    };
    let text = print(&["--set", "limits.http_seconds=7", "--data", "elsewhere"]);
    assert!(
        text.contains("http_seconds = 7") && text.contains("data = \"elsewhere\""),
        "{text}"
    );
    std::fs::write(folder.join("folkmoot.toml"), &text).unwrap();
    assert_eq!(print(&[]), text);
}
