//! People to follow: `urn:x-folkmoot:people:0`, asked of the pubsub service: accounts with public posts, the most recently
//! active first, without those that the asker follows.

use wire::{StanzaError, Writer};

use super::Xeps;
use super::pubsub::errors::on_the_wire;
use crate::iq::{Answer, Answered, Cx, Target};

const PEOPLE: &str = "urn:x-folkmoot:people:0";
/// How many are told when the client does not say, and at most.
const USUAL: u32 = 20;
const MAX: u32 = 100;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.feature(Target::Pubsub, PEOPLE)
        .get(Target::Pubsub, PEOPLE, "people", people);
}

async fn people(cx: Cx) -> Answered {
    let max = match cx.payload().attr("max") {
        None => USUAL,
        Some(max) => max
            .parse::<u32>()
            .map_err(|_| StanzaError::bad_request())?
            .min(MAX),
    };
    let people = cx
        .server
        .timelines
        .people_to_follow(cx.session.no, max)
        .await
        .map_err(on_the_wire)?;
    let mut writer = Writer::new();
    writer.open("people").ns(PEOPLE);
    for person in people {
        writer
            .open("person")
            .attr("jid", person.jid.as_str())
            .attr_opt("name", person.name.as_deref());
        writer
            .attr("posts", &person.posts.to_string())
            .attr("followers", &person.followers.to_string())
            .close();
    }
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}
