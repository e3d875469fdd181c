//! What a person is told of, on their own bare address: `urn:x-folkmoot:notifications:0`. Read as any node; the one item that can
//! be published there says up to where it was read.
//!
//! Who is told of what is decided in `social`; live delivery is `notify`'s. Mentions follow XEP-0372 and XEP-0513
//! (<https://xmpp.org/extensions/xep-0513.html>).

use format::rsm;
use pubsub::{IdsPage, ItemsQuery, ItemsRequest, NewItem, PubsubError};
use social::{Marked, READ_ITEM};
use store::PostId;
use wire::{Document, StanzaError, Writer, ns};

use super::Xeps;
use super::pubsub::errors::on_the_wire;
use crate::iq::{Answer, Answered, Cx};

pub(super) fn register(xeps: &mut Xeps) {
    // Mentions in the entries of posts.
    xeps.xep(372, "References", "0.5.0")
        .xep(513, "Explicit Mentions", "0.1.0")
        .without("mentions of rooms, until there are rooms");
    xeps.own_feature(bus::NOTIFICATIONS);
}

/// The items of the list, ascending by number; last the read state, where it is asked for.
pub(super) async fn items(cx: &Cx, request: ItemsRequest) -> Answered {
    let page = cx
        .server
        .timelines
        .notifications(&cx.to, &cx.actor(), request)
        .await
        .map_err(on_the_wire)?;
    let mut writer = Writer::new();
    writer
        .open("pubsub")
        .ns(ns::PUBSUB)
        .open("items")
        .attr("node", bus::NOTIFICATIONS);
    for item in &page.items {
        writer
            .open("item")
            .attr("id", &item.id.0.to_string())
            .raw(&item.payload)
            .close();
    }
    if let Some(state) = &page.read {
        writer
            .open("item")
            .attr("id", READ_ITEM)
            .raw(&state.to_xml())
            .close();
    }
    writer.close();
    if let Some(rsm) = &page.rsm {
        rsm.write(&mut writer);
    }
    Ok(Answer::Payload(writer.finish()))
}

/// The ids of notifications: of the newest, or of a page.
pub(super) async fn ids(cx: &Cx, page: Option<rsm::Request>) -> Result<IdsPage, PubsubError> {
    let is_asked = page.is_some();
    let query = page.map_or(ItemsQuery::All, ItemsQuery::Rsm);
    let timelines = &cx.server.timelines;
    let page = timelines.notifications(&cx.to, &cx.actor(), query).await?;
    let ids = page.items.iter().map(|item| item.id.0.to_string().into());
    Ok(IdsPage {
        ids: ids.collect(),
        rsm: page.rsm.filter(|_| is_asked),
    })
}

/// Marks as read: the item `read` with `<read upto='NUMBER'/>`.
pub(super) async fn publish(cx: Cx, items: Vec<NewItem>) -> Answered {
    if cx.to.as_str() != cx.jid().bare_str() {
        return Err(on_the_wire(PubsubError::Forbidden));
    }
    let [item] = items.as_slice() else {
        return Err(on_the_wire(PubsubError::ItemRequired));
    };
    if item.id.as_deref() != Some(READ_ITEM) {
        return Err(on_the_wire(PubsubError::NotAllowed));
    }
    let upto = item.payload.as_deref().and_then(upto);
    let upto = upto.ok_or_else(|| on_the_wire(PubsubError::InvalidPayload("not a read state")))?;
    let marked = cx.server.timelines.mark_read(&cx.actor(), upto).await;
    match marked.map_err(on_the_wire)? {
        Marked::NotForward => Err(StanzaError::not_acceptable()),
        Marked::Forward => {
            let mut writer = Writer::new();
            writer
                .open("pubsub")
                .ns(ns::PUBSUB)
                .open("publish")
                .attr("node", bus::NOTIFICATIONS);
            writer.open("item").attr("id", READ_ITEM);
            Ok(Answer::Payload(writer.finish()))
        }
    }
}

fn upto(payload: &[u8]) -> Option<PostId> {
    let document = Document::parse(payload).ok()?;
    let root = document.root();
    let is_read = root.is("read", bus::NOTIFICATIONS);
    let upto = root.attr("upto").filter(|_| is_read)?;
    let number = upto.parse().ok()?;
    (0 < number && number < 1 << 53).then_some(PostId(number))
}
