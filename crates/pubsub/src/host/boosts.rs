//! Posts that repeat others: shown only while what they repeat is there and open to everybody.

use std::collections::HashMap;

use bus::{AccessModel, NodeView};
use memchr::memmem;
use store::{NodeNo, PostId};

use super::Host;
use crate::error::PubsubError;

impl Host {
    /// Takes out what repeats a post that is gone or closed by now.
    pub(super) async fn leave_out_boosts(
        &self,
        view: &NodeView,
        rows: &mut Vec<store::items::Item>,
    ) -> Result<(), PubsubError> {
        if !view.is_microblog() {
            return Ok(());
        }
        // Every boost has such a link; few other posts do.
        let suspects: Vec<PostId> = rows
            .iter()
            .filter(|row| memmem::find(&row.payload, b"via").is_some())
            .map(|row| row.post_id)
            .collect();
        if suspects.is_empty() {
            return Ok(());
        }
        let read = self.inner.store.read(move |reader| {
            let mut boosts = Vec::new();
            for post in suspects {
                if let Some(original) = reader.links(post)?.boost_of {
                    boosts.push((post, reader.target(original)?));
                }
            }
            Ok(boosts)
        });
        let mut known: HashMap<NodeNo, bool> = HashMap::new();
        let mut hidden = Vec::new();
        for (post, original) in read.await? {
            let is_open = match original {
                None => false,
                Some(original) => match known.get(&original.node) {
                    Some(is_open) => *is_open,
                    None => {
                        let is_open = self.view_of(&original).await?.is_some_and(|view| is_open(&view));
                        known.insert(original.node, is_open);
                        is_open
                    }
                },
            };
            if !is_open {
                hidden.push(post);
            }
        }
        rows.retain(|row| !hidden.contains(&row.post_id));
        Ok(())
    }
}

/// Whether everybody may read the node's items.
pub(super) fn is_open(view: &NodeView) -> bool {
    view.access_node()
        .is_some_and(|node| node.config.access == AccessModel::Open)
}
