//! Communities: `urn:x-folkmoot:communities:0`, asked of the pubsub service. A community is a node there with a feed of
//! posts in it (XEP-0472), so that reading, following, posting and keeping order are XEP-0060's; here is what that does
//! not have: the directory, founding in one request, and the requests that wait, as a list.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus::{Affiliation, SubscriptionState};
use format::avatar::Image;
use format::form::{DataForm, Field, FormType, parse_bool};
use format::{datetime, rsm};
use pubsub::{Verdict, form};
use social::{Community, CommunityQuery};
use wire::{Element, Jid, StanzaError, Writer};

use super::Xeps;
use super::pubsub::approval;
use super::pubsub::errors::on_the_wire;
use crate::iq::{Answer, Answered, Cx, Target};

/// The namespace of it all.
pub(crate) const COMMUNITIES: &str = "urn:x-folkmoot:communities:0";
/// The longest search, in bytes.
const SEARCH_MAX: usize = 256;
/// Requests listed at a time.
const REQUESTS_MAX: usize = 500;
/// The longest description or text of rules, in bytes; the rules of the form hold besides.
const TEXT_MAX: usize = 4_096;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.feature(Target::Pubsub, COMMUNITIES)
        .get(Target::Pubsub, COMMUNITIES, "communities", directory)
        .get(Target::Pubsub, COMMUNITIES, "community", one)
        .get(Target::Pubsub, COMMUNITIES, "requests", requests)
        .set(Target::Pubsub, COMMUNITIES, "found", found)
        .set(Target::Pubsub, COMMUNITIES, "answer", answer)
        .get(Target::Pubsub, COMMUNITIES, "avatar", avatar)
        .set(Target::Pubsub, COMMUNITIES, "avatar", set_avatar);
}

/// `<communities search='…' tag='…'/>` with RSM, or `<communities mine='true'/>`.
async fn directory(cx: Cx) -> Answered {
    let (query, is_mine) = {
        let asked = cx.payload();
        let text = |name: &str| asked.attr(name).map(std::borrow::Cow::into_owned);
        let query = CommunityQuery {
            search: text("search"),
            tag: text("tag"),
            page: rsm::Request::find(asked).map_err(|_| StanzaError::bad_request())?,
        };
        let is_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > SEARCH_MAX);
        if is_long(&query.search) || is_long(&query.tag) {
            return Err(StanzaError::bad_request().text("a search has at most 256 bytes"));
        }
        let mine = asked.attr("mine").map_or(Some(false), |mine| parse_bool(&mine));
        (query, mine.ok_or_else(StanzaError::bad_request)?)
    };
    let (timelines, actor) = (cx.server.timelines.clone(), cx.actor());
    Answer::later(async move {
        let mut writer = Writer::new();
        writer.open("communities").ns(COMMUNITIES);
        if is_mine {
            let own = timelines.own_communities(&cx.to, &actor).await;
            for community in own.map_err(on_the_wire)? {
                write(&mut writer, &community);
            }
        } else {
            let page = timelines.communities(&cx.to, &actor, &query).await;
            let page = page.map_err(on_the_wire)?;
            for community in &page.communities {
                write(&mut writer, community);
            }
            page.rsm.write(&mut writer);
        }
        writer.close();
        Ok(Answer::Payload(writer.finish()))
    })
}

/// `<community node='…'/>`
async fn one(cx: Cx) -> Answered {
    let node = node_of(cx.payload())?;
    let (timelines, actor) = (cx.server.timelines.clone(), cx.actor());
    Answer::later(async move {
        let community = timelines.community(&cx.to, &actor, &node).await;
        let community = community.map_err(on_the_wire)?;
        let mut writer = Writer::new();
        write_root(&mut writer, &community);
        Ok(Answer::Payload(writer.finish()))
    })
}

fn node_of(asked: Element<'_>) -> Result<String, StanzaError> {
    let node = asked.attr("node").filter(|node| !node.is_empty());
    node.map(std::borrow::Cow::into_owned)
        .ok_or_else(|| on_the_wire(pubsub::PubsubError::NodeIdRequired))
}

