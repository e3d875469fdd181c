//! Which nodes are feeds, who follows which, and what people show of it.

use store::accounts::{self, Account, AccountState};
use store::notifications::NotificationType;
use store::subscriptions::{self, Subscription};
use store::{JidNo, NodeNo, Store, Write, WriteError, feeds, items, nodes, notifications, shown};

use crate::fixtures::{Folder, START, open, put, rows, swept};

const MAIN: &str = "blog";

fn subscription(node: NodeNo, no: JidNo, resource: &str, state: &str) -> Write {
    subscriptions::put(Subscription {
        node,
        no,
        resource: resource.into(),
        subid: format!("{}{resource}", node.0),
        state: state.into(),
        options: None,
        created: START,
        expires: None,
    })
}

fn ended(node: NodeNo, no: JidNo, resource: &str) -> Write {
    subscriptions::remove(node, no, resource.into(), format!("{}{resource}", node.0))
}

/// Juliet, who has an account, and Romeo.
async fn people(store: &Store) -> (JidNo, JidNo) {
    let number = async |jid: &str| store.jids().number(jid).await.unwrap();
    let juliet = number("juliet@example.org").await;
    let account = accounts::create(Account {
        no: juliet,
        domain: "example.org".into(),
        localpart: "juliet".into(),
        state: AccountState::Active,
        is_admin: false,
        created: START,
        last_login: None,
        settings: String::new(),
    });
    store.write(account).await.unwrap();
    (juliet, number("romeo@example.org").await)
}

async fn node(store: &Store, owner: JidNo, name: &str) -> NodeNo {
    let no = store.next_node();
    let created = nodes::create(nodes::Node {
        no,
        owner,
        name: name.into(),
        kind: "pep".into(),
        access: "open".into(),
        config: String::new(),
        created: START,
    });
    store.write(created).await.unwrap();
    no
}

#[tokio::test]
async fn a_node_becomes_a_feed_or_none_without_items_only() {
    let folder = Folder::new();
    let store = open(&folder);
    let (juliet, _) = people(&store).await;
    let garden = node(&store, juliet, "garden").await;
    store.write(feeds::set(garden, true)).await.unwrap();
    store.write(feeds::set(garden, true)).await.unwrap();
    put(&store, garden, "1", "<a/>").await.unwrap();
    for is_feed in [true, false] {
        assert_eq!(
            store.write(feeds::set(garden, is_feed)).await,
            Err(WriteError::Exists)
        );
    }
    store.write(items::retract(garden, "1".into())).await.unwrap();
    assert_eq!(rows(&folder, "feeds"), 1);
    store.write(feeds::set(garden, false)).await.unwrap();
    assert_eq!(rows(&folder, "feeds"), 0);
}

#[tokio::test]
async fn followed_are_main_blogs_and_feeds_while_the_subscription_is_in_force() {
    let folder = Folder::new();
    let store = open(&folder);
    let (juliet, romeo) = people(&store).await;
    let blog = node(&store, juliet, MAIN).await;
    let garden = node(&store, juliet, "garden").await;
    let notes = node(&store, juliet, "notes").await;
    store.write(feeds::set(garden, true)).await.unwrap();
    for node in [blog, garden, notes] {
        let subscribed = subscription(node, romeo, "", "subscribed");
        store.write(subscribed).await.unwrap();
    }
    let again = subscription(garden, romeo, "phone", "subscribed");
    store.write(again).await.unwrap();
    let followed = async || {
        let read = store.read(move |reader| reader.followed(romeo, MAIN, "subscribed"));
        let rows = read.await.unwrap().into_iter();
        rows.map(|row| (row.owner, row.name)).collect::<Vec<_>>()
    };
    assert_eq!(
        followed().await,
        [(juliet, MAIN.to_owned()), (juliet, "garden".to_owned())]
    );
    // Who still follows one of somebody's feeds is a follower.
    let told = notifications::followed(juliet, romeo, START);
    store.write(told).await.unwrap();
    let told = async || {
        let read = store.read(move |reader| reader.newest_notifications(juliet, 9, None));
        let rows = read.await.unwrap().into_iter();
        rows.map(|row| row.kind).collect::<Vec<_>>()
    };
    for (node, resource, is_last) in [(blog, "", false), (garden, "", false), (garden, "phone", true)] {
        assert_eq!(told().await, [NotificationType::Follow]);
        if is_last {
            assert_eq!(followed().await, [(juliet, "garden".to_owned())]);
        }
        let parts = vec![
            ended(node, romeo, resource),
            notifications::unfollowed(juliet, romeo, MAIN),
        ];
        store.write(Write::all(parts)).await.unwrap();
    }
    assert!(told().await.is_empty());
    store
        .write(subscription(garden, romeo, "", "subscribed"))
        .await
        .unwrap();
    store.write(nodes::delete(garden, START)).await.unwrap();
    assert!(followed().await.is_empty());
    swept(&store).await;
    assert_eq!(rows(&folder, "feeds"), 0);
}

#[tokio::test]
async fn what_is_shown_goes_with_the_subscription() {
    let folder = Folder::new();
    let store = open(&folder);
    let (juliet, romeo) = people(&store).await;
    let blog = node(&store, juliet, MAIN).await;
    let shown_by = || {
        store
            .read_now(move |reader| reader.shown_subscribers(blog, 9))
            .unwrap()
    };
    let show = |is_shown| store.write(shown::set(blog, romeo, is_shown));
    assert_eq!(show(true).await, Err(WriteError::NotFound));
    // Of one resource alone nobody is told.
    let phone = subscription(blog, romeo, "phone", "subscribed");
    store.write(phone).await.unwrap();
    assert_eq!(show(true).await, Err(WriteError::NotFound));
    let pending = subscription(blog, romeo, "", "pending");
    store.write(pending).await.unwrap();
    show(true).await.unwrap();
    assert!(shown_by().is_empty(), "it is not in force");
    let granted = subscription(blog, romeo, "", "subscribed");
    store.write(granted).await.unwrap();
    assert_eq!(shown_by(), [romeo]);
    let of_romeo = store
        .read_now(move |reader| reader.shown_subscriptions(romeo, 9))
        .unwrap();
    assert_eq!(of_romeo, [(juliet, MAIN.to_owned())]);
    show(false).await.unwrap();
    assert!(shown_by().is_empty());
    show(true).await.unwrap();
    store.write(ended(blog, romeo, "phone")).await.unwrap();
    assert_eq!(shown_by(), [romeo], "the other one has not ended");
    store.write(ended(blog, romeo, "")).await.unwrap();
    let anew = subscription(blog, romeo, "", "subscribed");
    store.write(anew).await.unwrap();
    assert!(
        shown_by().is_empty(),
        "a new one is not shown because an old one was"
    );
    show(true).await.unwrap();
    store.write(nodes::delete(blog, START)).await.unwrap();
    let of_romeo = store
        .read_now(move |reader| reader.shown_subscriptions(romeo, 9))
        .unwrap();
    assert!(of_romeo.is_empty());
    swept(&store).await;
    assert_eq!(rows(&folder, "shown_subscriptions"), 0);
}
