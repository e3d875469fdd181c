//! How an event is written: one `<message/>` for all who get it (XEP-0060 §7.1.2, §7.2.2, §8).
//!
//! Payloads are self-contained already; they are copied, not parsed.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bus::{Event, HOME, Item, NodeView, NotificationType, PublishKind, Subscriber, SubscriptionState};
use social::{StreamAct, StreamRoute, virtual_payload};
use wire::{Jid, Writer, ns};

use crate::session::mailbox::{Address, SharedOut};
use crate::xep::pubsub::approval;

/// The `id` of the next message, unique in this process.
fn next_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("event-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What is said of an item in a virtual node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Act {
    /// It is there, or is there again in another revision.
    Publish,
    /// It is no more.
    Retract,
}

/// Whether the subscribers of the event's own node are told.
pub(super) fn is_told(event: &Event) -> bool {
    match event {
        Event::Published { view, .. } => view.config.deliver_notifications,
        Event::Retracted { view, notify, .. } => *notify && view.config.deliver_notifications,
        Event::LastItem { .. } => true,
        Event::Purged { view } => view.config.notify_retract,
        Event::NodeConfigured { view, .. } => view.config.notify_config,
        Event::NodeDeleted { view } => view.config.notify_delete,
        Event::Subscribed { view, subscriber, .. } => {
            view.config.notify_sub || subscriber.state == SubscriptionState::Pending
        }
        Event::Unsubscribed { view, .. } => view.config.notify_sub,
        Event::NodeCreated { .. } | Event::AffiliationChanged { .. } => false,
    }
}

/// Whether an event of which somebody is told is for the node's owners alone.
pub(super) fn is_for_owners(event: &Event) -> bool {
    matches!(event, Event::Subscribed { .. } | Event::Unsubscribed { .. })
}

/// The event as the subscribers of its own node get it.
pub(super) fn of_node(event: &Event) -> Arc<SharedOut> {
    let view = event.view();
    let mut writer = begin(view.owner_jid.as_str(), view.config.notification_type);
    match event {
        Event::Published { item, kind, .. } => {
            if *kind == PublishKind::New {
                write_body(&mut writer, item);
            }
            open_event(&mut writer);
            write_item(&mut writer, view, item);
        }
        Event::LastItem { item, .. } => {
            open_event(&mut writer);
            write_item(&mut writer, view, item);
            // XEP-0163 §4.3.3, XEP-0203: an older item says when it was published.
            writer.close();
            writer
                .open("delay")
                .ns(ns::DELAY)
                .attr("from", view.owner_jid.as_str());
            writer
                .attr("stamp", &format::datetime::to_text(item.modified.0))
                .close();
            return end(writer, Address::ToFull);
        }
        Event::Retracted { id, .. } => {
            open_event(&mut writer);
            writer
                .open("items")
                .attr("node", &view.name)
                .open("retract")
                .attr("id", id)
                .close()
                .close();
        }
        Event::Purged { .. } => {
            open_event(&mut writer);
            writer.open("purge").attr("node", &view.name).close();
        }
        Event::NodeDeleted { .. } => {
            open_event(&mut writer);
            writer.open("delete").attr("node", &view.name).close();
        }
        Event::Subscribed { subscriber, jid, .. } if subscriber.state == SubscriptionState::Pending => {
            return request(view, subscriber, jid);
        }
        Event::Subscribed { subscriber, jid, .. } => {
            open_event(&mut writer);
            approval::write_state(&mut writer, &view.name, jid, Some(subscriber.state));
        }
        Event::Unsubscribed { jid, .. } => {
            open_event(&mut writer);
            approval::write_state(&mut writer, &view.name, jid, None);
        }
        Event::NodeConfigured { .. } | Event::NodeCreated { .. } | Event::AffiliationChanged { .. } => {
            open_event(&mut writer);
            writer.open("configuration").attr("node", &view.name).close();
        }
    }
    writer.close();
    end(writer, Address::ToFull)
}

/// §8.6: an ordinary message with a form, to be answered.
pub(crate) fn request(view: &NodeView, subscriber: &Subscriber, jid: &Jid) -> Arc<SharedOut> {
    let mut writer = begin(view.owner_jid.as_str(), NotificationType::Normal);
    approval::request(view, subscriber, jid).write(&mut writer);
    end(writer, Address::ToFull)
}

