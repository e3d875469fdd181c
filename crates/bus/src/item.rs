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
}
