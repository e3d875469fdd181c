//! XEP-0431: Full Text Search in MAM, <https://xmpp.org/extensions/xep-0431.html>. What counts as a word is in `format::search`.
//!
//! Hardly anybody searches, and everybody writes: an archive's words are indexed when its owner searches, those only that came
//! since the last search. Nobody's index costs who does not use it.

use format::search::words_of;
use store::archive::{ArchivedMessage, End, Selection};
use store::archive_words::{MessageWords, index};
use store::{JidNo, MessageId};
use wire::{Stanza, StanzaError, ns};

use super::keeping::stopping;
use crate::failures::{unreadable, unwritable};
use crate::server::Server;
use crate::xep::Xeps;

/// Messages indexed by one write.
const SLICE: u32 = 200;
/// What stands in the body of an encrypted message is for clients that cannot read it.
pub(super) const ENCRYPTED: [&str; 4] = [
    "urn:xmpp:omemo:2",
    "eu.siacs.conversations.axolotl",
    "urn:xmpp:openpgp:0",
    "urn:xmpp:eme:0",
];

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(431, "Full Text Search in MAM", "0.2.0")
        .feature(crate::iq::Target::OwnAccount, "urn:xmpp:fulltext:0");
}

/// Has the index hold everything that the archive holds by now.
pub(super) async fn make_ready(server: &Server, owner: JidNo) -> Result<(), StanzaError> {
    let reading = move |reader: &store::Reader| {
        let upto = reader.searched_upto(owner)?.unwrap_or(MessageId(i64::MIN));
        Ok((upto, reader.archive_end(owner, upto, End::Newest)?))
    };
    let (mut upto, newest) = server
        .store
        .read(reading)
        .await
        .map_err(|error| unreadable(&error))?;
    let Some((newest, _)) = newest else { return Ok(()) };
    while upto < newest {
        if server.shutdown.is_cancelled() {
            return Err(stopping());
        }
        let mut selection = Selection::all(owner);
        selection.begin_after(upto);
        let slice = server
            .store
            .read(move |reader| reader.archive_page(&selection, End::Oldest, SLICE));
        let slice = slice.await.map_err(|error| unreadable(&error))?;
        upto = match slice.messages.last() {
            Some(last) if slice.has_more => last.id,
            // Behind what there is there is nothing more, and something may have come meanwhile.
            last => last.map_or(newest, |last| last.id.max(newest)),
        };
        // Splitting text takes longer than reading it; others are to have their turn.
        let words = slice.messages.into_iter().map(words).collect();
        tokio::task::yield_now().await;
        let written = server.store.write(index(owner, words, upto)).await;
        written.map_err(|error| unwritable(&error))?;
    }
    Ok(())
}

fn words(message: ArchivedMessage) -> MessageWords {
    MessageWords {
        id: message.id,
        peer: message.peer,
        words: said(&message.stanza).join(" "),
        stanza: message.stanza,
    }
}

/// The words of a message: of its bodies and subjects, in whichever language.
fn said(stanza: &[u8]) -> Vec<String> {
    let Ok(stanza) = Stanza::parse(stanza) else {
        return Vec::new();
    };
    let document = stanza.document();
    let root = document.root();
    if root.children().any(|child| ENCRYPTED.contains(&child.ns())) {
        return Vec::new();
    }
    let texts = root
        .children()
        .filter(|child| child.ns() == ns::CLIENT && matches!(child.name(), "body" | "subject"));
    texts.flat_map(|child| words_of(&child.text())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said() {
        let of = |inner: &str| said(format!("<message from='a@b'>{inner}</message>").as_bytes()).join(" ");
        assert_eq!(
            of("<subject>One</subject><body>Two, three</body><body xml:lang='de'>Drei</body>"),
            "one two three drei"
        );
        assert_eq!(of("<active xmlns='http://jabber.org/protocol/chatstates'/>"), "");
        assert_eq!(
            of("<body>I sent you a secret</body><encrypted xmlns='urn:xmpp:omemo:2'/>"),
            ""
        );
    }
}
