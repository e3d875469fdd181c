//! What people show of their subscriptions (XEP-0465), told to a session that looks at it. Who may see what is decided in
//! `xep::shown_subscriptions`.

use bus::{NodeView, Subscriber};

use super::{message, plan};
use crate::server::Server;

/// Tells a subscriber of a list that an item is there, with its payload, or gone.
pub(crate) fn tell(server: &Server, list: &NodeView, to: &Subscriber, id: &str, payload: Option<&Vec<u8>>) {
    let out = message::of_service(list, |writer| {
        writer.open("items").attr("node", &list.name);
        match payload {
            Some(payload) => writer.open("item").attr("id", id).raw(payload).close(),
            None => writer.open("retract").attr("id", id).close(),
        };
        writer.close();
    });
    plan::to_subscriber(server, to.no, to.resource.as_deref(), &out);
}
