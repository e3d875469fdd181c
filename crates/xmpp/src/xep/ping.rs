//! XEP-0199: XMPP Ping, <https://xmpp.org/extensions/xep-0199.html>. Only answers; the server pings nobody.

use wire::ns;

use super::Xeps;
use crate::iq::{Answer, Answered, Cx, Target};

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(199, "XMPP Ping", "2.0.1");
    for target in [Target::Server, Target::OwnAccount, Target::Pubsub] {
        xeps.feature(target, ns::PING).get(target, ns::PING, "ping", pong);
    }
    // §4.2 leaves it to the account's server; whether somebody is there is not told by it.
    xeps.get(Target::Account, ns::PING, "ping", pong);
}

async fn pong(_: Cx) -> Answered {
    Ok(Answer::Empty)
}
