//! Whoever catches up and then listens has what is stored: random publishes, edits, retractions and purges, with logins in
//! between, against replicas that know only what they were told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::{AccessModel, Event, MICROBLOG, Virtual};
use format::rsm::{Page, Request};
use proptest::prelude::*;
use pubsub::{Actor, Choice, ItemsQuery, PublicStream};
use social::{Away, Timelines, Told, Wanted};
use store::{JidNo, PostId, Seq};
use wire::Jid;

use crate::world::{World, entry, note, text};

const AUTHORS: usize = 3;
/// A machine that is busy takes its time.
const SWEPT_BY: Duration = Duration::from_secs(20);
const NOTES: &str = "urn:example:notes";
const NODES: [&str; 2] = [MICROBLOG, NOTES];

#[derive(Clone, Debug)]
enum Act {
    /// An author, which node, which item.
    Publish(usize, usize, u8),
    Retract(usize, usize, u8),
    Purge(usize, usize),
    /// So many changes at a time.
    Login(usize),
    Logout,
    /// Whether an author is in the public stream.
    Choose(usize, bool),
    /// The stream is read on, so many changes at a time.
    Stream(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let place = || (0..AUTHORS, 0..NODES.len());
    let act = prop_oneof![
        8 => (place(), 0..12_u8).prop_map(|((a, n), i)| Act::Publish(a, n, i)),
        4 => (place(), 0..12_u8).prop_map(|((a, n), i)| Act::Retract(a, n, i)),
        1 => place().prop_map(|(a, n)| Act::Purge(a, n)),
        2 => (1..20_usize).prop_map(Act::Login),
        2 => Just(Act::Logout),
        1 => (0..AUTHORS, any::<bool>()).prop_map(|(a, is_in)| Act::Choose(a, is_in)),
        2 => (1..20_usize).prop_map(Act::Stream),
    ];
    prop::collection::vec(act, 1..60)
}

type Node = (JidNo, String);

struct Play {
    world: World,
    timelines: Timelines,
    authors: Vec<Actor>,
    reader: Actor,
    /// What the reader was told of each node: items by their id.
    replica: BTreeMap<Node, BTreeMap<String, String>>,
    position: Option<Seq>,
    is_online: bool,
    stream: BTreeMap<PostId, String>,
    stream_position: Option<Seq>,
    revision: u32,
}

impl Play {
    async fn new() -> Play {
        let world = World::unheard();
        let timelines = Timelines::new(world.store.clone(), world.host.clone());
        world
            .host
            .set_sinks(vec![Arc::new(timelines.clone()), world.sink.clone()]);
        world.host.start().await.unwrap();
        let mut authors = Vec::new();
        for name in ["juliet", "romeo", "nurse"] {
            authors.push(world.account(name, AccessModel::Open).await);
        }
        let reader = world.account("paris", AccessModel::Open).await;
        let bare: Jid = reader.jid.bare().into();
        for author in &authors {
            let owner = author.jid.bare();
            let followed = world.host.subscribe(&owner, &reader, MICROBLOG, &bare);
            followed.await.unwrap().durable.await.unwrap();
        }
        world.settled().await;
        world.sink.take();
        Play {
            world,
            timelines,
            authors,
            reader,
            replica: BTreeMap::new(),
            position: None,
            is_online: false,
            stream: BTreeMap::new(),
            stream_position: None,
            revision: 0,
        }
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Publish(author, node, item) => {
                self.revision += 1;
                let (node, revision) = (NODES[node], self.revision.to_string());
                let payload = if node == MICROBLOG {
                    entry(&revision)
                } else {
                    note(&revision)
                };
                let options = crate::world::form(
                    "http://jabber.org/protocol/pubsub#publish-options",
                    &[("access_model", "open"), ("max_items", "max")],
                );
                let options = (node == NOTES).then_some(&options);
                let author = &self.authors[author];
                let id = format!("i{item}");
                // Nobody waits until it is stored: a commit may be under way when somebody reads.
                let published = self.world.publish_with(author, node, &id, &payload, options);
                drop(published.await.unwrap());
            }
            Act::Retract(author, node, item) => {
                let author = &self.authors[author];
                let id = format!("i{item}");
                let (owner, ids) = (author.jid.bare(), [id.as_str()]);
                let retracted = self.world.host.retract(&owner, author, NODES[node], &ids, true);
                // It may not be there.
                drop(retracted.await);
            }
            Act::Purge(author, node) => {
                let author = &self.authors[author];
                if let Ok(purged) = self
                    .world
                    .host
                    .purge(&author.jid.bare(), author, NODES[node])
                    .await
                {
                    drop(purged);
                }
            }
            Act::Login(max) if !self.is_online => {
                // What was told until then was not told to the reader.
                self.world.sink.take();
                self.is_online = true;
                self.catch_up(max).await;
            }
            Act::Logout if self.is_online => {
                self.listen().await;
                self.check().await;
                self.is_online = false;
            }
            Act::Choose(author, in_stream) => {
                let author = &self.authors[author];
                let choice = Choice {
                    in_stream,
                    in_search: true,
                };
                let chosen = self.world.host.choose(&author.jid.bare(), author, choice).await;
                chosen.unwrap().durable.await.unwrap();
            }
            Act::Stream(max) => self.read_stream(max).await,
            Act::Login(_) | Act::Logout => {}
        }
    }

