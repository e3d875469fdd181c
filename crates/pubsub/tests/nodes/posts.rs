//! What a blog demands of its posts, and adds to them.

use bus::{AccessModel, Event, MICROBLOG};
use pubsub::{ItemsQuery, NewItem};
use wire::{Document, ns};

use crate::world::{World, entry};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_adds() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let payload = "<entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>It's the #East, and #juliet…</title>\
        <x xmlns='urn:example:unknown' a='1'><y/></x></entry>";
    world
        .publish(&romeo, MICROBLOG, "some id", payload)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let events = world.sink.take();
    let Event::Published {
        item,
        tags,
        in_public,
        ..
    } = &events[0]
    else {
        panic!("{events:?}")
    };
    assert!(*in_public);
    let tags: Vec<_> = tags.iter().map(|tag| &**tag).collect();
    assert_eq!(tags, ["east", "juliet"]);
    let delivered = String::from_utf8(item.payload.as_deref().unwrap().to_vec()).unwrap();
    let number = item.post_id.0;
    for part in [
        "<id>tag:localhost,2027-01-15:romeo/posts/some%20id</id>",
        "<published>2027-01-15T08:00:00Z</published>",
        "<updated>2027-01-15T08:00:00Z</updated>",
        "<author><name>romeo</name><uri>xmpp:romeo@localhost</uri></author>",
        "<category term='east'/>",
        &format!("href='http://localhost:5280/@romeo/{number}'"),
        "href='xmpp:romeo@localhost?;node=urn%3Axmpp%3Amicroblog%3A0;item=some%20id'",
        &format!("href='xmpp:pubsub.localhost?;node=urn%3Axmpp%3Amicroblog%3A0%3Acomments%2F{number}'"),
        "<x xmlns='urn:example:unknown' a='1'><y/></x>",
    ] {
        assert!(delivered.contains(part), "{part} in {delivered}");
    }
    let read = world
        .read(&romeo, &romeo, MICROBLOG, ItemsQuery::All)
        .await
        .unwrap();
    assert_eq!(read.items[0].payload, item.payload, "read as it was delivered");
    let stored = world.store.read_now({
        let number = item.post_id;
        move |reader| reader.post(number)
    });
    let stored = String::from_utf8(stored.unwrap().unwrap().payload.to_vec()).unwrap();
    assert!(!stored.contains("5280"), "no address of ours is stored: {stored}");
    // An edit keeps what belongs to the post for good.
    world.clock.advance(86_400_000);
    world.post(&romeo, "some id", "Arise, fair sun").await;
    let events = world.sink.take();
    let Event::Published {
        item,
        left_tags,
        was_public,
        ..
    } = &events[0]
    else {
        panic!("{events:?}")
    };
    assert_eq!(left_tags.len(), 2);
    assert!(*was_public);
    let delivered = String::from_utf8(item.payload.as_deref().unwrap().to_vec()).unwrap();
    assert!(
        delivered.contains("<published>2027-01-15T08:00:00Z</published>"),
        "{delivered}"
    );
    assert!(
        delivered.contains("<updated>2027-01-16T08:00:00Z</updated>"),
        "{delivered}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_says_stays() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let payload = "<entry xmlns='http://www.w3.org/2005/Atom'><title>a #b</title><id>mine</id>\
        <published>2020-01-01T00:00:00Z</published><updated>2020-01-01T00:00:00Z</updated>\
        <author><name>R</name></author><category term='Chosen'/>\
        <link rel='alternate' type='text/html' href='https://romeo.example/1'/>\
        <link rel='alternate' href='xmpp:romeo@example?;node=n;item=1'/>\
        <link rel='replies' title='comments' href='xmpp:comments.example?;node=c'/></entry>";
    world
        .publish(&romeo, MICROBLOG, "1", payload)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let events = world.sink.take();
    let Event::Published { item, tags, .. } = &events[0] else {
        panic!("{events:?}")
    };
    assert_eq!(item.payload.as_deref().unwrap(), payload.as_bytes());
    assert_eq!(&*tags[0], "chosen");
    assert_eq!(tags.len(), 1, "categories win over the text");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_without_title_gets_its_text_as_title() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let payload = "<a:entry xmlns:a='http://www.w3.org/2005/Atom'><a:content>only &lt;content&gt;</a:content></a:entry>";
    world
        .publish(&romeo, MICROBLOG, "1", payload)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let page = world
        .read(&romeo, &romeo, MICROBLOG, ItemsQuery::All)
        .await
        .unwrap();
    let document = Document::parse(page.items[0].payload.clone().unwrap()).unwrap();
    let title = document.root().child("title", ns::ATOM).unwrap();
    assert_eq!(title.text(), "only <content>");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_s_own_data_is_no_post() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let feed = "<feed xmlns='http://www.w3.org/2005/Atom'><title>Romeo's #blog</title></feed>";
    world
        .publish(&romeo, MICROBLOG, "0", feed)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    let events = world.sink.take();
    let Event::Published {
        item,
        tags,
        in_public,
        ..
    } = &events[0]
    else {
        panic!("{events:?}")
    };
    assert!(!in_public && tags.is_empty() && item.entry.is_none());
    assert_eq!(item.payload.as_deref().unwrap(), feed.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_for_contacts_are_not_public() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Presence).await;
    world.post(&romeo, "1", "for #friends").await;
    let events = world.sink.take();
    let Event::Published { in_public, .. } = &events[0] else {
        panic!("{events:?}")
    };
    assert!(!in_public);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_made_up_where_there_is_none() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let item = NewItem {
        id: None,
        payload: Some(entry("x").into_bytes()),
    };
    let published = world
        .host
        .publish(
            &romeo.jid.bare(),
            &romeo,
            MICROBLOG,
            vec![item.clone(), item],
            None,
        )
        .await;
    let ids = published.unwrap().durable.await.unwrap();
    assert_ne!(ids[0], ids[1]);
    assert_eq!(
        world.ids(&romeo, &romeo, MICROBLOG).await.unwrap(),
        [ids[0].to_string(), ids[1].to_string()]
    );
}
