//! What is asked of a node's items, and what is answered: pages by [XEP-0059](https://xmpp.org/extensions/xep-0059.html),
//! orders by [XEP-0413](https://xmpp.org/extensions/xep-0413.html), and words.

use std::sync::Arc;

use bus::Item;
use format::rsm;
use format::search::Search;

use crate::error::PubsubError;

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

/// By what items are ordered (XEP-0413 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// When they were published first.
    #[default]
    Creation,
    /// When their present revision was.
    Modification,
}

/// Which end of an order comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sense {
    /// The oldest.
    #[default]
    Ascending,
    /// The newest (XEP-0413 §4.4).
    Descending,
}

/// The order of items: of the whole set, and so within each page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: OrderBy,
    /// Which end comes first.
    pub sense: Sense,
}

/// What is asked of a node's items.
#[derive(Clone, Debug)]
pub struct ItemsRequest {
    /// Which of them.
    pub query: ItemsQuery,
    /// In which order; chronological by creation where nothing is said.
    pub order: Order,
    /// Only those with these words.
    pub search: Option<Search>,
}

impl From<ItemsQuery> for ItemsRequest {
    fn from(query: ItemsQuery) -> Self {
        ItemsRequest {
            query,
            order: Order::default(),
            search: None,
        }
    }
}

impl ItemsRequest {
    /// The same request for a node whose items are in one order only, that of creation; what it gives is to be turned round
    /// where the sense is descending.
    ///
    /// # Errors
    /// `NoOrder` by modification; `NoIndex` for a page that is counted from the other end.
    pub fn by_creation(self) -> Result<(ItemsQuery, Sense), PubsubError> {
        if self.order.by != OrderBy::Creation {
            return Err(PubsubError::NoOrder);
        }
        let query = match (self.query, self.order.sense) {
            (ItemsQuery::Rsm(rsm::Request { max, page }), Sense::Descending) => {
                let page = page.reversed().ok_or(PubsubError::NoIndex)?;
                ItemsQuery::Rsm(rsm::Request { max, page })
            }
            (query, _) => query,
        };
        Ok((query, self.order.sense))
    }
}

/// Items in the order that was asked for.
#[derive(Clone, Debug, Default)]
pub struct ItemsPage {
    /// As they are delivered.
    pub items: Vec<Arc<Item>>,
    /// Where the page stands, when a page was asked for or not all fitted.
    pub rsm: Option<rsm::Response>,
}

/// Item ids in the order of creation.
#[derive(Clone, Debug, Default)]
pub struct IdsPage {
    /// The ids.
    pub ids: Vec<Arc<str>>,
    /// Where the page stands, when a page was asked for or not all fitted.
    pub rsm: Option<rsm::Response>,
}

impl ItemsPage {
    /// Turned round, where the sense is descending.
    #[must_use]
    pub(super) fn in_sense(mut self, sense: Sense) -> ItemsPage {
        if sense == Sense::Descending {
            self.items.reverse();
            if let Some(rsm) = &mut self.rsm {
                turn(rsm);
            }
        }
        self
    }
}

/// Turns the answer about a page round whose items are turned round. Where it stands is not known then.
pub fn turn(rsm: &mut rsm::Response) {
    std::mem::swap(&mut rsm.first, &mut rsm.last);
    rsm.first_index = None;
}
