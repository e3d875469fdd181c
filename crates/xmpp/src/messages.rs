//! Where messages go: RFC 6121 §8.5, <https://www.rfc-editor.org/rfc/rfc6121#section-8.5>; what waits for people who are
//! away: `offline`.
//!
//! A message between people who are online is routed by its spans alone and handed on as the bytes that came.

pub mod ids;
pub(crate) mod offline;
pub(crate) mod prefs;

use std::sync::Arc;

use store::JidNo;
use wire::{Jid, Stanza, StanzaError};

use crate::registry::Sessions;
use crate::router::{Place, Routed, refuse};
use crate::sender::Sender;
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::Outgoing;
use crate::xep::pubsub::approval;

/// The `type` of a message; an unknown one counts as normal (§5.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageType {
    /// `normal` or none.
    Normal,
    /// `chat`
    Chat,
    /// `groupchat`
    Groupchat,
    /// `headline`
    Headline,
    /// `error`
    Error,
}

impl MessageType {
    fn of(stanza: &Stanza) -> MessageType {
        match stanza.type_().as_deref() {
            Some("chat") => MessageType::Chat,
            Some("groupchat") => MessageType::Groupchat,
            Some("headline") => MessageType::Headline,
            Some("error") => MessageType::Error,
            _ => MessageType::Normal,
        }
    }
}

/// How the addressee is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Addressed {
    /// By bare address.
    Bare,
    /// By the full address of a connected resource.
    Connected,
    /// By a full address that nobody holds.
    Absent,
}

/// Whether the account has an available resource of non-negative priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reachable {
    Yes,
    No,
}

/// What becomes of a message to an existing account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// To the resource that was named.
    ToResource,
    /// To the available resources of the highest priority.
    ToMostAvailable,
    /// To every available resource of non-negative priority.
    ToAll,
    /// Kept until somebody comes.
    Kept,
    /// Nothing happens.
    Ignored,
    /// `service-unavailable` to the sender.
    Refused,
}

/// The summary table, §8.5.4.
fn fate(kind: MessageType, addressed: Addressed, reachable: Reachable) -> Fate {
    use MessageType::{Chat, Error, Groupchat, Headline, Normal};
    match (addressed, kind, reachable) {
        // §8.5.3.1: whatever its type and priority.
        (Addressed::Connected, _, _) => Fate::ToResource,
        // §8.5.2.1.1, §8.5.2.2.1, §8.5.3.2.1
        (Addressed::Bare | Addressed::Absent, Error, _) => Fate::Ignored,
        // §8.5.2.1.1
        (Addressed::Bare, Normal | Chat, Reachable::Yes) => Fate::ToMostAvailable,
        (Addressed::Bare, Headline, Reachable::Yes) => Fate::ToAll,
        // §8.5.2.2.1
        (Addressed::Bare, Normal | Chat, Reachable::No) => Fate::Kept,
        (Addressed::Bare, Headline, Reachable::No) => Fate::Ignored,
        (Addressed::Bare, Groupchat, _) => Fate::Refused,
        // §8.5.3.2.1
        (Addressed::Absent, Chat, Reachable::Yes) => Fate::ToMostAvailable,
        (Addressed::Absent, Chat, Reachable::No) => Fate::Kept,
        (Addressed::Absent, Headline, _) => Fate::Ignored,
        (Addressed::Absent, Normal | Groupchat, _) => Fate::Refused,
    }
}

/// Routes a message. Everything about people who are online happens at once.
pub(crate) fn route(server: &Arc<Server>, sender: &Sender, stanza: Stanza, to: Option<Jid>) -> Routed {
    // RFC 6120 §10.3.1: without `to` it is for the sender's own account.
    let to = to.unwrap_or_else(|| sender.jid().bare().into());
    if let Some(routed) = approval::answered(server, sender, &stanza, &to) {
        return routed;
    }
    match server.place(&to) {
        Place::Account => {}
        Place::Remote => {
            refuse(server, sender, &stanza, &StanzaError::remote_server_not_found());
            return Routed::Done;
        }
        Place::Component => {
            if let Err(error) = server.components.deliver(sender.jid(), &stanza, &to) {
                refuse(server, sender, &stanza, &error);
            }
            return Routed::Done;
        }
        Place::Domain | Place::Pubsub => {
            refuse(server, sender, &stanza, &StanzaError::service_unavailable());
            return Routed::Done;
        }
    }
    let no = server.store.jids().number_cached(to.bare_str());
    let kind = MessageType::of(&stanza);
    match no.map_or(Fate::Kept, |no| deliver(server, sender, no, &to, kind, &stanza)) {
        Fate::Refused => refuse(server, sender, &stanza, &StanzaError::service_unavailable()),
        Fate::Kept => {
            let (server, sender) = (server.clone(), sender.clone());
            return Routed::Later(Box::pin(async move {
                away(&server, &sender, stanza, to, kind).await;
            }));
        }
        Fate::Ignored | Fate::ToAll | Fate::ToMostAvailable | Fate::ToResource => {}
    }
    Routed::Done
}

