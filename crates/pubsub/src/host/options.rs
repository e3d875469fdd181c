//! Options of subscriptions, and subscriptions that end by themselves:
//! [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §6.3, §6.4, §13.5 (with their subscriber's presence) and §13.19
//! (at a time).

use std::collections::HashMap;
use std::sync::Arc;

use bus::{NodeView, SubId, SubscribeOptions, Subscriber};
use format::form::{DataForm, FormType};
use parking_lot::Mutex;
use store::subscriptions::{Expiry, SubscriptionOf};
use store::{JidNo, Timestamp};
use tokio::sync::Notify;
use wire::{BareJid, Jid};

use super::computed::Freshness;
use super::subscribe::{Changed, address, find, held, words};
use super::{Accepted, Host, check_name};
use crate::access::{Actor, may_read};
use crate::error::PubsubError;
use crate::options::{self, Words};

/// Subscriptions ended by one look at the database.
const SLICE: u32 = 200;

/// Where a node is: its owner's number, and its name.
type Place = (JidNo, Arc<str>);

/// Subscriptions that end by themselves.
#[derive(Default)]
pub(super) struct Ends {
    /// Those with their subscriber's presence, by the subscriber.
    passing: Mutex<HashMap<JidNo, Vec<Place>>>,
    /// Another one may be the next to end at a time.
    changed: Notify,
}

/// A subscription that has ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The address at which the node is.
    pub owner: BareJid,
    /// The node.
    pub node: Arc<str>,
    /// Whose subscription, and which.
    pub changed: Changed,
}

impl Host {
    /// The options of one of the actor's subscriptions, to be filled in (§6.3.3).
    ///
    /// # Errors
    /// Every refusal of §6.3.4.
    pub async fn subscription_options(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        jid: &Jid,
        subid: Option<&str>,
    ) -> Result<DataForm, PubsubError> {
        self.check_options(owner, actor, node, jid)?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let spot = self.spot(&owner, node, Freshness::Now).await?;
        self.within(&owner, &spot, |state| {
            let ready = state.node(&spot.name).ok_or(PubsubError::NodeNotFound)?;
            let there = find(&ready.view, actor.no, jid.resource(), subid).map_err(of_options)?;
            Ok(options::form(there.options(), words(&ready.view), FormType::Form))
        })
        .await?
    }

    /// Sets the options of one of the actor's subscriptions (§6.3.5).
    ///
    /// # Errors
    /// Every refusal of §6.3.4 and §6.3.6.2.
    pub async fn set_subscription_options(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        jid: &Jid,
        subid: Option<&str>,
        form: &DataForm,
    ) -> Result<Accepted<()>, PubsubError> {
        self.check_options(owner, actor, node, jid)?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let spot = self.spot(&owner, node, Freshness::Now).await?;
        self.within(&owner, &spot, |state| {
            let ready = state.node(&spot.name).ok_or(PubsubError::NodeNotFound)?;
            let view = Arc::clone(&ready.view);
            let there = find(&view, actor.no, jid.resource(), subid).map_err(of_options)?;
            let wanted = options::parse(form, there.options(), words(&view), self.inner.clock.now())?;
            let wanted = held(&view, wanted);
            let now = there.clone().with_options(wanted);
            let replaced = self.replace(&owner, state, &view, now, ())?;
            self.will_end(actor.no, &view, &wanted);
            Ok(replaced)
        })
        .await?
    }

