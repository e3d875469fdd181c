//! Reading items: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §6.5, paged by
//! [XEP-0059](https://xmpp.org/extensions/xep-0059.html).
//!
//! Chronological by first publication. A read waits until what was published before it is stored or withdrawn, so
//! that whoever fetches on a notification finds the item.

use std::sync::Arc;

use bus::{Item, MaxItems, NodeView, What};
use format::rsm;
use store::{NodeNo, PostId, ReadError, Ticket};
use wire::BareJid;

use super::computed::{Freshness, UNWRITTEN};
use super::{Host, check_name};
use crate::access::{Actor, may_read};
use crate::error::PubsubError;

/// Items given at once; whoever wants more pages on.
pub(super) const PAGE: u32 = 256;

/// Items that may lie behind the index that a page begins at (XEP-0059 §2.6).
const MAX_BEHIND: u64 = 10_000;

/// Which items are wanted.
#[derive(Clone, Debug)]
pub enum ItemsQuery {
    /// All, as far as one page holds them.
    All,
    /// The newest so many (`max_items`, §6.5.7).
    Newest(u32),
    /// Those of these ids; those that are not there are left out (§6.5.8).
    Ids(Vec<String>),
    /// A page.
    Rsm(rsm::Request),
}

/// Items, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct ItemsPage {
    /// As they are delivered.
    pub items: Vec<Arc<Item>>,
    /// Where the page stands, when a page was asked for or not all fitted.
    pub rsm: Option<rsm::Response>,
}

/// What a query finds in the database, the oldest first.
struct Found {
    rows: Vec<store::items::Item>,
    /// How many there are, and how many are before the first.
    place: Option<(u64, u64)>,
}

enum Source {
    Memory(Vec<Arc<Item>>),
    Database { after: Ticket },
}

impl Host {
    /// Items of a node, for somebody who may read them.
    ///
    /// # Errors
    /// Every refusal of §6.5.9; `ItemNotFound` for a page after an item that is not there.
    pub async fn items(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        query: ItemsQuery,
    ) -> Result<ItemsPage, PubsubError> {
        check_name(node)?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, _) = self.enter(&owner, actor, node, Freshness::Settled).await?;
        if let Some(found) = spot
            .found
            .as_ref()
            .filter(|found| found.kind.what == What::Summary)
        {
            return self.summaries(&owner, &spot, found, query).await;
        }
        let view = self
            .within(&owner, &spot, |state| {
                state.node(&spot.name).map(|node| Arc::clone(&node.view))
            })
            .await?
            .ok_or(PubsubError::NodeNotFound)?;
        let reader = self.reader(actor, &view).await;
        let (view, source) = self
            .within(&owner, &spot, |state| {
                let is_settled = state.undecided == 0;
                let node = state.node(&spot.name).ok_or(PubsubError::NodeNotFound)?;
                // What was found out about the reader holds for the node that they asked about.
                if node.view.no != view.no && view.no != UNWRITTEN {
                    return Err(PubsubError::NodeNotFound);
                }
                may_read(&reader, &node.view)?;
                let source = match node.in_memory() {
                    Some(items) if is_settled || !node.view.config.persist_items => Source::Memory(items),
                    _ => Source::Database {
                        after: node.last_ticket,
                    },
                };
                Ok((Arc::clone(&node.view), source))
            })
            .await??;
        match source {
            Source::Memory(mut items) => {
                items.retain(|item| !self.is_expired(&view, item));
                Ok(answer_from(items, &query))
            }
            Source::Database { after } => {
                self.inner.store.wait(after).await;
                self.read_items(&view, query).await
            }
        }
    }

    async fn read_items(&self, view: &Arc<NodeView>, query: ItemsQuery) -> Result<ItemsPage, PubsubError> {
        let node = view.no;
        let is_paged = matches!(query, ItemsQuery::Rsm(_));
        let missing = match &query {
            ItemsQuery::Rsm(rsm::Request {
                page: rsm::Page::Index(_),
                ..
            }) => PubsubError::NoIndex,
            _ => PubsubError::ItemNotFound,
        };
        let found = self
            .inner
            .store
            .read(move |reader| find(reader, node, &query))
            .await?;
        let Found { rows, place } = found.ok_or(missing)?;
        let is_part = place.is_some_and(|(count, _)| count > rows.len() as u64);
        let items: Vec<_> = self
            .delivered(view, rows)
            .await?
            .into_iter()
            .filter(|item| !self.is_expired(view, item))
            .map(Arc::new)
            .collect();
        let rsm = place
            .filter(|_| is_paged || is_part)
            .map(|(count, index)| response(&items, count, index));
        Ok(ItemsPage { items, rsm })
    }

    /// The ids of a node's items, the newest first, as far as one page holds them (§5.5).
    ///
    /// # Errors
    /// As for [`items`](Host::items).
    pub async fn item_ids(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Vec<Arc<str>>, PubsubError> {
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, _) = self.enter(&owner, actor, node, Freshness::Settled).await?;
        if let Some(found) = spot
            .found
            .as_ref()
            .filter(|found| found.kind.what == What::Summary)
        {
            let page = self
                .summaries(&owner, &spot, found, ItemsQuery::Newest(PAGE))
                .await?;
            return Ok(page.items.iter().rev().map(|item| Arc::clone(&item.id)).collect());
        }
        let known = self.within(&owner, &spot, |state| {
            let node = state.node(&spot.name)?;
            Some((Arc::clone(&node.view), node.last_ticket))
        });
        let (view, after) = known.await?.ok_or(PubsubError::NodeNotFound)?;
        may_read(&self.reader(actor, &view).await, &view)?;
        self.inner.store.wait(after).await;
        if view.is_microblog() {
            // What repeats a post that is gone by now is not told of either.
            let page = self.read_items(&view, ItemsQuery::Newest(PAGE)).await?;
            return Ok(page.items.iter().rev().map(|item| Arc::clone(&item.id)).collect());
        }
        let no = view.no;
        let ids = self
            .inner
            .store
            .read(move |reader| reader.item_ids(no, PAGE))
            .await?;
        Ok(ids.into_iter().map(Arc::from).collect())
    }
}

