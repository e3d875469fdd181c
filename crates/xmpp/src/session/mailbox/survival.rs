//! A mailbox that outlives its connection: counting, claiming and waiting under the mailbox's own lock.
//!
//! Every connection of a managed session has a number; whoever takes the session over makes a new one, and from that
//! moment the connection before it reads, counts and writes nothing more.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use store::{Store, Ticket};

use super::held::Held;
use super::managed::{Managed, ResumptionId, TooHigh};
use super::{Batch, Inner, Mailbox, Outgoing};

/// What few sessions have.
#[derive(Debug, Default)]
pub(super) struct Survival {
    pub(super) managed: Option<Managed>,
    /// There while what is not important is held back.
    pub(super) held: Option<Held>,
    /// Whether the client said that nobody looks at it (XEP-0352 §4.2).
    is_inactive: bool,
}

impl Survival {
    /// Gives up everything that was not acknowledged; what was held back goes to `last`.
    pub(super) fn surrender(&mut self, last: &mut VecDeque<Outgoing>) -> VecDeque<Outgoing> {
        if let Some(held) = &mut self.held {
            held.release(last);
        }
        self.managed
            .as_mut()
            .map(Managed::take_unacked)
            .unwrap_or_default()
    }
}

/// The connection may not use the session any more: too much waits for its client, or another one took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

/// What becomes of a session whose connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detached {
    /// It waits until then (monotonic, in milliseconds).
    Waits(u64),
    /// Another connection has it.
    TakenOver,
    /// It ends.
    Over,
}

/// Whether a session that waited has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// It has a connection again.
    Gone,
    /// It waits until then.
    Until(u64),
    /// It ends now, and takes nothing more. It had received so many stanzas under this id.
    Now(ResumptionId, u32),
}

/// A session that was taken over.
#[derive(Debug)]
pub(crate) struct Claimed {
    /// The number of the connection that has it now.
    pub(crate) connection: u32,
    /// When it was to end, if it waited (monotonic, in milliseconds).
    pub(crate) waited_until: Option<u64>,
}

impl Inner {
    fn managed(&mut self) -> Option<&mut Managed> {
        self.survival.as_mut()?.managed.as_mut()
    }

    fn is_resumable(&mut self) -> bool {
        self.managed().is_some_and(|managed| managed.resume_s > 0)
    }

    /// Bytes that wait for the client in whatever way.
    pub(super) fn total(&self) -> usize {
        let survival = self.survival.as_ref().map_or(0, |survival| {
            survival.managed.as_ref().map_or(0, Managed::bytes)
                + survival.held.as_ref().map_or(0, Held::bytes)
        });
        self.bytes + survival
    }

    /// How much may wait.
    pub(super) fn limit(&mut self, hard: usize) -> usize {
        match self.managed() {
            Some(managed) if managed.resume_s > 0 && !managed.has_reader => hard.saturating_mul(2),
            Some(managed) => hard.saturating_add(managed.carried.min(hard)),
            None => hard,
        }
    }

    /// Where the session can go on without its connection, drops that instead; false beyond the bound for both.
    pub(super) fn cut(&mut self, bytes: usize, hard: usize) -> bool {
        if bytes > hard.saturating_mul(2) || !self.is_resumable() {
            return false;
        }
        if let Some(managed) = self.managed() {
            managed.is_cut = true;
        }
        self.look_again();
        true
    }

    /// Allows what waits now beyond the bound, or what was allowed before.
    fn carry(&mut self, allowed: impl FnOnce(usize, usize) -> usize) {
        let total = self.total();
        if let Some(managed) = self.managed() {
            managed.carried = allowed(managed.carried, total);
        }
    }

    /// Whether the connection is to be dropped.
    pub(super) fn is_cut(&mut self) -> bool {
        self.managed().is_some_and(|managed| managed.is_cut)
    }

    /// Whether this connection may still write.
    pub(super) fn check(&mut self, connection: u32) -> Result<(), Lost> {
        match self.managed() {
            Some(managed) if managed.is_cut || managed.generation != connection => Err(Lost),
            _ => Ok(()),
        }
    }

    /// While nobody reads, senders of a lot go on up to a bound and then leave; `None` where somebody does.
    pub(super) fn room_without_reader(&mut self, hard: usize) -> Option<bool> {
        let total = self.total();
        let managed = self.managed()?;
        if managed.has_reader && !managed.is_cut {
            return None;
        }
        let has_room = total <= hard / 2;
        managed.was_refused_room |= !has_room;
        Some(has_room)
    }

