//! Notifications that come several at a time: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §6.3,
//! `pubsub#digest` and `pubsub#digest_frequency`.
//!
//! What happens while a subscription's period runs is remembered by the items' ids and told when it is over, as the items
//! are then, to whoever may read them then. Up to when a subscription was told is kept, so that after a restart, or when
//! somebody comes back, what they missed is told too, as far as it is still there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bus::{Event, Item, NodeView, SubId, Subscriber};
use parking_lot::Mutex;
use pubsub::{Actor, ItemsQuery, ItemsRequest, Order, OrderBy, PubsubError, Sense};
use store::{JidNo, NodeNo, Timestamp};
use tokio::sync::Notify;
use wire::{BareJid, Jid};

use crate::notify::{digest_message, to_subscriber};
use crate::server::Server;
use crate::session::mailbox::{Outgoing, SharedOut};

/// Items remembered for one subscription; of more, the newest are told.
const ITEMS_MAX: usize = 100;
/// Payloads in one message, in bytes; what is more comes in another one.
const MESSAGE_BYTES: usize = 64 * 1024;
/// Until what could not be read is read again.
const AGAIN_MS: i64 = 60_000;
/// The longest time between two looks, since clocks are set.
const LOOK_MS: u64 = 10 * 60 * 1_000;

/// The subscriptions that were told something, and what they are yet to be told.
#[derive(Default)]
pub(crate) struct Digests {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    all: BTreeMap<Key, Digest>,
    due: BTreeSet<(Timestamp, Key)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    no: JidNo,
    node: NodeNo,
    subid: SubId,
}

struct Digest {
    owner: BareJid,
    name: Arc<str>,
    /// When it was told last.
    sent: Timestamp,
    /// When it is to be told next, if there is something to tell.
    due: Option<Timestamp>,
    pending: Pending,
}

/// What a subscription is yet to be told.
#[derive(Clone, Default)]
struct Pending {
    published: Vec<Arc<str>>,
    retracted: Vec<Arc<str>>,
    /// There may be more than that since it was told last.
    is_unsure: bool,
}

/// What happened to an item.
#[derive(Clone)]
pub(crate) enum Change {
    /// It is there, or there in another revision.
    Published(Arc<str>),
    /// It is gone.
    Retracted(Arc<str>),
}

impl Change {
    /// What an event tells of an item; `None` for what is told at once in any case.
    pub(crate) fn of(event: &Event) -> Option<Change> {
        match event {
            Event::Published { item, .. } => Some(Change::Published(Arc::clone(&item.id))),
            Event::Retracted { id, .. } => Some(Change::Retracted(Arc::clone(id))),
            _ => None,
        }
    }
}

impl Pending {
    fn add(&mut self, change: &Change) {
        // What happened last counts: an item that is there again is not told to be gone.
        let (id, to, from) = match change {
            Change::Published(id) => (id, &mut self.published, &mut self.retracted),
            Change::Retracted(id) => (id, &mut self.retracted, &mut self.published),
        };
        from.retain(|other| other != id);
        if to.contains(id) {
            return;
        }
        if to.len() == ITEMS_MAX {
            to.remove(0);
            self.is_unsure = true;
        }
        to.push(Arc::clone(id));
    }
}

impl Pending {
    /// With what happened meanwhile.
    fn followed_by(mut self, later: Pending) -> Pending {
        self.is_unsure |= later.is_unsure;
        let published = later.published.into_iter().map(Change::Published);
        for change in published.chain(later.retracted.into_iter().map(Change::Retracted)) {
            self.add(&change);
        }
        self
    }
}

impl State {
    /// What was taken to be told is yet to be told.
    fn put_back(&mut self, key: Key, pending: Pending) {
        if let Some(digest) = self.all.get_mut(&key) {
            digest.pending = pending.followed_by(std::mem::take(&mut digest.pending));
        }
    }

    /// Has a subscription be told at this moment, if there is anything to tell.
    fn schedule(&mut self, key: Key, at: Timestamp) {
        if let Some(digest) = self.all.get_mut(&key)
            && digest.due.is_none_or(|due| due > at)
        {
            if let Some(due) = digest.due.replace(at) {
                self.due.remove(&(due, key));
            }
            self.due.insert((at, key));
        }
    }
}

impl Digests {
    /// Whether a subscriber is told of this only later; else it is told now, and its next period begins.
    pub(crate) fn holds(&self, server: &Server, view: &NodeView, one: &Subscriber, change: &Change) -> bool {
        let Some(period) = one.options().digest else {
            return false;
        };
        let now = server.clock.now();
        let key = Key {
            no: one.no,
            node: view.no,
            subid: one.subid,
        };
        let mut state = self.state.lock();
        let digest = state.all.entry(key).or_insert_with(|| Digest {
            owner: view.owner_jid.clone(),
            name: Arc::clone(&view.name),
            sent: Timestamp(i64::MIN / 2),
            due: None,
            pending: Pending::default(),
        });
        let next = Timestamp(digest.sent.0 + i64::from(period));
        if digest.due.is_none() && next <= now {
            digest.sent = now;
            drop(state);
            note(server, key, now);
            return false;
        }
        digest.pending.add(change);
        state.schedule(key, next);
        drop(state);
        self.changed.notify_one();
        true
    }

