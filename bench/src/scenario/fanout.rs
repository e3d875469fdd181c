//! A post to many: explicit followers, and contacts whose clients announced
//! `urn:xmpp:microblog:0+notify`; one post at a time, as in the peers' figures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinSet;

use super::{caps, start, xmpps};
use crate::Options;
use crate::client::{Client, connect};
use crate::process::{Process, address, open_files_limit};
use crate::reference::BLOCK;
use crate::report::{Figure, Report, Wanted, percentile};
use crate::seed::{Seed, entry};

const AT_ONCE: usize = 32;
const REFERENCE_PORT: u16 = 7703;

/// How the receivers came to receive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Following,
    Contacts,
}

pub async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let limit = open_files_limit()?.saturating_sub(200) as usize;
    let sizes: &[(By, usize, usize)] = options.amount(
        &[(By::Following, 100, 5), (By::Contacts, 100, 5)],
        &[
            (By::Following, 1_000, 200),
            (By::Contacts, 1_000, 200),
            (By::Following, 10_000, 20),
            (By::Contacts, 10_000, 20),
        ],
        &[(By::Contacts, 500, 50)],
    );
    for &(by, asked, posts) in sizes {
        if by == By::Following && options.over_the_wire {
            continue;
        }
        let followers = asked.min(limit);
        if followers < asked {
            report.note(format!(
                "fan-out: open files are limited to {limit}, so {followers} instead of {asked}"
            ));
        }
        let bare = reference(followers, posts).await?;
        measure(options, report, by, followers, posts, bare).await?;
    }
    Ok(())
}

/// Counts what all receivers got, and says when a post has reached the last one.
#[derive(Default)]
struct Arrivals {
    count: AtomicUsize,
    target: AtomicUsize,
    reached: Notify,
}

impl Arrivals {
    fn add(&self, more: usize) {
        let now = self.count.fetch_add(more, Ordering::AcqRel) + more;
        if now >= self.target.load(Ordering::Acquire) {
            self.reached.notify_one();
        }
    }

    async fn wait_for(&self, target: usize) -> Result<()> {
        self.target.store(target, Ordering::Release);
        while self.count.load(Ordering::Acquire) < target {
            let waited = tokio::time::timeout(Duration::from_secs(20), self.reached.notified()).await;
            waited.with_context(|| {
                format!(
                    "{} of {target} notifications arrived",
                    self.count.load(Ordering::Acquire)
                )
            })?;
        }
        Ok(())
    }
}

async fn measure(
    options: &Options,
    report: &mut Report,
    by: By,
    followers: usize,
    posts: usize,
    bare: f64,
) -> Result<()> {
    let seed = match by {
        By::Following => Seed {
            accounts: followers + 1,
            followers_of_first: followers,
            ..Seed::default()
        },
        By::Contacts => Seed {
            accounts: followers + 1,
            contacts_of_first: followers,
            ..Seed::default()
        },
    };
    let (server, _) = start(options, "fanout", seed).await?;
    let ver = crate::seed::caps_ver(caps::STRING);
    let element = caps::ELEMENT.replace("VER", &ver);
    let announced = if by == By::Contacts { element.as_str() } else { "" };

    let arrivals = Arc::new(Arrivals::default());
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut receivers = JoinSet::new();
    let mut signing_in = JoinSet::new();
    for n in 1..=followers {
        let permit = permits.clone().acquire_owned().await?;
        let announced = announced.to_owned();
        let ask_me = by == By::Contacts && n == 1;
        let client = async move {
            let mut client = Client::sign_in(xmpps(), &format!("user{n}"), "fanout").await?;
            if ask_me {
                answer_caps(&mut client, &announced).await?;
            } else {
                client.come_online(&announced).await?;
            }
            drop(permit);
            anyhow::Ok(client)
        };
        if ask_me {
            // The server must know the caps before the others use them.
            keep(client.await?, &arrivals, &mut receivers);
        } else {
            signing_in.spawn(client);
        }
    }
    while let Some(client) = signing_in.join_next().await {
        keep(client??, &arrivals, &mut receivers);
    }
    let (is_ready, ready) = oneshot::channel();
    let (go, may_go) = oneshot::channel();
    let author = {
        let arrivals = arrivals.clone();
        std::thread::spawn(move || author(followers, posts, &arrivals, is_ready, may_go))
    };
    // Without an answer the author has failed, and says why when joined.
    let before = if ready.await.is_ok() { server.cpu()? } else { 0.0 };
    arrivals.count.store(0, Ordering::Release);
    let _ = go.send(());
    let joined = tokio::task::spawn_blocking(move || author.join()).await?;
    let (mut results, mut lasts) = joined.map_err(|_| anyhow::anyhow!("the author's thread panicked"))??;
    let cpu = (server.cpu()? - before) / (followers * posts) as f64 * 1e3;
    let extra = arrivals.count.load(Ordering::Acquire) - followers * posts;
    anyhow::ensure!(extra == 0, "{extra} notifications too many");
    receivers.abort_all();

    let how = if by == By::Following {
        "followers"
    } else {
        "contacts (+notify)"
    };
    let title = format!("fan-out to {followers} {how}");
    let asked = |figure: f64| {
        if followers == 1_000 {
            Wanted::AtMost(figure)
        } else {
            Wanted::Known
        }
    };
    for (name, unit, value, wanted, reference) in [
        (
            "CPU per 1,000 notifications",
            "s",
            cpu,
            Wanted::AtMost(0.018),
            Some(bare),
        ),
        (
            "last follower p50",
            "ms",
            percentile(&mut lasts, 0.5),
            Wanted::Known,
            None,
        ),
        (
            "last follower p99",
            "ms",
            percentile(&mut lasts, 0.99),
            asked(30.0),
            None,
        ),
        (
            "publisher's result p50",
            "ms",
            percentile(&mut results, 0.5),
            Wanted::Known,
            None,
        ),
        (
            "publisher's result p99",
            "ms",
            percentile(&mut results, 0.99),
            asked(10.0),
            None,
        ),
    ] {
        report.add(Figure {
            name: format!("{title}: {name}"),
            unit,
            value,
            wanted,
            reference,
        })?;
    }
    Ok(())
}

