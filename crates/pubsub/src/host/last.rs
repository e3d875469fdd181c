//! The last item, sent to those who did not ask for it: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §6.1.7,
//! §13.2, and [XEP-0163](https://xmpp.org/extensions/xep-0163.html) §4.3.4.
//!
//! It is sent inside the owner's step, so that an older last item never overtakes a newer one. Once for each reason to
//! come: to who announces interest, unless they subscribe; to who subscribes, when they come online.

use std::sync::Arc;

use bus::{Event, LastItemTo, NodeView, SendLast, SubId, Subscriber, SubscriptionState};
use store::JidNo;
use wire::BareJid;

use super::Host;
use super::computed::Freshness;
use super::state::Owner;
use super::subscribe::Changed;
use crate::access::{Actor, may_read};
use crate::error::PubsubError;

/// A last item that is due to a session because it subscribes to the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueItem {
    owner: JidNo,
    node: String,
    subid: SubId,
}

/// Why somebody gets a last item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// Announced interest.
    Interest,
    /// This subscription of theirs.
    Subscription(SubId),
}

impl Host {
    /// The last items that are due to a session that has come online, by its account's subscriptions; `to` has its full
    /// JID (`pubsub#send_last_published_item`, `on_sub_and_presence`).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn due_items(&self, to: &Actor) -> Result<Vec<DueItem>, PubsubError> {
        let no = to.no;
        let state = SubscriptionState::Subscribed.as_str();
        let config = SendLast::OnSubAndPresence.as_str();
        self.inner.store.wait(self.last_write()).await;
        let rows = self
            .inner
            .store
            .read(move |reader| reader.subscriptions_where(no, state, config))
            .await?;
        let mut due: Vec<DueItem> = Vec::new();
        for row in rows {
            let resource = row.subscription.resource.as_str();
            let is_covered = resource.is_empty() || to.jid.resource() == Some(resource);
            let is_named = |one: &DueItem| one.owner == row.owner && one.node == row.name;
            if is_covered
                && !due.iter().any(is_named)
                && let Ok(subid) = row.subscription.subid.parse()
            {
                due.push(DueItem {
                    owner: row.owner,
                    node: row.name,
                    subid,
                });
            }
        }
        Ok(due)
    }

    /// Sends what is due to a session, if it still is.
    ///
    /// # Errors
    /// When something cannot be read.
    pub async fn send_due_item(&self, to: &Actor, due: &DueItem) -> Result<(), PubsubError> {
        let Some(owner) = self.owner_by_number(due.owner).await? else {
            return Ok(());
        };
        let view = match self.view_at(&owner, &due.node, Freshness::Now).await? {
            Some(view) if view.config.send_last == SendLast::OnSubAndPresence => view,
            Some(_) | None => return Ok(()),
        };
        self.send_last_item(&owner, to, &view, Reason::Subscription(due.subid))
            .await
    }

    /// Sends the last item of a node to those whose subscription was granted (§13.10).
    ///
    /// # Errors
    /// When something cannot be read.
    pub async fn send_last_to_granted(
        &self,
        owner: &BareJid,
        node: &str,
        changed: &[Changed],
    ) -> Result<(), PubsubError> {
        let Some(owner) = self.owner(owner).await? else {
            return Ok(());
        };
        let view = match self.view_at(&owner, node, Freshness::Now).await? {
            Some(view) if view.config.send_last != SendLast::Never => view,
            Some(_) | None => return Ok(()),
        };
        for one in changed {
            if one.state == Some(SubscriptionState::Subscribed)
                && let Some(no) = self.inner.store.jids().find(one.jid.bare_str()).await?
            {
                let to = Actor {
                    jid: one.jid.clone(),
                    no,
                };
                self.send_last_item(&owner, &to, &view, Reason::Subscription(one.subid))
                    .await?;
            }
        }
        Ok(())
    }

    /// Sends the last item of each of an owner's nodes that the session may read and wants.
    ///
    /// For a session that has come online; `to` has its full JID. Nodes that cannot be read now are left out.
    pub async fn send_last_items(
        &self,
        owner: &BareJid,
        to: &Actor,
        wants: &(dyn Fn(&str) -> bool + Send + Sync),
    ) {
        let Ok(Some(owner)) = self.owner(owner).await else {
            return;
        };
        let wanted = self.with_nodes(&owner, |state| {
            state
                .nodes
                .values()
                .map(super::state::NodeState::view)
                .filter(|view| view.config.send_last == SendLast::OnSubAndPresence && wants(&view.name))
                .cloned()
                .collect::<Vec<_>>()
        });
        let Ok(wanted) = wanted.await else { return };
        for view in wanted {
            if let Err(error) = self.send_last_item(&owner, to, &view, Reason::Interest).await {
                tracing::debug!(%error, "a last item was not sent");
            }
        }
    }

    async fn send_last_item(
        &self,
        owner: &Arc<Owner>,
        to: &Actor,
        view: &Arc<NodeView>,
        reason: Reason,
    ) -> Result<(), PubsubError> {
        self.fetch_last(owner, view).await?;
        let reader = self.reader(to, view).await;
        self.with(owner, &view.name, |state| {
            let Some(node) = state.node(&view.name).filter(|node| node.view.no == view.no) else {
                return;
            };
            let (view, last) = (Arc::clone(&node.view), node.last.clone());
            if may_read(&reader, &view).is_err() || !holds(reason, to, &view) {
                return;
            }
            if let Some(item) = last.filter(|item| !self.is_expired(&view, item) && !item.is_kept_from(to.no))
            {
                let to = LastItemTo {
                    no: to.no,
                    jid: to.jid.clone(),
                    subid: match reason {
                        Reason::Interest => None,
                        Reason::Subscription(subid) => Some(subid),
                    },
                };
                self.emit_in_order(state, Event::LastItem { view, item, to });
            }
        })
        .await
    }

    /// Brings the last item into memory where it is not.
    pub(super) async fn fetch_last(
        &self,
        owner: &Arc<Owner>,
        view: &Arc<NodeView>,
    ) -> Result<(), PubsubError> {
        loop {
            let missing = self
                .with(owner, &view.name, |state| {
                    let node = state.node(&view.name)?;
                    // What repeats a post is held against that one each time.
                    let is_known = node.last.as_ref().is_some_and(|last| last.kept_from.is_none());
                    let is_missing = !is_known && node.heads.len() > 0 && node.view.config.persist_items;
                    is_missing.then_some((node.epoch, node.last_ticket))
                })
                .await?;
            let Some((epoch, after)) = missing else {
                return Ok(());
            };
            self.inner.store.wait(after).await;
            let no = view.no;
            let rows = self
                .inner
                .store
                .read(move |reader| reader.newest_items(no, 1, None))
                .await?;
            let item = self.delivered(view, rows).await?.pop().map(Arc::new);
            let is_done = self
                .with(owner, &view.name, |state| match state.node(&view.name) {
                    // An empty answer means that the failure which made it so is not settled yet; there is nothing
                    // to send then.
                    Some(node) if node.epoch == epoch => {
                        node.last = item.clone();
                        true
                    }
                    Some(node) => node.last.is_some(),
                    None => true,
                })
                .await?;
            if is_done {
                return Ok(());
            }
        }
    }

    /// Whether an item is older than its node lets it become (`pubsub#item_expire`).
    pub(super) fn is_expired(&self, view: &NodeView, item: &bus::Item) -> bool {
        view.config.item_expire.is_some_and(|seconds| {
            item.modified.0.saturating_add(i64::from(seconds) * 1_000) < self.inner.clock.now().0
        })
    }
}

/// Whether there is still this reason to send somebody a last item. Who subscribes has it from that, and so not once more
/// because of interest.
fn holds(reason: Reason, to: &Actor, view: &NodeView) -> bool {
    let mut own = view.subscriptions_of(to.no).iter();
    let is_in_force = |one: &Subscriber| one.state == SubscriptionState::Subscribed;
    match reason {
        Reason::Interest => !own.any(|one| {
            let is_covered = one.resource.is_none() || one.resource.as_deref() == to.jid.resource();
            is_in_force(one) && is_covered
        }),
        Reason::Subscription(subid) => own.any(|one| one.subid == subid && is_in_force(one)),
    }
}
