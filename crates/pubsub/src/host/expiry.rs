//! Removing what has outlived its node's bound (`pubsub#item_expire`, XEP-0060 §16.4.4).
//!
//! Nobody is shown such an item any more (see `last.rs`); here it goes, a slice at a time, and subscribers are told as
//! the node is configured.

use std::sync::Arc;

use bus::{Affiliation, NodeConfig, NodeKind, NodeView};
use store::{NodeNo, Timestamp};

use super::Host;
use super::retract::{Asked, Telling, Tried};
use super::state::Owner;
use crate::access::{Reader, Relation};
use crate::error::PubsubError;

/// Nodes looked at by one read.
const NODES: u32 = 1_000;
/// Items retracted in one step.
const SLICE: u32 = 64;

impl Host {
    /// Retracts every item that is older than its node lets it become. What is wrong with one node stops no other.
    ///
    /// # Errors
    /// When the nodes cannot be listed.
    pub async fn retract_expired(&self) -> Result<(), PubsubError> {
        let mut after = NodeNo(0);
        loop {
            let rows = self
                .inner
                .store
                .read(move |reader| reader.all_nodes(after, NODES))
                .await?;
            let Some(last) = rows.last().map(|row| row.no) else {
                return Ok(());
            };
            for row in rows {
                let config = NodeConfig::from_text(&row.config);
                if config.item_expire.is_none() || !config.persist_items {
                    continue;
                }
                let Some(owner) = self.owner_by_number(row.owner).await? else {
                    continue;
                };
                if let Err(error) = self.retract_expired_of(&owner, &row.name).await {
                    tracing::warn!(%error, node = row.no.0, "expired items could not be retracted");
                }
            }
            after = last;
        }
    }

    async fn retract_expired_of(&self, owner: &Arc<Owner>, name: &str) -> Result<(), PubsubError> {
        loop {
            let found = self
                .with(owner, name, |state| {
                    let node = state.node(name)?;
                    Some((Arc::clone(&node.view), node.epoch, node.last_ticket))
                })
                .await?;
            let Some((view, epoch, decided)) = found else {
                return Ok(());
            };
            let (Some(actor), Some(before)) = (an_owner(&view), self.bound(&view)) else {
                return Ok(());
            };
            self.inner.store.wait(decided).await;
            let no = view.no;
            let stale = self
                .inner
                .store
                .read(move |reader| reader.stale_item_ids(no, before, SLICE))
                .await?;
            let mut asked = Asked::new();
            for id in &stale {
                let marks = self.marks_of(&view, id).await?;
                if marks.is_some() {
                    asked.insert(id.clone(), (epoch, marks));
                }
            }
            let retracted = self
                .with(owner, name, |state| {
                    let node = state.node(name).filter(|node| node.view.no == view.no)?;
                    // What was published again meanwhile is as young as it can be.
                    let ids: Vec<_> = asked
                        .keys()
                        .map(String::as_str)
                        .filter(|id| !node.heads.may_have_changed(id, epoch))
                        .collect();
                    if ids.is_empty() {
                        return None;
                    }
                    let telling = Telling::AsAsked(false);
                    Some(self.try_retract(owner, state, &actor, name, &ids, telling, &asked))
                })
                .await?;
            match retracted.transpose()? {
                Some(Tried::Done(accepted)) => accepted.durable.await?,
                // Somebody else is at work there: the next time.
                Some(Tried::Ask { .. }) | None => return Ok(()),
            }
            if stale.len() < SLICE as usize {
                return Ok(());
            }
        }
    }

    /// What was last published before this has expired.
    fn bound(&self, view: &NodeView) -> Option<Timestamp> {
        let seconds = view.config.item_expire?;
        let now = self.inner.clock.now().0;
        Some(Timestamp(now.saturating_sub(i64::from(seconds) * 1_000)))
    }
}

/// Somebody who may retract any item of the node.
fn an_owner(view: &NodeView) -> Option<Reader> {
    let no = match &view.kind {
        NodeKind::Pep => Some(view.owner),
        NodeKind::Service => view
            .affiliations
            .iter()
            .find(|(_, affiliation)| *affiliation == Affiliation::Owner)
            .map(|(no, _)| *no),
        // These have no configuration of their own.
        NodeKind::Virtual(_) | NodeKind::Computed(_) => None,
    };
    no.map(|no| Reader {
        no,
        relation: Relation::default(),
    })
}
