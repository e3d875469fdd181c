//! Items: the append log of everything published, and how it is found again.
//!
//! An item has (node, item id) on the wire; its [`PostId`] is given once and kept over edits; each revision has a
//! [`Seq`] in the order of commits. Payloads are bytes whose form is not looked at here. Reading them: `items_read.rs`.

use std::sync::Arc;

use crate::changes::{self, Gone};
use crate::computed;
use crate::conversation::{self, Links, WasThere};
use crate::ids::{JidNo, NodeNo, PostId, Seq, Timestamp};
use crate::notifications::NewNotification;
use crate::search;
use crate::sweep::Sweep;
use crate::tags;
use crate::write::{NodeHead, Retired, Tx, Write, WriteError};

/// A stored item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its number.
    pub post_id: PostId,
    /// Its present revision's place in the order of commits.
    pub seq: Seq,
    /// The node that it is in.
    pub node: NodeNo,
    /// Its id there.
    pub item_id: String,
    /// When it was first published.
    pub created: Timestamp,
    /// When its present revision was published.
    pub modified: Timestamp,
    /// Who published the present revision.
    pub publisher: JidNo,
    /// The service that it was fetched from; `None` for an item of our own.
    pub origin: Option<JidNo>,
    /// Who may read it, in numbers of the rules above this crate.
    pub audience: i64,
    /// Whether it is for everybody, so that it stands in the public stream unless its node is kept out.
    pub in_public: bool,
    /// Its bytes.
    pub payload: Arc<[u8]>,
}

/// An item to be stored.
#[derive(Clone, Debug)]
pub struct NewItem {
    /// Its number if it is new; an item that is there keeps its own.
    pub post_id: PostId,
    /// The node.
    pub node: NodeNo,
    /// Its id there; an item with this id is replaced.
    pub item_id: String,
    /// When it was first published; an item that is there keeps its own.
    pub created: Timestamp,
    /// When this revision is published.
    pub modified: Timestamp,
    /// Who publishes it.
    pub publisher: JidNo,
    /// The service that it was fetched from.
    pub origin: Option<JidNo>,
    /// Who may read it.
    pub audience: i64,
    /// Whether it is for everybody, so that it stands in the public stream unless its node is kept out.
    pub in_public: bool,
    /// Its bytes.
    pub payload: Arc<[u8]>,
    /// Its hash tags, folded; they replace those of the earlier revision.
    pub tags: Vec<String>,
    /// What it says: words with spaces between them, in place of those of the earlier revision. Empty for nothing.
    pub words: String,
    /// What it has to do with other items, in place of what the earlier revision had.
    pub links: Links,
    /// Who is told of it, each account once, in place of those whom the earlier revision told.
    pub notify: Vec<NewNotification>,
    /// Whether the revision that it replaces is kept.
    pub keep_history: bool,
    /// How many items the node keeps, this one among them; the oldest go. At most 64 go in one write: after lowering
    /// the number, use [`trim`].
    pub max_items: Option<u64>,
}

/// Items that one put evicts at most, so that no transaction becomes long.
const MAX_EVICTED: u64 = 64;

/// Stores an item. [`WriteError::NotFound`] when there is no such live node.
#[must_use]
pub fn put(item: NewItem) -> Write {
    let tags = item.tags.iter().map(String::len).sum::<usize>();
    let bytes = item.payload.len() + item.item_id.len() + tags + item.words.len();
    Write::new(bytes, move |tx| {
        let mut head = tx.node(item.node)?;
        if (item.post_id.0 as i64) <= head.hidden_to {
            return Err(WriteError::Engine(
                "a post id older than a purge of its node".into(),
            ));
        }
        let seq = tx.next_seq()?;
        let mut post_id = item.post_id;
        let mut was_there = WasThere::No;
        if insert(tx, &item, seq, head)? {
            head.count = head.count.map(|count| count + 1);
        } else {
            match replace(tx, &item, seq, head)? {
                Some(kept) => (post_id, was_there) = (kept, WasThere::Yes),
                None => head.count = head.count.map(|count| count + 1),
            }
        }
        tags::insert(tx, post_id, &item.tags)?;
        search::insert(tx, post_id, item.node, item.in_public, &item.words)?;
        conversation::replace(tx, &item, post_id, was_there)?;
        if let Some(max_items) = item.max_items {
            evict(tx, item.node, &mut head, post_id, max_items.max(1))?;
        }
        tx.remember_node(item.node, head);
        Ok(())
    })
}

