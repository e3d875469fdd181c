//! The owners of nodes: each decides, numbers and enqueues in one step under its own lock, so that whatever is asked
//! of one owner is judged in the order in which it was asked.
//!
//! Delivered first, stored in parallel, acknowledged when durable: see `steps.rs`. The rules themselves are in
//! [`crate::access`], [`crate::form`] and [`crate::profile`]; who gets an event is the sinks' business.

mod accounts;
mod affiliations;
mod boosts;
mod choice;
mod community;
mod computed;
mod configs;
mod conversation;
mod disco;
mod expiry;
mod feeds;
mod follow_up;
mod indexing;
mod items;
mod last;
mod load;
mod made;
mod main_blog;
mod nodes;
mod options;
mod pages;
mod publish;
mod query;
mod requests;
mod retract;
mod room;
mod shown;
mod state;
mod steps;
mod subscribe;
mod subscribers;
mod summary;
mod virtuals;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bus::{ComputedName, Event, EventSink, NodeView, Virtual, owner_of};
use lru::LruCache;
use parking_lot::Mutex;
use store::{BoxFuture, Clock, JidNo, Store, Ticket};
use tokio_util::task::TaskTracker;
use wire::BareJid;

pub use affiliations::AffiliationsSet;
pub use choice::Choice;
pub use disco::{NodeInfo, NodesPage};
pub use last::DueItem;
pub use options::Ended;
pub use publish::NewItem;
pub use query::{IdsPage, ItemsPage, ItemsQuery, ItemsRequest, Order, OrderBy, Sense, turn};
pub use requests::{Verdict, WaitingRequest};
pub use subscribe::{Changed, Subscription};
pub use subscribers::{Change, Modified, Unchanged, Wanted};
pub use virtuals::FollowedSearch;

use crate::access::{Actor, Blocking, Reader, Relation, Relations, needs_relation};
use crate::consequences::Consequences;
use crate::error::PubsubError;
use computed::Freshness;
use configs::Configs;
use follow_up::FollowUps;
use options::Ends;
use state::{Owner, OwnerKind, OwnerState};
use steps::Settling;
use summary::Summaries;
use virtuals::Virtuals;

/// What the nodes need to know about the server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The domains whose accounts live here.
    pub domains: Vec<String>,
    /// What precedes a domain in the name of its pubsub service.
    pub pubsub_prefix: String,
    /// Where the pages are, without a slash at the end.
    pub site_url: String,
    /// The largest payload, in bytes.
    pub payload_bytes: usize,
    /// Nodes that one account may have, and that one account may create on the service.
    pub nodes_per_owner: usize,
    /// Owners remembered while nobody asks for them.
    pub owners_cached: usize,
    /// Who may create nodes on the service.
    pub creators: Creators,
    /// Whether people of other servers may, as everybody of ours.
    pub strangers_create: bool,
    /// Who may read the public stream, tags and what is found by words.
    pub public_stream: PublicStream,
}

/// Who may read the public stream, tags and what is found by words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PublicStream {
    /// Everybody, of whatever server, and on the web.
    #[default]
    Everyone,
    /// The accounts of this server.
    Accounts,
    /// Nobody: there is none.
    Nobody,
}

/// Who may create nodes on the pubsub service (XEP-0060 §8.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creators {
    /// Everybody with an account here.
    Everybody,
    /// Administrators.
    Admins,
    /// Nobody.
    Nobody,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            domains: vec!["localhost".to_owned()],
            pubsub_prefix: "pubsub.".to_owned(),
            site_url: "http://localhost:5280".to_owned(),
            payload_bytes: 262_144,
            nodes_per_owner: 1_000,
            owners_cached: 20_000,
            creators: Creators::Everybody,
            strangers_create: false,
            public_stream: PublicStream::default(),
        }
    }
}

