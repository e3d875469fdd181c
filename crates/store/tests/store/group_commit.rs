//! Order, atomicity and visibility of writes.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use store::accounts::{self, Account, AccountState};
use store::{JidNo, Ticket, Write, WriteError, items, meta, nodes};

use crate::fixtures::{Folder, START, item, open, payload, put, romeos_node};

fn is_ready(future: impl Future) -> bool {
    matches!(
        pin!(future).poll(&mut Context::from_waker(Waker::noop())),
        Poll::Ready(_)
    )
}

fn account(no: u32, localpart: &str) -> Account {
    Account {
        no: JidNo(no),
        domain: "example.org".into(),
        localpart: localpart.into(),
        state: AccountState::Active,
        is_admin: false,
        created: START,
        last_login: None,
        settings: String::new(),
    }
}

#[tokio::test]
async fn the_order_of_calls_is_the_order_of_commits_and_waiting_writes_share_one() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    store.faults().hold();
    let first = put(&store, node, "first", "x");
    store.faults().wait_until_held();
    let rest: Vec<_> = (0..500)
        .map(|n| put(&store, node, &format!("item{n}"), "x"))
        .collect();
    let tickets: Vec<_> = rest.iter().map(store::Pending::ticket).collect();
    assert!(tickets.is_sorted());
    let before = store.metrics();
    assert_eq!(before.queue_length, 500);
    store.faults().release();
    let mut last = first.await.unwrap().seqs.unwrap();
    for pending in rest {
        let seqs = pending.await.unwrap().seqs.unwrap();
        assert!(seqs.0 > last.1);
        last = seqs;
    }
    let after = store.metrics();
    assert_eq!(after.operations - before.operations, 501);
    assert!(
        after.commits - before.commits < 100,
        "501 writes took {} commits",
        after.commits - before.commits
    );
    assert_eq!(after.queue_length, 0);
    assert_eq!(after.queue_bytes, 0);
}

#[tokio::test]
async fn an_operation_sees_those_handed_in_before_it() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    store.faults().hold();
    let outcomes = [
        put(&store, node, "a", "one"),
        put(&store, node, "a", "two"),
        put(&store, node, "b", "kept"),
        store.write(items::retract(node, "a".into())),
        store.write(items::retract(node, "a".into())),
        store.write(nodes::configure(node, "whitelist".into(), "{}".into())),
    ];
    store.faults().release();
    let mut results = Vec::new();
    for outcome in outcomes {
        results.push(outcome.await.map(|_| ()));
    }
    assert_eq!(
        results,
        [Ok(()), Ok(()), Ok(()), Ok(()), Err(WriteError::NotFound), Ok(())]
    );
    assert_eq!(payload(&store, node, "a").await, None);
    assert_eq!(payload(&store, node, "b").await.as_deref(), Some("kept"));
    let node = store
        .read(move |reader| reader.node_numbered(node))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((node.access.as_str(), node.config.as_str()), ("whitelist", "{}"));
}

#[tokio::test]
async fn a_failed_operation_fails_alone() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    store.faults().hold();
    let held = put(&store, node, "held", "x");
    store.faults().wait_until_held();
    let mut colliding = item(&store, node, "collides", "x");
    let before = put(&store, node, "before", "x");
    // Refused before anything was changed.
    let created = store.write(accounts::create(account(7, "juliet")));
    let refused = store.write(accounts::create(account(8, "juliet")));
    // Refused after half of it was done: the half must go too.
    let half = store.write(Write::all(vec![
        items::put(item(&store, node, "half", "x")),
        accounts::create(account(9, "juliet")),
    ]));
    // Refused by the database: a post id that is taken.
    colliding.post_id = store
        .read(move |r| r.newest_items(node, 1, None))
        .await
        .unwrap()
        .first()
        .map_or(store.post_ids().next(START), |item| item.post_id);
    let taken = store.write(items::put(colliding.clone()));
    let mut again = item(&store, node, "collides-again", "x");
    again.post_id = colliding.post_id;
    let engine = store.write(items::put(again));
    let after = put(&store, node, "after", "x");
    store.faults().release();
    held.await.unwrap();
    before.await.unwrap();
    created.await.unwrap();
    assert_eq!(refused.await, Err(WriteError::Exists));
    assert_eq!(half.await, Err(WriteError::Exists));
    taken.await.unwrap();
    assert!(matches!(engine.await, Err(WriteError::Engine(_))));
    let seqs = after.await.unwrap().seqs.unwrap();
    assert_eq!(payload(&store, node, "half").await, None);
    for item_id in ["held", "before", "collides", "after"] {
        assert!(payload(&store, node, item_id).await.is_some(), "{item_id}");
    }
    assert_eq!(store.read(store::Reader::max_seq).await.unwrap(), Some(seqs.1));
    assert!(store.is_gate_open());
    assert_eq!(store.metrics().failed_operations, 3);
}

