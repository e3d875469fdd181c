//! Affiliations: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §5.7 and §8.9.

use std::sync::Arc;

use bus::{Affiliation, Event, NodeKind, NodeView, Subscriber, SubscriptionState};
use store::{JidNo, Write};
use wire::{BareJid, Jid};

use super::computed::Freshness;
use super::state::NodeState;
use super::steps::Deliver;
use super::subscribe::{Changed, address, told_changes, with_subscriber, without_subscriber};
use super::{Accepted, Host, unsupported};
use crate::access::{Actor, Reader, Relation, may_administer, may_moderate, may_read};
use crate::error::PubsubError;

/// Affiliations that a node may have.
const MAX_AFFILIATIONS: usize = 10_000;

/// What became of a request to change affiliations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AffiliationsSet {
    /// Who is something else now.
    pub changed: Vec<(BareJid, Affiliation)>,
    /// Subscriptions that ended, since their subscribers may not read any more, and requests that were granted, since they
    /// need no leave any more (§8.7.4).
    pub subscriptions: Vec<Changed>,
    /// Who stays what they are, because a node must keep an owner.
    pub refused: Vec<(BareJid, Affiliation)>,
}

/// A change that somebody asks for.
struct Wanted<'a> {
    no: JidNo,
    jid: &'a BareJid,
    now: Affiliation,
    before: Affiliation,
}

impl Wanted<'_> {
    fn write(&self, view: &NodeView) -> Write {
        match self.now {
            Affiliation::None => store::affiliations::remove(view.no, self.no),
            now => store::affiliations::set(view.no, self.no, now.as_str().to_owned()),
        }
    }
}

/// The changes that can be made, and those that would leave the node without an owner. A person stays the owner of their
/// own nodes.
fn sorted_out<'a>(view: &NodeView, wanted: Vec<Wanted<'a>>) -> (Vec<Wanted<'a>>, Vec<Wanted<'a>>) {
    let is_kept = |no: JidNo| view.kind == NodeKind::Pep && no == view.owner;
    let stays = |(no, affiliation): &(JidNo, Affiliation)| {
        *affiliation == Affiliation::Owner && wanted.iter().all(|one| one.no != *no)
    };
    let has_owner = view.kind == NodeKind::Pep
        || view.affiliations.iter().any(stays)
        || wanted.iter().any(|one| one.now == Affiliation::Owner);
    wanted
        .into_iter()
        .partition(|one| !is_kept(one.no) && (has_owner || one.before != Affiliation::Owner))
}

/// Whether a moderator may make this change: of those who are neither owners nor moderators, into such; and they may step
/// back themselves.
fn is_moderators(moderator: JidNo, wanted: &Wanted<'_>) -> bool {
    !wanted.now.keeps_order() && (!wanted.before.keeps_order() || wanted.no == moderator)
}

