//! One rule at a time.

use std::sync::Arc;

use bus::{AccessModel, Affiliation, Event, MICROBLOG, Virtual};
use format::rsm::{Page, Request};
use pubsub::form::NODE_CONFIG;
use pubsub::{Actor, ItemsQuery, PubsubError, Relation};
use social::{HomeRoute, StreamAct, Timelines};
use wire::{BareJid, Jid};

use crate::world::{World, entry, form, text};

/// A world in which timelines listen.
async fn world() -> (World, Timelines) {
    let world = World::unheard();
    let timelines = Timelines::new(world.store.clone(), world.host.clone());
    world
        .host
        .set_sinks(vec![Arc::new(timelines.clone()), world.sink.clone()]);
    world.host.start().await.unwrap();
    (world, timelines)
}

async fn follow(world: &World, reader: &Actor, author: &Actor) {
    let bare: Jid = reader.jid.bare().into();
    let followed = world
        .host
        .subscribe(&author.jid.bare(), reader, MICROBLOG, &bare)
        .await
        .unwrap();
    followed.durable.await.unwrap();
}

async fn unfollow(world: &World, reader: &Actor, author: &Actor) {
    let bare: Jid = reader.jid.bare().into();
    let ended = world
        .host
        .unsubscribe(&author.jid.bare(), reader, MICROBLOG, &bare, None)
        .await
        .unwrap();
    ended.durable.await.unwrap();
}

async fn seen(timelines: &Timelines, reader: &Actor, which: &Virtual) -> Vec<String> {
    let owner = match which {
        Virtual::Home | Virtual::Posts | Virtual::Replies | Virtual::Notifications => reader.jid.bare(),
        _ => BareJid::parse("pubsub.localhost").unwrap(),
    };
    let page = timelines
        .items(&owner, reader, which, ItemsQuery::All)
        .await
        .unwrap();
    page.items.iter().map(|item| text(Some(&item.payload))).collect()
}

