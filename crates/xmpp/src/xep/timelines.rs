//! Virtual nodes on the wire: home (`urn:x-folkmoot:home:0` on one's own bare address), the public stream and hash tags (on the
//! pubsub service). Their items are other nodes' items, under the number of the post and with their origin.
//!
//! Which posts belong to a timeline is decided in `social`; live delivery is `notify`'s.

use std::sync::Arc;

use bus::Virtual;
use pubsub::{ItemsQuery, PubsubError};
use wire::{Writer, ns};

use super::pubsub::errors::on_the_wire;
use super::{Xeps, notifications};
use crate::iq::{Answer, Answered, Cx, Target};

pub(super) fn register(xeps: &mut Xeps) {
    xeps.own_feature(bus::HOME)
        .feature(Target::Pubsub, bus::MICROBLOG);
}

/// The items of a virtual node, ascending by number.
pub(super) async fn items(cx: &Cx, node: &str, which: &Virtual, query: ItemsQuery) -> Answered {
    if *which == Virtual::Notifications {
        return notifications::items(cx, query).await;
    }
    let page = cx
        .server
        .timelines
        .items(&cx.to, &cx.actor(), which, query)
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

/// The ids of the newest items of a virtual node, the newest first.
pub(super) async fn ids(cx: &Cx, which: &Virtual) -> Result<Vec<Arc<str>>, PubsubError> {
    if *which == Virtual::Notifications {
        return notifications::ids(cx).await;
    }
    let page = cx
        .server
        .timelines
        .items(&cx.to, &cx.actor(), which, ItemsQuery::All)
        .await?;
    let ids = page.items.iter().rev();
    Ok(ids.map(|item| item.post_id.0.to_string().into()).collect())
}