    async fn catch_up(&mut self, max: usize) {
        let contacts: Vec<_> = self.authors.iter().map(|author| author.no).collect();
        let wanted: Wanted = Arc::new(|node: &str| node == NOTES);
        if self.position.is_none() {
            // From the beginning, so that there is a replica of everything.
            self.position = Some(Seq(0));
        }
        let (mut before, mut position) = (None, None);
        let mut seen = BTreeSet::new();
        let mut parts = Vec::new();
        loop {
            let away = Away {
                since: self.position,
                before,
                max: Some(max),
            };
            let news = self
                .timelines
                .catch_up(&self.reader, contacts.clone(), wanted.clone(), away);
            let news = news.await.unwrap();
            assert!(news.is_whole);
            position.get_or_insert(Seq(news.position));
            let told: usize = news.nodes.iter().map(|node| node.told.len()).sum();
            assert!(told <= max);
            before = news.more;
            parts.push(news);
            let Some(more) = before else { break };
            assert!(seen.insert(more), "the way on leads round");
        }
        self.position = position;
        // What is older counts first.
        for news in parts.into_iter().rev() {
            for node in news.nodes {
                let replica = self
                    .replica
                    .entry((node.view.owner, node.view.name.to_string()))
                    .or_default();
                for told in node.told {
                    match told {
                        Told::Item(item) => {
                            replica.insert(item.id.to_string(), text(item.payload.as_deref()));
                        }
                        Told::Gone(id) => drop(replica.remove(&id)),
                        Told::Emptied => replica.clear(),
                    }
                }
            }
        }
    }

    /// Takes what was told since the login.
    async fn listen(&mut self) {
        self.world.settled().await;
        for event in self.world.sink.take() {
            let view = event.view();
            let replica = self
                .replica
                .entry((view.owner, view.name.to_string()))
                .or_default();
            match &event {
                Event::Published { item, .. } => {
                    replica.insert(item.id.to_string(), text(item.payload.as_deref()));
                }
                Event::Retracted { id, .. } => drop(replica.remove(&**id)),
                Event::Purged { .. } => replica.clear(),
                _ => {}
            }
        }
    }

    /// What the reader was told is what is stored.
    async fn check(&mut self) {
        for author in &self.authors {
            for node in NODES {
                let stored = self.world.read(author, &self.reader, node, ItemsQuery::All).await;
                let stored: BTreeMap<String, String> = match stored {
                    Ok(page) => page
                        .items
                        .iter()
                        .map(|item| (item.id.to_string(), text(item.payload.as_deref())))
                        .collect(),
                    Err(_) => BTreeMap::new(),
                };
                let told = self.replica.get(&(author.no, node.to_owned()));
                assert_eq!(
                    told.cloned().unwrap_or_default(),
                    stored,
                    "{node} of {}",
                    author.jid
                );
            }
        }
    }

