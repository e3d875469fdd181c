//! Reading timelines: home, the public stream and hash tags, page by page.
//!
//! Chronological by post number; pages by [XEP-0059](https://xmpp.org/extensions/xep-0059.html), without count and
//! index, which would tell of items that the reader may not read. A read waits until what was published before it is
//! stored or withdrawn.

use std::sync::Arc;

use bus::{Event, EventSink, Item, MICROBLOG, NodeView, Virtual};
use format::rsm;
use parking_lot::Mutex;
use pubsub::{Actor, Host, ItemsQuery, PubsubError};
use store::{JidNo, NodeNo, PAGE_BYTES, PostId, Store};
use tokio::sync::OnceCell;
use wire::BareJid;

use crate::caches::Caches;
use crate::heads::{self, HEADS, Heads, Merged};
use crate::payload::{origin, virtual_payload};
use crate::posts::{Page, Post};
use crate::routes::{Routes, routes};

/// Items given where the reader does not say how many, and at most.
const USUAL: usize = 50;
const MOST: usize = 100;
/// Reads made for one page while most of what they find may not be shown.
const ROUNDS: usize = 20;
/// Posts looked at by one read at most.
const LARGEST_BATCH: usize = 400;

/// All timelines of this server. A sink of events: it must get them before whoever delivers.
#[derive(Clone)]
pub struct Timelines {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) host: Host,
    pub(crate) caches: Mutex<Caches>,
    services: OnceCell<Vec<JidNo>>,
}

/// An item of a timeline.
#[derive(Clone, Debug)]
pub struct TimelineItem {
    /// Its number, which is its id there.
    pub post_id: PostId,
    /// Who published it.
    pub publisher: BareJid,
    /// Where it comes from: an XMPP URI.
    pub origin: String,
    /// Its payload there: its own, and its origin.
    pub payload: Arc<[u8]>,
    /// The item in its own node.
    pub item: Arc<Item>,
    /// Its own node.
    pub view: Arc<NodeView>,
}

/// A page of a timeline.
#[derive(Clone, Debug, Default)]
pub struct TimelinePage {
    /// Ascending by number.
    pub items: Vec<Arc<TimelineItem>>,
    /// The page's first and last item.
    pub rsm: rsm::Response,
}

/// From where, and in which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// The newest below the bound.
    Newest(Option<PostId>),
    /// The oldest above the bound.
    Oldest(Option<PostId>),
}

impl Timelines {
    /// The timelines over a host's nodes.
    #[must_use]
    pub fn new(store: Store, host: Host) -> Timelines {
        let inner = Inner {
            store,
            host,
            caches: Mutex::default(),
            services: OnceCell::new(),
        };
        Timelines {
            inner: Arc::new(inner),
        }
    }

