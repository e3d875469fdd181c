//! Who is connected: the sessions of every account, and what routing knows of each of them.
//!
//! It holds no roster, sends nothing and never touches the store. Accounts are numbers (`JidNo`), so that a sorted list of
//! subscribers meets the set of those online at about a nanosecond each.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use bus::{Show, Subscribers};
use parking_lot::{Mutex, RwLock};
use store::{JidNo, MessageId};
use wire::Jid;

use crate::caps::Caps;
use crate::session::Session;
use crate::session::mailbox::SharedOut;
use crate::session::waiting::Waiting as WaitingSessions;

/// An account's sessions at one moment, shared without copying.
pub type Sessions = Arc<[Arc<Session>]>;

const SHARDS: usize = 64;

/// Every bound session of this process.
pub struct Registry {
    shards: [Mutex<HashMap<JidNo, Sessions>>; SHARDS],
    online: RwLock<Bitmap>,
    count: AtomicUsize,
    nobody: Sessions,
    /// Those that have lost their connection and wait for their clients (XEP-0198).
    pub(crate) waiting: WaitingSessions,
}

impl Default for Registry {
    fn default() -> Self {
        Registry {
            shards: std::array::from_fn(|_| Mutex::default()),
            online: RwLock::default(),
            count: AtomicUsize::new(0),
            nobody: Arc::from([]),
            waiting: WaitingSessions::default(),
        }
    }
}

impl Registry {
    fn shard(&self, no: JidNo) -> &Mutex<HashMap<JidNo, Sessions>> {
        &self.shards[no.0 as usize % SHARDS]
    }

    /// Adds a session. The one that held the same resource is taken out and returned: its connection is to be closed with
    /// `<conflict/>` (RFC 6120 §7.7.2.2, the newest wins).
    pub fn bind(&self, session: Arc<Session>) -> Option<Arc<Session>> {
        let no = session.no;
        let mut shard = self.shard(no).lock();
        let before = shard.get(&no);
        let displaced = before.and_then(|all| {
            all.iter()
                .find(|other| other.jid.resource() == session.jid.resource())
                .cloned()
        });
        let kept = before.iter().flat_map(|all| all.iter()).filter(|other| {
            displaced
                .as_ref()
                .is_none_or(|displaced| displaced.id != other.id)
        });
        let after: Sessions = kept.cloned().chain([session]).collect();
        shard.insert(no, after);
        self.online.write().set(no);
        drop(shard);
        if displaced.is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        displaced
    }

