//! Presence between accounts and the users of components: RFC 6121 §4 where one side is not of this server,
//! <https://www.rfc-editor.org/rfc/rfc6121#section-4>. Subscriptions are in `subscriptions`.

use std::sync::Arc;

use store::JidNo;
use wire::{Jid, Stanza, StanzaError, Writer};

use super::{PRESENCE_MAX, connected, subscriptions, told_directly, unavailable};
use crate::component::Instance;
use crate::roster::subscription::Kind;
use crate::rosters::Held;
use crate::router::{self, Place, Routed, refuse};
use crate::sender::{NOBODY, Outsider};
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::{Outgoing, SharedOut};

/// Routes a presence stanza of somebody at a component.
pub(crate) fn route(server: &Arc<Server>, from: Arc<Outsider>, stanza: Stanza, to: Jid) -> Routed {
    match server.place(&to) {
        Place::Account => {}
        Place::Component => {
            if let Err(error) = server.components.deliver(&from.jid, &stanza, &to) {
                refuse(server, &from, &stanza, &error);
            }
            return Routed::Done;
        }
        Place::Remote => {
            refuse(server, &from, &stanza, &StanzaError::remote_server_not_found());
            return Routed::Done;
        }
        // The services of this server have no use for it.
        Place::Domain | Place::Pubsub => return Routed::Done,
    }
    let server = Arc::clone(server);
    Routed::Later(Box::pin(async move {
        let kind = stanza.type_().map(std::borrow::Cow::into_owned);
        match kind.as_deref() {
            None | Some("unavailable") => arrive(&server, &from, &stanza, &to).await,
            Some("probe") => answer_probe(&server, &from, &to).await,
            Some("error") => {
                if let Some(session) = connected(&server, &to).await
                    && !server.blocks.blocks(session.no, from.no, &from.jid)
                {
                    super::send(&server, &session, Outgoing::Stanza(stanza.shared()));
                }
            }
            Some(name) => match Kind::from_type(name) {
                Some(kind) => subscriptions::receive(&server, &from, kind, stanza, to.into_bare()).await,
                None => refuse(&server, &from, &stanza, &StanzaError::bad_request()),
            },
        }
    }))
}

/// §8.5.2.1.2, §8.5.3.1: for the available resources, or for exactly the one that is named.
async fn arrive(server: &Server, from: &Arc<Outsider>, stanza: &Stanza, to: &Jid) {
    if stanza.bytes().len() > PRESENCE_MAX {
        return refuse(server, from, stanza, &StanzaError::policy_violation());
    }
    let Some(no) = server.find(to.bare_str()).await else {
        return;
    };
    // XEP-0191 §3.3
    if server.blocks.blocks(no, from.no, &from.jid) {
        return;
    }
    // Noted whoever is there: those who come later learn it by asking, and are to see the end of it too.
    server
        .components
        .note_shown(&from.jid, to, stanza.type_().is_none());
    to_sessions(server, no, to, &stanza.shared());
}

fn to_sessions(server: &Server, no: JidNo, to: &Jid, stanza: &Arc<[u8]>) {
    for session in server.registry.sessions(no).iter() {
        let is_meant = match to.resource() {
            None => session.routing.is_available(),
            Some(resource) => session.jid.resource() == Some(resource),
        };
        if is_meant {
            super::send(server, session, Outgoing::Stanza(Arc::clone(stanza)));
        }
    }
}

/// §4.3.2: who sees the account gets the presence of each of its resources.
async fn answer_probe(server: &Server, from: &Arc<Outsider>, to: &Jid) {
    let no = server.find(to.bare_str()).await;
    // XEP-0191 §3.3: no answer at all.
    if no.is_some_and(|no| server.blocks.blocks(no, from.no, &from.jid)) {
        return;
    }
    let is_shown = match no {
        Some(no) => match server.rosters.of(no).await {
            Ok(roster) => roster.with(|roster| {
                let contact = roster.contact(from.no);
                contact.is_some_and(|contact| contact.sees_us)
            }),
            Err(_) => return,
        },
        None => false,
    };
    let answer = match no.filter(|_| is_shown) {
        None => "unsubscribed",
        Some(no) => {
            let mut is_available = false;
            for session in server.registry.sessions(no).iter() {
                if let Some(presence) = session.routing.available() {
                    is_available = true;
                    send(server, session, &from.jid, &presence.stanza);
                }
            }
            if is_available {
                return;
            }
            "unavailable"
        }
    };
    let mut writer = Writer::new();
    writer
        .open("presence")
        .attr("from", to.bare_str())
        .attr("to", from.jid.bare_str())
        .attr("type", answer)
        .close();
    let out = Outgoing::Stanza(writer.finish().into());
    // As a probe may be lost, so may its answer.
    let _ = server.components.send(to.bare_str(), &from.jid, &out);
}