fn tag(name: &str) -> Virtual {
    Virtual::on_service(&format!("tag/{name}")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn home_is_whom_one_follows_and_oneself() {
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let paris = world.account("paris", AccessModel::Open).await;
    world.post(&romeo, "1", "before").await;
    world.post(&juliet, "1", "mine").await;
    world.post(&paris, "1", "another's").await;
    assert_eq!(seen(&timelines, &juliet, &Virtual::Home).await, ["mine"]);
    follow(&world, &juliet, &romeo).await;
    assert_eq!(
        seen(&timelines, &juliet, &Virtual::Home).await,
        ["before", "mine"]
    );
    world.post(&romeo, "2", "after").await;
    world.post(&romeo, "1", "before, edited").await;
    assert_eq!(
        seen(&timelines, &juliet, &Virtual::Home).await,
        ["before, edited", "mine", "after"]
    );
    unfollow(&world, &juliet, &romeo).await;
    assert_eq!(seen(&timelines, &juliet, &Virtual::Home).await, ["mine"]);
    let others = timelines
        .items(&romeo.jid.bare(), &juliet, &Virtual::Home, ItemsQuery::All)
        .await;
    assert_eq!(others.err(), Some(PubsubError::Forbidden));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_contacts_leaves_home_with_the_contact() {
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Presence).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let is_contact = |has_presence| {
        world.rosters.set(
            romeo.no,
            juliet.no,
            Relation {
                has_presence,
                groups: vec![],
            },
        );
    };
    is_contact(true);
    follow(&world, &juliet, &romeo).await;
    world.post(&romeo, "1", "for friends #secret").await;
    assert_eq!(
        seen(&timelines, &juliet, &Virtual::Home).await,
        ["for friends #secret"]
    );
    is_contact(false);
    assert!(seen(&timelines, &juliet, &Virtual::Home).await.is_empty());
    for which in [Virtual::PublicStream, tag("secret")] {
        assert!(seen(&timelines, &romeo, &which).await.is_empty(), "{which:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_closed_leaves_the_public_stream() {
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    world.post(&romeo, "1", "hello #World").await;
    world.post(&juliet, "1", "hi #world").await;
    for which in [Virtual::PublicStream, tag("world")] {
        assert_eq!(
            seen(&timelines, &juliet, &which).await,
            ["hello #World", "hi #world"]
        );
    }
    let outcast = [(juliet.jid.bare(), Affiliation::Outcast)];
    let owner = romeo.jid.bare();
    let changed = world
        .host
        .set_affiliations(&owner, &romeo, MICROBLOG, &outcast)
        .await
        .unwrap();
    changed.durable.await.unwrap();
    assert_eq!(
        seen(&timelines, &juliet, &tag("world")).await,
        ["hi #world"],
        "cast out"
    );
    assert_eq!(seen(&timelines, &romeo, &tag("world")).await.len(), 2);
    let closed = form(NODE_CONFIG, &[("access_model", "whitelist")]);
    world
        .host
        .configure(&owner, &romeo, MICROBLOG, &closed)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    for which in [Virtual::PublicStream, tag("world")] {
        assert_eq!(
            seen(&timelines, &romeo, &which).await,
            ["hi #world"],
            "public for nobody"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_pass_over_what_may_not_be_read() {
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    world.post(&juliet, "1", "first").await;
    for number in 1..=30 {
        world.post(&romeo, &number.to_string(), "hidden").await;
    }
    world.post(&juliet, "2", "last").await;
    let closed = form(NODE_CONFIG, &[("access_model", "whitelist")]);
    let owner = romeo.jid.bare();
    world
        .host
        .configure(&owner, &romeo, MICROBLOG, &closed)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let service = world.service();
    let query = ItemsQuery::Rsm(Request {
        max: Some(2),
        page: Page::Last,
    });
    let page = timelines
        .items(&service, &juliet, &Virtual::PublicStream, query)
        .await
        .unwrap();
    let texts: Vec<_> = page.items.iter().map(|item| text(Some(&item.payload))).collect();
    assert_eq!(texts, ["first", "last"]);
    assert_eq!(
        page.rsm.count, None,
        "how many there are would tell of what is hidden"
    );
    assert_eq!(page.rsm.first_index, None);
    assert_eq!(page.rsm.first, Some(page.items[0].post_id.0.to_string()));
    let beside = ItemsQuery::Rsm(Request {
        max: Some(2),
        page: Page::Before("no number".into()),
    });
    let refused = timelines
        .items(&service, &juliet, &Virtual::PublicStream, beside)
        .await;
    assert_eq!(refused.err(), Some(PubsubError::ItemNotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn items_say_where_they_come_from() {
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let feed = "<feed xmlns='http://www.w3.org/2005/Atom'><title>x</title></feed>";
    world
        .publish(&romeo, MICROBLOG, "0", feed)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    world.post(&romeo, "a b", "hi #tag").await;
    let home = timelines
        .items(&romeo.jid.bare(), &romeo, &Virtual::Home, ItemsQuery::All)
        .await
        .unwrap();
    assert_eq!(home.items.len(), 1, "the feed's own data never enters");
    let item = &home.items[0];
    let origin = "xmpp:romeo@localhost?;node=urn%3Axmpp%3Amicroblog%3A0;item=a%20b";
    assert_eq!(item.origin, origin);
    let payload = String::from_utf8(item.payload.to_vec()).unwrap();
    assert!(payload.ends_with(&format!(
        "<origin xmlns='urn:x-folkmoot:origin:0' uri='{origin}'/>\
         <counts xmlns='urn:x-folkmoot:counts:0' replies='0' likes='0' boosts='0'/></entry>"
    )));
    assert!(payload.contains("rel='alternate'"));
    let number = item.post_id.0.to_string();
    for (which, is_there) in [
        (Virtual::Home, true),
        (Virtual::PublicStream, true),
        (tag("tag"), true),
        (tag("other"), false),
    ] {
        let owner = if which == Virtual::Home {
            romeo.jid.bare()
        } else {
            world.service()
        };
        let query = ItemsQuery::Ids(vec![number.clone(), "5".into(), "x".into()]);
        let page = timelines.items(&owner, &romeo, &which, query).await.unwrap();
        assert_eq!(page.items.len(), usize::from(is_there), "{which:?}");
    }
    let juliet = world.account("juliet", AccessModel::Open).await;
    let query = ItemsQuery::Ids(vec![number]);
    let page = timelines
        .items(&juliet.jid.bare(), &juliet, &Virtual::Home, query)
        .await
        .unwrap();
    assert!(page.items.is_empty(), "not in the home of who does not follow");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_on_a_notification_finds_the_post() {
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    follow(&world, &juliet, &romeo).await;
    world.store.faults().hold();
    let published = world
        .publish(&romeo, MICROBLOG, "1", &entry("now #here"))
        .await
        .unwrap();
    let reads = [Virtual::Home, Virtual::PublicStream, tag("here")].map(|which| {
        let (timelines, juliet) = (timelines.clone(), juliet.clone());
        tokio::spawn(async move { seen(&timelines, &juliet, &which).await })
    });
    world.store.faults().wait_until_held();
    world.store.faults().release();
    for read in reads {
        assert_eq!(read.await.unwrap(), ["now #here"]);
    }
    published.durable.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_withdrawn_is_in_no_timeline() {
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    follow(&world, &juliet, &romeo).await;
    world.post(&romeo, "1", "kept #a").await;
    assert_eq!(seen(&timelines, &juliet, &Virtual::Home).await, ["kept #a"]);
    world.sink.take();
    world.store.faults().fail_next(1, store::Fault::Full);
    let failed = world
        .publish(&romeo, MICROBLOG, "2", &entry("lost #a"))
        .await
        .unwrap();
    assert!(failed.durable.await.is_err());
    world.sink.until("retract blog 2").await;
    for which in [Virtual::Home, Virtual::PublicStream, tag("a")] {
        assert_eq!(seen(&timelines, &juliet, &which).await, ["kept #a"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn routes() {
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let service = world.service();
    for node in [MICROBLOG, "tag/a", "tag/b"] {
        let subscribed = world
            .host
            .subscribe(&service, &juliet, node, &juliet.jid)
            .await
            .unwrap();
        subscribed.durable.await.unwrap();
    }
    let last = || {
        let event = world.sink.take().pop().unwrap();
        let routes = timelines.routes(&event);
        let mut streams: Vec<_> = routes
            .streams
            .iter()
            .map(|route| (route.view.name.to_string(), route.act))
            .collect();
        streams.sort_by(|a, b| a.0.cmp(&b.0));
        (routes.home, streams)
    };
    let stream = |name: &str, act| (name.to_owned(), act);
    world.post(&romeo, "1", "#a #c").await;
    let expected = vec![
        stream("tag/a", StreamAct::Publish),
        stream(MICROBLOG, StreamAct::Publish),
    ];
    assert_eq!(last(), (HomeRoute::Publish, expected));
    world.post(&romeo, "1", "#b").await;
    let expected = vec![
        stream("tag/a", StreamAct::Retract),
        stream("tag/b", StreamAct::Publish),
        stream(MICROBLOG, StreamAct::Publish),
    ];
    assert_eq!(last(), (HomeRoute::Publish, expected));
    let owner = romeo.jid.bare();
    let retracted = world
        .host
        .retract(&owner, &romeo, MICROBLOG, &["1"], true)
        .await
        .unwrap();
    retracted.durable.await.unwrap();
    let expected = vec![
        stream("tag/b", StreamAct::Retract),
        stream(MICROBLOG, StreamAct::Retract),
    ];
    assert_eq!(last(), (HomeRoute::Retract, expected));
    world
        .publish(&romeo, "urn:example:note", "1", "<x xmlns='y'/>")
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    assert_eq!(last(), (HomeRoute::None, vec![]));
    // A post that was public and is edited after the blog was closed leaves the public nodes.
    world.post(&romeo, "2", "#a").await;
    let closed = form(NODE_CONFIG, &[("access_model", "whitelist")]);
    world
        .host
        .configure(&owner, &romeo, MICROBLOG, &closed)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    world.post(&romeo, "2", "#b").await;
    let expected = vec![
        stream("tag/a", StreamAct::Retract),
        stream("tag/b", StreamAct::Retract),
        stream(MICROBLOG, StreamAct::Retract),
    ];
    assert_eq!(last(), (HomeRoute::Publish, expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn outcasts_are_left_out_of_live_streams() {
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let paris = world.account("paris", AccessModel::Open).await;
    for reader in [&juliet, &paris] {
        let subscribed = world
            .host
            .subscribe(&world.service(), reader, MICROBLOG, &reader.jid)
            .await
            .unwrap();
        subscribed.durable.await.unwrap();
    }
    let outcast = [(paris.jid.bare(), Affiliation::Outcast)];
    let owner = romeo.jid.bare();
    world
        .host
        .set_affiliations(&owner, &romeo, MICROBLOG, &outcast)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    world.sink.take();
    world.post(&romeo, "1", "x").await;
    let event = world.sink.take().pop().unwrap();
    let routes = timelines.routes(&event);
    let subscribers: Vec<_> = routes.streams[0]
        .view
        .subscribers
        .iter()
        .map(|one| one.no)
        .collect();
    assert_eq!(subscribers, [juliet.no]);
}

#[tokio::test(flavor = "multi_thread")]
async fn following_and_people_to_follow() {
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let paris = world.account("paris", AccessModel::Presence).await;
    let nurse = world.account("nurse", AccessModel::Open).await;
    for author in [&nurse, &romeo, &paris] {
        world.post(author, "1", "x").await;
    }
    let nick = "<nick xmlns='http://jabber.org/protocol/nick'>Angelica</nick>";
    let open = form(pubsub::form::PUBLISH_OPTIONS, &[("access_model", "open")]);
    let named = world
        .publish_with(&nurse, "http://jabber.org/protocol/nick", "n", nick, Some(&open))
        .await;
    named.unwrap().durable.await.unwrap();
    let people = timelines.people_to_follow(&juliet, 10).await.unwrap();
    let found: Vec<_> = people
        .iter()
        .map(|person| (person.jid.as_str(), person.name.as_deref()))
        .collect();
    assert_eq!(
        found,
        [("romeo@localhost", None), ("nurse@localhost", Some("Angelica"))]
    );
    // A subscription to the public stream is no following, though its node has the same name.
    let bare: Jid = juliet.jid.bare().into();
    let stream = world
        .host
        .subscribe(&world.service(), &juliet, MICROBLOG, &bare)
        .await
        .unwrap();
    stream.durable.await.unwrap();
    follow(&world, &juliet, &romeo).await;
    assert_eq!(timelines.following(juliet.no).await.unwrap(), [romeo.no]);
    assert_eq!(timelines.following_count(juliet.no).await.unwrap(), 1);
    assert_eq!(timelines.followers_count(romeo.no).await.unwrap(), 1);
    assert!(timelines.is_following(juliet.no, romeo.no).await.unwrap());
    assert!(!timelines.is_following(romeo.no, juliet.no).await.unwrap());
    let people = timelines.people_to_follow(&juliet, 10).await.unwrap();
    assert_eq!(people.len(), 1);
    assert_eq!(people[0].posts, Some(1));
    // Who is gone is followed by nobody.
    world.host.delete_account(&romeo.jid.bare()).await.unwrap();
    assert!(timelines.following(juliet.no).await.unwrap().is_empty());
    let fresh = Timelines::new(world.store.clone(), world.host.clone());
    assert!(fresh.following(juliet.no).await.unwrap().is_empty());
    assert!(
        world
            .sink
            .take()
            .iter()
            .any(|event| matches!(event, Event::NodeDeleted { .. }))
    );
}

/// However long posts are: a page is no larger than a client may be sent at once, and nothing is passed over for it.
#[tokio::test(flavor = "multi_thread")]
async fn long_posts_make_short_pages() {
    const POSTS: usize = 12;
    let (world, timelines) = world().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    follow(&world, &juliet, &romeo).await;
    for number in 0..POSTS {
        let text = format!("{number} #long {}", "x".repeat(200_000));
        world.post(&romeo, &format!("p{number}"), &text).await;
    }
    let (service, own, blog) = (world.service(), juliet.jid.bare(), romeo.jid.bare());
    let places = [
        (&service, Virtual::PublicStream),
        (&service, tag("long")),
        (&own, Virtual::Home),
    ];
    for is_forward in [false, true] {
        let next = |anchor: Option<String>| {
            ItemsQuery::Rsm(Request {
                max: Some(POSTS as u32),
                page: match (is_forward, anchor) {
                    (false, None) => Page::Last,
                    (false, Some(anchor)) => Page::Before(anchor),
                    (true, None) => Page::First,
                    (true, Some(anchor)) => Page::After(anchor),
                },
            })
        };
        for (owner, which) in &places {
            let (mut anchor, mut seen) = (None, Vec::new());
            loop {
                let page = timelines
                    .items(owner, &juliet, which, next(anchor))
                    .await
                    .unwrap();
                let bytes: usize = page.items.iter().map(|item| item.payload.len()).sum();
                assert!(bytes < 1_000_000, "{bytes}");
                seen.extend(page.items.iter().map(|item| item.post_id));
                anchor = if is_forward { page.rsm.last } else { page.rsm.first };
                if anchor.is_none() {
                    break;
                }
            }
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), POSTS, "{which:?} {is_forward}");
        }
        let (mut anchor, mut count) = (None, 0);
        loop {
            let page = world
                .host
                .items(&blog, &juliet, MICROBLOG, next(anchor))
                .await
                .unwrap();
            let bytes: usize = page
                .items
                .iter()
                .map(|item| item.payload.as_ref().unwrap().len())
                .sum();
            assert!(bytes < 1_000_000, "{bytes}");
            count += page.items.len();
            let rsm = page.rsm.unwrap();
            assert_eq!(rsm.count, Some(POSTS as u32));
            anchor = if is_forward { rsm.last } else { rsm.first };
            if anchor.is_none() {
                break;
            }
        }
        assert_eq!(count, POSTS);
    }
    let all = world
        .host
        .items(&blog, &juliet, MICROBLOG, ItemsQuery::All)
        .await
        .unwrap();
    assert!(all.items.len() < POSTS && all.rsm.is_some());
}
