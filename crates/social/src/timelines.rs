//! Reading timelines: home, the public stream, hash tags, threads, and what one person posts or replies, page by page.
//!
//! Chronological by post number; pages by [XEP-0059](https://xmpp.org/extensions/xep-0059.html), without count and
//! index, which would tell of items that the reader may not read. A read waits until what was published before it is
//! stored or withdrawn.

use std::sync::Arc;

use bus::{Event, EventSink, Item, MICROBLOG, NodeView, Virtual};
use format::rsm;
use format::search::{FollowedWords, Search};
use parking_lot::Mutex;
use pubsub::access::may_read;
use pubsub::{Actor, Host, ItemsQuery, ItemsRequest, PubsubError, Sense, turn};
use store::search::Scope as InWords;
use store::{JidNo, NodeNo, PAGE_BYTES, PostId, Store};
use tokio::sync::Semaphore;
use wire::BareJid;

use crate::caches::Caches;
use crate::heads::{self, HEADS, Heads, Merged};
use crate::live::Live;
use crate::page::Page;
use crate::payload::About;
use crate::posts::{Post, placed};
use crate::routes::{Routes, routes};
use crate::threads::thread_rows;

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
    /// One search for people at a time, since each looks at many accounts.
    pub(crate) searching: Semaphore,
    pub(crate) live: Live,
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
    /// Its payload there: its own, its origin and what stands around it.
    pub payload: Arc<[u8]>,
    /// What stands around it.
    pub about: About,
    /// The item in its own node.
    pub item: Arc<Item>,
    /// Its own node.
    pub view: Arc<NodeView>,
}

/// A page of a timeline.
#[derive(Clone, Debug, Default)]
pub struct TimelinePage {
    /// Ascending by number, unless asked for otherwise.
    pub items: Vec<Arc<TimelineItem>>,
    /// The page's first and last item.
    pub rsm: rsm::Response,
}

impl TimelinePage {
    fn in_sense(mut self, sense: Sense) -> TimelinePage {
        if sense == Sense::Descending {
            self.items.reverse();
            turn(&mut self.rsm);
        }
        self
    }
}

/// What a virtual node is made of.
#[derive(Clone, Debug)]
enum Scope {
    /// What these nodes hold.
    Nodes(Vec<NodeNo>),
    Public,
    Tag(Arc<str>),
    /// What of the public stream has all of this.
    Search(Arc<Search>),
    /// The thread that begins with this post.
    Thread(PostId),
    /// What this account replied.
    Replies(JidNo),
}

