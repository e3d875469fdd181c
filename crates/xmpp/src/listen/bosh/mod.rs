//! XMPP over HTTP ([XEP-0124](https://xmpp.org/extensions/xep-0124.html) 1.11.2,
//! [XEP-0206](https://xmpp.org/extensions/xep-0206.html) 1.4): a stream whose bytes come and go in the bodies of requests.
//!
//! HTTP itself is the binary's: here a request is the bytes of its body. Whoever knows a session's `sid` and the `rid` to come
//! owns it, so neither is ever told to anybody else, logs included. Left out: several streams in one session (§17) and the
//! compression and recoding of bodies (§7), which are all optional.

mod answer;
mod pipe;
mod request;
mod state;

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::RecvError;
use wire::{BareJid, HttpBody, Limits, StreamHeader, ns, write_framed_open};

use super::{Counted, Peer, before_auth, watch};
use crate::auth;
use crate::server::Server;
use crate::session::establish;
use crate::session::stream::Stream;
use answer::Condition;
pub use answer::Reply;
use pipe::Pipe;
use request::{Creation, Request};
use state::{State, Taken};
pub(crate) use state::{read_frame, write_frame};

/// What the wrapper may add to the elements in it.
const WRAPPER_BYTES: usize = 4 * 1024;
/// How long the stream may take for its first features, before the session's creation is answered without them.
const FIRST_MS: u64 = 5_000;

/// The sessions over HTTP, by their `sid`.
#[derive(Default)]
pub(crate) struct Sessions {
    by_sid: Mutex<HashMap<Box<str>, Arc<Bound>>>,
}

/// One session over HTTP: what its requests and its stream share.
pub(super) struct Bound {
    state: Mutex<State>,
    /// Somebody was told of the end.
    is_told: Notify,
    /// It was begun under TLS; then all its requests must come so (§19).
    is_secure: bool,
}

impl Sessions {
    fn find(&self, sid: &str) -> Option<Arc<Bound>> {
        self.by_sid.lock().get(sid).cloned()
    }
}

/// How long the body of a request may be that begins with these bytes: little until somebody has signed in.
pub fn allowance(server: &Server, begun: &[u8]) -> usize {
    let session = HttpBody::begin(begun, &Limits::UNAUTHENTICATED)
        .ok()
        .flatten()
        .and_then(|body| server.connections.bosh.find(body.attribute("sid")?));
    let elements = match session {
        Some(session) => session.state.lock().element_bytes,
        None => server.settings.limits.stanza_bytes_before_auth,
    };
    elements.saturating_add(WRAPPER_BYTES)
}

/// How much has to be there of a body before [`allowance`] can tell.
pub const ALLOWANCE_FROM: usize = 4 * 1024;

/// Answers a request whose body is longer than its [`allowance`]. The session that it is of ends.
pub fn too_long(server: &Arc<Server>, peer: Peer, begun: &[u8]) -> Reply {
    refused(server, &peer, begun, Condition::PolicyViolation)
}

/// Answers a request that comes while the server stops.
pub fn stopping() -> Reply {
    Reply::terminate(Condition::SystemShutdown, None)
}

/// Answers the body of one request. Waits until there is something to say, or as long as the client wants to wait; dropped
/// before, the client is gone.
pub async fn answer(server: &Arc<Server>, peer: Peer, data: &[u8]) -> Reply {
    let parsed = HttpBody::begin(data, &Limits::CLIENT).ok().flatten();
    let Some(body) = parsed else {
        return Reply::terminate(Condition::BadRequest, None);
    };
    let limits = Limits {
        max_bytes: data.len().saturating_add(1),
        ..Limits::CLIENT
    };
    let payloads = match body.payloads(data, &limits) {
        Ok(payloads) => payloads,
        Err(error) if error.is_policy() => {
            return refused(server, &peer, data, Condition::PolicyViolation);
        }
        // §6: no comments, no processing instructions, nothing partial.
        Err(_) => return refused(server, &peer, data, Condition::BadRequest),
    };
    match body.attribute("sid") {
        None => create(server, peer, &body).await,
        Some(sid) => {
            let Some(session) = known(server, &peer, sid) else {
                return Reply::terminate(Condition::ItemNotFound, None);
            };
            match Request::read(&body, &payloads) {
                Some(request) => go_on(server, sid, session, request).await,
                None => refused(server, &peer, data, Condition::BadRequest),
            }
        }
    }
}

/// The session of that `sid`, for whoever may speak in it.
fn known(server: &Server, peer: &Peer, sid: &str) -> Option<Arc<Bound>> {
    let session = server.connections.bosh.find(sid)?;
    // §19: a session is not ended for it, which would let anybody on the way end it.
    (peer.is_secure || !session.is_secure).then_some(session)
}

/// Refuses what cannot be read; where its start tag shows that it comes from a session's owner, that session ends.
fn refused(server: &Arc<Server>, peer: &Peer, begun: &[u8], condition: Condition) -> Reply {
    let body = HttpBody::begin(begun, &Limits::CLIENT).ok().flatten();
    let session = body.as_ref().and_then(|body| {
        let sid = body.attribute("sid")?;
        Some((sid, known(server, peer, sid)?, request::rid(body)?))
    });
    let Some((sid, session, rid)) = session else {
        return Reply::terminate(condition, None);
    };
    let mut state = session.state.lock();
    if !state.expects(rid) {
        return Reply::terminate(condition, None);
    }
    let reply = state.terminate(condition);
    drop(state);
    server.connections.bosh.by_sid.lock().remove(sid);
    reply
}

