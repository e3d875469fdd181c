//! Who follows whom: `urn:x-folkmoot:follow:0`, asked of a bare address. Following itself is a pubsub subscription.
//!
//! Of others, only whether the asker follows them is told, and counts to who may read their posts.

use pubsub::profile::main_blog::BLOG;
use store::JidNo;
use wire::{StanzaError, Writer};

use super::Xeps;
use super::pubsub::errors::on_the_wire;
use crate::failures::unreadable;
use crate::iq::{Answer, Answered, Cx, Target};

const FOLLOW: &str = "urn:x-folkmoot:follow:0";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.feature(Target::OwnAccount, FOLLOW);
    for target in [Target::OwnAccount, Target::Account] {
        xeps.get(target, FOLLOW, "following", following);
    }
}

async fn following(cx: Cx) -> Answered {
    let no = cx
        .server
        .find(cx.to.as_str())
        .await
        .ok_or_else(StanzaError::item_not_found)?;
    let mut writer = Writer::new();
    writer.open("following").ns(FOLLOW);
    let main = cx.server.host.main_blog(&cx.to, &cx.actor()).await;
    let main = main.map_err(on_the_wire)?;
    if cx.target == Target::OwnAccount {
        write_counts(&cx, no, &mut writer).await?;
        let all = cx.server.timelines.following(no).await.map_err(on_the_wire)?;
        let names = cx.server.store.jids().names(&all).await;
        for name in names.map_err(|error| unreadable(&error))?.into_iter().flatten() {
            writer.open("follow").attr("jid", &name).close();
        }
        let further = cx.server.timelines.following_further(no).await;
        for feed in further.map_err(on_the_wire)? {
            let owner = cx.server.store.jids().name(feed.owner).await;
            if let Some(owner) = owner.map_err(|error| unreadable(&error))? {
                writer
                    .open("feed")
                    .attr("jid", &owner)
                    .attr("node", &feed.name)
                    .close();
            }
        }
    } else {
        if may_read(&cx).await? {
            write_counts(&cx, no, &mut writer).await?;
        }
        let is_following = cx
            .server
            .timelines
            .is_following(cx.no(), no)
            .await
            .map_err(on_the_wire)?;
        writer.attr("is-following", if is_following { "true" } else { "false" });
    }
    if let Some(main) = main {
        writer
            .open("main")
            .ns(BLOG)
            .attr("jid", main.jid.as_str())
            .attr("node", &main.node)
            .close();
    }
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}

async fn write_counts(cx: &Cx, no: JidNo, writer: &mut Writer) -> Result<(), StanzaError> {
    let count = cx
        .server
        .timelines
        .following_count(no)
        .await
        .map_err(on_the_wire)?;
    let followers = cx
        .server
        .timelines
        .followers_count(no)
        .await
        .map_err(on_the_wire)?;
    writer
        .attr("count", &count.to_string())
        .attr("followers", &followers.to_string());
    Ok(())
}

/// Whether the asker may read the account's posts.
async fn may_read(cx: &Cx) -> Result<bool, StanzaError> {
    let host = &cx.server.host;
    let Some(view) = host.view(&cx.to, bus::MICROBLOG).await.map_err(on_the_wire)? else {
        return Ok(false);
    };
    let reader = host.reader(&cx.actor(), &view).await;
    Ok(pubsub::access::may_read(&reader, &view).is_ok())
}
