//! Stream management ([XEP-0198](https://xmpp.org/extensions/xep-0198.html)): enabling it and resuming a session.
//!
//! The counting is the mailbox's, the reading and writing that of the session's task; sessions that wait for their clients
//! are in `waiting`.

use std::future::poll_fn;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::{Element, StanzaError, StreamCondition, StreamError, Writer, ns};

use super::Session;
use super::mailbox::{ResumptionId, TooHigh};
use super::waiting;
use crate::auth::{self, Identity};
use crate::messages::offline;
use crate::server::Server;

/// What a client asks for in `<enable/>` (§3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Enable {
    /// Whether it wants to be able to resume.
    pub(crate) wants_resume: bool,
    /// For how long, in seconds.
    pub(crate) max_s: Option<u32>,
}

impl Enable {
    /// Reads the element; `None` when it says neither yes nor no.
    pub(crate) fn read(element: Element<'_>) -> Option<Enable> {
        let wants_resume = match element.attr("resume").as_deref() {
            None | Some("false" | "0") => false,
            Some("true" | "1") => true,
            Some(_) => return None,
        };
        // A preference that is no number is none.
        let max_s = element.attr("max").and_then(|max| max.parse().ok());
        Some(Enable { wants_resume, max_s })
    }
}

/// Begins to count on a session that was just bound or asks for it, and gives `<enabled/>`, or `<failed/>` where it does so
/// already (§3). What is written behind this element is what is counted.
pub(crate) fn enable(
    server: &Server,
    session: &Arc<Session>,
    wants_resume: bool,
    max_s: Option<u32>,
) -> Vec<u8> {
    let limit = server.settings.limits.resume_seconds;
    let resume_s = if wants_resume {
        max_s.map_or(limit, |max| max.min(limit))
    } else {
        0
    };
    let Ok(id) = auth::random() else {
        return failed(&StanzaError::internal_server_error(), None);
    };
    if !session.mailbox.manage(id, resume_s) {
        return failed(&StanzaError::unexpected_request(), None);
    }
    let mut enabled = Writer::new();
    enabled.open("enabled").ns(ns::STREAM_MANAGEMENT);
    if resume_s > 0 {
        enabled
            .attr("id", &text_of(&id))
            .attr("resume", "true")
            .attr("max", &resume_s.to_string());
    }
    enabled.close();
    enabled.finish()
}

/// `<failed/>` (§6), with how many of the client's stanzas were handled where that is known.
pub(crate) fn failed(error: &StanzaError, h: Option<u32>) -> Vec<u8> {
    let mut failed = Writer::new();
    failed
        .open("failed")
        .ns(ns::STREAM_MANAGEMENT)
        .attr_opt("h", h.map(|h| h.to_string()).as_deref());
    failed.open(error.condition.name()).ns(ns::STANZAS).close();
    failed.close();
    failed.finish()
}

/// `<a/>` (§4).
pub(super) fn acknowledgement(h: u32) -> Vec<u8> {
    let mut answer = Writer::new();
    answer
        .open("a")
        .ns(ns::STREAM_MANAGEMENT)
        .attr("h", &h.to_string())
        .close();
    answer.finish()
}

/// `<r/>` (§4).
pub(super) fn request() -> Vec<u8> {
    let mut request = Writer::new();
    request.open("r").ns(ns::STREAM_MANAGEMENT).close();
    request.finish()
}

/// The error for an acknowledgement of more than was sent (§6).
pub(super) fn too_high(error: TooHigh) -> StreamError {
    let TooHigh { h, sent } = error;
    let mut condition = Writer::new();
    condition
        .open("handled-count-too-high")
        .ns(ns::STREAM_MANAGEMENT)
        .attr("h", &h.to_string())
        .attr("send-count", &sent.to_string())
        .close();
    StreamError::new(StreamCondition::UndefinedCondition)
        .text(format!(
            "You acknowledged {h} stanzas, but I only sent you {sent} so far."
        ))
        .application(condition.finish())
}

