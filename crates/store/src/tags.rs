//! Hash tags of items, written and removed with them. Folding a tag's case is its writer's business.

use crate::ids::PostId;
use crate::read::{ReadError, Reader};
use crate::write::{Tx, WriteError};

pub(crate) fn insert(tx: &Tx<'_>, post_id: PostId, tags: &[String]) -> Result<(), WriteError> {
    for tag in tags {
        tx.execute(
            "INSERT INTO item_tags (tag, post_id) VALUES (?1, ?2) ON CONFLICT (tag, post_id) DO NOTHING",
            (tag, post_id),
        )?;
    }
    Ok(())
}

pub(crate) fn delete(tx: &Tx<'_>, post_id: PostId) -> Result<(), WriteError> {
    tx.execute("DELETE FROM item_tags WHERE post_id = ?1", [post_id])
        .map(drop)
}

impl Reader {
    /// The tags of an item, in alphabetical order.
    pub fn tags(&self, post_id: PostId) -> Result<Vec<String>, ReadError> {
        self.rows(
            "SELECT tag FROM item_tags WHERE post_id = ?1 ORDER BY tag",
            [post_id],
            |row| row.get(0),
        )
    }
}
