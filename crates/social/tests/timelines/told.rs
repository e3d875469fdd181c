//! What people are told of, against a model of who may read what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bus::{AccessModel, MICROBLOG, Virtual};
use format::uri::XmppUri;
use proptest::prelude::*;
use pubsub::form::NODE_CONFIG;
use pubsub::{Actor, ItemsQuery, NewItem, Relation};
use social::Timelines;
use store::accounts::{AccountState, set_state};
use wire::{BareJid, Document};

use crate::world::{World, entry, form};

const NAMES: [&str; 3] = ["romeo", "juliet", "nurse"];

async fn world() -> (World, Timelines, Vec<Actor>) {
    let world = World::unheard();
    let timelines = Timelines::new(world.store.clone(), world.host.clone());
    world
        .host
        .set_sinks(vec![Arc::new(timelines.clone()), world.sink.clone()]);
    world.host.set_consequences(Arc::new(timelines.clone()));
    world.host.start().await.unwrap();
    let mut people = Vec::new();
    for name in NAMES {
        people.push(world.account(name, AccessModel::Open).await);
    }
    (world, timelines, people)
}

/// What somebody sees of their list: type, who did it, and the item of the post concerned.
async fn list(timelines: &Timelines, reader: &Actor) -> Vec<(String, String, String)> {
    let page = timelines
        .notifications(&reader.jid.bare(), reader, ItemsQuery::All)
        .await
        .unwrap();
    let state = timelines.read_state(reader).await.unwrap();
    assert_eq!(state.unread, page.items.len() as u64);
    let mut list = Vec::new();
    for told in &page.items {
        let alone = timelines.notification(reader, told.id).await.unwrap();
        assert_eq!(alone.as_ref(), Some(told));
        let document = Document::parse(Arc::clone(&told.payload)).unwrap();
        let root = document.root();
        let attr = |name| root.attr(name).unwrap().into_owned();
        let uri = root
            .children()
            .find_map(|child| child.attr("uri"))
            .map(|uri| XmppUri::parse(&uri).unwrap().item().unwrap().to_owned());
        list.push((attr("type"), attr("by"), uri.unwrap_or_default()));
    }
    list
}

/// The items of the public stream.
async fn public(timelines: &Timelines, reader: &Actor) -> Vec<String> {
    let service = BareJid::parse("pubsub.localhost").unwrap();
    let page = timelines
        .items(&service, reader, &Virtual::PublicStream, ItemsQuery::All)
        .await
        .unwrap();
    page.items.iter().map(|item| item.item.id.to_string()).collect()
}

fn told(kind: &str, by: &Actor, item: &str) -> (String, String, String) {
    (kind.into(), by.jid.bare_str().into(), item.into())
}

async fn configure(world: &World, owner: &Actor, access: &str) {
    let config = form(NODE_CONFIG, &[("access_model", access)]);
    let configured = world
        .host
        .configure(&owner.jid.bare(), owner, MICROBLOG, &config)
        .await
        .unwrap();
    configured.durable.await.unwrap();
}

fn attachments(author: &Actor, item: &str) -> String {
    let uri = XmppUri::of_item(author.jid.bare(), MICROBLOG, item);
    format!("urn:xmpp:pubsub-attachments:1/{uri}")
}

/// Whether it was accepted.
async fn like(world: &World, author: &Actor, item: &str, by: &Actor) -> bool {
    let new = NewItem {
        id: Some(by.jid.bare_str().into()),
        payload: Some(
            b"<attachments xmlns='urn:xmpp:pubsub-attachments:1'><noticed/></attachments>".to_vec(),
        ),
    };
    let node = attachments(author, item);
    match world
        .host
        .publish(&author.jid.bare(), by, &node, vec![new], None)
        .await
    {
        Ok(accepted) => accepted.durable.await.is_ok(),
        Err(_) => false,
    }
}

