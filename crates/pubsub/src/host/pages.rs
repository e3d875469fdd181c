//! Pages of a node's stored items: [XEP-0059](https://xmpp.org/extensions/xep-0059.html), in the orders of
//! [XEP-0413](https://xmpp.org/extensions/xep-0413.html), and by words.
//!
//! A page is found by what it follows or precedes, through an index, and never by counting to it: in a walk over a million
//! items each page costs the same. How many there are and where a page stands is told where that can be counted quickly,
//! and only of items all of which the reader may read.

use std::sync::Arc;

use bus::{Item, NodeView};
use format::rsm::{self, Page};
use format::search::Search;
use store::search::Scope;
use store::{NodeNo, PAGE_BYTES, PostId, ReadError, Reader, Seq};

use super::Host;
use super::items::PAGE;
use super::query::{ItemsPage, ItemsQuery, ItemsRequest, Order, OrderBy, Sense};
use crate::access::Actor;
use crate::error::PubsubError;

/// Items that are counted, so that it can be told how many there are and where a page stands (XEP-0059 §2.6, §2.7).
const MAX_COUNTED: u32 = 10_000;
/// Reads made for one page while most of what they find is not shown.
const ROUNDS: usize = 40;

/// In which direction a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Forwards,
    Backwards,
}

/// A node's items in one order.
#[derive(Clone, Debug)]
struct Walk {
    node: NodeNo,
    order: Order,
    search: Option<Arc<Search>>,
}

/// Where in a walk a page begins: beside an item, or at an end.
#[derive(Clone, Copy, Debug)]
struct Start {
    reading: Reading,
    beside: Option<i64>,
}

impl Start {
    fn new(reading: Reading, beside: Option<i64>) -> Start {
        Start { reading, beside }
    }
}

/// A page as it is found.
struct Found {
    start: Start,
    rows: Vec<store::items::Item>,
    /// How many items there are, if they are counted.
    count: Option<u64>,
    /// How many are before the page's first.
    index: Option<u64>,
}

/// Whether all of a node's items can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    All,
    /// Where none of them repeats a post: that may be gone.
    UnlessRepeating,
    No,
}

impl Host {
    /// Stored items of a node, for somebody who may read it.
    pub(super) async fn read_items(
        &self,
        actor: &Actor,
        view: &Arc<NodeView>,
        request: ItemsRequest,
    ) -> Result<ItemsPage, PubsubError> {
        let ItemsRequest { query, order, search } = request;
        if search.is_some() && order.by == OrderBy::Modification {
            return Err(PubsubError::NoOrder);
        }
        let walk = Walk {
            node: view.no,
            order,
            search: search.map(Arc::new),
        };
        let newest = match order.sense {
            Sense::Ascending => Page::Last,
            Sense::Descending => Page::First,
        };
        let (max, page, is_paged) = match query {
            ItemsQuery::Ids(ids) => return self.items_by_ids(actor, view, walk, ids).await,
            ItemsQuery::Rsm(rsm::Request { max, page }) => (max.unwrap_or(PAGE), page, true),
            ItemsQuery::All => (u32::MAX, newest, false),
            ItemsQuery::Newest(count) => (count, newest, false),
        };
        let limit = max.min(PAGE);
        let counting = match &walk.search {
            Some(_) => Counting::No,
            // Nobody will be told.
            None if max <= PAGE && !is_paged => Counting::No,
            // Some may have expired that are still there.
            None if view.config.item_expire.is_some() => Counting::No,
            None if view.is_microblog() => Counting::UnlessRepeating,
            None => Counting::All,
        };
        let _turn = match &walk.search {
            Some(_) => self.searching().await,
            None => None,
        };
        let first_walk = walk.clone();
        let read = self
            .inner
            .store
            .read(move |reader| first_walk.find(reader, &page, limit, counting));
        let Found {
            mut start,
            mut rows,
            count,
            index,
        } = read.await??;
        let mut items: Vec<(String, Arc<Item>)> = Vec::with_capacity(rows.len());
        let mut bytes = 0;
        let mut is_part = false;
        for _ in 0..ROUNDS {
            let Some(last) = rows.last() else { break };
            start.beside = Some(walk.key(last));
            let read: usize = rows.iter().map(|row| row.payload.len()).sum();
            let is_end = rows.len() < limit as usize - items.len() && read < PAGE_BYTES;
            bytes += read;
            let ids: Vec<_> = rows.iter().map(|row| (row.post_id, walk.id(row))).collect();
            let mut ids = ids.into_iter();
            for item in self.delivered(view, rows).await? {
                let id = ids.find(|(post_id, _)| *post_id == item.post_id);
                if let Some((_, id)) = id
                    && !self.is_expired(view, &item)
                    && !item.is_kept_from(actor.no)
                {
                    items.push((id, Arc::new(item)));
                }
            }
            if is_end || items.len() >= limit as usize || bytes >= PAGE_BYTES {
                is_part = !is_end;
                break;
            }
            let (walk, limit) = (walk.clone(), limit - items.len() as u32);
            let read = self
                .inner
                .store
                .read(move |reader| walk.rows(reader, start, limit));
            rows = read.await?;
        }
        if start.reading == Reading::Backwards {
            items.reverse();
        }
        let is_whole = count == Some(items.len() as u64) || items.len() as u64 >= u64::from(max);
        let rsm = rsm::Response {
            first: items.first().map(|(id, _)| id.clone()),
            first_index: index.filter(|_| !items.is_empty()).map(bounded),
            last: items.last().map(|(id, _)| id.clone()),
            count: count.map(bounded),
        };
        Ok(ItemsPage {
            items: items.into_iter().map(|(_, item)| item).collect(),
            rsm: (is_paged || (is_part && !is_whole)).then_some(rsm),
        })
    }

