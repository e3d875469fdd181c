//! All that follows from publishing one item: what is stored, what is remembered, what is told.

use std::borrow::Cow;
use std::sync::Arc;

use bus::{
    AccessModel, Event, Feed, Item, MICROBLOG, MaxItems, NodeConfig, NodeKind, NodeView, PublishKind,
    SendLast,
};
use format::search::WordSet;
use format::uri::percent_encode;
use store::notifications::NewNotification;
use store::{Links, PostId, Timestamp, Write};
use wire::BareJid;

use super::Host;
use super::choice::Choice;
use super::load::kind_word;
use super::state::{Head, Marks};
use super::steps::Touched;
use crate::access::Actor;
use crate::error::PubsubError;
use crate::form::Options;
use crate::profile::boost::Original;
use crate::profile::feed::{self, Before};
use crate::profile::known::{self, STORIES};
use crate::profile::main_blog::BLOG;
use crate::profile::microblog::{self, Draft, POSTS, Stamp};
use crate::words;

/// An item's payload.
pub(super) enum Body {
    Plain(Arc<[u8]>),
    Microblog(Box<Draft>),
    Comment(Box<Draft>),
    /// What the entry that repeats it has for an id, if its publisher chose one.
    Boost(Box<Original>, Option<String>),
}

impl Body {
    /// Checks what is published in a feed against its profile.
    ///
    /// # Errors
    /// `InvalidPayload`.
    pub(super) fn check(&self, profile: Feed) -> Result<(), PubsubError> {
        match self {
            Body::Microblog(draft) | Body::Comment(draft) => match draft.written() {
                Some(entry) => feed::check(profile, entry),
                None => Ok(()),
            },
            Body::Boost(original, _) => match original.entry() {
                Some(entry) => feed::check(profile, &entry),
                None => Ok(()),
            },
            Body::Plain(_) => Ok(()),
        }
    }
}

/// What is said by an item, what that has to do with other items, and whom it notifies.
pub(super) struct Content {
    pub(super) body: Body,
    pub(super) links: Links,
    pub(super) notify: Vec<NewNotification>,
    /// Where who posts in a community wants to be seen; a person's own feeds say so themselves.
    pub(super) choice: Choice,
}

