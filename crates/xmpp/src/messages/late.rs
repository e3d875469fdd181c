//! What was handed to a session that ended before its client had it (XEP-0198 §5,
//! <https://xmpp.org/extensions/xep-0198.html>): as if the session had not been there, but for what the account's other
//! sessions have already.

use std::sync::Arc;

use store::messages::NewMessage;
use store::{JidNo, MessageId, Write};
use wire::{Jid, Kind, Stanza, ns};

use super::content::{Content, Side};
use super::{MessageType, can_wait, offline, waiting};
use crate::router::Place;
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::Outgoing;

/// Takes what a session's client never acknowledged, when the session is gone for good. Messages wait for the account, or go
/// to whoever is there now; everything else was for that session alone.
pub(crate) async fn undelivered(server: &Arc<Server>, session: &Session, unread: Vec<Outgoing>) {
    let others = Others::of(server, session);
    let mut again = Vec::new();
    let mut writes = Vec::new();
    for out in unread {
        // What is shared is a copy or a notice.
        let Outgoing::Stanza(bytes) = out else { continue };
        let Ok(stanza) = Stanza::parse(bytes) else {
            continue;
        };
        let Some((from, content)) = worth_keeping(server, &stanza) else {
            continue;
        };
        if others.have(&stanza, &content) {
            continue;
        }
        match archived(server, session, &stanza) {
            Some(id) => again.push(id),
            None => match server.number(from.bare_str()).await {
                Ok(peer) => writes.push(kept(server, session.no, peer, &stanza, &content)),
                Err(error) => tracing::warn!(%error, "a message that was not read is lost"),
            },
        }
    }
    if !again.is_empty() {
        writes.push(store::messages::undelivered(session.no, again));
    }
    if writes.is_empty() {
        return;
    }
    if let Err(error) = server.store.write(Write::all(writes)).await {
        tracing::error!(%error, "messages that were not read could not be kept");
        return;
    }
    offline::deliver_to_anybody(server, session.no).await;
}

/// Which of the account's sessions had their own of what was sent.
struct Others {
    are_reachable: bool,
    have_copies: bool,
}

impl Others {
    fn of(server: &Server, session: &Session) -> Others {
        let sessions = server.registry.sessions(session.no);
        let reach = |own: &Session| match own.routing.reach() {
            (Some(priority), has_carbons) if priority >= 0 => Some(has_carbons),
            _ => None,
        };
        let reached: Vec<bool> = sessions
            .iter()
            .filter(|other| other.id != session.id)
            .filter_map(|other| reach(other))
            .collect();
        Others {
            are_reachable: !reached.is_empty(),
            have_copies: reached.contains(&true),
        }
    }

    /// What was for the account went to all that were there; what was for the one session, to those that want copies.
    fn have(&self, stanza: &Stanza, content: &Content) -> bool {
        let is_for_account = stanza.to().is_some_and(|to| !to.contains('/'));
        (self.are_reachable && is_for_account) || (self.have_copies && content.is_copied(Side::Received))
    }
}

/// A message of a person, of a kind that may wait; with its sender.
fn worth_keeping(server: &Server, stanza: &Stanza) -> Option<(Jid, Content)> {
    if stanza.kind() != Kind::Message || !can_wait(MessageType::of(stanza)) {
        return None;
    }
    let from = Jid::parse(&stanza.from()?).ok()?;
    // Our services, which speak in an account's name too, say the same again when it is asked for.
    let is_person = match server.place(&from) {
        Place::Account => from.resource().is_some(),
        Place::Component | Place::Remote => true,
        Place::Domain | Place::Pubsub => false,
    };
    let content = Content::of(stanza);
    (is_person && content.is_worth_keeping()).then_some((from, content))
}

/// Its number, where the account's archive has it: it bears the id.
fn archived(server: &Server, session: &Session, stanza: &Stanza) -> Option<MessageId> {
    let document = stanza.document();
    let own = document.root().children().find_map(|child| {
        let is_own = child.is("stanza-id", ns::STANZA_ID) && child.attr("by")? == session.jid.bare_str();
        is_own.then(|| child.attr("id")).flatten()
    })?;
    server.archive_ids.parse(session.no, &own)
}

/// It waits as any message that came while nobody was there.
fn kept(server: &Server, owner: JidNo, peer: JidNo, stanza: &Stanza, content: &Content) -> Write {
    server.metrics.offline.add(1);
    store::messages::append(NewMessage {
        id: server.store.next_message(),
        created: server.clock.now(),
        sender: peer,
        recipient: owner,
        told: content.told,
        stanza: stanza.shared(),
        owners: [Some(waiting(owner, peer)), None],
    })
}