    /// An account has somebody who reads again: what they missed may be told.
    pub(crate) fn came(&self, no: JidNo) {
        let first = Key {
            no,
            node: NodeNo(i64::MIN),
            subid: SubId(0),
        };
        let mut state = self.state.lock();
        let keys: Vec<Key> = state
            .all
            .range(first..)
            .map(|(key, _)| *key)
            .take_while(|key| key.no == no)
            .collect();
        if keys.is_empty() {
            return;
        }
        for key in keys {
            if let Some(digest) = state.all.get_mut(&key) {
                digest.pending.is_unsure = true;
            }
            // Whether its period is over is looked at then.
            state.schedule(key, Timestamp(0));
        }
        drop(state);
        self.changed.notify_one();
    }

    fn forget(&self, key: Key) {
        let mut state = self.state.lock();
        if let Some(digest) = state.all.remove(&key)
            && let Some(due) = digest.due
        {
            state.due.remove(&(due, key));
        }
    }

    /// Those that are due, with what they are to be told; and how long nothing more is.
    fn take_due(&self, now: Timestamp) -> (Vec<(Key, Due)>, u64) {
        let mut state = self.state.lock();
        let mut taken = Vec::new();
        while let Some((at, key)) = state.due.first().copied() {
            if at > now {
                break;
            }
            state.due.pop_first();
            if let Some(digest) = state.all.get_mut(&key) {
                digest.due = None;
                let due = Due {
                    owner: digest.owner.clone(),
                    name: Arc::clone(&digest.name),
                    sent: digest.sent,
                    pending: std::mem::take(&mut digest.pending),
                };
                taken.push((key, due));
            }
        }
        let next = state.due.first().map(|(at, _)| (at.0 - now.0).max(0) as u64);
        (taken, next.map_or(LOOK_MS, |next| next.min(LOOK_MS)))
    }
}

/// A subscription that is to be told something.
struct Due {
    owner: BareJid,
    name: Arc<str>,
    sent: Timestamp,
    pending: Pending,
}

/// Up to when it was told is kept for the next start. If that is lost, something is told twice.
fn note(server: &Server, key: Key, at: Timestamp) {
    drop(
        server
            .store
            .write(store::digests::sent(key.node, key.no, key.subid.0, at)),
    );
}

/// Sends digests at their time, until the server stops.
pub(crate) async fn run(server: Arc<Server>) {
    if let Err(error) = load(&server).await {
        tracing::error!(%error, "what subscriptions were told up to now is not known");
    }
    loop {
        let (due, next) = server.digests.take_due(server.clock.now());
        for (key, due) in due {
            if let Err(error) = tell(&server, key, due).await {
                tracing::debug!(%error, "a digest was not sent");
            }
        }
        tokio::select! {
            () = server.shutdown.cancelled() => return,
            () = server.digests.changed.notified() => {}
            () = server.clock.sleep(next) => {}
        }
    }
}

async fn load(server: &Server) -> Result<(), store::ReadError> {
    drop(server.store.write(store::digests::forget_orphans()));
    let rows = server.store.read(store::Reader::digests).await?;
    for row in rows {
        let owner = server.store.jids().name(row.owner).await?;
        let Some(owner) = owner.and_then(|owner| BareJid::parse(&owner).ok()) else {
            continue;
        };
        let key = Key {
            no: row.no,
            node: row.node,
            subid: SubId(row.subid),
        };
        let digest = Digest {
            owner,
            name: row.name.into(),
            sent: row.sent,
            due: None,
            pending: Pending::default(),
        };
        server.digests.state.lock().all.entry(key).or_insert(digest);
    }
    Ok(())
}

/// Tells a subscription what it is due, if somebody is there to read it; else it waits until somebody is.
async fn tell(server: &Arc<Server>, key: Key, due: Due) -> Result<(), PubsubError> {
    let now = server.clock.now();
    let view = server.host.view(&due.owner, &due.name).await?;
    let one = view.as_ref().filter(|view| view.no == key.node).and_then(|view| {
        view.subscriptions_of(key.no)
            .iter()
            .find(|one| one.subid == key.subid)
    });
    let (Some(view), Some(one)) = (&view, one) else {
        return end(server, key);
    };
    let Some(period) = one.options().digest else {
        return end(server, key);
    };
    let next = Timestamp(due.sent.0 + i64::from(period));
    if next > now {
        // Somebody came, and may have seen something since.
        let mut state = server.digests.state.lock();
        state.put_back(key, due.pending);
        state.schedule(key, next);
        return Ok(());
    }
    // Somebody at a component has no session here; what is sent there is theirs to keep.
    let is_outside = server.components.address(key.no).is_some();
    let to = readers(server, view, one);
    if to.is_empty() && !is_outside {
        server.digests.state.lock().put_back(key, due.pending);
        return Ok(());
    }
    let jid = server.store.jids().name(key.no).await?;
    let Some(jid) = jid.and_then(|jid| Jid::parse(&jid).ok()) else {
        return end(server, key);
    };
    let items = match changed(server, key.no, jid, &due).await {
        Err(error) if error.is_passing() => {
            let mut state = server.digests.state.lock();
            state.put_back(key, due.pending);
            state.schedule(key, Timestamp(now.0 + AGAIN_MS));
            return Err(error);
        }
        items => items?,
    };
    if let Some(digest) = server.digests.state.lock().all.get_mut(&key) {
        digest.sent = now;
    }
    note(server, key, now);
    if items.is_empty() && due.pending.retracted.is_empty() {
        return Ok(());
    }
    let is_several = view.subscriptions_of(key.no).len() > 1;
    let subid = is_several.then_some(one.subid);
    for out in messages(view, &items, &due.pending.retracted, subid) {
        if is_outside {
            to_subscriber(server, key.no, one.resource.as_deref(), &out);
        }
        for session in &to {
            if session.room().await {
                // Whoever closes meanwhile finds it among the items.
                let _ = session.send(Outgoing::Shared(Arc::clone(&out)));
            }
        }
    }
    Ok(())
}

