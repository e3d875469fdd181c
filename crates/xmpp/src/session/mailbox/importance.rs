//! What a client must get although nobody looks at it ([XEP-0352](https://xmpp.org/extensions/xep-0352.html) §3.2), told
//! from a stanza's bytes.
//!
//! Everything is important but what is listed here: presence, typing notices and receipts, and events of nodes that
//! nobody has to be told of at once.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use memchr::memmem;
use wire::{Document, Element, ns};

use super::Outgoing;

/// When a stanza is to reach its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Importance {
    /// At once, and before it whatever waits.
    Now,
    /// With the next important one; in place of an earlier one with the same key, if it has one.
    Waits(Option<u64>),
}

/// Events of these nodes are shown at once: what people are told of, and what they have read elsewhere (XEP-0490).
const URGENT_NODES: [&[u8]; 2] = [b"urn:x-folkmoot:notifications:0", b"urn:xmpp:mds:displayed:0"];
/// A larger message says something.
const NOTICE_MAX: usize = 2 * 1024;
/// How far into a message the node of its event stands at most.
const EVENT_HEAD: usize = 1024;

/// XEP-0085.
const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";
/// XEP-0184.
const RECEIPTS: &str = "urn:xmpp:receipts";

/// When it is to reach its client.
pub(crate) fn of(out: &Outgoing) -> Importance {
    match out {
        Outgoing::Stanza(bytes) => judge(bytes, &[]),
        Outgoing::Shared(shared) => judge(&shared.head, &shared.tail),
    }
}

/// A stanza in two parts: before and after the recipient's address, or whole in the first.
fn judge(head: &[u8], tail: &[u8]) -> Importance {
    if head.starts_with(b"<presence") {
        return presence(head, tail);
    }
    if !head.starts_with(b"<message") {
        return Importance::Now;
    }
    let length = head.len() + tail.len();
    let beginning = |part: &[u8]| memmem::find(&part[..part.len().min(EVENT_HEAD)], EVENT).is_some();
    if beginning(head) || beginning(tail) {
        return event(if tail.is_empty() { head } else { tail });
    }
    if length > NOTICE_MAX {
        return Importance::Now;
    }
    let whole = if tail.is_empty() {
        head.to_vec()
    } else {
        [head, tail].concat()
    };
    match Document::parse(whole) {
        Ok(document) => message(document.root()),
        Err(_) => Importance::Now,
    }
}

/// How an event begins as the notifier writes it.
const EVENT: &[u8] = b"http://jabber.org/protocol/pubsub#event";

/// Of presence only what it is now counts; requests and errors are for people.
fn presence(head: &[u8], tail: &[u8]) -> Importance {
    let kind = attribute(head, tail, b"type");
    if !matches!(kind, None | Some(b"unavailable")) {
        return Importance::Now;
    }
    Importance::Waits(Some(key(
        b'p',
        attribute(head, tail, b"from").unwrap_or_default(),
    )))
}

/// XEP-0060's events: which node they are of decides.
fn event(part: &[u8]) -> Importance {
    let beginning = &part[..part.len().min(EVENT_HEAD)];
    let is_urgent = URGENT_NODES
        .iter()
        .any(|node| memmem::find(beginning, node).is_some());
    if is_urgent {
        Importance::Now
    } else {
        Importance::Waits(None)
    }
}

/// A message that only says that somebody writes, or that something arrived, waits.
fn message(root: Element<'_>) -> Importance {
    if root.attr("type").as_deref() == Some("error") {
        return Importance::Now;
    }
    // XEP-0280: what is copied decides.
    let copied = root
        .children()
        .find(|child| child.ns() == ns::CARBONS)
        .and_then(|carbon| carbon.child("forwarded", ns::FORWARD))
        .and_then(|forwarded| forwarded.child("message", ns::CLIENT));
    let inner = copied.unwrap_or(root);
    let mut has_state = false;
    let mut has_receipt = false;
    for child in inner.children() {
        match child.ns() {
            CHAT_STATES => has_state = true,
            RECEIPTS if child.name() == "received" => has_receipt = true,
            ns::HINTS | ns::STANZA_ID | ns::DELAY => {}
            ns::CLIENT if child.name() == "thread" => {}
            _ => return Importance::Now,
        }
    }
    match (has_state, has_receipt) {
        (_, true) => Importance::Waits(None),
        (true, false) => {
            let from = inner.attr("from").unwrap_or_default();
            Importance::Waits(Some(key(b's', from.as_bytes())))
        }
        (false, false) => Importance::Now,
    }
}

/// Nobody can choose two addresses whose keys are the same.
fn key(kind: u8, from: &[u8]) -> u64 {
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    STATE.hash_one((kind, from))
}

