//! How often somebody is told at most: at once, then every few seconds, then every half minute; and nothing is lost by it.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use testkit::world::{Arrival, World};
use wire::Document;

const FORMS: &str = "jabber:x:data";

/// What has come for the app's server, each answered.
async fn pushes(world: &mut World) -> Vec<Document> {
    let mut pushes = Vec::new();
    loop {
        let more = world.settle_and_collect("pusher/app").await.unwrap();
        if more.is_empty() {
            return pushes;
        }
        for push in more {
            let id = push.root().attr("id").unwrap().into_owned();
            let answer = format!("<iq type='result' id='{id}' to='localhost'/>");
            world
                .client("pusher/app")
                .unwrap()
                .send(answer.as_bytes())
                .await
                .unwrap();
            pushes.push(push);
        }
    }
}

/// The number of unread messages that a push tells.
fn count(push: &Document) -> u32 {
    let form = push.root().children().next().unwrap();
    let mut element = form;
    for name in ["publish", "item", "notification", "x"] {
        element = element.children().find(|child| child.name() == name).unwrap();
    }
    let field = element
        .children()
        .find(|field| field.attr("var").as_deref() == Some("message-count"))
        .unwrap();
    field.child("value", FORMS).unwrap().text().parse().unwrap()
}

#[test]
fn whoever_is_written_to_all_the_time_is_told_ever_less_often() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let test = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), play()).await });
    test.expect("it does not hang");
}

async fn play() {
    let mut world = World::start().await;
    for name in ["juliet", "romeo", "pusher"] {
        world.make_account(name).await.unwrap();
    }
    for who in ["romeo", "pusher/app", "juliet/phone"] {
        world.connect(who).await.unwrap();
    }
    let enable =
        b"<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='pusher@localhost/app' node='n'/></iq>";
    world.client("juliet/phone").unwrap().send(enable).await.unwrap();
    let Arrival::Stanza(enabled) = world.client("juliet/phone").unwrap().next().await.unwrap() else {
        panic!("the stream ended");
    };
    assert_eq!(enabled.root().attr("type").as_deref(), Some("result"));

    // A message every second, for a quarter of an hour.
    let (mut all, mut last) = (0, 0);
    let message = b"<message type='chat' to='juliet@localhost'><body>Juliet!</body></message>";
    for second in 1..=900 {
        world.client("romeo").unwrap().send(message).await.unwrap();
        assert!(world.settle_and_collect("romeo").await.unwrap().is_empty());
        for push in pushes(&mut world).await {
            all += 1;
            last = count(&push);
        }
        if second == 60 {
            assert!((12..=13).contains(&all), "{all} in the first minute");
        }
        world.clock.advance(1_000);
    }
    assert!((40..=55).contains(&all), "{all} in all");
    // In the end all are told.
    world.clock.advance(30_000);
    while let Some(push) = pushes(&mut world).await.pop() {
        last = count(&push);
    }
    assert_eq!(last, 900);
    world.end().await;
}
