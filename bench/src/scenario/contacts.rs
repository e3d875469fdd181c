//! Presence among contacts: somebody with 200 contacts, 100 of them online, signs in; then somebody's availability
//! changes again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{start, xmpps};
use crate::Options;
use crate::client::Client;
use crate::report::{Figure, Report, Wanted};
use crate::seed::Seed;

const CONTACTS: usize = 200;
const ONLINE: usize = 100;
const AT_ONCE: usize = 16;

pub async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let (hosts, changes) = options.amount((20, 10), (400, 500), (40, 200));
    let seed = Seed {
        accounts: hosts + CONTACTS,
        hosts,
        ..Seed::default()
    };
    let (server, _) = start(options, "contacts", seed).await?;
    let seen = Arc::new(AtomicUsize::new(0));
    let mut watching = JoinSet::new();
    for n in hosts..hosts + ONLINE {
        let mut client = Client::sign_in(xmpps(), &format!("user{n}"), "watching").await?;
        client.come_online("").await?;
        let (sender, mut counter) = client.split("<presence");
        let seen = seen.clone();
        watching.spawn(async move {
            let _held_open = sender;
            while let Ok(Some(more)) = counter.next().await {
                seen.fetch_add(more, Ordering::AcqRel);
            }
        });
    }

    // Everybody sees their own presence, before or after the answer that they waited for.
    tokio::time::sleep(Duration::from_secs(1)).await;
    seen.store(0, Ordering::Release);

    // Nobody leaves meanwhile, so that only coming is counted: the handshake, the roster, presence both ways.
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut coming = JoinSet::new();
    let mut present = Vec::with_capacity(hosts);
    let before = server.cpu()?;
    for n in 0..hosts {
        let permit = permits.clone().acquire_owned().await?;
        coming.spawn(async move {
            let client = come(n).await?;
            drop(permit);
            anyhow::Ok(client)
        });
    }
    while let Some(client) = coming.join_next().await {
        present.push(client??);
    }
    arrived(&seen, ONLINE * hosts).await?;
    report.add(Figure {
        name: format!("login with {CONTACTS} contacts, {ONLINE} online: server CPU"),
        unit: "ms",
        value: (server.cpu()? - before) * 1e3 / hosts as f64,
        wanted: Wanted::AtMost(1.5),
        reference: None,
    })?;

    let mut client = present.swap_remove(0);
    let begun = seen.load(Ordering::Acquire);
    let before = server.cpu()?;
    for n in 0..changes {
        let show = if n % 2 == 0 { "<show>away</show>" } else { "" };
        client.send(&format!("<presence>{show}</presence>")).await?;
        arrived(&seen, begun + ONLINE * (n + 1)).await?;
    }
    report.add(Figure {
        name: format!("availability to {ONLINE} contacts: CPU per 1,000 presences"),
        unit: "s",
        value: (server.cpu()? - before) * 1e3 / (ONLINE * changes) as f64,
        wanted: Wanted::AtMost(0.018),
        reference: None,
    })?;
    watching.abort_all();
    Ok(())
}

/// Signs in, asks for the roster, comes online, and waits until every contact who is there was shown, and oneself.
async fn come(n: usize) -> Result<Client> {
    let mut client = Client::sign_in(xmpps(), &format!("user{n}"), "desk").await?;
    client
        .send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
        .await?;
    client.until_id("roster").await?;
    client.send("<presence/>").await?;
    for _ in 0..=ONLINE {
        client.until("<presence").await?;
    }
    Ok(client)
}

/// Waits until the watchers have seen so many presences.
async fn arrived(seen: &AtomicUsize, wanted: usize) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while seen.load(Ordering::Acquire) < wanted {
        anyhow::ensure!(
            Instant::now() < deadline,
            "{} of {wanted} presences arrived",
            seen.load(Ordering::Acquire)
        );
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    Ok(())
}
