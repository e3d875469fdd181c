//! Subscriptions that their subscribers show to everybody (XEP-0465).
//!
//! A row counts only together with a subscription of the bare address that is in force, and goes with it.

use crate::ids::{JidNo, NodeNo};
use crate::read::{ReadError, Reader};
use crate::write::{Tx, Write, WriteError};

/// Shows somebody's subscription of their bare address to a node, or hides it again. [`WriteError::NotFound`] when there
/// is none to show.
#[must_use]
pub fn set(node: NodeNo, no: JidNo, is_shown: bool) -> Write {
    Write::new(0, move |tx| {
        if !is_shown {
            return forget(tx, node, no);
        }
        let there = tx.first(
            "SELECT 1 FROM subscriptions WHERE node = ?1 AND no = ?2 AND resource = '' LIMIT 1",
            (node, no),
            |_| Ok(()),
        )?;
        if there.is_none() {
            return Err(WriteError::NotFound);
        }
        tx.execute(
            "INSERT INTO shown_subscriptions (node, no) VALUES (?1, ?2) ON CONFLICT (node, no) DO NOTHING",
            (node, no),
        )
        .map(drop)
    })
}

fn forget(tx: &Tx<'_>, node: NodeNo, no: JidNo) -> Result<(), WriteError> {
    tx.execute(
        "DELETE FROM shown_subscriptions WHERE node = ?1 AND no = ?2",
        (node, no),
    )
    .map(drop)
}

/// A subscription has ended; perhaps there is another one to the same node.
pub(crate) fn ended(tx: &Tx<'_>, node: NodeNo, no: JidNo) -> Result<(), WriteError> {
    tx.execute(
        "DELETE FROM shown_subscriptions WHERE node = ?1 AND no = ?2 AND NOT EXISTS \
         (SELECT 1 FROM subscriptions s WHERE s.node = ?1 AND s.no = ?2 AND s.resource = '')",
        (node, no),
    )
    .map(drop)
}

/// The node is swept away.
pub(crate) fn forget_node(tx: &Tx<'_>, node: NodeNo) -> Result<(), WriteError> {
    tx.execute("DELETE FROM shown_subscriptions WHERE node = ?1", [node])
        .map(drop)
}

const IN_FORCE: &str = "EXISTS (SELECT 1 FROM subscriptions s WHERE s.node = p.node AND s.no = p.no AND s.resource = '' \
                        AND s.state = 'subscribed')";

impl Reader {
    /// Up to `limit` live nodes that somebody shows a subscription to, by number: whose, and what they are called there.
    pub fn shown_subscriptions(&self, no: JidNo, limit: u32) -> Result<Vec<(JidNo, String)>, ReadError> {
        let sql = format!(
            "SELECT n.owner, n.name FROM shown_subscriptions p JOIN nodes n ON n.no = p.node AND n.deleted = 0 \
             WHERE p.no = ?1 AND {IN_FORCE} ORDER BY p.node LIMIT ?2"
        );
        self.rows(&sql, (no, limit), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Up to `limit` accounts that show their subscription to a node, by number.
    pub fn shown_subscribers(&self, node: NodeNo, limit: u32) -> Result<Vec<JidNo>, ReadError> {
        let sql = format!(
            "SELECT p.no FROM shown_subscriptions p WHERE p.node = ?1 AND {IN_FORCE} ORDER BY p.no LIMIT ?2"
        );
        self.rows(&sql, (node, limit), |row| row.get(0))
    }

    /// Whether somebody shows a subscription to a node.
    pub fn is_shown(&self, node: NodeNo, no: JidNo) -> Result<bool, ReadError> {
        let sql =
            format!("SELECT 1 FROM shown_subscriptions p WHERE p.node = ?1 AND p.no = ?2 AND {IN_FORCE}");
        Ok(self.first(&sql, (node, no), |_| Ok(()))?.is_some())
    }
}
