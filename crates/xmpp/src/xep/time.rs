//! XEP-0202: Entity Time, <https://xmpp.org/extensions/xep-0202.html>. The server has no place of its own: it keeps UTC.

use wire::{Writer, ns};

use super::Xeps;
use crate::iq::{Answer, Answered, Cx, Target};

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(202, "Entity Time", "2.0");
    for target in [Target::Server, Target::Pubsub] {
        xeps.feature(target, ns::TIME)
            .get(target, ns::TIME, "time", time);
    }
}

async fn time(cx: Cx) -> Answered {
    let now = cx.server.clock.now();
    let mut writer = Writer::new();
    writer
        .open("time")
        .ns(ns::TIME)
        .leaf("tzo", "+00:00")
        .leaf("utc", &format::datetime::to_text(now.0))
        .close();
    Ok(Answer::Payload(writer.finish()))
}
