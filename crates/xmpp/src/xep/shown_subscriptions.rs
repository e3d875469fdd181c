//! XEP-0465: Pubsub Public Subscriptions, <https://xmpp.org/extensions/xep-0465.html>: the nodes that the server keeps of what
//! people show, read-only and live for a session that subscribes. What is shown is said by XEP-0376 (`subscriptions_of`).
//! What of it each reader sees is decided in `pubsub`.
//!
//! XEP-0330, <https://xmpp.org/extensions/xep-0330.html>, is a list that clients keep themselves: a node like others, which
//! keeps all its items unless they say otherwise, and says nothing of what is subscribed to here.

use std::sync::Arc;

use bus::Virtual;
use format::rsm;
use pubsub::{Actor, IdsPage, ItemsQuery, ItemsRequest, PubsubError, Sense};
use sha1::{Digest, Sha1};
use wire::{BareJid, StanzaError, Writer, ns};

use super::Xeps;
use super::pubsub::errors::on_the_wire;
use crate::iq::{Answer, Answered, Cx, Target};
use crate::notify;
use crate::server::Server;

/// The namespace of what is shown.
pub(super) const SHOWN: &str = "urn:xmpp:pps:0";
/// Items given where the reader does not say how many, and at most.
const MOST: usize = 256;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(330, "Pubsub Subscription", "0.1").without("the server does not write the list, since XEP-0465 tells it better: what a client keeps there stays as it is")
        .xep(465, "Pubsub Public Subscriptions", "0.1.1")
        .feature(Target::OwnAccount, SHOWN)
        .feature(Target::Pubsub, SHOWN);
}

/// An item of one of the nodes.
struct Shown {
    id: String,
    payload: Vec<u8>,
}

/// The same id as Movim's lists have (XEP-0330 §3.1).
fn subscription(account: &BareJid, at: &BareJid, node: &str) -> Shown {
    let hash = Sha1::digest(format!("{at}<{node}<{account}").as_bytes());
    let mut writer = Writer::new();
    writer
        .open("subscription")
        .ns(SHOWN)
        .attr("node", node)
        .attr("jid", at.as_str())
        .close();
    Shown {
        id: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        payload: writer.finish(),
    }
}

fn subscriber(jid: &BareJid) -> Shown {
    let mut writer = Writer::new();
    writer
        .open("subscriber")
        .ns(SHOWN)
        .attr("jid", jid.as_str())
        .close();
    Shown {
        id: jid.to_string(),
        payload: writer.finish(),
    }
}

/// The items of one of the nodes.
pub(super) async fn items(cx: &Cx, node: &str, which: &Virtual, request: ItemsRequest) -> Answered {
    let (all, page) = page(cx, which, request).await?;
    let mut writer = Writer::new();
    writer
        .open("pubsub")
        .ns(ns::PUBSUB)
        .open("items")
        .attr("node", node);
    for item in &all {
        writer
            .open("item")
            .attr("id", &item.id)
            .raw(&item.payload)
            .close();
    }
    writer.close();
    if let Some(page) = page {
        page.write(&mut writer);
    }
    Ok(Answer::Payload(writer.finish()))
}

/// The ids of their items.
pub(super) async fn ids(
    cx: &Cx,
    which: &Virtual,
    asked: Option<rsm::Request>,
) -> Result<IdsPage, StanzaError> {
    let query = asked.map_or(ItemsQuery::All, ItemsQuery::Rsm);
    let (all, page) = page(cx, which, query.into()).await?;
    Ok(IdsPage {
        ids: all.iter().map(|item| item.id.as_str().into()).collect(),
        rsm: page,
    })
}

async fn page(
    cx: &Cx,
    which: &Virtual,
    request: ItemsRequest,
) -> Result<(Vec<Shown>, Option<rsm::Response>), StanzaError> {
    let (host, actor) = (&cx.server.host, cx.actor());
    if request.search.is_some() {
        return Err(on_the_wire(PubsubError::NoSearch));
    }
    let (query, sense) = request.by_creation().map_err(on_the_wire)?;
    let mut all: Vec<Shown> = match which {
        Virtual::ShownSubscribers(node) => {
            let shown = host.shown_subscribers(&cx.to, &actor, node).await;
            shown.map_err(on_the_wire)?.iter().map(subscriber).collect()
        }
        _ => {
            let shown = host.shown_subscriptions(&cx.to, &actor).await;
            let shown = shown.map_err(on_the_wire)?;
            if shown.is_empty() && cx.target != Target::OwnAccount {
                // §7: nobody finds out so whether there is such an account.
                return Err(StanzaError::service_unavailable());
            }
            let items = shown.iter().map(|(at, node)| subscription(&cx.to, at, node));
            items.collect()
        }
    };
    if sense == Sense::Descending {
        all.reverse();
    }
    part(all, &query).map_err(on_the_wire)
}

