//! The power goes at any moment: what was acknowledged is there afterwards. With `synchronous=OFF` it is not, and this
//! very test notices.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use store::items::{self, NewItem};
use store::nodes::{self, Node};
use store::{JidNo, Links, NodeNo, Options, Pending, Store, Synchronous, Timestamp};
use testkit::forgetful_vfs::{ForgetfulDisk, Unsynced};

const AT: Timestamp = Timestamp(1_800_000_000_000);
const NODE_NAME: &str = "urn:xmpp:microblog:0";

/// Numbers that look random and can be had again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What the people of this world know about one item.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The state that was last acknowledged: `None` for an item that is not there.
    acknowledged: Option<u64>,
    /// States handed in after that, whose outcome nobody learnt.
    possible: Vec<Option<u64>>,
}

struct World {
    disk: &'static ForgetfulDisk,
    folder: PathBuf,
    synchronous: Synchronous,
    known: BTreeMap<String, Known>,
    version: u64,
    dice: Dice,
}

impl World {
    fn new(name: &str, synchronous: Synchronous, seed: u64) -> World {
        let folder = std::env::temp_dir().join(format!("folkmoot-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let disk = ForgetfulDisk::register(name);
        World {
            disk,
            folder,
            synchronous,
            known: BTreeMap::new(),
            version: 0,
            dice: Dice(seed),
        }
    }

    fn open(&self) -> Result<Store, store::OpenError> {
        let vfs = Some(self.disk.name().to_owned());
        Store::open(
            &self.folder,
            &Options {
                vfs,
                synchronous: self.synchronous,
                ..Options::default()
            },
        )
    }

    /// A while of writing, until the power goes.
    async fn live(&mut self, operations: u64) {
        self.disk.cut_after(operations);
        let Ok(store) = self.open() else {
            return self.disk.power_cut();
        };
        if let Ok(node) = node(&store).await {
            while self.write_some(&store, node).await.is_ok() {}
        }
        self.disk.power_cut();
        store.close().await;
    }

    /// Hands in a few writes at once, then learns what became of each.
    async fn write_some(&mut self, store: &Store, node: NodeNo) -> Result<(), store::WriteError> {
        let count = 1 + self.dice.below(12);
        let mut writes: Vec<(String, Option<u64>, Pending)> = Vec::new();
        for _ in 0..count {
            let item_id = format!("item{}", self.dice.below(300));
            let state = (self.dice.below(5) > 0).then(|| {
                self.version += 1;
                self.version
            });
            let write = match state {
                Some(version) => items::put(item(store, node, &item_id, version)),
                None => items::retract(node, item_id.clone()),
            };
            self.known
                .entry(item_id.clone())
                .or_default()
                .possible
                .push(state);
            writes.push((item_id, state, store.write(write)));
        }
        let mut outcome = Ok(());
        for (item_id, state, pending) in writes {
            let known = self.known.entry(item_id).or_default();
            match pending.await {
                // Refused: it was not there.
                Err(store::WriteError::NotFound) => {}
                Ok(_) => {
                    known.acknowledged = state;
                    // What was handed in before this is decided too.
                    let place = known.possible.iter().position(|possible| *possible == state);
                    known.possible.drain(..=place.unwrap_or(0));
                }
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// What is acknowledged and not there, after the power came back.
    async fn losses(&mut self) -> Vec<String> {
        let store = match self.open() {
            Ok(store) => store,
            Err(error) => return vec![error.to_string()],
        };
        let romeo = store.jids().find("romeo@example.org").await.unwrap();
        let node = match romeo {
            Some(romeo) => store.read(move |reader| reader.node(romeo, NODE_NAME)).await,
            None => Ok(None),
        };
        let mut losses = Vec::new();
        for (item_id, known) in &mut self.known {
            let stored = match &node {
                Ok(Some(node)) => {
                    let (node, asked) = (node.no, item_id.clone());
                    store.read(move |reader| reader.item(node, &asked)).await
                }
                Ok(None) => Ok(None),
                Err(error) => Err(error.clone()),
            };
            let stored = match stored {
                Ok(item) => item.map(|item| version(&item.payload)),
                Err(error) => {
                    losses.push(format!("{item_id}: {error}"));
                    continue;
                }
            };
            if stored != known.acknowledged && !known.possible.contains(&stored) {
                losses.push(format!("{item_id}: {known:?}, but {stored:?} is stored"));
            }
            *known = Known {
                acknowledged: stored,
                possible: Vec::new(),
            };
        }
        store.close().await;
        if losses.is_empty()
            && let Err(error) = check(&self.folder)
        {
            losses.push(error);
        }
        losses
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Nothing depends on it.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn node(store: &Store) -> Result<NodeNo, Box<dyn std::error::Error>> {
    let owner = store.jids().number("romeo@example.org").await?;
    if let Some(node) = store.read(move |reader| reader.node(owner, NODE_NAME)).await? {
        return Ok(node.no);
    }
    let no = store.next_node();
    let node = Node {
        no,
        owner,
        name: NODE_NAME.into(),
        kind: "leaf".into(),
        access: "open".into(),
        config: String::new(),
        created: AT,
    };
    store.write(nodes::create(node)).await?;
    Ok(no)
}

fn item(store: &Store, node: NodeNo, item_id: &str, version: u64) -> NewItem {
    NewItem {
        post_id: store.post_ids().next(store.clock().now()),
        node,
        item_id: item_id.into(),
        created: AT,
        modified: AT,
        publisher: JidNo(1),
        origin: None,
        audience: 0,
        in_public: true,
        // Long enough to be spread over pages.
        payload: format!("{version}:{}", "x".repeat((version * 977 % 9_000) as usize))
            .into_bytes()
            .into(),
        tags: vec![format!("tag{}", version % 7)],
        words: format!("version {version}"),
        links: Links::default(),
        notify: Vec::new(),
        keep_history: version.is_multiple_of(2),
        max_items: None,
    }
}

/// The version of a payload that is whole; 0 for any other.
fn version(payload: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(payload);
    let Some((version, rest)) = text.split_once(':') else {
        return 0;
    };
    let version: u64 = version.parse().unwrap_or(0);
    let is_whole = rest.len() as u64 == version * 977 % 9_000 && rest.bytes().all(|byte| byte == b'x');
    if is_whole { version } else { 0 }
}

fn check(folder: &Path) -> Result<(), String> {
    store::backup::check(&folder.join(store::DATABASE_FILE))
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Cuts the power this often, at random moments; gives the first losses.
fn cut(world: &mut World, rounds: u64) -> Option<(u64, Vec<String>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for round in 0..rounds {
        // Some cuts come while the database is being made or opened.
        let operations = if world.dice.below(4) == 0 {
            world.dice.below(40)
        } else {
            world.dice.below(900)
        };
        runtime.block_on(world.live(operations));
        assert!(world.disk.is_cut());
        let unsynced = if round % 3 == 0 {
            Unsynced::Lost
        } else {
            Unsynced::Torn(world.dice.below(u64::MAX >> 1))
        };
        world.disk.power_on(unsynced).unwrap();
        let losses = runtime.block_on(world.losses());
        if !losses.is_empty() {
            return Some((round, losses));
        }
    }
    None
}

#[test]
fn what_was_acknowledged_survives_a_power_cut() {
    for seed in [1, 2, 3] {
        let mut world = World::new(&format!("full{seed}"), Synchronous::Full, seed);
        if let Some((round, losses)) = cut(&mut world, 60) {
            panic!("seed {seed}, round {round}: {losses:#?}");
        }
        assert!(
            world.version > 1_000,
            "only {} versions were written",
            world.version
        );
        let there = world
            .known
            .values()
            .filter(|known| known.acknowledged.is_some())
            .count();
        assert!(there > 100, "only {there} items are left");
    }
}

#[test]
fn without_syncing_this_test_notices_the_loss() {
    for seed in [1, 2, 3] {
        let mut world = World::new(&format!("off{seed}"), Synchronous::Off, seed);
        let losses = cut(&mut world, 60);
        assert!(
            losses.is_some(),
            "seed {seed}: nothing was synced, and nothing seemed lost"
        );
    }
}
