//! Nodes that belong to an item of another node, and what follows when that item goes or changes.
//!
//! Such a node is one like any other, with a note of what it belongs to. When an item goes to which something belongs, or
//! which others repeat, a job is noted in the same transaction, and then it is called what
//! [`Store::on_follow_up`](crate::Store::on_follow_up) was given. What follows is not decided here.

use std::sync::OnceLock;

use rusqlite::Row;

use crate::ids::{JidNo, NodeNo, PostId, Seq};
use crate::read::{ReadError, Reader};
use crate::subscriptions::{Expiry, Subscription};
use crate::write::{Tx, Write, WriteError};

/// The kind of the job for an item that is gone. Its state: the number of the item's node, a space, the item's id.
pub const GONE: &str = "item-gone";
/// The kind of the job for an item that changed and is repeated elsewhere.
pub const CHANGED: &str = "item-changed";

/// An item that something may belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its number.
    pub post_id: PostId,
    /// Its id in its node.
    pub item_id: String,
    /// Who published it.
    pub publisher: JidNo,
    /// Its node.
    pub node: NodeNo,
    /// At whose address that is.
    pub owner: JidNo,
    /// What the node is called there.
    pub name: String,
    /// What kind of node it is.
    pub kind: String,
    /// The post that the item repeats, there or not.
    pub boost_of: Option<PostId>,
}

const COLUMNS: &str = "i.post_id, i.item_id, i.publisher, n.no, n.owner, n.name, n.kind, \
                       (SELECT b.target FROM item_boosts b WHERE b.post_id = i.post_id)";
const LIVE: &str = "items i JOIN nodes n ON n.no = i.node AND i.post_id > n.hidden_to";

fn target(row: &Row<'_>) -> rusqlite::Result<Target> {
    Ok(Target {
        post_id: row.get(0)?,
        item_id: row.get(1)?,
        publisher: row.get(2)?,
        node: row.get(3)?,
        owner: row.get(4)?,
        name: row.get(5)?,
        kind: row.get(6)?,
        boost_of: row.get(7)?,
    })
}

/// Notes what a node that is made in the same write belongs to.
#[must_use]
pub fn belongs(node: NodeNo, target: PostId) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "INSERT INTO computed_nodes (node, target) VALUES (?1, ?2)",
            (node, target),
        )
        .map(drop)
    })
}

/// Stores nothing, and fails with [`WriteError::NotFound`] unless there is an item of this number.
#[must_use]
pub fn require(post_id: PostId) -> Write {
    Write::new(0, move |tx| match revision(tx, post_id)? {
        Some(_) => Ok(()),
        None => Err(WriteError::NotFound),
    })
}

/// Of an item that is repeated from the revision `seq`: fails with [`WriteError::NotFound`] when it is gone; when there is
/// a newer one, the job for an item that changed is noted.
#[must_use]
pub fn repeats(post_id: PostId, seq: Seq) -> Write {
    Write::new(0, move |tx| match revision(tx, post_id)? {
        None => Err(WriteError::NotFound),
        Some(now) if now == seq => Ok(()),
        Some(_) => changed(tx, post_id),
    })
}

fn revision(tx: &Tx<'_>, post_id: PostId) -> Result<Option<Seq>, WriteError> {
    tx.first(
        &format!("SELECT i.seq FROM {LIVE} WHERE i.post_id = ?1"),
        [post_id],
        |row| row.get(0),
    )
}

/// An item is about to be deleted.
pub(crate) fn gone(tx: &mut Tx<'_>, post_id: PostId) -> Result<(), WriteError> {
    let noted = tx.execute(
        "INSERT INTO jobs (kind, subject, state, created) \
         SELECT ?2, i.post_id, i.node || ' ' || i.item_id, i.modified FROM items i WHERE i.post_id = ?1 AND \
         (EXISTS (SELECT 1 FROM computed_nodes c WHERE c.target = ?1) \
          OR EXISTS (SELECT 1 FROM item_boosts b WHERE b.target = ?1)) \
         ON CONFLICT (kind, subject) DO NOTHING",
        (post_id, GONE),
    )?;
    if noted > 0 {
        tx.follow_up();
    }
    Ok(())
}

