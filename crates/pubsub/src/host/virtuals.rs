//! Subscriptions to virtual nodes: the public stream, hash tags and followed words.
//!
//! A virtual node has no items and no configuration, so all there is to remember is who subscribed. Full JIDs'
//! subscriptions last as long as their session and are kept in memory only; bare JIDs' are stored, in a node row made
//! at the first of them. Every view with subscribers is in memory, for those who route events. Nobody is told of these
//! subscriptions, so there are no events about them.

use std::collections::HashMap;
use std::sync::Arc;

use bus::{AccessModel, NodeConfig, NodeKind, NodeView, Subscriber, SubscriptionState, Virtual};
use format::search::{Search, WordSet, mark};
use parking_lot::RwLock;
use store::{JidNo, NodeNo, PostId};
use tokio::sync::oneshot;
use wire::{BareJid, Jid};

use super::load::{all_nodes, subscriber};
use super::made::{create_write, one_write};
use super::steps::Queued;
use super::subscribe::{find, told, with_subscriber, without_subscriber};
use super::{Accepted, Host, Subscription};
use crate::access::Actor;
use crate::error::PubsubError;

/// Subscriptions to virtual nodes that one account may have.
const MAX_SUBSCRIPTIONS: usize = 1_000;
/// The number of a node without a row.
const NO_ROW: NodeNo = NodeNo(0);

/// A service's address and a node's name.
type Place = (Arc<str>, Arc<str>);

/// All virtual nodes with subscribers.
#[derive(Default)]
pub(super) struct Virtuals(RwLock<Tables>);

#[derive(Default)]
struct Tables {
    /// By the service's address, then the node's name.
    views: HashMap<Arc<str>, HashMap<Arc<str>, Arc<NodeView>>>,
    /// The same for each subscriber, once for each subscription.
    of: HashMap<JidNo, Vec<Place>>,
    /// The searches at each service's address, by what their rarest word is remembered by.
    searches: HashMap<Arc<str>, HashMap<u32, Vec<Followed>>>,
}

/// Followed words with subscribers.
struct Followed {
    search: Arc<Search>,
    name: Arc<str>,
}

/// Followed words that a text may have.
#[derive(Clone, Debug)]
pub struct FollowedSearch {
    /// What a text must have.
    pub search: Arc<Search>,
    /// The virtual node with its subscribers.
    pub view: Arc<NodeView>,
}

impl Tables {
    fn view(&self, service: &str, name: &str) -> Option<&Arc<NodeView>> {
        self.views.get(service)?.get(name)
    }

    fn set(&mut self, view: NodeView) {
        let of_service = self.views.entry(Arc::from(view.owner_jid.as_str())).or_default();
        let is_kept = !(view.subscribers.is_empty() && view.no == NO_ROW);
        if let NodeKind::Virtual(Virtual::Search(words)) = &view.kind
            && is_kept != of_service.contains_key(&view.name)
            && let search = words.search()
            && let Some(key) = search.rarest().map(mark)
        {
            let searches = self
                .searches
                .entry(Arc::from(view.owner_jid.as_str()))
                .or_default();
            let same = searches.entry(key).or_default();
            same.retain(|followed| followed.name != view.name);
            if is_kept {
                let (search, name) = (Arc::new(search), Arc::clone(&view.name));
                same.push(Followed { search, name });
            } else if same.is_empty() {
                searches.remove(&key);
            }
        }
        if is_kept {
            of_service.insert(Arc::clone(&view.name), Arc::new(view));
        } else {
            of_service.remove(&view.name);
        }
    }