    /// What holds for a subscription whose options nobody chose: to this node, or to any (§6.4).
    ///
    /// # Errors
    /// `NodeNotFound`, what [`may_read`] says, and `Unsupported` for a node whose subscriptions have no options.
    pub async fn default_subscription_options(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: Option<&str>,
    ) -> Result<DataForm, PubsubError> {
        let (words, options) = match node {
            None => (Words::Unknown, SubscribeOptions::DEFAULT),
            Some(node) => {
                check_name(node)?;
                if self.virtual_at(owner, node).is_some() {
                    return Err(PubsubError::Unsupported("subscription-options"));
                }
                let view = self.view(owner, node).await?.ok_or(PubsubError::NodeNotFound)?;
                let reader = self.reader(actor, &view).await;
                match may_read(&reader, &view) {
                    // Who may ask to subscribe may know what would hold.
                    Ok(()) | Err(PubsubError::ItemsNeedSubscription | PubsubError::PendingSubscription) => {}
                    Err(refusal) => return Err(refusal),
                }
                (words(&view), held(&view, SubscribeOptions::DEFAULT))
            }
        };
        Ok(options::form(&options, words, FormType::Result))
    }

    fn check_options(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        jid: &Jid,
    ) -> Result<(), PubsubError> {
        check_name(node)?;
        // §6.3.4.1
        if jid.bare_str() != actor.jid.bare_str() {
            return Err(PubsubError::Forbidden);
        }
        match self.virtual_at(owner, node) {
            // §6.3.4.6
            Some(_) => Err(PubsubError::Unsupported("subscription-options")),
            None => Ok(()),
        }
    }

    /// Remembers that a subscription ends by itself, once its write is queued: whoever looks for the next end waits for it.
    pub(super) fn will_end(&self, no: JidNo, view: &NodeView, options: &SubscribeOptions) {
        match options.expire {
            None => {}
            Some(Expiry::Presence) => {
                let place = (view.owner, Arc::clone(&view.name));
                let mut passing = self.inner.ends.passing.lock();
                let of_account = passing.entry(no).or_default();
                if !of_account.contains(&place) {
                    of_account.push(place);
                }
            }
            Some(Expiry::At(_)) => self.inner.ends.changed.notify_one(),
        }
    }

    /// Whether an account has subscriptions that end with its presence.
    #[must_use]
    pub fn has_passing(&self, no: JidNo) -> bool {
        self.inner.ends.passing.lock().contains_key(&no)
    }

    /// Ends those subscriptions of an account that last as long as its presence where that is over; `is_there` says
    /// whether any of its clients is available (`None`), or the one of this resource.
    ///
    /// # Errors
    /// When something cannot be read or stored.
    pub async fn presence_ended(
        &self,
        no: JidNo,
        is_there: &(dyn Fn(Option<&str>) -> bool + Send + Sync),
    ) -> Result<Vec<Ended>, PubsubError> {
        let places = self.inner.ends.passing.lock().remove(&no).unwrap_or_default();
        let mut ended = Vec::new();
        for (at, name) in places {
            let is_over = |one: &Subscriber| {
                one.options().expire == Some(Expiry::Presence) && !is_there(one.resource.as_deref())
            };
            let mut stays = false;
            let gone = self
                .end_some(at, &name, no, |one| {
                    stays |= one.options().expire == Some(Expiry::Presence) && !is_over(one);
                    is_over(one)
                })
                .await?;
            ended.extend(gone);
            if stays {
                let mut passing = self.inner.ends.passing.lock();
                let of_account = passing.entry(no).or_default();
                if !of_account
                    .iter()
                    .any(|(other, node)| *other == at && *node == name)
                {
                    of_account.push((at, name));
                }
            }
        }
        Ok(ended)
    }

    /// Ends the subscriptions whose time is over.
    ///
    /// # Errors
    /// When something cannot be read or stored.
    pub async fn end_expired(&self) -> Result<Vec<Ended>, PubsubError> {
        let mut ended = Vec::new();
        loop {
            let now = self.inner.clock.now();
            let read = self
                .inner
                .store
                .read(move |reader| reader.ended_subscriptions(now, SLICE));
            let rows = read.await?;
            let gone = self.end_rows(&rows, |options| is_over(options, now)).await?;
            // What is left was renewed, and that is on its way to the database.
            let is_last = rows.len() < SLICE as usize || gone.is_empty();
            ended.extend(gone);
            if is_last {
                return Ok(ended);
            }
        }
    }

