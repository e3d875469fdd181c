//! Catching up in one request: `urn:x-folkmoot:catch-up:0`. Asked of one's own account, everything new since a position in all
//! that one follows; asked of the pubsub service, the public stream in the order of commits.
//!
//! A session that asks before its initial presence gets no last items with that; what happened in between is told in one
//! message. What is new, and who may read it, is decided in `social`.

use std::sync::Arc;

use format::caps::Caps as Announced;
use social::{Away, News, Told, Wanted};
use store::{JidNo, Seq};
use wire::{Element, StanzaError, Writer};

use super::Xeps;
use super::pubsub::errors::on_the_wire;
use crate::caps::{self, Caps};
use crate::iq::{Answer, Answered, Cx, Target};
use crate::registry::CaughtUp;
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::Outgoing;

const CATCH_UP: &str = "urn:x-folkmoot:catch-up:0";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.own_feature(CATCH_UP)
        .get(Target::OwnAccount, CATCH_UP, "catch-up", catch_up)
        .feature(Target::Pubsub, CATCH_UP)
        .get(Target::Pubsub, CATCH_UP, "catch-up", stream);
}

/// A position: a decimal number.
fn position(element: Element<'_>, name: &str) -> Result<Option<Seq>, StanzaError> {
    match element.attr(name) {
        None => Ok(None),
        Some(text) => match text
            .parse::<u64>()
            .ok()
            .and_then(|number| i64::try_from(number).ok())
        {
            Some(number) => Ok(Some(Seq(number))),
            None => Err(StanzaError::bad_request().text(format!("{name} is no position"))),
        },
    }
}

fn max(element: Element<'_>) -> Result<Option<usize>, StanzaError> {
    let max = element.attr("max").map(|max| max.parse::<u32>());
    let max = max
        .transpose()
        .map_err(|_| StanzaError::bad_request().text("max is no number"))?;
    Ok(max.map(|max| max as usize))
}

async fn catch_up(cx: Cx) -> Answered {
    let payload = cx.payload();
    let away = Away {
        since: position(payload, "since")?,
        before: position(payload, "before")?,
        max: max(payload)?,
    };
    if away.before.is_some_and(|before| before.0 < 1) {
        return Err(StanzaError::bad_request().text("before is no position"));
    }
    let wanted = wanted(&cx).await?;
    let news = news(&cx.server, cx.session()?, &wanted, away).await?;
    if away.before.is_none() && away.max != Some(0) {
        cx.session()?.routing.set_caught_up(CaughtUp {
            position: Seq(news.position),
            wanted,
        });
    }
    Ok(Answer::Payload(written(&news)))
}

/// The nodes that the client wants of contacts and of its own account: those that it names, those of the capabilities that it
/// names, or else those of its presence.
async fn wanted(cx: &Cx) -> Result<Arc<Caps>, StanzaError> {
    let payload = cx.payload();
    let named: Vec<_> = payload
        .children()
        .filter(|child| child.is("want", CATCH_UP))
        .map(|want| want.attr("node"))
        .collect();
    if !named.is_empty() {
        let named: Option<Vec<_>> = named.into_iter().collect();
        let named = named.ok_or_else(StanzaError::bad_request)?;
        return Caps::wanting(named.iter().map(|node| &**node))
            .map(Arc::new)
            .ok_or_else(|| StanzaError::policy_violation().text("too many nodes are wanted"));
    }
    if Announced::find(payload).is_some() {
        let known = match caps::announced(payload) {
            Some(announced) => cx.server.caps.find(&cx.server, &announced).await,
            None => None,
        };
        return known.ok_or_else(|| {
            StanzaError::item_not_found().text("these capabilities are not known here: name the nodes")
        });
    }
    Ok(cx.session()?.routing.caps().unwrap_or_default())
}

async fn news(
    server: &Arc<Server>,
    session: &Session,
    wanted: &Arc<Caps>,
    away: Away,
) -> Result<News, StanzaError> {
    let actor = pubsub::Actor {
        jid: session.jid.clone(),
        no: session.no,
    };
    let contacts = if wanted.wants_any() {
        contacts(server, session).await?
    } else {
        Vec::new()
    };
    let wants = Arc::clone(wanted);
    let wanted: Wanted = Arc::new(move |node: &str| wants.wants(node));
    let news = server.timelines.catch_up(&actor, contacts, wanted, away).await;
    news.map_err(on_the_wire)
}

