//! The image that a community shows of itself. Its hash stands in the node's configuration, so that whoever knows the
//! community knows which image it has; the file is kept beside.

use std::sync::Arc;

use bus::{Event, NodeConfig, NodeView};
use format::avatar::Image;
use store::communities::Avatar;
use wire::BareJid;

use super::computed::Freshness;
use super::made::one_write;
use super::steps::Deliver;
use super::{Accepted, Host};
use crate::access::{Actor, may_moderate};
use crate::error::PubsubError;

/// The largest image of a community, in bytes.
const COMMUNITY_AVATAR_MAX: usize = 100 * 1024;

impl Host {
    /// Gives a community another avatar, or none.
    ///
    /// # Errors
    /// `Forbidden` to all but those who keep order; `NodeNotFound` where there is no community; `PayloadTooBig`.
    pub async fn set_community_avatar(
        &self,
        service: &BareJid,
        actor: &Actor,
        node: &str,
        image: Option<Image>,
    ) -> Result<Accepted<()>, PubsubError> {
        if image
            .as_ref()
            .is_some_and(|image| image.bytes.len() > COMMUNITY_AVATAR_MAX)
        {
            return Err(PubsubError::PayloadTooBig);
        }
        let owner = self.owner(service).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, _) = self.enter(&owner, actor, node, Freshness::Now).await?;
        self.within(&owner, &spot, |state| {
            let node = state.node(&spot.name).ok_or(PubsubError::NodeNotFound)?;
            if !node.view.is_community() {
                return Err(PubsubError::NodeNotFound);
            }
            may_moderate(actor.no, &node.view)?;
            let old = Arc::clone(&node.view.config);
            let config = NodeConfig {
                avatar: image.as_ref().map(|image| Arc::from(&*image.id)),
                ..NodeConfig::clone(&old)
            };
            let view = Arc::new(NodeView {
                config: Arc::new(config),
                ..NodeView::clone(&node.view)
            });
            let avatar = image.map(|image| Avatar {
                hash: image.id,
                media_type: image.header.format.media_type().to_owned(),
                bytes: image.bytes,
            });
            let access = view.config.access.as_str().to_owned();
            let queued = self.queue(one_write(vec![
                store::nodes::configure(view.no, access, view.config.to_text()),
                store::communities::set_avatar(view.no, avatar),
            ]))?;
            node.view = Arc::clone(&view);
            node.last_ticket = queued.ticket;
            let events = vec![Event::NodeConfigured { view, old }];
            Ok(self.finish(&owner, state, queued, Deliver::WhenStored, events, Vec::new(), ()))
        })
        .await?
    }
}
