//! What posts have to do with each other: replies, boosts and likes, written and removed with the item that says so.
//!
//! A row may outlive what it points to; every query here leaves out what is deleted or hidden. Who may read what is not
//! decided here, with one exception that only SQL can make cheap: see [`Counts`].

use crate::ids::{JidNo, PostId};
use crate::items::Item;
use crate::items_read::{COLUMNS, item};
use crate::notifications;
use crate::read::{ReadError, Reader};
use crate::write::{Tx, WriteError};

/// What an item has to do with others, as far as they are ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// What it answers to, and the first post of that thread.
    pub parent: Option<(PostId, PostId)>,
    /// The post that it repeats.
    pub boost_of: Option<PostId>,
    /// The post that it likes.
    pub likes: Option<PostId>,
}

/// What is known about a post without looking into its conversation; each counted up to [`MAX_COUNTED`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Direct replies. Counted only where they are in a node that belongs to the thread, or in one that is open:
    /// what is in somebody's closed node is nobody else's business.
    pub replies: u64,
    /// People who like it.
    pub likes: u64,
    /// Boosts, counted like replies.
    pub boosts: u64,
    /// Whether the one who asks likes it.
    pub is_liked: bool,
    /// The id of the item by which the one who asks has boosted it.
    pub boosted: Option<String>,
}

/// Writes an item's links in place of those of its earlier revision.
///
/// Fails with [`WriteError::Exists`] when it is its publisher's second boost of a post.
pub(crate) fn replace(
    tx: &mut Tx<'_>,
    new: &crate::items::NewItem,
    post_id: PostId,
    was_there: WasThere,
) -> Result<(), WriteError> {
    let links = &new.links;
    if was_there == WasThere::Yes {
        delete(tx, post_id)?;
    }
    if let Some((parent, root)) = links.parent {
        tx.execute(
            "INSERT INTO item_parents (post_id, parent, root, by) VALUES (?1, ?2, ?3, ?4)",
            (post_id, parent, root, new.publisher),
        )?;
    }
    if let Some(target) = links.boost_of {
        insert_boost(tx, post_id, target, new.publisher)?;
    }
    if let Some(target) = links.likes {
        tx.execute(
            "INSERT INTO item_likes (target, by, source) VALUES (?1, ?2, ?3) \
             ON CONFLICT (target, by, source) DO NOTHING",
            (target, new.publisher, post_id),
        )?;
    }
    notifications::replace(tx, new, post_id, was_there)
}

/// Whether an item replaces one that was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WasThere {
    Yes,
    No,
}

fn insert_boost(tx: &Tx<'_>, post_id: PostId, target: PostId, by: JidNo) -> Result<(), WriteError> {
    let insert = || {
        tx.execute(
            "INSERT INTO item_boosts (post_id, target, by) VALUES (?1, ?2, ?3) \
             ON CONFLICT (target, by) DO NOTHING",
            (post_id, target, by),
        )
    };
    if insert()? == 1 {
        return Ok(());
    }
    // One that a purge has hidden is only in the way.
    let hidden = tx.execute(
        "DELETE FROM item_boosts WHERE target = ?1 AND by = ?2 AND NOT EXISTS (SELECT 1 FROM items i \
         JOIN nodes n ON n.no = i.node AND i.post_id > n.hidden_to WHERE i.post_id = item_boosts.post_id)",
        (target, by),
    )?;
    if hidden == 1 && insert()? == 1 {
        Ok(())
    } else {
        Err(WriteError::Exists)
    }
}

fn delete(tx: &Tx<'_>, post_id: PostId) -> Result<(), WriteError> {
    for sql in [
        "DELETE FROM item_parents WHERE post_id = ?1",
        "DELETE FROM item_boosts WHERE post_id = ?1",
        "DELETE FROM item_likes WHERE source = ?1",
    ] {
        tx.execute(sql, [post_id])?;
    }
    Ok(())
}

