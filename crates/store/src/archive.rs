//! Archives (XEP-0313): an owner's archived rows of the log of messages, in the order of their numbers, which is that in which
//! they came into the archive. Preferences are in `archive_preferences`, words in `archive_words`.
//!
//! A message's number is never of an earlier moment than its time. It is of a later one where the clock was set back, and where
//! a message waited to be let in.

use rusqlite::types::{Null, ToSql, ToSqlOutput};

use crate::archive_words;
use crate::ids::{JidNo, MessageId, Timestamp};
use crate::messages;
use crate::read::{PAGE_BYTES, ReadError, Reader};
use crate::write::{Tx, Write, WriteError};

/// Somebody with whom there are messages in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// The bare address on the other side.
    pub peer: JidNo,
    /// The same as text.
    pub jid: String,
    /// The last message.
    pub last: MessageId,
}

/// Which messages of an archive are meant: those between two numbers, neither included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Whose archive.
    pub owner: JidNo,
    /// Only those with this bare address on the other side.
    pub with: Option<JidNo>,
    /// Only those that have all these phrases; the archive's words are there up to some message only.
    pub phrases: Option<Vec<Vec<String>>>,
    /// Only those behind this one.
    pub after: MessageId,
    /// Only those ahead of this one.
    pub before: MessageId,
    /// Only those received at this time or later.
    pub since: Timestamp,
    /// Only those received at this time or sooner.
    pub until: Timestamp,
}

impl Selection {
    /// Everything in an archive.
    #[must_use]
    pub fn all(owner: JidNo) -> Selection {
        Selection {
            owner,
            with: None,
            phrases: None,
            after: MessageId(i64::MIN),
            before: MessageId(i64::MAX),
            since: Timestamp(i64::MIN),
            until: Timestamp(i64::MAX),
        }
    }

    /// Leaves out what was received before a time.
    pub fn begin_at(&mut self, time: Timestamp) {
        self.since = self.since.max(time);
        self.begin_after(MessageId(MessageId::first_at(time).0 - 1));
    }

    /// Leaves out what came after a time.
    pub fn end_at(&mut self, time: Timestamp) {
        self.until = self.until.min(time);
        self.end_before(MessageId::first_at(Timestamp(time.0.saturating_add(1))));
    }

    /// Leaves out what is not behind `id`.
    pub fn begin_after(&mut self, id: MessageId) {
        self.after = self.after.max(id);
    }

    /// Leaves out what is not ahead of `id`.
    pub fn end_before(&mut self, id: MessageId) {
        self.before = self.before.min(id);
    }
}

/// From which end of a selection a page is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The oldest messages.
    Oldest,
    /// The newest.
    Newest,
}

/// A message in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedMessage {
    /// Its number.
    pub id: MessageId,
    /// The bare address on the other side.
    pub peer: JidNo,
    /// When it was received.
    pub created: Timestamp,
    /// The stanza.
    pub stanza: Vec<u8>,
}

/// Part of a selection, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivePage {
    /// The messages.
    pub messages: Vec<ArchivedMessage>,
    /// Whether there are more towards the other end.
    pub has_more: bool,
}

const COLUMNS: &str = "o.id, o.peer, m.created, m.stanza";
const MESSAGE: &str = "CROSS JOIN messages m ON m.id = o.id AND m.created >= ?4 AND m.created <= ?5";

fn message(row: &rusqlite::Row<'_>) -> rusqlite::Result<ArchivedMessage> {
    Ok(ArchivedMessage {
        id: row.get(0)?,
        peer: row.get(1)?,
        created: row.get(2)?,
        stanza: row.get(3)?,
    })
}

/// What a selection is narrowed by, beside its range.
enum Filter {
    Nothing,
    Peer(JidNo),
    Words(String),
}

impl ToSql for Filter {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Filter::Nothing => Ok(ToSqlOutput::from(Null)),
            Filter::Peer(no) => no.to_sql(),
            Filter::Words(expression) => expression.to_sql(),
        }
    }
}

