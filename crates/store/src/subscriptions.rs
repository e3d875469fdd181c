//! Who is told of a node's items (XEP-0060 §4.2). States and options are words of the rules above this crate.

use rusqlite::Row;

use crate::ids::{JidNo, NodeNo, Timestamp};
use crate::read::{ReadError, Reader};
use crate::write::Write;

/// A subscription to a node: one for each (node, bare JID, resource).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The node.
    pub node: NodeNo,
    /// The subscriber's bare JID.
    pub no: JidNo,
    /// The subscriber's resource; empty for the bare JID.
    pub resource: String,
    /// The id that tells subscriptions apart on the wire.
    pub subid: String,
    /// What became of it.
    pub state: String,
    /// The subscriber's options.
    pub options: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// A subscription seen from the subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionOf {
    /// The bare JID that the node lives at.
    pub owner: JidNo,
    /// The node's name there.
    pub name: String,
    /// The subscription.
    pub subscription: Subscription,
}

const COLUMNS: &str = "s.node, s.no, s.resource, s.subid, s.state, s.options, s.created";

fn subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    Ok(Subscription {
        node: row.get(0)?,
        no: row.get(1)?,
        resource: row.get(2)?,
        subid: row.get(3)?,
        state: row.get(4)?,
        options: row.get(5)?,
        created: row.get(6)?,
    })
}

/// Adds a subscription, or replaces that of the same node, bare JID and resource.
/// [`WriteError::NotFound`](crate::WriteError::NotFound) when there is no such live node.
#[must_use]
pub fn put(new: Subscription) -> Write {
    Write::new(new.options.as_ref().map_or(0, String::len), move |tx| {
        tx.node(new.node)?;
        tx.execute(
            "INSERT INTO subscriptions (node, no, resource, subid, state, options, created) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (node, no, resource) DO UPDATE SET \
             subid = excluded.subid, state = excluded.state, options = excluded.options, created = excluded.created",
            (new.node, new.no, &new.resource, &new.subid, &new.state, &new.options, new.created),
        )
        .map(drop)
    })
}

/// Ends a subscription. Does nothing when there is none.
#[must_use]
pub fn remove(node: NodeNo, no: JidNo, resource: String) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "DELETE FROM subscriptions WHERE node = ?1 AND no = ?2 AND resource = ?3",
            (node, no, &resource),
        )
        .map(drop)
    })
}

impl Reader {
    /// All subscriptions to a node, by the subscriber's number, then resource.
    pub fn subscriptions(&self, node: NodeNo) -> Result<Vec<Subscription>, ReadError> {
        let sql =
            format!("SELECT {COLUMNS} FROM subscriptions s WHERE s.node = ?1 ORDER BY s.no, s.resource");
        self.rows(&sql, [node], subscription)
    }

    /// How many subscriptions a node has in this state.
    pub fn subscription_count(&self, node: NodeNo, state: &str) -> Result<u64, ReadError> {
        self.count(
            "SELECT count(*) FROM subscriptions WHERE node = ?1 AND state = ?2",
            (node, state),
        )
    }

    /// All subscriptions of somebody to live nodes, by node, then resource.
    pub fn subscriptions_of(&self, no: JidNo) -> Result<Vec<SubscriptionOf>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS}, n.owner, n.name FROM subscriptions s JOIN nodes n ON n.no = s.node \
             WHERE s.no = ?1 AND n.deleted = 0 ORDER BY s.node, s.resource"
        );
        self.rows(&sql, [no], |row| {
            Ok(SubscriptionOf {
                subscription: subscription(row)?,
                owner: row.get(7)?,
                name: row.get(8)?,
            })
        })
    }
}
