//! Subscriptions: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §5.6, §6.1, §6.2, §8.8.
//!
//! One address has at most one subscription to a node; subscribing again gives the one that is there.

use std::sync::Arc;

use bus::{Event, NodeKind, NodeView, SubId, Subscriber, SubscriptionState};
use store::{JidNo, PostId, Write};
use wire::{BareJid, Jid};

use super::computed::{Freshness, UNWRITTEN};
use super::made::one_write;
use super::state::{Node, Owner, OwnerState};
use super::steps::{Deliver, Touched};
use super::{Accepted, Host, check_name};
use crate::access::{Actor, may_administer, may_subscribe};
use crate::error::PubsubError;

/// Subscriptions to one node that one account may have, by its resources; each costs everybody who publishes there.
const MAX_OF_ONE: usize = 20;

/// A subscription as it is told on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The address at which the node is.
    pub owner: BareJid,
    /// The node.
    pub node: Arc<str>,
    /// The subscriber.
    pub jid: Jid,
    /// How far it has come.
    pub state: SubscriptionState,
    /// Which one it is.
    pub subid: SubId,
}

impl Host {
    /// Subscribes an address of the actor's (§6.1). A full JID's subscription to a virtual node ends with its
    /// session.
    ///
    /// # Errors
    /// Every refusal of §6.1.3.
    pub async fn subscribe(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        jid: &Jid,
    ) -> Result<Accepted<Subscription>, PubsubError> {
        check_name(node)?;
        if jid.bare_str() != actor.jid.bare_str() {
            return Err(PubsubError::InvalidJid);
        }
        if let Some(which) = self.virtual_at(owner, node) {
            return self.subscribe_virtual(owner, actor, &which, jid).await;
        }
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, _) = self.enter(&owner, actor, node, Freshness::Settled).await?;
        let view = self
            .within(&owner, &spot, |state| {
                state.node(&spot.name).map(|node| Arc::clone(&node.view))
            })
            .await?
            .ok_or(PubsubError::NodeNotFound)?;
        let reader = self.reader(actor, &view).await;
        let sends_last = view.config.send_last != bus::SendLast::Never;
        if sends_last {
            self.fetch_last(&owner, &view).await?;
        }
        self.within(&owner, &spot, |state| {
            let is_same = |no| no == view.no || view.no == UNWRITTEN;
            let ready = state.node(&spot.name).filter(|node| is_same(node.view.no));
            let ready = ready.ok_or(PubsubError::NodeNotFound)?;
            let allowed = may_subscribe(&reader, &ready.view)?;
            let view = Arc::clone(&ready.view);
            let resource = jid.resource();
            let there = view
                .subscriptions_of(actor.no)
                .iter()
                .find(|one| one.resource.as_deref() == resource);
            // §6.1.3.7
            if allowed == SubscriptionState::Pending
                && there.is_some_and(|there| there.state == SubscriptionState::Pending)
            {
                return Err(PubsubError::PendingSubscription);
            }
            if let Some(there) = there
                && there.state == SubscriptionState::Subscribed
            {
                // Written once more: the first time may not be decided yet.
                let subscription = told(&view, there, jid);
                let queued = self.queue(self.put_write(&view, there))?;
                ready.last_ticket = queued.ticket;
                let (events, touched) = (Vec::new(), Vec::new());
                return Ok(self.finish(
                    &owner,
                    state,
                    queued,
                    Deliver::First,
                    events,
                    touched,
                    subscription,
                ));
            }
            if there.is_none() && view.subscriptions_of(actor.no).len() >= MAX_OF_ONE {
                return Err(PubsubError::TooManySubscriptions);
            }
            let subscriber = self.new_subscriber(actor, jid, allowed);
            self.add(&owner, state, &view, subscriber, jid)
        })
        .await?
    }

    /// The step of a new subscription, or of a changed state.
    fn add(
        &self,
        owner: &Arc<Owner>,
        state: &mut OwnerState,
        view: &Arc<NodeView>,
        subscriber: Subscriber,
        jid: &Jid,
    ) -> Result<Accepted<Subscription>, PubsubError> {
        let (view, mut writes) = self.written(view);
        let is_created = !writes.is_empty();
        if let NodeKind::Computed(computed) = &view.kind
            && computed.target != PostId(0)
        {
            writes.push(store::computed::require(computed.target));
        }
        let now = Arc::new(with_subscriber(&view, subscriber.clone()));
        writes.push(self.put_write(&view, &subscriber));
        writes.extend(self.follow_write(&view, &now, subscriber.no));
        let queued = self.queue(one_write(writes))?;
        let view = now;
        if is_created {
            state.remember(Node::created(Arc::clone(&view), queued.ticket));
        }
        let mut last = None;
        if let Some(node) = state.node(&view.name) {
            node.view = Arc::clone(&view);
            node.last_ticket = queued.ticket;
            last = node.last.clone();
        }
        let mut events = vec![Event::Subscribed {
            view: Arc::clone(&view),
            subscriber: subscriber.clone(),
            jid: jid.clone(),
        }];
        if let Some(item) = last
            && view.config.send_last != bus::SendLast::Never
            && subscriber.state == SubscriptionState::Subscribed
        {
            let to = bus::LastItemTo {
                no: subscriber.no,
                jid: jid.clone(),
            };
            events.push(Event::LastItem {
                view: Arc::clone(&view),
                item,
                to,
            });
        }
        let subscription = told(&view, &subscriber, jid);
        let touched = vec![Touched::Subscribed {
            view,
            subscriber,
            jid: jid.clone(),
        }];
        Ok(self.finish(
            owner,
            state,
            queued,
            Deliver::First,
            events,
            touched,
            subscription,
        ))
    }

    pub(super) fn new_subscriber(&self, actor: &Actor, jid: &Jid, state: SubscriptionState) -> Subscriber {
        Subscriber {
            no: actor.no,
            resource: jid.resource().map(Arc::from),
            subid: SubId(self.inner.store.post_ids().next(self.inner.clock.now()).0),
            state,
        }
    }

    /// Tells a person of a new follower of their posts, or takes that back: what changed for one subscriber.
    pub(super) fn follow_write(&self, before: &NodeView, now: &NodeView, no: JidNo) -> Option<Write> {
        if !now.is_microblog() {
            return None;
        }
        match (before.is_subscribed(no), now.is_subscribed(no)) {
            (false, true) => {
                let at = self.inner.clock.now();
                Some(store::notifications::followed(now.owner, no, at))
            }
            (true, false) => Some(store::notifications::unfollowed(now.owner, no)),
            (true, true) | (false, false) => None,
        }
    }

    pub(super) fn put_write(&self, view: &NodeView, subscriber: &Subscriber) -> Write {
        store::subscriptions::put(store::subscriptions::Subscription {
            node: view.no,
            no: subscriber.no,
            resource: subscriber.resource.as_deref().unwrap_or_default().to_owned(),
            subid: subscriber.subid.to_string(),
            state: subscriber.state.as_str().to_owned(),
            options: None,
            created: self.inner.clock.now(),
        })
    }

    /// Ends a subscription of the actor's (§6.2).
    ///
    /// # Errors
    /// Every refusal of §6.2.3.
    pub async fn unsubscribe(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        jid: &Jid,
        subid: Option<&str>,
    ) -> Result<Accepted<()>, PubsubError> {
        check_name(node)?;
        if jid.bare_str() != actor.jid.bare_str() {
            return Err(PubsubError::Forbidden);
        }
        if let Some(which) = self.virtual_at(owner, node) {
            return self.unsubscribe_virtual(owner, actor, &which, jid, subid);
        }
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        // Who may not read any more may still leave.
        let spot = self.spot(&owner, node, Freshness::Now).await?;
        self.within(&owner, &spot, |state| {
            let ready = state.node(&spot.name).ok_or(PubsubError::NodeNotFound)?;
            let view = Arc::clone(&ready.view);
            let subscriber = find(&view, actor.no, jid.resource(), subid)?.clone();
            self.change(&owner, state, &view, vec![(subscriber, jid.clone())], Vec::new())
        })
        .await?
    }

    /// The step that ends subscriptions and grants others.
    pub(super) fn change(
        &self,
        owner: &Arc<Owner>,
        state: &mut OwnerState,
        view: &Arc<NodeView>,
        gone: Vec<(Subscriber, Jid)>,
        granted: Vec<(Subscriber, Jid)>,
    ) -> Result<Accepted<()>, PubsubError> {
        let resource = |one: &Subscriber| one.resource.as_deref().unwrap_or_default().to_owned();
        let ended = gone
            .iter()
            .map(|(one, _)| store::subscriptions::remove(view.no, one.no, resource(one)));
        let writes = ended.chain(granted.iter().map(|(one, _)| self.put_write(view, one)));
        let mut writes: Vec<_> = writes.collect();
        let mut now = NodeView::clone(view);
        for (subscriber, _) in &gone {
            now = without_subscriber(&now, subscriber);
        }
        for (subscriber, _) in &granted {
            now = with_subscriber(&now, subscriber.clone());
        }
        let mut changed: Vec<_> = gone.iter().chain(&granted).map(|(one, _)| one.no).collect();
        changed.sort_unstable();
        changed.dedup();
        writes.extend(
            changed
                .into_iter()
                .filter_map(|no| self.follow_write(view, &now, no)),
        );
        let queued = self.queue(one_write(writes))?;
        let view = Arc::new(now);
        if let Some(node) = state.node(&view.name) {
            node.view = Arc::clone(&view);
            node.last_ticket = queued.ticket;
        }
        let mut events = Vec::with_capacity(gone.len() + granted.len());
        let mut touched = Vec::with_capacity(gone.len() + granted.len());
        for (subscriber, jid) in gone {
            let view = Arc::clone(&view);
            events.push(Event::Unsubscribed {
                view: Arc::clone(&view),
                subscriber: subscriber.clone(),
                jid: jid.clone(),
            });
            touched.push(Touched::Unsubscribed {
                view,
                subscriber,
                jid,
            });
        }
        for (subscriber, jid) in granted {
            let view = Arc::clone(&view);
            events.push(Event::Subscribed {
                view: Arc::clone(&view),
                subscriber: subscriber.clone(),
                jid: jid.clone(),
            });
            touched.push(Touched::Subscribed {
                view,
                subscriber,
                jid,
            });
        }
        Ok(self.finish(owner, state, queued, Deliver::First, events, touched, ()))
    }

    /// The actor's subscriptions at one address (§5.6).
    ///
    /// # Errors
    /// When the database cannot be read; `NodeNotFound` for a node that is not there.
    pub async fn subscriptions(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: Option<&str>,
    ) -> Result<Vec<Subscription>, PubsubError> {
        let Some(owned) = self.owner(owner).await? else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        match node {
            Some(name) if self.virtual_at(owner, name).is_none() => {
                let view = self.view(owner, name).await?.ok_or(PubsubError::NodeNotFound)?;
                all.extend(told_all(&view, actor)?);
            }
            Some(_) => {}
            None => {
                let (no, at) = (actor.no, owned.no);
                let after = owned.state.lock().last_ticket.unwrap_or(store::Ticket::NONE);
                self.inner.store.wait(after).await;
                let rows = self
                    .inner
                    .store
                    .read(move |reader| reader.subscriptions_of(no))
                    .await?;
                let mut names: Vec<_> = rows
                    .into_iter()
                    .filter(|row| row.owner == at)
                    .map(|row| row.name)
                    .collect();
                names.dedup();
                for name in names {
                    if self.virtual_at(owner, &name).is_none()
                        && let Some(view) = self.view(owner, &name).await?
                    {
                        all.extend(told_all(&view, actor)?);
                    }
                }
            }
        }
        for view in self.virtual_views_of(owner, actor.no) {
            if node.is_none_or(|name| {
                self.virtual_at(owner, name)
                    .is_some_and(|which| which.name() == view.name)
            }) {
                all.extend(told_all(&view, actor)?);
            }
        }
        Ok(all)
    }

    /// All subscriptions to a node, for its owners (§8.8.1).
    ///
    /// # Errors
    /// `Forbidden` to all but owners.
    pub async fn subscribers(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Vec<Subscription>, PubsubError> {
        self.check_own(owner, node)?;
        let view = self.owned_view(owner, actor, node).await?;
        let mut numbers: Vec<JidNo> = view.subscribers.iter().map(|one| one.no).collect();
        numbers.dedup();
        let addresses = self.addresses(&numbers).await?;
        view.subscribers
            .iter()
            .map(|one| {
                let bare = addresses.get(&one.no).ok_or(PubsubError::Storage)?;
                Ok(told(&view, one, &address(bare, one)?))
            })
            .collect()
    }

    /// Grants, or with `None` removes, subscriptions to a node (§8.8.2). Nobody is subscribed who did not ask.
    ///
    /// # Errors
    /// `Forbidden` to all but owners; `NotSubscribed` for an address without subscription.
    pub async fn set_subscribers(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        changes: &[(Jid, Option<SubscriptionState>)],
    ) -> Result<Accepted<()>, PubsubError> {
        self.check_own(owner, node)?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let mut numbers = Vec::with_capacity(changes.len());
        for (jid, _) in changes {
            // Who was never met subscribes to nothing, and is not given a number for being named here.
            let no = self.inner.store.jids().find(jid.bare_str()).await?;
            numbers.push(no.ok_or(PubsubError::NotSubscribed)?);
        }
        let (spot, _) = self.enter(&owner, actor, node, Freshness::Now).await?;
        self.within(&owner, &spot, |state| {
            let ready = state.node(&spot.name).ok_or(PubsubError::NodeNotFound)?;
            may_administer(actor.no, &ready.view)?;
            let view = Arc::clone(&ready.view);
            let (mut gone, mut granted) = (Vec::new(), Vec::new());
            for ((jid, wanted), no) in changes.iter().zip(&numbers) {
                let there = find(&view, *no, jid.resource(), None)?.clone();
                match wanted {
                    None => gone.push((there, jid.clone())),
                    Some(wanted) if *wanted != there.state => {
                        granted.push((
                            Subscriber {
                                state: *wanted,
                                ..there
                            },
                            jid.clone(),
                        ));
                    }
                    Some(_) => {}
                }
            }
            self.change(&owner, state, &view, gone, granted)
        })
        .await?
    }
}

