//! Affiliations: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §5.7 and §8.9.

use std::sync::Arc;

use bus::{Affiliation, Event, NodeKind, NodeView, Subscriber};
use store::Write;
use wire::{BareJid, Jid};

use super::computed::Freshness;
use super::state::NodeState;
use super::steps::Deliver;
use super::subscribe::{address, without_subscriber};
use super::{Accepted, Host};
use crate::access::{Actor, Reader, Relation, may_administer, may_read};
use crate::error::PubsubError;

/// Affiliations that a node may have.
const MAX_AFFILIATIONS: usize = 10_000;

impl Host {
    /// The affiliations to a node, for its owners (§8.9.1).
    ///
    /// # Errors
    /// `Forbidden` to all but owners.
    pub async fn affiliations(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Vec<(BareJid, Affiliation)>, PubsubError> {
        self.check_own(owner, node)?;
        let view = self.owned_view(owner, actor, node).await?;
        let numbers: Vec<_> = view.affiliations.iter().map(|(no, _)| *no).collect();
        let addresses = self.addresses(&numbers).await?;
        let mut all = Vec::with_capacity(numbers.len() + 1);
        if view.kind == NodeKind::Pep {
            all.push((view.owner_jid.clone(), Affiliation::Owner));
        }
        for (no, affiliation) in view.affiliations.iter() {
            let jid = addresses.get(no).ok_or(PubsubError::Storage)?;
            all.push((jid.clone(), *affiliation));
        }
        Ok(all)
    }

    /// Gives affiliations, or takes them away with [`Affiliation::None`] (§8.9.2). The subscriptions of whoever may not read
    /// the node any more end; these are given, so that their addresses can be told.
    ///
    /// # Errors
    /// `Forbidden` to all but owners; `LastOwner` when none would be left; `NotAllowed` for a person's own node.
    pub async fn set_affiliations(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        changes: &[(BareJid, Affiliation)],
    ) -> Result<Accepted<Vec<Jid>>, PubsubError> {
        self.check_own(owner, node)?;
        // Only who may change something makes numbers for those whom they name.
        self.owned_view(owner, actor, node).await?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let names: Vec<_> = changes.iter().map(|(jid, _)| jid.as_str()).collect();
        let numbers = self.inner.store.jids().numbers(&names).await?;
        self.with(&owner, node, |state| {
            let ready = state.node(node).ok_or(PubsubError::NodeNotFound)?;
            may_administer(actor.no, &ready.view)?;
            let mut all = ready.view.affiliations.to_vec();
            let mut writes = Vec::new();
            let mut gone: Vec<(Subscriber, Jid)> = Vec::new();
            for ((_, affiliation), no) in changes.iter().zip(&numbers) {
                if ready.view.kind == NodeKind::Pep && *no == ready.view.owner {
                    // A person stays the owner of their own nodes.
                    return Err(PubsubError::NotAllowed);
                }
                all.retain(|(other, _)| other != no);
                if *affiliation == Affiliation::None {
                    writes.push(store::affiliations::remove(ready.view.no, *no));
                } else {
                    all.push((*no, *affiliation));
                    let word = affiliation.as_str().to_owned();
                    writes.push(store::affiliations::set(ready.view.no, *no, word));
                }
            }
            if all.len() > MAX_AFFILIATIONS {
                return Err(PubsubError::InvalidName("too many affiliations"));
            }
            let has_owner = all
                .iter()
                .any(|(_, affiliation)| *affiliation == Affiliation::Owner);
            if ready.view.kind != NodeKind::Pep && !has_owner {
                return Err(PubsubError::LastOwner);
            }
            all.sort_unstable_by_key(|(no, _)| *no);
            let mut view = NodeView {
                affiliations: all.into(),
                ..NodeView::clone(&ready.view)
            };
            for ((jid, _), no) in changes.iter().zip(&numbers) {
                let reader = Reader {
                    no: *no,
                    relation: Relation::default(),
                };
                // Not because of a relation, which did not change.
                let is_out = matches!(
                    may_read(&reader, &view),
                    Err(PubsubError::Forbidden | PubsubError::ClosedNode)
                );
                for subscriber in ready.view.subscriptions_of(*no).iter().filter(|_| is_out) {
                    gone.push((subscriber.clone(), address(jid, subscriber)?));
                }
            }
            writes.extend(
                gone.iter()
                    .map(|(subscriber, _)| removal(&ready.view, subscriber)),
            );
            for (subscriber, _) in &gone {
                view = without_subscriber(&view, subscriber);
            }
            let view = Arc::new(view);
            for no in &numbers {
                writes.extend(self.follow_write(&ready.view, &view, *no));
            }
            let queued = self.queue(Write::all(writes))?;
            if let Some(NodeState::Ready(ready)) = state.nodes.get_mut(node) {
                ready.view = Arc::clone(&view);
                ready.last_ticket = queued.ticket;
            }
            let mut events: Vec<_> = changes
                .iter()
                .zip(&numbers)
                .map(|((_, affiliation), no)| Event::AffiliationChanged {
                    view: Arc::clone(&view),
                    no: *no,
                    affiliation: *affiliation,
                })
                .collect();
            let told = gone.iter().map(|(_, jid)| jid.clone()).collect();
            events.extend(gone.into_iter().map(|(subscriber, jid)| Event::Unsubscribed {
                view: Arc::clone(&view),
                subscriber,
                jid,
            }));
            Ok(self.finish(
                &owner,
                state,
                queued,
                Deliver::WhenStored,
                events,
                Vec::new(),
                told,
            ))
        })
        .await?
    }

    /// The actor's own affiliations at one address (§5.7).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn own_affiliations(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: Option<&str>,
    ) -> Result<Vec<(Arc<str>, Affiliation)>, PubsubError> {
        let Some(owned) = self.owner(owner).await? else {
            return Ok(Vec::new());
        };
        if let Some(name) = node {
            let (spot, _) = self.enter(&owned, actor, name, Freshness::Settled).await?;
            let view = self
                .view(owner, &spot.name)
                .await?
                .ok_or(PubsubError::NodeNotFound)?;
            let affiliation = view.affiliation(actor.no);
            let is_any = affiliation != Affiliation::None;
            return Ok(is_any
                .then(|| (Arc::clone(&view.name), affiliation))
                .into_iter()
                .collect());
        }
        if owned.no == actor.no {
            let all = |state: &mut super::OwnerState| state.nodes.keys().cloned().collect::<Vec<_>>();
            let names = self.with_nodes(&owned, all).await?;
            return Ok(names.into_iter().map(|name| (name, Affiliation::Owner)).collect());
        }
        let (no, at) = (actor.no, owned.no);
        let after = owned.state.lock().last_ticket.unwrap_or(store::Ticket::NONE);
        self.inner.store.wait(after).await;
        let rows = self
            .inner
            .store
            .read(move |reader| reader.affiliations_of(no))
            .await?;
        Ok(rows
            .into_iter()
            .filter(|row| row.owner == at)
            .filter_map(|row| Some((row.name.into(), row.affiliation.parse().ok()?)))
            .collect())
    }
}

fn removal(view: &NodeView, subscriber: &Subscriber) -> Write {
    let resource = subscriber.resource.as_deref().unwrap_or_default().to_owned();
    store::subscriptions::remove(view.no, subscriber.no, resource)
}
