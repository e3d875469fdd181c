//! XEP-0292: vCard4 Over XMPP, <https://xmpp.org/extensions/xep-0292.html>: a node like any other, whose values vcard-temp
//! shares. What both have stands in the node alone, as open as that is.

use std::borrow::Cow;

use format::vcard::{self, Field};
use pubsub::profile::known::VCARD4;
use pubsub::{Actor, ItemsQuery, PubsubError};
use wire::{BareJid, Document, StanzaError, Writer, ns};

use super::Xeps;
use super::avatars::publish;
use super::pubsub::errors::on_the_wire;
use crate::iq::Cx;
use crate::server::Server;
use crate::splice::splice;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(292, "vCard4 Over XMPP", "0.12.0");
}

/// The most properties of a vCard that both kinds share.
pub(super) const FIELDS_MAX: usize = 200;

/// What an account tells of itself in its vCard4.
pub(super) struct VCard4 {
    id: String,
    document: Document,
}

impl VCard4 {
    /// What vcard-temp has too, as much of it as a vCard may have.
    pub(super) fn fields(&self) -> Vec<Field> {
        let children = self.document.root().children();
        children.filter_map(Field::of_vcard4).take(FIELDS_MAX).collect()
    }
}

/// Whether an account has the node, whoever may read it.
pub(super) async fn is_there(server: &Server, jid: &BareJid) -> Result<bool, PubsubError> {
    Ok(server.host.view(jid, VCARD4).await?.is_some())
}

/// The vCard4 of an account, for somebody; nothing when they may not read it.
pub(super) async fn of(server: &Server, jid: &BareJid, asker: &Actor) -> Result<Option<VCard4>, PubsubError> {
    let page = match server.host.items(jid, asker, VCARD4, ItemsQuery::Newest(1)).await {
        Ok(page) => page,
        Err(error) if error.is_passing() => return Err(error),
        Err(_) => return Ok(None),
    };
    Ok(page.items.last().and_then(|item| {
        Some(VCard4 {
            id: (*item.id).to_owned(),
            document: Document::parse(item.payload.clone()?).ok()?,
        })
    }))
}

/// Publishes what a vcard-temp says, if it says anything else than is there. What only vCard4 has stays, and so does every
/// property that is said to be what it is.
pub(super) async fn set_from_temp(cx: &Cx, fields: &[Field]) -> Result<(), StanzaError> {
    let before = of(&cx.server, &cx.to, &cx.actor()).await.map_err(on_the_wire)?;
    let Some(before) = before else {
        if fields.is_empty() {
            return Ok(());
        }
        let mut writer = Writer::new();
        writer.open("vcard").ns(ns::VCARD4);
        fields.iter().for_each(|field| field.write_vcard4(&mut writer));
        return publish(cx, VCARD4, "current", writer.finish()).await;
    };
    let known = before.fields();
    if known == fields {
        return Ok(());
    }
    // One field of each property that is said otherwise.
    let mut changed: Vec<&Field> = Vec::new();
    let mut unchanged: Vec<&Field> = Vec::new();
    for one in known.iter().chain(fields) {
        let is_same = |other: &&Field| other.is_same_property(one);
        if !changed.iter().chain(&unchanged).any(is_same) {
            let is_said_again = known.iter().filter(is_same).eq(fields.iter().filter(is_same));
            if is_said_again {
                &mut unchanged
            } else {
                &mut changed
            }
            .push(one);
        }
    }
    let is_changed = |one: &Field| changed.iter().any(|other| other.is_same_property(one));
    let mut append = Writer::new();
    // What vCard4 calls itself by a prefix would not be the parent of these.
    append.open("vcard").ns(ns::VCARD4);
    for field in fields.iter().filter(|field| is_changed(field)) {
        field.write_vcard4(&mut append);
    }
    let append = Document::parse(append.finish()).map_err(|_| StanzaError::internal_server_error())?;
    let append: Vec<u8> = append.root().children().flat_map(|child| child.cut()).collect();
    let root = before.document.root();
    let goes = |child| match Field::of_vcard4(child) {
        Some(field) => is_changed(&field),
        None => vcard::is_common_in_vcard4(child),
    };
    let without = |child| goes(child).then_some(Cow::Borrowed(&[][..]));
    publish(cx, VCARD4, &before.id, splice(root, without, &append)).await
}
