//! What a node's owner asks for: XEP-0060 §8, <https://xmpp.org/extensions/xep-0060.html#owner>.

use std::borrow::Cow;

use bus::Affiliation;
use format::form::DataForm;
use pubsub::{Change, PubsubError, Wanted};
use wire::{BareJid, Element, ErrorType, Jid, StanzaError, ns};

use super::decode::{form, needed_node};
use super::errors::on_the_wire;
use super::{approval, done, encode, lists};
use crate::iq::{Answer, Answered, Cx, Verb};
use crate::messages::send_from_service;
use crate::xep::communities;

/// How many people one request may name.
const CHANGES_MAX: usize = 500;
/// Longest address that subscribers are sent to, in bytes.
const REDIRECT_MAX: usize = 4_096;

/// Everything that can be asked of `http://jabber.org/protocol/pubsub#owner`.
enum Request {
    /// §8.2.1
    Config(String),
    /// §8.2.4; nothing when the owner cancels (§8.2.3).
    Configure(String, Option<DataForm>),
    /// §8.3
    Default,
    /// §8.4, and where to look instead.
    Delete(String, Option<String>),
    /// §8.5
    Purge(String),
    /// §8.8.1
    Subscribers(String),
    /// §8.8.2
    SetSubscribers(String, Vec<Wanted>),
    /// §8.9.1
    Affiliations(String),
    /// §8.9.2
    SetAffiliations(String, Vec<(BareJid, Affiliation)>),
}

fn decode(verb: Verb, payload: Element<'_>) -> Result<Request, StanzaError> {
    let mut children = payload.children().filter(|child| child.ns() == ns::PUBSUB_OWNER);
    let act = children.next().ok_or_else(StanzaError::bad_request)?;
    match (verb, act.name()) {
        (Verb::Get, "configure") => Ok(Request::Config(needed_node(act)?)),
        (Verb::Set, "configure") => configure(act),
        (Verb::Get, "default") => Ok(Request::Default),
        (Verb::Set, "delete") => Ok(Request::Delete(needed_node(act)?, redirect(act)?)),
        (Verb::Set, "purge") => Ok(Request::Purge(needed_node(act)?)),
        (Verb::Get, "subscriptions") => Ok(Request::Subscribers(needed_node(act)?)),
        (Verb::Set, "subscriptions") => Ok(Request::SetSubscribers(
            needed_node(act)?,
            changes(act, "subscription", subscriber)?,
        )),
        (Verb::Get, "affiliations") => Ok(Request::Affiliations(needed_node(act)?)),
        (Verb::Set, "affiliations") => Ok(Request::SetAffiliations(needed_node(act)?, affiliations(act)?)),
        _ => Err(StanzaError::feature_not_implemented()),
    }
}

fn configure(act: Element<'_>) -> Result<Request, StanzaError> {
    let x = act
        .child("x", ns::DATA_FORMS)
        .ok_or_else(StanzaError::bad_request)?;
    if x.attr("type").as_deref() == Some("cancel") {
        return Ok(Request::Configure(needed_node(act)?, None));
    }
    Ok(Request::Configure(needed_node(act)?, form(Some(act))?))
}

/// §8.4.1: a URI of any scheme.
fn redirect(act: Element<'_>) -> Result<Option<String>, StanzaError> {
    let Some(redirect) = act.child("redirect", ns::PUBSUB_OWNER) else {
        return Ok(None);
    };
    let uri = redirect.attr("uri").map(Cow::into_owned).filter(|uri| {
        let scheme = uri.split(':').next().unwrap_or_default();
        uri.len() <= REDIRECT_MAX
            && scheme.len() < uri.len()
            && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|one| one.is_ascii_alphanumeric() || "+-.".contains(one))
    });
    uri.map(Some).ok_or_else(|| {
        StanzaError::bad_request().text("<redirect/> needs a uri of at most 4096 bytes, such as xmpp:…")
    })
}

