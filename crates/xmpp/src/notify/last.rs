//! Last items to who comes online and subscribes to their nodes: XEP-0060 §13.2, `pubsub#send_last_published_item`.
//!
//! Those that announced interest asks for are sent as it takes effect (`caps`).

use std::sync::Arc;

use crate::server::Server;
use crate::session::Session;

/// Sends a session that has come online what its account's subscriptions make due. It does not wait for that.
pub(crate) fn send(server: &Arc<Server>, session: &Arc<Session>) {
    let tasks = server.tasks.clone();
    let (server, session) = (Arc::clone(server), Arc::clone(session));
    tasks.spawn(async move {
        let actor = pubsub::Actor {
            jid: session.jid.clone(),
            no: session.no,
        };
        let due = match server.host.due_items(&actor).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "last items were not sent");
                return;
            }
        };
        for item in due {
            if !session.routing.is_available() || !session.room().await {
                return;
            }
            if let Err(error) = server.host.send_due_item(&actor, &item).await {
                tracing::debug!(%error, "a last item was not sent");
            }
        }
    });
}
