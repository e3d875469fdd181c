//! Comments, attachments and boosts: what follows what, and what is gone with what.

use bus::{AccessModel, MICROBLOG};

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
    assert_eq!(world.sink.told(), ["new blog one morrow", "new blog again morrow"]);
    world.post(&juliet, "one", "night").await;
    world.settled().await;
    assert_eq!(world.sink.told(), ["edit blog one night", "edit blog again night"]);
}

/// An entry that repeats a post, as a client sends it.
fn boost(whose: &str, id: &str) -> String {
    format!(
        "<entry xmlns='http://www.w3.org/2005/Atom'><title>x</title>\
         <link rel='via' href='xmpp:{whose}@localhost?;node=urn:xmpp:microblog:0;item={id}'/></entry>"
    )
}
