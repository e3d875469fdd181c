//! XEP-0092: Software Version, <https://xmpp.org/extensions/xep-0092.html>. The operating system is told only where the
//! operator chose so (its Security Considerations).

use wire::{Writer, ns};

use super::Xeps;
use crate::iq::{Answer, Answered, Cx, Target};
use crate::settings::Settings;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(92, "Software Version", "1.1");
    for target in [Target::Server, Target::Pubsub] {
        xeps.feature(target, ns::VERSION)
            .get(target, ns::VERSION, "query", version);
    }
}

async fn version(cx: Cx) -> Answered {
    let mut writer = Writer::new();
    write(&cx.server.settings, &mut writer);
    Ok(Answer::Payload(writer.finish()))
}

/// What software this is.
pub(super) fn write(settings: &Settings, writer: &mut Writer) {
    writer
        .open("query")
        .ns(ns::VERSION)
        .leaf("name", "Folkmoot")
        .leaf("version", env!("CARGO_PKG_VERSION"));
    if let Some(os) = settings.told_os {
        writer.leaf("os", os);
    }
    writer.close();
}
