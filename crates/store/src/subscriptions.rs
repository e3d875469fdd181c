//! Who is told of a node's items (XEP-0060 §4.2). States and options are words of the rules above this crate.

use rusqlite::Row;

use crate::ids::{JidNo, NodeNo, Timestamp};
use crate::read::{ReadError, Reader};
use crate::shown;
use crate::write::Write;

/// A subscription to a node: one for each (node, bare JID, resource, id).
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
    /// When it ends by itself, if it does.
    pub expires: Option<Expiry>,
}

/// When a subscription ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// At this moment.
    At(Timestamp),
    /// With its subscriber's presence.
    Presence,
}

impl Expiry {
    fn column(self) -> i64 {
        match self {
            Expiry::At(at) => at.0.max(1),
            Expiry::Presence => 0,
        }
    }

    pub(crate) fn from_column(column: i64) -> Expiry {
        match column {
            0 => Expiry::Presence,
            at => Expiry::At(Timestamp(at)),
        }
    }
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

/// A subscription as it lies in the database, for whoever reads all that a node has: nothing of it is copied.
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionRow<'r> {
    /// The subscriber's bare JID.
    pub no: JidNo,
    /// The subscriber's resource; empty for the bare JID.
    pub resource: &'r str,
    /// The id that tells subscriptions apart on the wire.
    pub subid: &'r str,
    /// What became of it.
    pub state: &'r str,
    /// The subscriber's options.
    pub options: Option<&'r str>,
    /// When it ends by itself.
    pub expires: Option<Expiry>,
}

const COLUMNS: &str = "s.node, s.no, s.resource, s.subid, s.state, s.options, s.created, s.expires";

fn subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    Ok(Subscription {
        node: row.get(0)?,
        no: row.get(1)?,
        resource: row.get(2)?,
        subid: row.get(3)?,
        state: row.get(4)?,
        options: row.get(5)?,
        created: row.get(6)?,
        expires: row.get::<_, Option<i64>>(7)?.map(Expiry::from_column),
    })
}

fn subscription_of(row: &Row<'_>) -> rusqlite::Result<SubscriptionOf> {
    Ok(SubscriptionOf {
        subscription: subscription(row)?,
        owner: row.get(8)?,
        name: row.get(9)?,
    })
}

/// Adds a subscription, or replaces that of the same node, bare JID, resource and id.
/// [`WriteError::NotFound`](crate::WriteError::NotFound) when there is no such live node.
#[must_use]
pub fn put(new: Subscription) -> Write {
    Write::new(new.options.as_ref().map_or(0, String::len), move |tx| {
        tx.node(new.node)?;
        tx.execute(
            "INSERT INTO subscriptions (node, no, resource, subid, state, options, created, expires) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (node, no, resource, subid) DO UPDATE SET \
             state = excluded.state, options = excluded.options, expires = excluded.expires",
            (
                new.node,
                new.no,
                &new.resource,
                &new.subid,
                &new.state,
                &new.options,
                new.created,
                new.expires.map(Expiry::column),
            ),
        )
        .map(drop)
    })
}

/// Ends a subscription. Does nothing when there is none.
#[must_use]
pub fn remove(node: NodeNo, no: JidNo, resource: String, subid: String) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "DELETE FROM subscriptions WHERE node = ?1 AND no = ?2 AND resource = ?3 AND subid = ?4",
            (node, no, &resource, &subid),
        )?;
        shown::ended(tx, node, no)
    })
}

