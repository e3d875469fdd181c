//! Creating, configuring, purging and deleting nodes: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §8.
//!
//! The events of what changes or removes a node wait for the commit, and whatever is published meanwhile waits behind
//! them; the decision itself counts from the step on.

use std::sync::Arc;

use bus::{
    Affiliation, ComputedName, Event, MICROBLOG, MaxItems, NodeConfig, NodeKind, NodeView, PublishModel,
    Virtual,
};
use format::form::DataForm;
use store::Write;
use wire::BareJid;

use super::choice::listing;
use super::computed::{Freshness, UNWRITTEN, computed_name};
use super::made::{create_write, new_config, one_write};
use super::state::{Heads, Node, NodeState, Owner, OwnerKind};
use super::steps::Deliver;
use super::{Accepted, Creators, Host, check_name, unsupported};
use crate::access::{Actor, may_administer, may_purge, may_see_configuration};
use crate::communities;
use crate::error::PubsubError;
use crate::form::{self, Options, Site};
use crate::profile::feed::{self, Before};
use crate::profile::known::SERVER_INFO;

impl Host {
    /// Creates a node; without a name, one is made up (§8.1).
    ///
    /// # Errors
    /// `NodeExists`; `Forbidden` on somebody else's account, for comments on somebody else's post, and for who may not create
    /// nodes on the service; `Unsupported` where nobody may; the form's errors.
    pub async fn create(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: Option<&str>,
        config: Option<&DataForm>,
    ) -> Result<Accepted<Arc<str>>, PubsubError> {
        let name: Arc<str> = match node {
            Some(name) => {
                check_name(name)?;
                Arc::from(name)
            }
            None => Arc::from(format!(
                "{:x}",
                self.inner.store.post_ids().next(self.inner.clock.now()).0
            )),
        };
        match self.virtual_at(owner, &name) {
            // XEP-0465 §5
            Some(Virtual::ShownSubscriptions | Virtual::ShownSubscribers(_)) => {
                return Err(PubsubError::Forbidden);
            }
            Some(_) => return Err(PubsubError::NodeExists),
            None => {}
        }
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (kind, site) = match owner.kind {
            OwnerKind::Account if actor.no != owner.no => return Err(PubsubError::Forbidden),
            OwnerKind::Account => (NodeKind::Pep, Site::Account),
            OwnerKind::Service if Virtual::is_reserved_on_service(&name) => {
                return Err(PubsubError::InvalidName(
                    "the names of hash tags and threads are reserved",
                ));
            }
            OwnerKind::Service if &*name == SERVER_INFO && actor.jid.node().is_some() => {
                return Err(PubsubError::InvalidName("the server itself tells of itself"));
            }
            OwnerKind::Service => (NodeKind::Service, Site::Service),
        };
        let options = config.map(|form| Options::parse(form, site)).transpose()?;
        if ComputedName::is_reserved(&name) {
            // XEP-0470 §4.4
            return Err(PubsubError::NotAllowed);
        }
        if computed_name(&owner, &name).is_some() {
            return self.create_comments(&owner, actor, &name, options.as_ref()).await;
        }
        // Who has a blog elsewhere may have the comments here, under names of their own.
        let has_posts_here = actor.jid.node().is_some() && self.is_ours(actor.jid.domain());
        if has_posts_here && kind == NodeKind::Service && ComputedName::commented(&name).is_some() {
            let own = self.own_comments(&owner, actor, &name).await?;
            let own = own.ok_or(PubsubError::InvalidName(
                "comments need a post; publish it first, and its link says where they are",
            ))?;
            return self.create_comments(&owner, actor, &own, options.as_ref()).await;
        }
        if kind == NodeKind::Service {
            self.may_create(actor).await?;
        }
        let owned = match kind {
            NodeKind::Service => self.nodes_owned(&owner, actor).await?,
            NodeKind::Pep | NodeKind::Virtual(_) | NodeKind::Computed(_) => 0,
        };
        self.with(&owner, &name, |state| {
            if state.nodes.contains_key(&name) {
                return Err(PubsubError::NodeExists);
            }
            let owned = if kind == NodeKind::Pep {
                state.nodes.len()
            } else {
                owned
            };
            if owned >= self.inner.settings.nodes_per_owner {
                return Err(PubsubError::MaxNodes);
            }
            let mut config = new_config(&kind, &name, options.as_ref())?;
            state.follow_choice(&kind, &mut config);
            self.check_config(&config, &kind, &name)?;
            let mut view = self.new_view(&owner, Arc::clone(&name), kind.clone(), config);
            let mut writes = vec![create_write(&view)];
            if view.is_community() {
                let founded = self.inner.store.post_ids().next(view.created);
                writes.push(communities::listing(&view, founded));
            }
            if kind == NodeKind::Service {
                view.affiliations = Arc::from([(actor.no, Affiliation::Owner)]);
                let word = Affiliation::Owner.as_str().to_owned();
                writes.push(store::affiliations::set(view.no, actor.no, word));
            }
            let view = Arc::new(view);
            let queued = self.queue(one_write(writes))?;
            let node = Node::created(Arc::clone(&view), queued.ticket);
            state
                .nodes
                .insert(Arc::clone(&name), NodeState::Ready(Box::new(node)));
            let events = vec![Event::NodeCreated { view }];
            Ok(self.finish(
                &owner,
                state,
                queued,
                Deliver::First,
                events,
                Vec::new(),
                Arc::clone(&name),
            ))
        })
        .await?
    }

