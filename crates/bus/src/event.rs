//! What happens to nodes: a closed list, so that each consumer is one `match`.

use std::sync::Arc;

use format::search::WordSet;
use store::{JidNo, Links, PostId};
use wire::Jid;

use crate::config::NodeConfig;
use crate::item::Item;
use crate::node::{Affiliation, NodeView, SubId, Subscriber};

/// How an item came to be (again) what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishKind {
    /// It was not there before.
    New,
    /// It replaces an earlier revision.
    Edit,
    /// Storing a later revision, or a retraction, failed: this is the stored one again.
    Restored,
}

/// To whom alone a last item goes.
#[derive(Clone, Debug)]
pub struct LastItemTo {
    /// The number of the bare JID.
    pub no: JidNo,
    /// Bare: all available resources; full: this one.
    pub jid: Jid,
    /// The subscription that it follows from, whose options count; `None` where it follows from announced interest.
    pub subid: Option<SubId>,
}

/// Something that happened to a node. `view` is the node as it is after the event.
#[derive(Clone, Debug)]
pub enum Event {
    /// An item was published, replaced or restored.
    Published {
        /// The node.
        view: Arc<NodeView>,
        /// The item as it is now.
        item: Arc<Item>,
        /// How it came to be.
        kind: PublishKind,
        /// The tags that it has now, casefolded, without `#`.
        tags: Arc<[Arc<str>]>,
        /// The tags that it had before and has no more.
        left_tags: Arc<[Arc<str>]>,
        /// Whether it belongs to the public stream.
        in_public: bool,
        /// Whether its earlier revision belonged to the public stream. `false` for a new item.
        was_public: bool,
        /// What it has to do with other items.
        links: Links,
        /// What its earlier revision had to do with others. Nothing for a new item.
        old_links: Links,
        /// What is remembered of its words, where it belongs to the public stream.
        words: WordSet,
        /// The same of its earlier revision. None for a new item.
        old_words: WordSet,
    },
    /// An item was retracted, or a new item could not be stored.
    Retracted {
        /// The node.
        view: Arc<NodeView>,
        /// The item's id.
        id: Arc<str>,
        /// The item's number.
        post_id: PostId,
        /// The tags that it had.
        tags: Arc<[Arc<str>]>,
        /// Whether it belonged to the public stream.
        in_public: bool,
        /// Whether the node's subscribers are to be told. Virtual nodes follow in any case.
        notify: bool,
        /// What it had to do with other items.
        links: Links,
        /// What is remembered of its words, where it belonged to the public stream.
        words: WordSet,
    },
    /// An item came into the public stream and its tags, or left them, because its author chose so. Nothing else about it
    /// changed.
    Listed {
        /// The node.
        view: Arc<NodeView>,
        /// The item.
        item: Arc<Item>,
        /// Its tags.
        tags: Arc<[Arc<str>]>,
        /// Whether it came.
        is_listed: bool,
    },
    /// The node's last item, for one recipient (`pubsub#send_last_published_item`).
    LastItem {
        /// The node.
        view: Arc<NodeView>,
        /// Its last item.
        item: Arc<Item>,
        /// The only recipient.
        to: LastItemTo,
    },
    /// All items are gone (XEP-0060 §8.5).
    Purged {
        /// The node.
        view: Arc<NodeView>,
    },
    /// A node was created.
    NodeCreated {
        /// The node.
        view: Arc<NodeView>,
    },
    /// A node's configuration changed (XEP-0060 §8.2).
    NodeConfigured {
        /// The node.
        view: Arc<NodeView>,
        /// Its configuration before.
        old: Arc<NodeConfig>,
    },
    /// A node is gone, with its items and subscriptions (XEP-0060 §8.4).
    NodeDeleted {
        /// The node as it was.
        view: Arc<NodeView>,
        /// Where to look instead, if its owner said so: a URI.
        redirect: Option<Arc<str>>,
    },
    /// Somebody subscribed, or a request was granted.
    Subscribed {
        /// The node.
        view: Arc<NodeView>,
        /// The subscription.
        subscriber: Subscriber,
        /// Its address.
        jid: Jid,
    },
    /// Somebody unsubscribed, or was removed.
    Unsubscribed {
        /// The node.
        view: Arc<NodeView>,
        /// The subscription that is no more.
        subscriber: Subscriber,
        /// Its address.
        jid: Jid,
    },
    /// Somebody's affiliation changed (XEP-0060 §8.9.4).
    AffiliationChanged {
        /// The node.
        view: Arc<NodeView>,
        /// Whose.
        no: JidNo,
        /// What it is now.
        affiliation: Affiliation,
    },
}

impl Event {
    /// The node that the event is about.
    #[must_use]
    pub fn view(&self) -> &Arc<NodeView> {
        match self {
            Event::Published { view, .. }
            | Event::Retracted { view, .. }
            | Event::Listed { view, .. }
            | Event::LastItem { view, .. }
            | Event::Purged { view }
            | Event::NodeCreated { view }
            | Event::NodeConfigured { view, .. }
            | Event::NodeDeleted { view, .. }
            | Event::Subscribed { view, .. }
            | Event::Unsubscribed { view, .. }
            | Event::AffiliationChanged { view, .. } => view,
        }
    }

    /// Tells the event about another snapshot of the same node: one that was read again after a failure.
    pub fn set_view(&mut self, now: Arc<NodeView>) {
        match self {
            Event::Published { view, .. }
            | Event::Retracted { view, .. }
            | Event::Listed { view, .. }
            | Event::LastItem { view, .. }
            | Event::Purged { view }
            | Event::NodeCreated { view }
            | Event::NodeConfigured { view, .. }
            | Event::NodeDeleted { view, .. }
            | Event::Subscribed { view, .. }
            | Event::Unsubscribed { view, .. }
            | Event::AffiliationChanged { view, .. } => *view = now,
        }
    }
}

/// A consumer of events.
pub trait EventSink: Send + Sync {
    /// Takes notice of an event. Called inside the owner's step, in the owner's order, with the owner's lock held:
    /// it must be quick, must not block, and must not call the owner's operations.
    fn accept(&self, event: &Event);
}
