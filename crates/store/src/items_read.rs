//! Reading items. Every list is bounded by its caller, ends at [`PAGE_BYTES`], and is ordered by post id, which is by first
//! publication.
//!
//! Items that a purge or the deletion of their node has hidden are never given. Who may read what is not decided here.

use std::sync::Arc;

use rusqlite::Row;

use crate::ids::{JidNo, NodeNo, PostId, Seq, Timestamp};
use crate::items::Item;
use crate::read::{PAGE_BYTES, ReadError, Reader};

/// An earlier revision of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its place in the order of commits.
    pub seq: Seq,
    /// When it was published.
    pub modified: Timestamp,
    /// Who published it.
    pub publisher: JidNo,
    /// Its bytes.
    pub payload: Arc<[u8]>,
}

pub(crate) const COLUMNS: &str = "i.post_id, i.seq, i.node, i.item_id, i.created, i.modified, i.publisher, i.origin, \
                       i.audience, i.in_public, i.payload";
/// What of one node is not hidden; the node is `?1`.
const VISIBLE: &str = "i.node = ?1 AND i.post_id > (SELECT hidden_to FROM nodes WHERE no = ?1)";
/// The same where another index than that by number is used.
const VISIBLE_SLOWLY: &str = "i.node = ?1 AND +i.post_id > (SELECT hidden_to FROM nodes WHERE no = ?1)";
/// What of all nodes is not hidden.
pub(crate) const VISIBLE_ANYWHERE: &str = "JOIN nodes n ON n.no = i.node AND i.post_id > n.hidden_to";

pub(crate) fn item(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item {
        post_id: row.get(0)?,
        seq: row.get(1)?,
        node: row.get(2)?,
        item_id: row.get(3)?,
        created: row.get(4)?,
        modified: row.get(5)?,
        publisher: row.get(6)?,
        origin: row.get(7)?,
        audience: row.get(8)?,
        in_public: row.get(9)?,
        payload: row.get_ref(10)?.as_blob()?.into(),
    })
}

/// What an item counts for in a page.
pub(crate) fn weight(item: &Item) -> usize {
    item.payload.len()
}

/// Those that are there, until they hold [`PAGE_BYTES`].
fn within(found: impl Iterator<Item = Result<Option<Item>, ReadError>>) -> Result<Vec<Item>, ReadError> {
    let mut page = Vec::new();
    let mut bytes = 0;
    for item in found {
        if let Some(item) = item? {
            bytes += weight(&item);
            page.push(item);
            if bytes >= PAGE_BYTES {
                break;
            }
        }
    }
    Ok(page)
}

pub(crate) fn before(bound: Option<PostId>) -> i64 {
    bound.map_or(i64::MAX, |id| id.0 as i64)
}

pub(crate) fn after(bound: Option<PostId>) -> i64 {
    bound.map_or(0, |id| id.0 as i64)
}

