//! CPU of signing in: TLS handshake, SCRAM-SHA-256, binding, roster, presence.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{start, xmpps};
use crate::Options;
use crate::client::{Client, connect};
use crate::process::{Process, address};
use crate::report::{Figure, Report, Wanted};
use crate::seed::Seed;

const AT_ONCE: usize = 16;
const REFERENCE_PORT: u16 = 7702;

pub async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let logins = options.amount(100, 3_000, 400);
    let bare = reference(logins).await?;
    let (server, _) = start(
        options,
        "login",
        Seed {
            accounts: logins,
            contacts_each: 20,
            ..Seed::default()
        },
    )
    .await?;
    let before = server.cpu()?;
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut all = JoinSet::new();
    for n in 0..logins {
        let permit = permits.clone().acquire_owned().await?;
        all.spawn(async move {
            let mut client = Client::sign_in(xmpps(), &format!("user{n}"), "login").await?;
            client
                .send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
                .await?;
            client.until_id("roster").await?;
            client.come_online("").await?;
            client.send("</stream:stream>").await?;
            drop(permit);
            anyhow::Ok(())
        });
    }
    while let Some(done) = all.join_next().await {
        done??;
    }
    report.add(Figure {
        name: "login over TLS: server CPU".to_owned(),
        unit: "ms",
        value: (server.cpu()? - before) * 1e3 / logins as f64,
        wanted: Wanted::Known,
        reference: Some(bare),
    })
}

/// Milliseconds of CPU for the handshake alone.
async fn reference(logins: usize) -> Result<f64> {
    let server = Process::reference("hold", REFERENCE_PORT).await?;
    let address = SocketAddr::new(address(), REFERENCE_PORT);
    let before = server.cpu()?;
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut all = JoinSet::new();
    for _ in 0..logins {
        let permit = permits.clone().acquire_owned().await?;
        all.spawn(async move {
            let mut tls = connect(address, None).await?;
            tls.write_all(b"h").await?;
            tls.flush().await?;
            tls.read_u8().await?;
            drop(permit);
            anyhow::Ok(())
        });
    }
    while let Some(done) = all.join_next().await {
        done??;
    }
    Ok((server.cpu()? - before) * 1e3 / logins as f64)
}
