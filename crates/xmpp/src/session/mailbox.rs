//! What waits to be written to one client: lazy, bounded, and without any allocation while empty.
//!
//! Two lanes: results and errors of the session's own requests go first, everything else follows in its order. What
//! outlives the connection (XEP-0198) and what waits for the client's attention (XEP-0352) is beside them, for those
//! sessions that have it: see `survival`.

mod held;
pub(crate) mod importance;
mod managed;
mod survival;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use wire::{Jid, StreamCondition, StreamError};

pub(crate) use managed::{ResumptionId, TooHigh};
use survival::Survival;
pub(crate) use survival::{Detached, Lost, Overdue};

/// One stanza towards a client.
#[derive(Debug, Clone)]
pub enum Outgoing {
    /// Canonical bytes, written as they are.
    Stanza(Arc<[u8]>),
    /// The same bytes for many, completed with this session's address when written.
    Shared(Arc<SharedOut>),
}

/// A stanza for many recipients: what stands before and after the recipient's address, quotes included in neither.
///
/// Nothing is allocated per recipient, since the bare JID is a prefix of the session's full one.
#[derive(Debug)]
pub struct SharedOut {
    /// What is written between the two.
    pub address: Address,
    /// Everything up to and including the quote (`'`) that opens `to`.
    pub head: Box<[u8]>,
    /// Everything from the quote (`'`) that closes the last address written.
    pub tail: Box<[u8]>,
}

/// Which addresses complete a [`SharedOut`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// The session's full JID.
    ToFull,
    /// The session's bare JID.
    ToBare,
    /// The full JID, then `' from='` and the session's own bare JID.
    ToFullFromOwnBare,
}

/// The order in which things are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Before everything else: results and errors of the session's own requests.
    Reply,
    /// Everything else.
    FanOut,
}

impl Outgoing {
    fn len(&self) -> usize {
        /// Addresses are counted at a flat size, since the exact one does not matter to a limit.
        const ADDRESS: usize = 64;
        match self {
            Outgoing::Stanza(bytes) => bytes.len(),
            Outgoing::Shared(shared) => shared.head.len() + ADDRESS + shared.tail.len(),
        }
    }

    /// Whether it is a message, by its first tag.
    fn is_message(&self) -> bool {
        let head: &[u8] = match self {
            Outgoing::Stanza(bytes) => bytes,
            Outgoing::Shared(shared) => &shared.head,
        };
        head.starts_with(b"<message")
    }

    /// Appends the stanza as it stands on a TCP stream.
    pub(crate) fn write(&self, to: &Jid, out: &mut Vec<u8>) {
        match self {
            Outgoing::Stanza(bytes) => out.extend_from_slice(bytes),
            Outgoing::Shared(shared) => {
                let full = to.as_str();
                let bare = full.split_once('/').map_or(full, |(bare, _)| bare);
                out.extend_from_slice(&shared.head);
                match shared.address {
                    Address::ToFull => push_escaped(full, out),
                    Address::ToBare => push_escaped(bare, out),
                    Address::ToFullFromOwnBare => {
                        push_escaped(full, out);
                        out.extend_from_slice(b"' from='");
                        push_escaped(bare, out);
                    }
                }
                out.extend_from_slice(&shared.tail);
            }
        }
    }
}

/// A localpart may hold neither quotes, `&` nor `<` (RFC 7622 §3.3.1), but a resource may.
fn push_escaped(text: &str, out: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'\'' => out.extend_from_slice(b"&apos;"),
            _ => out.push(byte),
        }
    }
}

/// This part of a mailbox may be full before those who send a lot at once wait.
const ROOM: usize = 16;

/// Why something was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotQueued {
    /// Too much waits already; the session is being closed for it.
    #[error("the session's mailbox is full")]
    Full,
    /// The session is closing.
    #[error("the session is closing")]
    Closed,
}

/// The queue towards one client.
#[derive(Debug)]
pub struct Mailbox {
    inner: Mutex<Inner>,
    hard_limit: usize,
}

#[derive(Debug, Default)]
struct Inner {
    first: VecDeque<Outgoing>,
    fan_out: VecDeque<Outgoing>,
    bytes: usize,
    waker: Option<Waker>,
    /// The session cannot write at the moment: only its end is worth waking it.
    is_blocked: bool,
    closing: Option<Box<StreamError>>,
    is_closed: bool,
    /// Nobody can be sure any more that what waits will be read.
    is_ending: bool,
    /// Who waits for room: seldom anybody.
    waiting: Vec<Waker>,
    /// What few sessions have, boxed so that the others pay one word.
    survival: Option<Box<Survival>>,
}

