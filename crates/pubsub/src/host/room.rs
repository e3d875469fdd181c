//! Room for new items at a node that keeps a certain number of them: [XEP-0060](https://xmpp.org/extensions/xep-0060.html)
//! §7.1.2 (`pubsub#publish_node_full`) and §7.1.3.4, and how many one request may bring (§12.9).
//!
//! The database makes the room; here is decided whether it may, and who goes. Of nodes with few items memory knows that, of
//! others the database is asked where anybody wants to know.

use std::sync::Arc;

use bus::{MaxItems, NodeFull, NodeView};
use store::items::Item;
use store::{ReadError, Reader};

use super::Host;
use super::state::{HEADS, Head, Marks, Node};
use crate::error::PubsubError;
use crate::words;

/// What the database said about a node that is full or nearly so.
pub(super) struct Room {
    /// The node's epoch when it was asked: after a change it is asked again.
    epoch: u64,
    count: u64,
    /// The oldest items, oldest first.
    oldest: Vec<Head>,
}

/// Which items go for new ones.
pub(super) enum Leaving {
    /// These, or whichever memory says: nobody is told of others.
    These(Vec<Head>),
    /// The database has to be asked first.
    Ask,
}

impl Leaving {
    /// Those that are known without asking.
    pub(super) fn known(self) -> Vec<Head> {
        match self {
            Leaving::These(heads) => heads,
            Leaving::Ask => Vec::new(),
        }
    }
}

/// Finds out who goes when `new` items come to a node.
///
/// # Errors
/// `TooManyItems` for more than the node keeps at all; `NodeFull` where it refuses more.
pub(super) fn leaving(node: &Node, new: usize, room: Option<&Room>) -> Result<Leaving, PubsubError> {
    let config = &node.view.config;
    let MaxItems::Count(most) = config.max_items else {
        return Ok(Leaving::These(Vec::new()));
    };
    let most = most as usize;
    if !config.persist_items || new == 0 {
        return Ok(Leaving::These(Vec::new()));
    }
    if new > most {
        return Err(PubsubError::TooManyItems);
    }
    let excess = |count: usize| (count + new).saturating_sub(most);
    if node.heads.is_whole() {
        let excess = excess(node.heads.len());
        if excess > 0 && config.publish_node_full == NodeFull::Reject {
            return Err(PubsubError::NodeFull);
        }
        return Ok(Leaving::These(node.heads.iter().take(excess).cloned().collect()));
    }
    // What memory holds of a node of few items is all that matters there.
    let is_known = most < HEADS && config.publish_node_full != NodeFull::Reject;
    if is_known || !(config.publish_node_full == NodeFull::Reject || is_told(&node.view)) {
        return Ok(Leaving::These(Vec::new()));
    }
    match room.filter(|room| room.epoch == node.epoch) {
        None => Ok(Leaving::Ask),
        Some(room) => {
            let excess = excess(usize::try_from(room.count).unwrap_or(usize::MAX - new));
            if excess > 0 && config.publish_node_full == NodeFull::Reject {
                return Err(PubsubError::NodeFull);
            }
            Ok(Leaving::These(room.oldest.iter().take(excess).cloned().collect()))
        }
    }
}

/// Whether subscribers are told of an item that makes room.
pub(super) fn is_told(view: &NodeView) -> bool {
    view.config.publish_node_full == NodeFull::RetractOldest && view.config.notify_retract
}

impl Host {
    /// Asks the database how full a node is, and which items would go for `new` ones.
    pub(super) async fn room(&self, view: &NodeView, epoch: u64, new: usize) -> Result<Room, PubsubError> {
        let (node, new) = (view.no, u32::try_from(new).unwrap_or(u32::MAX));
        let found = self.inner.store.read(move |reader| {
            let count = reader.item_count(node)?;
            let items = reader.oldest_items(node, new, None)?;
            let oldest = items.iter().map(|item| {
                Ok(Head {
                    post_id: item.post_id,
                    id: Arc::from(item.item_id.as_str()),
                    marks: Some(Box::new(marks(reader, item)?)),
                })
            });
            Ok((count, oldest.collect::<Result<Vec<_>, ReadError>>()?))
        });
        let (count, oldest) = found.await?;
        Ok(Room { epoch, count, oldest })
    }
}

/// Whose a stored item is, and where else than in its node it shows.
pub(super) fn marks(reader: &Reader, item: &Item) -> Result<Marks, ReadError> {
    Ok(Marks {
        publisher: item.publisher,
        tags: reader.tags(item.post_id)?.into_iter().map(Arc::from).collect(),
        in_public: item.in_public,
        links: reader.links(item.post_id)?,
        words: words::remembered(item),
    })
}
