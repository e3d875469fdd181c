//! Who sent a stanza: a session of ours, or somebody whose connection is another's: a component's user
//! (XEP-0114, <https://xmpp.org/extensions/xep-0114.html>).
//!
//! Routing, requests and messages ask a [`Sender`] for its address and number and give it replies; what only a session has
//! (a roster, presence, an archive, a block list) they ask of the session, if there is one. It routes nothing.

use std::sync::Arc;

use store::JidNo;
use tokio::sync::OwnedSemaphorePermit;
use wire::Jid;

use crate::registry::{Routing, Waiting};
use crate::session::Session;

/// The number of whom no roster, node or block list names; no address ever gets it.
pub(crate) const NOBODY: JidNo = JidNo(u32::MAX);

/// A stanza's sender.
#[derive(Clone)]
pub enum Sender {
    /// One of our sessions.
    Session(Arc<Session>),
    /// Somebody behind a connection that carries many.
    Outsider(Arc<Outsider>),
}

/// Somebody behind a connection that carries the stanzas of many.
pub struct Outsider {
    /// The address that the stanza is from; the connection's other end answers for it.
    pub jid: Jid,
    /// The number of its bare address, `JidNo(u32::MAX)` where it has none.
    pub no: JidNo,
    link: Arc<dyn Link>,
}

/// A connection that carries the stanzas of many.
pub(crate) trait Link: Send + Sync {
    /// Queues the result or error of something that came over it; what it cannot take any more is dropped.
    fn reply(&self, stanza: Arc<[u8]>);

    /// A place for an answer under way; `None` when so many are that what follows has to wait.
    fn wait_beside(&self) -> Option<OwnedSemaphorePermit>;
}

/// Whoever can be given the result or error of a stanza.
pub(crate) trait Replies {
    /// The address that the stanza is from.
    fn jid(&self) -> &Jid;

    /// Queues the result or error.
    fn reply(&self, stanza: Arc<[u8]>);
}

impl Outsider {
    pub(crate) fn new(jid: Jid, no: JidNo, link: Arc<dyn Link>) -> Outsider {
        Outsider { jid, no, link }
    }
}

impl Sender {
    /// The address that the stanza is from: full for a session, any for others.
    pub fn jid(&self) -> &Jid {
        match self {
            Sender::Session(session) => &session.jid,
            Sender::Outsider(outsider) => &outsider.jid,
        }
    }

    /// The number of its bare address; nobody's where it has none.
    pub fn no(&self) -> JidNo {
        match self {
            Sender::Session(session) => session.no,
            Sender::Outsider(outsider) => outsider.no,
        }
    }

    /// The session, if it is one.
    pub fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Sender::Session(session) => Some(session),
            Sender::Outsider(_) => None,
        }
    }

    /// Queues the result or error of something that it sent.
    pub fn reply(&self, stanza: impl Into<Arc<[u8]>>) {
        match self {
            Sender::Session(session) => session.reply(stanza.into()),
            Sender::Outsider(outsider) => outsider.link.reply(stanza.into()),
        }
    }

    /// A place for an answer that comes later; `None` when so many wait already that the sender is to wait too.
    pub(crate) fn wait_beside(&self) -> Option<Beside> {
        match self {
            Sender::Session(session) => Routing::wait_beside(session).map(Beside::Session),
            Sender::Outsider(outsider) => outsider.link.wait_beside().map(Beside::Link),
        }
    }
}

/// One answer under way beside its sender; its place is free again when this is dropped.
#[allow(dead_code, reason = "held for its end only")]
pub(crate) enum Beside {
    Session(Waiting),
    Link(OwnedSemaphorePermit),
}

impl Replies for Sender {
    fn jid(&self) -> &Jid {
        Sender::jid(self)
    }

    fn reply(&self, stanza: Arc<[u8]>) {
        Sender::reply(self, stanza);
    }
}

impl Replies for Session {
    fn jid(&self) -> &Jid {
        &self.jid
    }

    fn reply(&self, stanza: Arc<[u8]>) {
        Session::reply(self, stanza);
    }
}

impl Replies for Outsider {
    fn jid(&self) -> &Jid {
        &self.jid
    }

    fn reply(&self, stanza: Arc<[u8]>) {
        self.link.reply(stanza);
    }
}

impl<T: Replies> Replies for Arc<T> {
    fn jid(&self) -> &Jid {
        (**self).jid()
    }

    fn reply(&self, stanza: Arc<[u8]>) {
        (**self).reply(stanza);
    }
}

impl From<&Arc<Session>> for Sender {
    fn from(session: &Arc<Session>) -> Sender {
        Sender::Session(Arc::clone(session))
    }
}
