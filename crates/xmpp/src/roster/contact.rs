//! One account's roster in memory: contacts sorted by number, and the requests that wait for an answer (RFC 6121 §2, §3).
//!
//! Pure: what changes is decided here by the tables of `subscription`; storing and telling is `rosters`' and `presence`'s.

use std::sync::Arc;

use store::JidNo;
pub use store::roster::CONTACTS_MAX;
use wire::{BareJid, Writer};

use super::subscription::{Kind, Sees, State, Step, inbound, outbound};

/// The most bytes of a roster as it is written: it is sent in one piece, and what waits for a client is bounded too.
pub const ROSTER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// One contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its number.
    pub no: JidNo,
    /// Its address.
    pub jid: BareJid,
    /// Whether we see its presence.
    pub sees_it: bool,
    /// Whether it sees ours.
    pub sees_us: bool,
    /// Whether we asked to see it and wait (`ask='subscribe'`).
    pub is_asked: bool,
    /// Whether its request is granted in advance (§3.4).
    pub is_approved: bool,
    /// The name and groups that the user gave it; none for most.
    pub details: Option<Box<Details>>,
}

/// What the user calls a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// §2.1.2.4
    pub name: Option<String>,
    /// §2.1.2.6, as the user ordered them, without repetition.
    pub groups: Vec<Arc<str>>,
}

impl Contact {
    fn new(no: JidNo, jid: BareJid) -> Contact {
        Contact {
            no,
            jid,
            sees_it: false,
            sees_us: false,
            is_asked: false,
            is_approved: false,
            details: None,
        }
    }

    /// The `subscription` attribute (§2.1.2.5).
    pub fn subscription(&self) -> &'static str {
        match (self.sees_it, self.sees_us) {
            (false, false) => "none",
            (true, false) => "to",
            (false, true) => "from",
            (true, true) => "both",
        }
    }

    /// The groups that the user put it into.
    pub fn groups(&self) -> &[Arc<str>] {
        self.details.as_ref().map_or(&[], |details| &details.groups)
    }

    /// How many bytes [`Contact::write`] writes at most, whatever becomes of the subscription.
    fn written_len(&self) -> usize {
        item_len(&self.jid, self.details.as_deref())
    }

    /// Writes `<item/>`.
    pub fn write(&self, writer: &mut Writer) {
        writer
            .open("item")
            .attr("jid", self.jid.as_str())
            .attr("subscription", self.subscription());
        if self.is_asked {
            writer.attr("ask", "subscribe");
        }
        if self.is_approved {
            writer.attr("approved", "true");
        }
        if let Some(details) = &self.details {
            if let Some(name) = &details.name {
                writer.attr("name", name);
            }
            for group in &details.groups {
                writer.open("group").text(group).close();
            }
        }
        writer.close();
    }
}

fn item_len(jid: &BareJid, details: Option<&Details>) -> usize {
    const ITEM: usize =
        "<item jid='' subscription='none' ask='subscribe' approved='true' name=''></item>".len();
    const GROUP: usize = "<group></group>".len();
    let named = details.map_or(0, |details| {
        let groups = details.groups.iter().map(|group| GROUP + escaped_len(group));
        details.name.as_deref().map_or(0, escaped_len) + groups.sum::<usize>()
    });
    ITEM + escaped_len(jid.as_str()) + named
}

/// How long a text is at most once it is escaped.
fn escaped_len(text: &str) -> usize {
    const LONGEST: usize = "&apos;".len();
    let escaped = |byte: &u8| matches!(byte, b'&' | b'<' | b'>' | b'\'' | b'"' | b'\t' | b'\n' | b'\r');
    text.len() + (LONGEST - 1) * text.as_bytes().iter().filter(|byte| escaped(byte)).count()
}

/// A request to see our presence that waits for the user (§3.1.3).
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub no: JidNo,
    /// Their address.
    pub jid: BareJid,
    /// The presence stanza as it came, delivered again whenever the user comes.
    pub stanza: Arc<[u8]>,
}

/// An account's contacts and the requests that wait.
#[derive(Debug, Default)]
pub struct Roster {
    version: i64,
    contacts: Vec<Contact>,
    requests: Vec<Request>,
    /// What the contacts take when they are written.
    bytes: usize,
}

/// Which way a subscription stanza goes, seen from the roster's owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The owner sent it.
    Out,
    /// It came for the owner.
    In,
}

