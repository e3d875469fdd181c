//! What an error answers that does not show it: XEP-0280 §6.1, <https://xmpp.org/extensions/xep-0280.html>. It is looked up
//! in the archive, by the id that both have; what is not archived is not found, and its error is not copied.

use store::JidNo;
use wire::Stanza;

use super::Message;
use super::content::{self, Content, Side};
use crate::registry::Sessions;
use crate::server::Server;

/// Whether that matters: there are devices that a copy would be for.
pub(super) fn is_needed(server: &Server, message: &Message, sessions: &Sessions) -> bool {
    message.content.is_bare_error()
        && message.stanza.id().is_some()
        && (has_others(sessions)
            || message
                .sender
                .session()
                .is_some_and(|own| has_others(&server.registry.sessions(own.no))))
}

fn has_others(sessions: &Sessions) -> bool {
    sessions.len() > 1 && sessions.iter().any(|session| session.routing.has_carbons())
}

/// Whether it answers a message of its addressee that was copied.
pub(super) async fn answers_copied(server: &Server, message: &Message, (from, to): (JidNo, JidNo)) -> bool {
    let Some(id) = message
        .stanza
        .id()
        .filter(|_| is_needed(server, message, &server.registry.sessions(to)))
    else {
        return false;
    };
    let Some(told) = content::told(&id) else {
        return false;
    };
    // What it answers may be on its way into the archive still.
    server.store.wait(server.store.newest_ticket()).await;
    let found = server
        .store
        .read(move |reader| reader.message_called(to, from, told))
        .await;
    match found {
        Ok(Some(stored)) => Stanza::parse(stored).is_ok_and(|original| {
            original.id().as_deref() == Some(&*id) && Content::of(&original).is_copied(Side::Sent)
        }),
        Ok(None) => false,
        Err(error) => {
            tracing::debug!(%error, "what an error answers was not looked up");
            false
        }
    }
}