/// An item has a new revision.
pub(crate) fn changed(tx: &mut Tx<'_>, post_id: PostId) -> Result<(), WriteError> {
    let noted = tx.execute(
        "INSERT INTO jobs (kind, subject, state, created) \
         SELECT ?2, i.post_id, i.seq, i.modified FROM items i WHERE i.post_id = ?1 AND \
         EXISTS (SELECT 1 FROM item_boosts b WHERE b.target = ?1) \
         ON CONFLICT (kind, subject) DO UPDATE SET state = excluded.state",
        (post_id, CHANGED),
    )?;
    if noted > 0 {
        tx.follow_up();
    }
    Ok(())
}

/// Forgets the job of an item that changed, unless it has changed again since `state`.
#[must_use]
pub fn repeated(post_id: PostId, state: String) -> Write {
    Write::new(state.len(), move |tx| {
        tx.execute(
            "DELETE FROM jobs WHERE kind = ?1 AND subject = ?2 AND state = ?3",
            (CHANGED, post_id, &state),
        )
        .map(drop)
    })
}

/// The node is swept away.
pub(crate) fn forget(tx: &Tx<'_>, node: NodeNo) -> Result<(), WriteError> {
    tx.execute("DELETE FROM computed_nodes WHERE node = ?1", [node])
        .map(drop)
}

impl Reader {
    /// The item of this number.
    pub fn target(&self, post_id: PostId) -> Result<Option<Target>, ReadError> {
        self.first(
            &format!("SELECT {COLUMNS} FROM {LIVE} WHERE i.post_id = ?1"),
            [post_id],
            target,
        )
    }

    /// The item of this id in the live node of this name at an address.
    pub fn target_at(&self, owner: JidNo, node: &str, item_id: &str) -> Result<Option<Target>, ReadError> {
        self.first(
            &format!(
                "SELECT {COLUMNS} FROM {LIVE} WHERE n.owner = ?1 AND n.name = ?2 AND n.deleted = 0 AND i.item_id = ?3"
            ),
            (owner, node, item_id),
            target,
        )
    }

