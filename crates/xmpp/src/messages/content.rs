//! What a message holds, as far as its way depends on it: which of the rules of carbons (XEP-0280 §6.1), archives (XEP-0313
//! §5.1), hints (XEP-0334) and offline messages (XEP-0160) apply. Read once; the plainest message is not even parsed.
//!
//! It knows neither sessions nor preferences, and changes nothing.

use memchr::memchr_iter;
use wire::{Element, Jid, Stanza, ns};

use super::MessageType;

/// XEP-0045: what tells that a message has to do with a room.
const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
/// XEP-0424: messages taken back.
pub(crate) const RETRACT: &str = "urn:xmpp:message-retract:1";

// What an element of a message counts as; several may hold.
/// Text for people.
const BODY: u16 = 1;
/// What conversations are made of and their archive keeps (XEP-0313 §5.1).
const SAID: u16 = 1 << 1;
/// Typical of instant messaging (XEP-0280 §6.1).
const TYPICAL: u16 = 1 << 2;
/// Worth waiting for (XEP-0160 §3).
const WORTH: u16 = 1 << 3;
/// Not to be copied (XEP-0280 §9, XEP-0334 §4.4).
const PRIVATE: u16 = 1 << 4;
/// Not to be stored at all.
const NO_STORE: u16 = 1 << 5;
/// Not to be archived.
const NO_PERMANENT_STORE: u16 = 1 << 6;
/// To be stored, whatever it is.
const STORE: u16 = 1 << 7;
/// An invitation to a room.
const INVITATION: u16 = 1 << 8;
/// From or to somebody in a room.
const ROOM: u16 = 1 << 9;
/// Takes a message back.
const RETRACTION: u16 = 1 << 10;
/// Something that only servers may say.
const FORGED: u16 = 1 << 11;

/// What a message holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Content {
    pub kind: MessageType,
    /// What its author calls it, as a hash.
    pub told: Option<i64>,
    has: u16,
}

/// On which side of a message a copy would be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// For the other devices of whoever sent it.
    Sent,
    /// For the other devices of whom it was sent to.
    Received,
}

impl Content {
    /// Reads a message.
    pub fn of(stanza: &Stanza) -> Content {
        let mut content = Content {
            kind: MessageType::of(stanza),
            told: stanza.id().as_deref().and_then(told),
            has: 0,
        };
        if is_only_body(stanza) {
            content.has = BODY | SAID | WORTH;
            return content;
        }
        let document = stanza.document();
        for child in document.root().children() {
            content.has |= counts_as(&child);
            if content.told.is_none() && child.is("origin-id", ns::STANZA_ID) {
                content.told = child.attr("id").as_deref().and_then(told);
            }
        }
        content
    }

    fn has(&self, any: u16) -> bool {
        self.has & any != 0
    }

    /// Whether it is text for people, or what else conversations are made of.
    pub fn is_said(&self) -> bool {
        self.has(SAID)
    }

    /// Whether it takes another message back (XEP-0424).
    pub fn is_retraction(&self) -> bool {
        self.has(RETRACTION) && self.kind != MessageType::Error
    }

    /// Whether it says what only servers may say.
    pub fn is_forged(&self) -> bool {
        self.has(FORGED)
    }

    /// Whether it has to do with somebody in a room (XEP-0280 §6.1).
    pub fn is_of_room(&self) -> bool {
        self.has(ROOM) && !self.has(INVITATION)
    }

    /// XEP-0280 §6.1: whether the other devices of an account get a copy.
    pub fn is_copied(&self, side: Side) -> bool {
        if self.has(PRIVATE) || self.kind == MessageType::Groupchat {
            return false;
        }
        // The room has told every device that is there.
        if side == Side::Received && self.is_of_room() {
            return false;
        }
        match self.kind {
            MessageType::Chat => true,
            // An error tells what it answers by what it holds of it.
            MessageType::Normal | MessageType::Error => self.has(BODY | TYPICAL | INVITATION),
            MessageType::Headline => self.has(TYPICAL | INVITATION),
            MessageType::Groupchat => false,
        }
    }

    /// Whether it is an error that does not show what it answers.
    pub fn is_bare_error(&self) -> bool {
        self.kind == MessageType::Error && !self.has(BODY | TYPICAL | INVITATION | PRIVATE)
    }

    /// XEP-0313 §5.1 and XEP-0334 §4: whether it belongs into archives.
    pub fn is_archived(&self) -> bool {
        match self.kind {
            // The hints of an error are those of what it answers.
            MessageType::Error | MessageType::Groupchat => false,
            // XEP-0424 §5: whatever becomes of the original.
            _ if self.has(RETRACTION) => true,
            _ if self.has(NO_STORE | NO_PERMANENT_STORE) => false,
            MessageType::Headline => self.has(STORE),
            MessageType::Normal | MessageType::Chat => self.has(SAID | STORE),
        }
    }

