//! All that follows from publishing one item: what is stored, what is remembered, what is told.

use std::sync::Arc;

use bus::{AccessModel, Event, Item, MICROBLOG, MaxItems, NodeConfig, NodeKind, NodeView, PublishKind};
use store::{PostId, Timestamp, Write};

use super::Host;
use super::load::kind_word;
use super::state::{Head, Marks};
use super::steps::Touched;
use crate::access::Actor;
use crate::profile::microblog::{Draft, Stamp};

/// An item's payload.
pub(super) enum Body {
    Plain(Arc<[u8]>),
    Microblog(Box<Draft>),
}

/// Where an item will be: its number, and what was there before.
pub(super) struct Place {
    pub(super) id: Arc<str>,
    pub(super) post_id: PostId,
    pub(super) before: Option<Marks>,
}

/// All that follows from one item.
pub(super) struct Made {
    pub(super) row: store::items::NewItem,
    pub(super) touched: Touched,
    pub(super) head: Head,
    pub(super) item: Arc<Item>,
    pub(super) event: Event,
}

impl Host {
    /// What follows from one item in its place.
    pub(super) fn make(
        &self,
        actor: &Actor,
        view: &Arc<NodeView>,
        body: Body,
        place: Place,
        now: Timestamp,
    ) -> Made {
        let Place { id, post_id, before } = place;
        let created = if before.is_some() {
            post_id.timestamp()
        } else {
            now
        };
        let publisher_jid = actor.jid.bare();
        let (stored, delivered, entry, tags) = match body {
            Body::Plain(payload) => {
                let delivered = (!payload.is_empty()).then(|| Arc::clone(&payload));
                (payload, delivered, None, Arc::from([]))
            }
            Body::Microblog(draft) => {
                let stamp = Stamp {
                    id: &id,
                    owner: &view.owner_jid,
                    publisher: &publisher_jid,
                    created,
                    modified: now,
                };
                let post = draft.finish(&stamp, &self.links(view, &id, post_id));
                (post.payload, Some(post.delivered), post.entry, post.tags)
            }
        };
        let in_public = view.is_microblog() && view.config.access == AccessModel::Open && entry.is_some();
        let marks = Marks {
            publisher: actor.no,
            tags: Arc::clone(&tags),
            in_public,
        };
        let row = store::items::NewItem {
            post_id,
            node: view.no,
            item_id: (*id).to_owned(),
            created,
            modified: now,
            publisher: actor.no,
            origin: None,
            audience: 0,
            in_public,
            payload: stored,
            tags: tags.iter().map(|tag| (**tag).to_owned()).collect(),
            links: store::Links::default(),
            notify: Vec::new(),
            keep_history: view.is_microblog(),
            max_items: match view.config.max_items {
                MaxItems::Max => None,
                MaxItems::Count(count) => Some(u64::from(count)),
            },
        };
        let item = Arc::new(Item {
            id: Arc::clone(&id),
            post_id,
            created,
            modified: now,
            publisher: actor.no,
            publisher_jid,
            payload: delivered,
            entry,
        });
        let left = before
            .as_ref()
            .map(|before| &before.tags)
            .into_iter()
            .flat_map(|tags| tags.iter());
        let event = Event::Published {
            view: Arc::clone(view),
            item: Arc::clone(&item),
            kind: if before.is_some() {
                PublishKind::Edit
            } else {
                PublishKind::New
            },
            left_tags: left.filter(|tag| !tags.contains(tag)).cloned().collect(),
            tags,
            in_public,
            was_public: before.is_some_and(|before| before.in_public),
        };
        Made {
            row,
            touched: Touched::Item {
                view: Arc::clone(view),
                id: Arc::clone(&id),
                post_id,
                marks: marks.clone(),
            },
            head: Head {
                post_id,
                id,
                marks: Some(marks),
            },
            item,
            event,
        }
    }
}

/// An item that made room for a newer one, and what to undo if that one cannot be stored. Subscribers are not told
/// (XEP-0060 §16.4.4, `discard-oldest`).
pub(super) fn gone(view: &Arc<NodeView>, head: Head) -> (Event, Touched) {
    let Head { post_id, id, marks } = head;
    let marks = marks.unwrap_or_else(|| Marks {
        publisher: view.owner,
        tags: Arc::from([]),
        // It may have been; nobody minds a retraction of what they never had.
        in_public: view.is_microblog(),
    });
    let event = Event::Retracted {
        view: Arc::clone(view),
        id: Arc::clone(&id),
        post_id,
        tags: Arc::clone(&marks.tags),
        in_public: marks.in_public,
        notify: false,
    };
    (
        event,
        Touched::Item {
            view: Arc::clone(view),
            id,
            post_id,
            marks,
        },
    )
}

/// The configuration of a node that is created without one.
pub(super) fn default_config(kind: &NodeKind, name: &str) -> NodeConfig {
    match kind {
        // Whom it is for was chosen at sign-up; one that is made again is no more open than any other node.
        NodeKind::Pep if name == MICROBLOG => NodeConfig::microblog(AccessModel::Presence),
        NodeKind::Pep => NodeConfig::pep(),
        NodeKind::Service | NodeKind::Virtual(_) | NodeKind::Computed(_) => NodeConfig::service(),
    }
}

/// Stores a node's row.
pub(super) fn create_write(view: &NodeView) -> Write {
    store::nodes::create(store::nodes::Node {
        no: view.no,
        owner: view.owner,
        name: (*view.name).to_owned(),
        kind: kind_word(&view.kind).to_owned(),
        access: view.config.access.as_str().to_owned(),
        config: view.config.to_text(),
        created: view.created,
    })
}

/// One write of several parts, without wrapping a single one.
pub(super) fn one_write(mut parts: Vec<Write>) -> Write {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            Write::all(parts)
        }
    }
}
