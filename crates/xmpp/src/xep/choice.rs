//! Where somebody wants to be seen: `urn:x-folkmoot:choice:0`, asked of one's own account. Whether one's public posts stand in
//! the public stream and the tags, and whether one is found. What follows from it is `pubsub`'s.

use pubsub::Choice;
use wire::{Element, StanzaError, Writer};

use super::Xeps;
use super::pubsub::errors::on_the_wire;
use crate::iq::{Answer, Answered, Cx, Target};

const CHOICE: &str = "urn:x-folkmoot:choice:0";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.own_feature(CHOICE)
        .get(Target::OwnAccount, CHOICE, "choice", get)
        .set(Target::OwnAccount, CHOICE, "choice", set);
}

async fn get(cx: Cx) -> Answered {
    let choice = cx.server.host.choice(&cx.to).await.map_err(on_the_wire)?;
    let word = |is_chosen: bool| if is_chosen { "true" } else { "false" };
    let mut writer = Writer::new();
    writer
        .open("choice")
        .ns(CHOICE)
        .attr("in-stream", word(choice.in_stream))
        .attr("in-search", word(choice.in_search))
        .close();
    Ok(Answer::Payload(writer.finish()))
}

/// What is not named stays.
async fn set(cx: Cx) -> Answered {
    let now = cx.server.host.choice(&cx.to).await.map_err(on_the_wire)?;
    let payload = cx.payload();
    let choice = Choice {
        in_stream: chosen(payload, "in-stream")?.unwrap_or(now.in_stream),
        in_search: chosen(payload, "in-search")?.unwrap_or(now.in_search),
    };
    let host = &cx.server.host;
    let accepted = host
        .choose(&cx.to, &cx.actor(), choice)
        .await
        .map_err(on_the_wire)?;
    Answer::later(async move {
        accepted.durable.await.map_err(on_the_wire)?;
        Ok(Answer::Empty)
    })
}

fn chosen(element: Element<'_>, name: &str) -> Result<Option<bool>, StanzaError> {
    match element.attr(name).as_deref() {
        None => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(StanzaError::bad_request().text("true or false is wanted")),
    }
}