    /// XEP-0160 §3: chat states alone, and what its sender does not want stored, do not wait.
    pub fn is_worth_keeping(&self) -> bool {
        self.has(WORTH | STORE) && !self.has(NO_STORE)
    }
}

/// A message that is a body and nothing else: what most are.
fn is_only_body(stanza: &Stanza) -> bool {
    stanza.first_child() == Some((ns::CLIENT, "body"))
        && memchr_iter(b'<', stanza.inner()).take(3).count() == 2
}

/// FNV-1a of an id: the same with every compiler, as it is stored. Whoever is let down by a collision made it.
pub(crate) fn told(id: &str) -> Option<i64> {
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (!id.is_empty()).then_some(hash.cast_signed())
}

/// The table of what is known. What is not is worth waiting for, and no part of a conversation's archive.
fn counts_as(child: &Element<'_>) -> u16 {
    const CONVERSATION: u16 = SAID | WORTH;
    match (child.ns(), child.name()) {
        (ns::CLIENT, "body") => BODY | CONVERSATION,
        (ns::CLIENT, "thread") => 0,
        // XEP-0085
        ("http://jabber.org/protocol/chatstates", _) => TYPICAL,
        // XEP-0184
        ("urn:xmpp:receipts", "received") => TYPICAL | CONVERSATION,
        ("urn:xmpp:receipts", _) => TYPICAL,
        // XEP-0333
        ("urn:xmpp:chat-markers:0", "markable") => TYPICAL,
        ("urn:xmpp:chat-markers:0", _) => TYPICAL | CONVERSATION,
        // XEP-0384 in both generations, XEP-0373, XEP-0027, XEP-0380
        ("eu.siacs.conversations.axolotl" | "urn:xmpp:omemo:1" | "urn:xmpp:omemo:2", "encrypted")
        | ("urn:xmpp:openpgp:0", "openpgp")
        | ("jabber:x:encrypted", "x")
        | ("urn:xmpp:eme:0", "encryption") => CONVERSATION,
        // XEP-0308, XEP-0444, XEP-0461
        ("urn:xmpp:message-correct:0", "replace")
        | ("urn:xmpp:reactions:0", "reactions")
        | ("urn:xmpp:reply:0", "reply") => CONVERSATION,
        // XEP-0066, XEP-0385
        ("jabber:x:oob", "x") | ("urn:xmpp:reference:0", "reference") => CONVERSATION,
        // XEP-0367, XEP-0447, XEP-0353
        ("urn:xmpp:message-attaching:1" | "urn:xmpp:sfs:0" | "urn:xmpp:jingle-message:0", _) => CONVERSATION,
        (RETRACT, "retract") => RETRACTION | CONVERSATION,
        // XEP-0249, and the invitation that a room passes on (XEP-0045 §7.8.2)
        ("jabber:x:conference", "x") => INVITATION | CONVERSATION,
        (MUC_USER, "x") => match child.child("invite", MUC_USER) {
            Some(_) => INVITATION | ROOM | CONVERSATION,
            None => ROOM | WORTH,
        },
        (ns::CARBONS, "private") | (ns::HINTS, "no-copy") => PRIVATE,
        (ns::CARBONS, _) => FORGED,
        // COMPAT: the longer names are those of its version 0.1.
        (ns::HINTS, "no-store" | "no-storage") => NO_STORE,
        (ns::HINTS, "no-permanent-store" | "no-permanent-storage") => NO_PERMANENT_STORE,
        (ns::HINTS, "store") => STORE,
        (ns::HINTS, _) => 0,
        (ns::STANZA_ID, "stanza-id") => FORGED,
        (ns::STANZA_ID, _) => 0,
        _ => WORTH,
    }
}

/// Whether nobody but a server may say this: an id of an archive of this server (XEP-0359 §5), a copy (XEP-0280 §11).
pub(crate) fn is_forged(child: &Element<'_>, is_local_domain: impl Fn(&str) -> bool) -> bool {
    match (child.ns(), child.name()) {
        (ns::CARBONS, "sent" | "received") => true,
        (ns::STANZA_ID, "stanza-id") => child
            .attr("by")
            .and_then(|by| Jid::parse(&by).ok())
            .is_none_or(|by| is_local_domain(by.domain())),
        _ => false,
    }
}

