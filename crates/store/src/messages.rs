//! The one log of messages: the stanza once, and a small row for each owner, its sender and its recipient. Waiting to be
//! delivered is a mark on that row.
//!
//! What is kept, and for whom, is decided by whoever hands it in; queries of an archive are in `archive`.

use std::sync::Arc;

use crate::archive_words;
use crate::ids::{JidNo, MessageId, Timestamp};
use crate::read::{ReadError, Reader};
use crate::words::words;
use crate::write::{Retired, Tx, Write, WriteError};

words! {
    /// Which way a message went, seen from an owner.
    pub enum Direction {
        /// The owner received it.
        In = "in",
        /// The owner sent it.
        Out = "out",
    }
}

/// A message to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// Its number, from [`Store::next_message`](crate::Store::next_message).
    pub id: MessageId,
    /// When it was received.
    pub created: Timestamp,
    /// The bare JID that sent it.
    pub sender: JidNo,
    /// The bare JID that it was sent to.
    pub recipient: JidNo,
    /// What its author calls it, as a hash: the key by which they can take it back.
    pub told: Option<i64>,
    /// The stanza.
    pub stanza: Arc<[u8]>,
    /// For whom it is kept: its sender, its recipient, or both.
    pub owners: [Option<MessageOwner>; 2],
}

/// One for whom a message is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageOwner {
    /// The account (or room): the message's sender or its recipient.
    pub owner: JidNo,
    /// The other side.
    pub peer: JidNo,
    /// Which way it went.
    pub direction: Direction,
    /// Whether it waits to be delivered.
    pub offline: bool,
    /// Whether it stands in the owner's archive.
    pub archived: bool,
    /// Whether it waits until its owner wants to hear from the sender. Until then it is neither delivered nor found.
    pub requested: bool,
}

/// A message that waits to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineMessage {
    /// Its number.
    pub id: MessageId,
    /// When it was received.
    pub created: Timestamp,
    /// The bare JID that sent it.
    pub sender: JidNo,
    /// Whether it stands in the owner's archive.
    pub archived: bool,
    /// The stanza.
    pub stanza: Vec<u8>,
}

/// Keeps a message for its owners.
#[must_use]
pub fn append(message: NewMessage) -> Write {
    Write::new(message.stanza.len(), move |tx| {
        tx.execute(
            "INSERT INTO messages (id, created, sender, recipient, told, stanza) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                message.id,
                message.created,
                message.sender,
                message.recipient,
                message.told,
                &*message.stanza,
            ),
        )?;
        for owner in message.owners.iter().flatten() {
            tx.execute(
                "INSERT INTO message_owners (owner, id, peer, direction, offline, archived, requested) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                (
                    owner.owner,
                    message.id,
                    owner.peer,
                    owner.direction,
                    owner.offline,
                    owner.archived,
                    owner.requested,
                ),
            )?;
        }
        Ok(())
    })
}

/// Notes that these messages were delivered to the owner. What nobody's archive holds and nobody waits for is deleted.
#[must_use]
pub fn delivered(owner: JidNo, ids: Vec<MessageId>) -> Write {
    Write::new(ids.len() * 8, move |tx| {
        for id in &ids {
            let kept = tx.execute(
                "UPDATE message_owners SET offline = 0 WHERE owner = ?1 AND id = ?2 AND archived = 1",
                (owner, id),
            )?;
            if kept == 0 {
                disown(tx, owner, *id)?;
            }
        }
        Ok(())
    })
}

/// Has messages in the owner's archive wait again: they were sent to somebody who did not get them.
#[must_use]
pub fn undelivered(owner: JidNo, ids: Vec<MessageId>) -> Write {
    Write::new(ids.len() * 8, move |tx| {
        for id in &ids {
            tx.execute(
                "UPDATE message_owners SET offline = 1 WHERE owner = ?1 AND id = ?2 AND direction = 'in'",
                (owner, id),
            )?;
        }
        Ok(())
    })
}