    /// Reads the public stream on from where it was read to, until there is no more.
    async fn read_stream(&mut self, max: usize) {
        let service = self.world.service();
        loop {
            let news = self
                .timelines
                .stream_since(&service, &self.reader, self.stream_position, Some(max));
            let news = news.await.unwrap();
            assert!(news.is_whole);
            assert!(Some(Seq(news.position)) >= self.stream_position);
            self.stream_position = Some(Seq(news.position));
            for item in &news.items {
                self.stream
                    .insert(item.post_id, text(item.item.payload.as_deref()));
            }
            for post in &news.gone {
                self.stream.remove(post);
            }
            if !news.has_more {
                break;
            }
        }
    }

    /// What was read of the stream in the order of commits is what it is.
    async fn check_stream(&mut self) {
        // What was purged leaves the stream as it is swept; the sweep of each is one more commit.
        let service = self.world.service();
        let begun = Instant::now();
        while begun.elapsed() < SWEPT_BY {
            self.world.settled().await;
            let is_swept = self.world.store.metrics().sweeps == 0;
            self.read_stream(7).await;
            let request = Request {
                max: Some(100),
                page: Page::Last,
            };
            let page = self
                .timelines
                .items(
                    &service,
                    &self.reader,
                    &Virtual::PublicStream,
                    ItemsQuery::Rsm(request),
                )
                .await
                .unwrap();
            let stored: BTreeMap<PostId, String> = page
                .items
                .iter()
                .map(|item| (item.post_id, text(item.item.payload.as_deref())))
                .collect();
            if is_swept {
                assert_eq!(self.stream, stored);
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("what was purged stays in the stream");
    }
}

async fn play(acts: Vec<Act>) {
    let mut play = Play::new().await;
    for act in acts {
        play.act(act).await;
    }
    play.act(Act::Logout).await;
    play.act(Act::Login(1_000)).await;
    play.listen().await;
    play.check().await;
    play.check_stream().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn what_was_told_is_what_is_stored(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(play(acts));
    }
}

#[tokio::test]
async fn who_may_read_the_stream_is_configured() {
    let world = World::new().await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    world.post(&juliet, "one", "Hello").await;
    let stranger = world.actor("stranger@elsewhere.example/client").await;
    let nobody = world.actor("localhost").await;
    let service = world.service();
    for (setting, may_read) in [
        (PublicStream::Everyone, [true, true, true]),
        (PublicStream::Accounts, [true, false, false]),
        (PublicStream::Nobody, [false, false, false]),
    ] {
        let settings = pubsub::Settings {
            public_stream: setting,
            ..pubsub::Settings::default()
        };
        let host = pubsub::Host::new(
            world.store.clone(),
            world.clock.clone(),
            world.rosters.clone(),
            settings,
            world.tasks.clone(),
        );
        let timelines = Timelines::new(world.store.clone(), host.clone());
        for (actor, may_read) in [&juliet, &stranger, &nobody].into_iter().zip(may_read) {
            for which in [Virtual::PublicStream, Virtual::Tag("rust".into())] {
                let page = timelines.items(&service, actor, &which, ItemsQuery::All).await;
                assert_eq!(page.is_ok(), may_read, "{setting:?} {}", actor.jid);
                let subscribed = host.subscribe(&service, actor, &which.name(), &actor.jid).await;
                assert_eq!(subscribed.is_ok(), may_read, "{setting:?} {}", actor.jid);
            }
            let news = timelines.stream_since(&service, actor, None, None).await;
            assert_eq!(news.is_ok(), may_read, "{setting:?} {}", actor.jid);
        }
        // What people post in their own nodes is theirs to open.
        let blog = world.read(&juliet, &stranger, MICROBLOG, ItemsQuery::All).await;
        assert_eq!(blog.unwrap().items.len(), 1);
    }
}
