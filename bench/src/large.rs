//! Large sets: ten million items and more, made once through the store's bulk path and kept between runs.
//!
//! A set lies in `target/bench/seeds/NAME` with a stamp of what it is and by which schema it was made; one that no longer
//! fits is made again. A server runs on the set itself, for copying it would take longer than measuring: whoever changes
//! something takes it back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bus::{AccessModel, MICROBLOG, NodeConfig};
use serde_json::{Value, json};
use store::bulk::Bulk;
use store::items::NewItem;
use store::nodes::Node;
use store::subscriptions::Subscription;
use store::{JidNo, Links, NodeNo, Timestamp, Write};

use crate::Options;
use crate::seed::{account, credentials, entry};

/// Grows when what is made here changes.
const GENERATOR: u64 = 1;
/// Accounts that follow nobody, one in so many, so that there is somebody to subscribe wherever the number falls.
const FREE_EVERY: usize = 500;
/// Subscribers of a node that has no special number.
const FEW: usize = 5;
/// One post in so many carries a tag, and can be searched for.
const TAGGED_EVERY: usize = 10;
/// The first item is from this moment: 2026-01-01, so that all are in the past.
const BEGIN: i64 = 1_767_225_600_000;
/// Milliseconds between two items.
const STEP: i64 = 2_000;
/// The size of an item with its indexes, and of an account with its credentials and subscriptions, about, in bytes.
const ITEM_BYTES: u64 = 900;
const ACCOUNT_BYTES: u64 = 2_000;

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Large {
    /// How many nodes.
    pub nodes: usize,
    /// How many items each has.
    pub items_each: usize,
    /// How many subscribe to the first.
    pub subscribers: usize,
}

/// What can be made once and kept.
pub trait Set: Copy + Send + 'static {
    /// What it is, to be compared with what a set on the disk was made for.
    fn stamp(&self) -> Value;

    /// How much disk it takes, about, in bytes.
    fn bytes(&self) -> u64;

    /// How many there are of what it is made for, and what that is.
    fn count(&self) -> (usize, &'static str);

    /// Writes it.
    fn fill(&self, bulk: &mut Bulk, begun: Instant) -> Result<()>;
}

/// A set that is there.
pub struct Made<S> {
    /// The data folder.
    pub data: PathBuf,
    /// What it holds.
    pub large: S,
    /// How long it took to make, in seconds.
    pub seconds: f64,
    /// Its size.
    pub bytes: u64,
}

/// A node of a large set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place(pub usize);

impl Large {
    /// The set of the project's figures, or a small one to see that it works.
    pub fn of(options: &Options) -> Large {
        Large {
            nodes: options.amount(200, 10_000, 0),
            items_each: options.amount(50, 1_000, 0),
            subscribers: options.amount(1_000, 50_000, 0),
        }
    }

    fn accounts(&self) -> usize {
        self.subscribers + self.subscribers / (FREE_EVERY - 1) + 2 + self.nodes
    }

    /// The accounts that subscribe to the first node, in the order of their numbers.
    pub fn subscribers(&self) -> impl Iterator<Item = usize> + use<> {
        (2..)
            .filter(|n| n % FREE_EVERY != FREE_EVERY / 2)
            .take(self.subscribers)
    }

    /// Accounts that subscribe to nothing, spread among the others.
    pub fn free(&self) -> Vec<usize> {
        let last = self.subscribers().last().unwrap_or(2);
        (2..last).filter(|n| n % FREE_EVERY == FREE_EVERY / 2).collect()
    }

    /// Ten of the subscribers, far from each other: they subscribe to the second node too, and nobody else does.
    pub fn ten(&self) -> Vec<usize> {
        self.subscribers()
            .step_by(self.subscribers / 10)
            .take(10)
            .collect()
    }
}

impl Set for Large {
    fn stamp(&self) -> Value {
        json!({
            "generator": GENERATOR, "nodes": self.nodes, "items_each": self.items_each,
            "subscribers": self.subscribers,
        })
    }

    fn bytes(&self) -> u64 {
        (self.nodes * self.items_each) as u64 * ITEM_BYTES
            + self.accounts() as u64 * ACCOUNT_BYTES
            + (64 << 20)
    }

    fn count(&self) -> (usize, &'static str) {
        (self.nodes * self.items_each, "items")
    }

    fn fill(&self, bulk: &mut Bulk, begun: Instant) -> Result<()> {
        let people = people(bulk, *self)?;
        let nodes = nodes(bulk, *self, &people)?;
        subscriptions(bulk, *self, &people, &nodes)?;
        items(bulk, *self, &nodes, begun)
    }
}

