//! An account's deletion that a restart interrupted is finished by the next start, and others learn of it.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::accounts::AccountState;
use store::{Clock, JidNo, Options, Store};
use testkit::manual_clock::ManualClock;
use wire::{BareJid, Jid, Stanza};
use xmpp::auth::Auth;
use xmpp::auth::accounts::{Authority, NewAccount};
use xmpp::listen::Connections;
use xmpp::router::{self, Routed};
use xmpp::server::{Parts, Server};
use xmpp::session::Session;
use xmpp::settings::Settings;

async fn server(folder: &Path) -> Arc<Server> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let store = Store::open(
        folder,
        &Options {
            clock: clock.clone(),
            ..Options::default()
        },
    )
    .unwrap();
    let settings = Settings {
        scram_rounds: 1,
        is_dev: true,
        ..Settings::for_domain("localhost")
    };
    let auth = Auth::open(store.clone(), clock.clone(), &settings).await.unwrap();
    let parts = Parts {
        connections: Connections::new(&settings),
        settings,
        store,
        clock,
        auth,
        tasks: Default::default(),
        shutdown: Default::default(),
    };
    Server::build(parts).await.unwrap()
}

/// Stops a server as a crash would: nothing is finished, but what is stored is stored.
async fn stop(server: Arc<Server>) {
    server.shutdown.cancel();
    let store = server.store.clone();
    drop(server);
    store.close().await;
}

async fn account(server: &Server, name: &str) -> (JidNo, BareJid) {
    let new = NewAccount {
        domain: "localhost",
        name,
        password: "secret",
        audience: None,
    };
    let authority = Authority::Operator { is_admin: false };
    let made = server
        .auth
        .register(&server.settings, &server.host, authority, new)
        .await
        .unwrap();
    (
        server.store.jids().number(made.jid.as_str()).await.unwrap(),
        made.jid,
    )
}

fn session(server: &Server, id: u64, no: JidNo, jid: &BareJid) -> Arc<Session> {
    let session = Session::detached(id, Jid::parse(&format!("{jid}/x")).unwrap(), no);
    server.registry.bind(session.clone());
    session
}

async fn send(server: &Arc<Server>, session: &Arc<Session>, stanza: &str) {
    let stanza = Stanza::parse(stanza.as_bytes()).unwrap();
    if let Routed::Later(rest) = router::route(server, session, stanza) {
        rest.await;
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // It lies among temporary files; what cannot be removed harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn the_next_start_finishes_a_deletion() {
    let folder = Folder(std::env::temp_dir().join(format!("folkmoot-deletion-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();

    let first = server(&folder.0).await;
    let (juliet_no, juliet) = account(&first, "juliet").await;
    let (romeo_no, romeo) = account(&first, "romeo").await;
    let (a, b) = (
        session(&first, 1, juliet_no, &juliet),
        session(&first, 2, romeo_no, &romeo),
    );
    send(
        &first,
        &b,
        "<presence from='romeo@localhost/x' to='juliet@localhost' type='subscribe'/>",
    )
    .await;
    send(
        &first,
        &a,
        "<presence from='juliet@localhost/x' to='romeo@localhost' type='subscribed'/>",
    )
    .await;
    let sees = |server: &Arc<Server>| {
        let server = server.clone();
        async move {
            let roster = server.rosters.of(romeo_no).await.unwrap();
            roster.with(|roster| roster.contact(juliet_no).is_some_and(|contact| contact.sees_it))
        }
    };
    assert!(sees(&first).await);
    // The write that begins it, and then the power goes.
    let now = first.clock.now();
    first
        .store
        .write(store::accounts::begin_deletion(juliet_no, now))
        .await
        .unwrap();
    stop(first).await;

    let second = server(&folder.0).await;
    second.tasks.close();
    while sees(&second).await
        || second
            .store
            .read(move |reader| reader.account(juliet_no))
            .await
            .unwrap()
            .is_some()
    {
        tokio::task::yield_now().await;
    }
    let retired = second
        .store
        .read(|reader| reader.is_name_retired("localhost", "juliet"))
        .await
        .unwrap();
    assert!(retired);
    let romeos = second
        .store
        .read(move |reader| reader.account(romeo_no))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(romeos.state, AccountState::Active);
    stop(second).await;
}
