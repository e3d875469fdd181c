//! Sessions with stream management: what they cost more, and how soon all of them are back after all connections were cut.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{start, xmpps};
use crate::Options;
use crate::client::{Client, Kept};
use crate::process::{Process, open_files_limit};
use crate::report::{Figure, Report, Wanted};
use crate::seed::Seed;

const AT_ONCE: usize = 64;

pub async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let asked = options.amount(200, 10_000, 1_000);
    let limit = open_files_limit()?.saturating_sub(200) as usize;
    let sessions = asked.min(limit);
    if sessions < asked {
        report.note(format!(
            "resume: open files are limited to {limit}, so {sessions} sessions instead of {asked}"
        ));
    }
    let seed = || Seed {
        accounts: sessions,
        contacts_each: 20,
        ..Seed::default()
    };
    let without = {
        let (server, _) = start(options, "resume", seed()).await?;
        let (each, _) = fill(&server, sessions, false).await?;
        each
    };
    let (server, _) = start(options, "resume", seed()).await?;
    let (with, all) = fill(&server, sessions, true).await?;
    report.add(Figure {
        name: format!("session of {sessions} with stream management: resident more"),
        unit: "KiB",
        value: with - without,
        wanted: Wanted::AtMost(1.0),
        reference: None,
    })?;
    let (clients, kept): (Vec<Client>, Vec<Option<Kept>>) = all.into_iter().unzip();
    drop(clients);
    // The server hears of each cut before the first client is back, as when a network comes back.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = server.cpu()?;
    let begun = Instant::now();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut resuming = JoinSet::new();
    for kept in kept.into_iter().flatten() {
        let permit = permits.clone().acquire_owned().await?;
        resuming.spawn(async move {
            // The result of the roster, that of the ping and the own presence.
            let client = Client::resume(xmpps(), &kept, 3).await?;
            drop(permit);
            anyhow::Ok(client)
        });
    }
    let mut back = Vec::with_capacity(sessions);
    while let Some(client) = resuming.join_next().await {
        back.push(client??);
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let cpu = server.cpu()? - before;
    report.add(Figure {
        name: format!("{sessions} sessions resumed after all connections were cut"),
        unit: "s",
        value: elapsed,
        wanted: Wanted::AtMost(5.0),
        reference: None,
    })?;
    report.add(Figure {
        name: "resuming over TLS: server CPU".to_owned(),
        unit: "ms",
        value: cpu * 1e3 / sessions as f64,
        wanted: Wanted::Known,
        reference: None,
    })
}

/// Signs everybody in; KiB that each holds, and how to come back.
async fn fill(server: &Process, sessions: usize, stays: bool) -> Result<(f64, Vec<(Client, Option<Kept>)>)> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = server.resident()?;
    let permits = Arc::new(Semaphore::new(AT_ONCE / 2));
    let mut signing_in = JoinSet::new();
    for n in 0..sessions {
        let permit = permits.clone().acquire_owned().await?;
        signing_in.spawn(async move {
            let user = format!("user{n}");
            let (mut client, kept) = Client::sign_in_to_stay(xmpps(), &user, stays).await?;
            client
                .send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
                .await?;
            client.until_id("roster").await?;
            client.come_online("").await?;
            if stays {
                client.send("<a xmlns='urn:xmpp:sm:3' h='3'/>").await?;
            }
            drop(permit);
            anyhow::Ok((client, kept))
        });
    }
    let mut all = Vec::with_capacity(sessions);
    while let Some(one) = signing_in.join_next().await {
        all.push(one??);
    }
    // Give the allocator time to hand back what signing in needed.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let each = server.resident()?.saturating_sub(before) as f64 / sessions as f64 / 1024.0;
    Ok((each, all))
}
