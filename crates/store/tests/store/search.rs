//! Words are written, replaced and removed with their items, and found in one node or in the public stream.

use store::search::{self, Scope, Words};
use store::{NodeNo, PostId, Store, items, nodes};

use crate::fixtures::{Folder, START, item, node, open, romeos_node, rows, swept};

async fn say(store: &Store, node: NodeNo, id: &str, words: &str) -> PostId {
    let mut new = item(store, node, id, "x");
    new.words = words.into();
    new.in_public = id.starts_with('p');
    store.write(items::put(new)).await.unwrap();
    let id = id.to_owned();
    store
        .read(move |r| r.post_id_of(node, &id))
        .await
        .unwrap()
        .unwrap()
}

/// The ids of what has all these phrases, asked for from both ends.
async fn found(store: &Store, scope: Scope, phrases: &[&str]) -> Vec<String> {
    let phrases: Vec<Vec<String>> = phrases
        .iter()
        .map(|phrase| phrase.split(' ').map(str::to_owned).collect())
        .collect();
    let both = store.read(move |r| {
        let newest = r.newest_with_words(&phrases, scope, 100, None)?;
        let oldest = r.oldest_with_words(&phrases, scope, 100, None)?;
        for row in &oldest {
            assert!(r.has_words(row.post_id, &phrases, scope)?);
        }
        Ok((newest, oldest))
    });
    let (mut newest, oldest) = both.await.unwrap();
    newest.reverse();
    assert_eq!(newest, oldest);
    oldest.into_iter().map(|row| row.item_id).collect()
}

#[tokio::test]
async fn words_go_with_their_item() {
    let folder = Folder::new();
    let store = open(&folder);
    let one = romeos_node(&store).await;
    let romeo = store.jids().number("romeo@example.org").await.unwrap();
    let two = node(&store, romeo, "two").await;
    say(&store, one, "a", "o romeo romeo").await;
    say(&store, one, "p1", "wherefore art thou romeo").await;
    say(&store, two, "b", "romeo").await;
    say(&store, one, "none", "").await;
    assert_eq!(found(&store, Scope::Node(one), &["romeo"]).await, ["a", "p1"]);
    assert_eq!(found(&store, Scope::Node(two), &["romeo"]).await, ["b"]);
    assert_eq!(found(&store, Scope::Public, &["romeo"]).await, ["p1"]);
    assert_eq!(
        found(&store, Scope::Node(one), &["art thou", "romeo"]).await,
        ["p1"]
    );
    assert_eq!(found(&store, Scope::Node(one), &["thou art"]).await, [""; 0]);
    assert_eq!(found(&store, Scope::Node(one), &[]).await, [""; 0]);

    // An edit says something else, under the same number.
    say(&store, one, "a", "o juliet").await;
    assert_eq!(found(&store, Scope::Node(one), &["romeo"]).await, ["p1"]);
    assert_eq!(found(&store, Scope::Node(one), &["juliet"]).await, ["a"]);
    // No more in public.
    let mut closed = item(&store, one, "p1", "x");
    closed.words = "romeo".into();
    closed.in_public = false;
    store.write(items::put(closed)).await.unwrap();
    assert_eq!(found(&store, Scope::Public, &["romeo"]).await, [""; 0]);

    store.write(items::retract(one, "a".into())).await.unwrap();
    assert_eq!(found(&store, Scope::Node(one), &["juliet"]).await, [""; 0]);
    // What is purged or in a deleted node is found no more from the commit on, and swept.
    store.faults().hold();
    let purged = store.write(items::purge(one, START));
    let deleted = store.write(nodes::delete(two, START));
    store.faults().release();
    purged.await.unwrap();
    deleted.await.unwrap();
    assert_eq!(found(&store, Scope::Node(one), &["romeo"]).await, [""; 0]);
    assert_eq!(found(&store, Scope::Node(two), &["romeo"]).await, [""; 0]);
    say(&store, one, "after", "romeo").await;
    assert_eq!(found(&store, Scope::Node(one), &["romeo"]).await, ["after"]);
    swept(&store).await;
    store.close().await;
    assert_eq!(
        (rows(&folder, "items"), rows(&folder, "item_words_docsize")),
        (1, 1)
    );
}

#[tokio::test]
async fn what_makes_room_takes_its_words_along() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    for number in 0..5 {
        let mut new = item(&store, node, &number.to_string(), "x");
        new.words = "romeo".into();
        new.max_items = Some(2);
        store.write(items::put(new)).await.unwrap();
    }
    assert_eq!(found(&store, Scope::Node(node), &["romeo"]).await, ["3", "4"]);
    store.close().await;
    assert_eq!(rows(&folder, "item_words_docsize"), 2);
}

#[tokio::test]
async fn the_engines_own_language_means_nothing() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    say(&store, node, "a", "romeo").await;
    for hostile in [
        "\"",
        "\"\" OR romeo",
        "*",
        "NEAR(",
        "romeo\" OR scope:\"public",
        "scope : public",
        "^romeo",
        "{words}:romeo",
        "+",
        "\0",
    ] {
        let phrases = vec![vec![hostile.to_owned()]];
        let read = store.read(move |r| r.newest_with_words(&phrases, Scope::Node(node), 10, None));
        let read = read.await.unwrap();
        assert!(read.iter().all(|_| hostile == "^romeo"), "{hostile}");
    }
}

#[tokio::test]
async fn an_item_that_changed_since_it_was_read_keeps_its_words() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    say(&store, node, "a", "").await;
    say(&store, node, "b", "").await;
    let rows = store.read(|r| r.items_above(PostId(0), 10)).await.unwrap();
    let read: Vec<_> = rows
        .iter()
        .map(|row| Words {
            post_id: row.post_id,
            seq: row.seq,
            words: "old".into(),
        })
        .collect();
    say(&store, node, "a", "new").await;
    let upto = rows[1].post_id;
    // A slice that is done twice is done once.
    for _ in 0..2 {
        store
            .write(search::index(read.clone(), upto, START))
            .await
            .unwrap();
    }
    assert_eq!(found(&store, Scope::Node(node), &["new"]).await, ["a"]);
    assert_eq!(found(&store, Scope::Node(node), &["old"]).await, ["b"]);
    let jobs = store.read(|r| r.jobs(search::INDEX_WORDS)).await.unwrap();
    assert_eq!(jobs[0].state, upto.0.to_string());
}