fn changes<T>(
    act: Element<'_>,
    name: &str,
    read: fn(Element<'_>) -> Option<T>,
) -> Result<Vec<T>, StanzaError> {
    let named = act.children().filter(|child| child.is(name, ns::PUBSUB_OWNER));
    let all: Option<Vec<T>> = named.take(CHANGES_MAX + 1).map(read).collect();
    all.filter(|all| all.len() <= CHANGES_MAX)
        .ok_or_else(StanzaError::bad_request)
}

/// §8.8.2.1, §8.8.2.4
fn subscriber(element: Element<'_>) -> Option<Wanted> {
    let change = match element.attr("subscription").as_deref() {
        None => Change::Keep,
        Some("none") => Change::End,
        Some(word) => word.parse().map_or(Change::Impossible, Change::To),
    };
    Some(Wanted {
        jid: Jid::parse(&element.attr("jid")?).ok()?,
        subid: element.attr("subid").map(Cow::into_owned),
        change,
    })
}

/// §8.9.2.1: without an affiliation nothing is to be changed.
fn affiliate(element: Element<'_>) -> Option<(BareJid, Option<Affiliation>)> {
    let jid = BareJid::parse(&element.attr("jid")?).ok()?;
    let affiliation = match element.attr("affiliation") {
        Some(word) => Some(word.parse().ok()?),
        None => None,
    };
    let is_moderator = element.child("moderator", communities::COMMUNITIES).is_some();
    Some((
        jid,
        match affiliation {
            Some(Affiliation::Publisher) if is_moderator => Some(Affiliation::Moderator),
            named => named,
        },
    ))
}

/// §8.9.2: what is to be changed; nobody is named twice (§8.9.2.4).
fn affiliations(act: Element<'_>) -> Result<Vec<(BareJid, Affiliation)>, StanzaError> {
    let wrong = || {
        StanzaError::bad_request().text(
            "name at least one and at most 500 people, each once, as <affiliation jid='…' affiliation='…'/>",
        )
    };
    let named = changes(act, "affiliation", affiliate).map_err(|_| wrong())?;
    let mut jids: Vec<_> = named.iter().map(|(jid, _)| jid.as_str()).collect();
    jids.sort_unstable();
    if jids.is_empty() || jids.windows(2).any(|two| two[0] == two[1]) {
        return Err(wrong());
    }
    let changed = named
        .into_iter()
        .filter_map(|(jid, affiliation)| Some((jid, affiliation?)));
    Ok(changed.collect())
}

/// §8.9.4: who is something else now is told, unless they block who made them so. Of what one does to oneself nothing is
/// said.
async fn tell_affiliations(cx: &Cx, node: &str, changed: &[(BareJid, Affiliation)]) {
    for (jid, affiliation) in changed {
        let Some(no) = cx.server.find(jid.as_str()).await else {
            continue;
        };
        if no == cx.no() || cx.server.blocks.blocks(no, cx.no(), cx.jid()) {
            continue;
        }
        let message = encode::affiliation_notice(&cx.to, node, jid, *affiliation);
        send_from_service(&cx.server, &jid.clone().into(), &message.into()).await;
    }
}

pub(super) async fn ask(cx: Cx) -> Answered {
    let request = decode(cx.verb, cx.payload())?;
    let (host, actor, to) = (&cx.server.host, cx.actor(), &cx.to);
    match request {
        Request::Config(node) => {
            let config = host.config_form(to, &actor, &node).await.map_err(on_the_wire)?;
            Ok(Answer::Payload(encode::form("configure", Some(&node), &config)))
        }
        Request::Configure(node, Some(config)) => done(host.configure(to, &actor, &node, &config).await),
        Request::Configure(node, None) => {
            // Who may not configure it may not cancel either.
            host.config_form(to, &actor, &node).await.map_err(on_the_wire)?;
            Ok(Answer::Empty)
        }
        Request::Default => Ok(Answer::Payload(encode::form(
            "default",
            None,
            &host.default_form(to),
        ))),
        Request::Delete(node, redirect) => done(host.delete(to, &actor, &node, redirect.as_deref()).await),
        Request::Purge(node) => done(host.purge(to, &actor, &node).await),
        Request::Subscribers(node) => {
            let all = host.subscribers(to, &actor, &node).await.map_err(on_the_wire)?;
            let id = |one: &pubsub::Subscription| one.subid.to_string();
            lists::answer(cx.payload(), &all, id, |some| encode::subscribers(&node, some))
        }
        Request::SetSubscribers(node, changes) => {
            if changes.is_empty() {
                return Err(on_the_wire(PubsubError::InvalidJid));
            }
            let accepted = host
                .set_subscribers(to, &actor, &node, &changes)
                .await
                .map_err(on_the_wire)?;
            Answer::later(async move {
                let modified = accepted.durable.await.map_err(on_the_wire)?;
                approval::tell(&cx.server, &cx.to, &node, &modified.changed).await;
                Ok(match modified.refused.as_slice() {
                    [] => Answer::Empty,
                    // §8.8.2.4: what is not named here was changed.
                    refused => Answer::Refused(
                        encode::unchanged(&node, refused),
                        StanzaError::not_acceptable().kind(ErrorType::Modify),
                    ),
                })
            })
        }
        Request::Affiliations(node) => {
            let all = host.affiliations(to, &actor, &node).await.map_err(on_the_wire)?;
            let id = |(jid, _): &(BareJid, Affiliation)| jid.to_string();
            lists::answer(cx.payload(), &all, id, |some| encode::affiliations(&node, some))
        }
        Request::SetAffiliations(node, changes) => {
            let accepted = host
                .set_affiliations(to, &actor, &node, &changes)
                .await
                .map_err(on_the_wire)?;
            Answer::later(async move {
                let set = accepted.durable.await.map_err(on_the_wire)?;
                approval::tell(&cx.server, &cx.to, &node, &set.subscriptions).await;
                tell_affiliations(&cx, &node, &set.changed).await;
                Ok(match set.refused.as_slice() {
                    [] => Answer::Empty,
                    // §8.9.2.4: what is not named here was changed.
                    refused => Answer::Refused(
                        encode::affiliations(&node, refused),
                        on_the_wire(PubsubError::LastOwner),
                    ),
                })
            })
        }
    }
}
