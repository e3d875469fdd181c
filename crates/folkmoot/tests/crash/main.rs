//! Kills the server under load, again and again, and compares what is there after each
//! restart with what was acknowledged: the node, its tag, the public stream, a follower's
//! home, a roster, and the archives of messages. An acknowledged write is there; one that was not is there whole or not at
//! all.

#![allow(clippy::unwrap_used)]

mod messages;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use testkit::plain_client::{ClientError, PlainClient, item_ids};

const KILLS: usize = 100;
const AUTHORS: usize = 3;
/// A kill comes after this many acknowledgements, and a few more by chance of timing.
const ACKNOWLEDGED_BEFORE_KILL: usize = 12;

const MICROBLOG: &str = "urn:xmpp:microblog:0";

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(data: &std::path::Path, ip: &str) -> Server {
        let address: SocketAddr = format!("{ip}:5222").parse().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_folkmoot"))
            .args(["serve", "--dev", "--domain", "localhost", "--bind", ip, "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Server { child, address };
        let deadline = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(
                server.child.try_wait().unwrap().is_none(),
                "the server ended at start"
            );
            assert!(Instant::now() < deadline, "the server did not come up");
            std::thread::yield_now();
        }
        server
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the server has acknowledged, and what it may have got.
#[derive(Default)]
struct Ledger {
    /// Per author: item id → (acknowledged text if any, texts that were sent last and never answered).
    posts: Vec<BTreeMap<String, Fate>>,
    contacts: BTreeMap<String, Fate>,
}

type Book = Arc<Mutex<messages::Conversations>>;

/// What may be found of one thing: any of these, where `None` is absence.
#[derive(Clone, Debug)]
struct Fate(Vec<Option<String>>);

impl Fate {
    fn sent(&mut self, outcome: Option<String>) {
        self.0.push(outcome);
    }
    fn acknowledged(&mut self, outcome: Option<String>) {
        self.0 = vec![outcome];
    }
}

impl Default for Fate {
    fn default() -> Self {
        Fate(vec![None])
    }
}

#[test]
fn whatever_was_acknowledged_survives_a_hundred_kills() {
    let data = std::env::temp_dir().join(format!("folkmoot-crash-{}", std::process::id()));
    std::fs::create_dir_all(&data).unwrap();
    let ip = format!(
        "127.45.{}.{}",
        std::process::id() % 250,
        1 + (std::process::id() >> 8) % 250
    );
    let ledger = Arc::new(Mutex::new(Ledger {
        posts: vec![BTreeMap::new(); AUTHORS],
        ..Ledger::default()
    }));

    let mut server = Server::start(&data, &ip);
    for n in 0..AUTHORS {
        PlainClient::register(server.address, &format!("author{n}"), "secret").unwrap();
    }
    PlainClient::register(server.address, "reader", "secret").unwrap();
    let mut reader = PlainClient::sign_in(server.address, "reader", "secret", "setup").unwrap();
    for n in 0..AUTHORS {
        let follow = format!(
            "<iq type='set' id='f{n}' to='author{n}@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
             <subscribe node='{MICROBLOG}' jid='reader@localhost'/></pubsub></iq>"
        );
        reader.ask(&format!("f{n}"), &follow).unwrap();
    }
    drop(reader);
    for n in 0..messages::WRITERS {
        PlainClient::register(server.address, &messages::writer(n), "secret").unwrap();
    }
    PlainClient::register(server.address, messages::LISTENER, "secret").unwrap();
    let book = Book::default();

    for round in 0..KILLS {
        load_until_killed(&mut server, round, &ledger, &book);
        server = Server::start(&data, &ip);
        verify(&server, round, &mut ledger.lock().unwrap());
        messages::verify(server.address, round, &mut book.lock().unwrap());
    }
    drop(server);
    std::fs::remove_dir_all(&data).unwrap();
}

/// Authors post, edit and retract, the reader changes a roster, people write to each other, until the server is killed
/// under them.
fn load_until_killed(server: &mut Server, round: usize, ledger: &Arc<Mutex<Ledger>>, book: &Book) {
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let mut workers = Vec::new();
    for author in 0..AUTHORS {
        let (ledger, acknowledged, address) = (ledger.clone(), acknowledged.clone(), server.address);
        workers.push(std::thread::spawn(move || {
            let lost = author_at_work(address, author, round, &ledger, &acknowledged).unwrap_err();
            assert!(matches!(lost, ClientError::Lost(_)), "round {round}: {lost}");
        }));
    }
    let (ledger, count, address) = (ledger.clone(), acknowledged.clone(), server.address);
    workers.push(std::thread::spawn(move || {
        let lost = roster_at_work(address, round, &ledger, &count).unwrap_err();
        assert!(matches!(lost, ClientError::Lost(_)), "round {round}: {lost}");
    }));
    for n in 0..messages::WRITERS {
        let (book, count) = (book.clone(), acknowledged.clone());
        workers.push(std::thread::spawn(move || {
            let lost = messages::write(address, n, round, &book, &count).unwrap_err();
            assert!(matches!(lost, ClientError::Lost(_)), "round {round}: {lost}");
        }));
    }
    // Every other time what is written waits for somebody to come.
    if round.is_multiple_of(2) {
        let book = book.clone();
        workers.push(std::thread::spawn(move || {
            let lost = messages::listen(address, &book).unwrap_err();
            assert!(matches!(lost, ClientError::Lost(_)), "round {round}: {lost}");
        }));
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while acknowledged.load(Ordering::Acquire) < ACKNOWLEDGED_BEFORE_KILL + round % 7 {
        assert!(
            Instant::now() < deadline,
            "round {round}: nothing was acknowledged"
        );
        std::thread::yield_now();
    }
    server.kill();
    for worker in workers {
        worker.join().unwrap();
    }
}

fn author_at_work(
    address: SocketAddr,
    author: usize,
    round: usize,
    ledger: &Mutex<Ledger>,
    acknowledged: &AtomicUsize,
) -> Result<(), ClientError> {
    let mut client = PlainClient::sign_in(address, &format!("author{author}"), "secret", "author")?;
    let mut newest = None;
    for n in 0.. {
        // Every fourth step edits and every seventh retracts the newest post, if it is still there.
        let retracts = n % 7 == 6 && newest.is_some();
        let post = newest.filter(|_| retracts || n % 4 == 3).unwrap_or(n);
        newest = (!retracts).then_some(post);
        let id = format!("r{round}-{post}");
        let outcome = (!retracts).then(|| format!("author {author}, round {round}, step {n} #crash"));
        let (command, iq) = (
            format!("s{n}"),
            match &outcome {
                Some(text) => format!(
                    "<publish node='{MICROBLOG}'><item id='{id}'><entry xmlns='http://www.w3.org/2005/Atom'>\
                 <title type='text'>{text}</title></entry></item></publish>"
                ),
                None => format!("<retract node='{MICROBLOG}'><item id='{id}'/></retract>"),
            },
        );
        ledger.lock().unwrap().posts[author]
            .entry(id.clone())
            .or_default()
            .sent(outcome.clone());
        client.send(&format!(
            "<iq type='set' id='{command}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>{iq}</pubsub></iq>"
        ))?;
        let answer = client.answer(&command)?;
        let text = String::from_utf8_lossy(answer.bytes()).into_owned();
        assert_eq!(answer.type_().as_deref(), Some("result"), "{text}");
        ledger.lock().unwrap().posts[author]
            .get_mut(&id)
            .unwrap()
            .acknowledged(outcome);
        acknowledged.fetch_add(1, Ordering::AcqRel);
    }
    unreachable!("the steps never end");
}

fn roster_at_work(
    address: SocketAddr,
    round: usize,
    ledger: &Mutex<Ledger>,
    acknowledged: &AtomicUsize,
) -> Result<(), ClientError> {
    let mut client = PlainClient::sign_in(address, "reader", "secret", "roster")?;
    for n in 0.. {
        let jid = format!("contact{}@localhost", n % 5);
        let outcome = (n % 3 != 2).then(|| format!("round {round} step {n}"));
        let item = match &outcome {
            Some(name) => format!("<item jid='{jid}' name='{name}'/>"),
            None => format!("<item jid='{jid}' subscription='remove'/>"),
        };
        ledger
            .lock()
            .unwrap()
            .contacts
            .entry(jid.clone())
            .or_default()
            .sent(outcome.clone());
        let id = format!("c{n}");
        client.send(&format!(
            "<iq type='set' id='{id}'><query xmlns='jabber:iq:roster'>{item}</query></iq>"
        ))?;
        let answer = client.answer(&id)?;
        // Removing what is not there is refused, and changes nothing.
        let is_done = answer.type_().as_deref() == Some("result");
        assert!(
            is_done || outcome.is_none(),
            "{}",
            String::from_utf8_lossy(answer.bytes())
        );
        ledger
            .lock()
            .unwrap()
            .contacts
            .get_mut(&jid)
            .unwrap()
            .acknowledged(outcome);
        acknowledged.fetch_add(1, Ordering::AcqRel);
        client.arrived();
    }
    unreachable!("the steps never end");
}

fn verify(server: &Server, round: usize, ledger: &mut Ledger) {
    let mut reader = PlainClient::sign_in(server.address, "reader", "secret", "verify").unwrap();
    let mut expected_everywhere = BTreeSet::new();
    for author in 0..AUTHORS {
        let found = posts(&mut reader, &format!("author{author}@localhost"), MICROBLOG);
        let texts: BTreeMap<&str, &str> = found
            .iter()
            .map(|(id, text)| (id.as_str(), text.as_str()))
            .collect();
        assert_eq!(
            texts.len(),
            found.len(),
            "round {round}: an item id is there twice"
        );
        for (id, fate) in &mut ledger.posts[author] {
            let is = texts.get(id.as_str()).map(|&t| t.to_owned());
            assert!(
                fate.0.contains(&is),
                "round {round}: {id} of author {author} is {is:?}, may be {fate:?}"
            );
            fate.acknowledged(is);
        }
        for (id, text) in found {
            assert!(
                ledger.posts[author].contains_key(&id),
                "round {round}: nobody posted {id}"
            );
            expected_everywhere.insert(text);
        }
    }
    for (service, node) in [
        ("pubsub.localhost", "tag/crash"),
        ("pubsub.localhost", MICROBLOG),
        ("reader@localhost", "urn:x-folkmoot:home:0"),
    ] {
        let there = posts(&mut reader, service, node);
        let texts: BTreeSet<String> = there.iter().map(|(_, text)| text.clone()).collect();
        assert_eq!(
            there.len(),
            expected_everywhere.len(),
            "round {round}: {node} has a wrong number of posts"
        );
        assert_eq!(
            texts, expected_everywhere,
            "round {round}: {node} differs from the authors' nodes"
        );
    }
    let roster = reader
        .ask(
            "roster",
            "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>",
        )
        .unwrap();
    let document = roster.document();
    let query = document.root().child("query", "jabber:iq:roster").unwrap();
    let names: BTreeMap<String, String> = query
        .children()
        .filter_map(|i| Some((i.attr("jid")?.into_owned(), i.attr("name")?.into_owned())))
        .collect();
    for (jid, fate) in &mut ledger.contacts {
        let is = names.get(jid).cloned();
        assert!(
            fate.0.contains(&is),
            "round {round}: contact {jid} is {is:?}, may be {fate:?}"
        );
        fate.acknowledged(is);
    }
}

/// All items of a node, page by page, as (id, text).
fn posts(client: &mut PlainClient, service: &str, node: &str) -> Vec<(String, String)> {
    const ATOM: &str = "http://www.w3.org/2005/Atom";
    const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let page = format!(
            "<iq type='get' id='page' to='{service}'><pubsub xmlns='{PUBSUB}'><items node='{node}'/>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>100</max>{after}</set></pubsub></iq>"
        );
        let answer = client.ask("page", &page).unwrap();
        let ids = item_ids(&answer);
        let Some(last) = ids.last() else { return all };
        after = format!("<after>{last}</after>");
        let document = answer.document();
        let items = document
            .root()
            .child("pubsub", PUBSUB)
            .and_then(|p| p.child("items", PUBSUB))
            .unwrap();
        for (item, id) in items.children().zip(&ids) {
            let title = item
                .child("entry", ATOM)
                .and_then(|e| e.child("title", ATOM))
                .unwrap();
            all.push((id.clone(), title.text().into_owned()));
        }
    }
}