impl Scope {
    /// What is given to whoever does not say: a thread from its beginning, of all else the newest.
    fn usual(&self) -> Direction {
        match self {
            Scope::Thread(_) => Direction::Oldest(None),
            _ => Direction::Newest(None),
        }
    }
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
            searching: Semaphore::new(1),
            live: Live::default(),
        };
        Timelines {
            inner: Arc::new(inner),
        }
    }

    /// A page of a virtual node, at the address where it is.
    ///
    /// # Errors
    /// `Forbidden` for somebody else's home; `NodeNotFound` for a thread that the reader may not read; the refusals of a
    /// person's node of posts for that in the form of a timeline; `ItemNotFound` for a page beside what is no post
    /// number; `NoIndex` for a page by its index; `NoOrder` by modification; `NoSearch` but in the public stream.
    pub async fn items(
        &self,
        owner: &BareJid,
        actor: &Actor,
        which: &Virtual,
        request: impl Into<ItemsRequest>,
    ) -> Result<TimelinePage, PubsubError> {
        let mut request = request.into();
        let search = request.search.take();
        let (query, sense) = request.by_creation()?;
        let page = match (search, which) {
            (None, _) => {
                let scope = self.scope(owner, actor, which).await?;
                self.page(actor, which, scope, query).await?
            }
            (Some(search), Virtual::PublicStream) => {
                // Who is not found by their words is not found here either.
                let Some(some) = search.rarest().and_then(FollowedWords::parse) else {
                    return Ok(TimelinePage::default());
                };
                let scope = Scope::Search(Arc::new(search));
                self.page(actor, &Virtual::Search(some), scope, query).await?
            }
            (Some(_), _) => return Err(PubsubError::NoSearch),
        };
        Ok(page.in_sense(sense))
    }

    async fn page(
        &self,
        actor: &Actor,
        which: &Virtual,
        scope: Scope,
        query: ItemsQuery,
    ) -> Result<TimelinePage, PubsubError> {
        let (direction, limit) = match query {
            ItemsQuery::All => (scope.usual(), USUAL),
            ItemsQuery::Newest(count) => (Direction::Newest(None), count as usize),
            ItemsQuery::Ids(ids) => return self.by_ids(actor, which, &scope, &ids).await,
            ItemsQuery::Rsm(request) => {
                let limit = request.max.map_or(USUAL, |max| max as usize);
                (direction(&request.page)?, limit)
            }
        };
        self.inner.store.wait(self.inner.host.last_write()).await;
        let _turn = match &scope {
            Scope::Search(_) => self.inner.host.searching().await,
            _ => None,
        };
        let limit = limit.min(MOST);
        let mut page = Page::new(self, actor, which, limit);
        let mut direction = direction;
        let mut batch = limit;
        for _ in 0..ROUNDS {
            if page.is_full() {
                break;
            }
            let found = self.found(&scope, direction, batch).await?;
            let Some(last) = found.last().map(|post| post.row.post_id) else {
                break;
            };
            let is_end = is_end(&found, batch);
            page.add(found, direction).await?;
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
        page.finish(direction).await
    }

    /// A page of one feed, as a person's posts are shown: newest first to be asked, ascending in the answer.
    ///
    /// # Errors
    /// The refusals of the feed's node, and those of [`items`](Timelines::items).
    pub async fn feed_items(
        &self,
        view: &NodeView,
        actor: &Actor,
        query: ItemsQuery,
    ) -> Result<TimelinePage, PubsubError> {
        may_read(&self.inner.host.reader(actor, view).await, view)?;
        self.page(actor, &Virtual::Posts, Scope::Nodes(vec![view.no]), query)
            .await
    }

    /// One post or reply as it is shown outside of its thread, if the asker may read it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn post(
        &self,
        actor: &Actor,
        number: PostId,
    ) -> Result<Option<Arc<TimelineItem>>, PubsubError> {
        self.inner.store.wait(self.inner.host.last_write()).await;
        let found = self.posts(vec![number]).await?;
        let mut page = Page::new(self, actor, &Virtual::Home, 1);
        page.add_asked(found).await?;
        Ok(page.finish(Direction::Oldest(None)).await?.items.pop())
    }

    /// Whether an asker may look at a virtual node at all.
    ///
    /// # Errors
    /// As for [`items`](Timelines::items).
    pub async fn check(&self, owner: &BareJid, actor: &Actor, which: &Virtual) -> Result<(), PubsubError> {
        self.scope(owner, actor, which).await.map(drop)
    }

    /// What a virtual node is made of, for an asker who may look at it.
    async fn scope(&self, owner: &BareJid, actor: &Actor, which: &Virtual) -> Result<Scope, PubsubError> {
        self.inner.host.may_see(actor, which)?;
        Ok(match which {
            Virtual::Home if owner.as_str() != actor.jid.bare_str() => return Err(PubsubError::Forbidden),
            Virtual::Home => Scope::Nodes(self.home_nodes(owner, actor.no).await?),
            Virtual::PublicStream => Scope::Public,
            Virtual::Tag(tag) => Scope::Tag(Arc::clone(tag)),
            Virtual::Search(words) => Scope::Search(Arc::new(words.search())),
            Virtual::Thread(number) => Scope::Thread(self.thread_of(actor, *number).await?),
            Virtual::Posts => {
                let host = &self.inner.host;
                let view = host.view(owner, MICROBLOG).await?;
                let view = view.ok_or(PubsubError::NodeNotFound)?;
                may_read(&host.reader(actor, &view).await, &view)?;
                Scope::Nodes(vec![view.no])
            }
            Virtual::Community(name) => {
                let view = self.community_view(owner, name).await?;
                let view = view.ok_or(PubsubError::NodeNotFound)?;
                may_read(&self.inner.host.reader(actor, &view).await, &view)?;
                Scope::Nodes(vec![view.no])
            }
            Virtual::Notifications if owner.as_str() != actor.jid.bare_str() => {
                return Err(PubsubError::Forbidden);
            }
            // These are no posts: see `notifications.rs`.
            Virtual::Notifications | Virtual::ShownSubscriptions | Virtual::ShownSubscribers(_) => {
                Scope::Nodes(Vec::new())
            }
            Virtual::Replies => {
                let view = self.inner.host.view(owner, MICROBLOG).await?;
                Scope::Replies(view.ok_or(PubsubError::NodeNotFound)?.owner)
            }
        })
    }

    /// What is there of a scope, in the direction of reading.
    async fn found(
        &self,
        scope: &Scope,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Post>, PubsubError> {
        let scope = match scope {
            Scope::Nodes(nodes) => return self.home_posts(nodes, direction, limit).await,
            others => others.clone(),
        };
        let limit = limit as u32;
        let read = self.inner.store.read(move |reader| {
            let rows = match (&scope, direction) {
                (Scope::Nodes(_), _) => Vec::new(),
                (Scope::Public, Direction::Newest(bound)) => reader.newest_public(limit, bound)?,
                (Scope::Public, Direction::Oldest(bound)) => reader.oldest_public(limit, bound)?,
                (Scope::Tag(tag), Direction::Newest(bound)) => reader.newest_tagged(tag, limit, bound)?,
                (Scope::Tag(tag), Direction::Oldest(bound)) => reader.oldest_tagged(tag, limit, bound)?,
                (Scope::Search(search), Direction::Newest(bound)) => {
                    reader.newest_with_words(search.phrases(), InWords::Public, limit, bound)?
                }
                (Scope::Search(search), Direction::Oldest(bound)) => {
                    reader.oldest_with_words(search.phrases(), InWords::Public, limit, bound)?
                }
                (Scope::Thread(root), direction) => thread_rows(reader, *root, direction, limit)?,
                (Scope::Replies(by), Direction::Newest(bound)) => {
                    reader.newest_replies_of(*by, limit, bound)?
                }
                (Scope::Replies(by), Direction::Oldest(bound)) => {
                    reader.oldest_replies_of(*by, limit, bound)?
                }
            };
            placed(reader, rows)
        });
        Ok(read.await?)
    }

    /// Posts of these numbers, in their order.
    async fn posts(&self, numbers: Vec<PostId>) -> Result<Vec<Post>, PubsubError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let read = self
            .inner
            .store
            .read(move |reader| placed(reader, reader.posts(&numbers)?));
        Ok(read.await?)
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
        scope: &Scope,
        ids: &[String],
    ) -> Result<TimelinePage, PubsubError> {
        self.inner.store.wait(self.inner.host.last_write()).await;
        let mut numbers: Vec<_> = ids.iter().filter_map(|id| number(id)).take(MOST).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut found = self.posts(numbers).await?;
        match scope {
            Scope::Public => {}
            Scope::Nodes(nodes) => found.retain(|post| nodes.contains(&post.row.node)),
            Scope::Tag(tag) => self.retain_tagged(&mut found, tag).await?,
            Scope::Search(search) => self.retain_with_words(&mut found, search).await?,
            Scope::Thread(root) => found.retain(|post| post.thread() == *root),
            Scope::Replies(by) => found.retain(|post| post.row.publisher == *by),
        }
        let mut page = Page::new(self, actor, which, MOST);
        page.add_asked(found).await?;
        page.finish(Direction::Oldest(None)).await
    }

    async fn retain_tagged(&self, found: &mut Vec<Post>, tag: &Arc<str>) -> Result<(), PubsubError> {
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
        Ok(())
    }

    async fn retain_with_words(
        &self,
        found: &mut Vec<Post>,
        search: &Arc<Search>,
    ) -> Result<(), PubsubError> {
        let numbers: Vec<_> = found.iter().map(|post| post.row.post_id).collect();
        let search = Arc::clone(search);
        let has = self.inner.store.read(move |reader| {
            numbers
                .into_iter()
                .map(|number| reader.has_words(number, search.phrases(), InWords::Public))
                .collect::<Result<Vec<_>, _>>()
        });
        let mut has = has.await?.into_iter();
        found.retain(|_| has.next().unwrap_or(false));
        Ok(())
    }

    /// The nodes that make up somebody's home: those whom they follow, and their own.
    async fn home_nodes(&self, owner: &BareJid, no: JidNo) -> Result<Vec<NodeNo>, PubsubError> {
        let following = self.followed_by(no).await?;
        let mut nodes: Vec<_> = following.iter().map(|followed| followed.node).collect();
        let host = &self.inner.host;
        let myself = Actor {
            jid: owner.clone().into(),
            no,
        };
        let mut own = host.further_feeds(owner, &myself).await?;
        own.extend(host.view(owner, MICROBLOG).await?);
        for own in own {
            if !nodes.contains(&own.no) {
                nodes.push(own.no);
            }
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
}

impl EventSink for Timelines {
    fn accept(&self, event: &Event) {
        self.inner.caches.lock().accept(event);
        self.accept_live(event);
    }
}

/// Whether there is nothing beyond what was found when so many were asked for.
fn is_end(found: &[Post], asked: usize) -> bool {
    let bytes: usize = found.iter().map(|post| post.row.payload.len()).sum();
    found.len() < asked && bytes < PAGE_BYTES
}

pub(crate) fn number(id: &str) -> Option<PostId> {
    id.parse().ok().filter(|number| *number < 1 << 53).map(PostId)
}

pub(crate) fn direction(page: &rsm::Page) -> Result<Direction, PubsubError> {
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
