//! XEP-0077 before authentication, with tokens (XEP-0445) and proof of work (XEP-0158).

use sha2::{Digest, Sha256};
use store::invites::InviteKind;
use tokio::io::DuplexStream;
use xmpp::listen::Peer;
use xmpp::settings::{Challenge, Registration, Settings};

use crate::support::{Client, HEADER, PASSWORD, World, plain, world};

async fn registering(change: impl FnOnce(&mut Settings)) -> World {
    world(|settings| {
        settings.is_dev = true;
        change(settings);
    })
    .await
}

async fn fresh(world: &World) -> (Client<DuplexStream>, String) {
    let mut client = world.connect();
    client.send(HEADER).await;
    let features = client.expect("</stream:features>").await;
    (client, features)
}

fn register(name: &str, password: &str, more: &str) -> String {
    format!(
        "<iq type='set' id='reg'><query xmlns='jabber:iq:register'><username>{name}</username>\
         <password>{password}</password>{more}</query></iq>"
    )
}

/// Asks and takes the answer: `Ok` for a result, the error's condition otherwise.
async fn ask(client: &mut Client<DuplexStream>, iq: &str) -> Result<String, String> {
    client.send(iq).await;
    let mut answer = client.expect(">").await;
    if !answer.ends_with("/>") {
        answer += &client.expect("</iq>").await;
    }
    if answer.contains("type='result'") {
        return Ok(answer);
    }
    let condition = answer
        .split_once("<error ")
        .unwrap()
        .1
        .split_once("><")
        .unwrap()
        .1;
    Err(condition.split_once(' ').unwrap().0.to_owned())
}

#[tokio::test]
async fn an_account_is_made_and_used_on_one_stream() {
    let world = registering(|_| {}).await;
    let (mut client, features) = fresh(&world).await;
    assert!(
        features.contains("<register xmlns='http://jabber.org/features/iq-register'/>"),
        "{features}"
    );
    let form = ask(
        &mut client,
        "<iq type='get' id='g'><query xmlns='jabber:iq:register'/></iq>",
    )
    .await
    .unwrap();
    assert!(
        form.contains("<username/>") && form.contains("<password/>"),
        "{form}"
    );
    ask(&mut client, &register("juliet", PASSWORD, "")).await.unwrap();
    client.send(&plain("juliet", PASSWORD)).await;
    client.expect("<success").await;
    client.bind("balcony").await;
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let world = registering(|_| {}).await;
    let (mut client, _) = fresh(&world).await;
    ask(&mut client, &register("Juliet", PASSWORD, "")).await.unwrap();
    for (name, password, more, condition) in [
        ("juliet", PASSWORD, "", "conflict"),
        ("JULIET", PASSWORD, "", "conflict"),
        ("admin", PASSWORD, "", "conflict"),
        ("Admin", PASSWORD, "", "conflict"),
        ("a@b", PASSWORD, "", "not-acceptable"),
        ("", PASSWORD, "", "not-acceptable"),
        ("romeo montague", PASSWORD, "", "not-acceptable"),
        ("romeo", "", "", "not-acceptable"),
        (
            "romeo",
            PASSWORD,
            "<audience xmlns='urn:x-folkmoot:register:0'>whitelist</audience>",
            "not-acceptable",
        ),
        ("romeo", PASSWORD, "<remove/>", "registration-required"),
    ] {
        assert_eq!(
            ask(&mut client, &register(name, password, more))
                .await
                .unwrap_err(),
            condition,
            "{name}"
        );
    }
    let long = "x".repeat(65);
    assert_eq!(
        ask(&mut client, &register(&long, PASSWORD, ""))
            .await
            .unwrap_err(),
        "not-acceptable"
    );
    let nothing = "<iq type='set' id='n'><query xmlns='jabber:iq:register'/></iq>";
    assert_eq!(ask(&mut client, nothing).await.unwrap_err(), "not-acceptable");
    // Somebody else's request is nobody's business before signing in.
    client
        .send("<iq type='get' id='1' to='example.org'><query xmlns='jabber:iq:register'/></iq>")
        .await;
    client.refused("not-authorized").await;
}

#[tokio::test]
async fn without_an_invitation_nobody_comes_in_where_one_is_needed() {
    let world = registering(|settings| settings.registration = Registration::Invite).await;
    let token = world.invite(InviteKind::Account, 1_000).await;
    let show = |token: &str| {
        format!(
            "<iq type='set' id='t' to='localhost'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>"
        )
    };
    let (mut client, features) = fresh(&world).await;
    assert!(
        features.contains("<register xmlns='urn:xmpp:ibr-token:0'/>"),
        "{features}"
    );
    assert_eq!(
        ask(&mut client, &register("juliet", PASSWORD, ""))
            .await
            .unwrap_err(),
        "not-allowed"
    );
    assert_eq!(
        ask(&mut client, &show("wrong")).await.unwrap_err(),
        "item-not-found"
    );
    ask(&mut client, &show(&token)).await.unwrap();
    // Its time is judged when it is shown (XEP-0445 §3).
    world.clock.advance(2_000);
    assert_eq!(
        ask(&mut client, &register("admin", PASSWORD, ""))
            .await
            .unwrap_err(),
        "conflict"
    );
    ask(&mut client, &register("juliet", PASSWORD, "")).await.unwrap();
    assert_eq!(
        ask(&mut client, &register("romeo", PASSWORD, ""))
            .await
            .unwrap_err(),
        "not-allowed"
    );
    let (mut late, _) = fresh(&world).await;
    assert_eq!(ask(&mut late, &show(&token)).await.unwrap_err(), "item-not-found");
}

