//! Requests to subscribe that wait for an owner: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §8.6; and
//! subscriptions of those who may not read any more (§12.19).

use std::sync::Arc;

use bus::{Affiliation, NodeView, Subscriber, SubscriptionState};
use wire::{BareJid, Jid};

use super::computed::{Freshness, Spot};
use super::subscribe::{Changed, address, find};
use super::{Accepted, Host};
use crate::access::{Actor, may_moderate, may_read};
use crate::error::PubsubError;

/// Requests shown to an owner at a time.
const SHOWN: u32 = 200;
/// Nodes named to whoever asks where requests wait.
const NODES: u32 = 500;

/// A request that waits.
#[derive(Clone, Debug)]
pub struct WaitingRequest {
    /// The node.
    pub view: Arc<NodeView>,
    /// The subscription asked for.
    pub subscriber: Subscriber,
    /// Its address.
    pub jid: Jid,
}

/// What an owner answered to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Who asked.
    pub jid: Jid,
    /// Which of their requests, if the answer says so.
    pub subid: Option<String>,
    /// Whether they may.
    pub is_granted: bool,
}

impl Host {
    /// Requests that wait for an account's answer, the oldest first: for an owner who comes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn requests_for(&self, actor: &Actor) -> Result<Vec<WaitingRequest>, PubsubError> {
        let no = actor.no;
        self.inner.store.wait(self.last_write()).await;
        let words = [Affiliation::Owner.as_str(), Affiliation::Moderator.as_str()];
        let rows = self
            .inner
            .store
            .read(move |reader| reader.requests_for(no, words, SHOWN))
            .await?;
        let mut waiting = Vec::with_capacity(rows.len());
        for (node, row) in rows {
            let Some(owner) = self.owner_by_number(node.owner).await? else {
                continue;
            };
            let view = self.plain_view(&owner, &node.name).await?;
            let Some(view) = view.filter(|view| view.no == node.node && may_moderate(no, view).is_ok())
            else {
                continue;
            };
            let resource = (!row.resource.is_empty()).then_some(row.resource.as_str());
            // As it is by now.
            let there = find(&view, row.no, resource, Some(&row.subid)).ok().cloned();
            let Some(subscriber) = there.filter(|one| one.state == SubscriptionState::Pending) else {
                continue;
            };
            let name = self.inner.store.jids().name(row.no).await?;
            if let Some(bare) = name.and_then(|name| BareJid::parse(&name).ok()) {
                let jid = address(&bare, &subscriber)?;
                waiting.push(WaitingRequest {
                    view,
                    subscriber,
                    jid,
                });
            }
        }
        Ok(waiting)
    }

    /// Whether somebody may answer requests to subscribe to any node at this address (§8.7).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn keeps_order_at(&self, owner: &BareJid, actor: &Actor) -> Result<bool, PubsubError> {
        let Some(owner) = self.owner(owner).await? else {
            return Ok(false);
        };
        if owner.no == actor.no {
            return Ok(true);
        }
        let (no, at) = (actor.no, owner.no);
        let after = owner.state.lock().last_ticket.unwrap_or(store::Ticket::NONE);
        self.inner.store.wait(after).await;
        let rows = self
            .inner
            .store
            .read(move |reader| reader.affiliations_of(no))
            .await?;
        let words = [Affiliation::Owner, Affiliation::Moderator].map(Affiliation::as_str);
        Ok(rows
            .iter()
            .any(|row| row.owner == at && words.contains(&row.affiliation.as_str())))
    }

    /// The nodes at this address whose requests wait for an answer that the actor may give (§8.7.2).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn requested_nodes(&self, owner: &BareJid, actor: &Actor) -> Result<Vec<String>, PubsubError> {
        let Some(owner) = self.owner(owner).await? else {
            return Ok(Vec::new());
        };
        let (no, at) = (actor.no, owner.no);
        let words = [Affiliation::Owner, Affiliation::Moderator].map(Affiliation::as_str);
        let after = owner.state.lock().last_ticket.unwrap_or(store::Ticket::NONE);
        self.inner.store.wait(after).await;
        let read = self
            .inner
            .store
            .read(move |reader| reader.requested_nodes(at, no, words, NODES));
        Ok(read.await?)
    }

    /// All requests to one node that wait for an answer (§8.7.4).
    ///
    /// # Errors
    /// `NodeNotFound`; `Forbidden` to all but those who keep order there.
    pub async fn requests_to(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Vec<WaitingRequest>, PubsubError> {
        self.check_own(owner, node)?;
        let view = self.view_entered(owner, actor, node).await?;
        may_moderate(actor.no, &view)?;
        let pending = view.subscribers.iter();
        let mut pending: Vec<_> = pending
            .filter(|one| one.state == SubscriptionState::Pending)
            .collect();
        // In the order in which they asked.
        pending.sort_unstable_by_key(|one| one.subid);
        let mut numbers: Vec<_> = pending.iter().map(|one| one.no).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let addresses = self.addresses(&numbers).await?;
        pending
            .into_iter()
            .map(|subscriber| {
                let bare = addresses.get(&subscriber.no).ok_or(PubsubError::Storage)?;
                Ok(WaitingRequest {
                    view: Arc::clone(&view),
                    subscriber: subscriber.clone(),
                    jid: address(bare, subscriber)?,
                })
            })
            .collect()
    }

    /// Grants or denies a request. One that was answered or taken back meanwhile stays as it is: the first answer counts
    /// (§12.18).
    ///
    /// # Errors
    /// `Forbidden` to all but owners; `NotSubscribed` when no such request waits.
    pub async fn answer_request(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        verdict: &Verdict,
    ) -> Result<Accepted<Vec<Changed>>, PubsubError> {
        self.check_own(owner, node)?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, _) = self.enter(&owner, actor, node, Freshness::Now).await?;
        let no = self.inner.store.jids().find(verdict.jid.bare_str()).await?;
        self.within(&owner, &spot, |state| {
            let ready = state.node(&spot.name).ok_or(PubsubError::NodeNotFound)?;
            may_moderate(actor.no, &ready.view)?;
            let view = Arc::clone(&ready.view);
            let no = no.ok_or(PubsubError::NotSubscribed)?;
            // An address has at most one request, but may have subscriptions beside it.
            let is_meant = |one: &&Subscriber| {
                one.state == SubscriptionState::Pending
                    && one.resource.as_deref() == verdict.jid.resource()
                    && verdict
                        .subid
                        .as_ref()
                        .is_none_or(|subid| subid.parse() == Ok(one.subid))
            };
            let there = view.subscriptions_of(no).iter().find(is_meant);
            let there = there.ok_or(PubsubError::NotSubscribed)?.clone();
            let (gone, granted) = if verdict.is_granted {
                let granted = Subscriber {
                    state: SubscriptionState::Subscribed,
                    ..there
                };
                (Vec::new(), vec![(granted, verdict.jid.clone())])
            } else {
                (vec![(there, verdict.jid.clone())], Vec::new())
            };
            self.change(&owner, state, &view, gone, granted)
        })
        .await?
    }

    /// Ends the subscriptions of somebody to those of an owner's nodes that are for contacts, as far as they may not read
    /// them any more: they are a contact no longer, or in other groups (§12.19). Says what ended.
    ///
    /// # Errors
    /// When something cannot be read or stored.
    pub async fn end_unreadable(
        &self,
        owner: &BareJid,
        who: &Actor,
    ) -> Result<Vec<(Arc<str>, Changed)>, PubsubError> {
        let Some(owner) = self.owner(owner).await? else {
            return Ok(Vec::new());
        };
        let after = owner.state.lock().last_ticket.unwrap_or(store::Ticket::NONE);
        self.inner.store.wait(after).await;
        let (no, at) = (who.no, owner.no);
        let rows = self
            .inner
            .store
            .read(move |reader| reader.subscriptions_of(no))
            .await?;
        let mut names: Vec<_> = rows
            .into_iter()
            .filter(|row| row.owner == at)
            .map(|row| row.name)
            .collect();
        names.dedup();
        let mut ended = Vec::new();
        for name in names {
            let Some(view) = self.plain_view(&owner, &name).await? else {
                continue;
            };
            if !crate::access::needs_relation(&view) {
                continue;
            }
            let reader = self.reader(who, &view).await;
            let spot = Spot::plain(&name);
            let changed = self.within(&owner, &spot, |state| {
                let Some(view) = state.node(&name).map(|node| Arc::clone(&node.view)) else {
                    return Ok(None);
                };
                if may_read(&reader, &view).is_ok() {
                    return Ok(None);
                }
                let bare = who.jid.bare();
                let mut gone = Vec::new();
                for subscriber in view.subscriptions_of(who.no) {
                    gone.push((subscriber.clone(), address(&bare, subscriber)?));
                }
                if gone.is_empty() {
                    return Ok(None);
                }
                let accepted = self.change(&owner, state, &view, gone, Vec::new())?;
                Ok::<_, PubsubError>(Some(accepted))
            });
            if let Some(accepted) = changed.await?? {
                let changed = accepted.durable.await?;
                let named = changed
                    .into_iter()
                    .map(|changed| (Arc::from(name.as_str()), changed));
                ended.extend(named);
            }
        }
        Ok(ended)
    }
}
