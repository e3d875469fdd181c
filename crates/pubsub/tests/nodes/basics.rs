//! Publishing, retracting, reading; without failures.

use std::sync::Arc;

use bus::{AccessModel, Event, MICROBLOG};
use format::rsm::{Page, Request};
use pubsub::form::{NODE_CONFIG, PUBLISH_OPTIONS};
use pubsub::{ItemsQuery, NewItem, PubsubError};

use crate::world::{World, entry, form, note, text};

const NOTES: &str = "urn:example:note";

#[tokio::test(flavor = "multi_thread")]
async fn overwriting_keeps_the_number() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.post(&romeo, "1", "a").await;
    world.clock.advance(5_000);
    world.post(&romeo, "2", "b").await;
    world.post(&romeo, "1", "c").await;
    let numbers: Vec<_> = world
        .sink
        .take()
        .iter()
        .map(|event| match event {
            Event::Published { item, .. } => (item.id.to_string(), item.post_id),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers[0], numbers[2]);
    let page = world
        .read(&romeo, &romeo, MICROBLOG, ItemsQuery::All)
        .await
        .unwrap();
    let seen: Vec<_> = page
        .items
        .iter()
        .map(|item| (item.id.to_string(), item.post_id))
        .collect();
    assert_eq!(seen, numbers[..2], "chronological by first publication");
    assert_eq!(text(page.items[0].payload.as_deref()), "c");
    assert!(page.items[0].modified > page.items[0].created);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_one_item_keeps_the_last() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    for id in ["a", "b", "b", "c"] {
        world
            .publish(&romeo, NOTES, id, &note(id))
            .await
            .unwrap()
            .durable
            .await
            .unwrap();
    }
    let expected = [
        format!("create {NOTES}"),
        format!("new {NOTES} a a"),
        format!("new {NOTES} b b"),
        format!("retract {NOTES} a quietly"),
        format!("edit {NOTES} b b"),
        format!("new {NOTES} c c"),
        format!("retract {NOTES} b quietly"),
    ];
    assert_eq!(world.sink.told(), expected);
    let queries = [
        ItemsQuery::All,
        ItemsQuery::Newest(1),
        ItemsQuery::Newest(10),
        ItemsQuery::Ids(vec!["c".into(), "a".into()]),
        ItemsQuery::Rsm(Request {
            max: Some(10),
            page: Page::Last,
        }),
    ];
    for query in queries {
        let page = world.read(&romeo, &romeo, NOTES, query.clone()).await.unwrap();
        assert_eq!(page.items.len(), 1, "{query:?}");
        assert_eq!(&*page.items[0].id, "c");
    }
    assert!(
        world
            .read(&romeo, &romeo, NOTES, ItemsQuery::Newest(0))
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_go_beyond_max_items() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let options = form(PUBLISH_OPTIONS, &[("max_items", "3")]);
    for number in 0..6 {
        let (id, payload) = (number.to_string(), note("x"));
        let accepted = world
            .publish_with(&romeo, NOTES, &id, &payload, Some(&options))
            .await
            .unwrap();
        accepted.durable.await.unwrap();
    }
    assert_eq!(world.ids(&romeo, &romeo, NOTES).await.unwrap(), ["3", "4", "5"]);
    let fewer = form(NODE_CONFIG, &[("max_items", "1")]);
    let configured = world
        .host
        .configure(&romeo.jid.bare(), &romeo, NOTES, &fewer)
        .await
        .unwrap();
    configured.durable.await.unwrap();
    assert_eq!(world.ids(&romeo, &romeo, NOTES).await.unwrap(), ["5"]);
    // What went is new when it comes again.
    world.sink.take();
    world
        .publish(&romeo, NOTES, "3", &note("y"))
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    assert_eq!(
        world.sink.told(),
        [format!("new {NOTES} 3 y"), format!("retract {NOTES} 5 quietly")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn retracting() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let owner = romeo.jid.bare();
    world.post(&romeo, "1", "a").await;
    world.post(&romeo, "2", "b").await;
    world.sink.take();
    let retract = |ids: &'static [&'static str], notify| {
        let (host, owner, romeo) = (world.host.clone(), owner.clone(), romeo.clone());
        async move { host.retract(&owner, &romeo, MICROBLOG, ids, notify).await }
    };
    retract(&["1"], false).await.unwrap().durable.await.unwrap();
    assert_eq!(
        world.sink.told(),
        ["retract blog 1"],
        "the node says that retractions are told"
    );
    assert_eq!(retract(&["1"], true).await.err(), Some(PubsubError::ItemNotFound));
    assert_eq!(
        retract(&["2", "3"], true).await.err(),
        Some(PubsubError::ItemNotFound),
        "all or nothing"
    );
    assert_eq!(retract(&[], true).await.err(), Some(PubsubError::ItemRequired));
    assert_eq!(world.ids(&romeo, &romeo, MICROBLOG).await.unwrap(), ["2"]);
    // It is a new item if it comes again.
    world.post(&romeo, "1", "c").await;
    assert_eq!(world.sink.told(), ["new blog 1 c"]);
    assert_eq!(world.ids(&romeo, &romeo, MICROBLOG).await.unwrap(), ["2", "1"]);
    world
        .publish(&romeo, NOTES, "n", &note("x"))
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    world.sink.take();
    world
        .host
        .retract(&owner, &romeo, NOTES, &["n"], false)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    assert_eq!(
        world.sink.told(),
        [format!("retract {NOTES} n quietly")],
        "PEP's default"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    for number in 0..10 {
        world.post(&romeo, &format!("i{number}"), "x").await;
    }
    let page = |max, page| {
        let query = ItemsQuery::Rsm(Request { max: Some(max), page });
        let (world, romeo) = (&world, &romeo);
        async move {
            let page = world.read(romeo, romeo, MICROBLOG, query).await?;
            let ids: Vec<_> = page.items.iter().map(|item| item.id.to_string()).collect();
            let rsm = page.rsm.unwrap();
            assert_eq!(rsm.first.as_ref(), ids.first());
            assert_eq!(rsm.last.as_ref(), ids.last());
            assert_eq!(rsm.count, Some(10));
            Ok::<_, PubsubError>((ids.join(" "), rsm.first_index))
        }
    };
    let cases = [
        (3, Page::First, "i0 i1 i2", Some(0)),
        (3, Page::After("i2".into()), "i3 i4 i5", Some(3)),
        (3, Page::Last, "i7 i8 i9", Some(7)),
        (3, Page::Before("i7".into()), "i4 i5 i6", Some(4)),
        (3, Page::Before("i1".into()), "i0", Some(0)),
        (3, Page::After("i9".into()), "", None),
        (2, Page::Index(8), "i8 i9", Some(8)),
        (2, Page::Index(10), "", None),
        (0, Page::First, "", None),
    ];
    for (max, which, ids, index) in cases {
        assert_eq!(
            page(max, which.clone()).await.unwrap(),
            (ids.to_owned(), index),
            "{which:?}"
        );
    }
    assert_eq!(
        page(3, Page::After("gone".into())).await.unwrap_err(),
        PubsubError::ItemNotFound
    );
    let newest = world
        .read(&romeo, &romeo, MICROBLOG, ItemsQuery::Newest(2))
        .await
        .unwrap();
    let ids: Vec<_> = newest.items.iter().map(|item| Arc::clone(&item.id)).collect();
    assert_eq!(ids, ["i8".into(), "i9".into()], "the newest, ascending");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_published() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let owner = romeo.jid.bare();
    let publish = |node: &'static str, items: Vec<NewItem>| {
        let (host, owner, romeo) = (world.host.clone(), owner.clone(), romeo.clone());
        async move {
            host.publish(&owner, &romeo, node, items, None)
                .await
                .err()
                .unwrap()
        }
    };
    let item = |id: &str, payload: &str| NewItem {
        id: Some(id.into()),
        payload: Some(payload.into()),
    };
    assert_eq!(
        publish("", vec![item("1", &note("x"))]).await,
        PubsubError::NodeIdRequired
    );
    assert_eq!(publish(NOTES, vec![]).await, PubsubError::ItemRequired);
    assert_eq!(
        publish(bus::HOME, vec![item("1", &note("x"))]).await,
        PubsubError::Unsupported("publish")
    );
    let long = "x".repeat(1_024);
    assert!(matches!(
        publish(NOTES, vec![item(&long, &note("x"))]).await,
        PubsubError::InvalidName(_)
    ));
    let twice = vec![item("1", &note("x")), item("1", &note("y"))];
    assert!(matches!(publish(NOTES, twice).await, PubsubError::InvalidName(_)));
    let big = note(&"x".repeat(262_144));
    assert_eq!(
        publish(NOTES, vec![item("1", &big)]).await,
        PubsubError::PayloadTooBig
    );
    assert!(matches!(
        publish(MICROBLOG, vec![item("1", &note("x"))]).await,
        PubsubError::InvalidPayload(_)
    ));
    assert!(matches!(
        publish(MICROBLOG, vec![item("0", &entry("x"))]).await,
        PubsubError::InvalidPayload(_)
    ));
    assert_eq!(
        publish(MICROBLOG, vec![NewItem::default()]).await,
        PubsubError::PayloadRequired
    );
    assert!(world.sink.told().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_are_not_kept() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let options = form(PUBLISH_OPTIONS, &[("persist_items", "0")]);
    for id in ["1", "2"] {
        let published = world
            .publish_with(&romeo, NOTES, id, &note(id), Some(&options))
            .await
            .unwrap();
        published.durable.await.unwrap();
    }
    assert_eq!(
        world.ids(&romeo, &romeo, NOTES).await.unwrap(),
        ["2"],
        "the last is remembered"
    );
    let world = world.restarted().await;
    let romeo = world.actor("romeo@localhost/client").await;
    assert!(
        world.ids(&romeo, &romeo, NOTES).await.unwrap().is_empty(),
        "and forgotten"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_purged_and_deleted() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let owner = romeo.jid.bare();
    world.post(&romeo, "1", "a").await;
    world
        .host
        .purge(&owner, &romeo, MICROBLOG)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    assert!(world.ids(&romeo, &romeo, MICROBLOG).await.unwrap().is_empty());
    world.post(&romeo, "1", "b").await;
    assert_eq!(world.sink.told(), ["new blog 1 a", "purge blog", "new blog 1 b"]);
    // Deleted and made again in one breath: what is published into the new one comes after the old one's end.
    let deleted = world.host.delete(&owner, &romeo, MICROBLOG, None).await.unwrap();
    let published = world.publish(&romeo, MICROBLOG, "1", &entry("c")).await.unwrap();
    deleted.durable.await.unwrap();
    published.durable.await.unwrap();
    assert_eq!(world.sink.told(), ["delete blog", "create blog", "new blog 1 c"]);
    assert_eq!(world.ids(&romeo, &romeo, MICROBLOG).await.unwrap(), ["1"]);
    let view = world.host.view(&owner, MICROBLOG).await.unwrap().unwrap();
    assert_eq!(
        view.config.access,
        AccessModel::Presence,
        "open only where somebody said so"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_the_service() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let service = world.service();
    let created = world
        .host
        .create(&service, &romeo, Some("balcony"), None)
        .await
        .unwrap();
    assert_eq!(&*created.durable.await.unwrap(), "balcony");
    let again = world.host.create(&service, &juliet, Some("balcony"), None).await;
    assert_eq!(again.err(), Some(PubsubError::NodeExists));
    for taken in [MICROBLOG, "tag/rust"] {
        let created = world.host.create(&service, &romeo, Some(taken), None).await;
        assert_eq!(created.err(), Some(PubsubError::NodeExists), "{taken}");
    }
    let item = || {
        vec![NewItem {
            id: Some("1".into()),
            payload: Some(note("x").into_bytes()),
        }]
    };
    let by_juliet = world
        .host
        .publish(&service, &juliet, "balcony", item(), None)
        .await;
    assert_eq!(by_juliet.err(), Some(PubsubError::Forbidden));
    let by_romeo = world
        .host
        .publish(&service, &romeo, "balcony", item(), None)
        .await
        .unwrap();
    by_romeo.durable.await.unwrap();
    let missing = world.host.publish(&service, &romeo, "garden", item(), None).await;
    assert_eq!(
        missing.err(),
        Some(PubsubError::NodeNotFound),
        "only people's nodes make themselves"
    );
    let reserved = world
        .host
        .create(&service, &romeo, Some("tag/no tag"), None)
        .await;
    assert!(matches!(reserved.err(), Some(PubsubError::InvalidName(_))));
    let stranger = world.actor("paris@elsewhere.example/x").await;
    let created = world.host.create(&service, &stranger, Some("crypt"), None).await;
    assert_eq!(created.err(), Some(PubsubError::Forbidden));
    let instant = world.host.create(&service, &romeo, None, None).await.unwrap();
    assert!(!instant.durable.await.unwrap().is_empty());
    let world = world.restarted().await;
    let page = world
        .host
        .items(&service, &juliet, "balcony", ItemsQuery::All)
        .await
        .unwrap();
    assert_eq!(
        page.items[0].publisher_jid,
        romeo.jid.bare(),
        "the publisher is always told"
    );
    let nodes = world.host.nodes(&service, &juliet, None).await.unwrap().nodes;
    assert!(nodes.iter().any(|node| &*node.name == "balcony"));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_begin_and_end() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Presence).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let owner = juliet.jid.bare();
    let view = world
        .host
        .view(&romeo.jid.bare(), MICROBLOG)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(view.config.access, AccessModel::Presence);
    for number in 1..=70 {
        world.post(&juliet, &number.to_string(), "x").await;
    }
    world
        .publish(&juliet, NOTES, "n", &note("x"))
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let bare = juliet.jid.bare().into();
    world.rosters.set(
        romeo.no,
        juliet.no,
        pubsub::Relation {
            has_presence: true,
            groups: vec![],
        },
    );
    let followed = world
        .host
        .subscribe(&romeo.jid.bare(), &juliet, MICROBLOG, &bare)
        .await
        .unwrap();
    followed.durable.await.unwrap();
    world.sink.take();
    world.host.delete_account(&owner).await.unwrap();
    let told = world.sink.told();
    assert_eq!(
        told.iter().filter(|one| one.starts_with("retract blog")).count(),
        70
    );
    assert_eq!(told[70], "unsubscribe blog juliet@localhost");
    let mut deleted = told[71..].to_vec();
    deleted.sort();
    assert_eq!(deleted, ["delete blog".to_owned(), format!("delete {NOTES}")]);
    world.host.delete_account(&owner).await.unwrap();
    assert!(world.host.view(&owner, MICROBLOG).await.unwrap().is_none());
}
