//! Virtual nodes on the wire: home (`urn:x-folkmoot:home:0` on one's own bare address), the public stream and hash tags (on the
//! pubsub service). Their items are other nodes' items, under the number of the post and with their origin.
//!
//! Which posts belong to a timeline is decided in `social`; live delivery is `notify`'s.

use bus::Virtual;
use format::rsm;
use pubsub::{IdsPage, ItemsQuery, ItemsRequest, PubsubError};
use wire::{Writer, ns};

use super::pubsub::errors::on_the_wire;
use super::{Xeps, notifications, shown_subscriptions};
use crate::iq::{Answer, Answered, Cx, Target};

pub(super) fn register(xeps: &mut Xeps) {
    xeps.own_feature(bus::HOME)
        .feature(Target::Pubsub, bus::MICROBLOG);
}

/// The items of a virtual node, ascending by number.
pub(super) async fn items(cx: &Cx, node: &str, which: &Virtual, request: ItemsRequest) -> Answered {
    if *which == Virtual::Notifications {
        return notifications::items(cx, request).await;
    }
    if let Virtual::ShownSubscriptions | Virtual::ShownSubscribers(_) = which {
        return shown_subscriptions::items(cx, node, which, request).await;
    }
    let page = cx
        .server
        .timelines
        .items(&cx.to, &cx.actor(), which, request)
        .await
        .map_err(on_the_wire)?;
    let mut writer = Writer::new();
    writer
        .open("pubsub")
        .ns(ns::PUBSUB)
        .open("items")
        .attr("node", node);
    for item in &page.items {
        writer
            .open("item")
            .attr("id", &item.post_id.0.to_string())
            .attr("publisher", item.publisher.as_str());
        writer.raw(&item.payload).close();
    }
    writer.close();
    page.rsm.write(&mut writer);
    Ok(Answer::Payload(writer.finish()))
}

/// The ids of items of a virtual node, in the order of their numbers: of the newest, or of a page.
pub(super) async fn ids(
    cx: &Cx,
    which: &Virtual,
    page: Option<rsm::Request>,
) -> Result<IdsPage, PubsubError> {
    if *which == Virtual::Notifications {
        return notifications::ids(cx, page).await;
    }
    let is_asked = page.is_some();
    let query = page.map_or(ItemsQuery::All, ItemsQuery::Rsm);
    let timelines = &cx.server.timelines;
    let page = timelines.items(&cx.to, &cx.actor(), which, query).await?;
    let ids = page.items.iter().map(|item| item.post_id.0.to_string().into());
    Ok(IdsPage {
        ids: ids.collect(),
        rsm: is_asked.then_some(page.rsm),
    })
}