impl Host {
    /// The affiliations to a node, for its owners (§8.9.1) and moderators; who is cast out is nobody else's to know.
    ///
    /// # Errors
    /// `Forbidden` to all but them.
    pub async fn affiliations(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Vec<(BareJid, Affiliation)>, PubsubError> {
        self.check_supports(owner, node, "modify-affiliations")?;
        let view = self.moderated_view(owner, actor, node).await?;
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

    /// Gives affiliations, or takes them away with [`Affiliation::None`] (§8.9.2). What cannot be changed stays as it is while
    /// the rest is changed (§8.9.2.4). The subscriptions of whoever may not read the node any more end.
    ///
    /// # Errors
    /// `Forbidden` to all but owners, and to moderators for what is not theirs to give or take; `Unacceptable` for more
    /// affiliations than a node may have, and for moderators of what is no community.
    pub async fn set_affiliations(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        changes: &[(BareJid, Affiliation)],
    ) -> Result<Accepted<AffiliationsSet>, PubsubError> {
        self.check_supports(owner, node, "modify-affiliations")?;
        // Only who may change something makes numbers for those whom they name.
        self.moderated_view(owner, actor, node).await?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let names: Vec<_> = changes.iter().map(|(jid, _)| jid.as_str()).collect();
        let numbers = self.inner.store.jids().numbers(&names).await?;
        self.with(&owner, node, |state| {
            let ready = state.node(node).ok_or(PubsubError::NodeNotFound)?;
            may_moderate(actor.no, &ready.view)?;
            let is_given = |(_, affiliation): &(_, _)| *affiliation == Affiliation::Moderator;
            if !ready.view.is_community() && changes.iter().any(is_given) {
                return Err(PubsubError::Unacceptable(
                    "only a community has moderators: give another affiliation".into(),
                ));
            }
            let wanted: Vec<_> = changes
                .iter()
                .zip(&numbers)
                .map(|((jid, affiliation), no)| Wanted {
                    no: *no,
                    jid,
                    now: *affiliation,
                    before: ready.view.affiliation(*no),
                })
                .filter(|wanted| wanted.now != wanted.before)
                .collect();
            if may_administer(actor.no, &ready.view).is_err()
                && !wanted.iter().all(|one| is_moderators(actor.no, one))
            {
                return Err(PubsubError::Forbidden);
            }
            let (changed, refused) = sorted_out(&ready.view, wanted);
            let refused = refused.iter().map(|one| (one.jid.clone(), one.before)).collect();
            if changed.is_empty() {
                return Ok(Accepted::at_once(AffiliationsSet {
                    refused,
                    ..AffiliationsSet::default()
                }));
            }
            let mut all = ready.view.affiliations.to_vec();
            all.retain(|(no, _)| changed.iter().all(|one| one.no != *no));
            let given = changed.iter().filter(|one| one.now != Affiliation::None);
            all.extend(given.map(|one| (one.no, one.now)));
            if all.len() > MAX_AFFILIATIONS {
                return Err(PubsubError::Unacceptable(
                    "a node has at most 10,000 affiliations: take some away first".into(),
                ));
            }
            all.sort_unstable_by_key(|(no, _)| *no);
            let mut view = NodeView {
                affiliations: all.into(),
                ..NodeView::clone(&ready.view)
            };
            let mut writes: Vec<_> = changed.iter().map(|one| one.write(&ready.view)).collect();
            let mut gone: Vec<(Subscriber, Jid)> = Vec::new();
            let mut granted: Vec<(Subscriber, Jid)> = Vec::new();
            for one in &changed {
                let reader = Reader {
                    no: one.no,
                    relation: Relation::default(),
                };
                let allowed = may_read(&reader, &view);
                // Not because of a relation, which did not change.
                let is_out = matches!(allowed, Err(PubsubError::Forbidden | PubsubError::ClosedNode));
                for subscriber in ready.view.subscriptions_of(one.no) {
                    if is_out {
                        gone.push((subscriber.clone(), address(one.jid, subscriber)?));
                    } else if allowed.is_ok() && subscriber.state == SubscriptionState::Pending {
                        let now = Subscriber {
                            state: SubscriptionState::Subscribed,
                            ..subscriber.clone()
                        };
                        granted.push((now, address(one.jid, subscriber)?));
                    }
                }
            }
            for (subscriber, _) in &gone {
                writes.push(removal(&ready.view, subscriber));
                view = without_subscriber(&view, subscriber);
            }
            for (subscriber, _) in &granted {
                writes.push(self.put_write(&ready.view, subscriber));
                view = with_subscriber(&view, subscriber.clone());
            }
            let view = Arc::new(view);
            for one in &changed {
                writes.extend(self.follow_write(&ready.view, &view, one.no));
            }
            let queued = self.queue(Write::all(writes))?;
            if let Some(NodeState::Ready(ready)) = state.nodes.get_mut(node) {
                ready.view = Arc::clone(&view);
                ready.last_ticket = queued.ticket;
            }
            let mut events: Vec<_> = changed
                .iter()
                .map(|one| Event::AffiliationChanged {
                    view: Arc::clone(&view),
                    no: one.no,
                    affiliation: one.now,
                })
                .collect();
            let done = AffiliationsSet {
                changed: changed.iter().map(|one| (one.jid.clone(), one.now)).collect(),
                subscriptions: told_changes(&gone, &granted),
                refused,
            };
            events.extend(gone.into_iter().map(|(subscriber, jid)| Event::Unsubscribed {
                view: Arc::clone(&view),
                subscriber,
                jid,
            }));
            events.extend(granted.into_iter().map(|(subscriber, jid)| Event::Subscribed {
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
                done,
            ))
        })
        .await?
    }

    /// A node, for those who keep order there.
    async fn moderated_view(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Arc<NodeView>, PubsubError> {
        let view = self.view_entered(owner, actor, node).await?;
        may_moderate(actor.no, &view).map_err(|error| unsupported(error, "modify-affiliations"))?;
        Ok(view)
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
    store::subscriptions::remove(view.no, subscriber.no, resource, subscriber.subid.to_string())
}