/// An attribute of the first tag, as it stands there. The recipient's address stands between `head` and `tail`.
fn attribute<'a>(head: &'a [u8], tail: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let parts = [Some(head), tail.strip_prefix(b"'")];
    parts
        .into_iter()
        .flatten()
        .find_map(|part| attribute_in(part, name))
}

fn attribute_in<'a>(part: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = part;
    loop {
        // Values hold no quote of their own kind, so that the next quote ends them.
        let equals = rest.iter().position(|byte| matches!(byte, b'=' | b'>'))?;
        if rest[equals] == b'>' {
            return None;
        }
        let found = rest[..equals].trim_ascii_end();
        let value = rest[equals + 1..].trim_ascii_start();
        let quote = *value.first()?;
        let value = &value[1..];
        let end = memchr::memchr(quote, value)?;
        let is_it = found
            .strip_suffix(name)
            .is_some_and(|before| before.last().is_none_or(u8::is_ascii_whitespace));
        if is_it {
            return Some(&value[..end]);
        }
        rest = &value[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::super::{Address, SharedOut};
    use super::*;

    fn whole(text: &str) -> Importance {
        of(&Outgoing::Stanza(text.as_bytes().into()))
    }

    fn shared(head: &str, tail: &str) -> Importance {
        of(&Outgoing::Shared(Arc::new(SharedOut {
            address: Address::ToFull,
            head: head.as_bytes().into(),
            tail: tail.as_bytes().into(),
        })))
    }

    #[test]
    fn of_presence_the_newest_of_each_counts() {
        let romeo = whole("<presence to='a' from='romeo@localhost/x'><show>away</show></presence>");
        assert!(matches!(romeo, Importance::Waits(Some(_))));
        assert_eq!(
            shared(
                "<presence to='",
                "' type='unavailable' from=\"romeo@localhost/x\"/>"
            ),
            romeo
        );
        assert_ne!(shared("<presence to='", "' from='romeo@localhost/y'/>"), romeo);
        for kind in ["subscribe", "subscribed", "unsubscribed", "error"] {
            let text = format!("<presence from='romeo@localhost/x' type = '{kind}'/>");
            assert_eq!(whole(&text), Importance::Now, "{kind}");
        }
    }

    #[test]
    fn messages_that_say_something_do_not_wait() {
        for content in [
            "<body>hi</body>",
            "<encrypted xmlns='eu.siacs.conversations.axolotl'/>",
            "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>",
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
            "<body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/>",
            "",
        ] {
            let text = format!("<message from='a@b/c' xmlns='jabber:client' type='chat'>{content}</message>");
            assert_eq!(whole(&text), Importance::Now, "{content}");
            let copy = format!(
                "<message from='d@e' xmlns='jabber:client'><received xmlns='urn:xmpp:carbons:2'>\
                 <forwarded xmlns='urn:xmpp:forward:0'>{text}</forwarded></received></message>"
            );
            assert_eq!(whole(&copy), Importance::Now, "{content}");
        }
        assert_eq!(
            whole(
                "<message type='error'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
            ),
            Importance::Now
        );
        assert_eq!(whole("<iq type='set' id='1'/>"), Importance::Now);
    }

    #[test]
    fn typing_and_receipts_wait() {
        let typing = |from: &str, state: &str| {
            format!(
                "<message xmlns='jabber:client' from='{from}'><{state} xmlns='http://jabber.org/protocol/chatstates'/>\
                 <no-store xmlns='urn:xmpp:hints'/><thread>1</thread></message>"
            )
        };
        let composing = whole(&typing("a@b/c", "composing"));
        assert!(matches!(composing, Importance::Waits(Some(_))));
        assert_eq!(whole(&typing("a@b/c", "paused")), composing);
        assert_ne!(whole(&typing("a@b/d", "paused")), composing);
        let copy = format!(
            "<message from='d@e' xmlns='jabber:client'><sent xmlns='urn:xmpp:carbons:2'>\
             <forwarded xmlns='urn:xmpp:forward:0'>{}</forwarded></sent></message>",
            typing("a@b/c", "composing")
        );
        assert_eq!(whole(&copy), composing);
        assert_eq!(
            whole("<message from='a@b/c'><received xmlns='urn:xmpp:receipts' id='1'/></message>"),
            Importance::Waits(None)
        );
    }

    #[test]
    fn the_node_of_an_event_decides() {
        let event = |node: &str| {
            shared(
                "<message to='",
                &format!(
                    "' from='a@b' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'>\
                     <items node='{node}'><item id='1'/></items></event></message>"
                ),
            )
        };
        assert_eq!(event("urn:xmpp:microblog:0"), Importance::Waits(None));
        assert_eq!(event("urn:xmpp:mds:displayed:0"), Importance::Now);
        assert_eq!(event("urn:x-folkmoot:notifications:0"), Importance::Now);
    }
}
