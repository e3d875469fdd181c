//! Many nodes with many items, and one with very many subscribers: reading, subscribing, publishing.
//!
//! The server runs on the large set itself (see [`crate::large`]); what is published and subscribed here is taken back.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::xmpps;
use crate::Options;
use crate::client::{Client, connect};
use crate::large::{self, Large, Made, Place};
use crate::process::{Process, address};
use crate::reference::UNIT;
use crate::report::{Figure, Report, Wanted, percentile};
use crate::seed::entry;

const PAGE: usize = 20;
const REFERENCE_PORT: u16 = 7704;
/// Requests in a row whose CPU is taken together: the kernel counts in less, but what else the server does must not matter.
const BLOCK: usize = 20;
/// The two nodes whose subscribers differ.
const BIG: Place = Place(0);
const SMALL: Place = Place(1);
const MS: Wanted = Wanted::Known;
const GIB: f64 = (1u64 << 30) as f64;

pub async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let made = seed(options).await?;
    let large = made.large;
    let count = (large.nodes * large.items_each) as f64;
    add(
        report,
        "seeding: items per second",
        "/s",
        count / made.seconds,
        MS,
        None,
    )?;
    add(
        report,
        "seeding: size of the database",
        "GiB",
        made.bytes as f64 / GIB,
        MS,
        None,
    )?;
    reading(options, report, &made).await?;
    {
        let server = restart(options, &made).await?;
        subscribing(options, report, &made, &server).await?;
        publishing(options, report, &made, &server).await?;
    }
    first_publish(options, report, &made).await?;
    cold(options, report, &made).await
}

/// The set of this scenario, made if it is not there.
pub async fn seed(options: &Options) -> Result<Made<Large>> {
    let name = if options.quick { "quick" } else { "large" };
    large::have(options, Path::new(name), Large::of(options)).await
}

async fn restart(options: &Options, made: &Made<Large>) -> Result<Process> {
    Process::folkmoot(&options.server, &made.data).await
}

pub(super) fn add(
    report: &mut Report,
    name: &str,
    unit: &'static str,
    value: f64,
    wanted: Wanted,
    reference: Option<f64>,
) -> Result<()> {
    report.add(Figure {
        name: name.to_owned(),
        unit,
        value,
        wanted,
        reference,
    })
}

/// Latencies as two figures, the second with what is wanted of it.
pub(super) fn add_latencies(
    report: &mut Report,
    name: &str,
    latencies: &mut [Duration],
    wanted: Wanted,
    reference: &mut [Duration],
) -> Result<()> {
    for (share, label, wanted) in [(0.5, "p50", MS), (0.99, "p99", wanted)] {
        let bare = (!reference.is_empty()).then(|| percentile(reference, share));
        let value = percentile(latencies, share);
        add(report, &format!("{name}: {label}"), "ms", value, wanted, bare)?;
    }
    Ok(())
}

/// Which items are asked for.
#[derive(Clone, Copy)]
enum Which {
    Newest,
    /// A page that begins after this one, counted from the oldest.
    After(usize),
}

