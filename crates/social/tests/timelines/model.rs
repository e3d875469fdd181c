//! Random follows, posts, edits, retractions and closings against a model that keeps one list and filters it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bus::{AccessModel, Event, MICROBLOG, NodeView, PublishKind, Virtual};
use format::rsm::{Page, Request};
use proptest::prelude::*;
use pubsub::access::may_read;
use pubsub::form::NODE_CONFIG;
use pubsub::{Actor, ItemsQuery, Reader, Relation};
use social::{HomeRoute, StreamAct, Timelines};
use store::PostId;
use wire::{BareJid, Jid};

use crate::world::{World, entry, form};

const PEOPLE: usize = 3;
const TAGS: [&str; 2] = ["a", "b"];

#[derive(Clone, Debug)]
enum Act {
    Follow(usize, usize),
    Unfollow(usize, usize),
    /// How many posts, and which tags they carry.
    Post(usize, usize, u8),
    /// One of the author's posts, counted from the newest.
    Edit(usize, usize, u8),
    Retract(usize, usize),
    Close(usize),
    Open(usize),
    Befriend(usize, usize),
    Read(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let who = || 0..PEOPLE;
    let act = prop_oneof![
        3 => (who(), who()).prop_map(|(a, b)| Act::Follow(a, b)),
        1 => (who(), who()).prop_map(|(a, b)| Act::Unfollow(a, b)),
        6 => (who(), prop_oneof![8 => 1..4_usize, 1 => 30..60_usize], 0..4_u8).prop_map(|(a, n, t)| Act::Post(a, n, t)),
        3 => (who(), 0..60_usize, 0..4_u8).prop_map(|(a, n, t)| Act::Edit(a, n, t)),
        3 => (who(), 0..60_usize).prop_map(|(a, n)| Act::Retract(a, n)),
        1 => who().prop_map(Act::Close),
        1 => who().prop_map(Act::Open),
        1 => (who(), who()).prop_map(|(a, b)| Act::Befriend(a, b)),
        3 => who().prop_map(Act::Read),
    ];
    prop::collection::vec(act, 1..25)
}

struct Post {
    author: usize,
    item: String,
    tags: u8,
    in_public: bool,
}

#[derive(Default)]
struct Model {
    posts: BTreeMap<PostId, Post>,
    follows: BTreeSet<(usize, usize)>,
    friends: BTreeSet<(usize, usize)>,
    closed: BTreeSet<usize>,
}

impl Model {
    fn may_read(&self, reader: usize, author: usize) -> bool {
        reader == author || !self.closed.contains(&author) || self.friends.contains(&(author, reader))
    }

    fn shows(&self, which: &Virtual, reader: usize, post: &Post) -> bool {
        let is_public = post.in_public && !self.closed.contains(&post.author);
        match which {
            Virtual::Home => {
                self.may_read(reader, post.author)
                    && (post.author == reader || self.follows.contains(&(reader, post.author)))
            }
            Virtual::PublicStream => is_public,
            Virtual::Tag(tag) => {
                let bit = TAGS.iter().position(|one| *one == &**tag).unwrap();
                is_public && post.tags & (1 << bit) != 0
            }
            // Each tag stands in the text as a word.
            Virtual::Search(words) => {
                let words = words.as_str().split('+');
                let mut bits = words.map(|word| TAGS.iter().position(|one| *one == word).unwrap());
                is_public && bits.all(|bit| post.tags & (1 << bit) != 0)
            }
            _ => unreachable!(),
        }
    }

    fn timeline(&self, which: &Virtual, reader: usize) -> Vec<PostId> {
        let all = self.posts.iter();
        all.filter(|(_, post)| self.shows(which, reader, post))
            .map(|(id, _)| *id)
            .collect()
    }

