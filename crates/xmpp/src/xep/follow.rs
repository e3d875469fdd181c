//! Who follows whom: `urn:x-folkmoot:follow:0`, asked of a bare address. Following itself is a pubsub subscription.
//!
//! Of others, only counts and whether the asker follows them are told.

use wire::{StanzaError, Writer};

use super::Xeps;
use super::pubsub::errors::on_the_wire;
use crate::iq::{Answer, Answered, Cx, Target};

const FOLLOW: &str = "urn:x-folkmoot:follow:0";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.feature(Target::OwnAccount, FOLLOW);
    for target in [Target::OwnAccount, Target::Account] {
        xeps.get(target, FOLLOW, "following", following);
    }
}

async fn following(cx: Cx) -> Answered {
    let timelines = &cx.server.timelines;
    let no = cx
        .server
        .find(cx.to.as_str())
        .await
        .ok_or_else(StanzaError::item_not_found)?;
    let count = timelines.following_count(no).await.map_err(on_the_wire)?;
    let followers = timelines.followers_count(no).await.map_err(on_the_wire)?;
    let mut writer = Writer::new();
    writer.open("following").attr("xmlns", FOLLOW);
    writer
        .attr("count", &count.to_string())
        .attr("followers", &followers.to_string());
    if cx.target == Target::OwnAccount {
        let all = timelines.following(no).await.map_err(on_the_wire)?;
        let names = cx.server.store.jids().names(&all).await;
        for name in names
            .map_err(|error| crate::failures::unreadable(&error))?
            .into_iter()
            .flatten()
        {
            writer.open("follow").attr("jid", &name).close();
        }
    } else {
        let is_following = timelines
            .is_following(cx.session.no, no)
            .await
            .map_err(on_the_wire)?;
        writer.attr("is-following", if is_following { "true" } else { "false" });
    }
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}
