//! What accounts are told: mentions, replies, likes, boosts and new followers; and up to where they have read.
//!
//! Rows come and go with what brought them about, in its own transaction; what became of them is told to whoever takes
//! the [`Notices`]. Whether an account may still read the post concerned is decided above this crate.

use std::collections::HashSet;
use std::sync::OnceLock;

use rusqlite::Row;
use tokio::sync::mpsc;

use crate::conversation::WasThere;
use crate::ids::{JidNo, PostId, Timestamp};
use crate::items::NewItem;
use crate::read::{ReadError, Reader};
use crate::words::words;
use crate::write::{Tx, Write, WriteError};

words! {
    /// What an account is told of.
    pub enum NotificationType {
        /// A post mentions it.
        Mention = "mention",
        /// A post answers one of its own.
        Reply = "reply",
        /// Somebody likes one of its posts.
        Like = "like",
        /// Somebody repeats one of its posts.
        Boost = "boost",
        /// Somebody follows it.
        Follow = "follow",
    }
}

/// Somebody who is to be told of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewNotification {
    /// The account. Nobody is told of what they do themselves, nor of whom they block or who blocks them.
    pub owner: JidNo,
    /// What of.
    pub kind: NotificationType,
    /// The post concerned; `None` for the item itself, which may not have its number yet.
    pub subject: Option<PostId>,
}

/// A notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its number: they grow in the order of commits.
    pub id: PostId,
    /// Who is told.
    pub owner: JidNo,
    /// What of.
    pub kind: NotificationType,
    /// Who did it.
    pub by: JidNo,
    /// The post concerned; `None` for a new follower.
    pub subject: Option<PostId>,
    /// When.
    pub created: Timestamp,
}

/// Something that happened to an account's notifications, once it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whose.
    pub owner: JidNo,
    /// What.
    pub act: NoticeAct,
}

/// What happened to an account's notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeAct {
    /// This one is there, new or again.
    Added(PostId),
    /// This one is gone.
    Removed(PostId),
    /// Everything up to this one was read.
    Read(PostId),
}

/// Notices, in the order of commits.
pub type Notices = mpsc::Receiver<Notice>;

/// Notifications that an account keeps.
pub const KEPT: u32 = 1_000;
/// Those beyond them that one more removes.
const EVICTED: u32 = 8;
/// Notices that may wait for whoever takes them.
const MAX_NOTICES: usize = 65_536;
/// Notifications deleted together with their post; what is left points to nothing, is not shown, and ages.
const MAX_DELETED: i64 = 500;
/// Doing again within this time what was undone makes no second notification.
const REPEAT_MS: i64 = 24 * 60 * 60 * 1_000;

/// Where the writer tells what it stored.
#[derive(Debug, Default)]
pub(crate) struct Outlet(OnceLock<mpsc::Sender<Notice>>);

impl Outlet {
    /// The receiving end; `None` when somebody has it already.
    pub(crate) fn take(&self) -> Option<Notices> {
        let (sender, receiver) = mpsc::channel(MAX_NOTICES);
        self.0.set(sender).ok().map(|()| receiver)
    }

    /// Tells what is committed. Whoever does not keep up finds it by reading.
    pub(crate) fn tell(&self, notices: impl IntoIterator<Item = Notice>) {
        let Some(sender) = self.0.get() else { return };
        for notice in notices {
            if let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(notice) {
                tracing::warn!("notifications were not delivered: too many wait");
                return;
            }
        }
    }
}

/// A row that may have to go, or to come back.
struct Found {
    id: PostId,
    owner: JidNo,
    kind: NotificationType,
    by: JidNo,
    subject: Option<PostId>,
    created: Timestamp,
    is_undone: bool,
}

const COLUMNS: &str = "id, owner, type, by, subject, created, undone";

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        id: row.get(0)?,
        owner: row.get(1)?,
        kind: row.get(2)?,
        by: row.get(3)?,
        subject: row.get(4)?,
        created: row.get(5)?,
        is_undone: row.get(6)?,
    })
}