    /// A page of a virtual node, at the address where it is.
    ///
    /// # Errors
    /// `Forbidden` for somebody else's home; `ItemNotFound` for a page beside what is no post number; `NoIndex` for
    /// a page by its index.
    pub async fn items(
        &self,
        owner: &BareJid,
        actor: &Actor,
        which: &Virtual,
        query: ItemsQuery,
    ) -> Result<TimelinePage, PubsubError> {
        let nodes = match which {
            Virtual::Home if owner.as_str() != actor.jid.bare_str() => return Err(PubsubError::Forbidden),
            Virtual::Home => self.home_nodes(owner, actor.no).await?,
            Virtual::PublicStream | Virtual::Tag(_) => Vec::new(),
            Virtual::Thread(_) | Virtual::Posts | Virtual::Replies => return Err(PubsubError::NodeNotFound),
        };
        let (direction, limit) = match query {
            ItemsQuery::All => (Direction::Newest(None), USUAL),
            ItemsQuery::Newest(count) => (Direction::Newest(None), count as usize),
            ItemsQuery::Ids(ids) => return self.by_ids(actor, which, &nodes, &ids).await,
            ItemsQuery::Rsm(request) => {
                let limit = request.max.map_or(USUAL, |max| max as usize);
                (direction(&request.page)?, limit)
            }
        };
        self.inner.store.wait(self.inner.host.last_write()).await;
        let limit = limit.min(MOST);
        let mut page = Page::new(self, actor, limit);
        let mut direction = direction;
        let mut batch = limit;
        for _ in 0..ROUNDS {
            if page.is_full() {
                break;
            }
            let found = match which {
                Virtual::Home => self.home_posts(&nodes, direction, batch).await?,
                Virtual::PublicStream => self.public_posts(direction, batch).await?,
                Virtual::Tag(tag) => self.tagged_posts(tag, direction, batch).await?,
                Virtual::Thread(_) | Virtual::Posts | Virtual::Replies => Vec::new(),
            };
            let Some(last) = found.last().map(|post| post.row.post_id) else {
                break;
            };
            let is_end = is_end(&found, batch);
            page.add(which, found).await?;
            if is_end {
                break;
            }
            direction = match direction {
                Direction::Newest(_) => Direction::Newest(Some(last)),
                Direction::Oldest(_) => Direction::Oldest(Some(last)),
            };
            // Where much may not be shown, look further at a time.
            batch = (4 * batch).min(LARGEST_BATCH);
        }
        Ok(page.finish(direction))
    }

    /// Where an event goes besides its own node. For whoever delivers.
    #[must_use]
    pub fn routes(&self, event: &Event) -> Routes {
        routes(&self.inner.host, event)
    }

    /// Items of these numbers, as far as the virtual node shows them.
    async fn by_ids(
        &self,
        actor: &Actor,
        which: &Virtual,
        nodes: &[NodeNo],
        ids: &[String],
    ) -> Result<TimelinePage, PubsubError> {
        self.inner.store.wait(self.inner.host.last_write()).await;
        let mut numbers: Vec<_> = ids.iter().filter_map(|id| number(id)).take(MOST).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut found = self.posts(numbers).await?;
        if let Virtual::Tag(tag) = which {
            let numbers: Vec<_> = found.iter().map(|post| post.row.post_id).collect();
            let tags = self.inner.store.read(move |reader| {
                numbers
                    .into_iter()
                    .map(|number| reader.tags(number))
                    .collect::<Result<Vec<_>, _>>()
            });
            let mut tags = tags.await?.into_iter();
            found.retain(|_| {
                tags.next()
                    .is_some_and(|tags| tags.iter().any(|one| **one == **tag))
            });
        }
        if *which == Virtual::Home {
            found.retain(|post| nodes.contains(&post.row.node));
        }
        let mut page = Page::new(self, actor, MOST);
        page.add(which, found).await?;
        Ok(page.finish(Direction::Oldest(None)))
    }

    /// The nodes that make up somebody's home: those whom they follow, and their own.
    async fn home_nodes(&self, owner: &BareJid, no: JidNo) -> Result<Vec<NodeNo>, PubsubError> {
        let following = self.followed_by(no).await?;
        let mut nodes: Vec<_> = following.iter().map(|followed| followed.node).collect();
        if let Some(own) = self.inner.host.view(owner, MICROBLOG).await?
            && !nodes.contains(&own.no)
        {
            nodes.push(own.no);
        }
        Ok(nodes)
    }

