//! Where a client's stanza goes: RFC 6120 §8 and §10, RFC 6121 §8, <https://www.rfc-editor.org/rfc/rfc6121#section-8>.
//!
//! It decides by the stanza's spans (name, to, type, first child) and parses nothing; what a stanza asks for is decided in
//! `messages`, `presence` and the files of `xep`. It trusts `from`, which the connection stamped.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use store::JidNo;
use wire::{BareJid, Jid, Kind, Set, Stanza, StanzaError, StreamCondition, StreamError, error_reply};

use crate::blocking::blocked_error;
use crate::failures::unreadable;
use crate::sender::{Link, NOBODY, Outsider, Replies, Sender};
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::Outgoing;
use crate::{iq, messages, presence};

/// What is left to do for a stanza.
#[must_use]
pub enum Routed {
    /// Nothing; the next stanza may be read.
    Done,
    /// This, before the session's next stanza is routed.
    Later(BoxFuture<'static, ()>),
}

/// Whom an address belongs to, seen from this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// One of our domains.
    Domain,
    /// The pubsub service of one of our domains.
    Pubsub,
    /// Somebody at one of our domains, who may or may not have an account.
    Account,
    /// A component's domain, or somebody there.
    Component,
    /// Another server.
    Remote,
}

impl Server {
    /// Whom an address belongs to.
    pub fn place(&self, jid: &Jid) -> Place {
        let domain = jid.domain();
        if self.settings.is_local_domain(domain) {
            return if jid.node().is_some() {
                Place::Account
            } else {
                Place::Domain
            };
        }
        match self.settings.domain_of_pubsub_service(domain) {
            Some(_) if jid.node().is_none() => Place::Pubsub,
            _ if self.components.has(domain) => Place::Component,
            _ => Place::Remote,
        }
    }

    /// The number of a bare address, given now if it has none.
    ///
    /// # Errors
    /// `internal-server-error` or `resource-constraint` when the store cannot be read.
    pub async fn number(&self, bare: &str) -> Result<JidNo, StanzaError> {
        self.store
            .jids()
            .number(bare)
            .await
            .map_err(|error| unreadable(&error))
    }

    /// The number of somebody who is to become a contact; where there is no place for one more, strangers are given none.
    pub(crate) async fn contact_number(&self, owner: JidNo, jid: &BareJid) -> Result<JidNo, StanzaError> {
        let has_room = self
            .rosters
            .of(owner)
            .await?
            .with(|roster| roster.has_room_for_one_more(jid, None));
        if !has_room {
            let known = self.find(jid.as_str()).await;
            return known.ok_or_else(StanzaError::resource_constraint);
        }
        self.number(jid.as_str()).await
    }

    /// The number of a bare address that was met before; strangers are given none.
    pub(crate) async fn find(&self, bare: &str) -> Option<JidNo> {
        match self.store.jids().find(bare).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "an address could not be looked up");
                None
            }
        }
    }
}

/// Routes one stanza of a bound session. What comes back as [`Routed::Later`] must end before the session's next stanza is
/// routed, so that a client's stanzas take effect in their order (RFC 6120 §10.1).
pub fn route(server: &Arc<Server>, session: &Arc<Session>, stanza: Stanza) -> Routed {
    if session.is_barred() {
        return Routed::Done;
    }
    server.metrics.stanzas.add(1);
    let to = match stanza.to() {
        None => None,
        Some(to) => match Jid::parse(&to) {
            Ok(to) => Some(to),
            Err(_) => {
                refuse(server, session, &stanza, &StanzaError::jid_malformed());
                return Routed::Done;
            }
        },
    };
    // XEP-0191 §3.3: nothing goes to whom the sender blocks, whatever it is.
    if let Some(to) = &to
        && to.bare_str() != session.jid.bare_str()
        && server.blocks.of(session.no).is_some()
    {
        return to_perhaps_blocked(server, session, stanza, to.clone());
    }
    onward(server, session, stanza, to)
}

/// Routes a stanza of somebody who has a block list.
fn to_perhaps_blocked(server: &Arc<Server>, session: &Arc<Session>, stanza: Stanza, to: Jid) -> Routed {
    let (server, session) = (server.clone(), session.clone());
    Routed::Later(Box::pin(async move {
        // What has no number is named by no bare address; a number that no account has stands for it.
        let no = server.find(to.bare_str()).await.unwrap_or(JidNo(u32::MAX));
        if server.blocks.blocks(session.no, no, &to) {
            return refuse(&server, &session, &stanza, &blocked_error());
        }
        if let Routed::Later(later) = onward(&server, &session, stanza, Some(to)) {
            later.await;
        }
    }))
}

/// Routes a stanza that its sender's block list lets through.
fn onward(server: &Arc<Server>, session: &Arc<Session>, stanza: Stanza, to: Option<Jid>) -> Routed {
    match stanza.kind() {
        Kind::Message => messages::route(server, &session.into(), stanza, to),
        Kind::Presence => presence::route(server, session, stanza, to),
        Kind::Iq => iq::route(server, &session.into(), stanza, to),
        Kind::Other => {
            // RFC 6120 §4.9.3.24
            session.close(StreamError::new(StreamCondition::UnsupportedStanzaType));
            Routed::Done
        }
    }
}