/// The subscription of an address, which must be the one of this id if an id is given.
pub(super) fn find<'v>(
    view: &'v NodeView,
    no: JidNo,
    resource: Option<&str>,
    subid: Option<&str>,
) -> Result<&'v Subscriber, PubsubError> {
    let mut all = view.subscriptions_of(no).iter();
    let there = all
        .find(|one| one.resource.as_deref() == resource)
        .ok_or(PubsubError::NotSubscribed)?;
    match subid {
        Some(subid) if subid.parse() != Ok(there.subid) => Err(PubsubError::InvalidSubid),
        _ => Ok(there),
    }
}

/// The node with one subscription added, or replaced.
pub(super) fn with_subscriber(view: &NodeView, subscriber: Subscriber) -> NodeView {
    let no = subscriber.no;
    let mut mine = view.subscribers.of(no).to_vec();
    match mine.binary_search_by(|one| one.resource.cmp(&subscriber.resource)) {
        Ok(at) => mine[at] = subscriber,
        Err(at) => mine.insert(at, subscriber),
    }
    NodeView {
        subscribers: view.subscribers.with_all_of(no, &mine),
        ..view.clone()
    }
}

/// The node without one subscription.
pub(super) fn without_subscriber(view: &NodeView, gone: &Subscriber) -> NodeView {
    let mut mine = view.subscribers.of(gone.no).to_vec();
    mine.retain(|one| one != gone);
    NodeView {
        subscribers: view.subscribers.with_all_of(gone.no, &mine),
        ..view.clone()
    }
}

/// A subscription's address.
pub(super) fn address(bare: &BareJid, subscriber: &Subscriber) -> Result<Jid, PubsubError> {
    match &subscriber.resource {
        None => Ok(bare.clone().into()),
        Some(resource) => bare.with_resource(resource).map_err(|_| PubsubError::Storage),
    }
}

fn told_all(view: &NodeView, actor: &Actor) -> Result<Vec<Subscription>, PubsubError> {
    let bare = actor.jid.bare();
    let all = view.subscriptions_of(actor.no).iter();
    all.map(|one| Ok(told(view, one, &address(&bare, one)?)))
        .collect()
}

pub(super) fn told(view: &NodeView, subscriber: &Subscriber, jid: &Jid) -> Subscription {
    Subscription {
        owner: view.owner_jid.clone(),
        node: Arc::clone(&view.name),
        jid: jid.clone(),
        state: subscriber.state,
        subid: subscriber.subid,
    }
}