impl From<Body> for Content {
    fn from(body: Body) -> Content {
        Content {
            body,
            links: Links::default(),
            notify: Vec::new(),
            choice: Choice::default(),
        }
    }
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
        content: Content,
        place: Place,
        now: Timestamp,
    ) -> Made {
        let Place { id, post_id, before } = place;
        let Content {
            body,
            mut links,
            notify,
            choice,
        } = content;
        let created = if before.is_some() {
            post_id.timestamp()
        } else {
            now
        };
        // What answers to itself or to something newer would make a ring.
        if links.parent.is_some_and(|(parent, _)| parent >= post_id) {
            links.parent = match &view.kind {
                NodeKind::Computed(computed) => Some((computed.target, computed.target)),
                NodeKind::Pep | NodeKind::Service | NodeKind::Virtual(_) => None,
            };
        }
        let publisher_jid = actor.jid.bare();
        let heading = self.heading(view);
        let stamp = Stamp {
            id: &id,
            owner: match &view.kind {
                NodeKind::Computed(_) => &publisher_jid,
                NodeKind::Pep | NodeKind::Service | NodeKind::Virtual(_) => &view.owner_jid,
            },
            heading: &heading,
            has_authors: matches!(view.kind, NodeKind::Computed(_)) || view.is_community(),
            publisher: &publisher_jid,
            created,
            modified: now,
        };
        let service = self.service_for(view);
        let decoration = self.links(view, &service, &id, post_id, &publisher_jid);
        let kept_from = match &body {
            Body::Boost(original, _) => Some(Arc::clone(&original.kept_from)),
            Body::Plain(_) | Body::Microblog(_) | Body::Comment(_) => None,
        };
        let (stored, delivered, entry, tags) = match body {
            Body::Plain(payload) => {
                let delivered = (!payload.is_empty()).then(|| Arc::clone(&payload));
                (payload, delivered, None, Arc::from([]))
            }
            Body::Microblog(draft) => {
                let post = draft.finish(&stamp, &decoration);
                (post.payload, Some(post.delivered), post.entry, post.tags)
            }
            Body::Comment(draft) => {
                let post = draft.finish(&stamp, &decoration);
                (post.payload, Some(post.delivered), post.entry, Arc::from([]))
            }
            Body::Boost(original, own_id) => match original.repeated(&stamp, own_id.as_deref()) {
                Some((payload, entry)) => {
                    let payload: Arc<[u8]> = payload.into();
                    let delivered = microblog::decorated(&payload, &decoration);
                    (payload, Some(delivered), Some(Arc::new(entry)), Arc::from([]))
                }
                // What is no entry is not taken for an original.
                None => (Arc::from([]), None, None, Arc::from([])),
            },
        };
        // A boost repeats what stands in the public stream already.
        let in_public = view.is_feed()
            && view.config.access == AccessModel::Open
            && entry.is_some()
            && links.boost_of.is_none()
            && choice.in_stream;
        let its_words = match &entry {
            _ if !view.config.persist_items => Vec::new(),
            Some(entry) => words::said(entry),
            None => words::of_payload(&stored),
        };
        let marks = Marks {
            publisher: actor.no,
            tags: Arc::clone(&tags),
            in_public,
            links,
            words: if in_public && choice.in_search {
                WordSet::of(&its_words)
            } else {
                WordSet::default()
            },
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
            words: its_words.join(" "),
            links,
            notify,
            keep_history: view.is_feed(),
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
            kept_from,
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
            was_public: before.as_ref().is_some_and(|before| before.in_public),
            links,
            old_links: before.as_ref().map(|before| before.links).unwrap_or_default(),
            words: marks.words.clone(),
            old_words: before.map(|before| before.words).unwrap_or_default(),
        };
        Made {
            row,
            touched: Touched::Item {
                view: Arc::clone(view),
                id: Arc::clone(&id),
                post_id,
                marks: marks.clone(),
                is_evicted: false,
            },
            head: Head {
                post_id,
                id,
                marks: Some(Box::new(marks)),
            },
            item,
            event,
        }
    }
}

/// An item that made room for a newer one, and what to undo if that one cannot be stored. Whether subscribers are told is
/// configured (XEP-0060 §7.1.2).
pub(super) fn gone(view: &Arc<NodeView>, head: Head) -> (Event, Touched) {
    let Head { post_id, id, marks } = head;
    let unknown = || Marks {
        publisher: view.owner,
        tags: Arc::from([]),
        // It may have been; nobody minds a retraction of what they never had.
        in_public: view.is_feed(),
        links: Links::default(),
        words: WordSet::any(),
    };
    let marks = marks.map_or_else(unknown, |marks| *marks);
    let event = Event::Retracted {
        view: Arc::clone(view),
        id: Arc::clone(&id),
        post_id,
        tags: Arc::clone(&marks.tags),
        in_public: marks.in_public,
        notify: super::room::is_told(view),
        links: marks.links,
        words: marks.words.clone(),
    };
    (
        event,
        Touched::Item {
            view: Arc::clone(view),
            id,
            post_id,
            marks,
            is_evicted: true,
        },
    )
}