/// Routes a stanza that came over a connection which carries those of many. As with a session's, what comes back as
/// [`Routed::Later`] must end before the same sender's next stanza is routed.
pub(crate) fn route_outside(
    server: &Arc<Server>,
    link: &Arc<dyn Link>,
    from: Jid,
    to: Jid,
    stanza: Stanza,
) -> Routed {
    server.metrics.stanzas.add(1);
    if let Some(no) = server.store.jids().number_cached(from.bare_str()) {
        return by_outsider(server, Outsider::new(from, no, Arc::clone(link)), stanza, to);
    }
    let (server, link) = (Arc::clone(server), Arc::clone(link));
    Routed::Later(Box::pin(async move {
        // What changes something may note whose doing it is; else nobody needs a number to be heard.
        let changes = stanza.kind() == Kind::Iq
            && stanza.type_().as_deref() == Some("set")
            && to.is_bare()
            && !matches!(server.place(&to), Place::Component | Place::Remote);
        let no = if changes {
            server.number(from.bare_str()).await
        } else {
            Ok(server.find(from.bare_str()).await.unwrap_or(NOBODY))
        };
        let outsider = |no| Outsider::new(from, no, link);
        match no {
            Ok(no) => {
                if let Routed::Later(later) = by_outsider(&server, outsider(no), stanza, to) {
                    later.await;
                }
            }
            Err(error) => refuse(&server, &outsider(NOBODY), &stanza, &error),
        }
    }))
}

fn by_outsider(server: &Arc<Server>, outsider: Outsider, stanza: Stanza, to: Jid) -> Routed {
    let outsider = Arc::new(outsider);
    match stanza.kind() {
        Kind::Message => messages::route(server, &Sender::Outsider(outsider), stanza, Some(to)),
        Kind::Presence => presence::outside::route(server, outsider, stanza, to),
        Kind::Iq => iq::route(server, &Sender::Outsider(outsider), stanza, Some(to)),
        // The connection takes no other elements.
        Kind::Other => Routed::Done,
    }
}

/// A stanza was to go to a component's connection that ended before: another one gets it, or its sender an error.
pub(crate) async fn component_missed(server: &Arc<Server>, bytes: Arc<[u8]>) {
    let Ok(stanza) = Stanza::parse(bytes) else { return };
    let addresses = (
        stanza.from().map(|jid| Jid::parse(&jid)),
        stanza.to().map(|jid| Jid::parse(&jid)),
    );
    let (Some(Ok(from)), Some(Ok(to))) = addresses else {
        return;
    };
    let Err(error) = server.components.deliver(&from, &stanza, &to) else {
        return;
    };
    // Presence that was not seen costs nobody anything, unless it asks for something.
    let is_missed = stanza.kind() != Kind::Presence || stanza.type_().as_deref() == Some("subscribe");
    let Some(reply) = error_reply(&stanza, &error).filter(|_| is_missed) else {
        return;
    };
    let reply: Arc<[u8]> = reply.into();
    if server.place(&from) == Place::Component {
        // Nobody answers an error.
        let _ = server
            .components
            .send(to.bare_str(), &from, &Outgoing::Stanza(reply));
    } else if let (Some(no), Some(resource)) = (server.find(from.bare_str()).await, from.resource())
        && let Some(session) = server.registry.session(no, resource)
        && session.send(Outgoing::Stanza(reply)).is_ok()
    {
        server.metrics.errors.add(1);
    }
}

/// What follows from the end of a session, however it ended: presence, directed presence, temporary subscriptions.
/// To be awaited once, after its last stanza.
pub async fn ended(server: &Arc<Server>, session: &Arc<Session>) {
    let was_bound = server.registry.unbind(session);
    if was_bound {
        // Else a newer session has the address, and with it what was subscribed under it.
        let resource = session.jid.resource().unwrap_or_default();
        server.host.session_ended(session.no, resource);
    }
    presence::left(server, session, was_bound).await;
    server.caps.forget(session);
}

/// Returns an error to the sender, unless the stanza is itself an error or a result (RFC 6120 §8.3.1).
pub(crate) fn refuse(server: &Server, sender: &impl Replies, stanza: &Stanza, error: &StanzaError) {
    // Where it named nobody, the account answers in its own name (RFC 6120 §8.1.2.1).
    let is_own = stanza.kind() == Kind::Iq && stanza.to().is_none();
    let reply = if is_own {
        error_reply(&stanza.with(Set::Keep, Set::To(sender.jid().bare_str())), error)
    } else {
        error_reply(stanza, error)
    };
    if let Some(reply) = reply {
        server.metrics.errors.add(1);
        sender.reply(reply.into());
    }
}
