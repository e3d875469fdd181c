//! The one log of messages: the body once, one small row for each owner. Offline is a mark on that row.

use crate::ids::{JidNo, MessageId, Timestamp};
use crate::read::{ReadError, Reader};
use crate::words::words;
use crate::write::Write;

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
    /// The stanza.
    pub stanza: Vec<u8>,
    /// For whom it is kept.
    pub owners: Vec<MessageOwner>,
}

/// One for whom a message is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageOwner {
    /// The account (or room).
    pub owner: JidNo,
    /// The other side.
    pub peer: JidNo,
    /// Its id in the owner's archive.
    pub archive_id: String,
    /// Which way it went.
    pub direction: Direction,
    /// Whether it waits to be delivered.
    pub offline: bool,
    /// Whether it stands in the owner's archive.
    pub archived: bool,
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
    /// Its id in the owner's archive.
    pub archive_id: String,
    /// The stanza.
    pub stanza: Vec<u8>,
}

/// Keeps a message for its owners.
#[must_use]
pub fn append(message: NewMessage) -> Write {
    Write::new(message.stanza.len(), move |tx| {
        tx.execute(
            "INSERT INTO messages (id, created, sender, recipient, stanza) VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                message.id,
                message.created,
                message.sender,
                message.recipient,
                &message.stanza,
            ),
        )?;
        for owner in &message.owners {
            tx.execute(
                "INSERT INTO message_owners (owner, id, peer, archive_id, direction, offline, archived) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                (
                    owner.owner,
                    message.id,
                    owner.peer,
                    &owner.archive_id,
                    owner.direction,
                    owner.offline,
                    owner.archived,
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
            tx.execute(
                "UPDATE message_owners SET offline = 0 WHERE owner = ?1 AND id = ?2 AND archived = 1",
                (owner, id),
            )?;
            tx.execute(
                "DELETE FROM message_owners WHERE owner = ?1 AND id = ?2 AND archived = 0",
                (owner, id),
            )?;
            tx.execute(
                "DELETE FROM messages WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM message_owners WHERE id = ?1)",
                [id],
            )?;
        }
        Ok(())
    })
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
            "SELECT m.id, m.created, m.sender, o.archive_id, m.stanza FROM message_owners o \
             JOIN messages m ON m.id = o.id WHERE o.owner = ?1 AND o.offline = 1 AND o.id > ?2 ORDER BY o.id LIMIT ?3",
            (owner, after.map_or(0, |id| id.0), limit),
            |row| {
                Ok(OfflineMessage {
                    id: row.get(0)?,
                    created: row.get(1)?,
                    sender: row.get(2)?,
                    archive_id: row.get(3)?,
                    stanza: row.get(4)?,
                })
            },
            |message| message.stanza.len(),
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
