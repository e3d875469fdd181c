//! RFC 6120 §6: every mechanism, bound to the channel and not, and what goes wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::version::{TLS12, TLS13};
use store::Write;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio_rustls::client::TlsStream;
use xmpp::auth::accounts::{Authority, NewAccount};
use xmpp::listen::Peer;
use xmpp::settings::Registration;

use crate::scram::{Exchange, Hashing, SHA1, SHA256, SHA512, content};
use crate::support::{Client, HEADER, PASSWORD, World, dev_world, plain, world};

const SASL: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";

async fn features<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>) -> String {
    client.send(HEADER).await;
    client.expect("</stream:features>").await
}

/// Sends something and takes the `<failure/>` that it earns.
async fn fails<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, words: &str, condition: &str) {
    client.send(words).await;
    let failure = client.expect("</failure>").await;
    assert!(
        failure.starts_with(&format!("<failure {SASL}><{condition}/>")),
        "{failure}"
    );
}

fn unbound<'a>(hashing: &'a Hashing, username: &'a str, password: &'a str) -> Exchange<'a> {
    Exchange {
        hashing,
        username,
        password,
        gs2: "n,,",
        binding: b"",
    }
}

/// Goes through an exchange; what came at its end.
async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<S>,
    exchange: &Exchange<'_>,
    plus: &str,
) -> Result<(), String> {
    client.send(&exchange.first(plus)).await;
    let challenge = client.expect(">").await;
    if challenge.starts_with("<failure") {
        return Err(challenge + &client.expect("</failure>").await);
    }
    let challenge = challenge + &client.expect("</challenge>").await;
    let (last, verifier) = exchange.last(&challenge);
    client.send(&last).await;
    let end = client.expect(">").await;
    if end.starts_with("<failure") {
        return Err(end + &client.expect("</failure>").await);
    }
    let end = end + &client.expect("</success>").await;
    assert_eq!(content(&end), verifier, "the server proves itself, too");
    Ok(())
}

#[tokio::test]
async fn every_hash_signs_in_from_the_first_password_on() {
    let world = dev_world().await;
    world.account("juliet").await;
    for hashing in [SHA1, SHA256, SHA512] {
        let mut client = world.connect();
        let announced = features(&mut client).await;
        assert!(
            announced.contains(&format!("<mechanism>{}</mechanism>", hashing.name)),
            "{announced}"
        );
        assert!(!announced.contains("-PLUS"), "{announced}");
        run(&mut client, &unbound(&hashing, "juliet", PASSWORD), "")
            .await
            .unwrap();
        client.bind("balcony").await;
    }
}

fn mechanisms(announced: &str) -> Vec<&str> {
    let names = announced.split("<mechanism>").skip(1);
    names.map(|rest| rest.split_once('<').unwrap().0).collect()
}

#[tokio::test]
async fn mechanisms_are_announced_strongest_first() {
    let world = world(|_| {}).await;
    let (_client, announced) = world.secure(&TLS13).await;
    let expected = [
        "SCRAM-SHA-512-PLUS",
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-512",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "OAUTHBEARER",
        "PLAIN",
    ];
    // By both profiles; then the second one's tokens.
    let (first, second) = announced.split_once("<authentication ").unwrap();
    let (second, inline) = second.split_once("<inline>").unwrap();
    assert_eq!(mechanisms(first), expected);
    assert_eq!(mechanisms(second), expected);
    let tokens = [
        "512-EXPR", "256-EXPR", "512-ENDP", "256-ENDP", "512-NONE", "256-NONE",
    ];
    assert_eq!(mechanisms(inline), tokens.map(|name| format!("HT-SHA-{name}")));
    let bindings = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/>\
                    <channel-binding type='tls-server-end-point'/></sasl-channel-binding>";
    assert!(announced.contains(bindings), "{announced}");
    let (_client, announced) = world.secure(&TLS12).await;
    assert!(
        announced.contains("-PLUS") && !announced.contains("tls-exporter"),
        "{announced}"
    );
}

pub fn exporter(client: &Client<TlsStream<DuplexStream>>) -> Vec<u8> {
    let connection = client.io.get_ref().1;
    connection
        .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
        .unwrap()
        .to_vec()
}

