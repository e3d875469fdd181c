//! What is worth telling somebody who does not look: which messages, and what is remembered of them until it is told.
//!
//! XEP-0357 §7 leaves open which events warrant a notification. It knows no registration and tells nobody.

use store::notifications::NotificationType;
use store::{PostId, Timestamp};
use wire::{BareJid, Element, Jid, Stanza, ns};

use crate::messages::MessageType;

/// Of a message's text so much is kept, in characters.
const TEXT_CHARS: usize = 240;
/// So many things, by sender and kind, are told together; of the older ones only the number is.
const TOLD_MAX: usize = 8;

/// Something that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub what: What,
    /// Who did it: a full address for a message.
    pub from: Jid,
    /// The beginning of what a message says, where that can be read.
    pub text: Option<String>,
    /// The post that it is about.
    pub post: Option<PostId>,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A message for a person to read.
    Message,
    /// Somebody rings (XEP-0353, XEP-0482).
    Call,
    /// Somebody asks to see the account's presence.
    Request,
    /// The account was mentioned in a post.
    Mention,
    /// A post of its own was answered.
    Reply,
    /// It has a new follower.
    Follow,
}

impl What {
    /// Its name in what browsers are told.
    pub fn name(self) -> &'static str {
        match self {
            What::Message => "message",
            What::Call => "call",
            What::Request => "request",
            What::Mention => "mention",
            What::Reply => "reply",
            What::Follow => "follow",
        }
    }

    /// Whether an app's own server is told: what concerns posts is no affair of a messenger's.
    pub fn is_for_apps(self) -> bool {
        matches!(self, What::Message | What::Call | What::Request)
    }

    /// Whether it counts as an unread message.
    pub fn is_message(self) -> bool {
        matches!(self, What::Message | What::Call)
    }

    /// What a notification of posts is; nobody is called to their phone for a like.
    pub fn of_notice(kind: NotificationType) -> Option<What> {
        match kind {
            NotificationType::Mention => Some(What::Mention),
            NotificationType::Reply => Some(What::Reply),
            NotificationType::Follow => Some(What::Follow),
            NotificationType::Like | NotificationType::Boost => None,
        }
    }
}

impl Event {
    /// A message's, if it is worth it.
    pub fn of_message(stanza: &Stanza) -> Option<Event> {
        let is_personal = matches!(MessageType::of(stanza), MessageType::Chat | MessageType::Normal);
        let from = Jid::parse(&stanza.from().filter(|_| is_personal)?).ok()?;
        let document = stanza.document();
        let (what, text) = of_content(document.root())?;
        Some(Event {
            what,
            from,
            text,
            post: None,
        })
    }

    /// Somebody asks for a subscription.
    pub fn of_request(from: &BareJid) -> Event {
        Event {
            what: What::Request,
            from: from.clone().into(),
            text: None,
            post: None,
        }
    }
}

/// XEP-0085, XEP-0184, XEP-0333 and the like say nothing to a person; neither does what changes an earlier message.
fn of_content(message: Element<'_>) -> Option<(What, Option<String>)> {
    const CHANGES: [(&str, &str); 4] = [
        ("replace", "urn:xmpp:message-correct:0"),
        ("retract", "urn:xmpp:message-retract:1"),
        ("apply-to", "urn:xmpp:fasten:0"),
        ("reactions", "urn:xmpp:reactions:0"),
    ];
    const CALLS: [(&str, &str); 2] = [
        ("propose", "urn:xmpp:jingle-message:0"),
        ("invite", "urn:xmpp:call-invites:0"),
    ];
    const OMEMO: [&str; 2] = ["eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2"];
    const SEALED: [(&str, &str); 2] = [("openpgp", "urn:xmpp:openpgp:0"), ("x", "jabber:x:encrypted")];
    let has = |all: &[(&str, &str)]| all.iter().any(|(name, ns)| message.child(name, ns).is_some());
    if has(&CALLS) {
        return Some((What::Call, None));
    }
    if has(&CHANGES) {
        return None;
    }
    // The body beside what is encrypted says only that it is; an OMEMO message without payload only exchanges keys.
    if let Some(omemo) = OMEMO.iter().find_map(|ns| message.child("encrypted", ns)) {
        return omemo
            .children()
            .any(|child| child.name() == "payload")
            .then_some((What::Message, None));
    }
    if has(&SEALED) {
        return Some((What::Message, None));
    }
    let body = message.child("body", ns::CLIENT)?.text();
    let text = body.trim();
    if text.is_empty() {
        return None;
    }
    Some((What::Message, Some(beginning(text))))
}

fn beginning(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// What came from one person, of one kind, about one post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The last of it.
    pub event: Event,
    /// How often.
    pub count: u32,
    /// When it came last.
    pub at: Timestamp,
}

/// What came and was not told yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gathered {
    /// The newest last.
    pub told: Vec<Told>,
    /// How many messages.
    pub messages: u32,
    /// How many events.
    pub events: u32,
    /// What clients read when it came, by their resources.
    pub seen: Vec<Seen>,
}

