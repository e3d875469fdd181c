//! Messages taken back: XEP-0424, <https://xmpp.org/extensions/xep-0424.html>. In the archives of both sides a tombstone
//! stands for them (§5); the retraction itself goes its way as any message.

use memchr::memmem;
use store::{MessageId, Timestamp, Write};
use wire::{Stanza, Writer, ns};

use super::content::{self, RETRACT};
use store::JidNo;

/// What a retraction does to the log: the message of its sender that it names, in this conversation, loses what it said.
/// Nothing where it names none, or has no id of its own that the tombstone could tell.
pub(super) fn take_back(
    stanza: &Stanza,
    (sender, recipient): (JidNo, JidNo),
    before: MessageId,
    at: Timestamp,
) -> Option<Write> {
    let (id, by) = content::retracted(stanza)?;
    if by.is_empty() {
        return None;
    }
    let told = content::told(&id)?;
    let replace = Box::new(move |stored: &[u8]| tombstone(stored, &id, &by, at));
    Some(store::messages::retract(sender, recipient, told, before, replace))
}

/// §5: the original's addresses, type and id, and who took it back when; `None` where this is not the message that is meant.
fn tombstone(stored: &[u8], id: &str, by: &str, at: Timestamp) -> Option<Vec<u8>> {
    let stanza = Stanza::parse(stored).ok()?;
    let own_id = stanza.id();
    let is_meant = match &own_id {
        Some(own) => own == id,
        None => {
            let document = stanza.document();
            let origin = document.root().child("origin-id", ns::STANZA_ID)?;
            origin.attr("id").is_some_and(|origin| origin == id)
        }
    };
    if !is_meant || is_tombstone(&stanza) {
        return None;
    }
    let mut writer = Writer::new();
    writer
        .open("message")
        .attr_opt("from", stanza.from().as_deref())
        .attr_opt("to", stanza.to().as_deref())
        .attr_opt("type", stanza.type_().as_deref())
        .attr_opt("id", own_id.as_deref());
    writer
        .open("retracted")
        .ns(RETRACT)
        .attr("id", by)
        .attr("stamp", &format::datetime::to_text(at.0))
        .close();
    Some(writer.finish())
}

/// Whether this stands for a message that was taken back.
pub(super) fn is_tombstone(stanza: &Stanza) -> bool {
    memmem::find(stanza.bytes(), RETRACT.as_bytes()).is_some()
        && stanza.document().root().child("retracted", RETRACT).is_some()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tombstone_of(stored: &str, id: &str) -> Option<String> {
        let found = tombstone(stored.as_bytes(), id, "r1", Timestamp(0))?;
        Some(String::from_utf8(found).unwrap())
    }

    #[test]
    fn nothing_of_the_original_is_left_but_where_it_stood() {
        let stored = "<message from='a@b/c' to='d@e' type='chat' id='m1'><body>secret</body><thread>t</thread></message>";
        let expected = "<message from='a@b/c' to='d@e' type='chat' id='m1'>\
                        <retracted xmlns='urn:xmpp:message-retract:1' id='r1' stamp='1970-01-01T00:00:00Z'/></message>";
        assert_eq!(tombstone_of(stored, "m1").unwrap(), expected);
        assert_eq!(tombstone_of(stored, "m2"), None);
        assert_eq!(tombstone_of(expected, "m1"), None);
    }

    #[test]
    fn its_origin_id_names_what_has_no_id() {
        let stored = "<message from='a@b/c' to='d@e'><origin-id xmlns='urn:xmpp:sid:0' id='m1'/><body>x</body></message>";
        assert!(!tombstone_of(stored, "m1").unwrap().contains("body"));
        // What another stanza's author wrote into it does not make it this one.
        let other = stored.replace("to='d@e'", "to='d@e' id='m2'");
        assert_eq!(tombstone_of(&other, "m1"), None);
    }
}
