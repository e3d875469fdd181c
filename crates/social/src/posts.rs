//! Posts found for a timeline, and who may see them: every item that a virtual node shows passes here.
//!
//! What is shown around an item (its thread, what it boosts, counts) is shown as far as its reader may read that too.

use std::collections::HashMap;
use std::sync::Arc;

use bus::{AccessModel, Item, NodeKind, NodeView, Virtual, What};
use pubsub::access::may_read;
use pubsub::profile::microblog::FEED_ITEM;
use pubsub::{Actor, PubsubError};
use store::conversation::Links;
use store::{JidNo, NodeNo, PostId, ReadError, Reader};
use wire::BareJid;

use crate::payload::Place;
use crate::timelines::Timelines;

/// Where an item is.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    node: NodeNo,
    owner: JidNo,
    name: Arc<str>,
}

/// Another item that an item has to do with.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    pub(crate) number: PostId,
    publisher: JidNo,
    home: Home,
}

/// A post as it is stored, with where it is and what it has to do with.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) row: store::items::Item,
    home: Home,
    /// What it answers to, and the first post of that thread; those that are there.
    pub(crate) parent: Option<Other>,
    pub(crate) root: Option<Other>,
    /// What it repeats, if that is there.
    original: Option<Other>,
    pub(crate) links: Links,
}

impl Post {
    /// The first post of the thread that it belongs to.
    pub(crate) fn thread(&self) -> PostId {
        self.root.as_ref().map_or(self.row.post_id, |root| root.number)
    }

    /// The post whose counts it shows.
    pub(crate) fn counted(&self) -> PostId {
        self.links.boost_of.unwrap_or(self.row.post_id)
    }
}

/// Adds to each row what is to be known about it. Of a node that is gone, and of people whose account is closed, nothing is
/// shown.
pub(crate) fn placed(reader: &Reader, rows: Vec<store::items::Item>) -> Result<Vec<Post>, ReadError> {
    let mut places = Places::default();
    let mut posts = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(home) = places.home(reader, row.node)? else {
            continue;
        };
        if places.is_closed(reader, row.publisher)? || places.is_closed(reader, home.owner)? {
            continue;
        }
        let links = reader.links(row.post_id)?;
        let place = match links.parent {
            Some(_) => reader.place_in_thread(row.post_id)?,
            None => None,
        };
        let (parent, root) = match place {
            Some((parent, root)) => (places.other(reader, parent)?, places.other(reader, root)?),
            None => (None, None),
        };
        let original = match links.boost_of {
            Some(original) => places.other(reader, original)?,
            None => None,
        };
        posts.push(Post {
            row,
            home,
            parent,
            root,
            original,
            links,
        });
    }
    Ok(posts)
}

/// Where items are, as far as they are there, and whose accounts are closed; each looked up once.
#[derive(Default)]
pub(crate) struct Places {
    closed: HashMap<JidNo, bool>,
    nodes: HashMap<NodeNo, Option<Home>>,
    items: HashMap<PostId, Option<Other>>,
}

impl Places {
    /// Whether somebody's account is closed.
    pub(crate) fn is_closed(&mut self, reader: &Reader, no: JidNo) -> Result<bool, ReadError> {
        if let Some(known) = self.closed.get(&no) {
            return Ok(*known);
        }
        let is_closed = reader.is_closed(no)?;
        self.closed.insert(no, is_closed);
        Ok(is_closed)
    }

    fn home(&mut self, reader: &Reader, no: NodeNo) -> Result<Option<Home>, ReadError> {
        if let Some(known) = self.nodes.get(&no) {
            return Ok(known.clone());
        }
        let home = reader.node_numbered(no)?.map(|node| Home {
            node: no,
            owner: node.owner,
            name: Arc::from(node.name),
        });
        self.nodes.insert(no, home.clone());
        Ok(home)
    }

    pub(crate) fn other(&mut self, reader: &Reader, number: PostId) -> Result<Option<Other>, ReadError> {
        if let Some(known) = self.items.get(&number) {
            return Ok(known.clone());
        }
        let other = match reader.place_of(number)? {
            Some((_, publisher)) if self.is_closed(reader, publisher)? => None,
            Some((node, publisher)) => self.home(reader, node)?.map(|home| Other {
                number,
                publisher,
                home,
            }),
            None => None,
        };
        self.items.insert(number, other.clone());
        Ok(other)
    }
}

