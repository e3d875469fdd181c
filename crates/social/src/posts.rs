//! Posts found for a timeline, and the page that shows those of them that its reader may read.

use std::collections::HashMap;
use std::sync::Arc;

use bus::{AccessModel, NodeView, Virtual};
use format::rsm;
use pubsub::access::may_read;
use pubsub::profile::microblog::FEED_ITEM;
use pubsub::{Actor, PubsubError};
use store::{JidNo, NodeNo, PAGE_BYTES, PostId, ReadError, Reader};
use wire::BareJid;

use crate::timelines::{Direction, TimelineItem, TimelinePage, Timelines, timeline_item};

/// A post as it is stored, with where it is.
pub(crate) struct Post {
    pub(crate) row: store::items::Item,
    owner: JidNo,
    node: Arc<str>,
}

impl Timelines {
    /// Posts of these numbers, in their order.
    pub(crate) async fn posts(&self, numbers: Vec<PostId>) -> Result<Vec<Post>, PubsubError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let read = self
            .inner
            .store
            .read(move |reader| placed(reader, reader.posts(&numbers)?));
        Ok(read.await?)
    }

    /// Posts of the public stream, in the direction of reading.
    pub(crate) async fn public_posts(
        &self,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Post>, PubsubError> {
        let limit = limit as u32;
        let read = self.inner.store.read(move |reader| {
            let rows = match direction {
                Direction::Newest(bound) => reader.newest_public(limit, bound)?,
                Direction::Oldest(bound) => reader.oldest_public(limit, bound)?,
            };
            placed(reader, rows)
        });
        Ok(read.await?)
    }

    /// Posts with a tag, in the direction of reading.
    pub(crate) async fn tagged_posts(
        &self,
        tag: &Arc<str>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Post>, PubsubError> {
        let (tag, limit) = (Arc::clone(tag), limit as u32);
        let read = self.inner.store.read(move |reader| {
            let rows = match direction {
                Direction::Newest(bound) => reader.newest_tagged(&tag, limit, bound)?,
                Direction::Oldest(bound) => reader.oldest_tagged(&tag, limit, bound)?,
            };
            placed(reader, rows)
        });
        Ok(read.await?)
    }
}

/// Adds to each row where its node is. Of a node that is gone, nothing is shown.
fn placed(reader: &Reader, rows: Vec<store::items::Item>) -> Result<Vec<Post>, ReadError> {
    let mut places: HashMap<NodeNo, Option<(JidNo, Arc<str>)>> = HashMap::new();
    let mut posts = Vec::with_capacity(rows.len());
    for row in rows {
        let place = match places.get(&row.node) {
            Some(place) => place.clone(),
            None => {
                let place = reader
                    .node_numbered(row.node)?
                    .map(|node| (node.owner, Arc::from(node.name)));
                places.insert(row.node, place.clone());
                place
            }
        };
        if let Some((owner, node)) = place {
            posts.push(Post { row, owner, node });
        }
    }
    Ok(posts)
}

/// A page in the making.
pub(crate) struct Page<'a> {
    timelines: &'a Timelines,
    actor: &'a Actor,
    /// The nodes met so far; `None` for those of which this reader gets nothing.
    views: HashMap<NodeNo, Option<Arc<NodeView>>>,
    items: Vec<Arc<TimelineItem>>,
    /// What they hold.
    bytes: usize,
    limit: usize,
}

impl<'a> Page<'a> {
    pub(crate) fn new(timelines: &'a Timelines, actor: &'a Actor, limit: usize) -> Page<'a> {
        Page {
            timelines,
            actor,
            views: HashMap::new(),
            items: Vec::with_capacity(limit),
            bytes: 0,
            limit,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= self.limit || self.bytes >= PAGE_BYTES
    }

    /// Adds those posts that the virtual node shows to this reader, until the page is full.
    pub(crate) async fn add(&mut self, which: &Virtual, posts: Vec<Post>) -> Result<(), PubsubError> {
        let host = &self.timelines.inner.host;
        for post in posts {
            if self.is_full() {
                break;
            }
            if post.row.item_id == FEED_ITEM {
                continue;
            }
            let is_listed = *which == Virtual::Home || post.row.in_public;
            let Some(view) = self
                .view(&post)
                .await?
                .filter(|view| is_listed && shows(which, view))
            else {
                continue;
            };
            for item in host.delivered(&view, vec![post.row]).await? {
                let item = timeline_item(&view, item);
                self.bytes += item.payload.len();
                self.items.push(item);
            }
        }
        Ok(())
    }

    /// The post's node, if the reader may read it.
    async fn view(&mut self, post: &Post) -> Result<Option<Arc<NodeView>>, PubsubError> {
        if let Some(known) = self.views.get(&post.row.node) {
            return Ok(known.clone());
        }
        let inner = &self.timelines.inner;
        let name = inner.store.jids().name(post.owner).await?;
        let view = match name.and_then(|name| BareJid::parse(&name).ok()) {
            Some(owner) => inner.host.view(&owner, &post.node).await?,
            None => None,
        };
        // A node of the same name may have taken its place.
        let view = match view.filter(|view| view.no == post.row.node) {
            Some(view) if may_read(&inner.host.reader(self.actor, &view).await, &view).is_ok() => Some(view),
            _ => None,
        };
        self.views.insert(post.row.node, view.clone());
        Ok(view)
    }

    /// The finished page; it was read in this direction.
    pub(crate) fn finish(self, direction: Direction) -> TimelinePage {
        let mut items = self.items;
        if let Direction::Newest(_) = direction {
            items.reverse();
        }
        let id = |item: Option<&Arc<TimelineItem>>| item.map(|item| item.post_id.0.to_string());
        let rsm = rsm::Response {
            first: id(items.first()),
            last: id(items.last()),
            ..rsm::Response::default()
        };
        TimelinePage { items, rsm }
    }
}

/// Whether a virtual node shows items of this node now. What was public and is no more leaves the public ones.
fn shows(which: &Virtual, view: &NodeView) -> bool {
    match which {
        Virtual::Home => view.is_microblog(),
        Virtual::Thread(_) | Virtual::Posts | Virtual::Replies => false,
        Virtual::PublicStream | Virtual::Tag(_) => {
            view.is_microblog() && view.config.access == AccessModel::Open
        }
    }
}
