//! Floods, clients that do not read, and too many connections.

use std::net::{IpAddr, Ipv4Addr};

use store::JidNo;
use wire::BareJid;
use xmpp::roster::contact::Details;

use crate::support::{HEADER, World, dev_world, world};

const AFAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

#[tokio::test]
async fn connections_from_one_address_are_bounded() {
    let world = world(|settings| settings.limits.connections_per_ip = 2).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = world.connect_from(AFAR);
        client.send(HEADER).await;
        client.expect("</stream:features>").await;
        held.push(client);
    }
    world.connect_from(AFAR).refused("policy-violation").await;
    // Others are not concerned, nor is this machine.
    for ip in [
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8)),
        Ipv4Addr::LOCALHOST.into(),
    ] {
        let mut client = world.connect_from(ip);
        client.send(HEADER).await;
        client.expect("</stream:features>").await;
    }
    held.clear();
    world.until_nobody_is_there().await;
    let mut again = world.connect_from(AFAR);
    again.send(HEADER).await;
    again.expect("</stream:features>").await;
}

/// A world where sessions may send so many stanzas a second; signing in needs no TLS because it goes through a "proxy".
async fn paced(stanzas: u32) -> (World, crate::support::Client<tokio::io::DuplexStream>) {
    let world = world(|settings| settings.limits.session_stanzas_per_s = stanzas).await;
    world.account("juliet").await;
    let peer = xmpp::listen::Peer {
        ip: AFAR,
        is_secure: true,
        is_loopback: false,
    };
    let client = world.connect_as(peer);
    let client = world.session_on(client, "juliet", "balcony").await;
    (world, client)
}

#[tokio::test]
async fn who_sends_too_much_waits() {
    let (world, mut client) = paced(1).await;
    // A burst of ten seconds' worth is fine; the stanza that breaks the rate is routed, the next waits.
    for number in 0..12 {
        client
            .send(&format!(
                "<message to='juliet@localhost/balcony' id='m{number}'><body>{number}</body></message>"
            ))
            .await;
    }
    client.expect("<body>10</body>").await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(900);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!String::from_utf8_lossy(&client.came).contains("<body>11</body>"));
    world.clock.advance(100);
    client.expect("<body>11</body>").await;
}

#[tokio::test]
async fn who_never_rests_is_a_flood() {
    let (world, client) = paced(1).await;
    let patience = world.server.settings.limits.flood_patience_ms;
    let (read, write) = tokio::io::split(client.io);
    let flooding = tokio::spawn(async move {
        let mut client = crate::support::Client::new(tokio::io::join(tokio::io::empty(), write));
        // Nothing that is stored: by this clock the disk would take for ever, and the session rest meanwhile.
        for _ in 0..patience / 1_000 + 20 {
            client
                .send("<message to='juliet@localhost/balcony' type='headline'><body>again</body></message>")
                .await;
        }
    });
    let clock = world.clock.clone();
    let ticking = tokio::spawn(async move {
        loop {
            clock.advance(500);
            tokio::task::yield_now().await;
        }
    });
    let mut client = crate::support::Client::new(tokio::io::join(read, tokio::io::sink()));
    client.refused("policy-violation").await;
    ticking.abort();
    flooding.abort();
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_delays_nobody() {
    let world = world(|settings| {
        settings.is_dev = true;
        settings.limits.mailbox_hard_bytes = 300_000;
        settings.limits.mailbox_soft_bytes = 100_000;
    })
    .await;
    world.account("juliet").await;
    world.account("romeo").await;
    let mut deaf = world.session("juliet", "deaf").await;
    let mut romeo = world.session("romeo", "orchard").await;
    let body = "x".repeat(10_000);
    for _ in 0..60 {
        romeo
            .send(&format!(
                "<message to='juliet@localhost/deaf' type='headline'><body>{body}</body></message>"
            ))
            .await;
    }
    // Romeo's own session goes on all the while.
    romeo
        .send("<message to='romeo@localhost/orchard'><body>still here</body></message>")
        .await;
    romeo.expect("still here").await;
    deaf.expect("<resource-constraint ").await;
}

#[tokio::test]
async fn who_does_not_read_can_still_be_ended() {
    let world = dev_world().await;
    world.account("juliet").await;
    world.account("romeo").await;
    let deaf = world.session("juliet", "deaf").await;
    let mut romeo = world.session("romeo", "orchard").await;
    let body = "x".repeat(100_000);
    for _ in 0..3 {
        romeo
            .send(&format!(
                "<message to='juliet@localhost/deaf'><body>{body}</body></message>"
            ))
            .await;
    }
    romeo
        .send("<message to='romeo@localhost/orchard'><body>sent</body></message>")
        .await;
    romeo.expect("sent").await;
    // The pipe to her is full now; another session of hers takes the place all the same.
    let _new = world.session("juliet", "deaf").await;
    world.until(|server| server.registry.count() == 2).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(world.server.settings.limits.close_timeout_ms);
    world.until(|server| server.connections.count() == 2).await;
    drop(deaf);
}

#[tokio::test]
async fn who_does_not_read_is_not_read_from() {
    let world = world(|settings| {
        settings.is_dev = true;
        settings.limits.mailbox_soft_bytes = 10_000;
    })
    .await;
    world.account("juliet").await;
    let client = world.session("juliet", "balcony").await;
    let (read, write) = tokio::io::split(client.io);
    const COUNT: usize = 2_000;
    let writing = async {
        let mut client = crate::support::Client::new(tokio::io::join(tokio::io::empty(), write));
        let body = "x".repeat(1_000);
        for number in 0..COUNT {
            client
                .send(&format!(
                    "<message to='juliet@localhost/balcony' id='n{number}'><body>{body}</body></message>"
                ))
                .await;
        }
    };
    let reading = async {
        let mut client = crate::support::Client::new(tokio::io::join(read, tokio::io::sink()));
        for number in 0..COUNT {
            let message = client.expect("</message>").await;
            assert!(message.contains(&format!("id='n{number}'")), "in order");
        }
    };
    // Two megabytes go through a mailbox that would close at four and slows its sender down at ten thousand bytes.
    tokio::join!(writing, reading);
}

#[tokio::test]
async fn development_has_no_rates() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.session("juliet", "balcony").await;
    for number in 0..1_500 {
        client
            .send(&format!(
                "<iq type='set' id='s{number}'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
            ))
            .await;
        client.expect(&format!("id='s{number}'")).await;
    }
}

