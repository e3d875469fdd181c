//! What a client that nobody looks at need not get at once ([XEP-0352](https://xmpp.org/extensions/xep-0352.html) §3.2).
//!
//! What waits here keeps its order; of one contact's presence only the newest waits.

use std::collections::VecDeque;

use super::Outgoing;

/// Stanzas that are held back at most.
const STANZAS_MAX: usize = 256;
/// Bytes that are held back at most.
const BYTES_MAX: usize = 128 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Held {
    queue: VecDeque<(Option<u64>, Outgoing)>,
    bytes: usize,
}

impl Held {
    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds a stanza back, in place of an older one with the same key.
    pub(super) fn hold(&mut self, key: Option<u64>, out: Outgoing) {
        if key.is_some()
            && let Some(at) = self.queue.iter().position(|(other, _)| *other == key)
            && let Some((_, older)) = self.queue.remove(at)
        {
            self.bytes -= older.len();
        }
        self.bytes += out.len();
        self.queue.push_back((key, out));
    }

    /// Whether so much waits that it has to go.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= STANZAS_MAX || self.bytes >= BYTES_MAX
    }

    /// Moves everything, in order, behind what is in `into`; the bytes that were moved.
    pub(super) fn release(&mut self, into: &mut VecDeque<Outgoing>) -> usize {
        into.extend(std::mem::take(&mut self.queue).into_iter().map(|(_, out)| out));
        std::mem::take(&mut self.bytes)
    }
}
