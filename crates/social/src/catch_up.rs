//! Catching up: everything new since a position in all that somebody follows, in one answer; and the public stream in the
//! order of commits, from any position to the present.
//!
//! A position is a place in the order of commits ([`store::Seq`]): whatever is committed after it was given has a larger
//! place, so that nothing is missed between an answer and the next. What somebody may read, and whom they block, is looked at
//! when it is read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bus::{Item, NodeView, SubscribeOptions, SubscriptionState, Virtual};
use futures_util::StreamExt;
use pubsub::access::may_read;
use pubsub::{Actor, PubsubError};
use store::changes::{Change, What, Window};
use store::{JidNo, NodeNo, PAGE_BYTES, PostId, ReadError, Reader, Seq};
use wire::BareJid;

use crate::page::Page;
use crate::posts::{Sight, placed};
use crate::timelines::{Direction, TimelineItem, Timelines};

/// Changes told where the asker does not say how many, and at most.
const USUAL: usize = 500;
const MOST: usize = 1_000;
/// Changes looked at for each one told, while some may not be read.
const LOOK: usize = 4;
/// Nodes looked up at the same time.
const AT_ONCE: usize = 16;
/// Items read in one go.
const SLICE: usize = 100;

/// Which names of nodes somebody wants of their contacts and of themselves.
pub type Wanted = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What somebody asks for who was away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Away {
    /// The position up to which everything is known; without one, the newest item of each node is told.
    pub since: Option<Seq>,
    /// What an earlier answer gave for the way to go on: only what is older.
    pub before: Option<Seq>,
    /// How many changes are wanted at most.
    pub max: Option<usize>,
}

/// What is new, the nodes with the newest changes first.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// By node.
    pub nodes: Vec<NodeNews>,
    /// Up to where everything is told, once what is older is asked for too.
    pub position: i64,
    /// Where to go on: there is more, older than this.
    pub more: Option<Seq>,
    /// Whether all deletions since the position are known. Where they are not, what somebody keeps may be there no more.
    pub is_whole: bool,
}

/// What is new in one node.
#[derive(Clone, Debug)]
pub struct NodeNews {
    /// The node.
    pub view: Arc<NodeView>,
    /// In the order of commits.
    pub told: Vec<Told>,
}

/// One change.
#[derive(Clone, Debug)]
pub enum Told {
    /// The item is there, in this revision.
    Item(Box<Item>),
    /// The item of this id is gone.
    Gone(String),
    /// All items from before are gone.
    Emptied,
}

/// A part of the public stream in the order of commits.
#[derive(Clone, Debug, Default)]
pub struct StreamNews {
    /// What came or was edited.
    pub items: Vec<Arc<TimelineItem>>,
    /// What left it.
    pub gone: Vec<PostId>,
    /// Up to where everything is told.
    pub position: i64,
    /// Whether more is there already.
    pub has_more: bool,
    /// Whether all that left since the position is known.
    pub is_whole: bool,
}

/// A node that somebody follows.
struct Followed {
    owner: JidNo,
    name: String,
}

/// What one read finds.
#[derive(Default)]
struct Found {
    /// The newest first.
    changes: Vec<Change>,
    nodes: HashMap<NodeNo, Followed>,
    is_whole: bool,
    is_cut: bool,
}

