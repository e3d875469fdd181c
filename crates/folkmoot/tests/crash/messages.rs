//! Messages over kills: what the server counted as handled (XEP-0198) stands in both archives exactly once and in the order
//! in which it was sent; what it did not count stands in both or in none; and no id ever names two messages.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::plain_client::{ClientError, PlainClient};
use wire::Stanza;

/// Who writes; everybody to `listener`.
pub const WRITERS: usize = 2;
pub const LISTENER: &str = "listener";
/// Messages sent before one asks how many were handled.
const AT_ONCE: usize = 3;

const SM: &str = "urn:xmpp:sm:3";
const MAM: &str = "urn:xmpp:mam:2";
const RSM: &str = "http://jabber.org/protocol/rsm";
const SID: &str = "urn:xmpp:sid:0";

pub fn writer(n: usize) -> String {
    format!("writer{n}")
}

/// What was sent, counted and heard.
#[derive(Default)]
pub struct Conversations {
    /// Per writer, what they sent since the last look into the archives, in this order.
    sent: [Vec<String>; WRITERS],
    /// Per writer, how many of these were counted.
    counted: [usize; WRITERS],
    /// Ids of the listener's archive that were told live or read, with the messages that they name.
    named: BTreeMap<String, String>,
    /// The last id read, of the listener's archive and of each writer's.
    read_to: [Option<String>; WRITERS + 1],
}

/// Sends until the server is killed.
pub fn write(
    address: SocketAddr,
    n: usize,
    round: usize,
    book: &Mutex<Conversations>,
    acknowledged: &AtomicUsize,
) -> Result<(), ClientError> {
    let mut client = PlainClient::sign_in(address, &writer(n), "secret", "writer")?;
    client.send(&format!("<enable xmlns='{SM}'/>"))?;
    assert_eq!(client.take()?.name(), "enabled");
    for batch in 0.. {
        let mut packet = String::new();
        for step in 0..AT_ONCE {
            let id = format!("w{n}-r{round}-{}", batch * AT_ONCE + step);
            packet += &format!(
                "<message type='chat' to='{LISTENER}@localhost' id='{id}'><body>{id}</body></message>"
            );
            book.lock().unwrap().sent[n].push(id);
        }
        packet += &format!("<r xmlns='{SM}'/>");
        client.send(&packet)?;
        let all = (batch + 1) * AT_ONCE;
        loop {
            let answer = client.take()?;
            assert_eq!(answer.name(), "a", "{}", text(&answer));
            let counted: usize = attribute(&answer, "h").parse().unwrap();
            assert!(counted <= all);
            book.lock().unwrap().counted[n] = counted;
            if counted == all {
                break;
            }
        }
        acknowledged.fetch_add(1, Ordering::AcqRel);
    }
    unreachable!("the steps never end");
}

/// Hears until the server is killed: each message once.
pub fn listen(address: SocketAddr, book: &Mutex<Conversations>) -> Result<(), ClientError> {
    let mut client = PlainClient::sign_in(address, LISTENER, "secret", "ear")?;
    client.send("<presence/>")?;
    let mut heard = BTreeSet::new();
    loop {
        let stanza = client.take()?;
        if stanza.name() != "message" {
            continue;
        }
        let id = attribute(&stanza, "id");
        let document = stanza.document();
        let archived = document.root().child("stanza-id", SID).expect("an id");
        name(
            &mut book.lock().unwrap().named,
            &archived.attr("id").unwrap(),
            &id,
        );
        assert!(heard.insert(id), "heard twice: {}", text(&stanza));
    }
}

/// Reads what is new in all archives and compares.
pub fn verify(address: SocketAddr, round: usize, book: &mut Conversations) {
    let there = read(address, LISTENER, &mut book.read_to[WRITERS]);
    for (archived, id) in &there {
        name(&mut book.named, archived, id);
    }
    let mut all = 0;
    for n in 0..WRITERS {
        let own: Vec<String> = read(address, &writer(n), &mut book.read_to[n])
            .into_iter()
            .map(|(_, id)| id)
            .collect();
        let theirs: Vec<&String> = there
            .iter()
            .map(|(_, id)| id)
            .filter(|id| id.starts_with(&format!("w{n}-")))
            .collect();
        all += own.len();
        assert_eq!(
            own.iter().collect::<Vec<_>>(),
            theirs,
            "round {round}: the archives of both sides of writer {n} differ"
        );
        let (sent, counted) = (std::mem::take(&mut book.sent[n]), book.counted[n]);
        book.counted[n] = 0;
        assert!(
            own.len() >= counted && sent.get(..own.len()) == Some(&own[..]),
            "round {round}: writer {n} sent {sent:?}, of which {counted} were counted; archived are {own:?}"
        );
    }
    assert_eq!(there.len(), all, "round {round}: nobody sent what is there");
}

fn name(named: &mut BTreeMap<String, String>, archived: &str, id: &str) {
    let before = named.insert(archived.to_owned(), id.to_owned());
    assert!(
        before.as_deref().is_none_or(|before| before == id),
        "{archived} names {id} and {before:?}"
    );
}

/// What an archive holds after what was read last: ids there, and the messages' own.
fn read(address: SocketAddr, who: &str, read_to: &mut Option<String>) -> Vec<(String, String)> {
    let mut client = PlainClient::sign_in(address, who, "secret", "reader").unwrap();
    let mut all = Vec::new();
    loop {
        let after = read_to
            .as_ref()
            .map(|id| format!("<after>{id}</after>"))
            .unwrap_or_default();
        let answer = client
            .ask(
                "page",
                &format!(
                    "<iq type='set' id='page'><query xmlns='{MAM}'><set xmlns='{RSM}'><max>100</max>{after}</set></query></iq>"
                ),
            )
            .unwrap();
        for stanza in client.arrived() {
            let document = stanza.document();
            let Some(result) = document.root().child("result", MAM) else {
                continue;
            };
            let forwarded = result.child("forwarded", "urn:xmpp:forward:0").unwrap();
            let message = forwarded.child("message", "jabber:client").unwrap();
            let archived = result.attr("id").unwrap().into_owned();
            *read_to = Some(archived.clone());
            all.push((archived, message.attr("id").unwrap().into_owned()));
        }
        let document = answer.document();
        let fin = document.root().child("fin", MAM).unwrap();
        if fin.attr("complete").as_deref() == Some("true") {
            return all;
        }
    }
}

fn attribute(stanza: &Stanza, name: &str) -> String {
    stanza
        .document()
        .root()
        .attr(name)
        .unwrap_or_default()
        .into_owned()
}

fn text(stanza: &Stanza) -> String {
    String::from_utf8_lossy(stanza.bytes()).into_owned()
}
