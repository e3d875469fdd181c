//! What a durable item costs, and what reading a page costs, on the disk below the system's temporary folder.
//!
//! `cargo bench -p store`. Each item carries 700 bytes and is acknowledged only after its sync.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use store::items::{self, NewItem};
use store::nodes::{self, Node};
use store::{JidNo, Links, NodeNo, Options, Store, Timestamp};
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

const NODES: usize = 1_000;
const AT: Timestamp = Timestamp(1_800_000_000_000);

/// An open store in a folder that vanishes.
struct World {
    store: Store,
    nodes: Vec<NodeNo>,
    payload: Arc<[u8]>,
    runtime: Runtime,
    folder: PathBuf,
}

impl World {
    fn new(name: &str) -> World {
        let folder = std::env::temp_dir().join(format!("folkmoot-bench-{name}-{}", std::process::id()));
        let store = Store::open(&folder, &Options::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let nodes: Vec<_> = (0..NODES).map(|_| store.next_node()).collect();
        let made: Vec<_> = nodes
            .iter()
            .map(|no| {
                store.write(nodes::create(Node {
                    no: *no,
                    owner: JidNo(1),
                    name: no.0.to_string(),
                    kind: "leaf".into(),
                    access: "open".into(),
                    config: String::new(),
                    created: AT,
                }))
            })
            .collect();
        for made in made {
            made.wait_blocking().unwrap();
        }
        World {
            store,
            nodes,
            payload: vec![b'a'; 700].into(),
            runtime,
            folder,
        }
    }

    fn item(&self, node: NodeNo) -> NewItem {
        let post_id = self.store.post_ids().next(AT);
        NewItem {
            post_id,
            node,
            // As random as a client's.
            item_id: format!("{:016x}", post_id.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            created: AT,
            modified: AT,
            publisher: JidNo(1),
            origin: None,
            audience: 0,
            in_public: true,
            payload: Arc::clone(&self.payload),
            tags: Vec::new(),
            words: String::new(),
            links: Links::default(),
            notify: Vec::new(),
            keep_history: true,
            max_items: None,
        }
    }

    fn publish(self: &Arc<Self>, producers: usize, each: usize) {
        let tasks: Vec<_> = (0..producers)
            .map(|producer| {
                let world = Arc::clone(self);
                self.runtime.spawn(async move {
                    for n in 0..each {
                        let node = world.nodes[(producer * 31 + n * 7) % NODES];
                        world.store.write(items::put(world.item(node))).await.unwrap();
                    }
                })
            })
            .collect();
        self.runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.runtime.block_on(self.store.close());
        // Nothing depends on it.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Durable items from producers that wait for each before the next.
#[divan::bench(args = [1, 8, 64, 1024], sample_count = 20, sample_size = 1)]
fn durable_items(bencher: Bencher, producers: usize) {
    let world = Arc::new(World::new("write"));
    let each = if producers == 1 { 50 } else { 6_400 / producers };
    bencher
        .counter(ItemsCount::new(producers * each))
        .bench_local(|| world.publish(producers, each));
}

fn world_with_pages() -> (Arc<World>, NodeNo) {
    let world = Arc::new(World::new("read"));
    world.publish(64, 1_000);
    let node = world.nodes[0];
    let missing = 200
        - world
            .store
            .read_now(move |reader| reader.item_count(node))
            .unwrap();
    for _ in 0..missing {
        world
            .store
            .write(items::put(world.item(node)))
            .wait_blocking()
            .unwrap();
    }
    (world, node)
}

/// The newest 20 of a node's 200 items, asked for by a task.
#[divan::bench]
fn newest_20_of_200(bencher: Bencher) {
    let (world, node) = world_with_pages();
    bencher.bench_local(|| {
        let read = world
            .store
            .read(move |reader| reader.newest_items(node, 20, None));
        assert_eq!(world.runtime.block_on(read).unwrap().len(), 20);
    });
}

/// The same, without the way to the reading thread and back: a hundred in one snapshot.
#[divan::bench]
fn newest_20_of_200_in_the_reader(bencher: Bencher) {
    let (world, node) = world_with_pages();
    bencher.counter(ItemsCount::new(100_usize)).bench_local(|| {
        let read = world.store.read_now(move |reader| {
            (0..100).try_fold(0, |sum, _| Ok(sum + reader.newest_items(node, 20, None)?.len()))
        });
        assert_eq!(read.unwrap(), 2_000);
    });
}
