//! Sessions that have lost their connection and wait for their clients to resume them
//! ([XEP-0198](https://xmpp.org/extensions/xep-0198.html) §5): bounded in number and time, with one timer for all.
//!
//! Such a session stays in the registry with its presence; it costs its queue and an entry here, and no task.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use parking_lot::Mutex;
use store::JidNo;
use tokio::sync::Notify;
use wire::{StreamCondition, StreamError};

use super::Session;
use super::mailbox::{Detached, Outgoing, Overdue, ResumptionId};
use crate::messages;
use crate::push;
use crate::router;
use crate::server::Server;

/// Sessions that ended while they waited and whose counts are still told.
const ENDED_MAX: usize = 10_000;

/// See the module.
pub(crate) struct Waiting {
    /// By when they end (monotonic), then by their numbers.
    sessions: Mutex<BTreeMap<(u64, u64), Arc<Session>>>,
    ended: Mutex<Ended>,
    signal: Arc<Signal>,
    waker: Waker,
    is_watched: AtomicBool,
}

/// Wakes whoever watches the sessions.
#[derive(Default)]
struct Signal {
    notify: Notify,
    /// Some session is to end before its time.
    is_one_ending: AtomicBool,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.is_one_ending.store(true, Ordering::Release);
        self.notify.notify_one();
    }
}

/// How many stanzas sessions had handled when they ended (§5).
#[derive(Default)]
struct Ended {
    by_id: HashMap<ResumptionId, (JidNo, u32)>,
    order: VecDeque<ResumptionId>,
}

impl Default for Waiting {
    fn default() -> Waiting {
        let signal = Arc::new(Signal::default());
        Waiting {
            sessions: Mutex::default(),
            ended: Mutex::default(),
            waker: Waker::from(Arc::clone(&signal)),
            signal,
            is_watched: AtomicBool::new(false),
        }
    }
}

impl Waiting {
    /// A session that was to end at this time is resumed.
    pub(super) fn forget(&self, until: u64, session: &Session) {
        self.sessions.lock().remove(&(until, session.id));
    }

    /// How many stanzas a session of this account had handled when it ended while it waited, if that is remembered.
    pub(super) fn handled(&self, no: JidNo, id: &ResumptionId) -> Option<u32> {
        let ended = self.ended.lock();
        ended
            .by_id
            .get(id)
            .filter(|(owner, _)| *owner == no)
            .map(|(_, h)| *h)
    }

    fn remember(&self, no: JidNo, id: ResumptionId, h: u32) {
        let mut ended = self.ended.lock();
        if ended.order.len() >= ENDED_MAX
            && let Some(oldest) = ended.order.pop_front()
        {
            ended.by_id.remove(&oldest);
        }
        ended.order.push_back(id);
        ended.by_id.insert(id, (no, h));
    }

    /// Wakes the watch for a session that is to end at another time than it knows of.
    fn look_again(&self) {
        self.signal.notify.notify_one();
    }

    /// Takes out what is due at `now`, all that is to end, and what has a connection again; when to look next.
    fn sweep(&self, now: u64) -> (Vec<Arc<Session>>, Option<u64>) {
        let is_one_ending = self.signal.is_one_ending.swap(false, Ordering::AcqRel);
        let mut over = Vec::new();
        let mut sessions = self.sessions.lock();
        let mut judge = |session: &Arc<Session>| match session.mailbox.overdue(now) {
            Overdue::Until(_) => true,
            Overdue::Gone => false,
            Overdue::Now(id, h) => {
                self.remember(session.no, id, h);
                over.push(session.clone());
                false
            }
        };
        if is_one_ending {
            sessions.retain(|_, session| judge(session));
        } else {
            while let Some(first) = sessions.first_entry()
                && first.key().0 <= now
            {
                judge(first.get());
                first.remove();
            }
        }
        let next = sessions.keys().next().map(|(until, _)| *until);
        (over, next)
    }
}