/// The query for a selection: `?1` is the owner, `?2` and `?3` the numbers, `?4` and `?5` the times, `?6` the most rows, `?7` the
/// filter. `None` where nothing can be found.
fn selected(selection: &Selection, columns: &str, end: End) -> Option<(String, Filter)> {
    let order = match end {
        End::Oldest => "",
        End::Newest => " DESC",
    };
    Some(match (&selection.phrases, selection.with) {
        (Some(phrases), with) => {
            let expression = archive_words::expression(phrases, selection.owner, with)?;
            // Entries grow as the numbers of an owner's messages do.
            let sql = format!(
                "SELECT {columns} FROM message_words CROSS JOIN message_word_rows w ON w.entry = message_words.rowid \
                 CROSS JOIN message_owners o ON o.owner = ?1 AND o.id = w.id AND o.archived = 1 {MESSAGE} \
                 WHERE message_words MATCH ?7 AND w.id > ?2 AND w.id < ?3 ORDER BY message_words.rowid{order} LIMIT ?6"
            );
            (sql, Filter::Words(expression))
        }
        (None, Some(with)) => {
            let sql = format!(
                "SELECT {columns} FROM message_owners o INDEXED BY message_owners_peer {MESSAGE} WHERE o.owner = ?1 \
                 AND o.peer = ?7 AND o.id > ?2 AND o.id < ?3 AND o.archived = 1 ORDER BY o.id{order} LIMIT ?6"
            );
            (sql, Filter::Peer(with))
        }
        (None, None) => {
            let sql = format!(
                "SELECT {columns} FROM message_owners o {MESSAGE} WHERE o.owner = ?1 AND o.id > ?2 AND o.id < ?3 \
                 AND o.archived = 1 AND ?7 IS NULL ORDER BY o.id{order} LIMIT ?6"
            );
            (sql, Filter::Nothing)
        }
    })
}

/// The values of [`selected`]'s query.
macro_rules! range {
    ($selection:expr, $most:expr, $filter:expr) => {{
        let Selection {
            owner,
            after,
            before,
            since,
            until,
            ..
        } = *$selection;
        (owner, after, before, since, until, $most, $filter)
    }};
}

impl Reader {
    /// Up to `limit` messages from one end of a selection; fewer once they hold [`PAGE_BYTES`], at least one if there is one.
    pub fn archive_page(
        &self,
        selection: &Selection,
        end: End,
        limit: u32,
    ) -> Result<ArchivePage, ReadError> {
        let weight = |message: &ArchivedMessage| message.stanza.len();
        let wanted = i64::from(limit) + 1;
        let mut messages = match selected(selection, COLUMNS, end) {
            None => Vec::new(),
            Some((sql, filter)) => {
                let values = range!(selection, wanted, filter);
                self.rows_within(&sql, values, message, weight)?
            }
        };
        let is_heavy = messages.iter().map(weight).sum::<usize>() >= PAGE_BYTES;
        let has_more = messages.len() > limit as usize || is_heavy;
        messages.truncate(limit as usize);
        if end == End::Newest {
            messages.reverse();
        }
        Ok(ArchivePage { messages, has_more })
    }

    /// How many messages a selection has, counted up to `most`.
    pub fn archive_count(&self, selection: &Selection, most: u32) -> Result<u64, ReadError> {
        match selected(selection, "1", End::Oldest) {
            None => Ok(0),
            Some((sql, filter)) => {
                let sql = format!("SELECT count(*) FROM ({sql})");
                self.count(&sql, range!(selection, i64::from(most), filter))
            }
        }
    }

