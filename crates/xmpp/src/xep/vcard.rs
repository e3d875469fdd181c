//! XEP-0054: vcard-temp, <https://xmpp.org/extensions/xep-0054.html>: what people tell of themselves to everybody, kept as
//! their clients wrote it; and what the server tells of itself.

use store::vcards;
use wire::{StanzaError, Writer, ns};

use super::Xeps;
use crate::failures::{unreadable, unwritable};
use crate::iq::{Answer, Answered, Cx, Target};

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(54, "vcard-temp", "1.3.0");
    for target in [Target::OwnAccount, Target::Server] {
        xeps.feature(target, ns::VCARD_TEMP);
    }
    for target in [Target::OwnAccount, Target::Account] {
        xeps.get(target, ns::VCARD_TEMP, "vCard", get);
    }
    xeps.set(Target::OwnAccount, ns::VCARD_TEMP, "vCard", set)
        .set(Target::Account, ns::VCARD_TEMP, "vCard", foreign)
        .get(Target::Server, ns::VCARD_TEMP, "vCard", of_server)
        .set(Target::Server, ns::VCARD_TEMP, "vCard", foreign);
}

/// The largest vCard, its picture included, in bytes.
const VCARD_MAX: usize = 128 * 1024;

/// §3.2: nobody changes another's.
async fn foreign(_: Cx) -> Answered {
    Err(StanzaError::forbidden())
}

/// §3.1, §3.3
async fn get(cx: Cx) -> Answered {
    let missing = match cx.target {
        Target::OwnAccount => StanzaError::item_not_found(),
        // §3.3: as for an account that does not exist.
        Target::Account | Target::Server | Target::Pubsub => StanzaError::service_unavailable(),
    };
    let Some(no) = cx.server.find(cx.to.as_str()).await else {
        return Err(missing);
    };
    let vcard = cx
        .server
        .store
        .read(move |reader| reader.vcard(no))
        .await
        .map_err(|error| unreadable(&error))?;
    vcard.map(Answer::Payload).ok_or(missing)
}

/// §3.2: always the whole vCard.
async fn set(cx: Cx) -> Answered {
    let vcard = cx.payload().cut();
    if vcard.len() > VCARD_MAX {
        return Err(StanzaError::policy_violation().text("too large to be stored"));
    }
    // Waited for, so that whoever sets and gets in one packet gets what was set.
    let written = cx.server.store.write(vcards::put(cx.session.no, vcard)).await;
    written.map_err(|error| unwritable(&error))?;
    Ok(Answer::Empty)
}

/// §3.3: a server may have one too: its domain, its site, its administrators' mail.
async fn of_server(cx: Cx) -> Answered {
    let settings = &cx.server.settings;
    let mut writer = Writer::new();
    writer
        .open("vCard")
        .ns(ns::VCARD_TEMP)
        .leaf("FN", cx.to.as_str())
        .leaf("URL", &settings.site_url);
    for mail in settings
        .contacts
        .admin
        .iter()
        .filter_map(|uri| uri.strip_prefix("mailto:"))
    {
        writer.open("EMAIL");
        writer.open("INTERNET").close();
        writer.leaf("USERID", mail).close();
    }
    writer.leaf("JABBERID", cx.to.as_str()).close();
    Ok(Answer::Payload(writer.finish()))
}
