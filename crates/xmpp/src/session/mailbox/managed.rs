//! What stream management remembers of one session ([XEP-0198](https://xmpp.org/extensions/xep-0198.html)): what was sent
//! and is not acknowledged yet, and what was received and is not durable yet.
//!
//! Numbers and queues only: it knows no XML, no connection and no clock.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use store::Ticket;

use super::Outgoing;

/// A resumption id; nobody can guess it.
pub(crate) type ResumptionId = [u8; 16];

/// Stanzas that may be unacknowledged before the client is asked, if none of them is a message.
const ASKED_AFTER: usize = 16;
/// Received stanzas whose commits are told apart; beyond it the newest share one.
const PENDING_MAX: usize = 64;

/// An acknowledgement of stanzas that were never sent (§6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooHigh {
    /// What was acknowledged.
    pub(crate) h: u32,
    /// How many were sent.
    pub(crate) sent: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Managed {
    pub(super) id: ResumptionId,
    /// For how long the session waits without a connection, in seconds; 0 where it does not.
    pub(super) resume_s: u32,
    /// The last number that the client acknowledged.
    acked: u32,
    /// What was sent since, oldest first.
    unacked: VecDeque<Outgoing>,
    unacked_bytes: usize,
    /// How many of these were written on the connection at hand: the others are repeated first.
    written: usize,
    /// Whether an answer to `<r/>` is to come.
    is_asked: bool,
    /// Whether something worth asking for was sent since.
    is_worth_asking: bool,
    /// How many stanzas the client sent.
    received: u32,
    /// The last of them whose commit is known.
    durable: u32,
    /// The later ones, each with the write that it waits for at most.
    pending: VecDeque<(u32, Ticket)>,
    /// Whether the last of them is being routed.
    is_routing: bool,
    /// Who waits until it is.
    waker: Option<Waker>,
    /// Which connection may read and write; each that takes over has a number of its own.
    pub(super) generation: u32,
    /// Whether a connection reads what is sent.
    pub(super) has_reader: bool,
    /// Without a connection, when the session ends (monotonic, in milliseconds).
    pub(super) until: Option<u64>,
    /// What waited when it was resumed: allowed beyond the bound until the client has had the time to read it.
    pub(super) carried: usize,
    /// Whether somebody who had a lot to send went away without having sent it.
    pub(super) was_refused_room: bool,
    /// Too much waits for the client: its connection is cut.
    pub(super) is_cut: bool,
}

impl Managed {
    pub(super) fn new(id: ResumptionId, resume_s: u32) -> Managed {
        Managed {
            id,
            resume_s,
            acked: 0,
            unacked: VecDeque::new(),
            unacked_bytes: 0,
            written: 0,
            is_asked: false,
            is_worth_asking: false,
            received: 0,
            durable: 0,
            pending: VecDeque::new(),
            is_routing: false,
            waker: None,
            generation: 0,
            has_reader: true,
            until: None,
            carried: 0,
            was_refused_room: false,
            is_cut: false,
        }
    }

    /// As if so many stanzas had been sent and acknowledged.
    #[cfg(test)]
    pub(super) fn begin_at(&mut self, acked: u32) {
        self.acked = acked;
    }

    /// Bytes that are sent and not acknowledged.
    pub(super) fn bytes(&self) -> usize {
        self.unacked_bytes
    }

    /// How many stanzas were sent, modulo 2³² (§4).
    fn sent(&self) -> u32 {
        self.acked.wrapping_add(self.unacked.len() as u32)
    }

    /// Notes what is being written for the first time.
    pub(super) fn sending(&mut self, out: &Outgoing) {
        debug_assert_eq!(self.written, self.unacked.len());
        self.is_worth_asking |= out.is_message();
        self.unacked_bytes += out.len();
        self.unacked.push_back(out.clone());
        self.written += 1;
    }

