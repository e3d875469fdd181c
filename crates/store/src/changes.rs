//! What changed since a place in the order of commits: new revisions of items, and what is gone.
//!
//! A deletion is noted in its own transaction. Only the newest [`KEPT`] are kept; who asks for what was before the oldest of
//! these is told so by [`Reader::knows_deletions_since`]. Who may read what is not decided here.

use crate::ids::{JidNo, NodeNo, PostId, Seq, Timestamp};
use crate::items::Item;
use crate::items_read::{COLUMNS, item};
use crate::read::{ReadError, Reader};
use crate::write::{Tx, Write, WriteError};

/// Deletions that are remembered, of the whole server.
pub const KEPT: i64 = 250_000;
/// Up to where deletions are forgotten.
const FORGOTTEN: &str = "gone";

/// What happened at one place in the order of commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The place.
    pub seq: Seq,
    /// The node.
    pub node: NodeNo,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The item of this number has its present revision since then.
    Item(PostId),
    /// The item is gone.
    Gone {
        /// Its number.
        post_id: PostId,
        /// Its id in its node.
        item_id: String,
    },
    /// All items that the node had are gone.
    Emptied,
}

/// Which changes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Those after it.
    pub since: Seq,
    /// Not those after it.
    pub upto: Seq,
    /// Of each node, or of the whole stream.
    pub limit: u32,
}

/// An item that is gone.
pub(crate) struct Gone<'a> {
    pub(crate) node: NodeNo,
    /// `None`: all that the node had.
    pub(crate) item_id: Option<&'a str>,
    pub(crate) post_id: PostId,
    pub(crate) was_public: bool,
    /// Whether it is gone from its own node, and not only from the public stream.
    pub(crate) is_gone: bool,
}

/// Notes that something is gone, and forgets what was noted long ago.
pub(crate) fn gone(tx: &mut Tx<'_>, gone: &Gone<'_>) -> Result<(), WriteError> {
    let seq = tx.next_seq()?;
    tx.execute(
        "INSERT INTO gone_items (seq, node, item_id, post_id, was_public, is_gone) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (
            seq,
            gone.node,
            gone.item_id,
            gone.post_id,
            gone.was_public,
            gone.is_gone,
        ),
    )?;
    // Numbers are given without gaps, since only the oldest go.
    let excess: Option<Option<Seq>> = tx.first(
        "SELECT max(seq) FROM gone_items WHERE no <= (SELECT max(no) FROM gone_items) - ?1",
        [KEPT],
        |row| row.get(0),
    )?;
    if let Some(oldest) = excess.flatten() {
        tx.execute(
            "DELETE FROM gone_items WHERE seq <= ?1 AND no <= (SELECT max(no) FROM gone_items) - ?2",
            (oldest, KEPT),
        )?;
        tx.execute(
            "INSERT INTO counters (name, value) VALUES (?1, ?2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (FORGOTTEN, oldest),
        )?;
    }
    Ok(())
}

/// Notes that two people stand to each other in another way than before.
pub(crate) fn related(tx: &mut Tx<'_>, no: JidNo, other: JidNo) -> Result<(), WriteError> {
    let seq = tx.next_seq()?;
    for (no, other) in [(no, other), (other, no)] {
        tx.execute(
            "INSERT INTO relation_changes (no, other, seq) VALUES (?1, ?2, ?3) \
             ON CONFLICT (no, other) DO UPDATE SET seq = excluded.seq",
            (no, other, seq),
        )?;
    }
    Ok(())
}

/// Notes that other people than before may read a node.
pub(crate) fn reopened(tx: &mut Tx<'_>, node: NodeNo) -> Result<(), WriteError> {
    let seq = tx.next_seq()?;
    tx.execute("UPDATE nodes SET changed = ?2 WHERE no = ?1", (node, seq))
        .map(drop)
}

/// The kind of the job of having a node's items listed as the node is; its subject is the node.
pub const LISTING: &str = "listing";

