//! Removing in slices what was deleted at once: a node's hidden items, an account's rows.
//!
//! What is swept is a job, so that it goes on after a restart. A slice is one short transaction of the writer.

use std::collections::VecDeque;

use rusqlite::Connection;

use crate::archive_words;
use crate::computed;
use crate::feeds;
use crate::ids::{JidNo, MessageId, NodeNo, PostId, Timestamp};
use crate::items;
use crate::messages;
use crate::nodes;
use crate::shown;
use crate::write::{Retired, Tx, WriteError};

/// Rows removed in one slice; a few milliseconds.
const SLICE: usize = 200;
const NODE_JOB: &str = "sweep-node";
const ACCOUNT_JOB: &str = "sweep-account";

/// Something that was deleted and whose rows are still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweep {
    /// The hidden items of a node, and all the rest of it if it is deleted.
    Node(NodeNo),
    /// Everything of an account; with the last slice its name is retired.
    Account(JidNo),
}

/// Whether there is more to sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is.
    More,
    /// There is not; the job is gone.
    Done,
}

impl Sweep {
    fn key(self) -> (&'static str, i64) {
        match self {
            Sweep::Node(node) => (NODE_JOB, node.0),
            Sweep::Account(no) => (ACCOUNT_JOB, i64::from(no.0)),
        }
    }

    /// Notes the job, and has the writer begin once the transaction is committed.
    pub(crate) fn start(self, tx: &mut Tx<'_>, at: Timestamp) -> Result<(), WriteError> {
        let (kind, subject) = self.key();
        let inserted = tx.execute(
            "INSERT INTO jobs (kind, subject, state, created) VALUES (?1, ?2, '', ?3) \
             ON CONFLICT (kind, subject) DO NOTHING",
            (kind, subject, at),
        )?;
        if inserted > 0 {
            tx.start_sweep(self);
        }
        Ok(())
    }
}

/// The jobs that a former run left.
pub(crate) fn unfinished(connection: &Connection) -> rusqlite::Result<VecDeque<Sweep>> {
    let mut statement =
        connection.prepare("SELECT kind, subject FROM jobs WHERE kind IN (?1, ?2) ORDER BY created")?;
    let sweeps = statement.query_map((NODE_JOB, ACCOUNT_JOB), |row| {
        let kind: String = row.get(0)?;
        if kind == NODE_JOB {
            row.get(1).map(Sweep::Node)
        } else {
            row.get(1).map(Sweep::Account)
        }
    })?;
    sweeps.collect()
}

/// Removes up to a slice of rows.
pub(crate) fn slice(tx: &mut Tx<'_>, sweep: Sweep) -> Result<Progress, WriteError> {
    let mut left = SLICE;
    let is_done = match sweep {
        Sweep::Node(node) => sweep_node(tx, node, &mut left)?,
        Sweep::Account(no) => sweep_account(tx, no, &mut left)?,
    };
    if !is_done {
        return Ok(Progress::More);
    }
    tx.execute("DELETE FROM jobs WHERE kind = ?1 AND subject = ?2", sweep.key())?;
    Ok(Progress::Done)
}

/// Runs a statement that deletes at most `?2` rows that belong to `?1`; says whether none is left.
fn delete_some(tx: &Tx<'_>, sql: &str, key: i64, left: &mut usize) -> Result<bool, WriteError> {
    if *left == 0 {
        return Ok(false);
    }
    let deleted = tx.execute(sql, (key, *left as i64))?;
    *left -= deleted.min(*left);
    Ok(*left > 0)
}

fn sweep_node(tx: &mut Tx<'_>, node: NodeNo, left: &mut usize) -> Result<bool, WriteError> {
    let head = tx.first(
        "SELECT hidden_to, deleted FROM nodes WHERE no = ?1",
        [node],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)),
    )?;
    let Some((hidden_to, is_deleted)) = head else {
        return Ok(true);
    };
    let hidden: Vec<PostId> = tx.rows(
        "SELECT post_id FROM items WHERE node = ?1 AND post_id <= ?2 ORDER BY post_id LIMIT ?3",
        (node, hidden_to, *left as i64),
        |row| row.get(0),
    )?;
    for post_id in &hidden {
        items::delete_row(tx, *post_id, items::Deletion::Quiet)?;
    }
    *left -= hidden.len();
    if *left == 0 {
        return Ok(false);
    }
    if !is_deleted {
        return Ok(true);
    }
    let is_done = delete_some(
        tx,
        "DELETE FROM subscriptions WHERE node = ?1 AND (no, resource, subid) IN \
         (SELECT no, resource, subid FROM subscriptions WHERE node = ?1 LIMIT ?2)",
        node.0,
        left,
    )? && delete_some(
        tx,
        "DELETE FROM affiliations WHERE node = ?1 AND no IN \
         (SELECT no FROM affiliations WHERE node = ?1 LIMIT ?2)",
        node.0,
        left,
    )?;
    if is_done {
        computed::forget(tx, node)?;
        feeds::forget(tx, node)?;
        shown::forget_node(tx, node)?;
        tx.execute("DELETE FROM nodes WHERE no = ?1", [node])?;
        tx.retire(Retired::Node, node.0)?;
    }
    Ok(is_done)
}