impl Inner {
    /// Ends a session whose client does not read. What it was sent before is kept where it may yet reach it otherwise.
    fn overflow(&mut self) {
        if self.survival.is_none() {
            self.first = VecDeque::new();
            self.fan_out = VecDeque::new();
            self.bytes = 0;
        }
        self.is_closed = true;
        self.end();
        self.closing = Some(Box::new(
            StreamError::new(StreamCondition::ResourceConstraint).text("too much waits to be read"),
        ));
    }

    /// Puts a stanza where it belongs; whether that is to be written now.
    fn queue(&mut self, lane: Lane, out: Outgoing) -> bool {
        if lane == Lane::FanOut
            && let Some(survival) = &mut self.survival
            && let Some(held) = &mut survival.held
        {
            match importance::of(&out) {
                importance::Importance::Waits(key) => {
                    held.hold(key, out);
                    if held.is_full() {
                        self.bytes += held.release(&mut self.fan_out);
                        return true;
                    }
                    return false;
                }
                importance::Importance::Now => self.bytes += held.release(&mut self.fan_out),
            }
        }
        self.bytes += out.len();
        match lane {
            Lane::Reply => self.first.push_back(out),
            Lane::FanOut => self.fan_out.push_back(out),
        }
        true
    }

    /// Takes what fits into about `limit` bytes.
    fn take_some(&mut self, limit: usize) -> Batch {
        let mut batch = Batch::default();
        let mut taken = 0;
        while taken < limit {
            let (from, to) = if self.first.is_empty() {
                (&mut self.fan_out, &mut batch.fan_out)
            } else {
                (&mut self.first, &mut batch.first)
            };
            let Some(out) = from.pop_front() else { break };
            taken += out.len();
            to.push_back(out);
        }
        self.bytes = self.bytes.saturating_sub(taken);
        batch
    }

    /// Lets go whoever waits for room.
    fn end(&mut self) {
        self.is_ending = true;
        self.look_again();
    }

    /// Wakes whoever waits for room; they look once the lock is free.
    fn look_again(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            waiting.wake();
        }
    }

    fn wait(&mut self, cx: &mut Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }
}

/// What [`Mailbox::poll_take`] hands to the session.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// What was written on an earlier connection, before everything else.
    pub again: VecDeque<Outgoing>,
    pub first: VecDeque<Outgoing>,
    pub fan_out: VecDeque<Outgoing>,
    /// Whether the client is to be asked behind it what it has.
    pub asks: bool,
    /// Set once, when the session is to be closed after what is in this batch.
    pub close: Option<Box<StreamError>>,
}

impl Batch {
    /// Everything, in the order in which it is written.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Outgoing> {
        self.again.iter().chain(&self.first).chain(&self.fan_out)
    }

    /// Everything, in the order in which it was or would have been written.
    pub(crate) fn into_all(self) -> impl Iterator<Item = Outgoing> {
        self.again.into_iter().chain(self.first).chain(self.fan_out)
    }
}

impl Mailbox {
    /// An empty mailbox that takes up to `hard_limit` bytes.
    pub fn new(hard_limit: usize) -> Mailbox {
        Mailbox {
            inner: Mutex::default(),
            hard_limit,
        }
    }

    /// Queues and wakes the session.
    pub fn send(&self, lane: Lane, out: Outgoing) -> Result<(), NotQueued> {
        let waker;
        let result;
        {
            let mut inner = self.inner.lock();
            if inner.is_closed {
                return Err(NotQueued::Closed);
            }
            let bytes = inner.total() + out.len();
            if bytes > inner.limit(self.hard_limit) && !inner.cut(bytes, self.hard_limit) {
                // Nobody reads this: what waits is dropped, so that it costs no more memory until the socket is gone.
                inner.overflow();
                result = Err(NotQueued::Full);
                waker = inner.waker.take();
            } else {
                result = Ok(());
                waker = if !inner.queue(lane, out) || (inner.is_blocked && !inner.is_cut()) {
                    None
                } else {
                    inner.waker.take()
                };
            }
        }
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }

