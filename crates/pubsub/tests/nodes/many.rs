//! More nodes than are kept in memory: what was forgotten is read again, and nothing is decided on what was known before.

use std::collections::HashMap;

use bus::{AccessModel, Event, PublishKind};
use pubsub::form::PUBLISH_OPTIONS;
use wire::Jid;

use crate::world::{World, form, note};

/// More than are kept of one account, several times.
const NODES: usize = 300;

#[tokio::test]
async fn what_is_forgotten_is_read_again() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let (owner, bare) = (romeo.jid.bare(), Jid::from(juliet.jid.bare()));
    let name = |n: usize| format!("urn:example:{n}");
    let config = form(
        PUBLISH_OPTIONS,
        &[
            ("access_model", "open"),
            ("persist_items", "true"),
            ("max_items", "100"),
        ],
    );
    for n in 0..NODES {
        world
            .publish_with(&romeo, &name(n), "kept", &note("first"), Some(&config))
            .await
            .unwrap();
        let subscribed = world.host.subscribe(&owner, &juliet, &name(n), &bare).await;
        subscribed.unwrap().durable.await.unwrap();
    }
    let world = world.restarted().await;
    // Twice round, so that each is forgotten between; in an order in which neighbours are far from each other.
    for round in 0..2 {
        for n in (0..NODES).map(|n| n * 7 % NODES) {
            let node = name(n);
            world.sink.take();
            world
                .publish(&romeo, &node, "kept", &note("again"))
                .await
                .unwrap();
            world
                .publish(&romeo, &node, &format!("new-{round}"), &note("new"))
                .await
                .unwrap();
            let mut kinds = HashMap::new();
            for event in world.sink.take() {
                if let Event::Published { view, item, kind, .. } = event {
                    assert!(view.is_subscribed(juliet.no), "{node} knows its subscriber");
                    kinds.insert(item.id.to_string(), kind);
                }
            }
            assert_eq!(kinds.remove("kept"), Some(PublishKind::Edit), "{node}, {round}");
            assert_eq!(
                kinds.remove(&format!("new-{round}")),
                Some(PublishKind::New),
                "{node}, {round}"
            );
        }
    }
    for n in 0..NODES {
        let ids = world.ids(&romeo, &juliet, &name(n)).await.unwrap();
        assert_eq!(ids, ["kept", "new-0", "new-1"]);
    }

    // While nothing can be stored, the database knows nothing of it, and memory keeps what it knows.
    let world = world.restarted().await;
    world.store.faults().hold();
    for wanted in [PublishKind::New, PublishKind::Edit] {
        for n in 0..NODES {
            world.sink.take();
            world
                .publish(&romeo, &name(n), "held", &note("held"))
                .await
                .unwrap();
            let events = world.sink.take();
            let Some(Event::Published { kind, .. }) = events.first() else {
                panic!("{n}: {events:?}");
            };
            assert_eq!(*kind, wanted, "{n}");
        }
    }
    world.store.faults().release();
}
