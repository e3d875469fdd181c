//! Subscriptions: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §5.6, §6.1, §6.2.
//!
//! On the pubsub service each request makes a subscription, told from others of the same address by its id (§6.1.6).
//! To the nodes of a person, to communities and to what belongs to an item an address has at most one, so that whoever
//! asks twice follows once.

use std::sync::Arc;

use bus::{Event, MICROBLOG, NodeKind, NodeView, SubId, SubscribeOptions, Subscriber, SubscriptionState};
use format::form::{DataForm, FormType};
use store::{JidNo, PostId, Write};
use wire::{BareJid, Jid};

use super::computed::{Freshness, UNWRITTEN};
use super::made::one_write;
use super::state::{Node, Owner, OwnerState};
use super::steps::{Deliver, Touched};
use super::{Accepted, Host, check_name};
use crate::access::{Actor, may_subscribe};
use crate::error::PubsubError;
use crate::options::{self, Words};

/// Subscriptions to one node that one account may have, by its resources and ids; each costs everybody who publishes
/// there.
const MAX_OF_ONE: usize = 20;
/// Subscriptions that one account may have in all.
const MAX_OF_ACCOUNT: u32 = 20_000;

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

/// A subscription whose state an owner, or time, has changed: whoever has it is to be told (§13.14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The subscriber.
    pub jid: Jid,
    /// Which of their subscriptions.
    pub subid: SubId,
    /// How far it has come; `None` where it is no more.
    pub state: Option<SubscriptionState>,
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
        let accepted = self.subscribe_choosing(owner, actor, node, jid, None).await?;
        Ok(accepted.map(|(subscription, _)| subscription))
    }

    /// The same with options (§6.3.7). The form in the answer says which hold.
    ///
    /// # Errors
    /// Every refusal of §6.1.3 and §6.3.6.2.
    pub async fn subscribe_with_options(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        jid: &Jid,
        options: &DataForm,
    ) -> Result<Accepted<(Subscription, DataForm)>, PubsubError> {
        if self.virtual_at(owner, node).is_some() {
            return Err(PubsubError::Unsupported("subscription-options"));
        }
        self.subscribe_choosing(owner, actor, node, jid, Some(options))
            .await
    }

    async fn subscribe_choosing(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        jid: &Jid,
        options: Option<&DataForm>,
    ) -> Result<Accepted<(Subscription, DataForm)>, PubsubError> {
        check_name(node)?;
        if jid.bare_str() != actor.jid.bare_str() {
            return Err(PubsubError::InvalidJid);
        }
        if let Some(which) = self.virtual_at(owner, node) {
            let accepted = self.subscribe_virtual(owner, actor, &which, jid).await?;
            return Ok(accepted.map(|subscription| (subscription, DataForm::new(FormType::Result))));
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
        if view.config.send_last != bus::SendLast::Never {
            self.fetch_last(&owner, &view).await?;
        }
        let no = actor.no;
        let has_many = self
            .inner
            .store
            .read(move |reader| reader.has_subscriptions(no, MAX_OF_ACCOUNT));
        let has_many = has_many.await?;
        self.within(&owner, &spot, |state| {
            let is_same = |no| no == view.no || view.no == UNWRITTEN;
            let ready = state.node(&spot.name).filter(|node| is_same(node.view.no));
            let ready = ready.ok_or(PubsubError::NodeNotFound)?;
            let allowed = may_subscribe(&reader, &ready.view)?;
            let view = Arc::clone(&ready.view);
            let all = view.subscriptions_of(actor.no);
            let mut same = all.iter().filter(|one| one.resource.as_deref() == jid.resource());
            let pending = same.clone().find(|one| one.state == SubscriptionState::Pending);
            // §6.1.3.7
            if allowed == SubscriptionState::Pending && pending.is_some() {
                return Err(PubsubError::PendingSubscription);
            }
            // What waited for leave needs none any more, and is what is asked for.
            let there = pending.or_else(|| same.next().filter(|_| !allows_several(&view)));
            let before = there.map_or(&SubscribeOptions::DEFAULT, Subscriber::options);
            let wanted = match options {
                Some(form) => options::parse(form, before, words(&view), self.inner.clock.now())?,
                None => *before,
            };
            let wanted = held(&view, wanted);
            let form = options::form(&wanted, words(&view), FormType::Result);
            if let Some(there) = there
                && there.state == SubscriptionState::Subscribed
            {
                // Written once more even if nothing changed: the first time may not be decided yet.
                let now = there.clone().with_options(wanted);
                let subscription = told(&view, &now, jid);
                let value = (subscription, form);
                let replaced = self.replace(&owner, state, &view, now, value)?;
                self.will_end(actor.no, &view, &wanted);
                return Ok(replaced);
            }
            if there.is_none() && (all.len() >= MAX_OF_ONE || has_many) {
                return Err(PubsubError::TooManySubscriptions);
            }
            let subscriber = match there {
                Some(there) => Subscriber {
                    state: allowed,
                    ..there.clone()
                },
                None => self.new_subscriber(actor, jid, allowed),
            };
            let added = self.add(&owner, state, &view, subscriber.with_options(wanted), jid)?;
            self.will_end(actor.no, &view, &wanted);
            Ok(added.map(|subscription| (subscription, form)))
        })
        .await?
    }

    /// The step that writes a subscription again, with other options or none changed. Nobody is told.
    pub(super) fn replace<T: Send + 'static>(
        &self,
        owner: &Arc<Owner>,
        state: &mut OwnerState,
        view: &Arc<NodeView>,
        now: Subscriber,
        value: T,
    ) -> Result<Accepted<T>, PubsubError> {
        let queued = self.queue(self.put_write(view, &now))?;
        if let Some(node) = state.node(&view.name) {
            node.view = Arc::new(with_subscriber(view, now));
            node.last_ticket = queued.ticket;
        }
        let (events, touched) = (Vec::new(), Vec::new());
        Ok(self.finish(owner, state, queued, Deliver::First, events, touched, value))
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
            && !self.is_expired(&view, &item)
            && !item.is_kept_from(subscriber.no)
        {
            let to = bus::LastItemTo {
                no: subscriber.no,
                jid: jid.clone(),
                subid: Some(subscriber.subid),
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
            options: None,
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
            (true, false) => Some(store::notifications::unfollowed(now.owner, no, MICROBLOG)),
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
            options: subscriber.options().to_text(),
            created: self.inner.clock.now(),
            expires: subscriber.options().expire,
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
            let ended = self.change(&owner, state, &view, vec![(subscriber, jid.clone())], Vec::new())?;
            Ok(ended.map(drop))
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
    ) -> Result<Accepted<Vec<Changed>>, PubsubError> {
        let resource = |one: &Subscriber| one.resource.as_deref().unwrap_or_default().to_owned();
        let ended = gone.iter().map(|(one, _)| {
            store::subscriptions::remove(view.no, one.no, resource(one), one.subid.to_string())
        });
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
        let told = told_changes(&gone, &granted);
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
        Ok(self.finish(owner, state, queued, Deliver::First, events, touched, told))
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
}

/// What those are to be told whose subscriptions end, or are in another state.
pub(super) fn told_changes(gone: &[(Subscriber, Jid)], granted: &[(Subscriber, Jid)]) -> Vec<Changed> {
    let changed = |one: &Subscriber, jid: &Jid, state| Changed {
        jid: jid.clone(),
        subid: one.subid,
        state,
    };
    let ended = gone.iter().map(|(one, jid)| changed(one, jid, None));
    let begun = granted
        .iter()
        .map(|(one, jid)| changed(one, jid, Some(one.state)));
    ended.chain(begun).collect()
}

/// The options of a subscription as the node lets them be (§12.4, `pubsub#tempsub`).
pub(super) fn held(view: &NodeView, wanted: SubscribeOptions) -> SubscribeOptions {
    if view.config.tempsub {
        SubscribeOptions {
            expire: Some(store::subscriptions::Expiry::Presence),
            ..wanted
        }
    } else {
        wanted
    }
}

/// Whether an address may have several subscriptions to a node.
pub(super) fn allows_several(view: &NodeView) -> bool {
    view.kind == NodeKind::Service && !view.is_community()
}

/// Whether a node's items can be told in words.
pub(super) fn words(view: &NodeView) -> Words {
    if view.has_posts() {
        Words::Known
    } else {
        Words::Unknown
    }
}

/// The subscription of an address: the only one, or that of this id.
pub(super) fn find<'v>(
    view: &'v NodeView,
    no: JidNo,
    resource: Option<&str>,
    subid: Option<&str>,
) -> Result<&'v Subscriber, PubsubError> {
    let all = view.subscriptions_of(no).iter();
    let mut same = all.filter(|one| one.resource.as_deref() == resource);
    let first = same.next().ok_or(PubsubError::NotSubscribed)?;
    let Some(subid) = subid else {
        return match same.next() {
            None => Ok(first),
            // §6.2.3.1
            Some(_) => Err(PubsubError::SubidRequired),
        };
    };
    std::iter::once(first)
        .chain(same)
        .find(|one| subid.parse() == Ok(one.subid))
        .ok_or(PubsubError::InvalidSubid)
}

/// The node with one subscription added, or replaced.
pub(super) fn with_subscriber(view: &NodeView, subscriber: Subscriber) -> NodeView {
    let no = subscriber.no;
    let mut mine = view.subscribers.of(no).to_vec();
    match mine
        .binary_search_by(|one| (&one.resource, one.subid).cmp(&(&subscriber.resource, subscriber.subid)))
    {
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
    mine.retain(|one| one.subid != gone.subid || one.resource != gone.resource);
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
