//! Random conversations, and everything that every virtual node shows to everybody: nobody learns by any of them what they
//! may not read, and whoever may read a thread gets all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bus::{AccessModel, Affiliation, ComputedName, Event, MICROBLOG, Virtual};
use proptest::prelude::*;
use pubsub::form::NODE_CONFIG;
use pubsub::{Actor, ItemsQuery, NewItem, Relation};
use social::{TimelineItem, Timelines};
use store::PostId;
use wire::BareJid;

use crate::world::{World, form};

const PEOPLE: usize = 4;

#[derive(Clone, Debug)]
enum Act {
    Post(usize),
    /// Who answers to which of all items, counted from the newest, in their own microblog.
    Answer(usize, usize),
    /// The same among the comments of the thread's first post, or of what they answer to.
    Comment(usize, usize),
    Like(usize, usize),
    Boost(usize, usize),
    Retract(usize),
    Close(usize),
    Open(usize),
    Befriend(usize, usize),
    CastOut(usize, usize),
    Block(usize, usize),
    Follow(usize, usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let who = || 0..PEOPLE;
    let nth = || 0..8_usize;
    let act = prop_oneof![
        4 => who().prop_map(Act::Post),
        6 => (who(), nth()).prop_map(|(a, n)| Act::Answer(a, n)),
        6 => (who(), nth()).prop_map(|(a, n)| Act::Comment(a, n)),
        2 => (who(), nth()).prop_map(|(a, n)| Act::Like(a, n)),
        2 => (who(), nth()).prop_map(|(a, n)| Act::Boost(a, n)),
        2 => nth().prop_map(Act::Retract),
        2 => who().prop_map(Act::Close),
        1 => who().prop_map(Act::Open),
        1 => (who(), who()).prop_map(|(a, b)| Act::Befriend(a, b)),
        1 => (who(), who()).prop_map(|(a, b)| Act::CastOut(a, b)),
        1 => (who(), who()).prop_map(|(a, b)| Act::Block(a, b)),
        2 => (who(), who()).prop_map(|(a, b)| Act::Follow(a, b)),
    ];
    prop::collection::vec(act, 4..40)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Blog,
    /// Among the comments on this post.
    Comments(PostId),
}

#[derive(Clone, Debug)]
struct Item {
    author: usize,
    place: Place,
    id: String,
    parent: Option<(PostId, PostId)>,
    boost_of: Option<PostId>,
    is_live: bool,
}

#[derive(Default)]
struct Model {
    items: BTreeMap<PostId, Item>,
    friends: BTreeSet<(usize, usize)>,
    closed: BTreeSet<usize>,
    outcasts: BTreeSet<(usize, usize)>,
    blocked: BTreeSet<(usize, usize)>,
}

impl Model {
    fn may_read_blog(&self, reader: usize, author: usize) -> bool {
        reader == author
            || (!self.outcasts.contains(&(author, reader))
                && (!self.closed.contains(&author) || self.friends.contains(&(author, reader))))
    }

    fn is_live(&self, number: PostId) -> bool {
        self.items.get(&number).is_some_and(|item| {
            item.is_live
                && match item.place {
                    Place::Blog => true,
                    Place::Comments(post) => self.is_live(post),
                }
        })
    }

    fn may_read(&self, reader: usize, number: PostId) -> bool {
        self.is_live(number)
            && self.items.get(&number).is_some_and(|item| {
                let is_read = match item.place {
                    Place::Blog => self.may_read_blog(reader, item.author),
                    Place::Comments(post) => self.may_read(reader, post),
                };
                let is_original_read = item
                    .boost_of
                    .is_none_or(|original| self.may_read(reader, original) && self.is_open(original));
                is_read && is_original_read
            })
    }

    fn is_open(&self, number: PostId) -> bool {
        self.items.get(&number).is_some_and(|item| match item.place {
            Place::Blog => !self.closed.contains(&item.author),
            Place::Comments(post) => self.is_open(post),
        })
    }

    fn hides(&self, reader: usize, number: PostId) -> bool {
        self.items.get(&number).is_some_and(|item| {
            self.blocked.contains(&(reader, item.author))
                || item.boost_of.is_some_and(|original| self.hides(reader, original))
        })
    }

    /// Whether the author of an item blocks somebody.
    fn is_cast_out(&self, who: usize, number: PostId) -> bool {
        let item = self.items.get(&number);
        item.is_some_and(|item| self.blocked.contains(&(item.author, who)))
    }

    fn root(&self, number: PostId) -> PostId {
        match self.items.get(&number).and_then(|item| item.parent) {
            Some((_, root)) if self.is_live(root) => root,
            _ => number,
        }
    }

