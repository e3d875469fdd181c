//! Fan-out to many: everything once and in order, however many there are and however fast it comes.

use std::sync::Arc;

use wire::Jid;
use xmpp::server::Server;
use xmpp::session::Session;

use crate::support::{Folder, account, arrived, send, server, session, stop};

const POSTS: usize = 40;

async fn follow(server: &Arc<Server>, who: &Session) {
    let author = wire::BareJid::parse("juliet@localhost").unwrap();
    let actor = pubsub::Actor {
        jid: who.jid.clone(),
        no: who.no,
    };
    let jid = Jid::from(who.jid.bare());
    let accepted = server
        .host
        .subscribe(&author, &actor, "urn:xmpp:microblog:0", &jid)
        .await
        .unwrap();
    accepted.durable.await.unwrap();
}

async fn post(server: &Arc<Server>, author: &Arc<Session>, id: usize) {
    let publish = format!(
        "<iq type='set' id='p{id}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
         <publish node='urn:xmpp:microblog:0'><item id='i{id}'><entry xmlns='http://www.w3.org/2005/Atom'>\
         <title type='text'>Post {id}</title></entry></item></publish></pubsub></iq>"
    );
    send(server, author, &publish).await;
}

/// Waits until as many notifications went out.
async fn until(server: &Server, count: u64) {
    while server.metrics.notifications.get() < count {
        tokio::task::yield_now().await;
    }
}

async fn everybody_gets_everything_in_order(followers: usize) {
    let folder = Folder::new();
    let server = server(&folder).await;
    account(&server, "juliet").await;
    let author = session(&server, "juliet@localhost/x").await;
    let mut sessions = Vec::new();
    for number in 0..followers {
        let session = session(&server, &format!("follower{number}@localhost/x")).await;
        send(&server, &session, "<presence/>").await;
        follow(&server, &session).await;
        session.drain();
        sessions.push(session);
    }
    for id in 0..POSTS {
        post(&server, &author, id).await;
    }
    until(&server, (followers * POSTS) as u64).await;
    for session in &sessions {
        let events = arrived(session, "<event ");
        assert_eq!(events.len(), POSTS, "{}", session.jid);
        for (id, event) in events.iter().enumerate() {
            assert!(event.contains(&format!("<item id='i{id}' ")), "{id}: {event}");
            assert!(
                event.starts_with(&format!("<message to='{}' from='juliet@localhost' ", session.jid)),
                "{event}"
            );
        }
    }
    drop(author);
    stop(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_followers() {
    everybody_gets_everything_in_order(10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_followers_than_are_served_at_once() {
    everybody_gets_everything_in_order(200).await;
}

#[tokio::test]
async fn who_is_away_or_has_a_negative_priority_gets_nothing() {
    let folder = Folder::new();
    let server = server(&folder).await;
    account(&server, "juliet").await;
    let author = session(&server, "juliet@localhost/x").await;
    let away = session(&server, "away@localhost/x").await;
    let shy = session(&server, "shy@localhost/x").await;
    let here = session(&server, "here@localhost/x").await;
    send(&server, &shy, "<presence><priority>-1</priority></presence>").await;
    send(&server, &here, "<presence/>").await;
    for session in [&away, &shy, &here] {
        follow(&server, session).await;
    }
    post(&server, &author, 0).await;
    until(&server, 1).await;
    assert_eq!(arrived(&here, "<event ").len(), 1);
    assert_eq!(arrived(&away, "<event ").len(), 0);
    assert_eq!(arrived(&shy, "<event ").len(), 0);
    stop(server).await;
}

#[tokio::test]
async fn a_session_that_took_anothers_place_keeps_it() {
    let folder = Folder::new();
    let server = server(&folder).await;
    account(&server, "juliet").await;
    let old = session(&server, "juliet@localhost/x").await;
    send(&server, &old, "<presence/>").await;
    let new = session(&server, "juliet@localhost/x").await;
    assert_eq!(server.registry.count(), 1);
    send(&server, &new, "<presence/>").await;
    xmpp::router::ended(&server, &old).await;
    assert!(
        server
            .registry
            .session(new.no, "x")
            .is_some_and(|found| found.id == new.id)
    );
    assert!(arrived(&new, "unavailable").is_empty());
    xmpp::router::ended(&server, &new).await;
    assert_eq!(server.registry.count(), 0);
    assert!(!server.registry.is_online(new.no));
    stop(server).await;
}
