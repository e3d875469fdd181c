//! What one account may cost the others.

use bus::{AccessModel, Affiliation, MICROBLOG, SubscriptionState};
use pubsub::form::NODE_CONFIG;
use pubsub::{Actor, ItemsQuery, PubsubError};
use wire::{BareJid, Jid};

use crate::world::{World, form, note, wanted};

async fn subscribe(
    world: &World,
    at: &BareJid,
    who: &Actor,
    node: &str,
    jid: &Jid,
) -> Result<(), PubsubError> {
    world
        .host
        .subscribe(at, who, node, jid)
        .await?
        .durable
        .await
        .map(drop)
}

#[tokio::test]
async fn an_account_subscribes_with_so_many_resources_and_no_more() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let blog = romeo.jid.bare();
    let with = |number: usize| juliet.jid.bare().with_resource(&number.to_string()).unwrap();
    for number in 0..20 {
        subscribe(&world, &blog, &juliet, MICROBLOG, &with(number))
            .await
            .unwrap();
    }
    assert_eq!(
        subscribe(&world, &blog, &juliet, MICROBLOG, &with(20)).await,
        Err(PubsubError::TooManySubscriptions)
    );
    // What is there stays, and others are not concerned.
    subscribe(&world, &blog, &juliet, MICROBLOG, &with(0))
        .await
        .unwrap();
    subscribe(&world, &blog, &romeo, MICROBLOG, &romeo.jid)
        .await
        .unwrap();
}

#[tokio::test]
async fn strangers_are_not_remembered_for_being_named() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let blog = romeo.jid.bare();
    let stranger = BareJid::parse("nobody@elsewhere.example").unwrap();
    let changes = [wanted(
        &stranger.clone().into(),
        Some(SubscriptionState::Subscribed),
    )];
    let set = world
        .host
        .set_subscribers(&blog, &romeo, MICROBLOG, &changes)
        .await
        .unwrap();
    let modified = set.durable.await.unwrap();
    assert_eq!((modified.changed.len(), modified.refused.len()), (0, 1));
    let members = [(stranger.clone(), Affiliation::Member)];
    let set = world
        .host
        .set_affiliations(&blog, &juliet, MICROBLOG, &members)
        .await;
    assert_eq!(set.err(), Some(PubsubError::Forbidden));
    assert_eq!(world.store.jids().find(stranger.as_str()).await.unwrap(), None);
}

#[tokio::test]
async fn a_tag_that_nobody_subscribes_to_leaves_nothing_behind() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let (service, bare) = (world.service(), romeo.jid.bare().into());
    let no = world.store.jids().number(service.as_str()).await.unwrap();
    for number in 0..5 {
        let node = format!("tag/t{number}");
        subscribe(&world, &service, &romeo, &node, &bare).await.unwrap();
        let ended = world.host.unsubscribe(&service, &romeo, &node, &bare, None).await;
        ended.unwrap().durable.await.unwrap();
    }
    let rows = async |world: &World| {
        world
            .store
            .read(move |reader| reader.node_count(no))
            .await
            .unwrap()
    };
    assert_eq!(rows(&world).await, 0);
    // While a session subscribes to it too, and when somebody comes again, nothing is lost.
    subscribe(&world, &service, &romeo, "tag/t0", &romeo.jid)
        .await
        .unwrap();
    subscribe(&world, &service, &romeo, "tag/t0", &bare)
        .await
        .unwrap();
    let ended = world
        .host
        .unsubscribe(&service, &romeo, "tag/t0", &bare, None)
        .await;
    ended.unwrap().durable.await.unwrap();
    assert_eq!(rows(&world).await, 0);
    let view = world.host.virtual_view(service.as_str(), "tag/t0").unwrap();
    assert_eq!(view.subscribers.len(), 1);
    subscribe(&world, &service, &romeo, "tag/t0", &bare)
        .await
        .unwrap();
    assert_eq!(rows(&world).await, 1);
    let world = world.restarted().await;
    let view = world.host.virtual_view(service.as_str(), "tag/t0").unwrap();
    assert_eq!(view.subscribers.len(), 1, "the session's own is gone");
    // A session that is not there would never end.
    let other = romeo.jid.bare().with_resource("not bound").unwrap();
    assert_eq!(
        subscribe(&world, &service, &romeo, "tag/t1", &other).await,
        Err(PubsubError::InvalidJid)
    );
}

/// Items of a node that keeps none any more could not be retracted, stood in the public stream, and kept their account from
/// being deleted.
#[tokio::test]
async fn what_is_kept_no_more_is_gone() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let blog = romeo.jid.bare();
    world.post(&romeo, "1", "public").await;
    let config = form(NODE_CONFIG, &[("persist_items", "0")]);
    let configured = world.host.configure(&blog, &romeo, MICROBLOG, &config).await;
    assert!(matches!(configured.err(), Some(PubsubError::Unacceptable(_))));
    world.publish(&romeo, "notes", "1", &note("x")).await.unwrap();
    let configured = world.host.configure(&blog, &romeo, "notes", &config).await;
    configured.unwrap().durable.await.unwrap();
    let items = world
        .host
        .items(&blog, &romeo, "notes", ItemsQuery::All)
        .await
        .unwrap();
    assert!(items.items.is_empty());
    world.host.delete_account(&blog).await.unwrap();
    assert!(world.host.view(&blog, MICROBLOG).await.unwrap().is_none());
}

#[tokio::test]
async fn rooms_that_nobody_owns_any_more_go_with_their_owner() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let service = world.service();
    for node in ["his", "theirs"] {
        let created = world.host.create(&service, &romeo, Some(node), None).await;
        created.unwrap().durable.await.unwrap();
        let item = pubsub::NewItem {
            id: Some("1".into()),
            payload: Some(note("x").into_bytes()),
        };
        let published = world.host.publish(&service, &romeo, node, vec![item], None).await;
        published.unwrap().durable.await.unwrap();
    }
    let owners = [(juliet.jid.bare(), Affiliation::Owner)];
    let shared = world
        .host
        .set_affiliations(&service, &romeo, "theirs", &owners)
        .await;
    shared.unwrap().durable.await.unwrap();
    world.host.delete_account(&romeo.jid.bare()).await.unwrap();
    assert!(world.host.view(&service, "his").await.unwrap().is_none());
    assert!(world.host.view(&service, "theirs").await.unwrap().is_some());
}