fn write(writer: &mut Writer, community: &Community) {
    writer.open("community");
    fill(writer, community);
    writer.close();
}

fn write_root(writer: &mut Writer, community: &Community) {
    writer.open("community").ns(COMMUNITIES);
    fill(writer, community);
    writer.close();
}

fn fill(writer: &mut Writer, community: &Community) {
    let number = |count: Option<u64>| count.map(|count| count.to_string());
    writer
        .attr("node", &community.node)
        .attr_opt("title", community.title.as_deref())
        .attr("access", community.access.as_str())
        .attr("posting", community.posting.as_str())
        .attr("members", &community.members.to_string())
        .attr_opt("posts", number(community.posts).as_deref())
        .attr("active", &datetime::to_text(community.active.0))
        .attr_opt("lang", community.language.as_deref())
        .attr_opt("avatar", community.avatar.as_deref())
        .attr_opt("listed", community.is_listed.then_some("true"))
        .attr_opt(
            "role",
            (community.role != Affiliation::None).then(|| community.role.as_str()),
        )
        .attr_opt(
            "subscription",
            community.subscription.map(SubscriptionState::as_str),
        )
        .attr_opt("may-post", community.may_post.then_some("true"))
        .attr_opt("requests", number(community.requests).as_deref());
    for (name, text) in [
        ("description", &community.description),
        ("rules", &community.rules),
    ] {
        if let Some(text) = text {
            writer.leaf(name, text);
        }
    }
    for tag in &community.tags {
        writer.open("tag").attr("name", tag).close();
    }
}

/// `<found node='…' title='…' access='…' posting='…' listed='…'><description/><rules/></found>`
async fn found(cx: Cx) -> Answered {
    let (node, form) = founding(cx.payload())?;
    let accepted = cx
        .server
        .host
        .create(&cx.to, &cx.actor(), Some(&node), Some(&form))
        .await
        .map_err(on_the_wire)?;
    Answer::later(async move {
        accepted.durable.await.map_err(on_the_wire)?;
        let community = cx.server.timelines.community(&cx.to, &cx.actor(), &node).await;
        let community = community.map_err(on_the_wire)?;
        let mut writer = Writer::new();
        write_root(&mut writer, &community);
        Ok(Answer::Payload(writer.finish()))
    })
}

/// The node's name and its configuration, of a community where followers post unless its founder wants it otherwise.
fn founding(asked: Element<'_>) -> Result<(String, DataForm), StanzaError> {
    let node = node_of(asked)?;
    let attr = |name: &str| asked.attr(name).map(std::borrow::Cow::into_owned);
    let text = |name: &str| {
        asked
            .child(name, COMMUNITIES)
            .map(|child| child.text().into_owned())
    };
    let mut form = DataForm::new(FormType::Submit)
        .with_form_type(form::NODE_CONFIG)
        .with(Field::plain("pubsub#type", bus::computed::SOCIAL_FEED))
        .with(Field::plain(
            "pubsub#publish_model",
            attr("posting").unwrap_or_else(|| "subscribers".to_owned()),
        ));
    for (var, value) in [
        ("pubsub#title", attr("title")),
        ("pubsub#access_model", attr("access")),
        ("pubsub#language", attr("lang")),
        (form::LISTED, attr("listed")),
        ("pubsub#description", text("description")),
        (form::RULES, text("rules")),
    ] {
        let Some(value) = value else { continue };
        if value.len() > TEXT_MAX {
            return Err(StanzaError::bad_request().text("a text has at most 4096 bytes"));
        }
        form = form.with(Field::plain(var, value));
    }
    Ok((node, form))
}

