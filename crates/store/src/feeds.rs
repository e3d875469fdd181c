//! People's feeds of posts besides their main blogs: which nodes they are, and who follows which.
//!
//! What makes a node a feed is decided above this crate; a row here and the node's configuration say the same, and are written
//! together.

use rusqlite::Row;

use crate::ids::{JidNo, NodeNo};
use crate::read::{ReadError, Reader};
use crate::write::{Tx, Write, WriteError};

/// A feed that somebody follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Whose it is.
    pub owner: JidNo,
    /// The node.
    pub node: NodeNo,
    /// What the node is called there.
    pub name: String,
}

fn followed(row: &Row<'_>) -> rusqlite::Result<Followed> {
    Ok(Followed {
        owner: row.get(0)?,
        node: row.get(1)?,
        name: row.get(2)?,
    })
}

/// Notes that a node is a feed from now on, or no more. [`WriteError::Exists`] when it has items: these were published
/// under other rules.
#[must_use]
pub fn set(node: NodeNo, is_feed: bool) -> Write {
    Write::new(0, move |tx| {
        let used = tx.first(
            "SELECT 1 FROM items i JOIN nodes n ON n.no = i.node AND i.post_id > n.hidden_to WHERE i.node = ?1 LIMIT 1",
            [node],
            |_| Ok(()),
        )?;
        if used.is_some() {
            return Err(WriteError::Exists);
        }
        if is_feed {
            let sql = "INSERT INTO feeds (node) VALUES (?1) ON CONFLICT (node) DO NOTHING";
            tx.execute(sql, [node]).map(drop)
        } else {
            forget(tx, node)
        }
    })
}

/// The node is swept away, or no feed any more.
pub(crate) fn forget(tx: &Tx<'_>, node: NodeNo) -> Result<(), WriteError> {
    tx.execute("DELETE FROM feeds WHERE node = ?1", [node]).map(drop)
}

impl Reader {
    /// The feeds that somebody has a subscription in this state to: people's nodes of this name, and those noted here,
    /// communities among them.
    pub fn followed(&self, no: JidNo, main: &str, state: &str) -> Result<Vec<Followed>, ReadError> {
        self.rows(
            "SELECT DISTINCT n.owner, n.no, n.name FROM subscriptions s \
             JOIN nodes n ON n.no = s.node AND n.deleted = 0 AND n.kind IN ('pep', 'service') \
             WHERE s.no = ?1 AND s.state = ?3 \
             AND ((n.kind = 'pep' AND n.name = ?2) OR EXISTS (SELECT 1 FROM feeds f WHERE f.node = n.no)) ORDER BY n.owner, n.no",
            (no, main, state),
            followed,
        )
    }
}
