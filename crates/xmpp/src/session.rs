//! One client's bound session as the rest of the server knows it.
//!
//! The task that owns the socket is in the submodules; nothing here reads or writes one.

mod bind;
mod closing;
pub(crate) mod component;
pub mod mailbox;
pub(crate) mod management;
mod negotiation;
pub mod registration;
mod run;
mod sasl;
mod sasl2;
pub(crate) mod stream;
pub(crate) mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use store::{DeviceId, JidNo};
use wire::sasl::ChannelBinding;
use wire::{Jid, StreamCondition, StreamError};

use crate::listen::{Counted, Peer};
use crate::registry::Routing;
use crate::server::Server;
use closing::{Closing, close};
use mailbox::{Lane, Mailbox, NotQueued, Outgoing};
use management::Claim;
use negotiation::{End, Established, Negotiation, refused};
use stream::Stream;

pub(crate) use run::Running;

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
    /// The device token that it signed in with, or [`NO_DEVICE`].
    device: AtomicI64,
    /// Set once the session has lost its right to be here.
    is_barred: AtomicBool,
    /// Whether it was shown the requests to subscribe that wait for its account.
    has_requests: AtomicBool,
}

/// No device's number.
const NO_DEVICE: i64 = i64::MIN;

fn device_number(device: Option<DeviceId>) -> i64 {
    device.map_or(NO_DEVICE, |device| device.0)
}

impl Session {
    pub(crate) fn new(
        id: u64,
        jid: Jid,
        no: JidNo,
        device: Option<DeviceId>,
        mailbox_limit: usize,
    ) -> Session {
        Session {
            id,
            jid,
            no,
            routing: Routing::default(),
            mailbox: Mailbox::new(mailbox_limit),
            device: AtomicI64::new(device_number(device)),
            is_barred: AtomicBool::new(false),
            has_requests: AtomicBool::new(false),
        }
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

    /// Waits until the client has read nearly all of what waits for it. For whoever sends it more at once than it may leave
    /// unread; false when it will read no more.
    pub(crate) async fn room(&self) -> bool {
        std::future::poll_fn(|cx| self.mailbox.poll_room(cx)).await
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

    /// Ends the session of somebody who may be here no more: what it sent and was not routed yet takes no effect.
    pub fn bar(&self, text: &'static str) {
        self.is_barred.store(true, Ordering::Release);
        self.close(StreamError::new(StreamCondition::NotAuthorized).text(text));
    }

    /// Whether the requests to subscribe that wait for its account are to be shown to it now: once.
    pub(crate) fn first_showing(&self) -> bool {
        !self.has_requests.swap(true, Ordering::AcqRel)
    }

    /// Whether it was ended by [`Session::bar`].
    pub(crate) fn is_barred(&self) -> bool {
        self.is_barred.load(Ordering::Acquire)
    }

    /// The device token that it signed in with last.
    pub fn device(&self) -> Option<DeviceId> {
        let number = self.device.load(Ordering::Acquire);
        (number != NO_DEVICE).then_some(DeviceId(number))
    }

    /// Whoever resumed it showed this token.
    pub(crate) fn set_device(&self, device: Option<DeviceId>) {
        self.device.store(device_number(device), Ordering::Release);
    }

    /// Whether it has lost its connection and waits for its client (XEP-0198 §5): what is sent to it is kept, nobody reads it.
    pub fn is_hibernating(&self) -> bool {
        self.mailbox.is_waiting()
    }

    /// Says whether anybody looks at the client (XEP-0352 §4.2).
    pub fn set_active(&self, is_active: bool) {
        self.mailbox.set_active(is_active);
    }

    /// Whether the client has not said that nobody looks at it (XEP-0352 §4.2). Nobody else may be told (§6).
    pub fn is_active(&self) -> bool {
        self.mailbox.is_active()
    }

    /// Takes everything that waits, each as it would be written; for tests with a detached session.
    pub fn drain(&self) -> Vec<Vec<u8>> {
        match self
            .mailbox
            .poll_take(&mut Context::from_waker(Waker::noop()), usize::MAX, 0)
        {
            Poll::Pending | Poll::Ready(Err(_)) => Vec::new(),
            Poll::Ready(Ok(batch)) => {
                let written = |out: &Outgoing| {
                    let mut bytes = Vec::new();
                    out.write(&self.jid, &mut bytes);
                    bytes
                };
                batch.all().map(written).collect()
            }
        }
    }
}

/// What a negotiation comes to.
pub(crate) enum Begun {
    /// A new session.
    Bound(Arc<Session>),
    /// One that was there before (XEP-0198 §5); the client was told so.
    Resumed(Claim),
}

impl Begun {
    /// The session.
    pub(crate) fn session(&self) -> &Arc<Session> {
        match self {
            Begun::Bound(session) => session,
            Begun::Resumed(claim) => claim.session(),
        }
    }
}

/// Negotiates on a connection from its first byte; `None` when it ended before there was a session. `binding` is there
/// where TLS is already; otherwise the stream may start it, unless it is a WebSocket's. The future is large; box it.
pub(crate) async fn establish(
    server: Arc<Server>,
    peer: Peer,
    mut stream: Stream,
    binding: Option<ChannelBinding>,
    counted: Counted,
) -> Option<Box<Running>> {
    let is_starttls = binding.is_none() && stream.can_start_tls();
    let negotiation = Negotiation::new(
        &server,
        &peer,
        &mut stream,
        binding.unwrap_or_default(),
        is_starttls,
    )
    .run();
    let end = tokio::select! {
        negotiated = negotiation => match negotiated {
            Ok(Established { begun, identity, welcome }) => {
                let session = begun.session();
                if let Some(welcome) = welcome
                    && let Err(error) = welcome.tell(&server, session, &mut stream).await
                {
                    tracing::debug!(%error, "the client went as it was welcomed");
                }
                // Whoever ends sessions may have looked for them just before this one was there.
                if server.shutdown.is_cancelled() {
                    session.close(StreamError::new(StreamCondition::SystemShutdown));
                } else if !server.auth.stands(&identity).await.unwrap_or(false) {
                    session.close(StreamError::new(StreamCondition::NotAuthorized));
                }
                return Some(Box::new(Running::new(server, begun, stream, counted)));
            }
            Err(end) => end,
        },
        () = server.clock.sleep(server.settings.limits.auth_timeout_ms) => refused(StreamCondition::ConnectionTimeout),
        () = server.shutdown.cancelled() => refused(StreamCondition::SystemShutdown),
    };
    let closing = match end {
        End::Closed => Some(Closing::Answer(None)),
        End::Refused(error) => Some(Closing::Ours(error)),
        End::Broken(broken) => Closing::broken(&broken),
    };
    if let Some(closing) = closing {
        close(&server, &mut stream, closing).await;
    }
    None
}

/// Turns a connection away without waiting for anything.
pub(crate) async fn refuse(server: &Server, mut stream: Stream, error: StreamError) {
    if closing::write_close(server, &mut stream, Some(&error)).is_ok() && stream.write_end().is_ok() {
        // What the socket does not take at once is lost with it.
        let _ = std::future::poll_fn(|cx| Poll::Ready(stream.poll_shutdown(cx))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_session_is_small() {
        let sizes = (size_of::<Running>(), size_of::<Stream>(), size_of::<Session>());
        println!("{sizes:?}");
        // With the two counters of its `Arc` it takes 320 bytes of the allocator, as anything from 257 to 320 does.
        assert!(sizes.0 <= 384 && sizes.2 + 16 <= 320, "{sizes:?}");
    }
}
