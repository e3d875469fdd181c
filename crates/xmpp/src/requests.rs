//! First messages of strangers: for accounts that choose so they wait until they are accepted. What clients ask of it is in
//! `xep/requests`; the message itself is kept by `messages`.
//!
//! A stranger is an account that the recipient has neither in the roster, nor follows, nor has written to, nor accepted.
//! Services are no strangers. The sender is told nothing: neither that a message waits, nor what became of it.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::{Mutex, RwLock};
use store::messages::OfflineMessage;
use store::requests::{Strangers, WaitingMessage};
use store::{JidNo, Store, Write};
use wire::{Jid, Stanza, StanzaError, ns};

use crate::failures::{unreadable, unwritable};
use crate::messages::{offline, prefs};
use crate::server::Server;

/// How many strangers' messages wait for one account at most; then theirs are refused.
pub const STRANGERS_MAX: u64 = 100;
/// How many messages of one stranger wait.
pub const MESSAGES_MAX: u64 = 10;
/// Pairs of which is remembered that they know each other.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// What is to become of a message to an account with which strangers' messages wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on as any message.
    Pass,
    /// It is kept for the recipient's decision, and nobody is told of it but whoever asked for that.
    Wait,
    /// Nothing becomes of it.
    Drop,
    /// Its sender is told this.
    Refuse(StanzaError),
}

/// Who lets strangers wait, and who knows whom.
pub(crate) struct Requests {
    store: Store,
    wanting: RwLock<HashSet<JidNo>>,
    /// Owner and sender; only what is true is remembered.
    accepted: Mutex<LruCache<(JidNo, JidNo), ()>>,
}

impl Requests {
    /// Reads who lets strangers wait.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn load(store: Store) -> Result<Requests, StanzaError> {
        let wanting = store.read(store::Reader::strangers_wait).await;
        let wanting = wanting.map_err(|error| unreadable(&error))?;
        Ok(Requests {
            store,
            wanting: RwLock::new(wanting.into_iter().collect()),
            accepted: Mutex::new(LruCache::unbounded()),
        })
    }

    /// Whether strangers' messages wait with an account.
    pub(crate) fn wants(&self, owner: JidNo) -> bool {
        let wanting = self.wanting.read();
        !wanting.is_empty() && wanting.contains(&owner)
    }

    /// Stores what an account chose; counts once it is stored.
    pub(crate) async fn choose(&self, owner: JidNo, strangers: Strangers) -> Result<(), StanzaError> {
        let written = self.store.write(store::requests::choose(owner, strangers)).await;
        written.map_err(|error| unwritable(&error))?;
        let mut wanting = self.wanting.write();
        match strangers {
            Strangers::Wait => wanting.insert(owner),
            Strangers::Pass => wanting.remove(&owner),
        };
        Ok(())
    }

    fn remember(&self, owner: JidNo, sender: JidNo) {
        let mut accepted = self.accepted.lock();
        accepted.put((owner, sender), ());
        if accepted.len() > REMEMBERED.get() {
            accepted.pop_lru();
        }
    }

    fn is_remembered(&self, owner: JidNo, sender: JidNo) -> bool {
        self.accepted.lock().get(&(owner, sender)).is_some()
    }

    /// Notes that an account writes to somebody, who from now on is no stranger to it. Returns at once.
    pub(crate) fn wrote(&self, server: &Arc<Server>, owner: JidNo, to: JidNo) {
        if !self.wants(owner) || owner == to || self.is_remembered(owner, to) {
            return;
        }
        self.remember(owner, to);
        let task = server.clone();
        server.tasks.spawn(async move {
            if let Err(error) = accept(&task, owner, to).await {
                tracing::warn!(%error, "it was not kept that somebody is no stranger");
                task.requests.accepted.lock().pop(&(owner, to));
            }
        });
    }
}

/// Judges a message of an account to one that [`Requests::wants`] it, after blocking.
pub(crate) async fn guard(
    server: &Server,
    owner: JidNo,
    sender: JidNo,
    from: &Jid,
    stanza: &Stanza,
) -> Verdict {
    let kind = stanza.type_();
    // An error answers something that was said; what is for rooms is refused anyway.
    let is_exempt = matches!(kind.as_deref(), Some("error" | "groupchat"));
    if owner == sender || is_exempt || from.node().is_none() {
        return Verdict::Pass;
    }
    match is_known(server, owner, sender).await {
        Ok(true) => return Verdict::Pass,
        Ok(false) => {}
        Err(error) => return Verdict::Refuse(error),
    }
    // Nobody is there for a stranger: not for what is for this moment alone.
    if kind.as_deref() == Some("headline") || !says_something(stanza) {
        return Verdict::Drop;
    }
    let counts = server
        .store
        .read(move |reader| reader.waiting_counts(owner, sender))
        .await;
    match counts {
        Ok((strangers, messages))
            if messages >= MESSAGES_MAX || (messages == 0 && strangers >= STRANGERS_MAX) =>
        {
            Verdict::Refuse(StanzaError::service_unavailable())
        }
        Ok(_) => Verdict::Wait,
        Err(error) => Verdict::Refuse(unreadable(&error)),
    }
}

/// Whether a sender is no stranger to an account.
async fn is_known(server: &Server, owner: JidNo, sender: JidNo) -> Result<bool, StanzaError> {
    if server.requests.is_remembered(owner, sender) {
        return Ok(true);
    }
    // Not remembered: a contact may be removed, a follow ended.
    let roster = server.rosters.of(owner).await?;
    if roster.with(|roster| roster.contact(sender).is_some()) {
        return Ok(true);
    }
    let follows = server.timelines.is_following(owner, sender).await;
    if follows.map_err(crate::xep::pubsub::errors::on_the_wire)? {
        return Ok(true);
    }
    let accepted = server
        .store
        .read(move |reader| reader.has_accepted(owner, sender))
        .await;
    let is_accepted = accepted.map_err(|error| unreadable(&error))?;
    if is_accepted {
        server.requests.remember(owner, sender);
    }
    Ok(is_accepted)
}

