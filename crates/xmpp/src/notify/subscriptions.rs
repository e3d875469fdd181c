//! Changes of an account's own subscriptions (XEP-0376 §4.2), told to those of its sessions that announced that they want
//! to know.

use store::JidNo;
use wire::{BareJid, Writer};

use super::message;
use crate::server::Server;
use crate::session::mailbox::{Address, Outgoing};
use crate::xep::subscriptions_of::PAM;

/// Tells an account's sessions what changed.
pub(crate) fn tell(server: &Server, no: JidNo, own: &BareJid, payload: &[u8]) {
    let mut writer = Writer::new();
    writer
        .open("message")
        .attr("from", own.as_str())
        .attr("type", "headline")
        .attr("id", &message::next_id());
    writer.raw(payload);
    let out = message::end(writer, Address::ToFull);
    for session in server.registry.sessions(no).iter() {
        let known = session.routing.priority_and_caps();
        let wants = known.is_some_and(|(_, caps)| caps.is_some_and(|caps| caps.wants(PAM)));
        if wants && session.send(Outgoing::Shared(out.clone())).is_ok() {
            server.metrics.notifications.add(1);
        }
    }
}
