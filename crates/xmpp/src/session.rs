//! One client's bound session as the rest of the server knows it.
//!
//! The task that owns the socket is in the submodules; nothing here reads or writes one.

pub mod mailbox;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use store::{DeviceId, JidNo};
use wire::{Jid, StreamError};

use crate::registry::Routing;
use mailbox::{Lane, Mailbox, NotQueued, Outgoing};

/// A bound session. Shared by its own task, the registry and whoever sends to it.
pub struct Session {
    /// Unique within this process, never used again.
    pub id: u64,
    /// The full JID.
    pub jid: Jid,
    /// The number of its bare JID.
    pub no: JidNo,
    /// What routing remembers of it.
    pub routing: Routing,
    pub(crate) mailbox: Mailbox,
    device: Option<DeviceId>,
}

impl Session {
    pub(crate) fn new(id: u64, jid: Jid, no: JidNo, device: Option<DeviceId>, mailbox_limit: usize) -> Session {
        Session { id, jid, no, routing: Routing::default(), mailbox: Mailbox::new(mailbox_limit), device }
    }

    /// A session without a connection, for tests; what is sent to it stays until [`Session::drain`].
    pub fn detached(id: u64, jid: Jid, no: JidNo) -> Arc<Session> {
        Arc::new(Session::new(id, jid, no, None, usize::MAX))
    }

    /// Queues something for the client behind what is queued already; never blocks.
    ///
    /// # Errors
    /// When the client does not read (it is then being closed) or when the session is closing.
    pub fn send(&self, out: Outgoing) -> Result<(), NotQueued> {
        self.mailbox.send(Lane::FanOut, out)
    }

    /// Queues the result or error of one of the session's own requests; these are written first.
    ///
    /// Nobody else waits for it, so a session that is closing just drops it.
    pub fn reply(&self, stanza: impl Into<Arc<[u8]>>) {
        let _ = self.mailbox.send(Lane::Reply, Outgoing::Stanza(stanza.into()));
    }

    /// Ends the session with this stream error after what is queued already.
    pub fn close(&self, error: StreamError) {
        self.mailbox.close(error);
    }

    /// The device token that it signed in with.
    pub fn device(&self) -> Option<DeviceId> {
        self.device
    }

    /// Takes everything that waits, each as it would be written; for tests with a detached session.
    pub fn drain(&self) -> Vec<Vec<u8>> {
        match self.mailbox.poll_take(&mut Context::from_waker(Waker::noop()), usize::MAX) {
            Poll::Pending => Vec::new(),
            Poll::Ready(batch) => {
                let written = |out: &Outgoing| {
                    let mut bytes = Vec::new();
                    out.write(&self.jid, &mut bytes);
                    bytes
                };
                batch.first.iter().chain(&batch.fan_out).map(written).collect()
            }
        }
    }
}
