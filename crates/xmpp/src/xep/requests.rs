//! Message requests: `urn:x-folkmoot:message-requests:0`, asked of one's own account. Whether strangers' first messages wait,
//! which do, and what is to become of them. Declining is silent; blocking is XEP-0191, and ends what waits.
//!
//! Whose messages wait is decided in `crate::requests`.

use store::JidNo;
use store::requests::Strangers;
use wire::{Document, Jid, StanzaError, Writer, ns};

use super::Xeps;
use crate::failures::unreadable;
use crate::iq::{Answer, Answered, Cx, Target};
use crate::requests;
use crate::server::Server;
use crate::session::mailbox::Outgoing;

const REQUESTS: &str = "urn:x-folkmoot:message-requests:0";
/// XEP-0297.
const FORWARD: &str = "urn:xmpp:forward:0";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.own_feature(REQUESTS);
    xeps.get(Target::OwnAccount, REQUESTS, "requests", list)
        .get(Target::OwnAccount, REQUESTS, "messages", messages)
        .get(Target::OwnAccount, REQUESTS, "preferences", preferences)
        .set(Target::OwnAccount, REQUESTS, "preferences", choose)
        .set(Target::OwnAccount, REQUESTS, "accept", accept)
        .set(Target::OwnAccount, REQUESTS, "decline", decline);
}

/// Who waits, the latest first. Whoever asks is told of changes from now on.
async fn list(cx: Cx) -> Answered {
    cx.session()?.routing.set_told_of_requests();
    let owner = cx.no();
    let waiting = cx
        .server
        .store
        .read(move |reader| reader.message_requests(owner))
        .await;
    let mut writer = Writer::new();
    writer.open("requests").ns(REQUESTS);
    for request in waiting.map_err(|error| unreadable(&error))? {
        write_request(&mut writer, &request.jid, request.count);
    }
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}

fn write_request(writer: &mut Writer, jid: &str, count: u32) {
    writer
        .open("request")
        .attr("jid", jid)
        .attr("count", &count.to_string())
        .close();
}

/// The address that a request is about: its bare form, and its number.
async fn sender(cx: &Cx) -> Result<(Jid, JidNo), StanzaError> {
    let jid = cx.payload().attr("jid").ok_or_else(StanzaError::bad_request)?;
    let jid = Jid::parse(&jid).map_err(|_| StanzaError::jid_malformed())?;
    let no = cx.server.find(jid.bare_str()).await;
    Ok((jid.bare().into(), no.ok_or_else(StanzaError::item_not_found)?))
}

/// What waits of one sender, the oldest first, each with the id by which it can be reported (XEP-0377).
async fn messages(cx: Cx) -> Answered {
    let (jid, sender) = sender(&cx).await?;
    let owner = cx.no();
    let waiting = requests::waiting_messages(&cx.server, owner, sender).await?;
    let mut writer = Writer::new();
    writer.open("messages").ns(REQUESTS).attr("jid", jid.as_str());
    for message in waiting {
        let Ok(document) = Document::parse(message.stanza) else {
            continue;
        };
        let id = cx.server.archive_ids.archive_id(owner, message.id);
        writer.open("result").attr("id", id.as_str());
        writer.open("forwarded").ns(FORWARD);
        writer
            .open("delay")
            .ns(ns::DELAY)
            .attr("stamp", &format::datetime::to_text(message.created.0))
            .close();
        writer.raw(&document.root().cut()).close().close();
    }
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}

async fn preferences(cx: Cx) -> Answered {
    let strangers = if cx.server.requests.wants(cx.no()) {
        "wait"
    } else {
        "pass"
    };
    let mut writer = Writer::new();
    writer
        .open("preferences")
        .ns(REQUESTS)
        .attr("strangers", strangers)
        .close();
    Ok(Answer::Payload(writer.finish()))
}

/// The session's next stanza waits for it, as does the next message.
async fn choose(cx: Cx) -> Answered {
    let strangers = match cx.payload().attr("strangers").as_deref() {
        Some("wait") => Strangers::Wait,
        Some("pass") => Strangers::Pass,
        _ => return Err(StanzaError::bad_request()),
    };
    cx.server.requests.choose(cx.no(), strangers).await?;
    Ok(Answer::Empty)
}

async fn accept(cx: Cx) -> Answered {
    let (_, sender) = sender(&cx).await?;
    let owner = cx.no();
    is_waiting(&cx, sender).await?;
    requests::accept(&cx.server, owner, sender).await?;
    Ok(Answer::Empty)
}

async fn decline(cx: Cx) -> Answered {
    let (_, sender) = sender(&cx).await?;
    is_waiting(&cx, sender).await?;
    requests::decline(&cx.server, cx.no(), sender).await?;
    Ok(Answer::Empty)
}

/// Refuses with `item-not-found` where nothing waits of the sender.
async fn is_waiting(cx: &Cx, sender: JidNo) -> Result<(), StanzaError> {
    let owner = cx.no();
    let counts = cx
        .server
        .store
        .read(move |reader| reader.waiting_counts(owner, sender))
        .await;
    match counts.map_err(|error| unreadable(&error))? {
        (_, 0) => Err(StanzaError::item_not_found()),
        _ => Ok(()),
    }
}

/// Tells the sessions that asked what waits of a sender now: how many messages, perhaps none any more.
pub(crate) async fn tell(server: &Server, owner: JidNo, sender: JidNo) {
    let sessions = server.registry.sessions(owner);
    let told: Vec<_> = sessions
        .iter()
        .filter(|session| session.routing.is_told_of_requests())
        .collect();
    if told.is_empty() {
        return;
    }
    let read = server
        .store
        .read(move |reader| reader.waiting_counts(owner, sender))
        .await;
    let (Ok((_, count)), Ok(Some(jid))) = (read, server.store.jids().name(sender).await) else {
        return;
    };
    for session in told {
        let mut writer = Writer::new();
        writer
            .open("message")
            .attr("type", "headline")
            .attr("from", session.jid.bare_str())
            .attr("to", session.jid.as_str());
        writer.open("requests").ns(REQUESTS);
        write_request(&mut writer, &jid, u32::try_from(count).unwrap_or(u32::MAX));
        writer.close().close();
        // A session that is closing asks when it comes again.
        let _ = session.send(Outgoing::Stanza(writer.finish().into()));
    }
}
