//! The log of messages: its numbers, its two owners, what is taken back, and a log of an earlier version.

use store::messages::{self, Direction, MessageOwner, NewMessage, Replace};
use store::{JidNo, MessageId, Store, Timestamp};

use crate::fixtures::{Folder, START, open};

const ROMEO: JidNo = JidNo(1);
const JULIET: JidNo = JidNo(2);
const NURSE: JidNo = JidNo(3);

fn row(owner: JidNo, peer: JidNo, direction: Direction, offline: bool) -> Option<MessageOwner> {
    Some(MessageOwner {
        owner,
        peer,
        direction,
        offline,
        archived: true,
        requested: false,
    })
}

async fn keep(store: &Store, from: JidNo, to: JidNo, told: i64, text: &str) -> MessageId {
    let message = NewMessage {
        id: store.next_message(),
        created: START,
        sender: from,
        recipient: to,
        told: Some(told),
        stanza: text.as_bytes().into(),
        owners: [
            row(from, to, Direction::Out, false),
            row(to, from, Direction::In, true),
        ],
    };
    let id = message.id;
    store.write(messages::append(message)).await.unwrap();
    id
}

async fn waiting(store: &Store, owner: JidNo) -> Vec<(MessageId, String)> {
    let all = store
        .read(move |r| r.offline_messages(owner, 100, None))
        .await
        .unwrap();
    all.into_iter()
        .map(|one| (one.id, String::from_utf8(one.stanza).unwrap()))
        .collect()
}

#[tokio::test]
async fn numbers_sort_by_time_and_are_given_once_even_if_the_newest_is_deleted() {
    let folder = Folder::new();
    let store = open(&folder);
    let mut last = MessageId(0);
    for _ in 0..1_000 {
        let next = store.next_message();
        assert!(next > last);
        last = next;
    }
    assert!(MessageId::first_at(START) <= last && last.timestamp().0 - START.0 < 10);
    assert!(MessageId::first_at(Timestamp(START.0 + 60_000)) > last);
    let newest = keep(&store, ROMEO, JULIET, 1, "gone").await;
    let entries = vec![(ROMEO, newest), (JULIET, newest)];
    store.write(store::archive::remove(entries)).await.unwrap();
    store
        .write(messages::delivered(JULIET, vec![newest]))
        .await
        .unwrap();
    store.close().await;
    assert_eq!(crate::fixtures::rows(&folder, "messages"), 0);
    // The clock has not moved on.
    assert!(open(&folder).next_message() > newest);
}

fn replace(wanted: &'static str) -> Replace {
    Box::new(move |stored| (stored == wanted.as_bytes()).then(|| b"tombstone".to_vec()))
}

#[tokio::test]
async fn only_the_newest_that_is_meant_of_one_author_in_one_conversation_is_taken_back() {
    let folder = Folder::new();
    let store = open(&folder);
    let first = keep(&store, ROMEO, JULIET, 7, "said").await;
    let second = keep(&store, ROMEO, JULIET, 7, "said").await;
    keep(&store, ROMEO, JULIET, 7, "another of that name").await;
    keep(&store, NURSE, JULIET, 7, "said").await;
    keep(&store, ROMEO, NURSE, 7, "said").await;
    let later = keep(&store, ROMEO, JULIET, 7, "said").await;
    let retract = |before| messages::retract(ROMEO, JULIET, 7, before, replace("said"));
    store.write(retract(later)).await.unwrap();
    let texts = |all: Vec<(MessageId, String)>| all.into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    assert_eq!(
        texts(waiting(&store, JULIET).await),
        ["said", "tombstone", "another of that name", "said", "said"]
    );
    assert_eq!(texts(waiting(&store, NURSE).await), ["said"]);
    let found = store.read(|r| r.message_called(ROMEO, JULIET, 7)).await.unwrap();
    assert_eq!(found.as_deref(), Some(&b"said"[..]));
    // Again, it is the next older one; nothing is older than the first.
    store.write(retract(second)).await.unwrap();
    assert_eq!(waiting(&store, JULIET).await[0], (first, "tombstone".to_owned()));
    store.write(retract(first)).await.unwrap();
    store
        .write(messages::retract(JULIET, ROMEO, 7, later, replace("said")))
        .await
        .unwrap();
    let nothing = store.read(|r| r.message_called(JULIET, ROMEO, 7)).await.unwrap();
    assert_eq!(nothing, None);
}

#[tokio::test]
async fn what_was_delivered_waits_again_for_its_recipient_alone() {
    let folder = Folder::new();
    let store = open(&folder);
    let id = keep(&store, ROMEO, JULIET, 1, "hello").await;
    store.write(messages::delivered(JULIET, vec![id])).await.unwrap();
    assert_eq!(waiting(&store, JULIET).await, []);
    for owner in [ROMEO, JULIET, NURSE] {
        store.write(messages::undelivered(owner, vec![id])).await.unwrap();
    }
    assert_eq!(waiting(&store, JULIET).await, [(id, "hello".to_owned())]);
    assert_eq!(waiting(&store, ROMEO).await, []);
    assert_eq!(waiting(&store, NURSE).await, []);
}

#[tokio::test]
async fn the_log_of_an_earlier_version_keeps_its_order_under_numbers_that_sort_by_time() {
    const RELEASED: [&str; 5] = [
        include_str!("../../../../migrations/0001_first.sql"),
        include_str!("../../../../migrations/0002_private_vcards_blocked.sql"),
        include_str!("../../../../migrations/0003_conversation.sql"),
        include_str!("../../../../migrations/0004_invitations.sql"),
        include_str!("../../../../migrations/0005_publish_subscribe.sql"),
    ];
    let folder = Folder::new();
    let application: i64 = {
        let folder = Folder::new();
        open(&folder).close().await;
        let connection = rusqlite::Connection::open(folder.database()).unwrap();
        connection
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .unwrap()
    };
    let old = rusqlite::Connection::open(folder.database()).unwrap();
    for sql in RELEASED {
        old.execute_batch(sql).unwrap();
    }
    old.execute_batch(&format!(
        "PRAGMA application_id = {application}; PRAGMA user_version = {};
         INSERT INTO jids VALUES (1, 'romeo@example.org'), (2, 'juliet@example.org');
         INSERT INTO counters VALUES ('seq', 100);",
        RELEASED.len()
    ))
    .unwrap();
    // Two in one millisecond, one from a clock that was never set, and one after it was set back.
    let created = [0, START.0, START.0, START.0 + 5_000, START.0 + 1_000];
    for (id, at) in (1..).zip(created) {
        old.execute(
            "INSERT INTO messages VALUES (?1, ?2, 1, 2, CAST(?1 AS BLOB))",
            (id, at),
        )
        .unwrap();
        old.execute(
            "INSERT INTO message_owners VALUES (2, ?1, 1, ?1, 'in', 1, 0)",
            [id],
        )
        .unwrap();
    }
    old.close().unwrap();

    let store = open(&folder);
    let all = waiting(&store, JULIET).await;
    let texts: Vec<&str> = all.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["1", "2", "3", "5", "4"]);
    let expected = [0, START.0, START.0, START.0 + 1_000, START.0 + 5_000];
    for ((id, _), at) in all.iter().zip(expected) {
        assert!(*id >= MessageId::first_at(Timestamp(at)));
        assert!(*id < MessageId::first_at(Timestamp(at.max(1_577_836_800_000) + 1)));
    }
    assert!(all.is_sorted_by(|one, other| one.0 < other.0));
    assert!(store.next_message() > all[4].0);
}