/// The item is gone, and with it what it said and what was said of it to people.
pub(crate) fn remove(tx: &mut Tx<'_>, post_id: PostId) -> Result<(), WriteError> {
    delete(tx, post_id)?;
    notifications::item_gone(tx, post_id)
}

/// Replies, likes and boosts of one post are counted so far: what a page costs must not grow with what others write.
pub const MAX_COUNTED: u32 = 10_000;
/// A row's item is neither deleted nor hidden.
const LIVE: &str = "JOIN nodes n ON n.no = i.node AND i.post_id > n.hidden_to";
/// It may be counted before everybody who may read the post that it belongs to.
const COUNTED: &str = "(n.kind <> 'pep' OR n.access = 'open')";

fn before(bound: Option<PostId>) -> i64 {
    bound.map_or(i64::MAX, |id| id.0 as i64)
}

fn after(bound: Option<PostId>) -> i64 {
    bound.map_or(0, |id| id.0 as i64)
}

fn weight(item: &Item) -> usize {
    item.payload.len()
}

impl Reader {
    /// What an item has to do with others, whether these are still there or not.
    pub fn links(&self, post_id: PostId) -> Result<Links, ReadError> {
        Ok(Links {
            parent: self.first(
                "SELECT parent, root FROM item_parents WHERE post_id = ?1",
                [post_id],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?,
            boost_of: self.first(
                "SELECT target FROM item_boosts WHERE post_id = ?1",
                [post_id],
                |row| row.get(0),
            )?,
            likes: self.first(
                "SELECT target FROM item_likes WHERE source = ?1",
                [post_id],
                |row| row.get(0),
            )?,
        })
    }

    /// Where a reply belongs: what it answers to, or the first post of the thread where that is gone, and this first
    /// post. `None` for what is no reply, or whose thread is gone.
    pub fn place_in_thread(&self, post_id: PostId) -> Result<Option<(PostId, PostId)>, ReadError> {
        let live = |other: &str| format!("EXISTS (SELECT 1 FROM items i {LIVE} WHERE i.post_id = p.{other})");
        let sql = format!(
            "SELECT CASE WHEN {} THEN p.parent ELSE p.root END, p.root FROM item_parents p \
             WHERE p.post_id = ?1 AND {}",
            live("parent"),
            live("root")
        );
        self.first(&sql, [post_id], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The number of somebody's boost of a post.
    pub fn boost_by(&self, target: PostId, by: JidNo) -> Result<Option<PostId>, ReadError> {
        let sql = format!(
            "SELECT i.post_id FROM item_boosts b JOIN items i ON i.post_id = b.post_id {LIVE} \
             WHERE b.target = ?1 AND b.by = ?2"
        );
        self.first(&sql, (target, by), |row| row.get(0))
    }

    /// For each post, in the order asked, what can be said of its conversation to somebody who may read it.
    pub fn counts(&self, post_ids: &[PostId], asker: Option<JidNo>) -> Result<Vec<Counts>, ReadError> {
        let replies = format!(
            "SELECT count(*) FROM (SELECT 1 FROM item_parents p JOIN items i ON i.post_id = p.post_id {LIVE} \
             WHERE p.parent = ?1 AND {COUNTED} LIMIT {MAX_COUNTED})"
        );
        let boosts = format!(
            "SELECT count(*) FROM (SELECT 1 FROM item_boosts b JOIN items i ON i.post_id = b.post_id {LIVE} \
             WHERE b.target = ?1 AND {COUNTED} LIMIT {MAX_COUNTED})"
        );
        let likes = format!(
            "SELECT count(*) FROM (SELECT DISTINCT l.by FROM item_likes l JOIN items i ON i.post_id = l.source \
             {LIVE} WHERE l.target = ?1 LIMIT {MAX_COUNTED})"
        );
        let is_liked = format!(
            "SELECT 1 FROM item_likes l JOIN items i ON i.post_id = l.source {LIVE} \
             WHERE l.target = ?1 AND l.by = ?2 LIMIT 1"
        );
        let boosted = format!(
            "SELECT i.item_id FROM item_boosts b JOIN items i ON i.post_id = b.post_id {LIVE} \
             WHERE b.target = ?1 AND b.by = ?2"
        );
        post_ids
            .iter()
            .map(|post_id| {
                Ok(Counts {
                    replies: self.count(&replies, [post_id])?,
                    likes: self.count(&likes, [post_id])?,
                    boosts: self.count(&boosts, [post_id])?,
                    is_liked: match asker {
                        Some(asker) => self.first(&is_liked, (post_id, asker), |_| Ok(()))?.is_some(),
                        None => false,
                    },
                    boosted: match asker {
                        Some(asker) => self.first(&boosted, (post_id, asker), |row| row.get(0))?,
                        None => None,
                    },
                })
            })
            .collect()
    }

    /// Up to `limit` replies of a thread, the newest first, those older than `bound`. The first post is none of them.
    pub fn newest_in_thread(
        &self,
        root: PostId,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<Item>, ReadError> {
        self.replies("p.root", Order::Newest, root.0 as i64, limit, before(bound))
    }

    /// Up to `limit` replies of a thread, the oldest first, those newer than `bound`. The first post is none of them.
    pub fn oldest_in_thread(
        &self,
        root: PostId,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<Item>, ReadError> {
        self.replies("p.root", Order::Oldest, root.0 as i64, limit, after(bound))
    }

    /// Up to `limit` of somebody's replies, the newest first, those older than `bound`.
    pub fn newest_replies_of(
        &self,
        by: JidNo,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<Item>, ReadError> {
        self.replies("p.by", Order::Newest, i64::from(by.0), limit, before(bound))
    }

    /// Up to `limit` of somebody's replies, the oldest first, those newer than `bound`.
    pub fn oldest_replies_of(
        &self,
        by: JidNo,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<Item>, ReadError> {
        self.replies("p.by", Order::Oldest, i64::from(by.0), limit, after(bound))
    }

    fn replies(
        &self,
        column: &'static str,
        order: Order,
        key: i64,
        limit: u32,
        bound: i64,
    ) -> Result<Vec<Item>, ReadError> {
        let (than, order) = match order {
            Order::Newest => ("<", "DESC"),
            Order::Oldest => (">", "ASC"),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM item_parents p JOIN items i ON i.post_id = p.post_id {LIVE} \
             WHERE {column} = ?1 AND p.post_id {than} ?2 ORDER BY p.post_id {order} LIMIT ?3"
        );
        self.rows_within(&sql, (key, bound, limit), item, weight)
    }

    /// The numbers of up to `limit` boosts of a post, ascending, those above `bound`. Those that are hidden are among
    /// them: whoever goes through them looks at each in any case.
    pub fn boosts_of(&self, target: PostId, bound: PostId, limit: u32) -> Result<Vec<PostId>, ReadError> {
        self.rows(
            "SELECT post_id FROM item_boosts WHERE target = ?1 AND post_id > ?2 ORDER BY post_id LIMIT ?3",
            (target, bound, limit),
            |row| row.get(0),
        )
    }

    /// Up to `limit` people who like a post, by number, those after `after_person`.
    pub fn likes_of(
        &self,
        target: PostId,
        limit: u32,
        after_person: Option<JidNo>,
    ) -> Result<Vec<JidNo>, ReadError> {
        let sql = format!(
            "SELECT DISTINCT l.by FROM item_likes l JOIN items i ON i.post_id = l.source {LIVE} \
             WHERE l.target = ?1 AND l.by > ?2 ORDER BY l.by LIMIT ?3"
        );
        let after = after_person.map_or(-1, |no| i64::from(no.0));
        self.rows(&sql, (target, after, limit), |row| row.get(0))
    }
}

#[derive(Clone, Copy)]
enum Order {
    Newest,
    Oldest,
}
