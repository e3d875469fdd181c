//! XEP-0283: Moved, <https://xmpp.org/extensions/xep-0283.html>. The statement is an item like others, checked by
//! `pubsub::profile::main_blog`; requests from a new address are in `crate::presence::moved`.

use super::Xeps;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(283, "Moved", "0.2.0")
        .without("moving the contacts: each is told and decides");
}