async fn reading(options: &Options, report: &mut Report, made: &Made<Large>) -> Result<()> {
    let Large {
        nodes, items_each, ..
    } = made.large;
    in_memory(&made.data.join(store::DATABASE_FILE)).await?;
    let server = restart(options, made).await?;
    let start = server.start.as_secs_f64();
    add(
        report,
        "large set: start to first page",
        "s",
        start,
        Wanted::AtMost(2.0),
        None,
    )?;
    let mut client = reader(made).await?;
    let mut random = Random(1);
    let mut order: Vec<usize> = (0..nodes).collect();
    for at in (1..nodes).rev() {
        order.swap(at, random.below(at + 1));
    }
    let mut bare = Bare::start().await?;
    let name = |what: &str| format!("items, {PAGE} of {items_each} in {nodes} nodes, {what}");
    let five = Wanted::AtMost(5.0);

    let mut first = Vec::with_capacity(nodes);
    for at in order {
        first.push(items(&mut client, Place(at), Which::Newest).await?);
        bare.round_trip().await?;
    }
    let what = name("newest, first time after a restart");
    add_latencies(report, &what, &mut first, five, &mut bare.take())?;
    let resident = server.resident()? as f64 / f64::from(1 << 20);
    let what = format!("{nodes} nodes touched: resident");
    add(report, &what, "MiB", resident, Wanted::AtMost(256.0), None)?;

    let requests = options.amount(100, 5_000, 0);
    let before = server.cpu()?;
    let mut warm = Vec::with_capacity(requests);
    for _ in 0..requests {
        warm.push(items(&mut client, Place(random.below(nodes)), Which::Newest).await?);
        bare.round_trip().await?;
    }
    let cpu = (server.cpu()? - before) / requests as f64 * 1e3;
    add(
        report,
        &name("newest: CPU per 1,000 requests"),
        "s",
        cpu,
        MS,
        None,
    )?;
    add_latencies(report, &name("newest"), &mut warm, five, &mut bare.take())?;

    let mut middle = Vec::with_capacity(requests);
    for _ in 0..requests {
        let after = items_each / 4 + random.below(items_each / 2 - PAGE);
        middle.push(items(&mut client, Place(random.below(nodes)), Which::After(after)).await?);
        bare.round_trip().await?;
    }
    add_latencies(
        report,
        &name("in the middle"),
        &mut middle,
        five,
        &mut bare.take(),
    )
}

/// The newest items of nodes whose pages are on the disk alone.
async fn cold(options: &Options, report: &mut Report, made: &Made<Large>) -> Result<()> {
    let file = made.data.join(store::DATABASE_FILE);
    tokio::task::spawn_blocking(move || {
        let file = File::open(file)?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        anyhow::Ok(())
    })
    .await??;
    let _server = restart(options, made).await?;
    let mut client = reader(made).await?;
    let mut random = Random(2);
    let mut latencies = Vec::new();
    for _ in 0..options.amount(50, 1_000, 0) {
        let at = Place(random.below(made.large.nodes));
        latencies.push(items(&mut client, at, Which::Newest).await?);
    }
    let what = format!("items, newest {PAGE}, nothing of the database in memory");
    add_latencies(report, &what, &mut latencies, MS, &mut [])
}

/// Somebody who follows nobody, so that nothing comes but answers.
async fn reader(made: &Made<Large>) -> Result<Client> {
    let free = made.large.free();
    let first = free.first().context("nobody is free")?;
    Client::sign_in(xmpps(), &format!("user{first}"), "large").await
}

async fn items(client: &mut Client, place: Place, which: Which) -> Result<Duration> {
    let (to, node) = (place.owner(), place.name());
    let page = match which {
        Which::Newest => "<before/>".to_owned(),
        Which::After(round) => format!("<after>{}</after>", place.item_id(round)),
    };
    let sent = Instant::now();
    client
        .send(&format!(
            "<iq type='get' id='i' to='{to}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='{node}'/>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>{PAGE}</max>{page}</set></pubsub></iq>"
        ))
        .await?;
    let answer = client.until("</iq>").await?;
    let elapsed = sent.elapsed();
    let found = answer.matches("<item ").count();
    ensure!(
        found == PAGE,
        "{found} items instead of {PAGE} in {node} of {to}: {answer}"
    );
    if let Which::After(round) = which {
        let (first, behind) = (place.item_id(round + 1), place.item_id(round + PAGE + 1));
        ensure!(
            answer.contains(&first) && !answer.contains(&behind),
            "another page than that after {round}"
        );
    }
    Ok(elapsed)
}

/// Round trips to the bare TLS server, whose answers are as long as a page: one beside each request, so that whoever shares
/// the machine weighs on both.
struct Bare {
    tls: tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
    answer: Vec<u8>,
    latencies: Vec<Duration>,
    _server: Process,
}

impl Bare {
    async fn start() -> Result<Bare> {
        let server = Process::reference("answer", REFERENCE_PORT).await?;
        Ok(Bare {
            tls: connect(SocketAddr::new(address(), REFERENCE_PORT), None).await?,
            answer: vec![0; PAGE * entry(0).len() / UNIT * UNIT],
            latencies: Vec::new(),
            _server: server,
        })
    }

