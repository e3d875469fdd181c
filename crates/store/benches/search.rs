//! What words cost: an item that says something beside one that says nothing, and searches among many items, the worst that
//! anybody can ask for among them.
//!
//! `cargo bench -p store --bench search`. 500,000 items of twenty words in 1,000 nodes, words as unevenly spread as in a
//! language.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use divan::Bencher;
use store::bulk::Bulk;
use store::items::{self, NewItem};
use store::nodes::{self, Node};
use store::search::Scope;
use store::{JidNo, Links, NodeNo, Options, PostId, Store, Timestamp};

fn main() {
    divan::main();
    // A static is not dropped.
    let _ = std::fs::remove_dir_all(folder());
}

const ITEMS: u64 = 500_000;
const NODES: u64 = 1_000;
const AT: Timestamp = Timestamp(1_800_000_000_000);

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("folkmoot-bench-search-{}", std::process::id()))
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Half of all words are one of the first few hundred.
    fn word(&mut self) -> String {
        let rank = 1.0 / (1.0 - (self.next() % 100_000) as f64 / 100_001.0);
        format!("w{}", (rank * (1 + self.next() % 20) as f64) as u64)
    }
}

fn item(post_id: PostId, node: NodeNo, words: String) -> NewItem {
    NewItem {
        post_id,
        node,
        item_id: format!("{:016x}", post_id.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        created: AT,
        modified: AT,
        publisher: JidNo(1),
        origin: None,
        audience: 0,
        in_public: true,
        payload: Arc::from([b'a'; 400]),
        tags: Vec::new(),
        words,
        links: Links::default(),
        notify: Vec::new(),
        keep_history: false,
        max_items: None,
    }
}

static STORE: LazyLock<Store> = LazyLock::new(|| {
    let mut bulk = Bulk::begin(&folder()).unwrap();
    for number in 1..=NODES {
        let node = Node {
            no: bulk.next_node(),
            owner: JidNo(1),
            name: number.to_string(),
            kind: "service".into(),
            access: "open".into(),
            config: String::new(),
            created: AT,
        };
        bulk.write(&nodes::create(node)).unwrap();
    }
    let mut dice = Dice(88_172_645_463_325_252);
    for _ in 0..ITEMS {
        let node = NodeNo((1 + dice.next() % NODES) as i64);
        let mut words: Vec<_> = (0..20).map(|_| dice.word()).collect();
        // Two words that half of all items have each, and none both.
        words.push(
            if dice.next().is_multiple_of(2) {
                "one"
            } else {
                "other"
            }
            .into(),
        );
        let new = item(bulk.post_ids().next(AT), node, words.join(" "));
        bulk.write(&items::put(new)).unwrap();
    }
    bulk.finish().unwrap();
    Store::open(&folder(), &Options::default()).unwrap()
});

fn search(bencher: Bencher, scope: Scope, words: &[&str]) {
    let store = &*STORE;
    let phrases: Vec<Vec<String>> = words.iter().map(|word| vec![(*word).to_owned()]).collect();
    bencher.bench_local(|| {
        let phrases = phrases.clone();
        store
            .read_now(move |reader| reader.newest_with_words(&phrases, scope, 20, None))
            .unwrap()
            .len()
    });
}

#[divan::bench]
fn in_public_a_common_word(bencher: Bencher) {
    search(bencher, Scope::Public, &["w1"]);
}

#[divan::bench]
fn in_public_a_rare_word(bencher: Bencher) {
    search(bencher, Scope::Public, &["w9000"]);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn in_public_two_common_words_that_never_meet(bencher: Bencher) {
    search(bencher, Scope::Public, &["one", "other"]);
}

#[divan::bench]
fn in_a_node_of_500_a_common_word(bencher: Bencher) {
    search(bencher, Scope::Node(NodeNo(17)), &["one"]);
}

#[divan::bench]
fn in_a_node_of_500_two_words_that_never_meet(bencher: Bencher) {
    search(bencher, Scope::Node(NodeNo(17)), &["one", "other"]);
}

/// The newest 20 of a node, by each order.
#[divan::bench(args = ["creation", "modification"])]
fn newest_20_of_a_node(bencher: Bencher, by: &str) {
    let store = &*STORE;
    let is_creation = by == "creation";
    bencher.bench_local(|| {
        let read = store.read_now(move |reader| match is_creation {
            true => reader.newest_items(NodeNo(17), 20, None),
            false => reader.last_modified(NodeNo(17), 20, None),
        });
        read.unwrap().len()
    });
}

/// Items published one after the other, with words and without.
#[divan::bench(args = [0, 20], sample_count = 5, sample_size = 1)]
fn publish_1000(bencher: Bencher, words: usize) {
    let store = &*STORE;
    let mut dice = Dice(7);
    bencher.bench_local(|| {
        let pending: Vec<_> = (0..1_000)
            .map(|_| {
                let words: Vec<_> = (0..words).map(|_| dice.word()).collect();
                let node = NodeNo((1 + dice.next() % NODES) as i64);
                store.write(items::put(item(store.post_ids().next(AT), node, words.join(" "))))
            })
            .collect();
        for pending in pending {
            pending.wait_blocking().unwrap();
        }
    });
}
