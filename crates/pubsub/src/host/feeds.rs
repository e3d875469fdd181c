//! A person's feeds of posts: the main blog and those besides it.

use std::sync::Arc;

use bus::{MICROBLOG, NodeView};
use wire::BareJid;

use super::Host;
use super::state::{NodeState, Owner};
use crate::access::{Actor, may_read};
use crate::error::PubsubError;

/// Feeds that are listed.
const MAX_LISTED: usize = 100;

impl Host {
    /// A person's feeds besides their main blog, as far as somebody may read them, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn further_feeds(
        &self,
        owner: &BareJid,
        actor: &Actor,
    ) -> Result<Vec<Arc<NodeView>>, PubsubError> {
        let Some(owned) = self.owner(owner).await? else {
            return Ok(Vec::new());
        };
        let mut readable = Vec::new();
        for feed in self.feeds(&owned).await? {
            if readable.len() >= MAX_LISTED {
                break;
            }
            if &*feed.name == MICROBLOG {
                continue;
            }
            // Who may read it is known only with its affiliations.
            if let Some(view) = self
                .view(owner, &feed.name)
                .await?
                .filter(|view| view.is_microblog())
                && may_read(&self.reader(actor, &view).await, &view).is_ok()
            {
                readable.push(view);
            }
        }
        Ok(readable)
    }

    /// All feeds of an owner, by name, perhaps without affiliations and subscribers.
    pub(super) async fn feeds(&self, owner: &Arc<Owner>) -> Result<Vec<Arc<NodeView>>, PubsubError> {
        self.with_nodes(owner, |state| {
            let views = state.nodes.values().map(NodeState::view);
            let mut feeds: Vec<_> = views.filter(|view| view.is_microblog()).cloned().collect();
            feeds.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            feeds
        })
        .await
    }
}