    /// The searches with subscribers of which a text may have all words.
    fn searches(&self, service: &str, words: &WordSet) -> Vec<FollowedSearch> {
        let Some(searches) = self.searches.get(service) else {
            return Vec::new();
        };
        let candidates: Vec<&Followed> = match words.marks() {
            Some(marks) => marks
                .iter()
                .filter_map(|mark| searches.get(mark))
                .flatten()
                .collect(),
            None => searches.values().flatten().collect(),
        };
        let views = candidates
            .into_iter()
            .filter(|followed| followed.search.may_be_in(words))
            .filter_map(|followed| {
                let view = self.view(service, &followed.name)?;
                Some(FollowedSearch {
                    search: Arc::clone(&followed.search),
                    view: Arc::clone(view),
                })
            });
        views.filter(|found| !found.view.subscribers.is_empty()).collect()
    }

    fn add(&mut self, view: &NodeView, subscriber: &Subscriber) {
        let place = (Arc::from(view.owner_jid.as_str()), Arc::clone(&view.name));
        self.of.entry(subscriber.no).or_default().push(place);
        self.set(with_subscriber(view, subscriber.clone()));
    }

    fn remove(&mut self, service: &str, name: &str, gone: &Subscriber) {
        if let Some(all) = self.of.get_mut(&gone.no) {
            if let Some(at) = all
                .iter()
                .position(|(at, node)| **at == *service && **node == *name)
            {
                all.swap_remove(at);
            }
            if all.is_empty() {
                self.of.remove(&gone.no);
            }
        }
        if let Some(view) = self.view(service, name) {
            let view = without_subscriber(view, gone);
            self.set(view);
        }
    }
}