impl Timelines {
    /// What is new for an account in everything that it follows: subscriptions in force, and those nodes of `contacts` (whose
    /// presence it sees) and of itself that it wants. The newest changes come first; `more` leads to the others.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn catch_up(
        &self,
        actor: &Actor,
        contacts: Vec<JidNo>,
        wanted: Wanted,
        away: Away,
    ) -> Result<News, PubsubError> {
        self.inner.store.wait(self.inner.host.last_write()).await;
        let now = self.inner.store.committed();
        // From before what is stored now, as after a backup was put back: nothing can be said of what came in between.
        let since = away.since.filter(|since| *since <= now);
        let is_known = since == away.since;
        let max = away.max.unwrap_or(USUAL).min(MOST);
        let window = Window {
            since: since.unwrap_or(Seq(0)),
            upto: away.before.map_or(now, |before| now.min(Seq(before.0 - 1))),
            limit: (LOOK * max + 1) as u32,
        };
        let (no, resource) = (actor.no, actor.jid.resource().unwrap_or_default().to_owned());
        let read = self.inner.store.read(move |reader| {
            let mut found = followed(reader, no, &resource, contacts, &wanted, since)?;
            match since {
                Some(since) => found.look(reader, window, since)?,
                None => found.look_at_newest(reader, window)?,
            }
            found
                .changes
                .sort_unstable_by_key(|change| std::cmp::Reverse(change.seq));
            found.is_cut = found.changes.len() > LOOK * max;
            found.changes.truncate(LOOK * max);
            found.is_whole = reader.knows_deletions_since(window.since)?;
            Ok(found)
        });
        let mut found = read.await?;
        let mut news = News {
            position: now.0.max(away.since.map_or(0, |since| since.0.min(now.0))),
            is_whole: is_known && (since.is_none() || found.is_whole),
            ..News::default()
        };
        let changes = std::mem::take(&mut found.changes);
        let looked_at = self.tell_changes(actor, &found, &changes, max, &mut news).await?;
        if looked_at < changes.len() || found.is_cut {
            news.more = looked_at.checked_sub(1).map(|last| changes[last].seq);
        }
        Ok(news)
    }

    /// Adds what the actor may read of changes, the newest first; gives how many were looked at.
    async fn tell_changes(
        &self,
        actor: &Actor,
        found: &Found,
        changes: &[Change],
        max: usize,
        news: &mut News,
    ) -> Result<usize, PubsubError> {
        let mut views = HashMap::new();
        let mut told: BTreeMap<(Seq, NodeNo), Told> = BTreeMap::new();
        let (mut looked_at, mut bytes) = (0, 0);
        while looked_at < changes.len() && told.len() < max && bytes < PAGE_BYTES {
            let slice = &changes[looked_at..changes.len().min(looked_at + SLICE)];
            self.look_up(actor, found, slice, &mut views).await?;
            let readable = |node: &NodeNo| views.get(node).and_then(Option::as_ref);
            let items = self
                .items_of(
                    actor,
                    slice.iter().filter_map(|change| match change.what {
                        What::Item(post) => Some((post, readable(&change.node)?)),
                        What::Gone { .. } | What::Emptied => None,
                    }),
                )
                .await?;
            for change in slice {
                if told.len() >= max || bytes >= PAGE_BYTES {
                    break;
                }
                if let What::Item(post) = change.what
                    && items.unread.contains(&post)
                {
                    break;
                }
                looked_at += 1;
                if readable(&change.node).is_none() {
                    continue;
                }
                let one = match &change.what {
                    What::Item(post) => match items.shown.get(post) {
                        Some(item) => {
                            bytes += item.payload.as_ref().map_or(0, |payload| payload.len());
                            Told::Item(Box::new(item.clone()))
                        }
                        None => continue,
                    },
                    What::Gone { item_id, .. } => Told::Gone(item_id.clone()),
                    What::Emptied => Told::Emptied,
                };
                told.insert((change.seq, change.node), one);
            }
        }
        let mut places: HashMap<NodeNo, usize> = HashMap::new();
        // The newest first, so that nodes come in that order; within a node it is turned round.
        for ((_, node), one) in told.into_iter().rev() {
            let Some(view) = views.get(&node).and_then(Option::as_ref) else {
                continue;
            };
            let place = *places.entry(node).or_insert_with(|| {
                news.nodes.push(NodeNews {
                    view: Arc::clone(view),
                    told: Vec::new(),
                });
                news.nodes.len() - 1
            });
            news.nodes[place].told.push(one);
        }
        for node in &mut news.nodes {
            node.told.reverse();
        }
        Ok(looked_at)
    }

    /// Finds out which nodes of some changes the actor may read. `None` for those of which they get nothing.
    async fn look_up(
        &self,
        actor: &Actor,
        found: &Found,
        changes: &[Change],
        views: &mut HashMap<NodeNo, Option<Arc<NodeView>>>,
    ) -> Result<(), PubsubError> {
        let unknown: HashSet<NodeNo> = changes
            .iter()
            .map(|change| change.node)
            .filter(|node| !views.contains_key(node))
            .collect();
        let looking = futures_util::stream::iter(unknown).map(|node| async move {
            let view = match found.nodes.get(&node) {
                Some(followed) => self.readable(actor, node, followed).await?,
                None => None,
            };
            Ok::<_, PubsubError>((node, view))
        });
        let mut looking = looking.buffer_unordered(AT_ONCE);
        while let Some(looked_up) = looking.next().await {
            let (node, view) = looked_up?;
            views.insert(node, view);
        }
        Ok(())
    }

    async fn readable(
        &self,
        actor: &Actor,
        node: NodeNo,
        followed: &Followed,
    ) -> Result<Option<Arc<NodeView>>, PubsubError> {
        let host = &self.inner.host;
        let name = self.inner.store.jids().name(followed.owner).await?;
        let Some(owner) = name.and_then(|name| BareJid::parse(&name).ok()) else {
            return Ok(None);
        };
        let Some(view) = host.view(&owner, &followed.name).await? else {
            return Ok(None);
        };
        // Events pass neither way between two people one of whom blocks the other, and so it is here.
        let is_parted = host.blocking(actor, view.owner, &owner).parts();
        let is_readable = view.no == node && may_read(&host.reader(actor, &view).await, &view).is_ok();
        Ok((is_readable && !is_parted).then_some(view))
    }

    /// Reads the items of these numbers, as their nodes give them to the actor.
    async fn items_of<'v>(
        &self,
        actor: &Actor,
        wanted: impl Iterator<Item = (PostId, &'v Arc<NodeView>)>,
    ) -> Result<Items, PubsubError> {
        let mut numbers = Vec::new();
        let mut views: HashMap<PostId, &Arc<NodeView>> = HashMap::new();
        for (post, view) in wanted {
            numbers.push(post);
            views.insert(post, view);
        }
        let mut items = Items::default();
        if views.is_empty() {
            return Ok(items);
        }
        let posts: HashSet<PostId> = views
            .iter()
            .filter(|(_, view)| view.has_posts())
            .map(|(post, _)| *post)
            .collect();
        let read = self.inner.store.read(move |reader| {
            let rows = reader.posts(&numbers)?;
            let bytes: usize = rows.iter().map(|row| row.payload.len()).sum();
            // A read ends there: what it did not come to is read with what follows.
            let unread: HashSet<PostId> = match rows.last().filter(|_| bytes >= PAGE_BYTES) {
                Some(last) => numbers
                    .iter()
                    .rev()
                    .copied()
                    .take_while(|number| *number != last.post_id)
                    .collect(),
                None => HashSet::new(),
            };
            let (of_feeds, others): (Vec<_>, Vec<_>) =
                rows.into_iter().partition(|row| posts.contains(&row.post_id));
            Ok((placed(reader, of_feeds)?, others, unread))
        });
        let (of_feeds, mut rows, unread) = read.await?;
        items.unread = unread;
        let mut sight = Sight::new(self, actor);
        for post in of_feeds {
            if sight.may_tell(&post).await? {
                rows.push(post.row);
            }
        }
        for row in rows {
            let Some(view) = views.get(&row.post_id).filter(|view| view.no == row.node) else {
                continue;
            };
            let host = &self.inner.host;
            for item in host.delivered(view, vec![row]).await? {
                if !host.blocking(actor, item.publisher, &item.publisher_jid).parts() {
                    items.shown.insert(item.post_id, item);
                }
            }
        }
        Ok(items)
    }

    /// A part of the public stream after a position, in the order of commits: what came or was edited, and what left.
    ///
    /// # Errors
    /// As for [`items`](Timelines::items) of the public stream.
    pub async fn stream_since(
        &self,
        service: &BareJid,
        actor: &Actor,
        since: Option<Seq>,
        max: Option<usize>,
    ) -> Result<StreamNews, PubsubError> {
        let which = Virtual::PublicStream;
        self.check(service, actor, &which).await?;
        self.inner.store.wait(self.inner.host.last_write()).await;
        let now = self.inner.store.committed();
        let from = since.filter(|since| *since <= now);
        let limit = max.unwrap_or(SLICE).min(SLICE);
        let window = Window {
            since: from.unwrap_or(Seq(0)),
            upto: now,
            limit: limit as u32,
        };
        let read = self.inner.store.read(move |reader| {
            let changes = reader.public_changes(window)?;
            let numbers: Vec<_> = changes.iter().filter_map(came).collect();
            let rows = reader.posts(&numbers)?;
            let bytes: usize = rows.iter().map(|row| row.payload.len()).sum();
            let cut = rows.last().filter(|_| bytes >= PAGE_BYTES).map(|row| row.seq);
            let is_whole = reader.knows_deletions_since(window.since)?;
            Ok((changes, cut, placed(reader, rows)?, is_whole))
        });
        let (mut changes, cut, posts, is_whole) = read.await?;
        let is_full = limit > 0 && changes.len() == limit;
        let position = match cut {
            Some(cut) => cut,
            None if is_full => changes.last().map_or(now, |last| last.seq),
            None => now,
        };
        changes.retain(|change| change.seq <= position);
        let mut page = Page::new(self, actor, &which, posts.len());
        page.add_asked(posts).await?;
        let page = page.finish(Direction::Oldest(None)).await?;
        Ok(StreamNews {
            items: page.items,
            gone: changes.iter().filter_map(left).collect(),
            position: position.0,
            has_more: position < now && limit > 0,
            is_whole: from == since && (from.is_none() || is_whole),
        })
    }
}