fn end(server: &Server, key: Key) -> Result<(), PubsubError> {
    server.digests.forget(key);
    drop(
        server
            .store
            .write(store::digests::forget(key.node, key.no, key.subid.0)),
    );
    Ok(())
}

/// The sessions that a subscription reaches, without those who are parted from the node's owner (XEP-0191 §3.3).
fn readers(server: &Server, view: &NodeView, one: &Subscriber) -> Vec<Arc<crate::session::Session>> {
    let owner = Jid::from(view.owner_jid.clone());
    let between = server.blocks.between(view.owner, one.no);
    let sessions = server.registry.sessions(one.no);
    let reached = sessions.iter().filter(|session| {
        let priority = session.routing.priority();
        let is_addressed = match one.resource.as_deref() {
            None => priority.is_some_and(|own| own >= 0),
            Some(resource) => session.jid.resource() == Some(resource),
        };
        let is_parted = between
            .as_ref()
            .is_some_and(|between| between.parts(&owner, &session.jid));
        is_addressed && !is_parted && one.options().reaches(session.routing.show())
    });
    reached.cloned().collect()
}

/// The items that a subscription is to be told of, as they are now, the oldest change first.
async fn changed(server: &Server, no: JidNo, jid: Jid, due: &Due) -> Result<Vec<Arc<Item>>, PubsubError> {
    let actor = Actor { jid: jid.clone(), no };
    let request = if due.pending.is_unsure {
        ItemsRequest {
            query: ItemsQuery::Newest(ITEMS_MAX as u32),
            order: Order {
                by: OrderBy::Modification,
                sense: Sense::Ascending,
            },
            search: None,
        }
    } else if due.pending.published.is_empty() {
        return Ok(Vec::new());
    } else {
        let ids = due.pending.published.iter().map(ToString::to_string);
        ItemsQuery::Ids(ids.collect()).into()
    };
    let page = server.host.items(&due.owner, &actor, &due.name, request).await?;
    let mut items = page.items;
    if due.pending.is_unsure {
        items.retain(|item| item.modified > due.sent || due.pending.published.contains(&item.id));
    }
    items.retain(|item| {
        let publisher = Jid::from(item.publisher_jid.clone());
        let between = server.blocks.between(item.publisher, no);
        between.is_none_or(|between| !between.parts(&publisher, &jid))
    });
    items.sort_by_key(|item| (item.modified, item.post_id));
    Ok(items)
}

/// In messages of a bounded size, the retractions with the last.
fn messages(
    view: &NodeView,
    items: &[Arc<Item>],
    retracted: &[Arc<str>],
    subid: Option<SubId>,
) -> Vec<Arc<SharedOut>> {
    let size = |item: &Arc<Item>| item.payload.as_ref().map_or(0, |payload| payload.len());
    let mut all = Vec::new();
    let mut rest = items;
    loop {
        let mut bytes = 0;
        let fits = |item: &&Arc<Item>| {
            bytes += size(item);
            bytes <= MESSAGE_BYTES
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (part, more) = rest.split_at(count);
        let is_last = more.is_empty();
        let gone = if is_last { retracted } else { &[] };
        all.push(digest_message(view, part, gone, subid));
        if is_last {
            return all;
        }
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_last_counts() {
        let published = |id: &str| Change::Published(id.into());
        let retracted = |id: &str| Change::Retracted(id.into());
        let of = |changes: &[Change]| {
            let mut pending = Pending::default();
            changes.iter().for_each(|change| pending.add(change));
            pending
        };
        let again = of(&[published("a"), retracted("a"), published("a"), published("b")]);
        assert_eq!((again.published.len(), again.retracted.len()), (2, 0));
        // What was taken and put back is followed by what happened meanwhile.
        let both = again.followed_by(of(&[retracted("b"), published("c")]));
        assert_eq!(both.published, ["a".into(), "c".into()]);
        assert_eq!(both.retracted, ["b".into()]);
        assert!(!both.is_unsure);
    }
}