/// The event as it enters home timelines: from the reader's own bare address.
pub(super) fn at_home(event: &Event, act: Act, payload: &OnceCell<Vec<u8>>) -> Option<Arc<SharedOut>> {
    let mut writer = Writer::new();
    writer
        .open("message")
        .attr("type", "headline")
        .attr("id", &next_id());
    open_event(&mut writer);
    write_virtual(&mut writer, HOME, event, act, payload)?;
    writer.close();
    Some(end(writer, Address::ToFullFromOwnBare))
}

/// An event for sessions of one account, from its own bare address.
pub(super) fn from_own_bare(content: impl FnOnce(&mut Writer)) -> Arc<SharedOut> {
    let mut writer = Writer::new();
    writer
        .open("message")
        .attr("type", "headline")
        .attr("id", &next_id());
    open_event(&mut writer);
    content(&mut writer);
    writer.close();
    end(writer, Address::ToFullFromOwnBare)
}

/// An event of a service's node.
pub(super) fn of_service(view: &NodeView, content: impl FnOnce(&mut Writer)) -> Arc<SharedOut> {
    let mut writer = begin(view.owner_jid.as_str(), NotificationType::Headline);
    open_event(&mut writer);
    content(&mut writer);
    writer.close();
    end(writer, Address::ToFull)
}

/// The event as it enters a stream: from the service that has it.
pub(super) fn in_stream(event: &Event, stream: &StreamRoute, payload: &OnceCell<Vec<u8>>) -> Arc<SharedOut> {
    let act = match stream.act {
        StreamAct::Publish => Act::Publish,
        StreamAct::Retract => Act::Retract,
    };
    of_service(&stream.view, |writer| {
        // Only what is published or retracted enters a stream.
        let _ = write_virtual(writer, &stream.view.name, event, act, payload);
    })
}

fn begin(from: &str, kind: NotificationType) -> Writer {
    let mut writer = Writer::new();
    writer.open("message").attr("from", from).attr("id", &next_id());
    if kind == NotificationType::Headline {
        writer.attr("type", "headline");
    }
    writer
}

fn open_event(writer: &mut Writer) {
    writer.open("event").ns(ns::PUBSUB_EVENT);
}

/// Turns a written message without `to` into one for any recipient.
fn end(mut writer: Writer, address: Address) -> Arc<SharedOut> {
    const NAME: &[u8] = b"<message";
    writer.close();
    let written = writer.finish();
    let rest = written.strip_prefix(NAME).unwrap_or_default();
    Arc::new(SharedOut {
        address,
        head: [NAME, b" to='"].concat().into(),
        tail: [b"'", rest].concat().into(),
    })
}

/// COMPAT: XEP-0277 §3.2: a plain-text twin for clients that know nothing of posts.
fn write_body(writer: &mut Writer, item: &Item) {
    if let Some(entry) = &item.entry {
        let text = entry.text();
        if !text.is_empty() {
            writer.leaf("body", &text);
        }
    }
}

fn write_item(writer: &mut Writer, view: &NodeView, item: &Item) {
    writer.open("items").attr("node", &view.name);
    if !view.config.has_items() {
        writer.close();
        return;
    }
    writer
        .open("item")
        .attr("id", &item.id)
        .attr("publisher", item.publisher_jid.as_str());
    if view.config.deliver_payloads
        && let Some(payload) = &item.payload
    {
        writer.raw(payload);
    }
    writer.close().close();
}

fn write_virtual(
    writer: &mut Writer,
    node: &str,
    event: &Event,
    act: Act,
    payload: &OnceCell<Vec<u8>>,
) -> Option<()> {
    writer.open("items").attr("node", node);
    match (act, event) {
        (
            Act::Publish,
            Event::Published {
                view, item, links, ..
            },
        ) => {
            let id = item.post_id.0.to_string();
            writer
                .open("item")
                .attr("id", &id)
                .attr("publisher", item.publisher_jid.as_str());
            writer
                .raw(payload.get_or_init(|| virtual_payload(view, item, links.boost_of)))
                .close();
        }
        (_, Event::Published { item, .. }) => {
            writer
                .open("retract")
                .attr("id", &item.post_id.0.to_string())
                .close();
        }
        (_, Event::Retracted { post_id, .. }) => {
            writer.open("retract").attr("id", &post_id.0.to_string()).close();
        }
        _ => return None,
    }
    writer.close();
    Some(())
}
