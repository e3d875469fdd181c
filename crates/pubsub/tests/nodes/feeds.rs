//! Feeds of posts beside the main blog (XEP-0472), and where the main blog is.

use bus::{AccessModel, Event, Feed, MICROBLOG};
use pubsub::form::{NODE_CONFIG, PUBLISH_OPTIONS};
use pubsub::{Actor, ItemsQuery, PubsubError};

use crate::world::{World, entry, form, note};

const BASE: &str = "urn:xmpp:pubsub-social-feed:1";
const GARDEN: &str = "garden";

async fn feed(world: &World, owner: &Actor, node: &str, access: &str) {
    let config = form(NODE_CONFIG, &[("type", BASE), ("access_model", access)]);
    let created = world
        .host
        .create(&owner.jid.bare(), owner, Some(node), Some(&config))
        .await;
    created.unwrap().durable.await.unwrap();
}

async fn publish(world: &World, who: &Actor, node: &str, id: &str, payload: &str) {
    let published = world.publish(who, node, id, payload).await;
    published.unwrap().durable.await.unwrap();
}

async fn public(world: &World) -> Vec<String> {
    let rows = world.store.read(|reader| reader.newest_public(10, None)).await;
    rows.unwrap().into_iter().map(|row| row.item_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_is_one_after_a_restart_and_goes_with_its_account() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    feed(&world, &romeo, GARDEN, "open").await;
    feed(&world, &romeo, "diary", "whitelist").await;
    publish(&world, &romeo, GARDEN, "g", &entry("#roses")).await;
    publish(&world, &romeo, "diary", "d", &entry("#roses")).await;
    publish(&world, &romeo, MICROBLOG, "m", &entry("#roses")).await;
    assert_eq!(public(&world).await, ["m", "g"]);
    let world = world.restarted().await;
    let owner = romeo.jid.bare();
    let view = world.host.view(&owner, GARDEN).await.unwrap().unwrap();
    assert_eq!(view.feed(), Some(Feed::Base));
    let refused = world.publish(&romeo, GARDEN, "x", &note("x")).await;
    assert!(matches!(refused.err(), Some(PubsubError::InvalidPayload(_))));
    world.sink.take();
    world.host.delete_account(&owner).await.unwrap();
    let retracted: Vec<_> = world
        .sink
        .take()
        .into_iter()
        .filter_map(|event| match event {
            Event::Retracted { id, in_public, .. } => Some((id.to_string(), in_public)),
            _ => None,
        })
        .collect();
    for expected in [("g", true), ("d", false), ("m", true)] {
        assert!(
            retracted.contains(&(expected.0.to_owned(), expected.1)),
            "{retracted:?}"
        );
    }
    assert!(public(&world).await.is_empty());
}

/// One id in two blogs is two posts.
#[tokio::test(flavor = "multi_thread")]
async fn ids_of_one_blog_are_not_those_of_another() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    feed(&world, &romeo, "a b", "open").await;
    let mut ids = Vec::new();
    for node in [MICROBLOG, "a b"] {
        publish(&world, &romeo, node, "1", &entry("hello")).await;
        let read = world.read(&romeo, &romeo, node, ItemsQuery::All).await.unwrap();
        let payload = String::from_utf8(read.items[0].payload.as_deref().unwrap().to_vec()).unwrap();
        let id = payload
            .split("<id>")
            .nth(1)
            .and_then(|rest| rest.split('<').next());
        ids.push(id.unwrap().to_owned());
    }
    assert_eq!(
        ids,
        [
            "tag:localhost,2027-01-15:romeo/posts/1",
            "tag:localhost,2027-01-15:romeo/feeds/a%20b/1"
        ]
    );
}

/// What is decided without the database holds for it: a purge that fails leaves a node with items what it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_purge_fails_becomes_no_feed() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let owner = romeo.jid.bare();
    publish(&world, &romeo, "notes", "1", &note("unchecked")).await;
    world.store.faults().fail_next(1, store::Fault::Full);
    world.store.faults().hold();
    let purged = world.host.purge(&owner, &romeo, "notes").await.unwrap();
    let config = form(NODE_CONFIG, &[("type", BASE), ("access_model", "open")]);
    let configured = world.host.configure(&owner, &romeo, "notes", &config).await;
    world.store.faults().release();
    assert!(purged.durable.await.is_err());
    if let Ok(configured) = configured {
        assert!(configured.durable.await.is_err());
    }
    let view = world.host.view(&owner, "notes").await.unwrap().unwrap();
    assert_eq!((view.feed(), view.is_microblog()), (None, false));
    assert_eq!(world.ids(&romeo, &romeo, "notes").await.unwrap(), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_a_feed_finds_it_in_no_list() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let mallory = world.account("mallory", AccessModel::Open).await;
    for (node, access) in [("a", "open"), ("b", "whitelist"), ("c", "presence")] {
        feed(&world, &romeo, node, access).await;
    }
    let options = form(PUBLISH_OPTIONS, &[("access_model", "open")]);
    let payload = note("x");
    let plain = world.publish_with(&romeo, "no feed", "1", &payload, Some(&options));
    plain.await.unwrap().durable.await.unwrap();
    let owner = romeo.jid.bare();
    for (who, expected) in [(&romeo, &["a", "b", "c"][..]), (&mallory, &["a"][..])] {
        let feeds = world.host.further_feeds(&owner, who).await.unwrap();
        let names: Vec<_> = feeds.iter().map(|view| &*view.name).collect();
        assert_eq!(names, expected);
    }
}

/// Nobody makes another's blog their own, or is led to what they may not read.
#[tokio::test(flavor = "multi_thread")]
async fn a_main_blog_elsewhere_is_what_both_sides_say() {
    let world = World::new().await;
    let old = world.account("old", AccessModel::Open).await;
    let new = world.account("new", AccessModel::Presence).await;
    let reader = world.account("reader", AccessModel::Open).await;
    let blog = |inner: &str| format!("<blog xmlns='urn:x-folkmoot:blog:0'>{inner}</blog>");
    let node = "urn:x-folkmoot:blog:0";
    let main = async |who: &Actor| world.host.main_blog(&old.jid.bare(), who).await.unwrap();
    publish(
        &world,
        &old,
        node,
        "current",
        &blog("<main jid='new@localhost'/>"),
    )
    .await;
    assert_eq!(main(&old).await, None);
    publish(
        &world,
        &new,
        node,
        "current",
        &blog("<also jid='other@localhost'/>"),
    )
    .await;
    assert_eq!(main(&new).await, None);
    publish(
        &world,
        &new,
        node,
        "current",
        &blog("<also jid='old@localhost'/>"),
    )
    .await;
    assert_eq!(main(&new).await.unwrap().jid, new.jid.bare());
    assert_eq!(main(&reader).await, None, "the blog itself is for contacts");
    // A ring leads nowhere.
    publish(
        &world,
        &new,
        node,
        "current",
        &blog("<main jid='old@localhost'/><also jid='old@localhost'/>"),
    )
    .await;
    publish(
        &world,
        &old,
        node,
        "current",
        &blog("<main jid='new@localhost'/><also jid='new@localhost'/>"),
    )
    .await;
    assert_eq!(main(&new).await.unwrap().jid, new.jid.bare());
    let nowhere = blog("<main jid='new@localhost' node='nothing'/>");
    publish(&world, &old, node, "current", &nowhere).await;
    assert_eq!(main(&new).await, None);
}