#[tokio::test]
async fn sign_in_can_be_bound_to_the_channel() {
    let world = world(|_| {}).await;
    world.account("juliet").await;
    for hashing in [SHA1, SHA256, SHA512] {
        let (mut client, _) = world.secure(&TLS13).await;
        let binding = exporter(&client);
        let exchange = Exchange {
            hashing: &hashing,
            username: "juliet",
            password: PASSWORD,
            gs2: "p=tls-exporter,,",
            binding: &binding,
        };
        run(&mut client, &exchange, "-PLUS").await.unwrap();
        client.bind("balcony").await;
    }
    for version in [&TLS12, &TLS13] {
        let (mut client, _) = world.secure(version).await;
        let binding = world.end_point();
        let exchange = Exchange {
            hashing: &SHA256,
            username: "juliet",
            password: PASSWORD,
            gs2: "p=tls-server-end-point,,",
            binding: &binding,
        };
        run(&mut client, &exchange, "-PLUS").await.unwrap();
    }
}

#[tokio::test]
async fn another_channel_is_refused() {
    let world = world(|_| {}).await;
    world.account("juliet").await;
    let (mut client, _) = world.secure(&TLS13).await;
    let exchange = |gs2, binding| Exchange {
        hashing: &SHA256,
        username: "juliet",
        password: PASSWORD,
        gs2,
        binding,
    };
    // What somebody in between would have.
    let refused = run(&mut client, &exchange("p=tls-exporter,,", &[7; 32]), "-PLUS")
        .await
        .unwrap_err();
    assert!(refused.contains("<not-authorized/>"), "{refused}");
    // A client that could bind, but was told that the server cannot (RFC 5802 §6).
    let refused = run(&mut client, &exchange("y,,", b""), "").await.unwrap_err();
    assert!(refused.starts_with("<failure"), "{refused}");
    // A binding type that we do not have.
    let refused = run(&mut client, &exchange("p=tls-unique,,", &[7; 32]), "-PLUS")
        .await
        .unwrap_err();
    assert!(refused.starts_with("<failure"), "{refused}");
    // -PLUS without binding.
    let refused = run(&mut client, &exchange("n,,", b""), "-PLUS")
        .await
        .unwrap_err();
    assert!(refused.starts_with("<failure"), "{refused}");
}

#[tokio::test]
async fn a_client_that_cannot_bind_may_say_so() {
    let world = world(|_| {}).await;
    world.account("juliet").await;
    let (mut client, _) = world.secure(&TLS13).await;
    run(&mut client, &unbound(&SHA256, "juliet", PASSWORD), "")
        .await
        .unwrap();
    // Without TLS of ours nothing is offered, so `y` is the truth.
    let dev = dev_world().await;
    dev.account("juliet").await;
    let mut client = dev.connect();
    features(&mut client).await;
    let exchange = Exchange {
        gs2: "y,,",
        ..unbound(&SHA256, "juliet", PASSWORD)
    };
    run(&mut client, &exchange, "").await.unwrap();
}

#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let world = dev_world().await;
    world.account("juliet").await;
    let salt = async |username: &str| {
        let mut client = world.connect();
        features(&mut client).await;
        client.send(&unbound(&SHA256, username, "wrong").first("")).await;
        let challenge = client.expect("</challenge>").await;
        let first = String::from_utf8(STANDARD.decode(content(&challenge)).unwrap()).unwrap();
        let (last, _) = unbound(&SHA256, username, "wrong").last(&challenge);
        fails(&mut client, &last, "not-authorized").await;
        first.split_once(",s=").unwrap().1.to_owned()
    };
    assert_eq!(salt("romeo").await, salt("romeo").await);
    // However it is spelt, as for a real account.
    assert_eq!(salt("romeo").await, salt("ROMEO").await);
    assert_eq!(salt("juliet").await, salt("JULIET").await);
    assert_ne!(salt("romeo").await, salt("mercutio").await);
    assert_eq!(salt("romeo").await.len(), salt("juliet").await.len());
}

