//! XEP-0376: Pubsub Account Management, <https://xmpp.org/extensions/xep-0376.html>: a client has its own account subscribe and
//! unsubscribe its bare address anywhere, and asks it for the whole list. With XEP-0465, it says of each subscription whether
//! everybody may know of it.
//!
//! What the XEP leaves open (its §4.5 to §4.7) is left out: interest is announced by capabilities (XEP-0115), and missed
//! items are asked for with XEP-0059 or caught up with.

use std::sync::Arc;

use sha1::{Digest, Sha1};
use wire::{BareJid, Element, Jid, StanzaError, Writer, ns};

use super::Xeps;
use super::pubsub::errors::on_the_wire;
use super::shown_subscriptions::{self, SHOWN};
use crate::failures::unreadable;
use crate::iq::{Answer, Answered, Cx, Target};
use crate::notify;
use crate::router::Place;
use pubsub::{Actor, PubsubError};

/// The namespace, and what a client announces that wants to be told.
pub(crate) const PAM: &str = "urn:xmpp:pam:0";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(376, "Pubsub Account Management", "0.2").without("what the document leaves open itself (§4.5 to §4.7): interest is told by capabilities, what was missed by catching up")
        .feature(Target::OwnAccount, PAM);
    // COMPAT: Libervia asks the domain, whatever is announced.
    xeps.set(Target::Server, PAM, "pam", change);
    xeps.set(Target::OwnAccount, PAM, "pam", change)
        .get(Target::OwnAccount, PAM, "subscriptions", list);
}

/// What a client asks its account for.
struct Asked {
    service: BareJid,
    node: String,
    subid: Option<String>,
    is_end: bool,
    is_shown: bool,
}

/// §4.2, §4.3
fn asked(cx: &Cx) -> Result<Asked, StanzaError> {
    let payload = cx.payload();
    let bad = StanzaError::bad_request;
    let service = payload.attr("jid").ok_or_else(bad)?;
    let service = BareJid::parse(&service).map_err(|_| StanzaError::jid_malformed())?;
    let mut within = payload.children().filter(|child| child.ns() == ns::PUBSUB);
    let (Some(wish), None) = (within.next(), within.next()) else {
        return Err(bad());
    };
    let is_end = match wish.name() {
        "subscribe" => false,
        "unsubscribe" => true,
        _ => return Err(bad()),
    };
    let attribute = |name: &str| wish.attr(name).map(std::borrow::Cow::into_owned);
    let node = attribute("node").filter(|node| !node.is_empty());
    let node = node.ok_or_else(|| on_the_wire(PubsubError::NodeIdRequired))?;
    let subscribed = attribute("jid").and_then(|jid| Jid::parse(&jid).ok());
    if subscribed != Some(cx.jid().bare().into()) {
        return Err(on_the_wire(PubsubError::InvalidJid));
    }
    let is_public = |child: Element<'_>| child.is("public", SHOWN);
    Ok(Asked {
        service,
        node,
        subid: attribute("subid"),
        is_end,
        is_shown: wish.children().any(is_public),
    })
}

async fn change(cx: Cx) -> Answered {
    let asked = asked(&cx)?;
    match cx.server.place(&asked.service.clone().into()) {
        Place::Component | Place::Remote => return Err(StanzaError::remote_server_not_found()),
        Place::Account if !cx.server.accounts.exists(&asked.service).await? => {
            return Err(StanzaError::service_unavailable());
        }
        _ => {}
    }
    let own = cx.jid().bare();
    let actor = Actor {
        jid: own.clone().into(),
        no: cx.no(),
    };
    // As for a request that comes from elsewhere (XEP-0191 §3.3).
    if let Some(no) = cx.server.find(asked.service.as_str()).await
        && cx.server.host.blocking(&actor, no, &asked.service).parts()
    {
        return Err(StanzaError::service_unavailable());
    }
    Answer::later(async move {
        let host = &cx.server.host;
        let (service, node) = (&asked.service, asked.node.as_str());
        let was_shown = host.shows_subscription(service, &actor, node).await;
        let was_shown = was_shown.map_err(on_the_wire)?;
        let (state, subid) = if asked.is_end {
            let jid: Jid = own.clone().into();
            let ended = host.unsubscribe(service, &actor, node, &jid, asked.subid.as_deref());
            let ended = ended.await.map_err(on_the_wire)?;
            ended.durable.await.map_err(on_the_wire)?;
            ("none", asked.subid.clone())
        } else {
            let (state, subid) = subscribe(&cx, &actor, &asked).await?;
            let shown = host
                .show_subscription(service, &actor, node, asked.is_shown)
                .await;
            let shown = shown.map_err(on_the_wire)?;
            shown.durable.await.map_err(on_the_wire)?;
            (state, Some(subid))
        };
        // Of several subscriptions there may be one left that is shown; one that waits is not.
        let is_shown = host.shows_subscription(service, &actor, node).await;
        let is_shown = is_shown.map_err(on_the_wire)?;
        if was_shown != is_shown {
            shown_subscriptions::tell(&cx.server, &own, service, node, is_shown).await;
        }
        let ver = version(&all(&cx).await?);
        let mut writer = Writer::new();
        writer
            .open("notify")
            .ns(PAM)
            .attr("ver", &ver)
            .attr("service", service.as_str());
        writer
            .open("subscription")
            .ns(ns::PUBSUB)
            .attr("node", node)
            .attr("jid", own.as_str())
            .attr("subscription", state)
            .attr_opt("subid", subid.as_deref())
            .close()
            .close();
        notify::subscriptions::tell(&cx.server, cx.no(), &own, &writer.finish());
        Ok(Answer::Empty)
    })
}

