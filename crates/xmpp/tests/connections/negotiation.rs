//! RFC 6120 §4, §5 and §7, and what breaks them.

use rustls::version::TLS13;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use xmpp::listen::{Peer, serve_io};

use crate::support::{HEADER, PASSWORD, World, bind, dev_world, plain, world};

/// What is sent first on a fresh connection, and the stream error that it earns.
async fn first_words(world: &World, words: &str, condition: &str) {
    let mut client = world.connect();
    client.send(words).await;
    client.refused(condition).await;
}

#[tokio::test]
async fn the_header_is_answered_and_tls_demanded() {
    let world = world(|_| {}).await;
    let mut client = world.connect();
    client.send(HEADER).await;
    let answer = client.expect("</stream:features>").await;
    assert!(
        answer.starts_with("<?xml version='1.0'?><stream:stream "),
        "{answer}"
    );
    for attribute in [
        " from='localhost'",
        " version='1.0'",
        " xmlns='jabber:client'",
        " id='",
        " xml:lang='en'",
    ] {
        assert!(answer.contains(attribute), "{attribute} in {answer}");
    }
    assert!(
        answer.contains("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"),
        "{answer}"
    );
    assert!(!answer.contains("mechanism"), "{answer}");
}

#[tokio::test]
async fn who_says_their_name_is_greeted_by_it() {
    let world = world(|_| {}).await;
    let greetings = [
        (
            "from='Juliet@localhost/balcony' to=",
            Some(" to='juliet@localhost'"),
        ),
        ("to=", None),
        ("from='@' to=", None),
    ];
    for (words, greeting) in greetings {
        let mut client = world.connect();
        client.send(&HEADER.replace("to=", words)).await;
        let answer = client.expect("<stream:features").await;
        match greeting {
            Some(greeting) => assert!(answer.contains(greeting), "{answer}"),
            None => assert!(!answer.contains(" to="), "{answer}"),
        }
    }
}

#[tokio::test]
async fn stream_ids_differ() {
    let world = world(|_| {}).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let mut client = world.connect();
        client.send(HEADER).await;
        answers.push(client.expect("</stream:features>").await);
    }
    assert_ne!(answers[0], answers[1]);
}

#[tokio::test]
async fn wrong_headers_are_told_so() {
    let world = world(|_| {}).await;
    let header = |change: (&str, &str)| HEADER.replace(change.0, change.1);
    first_words(
        &world,
        &header(("localhost", "elsewhere.example")),
        "host-unknown",
    )
    .await;
    first_words(&world, &header(("localhost", "juliet@localhost")), "host-unknown").await;
    first_words(&world, &header(("localhost", "not a host")), "host-unknown").await;
    first_words(&world, &header((" to='localhost'", "")), "improper-addressing").await;
    first_words(&world, &header(("version='1.0' ", "")), "unsupported-version").await;
    first_words(
        &world,
        &header((" version='1.0' ", " version='0.9' ")),
        "unsupported-version",
    )
    .await;
    first_words(
        &world,
        &header(("jabber:client", "jabber:server")),
        "invalid-namespace",
    )
    .await;
    first_words(
        &world,
        &header(("http://etherx.jabber.org/streams", "urn:example:streams")),
        "invalid-namespace",
    )
    .await;
    first_words(&world, "GET / HTTP/1.1\r\n\r\n", "bad-format").await;
    first_words(
        &world,
        "<?xml version='1.0' encoding='ISO-8859-1'?>",
        "unsupported-encoding",
    )
    .await;
}

#[tokio::test]
async fn the_domain_is_prepared_before_it_is_compared() {
    let world = world(|_| {}).await;
    let mut client = world.connect();
    client.send(&HEADER.replace("localhost", "LocalHost")).await;
    client.expect("</stream:features>").await;
}

#[tokio::test]
async fn what_xmpp_forbids_ends_the_stream_before_authentication() {
    let world = world(|_| {}).await;
    for (words, condition) in [
        ("<!-- hello -->", "restricted-xml"),
        ("<!DOCTYPE lolz [<!ENTITY lol 'lol'>]>", "restricted-xml"),
        ("<?php ?>", "restricted-xml"),
        ("<auth>&lol;</auth>", "restricted-xml"),
        ("<a></b>", "not-well-formed"),
        ("<a b='1' b='2'/>", "not-well-formed"),
        ("<x:a/>", "bad-namespace-prefix"),
    ] {
        let mut client = world.connect();
        client.send(HEADER).await;
        client.expect("</stream:features>").await;
        client.send(words).await;
        client.refused(condition).await;
    }
    let mut client = world.connect();
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client.send_bytes(b"<a>\xff\xfe</a>").await;
    client.refused("not-well-formed").await;
}

#[tokio::test]
async fn elements_are_small_before_authentication() {
    let world = dev_world().await;
    let mut client = world.connect();
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client
        .send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{}",
            "A".repeat(10 * 1024)
        ))
        .await;
    client.refused("policy-violation").await;
}

