//! One client's bound session as the rest of the server knows it.
//!
//! The task that owns the socket is in the submodules; nothing here reads or writes one.

mod bind;
mod closing;
pub mod mailbox;
mod negotiation;
pub mod registration;
mod run;
mod sasl;
pub(crate) mod stream;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use store::{DeviceId, JidNo};
use wire::sasl::ChannelBinding;
use wire::{Jid, StreamCondition, StreamError};

use crate::listen::Peer;
use crate::registry::Routing;
use crate::server::Server;
use closing::{Closing, close};
use mailbox::{Lane, Mailbox, NotQueued, Outgoing};
use negotiation::{End, Negotiation, refused};
use run::Running;
use stream::Stream;

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

/// Serves one connection from its first byte to its last. `binding` is there where TLS is already; otherwise the
/// stream may start it, unless it is a WebSocket's.
pub(crate) async fn serve(server: Arc<Server>, peer: Peer, mut stream: Stream, binding: Option<ChannelBinding>) {
    // Boxed apart and freed here, so that an idle session does not carry it.
    let Some(session) = Box::pin(establish(&server, &peer, &mut stream, binding)).await else { return };
    if server.shutdown.is_cancelled() {
        // Whoever closes all sessions then may have done it before this one was there.
        session.close(StreamError::new(StreamCondition::SystemShutdown));
    }
    Running::new(server, session, stream).run().await;
}

/// Negotiates, and says goodbye where that fails.
async fn establish(
    server: &Arc<Server>,
    peer: &Peer,
    stream: &mut Stream,
    binding: Option<ChannelBinding>,
) -> Option<Arc<Session>> {
    let is_starttls = binding.is_none() && !stream.is_websocket();
    let negotiation = Negotiation::new(server, peer, stream, binding.unwrap_or_default(), is_starttls).run();
    let end = tokio::select! {
        negotiated = negotiation => match negotiated {
            Ok(session) => return Some(session),
            Err(end) => end,
        },
        () = server.clock.sleep(server.settings.limits.auth_timeout_ms) => refused(StreamCondition::ConnectionTimeout),
        () = server.shutdown.cancelled() => refused(StreamCondition::SystemShutdown),
    };
    let closing = match end {
        End::Closed => Some(Closing::Answer),
        End::Refused(error) => Some(Closing::Ours(error)),
        End::Broken(broken) => Closing::broken(&broken),
    };
    if let Some(closing) = closing {
        close(server, stream, closing).await;
    }
    None
}
