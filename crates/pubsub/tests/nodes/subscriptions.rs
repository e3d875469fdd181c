//! Subscribing, last items, virtual nodes' subscribers.

use bus::{AccessModel, MICROBLOG, SubscriptionState};
use pubsub::form::NODE_CONFIG;
use pubsub::{PubsubError, Relation};
use wire::Jid;

use crate::world::{World, entry, form, note, wanted};

const NOTES: &str = "urn:example:note";

#[tokio::test(flavor = "multi_thread")]
async fn subscribing_twice_is_one_subscription() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let (owner, host) = (romeo.jid.bare(), &world.host);
    let bare: Jid = juliet.jid.bare().into();
    let first = host
        .subscribe(&owner, &juliet, MICROBLOG, &bare)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let second = host
        .subscribe(&owner, &juliet, MICROBLOG, &bare)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    assert_eq!(first, second);
    let full = host
        .subscribe(&owner, &juliet, MICROBLOG, &juliet.jid)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    assert_ne!(full.subid, first.subid);
    assert_eq!(world.sink.told().len(), 2);
    let others = host.subscribe(&owner, &juliet, MICROBLOG, &romeo.jid).await;
    assert_eq!(others.err(), Some(PubsubError::InvalidJid));
    let all = host.subscriptions(&owner, &juliet, None).await.unwrap();
    assert_eq!(
        all.iter().map(|one| one.jid.as_str()).collect::<Vec<_>>(),
        [bare.as_str(), juliet.jid.as_str()]
    );
    let wrong = host
        .unsubscribe(&owner, &juliet, MICROBLOG, &bare, Some("77"))
        .await;
    assert_eq!(wrong.err(), Some(PubsubError::InvalidSubid));
    let subid = first.subid.to_string();
    let ended = host
        .unsubscribe(&owner, &juliet, MICROBLOG, &bare, Some(&subid))
        .await
        .unwrap();
    ended.durable.await.unwrap();
    let again = host.unsubscribe(&owner, &juliet, MICROBLOG, &bare, None).await;
    assert_eq!(again.err(), Some(PubsubError::NotSubscribed));
    let world = world.restarted().await;
    let all = world.host.subscribers(&owner, &romeo, MICROBLOG).await.unwrap();
    assert_eq!(all, [full]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_an_owner_approves() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Authorize).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let (owner, host) = (romeo.jid.bare(), &world.host);
    let bare: Jid = juliet.jid.bare().into();
    world.post(&romeo, "1", "x").await;
    assert_eq!(
        world.ids(&romeo, &juliet, MICROBLOG).await.err(),
        Some(PubsubError::ItemsNeedSubscription)
    );
    let asked = host
        .subscribe(&owner, &juliet, MICROBLOG, &bare)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    assert_eq!(asked.state, SubscriptionState::Pending);
    assert_eq!(
        world.ids(&romeo, &juliet, MICROBLOG).await.err(),
        Some(PubsubError::PendingSubscription)
    );
    let approved = [wanted(&bare, Some(SubscriptionState::Subscribed))];
    let by_juliet = host.set_subscribers(&owner, &juliet, MICROBLOG, &approved).await;
    assert_eq!(by_juliet.err(), Some(PubsubError::Forbidden));
    host.set_subscribers(&owner, &romeo, MICROBLOG, &approved)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    assert_eq!(world.ids(&romeo, &juliet, MICROBLOG).await.unwrap(), ["1"]);
    let removed = [wanted(&bare, None)];
    host.set_subscribers(&owner, &romeo, MICROBLOG, &removed)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    assert_eq!(
        world.ids(&romeo, &juliet, MICROBLOG).await.err(),
        Some(PubsubError::ItemsNeedSubscription)
    );
    assert_eq!(
        world.sink.told()[1..],
        [
            "pending blog juliet@localhost",
            "subscribed blog juliet@localhost",
            "unsubscribe blog juliet@localhost"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_item_comes_unasked() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let nurse = world.account("nurse", AccessModel::Open).await;
    world.rosters.set(
        romeo.no,
        juliet.no,
        Relation {
            has_presence: true,
            groups: vec![],
        },
    );
    for (node, id) in [(NOTES, "1"), (NOTES, "2"), ("urn:example:other", "3")] {
        world
            .publish(&romeo, node, id, &note(id))
            .await
            .unwrap()
            .durable
            .await
            .unwrap();
    }
    world.post(&romeo, "4", "posts are not sent unasked").await;
    let world = world.restarted().await;
    world.rosters.set(
        romeo.no,
        juliet.no,
        Relation {
            has_presence: true,
            groups: vec![],
        },
    );
    let owner = romeo.jid.bare();
    world
        .host
        .send_last_items(&owner, &juliet, &|node: &str| node != "urn:example:other")
        .await;
    assert_eq!(
        world.sink.told(),
        [format!("last {NOTES} 2 to juliet@localhost/client")]
    );
    world.host.send_last_items(&owner, &nurse, &|_: &str| true).await;
    assert!(world.sink.told().is_empty(), "who may not read gets nothing");
    let mut all = {
        world.host.send_last_items(&owner, &romeo, &|_: &str| true).await;
        world.sink.told()
    };
    all.sort();
    assert_eq!(all.len(), 2, "{all:?}");
    // On subscription too; and never an older one after a newer one.
    world.store.faults().hold();
    let published = world.publish(&romeo, NOTES, "5", &note("5")).await.unwrap();
    let bare: Jid = juliet.jid.bare().into();
    let host = world.host.clone();
    let (owner2, juliet2) = (owner.clone(), juliet.clone());
    let subscribing = tokio::spawn(async move {
        host.subscribe(&owner2, &juliet2, NOTES, &bare)
            .await
            .unwrap()
            .durable
            .await
            .unwrap()
    });
    let told = world
        .sink
        .until(&format!("last {NOTES} 5 to juliet@localhost"))
        .await;
    assert_eq!(told[0], format!("new {NOTES} 5 5"));
    world.store.faults().release();
    published.durable.await.unwrap();
    subscribing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_item_is_not_sent() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world
        .publish(&romeo, NOTES, "1", &note("x"))
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let expire = form(NODE_CONFIG, &[("item_expire", "60")]);
    let owner = romeo.jid.bare();
    world
        .host
        .configure(&owner, &romeo, NOTES, &expire)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    world.sink.take();
    world.clock.advance(59_000);
    world.host.send_last_items(&owner, &romeo, &|_: &str| true).await;
    assert_eq!(world.sink.told().len(), 1);
    assert_eq!(world.ids(&romeo, &romeo, NOTES).await.unwrap(), ["1"]);
    world.clock.advance(2_000);
    world.host.send_last_items(&owner, &romeo, &|_: &str| true).await;
    assert!(world.sink.told().is_empty());
    assert!(world.ids(&romeo, &romeo, NOTES).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_of_virtual_nodes() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let (service, host) = (world.service(), &world.host);
    let view = |name: &str| world.host.virtual_view("pubsub.localhost", name);
    let bare: Jid = romeo.jid.bare().into();
    for (node, jid) in [
        (MICROBLOG, &bare),
        ("tag/Rust", &bare),
        (MICROBLOG, &romeo.jid),
        ("tag/rust", &romeo.jid),
    ] {
        host.subscribe(&service, &romeo, node, jid)
            .await
            .unwrap()
            .durable
            .await
            .unwrap();
    }
    assert_eq!(view(MICROBLOG).unwrap().subscribers.len(), 2);
    assert_eq!(
        view("tag/rust").unwrap().subscribers.len(),
        2,
        "tags have no case"
    );
    assert_eq!(host.subscriptions(&service, &romeo, None).await.unwrap().len(), 4);
    assert_eq!(
        host.subscriptions(&service, &romeo, Some("tag/RUST"))
            .await
            .unwrap()
            .len(),
        2
    );
    host.session_ended(romeo.no, "client");
    assert_eq!(view(MICROBLOG).unwrap().subscribers.len(), 1);
    let ended = host
        .unsubscribe(&service, &romeo, "tag/rust", &bare, None)
        .await
        .unwrap();
    ended.durable.await.unwrap();
    assert!(view("tag/rust").is_none());
    let none = host.unsubscribe(&service, &romeo, "tag/rust", &bare, None).await;
    assert_eq!(none.err(), Some(PubsubError::NotSubscribed));
    let world = world.restarted().await;
    assert_eq!(
        world
            .host
            .virtual_view("pubsub.localhost", MICROBLOG)
            .unwrap()
            .subscribers
            .len(),
        1
    );
    assert!(world.host.virtual_view("pubsub.localhost", "tag/rust").is_none());
    let again = world
        .host
        .subscribe(&service, &romeo, "tag/rust", &bare)
        .await
        .unwrap();
    again.durable.await.unwrap();
    let home = world
        .host
        .subscribe(&romeo.jid.bare(), &romeo, bus::HOME, &bare)
        .await;
    assert_eq!(home.err(), Some(PubsubError::Unsupported("subscribe")));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_that_one_account_subscribes_to_are_bounded() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let (service, host) = (world.service(), &world.host);
    for number in 0..1_000 {
        let tag = format!("tag/t{number}");
        host.subscribe(&service, &romeo, &tag, &romeo.jid).await.unwrap();
    }
    let more = host.subscribe(&service, &romeo, "tag/more", &romeo.jid).await;
    assert_eq!(more.err(), Some(PubsubError::TooManySubscriptions));
    // What is there is given again, and others are not concerned.
    host.subscribe(&service, &romeo, "tag/t7", &romeo.jid)
        .await
        .unwrap();
    host.subscribe(&service, &juliet, "tag/more", &juliet.jid)
        .await
        .unwrap();
    host.session_ended(romeo.no, "client");
    host.subscribe(&service, &romeo, "tag/more", &romeo.jid)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_may_publish_where_they_are_let() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let (service, host) = (world.service(), &world.host);
    let config = form(NODE_CONFIG, &[("publish_model", "subscribers")]);
    host.create(&service, &romeo, Some("room"), Some(&config))
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let item = |id: &str| pubsub::NewItem {
        id: Some(id.into()),
        payload: Some(entry("x").into_bytes()),
    };
    let by_juliet = async |id: &str| {
        host.publish(&service, &juliet, "room", vec![item(id)], None)
            .await
    };
    assert_eq!(by_juliet("1").await.err(), Some(PubsubError::Forbidden));
    let bare: Jid = juliet.jid.bare().into();
    host.subscribe(&service, &juliet, "room", &bare)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    by_juliet("1").await.unwrap().durable.await.unwrap();
    let by_romeo = host
        .publish(&service, &romeo, "room", vec![item("2")], None)
        .await
        .unwrap();
    by_romeo.durable.await.unwrap();
    assert_eq!(
        by_juliet("2").await.err(),
        Some(PubsubError::Forbidden),
        "somebody else's item"
    );
}
