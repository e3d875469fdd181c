//! Fan-out: pubsub events become messages to the sessions that are to have them.
//!
//! XEP-0060 §7.1.2 and §12, XEP-0163 §4, <https://xmpp.org/extensions/xep-0163.html>. A message's bytes are made once for
//! all; each recipient costs a look at the registry and a place in a mailbox. Who may read and what happened is decided in
//! `pubsub` and `social`; how it is written stands in `message`.

pub(crate) mod last;
mod message;
pub(crate) mod notices;
mod plan;
pub(crate) mod shown;
pub(crate) mod subscriptions;
pub(crate) mod threads;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock, Weak};

use bus::{Event, EventSink};
use parking_lot::Mutex;
use store::JidNo;
use tokio::sync::Notify;

use crate::server::Server;
pub(crate) use message::{digest_message, request};
use plan::Plan;
pub(crate) use plan::to_subscriber;

/// How many recipients are served in one go before others get their turn.
const SLICE: usize = 64;
/// How many events of one owner may wait for their fan-out before its publishers wait too.
const QUEUE_MAX: usize = 256;

/// Takes the events of every owner and delivers them, each owner's in their order.
#[derive(Default)]
pub struct Notifier {
    server: OnceLock<Weak<Server>>,
    /// Owners whose fan-out is under way, with what follows.
    busy: Mutex<HashMap<JidNo, VecDeque<Event>>>,
    shorter: Notify,
}

impl Notifier {
    pub(crate) fn serve(&self, server: &Arc<Server>) {
        // Set once, by the server that was just built.
        let _ = self.server.set(Arc::downgrade(server));
    }

    /// Waits while too many events of an owner wait already: publishers slow down, nothing is lost.
    pub async fn ready(&self, owner: JidNo) {
        loop {
            let shorter = self.shorter.notified();
            tokio::pin!(shorter);
            shorter.as_mut().enable();
            if self
                .busy
                .lock()
                .get(&owner)
                .is_none_or(|queue| queue.len() < QUEUE_MAX)
            {
                return;
            }
            shorter.await;
        }
    }

    fn next(&self, owner: JidNo) -> Option<Event> {
        let mut busy = self.busy.lock();
        let queue = busy.get_mut(&owner)?;
        let next = queue.pop_front();
        if next.is_none() {
            busy.remove(&owner);
        } else if queue.len() + 1 == QUEUE_MAX {
            self.shorter.notify_waiters();
        }
        next
    }
}

impl EventSink for Notifier {
    fn accept(&self, event: &Event) {
        let Some(server) = self.server.get().and_then(Weak::upgrade) else {
            return;
        };
        server.avatars.take_notice(&server, event);
        let owner = event.view().owner;
        if let Some(queue) = self.busy.lock().get_mut(&owner) {
            queue.push_back(event.clone());
            return;
        }
        // Few recipients and everything in memory: now, and the event is out before the publisher's result.
        let of = Plan::roster_of(event);
        let roster = of.and_then(|of| server.rosters.cached(of));
        let (first, queue) = if roster.is_some() || of.is_none() {
            let Some(mut plan) = Plan::new(&server, event, roster) else {
                return;
            };
            if plan.len() <= SLICE {
                plan.deliver(&server, SLICE);
                return;
            }
            (Some(plan), VecDeque::new())
        } else {
            (None, VecDeque::from([event.clone()]))
        };
        self.busy.lock().insert(owner, queue);
        let tasks = server.tasks.clone();
        tasks.spawn(async move { fan_out(&server, owner, first).await });
    }
}

/// Delivers what is planned already and what waits for an owner, slice by slice.
async fn fan_out(server: &Arc<Server>, owner: JidNo, first: Option<Plan>) {
    let mut planned = first;
    loop {
        if let Some(mut plan) = planned.take() {
            while plan.deliver(server, SLICE) {
                tokio::task::yield_now().await;
            }
        }
        let Some(event) = server.notifier.next(owner) else {
            return;
        };
        let roster = match Plan::roster_of(&event) {
            Some(of) => server.rosters.of(of).await.ok(),
            None => None,
        };
        planned = Plan::new(server, &event, roster);
    }
}
