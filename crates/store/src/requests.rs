//! First messages of strangers: with whom they wait, which do, and whose pass.
//!
//! A message that waits is a row with `requested = 1`: neither archived nor offline. What becomes of it is decided above.

use crate::ids::{JidNo, MessageId, Timestamp};
use crate::messages::disown;
use crate::read::{ReadError, Reader};
use crate::write::Write;

/// Whether the first messages of strangers wait with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// They come like anybody's.
    Pass,
    /// They wait until they are accepted.
    Wait,
}

/// A stranger whose messages wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRequest {
    /// Who wrote.
    pub sender: JidNo,
    /// Their bare JID.
    pub jid: String,
    /// How many messages wait.
    pub count: u32,
    /// The newest of them.
    pub newest: MessageId,
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingMessage {
    /// Its number.
    pub id: MessageId,
    /// When it was received.
    pub created: Timestamp,
    /// The stanza.
    pub stanza: Vec<u8>,
}

/// Sets whether the first messages of strangers wait.
///
/// Fails with [`WriteError::NotFound`](crate::WriteError::NotFound) when there is no such account.
#[must_use]
pub fn choose(owner: JidNo, strangers: Strangers) -> Write {
    Write::new(0, move |tx| {
        tx.account(owner)?;
        let sql = match strangers {
            Strangers::Wait => "INSERT INTO strangers_wait (no) VALUES (?1) ON CONFLICT (no) DO NOTHING",
            Strangers::Pass => "DELETE FROM strangers_wait WHERE no = ?1",
        };
        tx.execute(sql, [owner]).map(drop)
    })
}

/// Notes that a sender is a stranger no more.
///
/// Fails with [`WriteError::NotFound`](crate::WriteError::NotFound) when there is no such account.
#[must_use]
pub fn accept(owner: JidNo, sender: JidNo) -> Write {
    Write::new(0, move |tx| {
        tx.account(owner)?;
        tx.execute(
            "INSERT INTO accepted_senders (owner, sender) VALUES (?1, ?2) ON CONFLICT (owner, sender) DO NOTHING",
            (owner, sender),
        )
        .map(drop)
    })
}

/// Deletes what waits of a sender with an account; the sender's own archive keeps it.
#[must_use]
pub fn discard(owner: JidNo, sender: JidNo) -> Write {
    Write::new(0, move |tx| {
        let ids: Vec<MessageId> = tx.rows(
            "SELECT id FROM message_owners WHERE owner = ?1 AND requested = 1 AND peer = ?2",
            (owner, sender),
            |row| row.get(0),
        )?;
        ids.into_iter().try_for_each(|id| disown(tx, owner, id))
    })
}

/// What waited comes now: each message under its new number, with the time and the author's name that it had, waiting to be
/// delivered. What does not wait any more is left as it is.
#[must_use]
pub fn release(owner: JidNo, moves: Vec<(MessageId, MessageId)>, archived: bool) -> Write {
    Write::new(moves.len() * 16, move |tx| {
        for (old, new) in &moves {
            let copied = tx.execute(
                "INSERT INTO messages (id, created, sender, recipient, told, stanza) \
                 SELECT ?2, m.created, m.sender, m.recipient, m.told, m.stanza FROM messages m \
                 JOIN message_owners o ON o.owner = ?3 AND o.id = m.id AND o.requested = 1 WHERE m.id = ?1",
                (old, new, owner),
            )?;
            if copied == 0 {
                continue;
            }
            tx.execute(
                "INSERT INTO message_owners (owner, id, peer, direction, offline, archived, requested) \
                 SELECT owner, ?2, peer, direction, 1, ?4, 0 FROM message_owners WHERE owner = ?3 AND id = ?1",
                (old, new, owner, archived),
            )?;
            disown(tx, owner, *old)?;
        }
        Ok(())
    })
}

impl Reader {
    /// The accounts with which the first messages of strangers wait.
    pub fn strangers_wait(&self) -> Result<Vec<JidNo>, ReadError> {
        self.rows("SELECT no FROM strangers_wait ORDER BY no", [], |row| row.get(0))
    }

    /// Whether an account has accepted a sender, or has written to them.
    pub fn has_accepted(&self, owner: JidNo, sender: JidNo) -> Result<bool, ReadError> {
        let accepted = self.first(
            "SELECT 1 FROM accepted_senders WHERE owner = ?1 AND sender = ?2 \
             UNION ALL SELECT 1 FROM message_owners WHERE owner = ?1 AND peer = ?2 AND direction = 'out' LIMIT 1",
            (owner, sender),
            |_| Ok(()),
        )?;
        Ok(accepted.is_some())
    }

    /// The strangers whose messages wait with an account, the latest first.
    pub fn message_requests(&self, owner: JidNo) -> Result<Vec<MessageRequest>, ReadError> {
        self.rows(
            "SELECT o.peer, j.jid, count(*), max(o.id) FROM message_owners o JOIN jids j ON j.no = o.peer \
             WHERE o.owner = ?1 AND o.requested = 1 GROUP BY o.peer ORDER BY max(o.id) DESC",
            [owner],
            |row| {
                Ok(MessageRequest {
                    sender: row.get(0)?,
                    jid: row.get(1)?,
                    count: row.get(2)?,
                    newest: row.get(3)?,
                })
            },
        )
    }

    /// How many strangers' messages wait with an account, and how many messages of this one.
    pub fn waiting_counts(&self, owner: JidNo, sender: JidNo) -> Result<(u64, u64), ReadError> {
        let senders = self.count(
            "SELECT count(DISTINCT peer) FROM message_owners WHERE owner = ?1 AND requested = 1",
            [owner],
        )?;
        let messages = self.count(
            "SELECT count(*) FROM message_owners WHERE owner = ?1 AND requested = 1 AND peer = ?2",
            (owner, sender),
        )?;
        Ok((senders, messages))
    }

    /// What waits of one sender, the oldest first.
    pub fn waiting_messages(&self, owner: JidNo, sender: JidNo) -> Result<Vec<WaitingMessage>, ReadError> {
        self.rows_within(
            "SELECT m.id, m.created, m.stanza FROM message_owners o JOIN messages m ON m.id = o.id \
             WHERE o.owner = ?1 AND o.requested = 1 AND o.peer = ?2 ORDER BY o.id",
            (owner, sender),
            |row| {
                Ok(WaitingMessage {
                    id: row.get(0)?,
                    created: row.get(1)?,
                    stanza: row.get(2)?,
                })
            },
            |message| message.stanza.len(),
        )
    }
}
