//! Pubsub nodes: who owns them, what they are called, how they are configured. Kind, access and configuration are
//! words of the rules above this crate.

use rusqlite::Row;

use crate::changes;
use crate::communities;
use crate::ids::{JidNo, NodeNo, Timestamp};
use crate::read::{ReadError, Reader};
use crate::sweep::Sweep;
use crate::write::{Tx, Write, WriteError};

/// A live node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its number, from [`Store::next_node`](crate::Store::next_node).
    pub no: NodeNo,
    /// The bare JID that it lives at.
    pub owner: JidNo,
    /// Its name there.
    pub name: String,
    /// What kind of node it is.
    pub kind: String,
    /// Who may read it.
    pub access: String,
    /// Its configuration.
    pub config: String,
    /// When it was made.
    pub created: Timestamp,
}

const COLUMNS: &str = "no, owner, name, kind, access, config, created";

fn node(row: &Row<'_>) -> rusqlite::Result<Node> {
    Ok(Node {
        no: row.get(0)?,
        owner: row.get(1)?,
        name: row.get(2)?,
        kind: row.get(3)?,
        access: row.get(4)?,
        config: row.get(5)?,
        created: row.get(6)?,
    })
}

/// Makes a node. [`WriteError::Exists`] when its owner has a live one of that name.
#[must_use]
pub fn create(node: Node) -> Write {
    Write::new(node.name.len() + node.config.len(), move |tx| {
        let inserted = tx.execute(
            "INSERT INTO nodes (no, owner, name, kind, access, config, created, deleted, hidden_to) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0) ON CONFLICT (owner, name) WHERE deleted = 0 DO NOTHING",
            (node.no, node.owner, &node.name, &node.kind, &node.access, &node.config, node.created),
        )?;
        if inserted == 0 {
            Err(WriteError::Exists)
        } else {
            Ok(())
        }
    })
}

/// Replaces a node's access and configuration. [`WriteError::NotFound`] when there is no such live node.
#[must_use]
pub fn configure(no: NodeNo, access: String, config: String) -> Write {
    Write::new(config.len(), move |tx| {
        let sql = "UPDATE nodes SET access = ?2, config = ?3 WHERE no = ?1 AND deleted = 0";
        if tx.execute(sql, (no, &access, &config))? == 0 {
            return Err(WriteError::NotFound);
        }
        changes::reopened(tx, no)
    })
}

/// Deletes a node: gone for every reader with the commit; items, subscriptions and affiliations are swept afterwards.
/// Its name is free again at once.
#[must_use]
pub fn delete(no: NodeNo, at: Timestamp) -> Write {
    Write::new(0, move |tx| {
        if tx.execute(
            "UPDATE nodes SET deleted = 1, hidden_to = ?2 WHERE no = ?1 AND deleted = 0",
            (no, i64::MAX),
        )? == 0
        {
            return Err(WriteError::NotFound);
        }
        tx.forget_node(no);
        communities::forget(tx, no)?;
        Sweep::Node(no).start(tx, at)
    })
}

/// Deletes every node of an owner, as [`delete`] does.
pub(crate) fn delete_all_of(tx: &mut Tx<'_>, owner: JidNo, at: Timestamp) -> Result<(), WriteError> {
    let live = tx.rows(
        "SELECT no FROM nodes WHERE owner = ?1 AND deleted = 0",
        [owner],
        |row| row.get(0),
    )?;
    tx.execute(
        "UPDATE nodes SET deleted = 1, hidden_to = ?2 WHERE owner = ?1",
        (owner, i64::MAX),
    )?;
    for no in live {
        tx.forget_node(no);
        Sweep::Node(no).start(tx, at)?;
    }
    Ok(())
}

impl Reader {
    /// The live node of this name at this owner.
    pub fn node(&self, owner: JidNo, name: &str) -> Result<Option<Node>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM nodes WHERE owner = ?1 AND name = ?2 AND deleted = 0");
        self.first(&sql, (owner, name), node)
    }

    /// The live node with this number.
    pub fn node_numbered(&self, no: NodeNo) -> Result<Option<Node>, ReadError> {
        self.first(
            &format!("SELECT {COLUMNS} FROM nodes WHERE no = ?1 AND deleted = 0"),
            [no],
            node,
        )
    }

    /// Up to `limit` live nodes of an owner, by name, those after `after`; none that belongs to an item.
    pub fn nodes(&self, owner: JidNo, after: &str, limit: u32) -> Result<Vec<Node>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM nodes WHERE owner = ?1 AND name > ?2 AND deleted = 0 AND kind <> 'computed' ORDER BY name LIMIT ?3"
        );
        self.rows(&sql, (owner, after, limit), node)
    }

    /// Up to `limit` live nodes of all owners, by number, those after `after`.
    pub fn all_nodes(&self, after: NodeNo, limit: u32) -> Result<Vec<Node>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM nodes WHERE no > ?1 AND deleted = 0 ORDER BY no LIMIT ?2");
        self.rows(&sql, (after, limit), node)
    }

    /// How many live nodes an owner has.
    pub fn node_count(&self, owner: JidNo) -> Result<u64, ReadError> {
        self.count(
            "SELECT count(*) FROM nodes WHERE owner = ?1 AND deleted = 0",
            [owner],
        )
    }
}