    /// One of an author's posts, counted from the newest.
    fn nth(&self, author: usize, n: usize) -> Option<(PostId, String)> {
        let mut of_author = self.posts.iter().rev().filter(|(_, post)| post.author == author);
        of_author.nth(n).map(|(id, post)| (*id, post.item.clone()))
    }
}

struct Play {
    world: World,
    timelines: Timelines,
    people: Vec<Actor>,
    model: Model,
    count: usize,
    /// What live viewers of each virtual node have on their screens.
    screens: BTreeMap<String, BTreeSet<PostId>>,
}

/// The nodes of tags, and of the same words.
fn tagged() -> Vec<Virtual> {
    let names = ["tag/a", "tag/b", "search/a", "search/b", "search/b+a"];
    names.map(|name| Virtual::on_service(name).unwrap()).into()
}

fn words(tags: u8) -> String {
    let tags = TAGS.iter().enumerate().filter(|(bit, _)| tags & (1 << bit) != 0);
    tags.map(|(_, tag)| format!(" #{tag}")).collect()
}

impl Play {
    async fn new() -> Play {
        let world = World::unheard();
        let timelines = Timelines::new(world.store.clone(), world.host.clone());
        world
            .host
            .set_sinks(vec![Arc::new(timelines.clone()), world.sink.clone()]);
        world.host.start().await.unwrap();
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            people.push(world.account(&format!("u{number}"), AccessModel::Open).await);
        }
        for node in [MICROBLOG, "tag/a", "tag/b", "search/a", "search/b", "search/a b"] {
            for person in &people {
                let subscribed = world
                    .host
                    .subscribe(&world.service(), person, node, &person.jid)
                    .await
                    .unwrap();
                subscribed.durable.await.unwrap();
            }
        }
        Play {
            world,
            timelines,
            people,
            model: Model::default(),
            count: 0,
            screens: BTreeMap::new(),
        }
    }

    fn jid(&self, who: usize) -> BareJid {
        self.people[who].jid.bare()
    }

    async fn act(&mut self, act: Act) {
        let host = self.world.host.clone();
        match act {
            Act::Follow(reader, author) if reader != author => {
                let bare: Jid = self.jid(reader).into();
                let asked = host
                    .subscribe(&self.jid(author), &self.people[reader], MICROBLOG, &bare)
                    .await;
                assert_eq!(asked.is_ok(), self.model.may_read(reader, author));
                if let Ok(asked) = asked {
                    asked.durable.await.unwrap();
                    self.model.follows.insert((reader, author));
                }
            }
            Act::Unfollow(reader, author) => {
                let bare: Jid = self.jid(reader).into();
                let person = &self.people[reader];
                let ended = host
                    .unsubscribe(&self.jid(author), person, MICROBLOG, &bare, None)
                    .await;
                assert_eq!(ended.is_ok(), self.model.follows.remove(&(reader, author)));
                if let Ok(ended) = ended {
                    ended.durable.await.unwrap();
                }
            }
            Act::Post(author, count, tags) => {
                for _ in 0..count {
                    self.count += 1;
                    let item = format!("item {}", self.count);
                    self.publish(author, item, tags).await;
                }
            }
            Act::Edit(author, n, tags) => {
                if let Some((_, item)) = self.model.nth(author, n) {
                    self.publish(author, item, tags).await;
                }
            }
            Act::Retract(author, n) => {
                if let Some((id, item)) = self.model.nth(author, n) {
                    let person = &self.people[author];
                    let retracted = host
                        .retract(&self.jid(author), person, MICROBLOG, &[&item], true)
                        .await;
                    retracted.unwrap().durable.await.unwrap();
                    self.model.posts.remove(&id);
                }
            }
            Act::Close(author) => {
                self.configure(author, "presence").await;
                self.model.closed.insert(author);
            }
            Act::Open(author) => {
                self.configure(author, "open").await;
                self.model.closed.remove(&author);
            }
            Act::Befriend(owner, actor) if owner != actor => {
                let relation = Relation {
                    has_presence: true,
                    groups: vec![],
                };
                self.world
                    .rosters
                    .set(self.people[owner].no, self.people[actor].no, relation);
                self.model.friends.insert((owner, actor));
            }
            Act::Read(reader) => self.check(reader, 50).await,
            Act::Follow(..) | Act::Befriend(..) => {}
        }
        self.watch().await;
    }

    async fn publish(&mut self, author: usize, item: String, tags: u8) {
        let text = entry(&format!("text{}", words(tags)));
        let published = self
            .world
            .publish(&self.people[author], MICROBLOG, &item, &text)
            .await
            .unwrap();
        published.durable.await.unwrap();
        let in_public = !self.model.closed.contains(&author);
        let post = Post {
            author,
            item,
            tags,
            in_public,
        };
        let events = self.world.sink.take();
        let [Event::Published { item, kind, .. }] = &events[..] else {
            panic!("{events:?}")
        };
        let was_there = self.model.posts.insert(item.post_id, post).is_some();
        assert_eq!(
            *kind,
            if was_there {
                PublishKind::Edit
            } else {
                PublishKind::New
            }
        );
        self.show(&events[0]);
    }

