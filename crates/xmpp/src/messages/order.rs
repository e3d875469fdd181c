//! One order for an account's messages: in it they are numbered, stored, and handed to its sessions.
//!
//! It holds nothing but the turn; what is done in it must not wait.

use parking_lot::{Mutex, MutexGuard};
use store::JidNo;

const SHARDS: usize = 256;

/// Whose turn it is; accounts share places.
pub(crate) struct Order([Mutex<()>; SHARDS]);

/// The turn of one or two accounts.
pub(crate) struct Turn<'o> {
    _first: MutexGuard<'o, ()>,
    _second: Option<MutexGuard<'o, ()>>,
}

impl Default for Order {
    fn default() -> Self {
        Order(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Order {
    /// The turn of both sides of a message.
    pub fn turn(&self, one: JidNo, other: JidNo) -> Turn<'_> {
        let (one, other) = (one.0 as usize % SHARDS, other.0 as usize % SHARDS);
        // Always the smaller first, so that two cannot wait for each other.
        let (first, second) = (one.min(other), one.max(other));
        Turn {
            _first: self.0[first].lock(),
            _second: (first != second).then(|| self.0[second].lock()),
        }
    }
}
