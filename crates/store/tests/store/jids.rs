//! Numbers of JIDs: one each, the same for everybody, for ever.

use std::collections::HashMap;

use store::{Fault, JidNo, Options, Store};

use crate::fixtures::{Folder, open, options, put, romeos_node};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_get_the_same_numbers() {
    let folder = Folder::new();
    // So small that names are forgotten all the time.
    let store = Store::open(
        folder.path(),
        &Options {
            jids_cached: 50,
            ..options()
        },
    )
    .unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut seen = HashMap::new();
                for n in 0..600_usize {
                    let name = format!("user{}@example.org", (n * 7 + task * 13) % 300);
                    let no = store.jids().number(&name).await.unwrap();
                    assert_eq!(*seen.entry(name.clone()).or_insert(no), no);
                    if n % 5 == 0 {
                        store
                            .write(store::meta::put("nothing", Vec::new()))
                            .await
                            .unwrap();
                    }
                    assert_eq!(
                        store.jids().name(no).await.unwrap().as_deref(),
                        Some(name.as_str())
                    );
                }
                seen
            })
        })
        .collect();
    let mut all: HashMap<String, JidNo> = HashMap::new();
    for task in tasks {
        for (name, no) in task.await.unwrap() {
            assert_eq!(*all.entry(name).or_insert(no), no);
        }
    }
    let mut numbers: Vec<_> = all.values().map(|no| no.0).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=300).collect::<Vec<_>>());
    store
        .write(store::meta::put("nothing", Vec::new()))
        .await
        .unwrap();
    store.close().await;

    let store = open(&folder);
    for (name, no) in &all {
        assert_eq!(store.jids().find(name).await.unwrap(), Some(*no));
    }
    assert_eq!(store.jids().number("new@example.org").await.unwrap(), JidNo(301));
}

#[tokio::test]
async fn a_number_given_before_a_failed_commit_is_saved_with_the_next() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    let mut item = crate::fixtures::item(&store, node, "a", "x");
    item.publisher = store.jids().number("juliet@example.org").await.unwrap();
    store.faults().fail_next(1, Fault::Full);
    store.write(store::items::put(item.clone())).await.unwrap_err();
    store.write(store::items::put(item.clone())).await.unwrap();
    store.close().await;
    let store = open(&folder);
    let names = store.jids().names(&[item.publisher, JidNo(999)]).await.unwrap();
    assert_eq!(names[0].as_deref(), Some("juliet@example.org"));
    assert_eq!(names[1], None);
}

#[tokio::test]
async fn asking_gives_no_number_and_a_number_nobody_used_is_free_again() {
    let folder = Folder::new();
    let store = open(&folder);
    put(&store, romeos_node(&store).await, "a", "x").await.unwrap();
    assert_eq!(store.jids().find("stranger@example.net").await.unwrap(), None);
    assert_eq!(store.jids().number_cached("stranger@example.net"), None);
    let no = store.jids().number("stranger@example.net").await.unwrap();
    assert_eq!(store.jids().find("stranger@example.net").await.unwrap(), Some(no));
    assert_eq!(
        store.jids().name_cached(no).as_deref(),
        Some("stranger@example.net")
    );
    let both = store
        .jids()
        .numbers(&["romeo@example.org", "stranger@example.net"])
        .await
        .unwrap();
    assert_eq!(both, [JidNo(1), no]);
}

#[tokio::test]
async fn many_numbers_are_saved_although_nothing_else_is_written() {
    let folder = Folder::new();
    let store = open(&folder);
    for n in 0..1_100 {
        store
            .jids()
            .number(&format!("user{n}@example.org"))
            .await
            .unwrap();
    }
    store.close().await;
    assert!(crate::fixtures::rows(&folder, "jids") >= 1_024);
}
