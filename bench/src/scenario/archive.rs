//! Pages of archives among ten million messages: by time, behind a message, with one address, and the last.
//!
//! The server runs on the set itself (see [`crate::talk`]), which is only read.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::large::{Random, add, add_latencies, in_memory};
use super::xmpps;
use crate::Options;
use crate::client::Client;
use crate::process::Process;
use crate::report::{Report, Wanted};
use crate::talk::{self, STEP, Talk};

const PAGE: usize = 50;
/// Archives that are read, the largest first.
const READERS: usize = 40;
const KNOWN: Wanted = Wanted::Known;

/// Which page is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Which {
    /// From some time on.
    Time,
    /// Behind some message.
    After,
    /// The newest with one address.
    With,
    /// The newest.
    Last,
}

pub async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let made = talk::have(options).await?;
    let talk = made.large;
    let count = talk.messages;
    let (per_second, gib) = (
        count as f64 / made.seconds,
        made.bytes as f64 / f64::from(1 << 30),
    );
    add(
        report,
        "seeding: messages per second",
        "/s",
        per_second,
        KNOWN,
        None,
    )?;
    let name = format!("seeding: size of the database with {count} messages");
    add(report, &name, "GiB", gib, KNOWN, None)?;
    in_memory(&made.data.join(store::DATABASE_FILE)).await?;
    let server = Process::folkmoot(&options.server, &made.data).await?;
    let mut readers = Vec::new();
    for n in 0..READERS {
        let person = n * (talk.people / READERS);
        let client = Client::sign_in(xmpps(), &format!("user{person}"), "archive").await?;
        readers.push((person, client));
    }
    let mut random = Random(3);
    let requests = options.amount(80, 4_000, 0);
    for (which, name) in [
        (Which::Time, "from a time"),
        (Which::After, "behind a message"),
        (Which::With, "newest with one address"),
        (Which::Last, "newest"),
    ] {
        let before = server.cpu()?;
        let (mut latencies, mut asked) = (Vec::with_capacity(requests), 0);
        for n in 0..requests {
            let (person, client) = &mut readers[n % READERS];
            if which == Which::After {
                // The message is found by a time, which is not measured.
                let (anchor, _) = page(client, &talk, *person, Which::Time, &mut random, None).await?;
                asked += 1;
                let (_, latency) = page(client, &talk, *person, which, &mut random, Some(&anchor)).await?;
                latencies.push(latency);
            } else {
                latencies.push(page(client, &talk, *person, which, &mut random, None).await?.1);
            }
            asked += 1;
        }
        let cpu = (server.cpu()? - before) / f64::from(asked) * 1e3;
        let what = format!("archive, {PAGE} of {count} messages, {name}");
        add(
            report,
            &format!("{what}: CPU per 1,000 pages"),
            "s",
            cpu,
            KNOWN,
            None,
        )?;
        add_latencies(report, &what, &mut latencies, Wanted::AtMost(10.0), &mut [])?;
    }
    Ok(())
}

/// Asks for a page; the id of its last message, and how long it took until the end of the results was there.
async fn page(
    client: &mut Client,
    talk: &Talk,
    person: usize,
    which: Which,
    random: &mut Random,
    anchor: Option<&str>,
) -> Result<(String, Duration)> {
    let field = |var: &str, value: &str| format!("<field var='{var}'><value>{value}</value></field>");
    let (filter, rsm) = match which {
        Which::Time => {
            // In the first half, so that there is a page behind.
            let ms = talk::BEGIN + random.below(talk.messages / 2) as i64 * STEP;
            (field("start", &timestamp(ms)), String::new())
        }
        Which::After => (
            String::new(),
            format!("<after>{}</after>", anchor.unwrap_or_default()),
        ),
        Which::With => {
            let peer = talk.peer(person, random.below(talk::PEERS));
            (
                field("with", &format!("user{peer}@localhost")),
                "<before/>".to_owned(),
            )
        }
        Which::Last => (String::new(), "<before/>".to_owned()),
    };
    let sent = Instant::now();
    client
        .send(&format!(
            "<iq type='set' id='a'><query xmlns='urn:xmpp:mam:2' queryid='q'><x xmlns='jabber:x:data' type='submit'>\
             <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>{filter}</x>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>{PAGE}</max>{rsm}</set></query></iq>"
        ))
        .await?;
    let answer = client.until("</iq>").await?;
    let elapsed = sent.elapsed();
    let found = answer.matches("<result ").count();
    ensure!(
        found == PAGE,
        "{found} messages instead of {PAGE}, {which:?}: {answer}"
    );
    let last = answer
        .split("<last>")
        .nth(1)
        .and_then(|rest| rest.split('<').next());
    Ok((last.context("no last message")?.to_owned(), elapsed))
}

/// A moment of the set, as XEP-0082 writes it.
fn timestamp(ms: i64) -> String {
    // The set is shorter than a year of 2026.
    let (mut day, seconds) = (
        (ms - talk::BEGIN) / 86_400_000,
        (ms - talk::BEGIN) / 1_000 % 86_400,
    );
    let mut month = 1;
    for days in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!(
        "2026-{month:02}-{:02}T{:02}:{:02}:{:02}Z",
        day + 1,
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}
