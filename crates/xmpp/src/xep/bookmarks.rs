//! XEP-0402: PEP Native Bookmarks, <https://xmpp.org/extensions/xep-0402.html>, and the same bookmarks for clients that keep
//! them by XEP-0048 in private XML storage (§5.3). They have one home, the node; what private storage holds beside them, such
//! as bookmarks of pages, stays there.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bus::AccessModel;
use format::form::{DataForm, Field, FormType, parse_bool};
use format::rsm;
use pubsub::form::PUBLISH_OPTIONS;
use pubsub::profile::known::BOOKMARKS;
use pubsub::{ItemsQuery, NewItem, PubsubError};
use wire::{Document, Element, Jid, StanzaError, Writer};

use super::Xeps;
use super::pubsub::errors::on_the_wire;
use crate::iq::Cx;
use crate::splice::splice;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(402, "PEP Native Bookmarks", "1.2.0")
        .without("XEP-0048's node (`#compat-pep`): private XML is kept in step instead")
        .own_feature("urn:xmpp:bookmarks:1#compat");
}

/// The element of private storage, and its namespace (XEP-0048 §3).
pub(super) const STORAGE: (&str, &str) = ("storage", "storage:bookmarks");
/// Items read, published and retracted at once.
const SLICE: usize = 100;
/// What the node may hold for it to be shown in one element: rooms, and bytes.
const ROOMS_MAX: usize = 1_000;
const BYTES_MAX: usize = 256 * 1024;

/// A room, as both ways of keeping it know it.
#[derive(Clone, Debug, Default)]
pub(super) struct Bookmark {
    name: Option<String>,
    /// A boolean, spelled as its client spells it.
    autojoin: Option<String>,
    nick: Option<String>,
    password: Option<String>,
    /// What clients keep beside these, elements of other namespaces.
    others: Vec<u8>,
}

impl Bookmark {
    fn read(conference: Element<'_>) -> Bookmark {
        let inner = |name| {
            conference
                .child(name, conference.ns())
                .map(|child| child.text().into_owned())
        };
        let autojoin = conference.attr("autojoin").map(Cow::into_owned);
        let others = |parent: Element<'_>| -> Vec<u8> {
            let others = parent.children().filter(|child| child.ns() != conference.ns());
            others.flat_map(|child| child.cut()).collect()
        };
        Bookmark {
            name: conference.attr("name").map(Cow::into_owned),
            autojoin: autojoin.filter(|value| parse_bool(value).is_some()),
            nick: inner("nick"),
            password: inner("password"),
            others: match conference.child("extensions", BOOKMARKS) {
                Some(extensions) => others(extensions),
                None => others(conference),
            },
        }
    }

    fn is_joined(&self) -> bool {
        self.autojoin.as_deref().and_then(parse_bool).unwrap_or_default()
    }

    /// Whether it says nothing but what another says already. A client that knows of no other elements removes none.
    fn adds_nothing_to(&self, other: &Bookmark) -> bool {
        (&self.name, self.is_joined(), &self.nick, &self.password)
            == (&other.name, other.is_joined(), &other.nick, &other.password)
            && (self.others.is_empty() || self.others == other.others)
    }

    fn write(&self, writer: &mut Writer) {
        writer
            .attr_opt("name", self.name.as_deref())
            .attr_opt("autojoin", self.autojoin.as_deref());
        for (name, value) in [("nick", &self.nick), ("password", &self.password)] {
            if let Some(value) = value {
                writer.leaf(name, value);
            }
        }
    }

    /// As an item of the node (XEP-0402 §2), which keeps what is not known.
    fn to_item(&self, before: Option<&Bookmark>) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.open("conference").ns(BOOKMARKS);
        self.write(&mut writer);
        let others = before.filter(|_| self.others.is_empty()).unwrap_or(self);
        if !others.others.is_empty() {
            writer.open("extensions").raw(&others.others).close();
        }
        writer.finish()
    }

    /// As a child of `<storage/>` (XEP-0048 §3.1).
    fn write_old(&self, jid: &str, writer: &mut Writer) {
        writer.open("conference").attr("jid", jid);
        self.write(writer);
        writer.raw(&self.others).close();
    }
}

/// Everything in the node, by the room's address; nothing where there is no node.
async fn kept(cx: &Cx) -> Result<Option<BTreeMap<String, Bookmark>>, StanzaError> {
    let (host, actor) = (&cx.server.host, cx.actor());
    let view = host.view(&cx.to, BOOKMARKS).await.map_err(on_the_wire)?;
    if view.is_none() {
        return Ok(None);
    }
    let mut all = BTreeMap::new();
    let mut bytes = 0;
    let mut page = rsm::Page::First;
    loop {
        let query = ItemsQuery::Rsm(rsm::Request {
            max: Some(SLICE as u32),
            page,
        });
        let found = host
            .items(&cx.to, &actor, BOOKMARKS, query)
            .await
            .map_err(on_the_wire)?;
        bytes += found
            .items
            .iter()
            .filter_map(|item| item.payload.as_ref())
            .map(|one| one.len())
            .sum::<usize>();
        if bytes > BYTES_MAX || all.len() + found.items.len() > ROOMS_MAX {
            return Err(StanzaError::policy_violation().text("more bookmarks than private storage can show"));
        }
        for item in &found.items {
            let Some(Ok(document)) = item.payload.clone().map(Document::parse) else {
                continue;
            };
            let kept = Bookmark::read(document.root());
            all.insert((*item.id).to_owned(), kept);
        }
        match found.items.last() {
            Some(last) => page = rsm::Page::After((*last.id).to_owned()),
            None => return Ok(Some(all)),
        }
    }
}