impl super::state::Node {
    /// All items, where memory holds them: those of a node that keeps one.
    fn in_memory(&self) -> Option<Vec<Arc<Item>>> {
        if !self.view.config.persist_items {
            return Some(self.last.iter().cloned().collect());
        }
        // What repeats a post has to be held against that one.
        if !self.heads.is_whole() || self.view.config.max_items == MaxItems::Max || self.view.is_microblog() {
            return None;
        }
        match (self.heads.len(), &self.last) {
            (0, _) => Some(Vec::new()),
            (1, Some(last)) if self.heads.iter().all(|head| head.post_id == last.post_id) => {
                Some(vec![Arc::clone(last)])
            }
            _ => None,
        }
    }
}

fn bounded(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn response(items: &[Arc<Item>], count: u64, index: u64) -> rsm::Response {
    rsm::Response {
        first: items.first().map(|item| item.id.to_string()),
        first_index: items.first().map(|_| bounded(index)),
        last: items.last().map(|item| item.id.to_string()),
        count: Some(bounded(count)),
    }
}

/// Answers from a list that is all there is.
fn answer_from(items: Vec<Arc<Item>>, query: &ItemsQuery) -> ItemsPage {
    match query {
        ItemsQuery::All => ItemsPage { items, rsm: None },
        ItemsQuery::Newest(0) => ItemsPage::default(),
        ItemsQuery::Newest(_) => ItemsPage { items, rsm: None },
        ItemsQuery::Ids(ids) => {
            let items = items
                .into_iter()
                .filter(|item| ids.iter().any(|id| **id == *item.id))
                .collect();
            ItemsPage { items, rsm: None }
        }
        ItemsQuery::Rsm(request) => {
            // At most one item, so that every page before or after one is empty.
            let count = items.len() as u64;
            let is_on_it = match request.page {
                rsm::Page::First | rsm::Page::Last | rsm::Page::Index(0) => request.max != Some(0),
                rsm::Page::Before(_) | rsm::Page::After(_) | rsm::Page::Index(_) => false,
            };
            let items = if is_on_it { items } else { Vec::new() };
            let rsm = Some(response(&items, count, 0));
            ItemsPage { items, rsm }
        }
    }
}

/// `None` when the page's anchor is not there, or too far to count.
fn find(reader: &store::Reader, node: NodeNo, query: &ItemsQuery) -> Result<Option<Found>, ReadError> {
    match query {
        ItemsQuery::All => newest(reader, node, PAGE, None).map(Some),
        ItemsQuery::Newest(count) => {
            let mut rows = reader.newest_items(node, (*count).min(PAGE), None)?;
            rows.reverse();
            Ok(Some(Found { rows, place: None }))
        }
        ItemsQuery::Ids(ids) => {
            let ids = &ids[..ids.len().min(PAGE as usize)];
            Ok(Some(Found {
                rows: reader.items_by_ids(node, ids)?,
                place: None,
            }))
        }
        ItemsQuery::Rsm(request) => page(reader, node, request),
    }
}

fn newest(
    reader: &store::Reader,
    node: NodeNo,
    limit: u32,
    before: Option<PostId>,
) -> Result<Found, ReadError> {
    let mut rows = reader.newest_items(node, limit, before)?;
    rows.reverse();
    placed(reader, node, rows)
}

/// A page by XEP-0059: after an item, before one, from an index, or the first.
fn page(reader: &store::Reader, node: NodeNo, request: &rsm::Request) -> Result<Option<Found>, ReadError> {
    let limit = request.max.unwrap_or(PAGE).min(PAGE);
    let anchor = |id: &str| Ok::<_, ReadError>(reader.item(node, id)?.map(|item| item.post_id));
    match &request.page {
        rsm::Page::Before(id) => match anchor(id)? {
            Some(post_id) => newest(reader, node, limit, Some(post_id)).map(Some),
            None => Ok(None),
        },
        rsm::Page::Last => newest(reader, node, limit, None).map(Some),
        rsm::Page::After(id) => match anchor(id)? {
            Some(post_id) => oldest(reader, node, limit, Some(post_id)).map(Some),
            None => Ok(None),
        },
        rsm::Page::First => oldest(reader, node, limit, None).map(Some),
        rsm::Page::Index(index) => {
            // The database counts from the newest, and only as far as a reasonable client would go.
            let behind = reader.item_count(node)?.saturating_sub(u64::from(*index));
            if behind > MAX_BEHIND {
                return Ok(None);
            }
            let numbers = reader.newest_post_ids(node, behind as u32 + 1, None)?;
            oldest(reader, node, limit, numbers.get(behind as usize).copied()).map(Some)
        }
    }
}

fn oldest(
    reader: &store::Reader,
    node: NodeNo,
    limit: u32,
    after: Option<PostId>,
) -> Result<Found, ReadError> {
    let rows = reader.oldest_items(node, limit, after)?;
    placed(reader, node, rows)
}

fn placed(reader: &store::Reader, node: NodeNo, rows: Vec<store::items::Item>) -> Result<Found, ReadError> {
    let count = reader.item_count(node)?;
    let index = match rows.first() {
        Some(first) => reader.item_index(node, first.post_id)?,
        None => 0,
    };
    Ok(Found {
        rows,
        place: Some((count, index)),
    })
}
