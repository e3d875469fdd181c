//! The roster on the wire: RFC 6121 §2, <https://www.rfc-editor.org/rfc/rfc6121#section-2>, with versions (§2.6).

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use store::JidNo;
use wire::{BareJid, Element, Jid, StanzaError, Writer, ns};

use super::Xeps;
use crate::iq::{Answer, Answered, Cx, Target};
use crate::presence::subscriptions::{self, Person};
use crate::roster::contact::{Contact, Details};
use crate::rosters::put_contact;
use crate::server::Server;
use crate::session::mailbox::{Address, Outgoing, SharedOut};

pub(super) fn register(xeps: &mut Xeps) {
    xeps.own_feature(ns::ROSTER).feature(Target::Server, ns::ROSTER);
    xeps.get(Target::OwnAccount, ns::ROSTER, "query", get)
        .set(Target::OwnAccount, ns::ROSTER, "query", set);
}

/// §2.1.2.4, §2.1.2.6: the longest name of a contact and of a group, in bytes.
const NAME_MAX: usize = 1_023;
/// How many groups a contact may be in.
const GROUPS_MAX: usize = 64;

/// §2.2: the whole roster, unless the client has this version already.
async fn get(cx: Cx) -> Answered {
    let query = cx.payload();
    if query.children().next().is_some() {
        return Err(StanzaError::bad_request());
    }
    let known = query.attr("ver");
    let held = cx.server.rosters.of(cx.no()).await?;
    // Interested first: what changes from now on is pushed.
    cx.session()?.routing.set_interested();
    // A large one does not come on top of much that waits. A session that ends takes it or not.
    let _ = cx.session()?.room().await;
    Ok(held.with(|roster| {
        let version = roster.version().to_string();
        if known.as_deref() == Some(&version) {
            return Answer::Empty;
        }
        let mut writer = Writer::appending(Vec::with_capacity(roster.written_len()));
        writer.open("query").ns(ns::ROSTER);
        if known.is_some() {
            writer.attr("ver", &version);
        }
        for contact in roster.contacts() {
            contact.write(&mut writer);
        }
        writer.close();
        Answer::Payload(writer.finish())
    }))
}

/// What a roster set asks for.
enum Wish {
    Put(Details),
    Remove,
}

/// §2.3.3: exactly one item, a bare address, names of bounded length, no group twice.
fn read(query: Element<'_>) -> Result<(BareJid, Wish), StanzaError> {
    let mut items = query.children();
    let (Some(item), None) = (items.next(), items.next()) else {
        return Err(StanzaError::bad_request());
    };
    if !item.is("item", ns::ROSTER) {
        return Err(StanzaError::bad_request());
    }
    let jid = item.attr("jid").ok_or_else(StanzaError::bad_request)?;
    let jid = Jid::parse(&jid)
        .map_err(|_| StanzaError::jid_malformed())?
        .into_bare();
    if item.attr("subscription").as_deref() == Some("remove") {
        return Ok((jid, Wish::Remove));
    }
    let name = item
        .attr("name")
        .map(Cow::into_owned)
        .filter(|name| !name.is_empty());
    if name.as_ref().is_some_and(|name| name.len() > NAME_MAX) {
        return Err(StanzaError::not_acceptable());
    }
    let mut groups: Vec<Arc<str>> = Vec::new();
    let mut seen = HashSet::new();
    for group in item.children().filter(|child| child.is("group", ns::ROSTER)) {
        let group = group.text();
        // Line breaks are no part of a name, and the store parts groups by them.
        if group.is_empty()
            || group.len() > NAME_MAX
            || group.contains(['\n', '\r'])
            || groups.len() == GROUPS_MAX
        {
            return Err(StanzaError::not_acceptable());
        }
        if !seen.insert(group.to_string()) {
            return Err(StanzaError::bad_request());
        }
        groups.push(Arc::from(&*group));
    }
    Ok((jid, Wish::Put(Details { name, groups })))
}

/// §2.3, §2.4, §2.5
async fn set(cx: Cx) -> Answered {
    let (jid, wish) = read(cx.payload())?;
    if jid == cx.jid().bare() {
        return Err(StanzaError::not_allowed());
    }
    match wish {
        Wish::Put(details) => {
            let no = cx.server.contact_number(cx.no(), &jid).await?;
            put(cx, no, jid, details)
        }
        Wish::Remove => {
            let no = cx
                .server
                .find(jid.as_str())
                .await
                .ok_or_else(StanzaError::item_not_found)?;
            remove(&cx, no, jid).await
        }
    }
}