impl Place {
    /// Two in ten nodes are on the pubsub service, four people's blogs, four other nodes of people.
    pub fn owner(self) -> String {
        match self.0 % 10 {
            8 | 9 => "pubsub.localhost".to_owned(),
            _ => format!("user{}@localhost", self.person()),
        }
    }

    /// The node's name there.
    pub fn name(self) -> String {
        match self.0 % 10 {
            8 | 9 => format!("bench-{}", self.0),
            even if even % 2 == 0 => MICROBLOG.to_owned(),
            _ if self.0 == 1 => MICROBLOG.to_owned(),
            _ => "urn:example:bench".to_owned(),
        }
    }

    /// Whose it is, or who made it.
    pub fn person(self) -> usize {
        match self.0 {
            0 | 1 => self.0,
            // The blog and the other node are the same person's.
            n if n % 10 < 8 => n / 2 * 2,
            n => n,
        }
    }

    /// The id of one of its items; 0 is the oldest.
    pub fn item_id(self, round: usize) -> String {
        format!(
            "{:04x}-{round:04x}-{:08x}",
            self.0,
            (self.0 * 7_919 + round) * 2_654_435_761 % 0xffff_ffff
        )
    }
}

/// The set of this name, made if there is none that fits.
pub async fn have<S: Set>(options: &Options, name: &Path, set: S) -> Result<Made<S>> {
    let folder = options.out.join("seeds").join(name);
    if let Some(made) = there(&folder, set)? {
        return Ok(made);
    }
    ensure!(
        options.quick || std::env::var_os("CI").is_none(),
        "large sets are not made in continuous integration"
    );
    tokio::task::spawn_blocking(move || make(&folder, set)).await?
}

fn stamp<S: Set>(set: S) -> Value {
    json!({ "schema": format!("{:016x}", store::schema_fingerprint()), "of": set.stamp() })
}

fn there<S: Set>(folder: &Path, set: S) -> Result<Option<Made<S>>> {
    let Ok(text) = fs::read_to_string(folder.join("stamp.json")) else {
        return Ok(None);
    };
    let found: Value = serde_json::from_str(&text)?;
    if found["made"] != stamp(set) {
        println!(
            "{}: made for other numbers or another schema; it is made again",
            folder.display()
        );
        return Ok(None);
    }
    Ok(Some(Made {
        data: folder.join("data"),
        large: set,
        seconds: found["seconds"].as_f64().context("a stamp without seconds")?,
        bytes: found["bytes"].as_u64().context("a stamp without bytes")?,
    }))
}

fn make<S: Set>(folder: &Path, set: S) -> Result<Made<S>> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let disk = rustix::fs::statvfs(folder)?;
    let (needed, free) = (set.bytes(), disk.f_bavail * disk.f_frsize);
    // As much again as a tenth: for sorting, and for what the server writes.
    ensure!(
        free > needed + needed / 10,
        "{}: the set needs about {} of disk, {} are free; make space, or choose another folder with --out",
        folder.display(),
        gib(needed + needed / 10),
        gib(free)
    );
    let begun = Instant::now();
    let data = folder.join("data");
    let mut bulk = Bulk::begin(&data)?;
    set.fill(&mut bulk, begun)?;
    let size = bulk.bytes()?;
    println!("indexes ({} without them)", gib(size));
    bulk.finish()?;
    let bytes = fs::metadata(data.join(store::DATABASE_FILE))?.len();
    let seconds = begun.elapsed().as_secs_f64();
    let text = json!({ "made": stamp(set), "seconds": seconds, "bytes": bytes });
    fs::write(folder.join("stamp.json"), text.to_string())?;
    let (count, what) = set.count();
    println!(
        "{}: {count} {what}, {} in {seconds:.0} s, {:.0} {what}/s",
        folder.display(),
        gib(bytes),
        count as f64 / seconds
    );
    Ok(Made {
        data,
        large: set,
        seconds,
        bytes,
    })
}

fn people(bulk: &mut Bulk, large: Large) -> Result<Vec<JidNo>> {
    let keys = credentials();
    let now = Timestamp(BEGIN);
    let mut people = Vec::with_capacity(large.accounts());
    for n in 0..large.accounts() {
        let no = bulk.jid(&format!("user{n}@localhost"))?;
        bulk.write(&store::accounts::create(account(no, n, now)))?;
        bulk.write(&store::credentials::set(no, keys.clone()))?;
        people.push(no);
    }
    Ok(people)
}

/// A node with who publishes there.
struct Filled {
    no: NodeNo,
    publisher: JidNo,
    is_blog: bool,
}

