//! Comments, attachments and boosts: what follows what, and what is gone with what.

use bus::{AccessModel, MICROBLOG};
use format::uri::XmppUri;
use pubsub::{Actor, ItemsQuery, NewItem, PubsubError};
use store::{Fault, Links, PostId};
use wire::BareJid;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn boosts_follow_what_they_repeat() {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    world.post(&juliet, "one", "morrow").await;
    let boost = boost("juliet", "one");
    let accepted = world.publish(&romeo, MICROBLOG, "again", &boost).await.unwrap();
    accepted.durable.await.unwrap();
    world.settled().await;
    assert_eq!(
        world.sink.told(),
        ["new blog one morrow", "new blog again morrow"]
    );
    world.post(&juliet, "one", "night").await;
    world.settled().await;
    assert_eq!(
        world.sink.told(),
        ["edit blog one night", "edit blog again night"]
    );
}

/// An entry that repeats a post, as a client sends it.
fn boost(whose: &str, id: &str) -> String {
    format!(
        "<entry xmlns='http://www.w3.org/2005/Atom'><title>x</title>\
         <link rel='via' href='xmpp:{whose}@localhost?;node=urn:xmpp:microblog:0;item={id}'/></entry>"
    )
}

/// The node of the comments on somebody's post.
async fn comments_on(world: &World, author: &Actor, id: &str) -> String {
    let query = ItemsQuery::Ids(vec![id.into()]);
    let page = world.read(author, author, MICROBLOG, query).await.unwrap();
    bus::ComputedName::comments(page.items[0].post_id)
}

async fn comment(
    world: &World,
    actor: &Actor,
    node: &str,
    id: &str,
    payload: String,
) -> Result<(), PubsubError> {
    let item = NewItem {
        id: Some(id.into()),
        payload: Some(payload.into_bytes()),
    };
    let accepted = world
        .host
        .publish(&world.service(), actor, node, vec![item], None)
        .await?;
    accepted.durable.await.map(drop)
}

/// A comment that answers to others of the same node, by their ids.
fn answering(node: &str, ids: &[&str]) -> String {
    let parents: String = ids
        .iter()
        .map(|id| {
            let uri = XmppUri::of_item(BareJid::parse("pubsub.localhost").unwrap(), node, id);
            format!("<in-reply-to xmlns='http://purl.org/syndication/thread/1.0' ref='x' href='{uri}'/>")
        })
        .collect();
    format!("<entry xmlns='http://www.w3.org/2005/Atom'><title>re</title>{parents}</entry>")
}

