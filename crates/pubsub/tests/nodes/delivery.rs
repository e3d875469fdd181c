//! Delivered first, stored in parallel, acknowledged when durable; and what happens when it cannot be stored.

use std::time::Duration;

use bus::{AccessModel, MICROBLOG};
use pubsub::form::NODE_CONFIG;
use pubsub::{ItemsQuery, PubsubError};
use store::Fault;

use crate::world::{World, entry, form, note};

const NOTES: &str = "urn:example:note";

/// The future is not ready while the commit is held back.
async fn is_pending<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
    tokio::time::timeout(Duration::from_millis(20), future)
        .await
        .is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fetches_on_a_notification_finds_the_item() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    world.store.faults().hold();
    let accepted = world.publish(&romeo, MICROBLOG, "1", &entry("hi")).await.unwrap();
    assert_eq!(
        world.sink.told(),
        ["new blog 1 hi"],
        "delivered before it is stored"
    );
    let mut durable = accepted.durable;
    assert!(
        is_pending(&mut durable).await,
        "not acknowledged before it is stored"
    );
    let read = async {
        let query = ItemsQuery::Ids(vec!["1".into()]);
        world.read(&romeo, &juliet, MICROBLOG, query).await.unwrap()
    };
    let mut read = Box::pin(read);
    assert!(is_pending(&mut read).await, "the reader waits for the batch");
    world.store.faults().release();
    assert_eq!(read.await.items.len(), 1);
    durable.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn configure_and_publish_are_judged_in_their_order() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world
        .publish(&romeo, NOTES, "1", &note("a"))
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    world.sink.take();
    world.store.faults().hold();
    let owner = romeo.jid.bare();
    let change = form(NODE_CONFIG, &[("max_items", "5"), ("access_model", "whitelist")]);
    let configured = world
        .host
        .configure(&owner, &romeo, NOTES, &change)
        .await
        .unwrap();
    let published = world.publish(&romeo, NOTES, "2", &note("b")).await.unwrap();
    assert!(
        world.sink.told().is_empty(),
        "what follows an unstored configuration waits for it"
    );
    world.store.faults().release();
    configured.durable.await.unwrap();
    published.durable.await.unwrap();
    let events = world.sink.take();
    let told: Vec<_> = events.iter().map(crate::world::told).collect();
    assert_eq!(told, [format!("configure {NOTES}"), format!("new {NOTES} 2 b")]);
    assert_eq!(events[1].view().config.access, AccessModel::Whitelist);
    assert_eq!(
        world.ids(&romeo, &romeo, NOTES).await.unwrap(),
        ["1", "2"],
        "five are kept now"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_configuration_that_failed_goes_out_under_the_old_one() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Presence).await;
    world.store.faults().fail_next(1, Fault::Full);
    world.store.faults().hold();
    let owner = romeo.jid.bare();
    let change = form(NODE_CONFIG, &[("access_model", "open")]);
    let configured = world
        .host
        .configure(&owner, &romeo, MICROBLOG, &change)
        .await
        .unwrap();
    world.store.faults().wait_until_held();
    let published = world
        .publish(&romeo, MICROBLOG, "1", &entry("for friends"))
        .await
        .unwrap();
    world.store.faults().release();
    assert_eq!(configured.durable.await.unwrap_err(), PubsubError::Storage);
    published.durable.await.unwrap();
    world.settled().await;
    let events = world.sink.take();
    let told: Vec<_> = events.iter().map(crate::world::told).collect();
    assert_eq!(told, ["new blog 1 for friends"]);
    assert_eq!(events[0].view().config.access, AccessModel::Presence);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_restores_what_was_and_retracts_what_was_not() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.post(&romeo, "old", "as it was").await;
    world.sink.take();
    world.store.faults().fail_next(1, Fault::Full);
    world.store.faults().hold();
    let edit = world
        .publish(&romeo, MICROBLOG, "old", &entry("as it will never be"))
        .await
        .unwrap();
    world.store.faults().wait_until_held();
    // The batch is on its way to fail; whatever comes now goes into the next one.
    world.store.faults().release();
    assert_eq!(edit.durable.await.unwrap_err(), PubsubError::Storage);
    let told = world.sink.until("restored blog old as it was").await;
    assert_eq!(
        told,
        ["edit blog old as it will never be", "restored blog old as it was"]
    );

    // The gate is closed until something is stored: that post comes after its commit.
    world.post(&romeo, "opens the gate", "x").await;
    world.sink.take();
    world.store.faults().fail_next(1, Fault::Io);
    let new = world
        .publish(&romeo, MICROBLOG, "new", &entry("never was"))
        .await
        .unwrap();
    assert_eq!(new.durable.await.unwrap_err(), PubsubError::Storage);
    assert_eq!(
        world.sink.until("retract blog new").await,
        ["new blog new never was", "retract blog new"]
    );
    assert_eq!(
        world.ids(&romeo, &romeo, MICROBLOG).await.unwrap(),
        ["old", "opens the gate"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retraction_that_failed_brings_the_item_back() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.post(&romeo, "1", "stays #tag").await;
    world.sink.take();
    world.store.faults().fail_next(1, Fault::Full);
    let owner = romeo.jid.bare();
    let retracted = world
        .host
        .retract(&owner, &romeo, MICROBLOG, &["1"], true)
        .await
        .unwrap();
    assert_eq!(retracted.durable.await.unwrap_err(), PubsubError::Storage);
    assert_eq!(
        world.sink.until("restored blog 1 stays #tag").await,
        ["retract blog 1", "restored blog 1 stays #tag"]
    );
    assert_eq!(world.ids(&romeo, &romeo, MICROBLOG).await.unwrap(), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_something_newer_has_overtaken_is_not_told() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.post(&romeo, "1", "first").await;
    world.sink.take();
    world.store.faults().fail_next(1, Fault::Full);
    world.store.faults().hold();
    let second = world
        .publish(&romeo, MICROBLOG, "1", &entry("second"))
        .await
        .unwrap();
    world.store.faults().wait_until_held();
    let third = world
        .publish(&romeo, MICROBLOG, "1", &entry("third"))
        .await
        .unwrap();
    world.store.faults().release();
    assert!(second.durable.await.is_err());
    third.durable.await.unwrap();
    world.settled().await;
    assert_eq!(world.sink.told(), ["edit blog 1 second", "edit blog 1 third"]);
    let page = world
        .read(&romeo, &romeo, MICROBLOG, ItemsQuery::All)
        .await
        .unwrap();
    assert_eq!(crate::world::text(page.items[0].payload.as_deref()), "third");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_closes_and_opens() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.store.faults().hold();
    let first = world.publish(&romeo, MICROBLOG, "1", &entry("a")).await.unwrap();
    assert_eq!(world.sink.told(), ["new blog 1 a"]);
    world.clock.advance(101);
    let second = world.publish(&romeo, MICROBLOG, "2", &entry("b")).await.unwrap();
    let third = world.publish(&romeo, MICROBLOG, "2", &entry("c")).await.unwrap();
    assert!(
        world.sink.told().is_empty(),
        "the oldest write waits for more than 100 ms"
    );
    world.store.faults().release();
    first.durable.await.unwrap();
    second.durable.await.unwrap();
    third.durable.await.unwrap();
    assert_eq!(
        world.sink.told(),
        ["new blog 2 b", "edit blog 2 c"],
        "in their order, once stored"
    );
    world.store.faults().hold();
    let fourth = world.publish(&romeo, MICROBLOG, "3", &entry("d")).await.unwrap();
    assert_eq!(world.sink.told(), ["new blog 3 d"], "delivered first again");
    world.store.faults().release();
    fourth.durable.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_closed_gate_a_failure_is_never_seen() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.store.faults().fail_next(2, Fault::Full);
    let first = world.publish(&romeo, MICROBLOG, "1", &entry("a")).await.unwrap();
    assert!(first.durable.await.is_err());
    assert_eq!(
        world.sink.until("retract blog 1").await,
        ["new blog 1 a", "retract blog 1"]
    );
    let second = world.publish(&romeo, MICROBLOG, "2", &entry("b")).await.unwrap();
    assert!(second.durable.await.is_err());
    let third = world.publish(&romeo, MICROBLOG, "3", &entry("c")).await.unwrap();
    third.durable.await.unwrap();
    world.settled().await;
    assert_eq!(world.sink.told(), ["new blog 3 c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_creation_failed_is_not_there() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.store.faults().fail_next(1, Fault::Io);
    let published = world.publish(&romeo, NOTES, "1", &note("a")).await.unwrap();
    assert!(published.durable.await.is_err());
    let told = world.sink.until(&format!("retract {NOTES} 1")).await;
    assert_eq!(told[0], format!("create {NOTES}"));
    assert_eq!(
        world.ids(&romeo, &romeo, NOTES).await.unwrap_err(),
        PubsubError::NodeNotFound
    );
    world
        .publish(&romeo, NOTES, "1", &note("b"))
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    assert_eq!(world.ids(&romeo, &romeo, NOTES).await.unwrap(), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_failed_ends() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    world.store.faults().fail_next(1, Fault::Full);
    let bare = juliet.jid.bare().into();
    let subscribed = world
        .host
        .subscribe(&romeo.jid.bare(), &juliet, MICROBLOG, &bare)
        .await
        .unwrap();
    assert!(subscribed.durable.await.is_err());
    let told = world.sink.until("unsubscribe blog juliet@localhost").await;
    assert_eq!(
        told,
        [
            "subscribed blog juliet@localhost",
            "unsubscribe blog juliet@localhost"
        ]
    );
    let view = world
        .host
        .view(&romeo.jid.bare(), MICROBLOG)
        .await
        .unwrap()
        .unwrap();
    assert!(view.subscribers.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    for number in 1..=60 {
        world.post(&romeo, &number.to_string(), "x").await;
        world.clock.advance(1);
    }
    let world = world.restarted().await;
    let romeo = world.actor("romeo@localhost/client").await;
    assert_eq!(world.ids(&romeo, &romeo, MICROBLOG).await.unwrap().len(), 60);
    // An id that is not among the newest is found in the database.
    let accepted = world
        .publish(&romeo, MICROBLOG, "3", &entry("again"))
        .await
        .unwrap();
    accepted.durable.await.unwrap();
    assert_eq!(world.sink.told(), ["edit blog 3 again"]);
    assert_eq!(
        world.ids(&romeo, &romeo, MICROBLOG).await.unwrap()[2],
        "3",
        "it kept its place"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_made_room_beside_a_failure_comes_back() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let owner = romeo.jid.bare();
    let two = form(NODE_CONFIG, &[("max_items", "2")]);
    let configured = world
        .host
        .configure(&owner, &romeo, MICROBLOG, &two)
        .await
        .unwrap();
    configured.durable.await.unwrap();
    world.post(&romeo, "1", "first").await;
    world.sink.take();
    world.store.faults().fail_next(1, Fault::Full);
    world.store.faults().hold();
    let second = world
        .publish(&romeo, MICROBLOG, "2", &entry("second"))
        .await
        .unwrap();
    world.store.faults().wait_until_held();
    // Beside the second there is no room for the first; without it there is.
    let third = world
        .publish(&romeo, MICROBLOG, "3", &entry("third"))
        .await
        .unwrap();
    world.store.faults().release();
    assert!(second.durable.await.is_err());
    third.durable.await.unwrap();
    world.settled().await;
    assert_eq!(
        world.sink.told(),
        [
            "new blog 2 second",
            "new blog 3 third",
            "retract blog 1",
            "retract blog 2",
            "restored blog 1 first"
        ]
    );
    assert_eq!(world.ids(&romeo, &romeo, MICROBLOG).await.unwrap(), ["1", "3"]);
}
