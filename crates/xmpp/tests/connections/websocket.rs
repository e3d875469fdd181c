//! RFC 7395 and what breaks it.

use tokio::io::DuplexStream;
use xmpp::listen::Peer;

use crate::support::{Client, PASSWORD, World, bind, dev_world, plain};

pub const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
const CLOSE: &str = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";

const TEXT: u8 = 0x81;

/// A masked frame.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut out = vec![first];
    match payload.len() {
        short @ 0..=125 => out.push(0x80 | short as u8),
        medium => {
            out.push(0x80 | 126);
            out.extend_from_slice(&u16::try_from(medium).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    out
}

pub async fn send(client: &mut Client<DuplexStream>, text: &str) {
    client.send_bytes(&frame(TEXT, text.as_bytes())).await;
}

/// A bound session of one's own.
pub async fn session_of(world: &World, name: &str, resource: &str) -> Client<DuplexStream> {
    world.account(name).await;
    let mut client = world.websocket(here());
    open(&mut client).await;
    send(&mut client, &plain(name, PASSWORD)).await;
    assert!(text(&mut client).await.starts_with("<success "));
    open(&mut client).await;
    send(
        &mut client,
        &bind(resource).replace("<iq ", "<iq xmlns='jabber:client' "),
    )
    .await;
    assert!(text(&mut client).await.contains("<jid>"));
    client
}

/// The next frame: its first byte and its payload.
async fn receive(client: &mut Client<DuplexStream>) -> (u8, String) {
    loop {
        if let [first, length, ..] = client.came[..] {
            assert_eq!(length & 0x80, 0, "a server does not mask");
            let (length, start) = match length {
                126 if client.came.len() >= 4 => (
                    usize::from(u16::from_be_bytes([client.came[2], client.came[3]])),
                    4,
                ),
                126 => (usize::MAX / 2, 4),
                short => (usize::from(short), 2),
            };
            if client.came.len() >= start + length {
                let rest = client.came.split_off(start + length);
                let frame = std::mem::replace(&mut client.came, rest);
                return (first, String::from_utf8_lossy(&frame[start..]).into_owned());
            }
        }
        assert!(client.read().await, "ended in a frame");
    }
}

pub async fn text(client: &mut Client<DuplexStream>) -> String {
    let (first, text) = receive(client).await;
    assert_eq!(first, TEXT, "{text}");
    text
}

pub async fn open(client: &mut Client<DuplexStream>) -> String {
    send(client, OPEN).await;
    let answer = text(client).await;
    assert!(
        answer.starts_with("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='localhost' id='"),
        "{answer}"
    );
    text(client).await
}

fn here() -> Peer {
    Peer::direct([127, 0, 0, 1].into())
}

async fn session(client: &mut Client<DuplexStream>) {
    let features = open(client).await;
    assert!(
        features.starts_with("<stream:features xmlns:stream='http://etherx.jabber.org/streams'"),
        "{features}"
    );
    assert!(
        !features.contains("starttls") && !features.contains("PLUS"),
        "{features}"
    );
    send(client, &plain("juliet", PASSWORD)).await;
    assert!(text(client).await.starts_with("<success "));
    assert!(open(client).await.contains("<bind "));
    send(client, &bind("web").replace("<iq ", "<iq xmlns='jabber:client' ")).await;
    assert!(text(client).await.contains("<jid>juliet@localhost/web</jid>"));
}

#[tokio::test]
async fn the_whole_way() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.websocket(here());
    session(&mut client).await;
    send(
        &mut client,
        "<message xmlns='jabber:client' to='juliet@localhost/web'><body>Ay me!</body></message>",
    )
    .await;
    let message = text(&mut client).await;
    assert!(message.starts_with("<message xmlns='jabber:client'"), "{message}");
    assert!(message.contains("from='juliet@localhost/web'"), "{message}");
    send(&mut client, CLOSE).await;
    assert_eq!(text(&mut client).await, CLOSE);
    // Then the WebSocket's own close, 1000.
    assert_eq!(receive(&mut client).await, (0x88, "\u{3}\u{fffd}".to_owned()));
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn pings_are_answered_wherever_they_come() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.websocket(here());
    client.send_bytes(&frame(0x89, b"early")).await;
    assert_eq!(receive(&mut client).await, (0x8a, "early".to_owned()));
    session(&mut client).await;
    client.send_bytes(&frame(0x89, b"late")).await;
    assert_eq!(receive(&mut client).await, (0x8a, "late".to_owned()));
    // Between the fragments of a message, too.
    client
        .send_bytes(&frame(
            0x01,
            b"<message xmlns='jabber:client' to='juliet@localhost/web'>",
        ))
        .await;
    client.send_bytes(&frame(0x89, b"between")).await;
    client
        .send_bytes(&frame(0x80, b"<body>in pieces</body></message>"))
        .await;
    assert_eq!(receive(&mut client).await, (0x8a, "between".to_owned()));
    assert!(text(&mut client).await.contains("in pieces"));
}

#[tokio::test]
async fn stream_errors_are_messages_of_their_own() {
    let world = dev_world().await;
    for (words, condition) in [
        (
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='elsewhere.example' version='1.0'/>",
            "host-unknown",
        ),
        (
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost'/>",
            "unsupported-version",
        ),
        ("<message xmlns='jabber:client'/>", "bad-format"),
        ("<a></b>", "not-well-formed"),
        ("<!-- hello -->", "restricted-xml"),
        ("<a/><b/>", "not-well-formed"),
        ("<a", "not-well-formed"),
        (" <a/>", "bad-format"),
        ("<?xml version='1.0'?><a/>", "restricted-xml"),
    ] {
        let mut client = world.websocket(here());
        send(&mut client, words).await;
        send(&mut client, CLOSE).await;
        let answer = text(&mut client).await;
        assert!(answer.starts_with("<open "), "{answer}");
        let error = text(&mut client).await;
        assert!(
            error.starts_with("<stream:error xmlns:stream='http://etherx.jabber.org/streams'><"),
            "{error}"
        );
        assert!(error.contains(&format!("<{condition} ")), "{words}: {error}");
        assert_eq!(text(&mut client).await, CLOSE);
        assert_eq!(receive(&mut client).await.0, 0x88);
    }
}

#[tokio::test]
async fn bad_frames_end_the_connection() {
    let world = dev_world().await;
    world.account("juliet").await;
    for (bytes, code) in [
        (vec![TEXT, 4, b'<', b'a', b'/', b'>'], 1002u16),
        (frame(0xc1, b"<a/>"), 1002),
        (frame(0x82, b"<a/>"), 1003),
        (frame(0x80, b"<a/>"), 1002),
        (
            vec![TEXT, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            1009,
        ),
    ] {
        let mut client = world.websocket(here());
        session(&mut client).await;
        client.send_bytes(&bytes).await;
        assert!(text(&mut client).await.starts_with("<stream:error "));
        assert_eq!(text(&mut client).await, CLOSE);
        // Read byte by byte, since the code is no text.
        while client.read().await {}
        assert_eq!(client.came, [&[0x88, 2][..], &code.to_be_bytes()].concat());
    }
}

#[tokio::test]
async fn a_websocket_that_just_closes_is_closed() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.websocket(here());
    session(&mut client).await;
    client.send_bytes(&frame(0x88, &1001u16.to_be_bytes())).await;
    assert_eq!(receive(&mut client).await.0, 0x88);
    assert_eq!(client.rest().await, "");
    drop(client);
    world.until_nobody_is_there().await;
}

#[tokio::test]
async fn the_language_of_the_stream_is_that_of_its_stanzas() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.websocket(here());
    open(&mut client).await;
    send(&mut client, &plain("juliet", PASSWORD)).await;
    text(&mut client).await;
    send(&mut client, &OPEN.replace("<open", "<open xml:lang='it'")).await;
    text(&mut client).await;
    text(&mut client).await;
    send(
        &mut client,
        &bind("web").replace("<iq ", "<iq xmlns='jabber:client' "),
    )
    .await;
    text(&mut client).await;
    send(
        &mut client,
        "<message xmlns='jabber:client' to='juliet@localhost/web'><body>Ahimè!</body></message>",
    )
    .await;
    let message = text(&mut client).await;
    assert!(message.contains("xml:lang='it'"), "{message}");
}

