//! Posts that repeat others: shown only while what they repeat is there and open to everybody.

use std::collections::HashMap;
use std::sync::Arc;

use bus::{AccessModel, Affiliation, NodeView};
use memchr::memmem;
use store::{JidNo, NodeNo, PostId};

use super::Host;
use crate::error::PubsubError;

impl Host {
    /// Takes out what repeats a post that is gone or closed by now, and says of the others from whom they are kept.
    pub(super) async fn leave_out_boosts(
        &self,
        view: &NodeView,
        rows: &mut Vec<store::items::Item>,
    ) -> Result<HashMap<PostId, Arc<[JidNo]>>, PubsubError> {
        let mut kept = HashMap::new();
        if !view.is_microblog() {
            return Ok(kept);
        }
        // Every boost has such a link; few other posts do.
        let suspects: Vec<PostId> = rows
            .iter()
            .filter(|row| memmem::find(&row.payload, b"via").is_some())
            .map(|row| row.post_id)
            .collect();
        if suspects.is_empty() {
            return Ok(kept);
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
        let mut known: HashMap<NodeNo, Option<Arc<[JidNo]>>> = HashMap::new();
        let mut hidden = Vec::new();
        for (post, original) in read.await? {
            let kept_from = match original {
                None => None,
                Some(original) => match known.get(&original.node) {
                    Some(kept_from) => kept_from.clone(),
                    None => {
                        let open = self.view_of(&original).await?.filter(|view| is_open(view));
                        let kept_from = open.map(|view| kept_from(&view));
                        known.insert(original.node, kept_from.clone());
                        kept_from
                    }
                },
            };
            match kept_from {
                Some(kept_from) => drop(kept.insert(post, kept_from)),
                None => hidden.push(post),
            }
        }
        rows.retain(|row| !hidden.contains(&row.post_id));
        Ok(kept)
    }
}

/// Who may not read an open node's items.
pub(super) fn kept_from(view: &NodeView) -> Arc<[JidNo]> {
    let affiliations = view.access_node().map(|node| node.affiliations.iter());
    let may_not = |affiliation| matches!(affiliation, Affiliation::Outcast | Affiliation::PublishOnly);
    let kept_from = affiliations.into_iter().flatten();
    kept_from
        .filter(|(_, affiliation)| may_not(*affiliation))
        .map(|(no, _)| *no)
        .collect()
}

/// Whether everybody may read the node's items.
pub(super) fn is_open(view: &NodeView) -> bool {
    view.access_node()
        .is_some_and(|node| node.config.access == AccessModel::Open)
}
