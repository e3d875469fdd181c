//! Feeds of posts: [XEP-0472](https://xmpp.org/extensions/xep-0472.html) §5, on people's own addresses
//! and, as communities, on the pubsub service.
//!
//! A node becomes a feed, or another one, or none, only while it has no items: what is in a feed was checked, stamped and
//! tagged when it was published, and what is in no feed was not. A configuration that would change that is refused.

use bus::{Feed, MICROBLOG, NodeConfig, NodeKind};
use format::atom::Entry;

use crate::error::PubsubError;

/// The word of a link to something that belongs to an entry (RFC 4287 §4.2.7.2).
const ENCLOSURE: &str = "enclosure";

/// What a node is before it is configured.
#[derive(Clone, Copy, Debug)]
pub enum Before<'a> {
    /// It is made now.
    New,
    /// It has items.
    Used(&'a NodeConfig),
    /// It has none.
    Empty(&'a NodeConfig),
}

/// Sets what every feed must have (§5.1.1), for a form to be applied over.
pub fn prepare(config: &mut NodeConfig) {
    let needed = NodeConfig::feed(Feed::Base);
    config.notify_retract = needed.notify_retract;
    config.max_items = needed.max_items;
    config.persist_items = needed.persist_items;
}

/// Says which feed a node of this configuration is.
///
/// # Errors
/// `Unfit` for a feed that does not keep everything, and for a node with items that would become another feed, or none.
pub fn settle(
    config: &mut NodeConfig,
    kind: &NodeKind,
    name: &str,
    before: Before<'_>,
) -> Result<(), PubsubError> {
    // The main blog is one by its name, whatever its configuration says.
    let may_be = match kind {
        NodeKind::Pep => name != MICROBLOG,
        // A feed on the service is a community.
        NodeKind::Service => true,
        NodeKind::Computed(_) | NodeKind::Virtual(_) => false,
    };
    if !may_be {
        return Ok(());
    }
    let wanted = config.type_.as_deref().and_then(Feed::from_word);
    match before {
        Before::Used(old) if old.feed != wanted && old.type_ != config.type_ => {
            return Err(PubsubError::Unfit(
                "a node with items does not become a feed of posts, or another one, or none",
            ));
        }
        // One of an older time whose items nobody checked.
        Before::Used(old) => config.feed = old.feed,
        Before::Empty(old) if old.type_ == config.type_ && old.feed.is_none() && !config.keeps_all() => {}
        Before::New | Before::Empty(_) => config.feed = wanted,
    }
    if config.feed.is_some() && !config.keeps_all() {
        return Err(PubsubError::Unfit(
            "a feed of posts keeps all its items and tells of retractions",
        ));
    }
    Ok(())
}

/// Checks a post against its feed's profile.
///
/// # Errors
/// `InvalidPayload` for an item of a gallery without a picture (§5.3).
pub fn check(feed: Feed, entry: &Entry) -> Result<(), PubsubError> {
    match feed {
        Feed::Base | Feed::Microblog => Ok(()),
        Feed::Gallery => {
            let is_picture = |link: &format::atom::Link| {
                let is_named = |kind: &String| kind.split('/').next() == Some("image");
                link.rel == ENCLOSURE && !link.href.is_empty() && link.kind.as_ref().is_none_or(is_named)
            };
            if entry.links.iter().any(is_picture) {
                Ok(())
            } else {
                Err(PubsubError::InvalidPayload(
                    "an item of a gallery has a link to its picture, of the relation enclosure",
                ))
            }
        }
    }
}
