//! Random publishes, retractions, purges and failures: what was told adds up to what is stored, and what was
//! acknowledged is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bus::{AccessModel, Event, MICROBLOG};
use proptest::prelude::*;
use pubsub::form::NODE_CONFIG;
use pubsub::{Accepted, Actor, ItemsQuery, NewItem, PubsubError};
use store::Fault;

use crate::world::{World, entry, form, text};

#[derive(Clone, Debug)]
enum Act {
    Publish(u8),
    Retract(u8),
    Purge,
    MaxItems(u8),
    /// The node goes; the next publish makes it again.
    Delete,
    Hold,
    Release,
    Fail(u32),
    /// The oldest write becomes old enough to close the gate.
    Wait,
    /// Until everything so far is decided.
    Settle,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        12 => (0..5_u8).prop_map(Act::Publish),
        5 => (0..5_u8).prop_map(Act::Retract),
        1 => Just(Act::Purge),
        1 => (1..4_u8).prop_map(Act::MaxItems),
        1 => Just(Act::Delete),
        2 => Just(Act::Hold),
        2 => Just(Act::Release),
        2 => (1..3_u32).prop_map(Act::Fail),
        1 => Just(Act::Wait),
        2 => Just(Act::Settle),
    ];
    prop::collection::vec(act, 1..40)
}

type Items = BTreeMap<String, String>;
/// Ids of what was published in one request, once it is stored.
type Published = Accepted<Vec<Arc<str>>>;

struct Play {
    world: World,
    romeo: Actor,
    count: usize,
    /// Who waits for an answer to a publish of this id and text.
    waiting: Vec<(String, String, Published)>,
    screen: Items,
}

impl Play {
    async fn act(&mut self, act: Act) {
        let (host, owner) = (self.world.host.clone(), self.romeo.jid.bare());
        let romeo = self.romeo.clone();
        let id = |number: u8| format!("i{number}");
        match act {
            Act::Publish(number) => {
                self.count += 1;
                let text = format!("text {}", self.count);
                let item = NewItem {
                    id: Some(id(number)),
                    payload: Some(entry(&text).into_bytes()),
                };
                let publish = async { host.publish(&owner, &romeo, MICROBLOG, vec![item], None).await };
                let published = self.unstuck(publish).await.unwrap();
                self.waiting.push((id(number), text, published));
            }
            Act::Retract(number) => {
                let id = id(number);
                let ids = [id.as_str()];
                let retract = host.retract(&owner, &romeo, MICROBLOG, &ids, true);
                match self.unstuck(retract).await {
                    Ok(_) | Err(PubsubError::ItemNotFound | PubsubError::NodeNotFound) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            Act::Purge => drop(self.unstuck(host.purge(&owner, &romeo, MICROBLOG)).await),
            Act::MaxItems(count) => {
                let change = form(NODE_CONFIG, &[("max_items", &count.to_string())]);
                drop(
                    self.unstuck(host.configure(&owner, &romeo, MICROBLOG, &change))
                        .await,
                );
            }
            Act::Delete => drop(self.unstuck(host.delete(&owner, &romeo, MICROBLOG, None)).await),
            Act::Hold => self.world.store.faults().hold(),
            Act::Release => self.world.store.faults().release(),
            Act::Fail(count) => self.world.store.faults().fail_next(count, Fault::Full),
            Act::Wait => self.world.clock.advance(150),
            Act::Settle => self.settle().await,
        }
    }

    /// A decision that needs the database waits for what is held, and nobody else is there to release it.
    async fn unstuck<T>(&self, decision: impl Future<Output = T>) -> T {
        let mut decision = std::pin::pin!(decision);
        match tokio::time::timeout(Duration::from_millis(20), &mut decision).await {
            Ok(done) => done,
            Err(_) => {
                self.world.store.faults().release();
                decision.await
            }
        }
    }

    async fn settle(&mut self) {
        self.world.store.faults().release();
        self.world.settled().await;
        for event in self.world.sink.take() {
            match event {
                Event::Published { item, .. } => {
                    self.screen
                        .insert(item.id.to_string(), text(item.payload.as_deref()));
                }
                Event::Retracted { id, .. } => {
                    self.screen.remove(&*id);
                }
                Event::Purged { .. } | Event::NodeDeleted { .. } => self.screen.clear(),
                _ => {}
            }
        }
        let stored = self.stored(&self.world).await;
        // What was evicted by a smaller number of items, or by the database alone, is not told.
        let is_bounded = stored.len() < self.screen.len();
        for (id, text) in &stored {
            assert_eq!(self.screen.get(id), Some(text), "{id} is stored");
        }
        if is_bounded {
            self.screen = stored;
        }
    }

    async fn stored(&self, world: &World) -> Items {
        match world
            .read(&self.romeo, &self.romeo, MICROBLOG, ItemsQuery::All)
            .await
        {
            Ok(page) => {
                let of_item = |item: &Arc<bus::Item>| (item.id.to_string(), text(item.payload.as_deref()));
                page.items.iter().map(of_item).collect()
            }
            Err(PubsubError::NodeNotFound) => Items::new(),
            Err(error) => panic!("{error}"),
        }
    }
}

async fn play(acts: Vec<Act>) {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let mut play = Play {
        world,
        romeo,
        count: 0,

        waiting: Vec::new(),
        screen: Items::new(),
    };
    let has_losses = acts.iter().any(|act| {
        !matches!(
            act,
            Act::Publish(_) | Act::Hold | Act::Release | Act::Fail(_) | Act::Wait | Act::Settle
        )
    });
    for act in acts {
        play.act(act).await;
    }
    play.settle().await;
    let stored = play.stored(&play.world).await;
    if !has_losses {
        assert_eq!(play.screen, stored);
        // The last acknowledged text of each id is the one that is there.
        let mut acknowledged = Items::new();
        for (id, text, accepted) in play.waiting.drain(..) {
            if accepted.durable.await.is_ok() {
                acknowledged.insert(id, text);
            }
        }
        assert_eq!(acknowledged, stored);
    }
    // What memory holds is what is found after a restart.
    let Play { world, romeo, .. } = play;
    let world = world.restarted().await;
    let page = world.read(&romeo, &romeo, MICROBLOG, ItemsQuery::All).await;
    let again: Items = page
        .map(|page| {
            page.items
                .iter()
                .map(|item| (item.id.to_string(), text(item.payload.as_deref())))
                .collect()
        })
        .unwrap_or_default();
    assert_eq!(again, stored);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_was_told_adds_up_to_what_is_stored(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let played = tokio::time::timeout(std::time::Duration::from_secs(60), play(acts));
            played.await.unwrap();
        });
    }
}