    /// Whether somebody may create nodes on the service (§8.1.1).
    async fn may_create(&self, actor: &Actor) -> Result<(), PubsubError> {
        let settings = &self.inner.settings;
        let is_ours = self.is_ours(actor.jid.domain());
        // The server itself.
        if is_ours && actor.jid.node().is_none() {
            return Ok(());
        }
        match settings.creators {
            Creators::Nobody => Err(PubsubError::Unsupported("create-nodes")),
            Creators::Everybody if is_ours || settings.strangers_create => Ok(()),
            Creators::Admins if is_ours => {
                let no = actor.no;
                let account = self.inner.store.read(move |reader| reader.account(no)).await?;
                match account {
                    Some(account) if account.is_admin => Ok(()),
                    Some(_) | None => Err(PubsubError::Forbidden),
                }
            }
            Creators::Everybody | Creators::Admins => Err(PubsubError::Forbidden),
        }
    }

    /// The node of a post's comments is there already; its author may say that it should be. To all others it is one thing
    /// whether there is such a post.
    ///
    /// COMPAT: Movim creates it before its first use (XEP-0277 §4.1).
    async fn create_comments(
        &self,
        owner: &Arc<Owner>,
        actor: &Actor,
        name: &str,
        options: Option<&Options>,
    ) -> Result<Accepted<Arc<str>>, PubsubError> {
        let entered = self.enter(owner, actor, name, Freshness::Settled).await;
        let Ok((spot, _)) = entered else {
            return Err(match entered {
                Err(PubsubError::NodeNotFound) => PubsubError::Forbidden,
                Err(error) => error,
                Ok(_) => PubsubError::Storage,
            });
        };
        let view = self.within(owner, &spot, |state| {
            state.node(&spot.name).map(|node| Arc::clone(&node.view))
        });
        let view = view.await?.ok_or(PubsubError::Forbidden)?;
        if view.affiliation(actor.no) != Affiliation::Owner {
            return Err(PubsubError::Forbidden);
        }
        if view.no != UNWRITTEN {
            return Err(PubsubError::NodeExists);
        }
        if let Some(options) = options
            && options.check_inherited(&view.config).is_err()
        {
            return Err(PubsubError::Inherited);
        }
        Ok(Accepted::at_once(Arc::clone(&view.name)))
    }

    /// How many nodes of the service somebody owns, as far as is stored.
    async fn nodes_owned(&self, service: &Owner, actor: &Actor) -> Result<usize, PubsubError> {
        let (no, at) = (actor.no, service.no);
        let rows = self
            .inner
            .store
            .read(move |reader| reader.affiliations_of(no))
            .await?;
        let word = Affiliation::Owner.as_str();
        Ok(rows
            .iter()
            .filter(|row| row.owner == at && row.affiliation == word)
            .count())
    }