#[tokio::test]
async fn wrong_messages_have_their_conditions() {
    let world = dev_world().await;
    world.account("juliet").await;
    let fresh = async || {
        let mut client = world.connect();
        features(&mut client).await;
        client
    };
    let auth = |mechanism: &str, text: &str| format!("<auth {SASL} mechanism='{mechanism}'>{text}</auth>");
    fails(&mut fresh().await, &auth("GSSAPI", "AAAA"), "invalid-mechanism").await;
    fails(
        &mut fresh().await,
        &auth("scram-sha-1", "AAAA"),
        "invalid-mechanism",
    )
    .await;
    fails(
        &mut fresh().await,
        &auth("SCRAM-SHA-1-PLUS", "AAAA"),
        "invalid-mechanism",
    )
    .await;
    fails(
        &mut fresh().await,
        &format!("<auth {SASL}>AAAA</auth>"),
        "invalid-mechanism",
    )
    .await;
    fails(
        &mut fresh().await,
        &auth("PLAIN", "not base64!"),
        "incorrect-encoding",
    )
    .await;
    fails(&mut fresh().await, &auth("PLAIN", "AAAA"), "malformed-request").await;
    fails(
        &mut fresh().await,
        &auth("SCRAM-SHA-1", "AAAA"),
        "malformed-request",
    )
    .await;
    let plain = |message: &str| auth("PLAIN", &STANDARD.encode(message));
    fails(&mut fresh().await, &plain("\0juliet\0wrong"), "not-authorized").await;
    fails(&mut fresh().await, &plain("\0nobody\0pencil"), "not-authorized").await;
    fails(
        &mut fresh().await,
        &plain("romeo@localhost\0juliet\0pencil"),
        "invalid-authzid",
    )
    .await;
    // One's own address may be asked for.
    let mut client = fresh().await;
    client.send(&plain("juliet@localhost\0juliet\0pencil")).await;
    client.expect("<success").await;
}

#[tokio::test]
async fn an_exchange_can_be_aborted_and_begun_again() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.connect();
    features(&mut client).await;
    client.send(&unbound(&SHA256, "juliet", PASSWORD).first("")).await;
    client.expect("</challenge>").await;
    fails(&mut client, &format!("<abort {SASL}/>"), "aborted").await;
    // Another <auth/> in the middle of one is no answer.
    client.send(&unbound(&SHA256, "juliet", PASSWORD).first("")).await;
    client.expect("</challenge>").await;
    fails(&mut client, &plain("juliet", PASSWORD), "malformed-request").await;
    run(&mut client, &unbound(&SHA256, "juliet", PASSWORD), "")
        .await
        .unwrap();
}

#[tokio::test]
async fn without_an_initial_response_the_client_is_asked() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.connect();
    features(&mut client).await;
    client.send(&format!("<auth {SASL} mechanism='PLAIN'/>")).await;
    client.expect(&format!("<challenge {SASL}/>")).await;
    let message = STANDARD.encode("\0juliet\0pencil");
    client
        .send(&format!("<response {SASL}>{message}</response>"))
        .await;
    client.expect(&format!("<success {SASL}/>")).await;
}

#[tokio::test]
async fn tries_on_one_stream_are_counted() {
    let world = dev_world().await;
    let mut client = world.connect();
    features(&mut client).await;
    for _ in 0..world.server.settings.limits.sasl_attempts - 1 {
        fails(&mut client, &plain("juliet", "guess"), "not-authorized").await;
    }
    client.send(&plain("juliet", "guess")).await;
    client.expect("</failure>").await;
    client.refused("policy-violation").await;
}

/// A connection over a proxy's TLS from afar.
fn proxied(world: &World, last: u8) -> Client<DuplexStream> {
    world.connect_as(Peer {
        ip: [192, 0, 2, last].into(),
        is_secure: true,
        is_loopback: false,
    })
}

#[tokio::test]
async fn failures_are_counted_by_account_and_by_address() {
    let world = world(|settings| {
        settings.limits.failed_logins_per_account_and_hour = 3;
        settings.limits.failed_logins_per_ip_and_hour = 4;
    })
    .await;
    world.account("juliet").await;
    // Three guesses at Juliet's from three places, and her own password does not help either for a while.
    for last in 1..=3 {
        let mut client = proxied(&world, last);
        features(&mut client).await;
        fails(&mut client, &plain("juliet", "guess"), "not-authorized").await;
    }
    let mut client = proxied(&world, 4);
    features(&mut client).await;
    fails(&mut client, &plain("juliet", "guess"), "not-authorized").await;
    fails(&mut client, &plain("juliet", PASSWORD), "temporary-auth-failure").await;
    world.clock.advance(3_600_000 / 3);
    let mut client = proxied(&world, 5);
    features(&mut client).await;
    client.send(&plain("juliet", PASSWORD)).await;
    client.expect("<success").await;
    // Many names from one place.
    let mut client = proxied(&world, 9);
    features(&mut client).await;
    for name in ["a", "b", "c", "d"] {
        fails(&mut client, &plain(name, "guess"), "not-authorized").await;
    }
    let mut client = proxied(&world, 9);
    features(&mut client).await;
    fails(&mut client, &plain("e", "guess"), "not-authorized").await;
    fails(&mut client, &plain("juliet", PASSWORD), "temporary-auth-failure").await;
}

