//! The words of archives (XEP-0431), for those only who search in theirs: what came since the last search is indexed at the
//! next. This file holds the only SQL for it; texts are split into words before they come here.

use crate::ids::{JidNo, MessageId};
use crate::read::{ReadError, Reader};
use crate::write::{Tx, Write, WriteError};

/// The words of a message in an archive.
#[derive(Clone, Debug)]
pub struct MessageWords {
    /// The message.
    pub id: MessageId,
    /// The bare address on the other side.
    pub peer: JidNo,
    /// The stanza of which they are.
    pub stanza: Vec<u8>,
    /// The words, with spaces between them; empty where nothing is said.
    pub words: String,
}

/// Writes the words of messages of an archive, in the order of their numbers, and that this is done up to `upto`. What changed
/// or went since it was read is left out.
///
/// Fails with [`WriteError::NotFound`] when there is no such account.
#[must_use]
pub fn index(owner: JidNo, messages: Vec<MessageWords>, upto: MessageId) -> Write {
    let bytes = messages
        .iter()
        .map(|one| one.words.len() + one.stanza.len())
        .sum();
    Write::new(bytes, move |tx| {
        tx.account(owner)?;
        let done = tx.first(
            "SELECT upto FROM searched_archives WHERE no = ?1",
            [owner],
            |row| row.get::<_, MessageId>(0),
        )?;
        for message in &messages {
            // Two searches at once may have read the same.
            if done.is_some_and(|done| message.id <= done) || message.words.is_empty() {
                continue;
            }
            let stored = tx.first(
                "SELECT m.stanza FROM message_owners o CROSS JOIN messages m ON m.id = o.id \
                 WHERE o.owner = ?1 AND o.id = ?2 AND o.archived = 1",
                (owner, message.id),
                |row| row.get::<_, Vec<u8>>(0),
            )?;
            if stored.as_ref() == Some(&message.stanza) {
                insert(tx, owner, message)?;
            }
        }
        tx.execute(
            "INSERT INTO searched_archives (no, upto) VALUES (?1, ?2) \
             ON CONFLICT (no) DO UPDATE SET upto = max(upto, excluded.upto)",
            (owner, upto),
        )
        .map(drop)
    })
}

fn insert(tx: &Tx<'_>, owner: JidNo, message: &MessageWords) -> Result<(), WriteError> {
    let entry = tx.first(
        "INSERT INTO message_word_rows (owner, id) VALUES (?1, ?2) RETURNING entry",
        (owner, message.id),
        |row| row.get::<_, i64>(0),
    )?;
    tx.execute(
        "INSERT INTO message_words (rowid, words, scope) VALUES (?1, ?2, ?3)",
        (
            entry,
            &message.words,
            format!("{} {}", scope(owner, None), scope(owner, Some(message.peer))),
        ),
    )
    .map(drop)
}

/// Removes the words of a message in an archive, if there are any.
pub(crate) fn forget(tx: &Tx<'_>, owner: JidNo, id: MessageId) -> Result<(), WriteError> {
    let entry = tx.first(
        "DELETE FROM message_word_rows WHERE owner = ?1 AND id = ?2 RETURNING entry",
        (owner, id),
        |row| row.get::<_, i64>(0),
    )?;
    if let Some(entry) = entry {
        tx.execute("DELETE FROM message_words WHERE rowid = ?1", [entry])?;
    }
    Ok(())
}

/// Removes up to so many messages' words of an account; says how many.
pub(crate) fn forget_some(tx: &Tx<'_>, owner: JidNo, most: usize) -> Result<usize, WriteError> {
    let ids: Vec<MessageId> = tx.rows(
        "SELECT id FROM message_word_rows WHERE owner = ?1 LIMIT ?2",
        (owner, most as i64),
        |row| row.get(0),
    )?;
    for id in &ids {
        forget(tx, owner, *id)?;
    }
    Ok(ids.len())
}

fn scope(owner: JidNo, with: Option<JidNo>) -> String {
    match with {
        None => format!("o{}", owner.0),
        Some(with) => format!("o{}p{}", owner.0, with.0),
    }
}

/// The search as the engine reads it: quoted, so that no word means anything but itself. `None` where nothing can be found.
pub(crate) fn expression(phrases: &[Vec<String>], owner: JidNo, with: Option<JidNo>) -> Option<String> {
    let quoted: Vec<_> = phrases
        .iter()
        .filter(|phrase| !phrase.is_empty())
        .map(|phrase| format!("\"{}\"", phrase.join(" ").replace(['"', '\0'], " ")))
        .collect();
    let scope = scope(owner, with);
    (!quoted.is_empty()).then(|| format!("scope : {scope} AND words : ({})", quoted.join(" AND ")))
}

impl Reader {
    /// Up to which message an archive's words are there; `None` when nobody searched in it.
    pub fn searched_upto(&self, owner: JidNo) -> Result<Option<MessageId>, ReadError> {
        self.first(
            "SELECT upto FROM searched_archives WHERE no = ?1",
            [owner],
            |row| row.get(0),
        )
    }
}
