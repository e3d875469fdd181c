//! What outlives its node's `item_expire` is removed, and nothing else.

use bus::{AccessModel, MICROBLOG};
use pubsub::form::NODE_CONFIG;
use pubsub::{Actor, NewItem};
use wire::BareJid;

use crate::world::{World, form, note};

async fn publish(world: &World, owner: &BareJid, actor: &Actor, node: &str, id: &str) {
    let item = NewItem {
        id: Some(id.into()),
        payload: Some(note(id).into()),
    };
    let published = world.host.publish(owner, actor, node, vec![item], None).await;
    published.unwrap().durable.await.unwrap();
}

/// A node of the service that keeps items for a minute.
async fn node(world: &World, actor: &Actor, name: &str, more: &[(&str, &str)]) {
    let mut fields = vec![("item_expire", "60")];
    fields.extend(more);
    let config = form(NODE_CONFIG, &fields);
    let created = world
        .host
        .create(&world.service(), actor, Some(name), Some(&config))
        .await;
    created.unwrap().durable.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_goes_in_slices_and_is_told_as_configured() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let service = world.service();
    node(&world, &romeo, "told", &[("notify_retract", "1")]).await;
    node(&world, &romeo, "quiet", &[("notify_retract", "0")]).await;
    // Where nothing expires, nothing goes.
    world.post(&romeo, "post", "stays").await;
    for n in 0..150 {
        publish(&world, &service, &romeo, "told", &n.to_string()).await;
    }
    publish(&world, &service, &romeo, "quiet", "a").await;
    world.clock.advance(59_000);
    publish(&world, &service, &romeo, "told", "7").await;
    world.sink.take();
    world.host.retract_expired().await.unwrap();
    world.settled().await;
    assert_eq!(world.sink.told(), [""; 0]);
    world.clock.advance(2_000);
    world.host.retract_expired().await.unwrap();
    world.settled().await;
    let told = world.sink.told();
    assert_eq!(
        told.iter().filter(|one| one.starts_with("retract told ")).count(),
        149
    );
    assert!(!told.contains(&"retract told 7".to_owned()));
    assert!(told.contains(&"retract quiet a quietly".to_owned()));
    assert_eq!(told.len(), 150);
    for (owner, name, left) in [
        (&service, "told", vec!["7"]),
        (&service, "quiet", vec![]),
        (&romeo.jid.bare(), MICROBLOG, vec!["post"]),
    ] {
        let ids = world.host.item_ids(owner, &romeo, name, None).await.unwrap();
        assert_eq!(ids.ids.iter().map(|id| &**id).collect::<Vec<_>>(), left, "{name}");
    }
}
