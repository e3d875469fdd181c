//! The bounded queue in front of the writer, and what is known about what it has decided.
//!
//! Nobody who hands in a write ever waits here: beyond the bounds a write is refused.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::write::{Committed, Pending, Ticket, Write, WriteError};

/// Operations that may wait.
const MAX_OPERATIONS: usize = 65_536;
/// Bytes of operations that may wait.
const MAX_BYTES: usize = 256 << 20;
/// A queued write older than this closes the gate, in milliseconds.
const GATE_AGE_MS: u64 = 100;

/// A write on its way, with whom to tell.
pub(crate) struct Queued {
    pub(crate) ticket: Ticket,
    pub(crate) write: Write,
    pub(crate) outcome: oneshot::Sender<Result<Committed, WriteError>>,
    /// When it was handed in, by the monotonic clock.
    since_ms: u64,
}

/// Something for the writer to do that is not a write.
pub(crate) enum Errand {
    /// Copy the database to this connection while writing goes on.
    Backup(rusqlite::Connection, oneshot::Sender<Result<(), WriteError>>),
}

/// What the writer got from the queue.
pub(crate) enum Taken {
    /// Something may have been added; go on.
    Work,
    /// Closed, and nothing is left.
    Closed,
}

#[derive(Default)]
struct State {
    operations: VecDeque<Queued>,
    errands: VecDeque<Errand>,
    bytes: usize,
    last_ticket: u64,
    nudged: bool,
    closed: bool,
}

/// Shared by the store's handles and the writer's thread.
pub(crate) struct WriteQueue {
    state: Mutex<State>,
    changed: Condvar,
    clock: Arc<dyn Clock>,
    /// Every ticket up to this one is decided.
    decided: AtomicU64,
    /// When the oldest undecided write was handed in, plus one; 0 when there is none.
    oldest_ms: AtomicU64,
    /// The last commit failed.
    failed: AtomicBool,
    waiting: Mutex<BTreeMap<u64, Vec<oneshot::Sender<()>>>>,
}

impl WriteQueue {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> WriteQueue {
        WriteQueue {
            state: Mutex::default(),
            changed: Condvar::new(),
            clock,
            decided: AtomicU64::new(0),
            oldest_ms: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            waiting: Mutex::default(),
        }
    }

    pub(crate) fn push(&self, write: Write) -> Pending {
        let since_ms = self.clock.monotonic_ms();
        let mut state = self.state.lock();
        if state.closed {
            return Pending::refused(WriteError::Closed);
        }
        if state.operations.len() >= MAX_OPERATIONS || state.bytes + write.bytes() > MAX_BYTES {
            return Pending::refused(WriteError::Overloaded);
        }
        let (outcome, receiver) = oneshot::channel();
        if self.decided.load(Ordering::Acquire) == state.last_ticket {
            self.oldest_ms.store(since_ms + 1, Ordering::Release);
        }
        state.last_ticket += 1;
        state.bytes += write.bytes();
        let ticket = Ticket(state.last_ticket);
        let was_empty = state.operations.is_empty();
        state.operations.push_back(Queued {
            ticket,
            write,
            outcome,
            since_ms,
        });
        drop(state);
        if was_empty {
            self.changed.notify_one();
        }
        Pending::queued(ticket, receiver)
    }

    pub(crate) fn push_errand(&self, errand: Errand) -> Result<(), WriteError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(WriteError::Closed);
        }
        state.errands.push_back(errand);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Wakes the writer although no write was handed in.
    pub(crate) fn nudge(&self) {
        self.state.lock().nudged = true;
        self.changed.notify_one();
    }

    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_one();
    }

    /// Moves up to `limit` writes and all errands out. With `has_work` it does not wait for any.
    pub(crate) fn take(
        &self,
        limit: usize,
        has_work: bool,
        writes: &mut VecDeque<Queued>,
        errands: &mut VecDeque<Errand>,
    ) -> Taken {
        let mut state = self.state.lock();
        while !has_work
            && state.operations.is_empty()
            && state.errands.is_empty()
            && !state.nudged
            && !state.closed
        {
            self.changed.wait(&mut state);
        }
        state.nudged = false;
        errands.append(&mut state.errands);
        let count = limit.min(state.operations.len());
        let before = writes.len();
        writes.extend(state.operations.drain(..count));
        state.bytes -= writes
            .range(before..)
            .map(|queued| queued.write.bytes())
            .sum::<usize>();
        if state.closed && writes.is_empty() && errands.is_empty() {
            Taken::Closed
        } else {
            Taken::Work
        }
    }

    /// The ticket of the write that was handed in last.
    pub(crate) fn newest(&self) -> Ticket {
        Ticket(self.state.lock().last_ticket)
    }

    /// Whether everything up to `ticket` is decided.
    pub(crate) fn is_decided(&self, ticket: Ticket) -> bool {
        self.decided.load(Ordering::Acquire) >= ticket.0
    }

    /// Everything up to `ticket` is decided; `next` is the oldest write that the writer holds and has not decided.
    pub(crate) fn decided(&self, ticket: Ticket, next: Option<&Queued>) {
        {
            let state = self.state.lock();
            let oldest = next
                .or_else(|| state.operations.front())
                .map_or(0, |queued| queued.since_ms + 1);
            self.oldest_ms.store(oldest, Ordering::Release);
            self.decided.store(ticket.0, Ordering::Release);
        }
        let due = {
            let mut waiting = self.waiting.lock();
            let later = waiting.split_off(&(ticket.0 + 1));
            std::mem::replace(&mut *waiting, later)
        };
        for waiter in due.into_values().flatten() {
            // Whoever no longer waits has dropped the other end.
            let _ = waiter.send(());
        }
    }

    /// Whether the last commit succeeded.
    pub(crate) fn set_failed(&self, failed: bool) {
        self.failed.store(failed, Ordering::Release);
    }

    pub(crate) fn is_gate_open(&self) -> bool {
        !self.failed.load(Ordering::Acquire) && self.oldest_age_ms() <= GATE_AGE_MS
    }

    /// How long the oldest undecided write has waited, in milliseconds.
    pub(crate) fn oldest_age_ms(&self) -> u64 {
        match self.oldest_ms.load(Ordering::Acquire) {
            0 => 0,
            since => self.clock.monotonic_ms().saturating_sub(since - 1),
        }
    }

    /// Writes that wait, and their bytes.
    pub(crate) fn length(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.operations.len(), state.bytes)
    }

    /// Resolves once the ticket is decided; at once when it is already.
    pub(crate) fn wait(&self, ticket: Ticket) -> Option<oneshot::Receiver<()>> {
        if self.decided.load(Ordering::Acquire) >= ticket.0 {
            return None;
        }
        let mut waiting = self.waiting.lock();
        // Looked at again under the lock: the writer stores the number before it takes the lock.
        if self.decided.load(Ordering::Acquire) >= ticket.0 {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        waiting.entry(ticket.0).or_default().push(sender);
        Some(receiver)
    }
}

impl crate::Store {
    /// The ticket of the write that was handed in last, by anybody; once it is decided, so is whatever was handed in before
    /// this call.
    #[must_use]
    pub fn newest_ticket(&self) -> Ticket {
        self.inner.queue.newest()
    }
}
