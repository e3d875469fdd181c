//! Messages for people who are away: kept, and delivered when they come (XEP-0160 v1.0.1,
//! <https://xmpp.org/extensions/xep-0160.html>; the delay of XEP-0203).
//!
//! Delivered messages stay in the log for the archive; being offline is a mark on the owner's row.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use store::messages::{Direction, MessageOwner, NewMessage, OfflineMessage};
use store::{JidNo, MessageId, Timestamp};
use wire::{Jid, Stanza, StanzaError, Writer, ns};

use crate::failures::{unreadable, unwritable};
use crate::router::refuse;
use crate::sender::Sender;
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::Outgoing;

/// How many messages wait for one account at most; then the sender is told (§3).
pub const KEPT_MAX: u64 = 1_000;
/// How many are read and delivered at a time.
const PAGE: u32 = 100;

/// Keeps a message for later. The sender hears only of failure.
pub(super) async fn keep(server: &Arc<Server>, sender: &Sender, stanza: Stanza, owner: JidNo) {
    if !is_worth_keeping(&stanza) {
        return;
    }
    // What is stored names its sender, who may be from outside and have no number yet.
    let from = match server.number(sender.jid().bare_str()).await {
        Ok(from) => from,
        Err(error) => return refuse(server, sender, &stanza, &error),
    };
    let waiting = server.store.read(move |reader| reader.offline_count(owner)).await;
    match waiting {
        Ok(count) if count < KEPT_MAX => {}
        Ok(_) => return refuse(server, sender, &stanza, &StanzaError::service_unavailable()),
        Err(error) => return refuse(server, sender, &stanza, &unreadable(&error)),
    }
    let id = server.store.next_message();
    let mark = MessageOwner {
        owner,
        peer: from,
        direction: Direction::In,
        offline: true,
        archived: false,
        requested: false,
    };
    let message = NewMessage {
        id,
        created: server.clock.now(),
        sender: from,
        recipient: owner,
        told: None,
        stanza: stanza.shared(),
        owners: [Some(mark), None],
    };
    // Queued in the order in which they were sent; the sender's next stanza does not wait for the commit.
    let pending = server.store.write(store::messages::append(message));
    server.metrics.offline.add(1);
    let (server, sender) = (server.clone(), sender.clone());
    let tasks = server.tasks.clone();
    tasks.spawn(async move {
        if let Err(error) = pending.await {
            return refuse(&server, &sender, &stanza, &unwritable(&error));
        }
        // Somebody may have come just before it was stored, and have found nothing.
        let sessions = server.registry.sessions(owner);
        let reachable =
            |session: &&Arc<Session>| session.routing.priority().is_some_and(|priority| priority >= 0);
        if let Some(other) = sessions.iter().find(reachable) {
            deliver(&server, other).await;
        }
    });
}

/// §3: chat states alone and what its sender does not want stored are not kept.
fn is_worth_keeping(stanza: &Stanza) -> bool {
    let document = stanza.document();
    let root = document.root();
    let is_forbidden = root.child("no-store", ns::HINTS).is_some();
    let has_content = root
        .children()
        .any(|child| !matches!(child.ns(), CHAT_STATES | ns::HINTS) && !child.is("thread", ns::CLIENT));
    !is_forbidden && has_content
}

/// XEP-0085.
const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";

/// Delivers what waits to somebody who is there to read it.
pub(crate) async fn deliver_to_anybody(server: &Arc<Server>, owner: JidNo) {
    let sessions = server.registry.sessions(owner);
    let reachable =
        |session: &&Arc<Session>| session.routing.priority().is_some_and(|priority| priority >= 0);
    if let Some(session) = sessions.iter().find(reachable) {
        deliver(server, session).await;
    }
}

