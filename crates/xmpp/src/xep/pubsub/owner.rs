//! What a node's owner asks for: XEP-0060 §8, <https://xmpp.org/extensions/xep-0060.html#owner>.

use bus::{Affiliation, SubscriptionState};
use format::form::DataForm;
use pubsub::PubsubError;
use wire::{BareJid, Element, Jid, StanzaError, ns};

use super::decode::{form, needed_node};
use super::errors::on_the_wire;
use super::{approval, done, encode};
use crate::iq::{Answer, Answered, Cx, Verb};

/// How many people one request may name.
const CHANGES_MAX: usize = 500;

/// Everything that can be asked of `http://jabber.org/protocol/pubsub#owner`.
enum Request {
    /// §8.2.1
    Config(String),
    /// §8.2.4; nothing when the owner cancels (§8.2.3).
    Configure(String, Option<DataForm>),
    /// §8.3
    Default,
    /// §8.4
    Delete(String),
    /// §8.5
    Purge(String),
    /// §8.8.1
    Subscribers(String),
    /// §8.8.2
    SetSubscribers(String, Vec<(Jid, Option<SubscriptionState>)>),
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
        (Verb::Set, "delete") => Ok(Request::Delete(needed_node(act)?)),
        (Verb::Set, "purge") => Ok(Request::Purge(needed_node(act)?)),
        (Verb::Get, "subscriptions") => Ok(Request::Subscribers(needed_node(act)?)),
        (Verb::Set, "subscriptions") => Ok(Request::SetSubscribers(
            needed_node(act)?,
            changes(act, "subscription", subscriber)?,
        )),
        (Verb::Get, "affiliations") => Ok(Request::Affiliations(needed_node(act)?)),
        (Verb::Set, "affiliations") => Ok(Request::SetAffiliations(
            needed_node(act)?,
            changes(act, "affiliation", affiliate)?,
        )),
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

fn subscriber(element: Element<'_>) -> Option<(Jid, Option<SubscriptionState>)> {
    let jid = Jid::parse(&element.attr("jid")?).ok()?;
    let state = match &*element.attr("subscription")? {
        "none" => None,
        "subscribed" => Some(SubscriptionState::Subscribed),
        "pending" => Some(SubscriptionState::Pending),
        _ => return None,
    };
    Some((jid, state))
}

fn affiliate(element: Element<'_>) -> Option<(BareJid, Affiliation)> {
    let jid = BareJid::parse(&element.attr("jid")?).ok()?;
    Some((jid, element.attr("affiliation")?.parse().ok()?))
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
        Request::Delete(node) => done(host.delete(to, &actor, &node).await),
        Request::Purge(node) => done(host.purge(to, &actor, &node).await),
        Request::Subscribers(node) => {
            let all = host.subscribers(to, &actor, &node).await.map_err(on_the_wire)?;
            Ok(Answer::Payload(encode::subscribers(&node, &all)))
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
                accepted.durable.await.map_err(on_the_wire)?;
                approval::tell(&cx.server, &cx.to, &node, &changes).await;
                Ok(Answer::Empty)
            })
        }
        Request::Affiliations(node) => {
            let all = host.affiliations(to, &actor, &node).await.map_err(on_the_wire)?;
            Ok(Answer::Payload(encode::affiliations(&node, &all)))
        }
        Request::SetAffiliations(node, changes) => {
            if changes.is_empty() {
                return Err(on_the_wire(PubsubError::InvalidJid));
            }
            let accepted = host
                .set_affiliations(to, &actor, &node, &changes)
                .await
                .map_err(on_the_wire)?;
            Answer::later(async move {
                let ended = accepted.durable.await.map_err(on_the_wire)?;
                let ended: Vec<_> = ended.into_iter().map(|jid| (jid, None)).collect();
                approval::tell(&cx.server, &cx.to, &node, &ended).await;
                Ok(Answer::Empty)
            })
        }
    }
}
