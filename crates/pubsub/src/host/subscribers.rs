//! A node's subscriptions as those see and change them who keep order there:
//! [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §8.8.

use std::collections::HashSet;
use std::sync::Arc;

use bus::{Subscriber, SubscriptionState};
use store::JidNo;
use wire::{BareJid, Jid};

use super::computed::Freshness;
use super::subscribe::{Changed, address, told};
use super::{Accepted, Host, Subscription};
use crate::access::{Actor, may_administer, may_moderate};
use crate::error::PubsubError;

/// What an owner wants of a subscription (§8.8.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The subscriber.
    pub jid: Jid,
    /// Which of their subscriptions; all of this address if `None`.
    pub subid: Option<String>,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It stays as it is: no state was named.
    Keep,
    /// It is in this state.
    To(SubscriptionState),
    /// It ends (§8.8.3).
    End,
    /// It cannot be what was named.
    Impossible,
}

/// What became of a request to change subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modified {
    /// Those that were changed.
    pub changed: Vec<Changed>,
    /// What could not be changed, as it is (§8.8.2.4).
    pub refused: Vec<Unchanged>,
}

/// A subscription that could not be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchanged {
    /// The address that was named.
    pub jid: Jid,
    /// The id that was named, or that it has.
    pub subid: Option<String>,
    /// How far it has come; `None` where there is none.
    pub state: Option<SubscriptionState>,
}

impl Host {
    /// All subscriptions to a node, those that wait for leave included, for those who keep order there (§8.8.1).
    ///
    /// # Errors
    /// `Forbidden` to all but them.
    pub async fn subscribers(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Vec<Subscription>, PubsubError> {
        self.check_own(owner, node)?;
        let view = self.view_entered(owner, actor, node).await?;
        may_moderate(actor.no, &view)?;
        let mut numbers: Vec<JidNo> = view.subscribers.iter().map(|one| one.no).collect();
        numbers.dedup();
        let addresses = self.addresses(&numbers).await?;
        view.subscribers
            .iter()
            .map(|one| {
                let bare = addresses.get(&one.no).ok_or(PubsubError::Storage)?;
                Ok(told(&view, one, &address(bare, one)?))
            })
            .collect()
    }

    /// Changes subscriptions to a node (§8.8.2). What cannot be changed is given back as it is, and stops nothing else.
    /// Nobody is subscribed who did not ask.
    ///
    /// # Errors
    /// `Forbidden` to all but those who keep order there.
    pub async fn set_subscribers(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        wanted: &[Wanted],
    ) -> Result<Accepted<Modified>, PubsubError> {
        self.check_own(owner, node)?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, _) = self.enter(&owner, actor, node, Freshness::Now).await?;
        let mut numbers = Vec::with_capacity(wanted.len());
        for one in wanted {
            // Who was never met subscribes to nothing, and is not given a number for being named here.
            numbers.push(self.inner.store.jids().find(one.jid.bare_str()).await?);
        }
        self.within(&owner, &spot, |state| {
            let ready = state.node(&spot.name).ok_or(PubsubError::NodeNotFound)?;
            may_moderate(actor.no, &ready.view)?;
            let view = Arc::clone(&ready.view);
            let (mut gone, mut granted) = (Vec::new(), Vec::new());
            let mut modified = Modified::default();
            let mut seen = HashSet::new();
            for (one, no) in wanted.iter().zip(&numbers) {
                // Who keeps order is not put out by others who do, but for the owners.
                if no.is_some_and(|no| no != actor.no && view.affiliation(no).keeps_order()) {
                    may_administer(actor.no, &view)?;
                }
                let all = no.map_or(&[][..], |no| view.subscriptions_of(no)).iter();
                let resource = one.jid.resource();
                let same = all.filter(|there| there.resource.as_deref() == resource);
                let named: Vec<&Subscriber> = match &one.subid {
                    None => same.collect(),
                    Some(subid) => same.filter(|there| subid.parse() == Ok(there.subid)).collect(),
                };
                if named.is_empty() {
                    modified.refused.push(Unchanged {
                        jid: one.jid.clone(),
                        subid: one.subid.clone(),
                        state: None,
                    });
                }
                for there in named {
                    // §8.8.2.4: each at most once, else it is not known what is wanted.
                    let change = if seen.insert(there.subid) {
                        one.change
                    } else {
                        Change::Impossible
                    };
                    match change {
                        Change::Keep => {}
                        Change::End => gone.push((there.clone(), one.jid.clone())),
                        Change::To(wanted) if wanted == there.state => {}
                        Change::To(wanted) => {
                            let now = Subscriber {
                                state: wanted,
                                ..there.clone()
                            };
                            granted.push((now, one.jid.clone()));
                        }
                        Change::Impossible => modified.refused.push(Unchanged {
                            jid: one.jid.clone(),
                            subid: Some(there.subid.to_string()),
                            state: Some(there.state),
                        }),
                    }
                }
            }
            if gone.is_empty() && granted.is_empty() {
                return Ok(Accepted::at_once(modified));
            }
            let changed = self.change(&owner, state, &view, gone, granted)?;
            Ok(changed.map(|changed| Modified { changed, ..modified }))
        })
        .await?
    }
}
