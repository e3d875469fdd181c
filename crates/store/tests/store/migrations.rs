//! Databases of earlier versions, with content, brought up to date: nothing is lost, and what is new works on it.

use store::items::{self, NewItem};
use store::notifications::{NewNotification, NotificationType};
use store::{DATABASE_VERSION, JidNo, Links, NodeNo, PostId};

use crate::fixtures::{Folder, START, item, open};

/// The files up to a version, as they were released: they are never changed.
const RELEASED: [&str; 2] = [
    include_str!("../../../../migrations/0001_first.sql"),
    include_str!("../../../../migrations/0002_private_vcards_blocked.sql"),
];

/// The id by which a database is known as one of ours.
async fn application() -> i64 {
    let folder = Folder::new();
    open(&folder).close().await;
    let connection = rusqlite::Connection::open(folder.database()).unwrap();
    connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .unwrap()
}

#[tokio::test]
async fn conversation_begins_in_a_database_that_had_none() {
    let folder = Folder::new();
    let old = rusqlite::Connection::open(folder.database()).unwrap();
    for sql in RELEASED {
        old.execute_batch(sql).unwrap();
    }
    let post = PostId::first_at(START);
    old.execute_batch(&format!(
        "PRAGMA application_id = {}; PRAGMA user_version = {};
         INSERT INTO jids VALUES (1, 'juliet@example.org'), (2, 'romeo@example.org');
         INSERT INTO accounts VALUES (1, 'example.org', 'juliet', 'active', 1, 1, NULL, ''),
                                     (2, 'example.org', 'romeo', 'active', 0, 1, NULL, '');
         INSERT INTO nodes VALUES (1, 1, 'urn:xmpp:microblog:0', 'pep', 'open', '', 1, 0, 0);
         INSERT INTO items VALUES ({post}, 1, 1, 'post', 1, 1, 1, NULL, 0, 1, x'68656c6c6f');
         INSERT INTO item_tags VALUES ('verona', {post});
         INSERT INTO subscriptions VALUES (1, 2, '', 'a', 'subscribed', NULL, 1);
         INSERT INTO blocked VALUES (2, 1, '');
         INSERT INTO counters VALUES ('seq', 100);",
        application().await,
        RELEASED.len(),
        post = post.0,
    ))
    .unwrap();
    old.close().unwrap();

    let store = open(&folder);
    let found = store
        .read(move |r| r.item(NodeNo(1), "post"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.post_id, &*found.payload, found.in_public),
        (post, &b"hello"[..], true)
    );
    assert_eq!(store.read(move |r| r.tags(post)).await.unwrap(), ["verona"]);
    assert_eq!(store.read(|r| r.subscriptions(NodeNo(1))).await.unwrap().len(), 1);
    assert_eq!(store.read(store::Reader::all_blocked).await.unwrap().len(), 1);

    // An old post can be answered; an old block holds; an old post can go.
    let reply = |publisher, id: &str| NewItem {
        publisher,
        links: Links {
            parent: Some((post, post)),
            ..Links::default()
        },
        notify: vec![NewNotification {
            owner: JidNo(1),
            kind: NotificationType::Reply,
            subject: None,
        }],
        ..item(&store, NodeNo(1), id, "hello back")
    };
    let nurse = store.jids().number("nurse@example.org").await.unwrap();
    store.write(items::put(reply(JidNo(2), "romeo"))).await.unwrap();
    store.write(items::put(reply(nurse, "nurse"))).await.unwrap();
    let told = store
        .read(|r| r.newest_notifications(JidNo(1), 10, None))
        .await
        .unwrap();
    assert_eq!(told.iter().map(|one| one.by).collect::<Vec<_>>(), [nurse]);
    let counts = store.read(move |r| r.counts(&[post], None)).await.unwrap();
    assert_eq!(counts[0].replies, 2);
    store
        .write(items::retract(NodeNo(1), "post".into()))
        .await
        .unwrap();
    store.close().await;
    let now = rusqlite::Connection::open(folder.database()).unwrap();
    let version: u32 = now
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, DATABASE_VERSION);
}