    async fn round_trip(&mut self) -> Result<()> {
        let units = u8::try_from(self.answer.len() / UNIT)?;
        let sent = Instant::now();
        self.tls.write_all(&[units]).await?;
        self.tls.flush().await?;
        self.tls.read_exact(&mut self.answer).await?;
        self.latencies.push(sent.elapsed());
        Ok(())
    }

    /// All since it was last asked.
    fn take(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.latencies)
    }
}

/// The disk alone: a page written and synced, one beside each request that waits for the disk.
struct Disk {
    file: File,
    path: PathBuf,
    latencies: Vec<Duration>,
}

impl Disk {
    fn start(made: &Made<Large>) -> Result<Disk> {
        let path = made.data.join("syncs");
        Ok(Disk {
            file: File::create(&path)?,
            path,
            latencies: Vec::new(),
        })
    }

    fn sync(&mut self) -> Result<()> {
        tokio::task::block_in_place(|| {
            let begun = Instant::now();
            self.file.write_all(&[7; 8_192])?;
            self.file.sync_data()?;
            self.latencies.push(begun.elapsed());
            Ok(())
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A few pages; the next run writes over them.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What the same costs at the two nodes.
#[derive(Default)]
struct Cost {
    latencies: Vec<Duration>,
    /// Milliseconds of the server's CPU for one, block by block.
    cpu: Vec<f64>,
}

impl Cost {
    /// The middle of all blocks: what else the server did in some of them does not matter.
    fn cpu(&mut self) -> f64 {
        self.cpu.sort_by(f64::total_cmp);
        self.cpu.get(self.cpu.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

async fn subscribing(
    options: &Options,
    report: &mut Report,
    made: &Made<Large>,
    server: &Process,
) -> Result<()> {
    let mut disk = Disk::start(made)?;
    let free = made.large.free();
    let mut clients = Vec::new();
    for person in free.iter().step_by((free.len() / 5).max(1)) {
        clients.push((
            *person,
            Client::sign_in(xmpps(), &format!("user{person}"), "large").await?,
        ));
    }
    let mut costs = [Cost::default(), Cost::default()];
    for block in 0..options.amount(2, 20, 0) {
        for (cost, place) in costs.iter_mut().zip([BIG, SMALL]) {
            let before = server.cpu()?;
            for n in 0..BLOCK {
                let at = (block + n) % clients.len();
                let (person, client) = &mut clients[at];
                cost.latencies
                    .push(subscription(client, "subscribe", place, *person).await?);
                subscription(client, "unsubscribe", place, *person).await?;
                disk.sync()?;
            }
            cost.cpu.push((server.cpu()? - before) * 1e3 / BLOCK as f64);
        }
    }
    for (mut cost, subscribers) in costs.into_iter().zip([made.large.subscribers, 10]) {
        let name = format!("subscribing where {subscribers} do");
        add(
            report,
            &format!("{name}, and back: CPU"),
            "ms",
            cost.cpu(),
            MS,
            None,
        )?;
        add_latencies(
            report,
            &name,
            &mut cost.latencies,
            Wanted::AtMost(5.0),
            &mut disk.latencies,
        )?;
    }
    Ok(())
}

async fn subscription(client: &mut Client, act: &str, place: Place, person: usize) -> Result<Duration> {
    let sent = Instant::now();
    client
        .send(&format!(
            "<iq type='set' id='{act}' to='{}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
             <{act} node='{}' jid='user{person}@localhost'/></pubsub></iq>",
            place.owner(),
            place.name()
        ))
        .await?;
    let answer = client.until_id(act).await?;
    let elapsed = sent.elapsed();
    ensure!(!answer.contains("type='error'"), "refused: {answer}");
    Ok(elapsed)
}

async fn publishing(
    options: &Options,
    report: &mut Report,
    made: &Made<Large>,
    server: &Process,
) -> Result<()> {
    let mut disk = Disk::start(made)?;
    let arrived = Arc::new(AtomicUsize::new(0));
    let mut receivers = JoinSet::new();
    for person in made.large.ten() {
        let mut client = Client::sign_in(xmpps(), &format!("user{person}"), "large").await?;
        client.come_online("").await?;
        let (sender, mut counter) = client.split("</event>");
        let arrived = arrived.clone();
        receivers.spawn(async move {
            let _held_open = sender;
            while let Ok(Some(more)) = counter.next().await {
                arrived.fetch_add(more, Ordering::AcqRel);
            }
        });
    }
    let mut authors = Vec::new();
    for place in [BIG, SMALL] {
        authors.push(Client::sign_in(xmpps(), &format!("user{}", place.person()), "large").await?);
    }
    // What a session is sent for having come belongs to no post.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut expected = arrived.load(Ordering::Acquire);
    let mut costs = [Cost::default(), Cost::default()];
    let blocks = options.amount(2, 25, 0);
    for block in 0..blocks {
        for (cost, author) in costs.iter_mut().zip(&mut authors) {
            let before = server.cpu()?;
            for n in 0..BLOCK {
                let n = block * BLOCK + n;
                cost.latencies.push(publish(author, n).await?);
                disk.sync()?;
                expected += 10;
                wait_for(&arrived, expected).await?;
            }
            cost.cpu.push((server.cpu()? - before) * 1e3 / BLOCK as f64);
        }
    }
    for author in &mut authors {
        for n in 0..blocks * BLOCK {
            retract(author, n).await?;
        }
    }
    receivers.abort_all();
    let [big, small] = &mut costs;
    let (big_cpu, small_cpu) = (big.cpu(), small.cpu());
    let subscribers = made.large.subscribers;
    for (cost, subscribers) in costs.iter_mut().zip([subscribers, 10]) {
        let name = format!("publishing to 10 online of {subscribers} subscribers");
        add(report, &format!("{name}: CPU"), "ms", cost.cpu(), MS, None)?;
        add_latencies(report, &name, &mut cost.latencies, MS, &mut disk.latencies)?;
    }
    let name = format!("publishing to 10 online: CPU for having {subscribers} subscribers");
    add(
        report,
        &name,
        "ms",
        big_cpu - small_cpu,
        Wanted::AtMost(0.2),
        None,
    )
}

async fn publish(author: &mut Client, n: usize) -> Result<Duration> {
    let sent = Instant::now();
    author
        .send(&format!(
            "<iq type='set' id='p{n}.'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
             <publish node='urn:xmpp:microblog:0'><item id='large-{n}'>{}</item></publish></pubsub></iq>",
            entry(n)
        ))
        .await?;
    let answer = author.until_id(&format!("p{n}.")).await?;
    let elapsed = sent.elapsed();
    ensure!(!answer.contains("type='error'"), "refused: {answer}");
    Ok(elapsed)
}

async fn retract(author: &mut Client, n: usize) -> Result<()> {
    author
        .send(&format!(
            "<iq type='set' id='r{n}.'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
             <retract node='urn:xmpp:microblog:0'><item id='large-{n}'/></retract></pubsub></iq>"
        ))
        .await?;
    let answer = author.until_id(&format!("r{n}.")).await?;
    ensure!(!answer.contains("type='error'"), "refused: {answer}");
    Ok(())
}

async fn wait_for(arrived: &AtomicUsize, expected: usize) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while arrived.load(Ordering::Acquire) < expected {
        ensure!(
            Instant::now() < deadline,
            "a post did not reach all who are online"
        );
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    Ok(())
}

/// What nobody has asked for since the start: all subscribers are read first.
async fn first_publish(options: &Options, report: &mut Report, made: &Made<Large>) -> Result<()> {
    let subscribers = made.large.subscribers;
    let _server = restart(options, made).await?;
    let mut author = Client::sign_in(xmpps(), "user0", "large").await?;
    let mut latencies = [publish(&mut author, 0).await?];
    retract(&mut author, 0).await?;
    let value = percentile(&mut latencies, 0.5);
    let name = format!("publishing to {subscribers} subscribers, first time after a restart");
    add(report, &name, "ms", value, MS, None)
}

/// Reads the file once, so that what is measured next does not wait for the disk.
pub(super) async fn in_memory(file: &Path) -> Result<()> {
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || {
        std::io::copy(&mut File::open(file)?, &mut std::io::sink())?;
        anyhow::Ok(())
    })
    .await?
}

/// Numbers that only look random, the same in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }
}
