//! Up to when subscriptions whose notifications come several at a time were told (XEP-0060 §6.3, `pubsub#digest`).

use crate::ids::{JidNo, NodeNo, Timestamp};
use crate::read::{ReadError, Reader};
use crate::write::Write;

/// A subscription that was told something at least once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The node.
    pub node: NodeNo,
    /// The bare JID that the node lives at.
    pub owner: JidNo,
    /// The node's name there.
    pub name: String,
    /// The subscriber.
    pub no: JidNo,
    /// The subscription's id.
    pub subid: u64,
    /// Up to when it was told.
    pub sent: Timestamp,
}

/// Notes up to when a subscription was told.
#[must_use]
pub fn sent(node: NodeNo, no: JidNo, subid: u64, at: Timestamp) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "INSERT INTO digests (node, no, subid, sent) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (node, no, subid) DO UPDATE SET sent = excluded.sent",
            (node, no, subid as i64, at),
        )
        .map(drop)
    })
}

/// Forgets a subscription that is no more, or wants each notification again.
#[must_use]
pub fn forget(node: NodeNo, no: JidNo, subid: u64) -> Write {
    Write::new(0, move |tx| {
        let sql = "DELETE FROM digests WHERE node = ?1 AND no = ?2 AND subid = ?3";
        tx.execute(sql, (node, no, subid as i64)).map(drop)
    })
}

/// Forgets all whose subscription is no more.
#[must_use]
pub fn forget_orphans() -> Write {
    Write::new(0, |tx| {
        let sql = "DELETE FROM digests WHERE NOT EXISTS \
                   (SELECT 1 FROM subscriptions s WHERE s.node = digests.node AND s.no = digests.no)";
        tx.execute(sql, ()).map(drop)
    })
}

impl Reader {
    /// Every one of a node that is there.
    pub fn digests(&self) -> Result<Vec<Digest>, ReadError> {
        self.rows(
            "SELECT d.node, n.owner, n.name, d.no, d.subid, d.sent FROM digests d JOIN nodes n ON n.no = d.node \
             WHERE n.deleted = 0",
            [],
            |row| {
                Ok(Digest {
                    node: row.get(0)?,
                    owner: row.get(1)?,
                    name: row.get(2)?,
                    no: row.get(3)?,
                    subid: row.get::<_, i64>(4)? as u64,
                    sent: row.get(5)?,
                })
            },
        )
    }
}