#[tokio::test]
async fn who_pings_without_reading_holds_no_memory() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.websocket(here());
    session(&mut client).await;
    const COUNT: usize = 5_000;
    for _ in 0..COUNT {
        client.send_bytes(&frame(0x89, &[b'p'; 100])).await;
    }
    send(&mut client, CLOSE).await;
    let mut pongs = 0;
    while receive(&mut client).await.0 == 0x8a {
        pongs += 1;
    }
    // What fits into the pipe and a little more; the rest was not worth keeping.
    assert!((1..2_000).contains(&pongs), "{pongs}");
}

#[tokio::test]
async fn a_silent_client_is_asked_and_then_given_up() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.websocket(here());
    session(&mut client).await;
    world.clock.advance(60_000);
    settle().await;
    assert!(client.came.is_empty(), "it was heard in the first minute");
    for _ in 0..3 {
        world.clock.advance(60_000);
        assert_eq!(receive(&mut client).await, (0x89, String::new()));
        client.send_bytes(&frame(0x8a, b"")).await;
        settle().await;
        // A minute in which it was heard, by its pong.
        world.clock.advance(60_000);
        settle().await;
    }
    world.clock.advance(60_000);
    assert_eq!(receive(&mut client).await, (0x89, String::new()));
    world.clock.advance(60_000);
    assert_eq!(client.rest().await, "");
    world.until_nobody_is_there().await;
}

/// Lets the server come to rest.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// RFC 7395 §3.6.1: a tab that is closed, or a browser that changes networks, closes the WebSocket and not the stream.
#[tokio::test]
async fn a_closed_websocket_leaves_a_session_that_can_be_resumed() {
    const ENABLE: &str = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
    let world = dev_world().await;
    let mut client = session_of(&world, "juliet", "balcony").await;
    send(&mut client, ENABLE).await;
    assert!(text(&mut client).await.starts_with("<enabled "));
    client.send_bytes(&frame(0x88, &1001u16.to_be_bytes())).await;
    while client.read().await {}
    let sessions = world.server.registry.all();
    assert!(sessions.len() == 1 && sessions[0].is_hibernating());
    // Who says goodbye is gone.
    let mut client = session_of(&world, "romeo", "orchard").await;
    send(&mut client, ENABLE).await;
    assert!(text(&mut client).await.starts_with("<enabled "));
    send(&mut client, CLOSE).await;
    while client.read().await {}
    assert_eq!(world.server.registry.all().len(), 1);
}