/// What goes with an account, in this order. Each statement deletes at most `?2` rows of account `?1`.
const ACCOUNT_ROWS: &[&str] = &[
    "DELETE FROM push_registrations WHERE id IN (SELECT id FROM push_registrations WHERE no = ?1 LIMIT ?2)",
    "DELETE FROM client_tokens WHERE (device, is_used) IN (SELECT t.device, t.is_used FROM devices d \
     JOIN client_tokens t ON t.device = d.id WHERE d.no = ?1 LIMIT ?2)",
    "DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE no = ?1 LIMIT ?2)",
    "DELETE FROM presence_requests WHERE no = ?1 AND contact IN \
     (SELECT contact FROM presence_requests WHERE no = ?1 LIMIT ?2)",
    "DELETE FROM roster WHERE no = ?1 AND contact IN (SELECT contact FROM roster WHERE no = ?1 LIMIT ?2)",
    "DELETE FROM roster_version WHERE no = ?1 AND ?2 > 0",
    "DELETE FROM affiliations WHERE no = ?1 AND node IN \
     (SELECT node FROM affiliations WHERE no = ?1 LIMIT ?2)",
    "DELETE FROM subscriptions WHERE no = ?1 AND (node, resource, subid) IN \
     (SELECT node, resource, subid FROM subscriptions WHERE no = ?1 LIMIT ?2)",
    "DELETE FROM shown_subscriptions WHERE no = ?1 AND node IN \
     (SELECT node FROM shown_subscriptions WHERE no = ?1 LIMIT ?2)",
    "DELETE FROM invites WHERE token_hash IN (SELECT token_hash FROM invites WHERE created_by = ?1 LIMIT ?2)",
    "DELETE FROM private_xml WHERE no = ?1 AND (ns, name) IN \
     (SELECT ns, name FROM private_xml WHERE no = ?1 LIMIT ?2)",
    "DELETE FROM vcards WHERE no = ?1 AND ?2 > 0",
    "DELETE FROM blocked WHERE no = ?1 AND (contact, resource) IN \
     (SELECT contact, resource FROM blocked WHERE no = ?1 LIMIT ?2)",
    "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE owner = ?1 LIMIT ?2)",
    "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE by = ?1 LIMIT ?2)",
    "DELETE FROM notification_reads WHERE owner = ?1 AND ?2 > 0",
    "DELETE FROM archive_preferences WHERE no = ?1 AND ?2 > 0",
    "DELETE FROM archive_exceptions WHERE no = ?1 AND (contact, resource) IN \
     (SELECT contact, resource FROM archive_exceptions WHERE no = ?1 LIMIT ?2)",
    "DELETE FROM searched_archives WHERE no = ?1 AND ?2 > 0",
    "DELETE FROM unified_push WHERE no = ?1 AND token IN (SELECT token FROM unified_push WHERE no = ?1 LIMIT ?2)",
    "DELETE FROM strangers_wait WHERE no = ?1 AND ?2 > 0",
    "DELETE FROM accepted_senders WHERE owner = ?1 AND sender IN \
     (SELECT sender FROM accepted_senders WHERE owner = ?1 LIMIT ?2)",
    "DELETE FROM relation_changes WHERE no = ?1 AND other IN \
     (SELECT other FROM relation_changes WHERE no = ?1 LIMIT ?2)",
];

fn sweep_account(tx: &mut Tx<'_>, no: JidNo, left: &mut usize) -> Result<bool, WriteError> {
    let key = i64::from(no.0);
    for sql in ACCOUNT_ROWS {
        if !delete_some(tx, sql, key, left)? {
            return Ok(false);
        }
    }
    *left -= archive_words::forget_some(tx, no, *left)?;
    if *left == 0 || !sweep_messages(tx, no, left)? {
        return Ok(false);
    }
    // Its nodes are swept by jobs of their own; one that was made when it was closed already goes with them.
    let late = tx.first(
        "SELECT j.created FROM jobs j JOIN nodes n ON n.owner = ?2 WHERE j.kind = ?1 AND j.subject = ?2 AND n.deleted = 0",
        (ACCOUNT_JOB, no),
        |row| row.get(0),
    )?;
    if let Some(at) = late {
        nodes::delete_all_of(tx, no, at)?;
    }
    let nodes = tx.first("SELECT 1 FROM nodes WHERE owner = ?1 LIMIT 1", [no], |_| Ok(()))?;
    if nodes.is_some() {
        return Ok(false);
    }
    tx.execute(
        "INSERT INTO deleted_names (domain, localpart, at) \
         SELECT a.domain, a.localpart, j.created FROM accounts a JOIN jobs j ON j.subject = a.no \
         WHERE a.no = ?1 AND j.kind = ?2 ON CONFLICT (domain, localpart) DO NOTHING",
        (no, ACCOUNT_JOB),
    )?;
    tx.execute("DELETE FROM accounts WHERE no = ?1", [no])?;
    Ok(true)
}

fn sweep_messages(tx: &Tx<'_>, owner: JidNo, left: &mut usize) -> Result<bool, WriteError> {
    let ids: Vec<MessageId> = tx.rows(
        "SELECT id FROM message_owners WHERE owner = ?1 ORDER BY id LIMIT ?2",
        (owner, *left as i64),
        |row| row.get(0),
    )?;
    for id in &ids {
        messages::disown(tx, owner, *id)?;
    }
    *left -= ids.len();
    Ok(*left > 0)
}
