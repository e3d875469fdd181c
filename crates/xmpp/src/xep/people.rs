//! People: `urn:x-folkmoot:people:0`, asked of the pubsub service. Without further words those to follow: accounts with
//! public posts, the most recently active first, without those that the asker follows. With `search='…'` those whose
//! address or name has words that begin so.

use wire::{StanzaError, Writer};

use super::Xeps;
use super::pubsub::errors::on_the_wire;
use crate::iq::{Answer, Answered, Cx, Target};

const PEOPLE: &str = "urn:x-folkmoot:people:0";
/// How many are told when the client does not say, and at most.
const USUAL: u32 = 20;
const MAX: u32 = 100;
/// The longest search, in bytes.
const SEARCH_MAX: usize = 256;

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
    let (timelines, actor) = (&cx.server.timelines, cx.actor());
    let search = cx.payload().attr("search");
    let people = match search.as_deref() {
        None => timelines.people_to_follow(&actor, max).await,
        Some(search) if search.len() > SEARCH_MAX => return Err(StanzaError::bad_request()),
        Some(search) => timelines.search_people(&actor, search, max).await,
    };
    let people = people.map_err(on_the_wire)?;
    let mut writer = Writer::new();
    writer.open("people").ns(PEOPLE);
    for person in people {
        writer
            .open("person")
            .attr("jid", person.jid.as_str())
            .attr_opt("name", person.name.as_deref());
        let number = |count: Option<u64>| count.map(|count| count.to_string());
        writer
            .attr_opt("posts", number(person.posts).as_deref())
            .attr_opt("followers", number(person.followers).as_deref())
            .attr_opt("following", person.is_followed.then_some("true"))
            .close();
    }
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}