    /// What a reader gets of the thread of a number; `None` where there is none for them.
    fn thread(&self, reader: usize, number: PostId) -> Option<Vec<PostId>> {
        let named = self.items.get(&number)?;
        if !self.is_live(number) || !self.may_read_blog(reader, named.author) && named.place == Place::Blog {
            return None;
        }
        let number = named.boost_of.unwrap_or(number);
        let root = self.root(number);
        if !self.may_read(reader, number) || !self.may_read(reader, root) {
            return None;
        }
        let all = self.items.iter();
        let shown = all.filter(|(other, item)| {
            self.root(**other) == root
                && item.boost_of.is_none()
                && self.may_read(reader, **other)
                && !self.hides(reader, **other)
        });
        Some(shown.map(|(number, _)| *number).collect())
    }

    fn nth(&self, n: usize) -> Option<(PostId, Item)> {
        let mut live = self
            .items
            .iter()
            .rev()
            .filter(|(number, _)| self.is_live(**number));
        live.nth(n).map(|(number, item)| (*number, item.clone()))
    }
}

struct Play {
    world: World,
    timelines: Timelines,
    people: Vec<Actor>,
    model: Model,
    count: usize,
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
        Play {
            world,
            timelines,
            people,
            model: Model::default(),
            count: 0,
        }
    }

    fn jid(&self, who: usize) -> BareJid {
        self.people[who].jid.bare()
    }

    /// Publishes something that nobody else says, and gives its number, unless it was refused.
    async fn publish(
        &mut self,
        who: usize,
        at: &BareJid,
        node: &str,
        more: &str,
    ) -> Option<(PostId, String)> {
        self.count += 1;
        let id = format!("i{}", self.count);
        // The words are found again wherever they are told.
        let payload = format!(
            "<entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>words-{}; #tag</title>{more}</entry>",
            self.count
        );
        let item = NewItem {
            id: Some(id.clone()),
            payload: Some(payload.into_bytes()),
        };
        self.world.sink.take();
        let published = self
            .world
            .host
            .publish(at, &self.people[who], node, vec![item], None)
            .await;
        published.ok()?.durable.await.ok()?;
        let number = self.world.sink.take().into_iter().find_map(|event| match event {
            Event::Published { item, .. } if *item.id == *id => Some(item.post_id),
            _ => None,
        });
        number.map(|number| (number, id))
    }

    fn address(&self, number: PostId) -> String {
        let item = &self.model.items[&number];
        let (at, node) = match item.place {
            Place::Blog => (self.jid(item.author), MICROBLOG.to_owned()),
            Place::Comments(post) => (self.world.service(), ComputedName::comments(post)),
        };
        format::uri::XmppUri::of_item(at, &node, &item.id).to_string()
    }

    fn keep(&mut self, author: usize, found: Option<(PostId, String)>, item: &Item) {
        if let Some((number, id)) = found {
            self.model.items.insert(
                number,
                Item {
                    author,
                    id,
                    ..item.clone()
                },
            );
        }
    }

