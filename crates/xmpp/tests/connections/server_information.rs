//! XEP-0485 from one start to the next: what the operator wants now is what is told.

use std::sync::Arc;

use tokio_util::task::TaskTracker;
use wire::BareJid;
use xmpp::auth::Auth;
use xmpp::listen::Connections;
use xmpp::server::{Parts, Server};
use xmpp::settings::Settings;

use crate::support::{World, world};

const NODE: &str = "serverinfo";

/// The next start of a server with the same database.
async fn next_start(world: &World, change: impl FnOnce(&mut Settings)) -> Arc<Server> {
    let mut settings = world.server.settings.clone();
    change(&mut settings);
    let store = world.server.store.clone();
    let auth = Auth::open(store.clone(), Arc::new(world.clock.clone()), &settings)
        .await
        .unwrap();
    let connections = Connections::new(&settings);
    let parts = Parts {
        settings,
        store,
        clock: Arc::new(world.clock.clone()),
        auth,
        connections,
        tasks: TaskTracker::new(),
        shutdown: world.server.shutdown.child_token(),
    };
    Server::build(parts).await.unwrap()
}

/// The payload of the one item, and when it was published.
async fn told(server: &Server) -> Option<(String, i64)> {
    let service = BareJid::parse("pubsub.localhost").unwrap();
    let view = server.host.view(&service, NODE).await.unwrap()?;
    let anybody = pubsub::Actor {
        jid: BareJid::parse("romeo@localhost").unwrap().into(),
        no: server.store.jids().number("romeo@localhost").await.unwrap(),
    };
    assert_eq!(&*view.name, NODE);
    let page = server
        .host
        .items(&service, &anybody, NODE, pubsub::ItemsQuery::All)
        .await
        .unwrap();
    let item = page.items.first().unwrap();
    let payload = String::from_utf8(item.payload.as_ref().unwrap().to_vec()).unwrap();
    Some((payload, item.modified.0))
}

#[tokio::test]
async fn it_is_told_as_long_as_the_operator_wants_it() {
    let world = world(|settings| settings.tells_of_server = true).await;
    let first = told(&world.server).await.unwrap();
    assert!(first.0.contains("<domain name='localhost'/>"), "{}", first.0);
    assert!(!first.0.contains("<os>"));

    // Nothing new: nobody is told again.
    world.clock.advance(1_000);
    let again = next_start(&world, |_| {}).await;
    assert_eq!(told(&again).await.unwrap(), first);

    let other = next_start(&world, |settings| settings.told_os = Some("plan9")).await;
    assert!(told(&other).await.unwrap().0.contains("<os>plan9</os>"));

    let silent = next_start(&world, |settings| settings.tells_of_server = false).await;
    assert_eq!(told(&silent).await, None);
    let silent = next_start(&world, |settings| settings.tells_of_server = false).await;
    assert_eq!(told(&silent).await, None);
}
