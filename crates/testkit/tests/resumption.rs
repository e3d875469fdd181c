//! Two clients with stream management (XEP-0198) whose connections are cut, replaced and resumed at random: every message
//! arrives once, and those from one to the other in their order. And a client that does not read.

#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::*;
use testkit::world::{Arrival, World};

const NS: &str = "urn:xmpp:sm:3";
/// Real time after which something that should have happened has not.
const PATIENCE: Duration = Duration::from_secs(10);

/// What happens next; the person is 0 or 1.
#[derive(Debug, Clone)]
enum Act {
    Message(usize),
    /// Takes what arrived, answers what was asked.
    Read(usize),
    /// The connection ends, perhaps in the middle of a stanza.
    Cut(usize, bool),
    /// The client comes back on a new connection; the old one may still seem to be there.
    Resume(usize),
    /// The client asks what was handled.
    Ask(usize),
    StoreHolds,
    StoreCommits,
    SecondsPass(u64),
}

fn acts() -> impl Strategy<Value = Act> {
    let who = 0..2_usize;
    prop_oneof![
        6 => who.clone().prop_map(Act::Message),
        4 => who.clone().prop_map(Act::Read),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, is_torn)| Act::Cut(who, is_torn)),
        3 => who.clone().prop_map(Act::Resume),
        2 => who.prop_map(Act::Ask),
        1 => Just(Act::StoreHolds),
        1 => Just(Act::StoreCommits),
        1 => (1..11_u64).prop_map(Act::SecondsPass),
    ]
}

/// A client as XEP-0198 wants it.
struct Person {
    name: &'static str,
    other: &'static str,
    id: String,
    /// The name of its connection in the world, while it has one.
    connection: Option<String>,
    connections: usize,
    /// Stanzas received.
    h: u32,
    /// Stanzas that the server handled.
    handled: u32,
    unhandled: VecDeque<String>,
    sent: usize,
    received: Vec<usize>,
    is_resumed: bool,
}

impl Person {
    async fn begin(world: &mut World, name: &'static str, other: &'static str) -> Person {
        let connection = format!("{name}/phone");
        let client = world.client(&connection).unwrap();
        client
            .send(format!("<enable xmlns='{NS}' resume='true'/>").as_bytes())
            .await
            .unwrap();
        let Arrival::Stanza(enabled) = client.next().await.unwrap() else {
            panic!("the stream ended")
        };
        Person {
            name,
            other,
            id: enabled.root().attr("id").unwrap().into_owned(),
            connection: Some(connection),
            connections: 0,
            h: 0,
            handled: 0,
            unhandled: VecDeque::new(),
            sent: 0,
            received: Vec::new(),
            is_resumed: true,
        }
    }

    async fn send(&mut self, world: &mut World) {
        let stanza = format!(
            "<message to='{}@localhost/phone' type='chat' id='{}'><body>hi</body></message>",
            self.other, self.sent
        );
        self.sent += 1;
        self.tell(world, stanza.clone()).await;
        self.unhandled.push_back(stanza);
    }

    /// Says something, unless the connection is gone, perhaps without the client's knowledge.
    async fn tell(&mut self, world: &mut World, element: String) {
        let Some(connection) = &self.connection else {
            return;
        };
        let client = world.client(connection).unwrap();
        if client.send(element.as_bytes()).await.is_err() {
            self.connection = None;
        }
    }

    fn handled(&mut self, h: u32) {
        for _ in self.handled..h {
            self.unhandled.pop_front().expect("no more than was sent");
        }
        self.handled = h;
    }

    async fn take(&mut self, world: &mut World, arrived: Arrival) {
        let Arrival::Stanza(document) = arrived else {
            self.connection = None;
            return;
        };
        let root = document.root();
        let h = root.attr("h").map(|h| h.parse().unwrap());
        match root.name() {
            "r" => {
                self.tell(world, format!("<a xmlns='{NS}' h='{}'/>", self.h))
                    .await;
            }
            "a" => self.handled(h.unwrap()),
            "resumed" => {
                self.handled(h.unwrap());
                self.is_resumed = true;
                let again: String = self.unhandled.iter().map(String::as_str).collect();
                self.tell(world, again).await;
            }
            "message" => {
                self.h += 1;
                self.received.push(root.attr("id").unwrap().parse().unwrap());
            }
            "presence" => self.h += 1,
            other => panic!("{} got {other}: {document:?}", self.name),
        }
    }

    /// Takes everything that is there.
    async fn read(&mut self, world: &mut World) {
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        while let Some(connection) = self.connection.clone() {
            let Some(arrived) = world.client(&connection).unwrap().next().now_or_never() else {
                return;
            };
            self.take(world, arrived.unwrap()).await;
        }
    }

    /// Reads until this came from the server.
    async fn read_until(&mut self, world: &mut World, is_there: impl Fn(&Person) -> bool) {
        while !is_there(self) {
            let connection = self.connection.clone().expect("it is connected");
            let arrived = world.client(&connection).unwrap().next();
            let arrived = tokio::time::timeout(PATIENCE, arrived).await;
            self.take(world, arrived.expect("something comes").unwrap()).await;
        }
    }

    /// Until the server has all that was sent, and the client all that the server had for it before.
    async fn settle(&mut self, world: &mut World) {
        for _ in 0..2 {
            self.tell(world, format!("<r xmlns='{NS}'/>")).await;
            // The answer to that may be the last of several.
            self.read(world).await;
            self.read_until(world, |person| person.unhandled.is_empty()).await;
        }
        self.read(world).await;
    }

    async fn cut(&mut self, world: &mut World, is_torn: bool) {
        if is_torn {
            self.tell(world, "<message to='juliet@localhost'><bod".to_owned())
                .await;
        }
        if let Some(connection) = self.connection.take() {
            // The server notices when it does.
            world.forget(&connection);
        }
    }