impl Reader {
    /// All subscriptions to a node, by the subscriber's number, resource, then id.
    pub fn subscriptions(&self, node: NodeNo) -> Result<Vec<Subscription>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM subscriptions s WHERE s.node = ?1 ORDER BY s.no, s.resource, s.subid"
        );
        self.rows(&sql, [node], subscription)
    }

    /// What `each` makes of every subscription to a node, by the subscriber's number, resource, then id.
    pub fn each_subscription<T>(
        &self,
        node: NodeNo,
        mut each: impl FnMut(SubscriptionRow<'_>) -> T,
    ) -> Result<Vec<T>, ReadError> {
        self.rows(
            "SELECT no, resource, subid, state, options, expires FROM subscriptions WHERE node = ?1 \
             ORDER BY no, resource, subid",
            [node],
            |row| {
                Ok(each(SubscriptionRow {
                    no: row.get(0)?,
                    resource: row.get_ref(1)?.as_str()?,
                    subid: row.get_ref(2)?.as_str()?,
                    state: row.get_ref(3)?.as_str()?,
                    options: row.get_ref(4)?.as_str_or_null()?,
                    expires: row.get::<_, Option<i64>>(5)?.map(Expiry::from_column),
                }))
            },
        )
    }

    /// How many subscriptions a node has in this state.
    pub fn subscription_count(&self, node: NodeNo, state: &str) -> Result<u64, ReadError> {
        self.count(
            "SELECT count(*) FROM subscriptions WHERE node = ?1 AND state = ?2",
            (node, state),
        )
    }

    /// All subscriptions of somebody to live nodes, by node, resource, then id.
    pub fn subscriptions_of(&self, no: JidNo) -> Result<Vec<SubscriptionOf>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS}, n.owner, n.name FROM subscriptions s JOIN nodes n ON n.no = s.node \
             WHERE s.no = ?1 AND n.deleted = 0 ORDER BY s.node, s.resource, s.subid"
        );
        self.rows(&sql, [no], subscription_of)
    }

    /// Subscriptions of somebody in this state to live nodes whose configuration holds a text, which is a pattern as `LIKE`
    /// has them; by node.
    pub fn subscriptions_where(
        &self,
        no: JidNo,
        state: &str,
        config: &str,
    ) -> Result<Vec<SubscriptionOf>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS}, n.owner, n.name FROM subscriptions s JOIN nodes n ON n.no = s.node \
             WHERE s.no = ?1 AND s.state = ?2 AND n.deleted = 0 AND n.config LIKE ?3 \
             ORDER BY s.node, s.resource, s.subid"
        );
        self.rows(&sql, (no, state, format!("%{config}%")), subscription_of)
    }

    /// Up to `limit` live nodes at one address to which somebody has asked to subscribe and waits, for whoever has that
    /// address, or one of these affiliations to them.
    pub fn requested_nodes(
        &self,
        owner: JidNo,
        no: JidNo,
        words: [&str; 2],
        limit: u32,
    ) -> Result<Vec<String>, ReadError> {
        const WAITING: &str =
            "EXISTS (SELECT 1 FROM subscriptions s WHERE s.node = n.no AND s.state = 'pending')";
        let sql = format!(
            "SELECT n.name FROM nodes n WHERE n.owner = ?1 AND ?1 = ?2 AND n.deleted = 0 AND {WAITING} \
             UNION \
             SELECT n.name FROM affiliations a JOIN nodes n ON n.no = a.node AND n.deleted = 0 \
             WHERE a.no = ?2 AND a.affiliation IN (?3, ?4) AND n.owner = ?1 AND {WAITING} ORDER BY 1 LIMIT ?5"
        );
        self.rows(&sql, (owner, no, words[0], words[1], limit), |row| row.get(0))
    }

    /// Whether somebody has at least this many subscriptions.
    pub fn has_subscriptions(&self, no: JidNo, count: u32) -> Result<bool, ReadError> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM subscriptions WHERE no = ?1 LIMIT ?2)";
        Ok(self.count(sql, (no, count))? >= u64::from(count))
    }

    /// Up to `count` subscriptions to live nodes that have ended by this moment, those that ended first before the others.
    pub fn ended_subscriptions(&self, by: Timestamp, count: u32) -> Result<Vec<SubscriptionOf>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS}, n.owner, n.name FROM subscriptions s JOIN nodes n ON n.no = s.node \
             WHERE s.expires > 0 AND s.expires <= ?1 AND n.deleted = 0 ORDER BY s.expires LIMIT ?2"
        );
        self.rows(&sql, (by, count), subscription_of)
    }

    /// Up to `count` subscriptions to live nodes that last as long as their subscriber's presence.
    pub fn passing_subscriptions(&self, count: u32) -> Result<Vec<SubscriptionOf>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS}, n.owner, n.name FROM subscriptions s JOIN nodes n ON n.no = s.node \
             WHERE s.expires = 0 AND n.deleted = 0 LIMIT ?1"
        );
        self.rows(&sql, [count], subscription_of)
    }

    /// When the next subscription ends by itself.
    pub fn next_end_of_subscription(&self) -> Result<Option<Timestamp>, ReadError> {
        let sql = "SELECT s.expires FROM subscriptions s JOIN nodes n ON n.no = s.node \
                   WHERE s.expires > 0 AND n.deleted = 0 ORDER BY s.expires LIMIT 1";
        self.first(sql, [], |row| row.get(0))
    }
}