/// Items that were read.
#[derive(Default)]
struct Items {
    shown: HashMap<PostId, Item>,
    /// Those that it did not come to.
    unread: HashSet<PostId>,
}

fn came(change: &Change) -> Option<PostId> {
    match change.what {
        What::Item(post) => Some(post),
        What::Gone { .. } | What::Emptied => None,
    }
}

fn left(change: &Change) -> Option<PostId> {
    match change.what {
        What::Gone { post_id, .. } => Some(post_id),
        What::Item(_) | What::Emptied => None,
    }
}

/// The nodes that an account follows, and of which it is to get the newest item because it may not have seen it.
fn followed(
    reader: &Reader,
    no: JidNo,
    resource: &str,
    contacts: Vec<JidNo>,
    wanted: &Wanted,
    since: Option<Seq>,
) -> Result<Found, ReadError> {
    let mut found = Found::default();
    let mut closed = HashMap::new();
    for row in reader.subscriptions_of(no)? {
        let one = row.subscription;
        let is_in_force = one.state == SubscriptionState::Subscribed.as_str()
            && (one.resource.is_empty() || one.resource == resource)
            && SubscribeOptions::from_text(one.options.as_deref(), None).deliver;
        if is_in_force && !is_closed(reader, &mut closed, row.owner)? {
            found.nodes.entry(one.node).or_insert(Followed {
                owner: row.owner,
                name: row.name,
            });
        }
    }
    let related: HashSet<JidNo> = match since {
        Some(since) => reader.relations_changed_since(no, since)?.into_iter().collect(),
        None => HashSet::new(),
    };
    let mut nodes = Vec::new();
    for owner in contacts.into_iter().chain([no]) {
        if is_closed(reader, &mut closed, owner)? {
            continue;
        }
        nodes.clear();
        reader.nodes_at(owner, &mut nodes)?;
        for (node, name, changed) in nodes.drain(..).filter(|(_, name, _)| wanted(name)) {
            // What it holds may be readable only now.
            if since.is_some_and(|since| changed > since || related.contains(&owner)) {
                found.changes.extend(reader.newest_change_of(node)?);
            }
            found.nodes.insert(node, Followed { owner, name });
        }
    }
    Ok(found)
}

fn is_closed(reader: &Reader, known: &mut HashMap<JidNo, bool>, no: JidNo) -> Result<bool, ReadError> {
    if let Some(is_closed) = known.get(&no) {
        return Ok(*is_closed);
    }
    let is_closed = reader.is_closed(no)?;
    known.insert(no, is_closed);
    Ok(is_closed)
}

impl Found {
    /// Adds what changed since a position.
    fn look(&mut self, reader: &Reader, window: Window, since: Seq) -> Result<(), ReadError> {
        self.changes
            .retain(|change| change.seq <= since && change.seq <= window.upto);
        for node in self.nodes.keys() {
            reader.changes_of(*node, window, &mut self.changes)?;
        }
        Ok(())
    }

    /// Adds the newest item of each node.
    fn look_at_newest(&mut self, reader: &Reader, window: Window) -> Result<(), ReadError> {
        for node in self.nodes.keys() {
            let newest = reader.newest_change_of(*node)?;
            self.changes
                .extend(newest.filter(|change| change.seq <= window.upto));
        }
        Ok(())
    }
}
