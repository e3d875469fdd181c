//! Nodes that belong to an item: comments ([XEP-0277](https://xmpp.org/extensions/xep-0277.html) §4), attachments and their
//! summaries ([XEP-0470](https://xmpp.org/extensions/xep-0470.html)).
//!
//! They have no row until something is written, and are in memory only while somebody uses them. What they belong to is
//! looked up each time: when that is gone, or closed to whoever asks, so are they.

use std::sync::Arc;

use bus::{
    AccessModel, Computed, ComputedName, MICROBLOG, MaxItems, NodeConfig, NodeKind, NodeView, PublishModel,
    What,
};
use store::computed::Target;
use store::{BoxFuture, NodeNo, PostId, Write};
use wire::BareJid;

use super::Host;
use super::made::create_write;
use super::state::{Heads, Node, Owner, OwnerKind, OwnerState};
use crate::access::{Actor, Reader, Relation, may_read};
use crate::error::PubsubError;
use crate::profile::attachments;
use crate::profile::microblog::FEED_ITEM;

/// The number of a node without a row.
pub(super) const UNWRITTEN: NodeNo = NodeNo(0);

/// A node as somebody addresses it.
#[derive(Clone)]
pub(super) struct Spot {
    /// The name that it has in memory and in the database.
    pub(super) name: Arc<str>,
    /// What a computed node belongs to.
    pub(super) found: Option<Arc<Found>>,
}

/// What a computed node belongs to, as it was when it was looked up.
pub(super) struct Found {
    pub(super) kind: Computed,
    /// The node that says who may read it; `None` when that is gone.
    pub(super) access: Option<Arc<NodeView>>,
    /// The item; `None` for a summary.
    pub(super) target: Option<Target>,
}

/// How sure it must be that what was decided and is not stored yet counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// A write that follows checks once more.
    Now,
    /// All that was decided before is stored or withdrawn.
    Settled,
}

impl Spot {
    pub(super) fn plain(name: &str) -> Spot {
        Spot {
            name: name.into(),
            found: None,
        }
    }
}

impl Host {
    /// The node that somebody addresses, with what their right there depends on. Who may not read what a computed node
    /// belongs to is told that there is none.
    pub(super) async fn enter(
        &self,
        owner: &Arc<Owner>,
        actor: &Actor,
        node: &str,
        freshness: Freshness,
    ) -> Result<(Spot, Reader), PubsubError> {
        let own = self.own_comments(owner, actor, node).await?;
        let spot = self
            .spot(owner, own.as_deref().unwrap_or(node), freshness)
            .await?;
        let Some(found) = &spot.found else {
            let reader = Reader {
                no: actor.no,
                relation: Relation::default(),
            };
            return Ok((spot, reader));
        };
        let access = found.access.as_ref().ok_or(PubsubError::NodeNotFound)?;
        let reader = self.reader(actor, access).await;
        may_read(&reader, access).map_err(|_| PubsubError::NodeNotFound)?;
        Ok((spot, reader))
    }

    /// The name of the node of the comments on a post of somebody's own, which they may call by the post's item id too.
    ///
    /// COMPAT: so do Movim and Libervia, which name the node before the post has its number.
    pub(super) async fn own_comments(
        &self,
        owner: &Arc<Owner>,
        actor: &Actor,
        node: &str,
    ) -> Result<Option<String>, PubsubError> {
        let Some(item) = ComputedName::commented(node) else {
            return Ok(None);
        };
        if owner.kind != OwnerKind::Service || computed_name(owner, node).is_some() {
            return Ok(None);
        }
        self.inner.store.wait(self.last_write()).await;
        let (no, item) = (actor.no, item.to_owned());
        let read = self
            .inner
            .store
            .read(move |reader| reader.target_at(no, MICROBLOG, &item));
        let post = read.await?.filter(|target| target.item_id != FEED_ITEM);
        Ok(post.map(|post| ComputedName::comments(post.boost_of.unwrap_or(post.post_id))))
    }

    /// The node of this name.
    pub(super) async fn spot(
        &self,
        owner: &Arc<Owner>,
        node: &str,
        freshness: Freshness,
    ) -> Result<Spot, PubsubError> {
        let Some(name) = computed_name(owner, node) else {
            if ComputedName::is_reserved(node) {
                return Err(PubsubError::NodeNotFound);
            }
            return Ok(Spot::plain(node));
        };
        if freshness == Freshness::Settled {
            self.inner.store.wait(self.last_write()).await;
        }
        let mut found = self.find(owner, &name).await?;
        if found.is_none() && freshness == Freshness::Now {
            // It may be published and not stored yet.
            self.inner.store.wait(self.last_write()).await;
            found = self.find(owner, &name).await?;
        }
        let found = found.ok_or(PubsubError::NodeNotFound)?;
        Ok(Spot {
            name: name.name(&owner.jid).into(),
            found: Some(Arc::new(found)),
        })
    }

