//! Answers to pubsub requests: XEP-0060 §5 to §8.

use std::sync::Arc;

use bus::{Affiliation, Item, SubscriptionState};
use format::form::DataForm;
use pubsub::{ItemsPage, Subscription, Unchanged};
use wire::{BareJid, Jid, Writer, ns};

use crate::xep::communities;

fn begin(namespace: &str) -> Writer {
    let mut writer = Writer::new();
    writer.open("pubsub").ns(namespace);
    writer
}

/// §7.1.2
pub(super) fn published(node: &str, ids: &[Arc<str>]) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB);
    writer.open("publish").attr("node", node);
    for id in ids {
        writer.open("item").attr("id", id).close();
    }
    writer.finish()
}

/// §8.1.2
pub(super) fn created(node: &str) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB);
    writer.open("create").attr("node", node);
    writer.finish()
}

fn write_subscription(writer: &mut Writer, subscription: &Subscription) {
    writer
        .open("subscription")
        .attr("node", &subscription.node)
        .attr("jid", subscription.jid.as_str());
    writer.attr("subscription", subscription.state.as_str());
    writer.attr("subid", &subscription.subid.to_string()).close();
}

/// §6.3.7: a subscription with the options that hold.
pub(super) fn subscribed_with_options(subscription: &Subscription, options: &DataForm) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB);
    write_subscription(&mut writer, subscription);
    writer.open("options");
    options.write(&mut writer);
    writer.finish()
}

/// §6.3.3
pub(super) fn options(node: &str, jid: &Jid, subid: Option<&str>, options: &DataForm) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB);
    writer
        .open("options")
        .attr("node", node)
        .attr("jid", jid.as_str())
        .attr_opt("subid", subid);
    options.write(&mut writer);
    writer.finish()
}

/// §6.4.2
pub(super) fn default_options(node: Option<&str>, options: &DataForm) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB);
    writer.open("default").attr_opt("node", node);
    options.write(&mut writer);
    writer.finish()
}

/// §6.1.2
pub(super) fn subscribed(subscription: &Subscription) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB);
    write_subscription(&mut writer, subscription);
    writer.finish()
}

/// §5.6
pub(super) fn subscriptions(node: Option<&str>, all: &[Subscription]) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB);
    writer.open("subscriptions").attr_opt("node", node);
    for subscription in all {
        write_subscription(&mut writer, subscription);
    }
    writer.finish()
}

/// §5.7
pub(super) fn own_affiliations(node: Option<&str>, all: &[(Arc<str>, Affiliation)]) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB);
    writer.open("affiliations").attr_opt("node", node);
    for (node, affiliation) in all {
        writer.open("affiliation").attr("node", node);
        write_affiliation(&mut writer, *affiliation);
        writer.close();
    }
    writer.finish()
}

/// §6.5.2, with the page's place in the whole (XEP-0059).
pub(super) fn items(node: &str, page: &ItemsPage) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB);
    writer.open("items").attr("node", node);
    for item in &page.items {
        write_item(&mut writer, item);
    }
    writer.close();
    if let Some(rsm) = &page.rsm {
        rsm.write(&mut writer);
    }
    writer.finish()
}

fn write_item(writer: &mut Writer, item: &Item) {
    writer
        .open("item")
        .attr("id", &item.id)
        .attr("publisher", item.publisher_jid.as_str());
    if let Some(payload) = &item.payload {
        writer.raw(payload);
    }
    writer.close();
}

/// §8.8.1
pub(super) fn subscribers(node: &str, all: &[Subscription]) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB_OWNER);
    writer.open("subscriptions").attr("node", node);
    for subscription in all {
        writer.open("subscription").attr("jid", subscription.jid.as_str());
        writer.attr("subscription", subscription.state.as_str());
        writer.attr("subid", &subscription.subid.to_string()).close();
    }
    writer.finish()
}

/// §8.8.2.4: what could not be changed, as it is.
pub(super) fn unchanged(node: &str, all: &[Unchanged]) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB_OWNER);
    writer.open("subscriptions").attr("node", node);
    for one in all {
        let state = one.state.map_or("none", SubscriptionState::as_str);
        writer
            .open("subscription")
            .attr("jid", one.jid.as_str())
            .attr("subscription", state)
            .attr_opt("subid", one.subid.as_deref())
            .close();
    }
    writer.finish()
}

/// What an `<affiliation/>` says. XEP-0060 knows no moderators: to who knows no more than that they are publishers.
pub(crate) fn write_affiliation(writer: &mut Writer, affiliation: Affiliation) {
    if affiliation == Affiliation::Moderator {
        writer.attr("affiliation", Affiliation::Publisher.as_str());
        writer.open("moderator").ns(communities::COMMUNITIES).close();
    } else {
        writer.attr("affiliation", affiliation.as_str());
    }
}

/// §8.9.1
pub(super) fn affiliations(node: &str, all: &[(BareJid, Affiliation)]) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB_OWNER);
    writer.open("affiliations").attr("node", node);
    for (jid, affiliation) in all {
        writer.open("affiliation").attr("jid", jid.as_str());
        write_affiliation(&mut writer, *affiliation);
        writer.close();
    }
    writer.finish()
}

/// §8.9.4
pub(super) fn affiliation_notice(
    owner: &BareJid,
    node: &str,
    jid: &BareJid,
    affiliation: Affiliation,
) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .open("message")
        .attr("from", owner.as_str())
        .attr("to", jid.as_str())
        .attr("type", "headline");
    writer.open("pubsub").ns(ns::PUBSUB);
    writer.open("affiliations").attr("node", node);
    writer.open("affiliation").attr("jid", jid.as_str());
    write_affiliation(&mut writer, affiliation);
    writer.finish()
}

/// §8.2.2, §8.3.2: a form inside `<configure/>` or `<default/>`.
pub(super) fn form(element: &str, node: Option<&str>, form: &format::form::DataForm) -> Vec<u8> {
    let mut writer = begin(ns::PUBSUB_OWNER);
    writer.open(element).attr_opt("node", node);
    form.write(&mut writer);
    writer.finish()
}