/// A request of a session that there is (§8 and following).
async fn go_on(server: &Arc<Server>, sid: &str, session: Arc<Bound>, request: Request) -> Reply {
    let now = server.clock.monotonic_ms();
    let taken = session.state.lock().take(request, now);
    session.tell_end();
    match taken {
        Taken::Now(reply) => reply,
        Taken::Terminated(reply) => {
            server.connections.bosh.by_sid.lock().remove(sid);
            reply
        }
        Taken::Waits { wait_ms, answer } => hold(server, &session, wait_ms, answer).await,
    }
}

/// Waits for the answer to a request that is held.
async fn hold(server: &Server, session: &Bound, wait_ms: u64, mut answer: Receiver<Reply>) -> Reply {
    let _held = Held { server, session };
    tokio::select! {
        biased;
        reply = &mut answer => return given(reply),
        () = server.clock.sleep(wait_ms) => {}
    }
    session.state.lock().expire(server.clock.monotonic_ms());
    session.tell_end();
    given(answer.await)
}

/// The session that was to answer may have gone.
fn given(reply: Result<Reply, RecvError>) -> Reply {
    reply.unwrap_or_else(|_| Reply::terminate(Condition::ItemNotFound, None))
}

/// A request that is held: where its connection breaks, the session must know.
struct Held<'a> {
    server: &'a Server,
    session: &'a Bound,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let now = self.server.clock.monotonic_ms();
        self.session.state.lock().released(now);
    }
}

/// Begins a session (§7).
async fn create(server: &Arc<Server>, peer: Peer, body: &HttpBody) -> Reply {
    let creation = match Creation::read(body) {
        Ok(creation) => creation,
        Err(condition) => return Reply::terminate(condition, None),
    };
    if server.shutdown.is_cancelled() {
        return stopping();
    }
    let domain = BareJid::parse(&creation.to);
    let is_ours =
        domain.is_ok_and(|jid| jid.node().is_none() && server.settings.is_local_domain(jid.domain()));
    if !is_ours {
        return Reply::terminate(Condition::HostUnknown, None);
    }
    // Counted before it is there, and told nothing that would have to wait for it.
    let Some(counted) = Counted::admit(server, &peer) else {
        return Reply::terminate(Condition::PolicyViolation, None);
    };
    let Ok(random) = auth::random::<24>() else {
        return Reply::terminate(Condition::InternalServerError, None);
    };
    let sid = URL_SAFE_NO_PAD.encode(random);
    let now = server.clock.monotonic_ms();
    let wait_ms = creation.wait_ms().max(FIRST_MS);
    let mut state = State::new(
        &creation,
        &sid,
        server.settings.limits.stanza_bytes_before_auth,
        now,
    );
    let answer = state.begin(now + wait_ms);
    state.feed(|out| write_framed_open(&opening(&creation), out));
    let session = Arc::new(Bound {
        state: Mutex::new(state),
        is_told: Notify::new(),
        is_secure: peer.is_secure,
    });
    {
        let mut sessions = server.connections.bosh.by_sid.lock();
        if sessions.len() >= server.settings.limits.bosh_sessions {
            return Reply::terminate(Condition::InternalServerError, None);
        }
        sessions.insert(sid.clone().into(), Arc::clone(&session));
    }
    server.tasks.spawn(serve(
        Arc::clone(server),
        Arc::clone(&session),
        sid.into(),
        peer,
        counted,
    ));
    hold(server, &session, wait_ms, answer).await
}

/// What the client's stream header would say (XEP-0206 §3).
fn opening(creation: &Creation) -> StreamHeader {
    StreamHeader {
        to: Some(creation.to.clone()),
        from: creation.from.clone(),
        // COMPAT: clients of older versions of XEP-0206 say no version.
        version: Some(creation.version.clone().unwrap_or_else(|| "1.0".to_owned())),
        lang: creation.lang.clone(),
        default_ns: Some(ns::CLIENT.to_owned()),
        ..StreamHeader::default()
    }
}

/// The session's stream, from its beginning to the moment when the client knows of its end.
async fn serve(server: Arc<Server>, session: Arc<Bound>, sid: Box<str>, peer: Peer, counted: Counted) {
    watch(&server);
    let pipe = Pipe::new(Arc::clone(&session), Arc::clone(&server.clock));
    let stream = Stream::bosh(Box::new(pipe), before_auth(&server.settings));
    if let Some(session) = Box::pin(establish(Arc::clone(&server), peer, stream, None, counted)).await {
        session.run().await;
    }
    let patience = session.state.lock().patience_with_end();
    if let Some(patience) = patience {
        // The next request is told what the stream said last.
        tokio::select! {
            () = session.is_told.notified() => {}
            () = server.clock.sleep(patience) => {}
            () = server.shutdown.cancelled() => {}
        }
    }
    server.connections.bosh.by_sid.lock().remove(&sid);
}

impl Bound {
    /// Lets go whoever waits for the end to be told, if it was.
    fn tell_end(&self) {
        if self.state.lock().is_end_told() {
            self.is_told.notify_one();
        }
    }
}
