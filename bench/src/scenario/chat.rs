//! One-to-one messages: pairs, each with a window of messages under way; with both archives, and with none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use super::{start, start_with, xmpps};
use crate::Options;
use crate::client::Client;
use crate::process::Process;
use crate::report::{Figure, Report, Wanted, percentile};
use crate::seed::Seed;

const PAIRS: usize = 50;
const WINDOW: usize = 8;

pub async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let seed = Seed {
        accounts: PAIRS * 2,
        ..Seed::default()
    };
    if options.over_the_wire {
        // Each server as it comes.
        let (server, _) = start(options, "chat", seed).await?;
        return measure(options, report, &server, "chat", Wanted::Known).await;
    }
    for (default, name, most) in [
        ("always", "chat, archived", 0.030),
        ("never", "chat, not archived", 0.020),
    ] {
        let settings = [("FOLKMOOT_ARCHIVE_DEFAULT", default)];
        let (server, _) = start_with(options, "chat", seed, &settings).await?;
        measure(options, report, &server, name, Wanted::AtMost(most)).await?;
    }
    Ok(())
}

async fn measure(
    options: &Options,
    report: &mut Report,
    server: &Process,
    name: &str,
    wanted: Wanted,
) -> Result<()> {
    let each = options.amount(100, 6_000, 2_000);
    let mut pairs = Vec::new();
    for n in 0..PAIRS {
        let mut one = Client::sign_in(xmpps(), &format!("user{}", 2 * n), "chat").await?;
        let mut other = Client::sign_in(xmpps(), &format!("user{}", 2 * n + 1), "chat").await?;
        one.come_online("").await?;
        other.come_online("").await?;
        pairs.push((one, other));
    }
    let before = server.cpu()?;
    let begun = Instant::now();
    let mut all = JoinSet::new();
    for (one, other) in pairs {
        all.spawn(pair(one, other, each));
    }
    let mut latencies = Vec::with_capacity(PAIRS * each);
    while let Some(seen) = all.join_next().await {
        latencies.extend(seen??);
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let cpu = server.cpu()? - before;
    let count = latencies.len() as f64;
    report.add(Figure {
        name: format!("{name}, {PAIRS} pairs, window {WINDOW}: CPU per 1,000 stanzas"),
        unit: "s",
        value: cpu / count * 1e3,
        wanted,
        reference: None,
    })?;
    for (what, value, unit) in [
        ("stanzas per second", count / elapsed, "/s"),
        ("p50", percentile(&mut latencies, 0.5), "ms"),
        ("p99", percentile(&mut latencies, 0.99), "ms"),
    ] {
        report.add(Figure {
            name: format!("{name}: {what}"),
            unit,
            value,
            wanted: Wanted::Known,
            reference: None,
        })?;
    }
    Ok(())
}

/// Sends `count` messages with at most `WINDOW` not yet received; their latencies.
async fn pair(one: Client, other: Client, count: usize) -> Result<Vec<Duration>> {
    let to = other.jid.clone();
    let (mut sender, _quiet) = one.split("</message>");
    let (_idle, mut counter) = other.split("</message>");
    let window = Arc::new(Semaphore::new(WINDOW));
    let sent: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let received = Arc::new(AtomicUsize::new(0));
    let receiving = {
        let (window, sent, received) = (window.clone(), sent.clone(), received.clone());
        tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(count);
            while latencies.len() < count {
                let Some(arrived) = counter.next().await? else {
                    bail!("closed while messages were under way")
                };
                let sent = sent.lock().await;
                for _ in 0..arrived {
                    latencies.push(sent[latencies.len()].elapsed());
                }
                received.store(latencies.len(), Ordering::Relaxed);
                window.add_permits(arrived);
            }
            anyhow::Ok(latencies)
        })
    };
    for n in 0..count {
        window.acquire().await?.forget();
        sent.lock().await.push(Instant::now());
        sender
            .send(&format!(
                "<message to='{to}' type='chat' id='chat-{n}'><body>O Romeo, Romeo! Wherefore art thou Romeo? \
                 Deny thy father and refuse thy name.</body><active xmlns='http://jabber.org/protocol/chatstates'/>\
                 <request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='chat-{n}'/></message>"
            ))
            .await?;
    }
    receiving.await?
}
