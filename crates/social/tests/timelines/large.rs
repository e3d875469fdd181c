//! Many replies, deep ones, and many people: what one page costs does not grow with them.

use std::sync::Arc;

use bus::{AccessModel, ComputedName, Virtual};
use format::rsm::{Page, Request};
use pubsub::{Actor, ItemsQuery, NewItem};
use social::Timelines;
use store::conversation::Links;
use store::{PostId, Timestamp};

use crate::world::{World, entry};

const MANY: u64 = 10_000;

async fn world() -> (World, Timelines) {
    let world = World::unheard();
    let timelines = Timelines::new(world.store.clone(), world.host.clone());
    world.host.set_sinks(vec![Arc::new(timelines.clone())]);
    world.host.start().await.unwrap();
    (world, timelines)
}

async fn page(
    world: &World,
    timelines: &Timelines,
    reader: &Actor,
    thread: PostId,
    max: u32,
    page: Page,
) -> Vec<PostId> {
    let request = Request { max: Some(max), page };
    let which = Virtual::Thread(thread);
    let found = timelines
        .items(&world.service(), reader, &which, ItemsQuery::Rsm(request))
        .await
        .unwrap();
    found.items.iter().map(|item| item.post_id).collect()
}

/// Ten thousand replies, many to the first post and many to the one before.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_however_long_and_deep_is_read_page_by_page() {
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.post(&romeo, "root", "Words").await;
    let posts = timelines
        .items(&romeo.jid.bare(), &romeo, &Virtual::Posts, ItemsQuery::All)
        .await
        .unwrap();
    let root = posts.items[0].post_id;
    let node = ComputedName::comments(root);
    let first = NewItem {
        id: Some("first".into()),
        payload: Some(entry("words").into_bytes()),
    };
    let service = world.service();
    let commented = world
        .host
        .publish(&service, &romeo, &node, vec![first], None)
        .await;
    commented.unwrap().durable.await.unwrap();
    let view = world.host.view(&service, &node).await.unwrap().unwrap();
    let all = page(&world, &timelines, &romeo, root, 10, Page::First).await;
    let [_, mut last] = all[..] else { panic!("{all:?}") };
    let mut expected = all;
    for number in 1..MANY {
        let post_id = world.store.post_ids().next(Timestamp(0));
        let item = store::items::NewItem {
            post_id,
            node: view.no,
            item_id: number.to_string(),
            created: Timestamp(0),
            modified: Timestamp(0),
            publisher: romeo.no,
            origin: None,
            audience: 0,
            in_public: false,
            payload: entry("words").into_bytes().into(),
            tags: Vec::new(),
            words: String::new(),
            links: Links {
                // Half of them to the first post, half to the one before.
                parent: Some((if number % 2 == 0 { root } else { last }, root)),
                ..Links::default()
            },
            notify: Vec::new(),
            keep_history: false,
            max_items: None,
        };
        let written = world.store.write(store::items::put(item));
        if number % 500 == 0 || number == MANY - 1 {
            written.await.unwrap();
        }
        expected.push(post_id);
        last = post_id;
    }
    // From any of its numbers, from either end, every item once.
    let mut forwards = page(&world, &timelines, &romeo, last, 100, Page::First).await;
    assert_eq!(forwards.len(), 100);
    while let Some(after) = forwards.last().copied() {
        let next = page(
            &world,
            &timelines,
            &romeo,
            last,
            100,
            Page::After(after.0.to_string()),
        )
        .await;
        if next.is_empty() {
            break;
        }
        forwards.extend(next);
    }
    assert_eq!(forwards, expected);
    let newest = page(&world, &timelines, &romeo, root, 50, Page::Last).await;
    assert_eq!(newest, expected[expected.len() - 50..]);
    let oldest = page(&world, &timelines, &romeo, root, 50, Page::First).await;
    assert_eq!(oldest, expected[..50]);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_among_many() {
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let mut made = Vec::new();
    for number in 0..MANY {
        let name = format!("person{number}");
        let actor = world.actor(&format!("{name}@localhost/client")).await;
        let account = store::accounts::create(store::accounts::Account {
            no: actor.no,
            domain: "localhost".into(),
            localpart: name,
            state: store::accounts::AccountState::Active,
            is_admin: false,
            created: Timestamp(0),
            last_login: None,
            settings: String::new(),
        });
        let jid = actor.jid.bare();
        made.push(
            world
                .host
                .found_account(&jid, AccessModel::Open, account, None)
                .await
                .unwrap(),
        );
    }
    for one in made {
        one.await.unwrap();
    }
    let last = world.actor("person9999@localhost/client").await;
    let nick = "<nick xmlns='http://jabber.org/protocol/nick'>Zoë Ångström</nick>";
    let open = crate::world::form(
        "http://jabber.org/protocol/pubsub#publish-options",
        &[("access_model", "open")],
    );
    let published = world
        .publish_with(&last, "http://jabber.org/protocol/nick", "1", nick, Some(&open))
        .await;
    published.unwrap().durable.await.unwrap();
    for (text, found) in [("zoe ang", 1), ("person42", 20), ("nobody", 0), ("p", 20)] {
        let people = timelines.search_people(&romeo, text, 20).await.unwrap();
        assert_eq!(people.len(), found, "{text}");
    }
}
