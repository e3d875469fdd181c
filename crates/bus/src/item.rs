//! One item of a node, as it is delivered and read.

use std::sync::Arc;

use format::atom::Entry;
use store::{JidNo, PostId, Timestamp};
use wire::BareJid;

/// One item of a node. Shared; never changed.
#[derive(Clone, Debug)]
pub struct Item {
    /// The publisher's choice (XEP-0060 §7.1), or one that the server made up.
    pub id: Arc<str>,
    /// The item's number: given once, kept over edits.
    pub post_id: PostId,
    /// When it was published first.
    pub created: Timestamp,
    /// When this revision was published.
    pub modified: Timestamp,
    /// Who published this revision.
    pub publisher: JidNo,
    /// Who published this revision.
    pub publisher_jid: BareJid,
    /// The payload as it is delivered: one self-contained element, already decorated with the links that are made
    /// on delivery. `None` for an item without payload.
    pub payload: Option<Arc<[u8]>>,
    /// The payload's typed value, in events about a microblog's posts; `None` in items that were read.
    pub entry: Option<Arc<Entry>>,
    /// Of what repeats a post: who gets nothing of it though they may read its node, since they may not read the post.
    pub kept_from: Option<Arc<[JidNo]>>,
}

impl Item {
    /// Whether it is kept from somebody who may read its node.
    #[must_use]
    pub fn is_kept_from(&self, no: JidNo) -> bool {
        self.kept_from.as_ref().is_some_and(|some| some.contains(&no))
    }
}
