//! XEP-0060: Publish-Subscribe, <https://xmpp.org/extensions/xep-0060.html>, on people's bare addresses (XEP-0163) and on the
//! pubsub service. Requests are decoded into a closed list, decided in the `pubsub` crate, and answered here.

pub(crate) mod approval;
mod decode;
mod encode;
pub(crate) mod errors;
mod lists;
mod owner;
pub(crate) mod pending;
pub(crate) mod reading;

use bus::Virtual;
use wire::{StanzaError, ns};

use super::{Xeps, notifications, shown_subscriptions, timelines};
use crate::iq::{Answer, Answered, Cx, Target};
use decode::{OptionsOf, Request};
use errors::on_the_wire;

/// §16.1: what is announced on both kinds of service.
const FEATURES: &[&str] = &[
    "http://jabber.org/protocol/pubsub",
    "http://jabber.org/protocol/pubsub#access-authorize",
    "http://jabber.org/protocol/pubsub#access-open",
    "http://jabber.org/protocol/pubsub#access-whitelist",
    "http://jabber.org/protocol/pubsub#config-node",
    "http://jabber.org/protocol/pubsub#config-node-max",
    "http://jabber.org/protocol/pubsub#create-and-configure",
    "http://jabber.org/protocol/pubsub#create-nodes",
    "http://jabber.org/protocol/pubsub#delete-items",
    "http://jabber.org/protocol/pubsub#delete-nodes",
    "http://jabber.org/protocol/pubsub#get-pending",
    "http://jabber.org/protocol/pubsub#instant-nodes",
    "http://jabber.org/protocol/pubsub#item-ids",
    // §13.19
    "http://jabber.org/protocol/pubsub#leased-subscription",
    "http://jabber.org/protocol/pubsub#manage-subscriptions",
    "http://jabber.org/protocol/pubsub#member-affiliation",
    "http://jabber.org/protocol/pubsub#meta-data",
    "http://jabber.org/protocol/pubsub#modify-affiliations",
    "http://jabber.org/protocol/pubsub#multi-items",
    "http://jabber.org/protocol/pubsub#outcast-affiliation",
    "http://jabber.org/protocol/pubsub#persistent-items",
    "http://jabber.org/protocol/pubsub#presence-notifications",
    "http://jabber.org/protocol/pubsub#publish",
    "http://jabber.org/protocol/pubsub#publish-node-full",
    "http://jabber.org/protocol/pubsub#publish-only-affiliation",
    "http://jabber.org/protocol/pubsub#publish-options",
    "http://jabber.org/protocol/pubsub#publisher-affiliation",
    "http://jabber.org/protocol/pubsub#purge-nodes",
    "http://jabber.org/protocol/pubsub#retract-items",
    "http://jabber.org/protocol/pubsub#retrieve-affiliations",
    "http://jabber.org/protocol/pubsub#retrieve-default",
    "http://jabber.org/protocol/pubsub#retrieve-default-sub",
    "http://jabber.org/protocol/pubsub#retrieve-items",
    "http://jabber.org/protocol/pubsub#retrieve-subscriptions",
    "http://jabber.org/protocol/pubsub#rsm",
    "http://jabber.org/protocol/pubsub#subscribe",
    "http://jabber.org/protocol/pubsub#subscription-notifications",
    "http://jabber.org/protocol/pubsub#subscription-options",
];

/// §6.1.6: what only the service does. A person is followed once, however often it is asked for.
const MULTI_SUBSCRIBE: &str = "http://jabber.org/protocol/pubsub#multi-subscribe";

/// What creating nodes is announced by.
pub(crate) const CREATION: [&str; 3] = [
    "http://jabber.org/protocol/pubsub#create-and-configure",
    "http://jabber.org/protocol/pubsub#create-nodes",
    "http://jabber.org/protocol/pubsub#instant-nodes",
];

/// XEP-0163 §6.1, and what only people's nodes do.
const PEP_FEATURES: &[&str] = &[
    "http://jabber.org/protocol/pubsub#access-presence",
    "http://jabber.org/protocol/pubsub#access-roster",
    "http://jabber.org/protocol/pubsub#auto-create",
    "http://jabber.org/protocol/pubsub#auto-subscribe",
    "http://jabber.org/protocol/pubsub#filtered-notifications",
    // By default; nodes of the service do so where they are configured to.
    "http://jabber.org/protocol/pubsub#last-published",
    "http://jabber.org/protocol/pubsub#presence-subscribe",
    // XEP-0060 §9
    "http://jabber.org/protocol/pubsub#pubsub-on-a-jid",
];