/// Delivers what waits to a session, oldest first. Only one delivery of an account is under way at a time, so that nothing
/// comes twice; whoever asks meanwhile makes it look once more.
pub(crate) async fn deliver(server: &Arc<Server>, session: &Arc<Session>) {
    match server.flushing.lock().entry(session.no) {
        Entry::Occupied(mut under_way) => {
            under_way.insert(Flush::Again);
            return;
        }
        Entry::Vacant(free) => free.insert(Flush::Once),
    };
    loop {
        if let Err(error) = flush(server, session).await {
            tracing::warn!(%error, "offline messages were not delivered");
        }
        let mut flushing = server.flushing.lock();
        if flushing.insert(session.no, Flush::Once) != Some(Flush::Again) {
            flushing.remove(&session.no);
            return;
        }
    }
}

/// What is asked of a delivery that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flush {
    /// Nothing more.
    Once,
    /// To look again when it is done.
    Again,
}

async fn flush(server: &Arc<Server>, session: &Arc<Session>) -> Result<(), store::ReadError> {
    let owner = session.no;
    loop {
        let page = server
            .store
            .read(move |reader| reader.offline_messages(owner, PAGE, None))
            .await?;
        if page.is_empty() {
            return Ok(());
        }
        let mut sent: Vec<MessageId> = Vec::with_capacity(page.len());
        for message in page {
            // XEP-0191 §3.3: what somebody left who was blocked since is not shown any more.
            if is_from_blocked(server, owner, &message) {
                sent.push(message.id);
                continue;
            }
            // What strangers left may be more than a session can leave unread.
            if !session.room().await {
                break;
            }
            let stanza = with_delay(&message.stanza, session.jid.domain(), message.created);
            if session.send(Outgoing::Stanza(stanza.into())).is_err() {
                break;
            }
            sent.push(message.id);
        }
        if sent.is_empty() {
            return Ok(());
        }
        server.metrics.messages.add(sent.len() as u64);
        if server
            .store
            .write(store::messages::delivered(owner, sent))
            .await
            .is_err()
        {
            // They come again at the next login: twice is better than never.
            return Ok(());
        }
    }
}

/// Whether the owner blocks who sent a stored message.
fn is_from_blocked(server: &Server, owner: JidNo, message: &OfflineMessage) -> bool {
    server.blocks.of(owner).is_some()
        && Stanza::parse(message.stanza.clone())
            .ok()
            .and_then(|stanza| Jid::parse(&stanza.from()?).ok())
            .is_some_and(|from| server.blocks.blocks(owner, message.sender, &from))
}

/// Adds XEP-0203's mark to a stored message, which ends with its end tag.
fn with_delay(stanza: &[u8], from: &str, at: Timestamp) -> Vec<u8> {
    const END: &[u8] = b"</message>";
    let Some(content) = stanza.strip_suffix(END) else {
        return stanza.to_vec();
    };
    let mut delay = Writer::new();
    delay
        .open("delay")
        .ns(ns::DELAY)
        .attr("from", from)
        .attr("stamp", &format::datetime::to_text(at.0))
        .close();
    [content, &delay.finish(), END].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn is_kept(content: &str) -> bool {
        let stanza = std::format!("<message to='a@b' type='chat'>{content}</message>");
        is_worth_keeping(&Stanza::parse(stanza.into_bytes()).unwrap())
    }

    #[test]
    fn chat_states_alone_are_not_kept() {
        assert!(is_kept(
            "<body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/>"
        ));
        assert!(is_kept("<received xmlns='urn:xmpp:receipts' id='1'/>"));
        assert!(!is_kept(
            "<composing xmlns='http://jabber.org/protocol/chatstates'/><thread>1</thread>"
        ));
        assert!(!is_kept("<body>hi</body><no-store xmlns='urn:xmpp:hints'/>"));
    }

    #[test]
    fn the_delay_stands_inside_the_message() {
        let marked = with_delay(b"<message><body>hi</body></message>", "example.org", Timestamp(0));
        assert_eq!(
            String::from_utf8(marked).unwrap(),
            "<message><body>hi</body><delay xmlns='urn:xmpp:delay' from='example.org' stamp='1970-01-01T00:00:00Z'/></message>"
        );
    }
}