/// Strangers can leave more for somebody than a session may leave unread; it is no reason to end the session, and nothing
/// of it is lost.
#[tokio::test]
async fn what_waited_comes_no_faster_than_it_is_read() {
    const MESSAGES: usize = 40;
    let world = dev_world().await;
    world.account("juliet").await;
    world.account("romeo").await;
    let mut romeo = world.session("romeo", "orchard").await;
    let body = "x".repeat(150_000);
    for number in 0..MESSAGES {
        let id = format!("m{number}-");
        romeo
            .send(&format!(
                "<message to='juliet@localhost' type='chat' id='{id}'><body>{body}</body></message>"
            ))
            .await;
    }
    romeo
        .send("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    romeo.expect("id='p'").await;
    let mut juliet = world.session("juliet", "balcony").await;
    juliet.send("<presence/>").await;
    for number in 0..MESSAGES {
        juliet.expect(&format!("id='m{number}-'")).await;
    }
    juliet
        .send("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    juliet.expect("id='p'").await;
}

/// Who leaves in the middle of it leaves nothing behind that waits for ever.
#[tokio::test]
async fn who_leaves_before_all_is_read_is_gone() {
    let world = dev_world().await;
    world.account("juliet").await;
    world.account("romeo").await;
    let mut romeo = world.session("romeo", "orchard").await;
    let body = "x".repeat(200_000);
    for _ in 0..20 {
        romeo
            .send(&format!(
                "<message to='juliet@localhost' type='chat'><body>{body}</body></message>"
            ))
            .await;
    }
    romeo
        .send("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    romeo.expect("id='p'").await;
    drop(romeo);
    let mut juliet = world.session("juliet", "balcony").await;
    juliet.send("<presence/>").await;
    juliet.expect("<message").await;
    drop(juliet);
    world.until_nobody_is_there().await;
}

#[tokio::test]
async fn large_rosters_asked_for_at_once_wait_for_each_other() {
    const CONTACTS: u32 = 1_000;
    const ASKED: usize = 8;
    let world = dev_world().await;
    world.account("juliet").await;
    let no = world
        .server
        .store
        .jids()
        .number("juliet@localhost")
        .await
        .unwrap();
    let filled = world.server.rosters.change(no, |roster| {
        for number in 0..CONTACTS {
            let jid = BareJid::parse(&format!("contact-{number}@elsewhere.example")).unwrap();
            let details = Details {
                name: Some("x".repeat(1_000)),
                groups: Vec::new(),
            };
            roster.rename(JidNo(1_000_000 + number), &jid, details);
        }
        Ok(((), Vec::new()))
    });
    filled.await.unwrap();
    let limits = &world.server.settings.limits;
    assert!(ASKED * 1_000 * CONTACTS as usize > limits.mailbox_hard_bytes);

    let mut juliet = world.session("juliet", "balcony").await;
    let asked: String = (0..ASKED)
        .map(|number| format!("<iq type='get' id='r{number}'><query xmlns='jabber:iq:roster'/></iq>"))
        .collect();
    juliet.send(&asked).await;
    for number in 0..ASKED {
        let head = juliet.expect("<query").await;
        assert!(head.contains(&format!("id='r{number}'")), "{head}");
        let mut length = 0;
        // Whatever comes up to the end is only counted, since it is long.
        loop {
            let end = juliet.came.windows(8).position(|window| window == b"</query>");
            let seen = end.unwrap_or_else(|| juliet.came.len().saturating_sub(7));
            length += juliet.came.drain(..seen).count();
            if end.is_some() {
                break;
            }
            assert!(juliet.read().await, "the session ended after {number} rosters");
        }
        assert!(length > 1_000 * CONTACTS as usize, "{length}");
    }
}
