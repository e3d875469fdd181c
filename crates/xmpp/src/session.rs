//! One client's bound session as the rest of the server knows it.
//!
//! The task that owns the socket is in the submodules; nothing here reads or writes one.

pub mod mailbox;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use store::ids::JidNo;
use wire::{Jid, StreamError};

use mailbox::{Mailbox, NotQueued, Outgoing};

/// A bound session. Shared by its own task, the registry and whoever sends to it.
#[derive(Debug)]
pub struct Session {
    /// The full JID.
    pub jid: Jid,
    /// The number of its bare JID.
    pub no: JidNo,
    /// Unique within this process, never used again.
    pub id: u64,
    /// The device token that it signed in with.
    pub device: Option<i64>,
    /// Whether it came over a WebSocket.
    pub is_websocket: bool,
    /// What waits for the client.
    pub mailbox: Mailbox,
    /// The last presence that it broadcast; `None` while it is not available.
    pub presence: Mutex<Option<Presence>>,
    flags: AtomicU32,
}

/// What a session last broadcast about itself.
#[derive(Debug, Clone)]
pub struct Presence {
    /// Canonical bytes with `from` the full JID and no `to`.
    pub stanza: Arc<[u8]>,
    /// RFC 6121 §4.7.2.3
    pub priority: i8,
}

/// What a session has asked for; combined in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Flag {
    /// It asked for the roster, so roster pushes go to it (RFC 6121 §2.2).
    Interested = 1,
    /// It sent initial presence at least once.
    HadPresence = 1 << 1,
}

impl Session {
    /// Used by the negotiation, and by tests that need a session without a connection.
    pub fn new(jid: Jid, no: JidNo, id: u64, device: Option<i64>, is_websocket: bool, mailbox_limit: usize) -> Session {
        Session {
            jid,
            no,
            id,
            device,
            is_websocket,
            mailbox: Mailbox::new(mailbox_limit),
            presence: Mutex::new(None),
            flags: AtomicU32::new(0),
        }
    }

    /// Queues something for the client; never blocks.
    ///
    /// # Errors
    /// When the client does not read (it is then being closed) or when the session is closing.
    pub fn send(&self, out: Outgoing) -> Result<(), NotQueued> {
        self.mailbox.send(out)
    }

    /// Ends the session with this stream error after what is queued already.
    pub fn close(&self, error: StreamError) {
        self.mailbox.close(error);
    }

    /// Sets a flag and says whether it was set before.
    pub fn set(&self, flag: Flag) -> bool {
        self.flags.fetch_or(flag as u32, Ordering::AcqRel) & flag as u32 != 0
    }

    /// Clears a flag.
    pub fn clear(&self, flag: Flag) {
        self.flags.fetch_and(!(flag as u32), Ordering::AcqRel);
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.load(Ordering::Acquire) & flag as u32 != 0
    }

    /// The resource.
    pub fn resource(&self) -> &str {
        self.jid.resource().unwrap_or_default()
    }
}
