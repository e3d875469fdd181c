//! A bound session's loop: one task, one small future, which waits for input and for the mailbox at once.
//!
//! What was read is routed stanza by stanza, in order; then whatever waits in the mailbox leaves in one write. A client
//! that does not read is not read from either, and one that sends too much waits its turn.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use wire::{Kind, Stanza, StreamCondition, StreamError, ns};

use super::Session;
use super::closing::{Closing, close};
use super::mailbox::Batch;
use super::negotiation::result;
use super::stream::{Event, Sender, Stream};
use crate::listen::Counted;
use crate::rates::Used;
use crate::router::{self, Routed};
use crate::server::Server;
use crate::transport::scratch;

/// How much is written at once.
const WRITTEN_AT_ONCE: usize = 64 * 1024;
/// How many stanzas are routed before what they caused is written.
const ROUTED_AT_ONCE: usize = 64;

/// See the module.
pub(crate) struct Running {
    server: Arc<Server>,
    session: Arc<Session>,
    stream: Stream,
    /// What the last stanza still has to do before the next.
    later: Option<BoxFuture<'static, ()>>,
    /// Until the client may send again.
    pause: Option<BoxFuture<'static, ()>>,
    bytes: Used,
    stanzas: Used,
    /// Since when the client has kept at its limit without a rest.
    flooding_since: Option<u64>,
    /// Somebody asked for the session's end; what was received is finished first.
    closing: Option<Box<StreamError>>,
    /// WebSockets only: the system watches over TCP connections of ours.
    heartbeat: Option<Heartbeat>,
    has_ended: bool,
    _counted: Counted,
}

/// Whether a silent client is still there (RFC 6455 §5.5.2).
struct Heartbeat {
    next: BoxFuture<'static, ()>,
    was_heard: bool,
    is_asked: bool,
}

/// How long a WebSocket may be silent before it is asked, and may then take to answer.
const HEARTBEAT_MS: u64 = 60_000;

/// How a session ended.
enum Ended {
    /// The connection is gone.
    Lost,
    Closed(Closing),
}

/// What became of the input.
#[derive(PartialEq, Eq)]
enum Input {
    /// No whole stanza is left.
    Starved,
    /// There may be more.
    Busy,
}

impl Running {
    pub(super) fn new(
        server: Arc<Server>,
        session: Arc<Session>,
        stream: Stream,
        counted: Counted,
    ) -> Running {
        let heartbeat = stream.is_websocket().then(|| Heartbeat {
            next: server.clock.sleep(HEARTBEAT_MS),
            was_heard: true,
            is_asked: false,
        });
        Running {
            server,
            session,
            stream,
            heartbeat,
            later: None,
            pause: None,
            bytes: Used::default(),
            stanzas: Used::default(),
            flooding_since: None,
            closing: None,
            has_ended: false,
            _counted: counted,
        }
    }

