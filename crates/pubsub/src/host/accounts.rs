//! The beginning and the end of an account, as far as nodes are concerned.

use std::sync::Arc;

use bus::{
    AccessModel, Affiliation, Event, MICROBLOG, NodeConfig, NodeKind, NodeView, Subscriber, SubscriptionState,
};
use store::{BoxFuture, JidNo, NodeNo, PostId, Write, WriteError};
use tokio::sync::oneshot;
use wire::{BareJid, Jid};

use super::Host;
use super::made::create_write;
use super::retract::Telling;
use super::state::{Node, NodeState, Owner};
use super::steps::Deliver;
use super::subscribe::with_subscriber;
use crate::access::Actor;
use crate::error::PubsubError;

/// A subscription to somebody's posts that is stored together with the follower's account.
struct Following {
    owner: Arc<Owner>,
    view: Arc<NodeView>,
    subscriber: Subscriber,
    jid: Jid,
}

/// Items retracted in one step of a deletion.
const SLICE: u32 = 64;

impl Host {
    /// Stores a new account together with its node of posts, which `access` may read: both or neither. Where a friend is
    /// named, they and the new account follow each other from the first moment on, as far as the friend's posts can be
    /// read by contacts.
    ///
    /// # Errors
    /// At once when the address is not one of ours or nothing can be stored now; later what `account` reports, such
    /// as that the name is taken.
    pub async fn found_account(
        &self,
        owner: &BareJid,
        access: AccessModel,
        account: Write,
        friend: Option<&Actor>,
    ) -> Result<BoxFuture<'static, Result<(), WriteError>>, PubsubError> {
        // The number is given now: there is no account yet.
        self.inner.store.jids().number(owner.as_str()).await?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let config = NodeConfig::microblog(access);
        let mut view = self.new_view(&owner, Arc::from(MICROBLOG), NodeKind::Pep, config);
        let (report, outcome) = oneshot::channel();
        let mut parts = vec![account, create_write(&view)];
        let mut events = vec![];
        let mut following = None;
        if let Some(friend) = friend {
            let jid: Jid = friend.jid.bare().into();
            let follower = self.new_subscriber(friend, &jid, SubscriptionState::Subscribed);
            parts.push(self.put_write(&view, &follower));
            view = with_subscriber(&view, follower.clone());
            events.push((follower, jid));
            following = self.follow_first(&owner, friend).await?;
            if let Some(following) = &following {
                parts.push(self.put_write(&following.view, &following.subscriber));
            }
        }
        let view = Arc::new(view);
        let events = std::iter::once(Event::NodeCreated {
            view: Arc::clone(&view),
        })
        .chain(events.into_iter().map(|(subscriber, jid)| Event::Subscribed {
            view: Arc::clone(&view),
            subscriber,
            jid,
        }))
        .collect();
        let reported = Write::all(parts);
        self.with_nodes(&owner, |state| {
            if state.nodes.contains_key(MICROBLOG) {
                // Somebody has this name, or is about to have it.
                let _ = report.send(Err(WriteError::Exists));
                return Ok::<(), PubsubError>(());
            }
            let queued = self.queue(reported)?;
            let node = Node::created(Arc::clone(&view), queued.ticket);
            state
                .nodes
                .insert(Arc::clone(&view.name), NodeState::Ready(Box::new(node)));
            self.finish_telling(
                &owner,
                state,
                queued,
                Deliver::WhenStored,
                events,
                Vec::new(),
                report,
            );
            Ok(())
        })
        .await??;
        let Some(following) = following else {
            return Ok(Box::pin(async move {
                outcome.await.unwrap_or(Err(WriteError::Closed))
            }));
        };
        let (done, known) = oneshot::channel();
        let host = self.clone();
        // Whoever asked may go; what is stored must be known all the same.
        self.inner.tasks.spawn(async move {
            let outcome = outcome.await.unwrap_or(Err(WriteError::Closed));
            if outcome.is_ok()
                && let Err(error) = host.began_following(following).await
            {
                tracing::warn!(%error, "a new follower is heard of later");
            }
            let _ = done.send(outcome);
        });
        Ok(Box::pin(
            async move { known.await.unwrap_or(Err(WriteError::Closed)) },
        ))
    }

    /// The subscription of a new account to a friend's posts, if contacts may read these.
    async fn follow_first(
        &self,
        account: &Arc<Owner>,
        friend: &Actor,
    ) -> Result<Option<Following>, PubsubError> {
        let Some(owner) = self.owner(&friend.jid.bare()).await? else {
            return Ok(None);
        };
        let view = self
            .with(&owner, MICROBLOG, |state| {
                state.node(MICROBLOG).map(|node| Arc::clone(&node.view))
            })
            .await?;
        let Some(view) = view else { return Ok(None) };
        let is_for_contacts = match &view.config.access {
            AccessModel::Open | AccessModel::Presence => true,
            // Who invites somebody agrees to being followed by them.
            AccessModel::Authorize => true,
            AccessModel::Roster(_) | AccessModel::Whitelist => false,
        };
        if !is_for_contacts || view.affiliation(account.no) != Affiliation::None {
            return Ok(None);
        }
        let jid: Jid = account.jid.clone().into();
        let actor = Actor {
            jid: jid.clone(),
            no: account.no,
        };
        let subscriber = self.new_subscriber(&actor, &jid, SubscriptionState::Subscribed);
        Ok(Some(Following {
            owner,
            view,
            subscriber,
            jid,
        }))
    }

    /// Takes notice of a subscription that is stored already.
    async fn began_following(&self, following: Following) -> Result<(), PubsubError> {
        let Following {
            owner,
            view,
            subscriber,
            jid,
        } = following;
        self.with(&owner, MICROBLOG, |state| {
            let Some(node) = state.node(MICROBLOG).filter(|node| node.view.no == view.no) else {
                return;
            };
            if !node.view.is_subscribed(subscriber.no) {
                node.view = Arc::new(with_subscriber(&node.view, subscriber.clone()));
            }
            let view = Arc::clone(&node.view);
            self.emit_in_order(
                state,
                Event::Subscribed {
                    view,
                    subscriber,
                    jid,
                },
            );
        })
        .await
    }

    /// Ends an account: retracts its posts, ends its subscriptions, deletes its nodes, each with its notifications;
    /// then erases its rows. Can be called again after a restart, as long as the account is there.
    ///
    /// # Errors
    /// When something cannot be read or stored; what was done until then stays done.
    pub async fn delete_account(&self, owner: &BareJid) -> Result<(), PubsubError> {
        let Some(owner) = self.owner(owner).await? else {
            return Ok(());
        };
        let actor = Actor {
            jid: owner.jid.clone().into(),
            no: owner.no,
        };
        self.retract_all(&owner, &actor).await?;
        self.retract_elsewhere(&actor).await?;
        self.unsubscribe_everywhere(&owner, &actor).await?;
        let names = self
            .with_nodes(&owner, |state| state.nodes.keys().cloned().collect::<Vec<_>>())
            .await?;
        for name in names {
            match self.delete(&owner.jid, &actor, &name, None).await {
                Ok(deleted) => deleted.durable.await?,
                Err(PubsubError::NodeNotFound) => {}
                Err(error) => return Err(error),
            }
        }
        self.delete_elsewhere(&actor).await?;
        let erased = self
            .inner
            .store
            .write(store::accounts::erase(owner.no, self.inner.clock.now()));
        match erased.await {
            Ok(_) | Err(WriteError::NotFound) => Ok(()),
            Err(error) => Err(PubsubError::from(&error)),
        }
    }

    /// Retracts the account's posts, so that they leave the public stream and the tags before everybody's eyes.
    async fn retract_all(&self, owner: &Arc<Owner>, actor: &Actor) -> Result<(), PubsubError> {
        for feed in self.feeds(owner).await? {
            self.retract_all_of(owner, actor, &feed.name).await?;
        }
        Ok(())
    }

    async fn retract_all_of(&self, owner: &Arc<Owner>, actor: &Actor, name: &str) -> Result<(), PubsubError> {
        while let Some(view) = self.view(&owner.jid, name).await? {
            let no = view.no;
            let ids = self
                .inner
                .store
                .read(move |reader| reader.item_ids(no, SLICE))
                .await?;
            if ids.is_empty() {
                break;
            }
            let ids: Vec<_> = ids.iter().map(String::as_str).collect();
            let retracted = self
                .retract_from(owner, actor, name, &ids, Telling::Always)
                .await?;
            retracted.durable.await?;
        }
        Ok(())
    }

    /// Retracts what the account said and attached to others' posts, and what it posted in communities.
    async fn retract_elsewhere(&self, actor: &Actor) -> Result<(), PubsubError> {
        let by = actor.no;
        let mut bound = None;
        loop {
            let below = bound;
            let read = self.inner.store.read(move |reader| {
                let rows = reader.newest_replies_of(by, SLICE, below)?;
                let last = rows.last().map(|row| row.post_id);
                let targets = rows.iter().map(|row| reader.target(row.post_id));
                Ok((targets.collect::<Result<Vec<_>, _>>()?, last))
            });
            let (targets, last) = read.await?;
            if last.is_none() {
                break;
            }
            bound = last;
            for target in targets.into_iter().flatten() {
                self.retract_one(actor, target.owner, &target.name, &target.item_id)
                    .await?;
            }
        }
        let mut above = PostId(0);
        loop {
            let from = above;
            let read = self.inner.store.read(move |reader| {
                let sources = reader.likes_by(by, from, SLICE)?;
                let last = sources.last().copied();
                let targets = sources.iter().map(|source| reader.target(*source));
                Ok((targets.collect::<Result<Vec<_>, _>>()?, last))
            });
            let (targets, last) = read.await?;
            let Some(last) = last else { break };
            above = last;
            for target in targets.into_iter().flatten() {
                self.retract_one(actor, target.owner, &target.name, &target.item_id)
                    .await?;
            }
        }
        let mut above = (NodeNo(0), PostId(0));
        loop {
            let from = above;
            let read = self.inner.store.read(move |reader| {
                let posts = reader.community_posts_by(by, from, SLICE)?;
                let last = posts.last().copied();
                let targets = posts.iter().map(|(_, post)| reader.target(*post));
                Ok((targets.collect::<Result<Vec<_>, _>>()?, last))
            });
            let (targets, last) = read.await?;
            let Some(last) = last else { break };
            above = last;
            for target in targets.into_iter().flatten() {
                self.retract_one(actor, target.owner, &target.name, &target.item_id)
                    .await?;
            }
        }
        let mut above = NodeNo(0);
        loop {
            let (id, from) = (actor.jid.bare_str().to_owned(), above);
            let read = self
                .inner
                .store
                .read(move |reader| reader.nodes_with_item(&id, from, SLICE));
            let nodes = read.await?;
            let Some((last, _, _)) = nodes.last() else {
                return Ok(());
            };
            above = *last;
            for (_, owner, name) in &nodes {
                self.retract_one(actor, *owner, name, actor.jid.bare_str())
                    .await?;
            }
        }
    }

    async fn retract_one(
        &self,
        actor: &Actor,
        owner: JidNo,
        node: &str,
        id: &str,
    ) -> Result<(), PubsubError> {
        let Some(owner) = self.owner_by_number(owner).await? else {
            return Ok(());
        };
        let retracted = match self
            .retract_from(&owner, actor, node, &[id], Telling::Always)
            .await
        {
            Ok(retracted) => retracted.durable.await,
            Err(error) => Err(error),
        };
        match retracted {
            Err(error) if error.is_passing() => Err(error),
            // It is gone already, or nobody may read it any more.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Deletes nodes of the services that nobody but the account owns: nobody could any more.
    async fn delete_elsewhere(&self, actor: &Actor) -> Result<(), PubsubError> {
        let no = actor.no;
        let rows = self
            .inner
            .store
            .read(move |reader| reader.affiliations_of(no))
            .await?;
        let owners: Vec<JidNo> = rows.iter().map(|row| row.owner).collect();
        let addresses = self.addresses(&owners).await?;
        for row in rows {
            let Some(at) = addresses.get(&row.owner).filter(|at| self.is_service(at)) else {
                continue;
            };
            let Some(view) = self.view(at, &row.name).await? else {
                continue;
            };
            let is_owner =
                |no: &JidNo, affiliation: &Affiliation| *affiliation == Affiliation::Owner && *no != actor.no;
            let is_alone = view.affiliation(actor.no) == Affiliation::Owner
                && !view
                    .affiliations
                    .iter()
                    .any(|(no, affiliation)| is_owner(no, affiliation));
            if is_alone {
                match self.delete(at, actor, &row.name, None).await {
                    Ok(deleted) => deleted.durable.await?,
                    Err(PubsubError::NodeNotFound) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    async fn unsubscribe_everywhere(&self, owner: &Arc<Owner>, actor: &Actor) -> Result<(), PubsubError> {
        let no = owner.no;
        let rows = self
            .inner
            .store
            .read(move |reader| reader.subscriptions_of(no))
            .await?;
        let mut owners: Vec<JidNo> = rows.iter().map(|row| row.owner).collect();
        owners.sort_unstable();
        owners.dedup();
        let addresses = self.addresses(&owners).await?;
        for row in rows {
            let Some(at) = addresses.get(&row.owner) else {
                continue;
            };
            let resource = row.subscription.resource.as_str();
            let jid = if resource.is_empty() {
                actor.jid.clone()
            } else {
                owner
                    .jid
                    .with_resource(resource)
                    .map_err(|_| PubsubError::Storage)?
            };
            let subid = row.subscription.subid.as_str();
            match self.unsubscribe(at, actor, &row.name, &jid, Some(subid)).await {
                Ok(ended) => ended.durable.await?,
                Err(PubsubError::NodeNotFound | PubsubError::NotSubscribed | PubsubError::InvalidSubid) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