    /// What has to be written again on a new connection.
    pub(super) fn repeat(&mut self, limit: usize) -> Option<Batch> {
        let managed = self.managed()?;
        if !managed.has_to_repeat() {
            return None;
        }
        let mut batch = Batch::default();
        managed.repeat(limit, &mut batch.again);
        batch.asks = managed.ask();
        Some(batch)
    }

    /// Notes what is about to be written.
    pub(super) fn note_sent(&mut self, batch: &mut Batch) {
        let Some(managed) = self.managed() else { return };
        for out in batch.first.iter().chain(&batch.fan_out) {
            managed.sending(out);
        }
        batch.asks = managed.ask();
    }

    /// Lets what was held back go behind everything that waits.
    fn release(&mut self) {
        if let Some(survival) = &mut self.survival
            && let Some(held) = &mut survival.held
        {
            self.bytes += held.release(&mut self.fan_out);
        }
    }
}

impl Mailbox {
    fn with_managed<T>(&self, act: impl FnOnce(&mut Managed) -> T) -> Option<T> {
        self.inner.lock().managed().map(act)
    }

    /// Begins to count (§3); false where it does already.
    pub(crate) fn manage(&self, id: ResumptionId, resume_s: u32) -> bool {
        let mut inner = self.inner.lock();
        let survival = inner.survival.get_or_insert_default();
        if survival.managed.is_some() {
            return false;
        }
        survival.managed = Some(Managed::new(id, resume_s));
        true
    }

    /// Whether stanzas are counted.
    pub(crate) fn is_managed(&self) -> bool {
        self.with_managed(|_| ()).is_some()
    }

    /// Whether it waits for its client to come back.
    pub(crate) fn is_waiting(&self) -> bool {
        self.with_managed(|managed| managed.until.is_some())
            .unwrap_or_default()
    }

    /// When it ends, if it waits for its client to come back (monotonic, in milliseconds).
    pub(crate) fn waits_until(&self) -> Option<u64> {
        self.with_managed(|managed| managed.until).flatten()
    }

    /// Whether it can be resumed by this id. It takes as long for any id.
    pub(crate) fn has_id(&self, id: &ResumptionId) -> bool {
        self.with_managed(|managed| {
            let differing = managed
                .id
                .iter()
                .zip(id)
                .fold(0, |differing, (a, b)| differing | (a ^ b));
            managed.resume_s > 0 && differing == 0
        })
        .unwrap_or_default()
    }

    /// Counts a stanza that is routed now; refused where the connection has lost the session.
    pub(crate) fn begin(&self, connection: u32) -> Result<(), Lost> {
        let mut inner = self.inner.lock();
        inner.check(connection)?;
        if let Some(managed) = inner.managed() {
            managed.begin();
        }
        Ok(())
    }

