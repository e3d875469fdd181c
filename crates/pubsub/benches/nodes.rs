//! Publishing durably and reading history, below the wire.
#![allow(clippy::unwrap_used)]
#![allow(missing_docs)]

use bus::{AccessModel, MICROBLOG};
use divan::Bencher;
use divan::counter::ItemsCount;
use pubsub::{Actor, ItemsQuery};
use tokio::runtime::Runtime;

#[path = "../tests/nodes/world.rs"]
#[allow(dead_code)]
mod world;

use world::{World, entry, note};

const NOTES: &str = "urn:example:note";
/// Requests of each publisher in one iteration, one after the other.
const EACH: usize = 20;

fn main() {
    divan::main();
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

async fn people(world: &World, count: usize) -> Vec<Actor> {
    let mut people = Vec::new();
    for number in 0..count {
        people.push(world.account(&format!("u{number}"), AccessModel::Open).await);
    }
    people
}

/// Durable items from publishers that each wait for the result before the next.
fn publish(bencher: Bencher<'_, '_>, publishers: usize, node: &'static str, payload: &str) {
    let runtime = runtime();
    let world = runtime.block_on(World::new());
    let people = runtime.block_on(people(&world, publishers));
    let mut round = 0;
    bencher
        .counter(ItemsCount::new(publishers * EACH))
        .bench_local(|| {
            round += 1;
            world.clock.advance(10);
            runtime.block_on(async {
                let tasks: Vec<_> = people
                    .iter()
                    .map(|actor| {
                        let (host, actor, payload) = (world.host.clone(), actor.clone(), payload.to_owned());
                        tokio::spawn(async move {
                            for number in 0..EACH {
                                let item = pubsub::NewItem {
                                    id: Some(format!("6d7c7a9e-6d1b-4b58-{round}-{number}")),
                                    payload: Some(payload.clone().into_bytes()),
                                };
                                let published = host
                                    .publish(&actor.jid.bare(), &actor, node, vec![item], None)
                                    .await
                                    .unwrap();
                                published.durable.await.unwrap();
                            }
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
            world.sink.take();
        });
}

#[divan::bench(args = [1, 64, 1024], sample_count = 20)]
fn posts(bencher: Bencher<'_, '_>, publishers: usize) {
    publish(
        bencher,
        publishers,
        MICROBLOG,
        &entry(&"Hello, world ".repeat(20)),
    );
}

#[divan::bench(args = [64], sample_count = 20)]
fn singletons(bencher: Bencher<'_, '_>, publishers: usize) {
    publish(bencher, publishers, NOTES, &note(&"Hello, world ".repeat(20)));
}

/// The newest 20 of 200, one after the other.
#[divan::bench(args = [MICROBLOG, NOTES], sample_count = 20, sample_size = 50)]
fn history(bencher: Bencher<'_, '_>, node: &str) {
    let runtime = runtime();
    let world = runtime.block_on(World::new());
    let person = runtime.block_on(people(&world, 1)).remove(0);
    runtime.block_on(async {
        let options = world::form(pubsub::form::PUBLISH_OPTIONS, &[("max_items", "max")]);
        for number in 1..=200 {
            let text = "Hello, world ".repeat(20);
            let payload = if node == MICROBLOG {
                entry(&text)
            } else {
                note(&text)
            };
            let published = world
                .publish_with(&person, node, &number.to_string(), &payload, Some(&options))
                .await;
            published.unwrap().durable.await.unwrap();
        }
    });
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        let page = runtime
            .block_on(world.read(&person, &person, node, ItemsQuery::Newest(20)))
            .unwrap();
        assert_eq!(page.items.len(), 20);
    });
}