#[tokio::test]
async fn whoever_guesses_elsewhere_locks_nobody_out_at_home() {
    let world = world(|settings| settings.limits.failed_logins_per_account_and_hour = 2).await;
    world.account("juliet").await;
    let mut home = proxied(&world, 1);
    features(&mut home).await;
    home.send(&plain("juliet", PASSWORD)).await;
    home.expect("<success").await;
    for last in 2..=4 {
        let mut client = proxied(&world, last);
        features(&mut client).await;
        fails(&mut client, &plain("juliet", "guess"), "not-authorized").await;
    }
    let mut elsewhere = proxied(&world, 5);
    features(&mut elsewhere).await;
    fails(
        &mut elsewhere,
        &plain("juliet", PASSWORD),
        "temporary-auth-failure",
    )
    .await;
    let mut again = proxied(&world, 1);
    features(&mut again).await;
    again.send(&plain("juliet", PASSWORD)).await;
    again.expect("<success").await;
}

#[tokio::test]
async fn passwords_in_the_clear_need_tls() {
    // A WebSocket from this machine may do without TLS, but not for this.
    let world = world(|_| {}).await;
    world.account("juliet").await;
    let peer = Peer::direct([127, 0, 0, 1].into());
    let mut client = world.websocket(peer);
    crate::websocket::open(&mut client).await;
    crate::websocket::send(&mut client, &plain("juliet", PASSWORD)).await;
    client.expect("<encryption-required/>").await;
    // From afar nothing goes at all without TLS.
    let mut client = world.websocket(Peer::direct([192, 0, 2, 1].into()));
    crate::websocket::send(&mut client, crate::websocket::OPEN).await;
    client.expect("<policy-violation ").await;
}

