//! Presence between accounts and the users of components: RFC 6121 §4 where one side is not of this server,
//! <https://www.rfc-editor.org/rfc/rfc6121#section-4>. Subscriptions are in `subscriptions`.

use std::sync::Arc;

use wire::{Jid, Stanza};

use crate::router::refuse;
use crate::server::Server;
use crate::session::Session;

/// §4.6: a session directs presence at somebody there.
pub(super) async fn direct(server: &Arc<Server>, session: &Arc<Session>, stanza: &Stanza, to: Jid) {
    if let Err(error) = server.components.deliver(&session.jid, stanza, &to) {
        return refuse(server, session, stanza, &error);
    }
}