fn nodes(bulk: &mut Bulk, large: Large, people: &[JidNo]) -> Result<Vec<Filled>> {
    let microblog = NodeConfig::microblog(AccessModel::Open).to_text();
    let mut all = Vec::with_capacity(large.nodes);
    for place in (0..large.nodes).map(Place) {
        let (owner, name, publisher) = (place.owner(), place.name(), people[place.person()]);
        let is_service = owner == "pubsub.localhost";
        let is_blog = name == MICROBLOG;
        let no = bulk.next_node();
        let owner = bulk.jid(&owner)?;
        bulk.write(&store::nodes::create(Node {
            no,
            owner,
            name,
            kind: if is_service { "service" } else { "pep" }.to_owned(),
            access: AccessModel::Open.as_str().to_owned(),
            config: if is_service {
                NodeConfig::service().to_text()
            } else {
                microblog.clone()
            },
            created: Timestamp(BEGIN),
        }))?;
        if is_service {
            bulk.write(&store::affiliations::set(no, publisher, "owner".to_owned()))?;
        }
        all.push(Filled {
            no,
            publisher,
            is_blog,
        });
    }
    Ok(all)
}

fn subscriptions(bulk: &mut Bulk, large: Large, people: &[JidNo], nodes: &[Filled]) -> Result<()> {
    let mut subid = 0;
    let mut subscribe = |bulk: &mut Bulk, node: &Filled, person: usize| {
        subid += 1;
        bulk.write(&store::subscriptions::put(Subscription {
            node: node.no,
            no: people[person],
            resource: String::new(),
            subid: format!("{subid:x}"),
            state: "subscribed".to_owned(),
            options: None,
            expires: None,
            created: Timestamp(BEGIN),
        }))
    };
    for person in large.subscribers() {
        subscribe(bulk, &nodes[0], person)?;
    }
    for person in large.ten() {
        subscribe(bulk, &nodes[1], person)?;
    }
    // Whoever is followed by the ten besides would be measured too.
    let (ten, few) = (large.ten(), large.subscribers().collect::<Vec<_>>());
    for (at, node) in nodes.iter().enumerate().skip(2) {
        let some = (0..FEW).map(|k| few[(at * 31 + k * 1_009) % few.len()]);
        for person in some.filter(|person| !ten.contains(person)) {
            subscribe(bulk, node, person)?;
        }
    }
    Ok(())
}

fn items(bulk: &mut Bulk, large: Large, nodes: &[Filled], begun: Instant) -> Result<()> {
    let count = large.nodes * large.items_each;
    let report = (count / 20).max(1);
    let stride = (large.nodes / 3..)
        .find(|n| coprime(*n, large.nodes))
        .unwrap_or(1);
    let since = Instant::now();
    for n in 0..count {
        // Each round visits every node once, in no order of theirs: what lies together on the disk is of the same time.
        let (round, at) = (n / large.nodes, n * stride % large.nodes);
        let (place, node) = (Place(at), &nodes[at]);
        let now = Timestamp(BEGIN + n as i64 * STEP);
        bulk.write(&put(place, round, node, now, bulk.post_ids().next(now), n))?;
        if (n + 1).is_multiple_of(report) {
            println!(
                "{} of {count} items, {:.0} items/s, {}, {:.0} s",
                n + 1,
                (n + 1) as f64 / since.elapsed().as_secs_f64(),
                gib(bulk.bytes()?),
                begun.elapsed().as_secs_f64()
            );
        }
    }
    Ok(())
}

fn put(place: Place, round: usize, node: &Filled, now: Timestamp, post_id: store::PostId, n: usize) -> Write {
    let (tags, words) = if node.is_blog && n.is_multiple_of(TAGGED_EVERY) {
        let tag = format!("tag{}", n / TAGGED_EVERY % 1_000);
        (vec![tag], format!("what light through yonder window breaks {n}"))
    } else {
        (Vec::new(), String::new())
    };
    store::items::put(NewItem {
        post_id,
        node: node.no,
        item_id: place.item_id(round),
        created: now,
        modified: now,
        publisher: node.publisher,
        origin: None,
        audience: 0,
        in_public: node.is_blog,
        payload: entry(n).into_bytes().into(),
        tags,
        words,
        links: Links::default(),
        notify: Vec::new(),
        keep_history: false,
        max_items: None,
    })
}

fn coprime(a: usize, b: usize) -> bool {
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}

/// A size as people read it.
pub fn gib(bytes: u64) -> String {
    format!("{:.2} GiB", bytes as f64 / f64::from(1 << 30))
}
