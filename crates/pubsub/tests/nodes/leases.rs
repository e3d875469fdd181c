//! Options of subscriptions over restarts and failures, and subscriptions that end by themselves (XEP-0060 §6.3, §13.5,
//! §13.19).

use bus::{AccessModel, MICROBLOG, Show, SubscriptionState};
use format::datetime;
use format::form::DataForm;
use pubsub::options::SUBSCRIBE_OPTIONS;
use pubsub::{Actor, PubsubError, Subscription};
use store::subscriptions::Expiry;
use store::{Fault, Timestamp};
use wire::{BareJid, Jid};

use crate::world::{World, form};

async fn node(world: &World, owner: &Actor, name: &str) -> BareJid {
    let service = world.service();
    let made = world
        .host
        .create(&service, owner, Some(name), None)
        .await
        .unwrap();
    made.durable.await.unwrap();
    service
}

fn wanted(fields: &[(&str, &str)]) -> DataForm {
    form(SUBSCRIBE_OPTIONS, fields)
}

async fn subscribed(
    world: &World,
    at: &BareJid,
    who: &Actor,
    jid: &Jid,
    options: &DataForm,
) -> Result<Subscription, PubsubError> {
    let accepted = world
        .host
        .subscribe_with_options(at, who, "news", jid, options)
        .await?;
    Ok(accepted.durable.await?.0)
}