/// Namespaces of what tells of the moment, or of another message, and says nothing by itself.
const SILENT: [&str; 4] = [
    "http://jabber.org/protocol/chatstates",
    "urn:xmpp:receipts",
    "urn:xmpp:chat-markers:0",
    ns::HINTS,
];

/// Whether there is anything to be read in it that may be stored.
fn says_something(stanza: &Stanza) -> bool {
    let document = stanza.document();
    let root = document.root();
    let is_forbidden = ["no-store", "no-permanent-store"]
        .into_iter()
        .any(|hint| root.child(hint, ns::HINTS).is_some());
    !is_forbidden
        && root
            .children()
            .any(|child| !SILENT.contains(&child.ns()) && !child.is("thread", ns::CLIENT))
}

/// A sender is no stranger any more: what waits of them comes now, as what came while nobody was there.
pub(crate) async fn accept(server: &Arc<Server>, owner: JidNo, sender: JidNo) -> Result<(), StanzaError> {
    write(server, store::requests::accept(owner, sender)).await?;
    server.requests.remember(owner, sender);
    let mut has_waited = false;
    loop {
        let waiting = waiting_messages(server, owner, sender).await?;
        if waiting.is_empty() {
            break;
        }
        has_waited = true;
        arrive(server, owner, sender, waiting).await?;
    }
    if has_waited {
        crate::xep::requests::tell(server, owner, sender).await;
    }
    Ok(())
}

/// What waits of one sender, the oldest first; a page of it, where it is long.
pub(crate) async fn waiting_messages(
    server: &Server,
    owner: JidNo,
    sender: JidNo,
) -> Result<Vec<WaitingMessage>, StanzaError> {
    let read = server
        .store
        .read(move |reader| reader.waiting_messages(owner, sender));
    read.await.map_err(|error| unreadable(&error))
}

async fn write(server: &Server, write: Write) -> Result<(), StanzaError> {
    let written = server.store.write(write).await;
    written.map(drop).map_err(|error| unwritable(&error))
}

/// Waiting messages become messages that were received now, with new numbers: a client that reads its archive from where it
/// stopped finds them. When they were sent stays what is told of them.
async fn arrive(
    server: &Arc<Server>,
    owner: JidNo,
    sender: JidNo,
    waiting: Vec<WaitingMessage>,
) -> Result<(), StanzaError> {
    let name = server.store.jids().name(sender).await;
    let name = name.map_err(|error| unreadable(&error))?;
    let jid = name.and_then(|name| Jid::parse(&name).ok());
    prefs::learn(server, owner).await?;
    let archived = jid.is_none_or(|jid| prefs::wish(server, owner, sender, &jid) != prefs::Wish::NotArchived);
    let mut late = Vec::with_capacity(waiting.len());
    let pending = {
        // Numbered and handed in within one turn, as everything in an archive.
        let _turn = server.order.turn(owner, sender);
        let mut moves = Vec::with_capacity(waiting.len());
        for message in waiting {
            let id = server.store.next_message();
            moves.push((message.id, id));
            late.push(OfflineMessage {
                id,
                created: message.created,
                sender,
                archived,
                stanza: message.stanza,
            });
        }
        server
            .store
            .write(store::requests::release(owner, moves, archived))
    };
    pending.await.map_err(|error| unwritable(&error))?;
    if offline::deliver_to_all(server, owner, &late) {
        let ids = late.iter().map(|message| message.id).collect();
        write(server, store::messages::delivered(owner, ids)).await?;
    }
    Ok(())
}

/// What waits of a sender goes, unread; they stay a stranger.
pub(crate) async fn decline(server: &Server, owner: JidNo, sender: JidNo) -> Result<(), StanzaError> {
    write(server, store::requests::discard(owner, sender)).await?;
    crate::xep::requests::tell(server, owner, sender).await;
    Ok(())
}

/// What waits of those whom an account blocks goes.
pub(crate) async fn blocked(server: &Server, owner: JidNo) -> Result<(), StanzaError> {
    let waiting = server
        .store
        .read(move |reader| reader.message_requests(owner))
        .await;
    for request in waiting.map_err(|error| unreadable(&error))? {
        let is_blocked =
            Jid::parse(&request.jid).is_ok_and(|jid| server.blocks.blocks(owner, request.sender, &jid));
        if is_blocked {
            decline(server, owner, request.sender).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_says_nothing_waits_for_nobody() {
        let says = |content: &str| {
            let stanza = std::format!("<message to='a@b'>{content}</message>");
            says_something(&Stanza::parse(stanza.into_bytes()).unwrap())
        };
        assert!(says(
            "<body>hi</body><composing xmlns='http://jabber.org/protocol/chatstates'/>"
        ));
        assert!(says("<encrypted xmlns='eu.siacs.conversations.axolotl'/>"));
        assert!(!says(
            "<composing xmlns='http://jabber.org/protocol/chatstates'/><thread>1</thread>"
        ));
        assert!(!says("<received xmlns='urn:xmpp:receipts' id='1'/>"));
        assert!(!says("<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>"));
        assert!(!says("<body>hi</body><no-store xmlns='urn:xmpp:hints'/>"));
        assert!(!says(""));
    }
}