/// How long each result and each last notification took.
type Latencies = (Vec<Duration>, Vec<Duration>);

/// The author, in a thread and a runtime of its own: on another machine it would not stand in the queue of the
/// receivers' tasks either.
fn author(
    followers: usize,
    posts: usize,
    arrivals: &Arrivals,
    is_ready: oneshot::Sender<()>,
    may_go: oneshot::Receiver<()>,
) -> Result<Latencies> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut author = Client::sign_in(xmpps(), "user0", "author").await?;
        author.come_online("").await?;
        // Let presence between contacts settle before anything is counted.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let _ = is_ready.send(());
        may_go.await?;
        let (mut results, mut lasts) = (Vec::new(), Vec::new());
        for n in 0..posts {
            let sent = Instant::now();
            author
                .send(&format!(
                    "<iq type='set' id='p{n}.'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                     <publish node='urn:xmpp:microblog:0'><item id='post-{n}'>{}</item></publish></pubsub></iq>",
                    entry(n)
                ))
                .await?;
            let answer = author.until_id(&format!("p{n}.")).await?;
            anyhow::ensure!(!answer.contains("type='error'"), "refused: {answer}");
            results.push(sent.elapsed());
            arrivals.wait_for(followers * (n + 1)).await?;
            lasts.push(sent.elapsed());
        }
        Ok((results, lasts))
    })
}

fn keep(client: Client, arrivals: &Arc<Arrivals>, receivers: &mut JoinSet<Result<()>>) {
    let arrivals = arrivals.clone();
    let (sender, mut counter) = client.split("</event>");
    receivers.spawn(async move {
        let _held_open = sender;
        while let Some(more) = counter.next().await? {
            if more > 0 {
                arrivals.add(more);
            }
        }
        Ok(())
    });
}

/// Announces caps and answers the server's question what they stand for.
async fn answer_caps(client: &mut Client, element: &str) -> Result<()> {
    client.send(&format!("<presence>{element}</presence>")).await?;
    let asked = client.until("disco#info").await?;
    let iq = &asked[asked.rfind("<iq").context("caps were asked outside an iq")?..];
    let id = iq
        .split_once("id='")
        .and_then(|(_, rest)| rest.split_once('\''))
        .context("a question without id")?
        .0;
    let node = format!("urn:x-folkmoot:bench#{}", crate::seed::caps_ver(caps::STRING));
    client
        .send(&format!(
            "<iq type='result' id='{id}' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info' node='{node}'>{}</query></iq>\
             <iq type='get' id='sync'><ping xmlns='urn:xmpp:ping'/></iq>",
            caps::IDENTITY_AND_FEATURES
        ))
        .await?;
    client.until_id("sync").await?;
    Ok(())
}

/// CPU seconds for 1,000 writes of a block as long as a notification, over bare TLS.
async fn reference(connections: usize, posts: usize) -> Result<f64> {
    let server = Process::reference("fanout", REFERENCE_PORT).await?;
    let address = SocketAddr::new(address(), REFERENCE_PORT);
    let received = Arc::new(AtomicUsize::new(0));
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut connecting = JoinSet::new();
    for _ in 0..connections {
        let permit = permits.clone().acquire_owned().await?;
        connecting.spawn(async move {
            let mut tls = connect(address, None).await?;
            tls.write_all(b"s").await?;
            tls.flush().await?;
            tls.read_u8().await?;
            drop(permit);
            anyhow::Ok(tls)
        });
    }
    let mut readers = JoinSet::new();
    while let Some(tls) = connecting.join_next().await {
        let (mut tls, received) = (tls??, received.clone());
        readers.spawn(async move {
            let mut block = vec![0u8; BLOCK];
            while tls.read_exact(&mut block).await.is_ok() {
                received.fetch_add(1, Ordering::AcqRel);
            }
        });
    }
    let mut publisher = connect(address, None).await?;
    let before = server.cpu()?;
    for n in 1..=posts {
        publisher.write_all(b"p").await?;
        publisher.flush().await?;
        let deadline = Instant::now() + Duration::from_secs(20);
        while received.load(Ordering::Acquire) < n * connections {
            anyhow::ensure!(Instant::now() < deadline, "the reference did not deliver");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let cpu = server.cpu()? - before;
    readers.abort_all();
    Ok(cpu / (connections * posts) as f64 * 1e3)
}
