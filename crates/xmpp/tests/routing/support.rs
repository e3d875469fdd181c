//! A server on a folder of its own, accounts, and sessions that nobody reads but the test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// A folder among the temporary files that goes with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("folkmoot-routing-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub async fn server(folder: &Folder) -> Arc<Server> {
    server_with(folder, ManualClock::new(), |_| {}).await
}

/// The same under a clock of the test's, configured otherwise.
pub async fn server_with(
    folder: &Folder,
    clock: ManualClock,
    configure: impl FnOnce(&mut Settings),
) -> Arc<Server> {
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let options = Options {
        clock: clock.clone(),
        ..Options::default()
    };
    let store = Store::open(folder.path(), &options).unwrap();
    let mut settings = Settings {
        scram_rounds: 1,
        is_dev: true,
        ..Settings::for_domain("localhost")
    };
    configure(&mut settings);
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
pub async fn stop(server: Arc<Server>) {
    server.shutdown.cancel();
    let store = server.store.clone();
    drop(server);
    store.close().await;
}

pub async fn account(server: &Arc<Server>, name: &str) -> (JidNo, BareJid) {
    let new = NewAccount {
        domain: "localhost",
        name,
        password: "secret",
        audience: None,
    };
    let authority = Authority::Operator { is_admin: false };
    let made = server.register(authority, new).await.unwrap();
    (
        server.store.jids().number(made.jid.as_str()).await.unwrap(),
        made.jid,
    )
}

/// A bound session without a connection, of an account or of nobody in particular.
pub async fn session(server: &Server, full: &str) -> Arc<Session> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let jid = Jid::parse(full).unwrap();
    let no = server.store.jids().number(jid.bare_str()).await.unwrap();
    let session = Session::detached(NEXT.fetch_add(1, Ordering::Relaxed), jid, no);
    server.registry.bind(session.clone());
    session
}

/// Routes a stanza as if the session's client had sent it; `from` is stamped.
pub async fn send(server: &Arc<Server>, session: &Arc<Session>, stanza: &str) {
    let stanza = Stanza::parse(stanza.as_bytes()).unwrap();
    let stanza = stanza.with(wire::Set::To(session.jid.as_str()), wire::Set::Keep);
    if let Routed::Later(rest) = router::route(server, session, stanza) {
        rest.await;
    }
}

/// What arrived at a session and holds `what`, as text.
pub fn arrived(session: &Session, what: &str) -> Vec<String> {
    let all = session
        .drain()
        .into_iter()
        .map(|bytes| String::from_utf8(bytes).unwrap());
    all.filter(|stanza| stanza.contains(what)).collect()
}
