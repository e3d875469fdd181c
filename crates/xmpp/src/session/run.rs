//! A bound session's loop: one task, one small future, which waits for input and for the mailbox at once.
//!
//! What was read is routed stanza by stanza, in order; then whatever waits in the mailbox leaves in one write. A client
//! that does not read is not read from either, and one that sends too much waits its turn.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use wire::{Kind, Stanza, StanzaError, StreamCondition, StreamError, ns};

use super::closing::{Closing, close};
use super::mailbox::{Batch, Detached, Lost, Outgoing};
use super::management::{self, Enable};
use super::negotiation::result;
use super::stream::{Event, Sender, Stream};
use super::{Begun, Session, waiting};
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
    /// Which of the session's connections this is.
    connection: u32,
    /// Whether stanzas are counted (XEP-0198).
    is_managed: bool,
    /// How many `<a/>` the client is owed.
    owed: u16,
    /// Whether something came from a client that was asked for an acknowledgement.
    was_heard: bool,
    /// Until what the client asked about is durable, or with `patience` until it must have answered.
    acking: Option<BoxFuture<'static, ()>>,
    patience: Option<BoxFuture<'static, ()>>,
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
pub(super) const HEARTBEAT_MS: u64 = 60_000;

/// How long a client that was asked what it has may be silent before its connection counts as lost.
const PATIENCE_MS: u64 = 60_000;
/// How many answers to `<r/>` may wait for a client that does not read.
const OWED_MAX: u16 = 1_000;

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
    pub(super) fn new(server: Arc<Server>, begun: Begun, stream: Stream, counted: Counted) -> Running {
        let session = begun.session().clone();
        // XEP-0386 §3.2: a session may begin with nobody looking at it.
        let (connection, is_active) = match begun {
            Begun::Bound(_) => (0, session.is_active()),
            Begun::Resumed(claim) => (claim.serve(), true),
        };
        session.mailbox.attach(connection);
        session.set_active(is_active);
        let is_managed = session.mailbox.is_managed();
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
            connection,
            is_managed,
            owed: 0,
            was_heard: false,
            acking: None,
            patience: None,
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
            self.poll_durable(cx);
            if self.poll_heartbeat(cx).is_err()
                || self.poll_patience(cx).is_err()
                || self.poll_write(cx).is_err()
            {
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
                    self.was_heard = true;
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
        let was_busy = self.later.is_some();
        let is_routed = is_done(&mut self.later, cx);
        if was_busy && is_routed {
            self.routed();
        }
        is_done(&mut self.pause, cx) && is_routed
    }

    /// The last stanza took effect, whatever is durable of it.
    fn routed(&self) {
        if self.is_managed {
            self.session.mailbox.routed(self.server.store.newest_ticket());
        }
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
                    if stanza.kind() == Kind::Other && self.is_nonza(&stanza)? {
                        self.charge(0, 1);
                        continue;
                    }
                    self.route(stanza)?;
                    self.charge(0, 1);
                    if self.is_flood() {
                        let error =
                            StreamError::new(StreamCondition::PolicyViolation).text("too much for too long");
                        return Err(Ended::Closed(Closing::Ours(error)));
                    }
                }
                // RFC 7395 §3.6.1: such a session is still alive where it can be resumed.
                Event::Close if self.is_managed && self.stream.is_only_websocket_closed() => {
                    return Err(Ended::Lost);
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

    fn route(&mut self, stanza: Stanza) -> Result<(), Ended> {
        if self.is_managed && self.session.mailbox.begin(self.connection).is_err() {
            return Err(Ended::Lost);
        }
        if stanza.kind() == Kind::Iq && stanza.first_child() == Some((ns::SESSION, "session")) {
            // COMPAT: RFC 3921 clients; there is nothing to do (RFC 6121 §1.4).
            self.session.reply(result(&stanza).finish());
            self.routed();
            return Ok(());
        }
        match router::route(&self.server, &self.session, stanza) {
            Routed::Done => self.routed(),
            Routed::Later(later) => self.later = Some(later),
        }
        Ok(())
    }

    /// Acts on an element that is no stanza and concerns the stream itself (XEP-0198, XEP-0352); false for any other.
    fn is_nonza(&mut self, element: &Stanza) -> Result<bool, Ended> {
        match (element.namespace(), element.name()) {
            (ns::STREAM_MANAGEMENT, "r") if self.is_managed => self.owed = OWED_MAX.min(self.owed + 1),
            (ns::STREAM_MANAGEMENT, "a") if self.is_managed => self.acknowledged(element)?,
            (ns::STREAM_MANAGEMENT, "enable") if !self.is_managed => self.enable(element)?,
            (ns::STREAM_MANAGEMENT, "enable" | "resume") if self.is_managed => {
                // §3: at most once; it is told why (example 7), and the stream ends.
                self.write_element(management::failed(&StanzaError::unexpected_request(), None))?;
                let error = StreamError::new(StreamCondition::PolicyViolation)
                    .text("stream management is enabled already");
                return Err(Ended::Closed(Closing::Ours(error)));
            }
            (ns::STREAM_MANAGEMENT, "r" | "a" | "resume") => {
                let failed = management::failed(&StanzaError::unexpected_request(), None);
                self.session.reply(failed);
            }
            (ns::CLIENT_STATE, "active") => self.session.set_active(true),
            (ns::CLIENT_STATE, "inactive") => self.session.set_active(false),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// XEP-0198 §3. What is written from here on is counted.
    fn enable(&mut self, element: &Stanza) -> Result<(), Ended> {
        let document = element.document();
        let answer = match Enable::read(document.root()) {
            Some(asked) => management::enable(&self.server, &self.session, asked.wants_resume, asked.max_s),
            None => management::failed(&StanzaError::bad_request(), None),
        };
        self.is_managed = self.session.mailbox.is_managed();
        self.write_element(answer)
    }

    /// XEP-0198 §4.
    fn acknowledged(&mut self, element: &Stanza) -> Result<(), Ended> {
        let document = element.document();
        let Some(h) = document.root().attr("h").and_then(|h| h.trim().parse().ok()) else {
            let error = StreamError::new(StreamCondition::BadFormat).text("an acknowledgement needs its h");
            return Err(Ended::Closed(Closing::Ours(error)));
        };
        self.patience = None;
        match self.session.mailbox.acknowledge(h) {
            Ok(true) => self.ask(),
            Ok(false) => Ok(()),
            Err(error) => Err(Ended::Closed(Closing::Ours(management::too_high(error)))),
        }
    }

    /// Asks the client what it has (XEP-0198 §4).
    fn ask(&mut self) -> Result<(), Ended> {
        self.begin_patience();
        self.write_element(management::request())
    }

    fn begin_patience(&mut self) {
        self.was_heard = false;
        self.patience = Some(self.server.clock.sleep(PATIENCE_MS));
    }

    /// Writes something that is not counted, before anything that waits.
    fn write_element(&mut self, element: Vec<u8>) -> Result<(), Ended> {
        let mut out = scratch::take();
        let element = Outgoing::Stanza(element.into());
        self.stream.frame_outgoing(&element, &self.session.jid, &mut out);
        self.stream.write(out).map_err(|_| Ended::Lost)
    }

    /// Once what the client asked about is durable, it is told so.
    fn poll_durable(&mut self, cx: &mut Context<'_>) {
        if self.acking.is_some() && is_done(&mut self.acking, cx) {
            self.owed = self.owed.max(1);
        }
    }

    /// Answers `<r/>` with what is durable now; the rest is told when it is (XEP-0198 §4).
    fn write_owed(&mut self) -> std::io::Result<()> {
        let (h, waits_for) = self.session.mailbox.durable(&self.server.store);
        let answer = Outgoing::Stanza(management::acknowledgement(h).into());
        let mut out = scratch::take();
        for _ in 0..std::mem::take(&mut self.owed) {
            self.stream.frame_outgoing(&answer, &self.session.jid, &mut out);
        }
        if let Some(ticket) = waits_for
            && self.acking.is_none()
        {
            self.acking = Some(Box::pin(self.server.store.wait(ticket)));
        }
        self.stream.write(out)
    }

    /// An error when a client that was asked what it has is silent for too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> std::io::Result<()> {
        while self.patience.is_some() && is_done(&mut self.patience, cx) {
            if !self.session.mailbox.is_asked() {
                return Ok(());
            }
            if !self.was_heard {
                return Err(std::io::ErrorKind::TimedOut.into());
            }
            self.begin_patience();
        }
        Ok(())
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
                        if let Poll::Ready(closing) = self.session.mailbox.poll_closing(cx, self.connection) {
                            self.closing.get_or_insert(closing.map_err(lost)?);
                        }
                        return Ok(());
                    }
                }
            }
            if self.owed > 0 {
                self.write_owed()?;
                self.poll_durable(cx);
                continue;
            }
            let taken = self
                .session
                .mailbox
                .poll_take(cx, WRITTEN_AT_ONCE, self.connection);
            match taken {
                Poll::Ready(batch) => self.write(batch.map_err(lost)?)?,
                Poll::Pending => return Ok(()),
            }
        }
    }

    fn write(&mut self, mut batch: Batch) -> std::io::Result<()> {
        if let Some(error) = batch.close.take() {
            self.closing.get_or_insert(error);
        }
        if batch.all().next().is_none() {
            return Ok(());
        }
        let mut out = scratch::take();
        for outgoing in batch.all() {
            self.stream.frame_outgoing(outgoing, &self.session.jid, &mut out);
        }
        if batch.asks {
            let request = Outgoing::Stanza(management::request().into());
            self.stream.frame_outgoing(&request, &self.session.jid, &mut out);
            self.begin_patience();
        }
        self.stream.write(out)
    }

    /// Everything that follows from the end, and the goodbye.
    async fn finish(mut self: Box<Self>, ended: Ended) {
        let ended = match ended {
            Ended::Lost if self.is_managed => match self.let_go().await {
                Some(ended) => ended,
                None => return,
            },
            ended => ended,
        };
        if let Some(later) = self.later.take() {
            self.session.mailbox.give_up();
            // A stanza that was received takes effect, whoever is left to see it.
            later.await;
            self.routed();
        }
        self.has_ended = true;
        let Ended::Closed(mut closing) = ended else {
            return waiting::end(&self.server, &self.session).await;
        };
        router::ended(&self.server, &self.session).await;
        let mut last = self.session.mailbox.shut();
        // Who counts says what arrived; of the others nobody knows more than that it was written.
        let unread: Vec<Outgoing> = if self.is_managed {
            last.all().cloned().collect()
        } else {
            Vec::new()
        };
        last.again.clear();
        let is_written = self.write(last).is_ok();
        waiting::undelivered(&self.server, &self.session, unread).await;
        if !is_written {
            return;
        }
        if let Closing::Answer(error) = &mut closing {
            *error = self.closing.take();
        }
        close(&self.server, &mut self.stream, closing).await;
    }

    /// The connection of a managed session is gone: the session waits for its client, or is another connection's now.
    /// Gives back how it ends where it does neither.
    async fn let_go(&mut self) -> Option<Ended> {
        let detached = waiting::let_go(&self.server, &self.session, self.connection);
        if detached == Detached::Over {
            return Some(Ended::Lost);
        }
        self.has_ended = true;
        if let Some(later) = self.later.take() {
            // Whoever resumes the session waits for this.
            later.await;
            self.routed();
        }
        if detached == Detached::TakenOver {
            // XEP-0198 §5
            let closing = Closing::Ours(StreamError::new(StreamCondition::Conflict));
            close(&self.server, &mut self.stream, closing).await;
        }
        None
    }
}

/// The session is no longer this connection's.
fn lost(_: Lost) -> std::io::Error {
    std::io::ErrorKind::ConnectionAborted.into()
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