/// A decision. Its events are out, or wait for its commit; it stands once `durable` says so.
///
/// Dropping it loses only the answer: what could not be stored is withdrawn in any case.
pub struct Accepted<T> {
    /// Ends when the decision is durable, or withdrawn.
    pub durable: BoxFuture<'static, Result<T, PubsubError>>,
}

impl<T: Send + 'static> Accepted<T> {
    /// A decision for which nothing had to be stored.
    fn at_once(value: T) -> Accepted<T> {
        Accepted {
            durable: Box::pin(std::future::ready(Ok(value))),
        }
    }

    /// The same decision, told otherwise.
    fn map<U>(self, tell: impl FnOnce(T) -> U + Send + 'static) -> Accepted<U> {
        Accepted {
            durable: Box::pin(async move { self.durable.await.map(tell) }),
        }
    }
}

/// Longest name of a node or item, in bytes.
const MAX_NAME: usize = 1_023;
/// Longest name of a computed node, in bytes: every byte of a node's and an item's name may take three.
const MAX_COMPUTED_NAME: usize = 8_192;

/// All nodes of this server.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    relations: Arc<dyn Relations>,
    settings: Settings,
    tasks: TaskTracker,
    sinks: OnceLock<Vec<Arc<dyn EventSink>>>,
    consequences: OnceLock<Arc<dyn Consequences>>,
    follow_ups: FollowUps,
    summaries: Summaries,
    /// Whoever has it lists a node's items as the node is.
    listing: tokio::sync::Mutex<()>,
    shards: Vec<Mutex<LruCache<JidNo, Arc<Owner>>>>,
    ends: Ends,
    virtuals: Virtuals,
    configs: Configs,
    settling: Mutex<Settling>,
    /// The last write, whosever: what timelines wait for.
    last_write: Mutex<Ticket>,
    /// One search for words at a time, however many ask: the others' reads go on beside it.
    searching: tokio::sync::Semaphore,
}

