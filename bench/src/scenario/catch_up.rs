//! Coming back: a login of somebody with 300 contacts, each with an item in a node that the client wants; by last items, and by
//! asking to catch up (`urn:x-folkmoot:catch-up:0`).

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{start, xmpps};
use crate::Options;
use crate::client::Client;
use crate::report::{Figure, Report, Wanted, percentile};
use crate::seed::{Seed, caps_ver};

const CONTACTS: usize = 300;
const AT_ONCE: usize = 16;
const NICK: &str = "http://jabber.org/protocol/nick";
/// What the client's capabilities are the hash of, and the answer that says so.
const STRING: &str =
    "client/bot//bench<http://jabber.org/protocol/disco#info<http://jabber.org/protocol/nick+notify<";
const ANSWER: &str = "<identity category='client' type='bot' name='bench'/>\
                      <feature var='http://jabber.org/protocol/disco#info'/>\
                      <feature var='http://jabber.org/protocol/nick+notify'/>";

pub async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let logins = options.amount(5, 100, 50);
    let seed = Seed {
        accounts: CONTACTS + 1,
        contacts_of_first: CONTACTS,
        ..Seed::default()
    };
    let (_server, _) = start(options, "catch-up", seed).await?;
    publish().await?;
    let presence = format!(
        "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:x-folkmoot:bench' ver='{}'/></presence>",
        caps_ver(STRING)
    );
    explain(&presence).await?;
    let (mut by_items, mut by_asking) = (Vec::new(), Vec::new());
    for n in 0..logins {
        let mut client = Client::sign_in(xmpps(), "user0", "bench").await?;
        let begun = Instant::now();
        client.send(&presence).await?;
        for _ in 0..CONTACTS {
            client.until("</nick>").await?;
        }
        by_items.push(begun.elapsed());
        client.send("</stream:stream>").await?;
        client.until("</stream:stream>").await?;

        let mut client = Client::sign_in(xmpps(), "user0", "bench").await?;
        let begun = Instant::now();
        client
            .send(&format!(
                "<iq type='get' id='c{n}'><catch-up xmlns='urn:x-folkmoot:catch-up:0' since='0'><want node='{NICK}'/></catch-up></iq>"
            ))
            .await?;
        let answer = client.until("</iq>").await?;
        by_asking.push(begun.elapsed());
        let told = answer.matches("</nick>").count();
        ensure!(told == CONTACTS, "{told} of {CONTACTS} in {:.500}", answer);
        client
            .send(&format!(
                "{presence}<iq type='get' id='s{n}'><ping xmlns='urn:xmpp:ping'/></iq>"
            ))
            .await?;
        let rest = client.until_id(&format!("s{n}")).await?;
        ensure!(!rest.contains("<message"), "more than one stanza: {rest:.500}");
        client.send("</stream:stream>").await?;
        client.until("</stream:stream>").await?;
    }
    for (what, mut times) in [("last items", by_items), ("catch-up, one stanza", by_asking)] {
        report.add(Figure {
            name: format!("login with {CONTACTS} contacts' nodes, {what}: p99"),
            unit: "ms",
            value: percentile(&mut times, 0.99),
            wanted: Wanted::AtMost(50.0),
            reference: None,
        })?;
    }
    Ok(())
}

/// Every contact publishes its item.
async fn publish() -> Result<()> {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut all = JoinSet::new();
    for n in 1..=CONTACTS {
        let permit = permits.clone().acquire_owned().await?;
        all.spawn(async move {
            let mut client = Client::sign_in(xmpps(), &format!("user{n}"), "bench").await?;
            client
                .send(&format!(
                    "<iq type='set' id='nick'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{NICK}'>\
                     <item id='current'><nick xmlns='{NICK}'>User {n}</nick></item></publish></pubsub></iq>"
                ))
                .await?;
            client.until_id("nick").await?;
            client.send("</stream:stream>").await?;
            drop(permit);
            anyhow::Ok(())
        });
    }
    while let Some(done) = all.join_next().await {
        done??;
    }
    Ok(())
}

/// Answers the server's question what the capabilities are, once.
async fn explain(presence: &str) -> Result<()> {
    let mut client = Client::sign_in(xmpps(), "user0", "first").await?;
    client.send(presence).await?;
    let asked = client.until("disco#info").await?;
    let iq = &asked[asked.rfind("<iq").context("caps were asked outside an iq")?..];
    let id = iq
        .split_once("id='")
        .and_then(|(_, rest)| rest.split_once('\''))
        .context("a question without id")?
        .0;
    let node = format!("urn:x-folkmoot:bench#{}", caps_ver(STRING));
    client
        .send(&format!(
            "<iq type='result' id='{id}' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info' node='{node}'>{ANSWER}</query></iq>"
        ))
        .await?;
    for _ in 0..CONTACTS {
        client.until("</nick>").await?;
    }
    client.send("</stream:stream>").await?;
    client.until("</stream:stream>").await?;
    Ok(())
}