    /// The live nodes that belong to an item, each with its owner's number and its name.
    pub fn nodes_of_item(&self, post_id: PostId) -> Result<Vec<(NodeNo, JidNo, String)>, ReadError> {
        self.rows(
            "SELECT n.no, n.owner, n.name FROM computed_nodes c JOIN nodes n ON n.no = c.node \
             WHERE c.target = ?1 AND n.deleted = 0",
            [post_id],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
    }

    /// Up to `limit` of a node's items that something was attached to in a node whose name begins with `prefix`, by
    /// number: the oldest above `bound`, or with `is_newest` the newest below it, the newest first.
    pub fn items_with_nodes(
        &self,
        node: NodeNo,
        prefix: &str,
        limit: u32,
        bound: Bound,
    ) -> Result<Vec<(PostId, String, NodeNo)>, ReadError> {
        let (than, order, from) = match bound {
            Bound::Below(post) => ("<", "DESC", post.map_or(i64::MAX, |post| post.0 as i64)),
            Bound::Above(post) => (">", "ASC", post.map_or(0, |post| post.0 as i64)),
        };
        let sql = format!(
            "SELECT i.post_id, i.item_id, a.no FROM {LIVE} JOIN computed_nodes c ON c.target = i.post_id \
             JOIN nodes a ON a.no = c.node AND a.deleted = 0 AND substr(a.name, 1, ?2) = ?3 \
             WHERE i.node = ?1 AND i.post_id {than} ?4 \
             AND EXISTS (SELECT 1 FROM items x WHERE x.node = a.no AND x.post_id > a.hidden_to) \
             ORDER BY i.post_id {order} LIMIT ?5"
        );
        let length = prefix.chars().count() as i64;
        self.rows(&sql, (node, length, prefix, from, limit), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
    }

    /// The items, up to `limit` above `bound` by number, by which somebody likes others.
    pub fn likes_by(&self, by: JidNo, bound: PostId, limit: u32) -> Result<Vec<PostId>, ReadError> {
        self.rows(
            "SELECT DISTINCT source FROM item_likes WHERE by = ?1 AND source > ?2 ORDER BY source LIMIT ?3",
            (by, bound, limit),
            |row| row.get(0),
        )
    }

    /// Up to `limit` live nodes that belong to items, above `bound` by number, with an item of this id: what somebody attached
    /// to others' items has their address for its id.
    pub fn nodes_with_item(
        &self,
        item_id: &str,
        bound: NodeNo,
        limit: u32,
    ) -> Result<Vec<(NodeNo, JidNo, String)>, ReadError> {
        self.rows(
            "SELECT n.no, n.owner, n.name FROM computed_nodes c JOIN nodes n ON n.no = c.node AND n.deleted = 0 \
             WHERE c.node > ?1 AND EXISTS (SELECT 1 FROM items i WHERE i.node = c.node AND i.item_id = ?2) \
             ORDER BY c.node LIMIT ?3",
            (bound, item_id, limit),
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
    }

    /// Requests to subscribe that wait for an account's answer: to the nodes at its own address, and to those elsewhere
    /// whose affiliation to it is one of `words`. Each with its node.
    pub fn requests_for(
        &self,
        no: JidNo,
        words: [&str; 2],
        limit: u32,
    ) -> Result<Vec<(NodeOwner, Subscription)>, ReadError> {
        const WAITING: &str = "JOIN subscriptions s ON s.node = n.no AND s.state = 'pending'";
        let sql = format!(
            "SELECT n.no, n.owner, n.name, s.no, s.resource, s.subid, s.state, s.options, s.created, s.expires \
             FROM nodes n {WAITING} WHERE n.owner = ?1 AND n.deleted = 0 AND n.kind <> 'computed' \
             UNION ALL \
             SELECT n.no, n.owner, n.name, s.no, s.resource, s.subid, s.state, s.options, s.created, s.expires \
             FROM affiliations a JOIN nodes n ON n.no = a.node AND n.deleted = 0 AND n.owner <> ?1 {WAITING} \
             WHERE a.no = ?1 AND a.affiliation IN (?2, ?3) ORDER BY 9 LIMIT ?4"
        );
        self.rows(&sql, (no, words[0], words[1], limit), |row| {
            let node = NodeOwner {
                node: row.get(0)?,
                owner: row.get(1)?,
                name: row.get(2)?,
            };
            let subscription = Subscription {
                node: node.node,
                no: row.get(3)?,
                resource: row.get(4)?,
                subid: row.get(5)?,
                state: row.get(6)?,
                options: row.get(7)?,
                created: row.get(8)?,
                expires: row.get::<_, Option<i64>>(9)?.map(Expiry::from_column),
            };
            Ok((node, subscription))
        })
    }
}

/// From where, and in which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The newest below.
    Below(Option<PostId>),
    /// The oldest above.
    Above(Option<PostId>),
}

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOwner {
    /// The node.
    pub node: NodeNo,
    /// At whose address.
    pub owner: JidNo,
    /// What it is called there.
    pub name: String,
}

/// What is called after a commit that noted a job of these kinds. Called on the writer's thread: it must be quick.
#[derive(Default)]
pub(crate) struct FollowUp(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl FollowUp {
    pub(crate) fn set(&self, call: Box<dyn Fn() + Send + Sync>) {
        // Only the first counts.
        let _ = self.0.set(call);
    }

    pub(crate) fn call(&self) {
        if let Some(call) = self.0.get() {
            call();
        }
    }
}