pub(super) fn register(xeps: &mut Xeps) {
    reading::register(xeps);
    xeps.xep(4, "Data Forms", "2.13.2")
        .xep(60, "Publish-Subscribe", "1.30.0").without("collections (XEP-0248, deferred); `pubsub#tempsub` and `pubsub#purge_offline`, for which `pubsub#expire` and `pubsub#item_expire` stand; a warning before a lease ends (a MAY)")
        .xep(163, "Personal Eventing Protocol", "1.2.2")
        .xep(59, "Result Set Management", "1.0").without("`<index/>` in requests (§2.6), which would cost a count of what stands before it; count and index where the reader may not read every item")
        .xep(277, "Microblogging over XMPP", "0.6.5").without("deliveries through a service of another server, until servers talk to each other")
        .xep(470, "Pubsub Attachments", "0.2.0")
        .xep(472, "Pubsub Social Feed", "0.2.1").without("`pubsub#deliver_payloads` is on by default, since thousands of requests would follow each post otherwise (a SHOULD); its owner may turn it off");
    for target in [Target::OwnAccount, Target::Account, Target::Pubsub] {
        xeps.get(target, ns::PUBSUB, "pubsub", ask)
            .set(target, ns::PUBSUB, "pubsub", ask);
        xeps.get(target, ns::PUBSUB_OWNER, "pubsub", owner::ask).set(
            target,
            ns::PUBSUB_OWNER,
            "pubsub",
            owner::ask,
        );
    }
    for target in [Target::OwnAccount, Target::Pubsub] {
        for feature in FEATURES.iter().copied() {
            xeps.feature(target, feature);
        }
        // XEP-0004 §6: forms come in messages to and from owners who approve subscriptions.
        xeps.feature(target, ns::RSM).feature(target, ns::DATA_FORMS);
        // XEP-0470 §6: everything of §4.2. XEP-0472 §3.
        xeps.feature(target, bus::computed::ATTACHMENTS)
            .feature(target, bus::computed::SOCIAL_FEED)
            .feature(target, bus::Feed::Gallery.as_str())
            .feature(target, bus::MICROBLOG);
    }
    xeps.feature(Target::Pubsub, MULTI_SUBSCRIBE);
    for feature in PEP_FEATURES.iter().copied() {
        xeps.feature(Target::OwnAccount, feature);
    }
}

async fn ask(cx: Cx) -> Answered {
    let request = decode::decode(cx.verb, cx.payload())?;
    let (host, actor) = (&cx.server.host, cx.actor());
    match request {
        Request::Publish { node, items, .. }
            if host.virtual_at(&cx.to, &node) == Some(Virtual::Notifications) =>
        {
            Answer::later(notifications::publish(cx, items))
        }
        Request::Publish { node, items, options } => {
            if let Some(no) = cx.server.store.jids().number_cached(cx.to.as_str()) {
                cx.server.notifier.ready(no).await;
            }
            let accepted = host
                .publish(&cx.to, &actor, &node, items, options.as_ref())
                .await
                .map_err(on_the_wire)?;
            Answer::later(async move {
                let ids = accepted.durable.await.map_err(on_the_wire)?;
                Ok(Answer::Payload(encode::published(&node, &ids)))
            })
        }
        Request::Retract { node, ids, notify } => {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            done(host.retract(&cx.to, &actor, &node, &ids, notify).await)
        }
        Request::Create { node, config } => {
            let accepted = host
                .create(&cx.to, &actor, node.as_deref(), config.as_ref())
                .await
                .map_err(on_the_wire)?;
            Answer::later(async move {
                let name = accepted.durable.await.map_err(on_the_wire)?;
                // §8.1.2: the name is told only to who did not choose it.
                Ok(if node.is_some() {
                    Answer::Empty
                } else {
                    Answer::Payload(encode::created(&name))
                })
            })
        }
        Request::Subscribe { node, jid, options } => {
            if let Some(Virtual::Thread(number)) = host.virtual_at(&cx.to, &node) {
                let watched = cx.server.timelines.watch(&cx.to, &actor, number).await;
                watched.map_err(on_the_wire)?;
            }
            if let Some(which @ Virtual::Community(_)) = host.virtual_at(&cx.to, &node) {
                let checked = cx.server.timelines.check(&cx.to, &actor, &which).await;
                checked.map_err(on_the_wire)?;
            }
            if let Some(options) = options {
                let subscribed = host.subscribe_with_options(&cx.to, &actor, &node, &jid, &options);
                let accepted = subscribed.await.map_err(on_the_wire)?;
                return Answer::later(async move {
                    let (subscription, options) = accepted.durable.await.map_err(on_the_wire)?;
                    let told = encode::subscribed_with_options(&subscription, &options);
                    Ok(Answer::Payload(told))
                });
            }
            let accepted = host
                .subscribe(&cx.to, &actor, &node, &jid)
                .await
                .map_err(on_the_wire)?;
            Answer::later(async move {
                let subscription = accepted.durable.await.map_err(on_the_wire)?;
                Ok(Answer::Payload(encode::subscribed(&subscription)))
            })
        }
        Request::Options(OptionsOf { node, jid, subid }) => {
            let options = host.subscription_options(&cx.to, &actor, &node, &jid, subid.as_deref());
            let options = options.await.map_err(on_the_wire)?;
            let told = encode::options(&node, &jid, subid.as_deref(), &options);
            Ok(Answer::Payload(told))
        }
        Request::SetOptions(OptionsOf { node, jid, subid }, Some(form)) => done(
            host.set_subscription_options(&cx.to, &actor, &node, &jid, subid.as_deref(), &form)
                .await,
        ),
        Request::SetOptions(OptionsOf { node, jid, subid }, None) => {
            // Who has none to set has none to leave as they are.
            let options = host.subscription_options(&cx.to, &actor, &node, &jid, subid.as_deref());
            options.await.map_err(on_the_wire)?;
            Ok(Answer::Empty)
        }
        Request::DefaultOptions { node } => {
            let options = host.default_subscription_options(&cx.to, &actor, node.as_deref());
            let options = options.await.map_err(on_the_wire)?;
            Ok(Answer::Payload(encode::default_options(
                node.as_deref(),
                &options,
            )))
        }
        Request::Unsubscribe { node, jid, subid } => {
            let was_shown = matches!(host.shows_subscription(&cx.to, &actor, &node).await, Ok(true));
            let ended = host.unsubscribe(&cx.to, &actor, &node, &jid, subid.as_deref());
            let ended = ended.await.map_err(on_the_wire)?;
            Answer::later(async move {
                ended.durable.await.map_err(on_the_wire)?;
                if was_shown {
                    shown_subscriptions::ended(&cx, &node).await;
                }
                Ok(Answer::Empty)
            })
        }
        Request::Items { node, request } => Answer::later(items(cx, node, request)),
        Request::Subscriptions { node } => {
            let all = host
                .subscriptions(&cx.to, &actor, node.as_deref())
                .await
                .map_err(on_the_wire)?;
            let id = |one: &pubsub::Subscription| one.subid.to_string();
            lists::answer(cx.payload(), &all, id, |some| {
                encode::subscriptions(node.as_deref(), some)
            })
        }
        Request::Affiliations { node } => {
            let mut all = host
                .own_affiliations(&cx.to, &actor, node.as_deref())
                .await
                .map_err(on_the_wire)?;
            all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            lists::answer(
                cx.payload(),
                &all,
                |(node, _)| node.to_string(),
                |some| encode::own_affiliations(node.as_deref(), some),
            )
        }
    }
}