/// What one client read when it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The client's resource.
    pub resource: String,
    /// How many messages.
    pub messages: u32,
    /// How many events.
    pub events: u32,
}

impl Gathered {
    /// Notes an event, and the resources of the clients that read it as it comes.
    pub fn add_seen(&mut self, event: Event, at: Timestamp, readers: Vec<String>) {
        for resource in readers {
            let known = self.seen.iter().position(|seen| seen.resource == resource);
            let place = known.unwrap_or_else(|| {
                self.seen.push(Seen {
                    resource,
                    ..Seen::default()
                });
                self.seen.len() - 1
            });
            let seen = &mut self.seen[place];
            seen.events = seen.events.saturating_add(1);
            seen.messages = seen.messages.saturating_add(u32::from(event.what.is_message()));
        }
        self.add(event, at);
    }

    /// What a client read of it when it came.
    pub fn seen_by(&self, resource: &str) -> Option<&Seen> {
        self.seen.iter().find(|seen| seen.resource == resource)
    }

    /// Notes an event that nobody read.
    pub fn add(&mut self, event: Event, at: Timestamp) {
        self.events = self.events.saturating_add(1);
        self.messages = self.messages.saturating_add(u32::from(event.what.is_message()));
        let is_same = |told: &Told| {
            told.event.what == event.what
                && told.event.post == event.post
                && told.event.from.bare_str() == event.from.bare_str()
        };
        let before = self
            .told
            .iter()
            .position(is_same)
            .map(|at| self.told.remove(at).count);
        let count = before.unwrap_or(0).saturating_add(1);
        self.told.push(Told { event, count, at });
        if self.told.len() > TOLD_MAX {
            self.told.remove(0);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// The last message.
    pub fn last_message(&self) -> Option<&Event> {
        self.told
            .iter()
            .rev()
            .map(|told| &told.event)
            .find(|event| event.what.is_message())
    }

    /// Whether somebody rings.
    pub fn is_urgent(&self) -> bool {
        self.told.iter().any(|told| told.event.what == What::Call)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn event(content: &str) -> Option<Event> {
        typed("chat", content)
    }

    fn typed(kind: &str, content: &str) -> Option<Event> {
        let stanza = format!("<message from='romeo@a/b' to='juliet@a' type='{kind}'>{content}</message>");
        Event::of_message(&Stanza::parse(stanza.into_bytes()).unwrap())
    }

    #[test]
    fn messages_that_say_something_to_a_person() {
        let told = event("<body> Good night </body><active xmlns='http://jabber.org/protocol/chatstates'/>")
            .unwrap();
        assert_eq!(
            (told.what, told.text.as_deref()),
            (What::Message, Some("Good night"))
        );
        let sealed = "<encrypted xmlns='eu.siacs.conversations.axolotl'><header/><payload>x</payload></encrypted>\
                      <body>This is OMEMO-encrypted</body>";
        assert_eq!(event(sealed).unwrap().text, None);
        let call =
            event("<propose xmlns='urn:xmpp:jingle-message:0' id='1'/><store xmlns='urn:xmpp:hints'/>");
        assert_eq!(call.unwrap().what, What::Call);
        assert!(typed("normal", "<body>x</body>").is_some());
    }

    #[test]
    fn what_says_nothing_new() {
        for content in [
            "",
            "<body> </body>",
            "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
            "<received xmlns='urn:xmpp:receipts' id='1'/>",
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
            "<body>x</body><replace xmlns='urn:xmpp:message-correct:0' id='1'/>",
            "<body>x</body><reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>x</reaction></reactions>",
            "<encrypted xmlns='eu.siacs.conversations.axolotl'><header/></encrypted>",
        ] {
            assert_eq!(event(content), None, "{content}");
        }
        for kind in ["error", "headline", "groupchat"] {
            assert_eq!(typed(kind, "<body>x</body>"), None, "{kind}");
        }
    }

    #[test]
    fn what_comes_from_one_person_is_one_thing() {
        let mut gathered = Gathered::default();
        for text in ["one", "two"] {
            gathered.add(event(&format!("<body>{text}</body>")).unwrap(), Timestamp(1));
        }
        assert_eq!((gathered.told.len(), gathered.messages), (1, 2));
        assert_eq!(gathered.told[0].count, 2);
        assert_eq!(gathered.last_message().unwrap().text.as_deref(), Some("two"));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut gathered = Gathered::default();
        for number in 0..100 {
            let mut one = event("<body>x</body>").unwrap();
            one.from = Jid::parse(&format!("stranger{number}@a/b")).unwrap();
            gathered.add(one, Timestamp(1));
        }
        assert_eq!((gathered.told.len(), gathered.messages), (TOLD_MAX, 100));
        let long = event(&format!("<body>{}</body>", "ä".repeat(10_000))).unwrap();
        assert_eq!(long.text.unwrap().chars().count(), TEXT_CHARS + 1);
    }
}