fn in_seconds(world: &World, seconds: i64) -> String {
    use store::Clock;
    datetime::to_text(world.clock.now().0 + seconds * 1_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn options_outlive_a_restart_and_presence_does_not() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let at = node(&world, &romeo, "news").await;
    let bare: Jid = juliet.jid.bare().into();
    let until = in_seconds(&world, 3_600);
    let lease = wanted(&[("expire", &until), ("deliver", "0"), ("show-values", "dnd")]);
    let lasting = subscribed(&world, &at, &juliet, &bare, &lease).await.unwrap();
    let passing = wanted(&[("expire", "presence")]);
    subscribed(&world, &at, &juliet, &juliet.jid, &passing)
        .await
        .unwrap();
    assert!(world.host.has_passing(juliet.no));

    let world = world.restarted().await;
    assert!(!world.host.has_passing(juliet.no));
    let left = world.host.subscriptions(&at, &juliet, None).await.unwrap();
    assert_eq!(left, [lasting]);
    let view = world.host.view(&at, "news").await.unwrap().unwrap();
    let options = *view.subscriptions_of(juliet.no)[0].options();
    assert!(!options.deliver && options.show.has(Show::DoNotDisturb) && !options.show.has(Show::Online));
    assert!(matches!(options.expire, Some(Expiry::At(_))));
    assert_eq!(world.host.end_expired().await.unwrap(), []);
    world.clock.advance(3_600_000);
    let ended = world.host.end_expired().await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (ended[0].changed.jid.as_str(), ended[0].changed.state),
        (bare.as_str(), None)
    );
    assert_eq!(world.host.subscriptions(&at, &juliet, None).await.unwrap(), []);
    assert_eq!(world.host.end_expired().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presence_ends_what_lasted_as_long_as_it() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let at = node(&world, &romeo, "news").await;
    let bare: Jid = juliet.jid.bare().into();
    let phone = Jid::parse("juliet@localhost/phone").unwrap();
    let passing = wanted(&[("expire", "presence")]);
    for jid in [&bare, &juliet.jid, &phone] {
        subscribed(&world, &at, &juliet, jid, &passing).await.unwrap();
    }
    // A lasting one of the same address is none of theirs.
    let lasting = world.host.subscribe(&at, &juliet, "news", &bare).await.unwrap();
    let lasting = lasting.durable.await.unwrap();
    let ends = |there: &'static [&'static str]| {
        let host = world.host.clone();
        async move {
            let is_there = |resource: Option<&str>| match resource {
                None => !there.is_empty(),
                Some(resource) => there.contains(&resource),
            };
            let ended = host.presence_ended(juliet.no, &is_there).await.unwrap();
            ended
                .iter()
                .map(|one| one.changed.jid.to_string())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(ends(&["client", "phone"]).await, [""; 0]);
    assert_eq!(ends(&["phone"]).await, [juliet.jid.as_str()]);
    assert_eq!(ends(&[]).await, [bare.as_str(), phone.as_str()]);
    assert!(!world.host.has_passing(juliet.no));
    let left = world.host.subscriptions(&at, &juliet, None).await.unwrap();
    assert_eq!(left, [lasting]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_end_at_once_end_in_slices() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let at = node(&world, &romeo, "news").await;
    let until = in_seconds(&world, 60);
    let lease = wanted(&[("expire", &until)]);
    for number in 0..450 {
        let reader = world.actor(&format!("reader{number}@localhost/client")).await;
        let bare: Jid = reader.jid.bare().into();
        let accepted = world
            .host
            .subscribe_with_options(&at, &reader, "news", &bare, &lease);
        accepted.await.unwrap();
    }
    world.settled().await;
    world.clock.advance(60_000);
    assert_eq!(world.host.end_expired().await.unwrap().len(), 450);
    assert!(
        world
            .host
            .view(&at, "news")
            .await
            .unwrap()
            .unwrap()
            .subscribers
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_stored_does_not_hold() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let at = node(&world, &romeo, "news").await;
    let bare: Jid = juliet.jid.bare().into();
    let first = world.host.subscribe(&at, &juliet, "news", &bare).await.unwrap();
    let first = first.durable.await.unwrap();
    world.settled().await;
    let off = wanted(&[("deliver", "0")]);

    world.store.faults().fail_next(1, Fault::Full);
    let set = world
        .host
        .set_subscription_options(&at, &juliet, "news", &bare, None, &off)
        .await
        .unwrap();
    assert_eq!(set.durable.await.err(), Some(PubsubError::Storage));
    let view = world.host.view(&at, "news").await.unwrap().unwrap();
    assert!(view.subscriptions_of(juliet.no)[0].options().deliver);

    world.store.faults().fail_next(1, Fault::Full);
    let second = subscribed(&world, &at, &juliet, &bare, &off).await;
    assert_eq!(second.err(), Some(PubsubError::Storage));
    let left = world.host.subscriptions(&at, &juliet, None).await.unwrap();
    assert_eq!(left, std::slice::from_ref(&first));

    // What could not be ended goes on, and is ended the next time.
    let until = in_seconds(&world, 60);
    let lease = wanted(&[("expire", &until)]);
    let set = world
        .host
        .set_subscription_options(&at, &juliet, "news", &bare, None, &lease)
        .await
        .unwrap();
    set.durable.await.unwrap();
    world.clock.advance(60_000);
    world.store.faults().fail_next(1, Fault::Full);
    assert!(world.host.end_expired().await.is_err());
    let left = world.host.subscriptions(&at, &juliet, None).await.unwrap();
    assert_eq!(left, [first]);
    assert_eq!(world.host.end_expired().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_subscribes_in_a_loop_leaves_nothing() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let at = node(&world, &romeo, "news").await;
    let bare: Jid = juliet.jid.bare().into();
    let passing = wanted(&[("expire", "presence")]);
    for _ in 0..300 {
        let one = subscribed(&world, &at, &juliet, &bare, &passing).await.unwrap();
        let subid = one.subid.to_string();
        let ended = world
            .host
            .unsubscribe(&at, &juliet, "news", &bare, Some(&subid))
            .await
            .unwrap();
        ended.durable.await.unwrap();
    }
    let mut there = 0;
    while subscribed(&world, &at, &juliet, &bare, &passing).await.is_ok() {
        there += 1;
    }
    assert_eq!(there, 20, "one account has so many to one node");
    let other = Jid::parse("juliet@localhost/other").unwrap();
    let more = subscribed(&world, &at, &juliet, &other, &passing).await;
    assert_eq!(more.err(), Some(PubsubError::TooManySubscriptions));
    let is_there = |_: Option<&str>| false;
    let ended = world.host.presence_ended(juliet.no, &is_there).await.unwrap();
    assert_eq!(ended.len(), 20);
    let no = world.host.view(&at, "news").await.unwrap().unwrap().no;
    assert_eq!(world.store.read(move |r| r.subscriptions(no)).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_only_so_many_in_all() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let at = node(&world, &romeo, "news").await;
    let no = world.host.view(&at, "news").await.unwrap().unwrap().no;
    let mut written = Vec::new();
    for number in 0..19_999_u32 {
        let one = store::subscriptions::Subscription {
            node: no,
            no: juliet.no,
            resource: String::new(),
            subid: number.to_string(),
            state: "subscribed".into(),
            options: None,
            created: Timestamp(1),
            expires: None,
        };
        written.push(world.store.write(store::subscriptions::put(one)));
        if written.len() == 500 {
            for write in written.drain(..) {
                write.await.unwrap();
            }
        }
    }
    for write in written {
        write.await.unwrap();
    }
    let bare: Jid = juliet.jid.bare().into();
    let blog = romeo.jid.bare();
    let last = world
        .host
        .subscribe(&blog, &juliet, MICROBLOG, &bare)
        .await
        .unwrap();
    assert_eq!(last.durable.await.unwrap().state, SubscriptionState::Subscribed);
    let nurse = world.account("nurse", AccessModel::Open).await;
    let more = world
        .host
        .subscribe(&nurse.jid.bare(), &juliet, MICROBLOG, &bare)
        .await;
    assert_eq!(more.err(), Some(PubsubError::TooManySubscriptions));
    // What is there is told again.
    let again = world.host.subscribe(&blog, &juliet, MICROBLOG, &bare).await;
    assert!(again.is_ok());
}