#[tokio::test]
async fn elements_are_bounded_after_authentication() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.session("juliet", "balcony").await;
    let body = "x".repeat(100 * 1024);
    client
        .send(&format!(
            "<message to='juliet@localhost/balcony' id='large'><body>{body}</body></message>"
        ))
        .await;
    assert!(client.expect("</message>").await.contains(&body));
    let too_long = format!(
        "<message to='juliet@localhost/balcony'><body>{}",
        "x".repeat(256 * 1024)
    );
    let (read, write) = tokio::io::split(client.io);
    let mut writing = crate::support::Client::new(tokio::io::join(tokio::io::empty(), write));
    let mut reading = crate::support::Client::new(tokio::io::join(read, tokio::io::sink()));
    tokio::join!(writing.send(&too_long), reading.refused("policy-violation"));
}

#[tokio::test]
async fn nothing_goes_before_authentication() {
    let world = dev_world().await;
    for stanza in [
        "<message to='juliet@localhost'><body>hi</body></message>",
        "<presence/>",
        "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<r xmlns='urn:xmpp:sm:3'/>",
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    ] {
        let mut client = world.connect();
        client.send(HEADER).await;
        client.expect("</stream:features>").await;
        client.send(stanza).await;
        client.refused("not-authorized").await;
    }
}

#[tokio::test]
async fn where_tls_is_demanded_nothing_else_goes() {
    let world = world(|_| {}).await;
    world.account("juliet").await;
    let mut client = world.connect();
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client.send(&plain("juliet", "pencil")).await;
    client.refused("not-authorized").await;
}

#[tokio::test]
async fn words_behind_starttls_end_the_connection() {
    // They would be taken for the client's although they came in the clear.
    let world = world(|_| {}).await;
    let mut client = world.connect();
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client
        .send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><presence/>")
        .await;
    client
        .expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn starttls_twice_is_refused() {
    let world = world(|_| {}).await;
    let (mut client, features) = world.secure(&TLS13).await;
    assert!(!features.contains("starttls"), "{features}");
    client
        .send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    let rest = client.rest().await;
    assert_eq!(
        rest,
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"
    );
}

#[tokio::test]
async fn the_whole_way_over_starttls() {
    let world = world(|_| {}).await;
    world.account("juliet").await;
    let (mut client, features) = world.secure(&TLS13).await;
    assert!(features.contains("<mechanism>PLAIN</mechanism>"), "{features}");
    client.send(&plain("juliet", "pencil")).await;
    client
        .expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
        .await;
    client.send(HEADER).await;
    let features = client.expect("</stream:features>").await;
    assert!(
        features.contains("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"),
        "{features}"
    );
    assert!(!features.contains("mechanism"), "{features}");
    client.send(&bind("balcony")).await;
    let bound = client.expect("</iq>").await;
    assert!(bound.contains("<jid>juliet@localhost/balcony</jid>"), "{bound}");
    assert!(
        bound.contains("id='bind'") && bound.contains("type='result'"),
        "{bound}"
    );
    client
        .send("<message to='juliet@localhost/balcony' id='m'><body>Ay me!</body></message>")
        .await;
    let message = client.expect("</message>").await;
    assert!(message.contains("from='juliet@localhost/balcony'"), "{message}");
}

#[tokio::test]
async fn after_sasl_the_stream_is_to_the_same_domain() {
    let world = world(|settings| {
        settings.is_dev = true;
        settings.domains.push("example.org".to_owned());
    })
    .await;
    world.account("juliet").await;
    let mut client = world.connect();
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client.send(&plain("juliet", "pencil")).await;
    client.expect("<success").await;
    client.expect(">").await;
    client.send(&HEADER.replace("localhost", "example.org")).await;
    client.refused("host-unknown").await;
}

#[tokio::test]
async fn nothing_goes_before_the_resource() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.connect();
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client.send(&plain("juliet", "pencil")).await;
    client.expect("<success").await;
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client.send("<presence/>").await;
    client.refused("not-authorized").await;
}

#[tokio::test]
async fn resources_are_made_prepared_or_refused() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.connect();
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client.send(&plain("juliet", "pencil")).await;
    client.expect("<success").await;
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client.send(&bind(&"x".repeat(1024))).await;
    let error = client.expect("</iq>").await;
    assert!(error.contains("<bad-request "), "{error}");
    client
        .send("<iq type='set' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        .await;
    let bound = client.expect("</iq>").await;
    let jid = bound
        .split_once("<jid>juliet@localhost/")
        .unwrap()
        .1
        .split_once("</jid>")
        .unwrap()
        .0;
    assert!(jid.len() >= 12, "{bound}");
}

#[tokio::test]
async fn the_newest_of_a_resource_wins() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut first = world.session("juliet", "balcony").await;
    let mut second = world.session("juliet", "balcony").await;
    first.refused("conflict").await;
    second
        .send("<message to='juliet@localhost/balcony'><body>still here</body></message>")
        .await;
    second.expect("still here").await;
}

