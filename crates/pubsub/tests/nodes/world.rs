//! A host over a real store in a folder that vanishes, with a clock that stands still and rosters of a few words.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bus::{AccessModel, Event, EventSink, MICROBLOG, PublishKind, SubscriptionState};
use format::form::{DataForm, Field, FormType};
use parking_lot::Mutex;
use pubsub::{
    Accepted, Actor, Blocking, Change, Host, ItemsPage, ItemsQuery, NewItem, PubsubError, Relation,
    Relations, Settings, Wanted,
};
use store::accounts::{self, Account, AccountState};
use store::{BoxFuture, Clock, JidNo, Options, Store, Timestamp};
use tokio_util::task::TaskTracker;
use wire::{BareJid, Jid};

/// A moment in 2027 at which every test begins.
const START: Timestamp = Timestamp(1_800_000_000_000);

/// Time that passes only when told.
#[derive(Default)]
pub struct StoppedClock(AtomicU64);

impl StoppedClock {
    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp(START.0 + self.monotonic_ms() as i64)
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn sleep(&self, _: u64) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// Who sees whose presence, and in which groups they are.
#[derive(Default)]
pub struct Rosters {
    relations: Mutex<HashMap<(JidNo, JidNo), Relation>>,
    blocked: Mutex<HashSet<(JidNo, JidNo)>>,
}

impl Rosters {
    pub fn set(&self, owner: JidNo, actor: JidNo, relation: Relation) {
        self.relations.lock().insert((owner, actor), relation);
    }

    pub fn get(&self, owner: JidNo, actor: JidNo) -> Relation {
        self.relations
            .lock()
            .get(&(owner, actor))
            .cloned()
            .unwrap_or_default()
    }

    #[allow(dead_code, reason = "for the tests of timelines")]
    pub fn block(&self, who: JidNo, whom: JidNo) {
        self.blocked.lock().insert((who, whom));
    }
}

impl Relations for Rosters {
    fn relation(&self, owner: JidNo, actor: JidNo) -> BoxFuture<'_, Relation> {
        assert_ne!(owner, actor, "never asked about oneself");
        Box::pin(std::future::ready(self.get(owner, actor)))
    }

    fn blocking(&self, actor: &Actor, other: JidNo, _: &BareJid) -> Blocking {
        let blocked = self.blocked.lock();
        Blocking {
            blocks: blocked.contains(&(actor.no, other)),
            is_blocked: blocked.contains(&(other, actor.no)),
        }
    }
}

/// Remembers events, and what they looked like.
#[derive(Default)]
pub struct Recorder {
    events: Mutex<Vec<Event>>,
    added: tokio::sync::Notify,
}

impl EventSink for Recorder {
    fn accept(&self, event: &Event) {
        self.events.lock().push(event.clone());
        self.added.notify_waiters();
    }
}

impl Recorder {
    /// The events since the last call.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock())
    }

    /// The same in words.
    pub fn told(&self) -> Vec<String> {
        self.take().iter().map(told).collect()
    }

    /// Waits until something was told of this in words, and gives all told until then.
    pub async fn until(&self, wanted: &str) -> Vec<String> {
        loop {
            let added = self.added.notified();
            let told: Vec<_> = self.events.lock().iter().map(told).collect();
            if told.iter().any(|one| one == wanted) {
                self.take();
                return told;
            }
            added.await;
        }
    }
}

/// An event in a few words.
pub fn told(event: &Event) -> String {
    let node = &event.view().name;
    let node = if **node == *MICROBLOG { "blog" } else { node };
    match event {
        Event::Published { item, kind, .. } => {
            let kind = match kind {
                PublishKind::New => "new",
                PublishKind::Edit => "edit",
                PublishKind::Restored => "restored",
            };
            format!("{kind} {node} {} {}", item.id, text(item.payload.as_deref()))
        }
        Event::Retracted { id, notify, .. } => {
            format!("retract {node} {id}{}", if *notify { "" } else { " quietly" })
        }
        Event::Listed { item, is_listed, .. } => {
            format!(
                "{} {node} {}",
                if *is_listed { "list" } else { "unlist" },
                item.id
            )
        }
        Event::LastItem { item, to, .. } => format!("last {node} {} to {}", item.id, to.jid),
        Event::Purged { .. } => format!("purge {node}"),
        Event::NodeCreated { .. } => format!("create {node}"),
        Event::NodeConfigured { .. } => format!("configure {node}"),
        Event::NodeDeleted { .. } => format!("delete {node}"),
        Event::Subscribed { jid, subscriber, .. } => format!("{} {node} {jid}", subscriber.state.as_str()),
        Event::Unsubscribed { jid, .. } => format!("unsubscribe {node} {jid}"),
        Event::AffiliationChanged { affiliation, .. } => {
            format!("affiliation {node} {}", affiliation.as_str())
        }
    }
}

/// The text of a payload's title, or of the payload.
pub fn text(payload: Option<&[u8]>) -> String {
    let Some(payload) = payload else {
        return "nothing".into();
    };
    let document = wire::Document::parse(payload).unwrap();
    let root = document.root();
    root.child("title", wire::ns::ATOM)
        .unwrap_or(root)
        .text()
        .into_owned()
}