impl Host {
    /// Under which heading an item's words stand in its Atom id.
    fn heading(&self, view: &NodeView) -> Cow<'static, str> {
        match &view.kind {
            NodeKind::Computed(computed) => Cow::Owned(format!("comments/{}", computed.target.0)),
            // Ids are their publisher's choice in each feed.
            NodeKind::Pep if view.is_microblog() && &*view.name != MICROBLOG => {
                Cow::Owned(format!("feeds/{}", percent_encode(&view.name)))
            }
            NodeKind::Service if view.is_community() => {
                Cow::Owned(format!("communities/{}", percent_encode(&view.name)))
            }
            NodeKind::Pep | NodeKind::Service | NodeKind::Virtual(_) => Cow::Borrowed(POSTS),
        }
    }

    /// The service with the comments on a node's items.
    pub(super) fn service_for(&self, view: &NodeView) -> String {
        match &view.kind {
            NodeKind::Computed(_) => view.owner_jid.to_string(),
            NodeKind::Pep | NodeKind::Service | NodeKind::Virtual(_) => self.service_of(&view.owner_jid),
        }
    }

    /// What the links of a post or comment are made from.
    pub(super) fn links<'a>(
        &'a self,
        view: &'a NodeView,
        service: &'a str,
        id: &'a str,
        post_id: PostId,
        publisher: &'a BareJid,
    ) -> microblog::Links<'a> {
        let settings = &self.inner.settings;
        let (person, commented) = match &view.kind {
            NodeKind::Computed(computed) => (publisher, computed.target),
            NodeKind::Service if view.is_community() => (publisher, post_id),
            NodeKind::Pep | NodeKind::Service | NodeKind::Virtual(_) => (&view.owner_jid, post_id),
        };
        microblog::Links {
            site_url: &settings.site_url,
            main_domain: settings.domains.first().map_or("", String::as_str),
            person,
            post_id,
            at: &view.owner_jid,
            node: &view.name,
            item: id,
            service,
            commented,
        }
    }
}

/// The configuration of a node that is created, as its creator wants it.
///
/// # Errors
/// `Unfit` for what no feed may be.
pub(super) fn new_config(
    kind: &NodeKind,
    name: &str,
    options: Option<&Options>,
) -> Result<NodeConfig, PubsubError> {
    let mut config = match options.and_then(Options::feed) {
        Some(feed) if *kind == NodeKind::Pep && name != MICROBLOG => NodeConfig::feed(feed),
        _ => default_config(kind, name),
    };
    if let Some(options) = options {
        config = options.changed(&config)?;
    }
    feed::settle(&mut config, kind, name, Before::New)?;
    Ok(config)
}

/// The node of XEP-0330.
const SUBSCRIPTIONS: &str = "urn:xmpp:pubsub:subscription";

/// The configuration of a node that is created without one.
fn default_config(kind: &NodeKind, name: &str) -> NodeConfig {
    match kind {
        // Whom it is for was chosen at sign-up; one that is made again is no more open than any other node.
        NodeKind::Pep if name == MICROBLOG => NodeConfig::microblog(AccessModel::Presence),
        // Whoever looks for a blog has to find it.
        NodeKind::Pep if name == BLOG => NodeConfig {
            access: AccessModel::Open,
            ..NodeConfig::pep()
        },
        // COMPAT: Movim's list of what a person subscribes to, an item for each (XEP-0330).
        NodeKind::Pep if name == SUBSCRIPTIONS => NodeConfig {
            max_items: MaxItems::Max,
            notify_retract: true,
            send_last: SendLast::Never,
            ..NodeConfig::pep()
        },
        NodeKind::Pep if name == STORIES => known::stories(),
        NodeKind::Pep => NodeConfig::pep(),
        NodeKind::Service | NodeKind::Virtual(_) | NodeKind::Computed(_) => NodeConfig::service(),
    }
}

/// Stores a node's row.
pub(super) fn create_write(view: &NodeView) -> Write {
    let created = store::nodes::create(store::nodes::Node {
        no: view.no,
        owner: view.owner,
        name: (*view.name).to_owned(),
        kind: kind_word(&view.kind).to_owned(),
        access: view.config.access.as_str().to_owned(),
        config: view.config.to_text(),
        created: view.created,
    });
    let mut writes = vec![created];
    if view.config.feed.is_some() {
        writes.push(store::feeds::set(view.no, true));
    }
    if !view.config.in_stream {
        writes.push(store::changes::list(view.no, true, view.created));
    }
    one_write(writes)
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