impl Reader {
    /// The item of this id in a node.
    pub fn item(&self, node: NodeNo, item_id: &str) -> Result<Option<Item>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM items i WHERE {VISIBLE} AND i.item_id = ?2");
        self.first(&sql, (node, item_id), item)
    }

    /// The number of the item of this id in a node.
    pub fn post_id_of(&self, node: NodeNo, item_id: &str) -> Result<Option<PostId>, ReadError> {
        let sql = format!("SELECT i.post_id FROM items i WHERE {VISIBLE} AND i.item_id = ?2");
        self.first(&sql, (node, item_id), |row| row.get(0))
    }

    /// The items of these ids in a node, in the order asked; those that are not there are left out. It ends at
    /// [`PAGE_BYTES`].
    pub fn items_by_ids<S: AsRef<str>>(&self, node: NodeNo, ids: &[S]) -> Result<Vec<Item>, ReadError> {
        within(ids.iter().map(|id| self.item(node, id.as_ref())))
    }

    /// The item with this number, in whichever node.
    pub fn post(&self, post_id: PostId) -> Result<Option<Item>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM items i {VISIBLE_ANYWHERE} WHERE i.post_id = ?1");
        self.first(&sql, [post_id], item)
    }

    /// The node that holds the item with this number, and who published it.
    pub fn place_of(&self, post_id: PostId) -> Result<Option<(NodeNo, JidNo)>, ReadError> {
        let sql = format!("SELECT i.node, i.publisher FROM items i {VISIBLE_ANYWHERE} WHERE i.post_id = ?1");
        self.first(&sql, [post_id], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The items with these numbers, in the order asked; those that are not there are left out. It ends at [`PAGE_BYTES`].
    pub fn posts(&self, post_ids: &[PostId]) -> Result<Vec<Item>, ReadError> {
        within(post_ids.iter().map(|post_id| self.post(*post_id)))
    }

    /// Up to `limit` of a node's items, the newest first, those older than `bound`.
    pub fn newest_items(
        &self,
        node: NodeNo,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<Item>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items i WHERE {VISIBLE} AND i.post_id < ?2 ORDER BY i.post_id DESC LIMIT ?3"
        );
        self.rows_within(&sql, (node, before(bound), limit), item, weight)
    }

    /// Up to `limit` of a node's items, the oldest first, those newer than `bound`.
    pub fn oldest_items(
        &self,
        node: NodeNo,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<Item>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items i WHERE {VISIBLE} AND i.post_id > ?2 ORDER BY i.post_id LIMIT ?3"
        );
        self.rows_within(&sql, (node, after(bound), limit), item, weight)
    }

    /// How many items a node has.
    pub fn item_count(&self, node: NodeNo) -> Result<u64, ReadError> {
        self.count(&format!("SELECT count(*) FROM items i WHERE {VISIBLE}"), [node])
    }

    /// How many of a node's items are older than this one (its index in RSM, XEP-0059 §2.6).
    pub fn item_index(&self, node: NodeNo, post_id: PostId) -> Result<u64, ReadError> {
        let sql = format!("SELECT count(*) FROM items i WHERE {VISIBLE} AND i.post_id < ?2");
        self.count(&sql, (node, post_id))
    }

    /// How many items a node has, counted up to `most`.
    pub fn item_count_within(&self, node: NodeNo, most: u32) -> Result<u64, ReadError> {
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM items i WHERE {VISIBLE} LIMIT ?2)");
        self.count(&sql, (node, most))
    }

    /// Whether one of a node's items repeats a post of somebody's. It looks at all of them.
    pub fn has_boosts(&self, node: NodeNo) -> Result<bool, ReadError> {
        let sql = format!(
            "SELECT 1 FROM items i JOIN item_boosts b ON b.post_id = i.post_id WHERE {VISIBLE} LIMIT 1"
        );
        Ok(self.first(&sql, [node], |_| Ok(()))?.is_some())
    }

    /// Up to `limit` of a node's items by the order of their present revisions, the last first, those before `bound`.
    pub fn last_modified(
        &self,
        node: NodeNo,
        limit: u32,
        bound: Option<Seq>,
    ) -> Result<Vec<Item>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items i INDEXED BY items_node_seq WHERE {VISIBLE_SLOWLY} AND i.seq < ?2 \
             ORDER BY i.seq DESC LIMIT ?3"
        );
        let bound = bound.map_or(i64::MAX, |seq| seq.0);
        self.rows_within(&sql, (node, bound, limit), item, weight)
    }

    /// Up to `limit` of a node's items by the order of their present revisions, the first first, those after `bound`.
    pub fn first_modified(
        &self,
        node: NodeNo,
        limit: u32,
        bound: Option<Seq>,
    ) -> Result<Vec<Item>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items i INDEXED BY items_node_seq WHERE {VISIBLE_SLOWLY} AND i.seq > ?2 \
             ORDER BY i.seq LIMIT ?3"
        );
        let bound = bound.map_or(0, |seq| seq.0);
        self.rows_within(&sql, (node, bound, limit), item, weight)
    }

    /// How many of a node's items have an older present revision than this.
    pub fn modified_index(&self, node: NodeNo, seq: Seq) -> Result<u64, ReadError> {
        let sql = format!(
            "SELECT count(*) FROM items i INDEXED BY items_node_seq WHERE {VISIBLE_SLOWLY} AND i.seq < ?2"
        );
        self.count(&sql, (node, seq))
    }

    /// The number of a node's item that so many others are older than, counted one by one.
    pub fn post_id_at(&self, node: NodeNo, index: u32) -> Result<Option<PostId>, ReadError> {
        let sql =
            format!("SELECT i.post_id FROM items i WHERE {VISIBLE} ORDER BY i.post_id LIMIT 1 OFFSET ?2");
        self.first(&sql, (node, index), |row| row.get(0))
    }

    /// The revision of a node's item that so many others are older than, counted one by one.
    pub fn seq_at(&self, node: NodeNo, index: u32) -> Result<Option<Seq>, ReadError> {
        let sql = format!(
            "SELECT i.seq FROM items i INDEXED BY items_node_seq WHERE {VISIBLE_SLOWLY} ORDER BY i.seq \
             LIMIT 1 OFFSET ?2"
        );
        self.first(&sql, (node, index), |row| row.get(0))
    }

    /// The ids of up to `limit` of a node's items, the newest first, for disco (XEP-0060 §5.5).
    pub fn item_ids(&self, node: NodeNo, limit: u32) -> Result<Vec<String>, ReadError> {
        let sql = format!("SELECT i.item_id FROM items i WHERE {VISIBLE} ORDER BY i.post_id DESC LIMIT ?2");
        self.rows(&sql, (node, limit), |row| row.get(0))
    }

    /// The ids of up to `limit` of a node's items whose present revision is older than `before`, the oldest items first.
    pub fn stale_item_ids(
        &self,
        node: NodeNo,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<String>, ReadError> {
        // What was published later has no older revision.
        let sql = format!(
            "SELECT i.item_id FROM items i WHERE {VISIBLE} AND i.post_id < ?2 AND i.modified < ?3 \
             ORDER BY i.post_id LIMIT ?4"
        );
        self.rows(&sql, (node, PostId::first_at(before), before, limit), |row| {
            row.get(0)
        })
    }

    /// For each node, in the order asked, the post ids of up to `limit` items, the newest first.
    pub fn heads(&self, nodes: &[NodeNo], limit: u32) -> Result<Vec<Vec<PostId>>, ReadError> {
        let sql = format!("SELECT i.post_id FROM items i WHERE {VISIBLE} ORDER BY i.post_id DESC LIMIT ?2");
        nodes
            .iter()
            .map(|node| self.rows(&sql, (node, limit), |row| row.get(0)))
            .collect()
    }

    /// The post ids of up to `limit` of a node's items, the newest first, those older than `bound`.
    pub fn newest_post_ids(
        &self,
        node: NodeNo,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<PostId>, ReadError> {
        let sql = format!(
            "SELECT i.post_id FROM items i WHERE {VISIBLE} AND i.post_id < ?2 ORDER BY i.post_id DESC LIMIT ?3"
        );
        self.rows(&sql, (node, before(bound), limit), |row| row.get(0))
    }

    /// The post ids of up to `limit` of a node's items, the oldest first, those newer than `bound`.
    pub fn oldest_post_ids(
        &self,
        node: NodeNo,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<PostId>, ReadError> {
        let sql = format!(
            "SELECT i.post_id FROM items i WHERE {VISIBLE} AND i.post_id > ?2 ORDER BY i.post_id LIMIT ?3"
        );
        self.rows(&sql, (node, after(bound), limit), |row| row.get(0))
    }

    /// Up to `limit` items of the public stream, the newest first, those older than `bound`.
    pub fn newest_public(&self, limit: u32, bound: Option<PostId>) -> Result<Vec<Item>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items i {VISIBLE_ANYWHERE} WHERE i.in_public = 1 AND i.post_id < ?1 \
             ORDER BY i.post_id DESC LIMIT ?2"
        );
        self.rows_within(&sql, (before(bound), limit), item, weight)
    }

    /// The numbers of up to `limit` items of the public stream with the owners of their nodes, the newest first, those older
    /// than `bound`.
    pub fn newest_public_owners(
        &self,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<(PostId, JidNo)>, ReadError> {
        let sql = format!(
            "SELECT i.post_id, n.owner FROM items i {VISIBLE_ANYWHERE} WHERE i.in_public = 1 AND i.post_id < ?1 \
             ORDER BY i.post_id DESC LIMIT ?2"
        );
        self.rows(&sql, (before(bound), limit), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Up to `limit` items of the public stream, the oldest first, those newer than `bound`.
    pub fn oldest_public(&self, limit: u32, bound: Option<PostId>) -> Result<Vec<Item>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items i {VISIBLE_ANYWHERE} WHERE i.in_public = 1 AND i.post_id > ?1 \
             ORDER BY i.post_id LIMIT ?2"
        );
        self.rows_within(&sql, (after(bound), limit), item, weight)
    }

    /// Up to `limit` items with this tag, the newest first, those older than `bound`.
    pub fn newest_tagged(
        &self,
        tag: &str,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<Item>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM item_tags t JOIN items i ON i.post_id = t.post_id {VISIBLE_ANYWHERE} \
             WHERE t.tag = ?1 AND t.post_id < ?2 ORDER BY t.post_id DESC LIMIT ?3"
        );
        self.rows_within(&sql, (tag, before(bound), limit), item, weight)
    }

    /// Up to `limit` items with this tag, the oldest first, those newer than `bound`.
    pub fn oldest_tagged(
        &self,
        tag: &str,
        limit: u32,
        bound: Option<PostId>,
    ) -> Result<Vec<Item>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM item_tags t JOIN items i ON i.post_id = t.post_id {VISIBLE_ANYWHERE} \
             WHERE t.tag = ?1 AND t.post_id > ?2 ORDER BY t.post_id LIMIT ?3"
        );
        self.rows_within(&sql, (tag, after(bound), limit), item, weight)
    }

    /// The largest place in the order of commits that an item has; `None` before the first.
    pub fn max_seq(&self) -> Result<Option<Seq>, ReadError> {
        Ok(self
            .first("SELECT max(seq) FROM items", [], |row| {
                row.get::<_, Option<Seq>>(0)
            })?
            .flatten())
    }

    /// Up to `limit` items committed after `seq`, in the order of commits.
    pub fn items_since(&self, seq: Seq, limit: u32) -> Result<Vec<Item>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items i {VISIBLE_ANYWHERE} WHERE i.seq > ?1 ORDER BY i.seq LIMIT ?2"
        );
        self.rows(&sql, (seq, limit), item)
    }

    /// Up to `limit` earlier revisions of an item, the newest first.
    pub fn revisions(&self, post_id: PostId, limit: u32) -> Result<Vec<Revision>, ReadError> {
        self.rows(
            "SELECT seq, modified, publisher, payload FROM item_revisions WHERE post_id = ?1 \
             ORDER BY seq DESC LIMIT ?2",
            (post_id, limit),
            |row| {
                Ok(Revision {
                    seq: row.get(0)?,
                    modified: row.get(1)?,
                    publisher: row.get(2)?,
                    payload: row.get_ref(3)?.as_blob()?.into(),
                })
            },
        )
    }
}