    async fn resume(&mut self, world: &mut World) {
        // An old connection stays open and says nothing more.
        self.connections += 1;
        let connection = format!("{}/phone{}", self.name, self.connections);
        world.only_sign_in(&connection).await.unwrap();
        self.connection = Some(connection);
        self.is_resumed = false;
        let resume = format!("<resume xmlns='{NS}' previd='{}' h='{}'/>", self.id, self.h);
        self.tell(world, resume).await;
        // A client sends nothing before the answer: it would send it again behind it.
        self.read_until(world, |person| person.is_resumed).await;
    }
}

async fn play(acts: &[Act]) {
    let mut world = World::start().await;
    for name in ["juliet", "romeo"] {
        world.make_account(name).await.unwrap();
    }
    for name in ["juliet/phone", "romeo/phone"] {
        world.come_online(name, &[]).await.unwrap();
    }
    let mut people = [
        Person::begin(&mut world, "juliet", "romeo").await,
        Person::begin(&mut world, "romeo", "juliet").await,
    ];
    for act in acts {
        match act {
            Act::Message(who) => people[*who].send(&mut world).await,
            Act::Read(who) => people[*who].read(&mut world).await,
            Act::Cut(who, is_torn) => people[*who].cut(&mut world, *is_torn).await,
            Act::Resume(who) => {
                // Otherwise the answer would not come.
                world.release_commits();
                people[*who].resume(&mut world).await;
            }
            Act::Ask(who) => people[*who].tell(&mut world, format!("<r xmlns='{NS}'/>")).await,
            Act::StoreHolds => world.hold_commits(),
            Act::StoreCommits => world.release_commits(),
            Act::SecondsPass(seconds) => world.clock.advance(seconds * 1_000),
        }
    }
    world.release_commits();
    for person in &mut people {
        person.resume(&mut world).await;
        person.settle(&mut world).await;
    }
    for person in &mut people {
        person.settle(&mut world).await;
    }
    let [juliet, romeo] = &people;
    assert_eq!(juliet.received, (0..romeo.sent).collect::<Vec<_>>());
    assert_eq!(romeo.received, (0..juliet.sent).collect::<Vec<_>>());
    world.end().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_arrives_once_and_in_order(acts in prop::collection::vec(acts(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(&acts));
    }
}

/// Memory is bounded: a client that does not read loses its connection, and none of what was for it.
#[tokio::test]
async fn a_slow_reader_loses_only_its_connection() {
    const MESSAGES: usize = 30;
    let mut world = World::start().await;
    for name in ["juliet", "romeo"] {
        world.make_account(name).await.unwrap();
        world.come_online(&format!("{name}/phone"), &[]).await.unwrap();
    }
    let mut romeo = Person::begin(&mut world, "romeo", "juliet").await;
    let body = "x".repeat(200_000);
    for id in 0..MESSAGES {
        let message = format!(
            "<message to='romeo@localhost/phone' type='chat' id='{id}'><body>{body}</body></message>"
        );
        let juliet = world.client("juliet/phone").unwrap();
        juliet.send(message.as_bytes()).await.unwrap();
    }
    // Six megabytes: one is on the way, four wait, and then it is cut.
    world.settle_and_collect("juliet/phone").await.unwrap();
    romeo
        .read_until(&mut world, |person| person.connection.is_none())
        .await;
    assert!(romeo.received.len() < MESSAGES, "the connection was cut");
    romeo.resume(&mut world).await;
    romeo
        .read_until(&mut world, |person| person.received.len() == MESSAGES)
        .await;
    assert_eq!(romeo.received, (0..MESSAGES).collect::<Vec<_>>());
    world.end().await;
}

/// Sessions that wait are bounded for each account: the one that would end first makes way.
#[tokio::test]
async fn sessions_that_wait_make_way() {
    let mut world = World::start().await;
    world.make_account("juliet").await.unwrap();
    for resource in 0..12 {
        let who = format!("juliet/{resource}");
        world.connect(&who).await.unwrap();
        let client = world.client(&who).unwrap();
        let enable = format!("<enable xmlns='{NS}' resume='true'/>");
        client.send(enable.as_bytes()).await.unwrap();
        assert!(matches!(client.next().await, Ok(Arrival::Stanza(_))));
        world.lose_connection(&who).await.unwrap();
        world.clock.advance(1_000);
    }
    while world.waiting_sessions() > 10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.waiting_sessions(), 10);
    // Who is there goes before who may come back.
    for resource in 20..35 {
        world.connect(&format!("juliet/{resource}")).await.unwrap();
    }
    while world.waiting_sessions() > 5 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.waiting_sessions(), 5);
    world.end().await;
}

/// What a client never acknowledged is there after a restart.
#[tokio::test]
async fn a_stop_keeps_what_was_not_acknowledged() {
    let mut world = World::start().await;
    for name in ["juliet", "romeo"] {
        world.make_account(name).await.unwrap();
        world.come_online(&format!("{name}/phone"), &[]).await.unwrap();
    }
    let mut romeo = Person::begin(&mut world, "romeo", "juliet").await;
    let mut juliet = Person::begin(&mut world, "juliet", "romeo").await;
    juliet.send(&mut world).await;
    juliet.settle(&mut world).await;
    world.lose_connection("romeo/phone").await.unwrap();
    juliet.send(&mut world).await;
    juliet.settle(&mut world).await;
    romeo.connection = None;
    assert_eq!(world.waiting_messages("romeo"), Ok(0));
    let stopped = tokio::time::timeout(PATIENCE, world.stop()).await;
    assert!(stopped.is_ok(), "it stops");
    assert_eq!(world.waiting_messages("romeo"), Ok(2));
    world.end().await;
}