/// §4.6: a session directs presence at somebody there.
pub(super) async fn direct(server: &Arc<Server>, session: &Arc<Session>, stanza: &Stanza, to: Jid) {
    if stanza.bytes().len() > PRESENCE_MAX {
        return refuse(server, session, stanza, &StanzaError::policy_violation());
    }
    let out = match stanza.type_() {
        None => {
            let no = server.find(to.bare_str()).await.unwrap_or(NOBODY);
            told_directly(server, session, stanza, no).await
        }
        Some(_) => stanza.shared(),
    };
    let from = session.jid.bare_str();
    if let Err(error) = server.components.send(from, &to, &Outgoing::Stanza(out)) {
        return refuse(server, session, stanza, &error);
    }
    server.metrics.presences.add(1);
    if stanza.type_().is_some() {
        session.routing.remove_directed(&to);
    } else if let Some(oldest) = session.routing.add_directed(to)
        && let Ok(roster) = server.rosters.of(session.no).await
    {
        super::tell_directed(server, session, &roster, &[oldest], &unavailable(&session.jid)).await;
    }
}

/// Sends a session's presence to somebody there.
pub(super) fn send(server: &Server, from: &Session, to: &Jid, out: &Arc<SharedOut>) {
    let out = Outgoing::Shared(Arc::clone(out));
    // §4.2.2: who is away misses it, and asks when they come.
    if server.components.send(from.jid.bare_str(), to, &out).is_ok() {
        server.metrics.presences.add(1);
    }
}

/// The same, unless the session's account blocks them.
pub(super) fn tell(server: &Server, from: &Session, no: JidNo, to: &Jid, out: &Arc<SharedOut>) {
    if !server.blocks.blocks(from.no, no, to) {
        send(server, from, to, out);
    }
}

/// §4.3.1: asks a contact for its presence, for this session alone.
pub(super) fn ask(server: &Server, session: &Session, no: JidNo, contact: &Jid) {
    if server.blocks.blocks(session.no, no, contact) {
        return;
    }
    let mut writer = Writer::new();
    writer
        .open("presence")
        .attr("from", session.jid.as_str())
        .attr("to", contact.as_str())
        .attr("type", "probe")
        .close();
    let out = Outgoing::Stanza(writer.finish().into());
    // Who cannot be asked is not there.
    let _ = server.components.send(session.jid.bare_str(), contact, &out);
}

/// §4.6.3: one whom presence was directed at, unless the broadcast reaches them.
pub(super) fn tell_directed(server: &Server, from: &Session, roster: &Held, to: &Jid, out: &Arc<SharedOut>) {
    let no = server.store.jids().number_cached(to.bare_str());
    let is_contact =
        |no: JidNo| roster.with(|roster| roster.contact(no).is_some_and(|contact| contact.sees_us));
    if !no.is_some_and(is_contact) {
        tell(server, from, no.unwrap_or(NOBODY), to, out);
    }
}

/// A connection of a component is gone. What it had not taken goes to another one, or back; whoever saw the component's users
/// sees them go when there is no other.
pub(crate) async fn component_left(server: &Arc<Server>, domain: &str, instance: &Instance) {
    let gone = server.components.gone(domain, instance, &server.registry);
    for stanza in gone.untaken {
        router::component_missed(server, stanza).await;
    }
    for (from, to) in gone.shown {
        let Some(no) = server.find(to.bare_str()).await else {
            continue;
        };
        let mut writer = Writer::new();
        writer
            .open("presence")
            .attr("from", from.as_str())
            .attr("to", to.as_str())
            .attr("type", "unavailable")
            .close();
        to_sessions(server, no, &to, &writer.finish().into());
    }
}