    async fn items_by_ids(
        &self,
        actor: &Actor,
        view: &Arc<NodeView>,
        walk: Walk,
        ids: Vec<String>,
    ) -> Result<ItemsPage, PubsubError> {
        let read = self.inner.store.read(move |reader| {
            let mut rows = Vec::new();
            for row in reader.items_by_ids(walk.node, &ids[..ids.len().min(PAGE as usize)])? {
                if walk.has(reader, row.post_id)? {
                    rows.push(row);
                }
            }
            if walk.order != Order::default() {
                rows.sort_by_key(|row| walk.key(row));
                if walk.order.sense == Sense::Descending {
                    rows.reverse();
                }
            }
            Ok(rows)
        });
        let delivered = self.delivered(view, read.await?).await?.into_iter();
        let items = delivered.filter(|item| !self.is_expired(view, item) && !item.is_kept_from(actor.no));
        Ok(ItemsPage {
            items: items.map(Arc::new).collect(),
            rsm: None,
        })
    }
}

impl Walk {
    /// By what an item is placed.
    fn key(&self, row: &store::items::Item) -> i64 {
        match self.order.by {
            OrderBy::Creation => row.post_id.0 as i64,
            OrderBy::Modification => row.seq.0,
        }
    }

    /// What a page beside an item is asked for by. The place of a revision stays where it was when the item is edited, so
    /// that a walk in that order goes on.
    fn id(&self, row: &store::items::Item) -> String {
        match self.order.by {
            OrderBy::Creation => row.item_id.clone(),
            OrderBy::Modification => row.seq.0.to_string(),
        }
    }

    /// What an item is placed by of which a client says this.
    fn anchor(&self, reader: &Reader, id: &str) -> Result<Option<i64>, ReadError> {
        Ok(match self.order.by {
            OrderBy::Creation => reader.post_id_of(self.node, id)?.map(|post_id| post_id.0 as i64),
            OrderBy::Modification => id
                .parse()
                .ok()
                .filter(|seq: &i64| *seq > 0 && seq.to_string() == id),
        })
    }

    fn has(&self, reader: &Reader, post_id: PostId) -> Result<bool, ReadError> {
        match &self.search {
            Some(search) => reader.has_words(post_id, search.phrases(), Scope::Node(self.node)),
            None => Ok(true),
        }
    }

