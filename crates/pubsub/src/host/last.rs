//! The last item, sent to those who did not ask for it: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §6.1.7
//! and [XEP-0163](https://xmpp.org/extensions/xep-0163.html) §4.3.4.
//!
//! It is sent inside the owner's step, so that an older last item never overtakes a newer one.

use std::sync::Arc;

use bus::{Event, LastItemTo, NodeView, SendLast};
use wire::BareJid;

use super::Host;
use super::state::Owner;
use crate::access::{Actor, may_read};
use crate::error::PubsubError;

impl Host {
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
            if let Err(error) = self.send_last_item(&owner, to, &view).await {
                tracing::debug!(%error, "a last item was not sent");
            }
        }
    }

    async fn send_last_item(
        &self,
        owner: &Arc<Owner>,
        to: &Actor,
        view: &Arc<NodeView>,
    ) -> Result<(), PubsubError> {
        self.fetch_last(owner, view).await?;
        let reader = self.reader(to, view).await;
        self.with(owner, &view.name, |state| {
            let Some(node) = state.node(&view.name).filter(|node| node.view.no == view.no) else {
                return;
            };
            let (view, last) = (Arc::clone(&node.view), node.last.clone());
            if may_read(&reader, &view).is_err() {
                return;
            }
            if let Some(item) = last.filter(|item| !self.is_expired(&view, item)) {
                let to = LastItemTo {
                    no: to.no,
                    jid: to.jid.clone(),
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
                    let is_missing =
                        node.last.is_none() && node.heads.len() > 0 && node.view.config.persist_items;
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
