//! XEP-0441: Message Archive Management Preferences, <https://xmpp.org/extensions/xep-0441.html>: the requests. What they mean
//! for a message is in `messages/prefs`.

use store::archive_preferences::Otherwise;
use wire::{Element, Jid, StanzaError, Writer, ns};

use crate::iq::{Answer, Answered, Cx, Target};
use crate::messages::prefs::{self, Preferences};
use crate::xep::Xeps;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(441, "Message Archive Management Preferences", "0.2.0")
        .without("advanced configuration as a command: how long messages are kept has requests of its own");
    xeps.get(Target::OwnAccount, ns::MAM, "prefs", get)
        .set(Target::OwnAccount, ns::MAM, "prefs", set)
        .get(Target::Account, ns::MAM, "prefs", super::foreign)
        .set(Target::Account, ns::MAM, "prefs", super::foreign);
}

/// §2.1
async fn get(cx: Cx) -> Answered {
    let own = cx.server.archiving.of(cx.no());
    Ok(Answer::Payload(written(&cx, &own)))
}

fn written(cx: &Cx, own: &Preferences) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .open("prefs")
        .ns(ns::MAM)
        .attr("default", cx.server.archiving.otherwise(own).as_str());
    for (name, is_archived) in [("always", true), ("never", false)] {
        writer.open(name);
        for jid in own.listed(is_archived) {
            writer.leaf("jid", jid);
        }
        writer.close();
    }
    writer.close();
    writer.finish()
}

/// §2.1. The session's next stanza waits: what is sent behind it is archived by it.
async fn set(cx: Cx) -> Answered {
    let payload = cx.payload();
    // §2.1.1
    let otherwise = match payload.attr("default").as_deref() {
        Some("always") => Otherwise::Always,
        Some("never") => Otherwise::Never,
        Some("roster") => Otherwise::Roster,
        _ => return Err(StanzaError::bad_request().text("the default is always, never or roster")),
    };
    let mut rules: Vec<(Jid, bool)> = Vec::new();
    for (name, is_archived) in [("always", true), ("never", false)] {
        for list in payload.children().filter(|child| child.is(name, ns::MAM)) {
            for jid in list.children().filter(|child| child.is("jid", ns::MAM)) {
                add(&mut rules, jid, is_archived)?;
            }
        }
    }
    let own = cx.server.archiving.set(cx.no(), otherwise, rules).await?;
    Ok(Answer::Payload(written(&cx, &own)))
}

/// An address that is listed twice is listed once; one that is in both lists says nothing.
fn add(rules: &mut Vec<(Jid, bool)>, jid: Element<'_>, is_archived: bool) -> Result<(), StanzaError> {
    let jid = prefs::rule(&jid.text())?;
    match rules.iter().find(|(other, _)| *other == jid) {
        None if rules.len() == prefs::EXCEPTIONS_MAX => Err(StanzaError::resource_constraint()),
        None => {
            rules.push((jid, is_archived));
            Ok(())
        }
        Some((_, is)) if *is == is_archived => Ok(()),
        Some(_) => Err(StanzaError::bad_request().text("an address is always archived, or never")),
    }
}
