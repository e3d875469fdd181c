//! However a stream is cut into pieces on its way, it says the same: over TCP and WebSocket at every byte, over HTTP in every
//! grouping of stanzas into requests.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::DuplexStream;
use tokio::runtime::Runtime;

use crate::bosh;
use crate::support::{Client, HEADER, PASSWORD, dev_world, plain};
use crate::websocket;

/// Whatever has been sent is taken before the next piece comes.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

async fn send_in_two(client: &mut Client<DuplexStream>, bytes: &[u8], at: usize) {
    client.send_bytes(&bytes[..at]).await;
    settle().await;
    client.send_bytes(&bytes[at..]).await;
}

fn message(text: &str) -> String {
    format!("<message to='juliet@localhost/balcony' type='headline'><body>{text}</body></message>")
}

/// Text, attributes of both quotes, references, CDATA, several bytes in one character, an element in another namespace.
const RICH: &str = "<message to='juliet@localhost/balcony' type=\"headline\"><body>&lt;a &#x41;&apos; é漢🌹</body>\
                    <x:y xmlns:x='urn:x' z=\"'\"><![CDATA[<&]]></x:y></message>";

#[tokio::test]
async fn over_tcp_at_every_byte() {
    let world = dev_world().await;
    world.account("juliet").await;
    // The way to the session in single bytes.
    let mut client = world.connect();
    for byte in HEADER.bytes() {
        client.send_bytes(&[byte]).await;
        settle().await;
    }
    client.expect("</stream:features>").await;
    for byte in plain("juliet", PASSWORD).bytes() {
        client.send_bytes(&[byte]).await;
        settle().await;
    }
    client.expect("<success").await;
    client.bind("balcony").await;
    let packet = format!("{RICH}{}", message("mark"));
    let mut first = None;
    for at in 0..=packet.len() {
        send_in_two(&mut client, packet.as_bytes(), at).await;
        let came = client.expect("<body>mark</body></message>").await;
        // Each has an id of its own kind only where it is archived, and headlines are not.
        assert_eq!(
            *first.get_or_insert_with(|| came.clone()),
            came,
            "cut at byte {at}"
        );
    }
}

#[tokio::test]
async fn over_websocket_at_every_byte_and_in_fragments() {
    let world = dev_world().await;
    let mut client = websocket::session_of(&world, "juliet", "balcony").await;
    let whole = websocket::frame(0x81, RICH.as_bytes());
    let mut first = None;
    let mut check = |came: String, how: &str, at: usize| {
        assert_eq!(
            *first.get_or_insert_with(|| came.clone()),
            came,
            "{how} at byte {at}"
        );
    };
    for at in 0..=whole.len() {
        send_in_two(&mut client, &whole, at).await;
        check(websocket::text(&mut client).await, "cut", at);
    }
    for at in 0..=RICH.len() {
        // A fragment may end in the midst of a character (RFC 6455 §5.6).
        let (one, other) = RICH.as_bytes().split_at(at);
        let mut frames = websocket::frame(0x01, one);
        frames.extend(websocket::frame(0x80, other));
        client.send_bytes(&frames).await;
        check(websocket::text(&mut client).await, "fragmented", at);
    }
}

/// Stanzas of any text, and where what carries them is cut.
fn stanzas() -> impl Strategy<Value = (Vec<String>, Vec<usize>)> {
    let text = "[ -%'-;=-~éß漢🌹\u{2028}]{0,80}";
    (vec(text, 1..12), vec(0..2_000_usize, 0..12))
}

/// Sends the same in pieces and sees the same come back.
fn holds(runtime: &Runtime, play: &impl AsyncFn(&[String], &[usize]) -> Vec<String>) {
    let config = Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&stanzas(), |(texts, cuts)| {
        let came = runtime.block_on(play(&texts, &cuts));
        prop_assert_eq!(came, texts);
        Ok(())
    });
    result.unwrap();
}

/// The texts of messages, in their order, up to the last.
fn bodies(came: &str) -> Vec<String> {
    came.split("<body>")
        .skip(1)
        .map(|rest| rest.split("</body>").next().unwrap().to_owned())
        .filter(|text| text != "end")
        .collect()
}

fn packet(texts: &[String]) -> Vec<String> {
    let mut all: Vec<String> = texts.iter().map(|text| message(text)).collect();
    all.push(message("end"));
    all
}

/// The pieces between these places, as far as there are any.
fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % bytes.len()).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn any_stanzas_in_any_pieces_over_tcp() {
    let runtime = runtime();
    let (_world, client) = runtime.block_on(async {
        let world = dev_world().await;
        world.account("juliet").await;
        let client = world.session("juliet", "balcony").await;
        (world, client)
    });
    let client = tokio::sync::Mutex::new(client);
    holds(&runtime, &async |texts: &[String], cuts: &[usize]| {
        let mut client = client.lock().await;
        let bytes = packet(texts).concat().into_bytes();
        for piece in pieces(&bytes, cuts) {
            client.send_bytes(piece).await;
            settle().await;
        }
        bodies(&client.expect("<body>end</body></message>").await)
    });
}

#[test]
fn any_stanzas_in_any_pieces_over_websocket() {
    let runtime = runtime();
    let (_world, client) = runtime.block_on(async {
        let world = dev_world().await;
        let client = websocket::session_of(&world, "juliet", "balcony").await;
        (world, client)
    });
    let client = tokio::sync::Mutex::new(client);
    holds(&runtime, &async |texts: &[String], cuts: &[usize]| {
        let mut client = client.lock().await;
        let bytes: Vec<u8> = packet(texts)
            .iter()
            .flat_map(|stanza| websocket::frame(0x81, stanza.as_bytes()))
            .collect();
        for piece in pieces(&bytes, cuts) {
            client.send_bytes(piece).await;
            settle().await;
        }
        let mut came = String::new();
        while !came.ends_with("<body>end</body></message>") {
            came += &websocket::text(&mut client).await;
        }
        bodies(&came)
    });
}

#[test]
fn any_stanzas_in_any_requests_over_http() {
    let runtime = runtime();
    let (_world, session) = runtime.block_on(async {
        let world = dev_world().await;
        let session =
            bosh::Session::bound(&world, "juliet", "to='localhost' wait='60' hold='1' ver='1.6'").await;
        (world, session)
    });
    let session = tokio::sync::Mutex::new(session);
    holds(&runtime, &async |texts: &[String], cuts: &[usize]| {
        let mut session = session.lock().await;
        let stanzas: Vec<String> = packet(texts)
            .iter()
            .map(|stanza| stanza.replace("/balcony", "/http"))
            .collect();
        // Where the wrappers are divided; white space between elements is nothing.
        let mut groups = vec![String::new()];
        for (at, stanza) in stanzas.iter().enumerate() {
            if cuts.iter().any(|cut| cut % (stanzas.len() + 1) == at) {
                groups.push("\n ".to_owned());
            }
            if let Some(group) = groups.last_mut() {
                group.push_str(stanza);
            }
        }
        let mut came = String::new();
        for group in groups.iter().filter(|group| !group.trim().is_empty()) {
            came += &session.says(group).await;
        }
        while !came.contains("<body>end</body>") {
            came += &session.says("").await;
        }
        bodies(&came)
    });
    drop(session);
}
