//! What else is stored with an item: whom it notifies. Decided elsewhere; the host only asks.

use std::sync::Arc;

use bus::NodeView;
use format::atom::Entry;
use store::notifications::NewNotification;
use store::{BoxFuture, Links};

use crate::access::Actor;

/// An item that is about to be published.
#[derive(Clone, Copy, Debug)]
pub struct Posted<'a> {
    /// Who publishes it.
    pub actor: &'a Actor,
    /// The node.
    pub view: &'a Arc<NodeView>,
    /// What it says; of a boost, nothing.
    pub entry: Option<&'a Entry>,
    /// What it has to do with other items.
    pub links: Links,
}

/// Whoever knows what follows from an item.
pub trait Consequences: Send + Sync {
    /// Whom an item notifies. Asked before it is stored, for each revision anew.
    fn notify<'a>(&'a self, posted: Posted<'a>) -> BoxFuture<'a, Vec<NewNotification>>;
}