#[tokio::test]
async fn closed_accounts_are_told_so_after_the_proof() {
    let world = world(|settings| {
        settings.is_dev = true;
        settings.registration = Registration::Approval;
    })
    .await;
    world.account("juliet").await;
    let auth = &world.server.auth;
    let peer = Authority::Peer([127, 0, 0, 1].into(), None);
    let new = NewAccount {
        domain: "localhost",
        name: "romeo",
        password: PASSWORD,
        audience: None,
    };
    let romeo = world.server.register(peer, new).await.unwrap();
    assert!(romeo.is_pending);
    let no = world
        .server
        .store
        .jids()
        .number("juliet@localhost")
        .await
        .unwrap();
    let mut session = world.session("juliet", "balcony").await;
    auth.disable(&world.server.registry, no).await.unwrap();
    session
        .expect("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
        .await;
    for name in ["juliet", "romeo"] {
        let mut client = world.connect();
        features(&mut client).await;
        fails(&mut client, &plain(name, "guess"), "not-authorized").await;
        fails(&mut client, &plain(name, PASSWORD), "account-disabled").await;
    }
    auth.enable(no).await.unwrap();
    world.session("juliet", "balcony").await;
    let romeo = world.server.store.jids().number("romeo@localhost").await.unwrap();
    auth.enable(romeo).await.unwrap();
    world.session("romeo", "orchard").await;
}

fn bearer(token: &str) -> String {
    let message = STANDARD.encode(format!("n,,\x01auth=Bearer {token}\x01\x01"));
    format!("<auth {SASL} mechanism='OAUTHBEARER'>{message}</auth>")
}

#[tokio::test]
async fn a_device_stays_signed_in_until_it_is_revoked() {
    let world = dev_world().await;
    world.account("juliet").await;
    let auth = &world.server.auth;
    let no = world
        .server
        .store
        .jids()
        .number("juliet@localhost")
        .await
        .unwrap();
    let device = auth.add_device(no, "Firefox on Linux").await.unwrap();
    let mut client = world.connect();
    features(&mut client).await;
    client.send(&bearer(&device.token)).await;
    client.expect("<success").await;
    client.bind("web").await;
    let mut by_password = world.session("juliet", "phone").await;

    assert!(
        auth.revoke_device(&world.server.registry, no, device.id)
            .await
            .unwrap()
    );
    client
        .expect("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
        .await;
    assert!(
        !auth
            .revoke_device(&world.server.registry, no, device.id)
            .await
            .unwrap()
    );
    let mut client = world.connect();
    features(&mut client).await;
    client.send(&bearer(&device.token)).await;
    // RFC 7628 §3.2.3
    let challenge = client.expect("</challenge>").await;
    assert!(
        String::from_utf8(STANDARD.decode(content(&challenge)).unwrap())
            .unwrap()
            .contains("invalid_token")
    );
    fails(
        &mut client,
        &format!("<response {SASL}>AQ==</response>"),
        "not-authorized",
    )
    .await;
    // Sessions of the password are not concerned.
    by_password
        .send("<message to='juliet@localhost/phone'><body>still here</body></message>")
        .await;
    by_password.expect("still here").await;
}

#[tokio::test]
async fn devices_of_one_account_are_bounded() {
    let world = world(|settings| settings.limits.devices_per_account = 2).await;
    world.account("juliet").await;
    let auth = &world.server.auth;
    let no = world
        .server
        .store
        .jids()
        .number("juliet@localhost")
        .await
        .unwrap();
    for label in ["first", "second", "third"] {
        auth.add_device(no, label).await.unwrap();
        world.clock.advance(1);
    }
    let labels: Vec<_> = auth
        .devices(no)
        .await
        .unwrap()
        .into_iter()
        .map(|device| device.label)
        .collect();
    assert_eq!(labels, ["third", "second"]);
}

#[tokio::test]
async fn a_token_that_is_not_used_ends() {
    let world = dev_world().await;
    world.account("juliet").await;
    let no = world
        .server
        .store
        .jids()
        .number("juliet@localhost")
        .await
        .unwrap();
    let device = world.server.auth.add_device(no, "phone").await.unwrap();
    let lifetime = world.server.settings.limits.device_lifetime_ms as u64;
    let sign_in = async || {
        let mut client = world.connect();
        features(&mut client).await;
        client.send(&bearer(&device.token)).await;
        let is_in = client.expect(">").await.starts_with("<success");
        // That the token was used is noted a little later.
        world.server.store.write(Write::all(Vec::new())).await.unwrap();
        is_in
    };
    // Each use makes it last longer.
    for _ in 0..3 {
        world.clock.advance(lifetime - 1);
        assert!(sign_in().await);
    }
    world.clock.advance(lifetime + 1);
    assert!(!sign_in().await);
}

#[tokio::test]
async fn a_new_password_signs_the_other_devices_out() {
    let world = dev_world().await;
    world.account("juliet").await;
    let auth = &world.server.auth;
    let no = world
        .server
        .store
        .jids()
        .number("juliet@localhost")
        .await
        .unwrap();
    let kept = auth.add_device(no, "kept").await.unwrap();
    let other = auth.add_device(no, "other").await.unwrap();
    let mut keeper = world.connect();
    features(&mut keeper).await;
    keeper.send(&bearer(&kept.token)).await;
    keeper.expect("<success").await;
    keeper.bind("kept").await;
    let mut stranger = world.session("juliet", "stranger").await;
    let by = world.server.registry.session(no, "kept").unwrap();
    auth.set_password(&world.server.registry, no, "crayon", Some(&by))
        .await
        .unwrap();
    // Whoever is in by the old password is out, and what they still send takes no effect.
    stranger
        .send("<message to='juliet@localhost/kept'><body>late</body></message>")
        .await;
    stranger.refused("not-authorized").await;
    keeper
        .send("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    assert!(!keeper.expect("id='p'").await.contains("late"));
    let left: Vec<_> = auth
        .devices(no)
        .await
        .unwrap()
        .into_iter()
        .map(|device| device.id)
        .collect();
    assert_eq!(left, [kept.id]);
    assert_ne!(kept.token, other.token);
    for hashing in [SHA1, SHA256, SHA512] {
        let mut client = world.connect();
        features(&mut client).await;
        run(&mut client, &unbound(&hashing, "juliet", PASSWORD), "")
            .await
            .unwrap_err();
        run(&mut client, &unbound(&hashing, "juliet", "crayon"), "")
            .await
            .unwrap();
    }
    auth.set_password(&world.server.registry, no, "brush", None)
        .await
        .unwrap();
    assert!(auth.devices(no).await.unwrap().is_empty());
}
