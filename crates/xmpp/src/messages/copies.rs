//! The ids and the copies that an account's own sessions get: XEP-0359 §5, <https://xmpp.org/extensions/xep-0359.html>, and
//! XEP-0280 §7 and §8, <https://xmpp.org/extensions/xep-0280.html>. Made once for all sessions of an account.
//!
//! Who gets one is decided in `messages`.

use std::sync::Arc;

use store::{JidNo, MessageId};
use wire::{Jid, Stanza, Writer, escape_attr, ns, write_framed};

use super::content::Side;
use crate::server::Server;
use crate::session::mailbox::{Address, Outgoing, SharedOut};

/// A message as the sessions of one account get it.
pub(super) struct Version<'s> {
    bytes: Arc<[u8]>,
    stanza: &'s Stanza,
    side: Side,
    copy: Option<Arc<SharedOut>>,
}

impl<'s> Version<'s> {
    /// The version of an account on one side; `id` is the message's number where its archive has it.
    pub fn of(
        server: &Server,
        stanza: &'s Stanza,
        side: Side,
        owner: (JidNo, &Jid),
        id: Option<MessageId>,
    ) -> Version<'s> {
        let bytes = match id {
            None => stanza.shared(),
            Some(id) => {
                let mut children = Vec::with_capacity(128);
                write_id(server, owner, id, &mut children);
                let mut bytes = Vec::with_capacity(stanza.bytes().len() + children.len() + 16);
                stanza.write_with_children(&children, &mut bytes);
                bytes.into()
            }
        };
        Version {
            bytes,
            stanza,
            side,
            copy: None,
        }
    }

    /// The message itself.
    pub fn original(&self) -> Outgoing {
        Outgoing::Stanza(self.bytes.clone())
    }

    /// A copy of it, for another session than those that it was for.
    pub fn copy(&mut self) -> Outgoing {
        let copy = self.copy.get_or_insert_with(|| {
            let side = self.side;
            Arc::new(wrapped(&self.bytes, self.stanza.type_().as_deref(), side))
        });
        Outgoing::Shared(copy.clone())
    }
}

/// XEP-0280 §7: from the account itself, of the type of what it holds (XEP-0297).
fn wrapped(message: &[u8], kind: Option<&str>, side: Side) -> SharedOut {
    const NAME: &[u8] = b"<message";
    let name = match side {
        Side::Sent => "sent",
        Side::Received => "received",
    };
    let mut framed = Vec::with_capacity(message.len() + 32);
    write_framed(message, &mut framed);
    let mut writer = Writer::appending(Vec::with_capacity(framed.len() + 160));
    writer.open("message").attr_opt("type", kind);
    writer.open(name).ns(ns::CARBONS);
    writer.open("forwarded").ns(ns::FORWARD);
    writer.raw(&framed).close().close().close();
    let written = writer.finish();
    SharedOut {
        address: Address::ToFullFromOwnBare,
        head: b"<message to='"[..].into(),
        tail: [b"'", written.strip_prefix(NAME).unwrap_or_default()]
            .concat()
            .into(),
    }
}

/// Appends the id of a message in an account's archive.
pub(super) fn write_id(server: &Server, (owner, jid): (JidNo, &Jid), id: MessageId, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<stanza-id xmlns='urn:xmpp:sid:0' id='");
    out.extend_from_slice(server.archive_ids.archive_id(owner, id).as_str().as_bytes());
    out.extend_from_slice(b"' by='");
    escape_attr(jid.bare_str(), out);
    out.extend_from_slice(b"'/>");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::session::Session;

    #[test]
    fn a_copy_is_from_the_account_and_holds_the_message() {
        let message = b"<message from='juliet@capulet.example/balcony' to='romeo@montague.example/garden' type='chat'><body>hi</body></message>";
        let session = Session::detached(1, Jid::parse("romeo@montague.example/home").unwrap(), JidNo(1));
        let out = wrapped(message, Some("chat"), Side::Received);
        session.send(Outgoing::Shared(Arc::new(out))).unwrap();
        assert_eq!(
            String::from_utf8(session.drain().remove(0)).unwrap(),
            "<message to='romeo@montague.example/home' from='romeo@montague.example' type='chat'>\
             <received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>\
             <message xmlns='jabber:client' from='juliet@capulet.example/balcony' to='romeo@montague.example/garden' \
             type='chat'><body>hi</body></message></forwarded></received></message>"
        );
    }
}