/// What one person may see. It remembers the nodes met, for the length of one page.
pub(crate) struct Sight<'a> {
    timelines: &'a Timelines,
    pub(crate) actor: &'a Actor,
    /// `None` for those of which this reader gets nothing.
    views: HashMap<NodeNo, Option<Arc<NodeView>>>,
}

/// A post that its reader sees.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) view: Arc<NodeView>,
    pub(crate) item: Item,
    pub(crate) place: Option<Place>,
    pub(crate) is_closed: bool,
}

impl<'a> Sight<'a> {
    pub(crate) fn new(timelines: &'a Timelines, actor: &'a Actor) -> Sight<'a> {
        Sight {
            timelines,
            actor,
            views: HashMap::new(),
        }
    }

    /// A post as a virtual node shows it to this reader, if it does.
    pub(crate) async fn see(&mut self, which: &Virtual, post: &Post) -> Result<Option<Seen>, PubsubError> {
        if post.row.item_id == FEED_ITEM || !lists(which, post) {
            return Ok(None);
        }
        let Some(view) = self.view(&post.home).await?.filter(|view| shows(which, view)) else {
            return Ok(None);
        };
        if let Some(original) = post.links.boost_of {
            // What is boosted stands there in its author's name: who does not get it from them does not get it here.
            let is_seen = match post.original.as_ref().filter(|other| other.number == original) {
                Some(other) => self.may_see(which, other).await?,
                None => false,
            };
            if !is_seen {
                return Ok(None);
            }
        }
        let place = match &post.root {
            Some(root) if self.view(&root.home).await?.is_some() => Some(Place {
                root: root.number,
                parent: self.parent(post).await?,
            }),
            Some(_) if matches!(which, Virtual::Replies | Virtual::Thread(_)) => return Ok(None),
            Some(_) | None => None,
        };
        let host = &self.timelines.inner.host;
        let Some(item) = host.delivered(&view, vec![post.row.clone()]).await?.pop() else {
            return Ok(None);
        };
        if self.is_parted(which, item.publisher, &item.publisher_jid) {
            return Ok(None);
        }
        if view.is_community() && !self.is_chosen(which, &item.publisher_jid).await? {
            return Ok(None);
        }
        let is_closed = view
            .access_node()
            .is_none_or(|node| node.config.access != AccessModel::Open);
        Ok(Some(Seen {
            view,
            item,
            place,
            is_closed,
        }))
    }

    /// Whether who posted in a community wants to be seen there, too. In their own feeds the feed says so.
    async fn is_chosen(&self, which: &Virtual, author: &BareJid) -> Result<bool, PubsubError> {
        if !which.is_public() {
            return Ok(true);
        }
        let choice = self.timelines.inner.host.choice(author).await?;
        Ok(match which {
            Virtual::Search(_) => choice.in_search,
            _ => choice.in_stream,
        })
    }

    /// What a reply answers to, if the reader may read it.
    async fn parent(&mut self, post: &Post) -> Result<Option<(PostId, BareJid)>, PubsubError> {
        let Some(parent) = &post.parent else {
            return Ok(None);
        };
        if self.view(&parent.home).await?.is_none() {
            return Ok(None);
        }
        let author = self.address(parent.publisher).await?;
        Ok(author.map(|author| (parent.number, author)))
    }

    /// Whether a virtual node shows another item to the reader.
    pub(crate) async fn may_see(&mut self, which: &Virtual, other: &Other) -> Result<bool, PubsubError> {
        if self.view(&other.home).await?.is_none() {
            return Ok(false);
        }
        let author = self.address(other.publisher).await?;
        Ok(author.is_some_and(|author| !self.is_parted(which, other.publisher, &author)))
    }

    /// Whether whoever may read a post's node is told of it there: of a boost, who gets the original from its author.
    pub(crate) async fn may_tell(&mut self, post: &Post) -> Result<bool, PubsubError> {
        let Some(original) = post.links.boost_of else {
            return Ok(true);
        };
        match post.original.as_ref().filter(|other| other.number == original) {
            Some(other) => self.may_see(&Virtual::Home, other).await,
            None => Ok(false),
        }
    }

    /// Whether the reader may read another item.
    pub(crate) async fn may_read(&mut self, other: &Other) -> Result<bool, PubsubError> {
        Ok(self.view(&other.home).await?.is_some())
    }

    /// Whether the reader may read a post, and it is one that threads consist of.
    pub(crate) async fn may_begin_at(&mut self, post: &Post) -> Result<bool, PubsubError> {
        if post.row.item_id == FEED_ITEM {
            return Ok(false);
        }
        let view = self.view(&post.home).await?;
        Ok(view.is_some_and(|view| holds_posts(&view)))
    }

    /// Whether something stands between the reader and an author. Of whom the reader blocks nothing is shown; who blocks
    /// the reader leaves their home, and what they say to everybody stays with everybody.
    fn is_parted(&self, which: &Virtual, author: JidNo, jid: &BareJid) -> bool {
        let between = self.timelines.inner.host.blocking(self.actor, author, jid);
        match which {
            Virtual::Home | Virtual::Notifications => between.parts(),
            _ => between.blocks,
        }
    }

    async fn address(&self, no: JidNo) -> Result<Option<BareJid>, PubsubError> {
        let name = self.timelines.inner.store.jids().name(no).await?;
        Ok(name.and_then(|name| BareJid::parse(&name).ok()))
    }

    /// An item's node, if the reader may read it.
    async fn view(&mut self, home: &Home) -> Result<Option<Arc<NodeView>>, PubsubError> {
        if let Some(known) = self.views.get(&home.node) {
            return Ok(known.clone());
        }
        let inner = &self.timelines.inner;
        let view = match self.address(home.owner).await? {
            Some(owner) => inner.host.view(&owner, &home.name).await?,
            None => None,
        };
        // A node of the same name may have taken its place.
        let view = match view.filter(|view| view.no == home.node) {
            Some(view) if may_read(&inner.host.reader(self.actor, &view).await, &view).is_ok() => Some(view),
            _ => None,
        };
        self.views.insert(home.node, view.clone());
        Ok(view)
    }
}