/// A read may have to wait until what others were told of is stored; the client's other requests do not wait with it.
async fn items(cx: Cx, node: String, request: pubsub::ItemsRequest) -> Answered {
    let items = cx.payload().child("items", ns::PUBSUB);
    if let Some(subid) = items.and_then(|items| items.attr("subid")) {
        check_subid(&cx, &node, &subid).await?;
    }
    if let Some(which) = cx.server.host.virtual_at(&cx.to, &node) {
        return timelines::items(&cx, &node, &which, request).await;
    }
    let page = cx
        .server
        .host
        .items(&cx.to, &cx.actor(), &node, request)
        .await
        .map_err(on_the_wire)?;
    Ok(Answer::Payload(encode::items(&node, &page)))
}

/// §6.5.9.2. Items are the same by whatever subscription they are asked for, so that §6.5.9.1 would refuse for nothing who has
/// several and names none.
async fn check_subid(cx: &Cx, node: &str, subid: &str) -> Result<(), StanzaError> {
    let actor = cx.actor();
    let own = cx.server.host.subscriptions(&cx.to, &actor, Some(node));
    let own = own.await.map_err(on_the_wire)?;
    if own.is_empty() || own.iter().any(|one| subid.parse() == Ok(one.subid)) {
        Ok(())
    } else {
        Err(on_the_wire(pubsub::PubsubError::InvalidSubid))
    }
}

/// The answer to a change that tells nothing but that it is done.
fn done(accepted: Result<pubsub::Accepted<()>, pubsub::PubsubError>) -> Answered {
    let accepted = accepted.map_err(on_the_wire)?;
    Answer::later(async move {
        accepted.durable.await.map_err(on_the_wire)?;
        Ok::<_, StanzaError>(Answer::Empty)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service has no roster that access could depend on.
    #[test]
    fn what_needs_a_roster_is_announced_where_there_is_one() {
        let xeps = crate::xep::all();
        for model in ["presence", "roster"] {
            let feature = format!("http://jabber.org/protocol/pubsub#access-{model}");
            assert!(
                xeps.features(Target::Account).contains(&feature.as_str()),
                "{feature}"
            );
            assert!(
                !xeps.features(Target::Pubsub).contains(&feature.as_str()),
                "{feature}"
            );
        }
    }
}