    /// Waits until the time of a subscription may be over, looked for by [`Host::end_expired`]; or until another one
    /// may be the next. At most `patience_ms`, since clocks are set.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_end(&self, patience_ms: u64) -> Result<(), PubsubError> {
        let changed = self.inner.ends.changed.notified();
        self.inner.store.wait(self.last_write()).await;
        let next = self
            .inner
            .store
            .read(store::Reader::next_end_of_subscription)
            .await?;
        let now = self.inner.clock.now().0;
        let left = next.map_or(patience_ms, |at| u64::try_from(at.0 - now).unwrap_or(0));
        tokio::select! {
            () = changed => {}
            () = self.inner.clock.sleep(left.min(patience_ms)) => {}
        }
        Ok(())
    }

    /// Ends what lasted as long as its subscriber's presence in another life of this server. Nobody is there to be told.
    pub(super) async fn end_passing(&self) -> Result<(), PubsubError> {
        loop {
            let rows = self
                .inner
                .store
                .read(|reader| reader.passing_subscriptions(SLICE))
                .await?;
            let is_passing = |options: &SubscribeOptions| options.expire == Some(Expiry::Presence);
            let gone = self.end_rows(&rows, is_passing).await?;
            if gone.is_empty() {
                return Ok(());
            }
        }
    }

    async fn end_rows(
        &self,
        rows: &[SubscriptionOf],
        is_over: impl Fn(&SubscribeOptions) -> bool,
    ) -> Result<Vec<Ended>, PubsubError> {
        let mut ended = Vec::new();
        for row in rows {
            let subid = row.subscription.subid.parse::<SubId>();
            let is_meant = |one: &Subscriber| subid == Ok(one.subid) && is_over(one.options());
            let no = row.subscription.no;
            ended.extend(self.end_some(row.owner, &row.name, no, is_meant).await?);
        }
        Ok(ended)
    }

    /// Ends some of an account's subscriptions to a node.
    async fn end_some(
        &self,
        owner: JidNo,
        node: &str,
        no: JidNo,
        mut is_meant: impl FnMut(&Subscriber) -> bool,
    ) -> Result<Vec<Ended>, PubsubError> {
        let (Some(owner), Some(name)) = (
            self.owner_by_number(owner).await?,
            self.inner.store.jids().name(no).await?,
        ) else {
            return Ok(Vec::new());
        };
        let bare = BareJid::parse(&name).map_err(|_| PubsubError::Storage)?;
        let spot = match self.spot(&owner, node, Freshness::Now).await {
            Ok(spot) => spot,
            // It is gone, and with it whoever subscribed.
            Err(PubsubError::NodeNotFound) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let changed = self
            .within(&owner, &spot, |state| {
                let Some(view) = state.node(&spot.name).map(|node| Arc::clone(&node.view)) else {
                    return Ok(None);
                };
                let mut gone = Vec::new();
                for one in view.subscriptions_of(no).iter().filter(|one| is_meant(one)) {
                    gone.push((one.clone(), address(&bare, one)?));
                }
                if gone.is_empty() {
                    return Ok(None);
                }
                self.change(&owner, state, &view, gone, Vec::new()).map(Some)
            })
            .await??;
        let Some(accepted) = changed else {
            return Ok(Vec::new());
        };
        let changed = accepted.durable.await?;
        Ok(changed
            .into_iter()
            .map(|changed| Ended {
                owner: owner.jid.clone(),
                node: Arc::clone(&spot.name),
                changed,
            })
            .collect())
    }
}

fn is_over(options: &SubscribeOptions, now: Timestamp) -> bool {
    matches!(options.expire, Some(Expiry::At(at)) if at <= now)
}

/// §6.3.4.2 has another type for whoever is not subscribed than §6.2.3.2.
fn of_options(refusal: PubsubError) -> PubsubError {
    match refusal {
        PubsubError::NotSubscribed => PubsubError::NoSuchSubscriber,
        other => other,
    }
}