/// Writes whom an item notifies in place of those of its earlier revision.
pub(crate) fn replace(
    tx: &mut Tx<'_>,
    item: &NewItem,
    post_id: PostId,
    was_there: WasThere,
) -> Result<(), WriteError> {
    let wanted = |owner: JidNo, kind: NotificationType, subject: Option<PostId>| {
        item.notify.iter().any(|notify| {
            (notify.owner, notify.kind, notify.subject.or(Some(post_id))) == (owner, kind, subject)
        })
    };
    if was_there == WasThere::Yes {
        for row in caused_by(tx, post_id)? {
            if !wanted(row.owner, row.kind, row.subject) {
                undo(tx, &row, post_id)?;
            }
        }
    }
    for notify in &item.notify {
        let new = New {
            owner: notify.owner,
            kind: notify.kind,
            by: item.publisher,
            subject: notify.subject.or(Some(post_id)),
            source: Some(post_id),
            at: item.modified,
        };
        add(tx, &new)?;
    }
    Ok(())
}

fn caused_by(tx: &Tx<'_>, source: PostId) -> Result<Vec<Found>, WriteError> {
    let sql = format!("SELECT {COLUMNS} FROM notifications WHERE source = ?1 AND undone = 0");
    tx.rows(&sql, [source], found)
}

/// The item is gone: what it brought about is undone, and nobody is told of it any more.
pub(crate) fn item_gone(tx: &mut Tx<'_>, post_id: PostId) -> Result<(), WriteError> {
    for row in caused_by(tx, post_id)? {
        undo(tx, &row, post_id)?;
    }
    let sql = format!("SELECT {COLUMNS} FROM notifications WHERE subject = ?1 LIMIT {MAX_DELETED}");
    let about = tx.rows(&sql, [post_id], found)?;
    delete(tx, &about)
}

fn delete(tx: &mut Tx<'_>, rows: &[Found]) -> Result<(), WriteError> {
    for row in rows {
        tx.execute("DELETE FROM notifications WHERE id = ?1", [row.id])?;
        if !row.is_undone {
            tx.notice(row.owner, NoticeAct::Removed(row.id));
        }
    }
    Ok(())
}

/// Takes a notification back, unless the same person still says the same by another item.
fn undo(tx: &mut Tx<'_>, row: &Found, source: PostId) -> Result<(), WriteError> {
    if row.kind == NotificationType::Like {
        let other: Option<PostId> = tx.first(
            "SELECT source FROM item_likes WHERE target = ?1 AND by = ?2 AND source <> ?3 LIMIT 1",
            (row.subject, row.by, source),
            |row| row.get(0),
        )?;
        if let Some(other) = other {
            return tx
                .execute(
                    "UPDATE notifications SET source = ?2 WHERE id = ?1",
                    (row.id, other),
                )
                .map(drop);
        }
    }
    tx.execute("UPDATE notifications SET undone = 1 WHERE id = ?1", [row.id])?;
    tx.notice(row.owner, NoticeAct::Removed(row.id));
    Ok(())
}

struct New {
    owner: JidNo,
    kind: NotificationType,
    by: JidNo,
    subject: Option<PostId>,
    source: Option<PostId>,
    at: Timestamp,
}

