//! Snapshots, and queries that misbehave.

use std::sync::mpsc::channel;

use store::{Options, ReadError, Reader, Store};

use crate::fixtures::{Folder, open, options, payload, put, romeos_node};

#[tokio::test]
async fn one_call_sees_one_state() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    put(&store, node, "a", "x").await.unwrap();
    let (begun, has_begun) = channel();
    let (go_on, may_go_on) = channel();
    let counts = tokio::spawn(store.read(move |reader| {
        let before = reader.item_count(node)?;
        begun.send(()).unwrap();
        may_go_on.recv().unwrap();
        Ok((before, reader.item_count(node)?))
    }));
    tokio::task::yield_now().await;
    has_begun.recv().unwrap();
    put(&store, node, "b", "x").await.unwrap();
    go_on.send(()).unwrap();
    assert_eq!(counts.await.unwrap().unwrap(), (1, 1));
    assert_eq!(
        store.read(move |reader| reader.item_count(node)).await.unwrap(),
        2
    );
}

#[tokio::test]
async fn a_query_that_panics_harms_nobody_else() {
    let folder = Folder::new();
    let store = Store::open(
        folder.path(),
        &Options {
            readers: 1,
            ..options()
        },
    )
    .unwrap();
    let node = romeos_node(&store).await;
    let failed = store
        .read(|_| -> Result<(), ReadError> { panic!("asked for by a test") })
        .await;
    assert!(matches!(failed, Err(ReadError::Engine(_))));
    put(&store, node, "a", "x").await.unwrap();
    assert_eq!(payload(&store, node, "a").await.as_deref(), Some("x"));
}

#[tokio::test]
async fn waiting_reads_are_bounded() {
    let folder = Folder::new();
    let store = Store::open(
        folder.path(),
        &Options {
            readers: 1,
            ..options()
        },
    )
    .unwrap();
    let (go_on, may_go_on) = channel::<()>();
    let (begun, has_begun) = channel();
    let blocking = tokio::spawn(store.read(move |_| {
        begun.send(()).unwrap();
        may_go_on.recv().unwrap();
        Ok(())
    }));
    tokio::task::yield_now().await;
    has_begun.recv().unwrap();
    let waiting: Vec<_> = (0..16_384)
        .map(|_| tokio::spawn(store.read(Reader::max_seq)))
        .collect();
    while store.metrics().reads_waiting < 16_384 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.read(Reader::max_seq).await, Err(ReadError::Overloaded));
    go_on.send(()).unwrap();
    blocking.await.unwrap().unwrap();
    for read in waiting {
        read.await.unwrap().unwrap();
    }
}