/// What `in_public` says of an item in the public stream and the tags.
const IN_STREAM: i64 = 1;

/// What `in_public` says of an item: 0 where it is not for everybody, 2 where its node is kept out of the stream.
fn placed(item: &NewItem, head: NodeHead) -> i64 {
    match (item.in_public, head.is_unlisted) {
        (false, _) => 0,
        (true, false) => IN_STREAM,
        (true, true) => 2,
    }
}

/// Inserts unless the node has an item of that id; says whether it did.
fn insert(tx: &Tx<'_>, item: &NewItem, seq: Seq, head: NodeHead) -> Result<bool, WriteError> {
    let inserted = tx.execute(
        "INSERT INTO items \
         (post_id, seq, node, item_id, created, modified, publisher, origin, audience, in_public, payload) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (node, item_id) DO NOTHING",
        (
            item.post_id,
            seq,
            item.node,
            &item.item_id,
            item.created,
            item.modified,
            item.publisher,
            item.origin,
            item.audience,
            placed(item, head),
            &*item.payload,
        ),
    )?;
    Ok(inserted == 1)
}

/// Replaces the item of that id; gives the post id that it keeps. An item that a purge has hidden is only in the way:
/// it is removed, the new one takes its place, and `None` is given.
fn replace(tx: &mut Tx<'_>, item: &NewItem, seq: Seq, head: NodeHead) -> Result<Option<PostId>, WriteError> {
    let (old, was_placed): (PostId, i64) = tx
        .first(
            "SELECT post_id, in_public FROM items WHERE node = ?1 AND item_id = ?2",
            (item.node, &item.item_id),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .ok_or(WriteError::NotFound)?;
    if (old.0 as i64) <= head.hidden_to {
        delete_row(tx, old, Deletion::Quiet)?;
        insert(tx, item, seq, head)?;
        return Ok(None);
    }
    if item.keep_history {
        tx.execute(
            "INSERT INTO item_revisions (post_id, seq, modified, publisher, payload) \
             SELECT post_id, seq, modified, publisher, payload FROM items WHERE post_id = ?1",
            [old],
        )?;
    }
    tx.execute(
        "UPDATE items SET seq = ?2, modified = ?3, publisher = ?4, origin = ?5, audience = ?6, in_public = ?7, \
         payload = ?8 WHERE post_id = ?1",
        (
            old,
            seq,
            item.modified,
            item.publisher,
            item.origin,
            item.audience,
            placed(item, head),
            &*item.payload,
        ),
    )?;
    if was_placed == IN_STREAM && placed(item, head) != IN_STREAM {
        let left = Gone {
            node: item.node,
            item_id: Some(&item.item_id),
            post_id: old,
            was_public: true,
            is_gone: false,
        };
        changes::gone(tx, &left)?;
    }
    tags::delete(tx, old)?;
    search::delete(tx, old)?;
    computed::changed(tx, old)?;
    Ok(Some(old))
}

/// Deletes the oldest items beyond `max_items`, never `kept`.
fn evict(
    tx: &mut Tx<'_>,
    node: NodeNo,
    head: &mut NodeHead,
    kept: PostId,
    max_items: u64,
) -> Result<(), WriteError> {
    let count = match head.count {
        Some(count) => count,
        None => tx
            .first(
                "SELECT count(*) FROM items WHERE node = ?1 AND post_id > ?2",
                (node, head.hidden_to),
                |row| row.get::<_, i64>(0),
            )?
            .unwrap_or(0) as u64,
    };
    let excess = count.saturating_sub(max_items).min(MAX_EVICTED);
    head.count = Some(count - excess);
    if excess == 0 {
        return Ok(());
    }
    let oldest: Vec<PostId> = tx.rows(
        "SELECT post_id FROM items WHERE node = ?1 AND post_id > ?2 AND post_id <> ?3 ORDER BY post_id LIMIT ?4",
        (node, head.hidden_to, kept, excess as i64),
        |row| row.get(0),
    )?;
    oldest
        .into_iter()
        .try_for_each(|post_id| delete_row(tx, post_id, Deletion::Quiet))
}

/// Whether whoever catches up with an item's node hears that it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// It was retracted.
    Told,
    /// It made room, or went with all others.
    Quiet,
}

