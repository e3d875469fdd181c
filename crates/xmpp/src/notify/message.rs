//! How an event is written: one `<message/>` for all who get it (XEP-0060 §7.1.2, §7.2.2, §8).
//!
//! Payloads are self-contained already; they are copied, not parsed.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bus::{Event, HOME, Item, NodeView, NotificationType, PublishKind, SubId, Subscriber, SubscriptionState};
use social::{StreamAct, StreamRoute, virtual_payload};
use wire::{Jid, Writer, ns};

use crate::session::mailbox::{Address, SharedOut};
use crate::xep::pubsub::approval;

/// The `id` of the next message, unique in this process.
pub(super) fn next_id() -> String {
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
        Event::NodeDeleted { view, .. } => view.config.notify_delete,
        Event::Subscribed { view, subscriber, .. } => {
            view.config.notify_sub || subscriber.state == SubscriptionState::Pending
        }
        Event::Unsubscribed { view, .. } => view.config.notify_sub,
        Event::NodeCreated { .. } | Event::AffiliationChanged { .. } | Event::Listed { .. } => false,
    }
}

/// Whether an event of which somebody is told is for the node's owners alone.
pub(super) fn is_for_owners(event: &Event) -> bool {
    matches!(event, Event::Subscribed { .. } | Event::Unsubscribed { .. })
}

/// An event as the subscribers of its own node get it, in what it differs by their options.
pub(super) struct Own {
    /// As nearly everybody gets it.
    pub(super) out: Arc<SharedOut>,
    /// Where in the tail a text for people stands, if there is one.
    body: Option<Range<usize>>,
    /// Whether the ids of several subscriptions are told with it (§7.1.2.4, §7.2.2.2).
    has_headers: bool,
}

impl Own {
    /// The event as its node's subscribers get it.
    pub(super) fn new(event: &Event) -> Own {
        let out = of_node(event);
        let is_post = matches!(
            event,
            Event::Published {
                kind: PublishKind::New,
                ..
            }
        );
        let body = if is_post { body_of(&out.tail) } else { None };
        let has_headers = matches!(event, Event::Published { .. } | Event::Retracted { .. });
        Own {
            out,
            body,
            has_headers,
        }
    }

    /// As it is for a session that these subscriptions reach, without a text for people where none of them wants it
    /// (§13.8), and with the ids of all where there are several.
    pub(super) fn by(&self, subscriptions: &[&Subscriber], is_interested: bool) -> Arc<SharedOut> {
        let wants_body = is_interested || subscriptions.iter().any(|one| one.options().include_body);
        let is_mute = self.body.is_some() && !wants_body;
        let is_several = self.has_headers && subscriptions.len() > 1;
        if !is_mute && !is_several {
            return Arc::clone(&self.out);
        }
        let mut tail = self.out.tail.to_vec();
        if is_several && tail.ends_with(END) {
            tail.truncate(tail.len() - END.len());
            let mut writer = Writer::appending(tail);
            writer.open("headers").ns(SHIM);
            for one in subscriptions {
                writer
                    .open("header")
                    .attr("name", "SubID")
                    .text(&one.subid.to_string())
                    .close();
            }
            writer.close();
            tail = writer.finish();
            tail.extend_from_slice(END);
        }
        if let Some(body) = self.body.clone().filter(|_| is_mute) {
            tail.drain(body);
        }
        Arc::new(SharedOut {
            address: self.out.address,
            head: self.out.head.clone(),
            tail: tail.into(),
        })
    }
}

/// XEP-0131: Stanza Headers and Internet Metadata.
const SHIM: &str = "http://jabber.org/protocol/shim";
const END: &[u8] = b"</message>";

/// Where the text for people stands that [`write_body`] has written: first of all, so that nothing else is taken for it.
fn body_of(tail: &[u8]) -> Option<Range<usize>> {
    const OPEN: &[u8] = b"<body>";
    const CLOSE: &[u8] = b"</body>";
    let find = |what: &[u8]| tail.windows(what.len()).position(|part| part == what);
    let first = tail.iter().position(|byte| *byte == b'<')?;
    let is_first = tail[first..].starts_with(OPEN);
    is_first
        .then(|| find(CLOSE))
        .flatten()
        .map(|end| first..end + CLOSE.len())
}

/// The event as the subscribers of its own node get it.
fn of_node(event: &Event) -> Arc<SharedOut> {
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
        Event::NodeDeleted { redirect, .. } => {
            open_event(&mut writer);
            writer.open("delete").attr("node", &view.name);
            if let Some(uri) = redirect {
                writer.open("redirect").attr("uri", uri).close();
            }
            writer.close();
        }
        Event::Subscribed { subscriber, jid, .. } if subscriber.state == SubscriptionState::Pending => {
            return request(view, subscriber, jid);
        }
        Event::Subscribed { subscriber, jid, .. } => {
            open_event(&mut writer);
            let state = Some(subscriber.state);
            approval::write_state(&mut writer, &view.name, jid, subscriber.subid, state);
        }
        Event::Unsubscribed { subscriber, jid, .. } => {
            open_event(&mut writer);
            approval::write_state(&mut writer, &view.name, jid, subscriber.subid, None);
        }
        Event::NodeConfigured { .. }
        | Event::NodeCreated { .. }
        | Event::AffiliationChanged { .. }
        | Event::Listed { .. } => {
            open_event(&mut writer);
            writer.open("configuration").attr("node", &view.name);
            // §8.2.5.3
            if view.config.deliver_payloads {
                pubsub::form::config_result(&view.config, pubsub::form::Site::of(view)).write(&mut writer);
            }
            writer.close();
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

/// Several items of a node, and those that are gone, in one message (§6.3, `pubsub#digest`).
pub(crate) fn digest_message(
    view: &NodeView,
    items: &[Arc<Item>],
    retracted: &[Arc<str>],
    subid: Option<SubId>,
) -> Arc<SharedOut> {
    let mut writer = begin(view.owner_jid.as_str(), view.config.notification_type);
    open_event(&mut writer);
    writer.open("items").attr("node", &view.name);
    if view.config.has_items() {
        for item in items {
            write_one(&mut writer, view, item);
        }
        for id in retracted {
            writer.open("retract").attr("id", id).close();
        }
    }
    writer.close().close();
    if let Some(subid) = subid {
        writer.open("headers").ns(SHIM);
        writer
            .open("header")
            .attr("name", "SubID")
            .text(&subid.to_string());
        writer.close().close();
    }
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
pub(super) fn end(mut writer: Writer, address: Address) -> Arc<SharedOut> {
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
    write_one(writer, view, item);
    writer.close();
}

fn write_one(writer: &mut Writer, view: &NodeView, item: &Item) {
    writer
        .open("item")
        .attr("id", &item.id)
        .attr("publisher", item.publisher_jid.as_str());
    if view.config.deliver_payloads
        && let Some(payload) = &item.payload
    {
        writer.raw(payload);
    }
    writer.close();
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
        (Act::Publish, Event::Listed { view, item, .. }) => {
            let id = item.post_id.0.to_string();
            writer
                .open("item")
                .attr("id", &id)
                .attr("publisher", item.publisher_jid.as_str());
            writer
                .raw(payload.get_or_init(|| virtual_payload(view, item, None)))
                .close();
        }
        (_, Event::Published { item, .. } | Event::Listed { item, .. }) => {
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