/// The contacts whose presence the account sees.
async fn contacts(server: &Arc<Server>, session: &Session) -> Result<Vec<JidNo>, StanzaError> {
    let roster = server.rosters.of(session.no).await?;
    Ok(roster.with(|roster| {
        let seen = roster
            .contacts()
            .iter()
            .filter(|contact| contact.sees_it && contact.no != session.no)
            .filter(|contact| server.settings.is_local_domain(contact.jid.domain()));
        seen.map(|contact| contact.no).collect()
    }))
}

fn written(news: &News) -> Vec<u8> {
    let mut writer = Writer::new();
    let more = news.more.map(|more| more.0.to_string());
    writer
        .open("catch-up")
        .ns(CATCH_UP)
        .attr("position", &news.position.to_string())
        .attr_opt("more", more.as_deref());
    if !news.is_whole {
        writer.attr("complete", "false");
    }
    for node in &news.nodes {
        writer
            .open("items")
            .attr("jid", node.view.owner_jid.as_str())
            .attr("node", &node.view.name);
        for told in &node.told {
            match told {
                Told::Item(item) => {
                    writer
                        .open("item")
                        .attr("id", &item.id)
                        .attr("publisher", item.publisher_jid.as_str());
                    if let Some(payload) = &item.payload {
                        writer.raw(payload);
                    }
                    writer.close();
                }
                Told::Gone(id) => {
                    writer.open("retract").attr("id", id).close();
                }
                Told::Emptied => {
                    writer.open("purge").close();
                }
            }
        }
        writer.close();
    }
    writer.close();
    writer.finish()
}

/// Tells a session that caught up before it was told anything what happened since then. It is the last time once the
/// session's capabilities count, so that it is told everything as it happens.
pub(crate) async fn rest(server: &Arc<Server>, session: &Arc<Session>, is_last: bool) {
    let Some(caught_up) = session.routing.caught_up() else {
        return;
    };
    let away = Away {
        since: Some(caught_up.position),
        ..Away::default()
    };
    let news = match news(server, session, &caught_up.wanted, away).await {
        Ok(news) => news,
        Err(error) => {
            // It would take for whole what is not.
            tracing::warn!(?error, "a session could not be told what it missed");
            session.close(wire::StreamError::new(wire::StreamCondition::InternalServerError));
            return;
        }
    };
    session.routing.move_caught_up((!is_last).then_some(CaughtUp {
        position: Seq(news.position),
        wanted: caught_up.wanted,
    }));
    if news.nodes.is_empty() && news.is_whole {
        return;
    }
    let mut writer = Writer::new();
    writer
        .open("message")
        .attr("type", "headline")
        .attr("from", session.jid.bare_str())
        .attr("to", session.jid.as_str());
    writer.raw(&written(&news)).close();
    // Who is gone misses nothing: the next session asks from an older position.
    let _ = session.send(Outgoing::Stanza(writer.finish().into()));
}

async fn stream(cx: Cx) -> Answered {
    let payload = cx.payload();
    if payload.attr("node").is_some_and(|node| node != bus::MICROBLOG) {
        return Err(StanzaError::item_not_found());
    }
    let (since, max) = (position(payload, "since")?, max(payload)?);
    let news = cx
        .server
        .timelines
        .stream_since(&cx.to, &cx.actor(), since, max)
        .await
        .map_err(on_the_wire)?;
    let mut writer = Writer::new();
    writer
        .open("catch-up")
        .ns(CATCH_UP)
        .attr("position", &news.position.to_string());
    if news.has_more {
        writer.attr("more", "true");
    }
    if !news.is_whole {
        writer.attr("complete", "false");
    }
    if !news.items.is_empty() || !news.gone.is_empty() {
        writer
            .open("items")
            .attr("jid", cx.to.as_str())
            .attr("node", bus::MICROBLOG);
        for item in &news.items {
            writer
                .open("item")
                .attr("id", &item.post_id.0.to_string())
                .attr("publisher", item.publisher.as_str());
            writer.raw(&item.payload).close();
        }
        for post in &news.gone {
            writer.open("retract").attr("id", &post.0.to_string()).close();
        }
        writer.close();
    }
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}
