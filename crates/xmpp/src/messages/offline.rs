//! Messages for people who are away: kept, and delivered when they come (XEP-0160 v1.0.1,
//! <https://xmpp.org/extensions/xep-0160.html>; the delay of XEP-0203).
//!
//! Delivered messages stay in the log for the archive; being offline is a mark on the owner's row.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use store::messages::OfflineMessage;
use store::{JidNo, MessageId, Timestamp};
use wire::{Jid, Stanza, StanzaError, Writer, ns};

use super::copies::write_id;
use super::{Otherwise, retraction};
use crate::failures::unreadable;
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::Outgoing;

/// How many messages wait for one account at most; then the sender is told (§3).
pub const KEPT_MAX: u64 = 1_000;
/// How many are read and delivered at a time.
const PAGE: u32 = 100;

/// Whether one more may wait for an account. What is archived anyway is not refused for want of room: it is only not told
/// again.
pub(super) async fn room(server: &Server, owner: JidNo, is_archived: bool) -> Result<Otherwise, StanzaError> {
    let waiting = server.store.read(move |reader| reader.offline_count(owner)).await;
    match waiting.map_err(|error| unreadable(&error))? {
        count if count < KEPT_MAX => Ok(Otherwise::Waits),
        _ if is_archived => Ok(Otherwise::Passes),
        _ => Err(StanzaError::service_unavailable()),
    }
}

/// Delivers what waits to somebody who is there to read it.
pub(crate) async fn deliver_to_anybody(server: &Arc<Server>, owner: JidNo) {
    let sessions = server.registry.sessions(owner);
    let reachable =
        |session: &&Arc<Session>| session.routing.priority().is_some_and(|priority| priority >= 0);
    if let Some(session) = sessions.iter().find(reachable) {
        deliver(server, session).await;
    }
}

/// Delivers messages that waited for the account's decision to everybody who is there to read, and says whether anybody is.
pub(crate) fn deliver_to_all(server: &Server, owner: JidNo, messages: &[OfflineMessage]) -> bool {
    let mut delivered = false;
    for session in server.registry.sessions(owner).iter() {
        if session.routing.priority().is_none_or(|priority| priority < 0) {
            continue;
        }
        for out in messages
            .iter()
            .filter_map(|message| late(server, session, message))
        {
            delivered |= session.send(out).is_ok();
        }
    }
    delivered
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
    // What was handed in before is older than what comes now, and is to be told first.
    server.store.wait(server.store.newest_ticket()).await;
    loop {
        let page = server
            .store
            .read(move |reader| reader.offline_messages(owner, PAGE, None))
            .await?;
        if page.is_empty() {
            return Ok(());
        }
        let mut sent: Vec<MessageId> = Vec::with_capacity(page.len());
        let mut told = 0;
        for message in page {
            match outgoing(server, session, &message) {
                None => {}
                Some(out) => {
                    // What strangers left may be more than a session can leave unread.
                    if !session.room().await || session.send(out).is_err() {
                        break;
                    }
                    told += 1;
                }
            }
            sent.push(message.id);
        }
        if sent.is_empty() {
            return Ok(());
        }
        server.metrics.messages.add(told);
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

/// XEP-0313 §5.1.2: a session reads its archive, and is not told again what it finds there: all that came until now.
pub(crate) fn reads_archive(server: &Server, session: &Session) {
    session.routing.set_archive_read_to(server.store.next_message());
}

/// A waiting message as a session gets it, with its id in the archive and when it was sent; `None` where it has no need of it.
fn outgoing(server: &Server, session: &Session, message: &OfflineMessage) -> Option<Outgoing> {
    let read_to = session.routing.archive_read_to();
    if message.archived && read_to.is_some_and(|read_to| message.id < read_to) {
        return None;
    }
    late(server, session, message)
}

/// The same for a session that cannot have found it yet.
fn late(server: &Server, session: &Session, message: &OfflineMessage) -> Option<Outgoing> {
    let stanza = Stanza::parse(&*message.stanza).ok()?;
    // XEP-0191 §3.3: what somebody left who was blocked since is not shown any more.
    let is_blocked = server.blocks.of(session.no).is_some()
        && stanza
            .from()
            .and_then(|from| Jid::parse(&from).ok())
            .is_some_and(|from| server.blocks.blocks(session.no, message.sender, &from));
    // What was taken back says nothing to who never saw it.
    if is_blocked || retraction::is_tombstone(&stanza) {
        return None;
    }
    let mut marks = delay(session.jid.domain(), message.created);
    if message.archived {
        write_id(server, (session.no, &session.jid), message.id, &mut marks);
    }
    let mut bytes = Vec::with_capacity(stanza.bytes().len() + marks.len() + 16);
    stanza.write_with_children(&marks, &mut bytes);
    Some(Outgoing::Stanza(bytes.into()))
}

/// XEP-0203's mark.
fn delay(from: &str, at: Timestamp) -> Vec<u8> {
    let mut delay = Writer::new();
    delay
        .open("delay")
        .ns(ns::DELAY)
        .attr("from", from)
        .attr("stamp", &format::datetime::to_text(at.0))
        .close();
    delay.finish()
}