/// Keeps what a node will hold out of the public stream and the tags, or lets it in. For what it holds already a job is
/// noted, as for what follows from a deletion: see [`list_items`].
#[must_use]
pub fn list(node: NodeNo, is_unlisted: bool, at: Timestamp) -> Write {
    Write::new(0, move |tx| {
        tx.forget_node(node);
        let changed = tx.execute(
            "UPDATE nodes SET is_unlisted = ?2 WHERE no = ?1 AND deleted = 0 AND is_unlisted <> ?2",
            (node, is_unlisted),
        )?;
        if changed == 0 {
            return Ok(());
        }
        let state = tx.next_seq()?.0.to_string();
        tx.execute(
            "INSERT INTO jobs (kind, subject, state, created) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (kind, subject) DO UPDATE SET state = excluded.state",
            (LISTING, node, state, at),
        )?;
        tx.follow_up();
        Ok(())
    })
}

/// Forgets the job of a node's listing, unless it was listed otherwise since `state`.
#[must_use]
pub fn listed(node: NodeNo, state: String) -> Write {
    Write::new(state.len(), move |tx| {
        tx.execute(
            "DELETE FROM jobs WHERE kind = ?1 AND subject = ?2 AND state = ?3",
            (LISTING, node, &state),
        )
        .map(drop)
    })
}

/// Takes items of a node out of the public stream and the tags, or lets them in, as far as the node is so listed now.
#[must_use]
pub fn list_items(node: NodeNo, posts: Vec<PostId>, is_unlisted: bool) -> Write {
    let (before, after) = if is_unlisted { (1, 2) } else { (2, 1) };
    Write::new(8 * posts.len(), move |tx| {
        let head = tx.node(node)?;
        if head.is_unlisted != is_unlisted {
            return Ok(());
        }
        for post_id in &posts {
            let changed = tx.execute(
                "UPDATE items SET in_public = ?3 WHERE post_id = ?1 AND node = ?2 AND in_public = ?4 \
                 AND post_id > ?5",
                (post_id, node, after, before, head.hidden_to),
            )?;
            if changed == 0 {
                continue;
            }
            if is_unlisted {
                let item_id: Option<String> =
                    tx.first("SELECT item_id FROM items WHERE post_id = ?1", [post_id], |row| {
                        row.get(0)
                    })?;
                let left = Gone {
                    node,
                    item_id: item_id.as_deref(),
                    post_id: *post_id,
                    was_public: true,
                    is_gone: false,
                };
                gone(tx, &left)?;
            } else {
                // It comes to the stream now, at the end of what was committed.
                let seq = tx.next_seq()?;
                tx.execute("UPDATE items SET seq = ?2 WHERE post_id = ?1", (post_id, seq))?;
            }
        }
        Ok(())
    })
}

fn change(row: &rusqlite::Row<'_>) -> rusqlite::Result<Change> {
    Ok(Change {
        seq: row.get(0)?,
        node: row.get(1)?,
        what: What::Item(row.get(2)?),
    })
}

fn gone_change(row: &rusqlite::Row<'_>) -> rusqlite::Result<Change> {
    let item_id: Option<String> = row.get(3)?;
    Ok(Change {
        seq: row.get(0)?,
        node: row.get(1)?,
        what: match item_id {
            Some(item_id) => What::Gone {
                post_id: row.get(2)?,
                item_id,
            },
            None => What::Emptied,
        },
    })
}

impl Reader {
    /// Whether every deletion after a place in the order of commits is remembered.
    pub fn knows_deletions_since(&self, seq: Seq) -> Result<bool, ReadError> {
        let forgotten: Option<Seq> =
            self.first("SELECT value FROM counters WHERE name = ?1", [FORGOTTEN], |row| {
                row.get(0)
            })?;
        Ok(forgotten.is_none_or(|forgotten| seq >= forgotten))
    }