/// Whether a node holds posts or replies.
pub(crate) fn holds_posts(view: &NodeView) -> bool {
    match &view.kind {
        NodeKind::Computed(computed) => computed.what == What::Comments,
        NodeKind::Pep | NodeKind::Service | NodeKind::Virtual(_) => view.is_feed(),
    }
}

/// Whether a virtual node has this post at all.
fn lists(which: &Virtual, post: &Post) -> bool {
    match which {
        Virtual::Home | Virtual::Thread(_) | Virtual::Community(_) => true,
        Virtual::PublicStream | Virtual::Tag(_) | Virtual::Search(_) => post.row.in_public,
        // What answered to something that is gone is a post like any other.
        Virtual::Posts => post.root.is_none(),
        Virtual::Replies => post.root.is_some(),
        Virtual::Notifications => true,
        // These are no posts.
        Virtual::ShownSubscriptions | Virtual::ShownSubscribers(_) => false,
    }
}

/// Whether posts of this node are found by their words where everybody may search.
pub(crate) fn is_in_search(view: &NodeView) -> bool {
    view.is_feed() && view.config.in_search
}

/// Whether a virtual node shows items of this node now. What was public and is no more leaves the public ones.
fn shows(which: &Virtual, view: &NodeView) -> bool {
    match which {
        Virtual::Home => view.is_feed(),
        Virtual::Posts => view.is_microblog(),
        Virtual::Community(_) => view.is_community(),
        Virtual::Thread(_) | Virtual::Replies | Virtual::Notifications => holds_posts(view),
        Virtual::ShownSubscriptions | Virtual::ShownSubscribers(_) => false,
        Virtual::Search(_) if !is_in_search(view) => false,
        Virtual::PublicStream | Virtual::Tag(_) if !view.config.in_stream => false,
        Virtual::PublicStream | Virtual::Tag(_) | Virtual::Search(_) => {
            view.is_feed() && view.config.access == AccessModel::Open
        }
    }
}