fn put(cx: Cx, no: JidNo, jid: BareJid, details: Details) -> Answered {
    let owner = cx.no();
    Answer::later(async move {
        let change = cx.server.rosters.change(owner, |roster| {
            if !roster.has_room(no, &jid, Some(&details)) {
                return Err(StanzaError::resource_constraint());
            }
            let contact = roster.rename(no, &jid, details);
            Ok(((), vec![put_contact(owner, &contact, roster.next_version())]))
        });
        change.await?;
        push(&cx.server, owner, no, &jid).await;
        let user = Person {
            no: owner,
            jid: cx.jid().bare(),
        };
        // Its groups may be others now.
        subscriptions::relation_changed(&cx.server, &user, &Person { no, jid });
        Ok(Answer::Empty)
    })
}

/// §2.5.2: subscriptions both ways end with the item.
async fn remove(cx: &Cx, no: JidNo, jid: BareJid) -> Answered {
    let server = &cx.server;
    let user = Person {
        no: cx.no(),
        jid: cx.jid().bare(),
    };
    let contact = Person { no, jid };
    let change = server.rosters.change(user.no, |roster| {
        let before = roster.state(no);
        roster.remove(no).ok_or_else(StanzaError::item_not_found)?;
        let removal = store::roster::remove(user.no, no, roster.next_version());
        Ok((before, vec![removal, store::roster::remove_request(user.no, no)]))
    });
    let before = change.await?;
    push(server, user.no, no, &contact.jid).await;
    subscriptions::relation_changed(server, &user, &contact);
    subscriptions::part(server, &user, &contact, before).await?;
    Ok(Answer::Empty)
}

/// §2.1.6: tells every interested resource how a contact stands now, or that it is gone.
pub(crate) async fn push(server: &Server, owner: JidNo, no: JidNo, jid: &BareJid) {
    static IDS: AtomicU64 = AtomicU64::new(1);
    let sessions = server.registry.sessions(owner);
    if !sessions.iter().any(|session| session.routing.is_interested()) {
        return;
    }
    let Ok(held) = server.rosters.of(owner).await else {
        return;
    };
    let id = format!("push-{}", IDS.fetch_add(1, Ordering::Relaxed));
    // What it is now, not what it was when the change was made: the last push tells the truth whatever overtook what.
    let tail = held.with(|roster| written_push(&id, roster.version(), roster.contact(no), jid));
    let out = Arc::new(SharedOut {
        address: Address::ToFull,
        head: b"<iq to='"[..].into(),
        tail: tail.into(),
    });
    for session in sessions.iter().filter(|session| session.routing.is_interested()) {
        // A session that is closing fetches the roster when it comes again.
        let _ = session.send(Outgoing::Shared(out.clone()));
    }
}

fn written_push(id: &str, version: i64, contact: Option<&Contact>, jid: &BareJid) -> Vec<u8> {
    const NAME: &[u8] = b"<iq";
    let mut writer = Writer::new();
    writer.open("iq").attr("type", "set").attr("id", id);
    writer
        .open("query")
        .ns(ns::ROSTER)
        .attr("ver", &version.to_string());
    match contact {
        Some(contact) => contact.write(&mut writer),
        None => {
            writer
                .open("item")
                .attr("jid", jid.as_str())
                .attr("subscription", "remove")
                .close();
        }
    }
    writer.close().close();
    let written = writer.finish();
    [b"'", written.strip_prefix(NAME).unwrap_or_default()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wire::{Condition, Document};

    fn asked(items: &str) -> Result<(BareJid, Wish), Condition> {
        let query = format!("<query xmlns='jabber:iq:roster'>{items}</query>");
        let document = Document::parse(query.into_bytes()).unwrap();
        read(document.root()).map_err(|error| error.condition)
    }

    #[test]
    fn one_item_with_sound_names() {
        let (jid, wish) =
            asked("<item jid='Nurse@example.org/x' name='Nurse'><group>Servants</group></item>").unwrap();
        assert_eq!(jid, "nurse@example.org");
        assert!(matches!(wish, Wish::Put(details) if details.groups.len() == 1));
        let refusals = [
            ("", Condition::BadRequest),
            ("<item jid='a@b'/><item jid='c@d'/>", Condition::BadRequest),
            ("<item/>", Condition::BadRequest),
            ("<item jid='@b'/>", Condition::JidMalformed),
            ("<item jid='a@b'><group/></item>", Condition::NotAcceptable),
            (
                "<item jid='a@b'><group>x</group><group>x</group></item>",
                Condition::BadRequest,
            ),
        ];
        for (items, condition) in refusals {
            assert_eq!(asked(items).err(), Some(condition), "{items}");
        }
    }

    #[test]
    fn a_removal_is_pushed_as_one() {
        let jid = BareJid::parse("nurse@example.org").unwrap();
        assert_eq!(
            String::from_utf8(written_push("push-1", 7, None, &jid)).unwrap(),
            "' type='set' id='push-1'><query xmlns='jabber:iq:roster' ver='7'>\
             <item jid='nurse@example.org' subscription='remove'/></query></iq>"
        );
    }
}
