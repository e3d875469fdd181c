//! Messages that were kept for long enough are gone from the database, everybody's and those of whom chose a shorter time.

use std::sync::Arc;

use store::archive::{End, Selection};
use store::{JidNo, Store};
use testkit::manual_clock::ManualClock;
use xmpp::server::Server;

use crate::support::{Folder, account, arrived, send, server_with, session, stop};

const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// The ids that the messages of an archive have from their senders, as they are stored.
async fn stored(store: &Store, owner: JidNo) -> Vec<String> {
    let page = store.read(move |r| r.archive_page(&Selection::all(owner), End::Oldest, 100));
    let messages = page.await.unwrap().messages;
    let text = messages
        .into_iter()
        .map(|one| String::from_utf8(one.stanza).unwrap());
    let id = |stanza: String| {
        stanza
            .split(" id='")
            .nth(1)
            .and_then(|rest| Some(rest.split_once('\'')?.0.to_owned()))
    };
    text.filter_map(id).collect()
}

/// Lets some minutes pass until an archive holds just these; the server deletes on its own time.
async fn comes_to_hold(clock: &ManualClock, store: &Store, owner: JidNo, ids: &[&str]) {
    for _ in 0..2_000 {
        if stored(store, owner).await == ids {
            return;
        }
        clock.advance(1_000);
        tokio::task::yield_now().await;
    }
    panic!("{:?} instead of {ids:?}", stored(store, owner).await);
}

async fn says(server: &Arc<Server>, from: &str, to: &str, id: &str) {
    let from = session(server, from).await;
    send(
        server,
        &from,
        &format!("<message type='chat' to='{to}' id='{id}'><body>{id}</body></message>"),
    )
    .await;
    server.registry.unbind(&from);
}

#[tokio::test]
async fn what_is_too_old_goes() {
    let folder = Folder::new();
    let clock = ManualClock::new();
    let server = server_with(&folder, clock.clone(), |settings| {
        settings.archive.keep_days = Some(3);
    })
    .await;
    let (juliet, _) = account(&server, "juliet").await;
    let (romeo, _) = account(&server, "romeo").await;
    let phone = session(&server, "juliet@localhost/phone").await;
    send(&server, &phone, "<presence/>").await;
    send(
        &server,
        &phone,
        "<iq type='set' id='keep'><keep xmlns='urn:x-folkmoot:archive:0' days='1'/></iq>",
    )
    .await;
    for day in 0..4 {
        says(
            &server,
            "romeo@localhost/garden",
            "juliet@localhost",
            &format!("day-{day}"),
        )
        .await;
        clock.advance(DAY_MS);
    }
    // Three days and a day ago have just passed.
    clock.advance(DAY_MS / 2);
    comes_to_hold(&clock, &server.store, romeo, &["day-2", "day-3"]).await;
    comes_to_hold(&clock, &server.store, juliet, &[]).await;
    assert!(arrived(&phone, "type='error'").is_empty());
    clock.advance(2 * DAY_MS);
    comes_to_hold(&clock, &server.store, romeo, &[]).await;
    stop(server).await;
}