/// Deletes an item with its tags, words, links and revisions. That it left the public stream is noted in any case.
pub(crate) fn delete_row(tx: &mut Tx<'_>, post_id: PostId, deletion: Deletion) -> Result<(), WriteError> {
    computed::gone(tx, post_id)?;
    let deleted: Option<(NodeNo, String, i64)> = tx.first(
        "DELETE FROM items WHERE post_id = ?1 RETURNING node, item_id, in_public",
        [post_id],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    if let Some((node, item_id, placed)) = deleted
        && (deletion == Deletion::Told || placed == IN_STREAM)
    {
        let noted = Gone {
            node,
            item_id: Some(&item_id),
            post_id,
            was_public: placed == IN_STREAM,
            is_gone: deletion == Deletion::Told,
        };
        changes::gone(tx, &noted)?;
    }
    tx.execute("DELETE FROM item_revisions WHERE post_id = ?1", [post_id])?;
    tags::delete(tx, post_id)?;
    search::delete(tx, post_id)?;
    conversation::remove(tx, post_id)?;
    tx.retire(Retired::Post, post_id.0 as i64)
}

/// Deletes an item. [`WriteError::NotFound`] when the node has none of that id.
#[must_use]
pub fn retract(node: NodeNo, item_id: String) -> Write {
    Write::new(item_id.len(), move |tx| {
        let mut head = tx.node(node)?;
        let post_id = tx
            .first(
                "SELECT post_id FROM items WHERE node = ?1 AND item_id = ?2 AND post_id > ?3",
                (node, &item_id, head.hidden_to),
                |row| row.get(0),
            )?
            .ok_or(WriteError::NotFound)?;
        delete_row(tx, post_id, Deletion::Told)?;
        head.count = head.count.map(|count| count.saturating_sub(1));
        tx.remember_node(node, head);
        Ok(())
    })
}

/// Deletes all items of a node: gone for every reader with the commit, swept afterwards.
#[must_use]
pub fn purge(node: NodeNo, at: Timestamp) -> Write {
    Write::new(0, move |tx| {
        tx.node(node)?;
        hide(tx, node, 0, at)?;
        let emptied = Gone {
            node,
            item_id: None,
            post_id: PostId(0),
            was_public: false,
            is_gone: true,
        };
        changes::gone(tx, &emptied)
    })
}

/// Keeps the newest `max_items` of a node: the others are gone for every reader with the commit, swept afterwards.
#[must_use]
pub fn trim(node: NodeNo, max_items: u64, at: Timestamp) -> Write {
    Write::new(0, move |tx| {
        tx.node(node)?;
        hide(tx, node, max_items, at)
    })
}

/// Hides all but the newest `kept` items of a live node.
fn hide(tx: &mut Tx<'_>, node: NodeNo, kept: u64, at: Timestamp) -> Result<(), WriteError> {
    let newest_hidden = tx.first(
        "SELECT post_id FROM items WHERE node = ?1 ORDER BY post_id DESC LIMIT 1 OFFSET ?2",
        (node, i64::try_from(kept).unwrap_or(i64::MAX)),
        |row| row.get::<_, i64>(0),
    )?;
    let Some(newest_hidden) = newest_hidden else {
        return Ok(());
    };
    tx.execute(
        "UPDATE nodes SET hidden_to = ?2 WHERE no = ?1 AND hidden_to < ?2",
        (node, newest_hidden),
    )?;
    tx.forget_node(node);
    Sweep::Node(node).start(tx, at)
}
