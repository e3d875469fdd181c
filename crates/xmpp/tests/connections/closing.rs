//! The end of streams: RFC 6120 §4.4, shutdown, and peers that vanish.

use crate::support::{HEADER, dev_world, world};

#[tokio::test]
async fn a_client_that_closes_is_answered() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.session("juliet", "balcony").await;
    // What comes before the end tag still takes effect.
    client
        .send("<message to='juliet@localhost/balcony'><body>last</body></message></stream:stream>")
        .await;
    let rest = client.rest().await;
    assert!(rest.contains("last"), "{rest}");
    assert!(
        rest.ends_with("</stream:stream>") && !rest.contains("error"),
        "{rest}"
    );
    drop(client);
    world.until_nobody_is_there().await;
}

#[tokio::test]
async fn a_client_may_close_before_it_signs_in() {
    let world = dev_world().await;
    let mut client = world.connect();
    client.send(HEADER).await;
    client.expect("</stream:features>").await;
    client.send("</stream:stream>").await;
    assert_eq!(client.rest().await, "</stream:stream>");
    drop(client);
    world.until_nobody_is_there().await;
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_no_session() {
    let world = dev_world().await;
    world.account("juliet").await;
    let client = world.session("juliet", "balcony").await;
    assert_eq!(world.server.registry.all().len(), 1);
    drop(client);
    world.until_nobody_is_there().await;
}

#[tokio::test]
async fn half_an_element_at_the_end_is_no_harm() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.session("juliet", "balcony").await;
    client
        .send("<message to='juliet@localhost/balcony'><body>unfin")
        .await;
    drop(client);
    world.until_nobody_is_there().await;
}

#[tokio::test]
async fn everybody_is_told_when_the_server_stops() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut bound = world.session("juliet", "balcony").await;
    let mut unbound = world.connect();
    unbound.send(HEADER).await;
    unbound.expect("</stream:features>").await;
    // What was received before is finished first.
    bound
        .send("<message to='juliet@localhost/balcony'><body>last words</body></message>")
        .await;
    bound.expect("last words").await;
    world.server.shutdown.cancel();
    bound
        .expect("<system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
        .await;
    bound.expect("</stream:stream>").await;
    // The connection ends when the client has closed its stream, too.
    bound.send("</stream:stream>").await;
    assert_eq!(bound.rest().await, "");
    unbound.refused("system-shutdown").await;
    drop((bound, unbound));
    world.until_nobody_is_there().await;
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for_long() {
    let world = dev_world().await;
    world.account("juliet").await;
    let mut client = world.session("juliet", "balcony").await;
    world.server.shutdown.cancel();
    client.expect("</stream:stream>").await;
    assert_eq!(world.server.connections.count(), 1);
    world.clock.advance(world.server.settings.limits.close_timeout_ms);
    assert_eq!(client.rest().await, "");
    world.until_nobody_is_there().await;
}

#[tokio::test]
async fn silence_before_authentication_ends() {
    for words in ["", "<?xml version='1.0'?>", "<stream:stream", HEADER] {
        let world = world(|_| {}).await;
        let mut client = world.connect();
        client.send(words).await;
        if words == HEADER {
            client.expect("</stream:features>").await;
        }
        // The connection's task must have begun to wait before its time passes.
        world.until(|server| server.connections.count() == 1).await;
        world.clock.advance(world.server.settings.limits.auth_timeout_ms);
        client
            .expect("<connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
            .await;
        client.expect("</stream:stream>").await;
        drop(client);
        world.until_nobody_is_there().await;
    }
}