    /// The newest changes of a node in a window, the newest first; items that are hidden are left out, and so are deletions
    /// of ids that are there again.
    pub fn changes_of(&self, node: NodeNo, window: Window, into: &mut Vec<Change>) -> Result<(), ReadError> {
        let Window { since, upto, limit } = window;
        into.extend(self.rows(
            "SELECT i.seq, i.node, i.post_id FROM items i WHERE i.node = ?1 AND i.seq > ?2 AND i.seq <= ?3 \
             AND i.post_id > (SELECT hidden_to FROM nodes WHERE no = ?1) ORDER BY i.seq DESC LIMIT ?4",
            (node, since, upto, limit),
            change,
        )?);
        into.extend(self.rows(
            "SELECT g.seq, g.node, g.post_id, g.item_id FROM gone_items g WHERE g.is_gone = 1 AND g.node = ?1 \
             AND g.seq > ?2 AND g.seq <= ?3 AND NOT EXISTS (SELECT 1 FROM items i WHERE i.node = g.node AND \
             i.item_id = g.item_id AND i.post_id > (SELECT hidden_to FROM nodes WHERE no = ?1)) \
             ORDER BY g.seq DESC LIMIT ?4",
            (node, since, upto, limit),
            gone_change,
        )?);
        Ok(())
    }

    /// The newest item of a node.
    pub fn newest_change_of(&self, node: NodeNo) -> Result<Option<Change>, ReadError> {
        self.first(
            "SELECT i.seq, i.node, i.post_id FROM items i WHERE i.node = ?1 \
             AND i.post_id > (SELECT hidden_to FROM nodes WHERE no = ?1) ORDER BY i.post_id DESC LIMIT 1",
            [node],
            change,
        )
    }

    /// The oldest changes of the public stream in a window, the oldest first: what came, and what left and did
    /// not come back.
    pub fn public_changes(&self, window: Window) -> Result<Vec<Change>, ReadError> {
        let Window { since, upto, limit } = window;
        let mut changes = self.rows(
            "SELECT i.seq, i.node, i.post_id FROM items i WHERE i.in_public = 1 AND i.seq > ?1 AND i.seq <= ?2 \
             ORDER BY i.seq LIMIT ?3",
            (since, upto, limit),
            change,
        )?;
        changes.extend(self.rows(
            "SELECT g.seq, g.node, g.post_id, g.item_id FROM gone_items g WHERE g.was_public = 1 \
             AND g.seq > ?1 AND g.seq <= ?2 \
             AND NOT EXISTS (SELECT 1 FROM items i WHERE i.post_id = g.post_id AND i.in_public = 1) \
             ORDER BY g.seq LIMIT ?3",
            (since, upto, limit),
            gone_change,
        )?);
        changes.sort_unstable_by_key(|change| change.seq);
        changes.truncate(limit as usize);
        Ok(changes)
    }

    /// When it last changed how others stand to somebody, each other with its place in the order of commits.
    pub fn relations_changed_since(&self, no: JidNo, since: Seq) -> Result<Vec<JidNo>, ReadError> {
        self.rows(
            "SELECT other FROM relation_changes WHERE no = ?1 AND seq > ?2",
            (no, since),
            |row| row.get(0),
        )
    }

    /// The live nodes at an address, each with its name and when it last changed who may read it.
    pub fn nodes_at(&self, owner: JidNo, into: &mut Vec<(NodeNo, String, Seq)>) -> Result<(), ReadError> {
        into.extend(self.rows(
            "SELECT no, name, changed FROM nodes WHERE owner = ?1 AND deleted = 0 AND kind <> 'computed'",
            [owner],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?);
        Ok(())
    }

    /// Up to `limit` public items of a node above `bound` by number that are not listed as the node is, the oldest first.
    pub fn to_list(
        &self,
        node: NodeNo,
        is_unlisted: bool,
        bound: PostId,
        limit: u32,
    ) -> Result<Vec<Item>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items i WHERE i.node = ?1 AND i.post_id > ?2 AND i.in_public = ?3 \
             AND i.post_id > (SELECT hidden_to FROM nodes WHERE no = ?1) ORDER BY i.post_id LIMIT ?4"
        );
        let before = if is_unlisted { 1 } else { 2 };
        self.rows(&sql, (node, bound, before, limit), item)
    }
}