    /// Asks the session to close with this stream error. Only the first counts. What is queued until the session has
    /// finished what it received is still written.
    pub fn close(&self, error: StreamError) {
        let waker = {
            let mut inner = self.inner.lock();
            if inner.is_closed || inner.closing.is_some() {
                return;
            }
            inner.closing = Some(Box::new(error));
            inner.end();
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Refuses everything from now on and returns what waits.
    pub(crate) fn shut(&self) -> Batch {
        let mut inner = self.inner.lock();
        inner.end();
        let mut last = std::mem::replace(
            &mut *inner,
            Inner {
                is_closed: true,
                is_ending: true,
                ..Inner::default()
            },
        );
        let again = match &mut last.survival {
            None => VecDeque::new(),
            Some(survival) => survival.surrender(&mut last.fan_out),
        };
        Batch {
            again,
            first: last.first,
            fan_out: last.fan_out,
            asks: false,
            close: last.closing,
        }
    }

    /// Says that the client reads no more: whoever waits for room goes on without it.
    pub(crate) fn give_up(&self) {
        self.inner.lock().end();
    }

    /// Waits until little is left to be read, so that a lot that is sent at once cannot end the session. False when the
    /// session ends instead.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut inner = self.inner.lock();
        if inner.is_ending {
            return Poll::Ready(false);
        }
        if let Some(has_room) = inner.room_without_reader(self.hard_limit) {
            return Poll::Ready(has_room);
        }
        if inner.total() <= self.hard_limit / ROOM {
            return Poll::Ready(true);
        }
        if !inner.waiting.iter().any(|known| known.will_wake(cx.waker())) {
            inner.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.inner.lock().bytes
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the session is to end, asked while its client takes nothing.
    pub(crate) fn poll_closing(
        &self,
        cx: &mut Context<'_>,
        connection: u32,
    ) -> Poll<Result<Box<StreamError>, Lost>> {
        let mut inner = self.inner.lock();
        inner.check(connection)?;
        if let Some(error) = inner.closing.take() {
            return Poll::Ready(Ok(error));
        }
        inner.is_blocked = true;
        inner.wait(cx);
        Poll::Pending
    }

    /// Takes what waits for this connection, up to about `limit` bytes; pending while there is nothing.
    pub(crate) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        limit: usize,
        connection: u32,
    ) -> Poll<Result<Batch, Lost>> {
        let mut inner = self.inner.lock();
        inner.check(connection)?;
        inner.is_blocked = false;
        inner.look_again();
        if let Some(again) = inner.repeat(limit) {
            return Poll::Ready(Ok(again));
        }
        if inner.bytes == 0 && inner.closing.is_none() {
            inner.wait(cx);
            return Poll::Pending;
        }
        let mut batch = if inner.bytes <= limit {
            inner.bytes = 0;
            Batch {
                first: std::mem::take(&mut inner.first),
                fan_out: std::mem::take(&mut inner.fan_out),
                close: inner.closing.take(),
                ..Batch::default()
            }
        } else {
            inner.take_some(limit)
        };
        inner.note_sent(&mut batch);
        Poll::Ready(Ok(batch))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn stanza(text: &str) -> Outgoing {
        Outgoing::Stanza(text.as_bytes().into())
    }

    fn shared(address: Address) -> Outgoing {
        let head = b"<message to='"[..].into();
        Outgoing::Shared(Arc::new(SharedOut {
            address,
            head,
            tail: b"'/>"[..].into(),
        }))
    }

    fn take(mailbox: &Mailbox, limit: usize) -> Option<Batch> {
        match mailbox.poll_take(&mut Context::from_waker(Waker::noop()), limit, 0) {
            Poll::Ready(batch) => Some(batch.unwrap()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn replies_go_before_fan_out() {
        let mailbox = Mailbox::new(1_000);
        assert!(take(&mailbox, 1_000).is_none());
        mailbox.send(Lane::FanOut, shared(Address::ToFull)).unwrap();
        mailbox.send(Lane::Reply, stanza("<iq/>")).unwrap();
        let batch = take(&mailbox, 1).unwrap();
        assert_eq!((batch.first.len(), batch.fan_out.len()), (1, 0));
        let batch = take(&mailbox, 1).unwrap();
        assert_eq!((batch.first.len(), batch.fan_out.len()), (0, 1));
        assert!(take(&mailbox, 1_000).is_none());
    }

    #[test]
    fn a_shared_stanza_is_completed_and_escaped() {
        let jid: Jid = "juliet@localhost/o'balcony".parse().unwrap();
        let written = |address| {
            let mut out = Vec::new();
            shared(address).write(&jid, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written(Address::ToFull),
            "<message to='juliet@localhost/o&apos;balcony'/>"
        );
        assert_eq!(written(Address::ToBare), "<message to='juliet@localhost'/>");
        assert_eq!(
            written(Address::ToFullFromOwnBare),
            "<message to='juliet@localhost/o&apos;balcony' from='juliet@localhost'/>"
        );
    }

    #[test]
    fn over_the_hard_limit_the_session_closes() {
        let mailbox = Mailbox::new(8);
        mailbox.send(Lane::Reply, stanza("<iq/>")).unwrap();
        assert_eq!(mailbox.send(Lane::Reply, stanza("<iq/>")), Err(NotQueued::Full));
        assert_eq!(mailbox.send(Lane::Reply, stanza("<iq/>")), Err(NotQueued::Closed));
        let batch = take(&mailbox, 100).unwrap();
        assert!(batch.first.is_empty());
        assert_eq!(
            batch.close.unwrap().condition,
            StreamCondition::ResourceConstraint
        );
    }

    #[test]
    fn a_blocked_session_is_woken_for_its_end_only() {
        struct Count(AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let cx = &mut Context::from_waker(&waker);
        let mailbox = Mailbox::new(100);
        assert!(mailbox.poll_take(cx, 100, 0).is_pending());
        mailbox.send(Lane::FanOut, stanza("<message/>")).unwrap();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(mailbox.poll_closing(cx, 0).is_pending());
        mailbox.send(Lane::FanOut, stanza("<message/>")).unwrap();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        mailbox.close(StreamError::new(StreamCondition::Conflict));
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
        assert!(mailbox.poll_closing(cx, 0).is_ready());
        assert!(mailbox.poll_take(cx, 100, 0).is_ready());
    }

    #[test]
    fn who_sends_a_lot_waits_for_room_unless_the_session_ends() {
        let cx = &mut Context::from_waker(Waker::noop());
        let mailbox = Mailbox::new(160);
        assert_eq!(mailbox.poll_room(cx), Poll::Ready(true));
        mailbox.send(Lane::FanOut, stanza("<message/>")).unwrap();
        mailbox.send(Lane::FanOut, stanza("<message/>")).unwrap();
        assert!(mailbox.poll_room(cx).is_pending());
        take(&mailbox, 1).unwrap();
        assert_eq!(mailbox.poll_room(cx), Poll::Ready(true));
        mailbox.send(Lane::FanOut, stanza("<message/>")).unwrap();
        assert!(mailbox.poll_room(cx).is_pending());
        mailbox.close(StreamError::new(StreamCondition::Conflict));
        assert_eq!(mailbox.poll_room(cx), Poll::Ready(false));
        let given_up = Mailbox::new(16);
        given_up.send(Lane::FanOut, stanza("<message/>")).unwrap();
        assert!(given_up.poll_room(cx).is_pending());
        given_up.give_up();
        assert_eq!(given_up.poll_room(cx), Poll::Ready(false));
    }

    #[test]
    fn when_shut_nothing_more_is_taken() {
        let mailbox = Mailbox::new(100);
        mailbox.send(Lane::FanOut, stanza("<message/>")).unwrap();
        assert_eq!(mailbox.shut().fan_out.len(), 1);
        assert_eq!(mailbox.send(Lane::Reply, stanza("<iq/>")), Err(NotQueued::Closed));
        assert!(mailbox.is_empty());
    }

    #[test]
    fn the_first_close_counts_and_follows_what_waits() {
        let mailbox = Mailbox::new(100);
        mailbox.send(Lane::FanOut, stanza("<message/>")).unwrap();
        mailbox.close(StreamError::new(StreamCondition::Conflict));
        mailbox.close(StreamError::new(StreamCondition::SystemShutdown));
        mailbox.send(Lane::Reply, stanza("<iq/>")).unwrap();
        let batch = take(&mailbox, 100).unwrap();
        assert_eq!((batch.first.len(), batch.fan_out.len()), (1, 1));
        assert_eq!(batch.close.unwrap().condition, StreamCondition::Conflict);
    }
}