    async fn configure(&mut self, author: usize, access: &str) {
        let change = form(NODE_CONFIG, &[("access_model", access)]);
        let person = &self.people[author];
        let configured = self
            .world
            .host
            .configure(&self.jid(author), person, MICROBLOG, &change)
            .await;
        configured.unwrap().durable.await.unwrap();
    }

    /// Brings the screens up to date with what was told.
    async fn watch(&mut self) {
        self.world.settled().await;
        for event in self.world.sink.take() {
            self.show(&event);
        }
    }

    fn show(&mut self, event: &Event) {
        let id = match event {
            Event::Published { item, .. } => item.post_id,
            Event::Retracted { post_id, .. } => *post_id,
            _ => return,
        };
        let routes = self.timelines.routes(event);
        for route in routes.streams {
            for subscriber in route.view.subscribers.iter() {
                self.must_be_allowed(subscriber.no, event.view(), route.act);
            }
            let screen = self.screens.entry(route.view.name.to_string()).or_default();
            match route.act {
                StreamAct::Publish => screen.insert(id),
                StreamAct::Retract => screen.remove(&id),
            };
        }
        assert_ne!(routes.home, HomeRoute::None);
    }

    /// Nobody gets live what they may not read.
    fn must_be_allowed(&self, no: store::JidNo, view: &NodeView, act: StreamAct) {
        let relation = if no == view.owner {
            Relation::default()
        } else {
            self.world.rosters.get(view.owner, no)
        };
        assert!(act == StreamAct::Retract || may_read(&Reader { no, relation }, view).is_ok());
    }

    /// Every timeline of one reader is what the model says, from either end, in pages of this size.
    async fn check(&self, reader: usize, size: u32) {
        let cold = Timelines::new(self.world.store.clone(), self.world.host.clone());
        let tags = tagged();
        for which in [Virtual::Home, Virtual::PublicStream].iter().chain(&tags) {
            let expected = self.model.timeline(which, reader);
            for timelines in [&self.timelines, &cold] {
                let mut backwards = Vec::new();
                let mut page = Page::Last;
                loop {
                    let (ids, first, _) = self.page(timelines, which, reader, size, page).await;
                    backwards.splice(0..0, ids);
                    let Some(first) = first else { break };
                    page = Page::Before(first);
                }
                assert_eq!(backwards, expected, "{which:?} backwards");
                let mut forwards = Vec::new();
                let mut page = Page::First;
                loop {
                    let (ids, _, last) = self.page(timelines, which, reader, size, page).await;
                    forwards.extend(ids);
                    let Some(last) = last else { break };
                    page = Page::After(last);
                }
                assert_eq!(forwards, expected, "{which:?} forwards");
            }
        }
    }

    async fn page(
        &self,
        timelines: &Timelines,
        which: &Virtual,
        reader: usize,
        size: u32,
        page: Page,
    ) -> (Vec<PostId>, Option<String>, Option<String>) {
        let owner = if *which == Virtual::Home {
            self.jid(reader)
        } else {
            self.world.service()
        };
        let query = ItemsQuery::Rsm(Request {
            max: Some(size),
            page,
        });
        let page = timelines
            .items(&owner, &self.people[reader], which, query)
            .await
            .unwrap();
        assert!(page.items.len() <= size as usize);
        let ids = page.items.iter().map(|item| item.post_id).collect();
        (ids, page.rsm.first, page.rsm.last)
    }

    /// What was told live adds up to what is read, but for blogs that were closed or opened meanwhile.
    fn check_screens(&self) {
        if !self.model.closed.is_empty() {
            return;
        }
        let tags = tagged();
        for which in [Virtual::PublicStream].iter().chain(&tags) {
            let expected: BTreeSet<_> = self.model.timeline(which, 0).into_iter().collect();
            let screen = self.screens.get(&*which.name()).cloned().unwrap_or_default();
            assert_eq!(screen, expected, "{which:?} live");
        }
    }
}

async fn play(acts: Vec<Act>, size: u32) {
    let mut play = Play::new().await;
    for act in acts {
        play.act(act).await;
    }
    for reader in 0..PEOPLE {
        play.check(reader, size).await;
    }
    play.check_screens();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn timelines_are_what_a_plain_list_says(acts in acts(), size in 1..30_u32) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(play(acts, size));
    }
}