/// What private storage says of bookmarks: the node's, and what else was stored. `None` where all of it is stored.
pub(super) async fn collated(cx: &Cx, stored: Option<&[u8]>) -> Result<Option<Vec<u8>>, StanzaError> {
    let Some(all) = kept(cx).await? else {
        return Ok(None);
    };
    let mut writer = Writer::new();
    writer.open(STORAGE.0).ns(STORAGE.1);
    let mut around = Writer::new();
    around.open("query").raw(stored.unwrap_or_default()).close();
    if let Ok(stored) = Document::parse(around.finish()) {
        for child in stored.root().children().flat_map(|storage| storage.children()) {
            if !child.is("conference", STORAGE.1) {
                writer.raw(&child.cut());
            }
        }
    }
    for (jid, kept) in &all {
        kept.write_old(jid, &mut writer);
    }
    writer.close();
    Ok(Some(writer.finish()))
}

/// Takes the rooms out of `<storage/>`: what is left is for private storage.
pub(super) fn taken(
    storage: Element<'_>,
    rooms: &mut BTreeMap<String, Bookmark>,
) -> Result<Vec<u8>, StanzaError> {
    let is_room = |child: &Element<'_>| child.is("conference", STORAGE.1);
    for room in storage.children().filter(is_room) {
        let jid = room.attr("jid").and_then(|jid| Jid::parse(&jid).ok());
        let jid =
            jid.ok_or_else(|| StanzaError::not_acceptable().text("a bookmark without its room's address"))?;
        rooms.insert(jid.bare_str().to_owned(), Bookmark::read(room));
        if rooms.len() > ROOMS_MAX {
            return Err(StanzaError::policy_violation().text("too many bookmarks"));
        }
    }
    let whole = Document::parse(storage.cut()).map_err(|_| StanzaError::bad_request())?;
    let without = |child: Element<'_>| is_room(&child).then_some(Cow::Borrowed(&[][..]));
    Ok(splice(whole.root(), without, &[]))
}

/// §5.3.2: the rooms that private storage is told of take the place of those in the node; what is as it was is not told
/// again.
pub(super) async fn replace(cx: &Cx, rooms: BTreeMap<String, Bookmark>) -> Result<(), StanzaError> {
    let (host, actor) = (&cx.server.host, cx.actor());
    let before = kept(cx).await?;
    let view = host.view(&cx.to, BOOKMARKS).await.map_err(on_the_wire)?;
    // §6: they are nobody else's to read, whoever stores them.
    if view.is_some_and(|view| view.config.access != AccessModel::Whitelist) {
        return Err(on_the_wire(PubsubError::PreconditionNotMet));
    }
    let options = before.is_none().then(private);
    let before = before.unwrap_or_default();
    let is_new = |(jid, room): &(&String, &Bookmark)| {
        let kept = before.get(*jid);
        !kept.is_some_and(|kept| room.adds_nothing_to(kept))
    };
    let new: Vec<NewItem> = rooms
        .iter()
        .filter(is_new)
        .map(|(jid, room)| NewItem {
            id: Some(jid.clone()),
            payload: Some(room.to_item(before.get(jid))),
        })
        .collect();
    for slice in new.chunks(SLICE) {
        let accepted = host
            .publish(&cx.to, &actor, BOOKMARKS, slice.to_vec(), options.as_ref())
            .await;
        let stored = accepted.map_err(on_the_wire)?.durable.await;
        stored.map_err(on_the_wire)?;
    }
    let gone: Vec<&str> = before
        .keys()
        .filter(|jid| !rooms.contains_key(*jid))
        .map(String::as_str)
        .collect();
    for slice in gone.chunks(SLICE) {
        let accepted = host.retract(&cx.to, &actor, BOOKMARKS, slice, true).await;
        let stored = accepted.map_err(on_the_wire)?.durable.await;
        stored.map_err(on_the_wire)?;
    }
    Ok(())
}

/// §4.3
fn private() -> DataForm {
    DataForm::new(FormType::Submit)
        .with_form_type(PUBLISH_OPTIONS)
        .with(Field::text("pubsub#persist_items", "true"))
        .with(Field::text("pubsub#max_items", "max"))
        .with(Field::text("pubsub#send_last_published_item", "never"))
        .with(Field::text("pubsub#access_model", "whitelist"))
}