#[tokio::test]
async fn an_invitation_for_one_makes_one() {
    let world = registering(|settings| settings.registration = Registration::Invite).await;
    let token = world.invite(InviteKind::Account, 1_000_000).await;
    let show = format!("<iq type='set' id='t'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>");
    let (mut first, _) = fresh(&world).await;
    let (mut second, _) = fresh(&world).await;
    ask(&mut first, &show).await.unwrap();
    ask(&mut second, &show).await.unwrap();
    ask(&mut first, &register("juliet", PASSWORD, "")).await.unwrap();
    assert_eq!(
        ask(&mut second, &register("romeo", PASSWORD, ""))
            .await
            .unwrap_err(),
        "item-not-found"
    );
}

#[tokio::test]
async fn a_closed_server_opens_for_its_administrator_only() {
    let world = registering(|settings| settings.registration = Registration::Closed).await;
    let ordinary = world.invite(InviteKind::Account, 1_000_000).await;
    let admin = world.invite(InviteKind::Admin, 1_000_000).await;
    let show = |token: &str| {
        format!("<iq type='set' id='t'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>")
    };
    let (mut client, features) = fresh(&world).await;
    assert!(!features.contains("register"), "{features}");
    let get = "<iq type='get' id='g'><query xmlns='jabber:iq:register'/></iq>";
    assert_eq!(ask(&mut client, get).await.unwrap_err(), "not-allowed");
    assert_eq!(
        ask(&mut client, &show(&ordinary)).await.unwrap_err(),
        "item-not-found"
    );
    assert_eq!(
        ask(&mut client, &register("juliet", PASSWORD, ""))
            .await
            .unwrap_err(),
        "not-allowed"
    );
    ask(&mut client, &show(&admin)).await.unwrap();
    ask(&mut client, &register("juliet", PASSWORD, "")).await.unwrap();
    let account = world
        .server
        .store
        .read(|reader| reader.account_named("localhost", "juliet"))
        .await
        .unwrap()
        .unwrap();
    assert!(account.is_admin);
}

#[tokio::test]
async fn work_is_demanded_and_proved_once() {
    let world = registering(|settings| settings.challenge = Challenge::ProofOfWork { bits: 8 }).await;
    let (mut client, _) = fresh(&world).await;
    assert_eq!(
        ask(&mut client, &register("juliet", PASSWORD, ""))
            .await
            .unwrap_err(),
        "not-acceptable"
    );
    let get = "<iq type='get' id='g'><query xmlns='jabber:iq:register'/></iq>";
    let form = ask(&mut client, get).await.unwrap();
    let field = form.split_once("var='SHA-256' label='").unwrap().1;
    let label = u8::from_str_radix(field.split_once('\'').unwrap().0, 16).unwrap();
    let answer = (0u32..)
        .map(|number| format!("localhost{number:X}"))
        .find(|answer| Sha256::digest(answer).last() == Some(&label))
        .unwrap();
    let submit = |name: &str| {
        let field = |var: &str, value: &str| format!("<field var='{var}'><value>{value}</value></field>");
        format!(
            "<iq type='set' id='s'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>{}{}{}{}</x></query></iq>",
            field("FORM_TYPE", "jabber:iq:register"),
            field("username", name),
            field("password", PASSWORD),
            field("SHA-256", &answer),
        )
    };
    ask(&mut client, &submit("juliet")).await.unwrap();
    // One piece of work, one account.
    assert_eq!(
        ask(&mut client, &submit("romeo")).await.unwrap_err(),
        "not-acceptable"
    );
}

#[tokio::test]
async fn accounts_from_one_address_are_bounded() {
    let world = world(|settings| settings.limits.registrations_per_ip_and_hour = 1).await;
    let peer = Peer {
        ip: [192, 0, 2, 1].into(),
        is_secure: true,
        is_loopback: false,
    };
    let fresh = async || {
        let mut client = world.connect_as(peer);
        client.send(HEADER).await;
        client.expect("</stream:features>").await;
        client
    };
    let mut client = fresh().await;
    ask(&mut client, &register("a", PASSWORD, "")).await.unwrap();
    // A name that is taken does not count.
    for _ in 0..5 {
        assert_eq!(
            ask(&mut client, &register("a", PASSWORD, "")).await.unwrap_err(),
            "conflict"
        );
    }
    ask(&mut client, &register("b", PASSWORD, "")).await.unwrap();
    assert_eq!(
        ask(&mut client, &register("c", PASSWORD, "")).await.unwrap_err(),
        "resource-constraint"
    );
    world.clock.advance(3_600_000);
    let mut client = fresh().await;
    ask(&mut client, &register("c", PASSWORD, "")).await.unwrap();
}

#[tokio::test]
async fn looking_for_a_free_name_has_its_end_too() {
    let world = registering(|_| {}).await;
    let (mut client, _) = fresh(&world).await;
    ask(&mut client, &register("juliet", PASSWORD, "")).await.unwrap();
    for _ in 0..99 {
        assert_eq!(
            ask(&mut client, &register("juliet", PASSWORD, ""))
                .await
                .unwrap_err(),
            "conflict"
        );
    }
    client.send(&register("juliet", PASSWORD, "")).await;
    client.refused("policy-violation").await;
}

#[tokio::test]
async fn the_audience_of_the_posts_is_chosen() {
    let world = registering(|_| {}).await;
    let (mut client, _) = fresh(&world).await;
    ask(&mut client, &register("open", PASSWORD, "")).await.unwrap();
    let presence = "<audience xmlns='urn:x-folkmoot:register:0'>presence</audience>";
    ask(&mut client, &register("shy", PASSWORD, presence))
        .await
        .unwrap();
    for (name, access) in [("open@localhost", "open"), ("shy@localhost", "presence")] {
        let view = world
            .server
            .host
            .view(&name.parse().unwrap(), "urn:xmpp:microblog:0")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(view.config.access.as_str(), access);
    }
}