/// Hands a message to the sessions that it is for, and says what else is to happen.
fn deliver(server: &Server, from: &Sender, no: JidNo, to: &Jid, kind: MessageType, stanza: &Stanza) -> Fate {
    // XEP-0191 §3.3: as if the user were not there.
    if server.blocks.blocks(no, from.no(), from.jid()) {
        return Fate::Refused;
    }
    let sessions = server.registry.sessions(no);
    let named = to.resource().map(|resource| {
        sessions
            .iter()
            .find(|other| other.jid.resource() == Some(resource))
    });
    let addressed = match named {
        None => Addressed::Bare,
        Some(Some(_)) => Addressed::Connected,
        Some(None) => Addressed::Absent,
    };
    let highest = highest_priority(&sessions);
    let reachable = if highest.is_some() {
        Reachable::Yes
    } else {
        Reachable::No
    };
    let fate = fate(kind, addressed, reachable);
    let lowest = match fate {
        Fate::ToResource => {
            let session = named.flatten().filter(|session| send(server, session, stanza));
            return if session.is_some() { fate } else { Fate::Refused };
        }
        Fate::ToMostAvailable => highest.unwrap_or_default(),
        Fate::ToAll => 0,
        Fate::Kept | Fate::Ignored | Fate::Refused => return fate,
    };
    let mut sent = false;
    for session in sessions
        .iter()
        .filter(|session| session.routing.priority().is_some_and(|own| own >= lowest))
    {
        sent |= send(server, session, stanza);
    }
    // Sessions that are just closing take nothing: the message is for later then.
    if sent || kind == MessageType::Headline {
        fate
    } else {
        Fate::Kept
    }
}

fn highest_priority(sessions: &Sessions) -> Option<i8> {
    sessions
        .iter()
        .filter_map(|session| session.routing.priority())
        .filter(|priority| *priority >= 0)
        .max()
}

/// A message of one of our services to the available sessions behind an address; nobody else is to have it later.
pub(crate) async fn send_from_service(server: &Server, to: &Jid, stanza: &Arc<[u8]>) {
    let Some(no) = server.find(to.bare_str()).await else {
        return;
    };
    for session in server.registry.sessions(no).iter() {
        let is_meant = match to.resource() {
            None => session.routing.priority().is_some_and(|priority| priority >= 0),
            Some(_) => session.jid == *to,
        };
        if is_meant && session.send(Outgoing::Stanza(stanza.clone())).is_ok() {
            server.metrics.messages.add(1);
        }
    }
}

fn send(server: &Server, session: &Session, stanza: &Stanza) -> bool {
    let is_sent = session.send(Outgoing::Stanza(stanza.shared())).is_ok();
    server.metrics.messages.add(u64::from(is_sent));
    is_sent
}

/// The addressee is not reachable, has no account, or is not known in memory.
async fn away(server: &Arc<Server>, sender: &Sender, stanza: Stanza, to: Jid, kind: MessageType) {
    match server.accounts.exists(&to.bare()).await {
        Ok(true) => {}
        // §8.5.1: an error; nothing at all for what nobody waits for an answer to.
        Ok(false) if matches!(kind, MessageType::Headline | MessageType::Error) => return,
        Ok(false) => return refuse(server, sender, &stanza, &StanzaError::service_unavailable()),
        Err(error) => return refuse(server, sender, &stanza, &error),
    }
    let no = match server.number(to.bare_str()).await {
        Ok(no) => no,
        Err(error) => return refuse(server, sender, &stanza, &error),
    };
    // Somebody may have come while we asked.
    match deliver(server, sender, no, &to, kind, &stanza) {
        Fate::Kept => offline::keep(server, sender, stanza, no).await,
        Fate::Refused => refuse(server, sender, &stanza, &StanzaError::service_unavailable()),
        Fate::Ignored | Fate::ToAll | Fate::ToMostAvailable | Fate::ToResource => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The RFC's table: D to the resource, M most available, A all, O kept, S ignored, E error; columns normal, chat,
    /// groupchat, headline, error. Where the RFC leaves a choice (§8.5.3.2.1), ours.
    #[test]
    fn every_cell_of_the_summary_table() {
        let rows = [
            (Addressed::Bare, Reachable::No, "OOESS"),
            (Addressed::Bare, Reachable::Yes, "MMEAS"),
            (Addressed::Connected, Reachable::No, "DDDDD"),
            (Addressed::Connected, Reachable::Yes, "DDDDD"),
            (Addressed::Absent, Reachable::No, "EOESS"),
            (Addressed::Absent, Reachable::Yes, "EMESS"),
        ];
        let kinds = [
            MessageType::Normal,
            MessageType::Chat,
            MessageType::Groupchat,
            MessageType::Headline,
            MessageType::Error,
        ];
        for (addressed, reachable, row) in rows {
            for (kind, expected) in kinds.iter().zip(row.chars()) {
                let letter = match fate(*kind, addressed, reachable) {
                    Fate::ToResource => 'D',
                    Fate::ToMostAvailable => 'M',
                    Fate::ToAll => 'A',
                    Fate::Kept => 'O',
                    Fate::Ignored => 'S',
                    Fate::Refused => 'E',
                };
                assert_eq!(letter, expected, "{kind:?} {addressed:?} {reachable:?}");
            }
        }
    }
}