async fn unlike(world: &World, author: &Actor, item: &str, by: &Actor) {
    let node = attachments(author, item);
    let ids = [by.jid.bare_str()];
    if let Ok(accepted) = world
        .host
        .retract(&author.jid.bare(), by, &node, &ids, false)
        .await
    {
        accepted.durable.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_closed_account_did_is_told_again_once_it_is_open() {
    let (world, timelines, people) = world().await;
    let [romeo, juliet, nurse] = &people[..] else {
        panic!()
    };
    world.post(juliet, "mine", "mine").await;
    world.post(romeo, "p", "@juliet").await;
    assert!(like(&world, juliet, "mine", romeo).await);
    assert!(like(&world, juliet, "mine", nurse).await);
    let all = [
        told("mention", romeo, "p"),
        told("like", romeo, "mine"),
        told("like", nurse, "mine"),
    ];
    assert_eq!(list(&timelines, juliet).await, all);
    let state = |state| world.store.write(set_state(romeo.no, state));
    state(AccountState::Disabled).await.unwrap();
    assert_eq!(list(&timelines, juliet).await, all[2..]);
    assert_eq!(public(&timelines, juliet).await, ["mine"]);
    state(AccountState::Active).await.unwrap();
    assert_eq!(list(&timelines, juliet).await, all);
    assert_eq!(public(&timelines, juliet).await, ["mine", "p"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_could_not_read_it_is_not_told_once_it_is_open() {
    let (world, timelines, people) = world().await;
    let [romeo, juliet, nurse] = &people[..] else {
        panic!()
    };
    let is_contact = Relation {
        has_presence: true,
        ..Relation::default()
    };
    world.rosters.set(romeo.no, juliet.no, is_contact);
    configure(&world, romeo, "presence").await;
    world.post(romeo, "p", "@juliet @nurse").await;
    configure(&world, romeo, "open").await;
    assert_eq!(list(&timelines, juliet).await, [told("mention", romeo, "p")]);
    assert_eq!(list(&timelines, nurse).await, []);
    // Until it is said again.
    world.post(romeo, "p", "@juliet @nurse, now").await;
    assert_eq!(list(&timelines, nurse).await, [told("mention", romeo, "p")]);
}

#[derive(Clone, Debug)]
enum Step {
    Post {
        by: usize,
        item: u8,
        mentioned: Vec<usize>,
    },
    Retract {
        by: usize,
        item: u8,
    },
    Like {
        by: usize,
        author: usize,
        item: u8,
    },
    Unlike {
        by: usize,
        author: usize,
        item: u8,
    },
    Access {
        owner: usize,
        access: u8,
    },
    Contact {
        owner: usize,
        other: usize,
        has_presence: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let person = 0..NAMES.len();
    let item = 1..4_u8;
    let step = prop_oneof![
        6 => (person.clone(), item.clone(), prop::collection::vec(person.clone(), 0..3))
            .prop_map(|(by, item, mentioned)| Step::Post { by, item, mentioned }),
        2 => (person.clone(), item.clone()).prop_map(|(by, item)| Step::Retract { by, item }),
        4 => (person.clone(), person.clone(), item.clone())
            .prop_map(|(by, author, item)| Step::Like { by, author, item }),
        2 => (person.clone(), person.clone(), item)
            .prop_map(|(by, author, item)| Step::Unlike { by, author, item }),
        2 => (person.clone(), 0..3_u8).prop_map(|(owner, access)| Step::Access { owner, access }),
        2 => (person.clone(), person, any::<bool>())
            .prop_map(|(owner, other, has_presence)| Step::Contact { owner, other, has_presence }),
    ];
    prop::collection::vec(step, 1..30)
}

#[derive(Default)]
struct Model {
    access: [u8; 3],
    contacts: BTreeSet<(usize, usize)>,
    /// By author and item: who was mentioned there and could read it then.
    posts: BTreeMap<(usize, u8), BTreeSet<usize>>,
    /// Author, item, who likes it.
    likes: BTreeSet<(usize, u8, usize)>,
}

impl Model {
    fn may_read(&self, reader: usize, author: usize) -> bool {
        reader == author
            || match self.access[author] {
                0 => true,
                1 => self.contacts.contains(&(author, reader)),
                _ => false,
            }
    }

    /// What somebody is to see, in no order.
    fn of(&self, reader: usize, people: &[Actor]) -> BTreeSet<(String, String, String)> {
        let mentions = self
            .posts
            .iter()
            .filter(|((author, _), mentioned)| mentioned.contains(&reader) && self.may_read(reader, *author))
            .map(|((author, item), _)| told("mention", &people[*author], &item.to_string()));
        let likes = self
            .likes
            .iter()
            .filter(|(author, _, by)| *author == reader && *by != reader)
            .map(|(_, item, by)| told("like", &people[*by], &item.to_string()));
        mentions.chain(likes).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_told_of_what_they_may_not_read(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(agree(steps));
    }
}

async fn agree(steps: Vec<Step>) {
    let (world, timelines, people) = world().await;
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Post { by, item, mentioned } => {
                let text: String = mentioned.iter().map(|who| format!("@{} ", NAMES[*who])).collect();
                world
                    .publish(
                        &people[by],
                        MICROBLOG,
                        &item.to_string(),
                        &entry(&format!("{text}hear")),
                    )
                    .await
                    .unwrap()
                    .durable
                    .await
                    .unwrap();
                let told = mentioned
                    .into_iter()
                    .filter(|who| *who != by && model.may_read(*who, by))
                    .collect();
                model.posts.insert((by, item), told);
            }
            Step::Retract { by, item } => {
                let ids = [&*item.to_string()];
                let bare = people[by].jid.bare();
                let retracted = world
                    .host
                    .retract(&bare, &people[by], MICROBLOG, &ids, false)
                    .await;
                assert_eq!(retracted.is_ok(), model.posts.remove(&(by, item)).is_some());
                if let Ok(accepted) = retracted {
                    accepted.durable.await.unwrap();
                }
                model
                    .likes
                    .retain(|(author, liked, _)| (*author, *liked) != (by, item));
            }
            Step::Like { by, author, item } => {
                let may = model.posts.contains_key(&(author, item)) && model.may_read(by, author);
                assert_eq!(
                    like(&world, &people[author], &item.to_string(), &people[by]).await,
                    may
                );
                if may {
                    model.likes.insert((author, item, by));
                }
            }
            Step::Unlike { by, author, item } => {
                unlike(&world, &people[author], &item.to_string(), &people[by]).await;
                if model.may_read(by, author) {
                    model.likes.remove(&(author, item, by));
                }
            }
            Step::Access { owner, access } => {
                let word = ["open", "presence", "whitelist"][usize::from(access)];
                configure(&world, &people[owner], word).await;
                model.access[owner] = access;
            }
            Step::Contact {
                owner,
                other,
                has_presence,
            } => {
                let relation = Relation {
                    has_presence,
                    ..Relation::default()
                };
                world.rosters.set(people[owner].no, people[other].no, relation);
                if has_presence {
                    model.contacts.insert((owner, other));
                } else {
                    model.contacts.remove(&(owner, other));
                }
            }
        }
        for (number, reader) in people.iter().enumerate() {
            let found = list(&timelines, reader).await;
            let once: BTreeSet<_> = found.iter().cloned().collect();
            assert_eq!(once.len(), found.len(), "{found:?}");
            assert_eq!(once, model.of(number, &people), "{}", NAMES[number]);
        }
    }
}