/// A part of a list (XEP-0059, XEP-0060 §6.5.7 and §6.5.8).
fn part(mut all: Vec<Shown>, query: &ItemsQuery) -> Result<(Vec<Shown>, Option<rsm::Response>), PubsubError> {
    let count = all.len();
    let beside = |id: &str| {
        let found = all.iter().position(|item| item.id == id);
        found.ok_or(PubsubError::ItemNotFound)
    };
    let (from, to, is_paged) = match query {
        ItemsQuery::Ids(ids) => {
            all.retain(|item| ids.contains(&item.id));
            return Ok((all, None));
        }
        ItemsQuery::All => (0, count.min(MOST), count > MOST),
        ItemsQuery::Newest(max) => (count - count.min(*max as usize).min(MOST), count, false),
        ItemsQuery::Rsm(request) => {
            let max = request.max.map_or(MOST, |max| (max as usize).min(MOST));
            let after = |from: usize| (from, count.min(from.saturating_add(max)), true);
            let before = |to: usize| (to.saturating_sub(max), to, true);
            match &request.page {
                rsm::Page::First => after(0),
                rsm::Page::Index(index) => after(count.min(*index as usize)),
                rsm::Page::After(id) => after(beside(id)? + 1),
                rsm::Page::Before(id) => before(beside(id)?),
                rsm::Page::Last => before(count),
            }
        }
    };
    all.truncate(to);
    let items = all.split_off(from);
    let page = is_paged.then(|| rsm::Response {
        first: items.first().map(|item| item.id.clone()),
        first_index: items.first().map(|_| from as u32),
        last: items.last().map(|item| item.id.clone()),
        count: Some(count as u32),
    });
    Ok((items, page))
}

/// A subscription that was shown has ended, unless there is another one.
pub(super) async fn ended(cx: &Cx, node: &str) {
    if let Ok(false) = cx.server.host.shows_subscription(&cx.to, &cx.actor(), node).await {
        tell(&cx.server, &cx.jid().bare(), &cx.to, node, false).await;
    }
}

/// Tells the sessions that look at either list that somebody shows a subscription, or does no more.
pub(super) async fn tell(server: &Arc<Server>, account: &BareJid, at: &BareJid, node: &str, is_shown: bool) {
    let lists = [
        (
            account,
            Virtual::ShownSubscriptions,
            subscription(account, at, node),
        ),
        (at, Virtual::ShownSubscribers(node.into()), subscriber(account)),
    ];
    for (owner, which, item) in lists {
        let Some(view) = server.host.virtual_view(owner.as_str(), &which.name()) else {
            continue;
        };
        for one in view.subscribers.iter() {
            let Ok(Some(name)) = server.store.jids().name(one.no).await else {
                continue;
            };
            let Ok(jid) = BareJid::parse(&name) else { continue };
            let actor = Actor {
                jid: jid.into(),
                no: one.no,
            };
            if sees(server, &actor, account, at, node).await {
                notify::shown::tell(server, &view, one, &item.id, is_shown.then_some(&item.payload));
            }
        }
    }
}

/// Whether somebody may know that an account subscribes to a node.
async fn sees(server: &Arc<Server>, actor: &Actor, account: &BareJid, at: &BareJid, node: &str) -> bool {
    let host = &server.host;
    let which = Virtual::ShownSubscribers(node.into());
    if host.check_shown(at, actor, &which).await.is_err() {
        return false;
    }
    for other in [account, at] {
        if let Some(no) = server.find(other.as_str()).await
            && host.blocking(actor, no, other).parts()
        {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ids_are_those_of_xep_0330() {
        let romeo = BareJid::parse("romeo@montague.lit").unwrap();
        let service = BareJid::parse("pubsub.shakespeare.lit").unwrap();
        let hash = Sha1::digest(b"pubsub.shakespeare.lit<party<romeo@montague.lit");
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(subscription(&romeo, &service, "party").id, hex);
    }

    #[test]
    fn parts_of_a_list() {
        let list = || -> Vec<Shown> {
            let item = |id: &&str| Shown {
                id: (*id).to_owned(),
                payload: Vec::new(),
            };
            ["a", "b", "c", "d"].iter().map(item).collect()
        };
        let page = |page| rsm::Request { max: Some(2), page };
        for (asked, expected) in [
            (rsm::Page::First, "ab"),
            (rsm::Page::Last, "cd"),
            (rsm::Page::After("b".into()), "cd"),
            (rsm::Page::After("d".into()), ""),
            (rsm::Page::Before("b".into()), "a"),
            (rsm::Page::Index(3), "d"),
            (rsm::Page::Index(9), ""),
        ] {
            let (items, response) = part(list(), &ItemsQuery::Rsm(page(asked.clone()))).unwrap();
            let ids: String = items.iter().map(|item| item.id.as_str()).collect();
            assert_eq!(ids, expected, "{asked:?}");
            assert_eq!(response.unwrap().count, Some(4));
        }
        let gone = part(list(), &ItemsQuery::Rsm(page(rsm::Page::After("x".into()))));
        assert_eq!(gone.err(), Some(PubsubError::ItemNotFound));
        assert_eq!(part(list(), &ItemsQuery::Newest(1)).unwrap().0[0].id, "d");
    }
}
