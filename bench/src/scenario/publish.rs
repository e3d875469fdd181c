//! Durable, acknowledged items: publishers without followers, one item under way each.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::{start, xmpps};
use crate::Options;
use crate::client::Client;
use crate::report::{Figure, Report, Wanted, percentile};
use crate::seed::{Seed, entry};

const PUBLISHERS: usize = 64;

pub async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let lasting = Duration::from_secs(if options.quick { 1 } else { 10 });
    let (server, _) = start(
        options,
        "publish",
        Seed {
            accounts: PUBLISHERS,
            ..Seed::default()
        },
    )
    .await?;
    let mut clients = Vec::new();
    for n in 0..PUBLISHERS {
        clients.push(Client::sign_in(xmpps(), &format!("user{n}"), "publish").await?);
    }
    let before = server.cpu()?;
    let begun = Instant::now();
    let mut all = JoinSet::new();
    for (who, mut client) in clients.into_iter().enumerate() {
        all.spawn(async move {
            let mut latencies = Vec::new();
            while begun.elapsed() < lasting {
                let n = latencies.len();
                let sent = Instant::now();
                client
                    .send(&format!(
                        "<iq type='set' id='p{n}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                         <publish node='urn:xmpp:microblog:0'><item id='post-{who}-{n}'>{}</item></publish></pubsub></iq>",
                        entry(n)
                    ))
                    .await?;
                let answer = client.until_id(&format!("p{n}")).await?;
                anyhow::ensure!(!answer.contains("type='error'"), "refused: {answer}");
                // The rest of the result must not be taken for the next one.
                latencies.push(sent.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(seen) = all.join_next().await {
        latencies.extend(seen??);
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let cpu = server.cpu()? - before;
    let count = latencies.len() as f64;
    report.add(Figure {
        name: format!("publish: durable, acknowledged items from {PUBLISHERS}"),
        unit: "/s",
        value: count / elapsed,
        wanted: Wanted::AtLeast(5_000.0),
        reference: None,
    })?;
    for (name, value, unit) in [
        ("publish: CPU per 1,000 items", cpu / count * 1e3, "s"),
        ("publish: result p50", percentile(&mut latencies, 0.5), "ms"),
        ("publish: result p99", percentile(&mut latencies, 0.99), "ms"),
    ] {
        report.add(Figure {
            name: name.to_owned(),
            unit,
            value,
            wanted: Wanted::Known,
            reference: None,
        })?;
    }
    Ok(())
}