/// A session taken over for a new connection. Dropped before it is served, it waits for its client again.
pub(crate) struct Claim {
    server: Arc<Server>,
    session: Arc<Session>,
    connection: u32,
    is_served: bool,
}

impl Claim {
    /// The session.
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The number of the connection that serves it from now on.
    pub(super) fn serve(mut self) -> u32 {
        self.is_served = true;
        self.connection
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_served {
            waiting::let_go(&self.server, &self.session, self.connection);
        }
    }
}

/// A session that is resumed, and what its client is to be told first.
pub(crate) struct Resumed {
    /// The session: to be served, behind the element.
    pub(crate) claim: Claim,
    /// `<resumed/>`
    pub(crate) element: Vec<u8>,
}

/// Answers `<resume/>` of somebody who is authenticated and has no session on this stream (§5). The error is `<failed/>`.
pub(crate) async fn resume_by(
    server: &Arc<Server>,
    identity: &Identity,
    element: Element<'_>,
) -> Result<Resumed, Vec<u8>> {
    let previd = element.attr("previd");
    let h = element.attr("h").and_then(|h| h.trim().parse().ok());
    let (Some(previd), Some(h)) = (previd, h) else {
        return Err(failed(&StanzaError::bad_request(), None));
    };
    resume(server, identity, &previd, h).await
}

/// Takes over the session with this id, if it is this account's: from no connection, or from one that still seems to be
/// there, which ends with `<conflict/>`. Waits until everything that was received is routed and decided, so that the client
/// repeats nothing that took effect. `h` is how many stanzas the client has received.
pub(crate) async fn resume(
    server: &Arc<Server>,
    identity: &Identity,
    previd: &str,
    h: u32,
) -> Result<Resumed, Vec<u8>> {
    let not_found = |h| failed(&StanzaError::item_not_found(), h);
    let id: Option<ResumptionId> = URL_SAFE_NO_PAD
        .decode(previd)
        .ok()
        .and_then(|id| id.try_into().ok());
    let Some(id) = id else { return Err(not_found(None)) };
    let sessions = server.registry.sessions(identity.no);
    let Some(session) = sessions.iter().find(|session| session.mailbox.has_id(&id)) else {
        let handled = server.registry.waiting.handled(identity.no, &id);
        return Err(not_found(handled));
    };
    let now = server.clock.monotonic_ms();
    let Some(claimed) = session.mailbox.claim(&id, h, now) else {
        return Err(not_found(None));
    };
    let claim = Claim {
        server: server.clone(),
        session: session.clone(),
        connection: claimed.connection,
        is_served: false,
    };
    if let Some(until) = claimed.waited_until {
        server.registry.waiting.forget(until, session);
    }
    poll_fn(|cx| session.mailbox.poll_routed(cx)).await;
    let (mut handled, waits_for) = session.mailbox.durable(&server.store);
    if let Some(ticket) = waits_for {
        server.store.wait(ticket).await;
        (handled, _) = session.mailbox.durable(&server.store);
    }
    if let Err(error) = session.mailbox.acknowledge(h) {
        session.close(too_high(error));
    }
    session.set_device(identity.device);
    if session.mailbox.was_refused_room() && session.routing.priority().is_some_and(|own| own >= 0) {
        let (server, session) = (server.clone(), session.clone());
        let tasks = server.tasks.clone();
        tasks.spawn(async move { offline::deliver(&server, &session).await });
    }
    let mut resumed = Writer::new();
    resumed
        .open("resumed")
        .ns(ns::STREAM_MANAGEMENT)
        .attr("previd", previd)
        .attr("h", &handled.to_string())
        .close();
    Ok(Resumed {
        claim,
        element: resumed.finish(),
    })
}

/// A resumption id as the client gets it.
fn text_of(id: &ResumptionId) -> String {
    URL_SAFE_NO_PAD.encode(id)
}