    fn find(
        &self,
        reader: &Reader,
        page: &Page,
        limit: u32,
        counting: Counting,
    ) -> Result<Result<Found, PubsubError>, ReadError> {
        let count = self.count(reader, limit, counting)?;
        let start = match self.start(reader, page, count)? {
            Ok(start) => start,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let rows = match limit {
            0 => Vec::new(),
            limit => self.rows(reader, start, limit)?,
        };
        let first = match start.reading {
            Reading::Forwards => rows.first(),
            Reading::Backwards => rows.last(),
        };
        let index = match (first, count) {
            (Some(first), Some(count)) => Some(self.index(reader, self.key(first), count)?),
            _ => None,
        };
        Ok(Ok(Found {
            start,
            rows,
            count,
            index,
        }))
    }

    /// How many items there are: whatever it takes where nothing else is asked (§2.7), else so far as it is quick.
    fn count(&self, reader: &Reader, limit: u32, counting: Counting) -> Result<Option<u64>, ReadError> {
        if counting == Counting::No {
            return Ok(None);
        }
        let count = match limit {
            0 => reader.item_count(self.node)?,
            _ => reader.item_count_within(self.node, MAX_COUNTED + 1)?,
        };
        if limit > 0 && count > u64::from(MAX_COUNTED) {
            return Ok(None);
        }
        let is_told = counting == Counting::All || !reader.has_boosts(self.node)?;
        Ok(is_told.then_some(count))
    }

    fn start(
        &self,
        reader: &Reader,
        page: &Page,
        count: Option<u64>,
    ) -> Result<Result<Start, PubsubError>, ReadError> {
        Ok(match page {
            Page::First | Page::Index(0) => Ok(Start::new(Reading::Forwards, None)),
            Page::Last => Ok(Start::new(Reading::Backwards, None)),
            Page::After(id) => match self.anchor(reader, id)? {
                Some(key) => Ok(Start::new(Reading::Forwards, Some(key))),
                None => Err(PubsubError::ItemNotFound),
            },
            Page::Before(id) => match self.anchor(reader, id)? {
                Some(key) => Ok(Start::new(Reading::Backwards, Some(key))),
                None => Err(PubsubError::ItemNotFound),
            },
            // §2.6: counting must be possible, and a reasonable amount of work.
            Page::Index(index) => match count {
                Some(count) if count <= u64::from(MAX_COUNTED) => self.start_at(reader, *index, count)?,
                _ => Err(PubsubError::NoIndex),
            },
        })
    }

    /// The page that begins at this index, which is not the first one.
    fn start_at(
        &self,
        reader: &Reader,
        index: u32,
        count: u64,
    ) -> Result<Result<Start, PubsubError>, ReadError> {
        // The item before it.
        let before = u64::from(index) - 1;
        let from_oldest = match self.order.sense {
            Sense::Ascending => Some(before),
            Sense::Descending => count.checked_sub(before + 1),
        };
        let found = match from_oldest.and_then(|at| u32::try_from(at).ok()) {
            Some(at) if u64::from(at) < count => match self.order.by {
                OrderBy::Creation => reader.post_id_at(self.node, at)?.map(|post_id| post_id.0 as i64),
                OrderBy::Modification => reader.seq_at(self.node, at)?.map(|seq| seq.0),
            },
            _ => None,
        };
        // Beyond the end there is nothing.
        let beyond = match self.order.sense {
            Sense::Ascending => i64::MAX,
            Sense::Descending => 0,
        };
        Ok(Ok(Start::new(Reading::Forwards, Some(found.unwrap_or(beyond)))))
    }

    /// How many items are before this one.
    fn index(&self, reader: &Reader, key: i64, count: u64) -> Result<u64, ReadError> {
        let older = match self.order.by {
            OrderBy::Creation => reader.item_index(self.node, PostId(key as u64))?,
            OrderBy::Modification => reader.modified_index(self.node, Seq(key))?,
        };
        Ok(match self.order.sense {
            Sense::Ascending => older,
            Sense::Descending => count.saturating_sub(older + 1),
        })
    }

    /// Up to `limit` items, in the direction of reading.
    fn rows(&self, reader: &Reader, start: Start, limit: u32) -> Result<Vec<store::items::Item>, ReadError> {
        let is_older_first = (start.reading == Reading::Forwards) == (self.order.sense == Sense::Ascending);
        let post = start.beside.map(|key| PostId(key as u64));
        let seq = start.beside.map(Seq);
        match (&self.search, self.order.by, is_older_first) {
            (Some(search), _, true) => {
                reader.oldest_with_words(search.phrases(), Scope::Node(self.node), limit, post)
            }
            (Some(search), _, false) => {
                reader.newest_with_words(search.phrases(), Scope::Node(self.node), limit, post)
            }
            (None, OrderBy::Creation, true) => reader.oldest_items(self.node, limit, post),
            (None, OrderBy::Creation, false) => reader.newest_items(self.node, limit, post),
            (None, OrderBy::Modification, true) => reader.first_modified(self.node, limit, seq),
            (None, OrderBy::Modification, false) => reader.last_modified(self.node, limit, seq),
        }
    }
}

fn bounded(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