    /// What a computed node belongs to.
    fn find<'a>(
        &'a self,
        owner: &'a Arc<Owner>,
        name: &'a ComputedName,
    ) -> BoxFuture<'a, Result<Option<Found>, PubsubError>> {
        Box::pin(async move {
            match name {
                ComputedName::Comments(post) => self.find_post(owner, *post).await,
                ComputedName::Attachments { node, item } => {
                    let Some((access, name)) = self.find_node(owner, node).await? else {
                        return Ok(None);
                    };
                    let (no, item) = (owner.no, item.clone());
                    let asked = name.clone();
                    let target = self
                        .inner
                        .store
                        .read(move |reader| reader.target_at(no, &asked, &item));
                    let target = target
                        .await?
                        .filter(|target| !(access.is_feed() && target.item_id == FEED_ITEM));
                    Ok(target.map(|target| Found {
                        kind: Computed {
                            what: What::Attachments,
                            target: target.post_id,
                            author: target.publisher,
                        },
                        access: Some(access),
                        target: Some(target),
                    }))
                }
                ComputedName::Summary { node } => {
                    let found = self.find_node(owner, node).await?;
                    Ok(found.map(|(access, _)| Found {
                        kind: Computed {
                            what: What::Summary,
                            target: PostId(0),
                            author: owner.no,
                        },
                        access: Some(access),
                        target: None,
                    }))
                }
            }
        })
    }

    /// A node with items that something may be attached to, by the name that it has in the database, and which node says
    /// who may read it.
    async fn find_node(
        &self,
        owner: &Arc<Owner>,
        node: &str,
    ) -> Result<Option<(Arc<NodeView>, String)>, PubsubError> {
        if self.virtual_at(&owner.jid, node).is_some() {
            return Ok(None);
        }
        if let Some(name) = computed_name(owner, node) {
            let ComputedName::Comments(_) = name else {
                return Ok(None);
            };
            let found = self.find(owner, &name).await?;
            return Ok(found.and_then(|found| Some((found.access?, name.name(&owner.jid)))));
        }
        let view = self.plain_view(owner, node).await?;
        Ok(view.map(|view| (view, node.to_owned())))
    }

    /// The post that a service has the comments on.
    async fn find_post(&self, service: &Arc<Owner>, post: PostId) -> Result<Option<Found>, PubsubError> {
        let target = self.inner.store.read(move |reader| reader.target(post)).await?;
        let is_post = |target: &Target| {
            matches!(target.kind.as_str(), "pep" | "service")
                && target.item_id != FEED_ITEM
                // Comments on a boost are comments on the post.
                && target.boost_of.is_none()
        };
        let Some(target) = target.filter(is_post) else {
            return Ok(None);
        };
        let Some(blog) = self.owner_by_number(target.owner).await? else {
            return Ok(None);
        };
        if self.service_of(&blog.jid) != service.jid.as_str() {
            return Ok(None);
        }
        let view = self.plain_view(&blog, &target.name).await?;
        let Some(view) = view.filter(|view| view.no == target.node && view.is_feed()) else {
            return Ok(None);
        };
        Ok(Some(Found {
            kind: Computed {
                what: What::Comments,
                target: post,
                author: target.publisher,
            },
            access: Some(view),
            target: Some(target),
        }))
    }

    /// The owner of this number.
    pub(super) async fn owner_by_number(&self, no: store::JidNo) -> Result<Option<Arc<Owner>>, PubsubError> {
        let name = self.inner.store.jids().name(no).await?;
        match name.and_then(|name| BareJid::parse(&name).ok()) {
            Some(jid) => self.owner(&jid).await,
            None => Ok(None),
        }
    }

    /// A node that is not computed, as it is now.
    pub(super) async fn plain_view(
        &self,
        owner: &Arc<Owner>,
        node: &str,
    ) -> Result<Option<Arc<NodeView>>, PubsubError> {
        self.with(owner, node, |state| {
            state.nodes.get(node).map(|node| Arc::clone(node.view()))
        })
        .await
    }

    /// Runs `act` under the owner's lock once all that is stored about the node is in memory. A computed node that
    /// nothing was written to is there while `act` runs.
    pub(super) async fn within<T>(
        &self,
        owner: &Arc<Owner>,
        spot: &Spot,
        act: impl FnOnce(&mut OwnerState) -> T,
    ) -> Result<T, PubsubError> {
        let Some(found) = &spot.found else {
            return self.with(owner, &spot.name, act).await;
        };
        loop {
            let asked = {
                let mut state = owner.state.lock();
                if state.computed.contains(&spot.name) {
                    state.compose(&spot.name, found);
                    let done = act(&mut state);
                    if state
                        .node(&spot.name)
                        .is_some_and(|node| node.view.no == UNWRITTEN)
                    {
                        state.computed.pop(&spot.name);
                    }
                    return Ok(done);
                }
                (state.generation, state.forgotten, state.last_ticket)
            };
            let node = self.load_computed(owner, spot, found, asked.2).await?;
            let mut state = owner.state.lock();
            // What was read may be older than what was decided and forgotten meanwhile.
            if (state.generation, state.forgotten) == (asked.0, asked.1)
                && !state.computed.contains(&spot.name)
            {
                state.remember(node);
            }
        }
    }

    /// A computed node as nothing was written to it.
    pub(super) fn unwritten(&self, owner: &Owner, name: Arc<str>, found: &Found) -> NodeView {
        NodeView {
            no: UNWRITTEN,
            owner: owner.no,
            owner_jid: owner.jid.clone(),
            name,
            kind: NodeKind::Computed(found.kind.clone()),
            created: self.inner.clock.now(),
            config: config(found.kind.what, found.access.as_deref()),
            affiliations: Arc::from([]),
            subscribers: bus::Subscribers::default(),
            inherits: found.access.clone(),
        }
    }

    /// The node with a number of its own and what stores it, where nothing was written to it before.
    pub(super) fn written(&self, view: &Arc<NodeView>) -> (Arc<NodeView>, Vec<Write>) {
        let NodeKind::Computed(computed) = &view.kind else {
            return (Arc::clone(view), Vec::new());
        };
        if view.no != UNWRITTEN {
            return (Arc::clone(view), Vec::new());
        }
        let view = Arc::new(NodeView {
            no: self.inner.store.next_node(),
            ..NodeView::clone(view)
        });
        let belongs = store::computed::belongs(view.no, computed.target);
        let writes = vec![create_write(&view), belongs];
        (view, writes)
    }
}