    /// The last stanza was routed, and whatever it wrote handed in.
    pub(crate) fn routed(&self, newest: Ticket) {
        let waker = self.with_managed(|managed| managed.routed(newest)).flatten();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until no stanza of the session is being routed.
    pub(crate) fn poll_routed(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.with_managed(|managed| managed.poll_routed(cx))
            .unwrap_or(Poll::Ready(()))
    }

    /// How many stanzas of the client's are durable, and what the others wait for.
    pub(crate) fn durable(&self, store: &Store) -> (u32, Option<Ticket>) {
        self.with_managed(|managed| managed.durable(|ticket| store.is_decided(ticket)))
            .unwrap_or_default()
    }

    /// Takes the client's word for what it has; whether it is to be asked again at once.
    pub(crate) fn acknowledge(&self, h: u32) -> Result<bool, TooHigh> {
        let mut inner = self.inner.lock();
        let Some(managed) = inner.managed() else {
            return Ok(false);
        };
        managed.acknowledge(h)?;
        let asks = managed.ask();
        inner.carry(usize::min);
        inner.look_again();
        Ok(asks)
    }

    /// Whether the client owes an acknowledgement.
    pub(crate) fn is_asked(&self) -> bool {
        self.with_managed(|managed| managed.is_asked())
            .unwrap_or_default()
    }

    /// The connection is gone. `waker` is woken when the session is to end meanwhile.
    pub(crate) fn detach(&self, connection: u32, now_ms: u64, waker: &Waker) -> Detached {
        let mut inner = self.inner.lock();
        if inner.is_closed || inner.closing.is_some() || !inner.is_resumable() {
            let is_taken_over = inner
                .managed()
                .is_some_and(|managed| managed.generation != connection);
            return if is_taken_over {
                Detached::TakenOver
            } else {
                Detached::Over
            };
        }
        let Some(survival) = &mut inner.survival else {
            return Detached::Over;
        };
        let Some(managed) = &mut survival.managed else {
            return Detached::Over;
        };
        if managed.generation != connection {
            return Detached::TakenOver;
        }
        let until = now_ms.saturating_add(u64::from(managed.resume_s) * 1_000);
        managed.connect();
        managed.has_reader = false;
        managed.until = Some(until);
        // Nobody looks at it now.
        survival.held.get_or_insert_default();
        inner.is_blocked = true;
        inner.waker = Some(waker.clone());
        inner.look_again();
        Detached::Waits(until)
    }

    /// The messages that its client may not have.
    pub(crate) fn unread(&self) -> Vec<Outgoing> {
        let mut inner = self.inner.lock();
        let Some(managed) = inner.managed() else {
            return Vec::new();
        };
        let mut unread: Vec<Outgoing> = managed.unread().cloned().collect();
        let waiting = inner.first.iter().chain(&inner.fan_out);
        unread.extend(waiting.filter(|out| out.is_message()).cloned());
        unread
    }

    /// Takes the session over for a client that has `h` of what it was sent; `None` where it cannot be gone on with.
    pub(crate) fn claim(&self, id: &ResumptionId, h: u32, now_ms: u64) -> Option<Claimed> {
        if !self.has_id(id) {
            return None;
        }
        let mut inner = self.inner.lock();
        if inner.is_closed || inner.closing.is_some() {
            return None;
        }
        let managed = inner.managed()?;
        if managed.until.is_some_and(|until| until <= now_ms) || !managed.can_resume_from(h) {
            return None;
        }
        let waited_until = managed.until;
        managed.generation = managed.generation.wrapping_add(1);
        managed.connect();
        managed.has_reader = false;
        let connection = managed.generation;
        inner.is_blocked = true;
        inner.look_again();
        // The connection that had it is to see that it has no more.
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker.filter(|_| waited_until.is_none()) {
            waker.wake();
        }
        Some(Claimed {
            connection,
            waited_until,
        })
    }

    /// A connection begins to read; the client is active until it says otherwise (XEP-0352 §5.2).
    pub(crate) fn attach(&self, connection: u32) {
        let mut inner = self.inner.lock();
        if inner.check(connection).is_err() {
            return;
        }
        let Some(managed) = inner.managed() else { return };
        managed.connect();
        managed.has_reader = true;
        inner.carry(|_, total| total);
        inner.is_blocked = false;
        inner.look_again();
        drop(inner);
        self.set_active(true);
    }

    /// Whether somebody who had a lot to send it went away without: asked once.
    pub(crate) fn was_refused_room(&self) -> bool {
        self.with_managed(|managed| std::mem::take(&mut managed.was_refused_room))
            .unwrap_or_default()
    }

    /// Whether a session that waits has to end; it takes nothing more then.
    pub(crate) fn overdue(&self, now_ms: u64) -> Overdue {
        let mut inner = self.inner.lock();
        let is_ending = inner.is_closed || inner.closing.is_some();
        let Some(managed) = inner.managed() else {
            return Overdue::Gone;
        };
        let Some(until) = managed.until else {
            return Overdue::Gone;
        };
        if !is_ending && until > now_ms {
            return Overdue::Until(until);
        }
        // Whatever was routed is decided by now or will be without us.
        let (h, _) = managed.durable(|_| true);
        let id = managed.id;
        managed.until = None;
        inner.is_closed = true;
        inner.end();
        Overdue::Now(id, h)
    }

    /// Whether somebody looks at the client (XEP-0352 §4.2).
    pub(crate) fn set_active(&self, is_active: bool) {
        let waker = {
            let mut inner = self.inner.lock();
            if is_active {
                inner.release();
                if let Some(survival) = &mut inner.survival {
                    survival.held = None;
                    survival.is_inactive = false;
                }
                // §5.1: all of it stands before the answers to what the client asks next.
                let mut waiting = std::mem::take(&mut inner.fan_out);
                inner.first.append(&mut waiting);
            } else {
                let survival = inner.survival.get_or_insert_default();
                survival.is_inactive = true;
                survival.held.get_or_insert_default();
            }
            if inner.is_blocked {
                None
            } else {
                inner.waker.take()
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the client has not said that nobody looks at it.
    pub(crate) fn is_active(&self) -> bool {
        let inner = self.inner.lock();
        !inner
            .survival
            .as_ref()
            .is_some_and(|survival| survival.is_inactive)
    }
}

#[cfg(test)]
mod tests;