/// What a subscription stanza did to a roster.
#[derive(Debug)]
pub struct Change {
    /// What the table says.
    pub step: Step,
    /// The state before.
    pub before: State,
    /// The contact afterwards, if it changed and so is to be stored and pushed.
    pub contact: Option<Contact>,
    /// What became of the request that waits.
    pub request: RequestChange,
    /// What the server answers by itself.
    pub answer: Option<Kind>,
}

/// What became of the request that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestChange {
    /// It is as it was.
    Same,
    /// It is new.
    Added,
    /// It is answered or withdrawn.
    Removed,
}

impl Roster {
    /// From what was stored, in any order.
    pub fn new(version: i64, mut contacts: Vec<Contact>, mut requests: Vec<Request>) -> Roster {
        contacts.sort_unstable_by_key(|contact| contact.no);
        requests.sort_unstable_by_key(|request| request.no);
        let bytes = contacts.iter().map(Contact::written_len).sum();
        Roster {
            version,
            contacts,
            requests,
            bytes,
        }
    }

    /// Grows with every change of a contact (§2.6).
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The version of the change that is being made.
    pub fn next_version(&mut self) -> i64 {
        self.version += 1;
        self.version
    }

    /// Every contact, sorted by number.
    pub fn contacts(&self) -> &[Contact] {
        &self.contacts
    }

    /// Every request that waits.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// One contact.
    pub fn contact(&self, no: JidNo) -> Option<&Contact> {
        self.contacts
            .binary_search_by_key(&no, |contact| contact.no)
            .ok()
            .map(|index| &self.contacts[index])
    }

    /// Whether somebody may be put under these names: within the bounds, or no longer than before, so that an overgrown
    /// roster can be cut.
    pub fn has_room(&self, no: JidNo, jid: &BareJid, details: Option<&Details>) -> bool {
        let new = item_len(jid, details);
        match self.contact(no).map(Contact::written_len) {
            Some(old) => new <= old || self.bytes - old + new <= ROSTER_BYTES_MAX,
            None => self.has_room_for_one_more(jid, details),
        }
    }

    /// The same for somebody who is no contact.
    pub fn has_room_for_one_more(&self, jid: &BareJid, details: Option<&Details>) -> bool {
        self.contacts.len() < CONTACTS_MAX && self.bytes + item_len(jid, details) <= ROSTER_BYTES_MAX
    }

    /// How many bytes the contacts take at most when they are written.
    pub fn written_len(&self) -> usize {
        self.bytes
    }

    /// Puts a contact in place of what was there.
    pub fn put(&mut self, contact: Contact) {
        self.bytes += contact.written_len();
        match self
            .contacts
            .binary_search_by_key(&contact.no, |contact| contact.no)
        {
            Ok(index) => {
                let old = std::mem::replace(&mut self.contacts[index], contact);
                self.bytes -= old.written_len();
            }
            Err(index) => self.contacts.insert(index, contact),
        }
    }

    /// Takes a contact out, and its request with it.
    pub fn remove(&mut self, no: JidNo) -> Option<Contact> {
        let index = self
            .contacts
            .binary_search_by_key(&no, |contact| contact.no)
            .ok()?;
        // Of who is no contact nothing is taken.
        self.requests.retain(|request| request.no != no);
        let old = self.contacts.remove(index);
        self.bytes -= old.written_len();
        Some(old)
    }

    /// §2.3: the user names a contact or puts it into groups; subscriptions stay.
    pub fn rename(&mut self, no: JidNo, jid: &BareJid, details: Details) -> Contact {
        let mut contact = self
            .contact(no)
            .cloned()
            .unwrap_or_else(|| Contact::new(no, jid.clone()));
        let is_plain = details.name.is_none() && details.groups.is_empty();
        contact.details = (!is_plain).then(|| Box::new(details));
        self.put(contact.clone());
        contact
    }

    /// Subscribes the owner and somebody to each other, as an invitation does; a request that waits is answered by it.
    pub fn befriend(&mut self, no: JidNo, jid: &BareJid, name: Option<&str>) -> Contact {
        let known = self.contact(no).cloned();
        let mut contact = known.unwrap_or_else(|| Contact {
            details: name.map(|name| {
                Box::new(Details {
                    name: Some(name.to_owned()),
                    groups: Vec::new(),
                })
            }),
            ..Contact::new(no, jid.clone())
        });
        contact.sees_it = true;
        contact.sees_us = true;
        contact.is_asked = false;
        contact.is_approved = false;
        self.requests.retain(|request| request.no != no);
        self.put(contact.clone());
        contact
    }

