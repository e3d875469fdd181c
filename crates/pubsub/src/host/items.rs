//! Reading items: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §6.5.
//!
//! Chronological by first publication unless another order is asked for. A read waits until what was published before it
//! is stored or withdrawn, so that whoever fetches on a notification finds the item. How a page is found is in `pages.rs`.

use std::sync::Arc;

use bus::{Item, MaxItems, What};
use format::rsm;
use store::Ticket;
use wire::BareJid;

use super::computed::{Freshness, UNWRITTEN};
use super::query::{IdsPage, ItemsPage, ItemsQuery, ItemsRequest, OrderBy};
use super::{Host, check_name};
use crate::access::{Actor, may_read};
use crate::error::PubsubError;

/// Items given at once; whoever wants more pages on.
pub(super) const PAGE: u32 = 256;

enum Source {
    Memory(Vec<Arc<Item>>),
    Database { after: Ticket },
}

impl Host {
    /// Items of a node, for somebody who may read them.
    ///
    /// # Errors
    /// Every refusal of §6.5.9; `ItemNotFound` for a page beside an item that is not there; `NoOrder` and `NoSearch` where
    /// there is no such order, and nothing is searched for.
    pub async fn items(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        request: impl Into<ItemsRequest>,
    ) -> Result<ItemsPage, PubsubError> {
        let request = request.into();
        check_name(node)?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, _) = self.enter(&owner, actor, node, Freshness::Settled).await?;
        if let Some(found) = spot
            .found
            .as_ref()
            .filter(|found| found.kind.what == What::Summary)
        {
            if request.search.is_some() {
                return Err(PubsubError::NoSearch);
            }
            let (query, sense) = request.by_creation()?;
            let page = self.summaries(&owner, &spot, found, query).await?;
            return Ok(page.in_sense(sense));
        }
        let view = self
            .within(&owner, &spot, |state| {
                state.node(&spot.name).map(|node| Arc::clone(&node.view))
            })
            .await?
            .ok_or(PubsubError::NodeNotFound)?;
        let reader = self.reader(actor, &view).await;
        let is_plain = request.search.is_none() && request.order.by == OrderBy::Creation;
        let (view, source) = self
            .within(&owner, &spot, |state| {
                let is_settled = state.undecided == 0;
                let node = state.node(&spot.name).ok_or(PubsubError::NodeNotFound)?;
                // What was found out about the reader holds for the node that they asked about.
                if node.view.no != view.no && view.no != UNWRITTEN {
                    return Err(PubsubError::NodeNotFound);
                }
                may_read(&reader, &node.view)?;
                let is_kept = node.view.config.persist_items;
                let source = match node.in_memory() {
                    Some(items) if !is_kept || (is_settled && is_plain) => Source::Memory(items),
                    _ => Source::Database {
                        after: node.last_ticket,
                    },
                };
                Ok((Arc::clone(&node.view), source))
            })
            .await??;
        match source {
            // What is not kept has no words to be found by.
            Source::Memory(_) if request.search.is_some() => Ok(answer_from(Vec::new(), &request.query)),
            Source::Memory(mut items) => {
                items.retain(|item| !self.is_expired(&view, item) && !item.is_kept_from(actor.no));
                Ok(answer_from(items, &request.query))
            }
            Source::Database { after } => {
                self.inner.store.wait(after).await;
                self.read_items(actor, &view, request).await
            }
        }
    }

    /// The ids of a node's items, in the order of creation (§5.5): all, as far as one page holds them, or a page.
    ///
    /// # Errors
    /// As for [`items`](Host::items).
    pub async fn item_ids(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        page: Option<rsm::Request>,
    ) -> Result<IdsPage, PubsubError> {
        let query = page.map_or(ItemsQuery::All, ItemsQuery::Rsm);
        let page = self.items(owner, actor, node, query).await?;
        Ok(IdsPage {
            ids: page.items.iter().map(|item| Arc::clone(&item.id)).collect(),
            rsm: page.rsm,
        })
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

/// Answers from a list of at most one item that is all there is; so it is in any order, and every page before or after an
/// item is empty.
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
            let count = items.len() as u32;
            let is_on_it = match request.page {
                rsm::Page::First | rsm::Page::Last | rsm::Page::Index(0) => request.max != Some(0),
                rsm::Page::Before(_) | rsm::Page::After(_) | rsm::Page::Index(_) => false,
            };
            let items = if is_on_it { items } else { Vec::new() };
            let id = items.first().map(|item| item.id.to_string());
            let rsm = rsm::Response {
                first_index: id.as_ref().map(|_| 0),
                first: id.clone(),
                last: id,
                count: Some(count),
            };
            ItemsPage {
                items,
                rsm: Some(rsm),
            }
        }
    }
}
