//! What items say, by their words: full-text search. Written, replaced and removed with the item.
//!
//! Texts are split into words before they come here, so that what is found here is what is matched elsewhere. This
//! file holds the only SQL for full-text search; who may read what is found is not decided here.

use crate::ids::{NodeNo, PostId, Seq, Timestamp};
use crate::items::Item;
use crate::items_read::{COLUMNS, VISIBLE_ANYWHERE, after, before, item, weight};
use crate::read::{ReadError, Reader};
use crate::write::{Tx, Write, WriteError};

/// The job of indexing what an earlier version stored: its state is the number up to which it is done.
pub const INDEX_WORDS: &str = "index-words";

/// Where something is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In one node.
    Node(NodeNo),
    /// In the public stream.
    Public,
}

impl Scope {
    fn word(self) -> String {
        match self {
            Scope::Node(node) => format!("n{}", node.0),
            Scope::Public => PUBLIC.to_owned(),
        }
    }
}

const PUBLIC: &str = "public";

/// Writes an item's words, of which there are none yet.
pub(crate) fn insert(
    tx: &Tx<'_>,
    post_id: PostId,
    node: NodeNo,
    in_public: bool,
    words: &str,
) -> Result<(), WriteError> {
    if words.is_empty() {
        return Ok(());
    }
    let mut scope = Scope::Node(node).word();
    if in_public {
        scope.push(' ');
        scope.push_str(PUBLIC);
    }
    tx.execute(
        "INSERT INTO item_words (rowid, words, scope) VALUES (?1, ?2, ?3)",
        (post_id, words, scope),
    )
    .map(drop)
}

/// Removes an item's words.
pub(crate) fn delete(tx: &Tx<'_>, post_id: PostId) -> Result<(), WriteError> {
    tx.execute("DELETE FROM item_words WHERE rowid = ?1", [post_id])
        .map(drop)
}

/// The words of an item that was stored without them.
#[derive(Clone, Debug)]
pub struct Words {
    /// The item.
    pub post_id: PostId,
    /// The revision of which they are.
    pub seq: Seq,
    /// The words, with spaces between them.
    pub words: String,
}

/// Writes the words of items that were stored without them, and that this is done up to `upto`. An item that was changed
/// since it was read has its words already.
#[must_use]
pub fn index(items: Vec<Words>, upto: PostId, at: Timestamp) -> Write {
    let bytes = items.iter().map(|item| item.words.len()).sum();
    let note = crate::jobs::put(INDEX_WORDS, 0, upto.0.to_string(), at);
    let words = Write::new(bytes, move |tx| {
        for item in &items {
            let there = tx.first(
                "SELECT node, in_public FROM items WHERE post_id = ?1 AND seq = ?2",
                (item.post_id, item.seq),
                |row| Ok((row.get::<_, NodeNo>(0)?, row.get::<_, bool>(1)?)),
            )?;
            if let Some((node, in_public)) = there {
                delete(tx, item.post_id)?;
                insert(tx, item.post_id, node, in_public, &item.words)?;
            }
        }
        Ok(())
    });
    Write::all(vec![words, note])
}

/// The search as the engine reads it: quoted, so that no word means anything but itself. `None` where nothing can be
/// found.
fn expression(phrases: &[Vec<String>], scope: Scope) -> Option<String> {
    let quoted: Vec<_> = phrases
        .iter()
        .filter(|phrase| !phrase.is_empty())
        .map(|phrase| format!("\"{}\"", phrase.join(" ").replace(['"', '\0'], " ")))
        .collect();
    (!quoted.is_empty()).then(|| format!("scope : {} AND words : ({})", scope.word(), quoted.join(" AND ")))
}

const FOUND: &str = "FROM item_words CROSS JOIN items i ON i.post_id = item_words.rowid";

impl Reader {
    /// Up to `limit` items that have all these phrases, the newest first, those older than `bound`.
    pub fn newest_with_words(
        &self,
        phrases: &[Vec<String>],
        scope: Scope,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<Item>, ReadError> {
        let Some(expression) = expression(phrases, scope) else {
            return Ok(Vec::new());
        };
        let sql = format!(
            "SELECT {COLUMNS} {FOUND} {VISIBLE_ANYWHERE} WHERE item_words MATCH ?1 AND item_words.rowid < ?2 \
             ORDER BY item_words.rowid DESC LIMIT ?3"
        );
        self.rows_within(&sql, (expression, before(bound), limit), item, weight)
    }

    /// Up to `limit` items that have all these phrases, the oldest first, those newer than `bound`.
    pub fn oldest_with_words(
        &self,
        phrases: &[Vec<String>],
        scope: Scope,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<Item>, ReadError> {
        let Some(expression) = expression(phrases, scope) else {
            return Ok(Vec::new());
        };
        let sql = format!(
            "SELECT {COLUMNS} {FOUND} {VISIBLE_ANYWHERE} WHERE item_words MATCH ?1 AND item_words.rowid > ?2 \
             ORDER BY item_words.rowid LIMIT ?3"
        );
        self.rows_within(&sql, (expression, after(bound), limit), item, weight)
    }

    /// Whether an item has all these phrases.
    pub fn has_words(
        &self,
        post_id: PostId,
        phrases: &[Vec<String>],
        scope: Scope,
    ) -> Result<bool, ReadError> {
        let Some(expression) = expression(phrases, scope) else {
            return Ok(false);
        };
        let found = self.first(
            "SELECT 1 FROM item_words WHERE item_words MATCH ?1 AND rowid = ?2",
            (expression, post_id),
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Up to `limit` items of all nodes above this number, the oldest first.
    pub fn items_above(&self, post_id: PostId, limit: u32) -> Result<Vec<Item>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items i {VISIBLE_ANYWHERE} WHERE i.post_id > ?1 ORDER BY i.post_id LIMIT ?2"
        );
        self.rows_within(&sql, (post_id, limit), item, weight)
    }
}
