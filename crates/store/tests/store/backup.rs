//! Copies taken while people write, and what comes back from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use store::backup::{self, BackupError};
use store::{OpenError, Store, WriteError};

use crate::fixtures::{Folder, open, options, payload, put, romeos_node};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_acknowledged_before_a_backup_under_load_is_in_it() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    let text = "x".repeat(2_000);
    // Enough that the copy takes many steps.
    for round in 0..5 {
        let pending: Vec<_> = (0..1_000)
            .map(|n| put(&store, node, &format!("{round}-{n}"), &text))
            .collect();
        for pending in pending {
            pending.await.unwrap();
        }
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (store, is_over) = (store.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut acknowledged = 0;
                while !is_over.load(Ordering::Relaxed) {
                    put(&store, node, &format!("load-{writer}-{acknowledged}"), "x")
                        .await
                        .unwrap();
                    acknowledged += 1;
                }
                acknowledged
            })
        })
        .collect();
    let last = put(&store, node, "just before", "x");
    last.await.unwrap();
    let copies = Folder::new();
    let copy = copies.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    is_over.store(true, Ordering::Relaxed);
    let mut written = 0;
    for writer in writers {
        written += writer.await.unwrap();
    }
    assert!(written > 0, "nobody wrote meanwhile");
    assert!(!copies.path().join("copy.db-wal").exists());

    let contents = backup::check(&copy).unwrap();
    assert!(contents.items > 5_000);
    let restored = Folder::new();
    assert_eq!(backup::restore(&copy, restored.path()).unwrap(), contents);
    let again = Store::open(restored.path(), &options()).unwrap();
    assert_eq!(payload(&again, node, "just before").await.as_deref(), Some("x"));
    for round in 0..5 {
        for n in 0..1_000 {
            assert!(payload(&again, node, &format!("{round}-{n}")).await.is_some());
        }
    }
    assert_eq!(
        again.jids().find("romeo@example.org").await.unwrap(),
        Some(store::JidNo(1))
    );
    // The copy goes on living.
    put(&again, node, "after", "x").await.unwrap();
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_a_bad_one_is_refused() {
    let folder = Folder::new();
    let store = open(&folder);
    put(&store, romeos_node(&store).await, "a", "x").await.unwrap();
    let copies = Folder::new();
    let copy = copies.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    assert!(matches!(
        store.backup(&copy).await,
        Err(BackupError::Exists { .. })
    ));
    assert!(matches!(
        backup::restore(&copy, folder.path()),
        Err(BackupError::NotEmpty { .. })
    ));
    store.close().await;
    let late = store.backup(&copies.path().join("late.db")).await;
    assert!(matches!(
        late,
        Err(BackupError::Copy {
            source: WriteError::Closed,
            ..
        })
    ));
    assert!(!copies.path().join("late.db").exists());

    let mut bytes = std::fs::read(&copy).unwrap();
    let end = bytes.len();
    for byte in &mut bytes[end - 8_192..] {
        *byte = 0x5a;
    }
    std::fs::write(&copy, bytes).unwrap();
    let empty = Folder::new();
    let damaged = backup::restore(&copy, empty.path()).unwrap_err();
    assert!(
        matches!(damaged, BackupError::File(OpenError::Damaged { .. })),
        "{damaged}"
    );
    assert!(!empty.database().exists());
    std::fs::write(
        &copy,
        "a shopping list, longer than the header of a database has to be".repeat(9),
    )
    .unwrap();
    assert!(matches!(
        backup::check(&copy),
        Err(BackupError::File(OpenError::Damaged { .. }))
    ));
}