#[tokio::test]
async fn nobody_reads_what_is_not_committed() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    put(&store, node, "a", "old").await.unwrap();
    store.faults().hold();
    let pending = put(&store, node, "a", "new");
    store.faults().wait_until_held();
    assert_eq!(payload(&store, node, "a").await.as_deref(), Some("old"));
    store.faults().release();
    pending.await.unwrap();
    assert_eq!(payload(&store, node, "a").await.as_deref(), Some("new"));
}

#[tokio::test]
async fn waiting_for_a_ticket_ends_with_its_batch() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    assert!(is_ready(store.wait(Ticket::NONE)));
    store.faults().hold();
    let pending = put(&store, node, "a", "x");
    let ticket = pending.ticket();
    assert!(!is_ready(store.wait(ticket)));
    let waiting = store.wait(ticket);
    store.faults().fail_next(1, store::Fault::Full);
    store.faults().release();
    // Decided is decided, whichever way.
    waiting.await;
    assert!(is_ready(store.wait(ticket)));
    assert_eq!(pending.await, Err(WriteError::Full));
}

#[tokio::test]
async fn the_queue_is_bounded_in_number_and_in_bytes() {
    let folder = Folder::new();
    let store = open(&folder);
    store.faults().hold();
    let held = store.write(meta::put("held", Vec::new()));
    store.faults().wait_until_held();
    let many: Vec<_> = (0..65_536)
        .map(|_| store.write(meta::put("k", Vec::new())))
        .collect();
    let refused = store.write(meta::put("k", Vec::new()));
    assert_eq!(refused.ticket(), Ticket::NONE);
    assert_eq!(refused.await, Err(WriteError::Overloaded));
    store.faults().release();
    held.await.unwrap();
    for pending in many {
        pending.await.unwrap();
    }
    store.faults().hold();
    let held = store.write(meta::put("held", Vec::new()));
    store.faults().wait_until_held();
    let large: Vec<_> = (0..15)
        .map(|_| store.write(meta::put("k", vec![0; 16 << 20])))
        .collect();
    assert_eq!(
        store.write(meta::put("k", vec![0; 17 << 20])).await,
        Err(WriteError::Overloaded)
    );
    drop(large);
    store.faults().release();
    held.await.unwrap();
}

#[tokio::test]
async fn closing_stores_everything_handed_in() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    let pending: Vec<_> = (0..2_000)
        .map(|n| put(&store, node, &n.to_string(), "x"))
        .collect();
    store.close().await;
    for pending in pending {
        pending.await.unwrap();
    }
    assert_eq!(put(&store, node, "late", "x").await, Err(WriteError::Closed));
    assert_eq!(
        store.read(store::Reader::max_seq).await,
        Err(store::ReadError::Closed)
    );
    assert!(!folder.path().join("folkmoot.db-wal").exists());
    let store = open(&folder);
    assert_eq!(
        store.read(move |reader| reader.item_count(node)).await.unwrap(),
        2_000
    );
}

#[tokio::test]
async fn dropping_the_last_handle_stores_everything_too() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    let pending = put(&store, node, "a", "x");
    drop(store);
    pending.await.unwrap();
}

#[tokio::test]
async fn the_log_starts_over_while_people_write_and_read() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    let text = "x".repeat(30_000);
    let mut written = 0;
    // Several times what the log may hold.
    while written < 100 << 20 {
        let pending: Vec<_> = (0..100)
            .map(|n| put(&store, node, &format!("{written}-{n}"), &text))
            .collect();
        for pending in pending {
            pending.await.unwrap();
        }
        store
            .read(move |reader| reader.newest_items(node, 1, None))
            .await
            .unwrap();
        written += 100 * text.len();
    }
    let log = std::fs::metadata(folder.path().join("folkmoot.db-wal"))
        .unwrap()
        .len();
    assert!(log < 40 << 20, "the log has {log} bytes");
}