/// The name of a computed node at this address, read.
pub(super) fn computed_name(owner: &Owner, node: &str) -> Option<ComputedName> {
    ComputedName::read(&owner.jid, owner.kind == OwnerKind::Service, node)
}

/// How a computed node is configured: as open as what it belongs to, everything kept and told.
fn config(what: What, access: Option<&NodeView>) -> Arc<NodeConfig> {
    Arc::new(NodeConfig {
        type_: Some(Arc::from(match what {
            What::Comments => bus::computed::SOCIAL_FEED,
            What::Attachments => bus::computed::ATTACHMENTS,
            What::Summary => bus::computed::SUMMARY,
        })),
        access: access.map_or(AccessModel::Whitelist, |view| view.config.access.clone()),
        publish_model: match what {
            What::Comments | What::Attachments => PublishModel::Open,
            What::Summary => PublishModel::Publishers,
        },
        max_items: MaxItems::Max,
        max_payload_size: (what == What::Attachments).then_some(attachments::MAX_BYTES as u32),
        ..NodeConfig::service()
    })
}

impl OwnerState {
    /// Brings a node's snapshot up to what it belongs to.
    fn compose(&mut self, name: &str, found: &Found) {
        let Some(node) = self.computed.get_mut(name) else {
            return;
        };
        let is_same = match (&node.view.inherits, &found.access) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        if !is_same || node.view.kind != NodeKind::Computed(found.kind.clone()) {
            node.view = Arc::new(NodeView {
                kind: NodeKind::Computed(found.kind.clone()),
                config: config(found.kind.what, found.access.as_deref()),
                inherits: found.access.clone(),
                ..NodeView::clone(&node.view)
            });
        }
    }
}

/// A node without items.
pub(super) fn empty(view: NodeView) -> Node {
    Node {
        view: Arc::new(view),
        heads: Heads::empty(),
        last: None,
        last_ticket: store::Ticket::NONE,
        epoch: 0,
        used: 0,
    }
}
