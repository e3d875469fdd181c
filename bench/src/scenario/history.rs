//! Reading: clients that fetch the newest 20 of a node with 200 items.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::{start, xmpps};
use crate::Options;
use crate::client::Client;
use crate::report::{Figure, Report, Wanted, percentile};
use crate::seed::{Seed, entry};

const CLIENTS: usize = 20;
const ITEMS: usize = 200;
const PAGE: usize = 20;

pub async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let lasting = Duration::from_secs(if options.quick { 1 } else { 10 });
    let (server, _) = start(
        options,
        "history",
        Seed {
            accounts: CLIENTS + 1,
            ..Seed::default()
        },
    )
    .await?;
    let mut author = Client::sign_in(xmpps(), &format!("user{CLIENTS}"), "author").await?;
    for n in 0..ITEMS {
        author
            .send(&format!(
                "<iq type='set' id='p{n}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                 <publish node='urn:xmpp:microblog:0'><item id='post-{n}'>{}</item></publish></pubsub></iq>",
                entry(n)
            ))
            .await?;
        author.until_id(&format!("p{n}")).await?;
    }
    let mut clients = Vec::new();
    for n in 0..CLIENTS {
        clients.push(Client::sign_in(xmpps(), &format!("user{n}"), "history").await?);
    }
    let before = server.cpu()?;
    let begun = Instant::now();
    let mut all = JoinSet::new();
    for mut client in clients {
        all.spawn(async move {
            let mut latencies = Vec::new();
            while begun.elapsed() < lasting {
                let n = latencies.len();
                let sent = Instant::now();
                client
                    .send(&format!(
                        "<iq type='get' id='h{n}' to='user{CLIENTS}@localhost'>\
                         <pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:microblog:0'/>\
                         <set xmlns='http://jabber.org/protocol/rsm'><max>{PAGE}</max><before/></set></pubsub></iq>"
                    ))
                    .await?;
                let answer = client.until("</iq>").await?;
                let items = answer.matches("<item ").count();
                anyhow::ensure!(items == PAGE, "{items} items instead of {PAGE}: {answer}");
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
        name: format!("history, newest {PAGE} of {ITEMS}, {CLIENTS} clients"),
        unit: "requests/s",
        value: count / elapsed,
        wanted: Wanted::AtLeast(3_000.0),
        reference: None,
    })?;
    for (name, value, unit) in [
        ("history: CPU per 1,000 requests", cpu / count * 1e3, "s"),
        ("history: p50", percentile(&mut latencies, 0.5), "ms"),
        ("history: p99", percentile(&mut latencies, 0.99), "ms"),
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