impl Host {
    /// A host without nodes in memory. Background work is spawned on `tasks`.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        relations: Arc<dyn Relations>,
        settings: Settings,
        tasks: TaskTracker,
    ) -> Host {
        let shards = (0..bus::owner::SHARDS)
            .map(|_| Mutex::new(LruCache::unbounded()))
            .collect();
        let inner = Inner {
            store,
            clock,
            relations,
            settings,
            tasks,
            sinks: OnceLock::new(),
            consequences: OnceLock::new(),
            follow_ups: FollowUps::default(),
            summaries: Summaries::default(),
            listing: tokio::sync::Mutex::default(),
            shards,
            ends: Ends::default(),
            virtuals: Virtuals::default(),
            configs: Configs::default(),
            settling: Mutex::default(),
            last_write: Mutex::new(Ticket::NONE),
            searching: tokio::sync::Semaphore::new(1),
        };
        Host {
            inner: Arc::new(inner),
        }
    }

    /// Says who consumes events, in this order. Only the first call counts.
    pub fn set_sinks(&self, sinks: Vec<Arc<dyn EventSink>>) {
        // A second call would lose events of the first sinks.
        let _ = self.inner.sinks.set(sinks);
    }

    /// Says who knows whom an item notifies. Only the first call counts.
    pub fn set_consequences(&self, consequences: Arc<dyn Consequences>) {
        let _ = self.inner.consequences.set(consequences);
    }

    /// What the host was told about the server.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Where the host has its time from.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// What the host's background work is spawned on.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.inner.tasks
    }

    /// Whether this is the pubsub service of one of our domains.
    #[must_use]
    pub fn is_service(&self, jid: &BareJid) -> bool {
        let settings = &self.inner.settings;
        jid.node().is_none()
            && jid
                .domain()
                .strip_prefix(settings.pubsub_prefix.as_str())
                .is_some_and(|domain| settings.domains.iter().any(|one| one == domain))
    }

    /// The pubsub service of the domain that an account belongs to; of a service, itself.
    #[must_use]
    pub fn service_of(&self, account: &BareJid) -> String {
        if self.is_service(account) {
            return account.to_string();
        }
        format!("{}{}", self.inner.settings.pubsub_prefix, account.domain())
    }

    /// The virtual node of this name at this address, if there is one.
    #[must_use]
    pub fn virtual_at(&self, owner: &BareJid, node: &str) -> Option<Virtual> {
        if self.is_service(owner) {
            Virtual::on_service(node)
        } else {
            Virtual::on_account(node)
        }
    }

    /// Whether somebody may look at a virtual node, as far as the server's configuration says so (`public_stream`).
    ///
    /// # Errors
    /// `ClosedNode` where it is not for them, `NodeNotFound` where there is none.
    pub fn may_see(&self, actor: &Actor, which: &Virtual) -> Result<(), PubsubError> {
        if !which.is_public() {
            return Ok(());
        }
        match self.inner.settings.public_stream {
            PublicStream::Everyone => Ok(()),
            PublicStream::Accounts if actor.jid.node().is_some() && self.is_ours(actor.jid.domain()) => {
                Ok(())
            }
            PublicStream::Accounts => Err(PubsubError::ClosedNode),
            PublicStream::Nobody => Err(PubsubError::NodeNotFound),
        }
    }

    /// The turn of a search for words; whoever holds it searches.
    pub async fn searching(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        // It is never closed.
        self.inner.searching.acquire().await.ok()
    }

    /// The last write of any owner: what reads over many nodes wait for, so that whoever reads on a notification
    /// finds the item.
    #[must_use]
    pub fn last_write(&self) -> Ticket {
        *self.inner.last_write.lock()
    }

    /// A node as it is now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn view(&self, owner: &BareJid, node: &str) -> Result<Option<Arc<NodeView>>, PubsubError> {
        let Some(owner) = self.owner(owner).await? else {
            return Ok(None);
        };
        self.view_at(&owner, node, Freshness::Settled).await
    }

    async fn view_at(
        &self,
        owner: &Arc<Owner>,
        node: &str,
        freshness: Freshness,
    ) -> Result<Option<Arc<NodeView>>, PubsubError> {
        match self.spot(owner, node, freshness).await {
            Ok(spot) => {
                let found = self.within(owner, &spot, |state| {
                    state.node(&spot.name).map(|node| Arc::clone(&node.view))
                });
                found.await
            }
            Err(PubsubError::NodeNotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What somebody's right to read a node depends on.
    pub async fn reader(&self, actor: &Actor, view: &NodeView) -> Reader {
        let relation = match view.access_node() {
            Some(node) if actor.no != node.owner && needs_relation(node) => {
                self.inner.relations.relation(node.owner, actor.no).await
            }
            Some(_) | None => Relation::default(),
        };
        Reader {
            no: actor.no,
            relation,
        }
    }

    /// Whether somebody and another person, such as the author of a post, block each other.
    #[must_use]
    pub fn blocking(&self, actor: &Actor, other: JidNo, other_jid: &BareJid) -> Blocking {
        if actor.no == other {
            return Blocking::default();
        }
        self.inner.relations.blocking(actor, other, other_jid)
    }

    /// Whether one of two people sees the other's presence.
    pub async fn are_contacts(&self, one: JidNo, other: JidNo) -> bool {
        let relations = &self.inner.relations;
        relations.relation(one, other).await.has_presence || relations.relation(other, one).await.has_presence
    }

    /// The owner at this address; `None` when nobody of that name was ever heard of here.
    async fn owner(&self, jid: &BareJid) -> Result<Option<Arc<Owner>>, PubsubError> {
        let is_service = self.is_service(jid);
        let kind = if is_service {
            OwnerKind::Service
        } else {
            OwnerKind::Account
        };
        if !is_service && (jid.node().is_none() || !self.is_ours(jid.domain())) {
            return Ok(None);
        }
        let jids = self.inner.store.jids();
        let no = match jids.number_cached(jid.as_str()) {
            Some(no) => no,
            None if is_service => jids.number(jid.as_str()).await?,
            None => match jids.find(jid.as_str()).await? {
                Some(no) => no,
                None => return Ok(None),
            },
        };
        Ok(Some(self.owner_numbered(no, jid, kind)))
    }

    fn owner_numbered(&self, no: JidNo, jid: &BareJid, kind: OwnerKind) -> Arc<Owner> {
        let bus::Owner::Here(shard) = owner_of(no);
        let mut owners = self.inner.shards[usize::from(shard.0)].lock();
        if let Some(owner) = owners.get(&no) {
            return Arc::clone(owner);
        }
        let owner = Arc::new(Owner {
            no,
            jid: jid.clone(),
            kind,
            state: Mutex::new(OwnerState::default()),
        });
        owners.put(no, Arc::clone(&owner));
        self.forget_some(&mut owners);
        owner
    }

    /// Forgets owners that were not asked for of late. Those that somebody holds, or that have something undecided
    /// (which holds them), stay.
    fn forget_some(&self, owners: &mut LruCache<JidNo, Arc<Owner>>) {
        let capacity = (self.inner.settings.owners_cached / self.inner.shards.len()).max(1);
        let mut tries = 2 * owners.len().saturating_sub(capacity);
        while owners.len() > capacity && tries > 0 {
            tries -= 1;
            let Some((no, owner)) = owners.pop_lru() else {
                return;
            };
            if Arc::strong_count(&owner) > 1 {
                owners.put(no, owner);
            }
        }
    }

    /// Checks the name of a node that something is to be done with which no virtual node allows.
    fn check_own(&self, owner: &BareJid, node: &str) -> Result<(), PubsubError> {
        check_name(node)?;
        match self.virtual_at(owner, node) {
            // XEP-0465 §5
            Some(Virtual::ShownSubscriptions | Virtual::ShownSubscribers(_)) => Err(PubsubError::Forbidden),
            Some(_) => Err(PubsubError::NotAllowed),
            None => Ok(()),
        }
    }

    /// The same for what has an error of its own where a node cannot do it (§7.1.3.2, §7.2.3.6, §8.5.3.1, §8.9.1.3).
    fn check_supports(&self, owner: &BareJid, node: &str, feature: &'static str) -> Result<(), PubsubError> {
        self.check_own(owner, node)
            .map_err(|error| unsupported(error, feature))
    }

    fn is_ours(&self, domain: &str) -> bool {
        self.inner.settings.domains.iter().any(|one| one == domain)
    }

    fn emit(&self, event: &Event) {
        for sink in self.inner.sinks.get().into_iter().flatten() {
            sink.accept(event);
        }
    }

    /// The address of each number, in their order. A number without a name is a damaged database.
    async fn addresses(&self, numbers: &[JidNo]) -> Result<HashMap<JidNo, BareJid>, PubsubError> {
        let names = self.inner.store.jids().names(numbers).await?;
        let mut addresses = HashMap::with_capacity(numbers.len());
        for (no, name) in numbers.iter().zip(names) {
            let jid = name
                .and_then(|name| BareJid::parse(&name).ok())
                .ok_or(PubsubError::Storage)?;
            addresses.insert(*no, jid);
        }
        Ok(addresses)
    }
}

/// What nobody can do with a node is something that it does not support.
fn unsupported(error: PubsubError, feature: &'static str) -> PubsubError {
    match error {
        PubsubError::NotAllowed => PubsubError::Unsupported(feature),
        other => other,
    }
}

/// A node's name, checked.
fn check_name(name: &str) -> Result<(), PubsubError> {
    if name.is_empty() {
        return Err(PubsubError::NodeIdRequired);
    }
    // What belongs to an item has the item's address in its name.
    let longest = if ComputedName::is_reserved(name) {
        MAX_COMPUTED_NAME
    } else {
        MAX_NAME
    };
    if name.len() > longest {
        return Err(PubsubError::InvalidName("name too long"));
    }
    Ok(())
}