/// A host and all that it stands on.
pub struct World {
    pub store: Store,
    pub host: Host,
    pub clock: Arc<StoppedClock>,
    pub sink: Arc<Recorder>,
    pub rosters: Arc<Rosters>,
    pub tasks: TaskTracker,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        self.store.faults().release();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl World {
    /// A host without accounts, and nobody but the recorder to listen.
    pub async fn new() -> World {
        let world = World::unheard();
        world.host.set_sinks(vec![world.sink.clone()]);
        world.host.start().await.unwrap();
        world
    }

    /// The same before anybody listens.
    pub fn unheard() -> World {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("folkmoot-nodes-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        World::at(folder)
    }

    fn at(folder: PathBuf) -> World {
        let clock = Arc::new(StoppedClock::default());
        let options = Options {
            clock: clock.clone(),
            ..Options::default()
        };
        let store = Store::open(&folder, &options).unwrap();
        let rosters = Arc::new(Rosters::default());
        let tasks = TaskTracker::new();
        let host = Host::new(
            store.clone(),
            clock.clone(),
            rosters.clone(),
            Settings::default(),
            tasks.clone(),
        );
        World {
            store,
            host,
            clock,
            sink: Arc::default(),
            rosters,
            tasks,
            folder,
        }
    }

    /// The same after a restart.
    pub async fn restarted(self) -> World {
        self.settled().await;
        self.store.close().await;
        let world = World::at(self.folder.clone());
        world.clock.advance(self.clock.monotonic_ms() + 1);
        world.host.set_sinks(vec![world.sink.clone()]);
        world.host.start().await.unwrap();
        // The folder goes on in the new world.
        std::mem::forget(self);
        world
    }

    /// Waits until nothing is undecided, and whatever follows from it has happened.
    pub async fn settled(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }

    /// Somebody's client.
    pub async fn actor(&self, jid: &str) -> Actor {
        let jid = Jid::parse(jid).unwrap();
        let no = self.store.jids().number(jid.bare_str()).await.unwrap();
        Actor { jid, no }
    }

    /// An account with a blog that `access` may read, and its client.
    pub async fn account(&self, name: &str, access: AccessModel) -> Actor {
        let actor = self.actor(&format!("{name}@localhost/client")).await;
        let account = accounts::create(Account {
            no: actor.no,
            domain: "localhost".into(),
            localpart: name.into(),
            state: AccountState::Active,
            is_admin: false,
            created: self.clock.now(),
            last_login: None,
            settings: String::new(),
        });
        let founded = self
            .host
            .found_account(&actor.jid.bare(), access, account, None)
            .await
            .unwrap();
        founded.await.unwrap();
        self.settled().await;
        self.sink.take();
        actor
    }

    /// Publishes to the actor's own node.
    pub async fn publish(
        &self,
        actor: &Actor,
        node: &str,
        id: &str,
        payload: &str,
    ) -> Result<Accepted<Vec<Arc<str>>>, PubsubError> {
        self.publish_with(actor, node, id, payload, None).await
    }

    pub async fn publish_with(
        &self,
        actor: &Actor,
        node: &str,
        id: &str,
        payload: &str,
        options: Option<&DataForm>,
    ) -> Result<Accepted<Vec<Arc<str>>>, PubsubError> {
        let item = NewItem {
            id: Some(id.into()),
            payload: Some(payload.as_bytes().to_vec()),
        };
        self.host
            .publish(&actor.jid.bare(), actor, node, vec![item], options)
            .await
    }

    /// The same with a post, until it is stored.
    pub async fn post(&self, actor: &Actor, id: &str, text: &str) {
        self.publish(actor, MICROBLOG, id, &entry(text))
            .await
            .unwrap()
            .durable
            .await
            .unwrap();
    }

    /// The ids of a node's items, as a reader gets them.
    pub async fn ids(&self, owner: &Actor, reader: &Actor, node: &str) -> Result<Vec<String>, PubsubError> {
        let page = self.read(owner, reader, node, ItemsQuery::All).await?;
        Ok(page.items.iter().map(|item| item.id.to_string()).collect())
    }

    pub async fn read(
        &self,
        owner: &Actor,
        reader: &Actor,
        node: &str,
        query: ItemsQuery,
    ) -> Result<ItemsPage, PubsubError> {
        self.host.items(&owner.jid.bare(), reader, node, query).await
    }

    pub fn service(&self) -> BareJid {
        BareJid::parse("pubsub.localhost").unwrap()
    }
}

/// A post as a client sends it.
pub fn entry(text: &str) -> String {
    format!("<entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>{text}</title></entry>")
}

/// A payload that means nothing here.
pub fn note(text: &str) -> String {
    format!("<note xmlns='urn:example:note'>{text}</note>")
}

/// What an owner wants of all subscriptions of an address.
pub fn wanted(jid: &Jid, state: Option<SubscriptionState>) -> Wanted {
    Wanted {
        jid: jid.clone(),
        subid: None,
        change: state.map_or(Change::End, Change::To),
    }
}

/// A submitted form of this type.
pub fn form(form_type: &str, fields: &[(&str, &str)]) -> DataForm {
    let form = DataForm::new(FormType::Submit).with_form_type(form_type);
    fields.iter().fold(form, |form, (var, value)| {
        form.with(Field::plain(format!("pubsub#{var}"), *value))
    })
}
