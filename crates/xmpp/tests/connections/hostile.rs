//! Much of everything, and connections that neither live nor die: a hundred thousand contacts, floods of presence, readers that
//! stop, half-open sockets. Nobody else notices.

use std::time::Instant;

use tokio::io::DuplexStream;
use wire::BareJid;
use xmpp::roster::contact::Details;

use crate::presence::befriend;
use crate::support::{Client, HEADER, PASSWORD, World, dev_world, plain, world};

/// How many bytes a reader may leave unread in these tests before its session is ended or waits.
const HARD: usize = 300_000;

async fn small_mailboxes() -> World {
    world(|settings| {
        settings.is_dev = true;
        settings.limits.mailbox_hard_bytes = HARD;
        settings.limits.mailbox_soft_bytes = HARD / 3;
    })
    .await
}

/// All that came of a kind up to a mark, by the text between.
fn between<'a>(came: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    let rests = came.split(start).skip(1);
    rests.filter_map(|rest| rest.split(end).next()).collect()
}

#[tokio::test]
async fn of_a_hundred_thousand_contacts_as_many_stay_as_there_is_room_for() {
    const ALL: u32 = 100_000;
    const AT_ONCE: u32 = 200;
    /// The bound is the store's: these are in it before the flood, which would otherwise take minutes.
    const BEFORE: u32 = store::roster::CONTACTS_MAX as u32 - 50;
    let world = dev_world().await;
    let mut juliet = {
        world.account("juliet").await;
        world.session("juliet", "balcony").await
    };
    let no = world
        .server
        .store
        .jids()
        .number("juliet@localhost")
        .await
        .unwrap();
    let filled = world.server.rosters.change(no, |roster| {
        for number in 0..BEFORE {
            let jid = BareJid::parse(&format!("c{number}@elsewhere.example")).unwrap();
            let details = Details {
                name: None,
                groups: Vec::new(),
            };
            roster.rename(store::JidNo(1_000_000 + number), &jid, details);
        }
        Ok(((), Vec::new()))
    });
    filled.await.unwrap();
    let began = Instant::now();
    let (mut kept, mut refused) = (0, 0);
    for first in (BEFORE..ALL).step_by(AT_ONCE as usize) {
        let numbers = first..(first + AT_ONCE).min(ALL);
        let flood: String = numbers
            .clone()
            .map(|number| {
                format!(
                    "<iq type='set' id='s{number}'><query xmlns='jabber:iq:roster'><item jid='c{number}@elsewhere.example'/></query></iq>"
                )
            })
            .collect();
        let mark =
            format!("{flood}<iq type='get' id='mark' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
        let (read, write) = tokio::io::split(&mut juliet.io);
        let mut reader = Client::new(tokio::io::join(read, tokio::io::sink()));
        let mut writer = Client::new(tokio::io::join(tokio::io::empty(), write));
        let ((), came) = tokio::join!(writer.send(&mark), reader.expect("id='mark'"));
        juliet.came = reader.came;
        refused += came.matches("<resource-constraint").count();
        kept += came.matches("type='result' id='s").count();
        juliet.expect(">").await;
    }
    println!("{:?} for {kept} contacts and {refused} refusals", began.elapsed());
    assert_eq!(kept, 50);
    assert_eq!(refused as u32, ALL - BEFORE - 50);
    // The roster can be had in one piece, and so can others' attention.
    juliet
        .send("<iq type='get' id='all'><query xmlns='jabber:iq:roster'/></iq>")
        .await;
    let all = juliet.expect("</query></iq>").await;
    assert_eq!(all.matches("<item ").count(), store::roster::CONTACTS_MAX);
}

#[tokio::test]
async fn a_flood_of_presence_reaches_who_reads_and_ends_who_does_not() {
    const FLOOD: usize = 5_000;
    let world = small_mailboxes().await;
    for name in ["juliet", "romeo", "nurse"] {
        world.account(name).await;
    }
    let mut juliet = world.session("juliet", "balcony").await;
    let mut romeo = world.session("romeo", "orchard").await;
    let mut nurse = world.session("nurse", "house").await;
    for client in [&mut juliet, &mut romeo, &mut nurse] {
        client.send("<presence/>").await;
    }
    befriend(&mut juliet, &mut romeo, ["juliet", "romeo"]).await;
    befriend(&mut juliet, &mut nurse, ["juliet", "nurse"]).await;
    let presence = |number: usize| {
        format!(
            "<presence><status>{number} {}</status></presence>",
            "x".repeat(100)
        )
    };
    let flood = tokio::spawn(async move {
        for number in 0..FLOOD {
            juliet.send(&presence(number)).await;
            // She reads what comes back to her.
            juliet.expect(&format!("<status>{number} ")).await;
        }
        juliet
    });
    // Romeo sees each, in its order; the nurse has stopped reading.
    let mut next = 0;
    while next < FLOOD {
        let came = romeo.expect("</presence>").await;
        let numbers = between(&came, "<status>", " ");
        for number in numbers {
            assert_eq!(number, next.to_string());
            next += 1;
        }
    }
    let _juliet = flood.await.unwrap();
    nurse.expect("<resource-constraint ").await;
}

/// Signs in and resumes; what follows the answer to it.
pub async fn resume(world: &World, name: &str, previd: &str, h: usize) -> Client<DuplexStream> {
    let mut client = world.connect();
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client.send(&plain(name, PASSWORD)).await;
    client.expect("<success").await;
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client
        .send(&format!(
            "<resume xmlns='urn:xmpp:sm:3' previd='{previd}' h='{h}'/>"
        ))
        .await;
    client.expect("<resumed ").await;
    client
}

async fn managed(world: &World, name: &str, resource: &str) -> (Client<DuplexStream>, String) {
    world.account(name).await;
    let mut client = world.session(name, resource).await;
    client.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await;
    let enabled = client.expect("<enabled ").await + &client.expect(">").await;
    let id = between(&enabled, " id='", "'")[0].to_owned();
    (client, id)
}

#[tokio::test]
async fn who_stops_reading_loses_the_connection_and_nothing_else() {
    let world = small_mailboxes().await;
    let (mut juliet, id) = managed(&world, "juliet", "balcony").await;
    world.account("romeo").await;
    let mut romeo = world.session("romeo", "orchard").await;
    let text = |number: usize| format!("<body>{number}.{}</body>", "x".repeat(10_000));
    let session = world.server.registry.all();
    let hers = session
        .iter()
        .find(|session| session.jid.as_str() == "juliet@localhost/balcony")
        .unwrap();
    let mut sent = 0;
    // Until more waits than may: her connection is given up, her session is not.
    while !hers.is_hibernating() {
        assert!(
            sent < 100,
            "a reader that does not read keeps its connection for ever"
        );
        romeo
            .send(&format!(
                "<message to='juliet@localhost/balcony' type='chat'>{}</message>",
                text(sent)
            ))
            .await;
        sent += 1;
        let mark =
            format!("<iq type='get' id='after{sent}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
        romeo.send(&mark).await;
        romeo.expect(&format!("id='after{sent}'")).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    // What her socket had taken before is hers; it ends in the midst of something.
    let came = juliet.rest().await;
    let got = came.matches("</message>").count();
    assert!(got < sent, "all {sent} were read");
    let mut juliet = resume(&world, "juliet", &id, got).await;
    let mut numbers: Vec<String> = between(&came, "<body>", ".")
        .iter()
        .map(|text| (*text).to_owned())
        .collect();
    numbers.truncate(got);
    while numbers.len() < sent {
        let came = juliet.expect("</message>").await;
        numbers.extend(
            between(&came, "<body>", ".")
                .iter()
                .map(|text| (*text).to_owned()),
        );
    }
    let all: Vec<String> = (0..sent).map(|number| number.to_string()).collect();
    assert_eq!(numbers, all, "nothing is lost, doubled or out of order");
}

#[tokio::test]
async fn a_half_open_connection_gives_way_to_a_new_one() {
    let world = dev_world().await;
    let (mut old, id) = managed(&world, "juliet", "balcony").await;
    world.account("romeo").await;
    let mut romeo = world.session("romeo", "orchard").await;
    // Her network is gone; the server knows nothing of it yet and writes on.
    romeo
        .send("<message to='juliet@localhost/balcony' type='chat'><body>lost on the way</body></message>")
        .await;
    romeo
        .send("<iq type='get' id='sent' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    romeo.expect("id='sent'").await;
    let mut new = resume(&world, "juliet", &id, 0).await;
    new.expect("lost on the way").await;
    // The old one ends at once, whoever still reads there.
    old.expect("<conflict ").await;
    romeo
        .send("<message to='juliet@localhost/balcony' type='chat'><body>found again</body></message>")
        .await;
    let came = new.expect("found again").await;
    assert!(!came.contains("lost on the way"), "{came}");
    assert_eq!(world.server.registry.all().len(), 2);
}