fn add(tx: &mut Tx<'_>, new: &New) -> Result<(), WriteError> {
    if new.owner == new.by || !is_account(tx, new.owner)? || are_parted(tx, new.owner, new.by)? {
        return Ok(());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM notifications WHERE by = ?1 AND owner = ?2 AND type = ?3 AND subject IS ?4 \
         ORDER BY id DESC LIMIT 1"
    );
    let there = tx.first(&sql, (new.by, new.owner, new.kind, new.subject), found)?;
    match there {
        Some(row) if !row.is_undone => return Ok(()),
        Some(row) if new.at.0 - row.created.0 < REPEAT_MS => {
            tx.execute(
                "UPDATE notifications SET undone = 0, source = ?2 WHERE id = ?1",
                (row.id, new.source),
            )?;
            tx.notice(new.owner, NoticeAct::Added(row.id));
            return Ok(());
        }
        Some(row) => {
            tx.execute("DELETE FROM notifications WHERE id = ?1", [row.id])?;
        }
        None => {}
    }
    let id = tx.next_post_id(new.at);
    tx.execute(
        "INSERT INTO notifications (id, owner, type, by, subject, source, created, undone) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
        (id, new.owner, new.kind, new.by, new.subject, new.source, new.at),
    )?;
    tx.notice(new.owner, NoticeAct::Added(id));
    tx.execute(
        "DELETE FROM notifications WHERE id IN \
         (SELECT id FROM notifications WHERE owner = ?1 ORDER BY id DESC LIMIT ?2 OFFSET ?3)",
        (new.owner, EVICTED, KEPT),
    )
    .map(drop)
}

fn is_account(tx: &Tx<'_>, no: JidNo) -> Result<bool, WriteError> {
    match tx.account(no) {
        Ok(()) => Ok(true),
        Err(WriteError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether one of two blocks the other, or the other's domain. A full address does not count: posts have none.
fn are_parted(tx: &Tx<'_>, one: JidNo, other: JidNo) -> Result<bool, WriteError> {
    let sql = "SELECT 1 FROM blocked b WHERE b.no = ?1 AND b.resource = '' AND (b.contact = ?2 OR b.contact = \
               (SELECT d.no FROM jids o JOIN jids d ON d.jid = substr(o.jid, instr(o.jid, '@') + 1) \
               WHERE o.no = ?2)) LIMIT 1";
    let blocks = |one, other| tx.first(sql, (one, other), |_| Ok(())).map(|row| row.is_some());
    Ok(blocks(one, other)? || blocks(other, one)?)
}

/// An account blocks these bare JIDs and domains: what it was told of them goes.
pub(crate) fn blocked(tx: &mut Tx<'_>, owner: JidNo, contacts: &[JidNo]) -> Result<(), WriteError> {
    let mut names = HashSet::with_capacity(contacts.len());
    for contact in contacts {
        let name: Option<String> =
            tx.first("SELECT jid FROM jids WHERE no = ?1", [contact], |row| row.get(0))?;
        names.extend(name);
    }
    if names.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT {COLUMNS}, coalesce((SELECT jid FROM jids WHERE no = notifications.by), '') \
         FROM notifications WHERE owner = ?1"
    );
    let all = tx.rows(&sql, [owner], |row| Ok((found(row)?, row.get::<_, String>(7)?)))?;
    let gone: Vec<_> = all
        .into_iter()
        .filter(|(_, by)| {
            let domain = by.split_once('@').map(|(_, domain)| domain);
            names.contains(by) || domain.is_some_and(|domain| names.contains(domain))
        })
        .map(|(row, _)| row)
        .collect();
    delete(tx, &gone)
}

/// Tells an account of a new follower. Part of the write that stores the subscription.
#[must_use]
pub fn followed(owner: JidNo, by: JidNo, at: Timestamp) -> Write {
    Write::new(0, move |tx| {
        let new = New {
            owner,
            kind: NotificationType::Follow,
            by,
            subject: None,
            source: None,
            at,
        };
        add(tx, &new)
    })
}

/// Takes back what [`followed`] told, unless another feed of that account is followed still. `main` is the name of the
/// node that everybody's main feed has.
#[must_use]
pub fn unfollowed(owner: JidNo, by: JidNo, main: &'static str) -> Write {
    Write::new(0, move |tx| {
        let other = tx.first(
            "SELECT 1 FROM subscriptions s JOIN nodes n ON n.no = s.node AND n.deleted = 0 AND n.kind = 'pep' \
             WHERE s.no = ?1 AND s.state = 'subscribed' AND n.owner = ?2 \
             AND (n.name = ?3 OR EXISTS (SELECT 1 FROM feeds f WHERE f.node = n.no)) LIMIT 1",
            (by, owner, main),
            |_| Ok(()),
        )?;
        if other.is_some() {
            return Ok(());
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM notifications WHERE by = ?1 AND owner = ?2 AND type = ?3 AND undone = 0"
        );
        for row in tx.rows(&sql, (by, owner, NotificationType::Follow), found)? {
            undo(tx, &row, PostId(0))?;
        }
        Ok(())
    })
}

/// Notes up to where an account has read. Only ever moves forward: otherwise nothing is changed.
#[must_use]
pub fn read_up_to(owner: JidNo, upto: PostId) -> Write {
    Write::new(0, move |tx| {
        tx.account(owner)?;
        let moved = tx.execute(
            "INSERT INTO notification_reads (owner, upto) VALUES (?1, ?2) \
             ON CONFLICT (owner) DO UPDATE SET upto = excluded.upto WHERE excluded.upto > upto",
            (owner, upto),
        )?;
        if moved > 0 {
            tx.notice(owner, NoticeAct::Read(upto));
        }
        Ok(())
    })
}

/// Deletes up to `limit` notifications that nobody needs any more, of each sort: those older than `before`, and what was
/// undone more than a day before `now`. Nobody is told.
#[must_use]
pub fn sweep(before: Timestamp, now: Timestamp, limit: u32) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "DELETE FROM notifications WHERE id IN \
             (SELECT id FROM notifications WHERE id < ?1 ORDER BY id LIMIT ?2)",
            (PostId::first_at(before), limit),
        )?;
        tx.execute(
            "DELETE FROM notifications WHERE id IN \
             (SELECT id FROM notifications WHERE undone = 1 AND id < ?1 ORDER BY id LIMIT ?2)",
            (PostId::first_at(Timestamp(now.0 - REPEAT_MS)), limit),
        )?;
        Ok(())
    })
}

