//! When events may be delivered before they are stored.

use std::sync::Arc;

use store::{Fault, Options, Store, WriteError};

use crate::fixtures::{Folder, StoppedClock, open, put, romeos_node};

#[tokio::test]
async fn a_failed_commit_closes_the_gate_until_one_succeeds() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    assert!(store.is_gate_open());
    store.faults().fail_next(2, Fault::Io);
    assert!(matches!(
        put(&store, node, "a", "x").await,
        Err(WriteError::Io(_))
    ));
    assert!(!store.is_gate_open());
    assert!(matches!(
        put(&store, node, "a", "x").await,
        Err(WriteError::Io(_))
    ));
    assert!(!store.is_gate_open());
    put(&store, node, "a", "x").await.unwrap();
    assert!(store.is_gate_open());
    assert_eq!(store.metrics().failed_commits, 2);
}

#[tokio::test]
async fn an_old_queue_closes_the_gate_until_it_is_young_again() {
    let folder = Folder::new();
    let clock = Arc::new(StoppedClock::default());
    let store = Store::open(
        folder.path(),
        &Options {
            clock: clock.clone(),
            ..Options::default()
        },
    )
    .unwrap();
    let node = romeos_node(&store).await;
    store.faults().hold();
    let first = put(&store, node, "a", "x");
    store.faults().wait_until_held();
    clock.advance(60);
    let second = put(&store, node, "b", "x");
    assert!(store.is_gate_open());
    clock.advance(40);
    assert!(store.is_gate_open());
    assert_eq!(store.metrics().queue_age_ms, 100);
    clock.advance(1);
    assert!(!store.is_gate_open());
    store.faults().release();
    first.await.unwrap();
    // What is left waits for 41 ms only.
    assert!(store.is_gate_open());
    second.await.unwrap();
    assert_eq!(store.metrics().queue_age_ms, 0);
    clock.advance(1_000);
    assert!(store.is_gate_open());
}
