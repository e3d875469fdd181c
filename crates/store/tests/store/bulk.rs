//! A folder that was filled at once is one that a server could have written.

use store::bulk::{Bulk, BulkError};
use store::items::{self, NewItem};
use store::messages::{Direction, MessageOwner, NewMessage, append};
use store::nodes::{self, Node};
use store::subscriptions::{self, Subscription};
use store::{JidNo, MessageId, NodeNo, OpenError, PostId, Write, WriteError};

use crate::fixtures::{Folder, START, item, open, payload, put, rows};

const ITEMS: usize = 300;

fn node(no: NodeNo, owner: JidNo, name: &str) -> Write {
    nodes::create(Node {
        no,
        owner,
        name: name.into(),
        kind: "leaf".into(),
        access: "open".into(),
        config: String::new(),
        created: START,
    })
}

fn subscription(node: NodeNo, no: JidNo) -> Write {
    subscriptions::put(Subscription {
        node,
        no,
        resource: String::new(),
        subid: "1".into(),
        state: "subscribed".into(),
        options: None,
        created: START,
        expires: None,
    })
}

/// The same items in either database, every third with a tag and words.
fn new_item(like: NewItem, post_id: PostId, n: usize) -> Write {
    let is_third = n.is_multiple_of(3);
    items::put(NewItem {
        post_id,
        tags: if is_third {
            vec!["verona".into()]
        } else {
            Vec::new()
        },
        words: if is_third {
            format!("sun moon{n}")
        } else {
            String::new()
        },
        ..like
    })
}

/// The same messages in either database, kept by both sides.
fn new_message(id: MessageId, sender: JidNo, recipient: JidNo) -> Write {
    let row = |owner, peer, direction| {
        Some(MessageOwner {
            owner,
            peer,
            direction,
            offline: false,
            archived: true,
            requested: false,
        })
    };
    append(NewMessage {
        id,
        created: START,
        sender,
        recipient,
        told: Some(id.0),
        stanza: b"<message/>"[..].into(),
        owners: [
            row(sender, recipient, Direction::Out),
            row(recipient, sender, Direction::In),
        ],
    })
}

/// What of the schema and the rows an SQLite of its own sees.
fn contents(folder: &Folder) -> (Vec<String>, Vec<String>) {
    let connection = rusqlite::Connection::open(folder.database()).unwrap();
    let rows = |sql: &str| {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.collect::<Result<Vec<_>, _>>().unwrap()
    };
    assert_eq!(rows("PRAGMA integrity_check"), ["ok"]);
    assert_eq!(rows("PRAGMA journal_mode"), ["wal"]);
    let schema = rows("SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1");
    let items = rows(
        "SELECT format('%d %d %d %s %s', post_id, seq, node, item_id, \
         (SELECT group_concat(tag) FROM item_tags t WHERE t.post_id = items.post_id)) FROM items \
         UNION ALL SELECT format('%d %d %s', owner, id, direction) FROM message_owners ORDER BY 1",
    );
    (schema, items)
}

#[tokio::test]
async fn it_holds_what_the_usual_way_would_have_written() {
    let (usual, filled) = (Folder::new(), Folder::new());
    let store = open(&usual);
    let mut bulk = Bulk::begin(filled.path()).unwrap();

    let romeo = store.jids().number("romeo@example.org").await.unwrap();
    assert_eq!(bulk.jid("romeo@example.org").unwrap(), romeo);
    let juliet = store.jids().number("juliet@example.org").await.unwrap();
    assert_eq!(bulk.jid("juliet@example.org").unwrap(), juliet);
    assert_eq!(bulk.jid("romeo@example.org").unwrap(), romeo, "asked again");
    let no = store.next_node();
    assert_eq!(bulk.next_node(), no);
    store.write(node(no, romeo, "a")).await.unwrap();
    bulk.write(&node(no, romeo, "a")).unwrap();
    // A refusal is one in either.
    assert_eq!(
        bulk.write(&node(bulk.next_node(), romeo, "a")),
        Err(WriteError::Exists)
    );
    assert_eq!(
        store.write(node(store.next_node(), romeo, "a")).await,
        Err(WriteError::Exists)
    );
    store.write(subscription(no, juliet)).await.unwrap();
    bulk.write(&subscription(no, juliet)).unwrap();
    for n in 0..ITEMS {
        let like = item(&store, no, &format!("item-{n}"), "x");
        let post_id = like.post_id;
        assert_eq!(bulk.post_ids().next(like.created), post_id);
        bulk.write(&new_item(like.clone(), post_id, n)).unwrap();
        store.write(new_item(like, post_id, n)).await.unwrap();
    }
    for _ in 0..3 {
        let id = store.next_message();
        assert_eq!(bulk.next_message(START), id);
        store.write(new_message(id, romeo, juliet)).await.unwrap();
        bulk.write(&new_message(id, romeo, juliet)).unwrap();
    }
    assert!(bulk.bytes().unwrap() > 0);
    assert!(!filled.database().exists(), "it is not there before it is whole");
    bulk.finish().unwrap();
    store.close().await;
    assert_eq!(contents(&usual), contents(&filled));
    assert_eq!(rows(&filled, "item_tags"), ITEMS as i64 / 3);

    // It goes on as any other.
    let store = open(&filled);
    assert_eq!(
        store.jids().find("juliet@example.org").await.unwrap(),
        Some(juliet)
    );
    assert!(store.next_node() > no);
    let last = store
        .read(move |reader| reader.newest_post_ids(no, 1, None))
        .await
        .unwrap();
    assert!(store.post_ids().next(START) > last[0]);
    let end =
        store.read(move |reader| reader.archive_end(romeo, MessageId(i64::MIN), store::archive::End::Newest));
    assert!(store.next_message() > end.await.unwrap().unwrap().0);
    put(&store, no, "later", "y").await.unwrap();
    assert_eq!(payload(&store, no, "later").await.as_deref(), Some("y"));
    let found = store
        .read(move |reader| reader.items_since(store::Seq(ITEMS as i64), 10))
        .await
        .unwrap();
    assert_eq!(
        found.len(),
        1,
        "the order of commits goes on behind what was there"
    );
    store.close().await;
}

#[tokio::test]
async fn what_is_left_half_done_is_no_database() {
    let folder = Folder::new();
    let mut bulk = Bulk::begin(folder.path()).unwrap();
    bulk.jid("romeo@example.org").unwrap();
    // Meanwhile the folder is taken.
    let taken = Bulk::begin(folder.path()).err().unwrap();
    assert!(
        matches!(taken, BulkError::File(OpenError::Locked { .. })),
        "{taken}"
    );
    drop(bulk);
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|one| one.unwrap().file_name())
        .collect();
    assert_eq!(left, ["lock"]);

    Bulk::begin(folder.path()).unwrap().finish().unwrap();
    let there = Bulk::begin(folder.path()).err().unwrap();
    assert!(matches!(there, BulkError::NotEmpty(_)), "{there}");
    open(&folder).close().await;
}