/// Subscribes the account, unless it is subscribed already: then nothing but what is shown changes (XEP-0465 §4.3).
async fn subscribe(cx: &Cx, actor: &Actor, asked: &Asked) -> Result<(&'static str, String), StanzaError> {
    let host = &cx.server.host;
    let there = match host.virtual_at(&asked.service, &asked.node) {
        Some(_) => None,
        None => host
            .view(&asked.service, &asked.node)
            .await
            .map_err(on_the_wire)?,
    };
    let there = there.and_then(|view| {
        let own = view.subscriptions_of(actor.no).iter();
        own.filter(|one| one.resource.is_none())
            .map(|one| (one.state.as_str(), one.subid.to_string()))
            .next()
    });
    if let Some(there) = there {
        return Ok(there);
    }
    let jid: Jid = cx.jid().bare().into();
    let accepted = host.subscribe(&asked.service, actor, &asked.node, &jid).await;
    let accepted = accepted.map_err(on_the_wire)?;
    let subscription = accepted.durable.await.map_err(on_the_wire)?;
    Ok((subscription.state.as_str(), subscription.subid.to_string()))
}

/// One subscription of an account.
struct Listed {
    service: Arc<str>,
    node: String,
    state: String,
    subid: String,
}

/// What the account's bare address subscribes to.
async fn all(cx: &Cx) -> Result<Vec<Listed>, StanzaError> {
    let no = cx.no();
    let store = &cx.server.store;
    store.wait(cx.server.host.last_write()).await;
    let rows = store.read(move |reader| reader.subscriptions_of(no)).await;
    let rows = rows.map_err(|error| unreadable(&error))?;
    let owners: Vec<_> = rows.iter().map(|row| row.owner).collect();
    let names = store.jids().names(&owners).await;
    let names = names.map_err(|error| unreadable(&error))?;
    let of_account = rows.into_iter().zip(names);
    let listed = of_account.filter(|(row, _)| row.subscription.resource.is_empty());
    Ok(listed
        .filter_map(|(row, service)| {
            Some(Listed {
                service: Arc::from(&*service?),
                node: row.name,
                state: row.subscription.state,
                subid: row.subscription.subid,
            })
        })
        .collect())
}

/// The same for the same list.
fn version(all: &[Listed]) -> String {
    let mut hash = Sha1::new();
    for one in all {
        for part in [&*one.service, &one.node, &one.state, &one.subid] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// §4.4
async fn list(cx: Cx) -> Answered {
    let known = cx.payload().attr("ver").map(std::borrow::Cow::into_owned);
    let all = all(&cx).await?;
    let ver = version(&all);
    if known.as_deref() == Some(ver.as_str()) {
        return Ok(Answer::Empty);
    }
    let own = cx.jid().bare();
    let mut writer = Writer::new();
    writer.open("subscriptions").ns(PAM).attr("ver", &ver);
    for one in &all {
        writer
            .open("subscription")
            .attr("service", &one.service)
            .attr("node", &one.node)
            .attr("jid", own.as_str())
            .attr("subscription", &one.state)
            .attr("subid", &one.subid)
            .close();
    }
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}