#[tokio::test]
async fn sessions_of_one_account_are_bounded() {
    let world = world(|settings| {
        settings.is_dev = true;
        settings.limits.sessions_per_account = 1;
    })
    .await;
    world.account("juliet").await;
    let _first = world.session("juliet", "one").await;
    let mut second = world.connect();
    second.send(HEADER).await;
    second.expect("</stream:features>").await;
    second.send(&plain("juliet", "pencil")).await;
    second.expect("<success").await;
    let refused = second.bind("two").await;
    assert!(refused.contains("<resource-constraint "), "{refused}");
    // The same resource takes the first one's place instead.
    second.send(&bind("one")).await;
    assert!(second.expect("</iq>").await.contains("<jid>"));
}

#[tokio::test]
async fn a_session_request_of_the_old_kind_is_answered() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.session("juliet", "balcony").await;
    client
        .send("<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>")
        .await;
    assert_eq!(client.expect("/>").await, "<iq type='result' id='s'/>");
}

#[tokio::test]
async fn nobody_writes_in_anothers_name() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.session("juliet", "balcony").await;
    // One's own addresses are fine, however they are spelt.
    for own in ["juliet@localhost", "JULIET@localhost/balcony"] {
        client
            .send(&format!(
                "<message from='{own}' to='juliet@localhost/balcony'><body>own</body></message>"
            ))
            .await;
        let message = client.expect("</message>").await;
        assert!(message.contains("from='juliet@localhost/balcony'"), "{message}");
    }
    client
        .send("<message from='romeo@localhost/x' to='juliet@localhost/balcony'><body>forged</body></message>")
        .await;
    client.refused("invalid-from").await;
}

#[tokio::test]
async fn whatever_is_no_stanza_ends_a_session() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.session("juliet", "balcony").await;
    client
        .send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>")
        .await;
    client.send("</stream:stream>").await;
    client.refused("unsupported-stanza-type").await;
}

#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.connect();
    for byte in HEADER.as_bytes() {
        client.send_bytes(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    client.expect("</stream:features>").await;
    for byte in plain("juliet", "pencil").as_bytes() {
        client.send_bytes(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    client.expect("<success").await;
    client.bind("balcony").await;
    for byte in b"<message to='juliet@localhost/balcony'><body>\xc3\xa9</body></message>" {
        client.send_bytes(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    client.expect("<body>é</body>").await;
}

/// A whole session's bytes, some of them changed: whatever comes of it, the connection's task neither panics nor hangs.
#[tokio::test]
async fn broken_streams_break_nothing() {
    let world = dev_world().await;
    world.account("juliet").await;
    let script = format!(
        "{HEADER}{}{HEADER}{}<presence/><message to='juliet@localhost/balcony'><body>hi &amp; bye</body></message>\
         <iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq></stream:stream>",
        plain("juliet", PASSWORD),
        bind("balcony"),
    );
    // A fixed sequence (Knuth's MMIX multiplier), so that a failure comes again.
    let mut state = 1u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for round in 0..150 {
        let mut bytes = script.clone().into_bytes();
        for _ in 0..random(3) {
            let at = random(bytes.len());
            match random(3) {
                0 => bytes[at] = random(256) as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        let (mut ours, theirs) = tokio::io::duplex(1 << 20);
        let serving = tokio::spawn(serve_io(
            world.server.clone(),
            theirs,
            Peer::direct([127, 0, 0, 1].into()),
        ));
        let piece = 1 + random(200);
        let talking = async {
            for piece in bytes.chunks(piece) {
                if ours.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let _ = ours.shutdown().await;
            let mut answer = Vec::new();
            let _ = ours.read_to_end(&mut answer).await;
            answer
        };
        let (served, answer) = tokio::join!(serving, talking);
        assert!(
            served.is_ok(),
            "round {round} panicked after {}",
            String::from_utf8_lossy(&answer)
        );
    }
    world.until_nobody_is_there().await;
}

/// RFC 6120 §8.1.2.1: what was asked of nobody is answered by nobody, else clients that compare do not see the answer.
#[tokio::test]
async fn the_stream_answers_as_it_was_asked() {
    let world = dev_world().await;
    world.account("juliet").await;
    for (asked, answered) in [
        ("", "id='bind'>"),
        (" to='localhost'", "id='bind' from='localhost'>"),
    ] {
        let mut client = world.connect();
        client.send(HEADER).await;
        client.expect("</stream:features>").await;
        client.send(&plain("juliet", "pencil")).await;
        client.expect("<success").await;
        client.send(HEADER).await;
        client.expect("</stream:features>").await;
        client
            .send(&bind("x").replacen("<iq", &format!("<iq{asked}"), 1))
            .await;
        let bound = client.expect("</iq>").await;
        assert!(
            bound.contains(&format!("<iq type='result' {answered}<bind")),
            "{bound}"
        );
    }
}