/// The connection of a session is gone without a goodbye: the session waits, where it may.
pub(super) fn let_go(server: &Arc<Server>, session: &Arc<Session>, connection: u32) -> Detached {
    let waiting = &server.registry.waiting;
    let now = server.clock.monotonic_ms();
    let detached = session.mailbox.detach(connection, now, &waiting.waker);
    match detached {
        Detached::Waits(until) => {
            wait(server, session, until);
            let unread = session.mailbox.unread();
            if !unread.is_empty() {
                push::unread(server, session, unread);
            }
        }
        Detached::TakenOver => {}
        Detached::Over => {
            let (server, session) = (server.clone(), session.clone());
            let tasks = server.tasks.clone();
            tasks.spawn(async move { end(&server, &session).await });
        }
    }
    detached
}

fn wait(server: &Arc<Server>, session: &Arc<Session>, until: u64) {
    let limits = &server.settings.limits;
    let waiting = &server.registry.waiting;
    let is_first = {
        let mut sessions = waiting.sessions.lock();
        sessions.insert((until, session.id), session.clone());
        if sessions.len() > limits.waiting_sessions
            && let Some((_, oldest)) = sessions.first_key_value()
        {
            give_up(oldest);
        }
        sessions.keys().next() == Some(&(until, session.id))
    };
    let others = server.registry.sessions(session.no);
    let asleep = others.iter().filter(|other| other.is_hibernating());
    let asleep: Vec<_> = asleep.filter(|other| other.id != session.id).collect();
    if asleep.len() >= limits.waiting_per_account {
        give_up_first(asleep.into_iter());
    }
    if !waiting.is_watched.swap(true, Ordering::AcqRel) {
        server.tasks.spawn(watch(Arc::clone(server)));
    }
    if is_first {
        waiting.look_again();
    }
    if server.shutdown.is_cancelled() {
        // The watch may be over.
        let server = Arc::clone(server);
        let tasks = server.tasks.clone();
        tasks.spawn(async move { end_until(&server, u64::MAX).await });
    }
}

/// Ends that of several sessions that would end first.
pub(super) fn give_up_first<'a>(sessions: impl Iterator<Item = &'a Arc<Session>>) {
    if let Some(first) = sessions.min_by_key(|session| session.mailbox.waits_until()) {
        give_up(first);
    }
}

/// Ends a session that waits, before its time.
fn give_up(session: &Session) {
    session.close(StreamError::new(StreamCondition::ResourceConstraint));
}

/// Ends sessions when their time has come, until the server stops; then all of them.
async fn watch(server: Arc<Server>) {
    loop {
        let next = end_until(&server, server.clock.monotonic_ms()).await;
        let sleep = async {
            match next {
                Some(until) => {
                    let now = server.clock.monotonic_ms();
                    server.clock.sleep(until.saturating_sub(now)).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = server.registry.waiting.signal.notify.notified() => {}
            () = sleep => {}
            () = server.shutdown.cancelled() => break,
        }
    }
    end_until(&server, u64::MAX).await;
}

/// Ends what is to end at this time; when the next is to.
async fn end_until(server: &Arc<Server>, now: u64) -> Option<u64> {
    let (over, next) = server.registry.waiting.sweep(now);
    for session in over {
        end(server, &session).await;
    }
    next
}

/// Ends a session for good: presence and all that follows, then what its client never got goes elsewhere.
pub(super) async fn end(server: &Arc<Server>, session: &Arc<Session>) {
    router::ended(server, session).await;
    let unread = session.mailbox.shut().into_all().collect();
    undelivered(server, session, unread).await;
}

/// What the client of a session that is over never got goes elsewhere.
pub(super) async fn undelivered(server: &Arc<Server>, session: &Session, unread: Vec<Outgoing>) {
    if !unread.is_empty() {
        // Nothing here is worth a larger task for every session.
        Box::pin(messages::undelivered(server, session, unread)).await;
    }
}
