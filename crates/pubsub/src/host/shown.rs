//! Subscriptions that their subscribers show to everybody: [XEP-0465](https://xmpp.org/extensions/xep-0465.html).
//!
//! Of what somebody shows, each reader sees what they may read themselves: who may not read a node learns from nobody that
//! there is one, or who reads it.

use std::sync::Arc;

use bus::{NodeView, Virtual};
use wire::BareJid;

use super::{Accepted, Host};
use crate::access::{Actor, may_read};
use crate::error::PubsubError;

/// What is listed at most: all that an account can show, or the first of a node's subscribers.
const MAX_LISTED: u32 = 10_000;

impl Host {
    /// Shows the actor's subscription to a node, or hides it again.
    ///
    /// # Errors
    /// `NotSubscribed` when there is none of the bare address; `NodeNotFound`; `Unsupported` for virtual nodes, which are
    /// nobody's.
    pub async fn show_subscription(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        is_shown: bool,
    ) -> Result<Accepted<()>, PubsubError> {
        if self.virtual_at(owner, node).is_some() {
            return match is_shown {
                true => Err(PubsubError::Unsupported("subscribe")),
                false => Ok(Accepted::at_once(())),
            };
        }
        let view = self.view(owner, node).await?.ok_or(PubsubError::NodeNotFound)?;
        let of_account = view.subscriptions_of(actor.no);
        if !of_account.iter().any(|one| one.resource.is_none()) {
            return Err(PubsubError::NotSubscribed);
        }
        let queued = self.queue(store::shown::set(view.no, actor.no, is_shown))?;
        Ok(self.when_stored(queued, (), || {}))
    }

    /// Whether the actor shows their subscription to a node.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn shows_subscription(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<bool, PubsubError> {
        if self.virtual_at(owner, node).is_some() {
            return Ok(false);
        }
        let Some(view) = self.view(owner, node).await? else {
            return Ok(false);
        };
        let (node, no) = (view.no, actor.no);
        Ok(self
            .inner
            .store
            .read(move |reader| reader.is_shown(node, no))
            .await?)
    }

    /// The nodes that an account shows its subscriptions to and the actor may read, by number: where, and their names.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn shown_subscriptions(
        &self,
        account: &BareJid,
        actor: &Actor,
    ) -> Result<Vec<(BareJid, Arc<str>)>, PubsubError> {
        let Some(account) = self.owner(account).await? else {
            return Ok(Vec::new());
        };
        let no = account.no;
        if self.blocking(actor, no, &account.jid).parts() {
            return Ok(Vec::new());
        }
        self.inner.store.wait(self.last_write()).await;
        let rows = self
            .inner
            .store
            .read(move |reader| reader.shown_subscriptions(no, MAX_LISTED))
            .await?;
        let mut shown = Vec::new();
        for (owner, name) in rows {
            let Some(owner) = self.owner_by_number(owner).await? else {
                continue;
            };
            if self.blocking(actor, owner.no, &owner.jid).parts() {
                continue;
            }
            if let Some(view) = self.view(&owner.jid, &name).await?
                && may_read(&self.reader(actor, &view).await, &view).is_ok()
            {
                shown.push((owner.jid.clone(), Arc::clone(&view.name)));
            }
        }
        Ok(shown)
    }

    /// The accounts that show their subscriptions to a node, by number.
    ///
    /// # Errors
    /// `NodeNotFound` to who may not read the node.
    pub async fn shown_subscribers(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Vec<BareJid>, PubsubError> {
        let view = self.readable_target(owner, actor, node).await?;
        let no = view.no;
        self.inner.store.wait(self.last_write()).await;
        let numbers = self
            .inner
            .store
            .read(move |reader| reader.shown_subscribers(no, MAX_LISTED))
            .await?;
        let addresses = self.addresses(&numbers).await?;
        let mut shown = Vec::with_capacity(numbers.len());
        for number in numbers {
            if let Some(jid) = addresses.get(&number)
                && !self.blocking(actor, number, jid).parts()
            {
                shown.push(jid.clone());
            }
        }
        Ok(shown)
    }

    /// Whether an asker may know of a node that shows subscriptions.
    ///
    /// # Errors
    /// `NodeNotFound` where they may not read the node whose subscribers these are.
    pub async fn check_shown(
        &self,
        owner: &BareJid,
        actor: &Actor,
        which: &Virtual,
    ) -> Result<(), PubsubError> {
        match which {
            Virtual::ShownSubscribers(node) => self.readable_target(owner, actor, node).await.map(drop),
            _ => Ok(()),
        }
    }

    async fn readable_target(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Arc<NodeView>, PubsubError> {
        if self.virtual_at(owner, node).is_some() {
            return Err(PubsubError::NodeNotFound);
        }
        let view = self.view(owner, node).await?.ok_or(PubsubError::NodeNotFound)?;
        match may_read(&self.reader(actor, &view).await, &view) {
            Ok(()) => Ok(view),
            Err(_) => Err(PubsubError::NodeNotFound),
        }
    }
}