/// What a stored stanza becomes when its author takes it back; `None` where it is not the one that was meant.
pub type Replace = Box<dyn Fn(&[u8]) -> Option<Vec<u8>> + Send>;

/// How many messages of one author under one name are looked at.
const NAMESAKES: u32 = 16;

/// Replaces the newest message from `sender` to `recipient` that its author calls `told` and that `replace` recognises,
/// older than `before`. Nothing of what it was is left.
#[must_use]
pub fn retract(sender: JidNo, recipient: JidNo, told: i64, before: MessageId, replace: Replace) -> Write {
    Write::new(0, move |tx| {
        let found: Vec<(MessageId, Vec<u8>)> = tx.rows(
            "SELECT id, stanza FROM messages WHERE sender = ?1 AND told = ?2 AND recipient = ?3 AND id < ?4 \
             ORDER BY id DESC LIMIT ?5",
            (sender, told, recipient, before, NAMESAKES),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let meant = found
            .iter()
            .find_map(|(id, stanza)| Some((*id, replace(stanza)?)));
        if let Some((id, instead)) = meant {
            tx.execute("UPDATE messages SET stanza = ?2 WHERE id = ?1", (id, instead))?;
            for owner in [sender, recipient] {
                archive_words::forget(tx, owner, id)?;
            }
        }
        Ok(())
    })
}

/// Takes a message from an owner, and the message itself where it has no other.
pub(crate) fn disown(tx: &Tx<'_>, owner: JidNo, id: MessageId) -> Result<(), WriteError> {
    tx.execute(
        "DELETE FROM message_owners WHERE owner = ?1 AND id = ?2",
        (owner, id),
    )?;
    let gone = tx.execute(
        "DELETE FROM messages WHERE id = ?1 \
         AND NOT EXISTS (SELECT 1 FROM message_owners o WHERE o.owner = messages.sender AND o.id = messages.id) \
         AND NOT EXISTS (SELECT 1 FROM message_owners o WHERE o.owner = messages.recipient AND o.id = messages.id)",
        [id],
    )?;
    if gone > 0 {
        tx.retire(Retired::Message, id.0)?;
    }
    Ok(())
}

impl Reader {
    /// Up to `limit` messages that wait to be delivered to the owner, the oldest first, those after `after`.
    pub fn offline_messages(
        &self,
        owner: JidNo,
        limit: u32,
        after: Option<MessageId>,
    ) -> Result<Vec<OfflineMessage>, ReadError> {
        self.rows_within(
            "SELECT m.id, m.created, m.sender, o.archived, m.stanza FROM message_owners o \
             JOIN messages m ON m.id = o.id WHERE o.owner = ?1 AND o.offline = 1 AND o.id > ?2 ORDER BY o.id LIMIT ?3",
            (owner, after.map_or(0, |id| id.0), limit),
            |row| {
                Ok(OfflineMessage {
                    id: row.get(0)?,
                    created: row.get(1)?,
                    sender: row.get(2)?,
                    archived: row.get(3)?,
                    stanza: row.get(4)?,
                })
            },
            |message| message.stanza.len(),
        )
    }

    /// The newest message from `sender` to `recipient` that its author calls `told`.
    pub fn message_called(
        &self,
        sender: JidNo,
        recipient: JidNo,
        told: i64,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        self.first(
            "SELECT stanza FROM messages WHERE sender = ?1 AND told = ?2 AND recipient = ?3 ORDER BY id DESC LIMIT 1",
            (sender, told, recipient),
            |row| row.get(0),
        )
    }

    /// How many messages wait to be delivered to the owner.
    pub fn offline_count(&self, owner: JidNo) -> Result<u64, ReadError> {
        self.count(
            "SELECT count(*) FROM message_owners WHERE owner = ?1 AND offline = 1",
            [owner],
        )
    }
}