    /// Serves the session to its end.
    pub(crate) async fn run(mut self: Box<Self>) {
        let ended = std::future::poll_fn(|cx| self.poll(cx)).await;
        Box::pin(self.finish(ended)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            let mut is_held_up = !self.is_free(cx);
            let mut input = Input::Busy;
            if !is_held_up {
                input = match self.route_some() {
                    Ok(input) => input,
                    Err(ended) => return Poll::Ready(ended),
                };
                // What the last stanza left behind may be done already, and must know whom to wake if not.
                is_held_up = !self.is_free(cx);
            }
            if self.poll_heartbeat(cx).is_err() || self.poll_write(cx).is_err() {
                return Poll::Ready(Ended::Lost);
            }
            if is_held_up {
                return Poll::Pending;
            }
            if input == Input::Busy {
                continue;
            }
            if let Some(error) = self.closing.take() {
                return Poll::Ready(Ended::Closed(Closing::Ours(*error)));
            }
            if self.session.mailbox.len() > self.server.settings.limits.mailbox_soft_bytes {
                // The socket takes nothing more for now and will wake us when it does.
                return Poll::Pending;
            }
            match self.stream.poll_fill(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(read)) => {
                    if let Some(heartbeat) = &mut self.heartbeat {
                        heartbeat.was_heard = true;
                    }
                    self.charge(read, 0);
                }
                Poll::Ready(Err(broken)) => {
                    return Poll::Ready(Closing::broken(&broken).map_or(Ended::Lost, Ended::Closed));
                }
            }
        }
    }

    /// Whether the next stanza may be routed.
    fn is_free(&mut self, cx: &mut Context<'_>) -> bool {
        let is_routed = is_done(&mut self.later, cx);
        is_done(&mut self.pause, cx) && is_routed
    }

    /// Routes what has been read.
    fn route_some(&mut self) -> Result<Input, Ended> {
        for _ in 0..ROUTED_AT_ONCE {
            let event = match self.stream.next_buffered(Sender::Bound(&self.session.jid)) {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(Input::Starved),
                Err(broken) => return Err(Closing::broken(&broken).map_or(Ended::Lost, Ended::Closed)),
            };
            match event {
                Event::Stanza(stanza) => {
                    self.route(stanza);
                    self.charge(0, 1);
                    if self.is_flood() {
                        let error =
                            StreamError::new(StreamCondition::PolicyViolation).text("too much for too long");
                        return Err(Ended::Closed(Closing::Ours(error)));
                    }
                }
                Event::Close => return Err(Ended::Closed(Closing::Answer(None))),
                Event::Open(_) => {
                    let error = StreamError::new(StreamCondition::BadFormat);
                    return Err(Ended::Closed(Closing::Ours(error)));
                }
            }
            if self.later.is_some() || self.pause.is_some() {
                break;
            }
        }
        Ok(Input::Busy)
    }

    fn route(&mut self, stanza: Stanza) {
        if stanza.kind() == Kind::Iq && stanza.first_child() == Some((ns::SESSION, "session")) {
            // COMPAT: RFC 3921 clients; there is nothing to do (RFC 6121 §1.4).
            self.session.reply(result(&stanza).finish());
            return;
        }
        match router::route(&self.server, &self.session, stanza) {
            Routed::Done => {}
            Routed::Later(later) => self.later = Some(later),
        }
    }

    /// Counts what came in and makes the client wait where it was too much.
    fn charge(&mut self, bytes: usize, stanzas: usize) {
        let rates = &self.server.connections.rates;
        if rates.bytes.is_unlimited() && rates.stanzas.is_unlimited() {
            return;
        }
        let now = self.server.clock.monotonic_ms();
        self.bytes.charge(&rates.bytes, now, bytes);
        self.stanzas.charge(&rates.stanzas, now, stanzas);
        let debt = self
            .bytes
            .debt_ms(&rates.bytes, now)
            .max(self.stanzas.debt_ms(&rates.stanzas, now));
        if debt > 0 {
            self.flooding_since.get_or_insert(now);
            self.pause = Some(self.server.clock.sleep(debt));
        } else if self.bytes.is_rested(&rates.bytes, now) && self.stanzas.is_rested(&rates.stanzas, now) {
            self.flooding_since = None;
        }
    }

    fn is_flood(&self) -> bool {
        let patience = self.server.settings.limits.flood_patience_ms;
        self.flooding_since
            .is_some_and(|since| self.server.clock.monotonic_ms().saturating_sub(since) > patience)
    }

    /// Asks a silent client for a sign of life; an error when it gave none.
    fn poll_heartbeat(&mut self, cx: &mut Context<'_>) -> std::io::Result<()> {
        while let Some(heartbeat) = &mut self.heartbeat {
            if heartbeat.next.as_mut().poll(cx).is_pending() {
                break;
            }
            if heartbeat.was_heard {
                heartbeat.is_asked = false;
            } else if heartbeat.is_asked {
                return Err(std::io::ErrorKind::TimedOut.into());
            } else {
                heartbeat.is_asked = true;
                self.stream.write_ping()?;
            }
            heartbeat.was_heard = false;
            heartbeat.next = self.server.clock.sleep(HEARTBEAT_MS);
        }
        Ok(())
    }

    /// Writes what waits until there is nothing left or the socket takes no more.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> std::io::Result<()> {
        loop {
            if self.stream.has_unwritten() {
                match self.stream.poll_flush(cx) {
                    Poll::Ready(result) => result?,
                    Poll::Pending => {
                        if let Poll::Ready(error) = self.session.mailbox.poll_closing(cx) {
                            self.closing.get_or_insert(error);
                        }
                        return Ok(());
                    }
                }
            }
            match self.session.mailbox.poll_take(cx, WRITTEN_AT_ONCE) {
                Poll::Ready(batch) => self.write(batch)?,
                Poll::Pending => return Ok(()),
            }
        }
    }

    fn write(&mut self, batch: Batch) -> std::io::Result<()> {
        if let Some(error) = batch.close {
            self.closing.get_or_insert(error);
        }
        if batch.first.is_empty() && batch.fan_out.is_empty() {
            return Ok(());
        }
        let mut out = scratch::take();
        for outgoing in batch.first.iter().chain(&batch.fan_out) {
            self.stream.frame_outgoing(outgoing, &self.session.jid, &mut out);
        }
        self.stream.write(out)
    }

    /// Everything that follows from the end, and the goodbye.
    async fn finish(mut self: Box<Self>, ended: Ended) {
        if let Some(later) = self.later.take() {
            self.session.mailbox.give_up();
            // A stanza that was received takes effect, whoever is left to see it.
            later.await;
        }
        self.has_ended = true;
        router::ended(&self.server, &self.session).await;
        let waiting = self.session.mailbox.shut();
        if let Ended::Closed(mut closing) = ended {
            if self.write(waiting).is_err() {
                return;
            }
            if let Closing::Answer(error) = &mut closing {
                *error = self.closing.take();
            }
            close(&self.server, &mut self.stream, closing).await;
        }
    }
}

impl Drop for Running {
    /// Where a stanza's handler panicked, the session must not stay behind as a ghost.
    fn drop(&mut self) {
        if self.has_ended || !std::thread::panicking() {
            return;
        }
        let _ = self.session.mailbox.shut();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (server, session) = (Arc::clone(&self.server), Arc::clone(&self.session));
            let ending = async move { router::ended(&server, &session).await };
            self.server.tasks.spawn_on(ending, &runtime);
        }
    }
}

/// Polls what may be there; true when nothing is there (any more).
fn is_done(future: &mut Option<BoxFuture<'static, ()>>, cx: &mut Context<'_>) -> bool {
    match future {
        None => true,
        Some(running) => match Pin::new(running).poll(cx) {
            Poll::Ready(()) => {
                *future = None;
                true
            }
            Poll::Pending => false,
        },
    }
}