/// `<requests node='…'/>`: who asks to follow, the oldest request first, for those who may answer.
async fn requests(cx: Cx) -> Answered {
    let node = node_of(cx.payload())?;
    let all = cx.server.host.subscribers(&cx.to, &cx.actor(), &node).await;
    let mut waiting = all.map_err(on_the_wire)?;
    waiting.retain(|one| one.state == SubscriptionState::Pending);
    waiting.sort_unstable_by_key(|one| one.subid);
    let mut writer = Writer::new();
    writer
        .open("requests")
        .ns(COMMUNITIES)
        .attr("node", &node)
        .attr("count", &waiting.len().to_string());
    for one in waiting.iter().take(REQUESTS_MAX) {
        writer
            .open("request")
            .attr("jid", one.jid.as_str())
            .attr("subid", &one.subid.to_string())
            .close();
    }
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}

/// `<answer node='…' jid='…' allow='true'/>`: the first answer counts.
async fn answer(cx: Cx) -> Answered {
    let (node, verdict) = {
        let asked = cx.payload();
        let verdict = || {
            Some(Verdict {
                jid: Jid::parse(&asked.attr("jid")?).ok()?,
                subid: asked.attr("subid").map(std::borrow::Cow::into_owned),
                is_granted: parse_bool(&asked.attr("allow")?)?,
            })
        };
        (node_of(asked)?, verdict().ok_or_else(StanzaError::bad_request)?)
    };
    let accepted = cx
        .server
        .host
        .answer_request(&cx.to, &cx.actor(), &node, &verdict)
        .await
        .map_err(on_the_wire)?;
    Answer::later(async move {
        let changed = accepted.durable.await.map_err(on_the_wire)?;
        approval::tell(&cx.server, &cx.to, &node, &changed).await;
        Ok(Answer::Empty)
    })
}

/// `<avatar node='…'/>`: the image of a community, for whoever may know of it.
async fn avatar(cx: Cx) -> Answered {
    let node = node_of(cx.payload())?;
    let (timelines, actor) = (cx.server.timelines.clone(), cx.actor());
    Answer::later(async move {
        let avatar = timelines.community_avatar(&cx.to, &actor, &node).await;
        let avatar = avatar.map_err(on_the_wire)?;
        let avatar = avatar.ok_or_else(StanzaError::item_not_found)?;
        let mut writer = Writer::new();
        writer
            .open("avatar")
            .ns(COMMUNITIES)
            .attr("node", &node)
            .attr("id", &avatar.hash)
            .attr("type", &avatar.media_type)
            .text(&STANDARD.encode(&avatar.bytes))
            .close();
        Ok(Answer::Payload(writer.finish()))
    })
}

/// `<avatar node='…'>base64</avatar>` by those who keep order; an empty one takes it away.
async fn set_avatar(cx: Cx) -> Answered {
    let (node, image) = {
        let asked = cx.payload();
        let text = asked.text();
        let image = match text.trim() {
            "" => None,
            text => Some(Image::from_base64(text).map_err(|error| {
                let unread = StanzaError::bad_request();
                unread.text(error.as_str())
            })?),
        };
        (node_of(asked)?, image)
    };
    let host = cx.server.host.clone();
    let accepted = host.set_community_avatar(&cx.to, &cx.actor(), &node, image).await;
    let accepted = accepted.map_err(on_the_wire)?;
    Answer::later(async move {
        accepted.durable.await.map_err(on_the_wire)?;
        Ok(Answer::Empty)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wire::Document;

    #[test]
    fn what_the_founder_does_not_say_is_usual() {
        let asked = Document::parse(
            &b"<found xmlns='urn:x-folkmoot:communities:0' node='garden' title='Garden'><rules>Be kind.</rules></found>"[..],
        )
        .unwrap();
        let (node, form) = founding(asked.root()).unwrap();
        assert_eq!(node, "garden");
        assert_eq!(form.value("pubsub#publish_model"), Some("subscribers"));
        assert_eq!(form.value(form::RULES), Some("Be kind."));
        assert_eq!(form.value("pubsub#access_model"), None);
        let nameless =
            Document::parse(&b"<found xmlns='urn:x-folkmoot:communities:0' title='x'/>"[..]).unwrap();
        assert!(founding(nameless.root()).is_err());
    }
}