fn notification(row: &Row<'_>) -> rusqlite::Result<Notification> {
    let Found {
        id,
        owner,
        kind,
        by,
        subject,
        created,
        is_undone: _,
    } = found(row)?;
    Ok(Notification {
        id,
        owner,
        kind,
        by,
        subject,
        created,
    })
}

impl Reader {
    /// A notification of an account.
    pub fn notification(&self, owner: JidNo, id: PostId) -> Result<Option<Notification>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM notifications WHERE id = ?2 AND owner = ?1 AND undone = 0");
        self.first(&sql, (owner, id), notification)
    }

    /// Up to `limit` notifications of an account, the newest first, those older than `bound`.
    pub fn newest_notifications(
        &self,
        owner: JidNo,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<Notification>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM notifications WHERE owner = ?1 AND undone = 0 AND id < ?2 \
             ORDER BY id DESC LIMIT ?3"
        );
        let before = bound.map_or(i64::MAX, |id| id.0 as i64);
        self.rows(&sql, (owner, before, limit), notification)
    }

    /// Up to `limit` notifications of an account, the oldest first, those newer than `bound`.
    pub fn oldest_notifications(
        &self,
        owner: JidNo,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<Notification>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM notifications WHERE owner = ?1 AND undone = 0 AND id > ?2 \
             ORDER BY id LIMIT ?3"
        );
        let after = bound.map_or(0, |id| id.0 as i64);
        self.rows(&sql, (owner, after, limit), notification)
    }

    /// Up to which notification an account has read; 0 before the first time.
    pub fn notifications_read(&self, owner: JidNo) -> Result<PostId, ReadError> {
        let upto = self.first(
            "SELECT upto FROM notification_reads WHERE owner = ?1",
            [owner],
            |row| row.get(0),
        )?;
        Ok(upto.unwrap_or(PostId(0)))
    }
}
