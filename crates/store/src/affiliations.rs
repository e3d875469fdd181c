//! Who stands in which relation to a node (XEP-0060 §4.1). The words are those of the rules above this crate.

use crate::changes;
use crate::ids::{JidNo, NodeNo};
use crate::read::{ReadError, Reader};
use crate::write::Write;

/// Gives somebody an affiliation to a node, or replaces it.
#[must_use]
pub fn set(node: NodeNo, no: JidNo, affiliation: String) -> Write {
    Write::new(0, move |tx| {
        // A deleted node gets nothing that would have to be swept again.
        tx.node(node)?;
        tx.execute(
            "INSERT INTO affiliations (node, no, affiliation) VALUES (?1, ?2, ?3) \
             ON CONFLICT (node, no) DO UPDATE SET affiliation = excluded.affiliation",
            (node, no, &affiliation),
        )?;
        changes::reopened(tx, node)
    })
}

/// Takes somebody's affiliation away. Does nothing when there is none.
#[must_use]
pub fn remove(node: NodeNo, no: JidNo) -> Write {
    Write::new(0, move |tx| {
        tx.execute("DELETE FROM affiliations WHERE node = ?1 AND no = ?2", (node, no))?;
        changes::reopened(tx, node)
    })
}

/// An affiliation seen from the one who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffiliationOf {
    /// The node.
    pub node: NodeNo,
    /// The bare JID that the node lives at.
    pub owner: JidNo,
    /// The node's name there.
    pub name: String,
    /// The affiliation.
    pub affiliation: String,
}

impl Reader {
    /// All affiliations to a node, by number.
    pub fn affiliations(&self, node: NodeNo) -> Result<Vec<(JidNo, String)>, ReadError> {
        self.rows(
            "SELECT no, affiliation FROM affiliations WHERE node = ?1 ORDER BY no",
            [node],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// All affiliations that somebody has to live nodes, by node.
    pub fn affiliations_of(&self, no: JidNo) -> Result<Vec<AffiliationOf>, ReadError> {
        self.rows(
            "SELECT a.node, n.owner, n.name, a.affiliation FROM affiliations a JOIN nodes n ON n.no = a.node \
             WHERE a.no = ?1 AND n.deleted = 0 ORDER BY a.node",
            [no],
            |row| {
                Ok(AffiliationOf {
                    node: row.get(0)?,
                    owner: row.get(1)?,
                    name: row.get(2)?,
                    affiliation: row.get(3)?,
                })
            },
        )
    }
}