    async fn act(&mut self, act: Act) {
        let blank = Item {
            author: 0,
            place: Place::Blog,
            id: String::new(),
            parent: None,
            boost_of: None,
            is_live: true,
        };
        match act {
            Act::Post(who) => {
                let found = self.publish(who, &self.jid(who), MICROBLOG, "").await;
                assert!(found.is_some());
                self.keep(who, found, &blank);
            }
            Act::Answer(who, n) | Act::Comment(who, n) => {
                let Some((to, answered)) = self.model.nth(n) else {
                    return;
                };
                let root = self.model.root(to);
                if answered.boost_of.is_some()
                    || !self.model.may_read(who, to)
                    || !self.model.may_read(who, root)
                {
                    return;
                }
                // A reply in a microblog has comments of its own, which belong to the whole thread.
                let post = if n % 2 == 1 && answered.place == Place::Blog {
                    to
                } else {
                    root
                };
                let reply = format!(
                    "<in-reply-to xmlns='http://purl.org/syndication/thread/1.0' ref='x' href='{}'/>",
                    self.address(to)
                );
                let (at, node, place) = match act {
                    Act::Comment(..) => (
                        self.world.service(),
                        ComputedName::comments(post),
                        Place::Comments(post),
                    ),
                    _ => (self.jid(who), MICROBLOG.to_owned(), Place::Blog),
                };
                let found = self.publish(who, &at, &node, &reply).await;
                // Nobody comments on the posts of who blocks them.
                let is_refused = matches!(place, Place::Comments(post) if self.model.is_cast_out(who, post));
                assert_eq!(found.is_some(), !is_refused);
                if is_refused {
                    return;
                }
                let parent = Some((to, root));
                self.keep(
                    who,
                    found,
                    &Item {
                        place,
                        parent,
                        ..blank
                    },
                );
            }
            Act::Like(who, n) => {
                let Some((number, item)) = self.model.nth(n) else {
                    return;
                };
                if item.boost_of.is_some() {
                    return;
                }
                let node = format!("urn:xmpp:pubsub-attachments:1/{}", self.address(number));
                let at = match self.model.items[&number].place {
                    Place::Blog => self.jid(self.model.items[&number].author),
                    Place::Comments(_) => self.world.service(),
                };
                let item = NewItem {
                    id: Some(self.jid(who).to_string()),
                    payload: Some(
                        b"<attachments xmlns='urn:xmpp:pubsub-attachments:1'><noticed/></attachments>"
                            .to_vec(),
                    ),
                };
                let liked = self
                    .world
                    .host
                    .publish(&at, &self.people[who], &node, vec![item], None)
                    .await;
                // Who may not read it is refused.
                if let Ok(liked) = liked {
                    assert!(self.model.may_read(who, number));
                    liked.durable.await.unwrap();
                }
            }
            Act::Boost(who, n) => {
                let Some((number, item)) = self.model.nth(n) else {
                    return;
                };
                if item.boost_of.is_some() || item.author == who {
                    return;
                }
                let via = format!("<link rel='via' href='{}'/>", self.address(number));
                let found = self.publish(who, &self.jid(who), MICROBLOG, &via).await;
                if found.is_some() {
                    assert!(self.model.may_read(who, number) && self.model.is_open(number));
                }
                let boost_of = Some(number);
                self.keep(who, found, &Item { boost_of, ..blank });
            }
            Act::Retract(n) => {
                let Some((number, item)) = self.model.nth(n) else {
                    return;
                };
                let (at, node) = match item.place {
                    Place::Blog => (self.jid(item.author), MICROBLOG.to_owned()),
                    Place::Comments(post) => (self.world.service(), ComputedName::comments(post)),
                };
                let host = &self.world.host;
                let retracted = host
                    .retract(&at, &self.people[item.author], &node, &[&item.id], true)
                    .await;
                if let Ok(retracted) = retracted {
                    retracted.durable.await.unwrap();
                    self.model.items.get_mut(&number).unwrap().is_live = false;
                }
            }
            Act::Close(who) => {
                self.configure(who, "presence").await;
                self.model.closed.insert(who);
            }
            Act::Open(who) => {
                self.configure(who, "open").await;
                self.model.closed.remove(&who);
            }
            Act::Befriend(one, other) if one != other => {
                let relation = Relation {
                    has_presence: true,
                    groups: vec![],
                };
                self.world
                    .rosters
                    .set(self.people[one].no, self.people[other].no, relation);
                self.model.friends.insert((one, other));
            }
            Act::CastOut(owner, other) if owner != other => {
                let jid = self.jid(other);
                let changes = [(jid, Affiliation::Outcast)];
                let host = &self.world.host;
                let changed = host
                    .set_affiliations(&self.jid(owner), &self.people[owner], MICROBLOG, &changes)
                    .await;
                changed.unwrap().durable.await.unwrap();
                self.model.outcasts.insert((owner, other));
            }
            Act::Block(one, other) if one != other => {
                self.world
                    .rosters
                    .block(self.people[one].no, self.people[other].no);
                self.model.blocked.insert((one, other));
            }
            Act::Follow(one, other) if one != other => {
                let bare = self.jid(one).into();
                let host = &self.world.host;
                if let Ok(followed) = host
                    .subscribe(&self.jid(other), &self.people[one], MICROBLOG, &bare)
                    .await
                {
                    followed.durable.await.unwrap();
                }
            }
            Act::Befriend(..) | Act::CastOut(..) | Act::Block(..) | Act::Follow(..) => {}
        }
    }

    async fn configure(&mut self, who: usize, access: &str) {
        let change = form(NODE_CONFIG, &[("access_model", access)]);
        let configured = self
            .world
            .host
            .configure(&self.jid(who), &self.people[who], MICROBLOG, &change)
            .await;
        configured.unwrap().durable.await.unwrap();
    }

