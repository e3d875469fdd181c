//! What timelines remember: whom people follow, and nodes' newest posts. It follows the events.
//!
//! While something is being read from the database, events about it mark the answer as old: it is used once, and not
//! kept.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use bus::{Event, Feed, PublishKind, SubscriptionState};
use lru::LruCache;
use store::{JidNo, NodeNo};

use crate::follows::{Followed, Following};
use crate::heads::Heads;

/// Accounts whose followed people are remembered.
const FOLLOWING: usize = 20_000;
/// Nodes whose newest posts are remembered.
const NODES: usize = 20_000;

pub(crate) struct Caches {
    following: Remembered<JidNo, Following>,
    heads: Remembered<NodeNo, Arc<Heads>>,
}

/// A bounded cache, and what is being read for it.
struct Remembered<K: Hash + Eq, V> {
    known: LruCache<K, V>,
    capacity: usize,
    /// How many read it at this moment, and whether it changed meanwhile.
    loading: HashMap<K, (usize, bool)>,
}

impl<K: Hash + Eq + Copy, V: Clone> Remembered<K, V> {
    fn new(capacity: usize) -> Self {
        Remembered {
            known: LruCache::unbounded(),
            capacity,
            loading: HashMap::new(),
        }
    }

    fn begin(&mut self, key: K) {
        self.loading.entry(key).or_insert((0, false)).0 += 1;
    }

    fn end(&mut self, key: K, value: Option<V>) {
        let Some((count, is_old)) = self.loading.get_mut(&key) else {
            return;
        };
        let is_old = *is_old;
        *count -= 1;
        if *count == 0 {
            self.loading.remove(&key);
        }
        if let Some(value) = value.filter(|_| !is_old) {
            self.known.put(key, value);
            if self.known.len() > self.capacity {
                self.known.pop_lru();
            }
        }
    }

    /// Changes what is known, and marks what is being read as old.
    fn change(&mut self, key: K, change: impl FnOnce(&mut V)) {
        if let Some((_, is_old)) = self.loading.get_mut(&key) {
            *is_old = true;
        }
        if let Some(value) = self.known.peek_mut(&key) {
            change(value);
        }
    }

    fn forget(&mut self, key: K) {
        self.change(key, |_| {});
        self.known.pop(&key);
    }
}

impl Default for Caches {
    fn default() -> Self {
        Caches {
            following: Remembered::new(FOLLOWING),
            heads: Remembered::new(NODES),
        }
    }
}

impl Caches {
    pub(crate) fn following(&mut self, no: JidNo) -> Option<Following> {
        self.following.known.get(&no).cloned()
    }

    pub(crate) fn begin_following(&mut self, no: JidNo) {
        self.following.begin(no);
    }

    pub(crate) fn end_following(&mut self, no: JidNo, following: Option<Following>) {
        self.following.end(no, following);
    }

    pub(crate) fn heads(&mut self, node: NodeNo) -> Option<Arc<Heads>> {
        self.heads.known.get(&node).cloned()
    }

    pub(crate) fn begin_heads(&mut self, node: NodeNo) {
        self.heads.begin(node);
    }

    pub(crate) fn end_heads(&mut self, node: NodeNo, heads: Option<Arc<Heads>>) {
        self.heads.end(node, heads);
    }

    /// Takes notice of what happened.
    pub(crate) fn accept(&mut self, event: &Event) {
        let view = event.view();
        if let Event::NodeConfigured { view, old } = event
            && view.feed() != Feed::of(&view.name, old.feed)
        {
            // It became a feed, or is none any more.
            for subscriber in view.subscribers.iter() {
                self.following.forget(subscriber.no);
            }
            self.heads.forget(view.no);
        }
        if !view.is_feed() {
            return;
        }
        match event {
            Event::Published {
                item,
                kind: PublishKind::New | PublishKind::Restored,
                ..
            } => {
                self.heads
                    .change(view.no, |heads| Arc::make_mut(heads).add(item.post_id));
            }
            Event::Retracted { post_id, .. } => {
                self.heads
                    .change(view.no, |heads| Arc::make_mut(heads).remove(*post_id));
            }
            Event::Purged { .. } | Event::NodeConfigured { .. } | Event::NodeDeleted { .. } => {
                self.heads.forget(view.no);
                if matches!(event, Event::NodeDeleted { .. }) {
                    for subscriber in view.subscribers.iter() {
                        self.following.forget(subscriber.no);
                    }
                }
            }
            Event::Subscribed { subscriber, .. } | Event::Unsubscribed { subscriber, .. } => {
                // An account may have several subscriptions to a node, by resource.
                let is_following = view.is_subscribed(subscriber.no)
                    || (matches!(event, Event::Subscribed { .. })
                        && subscriber.state == SubscriptionState::Subscribed);
                let followed = Followed::new(view.owner, view.no, &view.name);
                self.following.change(subscriber.no, |following| {
                    let others = following.iter().filter(|other| other.node != view.no).cloned();
                    let mut all: Vec<_> = others.chain(is_following.then_some(followed)).collect();
                    all.sort_unstable_by_key(|followed| (followed.author, followed.node));
                    *following = all.into();
                });
            }
            Event::Published {
                kind: PublishKind::Edit,
                ..
            }
            | Event::LastItem { .. }
            | Event::NodeCreated { .. }
            | Event::Listed { .. }
            | Event::AffiliationChanged { .. } => {}
        }
    }
}