impl Host {
    /// Reads the stored subscriptions of virtual nodes. Once, before use.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn start(&self) -> Result<(), PubsubError> {
        self.end_passing().await?;
        self.start_follow_ups();
        self.start_indexing();
        for domain in &self.inner.settings.domains {
            let name = format!("{}{domain}", self.inner.settings.pubsub_prefix);
            let service = BareJid::parse(&name).map_err(|_| PubsubError::InvalidName("service address"))?;
            let owner = self.inner.store.jids().number(service.as_str()).await?;
            let read = self.inner.store.read(move |reader| {
                let rows = all_nodes(reader, owner)?.into_iter();
                rows.filter(|row| Virtual::on_service(&row.name).is_some())
                    .map(|row| {
                        let subscriptions = reader.each_subscription(row.no, subscriber)?;
                        Ok((row, subscriptions))
                    })
                    .collect::<Result<Vec<_>, store::ReadError>>()
            });
            let rows = read.await?;
            let mut tables = self.inner.virtuals.0.write();
            for (row, subscriptions) in rows {
                let Some(which) = Virtual::on_service(&row.name) else {
                    continue;
                };
                let view = self.empty_view(&service, owner, &which);
                let mut view = NodeView {
                    no: row.no,
                    created: row.created,
                    ..view
                };
                tables.set(view.clone());
                for subscriber in subscriptions {
                    tables.add(&view, &subscriber);
                    view = with_subscriber(&view, subscriber);
                }
            }
        }
        Ok(())
    }

    /// A virtual node that somebody subscribes to; `None` when nobody does.
    #[must_use]
    pub fn virtual_view(&self, service: &str, name: &str) -> Option<Arc<NodeView>> {
        let tables = self.inner.virtuals.0.read();
        tables
            .view(service, name)
            .filter(|view| !view.subscribers.is_empty())
            .cloned()
    }

    /// The followed words at a service's address that a text may have, those that somebody subscribes to.
    #[must_use]
    pub fn followed_searches(&self, service: &str, words: &WordSet) -> Vec<FollowedSearch> {
        self.inner.virtuals.0.read().searches(service, words)
    }

    /// The threads that somebody subscribes to: the service's address and the number in the node's name.
    #[must_use]
    pub fn subscribed_threads(&self) -> Vec<(BareJid, PostId)> {
        let tables = self.inner.virtuals.0.read();
        let views = tables.views.values().flat_map(HashMap::values);
        views
            .filter_map(|view| match &view.kind {
                NodeKind::Virtual(Virtual::Thread(number)) => Some((view.owner_jid.clone(), *number)),
                _ => None,
            })
            .collect()
    }

    /// The virtual nodes at this address that an account subscribes to.
    pub(super) fn virtual_views_of(&self, service: &BareJid, no: JidNo) -> Vec<Arc<NodeView>> {
        let tables = self.inner.virtuals.0.read();
        let mut views: Vec<_> = tables
            .of
            .get(&no)
            .into_iter()
            .flatten()
            .filter(|(at, _)| **at == *service.as_str())
            .filter_map(|(at, name)| tables.view(at, name).cloned())
            .collect();
        views.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        views.dedup_by(|a, b| a.name == b.name);
        views
    }

    /// A virtual node without subscribers.
    pub(super) fn empty_view(&self, owner_jid: &BareJid, owner: JidNo, which: &Virtual) -> NodeView {
        NodeView {
            no: NO_ROW,
            owner,
            owner_jid: owner_jid.clone(),
            name: which.name(),
            kind: NodeKind::Virtual(which.clone()),
            created: self.inner.clock.now(),
            config: Arc::new(NodeConfig::microblog(match which {
                Virtual::Home | Virtual::Notifications => AccessModel::Whitelist,
                Virtual::PublicStream
                | Virtual::Tag(_)
                | Virtual::Search(_)
                | Virtual::Thread(_)
                | Virtual::Posts
                | Virtual::Community(_)
                | Virtual::ShownSubscriptions
                | Virtual::ShownSubscribers(_)
                | Virtual::Replies => AccessModel::Open,
            })),
            affiliations: Arc::from([]),
            subscribers: bus::Subscribers::default(),
            inherits: None,
        }
    }

    pub(super) async fn subscribe_virtual(
        &self,
        service: &BareJid,
        actor: &Actor,
        which: &Virtual,
        jid: &Jid,
    ) -> Result<Accepted<Subscription>, PubsubError> {
        if matches!(
            which,
            Virtual::Home | Virtual::Posts | Virtual::Replies | Virtual::Notifications
        ) {
            // One's own sessions get it by announcing that they want it.
            return Err(PubsubError::Unsupported("subscribe"));
        }
        self.may_see(actor, which)?;
        self.check_shown(service, actor, which).await?;
        // A community has a node of its own to follow.
        let is_shown = matches!(
            which,
            Virtual::ShownSubscriptions | Virtual::ShownSubscribers(_) | Virtual::Community(_)
        );
        if is_shown && jid.resource().is_none() {
            // They are to be looked at. Nobody collects them for ever.
            return Err(PubsubError::InvalidJid);
        }
        if jid.resource().is_some() && *jid != actor.jid {
            // It lasts as long as its session, and only a session's own end is certain.
            return Err(PubsubError::InvalidJid);
        }
        let owner = self.inner.store.jids().number(service.as_str()).await?;
        let mut tables = self.inner.virtuals.0.write();
        let there = tables.view(service.as_str(), &which.name());
        let mut view = there.map_or_else(
            || self.empty_view(service, owner, which),
            |view| NodeView::clone(view),
        );
        let (subscriber, is_new) = match find(&view, actor.no, jid.resource(), None) {
            Ok(there) => (there.clone(), false),
            Err(_) => (
                self.new_subscriber(actor, jid, SubscriptionState::Subscribed),
                true,
            ),
        };
        if is_new
            && tables
                .of
                .get(&actor.no)
                .is_some_and(|all| all.len() >= MAX_SUBSCRIPTIONS)
        {
            return Err(PubsubError::TooManySubscriptions);
        }
        let subscription = told(&view, &subscriber, jid);
        if subscriber.resource.is_some() {
            if is_new {
                tables.add(&view, &subscriber);
            }
            return Ok(Accepted::at_once(subscription));
        }
        let mut writes = Vec::new();
        let is_row_new = view.no == NO_ROW;
        if is_row_new {
            view.no = self.inner.store.next_node();
            writes.push(create_write(&view));
        }
        writes.push(self.put_write(&view, &subscriber));
        let queued = self.queue(one_write(writes))?;
        if is_new {
            tables.add(&view, &subscriber);
        }
        drop(tables);
        let host = self.clone();
        Ok(self.when_stored(queued, subscription, move || {
            let mut tables = host.inner.virtuals.0.write();
            tables.remove(view.owner_jid.as_str(), &view.name, &subscriber);
            if is_row_new && let Some(now) = tables.view(view.owner_jid.as_str(), &view.name) {
                let now = NodeView {
                    no: NO_ROW,
                    ..NodeView::clone(now)
                };
                tables.set(now);
            }
        }))
    }

    pub(super) fn unsubscribe_virtual(
        &self,
        service: &BareJid,
        actor: &Actor,
        which: &Virtual,
        jid: &Jid,
        subid: Option<&str>,
    ) -> Result<Accepted<()>, PubsubError> {
        let mut tables = self.inner.virtuals.0.write();
        let view = tables
            .view(service.as_str(), &which.name())
            .ok_or(PubsubError::NotSubscribed)?;
        let view = Arc::clone(view);
        let subscriber = find(&view, actor.no, jid.resource(), subid)?.clone();
        if subscriber.resource.is_some() {
            tables.remove(service.as_str(), &view.name, &subscriber);
            return Ok(Accepted::at_once(()));
        }
        let mut writes = vec![store::subscriptions::remove(
            view.no,
            actor.no,
            String::new(),
            subscriber.subid.to_string(),
        )];
        let is_last = view
            .subscribers
            .iter()
            .all(|one| one.resource.is_some() || one.no == actor.no);
        if is_last {
            // Names are endless: a row stays only while there is something to remember by it.
            writes.push(store::nodes::delete(view.no, self.inner.clock.now()));
        }
        let queued = self.queue(one_write(writes))?;
        tables.remove(service.as_str(), &view.name, &subscriber);
        if is_last && let Some(left) = tables.view(service.as_str(), &view.name) {
            let left = NodeView {
                no: NO_ROW,
                ..NodeView::clone(left)
            };
            tables.set(left);
        }
        drop(tables);
        let host = self.clone();
        Ok(self.when_stored(queued, (), move || {
            let mut tables = host.inner.virtuals.0.write();
            let now = tables
                .view(view.owner_jid.as_str(), &view.name)
                .map(|now| NodeView {
                    no: view.no,
                    ..NodeView::clone(now)
                });
            tables.add(
                &now.unwrap_or(NodeView {
                    subscribers: bus::Subscribers::default(),
                    ..NodeView::clone(&view)
                }),
                &subscriber,
            );
        }))
    }

    /// Ends the temporary subscriptions of a session that has ended.
    pub fn session_ended(&self, no: JidNo, resource: &str) {
        let mut tables = self.inner.virtuals.0.write();
        let Some(places) = tables.of.get(&no).cloned() else {
            return;
        };
        for (service, name) in places {
            let found = tables
                .view(&service, &name)
                .map(|view| find(view, no, Some(resource), None).cloned());
            if let Some(Ok(subscriber)) = found {
                tables.remove(&service, &name, &subscriber);
            }
        }
    }

    /// An answer that waits for a write that belongs to no owner's step; `undo` runs where it fails.
    pub(super) fn when_stored<T: Send + 'static>(
        &self,
        queued: Queued,
        value: T,
        undo: impl FnOnce() + Send + 'static,
    ) -> Accepted<T> {
        let (done, outcome) = oneshot::channel();
        self.inner.tasks.spawn(async move {
            let result = queued.pending.await.map(drop).map_err(|error| {
                tracing::warn!(%error, "a subscription could not be stored");
                undo();
                PubsubError::from(&error)
            });
            // Whoever asked may have gone.
            let _ = done.send(result);
        });
        Accepted {
            durable: Box::pin(
                async move { outcome.await.unwrap_or(Err(PubsubError::Storage)).map(|()| value) },
            ),
        }
    }
}