async fn links(world: &World, node: &str, id: &str) -> (PostId, Links) {
    let at = world.store.jids().number("pubsub.localhost").await.unwrap();
    let (node, id) = (node.to_owned(), id.to_owned());
    let read = world.store.read(move |reader| {
        let target = reader.target_at(at, &node, &id)?.unwrap();
        Ok((target.post_id, reader.links(target.post_id)?))
    });
    read.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_make_no_rings_however_they_are_edited() {
    let world = World::new().await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.post(&juliet, "one", "morrow").await;
    let node = comments_on(&world, &juliet, "one").await;
    comment(&world, &romeo, &node, "a", answering(&node, &[]))
        .await
        .unwrap();
    world.clock.advance(1);
    comment(&world, &romeo, &node, "b", answering(&node, &["a"]))
        .await
        .unwrap();
    let (root, a, b) = {
        let (a, of_a) = links(&world, &node, "a").await;
        let (b, of_b) = links(&world, &node, "b").await;
        let (root, _) = of_a.parent.unwrap();
        assert_eq!(of_a.parent, Some((root, root)));
        assert_eq!(of_b.parent, Some((a, root)));
        (root, a, b)
    };
    assert!(root < a && a < b);
    // The older one answers to the newer by an edit, and to itself.
    comment(&world, &romeo, &node, "a", answering(&node, &["b", "a"]))
        .await
        .unwrap();
    assert_eq!(links(&world, &node, "a").await.1.parent, Some((root, root)));
    comment(&world, &romeo, &node, "b", answering(&node, &["b"]))
        .await
        .unwrap();
    assert_eq!(links(&world, &node, "b").await.1.parent, Some((root, root)));
    // Thousands of parents: as many as are looked at, and the rest is only text.
    let ids: Vec<String> = (0..1_000).map(|number| format!("none{number}")).collect();
    let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    ids.push("a");
    comment(&world, &romeo, &node, "c", answering(&node, &ids))
        .await
        .unwrap();
    assert_eq!(links(&world, &node, "c").await.1.parent, Some((root, root)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_that_could_not_be_stored_leaves_no_node() {
    let world = World::new().await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.post(&juliet, "one", "morrow").await;
    let node = comments_on(&world, &juliet, "one").await;
    world.sink.take();
    world.store.faults().fail_next(1, Fault::Full);
    let failed = comment(&world, &romeo, &node, "a", answering(&node, &[])).await;
    assert_eq!(failed, Err(PubsubError::Storage));
    world.settled().await;
    assert_eq!(
        world.sink.told(),
        [
            format!("create {node}"),
            format!("new {node} a re"),
            format!("retract {node} a")
        ]
    );
    let service = world.service();
    let page = world
        .host
        .items(&service, &juliet, &node, ItemsQuery::All)
        .await
        .unwrap();
    assert!(page.items.is_empty());
    comment(&world, &romeo, &node, "a", answering(&node, &[]))
        .await
        .unwrap();
    let page = world
        .host
        .items(&service, &juliet, &node, ItemsQuery::All)
        .await
        .unwrap();
    assert_eq!(page.items.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_outlast_a_restart_and_go_with_their_post() {
    let world = World::new().await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.post(&juliet, "one", "morrow").await;
    let node = comments_on(&world, &juliet, "one").await;
    comment(&world, &romeo, &node, "a", answering(&node, &[]))
        .await
        .unwrap();
    let boosted = world
        .publish(&romeo, MICROBLOG, "again", &boost("juliet", "one"))
        .await
        .unwrap();
    boosted.durable.await.unwrap();
    let world = world.restarted().await;
    let service = world.service();
    let page = world
        .host
        .items(&service, &romeo, &node, ItemsQuery::All)
        .await
        .unwrap();
    assert_eq!(page.items.len(), 1);
    world.sink.take();
    let retracted = world
        .host
        .retract(&juliet.jid.bare(), &juliet, MICROBLOG, &["one"], false)
        .await;
    retracted.unwrap().durable.await.unwrap();
    let gone = world.host.items(&service, &romeo, &node, ItemsQuery::All).await;
    assert_eq!(gone.err(), Some(PubsubError::NodeNotFound));
    world.settled().await;
    let told = world.sink.told();
    assert!(told.contains(&format!("delete {node}")), "{told:?}");
    assert!(told.contains(&"retract blog again".to_owned()), "{told:?}");
    assert_eq!(
        world.ids(&romeo, &romeo, MICROBLOG).await.unwrap(),
        Vec::<String>::new()
    );
    let jobs = world
        .store
        .read(|reader| reader.jobs(store::computed::GONE))
        .await
        .unwrap();
    assert!(jobs.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deleted_account_said_elsewhere_goes_with_it() {
    let world = World::new().await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    world.post(&juliet, "one", "morrow").await;
    let node = comments_on(&world, &juliet, "one").await;
    comment(&world, &romeo, &node, "a", answering(&node, &[]))
        .await
        .unwrap();
    let heart = "<entry xmlns='http://www.w3.org/2005/Atom'><title>♥</title></entry>";
    comment(&world, &romeo, &node, "heart", heart.into())
        .await
        .unwrap();
    let attached = bus::ComputedName::Attachments {
        node: MICROBLOG.into(),
        item: "one".into(),
    }
    .name(&juliet.jid.bare());
    let item = NewItem {
        id: Some("romeo@localhost".into()),
        payload: Some(
            "<attachments xmlns='urn:xmpp:pubsub-attachments:1'><reactions><reaction>🎉</reaction></reactions></attachments>".into(),
        ),
    };
    let accepted = world
        .host
        .publish(&juliet.jid.bare(), &romeo, &attached, vec![item], None)
        .await;
    accepted.unwrap().durable.await.unwrap();
    world.host.delete_account(&romeo.jid.bare()).await.unwrap();
    let service = world.service();
    let page = world
        .host
        .items(&service, &juliet, &node, ItemsQuery::All)
        .await
        .unwrap();
    assert!(page.items.is_empty());
    let page = world
        .host
        .items(&juliet.jid.bare(), &juliet, &attached, ItemsQuery::All)
        .await
        .unwrap();
    assert!(page.items.is_empty());
}