    /// Takes what has to be repeated on this connection, up to about `limit` bytes.
    pub(super) fn repeat(&mut self, limit: usize, into: &mut VecDeque<Outgoing>) {
        let mut taken = 0;
        while taken < limit
            && let Some(out) = self.unacked.get(self.written)
        {
            taken += out.len();
            into.push_back(out.clone());
            self.written += 1;
            self.is_worth_asking = true;
        }
    }

    /// Whether something has to be repeated on this connection.
    pub(super) fn has_to_repeat(&self) -> bool {
        self.written < self.unacked.len()
    }

    /// Whether the client is to be asked now what it has; then it counts as asked.
    pub(super) fn ask(&mut self) -> bool {
        let asks = !self.is_asked && (self.is_worth_asking || self.unacked.len() >= ASKED_AFTER);
        if asks {
            self.is_asked = true;
            self.is_worth_asking = false;
        }
        asks
    }

    /// Whether the client owes an answer.
    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// What `h` says of what was sent: how many more the client has, that it has fewer than it said before (`None`), or more
    /// than there were.
    fn judge(&self, h: u32) -> Result<Option<usize>, TooHigh> {
        let more = h.wrapping_sub(self.acked);
        if more as usize <= self.unacked.len() {
            return Ok(Some(more as usize));
        }
        // Numbers go round: the nearer side counts.
        if more > u32::MAX / 2 {
            return Ok(None);
        }
        Err(TooHigh { h, sent: self.sent() })
    }

    /// Whether a client that has this much can go on from there.
    pub(super) fn can_resume_from(&self, h: u32) -> bool {
        !matches!(self.judge(h), Ok(None))
    }

    /// Takes the client's word for what it has (§4).
    pub(super) fn acknowledge(&mut self, h: u32) -> Result<(), TooHigh> {
        self.is_asked = false;
        // Less than before is nothing new.
        let more = self.judge(h)?.unwrap_or_default();
        for out in self.unacked.drain(..more) {
            self.unacked_bytes -= out.len();
        }
        self.acked = self.acked.wrapping_add(more as u32);
        self.written = self.written.saturating_sub(more);
        if self.unacked.is_empty() {
            // Most sessions are idle: what they hold then is what counts.
            self.unacked = VecDeque::new();
        }
        Ok(())
    }

    /// A new connection: everything unacknowledged is written again, and nothing was asked on it.
    pub(super) fn connect(&mut self) {
        self.written = 0;
        self.is_asked = false;
        self.is_worth_asking = false;
        self.is_cut = false;
        self.until = None;
    }

    /// The messages that the client may not have.
    pub(super) fn unread(&self) -> impl Iterator<Item = &Outgoing> {
        self.unacked.iter().filter(|out| out.is_message())
    }

    /// Gives up what the client never acknowledged.
    pub(super) fn take_unacked(&mut self) -> VecDeque<Outgoing> {
        self.unacked_bytes = 0;
        self.written = 0;
        std::mem::take(&mut self.unacked)
    }

    /// Counts a stanza of the client's that is routed now.
    pub(super) fn begin(&mut self) {
        self.received = self.received.wrapping_add(1);
        self.is_routing = true;
    }

    /// The last stanza was routed; whatever it wrote was handed in with this ticket or before.
    pub(super) fn routed(&mut self, newest: Ticket) -> Option<Waker> {
        self.is_routing = false;
        let number = self.received;
        let is_full = self.pending.len() >= PENDING_MAX;
        match self.pending.back_mut() {
            Some(last) if is_full || last.1 == newest => *last = (number, newest),
            _ => self.pending.push_back((number, newest)),
        }
        self.waker.take()
    }

    /// Waits until no stanza is being routed.
    pub(super) fn poll_routed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_routing {
            return Poll::Ready(());
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The last stanza whose writes are decided, and the ticket that all routed ones wait for, if they still do.
    pub(super) fn durable(&mut self, is_decided: impl Fn(Ticket) -> bool) -> (u32, Option<Ticket>) {
        while let Some(&(number, ticket)) = self.pending.front()
            && is_decided(ticket)
        {
            self.durable = number;
            self.pending.pop_front();
        }
        (self.durable, self.pending.back().map(|(_, ticket)| *ticket))
    }
}
