//! A server in this process with a clock that stands still and a store whose commits can be
//! held back, and the clients that talk to it over pipes in memory.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine;
use sha1::Digest;
use store::{Fault, Options, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::{Document, Limits, Scanned, Scanner};
use xmpp::auth::Auth;
use xmpp::listen::{self, Connections, Peer};
use xmpp::server::{Parts, Server};
use xmpp::settings::{Component, Contacts, Registration, Settings, Share};
use xmpp::unified_push::{self, Pushed};

use crate::manual_clock::ManualClock;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "secret";
const PIPE_BYTES: usize = 1 << 20;
/// Every component's secret.
const COMPONENT_SECRET: &str = "verona";
/// Little, so that what a component does not read soon waits in the server.
const COMPONENT_PIPE_BYTES: usize = 4 * 1024;

/// What a client took from its connection.
pub enum Arrival {
    /// A stanza, a nonza or a stream error.
    Stanza(Document),
    /// The end of the stream or of the connection.
    End,
}

/// A server, its clock and its clients by name.
pub struct World {
    /// The server's time.
    pub clock: ManualClock,
    pub(crate) server: Arc<Server>,
    store: Store,
    folder: PathBuf,
    clients: BTreeMap<String, Client>,
    is_held: bool,
    asked: u32,
    /// The last push by an app's server.
    push: Option<JoinHandle<Pushed>>,
}

impl World {
    /// A server for `localhost` with an empty database.
    pub async fn start() -> World {
        World::start_with(|_| {}).await
    }

    /// The same, configured otherwise.
    pub async fn start_with(configure: impl FnOnce(&mut Settings)) -> World {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("folkmoot-world-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the database can be made");
        let clock = ManualClock::new();
        let options = Options {
            clock: Arc::new(clock.clone()),
            ..Options::default()
        };
        let store = Store::open(&folder, &options).expect("an empty database opens");
        let mut settings = Settings {
            registration: Registration::Open,
            scram_rounds: 1,
            is_dev: true,
            contacts: Contacts {
                abuse: vec!["mailto:abuse@localhost".into(), "xmpp:abuse@localhost".into()],
                admin: vec!["mailto:admin@localhost".into()],
                ..Contacts::default()
            },
            components: components(),
            ..Settings::for_domain("localhost")
        };
        configure(&mut settings);
        let auth = Auth::open(store.clone(), Arc::new(clock.clone()), &settings)
            .await
            .expect("secrets can be made");
        let connections = Connections::new(&settings);
        let parts = Parts {
            settings,
            store: store.clone(),
            clock: Arc::new(clock.clone()),
            auth,
            connections,
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        };
        let server = Server::build(parts).await.expect("the server builds");
        World {
            clock,
            server,
            store,
            folder,
            clients: BTreeMap::new(),
            is_held: false,
            asked: 0,
            push: None,
        }
    }

    /// Closes everything and removes the database.
    pub async fn end(self) {
        self.store.faults().release();
        self.server.shutdown.cancel();
        drop(self.clients);
        self.store.close().await;
        // The folder lies among temporary files; what cannot be removed harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    /// Registers an account over a connection of its own (XEP-0077).
    pub async fn make_account(&mut self, name: &str) -> Result<(), String> {
        let mut client = self.open().await?;
        let register = format!(
            "<iq type='set' id='register'><query xmlns='jabber:iq:register'><username>{name}</username>\
             <password>{PASSWORD}</password></query></iq>"
        );
        client.ask("register", &register).await?;
        client.send(b"</stream:stream>").await
    }

    /// Gives an account the rights of an administrator.
    pub async fn make_administrator(&mut self, name: &str) -> Result<(), String> {
        let jid = format!("{name}@localhost");
        let no = self
            .store
            .jids()
            .number(&jid)
            .await
            .map_err(|error| error.to_string())?;
        let written = self.store.write(store::accounts::make_admin(no)).await;
        written.map(drop).map_err(|error| error.to_string())
    }

    /// Pushes to an endpoint, as an app's server would.
    pub fn push(&mut self, token: String, body: Vec<u8>) {
        let server = self.server.clone();
        self.push = Some(tokio::spawn(async move {
            let pushed = unified_push::push(&server, &token, &body).await;
            pushed.expect("endpoints can be read")
        }));
    }

    /// Waits for what came of the last push, and says how it is not what was expected.
    pub async fn pushed(&mut self, expected: &str) -> Result<(), String> {
        let push = self.push.take().ok_or("nothing was pushed")?;
        let outcome = push.await.map_err(|error| error.to_string())?;
        if format!("{outcome:?}") == expected {
            Ok(())
        } else {
            Err(format!("the push is {outcome:?}"))
        }
    }

    /// Subscribes both to each other's presence, as two clients would.
    pub async fn befriend(&mut self, one: &str, other: &str) -> Result<(), String> {
        let mut first = self.sign_in(one, "befriending").await?;
        let mut second = self.sign_in(other, "befriending").await?;
        for (asker, answerer, whom, by) in [(true, false, other, one), (false, true, one, other)] {
            debug_assert_ne!(asker, answerer);
            let (asking, answering) = if asker {
                (&mut first, &mut second)
            } else {
                (&mut second, &mut first)
            };
            asking
                .send(format!("<presence type='subscribe' to='{whom}@localhost'/>").as_bytes())
                .await?;
            asking.sync("asked").await?;
            answering
                .send(format!("<presence type='subscribed' to='{by}@localhost'/>").as_bytes())
                .await?;
            answering.sync("answered").await?;
        }
        first.leave().await?;
        second.leave().await
    }

    /// Subscribes one to the other's microblog.
    pub async fn follow(&mut self, who: &str, whom: &str) -> Result<(), String> {
        let mut client = self.sign_in(who, "following").await?;
        let subscribe = format!(
            "<iq type='set' id='follow' to='{whom}@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
             <subscribe node='urn:xmpp:microblog:0' jid='{who}@localhost'/></pubsub></iq>"
        );
        client.ask("follow", &subscribe).await?;
        client.leave().await
    }

    /// Posts a text.
    pub async fn post(&mut self, who: &str, id: &str, text: &str) -> Result<(), String> {
        let mut client = self.sign_in(who, "posting").await?;
        let publish = format!(
            "<iq type='set' id='post'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
             <publish node='urn:xmpp:microblog:0'><item id='{id}'><entry xmlns='http://www.w3.org/2005/Atom'>\
             <title type='text'>{text}</title></entry></item></publish></pubsub></iq>"
        );
        client.ask("post", &publish).await?;
        client.leave().await
    }

    /// Signs in as `NAME` or `NAME/RESOURCE` and keeps the client under that name.
    pub async fn connect(&mut self, who: &str) -> Result<(), String> {
        let (name, resource) = who.split_once('/').unwrap_or((who, who));
        let client = self.sign_in(name, resource).await?;
        self.clients.insert(who.to_owned(), client);
        Ok(())
    }

    /// Signs in as `NAME` or `NAME/RESOURCE` and binds nothing.
    pub async fn only_sign_in(&mut self, who: &str) -> Result<(), String> {
        let (name, resource) = who.split_once('/').unwrap_or((who, who));
        let mut client = self.authenticated(name).await?;
        client.jid = format!("{name}@localhost/{resource}");
        self.clients.insert(who.to_owned(), client);
        Ok(())
    }

    /// Connects, announces availability (and interest in nodes), and puts aside what that brings.
    pub async fn come_online(&mut self, who: &str, wanted: &[String]) -> Result<(), String> {
        self.connect(who).await?;
        let client = self.client(who)?;
        if wanted.is_empty() {
            client.send(b"<presence/>").await?;
        } else {
            client.announce(wanted).await?;
        }
        // Theirs first: what others get follows from what they sent.
        self.settle_and_collect(who).await?;
        for name in self.clients.keys().cloned().collect::<Vec<_>>() {
            self.settle_and_collect(&name).await?;
        }
        Ok(())
    }

    /// Opens a connection and says nothing on it.
    pub fn open_connection(&mut self, who: &str) {
        let client = self.silent();
        self.clients.insert(who.to_owned(), client);
    }

    /// Opens a stream in the name of `NAME` or `NAME/RESOURCE` and takes the features.
    pub async fn open_stream(&mut self, who: &str) -> Result<Document, String> {
        let name = who.split('/').next().unwrap_or(who);
        let mut client = self.silent();
        let header = format!(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             from='{name}@localhost' to='localhost' version='1.0'>"
        );
        client.send(header.as_bytes()).await?;
        let features = client.stanza().await?;
        self.clients.insert(who.to_owned(), client);
        Ok(features)
    }

    /// The client of this name.
    pub fn client(&mut self, who: &str) -> Result<&mut Client, String> {
        self.clients
            .get_mut(who)
            .ok_or_else(|| format!("{who} is not connected"))
    }

    /// Forgets a client whose connection ended.
    pub fn forget(&mut self, who: &str) {
        self.clients.remove(who);
    }

    /// Connects a component, `DOMAIN` or `DOMAIN/WHICH` of several connections, and keeps it under that name.
    pub async fn connect_component(&mut self, who: &str) -> Result<(), String> {
        self.prove_component(who).await?;
        let answer = self.client(who)?.stanza().await?;
        if answer.root().name() == "handshake" {
            Ok(())
        } else {
            Err(format!("{who} may not connect: {}", text(&answer)))
        }
    }

    /// The same up to the handshake, whatever the answer is.
    pub async fn prove_component(&mut self, who: &str) -> Result<(), String> {
        let domain = who.split_once('/').map_or(who, |(domain, _)| domain);
        let mut client = self.silent_component(domain);
        client
            .send(
                format!(
                    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' \
                     to='{domain}'>"
                )
                .as_bytes(),
            )
            .await?;
        let id = client.stream_id().await?;
        let digest = sha1::Sha1::digest(format!("{id}{COMPONENT_SECRET}").as_bytes());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        client
            .send(format!("<handshake>{digest}</handshake>").as_bytes())
            .await?;
        self.clients.insert(who.to_owned(), client);
        Ok(())
    }

    /// Opens a component's connection and says nothing on it.
    pub fn open_component(&mut self, who: &str) {
        let domain = who.split_once('/').map_or(who, |(domain, _)| domain);
        let client = self.silent_component(domain);
        self.clients.insert(who.to_owned(), client);
    }

    fn silent_component(&self, domain: &str) -> Client {
        let (ours, theirs) = tokio::io::duplex(COMPONENT_PIPE_BYTES);
        self.server
            .tasks
            .spawn(listen::serve_component(self.server.clone(), theirs));
        Client {
            pipe: ours,
            scanner: Scanner::tcp(Limits::SERVER),
            buffer: Vec::new(),
            jid: domain.to_owned(),
        }
    }

    /// Ends a client's connection without a word, and waits until the server noticed.
    pub async fn break_off(&mut self, who: &str) -> Result<(), String> {
        let jid = self.client(who)?.jid.clone();
        if is_component(&jid) {
            let left = self.server.components.count() - 1;
            self.forget(who);
            while self.server.components.count() > left {
                tokio::task::yield_now().await;
            }
            return Ok(());
        }
        self.forget(who);
        while self
            .server
            .registry
            .all()
            .iter()
            .any(|session| session.jid.as_str() == jid)
        {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Ends a client's connection without a word, and waits until its session waits for it.
    pub async fn lose_connection(&mut self, who: &str) -> Result<(), String> {
        let jid = self.client(who)?.jid.clone();
        self.forget(who);
        let is_waiting = |server: &Server| {
            server
                .registry
                .all()
                .iter()
                .find(|session| session.jid.as_str() == jid)
                .map(|session| session.is_hibernating())
        };
        while !is_waiting(&self.server).ok_or_else(|| format!("{who} has no session"))? {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// How many sessions wait for their clients.
    pub fn waiting_sessions(&self) -> usize {
        let all = self.server.registry.all();
        all.iter().filter(|session| session.is_hibernating()).count()
    }

    /// Stops the server while its store stays open; what was received and sent is finished.
    pub async fn stop(&mut self) {
        self.clients.clear();
        self.server.shutdown.cancel();
        self.server.tasks.close();
        self.server.tasks.wait().await;
    }

    /// How many messages wait for an account.
    pub fn waiting_messages(&self, name: &str) -> Result<u64, String> {
        let jid = format!("{name}@localhost");
        let no = self.store.jids().number_cached(&jid).ok_or("no such account")?;
        self.store
            .read_now(move |reader| reader.offline_count(no))
            .map_err(|error| error.to_string())
    }

    /// Everything that has arrived for a client once nothing is under way any more.
    pub async fn settle_and_collect(&mut self, who: &str) -> Result<Vec<Document>, String> {
        if !self.is_held {
            let nothing = self.store.write(store::Write::all(Vec::new()));
            nothing.await.map_err(|error| error.to_string())?;
        }
        let mut collected = Vec::new();
        // Twice: what the first answer overtook has arrived before the second.
        for _ in 0..2 {
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
            self.asked += 1;
            let id = format!("settled-{}", self.asked);
            collected.extend(self.client(who)?.sync(&id).await?);
        }
        Ok(collected)
    }

    /// Gives what follows from changed and deleted items the time to be done; where a commit failed, some of it waits.
    pub async fn follow_ups(&self) -> Result<(), String> {
        for _ in 0..2_000 {
            let jobs = self.store.read(|reader| {
                use store::computed::{CHANGED, GONE};
                Ok(reader.jobs(GONE)?.len() + reader.jobs(CHANGED)?.len())
            });
            if jobs.await.map_err(|error| error.to_string())? == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The writer stops before its next commit.
    pub fn hold_commits(&mut self) {
        self.is_held = true;
        self.store.faults().hold();
    }

    /// The writer goes on.
    pub fn release_commits(&mut self) {
        self.is_held = false;
        self.store.faults().release();
    }

    /// The next commit fails as if the disk were full.
    pub fn fail_next_commit(&mut self) {
        self.store.faults().fail_next(1, Fault::Full);
    }

    async fn authenticated(&mut self, name: &str) -> Result<Client, String> {
        let mut client = self.open().await?;
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("\0{name}\0{PASSWORD}"));
        let auth =
            format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{credentials}</auth>");
        client.send(auth.as_bytes()).await?;
        let outcome = client.stanza().await?;
        if outcome.root().name() != "success" {
            return Err(format!("{name} may not sign in: {}", text(&outcome)));
        }
        client.scanner.restart();
        client.header().await?;
        Ok(client)
    }

    async fn sign_in(&mut self, name: &str, resource: &str) -> Result<Client, String> {
        let mut client = self.authenticated(name).await?;
        let bind = format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>{resource}</resource></bind></iq>"
        );
        client.ask("bind", &bind).await?;
        client.jid = format!("{name}@localhost/{resource}");
        Ok(client)
    }

    async fn open(&mut self) -> Result<Client, String> {
        let mut client = self.silent();
        client.header().await?;
        Ok(client)
    }

    fn silent(&self) -> Client {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let peer = Peer::direct(IpAddr::V4(Ipv4Addr::LOCALHOST));
        self.server
            .tasks
            .spawn(listen::serve_io(self.server.clone(), theirs, peer));
        Client {
            pipe: ours,
            scanner: Scanner::tcp(Limits::SERVER),
            buffer: Vec::new(),
            jid: String::new(),
        }
    }
}

/// Whether an address is a component's: it is known from the start, and nobody's in particular.
pub fn is_component(jid: &str) -> bool {
    !jid.is_empty() && !jid.contains('@')
}

/// Those that transcripts may connect.
fn components() -> Vec<Component> {
    let component = |domain: &str| Component::new(domain, COMPONENT_SECRET);
    vec![
        Component {
            name: Some("Chat rooms of IRC".to_owned()),
            ..component("irc.localhost")
        },
        Component {
            connections: 2,
            share: Share::Recipient,
            ..component("plays.localhost")
        },
        Component {
            queue_bytes: COMPONENT_PIPE_BYTES,
            ..component("small.localhost")
        },
    ]
}

/// One client's end of a connection.
pub struct Client {
    pipe: DuplexStream,
    scanner: Scanner,
    buffer: Vec<u8>,
    jid: String,
}

impl Client {
    /// The full JID; empty before it is known.
    pub fn jid(&self) -> &str {
        &self.jid
    }

    /// It was told its address.
    pub(crate) fn known_as(&mut self, jid: &str) {
        jid.clone_into(&mut self.jid);
    }

    /// Writes bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.pipe
            .write_all(bytes)
            .await
            .map_err(|error| error.to_string())
    }

    /// The next thing that arrives.
    pub async fn next(&mut self) -> Result<Arrival, String> {
        loop {
            let scanned = self
                .scanner
                .scan(&self.buffer)
                .map_err(|error| error.to_string())?;
            match scanned {
                Scanned::More => {
                    let count = self
                        .pipe
                        .read_buf(&mut self.buffer)
                        .await
                        .map_err(|error| error.to_string())?;
                    if count == 0 {
                        return Ok(Arrival::End);
                    }
                }
                Scanned::Space { len } | Scanned::Header { len, .. } => drop(self.buffer.drain(..len)),
                Scanned::End { .. } => return Ok(Arrival::End),
                Scanned::Stanza { len, head } => {
                    let stanza = wire::ingress(&self.buffer[..len], &head, self.scanner.context(), None);
                    self.buffer.drain(..len);
                    return Ok(Arrival::Stanza(stanza.document()));
                }
            }
        }
    }

    async fn stanza(&mut self) -> Result<Document, String> {
        match self.next().await? {
            Arrival::Stanza(document) => Ok(document),
            Arrival::End => Err("the server closed the stream".to_owned()),
        }
    }

    async fn header(&mut self) -> Result<(), String> {
        self.send(
            b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
              to='localhost' version='1.0'>",
        )
        .await?;
        let features = self.stanza().await?;
        if features.root().name() == "features" {
            Ok(())
        } else {
            Err(text(&features))
        }
    }

    /// Sends a request that must succeed; everything else that arrives before its answer is dropped.
    async fn ask(&mut self, id: &str, request: &str) -> Result<(), String> {
        self.send(request.as_bytes()).await?;
        loop {
            let answer = self.stanza().await?;
            let root = answer.root();
            if root.name() == "iq" && root.attr("id").as_deref() == Some(id) {
                return if root.attr("type").as_deref() == Some("result") {
                    Ok(())
                } else {
                    Err(text(&answer))
                };
            }
        }
    }

    /// Waits for the server's header; the id of its stream.
    async fn stream_id(&mut self) -> Result<String, String> {
        loop {
            if let Scanned::Header { len, header } = self
                .scanner
                .scan(&self.buffer)
                .map_err(|error| error.to_string())?
            {
                self.buffer.drain(..len);
                return header.id.ok_or_else(|| "the stream has no id".to_owned());
            }
            let read = self.pipe.read_buf(&mut self.buffer).await;
            if read.map_err(|error| error.to_string())? == 0 {
                return Err("the server closed the connection".to_owned());
            }
        }
    }

    /// Pings the server; what arrives before the answer.
    async fn sync(&mut self, id: &str) -> Result<Vec<Document>, String> {
        let from = if !is_component(&self.jid) {
            String::new()
        } else {
            format!(" from='{}'", self.jid)
        };
        self.send(
            format!("<iq type='get' id='{id}' to='localhost'{from}><ping xmlns='urn:xmpp:ping'/></iq>")
                .as_bytes(),
        )
        .await?;
        let mut before = Vec::new();
        loop {
            let arrived = self.stanza().await?;
            if arrived.root().name() == "iq" && arrived.root().attr("id").as_deref() == Some(id) {
                return Ok(before);
            }
            before.push(arrived);
        }
    }

    /// Presence with capabilities (XEP-0115) that announce these nodes, and the answer to the server's question.
    async fn announce(&mut self, wanted: &[String]) -> Result<(), String> {
        let mut features: Vec<String> = wanted.iter().map(|node| format!("{node}+notify")).collect();
        features.push("http://jabber.org/protocol/disco#info".to_owned());
        features.sort();
        let verification = format!("client/bot//transcript<{}<", features.join("<"));
        let ver =
            base64::engine::general_purpose::STANDARD.encode(sha1::Sha1::digest(verification.as_bytes()));
        self.send(
            format!(
                "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:example:transcript' \
                 ver='{ver}'/></presence>"
            )
            .as_bytes(),
        )
        .await?;
        let id = format!("caps-{ver}");
        self.send(
            format!("<iq type='get' id='{id}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>").as_bytes(),
        )
        .await?;
        loop {
            let arrived = self.stanza().await?;
            let root = arrived.root();
            let Some(asked) = root.attr("id").filter(|_| root.name() == "iq") else {
                continue;
            };
            if asked == id {
                return Ok(());
            }
            if root.attr("type").as_deref() == Some("get") {
                let var = |feature: &String| format!("<feature var='{feature}'/>");
                let answer = format!(
                    "<iq type='result' id='{asked}' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info' \
                     node='urn:example:transcript#{ver}'><identity category='client' type='bot' name='transcript'/>{}\
                     </query></iq>",
                    features.iter().map(var).collect::<String>()
                );
                self.send(answer.as_bytes()).await?;
            }
        }
    }

    async fn leave(mut self) -> Result<(), String> {
        self.send(b"</stream:stream>").await?;
        while let Arrival::Stanza(_) = self.next().await? {}
        Ok(())
    }
}

fn text(document: &Document) -> String {
    String::from_utf8_lossy(document.bytes()).into_owned()
}