    /// An item that a reader is shown tells them nothing that they may not read.
    fn must_be_allowed(&self, reader: usize, where_: &Virtual, item: &TimelineItem) {
        let model = &self.model;
        assert!(
            model.may_read(reader, item.post_id),
            "{where_:?} shows {reader} {:?}",
            item.post_id
        );
        assert!(
            !model.hides(reader, item.post_id),
            "{where_:?} shows {reader} whom they block"
        );
        let payload = String::from_utf8(item.payload.to_vec()).unwrap();
        let own = [Some(item.post_id), item.about.boost_of];
        for (number, other) in &model.items {
            let words = format!("words-{};", other.id.trim_start_matches('i'));
            if payload.contains(&words) {
                assert!(own.contains(&Some(*number)), "{payload}");
            }
        }
        if let Some(place) = &item.about.place {
            assert!(model.may_read(reader, place.root));
            if let Some((parent, author)) = &place.parent {
                assert!(model.may_read(reader, *parent));
                assert_eq!(*author, self.jid(model.items[parent].author));
            }
        }
        let counts = item.about.counts.as_ref().unwrap();
        let counted = item.about.boost_of.unwrap_or(item.post_id);
        let all = model.items.iter().filter(|(number, _)| model.is_live(**number));
        let replies = all.clone().filter(|(_, other)| {
            other.parent.is_some_and(|(parent, _)| parent == counted)
                && (other.place != Place::Blog || !model.closed.contains(&other.author))
        });
        assert_eq!(counts.replies, replies.count() as u64, "replies of {counted:?}");
        let boosts =
            all.filter(|(_, other)| other.boost_of == Some(counted) && !model.closed.contains(&other.author));
        assert_eq!(counts.boosts, boosts.count() as u64, "boosts of {counted:?}");
    }

    async fn check(&self) {
        let service = self.world.service();
        let numbers: Vec<_> = self.model.items.keys().copied().collect();
        let ids: Vec<_> = numbers.iter().map(|number| number.0.to_string()).collect();
        let everything = ItemsQuery::Ids(ids);
        for reader in 0..PEOPLE {
            let actor = &self.people[reader];
            for number in &numbers {
                let which = Virtual::Thread(*number);
                let found = self
                    .timelines
                    .items(&service, actor, &which, ItemsQuery::Newest(100))
                    .await;
                let expected = self.model.thread(reader, *number);
                assert_eq!(
                    found
                        .as_ref()
                        .ok()
                        .map(|page| { page.items.iter().map(|item| item.post_id).collect::<Vec<_>>() }),
                    expected,
                    "{number:?} for {reader}"
                );
                for item in found.into_iter().flat_map(|page| page.items) {
                    self.must_be_allowed(reader, &which, &item);
                }
                let watched = self.timelines.watch(&service, actor, *number).await;
                assert_eq!(watched.is_ok(), expected.is_some());
                if let Ok(page) = self
                    .timelines
                    .items(&service, actor, &which, everything.clone())
                    .await
                {
                    for item in page.items {
                        self.must_be_allowed(reader, &which, &item);
                    }
                }
            }
            let mut places = vec![
                (self.jid(reader), Virtual::Home),
                (service.clone(), Virtual::PublicStream),
                (service.clone(), Virtual::Tag("tag".into())),
                (service.clone(), Virtual::on_service("search/tag").unwrap()),
            ];
            for person in 0..PEOPLE {
                places.push((self.jid(person), Virtual::Posts));
                places.push((self.jid(person), Virtual::Replies));
            }
            for (at, which) in places {
                for query in [ItemsQuery::All, everything.clone()] {
                    if let Ok(page) = self.timelines.items(&at, actor, &which, query).await {
                        for item in page.items {
                            self.must_be_allowed(reader, &which, &item);
                            if which == Virtual::Replies {
                                assert!(item.about.place.is_some());
                            }
                        }
                    }
                }
            }
            for person in self.timelines.search_people(actor, "u", 100).await.unwrap() {
                let other = (0..PEOPLE).find(|other| self.jid(*other) == person.jid).unwrap();
                let is_parted = self.model.blocked.contains(&(reader, other))
                    || self.model.blocked.contains(&(other, reader));
                assert!(!is_parted);
                let is_read = self.model.may_read_blog(reader, other);
                assert_eq!(person.posts.is_some(), is_read);
                let is_contact = self.model.friends.contains(&(reader, other))
                    || self.model.friends.contains(&(other, reader));
                assert!(is_read || is_contact);
            }
        }
    }
}

async fn play(acts: Vec<Act>) {
    let mut play = Play::new().await;
    for act in acts {
        play.act(act).await;
        play.world.settled().await;
    }
    play.check().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn nobody_learns_what_they_may_not_read(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(play(acts));
    }
}
