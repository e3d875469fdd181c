//! XEP-0388 and XEP-0484 over TLS: tokens bound to the channel, and to the one for which they were given.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use rustls::version::{TLS12, TLS13};
use sha2::Sha256;
use tokio::io::DuplexStream;
use tokio_rustls::client::TlsStream;
use xmpp::listen::Peer;

use crate::sasl::exporter;
use crate::scram::{Exchange, SHA256, content};
use crate::support::{Client, HEADER, PASSWORD, World, dev_world, world};

type Tls = Client<TlsStream<DuplexStream>>;

const AGENT: &str =
    "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>AwesomeXMPP</software></user-agent>";

fn authenticate(mechanism: &str, first: &[u8], children: &str) -> String {
    let first = STANDARD.encode(first);
    format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{mechanism}'><initial-response>{first}</initial-response>\
         {AGENT}{children}</authenticate>"
    )
}

/// Signs in with the password and asks for a token for a mechanism.
async fn token(world: &World, mechanism: &str) -> String {
    let (mut client, _) = world.secure(&TLS13).await;
    let request = format!("<request-token xmlns='urn:xmpp:fast:0' mechanism='{mechanism}'/>");
    let first = format!("\0juliet\0{PASSWORD}");
    client
        .send(&authenticate("PLAIN", first.as_bytes(), &request))
        .await;
    let success = client.expect("</success>").await;
    let (_, rest) = success.split_once(" token='").expect("a token is given");
    rest.split_once('\'').unwrap().0.to_owned()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// Shows a token on this channel; the outcome.
async fn show(client: &mut Tls, mechanism: &str, token: &str, bound_to: &[u8]) -> String {
    let proof = mac(token.as_bytes(), &[b"Initiator", bound_to]);
    let first = [b"juliet\0", &proof[..]].concat();
    client
        .send(&authenticate(
            mechanism,
            &first,
            "<fast xmlns='urn:xmpp:fast:0'/>",
        ))
        .await;
    client.expect("</success>").await
}

/// The same, refused with this condition.
async fn refused(client: &mut Tls, mechanism: &str, token: &str, bound_to: &[u8], condition: &str) {
    let proof = mac(token.as_bytes(), &[b"Initiator", bound_to]);
    let first = [b"juliet\0", &proof[..]].concat();
    client
        .send(&authenticate(
            mechanism,
            &first,
            "<fast xmlns='urn:xmpp:fast:0'/>",
        ))
        .await;
    let failure = client.expect("</failure>").await;
    let expected = format!(
        "<failure xmlns='urn:xmpp:sasl:2'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>"
    );
    assert_eq!(failure, expected);
}

#[tokio::test]
async fn tokens_are_bound_to_the_channel() {
    let world = world(|_| {}).await;
    world.account("juliet").await;
    for (mechanism, is_exporter) in [("HT-SHA-256-EXPR", true), ("HT-SHA-256-ENDP", false)] {
        let token = token(&world, mechanism).await;
        for version in [&TLS13, &TLS12] {
            let (mut client, _) = world.secure(version).await;
            if is_exporter && std::ptr::eq(version, &TLS12) {
                // Without TLS 1.3 there is no exporter, and the mechanism is not offered.
                refused(&mut client, mechanism, &token, b"", "invalid-mechanism").await;
                continue;
            }
            let here = if is_exporter {
                exporter(&client)
            } else {
                world.end_point()
            };
            // As somebody in between has another channel; and without any.
            refused(&mut client, mechanism, &token, &[7; 32], "not-authorized").await;
            refused(&mut client, mechanism, &token, b"", "not-authorized").await;
            // As another mechanism, whatever that would allow (§3.4).
            refused(&mut client, "HT-SHA-256-NONE", &token, b"", "not-authorized").await;
            let success = show(&mut client, mechanism, &token, &here).await;
            let (_, data) = success.split_once("<additional-data").unwrap();
            let answer = STANDARD.encode(mac(token.as_bytes(), &[b"Responder", &here]));
            assert_eq!(content(data), answer, "the server proves itself, too");
            client.expect("</stream:features>").await;
        }
    }
}

#[tokio::test]
async fn what_was_seen_on_one_channel_is_worth_nothing_on_another() {
    let world = world(|_| {}).await;
    world.account("juliet").await;
    let token = token(&world, "HT-SHA-256-EXPR").await;
    let (mut client, _) = world.secure(&TLS13).await;
    let seen = exporter(&client);
    show(&mut client, "HT-SHA-256-EXPR", &token, &seen).await;
    let (mut other, _) = world.secure(&TLS13).await;
    assert_ne!(exporter(&other), seen);
    refused(&mut other, "HT-SHA-256-EXPR", &token, &seen, "not-authorized").await;
}

#[tokio::test]
async fn the_second_profile_binds_to_the_channel_and_protects_what_was_announced() {
    let world = world(|_| {}).await;
    world.account("juliet").await;
    let (mut client, announced) = world.secure(&TLS13).await;
    let binding = exporter(&client);
    let exchange = Exchange {
        hashing: &SHA256,
        username: "juliet",
        password: PASSWORD,
        gs2: "p=tls-exporter,,",
        binding: &binding,
    };
    let first = exchange.first("-PLUS");
    let first = STANDARD.decode(content(&first)).unwrap();
    client.send(&authenticate("SCRAM-SHA-256-PLUS", &first, "")).await;
    let challenge = client.expect("</challenge>").await;
    assert!(
        challenge.starts_with("<challenge xmlns='urn:xmpp:sasl:2'>"),
        "{challenge}"
    );
    let server_first = String::from_utf8(STANDARD.decode(content(&challenge)).unwrap()).unwrap();
    // XEP-0474 §3.1, from what this client saw.
    let sorted = |of: &str, before: &str| {
        let mut names: Vec<&str> = of
            .split(before)
            .skip(1)
            .map(|rest| rest.split_once(['<', '\'']).unwrap().0)
            .collect();
        names.sort_unstable();
        names.join("\u{1e}")
    };
    let (_, second) = announced.split_once("<authentication ").unwrap();
    let (second, rest) = second.split_once("<inline>").unwrap();
    let list = [
        sorted(second, "<mechanism>"),
        sorted(rest, "<channel-binding type='"),
    ]
    .join("\u{1f}");
    let hash = <Sha256 as sha2::Digest>::digest(list.as_bytes());
    let expected = format!(",h={}", STANDARD.encode(hash));
    assert!(server_first.ends_with(&expected), "{server_first}: {list:?}");
    let (last, verifier) = exchange.last(&challenge);
    let last = last.replace("urn:ietf:params:xml:ns:xmpp-sasl", "urn:xmpp:sasl:2");
    client.send(&last).await;
    let success = client.expect("</success>").await;
    let (_, data) = success.split_once("<additional-data").unwrap();
    assert_eq!(content(data), verifier);
    assert!(success.contains("<authorization-identifier>juliet@localhost</authorization-identifier>"));
}

#[tokio::test]
async fn the_second_profile_needs_tls() {
    let world = world(|_| {}).await;
    world.account("juliet").await;
    // A WebSocket from this machine may do without TLS, but not for this.
    let mut client = world.websocket(Peer::direct([127, 0, 0, 1].into()));
    let features = crate::websocket::open(&mut client).await;
    assert!(!features.contains("urn:xmpp:sasl:2"), "{features}");
    let first = format!("\0juliet\0{PASSWORD}");
    let words = authenticate("PLAIN", first.as_bytes(), "");
    crate::websocket::send(&mut client, &words).await;
    client
        .expect("<failure xmlns='urn:xmpp:sasl:2'><encryption-required ")
        .await;
    // Nor before STARTTLS.
    let mut client = world.connect();
    client.send(HEADER).await;
    let features = client.expect("</stream:features>").await;
    assert!(!features.contains("urn:xmpp:sasl:2"), "{features}");
    client.send(&words).await;
    client.refused("not-authorized").await;
}

/// A client that knows the server from before says all at once and waits for one answer.
#[tokio::test]
async fn everything_may_be_sent_at_once() {
    let world = world(|_| {}).await;
    world.account("juliet").await;
    let token = token(&world, "HT-SHA-256-NONE").await;
    let mut client = world.connect_as(Peer {
        ip: [192, 0, 2, 1].into(),
        is_secure: true,
        is_loopback: false,
    });
    let proof = mac(token.as_bytes(), &[b"Initiator"]);
    let first = [b"juliet\0", &proof[..]].concat();
    let inline = "<fast xmlns='urn:xmpp:fast:0'/><bind xmlns='urn:xmpp:bind:0'><tag>at once</tag></bind>";
    let all = format!(
        "{HEADER}{}<iq type='get' id='early'><ping xmlns='urn:xmpp:ping'/></iq>",
        authenticate("HT-SHA-256-NONE", &first, inline)
    );
    client.send(&all).await;
    let success = client.expect("</success>").await;
    assert!(
        success.contains("<authorization-identifier>juliet@localhost/at once/"),
        "{success}"
    );
    client.expect("</stream:features>").await;
    client.expect("id='early'").await;
}

#[tokio::test]
async fn over_a_websocket_each_element_is_a_message() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.websocket(Peer::direct([127, 0, 0, 1].into()));
    let features = crate::websocket::open(&mut client).await;
    assert!(
        features.contains("<authentication xmlns='urn:xmpp:sasl:2'>"),
        "{features}"
    );
    let first = format!("\0juliet\0{PASSWORD}");
    let words = authenticate("PLAIN", first.as_bytes(), "<bind xmlns='urn:xmpp:bind:0'/>");
    crate::websocket::send(&mut client, &words).await;
    let success = crate::websocket::text(&mut client).await;
    assert!(
        success.starts_with("<success ") && success.ends_with("</success>"),
        "{success}"
    );
    let features = crate::websocket::text(&mut client).await;
    assert!(features.starts_with("<stream:features "), "{features}");
    // XEP-0478: a silent WebSocket is asked for a sign of life.
    assert!(features.contains("<idle-seconds>60</idle-seconds>"), "{features}");
    let ping = "<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>";
    crate::websocket::send(&mut client, ping).await;
    assert!(crate::websocket::text(&mut client).await.contains("id='p'"));
}

#[tokio::test]
async fn who_has_too_many_sessions_is_told_to_try_later() {
    let world = world(|settings| {
        settings.is_dev = true;
        settings.limits.sessions_per_account = 1;
    })
    .await;
    world.account("juliet").await;
    let first = format!("\0juliet\0{PASSWORD}");
    let bind = "<bind xmlns='urn:xmpp:bind:0'/>";
    let words = authenticate("PLAIN", first.as_bytes(), bind);
    let other = words.replace("d4565fa7", "11111111");
    let sign_in = async |words: &str| {
        let mut client = world.connect();
        client.send(HEADER).await;
        client.expect("</stream:features>").await;
        client.send(words).await;
        client
    };
    let mut one = sign_in(&words).await;
    one.expect("</success>").await;
    let mut two = sign_in(&other).await;
    let failure = two.expect("</failure>").await;
    assert!(failure.contains("<temporary-auth-failure "), "{failure}");
    // The same client takes its own place.
    let mut again = sign_in(&words).await;
    again.expect("</success>").await;
    one.expect("<conflict ").await;
}