    /// Posts of these nodes, merged.
    async fn home_posts(
        &self,
        nodes: &[NodeNo],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Post>, PubsubError> {
        let heads = self.heads_of(nodes).await?;
        let Merged { mut ids, deeper } = match direction {
            Direction::Newest(bound) => heads::newest(&heads, bound, limit),
            Direction::Oldest(bound) => heads::oldest(&heads, bound, limit),
        };
        if !deeper.is_empty() {
            let count = limit as u32;
            let more = self.inner.store.read(move |reader| {
                let mut more = Vec::new();
                for (node, bound) in deeper {
                    match direction {
                        Direction::Newest(_) => more.extend(reader.newest_post_ids(node, count, bound)?),
                        Direction::Oldest(_) => {
                            more.extend(reader.oldest_post_ids(node, count, bound)?);
                        }
                    }
                }
                Ok(more)
            });
            ids.extend(more.await?);
            ids.sort_unstable();
            if let Direction::Newest(_) = direction {
                ids.reverse();
            }
            ids.dedup();
            ids.truncate(limit);
        }
        self.posts(ids).await
    }

    async fn heads_of(&self, nodes: &[NodeNo]) -> Result<Vec<(NodeNo, Arc<Heads>)>, PubsubError> {
        let mut known = Vec::with_capacity(nodes.len());
        let mut missing = Vec::new();
        {
            let mut caches = self.inner.caches.lock();
            for node in nodes {
                match caches.heads(*node) {
                    Some(heads) => known.push((*node, heads)),
                    None => {
                        caches.begin_heads(*node);
                        missing.push(*node);
                    }
                }
            }
        }
        if missing.is_empty() {
            return Ok(known);
        }
        self.inner.store.wait(self.inner.host.last_write()).await;
        let asked = missing.clone();
        let read = self
            .inner
            .store
            .read(move |reader| reader.heads(&asked, HEADS as u32 + 1))
            .await;
        let mut caches = self.inner.caches.lock();
        match read {
            Ok(all) => {
                for (node, ids) in missing.into_iter().zip(all) {
                    let heads = Arc::new(Heads::new(ids));
                    caches.end_heads(node, Some(Arc::clone(&heads)));
                    known.push((node, heads));
                }
                Ok(known)
            }
            Err(error) => {
                for node in missing {
                    caches.end_heads(node, None);
                }
                Err(error.into())
            }
        }
    }

    /// The numbers of our pubsub services.
    pub(crate) async fn services(&self) -> Result<&[JidNo], PubsubError> {
        let services = self.inner.services.get_or_try_init(|| async {
            let settings = self.inner.host.settings();
            let names: Vec<_> = settings
                .domains
                .iter()
                .map(|domain| format!("{}{domain}", settings.pubsub_prefix))
                .collect();
            self.inner.store.jids().numbers(&names).await
        });
        Ok(services.await?)
    }
}

impl EventSink for Timelines {
    fn accept(&self, event: &Event) {
        self.inner.caches.lock().accept(event);
    }
}

/// Whether there is nothing beyond what was found when so many were asked for.
fn is_end(found: &[Post], asked: usize) -> bool {
    let bytes: usize = found.iter().map(|post| post.row.payload.len()).sum();
    found.len() < asked && bytes < PAGE_BYTES
}

fn number(id: &str) -> Option<PostId> {
    id.parse().ok().filter(|number| *number < 1 << 53).map(PostId)
}

fn direction(page: &rsm::Page) -> Result<Direction, PubsubError> {
    let bound = |id: &str| number(id).ok_or(PubsubError::ItemNotFound);
    Ok(match page {
        rsm::Page::First | rsm::Page::Index(0) => Direction::Oldest(None),
        rsm::Page::After(id) => Direction::Oldest(Some(bound(id)?)),
        rsm::Page::Before(id) => Direction::Newest(Some(bound(id)?)),
        rsm::Page::Last => Direction::Newest(None),
        // An index would tell how many there are that the reader may not read.
        rsm::Page::Index(_) => return Err(PubsubError::NoIndex),
    })
}

/// One item as a timeline shows it.
pub(crate) fn timeline_item(view: &Arc<NodeView>, item: Item) -> Arc<TimelineItem> {
    Arc::new(TimelineItem {
        post_id: item.post_id,
        publisher: item.publisher_jid.clone(),
        origin: origin(view, &item).to_string(),
        payload: virtual_payload(view, &item).into(),
        item: Arc::new(item),
        view: Arc::clone(view),
    })
}