    /// A message of an archive; `None` when it is not there.
    pub fn archived_message(
        &self,
        owner: JidNo,
        id: MessageId,
    ) -> Result<Option<ArchivedMessage>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM message_owners o CROSS JOIN messages m ON m.id = o.id \
             WHERE o.owner = ?1 AND o.id = ?2 AND o.archived = 1"
        );
        self.first(&sql, (owner, id), message)
    }

    /// Whether a message is in an archive.
    pub fn is_archived(&self, owner: JidNo, id: MessageId) -> Result<bool, ReadError> {
        let found = self.first(
            "SELECT 1 FROM message_owners WHERE owner = ?1 AND id = ?2 AND archived = 1",
            (owner, id),
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// The first or the last message of an archive behind `after`, and when it was received; `None` when there is none.
    pub fn archive_end(
        &self,
        owner: JidNo,
        after: MessageId,
        end: End,
    ) -> Result<Option<(MessageId, Timestamp)>, ReadError> {
        let order = match end {
            End::Oldest => "",
            End::Newest => " DESC",
        };
        let sql = format!(
            "SELECT o.id, m.created FROM message_owners o CROSS JOIN messages m ON m.id = o.id \
             WHERE o.owner = ?1 AND o.id > ?2 AND o.archived = 1 ORDER BY o.id{order} LIMIT 1"
        );
        self.first(&sql, (owner, after), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Up to `limit` conversations of an archive, the one with the latest message first; messages up to `behind` do not count.
    pub fn conversations(
        &self,
        owner: JidNo,
        behind: MessageId,
        limit: u32,
    ) -> Result<Vec<Conversation>, ReadError> {
        // From one address to the next in the index, without walking through the messages of each.
        self.rows(
            "WITH RECURSIVE peers (peer) AS ( \
                SELECT min(peer) FROM message_owners WHERE owner = ?1 UNION ALL \
                SELECT (SELECT min(o.peer) FROM message_owners o WHERE o.owner = ?1 AND o.peer > peers.peer) \
                FROM peers WHERE peers.peer IS NOT NULL), \
             ends (peer, last) AS ( \
                SELECT peer, (SELECT o.id FROM message_owners o INDEXED BY message_owners_peer WHERE o.owner = ?1 \
                AND o.peer = peers.peer AND o.id > ?2 AND o.archived = 1 ORDER BY o.id DESC LIMIT 1) \
                FROM peers WHERE peer IS NOT NULL) \
             SELECT e.peer, j.jid, e.last FROM ends e JOIN jids j ON j.no = e.peer WHERE e.last IS NOT NULL \
             ORDER BY e.last DESC LIMIT ?3",
            (owner, behind, limit),
            |row| {
                Ok(Conversation {
                    peer: row.get(0)?,
                    jid: row.get(1)?,
                    last: row.get(2)?,
                })
            },
        )
    }

    /// Up to `limit` entries of all archives with numbers between the two, neither included, in the order of the numbers.
    pub fn archived_between(
        &self,
        after: MessageId,
        before: MessageId,
        limit: u32,
    ) -> Result<Vec<(JidNo, MessageId)>, ReadError> {
        self.rows(
            "SELECT o.owner, o.id FROM messages m \
             CROSS JOIN message_owners o ON o.owner IN (m.sender, m.recipient) AND o.id = m.id \
             WHERE m.id > ?1 AND m.id < ?2 AND o.archived = 1 ORDER BY m.id LIMIT ?3",
            (after, before, limit),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// Up to `limit` of the oldest messages of an archive, those ahead of `before`.
    pub fn archived_before(
        &self,
        owner: JidNo,
        before: MessageId,
        limit: u32,
    ) -> Result<Vec<(JidNo, MessageId)>, ReadError> {
        self.rows(
            "SELECT owner, id FROM message_owners WHERE owner = ?1 AND id < ?2 AND archived = 1 ORDER BY id LIMIT ?3",
            (owner, before, limit),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }
}

/// Takes messages out of archives, their words too. What waits to be delivered still is; what nobody holds any more is deleted.
#[must_use]
pub fn remove(entries: Vec<(JidNo, MessageId)>) -> Write {
    Write::new(entries.len() * 16, move |tx| {
        entries
            .iter()
            .try_for_each(|(owner, id)| remove_one(tx, *owner, *id))
    })
}

fn remove_one(tx: &Tx<'_>, owner: JidNo, id: MessageId) -> Result<(), WriteError> {
    archive_words::forget(tx, owner, id)?;
    let waiting = tx.execute(
        "UPDATE message_owners SET archived = 0 WHERE owner = ?1 AND id = ?2 AND offline = 1",
        (owner, id),
    )?;
    let is_archived = "SELECT 1 FROM message_owners WHERE owner = ?1 AND id = ?2 AND archived = 1";
    if waiting == 0 && tx.first(is_archived, (owner, id), |_| Ok(()))?.is_some() {
        messages::disown(tx, owner, id)?;
    }
    Ok(())
}
