//! A disk without space: nothing acknowledged is lost, and writing goes on when there is space again.

use store::{Fault, Options, Store, WriteError, items};

use crate::fixtures::{Folder, item, open, options, payload, put, romeos_node};

#[tokio::test]
async fn everything_in_the_batch_fails_and_the_next_batch_goes_on() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    put(&store, node, "a", "old").await.unwrap();
    store.faults().hold();
    let held = put(&store, node, "held", "x");
    store.faults().wait_until_held();
    let replaced = put(&store, node, "a", "new");
    let retracted = store.write(items::retract(node, "held".into()));
    store.faults().fail_next(1, Fault::Full);
    store.faults().release();
    assert_eq!(held.await, Err(WriteError::Full));
    replaced.await.unwrap();
    // The item that it would retract was not stored.
    assert_eq!(retracted.await, Err(WriteError::NotFound));
    assert_eq!(payload(&store, node, "a").await.as_deref(), Some("new"));
    assert_eq!(payload(&store, node, "held").await, None);
}

#[tokio::test]
async fn a_real_quota_loses_nothing_that_was_acknowledged() {
    let folder = Folder::new();
    let store = Store::open(
        folder.path(),
        &Options {
            max_pages: Some(200),
            ..options()
        },
    )
    .unwrap();
    let node = romeos_node(&store).await;
    let text = "x".repeat(3_000);
    let (mut kept, mut lost) = (Vec::new(), Vec::new());
    for round in 0..40 {
        let batch: Vec<_> = (0..20).map(|n| format!("{round}-{n}")).collect();
        let pending: Vec<_> = batch.iter().map(|id| put(&store, node, id, &text)).collect();
        for (id, pending) in batch.into_iter().zip(pending) {
            match pending.await {
                Ok(_) => kept.push(id),
                Err(error) => {
                    assert_eq!(error, WriteError::Full);
                    lost.push(id);
                }
            }
        }
    }
    assert!(
        kept.len() > 100 && lost.len() > 100,
        "{} kept, {} lost",
        kept.len(),
        lost.len()
    );
    assert!(!store.is_gate_open());
    // Reading goes on.
    assert_eq!(
        payload(&store, node, &kept[0]).await.as_deref(),
        Some(text.as_str())
    );
    store.close().await;

    let store = open(&folder);
    for id in kept {
        assert!(
            payload(&store, node, &id).await.is_some(),
            "{id} was acknowledged"
        );
    }
    for id in lost {
        assert_eq!(payload(&store, node, &id).await, None);
        store
            .write(items::put(item(&store, node, &id, "again")))
            .await
            .unwrap();
    }
    assert!(store.is_gate_open());
}