    /// Changes a node's configuration; fields that the form does not name stay (§8.2.4).
    ///
    /// # Errors
    /// `Forbidden` to all but owners; the form's errors.
    pub async fn configure(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        form: &DataForm,
    ) -> Result<Accepted<()>, PubsubError> {
        self.check_own(owner, node)?;
        let site = if self.is_service(owner) {
            Site::Service
        } else {
            Site::Account
        };
        let options = Options::parse(form, site)?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, _) = self.enter(&owner, actor, node, Freshness::Now).await?;
        self.within(&owner, &spot, |state| {
            let node = state.node(&spot.name).ok_or(PubsubError::NodeNotFound)?;
            may_administer(actor.no, &node.view)?;
            let old = Arc::clone(&node.view.config);
            let mut config = NodeConfig::clone(&old);
            let before = if node.is_empty() {
                if old.feed.is_none() && options.feed().is_some() {
                    feed::prepare(&mut config);
                }
                Before::Empty(&old)
            } else {
                Before::Used(&old)
            };
            config = options.changed(&config)?;
            feed::settle(&mut config, &node.view.kind, &node.view.name, before)?;
            self.check_config(&config, &node.view.kind, &node.view.name)?;
            let view = NodeView {
                config: Arc::new(config),
                ..NodeView::clone(&node.view)
            };
            let queued = self.queue(self.configure_write(&view, &old))?;
            let view = Arc::new(view);
            node.view = Arc::clone(&view);
            node.last_ticket = queued.ticket;
            if old.persist_items && !view.config.persist_items {
                node.clear();
            } else if let MaxItems::Count(count) = view.config.max_items {
                node.trim(count as usize);
            }
            let events = vec![Event::NodeConfigured {
                view: Arc::clone(&view),
                old: Arc::clone(&old),
            }];
            let accepted = self.finish(&owner, state, queued, Deliver::WhenStored, events, Vec::new(), ());
            Ok(self.when_listed(accepted, vec![(view, old)]))
        })
        .await?
    }

    /// Checks what no form can say by itself: the bounds of this server, and what a feed of posts cannot be.
    pub(super) fn check_config(
        &self,
        config: &NodeConfig,
        kind: &NodeKind,
        name: &str,
    ) -> Result<(), PubsubError> {
        let unacceptable = |text: &'static str| Err(PubsubError::Unacceptable(text.into()));
        let largest = self.inner.settings.payload_bytes;
        if config
            .max_payload_size
            .is_some_and(|size| size as usize > largest)
        {
            let text = format!(
                "no payload is larger than {largest} bytes here: set pubsub#max_payload_size to at most that"
            );
            return Err(PubsubError::Unacceptable(text.into()));
        }
        let is_main_blog = *kind == NodeKind::Pep && name == MICROBLOG;
        if is_main_blog && !config.persist_items {
            return unacceptable("a blog keeps its posts: set pubsub#persist_items to 1");
        }
        let is_blog = is_main_blog || (*kind == NodeKind::Pep && config.feed.is_some());
        if is_blog && config.publish_model != PublishModel::Publishers {
            return unacceptable(
                "in a person's blog only they and their publishers post: set pubsub#publish_model to publishers",
            );
        }
        Ok(())
    }

    fn configure_write(&self, view: &NodeView, old: &NodeConfig) -> Write {
        let access = view.config.access.as_str().to_owned();
        let mut writes = vec![store::nodes::configure(view.no, access, view.config.to_text())];
        if view.is_community() || old.feed.is_some() {
            let founded = self.inner.store.post_ids().next(self.inner.clock.now());
            writes.push(communities::listing(view, founded));
        }
        if view.config.feed.is_some() != old.feed.is_some() {
            writes.push(store::feeds::set(view.no, view.config.feed.is_some()));
        }
        writes.extend(listing(view.no, old, &view.config, self.inner.clock.now()));
        if old.persist_items && !view.config.persist_items {
            // What is kept no more could not be retracted either, and would stand in timelines for ever.
            writes.push(store::items::purge(view.no, self.inner.clock.now()));
            return one_write(writes);
        }
        let is_fewer = match (view.config.max_items, old.max_items) {
            (MaxItems::Count(now), MaxItems::Count(before)) => now < before,
            (MaxItems::Count(_), MaxItems::Max) => true,
            (MaxItems::Max, _) => false,
        };
        if let (true, MaxItems::Count(count)) = (is_fewer, view.config.max_items) {
            writes.push(store::items::trim(
                view.no,
                u64::from(count),
                self.inner.clock.now(),
            ));
        }
        one_write(writes)
    }

    /// A node's configuration as a form to fill in (§8.2.1).
    ///
    /// # Errors
    /// `Forbidden` to all but owners.
    pub async fn config_form(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<DataForm, PubsubError> {
        self.check_own(owner, node)?;
        let view = self.view_entered(owner, actor, node).await?;
        may_see_configuration(actor.no, &view)?;
        Ok(form::config_form(&view.config, Site::of(&view)))
    }

    /// A node as somebody finds it who may know that it is there.
    pub(super) async fn view_entered(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Arc<NodeView>, PubsubError> {
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, _) = self.enter(&owner, actor, node, Freshness::Now).await?;
        let view = self.within(&owner, &spot, |state| {
            state.node(&spot.name).map(|node| Arc::clone(&node.view))
        });
        view.await?.ok_or(PubsubError::NodeNotFound)
    }

    /// The configuration that a node gets here by default, as a form (§8.3).
    #[must_use]
    pub fn default_form(&self, owner: &BareJid) -> DataForm {
        if self.is_service(owner) {
            form::config_form(&NodeConfig::service(), Site::Service)
        } else {
            form::config_form(&NodeConfig::pep(), Site::Account)
        }
    }

    /// Deletes a node with its items and subscriptions (§8.4). Subscribers are told where to look instead, if `redirect` says so.
    ///
    /// # Errors
    /// `Forbidden` to all but owners.
    pub async fn delete(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        redirect: Option<&str>,
    ) -> Result<Accepted<()>, PubsubError> {
        self.check_own(owner, node)?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, _) = self.enter(&owner, actor, node, Freshness::Now).await?;
        self.within(&owner, &spot, |state| {
            let ready = state.node(&spot.name).ok_or(PubsubError::NodeNotFound)?;
            may_administer(actor.no, &ready.view)?;
            let view = Arc::clone(&ready.view);
            let queued = self.queue(store::nodes::delete(view.no, self.inner.clock.now()))?;
            state.remove(&view);
            let events = vec![Event::NodeDeleted {
                view,
                redirect: redirect.map(Arc::from),
            }];
            Ok(self.finish(&owner, state, queued, Deliver::WhenStored, events, Vec::new(), ()))
        })
        .await?
    }

    /// Removes all items of a node (§8.5).
    ///
    /// # Errors
    /// `Forbidden` to all but owners; `Unsupported` where items are not kept.
    pub async fn purge(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Accepted<()>, PubsubError> {
        self.check_supports(owner, node, "purge-nodes")?;
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, _) = self.enter(&owner, actor, node, Freshness::Now).await?;
        self.within(&owner, &spot, |state| {
            let node = state.node(&spot.name).ok_or(PubsubError::NodeNotFound)?;
            may_purge(actor.no, &node.view).map_err(|error| unsupported(error, "purge-nodes"))?;
            if node.view.no == UNWRITTEN {
                return Ok(Accepted::at_once(()));
            }
            if !node.view.config.persist_items {
                return Err(PubsubError::Unsupported("persistent-items"));
            }
            let view = Arc::clone(&node.view);
            let queued = self.queue(store::items::purge(view.no, self.inner.clock.now()))?;
            node.clear();
            node.last_ticket = queued.ticket;
            self.summarize_later(&owner, &view, queued.ticket);
            let events = vec![Event::Purged { view }];
            Ok(self.finish(&owner, state, queued, Deliver::WhenStored, events, Vec::new(), ()))
        })
        .await?
    }
}

impl Node {
    /// Whether it surely has no items.
    fn is_empty(&self) -> bool {
        self.heads.is_whole() && self.heads.len() == 0 && self.last.is_none()
    }

    /// No item stays.
    fn clear(&mut self) {
        self.heads = Heads::empty();
        self.epoch += 1;
        self.last = None;
    }

    /// Only the newest `count` items stay.
    fn trim(&mut self, count: usize) {
        self.heads.evict(count);
        let last = self.last.take();
        let is_kept = |item: &Arc<bus::Item>| self.heads.iter().any(|head| head.post_id == item.post_id);
        self.last = last.filter(|item| !self.heads.is_whole() || is_kept(item));
    }
}