    /// Takes a session out; false when it was already displaced or gone.
    pub fn unbind(&self, session: &Session) -> bool {
        let mut shard = self.shard(session.no).lock();
        let Some(before) = shard.get(&session.no) else {
            return false;
        };
        if !before.iter().any(|other| other.id == session.id) {
            return false;
        }
        let after: Sessions = before
            .iter()
            .filter(|other| other.id != session.id)
            .cloned()
            .collect();
        if after.is_empty() {
            shard.remove(&session.no);
            self.online.write().clear(session.no);
        } else {
            shard.insert(session.no, after);
        }
        self.count.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// The sessions of an account, in the order in which they were bound.
    pub fn sessions(&self, no: JidNo) -> Sessions {
        if !self.is_online(no) {
            return self.nobody.clone();
        }
        self.shard(no)
            .lock()
            .get(&no)
            .cloned()
            .unwrap_or_else(|| self.nobody.clone())
    }

    /// The session that holds a resource.
    pub fn session(&self, no: JidNo, resource: &str) -> Option<Arc<Session>> {
        self.sessions(no)
            .iter()
            .find(|session| session.jid.resource() == Some(resource))
            .cloned()
    }

    /// Whether an account has any bound session, available or not.
    pub fn is_online(&self, no: JidNo) -> bool {
        self.online.read().has(no)
    }

    /// Somebody at a component can be reached: fan-out finds them among those online. They have no session here.
    pub(crate) fn set_outside(&self, no: JidNo) {
        self.online.write().set(no);
    }

    /// Somebody at a component can be reached no more.
    pub(crate) fn clear_outside(&self, no: JidNo) {
        self.online.write().clear(no);
    }

    /// Keeps those of `all` that are online, in their order.
    pub fn online_among(&self, all: impl Iterator<Item = JidNo>, out: &mut Vec<JidNo>) {
        let online = self.online.read();
        out.extend(all.filter(|no| online.has(*no)));
    }

    /// Adds the accounts among a node's subscribers that are online, in their order. Where hardly anybody is, it looks at
    /// one bit of many numbers at once and at few of the subscriptions.
    pub fn online_subscribers(&self, subscribers: &Subscribers, out: &mut Vec<JidNo>) {
        let online = self.online.read();
        let mut after = None;
        for part in subscribers.parts() {
            let first = after
                .replace(part.last())
                .map_or(JidNo(0), |last| JidNo(last.0.saturating_add(1)));
            if online.has_between(first, part.last()) {
                out.extend(part.all().iter().map(|one| one.no).filter(|no| online.has(*no)));
            }
        }
    }

    /// How many sessions are bound.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// How many accounts have a bound session.
    pub fn account_count(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Every session, for shutdown.
    pub fn all(&self) -> Vec<Arc<Session>> {
        self.shards
            .iter()
            .flat_map(|shard| {
                shard
                    .lock()
                    .values()
                    .flat_map(|all| all.to_vec())
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

/// Words of the bitmap that may be looked at to pass over some hundred subscribers.
const FAR: usize = 256;

/// One bit a `JidNo`; numbers are dense, so it stays small (125 KB for a million addresses).
#[derive(Default)]
struct Bitmap(Vec<u64>);

impl Bitmap {
    fn has(&self, no: JidNo) -> bool {
        self.0
            .get(no.0 as usize / 64)
            .is_some_and(|word| word & (1 << (no.0 % 64)) != 0)
    }

    /// Whether any number from `first` to `last` is set; where it would have to look far, it says that there may be one.
    fn has_between(&self, first: JidNo, last: JidNo) -> bool {
        let (from, to) = (first.0 as usize / 64, last.0 as usize / 64);
        let words = self.0.get(from..(to + 1).min(self.0.len())).unwrap_or_default();
        if words.len() > FAR {
            return true;
        }
        let set = |(at, word): (usize, &u64)| {
            let mut word = *word;
            if at == 0 {
                word &= u64::MAX << (first.0 % 64);
            }
            if from + at == to {
                word &= u64::MAX >> (63 - last.0 % 64);
            }
            word != 0
        };
        words.iter().enumerate().any(set)
    }

    fn set(&mut self, no: JidNo) {
        let index = no.0 as usize / 64;
        if self.0.len() <= index {
            self.0.resize(index + 1, 0);
        }
        self.0[index] |= 1 << (no.0 % 64);
    }

    fn clear(&mut self, no: JidNo) {
        if let Some(word) = self.0.get_mut(no.0 as usize / 64) {
            *word &= !(1 << (no.0 % 64));
        }
    }
}

/// What routing remembers of one session; part of `Session`, changed only by this crate's routing files.
#[derive(Default)]
pub struct Routing {
    state: Mutex<State>,
    /// Held while a presence is set and broadcast, so that they go out in the order in which they count.
    order: Mutex<()>,
    /// Requests whose answers come later.
    waiting: AtomicU32,
    /// Whether last items are on their way to it.
    is_catching_up: AtomicBool,
}

#[derive(Default)]
struct State {
    presence: Option<Available>,
    is_interested: bool,
    is_told_of_blocks: bool,
    has_carbons: bool,
    is_told_of_requests: bool,
    rare: Option<Box<Rare>>,
}

/// What few sessions have, boxed so that the others pay one word.
#[derive(Default)]
struct Rare {
    directed: Vec<Jid>,
    caught_up: Option<CaughtUp>,
    archive_read_to: Option<MessageId>,
}

/// Up to where a session has caught up by asking, before it is told anything.
#[derive(Clone)]
pub(crate) struct CaughtUp {
    /// Its place in the order of commits.
    pub(crate) position: store::Seq,
    /// The nodes of contacts that it asked for.
    pub(crate) wanted: Arc<Caps>,
}

/// A session's last available presence.
#[derive(Clone)]
pub struct Available {
    /// The stanza, ready for any recipient.
    pub stanza: Arc<SharedOut>,
    /// The stanza as the client sent it; the same one where the server added nothing.
    pub given: Arc<SharedOut>,
    /// RFC 6121 §4.7.2.3; −128…127.
    pub priority: i8,
    /// How available the client is (RFC 6121 §4.7.2.1).
    pub show: Show,
    /// What the client can do, once it is known (XEP-0115).
    pub caps: Option<Arc<Caps>>,
}

/// The most directed presences remembered for one session (§4.6.3); beyond it the oldest is told that we left.
pub const DIRECTED_MAX: usize = 256;

/// How many answers of one session may be under way beside it.
const WAITING_MAX: u32 = 256;

/// One answer under way beside its session.
pub(crate) struct Waiting(Arc<Session>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.routing.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Routing {
    /// The last available presence, none before the first and after `unavailable`.
    pub fn available(&self) -> Option<Available> {
        self.state.lock().presence.clone()
    }

    /// Whether the session is available.
    pub fn is_available(&self) -> bool {
        self.state.lock().presence.is_some()
    }

    /// The priority of an available session.
    pub fn priority(&self) -> Option<i8> {
        self.state
            .lock()
            .presence
            .as_ref()
            .map(|presence| presence.priority)
    }

    /// How available the session is; `None` where it is not.
    pub fn show(&self) -> Option<Show> {
        self.state.lock().presence.as_ref().map(|presence| presence.show)
    }

    /// The known capabilities of an available session.
    pub fn caps(&self) -> Option<Arc<Caps>> {
        self.state
            .lock()
            .presence
            .as_ref()
            .and_then(|presence| presence.caps.clone())
    }

    /// Priority and capabilities in one step, for fan-out.
    pub fn priority_and_caps(&self) -> Option<(i8, Option<Arc<Caps>>)> {
        self.state
            .lock()
            .presence
            .as_ref()
            .map(|presence| (presence.priority, presence.caps.clone()))
    }

    pub(crate) fn set_available(&self, presence: Available) -> Option<Available> {
        self.state.lock().presence.replace(presence)
    }

    pub(crate) fn set_unavailable(&self) -> Option<Available> {
        let _order = self.in_order();
        self.state.lock().presence.take()
    }

    /// Sets the capabilities if `given` is still the session's last presence.
    pub(crate) fn set_caps(&self, given: &Arc<SharedOut>, caps: Arc<Caps>) -> bool {
        match &mut self.state.lock().presence {
            Some(presence) if Arc::ptr_eq(&presence.given, given) => {
                presence.caps = Some(caps);
                true
            }
            _ => false,
        }
    }

    /// Sets what the server makes of the session's last presence, if `given` still is that.
    pub(crate) fn set_stanza(&self, given: &Arc<SharedOut>, stanza: Arc<SharedOut>) -> bool {
        match &mut self.state.lock().presence {
            Some(presence) if Arc::ptr_eq(&presence.given, given) => {
                presence.stanza = stanza;
                true
            }
            _ => false,
        }
    }

    /// Until it is dropped, nobody else sends the session's presence.
    pub(crate) fn in_order(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.order.lock()
    }

    /// Counts a request whose answer comes later; `None` when so many wait already that the session is to wait too. The
    /// place is free again when what is returned is dropped.
    pub(crate) fn wait_beside(session: &Arc<Session>) -> Option<Waiting> {
        if session.routing.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            session.routing.waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Waiting(session.clone()))
    }

    /// Notes that last items are on their way to the session; false when others are already.
    pub(crate) fn begin_catching_up(&self) -> bool {
        !self.is_catching_up.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn end_catching_up(&self) {
        self.is_catching_up.store(false, Ordering::Release);
    }

    /// Notes that the session has caught up so far, unless it is told things already.
    pub(crate) fn set_caught_up(&self, caught_up: CaughtUp) {
        let mut state = self.state.lock();
        if state.presence.is_none() {
            state.rare.get_or_insert_default().caught_up = Some(caught_up);
        }
    }

    /// How far the session has caught up by asking, if it did.
    pub(crate) fn caught_up(&self) -> Option<CaughtUp> {
        self.state.lock().rare.as_ref()?.caught_up.clone()
    }

    /// Moves on how far it has caught up, or with `None` forgets that it did.
    pub(crate) fn move_caught_up(&self, caught_up: Option<CaughtUp>) {
        if let Some(rare) = &mut self.state.lock().rare {
            rare.caught_up = caught_up;
        }
    }

    /// Whether the session asked for the roster and so gets pushes (RFC 6121 §2.2, "interested resource").
    pub fn is_interested(&self) -> bool {
        self.state.lock().is_interested
    }

    pub(crate) fn set_interested(&self) {
        self.state.lock().is_interested = true;
    }

    /// Whether the session asked for the block list and so gets pushes (XEP-0191 §3.3).
    pub(crate) fn is_told_of_blocks(&self) -> bool {
        self.state.lock().is_told_of_blocks
    }

    pub(crate) fn set_told_of_blocks(&self) {
        self.state.lock().is_told_of_blocks = true;
    }

    /// Whether the session asked which strangers' messages wait, and so is told of changes.
    pub(crate) fn is_told_of_requests(&self) -> bool {
        self.state.lock().is_told_of_requests
    }

    pub(crate) fn set_told_of_requests(&self) {
        self.state.lock().is_told_of_requests = true;
    }

    /// Priority where it is available, and whether it wants copies of messages (XEP-0280), in one step.
    pub(crate) fn reach(&self) -> (Option<i8>, bool) {
        let state = self.state.lock();
        let priority = state.presence.as_ref().map(|presence| presence.priority);
        (priority, state.has_carbons)
    }

    /// Whether the session wants copies of its account's messages (XEP-0280 §4, §5).
    pub(crate) fn has_carbons(&self) -> bool {
        self.state.lock().has_carbons
    }

    pub(crate) fn set_carbons(&self, wanted: bool) {
        self.state.lock().has_carbons = wanted;
    }

    /// Up to which message the session finds in its account's archive what waited for it, if it has asked there.
    pub(crate) fn archive_read_to(&self) -> Option<MessageId> {
        self.state.lock().rare.as_ref()?.archive_read_to
    }

    pub(crate) fn set_archive_read_to(&self, id: MessageId) {
        self.state.lock().rare.get_or_insert_default().archive_read_to = Some(id);
    }

    /// Whom presence was directed at.
    pub(crate) fn directed(&self) -> Vec<Jid> {
        let state = self.state.lock();
        state
            .rare
            .as_ref()
            .map(|rare| rare.directed.clone())
            .unwrap_or_default()
    }

    /// Remembers a directed presence; returns the oldest if there are too many.
    pub(crate) fn add_directed(&self, to: Jid) -> Option<Jid> {
        let mut state = self.state.lock();
        let directed = &mut state.rare.get_or_insert_default().directed;
        if directed.contains(&to) {
            return None;
        }
        directed.push(to);
        (directed.len() > DIRECTED_MAX).then(|| directed.remove(0))
    }

    pub(crate) fn remove_directed(&self, to: &Jid) -> bool {
        let mut state = self.state.lock();
        let Some(rare) = &mut state.rare else { return false };
        let before = rare.directed.len();
        rare.directed.retain(|other| other != to);
        rare.directed.len() != before
    }

    pub(crate) fn take_directed(&self) -> Vec<Jid> {
        self.state
            .lock()
            .rare
            .as_mut()
            .map(|rare| std::mem::take(&mut rare.directed))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmap_has_what_was_set_and_not_cleared() {
        let mut bitmap = Bitmap::default();
        for no in [0, 63, 64, 1000] {
            assert!(!bitmap.has(JidNo(no)));
            bitmap.set(JidNo(no));
            assert!(bitmap.has(JidNo(no)));
        }
        bitmap.clear(JidNo(64));
        bitmap.clear(JidNo(100_000));
        assert!(!bitmap.has(JidNo(64)));
        assert!(bitmap.has(JidNo(63)));
    }

    #[test]
    fn bitmap_has_between_what_lies_between() {
        let mut bitmap = Bitmap::default();
        let set = [0, 63, 64, 130, 1_000];
        for no in set {
            bitmap.set(JidNo(no));
        }
        for first in 0..1_100 {
            for last in [first, first + 1, first + 62, first + 63, first + 64, first + 200] {
                assert_eq!(
                    bitmap.has_between(JidNo(first), JidNo(last)),
                    set.iter().any(|no| (first..=last).contains(no)),
                    "{first} to {last}"
                );
            }
        }
    }

    #[test]
    fn subscribers_online_are_found_in_any_part() {
        let registry = Registry::default();
        let subscriber = |no| bus::Subscriber {
            no: JidNo(no),
            resource: None,
            subid: bus::SubId(0),
            state: bus::SubscriptionState::Subscribed,
            options: None,
        };
        for step in [1, 7, 5_000] {
            let all: Subscribers = (1..3_000).map(|n| subscriber(n * step)).collect();
            let expected: Vec<_> = [1, 256, 257, 1_000, 2_999].map(|n| JidNo(n * step)).to_vec();
            *registry.online.write() = Bitmap::default();
            for no in &expected {
                registry.online.write().set(*no);
                // Neighbours who do not subscribe.
                registry.online.write().set(JidNo(no.0 + 1));
            }
            let mut found = Vec::new();
            registry.online_subscribers(&all, &mut found);
            found.retain(|no| expected.contains(no));
            assert_eq!(found, expected, "every {step}th");
        }
    }
}