    /// The state between the owner and somebody (§A.1).
    pub fn state(&self, no: JidNo) -> State {
        let contact = self.contact(no);
        let to = match contact {
            Some(contact) if contact.sees_it => Sees::Yes,
            Some(contact) if contact.is_asked => Sees::Asked,
            _ => Sees::No,
        };
        let from = match contact {
            Some(contact) if contact.sees_us => Sees::Yes,
            _ if self.has_request(no) => Sees::Asked,
            _ => Sees::No,
        };
        State::of(to, from)
    }

    /// Whether somebody's request waits.
    pub fn has_request(&self, no: JidNo) -> bool {
        self.requests
            .binary_search_by_key(&no, |request| request.no)
            .is_ok()
    }

    /// Applies a subscription stanza as the tables say, pre-approval (§3.4) and the server's own answers included.
    pub fn apply(
        &mut self,
        way: Direction,
        kind: Kind,
        no: JidNo,
        jid: &BareJid,
        stanza: &Arc<[u8]>,
    ) -> Change {
        let before = self.state(no);
        let old = self.contact(no).cloned();
        let mut new = old.clone().unwrap_or_else(|| Contact::new(no, jid.clone()));
        let mut answer = None;
        let mut step = match way {
            Direction::Out => outbound(before, kind),
            Direction::In => inbound(before, kind),
        };
        match (way, kind) {
            // §3.4.2: a grant in advance, kept until it is used or cancelled.
            (Direction::Out, Kind::Subscribed) if !step.passes && !before.is_from() => new.is_approved = true,
            (Direction::Out, Kind::Unsubscribed) => new.is_approved = false,
            // §3.1.3, §A.3.1: granted already, or in advance, so the server answers.
            (Direction::In, Kind::Subscribe) if before.is_from() => answer = Some(Kind::Subscribed),
            (Direction::In, Kind::Subscribe) if new.is_approved => {
                answer = Some(Kind::Subscribed);
                let granted = outbound(step.state, Kind::Subscribed).state;
                step = Step {
                    passes: false,
                    state: granted,
                };
            }
            _ => {}
        }
        new.sees_it = step.state.is_to();
        new.sees_us = step.state.is_from();
        new.is_asked = step.state.is_pending_out();
        if new.sees_us {
            new.is_approved = new.is_approved && way == Direction::In;
        }
        let request = match (before.is_pending_in(), step.state.is_pending_in()) {
            (false, true) => {
                let request = Request {
                    no,
                    jid: jid.clone(),
                    stanza: stanza.clone(),
                };
                if let Err(index) = self.requests.binary_search_by_key(&no, |request| request.no) {
                    self.requests.insert(index, request);
                }
                RequestChange::Added
            }
            (true, false) => {
                self.requests.retain(|request| request.no != no);
                RequestChange::Removed
            }
            _ => RequestChange::Same,
        };
        let is_new_and_empty = old.is_none() && new == Contact::new(no, jid.clone());
        let contact = (old.as_ref() != Some(&new) && !is_new_and_empty).then_some(new);
        if let Some(contact) = &contact {
            self.put(contact.clone());
        }
        Change {
            step,
            before,
            contact,
            request,
            answer,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NURSE: JidNo = JidNo(7);

    fn nurse() -> BareJid {
        BareJid::parse("nurse@example.org").unwrap()
    }

    fn apply(roster: &mut Roster, way: Direction, kind: Kind) -> Change {
        roster.apply(way, kind, NURSE, &nurse(), &Arc::from(&b"<presence/>"[..]))
    }

    #[test]
    fn a_request_makes_an_item_and_an_approval_completes_it() {
        let mut roster = Roster::default();
        let change = apply(&mut roster, Direction::Out, Kind::Subscribe);
        assert!(change.contact.unwrap().is_asked);
        let change = apply(&mut roster, Direction::In, Kind::Subscribed);
        assert!(change.step.passes);
        let contact = change.contact.unwrap();
        assert_eq!((contact.subscription(), contact.is_asked), ("to", false));
    }

    #[test]
    fn an_incoming_request_shows_in_no_roster_until_it_is_granted() {
        let mut roster = Roster::default();
        let change = apply(&mut roster, Direction::In, Kind::Subscribe);
        assert!(change.contact.is_none() && change.request == RequestChange::Added);
        assert!(roster.contacts().is_empty());
        let again = apply(&mut roster, Direction::In, Kind::Subscribe);
        assert!(!again.step.passes && again.request == RequestChange::Same);
        let change = apply(&mut roster, Direction::Out, Kind::Subscribed);
        assert_eq!(change.contact.unwrap().subscription(), "from");
        assert!(roster.requests().is_empty());
    }

    #[test]
    fn a_request_granted_in_advance_is_answered_by_the_server() {
        let mut roster = Roster::default();
        let change = apply(&mut roster, Direction::Out, Kind::Subscribed);
        assert!(!change.step.passes);
        assert!(change.contact.unwrap().is_approved);
        let change = apply(&mut roster, Direction::In, Kind::Subscribe);
        assert_eq!(
            (change.answer, change.step.passes),
            (Some(Kind::Subscribed), false)
        );
        assert_eq!(change.contact.unwrap().subscription(), "from");
        assert!(roster.requests().is_empty());
        apply(&mut roster, Direction::Out, Kind::Unsubscribed);
        assert!(!roster.contact(NURSE).unwrap().is_approved);
    }

    #[test]
    fn a_request_of_who_sees_us_already_is_answered() {
        let mut roster = Roster::default();
        apply(&mut roster, Direction::In, Kind::Subscribe);
        apply(&mut roster, Direction::Out, Kind::Subscribed);
        let change = apply(&mut roster, Direction::In, Kind::Subscribe);
        assert_eq!(
            (change.answer, change.step.passes),
            (Some(Kind::Subscribed), false)
        );
        assert!(change.contact.is_none());
    }

    #[test]
    fn renaming_keeps_the_subscription() {
        let mut roster = Roster::default();
        apply(&mut roster, Direction::Out, Kind::Subscribe);
        let details = Details {
            name: Some("Nurse".to_owned()),
            groups: vec![Arc::from("Servants")],
        };
        let contact = roster.rename(NURSE, &nurse(), details);
        assert!(contact.is_asked);
        let mut writer = Writer::new();
        contact.write(&mut writer);
        let written = String::from_utf8(writer.finish()).unwrap();
        assert_eq!(
            written,
            "<item jid='nurse@example.org' subscription='none' ask='subscribe' name='Nurse'><group>Servants</group></item>"
        );
    }

    const ROMEO: JidNo = JidNo(8);

    /// Two servers' halves of one pair, exchanging what the tables let pass, answers included.
    struct Pair {
        romeos: Roster,
        nurses: Roster,
    }

    impl Pair {
        fn send(&mut self, is_romeo: bool, kind: Kind) {
            let romeo = BareJid::parse("romeo@example.net").unwrap();
            let stanza: Arc<[u8]> = Arc::from(&b"<presence/>"[..]);
            let (from, from_other, to, to_other) = if is_romeo {
                (
                    &mut self.romeos,
                    (NURSE, nurse()),
                    &mut self.nurses,
                    (ROMEO, romeo),
                )
            } else {
                (
                    &mut self.nurses,
                    (ROMEO, romeo),
                    &mut self.romeos,
                    (NURSE, nurse()),
                )
            };
            let sent = from.apply(Direction::Out, kind, from_other.0, &from_other.1, &stanza);
            if !sent.step.passes {
                return;
            }
            let came = to.apply(Direction::In, kind, to_other.0, &to_other.1, &stanza);
            if let Some(answer) = came.answer {
                let back = from.apply(Direction::In, answer, from_other.0, &from_other.1, &stanza);
                assert_eq!(back.answer, None, "an answer is never answered");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn two_rosters_agree_on_who_sees_whom(steps in proptest::collection::vec((proptest::bool::ANY, 0..4_usize), 0..40)) {
            let kinds = [Kind::Subscribe, Kind::Subscribed, Kind::Unsubscribe, Kind::Unsubscribed];
            let mut pair = Pair { romeos: Roster::default(), nurses: Roster::default() };
            for (is_romeo, kind) in steps {
                pair.send(is_romeo, kinds[kind]);
                let (ours, theirs) = (pair.romeos.state(NURSE), pair.nurses.state(ROMEO));
                proptest::prop_assert_eq!(ours.is_to(), theirs.is_from());
                proptest::prop_assert_eq!(ours.is_from(), theirs.is_to());
                proptest::prop_assert_eq!(ours.is_pending_in(), pair.romeos.requests().len() == 1);
                let is_listed = pair.romeos.contact(NURSE).is_some();
                proptest::prop_assert!(is_listed || !(ours.is_to() || ours.is_from() || ours.is_pending_out()));
            }
        }
    }
}
