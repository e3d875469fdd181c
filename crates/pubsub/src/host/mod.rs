//! The owners of nodes: each decides, numbers and enqueues in one step under its own lock, so that whatever is asked
//! of one owner is judged in the order in which it was asked.
//!
//! Delivered first, stored in parallel, acknowledged when durable: see `steps.rs`. The rules themselves are in
//! [`crate::access`], [`crate::form`] and [`crate::profile`]; who gets an event is the sinks' business.

mod accounts;
mod affiliations;
mod configs;
mod disco;
mod items;
mod last;
mod load;
mod made;
mod nodes;
mod publish;
mod retract;
mod state;
mod steps;
mod subscribe;
mod virtuals;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bus::{Event, EventSink, NodeView, Virtual, owner_of};
use lru::LruCache;
use parking_lot::Mutex;
use store::{BoxFuture, Clock, JidNo, Store, Ticket};
use tokio_util::task::TaskTracker;
use wire::BareJid;

pub use disco::NodeInfo;
pub use items::{ItemsPage, ItemsQuery};
pub use publish::NewItem;
pub use subscribe::Subscription;

use crate::access::{Actor, Blocking, Reader, Relation, Relations, needs_relation};
use crate::error::PubsubError;
use configs::Configs;
use state::{Owner, OwnerKind, OwnerState};
use steps::Settling;
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
}

/// Longest name of a node or item, in bytes.
const MAX_NAME: usize = 1_023;

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
    shards: Vec<Mutex<LruCache<JidNo, Arc<Owner>>>>,
    virtuals: Virtuals,
    configs: Configs,
    settling: Mutex<Settling>,
    /// The last write, whosever: what timelines wait for.
    last_write: Mutex<Ticket>,
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
            shards,
            virtuals: Virtuals::default(),
            configs: Configs::default(),
            settling: Mutex::default(),
            last_write: Mutex::new(Ticket::NONE),
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

    /// What the host was told about the server.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
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

    /// The pubsub service of the domain that an account belongs to.
    #[must_use]
    pub fn service_of(&self, account: &BareJid) -> String {
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
        self.with(&owner, node, |state| {
            state.nodes.get(node).map(|node| Arc::clone(node.view()))
        })
        .await
    }

    /// What somebody's right to read a node depends on.
    pub async fn reader(&self, actor: &Actor, view: &NodeView) -> Reader {
        let relation = if actor.no != view.owner && needs_relation(view) {
            self.inner.relations.relation(view.owner, actor.no).await
        } else {
            Relation::default()
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
            Some(_) => Err(PubsubError::NotAllowed),
            None => Ok(()),
        }
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

/// A node's name, checked.
fn check_name(name: &str) -> Result<(), PubsubError> {
    if name.is_empty() {
        return Err(PubsubError::NodeIdRequired);
    }
    if name.len() > MAX_NAME {
        return Err(PubsubError::InvalidName("name too long"));
    }
    Ok(())
}
