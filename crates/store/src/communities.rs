//! The directory of communities: feeds on a pubsub service, those where something happened last first. What a row says is
//! made from the node's configuration by the rules above this crate.

use crate::ids::{JidNo, NodeNo, PostId};
use crate::read::{ReadError, Reader};
use crate::write::{Tx, Write, WriteError};

/// What the directory knows of a community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its node.
    pub node: NodeNo,
    /// The service that it is on.
    pub service: JidNo,
    /// Whether everybody may find it.
    pub is_listed: bool,
    /// The words by which it is found, folded.
    pub words: String,
    /// Its hash tags, folded, a space around each.
    pub tags: String,
}

/// A community as the directory gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its node.
    pub node: NodeNo,
    /// The node's name.
    pub name: String,
    /// The number of its newest post, or when it was founded, as such a number.
    pub active: PostId,
    /// The words by which it is found.
    pub words: String,
    /// Its hash tags.
    pub tags: String,
}

/// The image that a community shows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avatar {
    /// The SHA-1 of the file, in hexadecimal.
    pub hash: String,
    /// Its content type.
    pub media_type: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Puts a community into the directory, or changes what that says of it. `active` counts for a new one only.
#[must_use]
pub fn put(entry: Entry, active: PostId) -> Write {
    Write::new(entry.words.len() + entry.tags.len(), move |tx| {
        // A deleted node is in no directory.
        tx.node(entry.node)?;
        tx.execute(
            "INSERT INTO communities (node, service, active, is_listed, words, tags) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (node) DO UPDATE SET \
             is_listed = excluded.is_listed, words = excluded.words, tags = excluded.tags",
            (
                entry.node,
                entry.service,
                active,
                entry.is_listed,
                &entry.words,
                &entry.tags,
            ),
        )
        .map(drop)
    })
}

/// Something was posted to a community. Does nothing for any other node.
#[must_use]
pub fn posted(node: NodeNo, post: PostId) -> Write {
    Write::new(0, move |tx| {
        let sql = "UPDATE communities SET active = ?2 WHERE node = ?1 AND active < ?2";
        tx.execute(sql, (node, post)).map(drop)
    })
}

/// Keeps a community's avatar in place of the one before it, or none from now on.
#[must_use]
pub fn set_avatar(node: NodeNo, avatar: Option<Avatar>) -> Write {
    Write::new(
        avatar.as_ref().map_or(0, |avatar| avatar.bytes.len()),
        move |tx| {
            tx.node(node)?;
            match &avatar {
            Some(avatar) => tx
                .execute(
                    "INSERT INTO community_avatars (node, hash, media_type, bytes) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (node) DO UPDATE SET hash = excluded.hash, media_type = excluded.media_type, \
                     bytes = excluded.bytes",
                    (node, &avatar.hash, &avatar.media_type, &avatar.bytes),
                )
                .map(drop),
            None => forget_avatar(tx, node),
        }
        },
    )
}

fn forget_avatar(tx: &Tx<'_>, node: NodeNo) -> Result<(), WriteError> {
    tx.execute("DELETE FROM community_avatars WHERE node = ?1", [node])
        .map(drop)
}

/// Takes a node out of the directory. Does nothing when it is not there.
#[must_use]
pub fn remove(node: NodeNo) -> Write {
    Write::new(0, move |tx| forget(tx, node))
}

/// Takes a node out of the directory, its avatar included.
pub(crate) fn forget(tx: &Tx<'_>, node: NodeNo) -> Result<(), WriteError> {
    forget_avatar(tx, node)?;
    tx.execute("DELETE FROM communities WHERE node = ?1", [node])
        .map(drop)
}

impl Reader {
    /// Up to `limit` communities of a service that everybody may find, the most active first; those less active than
    /// `below`.
    pub fn listed_communities(
        &self,
        service: JidNo,
        below: Option<PostId>,
        limit: u32,
    ) -> Result<Vec<Listed>, ReadError> {
        let below = below.map_or(i64::MAX, |below| below.0 as i64);
        self.rows(
            "SELECT c.node, n.name, c.active, c.words, c.tags FROM communities c JOIN nodes n ON n.no = c.node \
             WHERE c.service = ?1 AND c.is_listed = 1 AND c.active < ?2 AND n.deleted = 0 \
             ORDER BY c.active DESC LIMIT ?3",
            (service, below, limit),
            |row| {
                Ok(Listed {
                    node: row.get(0)?,
                    name: row.get(1)?,
                    active: row.get(2)?,
                    words: row.get(3)?,
                    tags: row.get(4)?,
                })
            },
        )
    }

    /// Up to `limit` of what somebody posted in communities, by node and number; those after this place.
    pub fn community_posts_by(
        &self,
        no: JidNo,
        after: (NodeNo, PostId),
        limit: u32,
    ) -> Result<Vec<(NodeNo, PostId)>, ReadError> {
        self.rows(
            "SELECT i.node, i.post_id FROM communities c JOIN items i ON i.node = c.node \
             WHERE i.publisher = ?1 AND (i.node, i.post_id) > (?2, ?3) ORDER BY i.node, i.post_id LIMIT ?4",
            (no, after.0, after.1, limit),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// When something happened last in a community; `None` for a node that is none.
    pub fn community_active(&self, node: NodeNo) -> Result<Option<PostId>, ReadError> {
        self.first("SELECT active FROM communities WHERE node = ?1", [node], |row| {
            row.get(0)
        })
    }

    /// The avatar of a community.
    pub fn community_avatar(&self, node: NodeNo) -> Result<Option<Avatar>, ReadError> {
        let sql = "SELECT hash, media_type, bytes FROM community_avatars WHERE node = ?1";
        self.first(sql, [node], |row| {
            Ok(Avatar {
                hash: row.get(0)?,
                media_type: row.get(1)?,
                bytes: row.get(2)?,
            })
        })
    }
}
