//! Memory of sessions that do nothing: signed in over TLS, roster of 20 fetched,
//! available, then silent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{start, xmpps};
use crate::Options;
use crate::client::{Client, connect};
use crate::process::{Process, address, open_files_limit};
use crate::report::{Figure, Report, Wanted};
use crate::seed::Seed;

const ROSTER: usize = 20;
const AT_ONCE: usize = 32;
const REFERENCE_PORT: u16 = 7701;

pub async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let asked = options.amount(200, 10_000, 1_000);
    // Each session is one file here and one in the server; both keep some for themselves.
    let limit = open_files_limit()?.saturating_sub(200) as usize;
    let sessions = asked.min(limit);
    if sessions < asked {
        report.note(format!(
            "idle: open files are limited to {limit}, so {sessions} sessions instead of {asked}"
        ));
    }
    let bare = reference(sessions).await?;
    let (server, _) = start(
        options,
        "idle",
        Seed {
            accounts: sessions,
            contacts_each: ROSTER,
            ..Seed::default()
        },
    )
    .await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = server.resident()?;

    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut signing_in = JoinSet::new();
    for n in 0..sessions {
        let permit = permits.clone().acquire_owned().await?;
        signing_in.spawn(async move {
            let mut client = Client::sign_in(xmpps(), &format!("user{n}"), "idle").await?;
            client
                .send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
                .await?;
            client.until_id("roster").await?;
            client.come_online("").await?;
            drop(permit);
            anyhow::Ok(client)
        });
    }
    let mut clients = Vec::with_capacity(sessions);
    while let Some(client) = signing_in.join_next().await {
        clients.push(client??);
    }
    // Give the allocator time to hand back what signing in needed.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let each = (server.resident()?.saturating_sub(before)) as f64 / sessions as f64 / 1024.0;
    drop(clients);
    report.add(Figure {
        name: format!("idle session of {sessions}, roster of {ROSTER}: resident"),
        unit: "KiB",
        value: each,
        wanted: Wanted::AtMost(12.0),
        reference: Some(bare),
    })
}

/// KiB that a bare TLS connection costs (tokio-rustls, no buffer of its own).
async fn reference(connections: usize) -> Result<f64> {
    let server = Process::reference("hold", REFERENCE_PORT).await?;
    let address = SocketAddr::new(address(), REFERENCE_PORT);
    let before = server.resident()?;
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut connecting = JoinSet::new();
    for _ in 0..connections {
        let permit = permits.clone().acquire_owned().await?;
        connecting.spawn(async move {
            let mut tls = connect(address, None).await?;
            tls.write_all(b"h").await?;
            tls.flush().await?;
            tls.read_u8().await?;
            drop(permit);
            anyhow::Ok(tls)
        });
    }
    let mut held = Vec::with_capacity(connections);
    while let Some(tls) = connecting.join_next().await {
        held.push(tls??);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(server.resident()?.saturating_sub(before) as f64 / connections as f64 / 1024.0)
}