/// Which message a retraction takes back (XEP-0424 §4): its id, and the retraction's own.
pub(crate) fn retracted(stanza: &Stanza) -> Option<(String, String)> {
    let document = stanza.document();
    let retract = document.root().child("retract", RETRACT)?;
    let id = retract.attr("id").filter(|id| !id.is_empty())?;
    Some((id.into_owned(), stanza.id().unwrap_or_default().into_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn content(kind: &str, inner: &str) -> Content {
        let stanza = std::format!("<message type='{kind}' id='1'>{inner}</message>");
        Content::of(&Stanza::parse(stanza.into_bytes()).unwrap())
    }

    const STATE: &str = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    const BODY: &str = "<body>hi</body>";

    #[test]
    fn what_is_copied() {
        let private = "<private xmlns='urn:xmpp:carbons:2'/>";
        let no_copy = "<no-copy xmlns='urn:xmpp:hints'/>";
        let room = "<x xmlns='http://jabber.org/protocol/muc#user'/>";
        let mediated = "<x xmlns='http://jabber.org/protocol/muc#user'><invite/></x>";
        let direct = "<x xmlns='jabber:x:conference' jid='r@s'/>";
        let other = "<other xmlns='urn:example'/>";
        for (kind, inner, sent, received) in [
            ("chat", BODY, true, true),
            ("chat", other, true, true),
            ("chat", "", true, true),
            ("normal", BODY, true, true),
            ("normal", other, false, false),
            ("normal", STATE, true, true),
            ("headline", BODY, false, false),
            ("headline", STATE, true, true),
            ("groupchat", BODY, false, false),
            ("error", BODY, true, true),
            ("error", other, false, false),
            ("normal", direct, true, true),
            ("normal", mediated, true, true),
            ("chat", room, true, false),
            ("chat", private, false, false),
            ("chat", no_copy, false, false),
        ] {
            let content = content(kind, inner);
            let found = (content.is_copied(Side::Sent), content.is_copied(Side::Received));
            assert_eq!(found, (sent, received), "{kind} {inner}");
        }
    }

    #[test]
    fn what_is_archived_and_what_waits() {
        let hint = |hint: &str| std::format!("<{hint} xmlns='urn:xmpp:hints'/>");
        for (kind, inner, archived, worth) in [
            ("chat", BODY.to_owned(), true, true),
            ("chat", STATE.to_owned(), false, false),
            ("chat", std::format!("{STATE}<thread>1</thread>"), false, false),
            ("chat", std::format!("{BODY}{}", hint("no-store")), false, false),
            (
                "chat",
                std::format!("{BODY}{}", hint("no-permanent-store")),
                false,
                true,
            ),
            ("chat", hint("store"), true, true),
            ("headline", BODY.to_owned(), false, true),
            ("headline", std::format!("{BODY}{}", hint("store")), true, true),
            ("error", std::format!("{BODY}{}", hint("store")), false, true),
            ("groupchat", BODY.to_owned(), false, true),
            (
                "normal",
                "<received xmlns='urn:xmpp:receipts' id='1'/>".to_owned(),
                true,
                true,
            ),
            (
                "normal",
                "<request xmlns='urn:xmpp:receipts'/>".to_owned(),
                false,
                false,
            ),
            ("normal", "<other xmlns='urn:example'/>".to_owned(), false, true),
            (
                "chat",
                "<encrypted xmlns='urn:xmpp:omemo:2'/>".to_owned(),
                true,
                true,
            ),
            (
                "chat",
                std::format!("<retract xmlns='{RETRACT}' id='1'/>{}", hint("no-store")),
                true,
                false,
            ),
        ] {
            let content = content(kind, &inner);
            let found = (content.is_archived(), content.is_worth_keeping());
            assert_eq!(found, (archived, worth), "{kind} {inner}");
        }
    }

    #[test]
    fn the_short_way_says_what_the_long_one_does() {
        let short = content("chat", "<body>hi</body>");
        let long = content(
            "chat",
            "<body>hi</body><!---->".replace("<!---->", "<thread/>").as_str(),
        );
        assert_eq!(short, long);
        assert_eq!(content("chat", "<body><active/></body>").has, short.has);
        // A state inside of the body's element is none of the message's.
        assert!(!content("normal", "<body xmlns='urn:example'>hi</body>").is_archived());
    }

    #[test]
    fn its_name_is_its_id_or_else_its_origin_id() {
        let named = |xml: &str| Content::of(&Stanza::parse(xml.as_bytes()).unwrap()).told;
        let origin = "<message><origin-id xmlns='urn:xmpp:sid:0' id='a'/></message>";
        assert_eq!(named("<message id='a'/>"), told("a"));
        assert_eq!(named(origin), told("a"));
        assert_eq!(named(&origin.replace("<message>", "<message id='b'>")), told("b"));
        assert_eq!(named("<message/>"), None);
        assert_eq!(told(""), None);
    }
}
