//! What an item has to do with others: the post that it answers to, repeats or likes, wherever on this server that is.
//!
//! Only what its publisher may read counts; of anything else nothing is told, not even that it is there.

use std::sync::Arc;

use bus::{AccessModel, NodeView, post_number};
use format::atom::Entry;
use format::conversation;
use format::uri::XmppUri;
use store::computed::Target;
use store::notifications::NewNotification;
use store::{Links, PostId};
use wire::{BareJid, Document};

use super::Host;
use super::choice::Choice;
use super::computed::{Found, Freshness, Spot, computed_name};
use super::made::{Body, Content};
use super::state::Owner;
use crate::access::{Actor, may_read};
use crate::consequences::Posted;
use crate::error::PubsubError;
use crate::profile::attachments;
use crate::profile::boost::Original;
use crate::profile::microblog::Draft;

/// What is at an address.
enum Located {
    /// It is not of this server.
    Remote,
    /// Nothing that the asker may read.
    Missing,
    /// An item, or the one that it repeats.
    At(Box<Target>, Arc<NodeView>),
}

impl Host {
    /// What a post says and has to do with others.
    ///
    /// # Errors
    /// The refusals of a boost.
    pub(super) async fn content_of_post(
        &self,
        owner: &Arc<Owner>,
        actor: &Actor,
        view: &Arc<NodeView>,
        id: Option<&str>,
        draft: Box<Draft>,
    ) -> Result<Content, PubsubError> {
        let Some(entry) = draft.written() else {
            return Ok(Body::Microblog(draft).into());
        };
        let original = match conversation::repeated(entry) {
            // What is brought to a community is said there in one's own name.
            Some(uri) if !view.is_community() => self.original(actor, entry, &uri).await?,
            Some(_) | None => None,
        };
        if let Some(original) = original {
            self.check_single(owner, actor, view, id, original.post_id)
                .await?;
            let links = Links {
                boost_of: Some(original.post_id),
                ..Links::default()
            };
            let notify = self.notified(actor, Some(view), None, links).await;
            let body = Body::Boost(Box::new(original), entry.id.clone());
            return Ok(Content {
                body,
                links,
                notify,
                choice: Choice::default(),
            });
        }
        if self.is_forged(actor, view, entry) {
            return Err(PubsubError::InvalidPayload(
                "the author is not who publishes: leave it out, or repeat the other's post",
            ));
        }
        let mut links = Links::default();
        for uri in conversation::answered(entry) {
            if let Located::At(target, at) = self.locate(actor, &uri).await?
                && at.has_posts()
            {
                let post = target.post_id;
                links.parent = Some((post, self.thread_of(post).await?));
                break;
            }
        }
        let notify = self.notified(actor, Some(view), Some(entry), links).await;
        let body = Body::Microblog(draft);
        Ok(Content {
            body,
            links,
            notify,
            choice: Choice::default(),
        })
    }

    /// Whether a post is put into the mouth of somebody of this server who neither publishes it nor owns the blog. What is
    /// said of people elsewhere cannot be judged here.
    fn is_forged(&self, actor: &Actor, view: &NodeView, entry: &Entry) -> bool {
        let authors: Vec<_> = entry
            .authors
            .iter()
            .filter_map(format::atom::Person::jid)
            .collect();
        let publisher = actor.jid.bare();
        let is_own = |author: &BareJid| *author == publisher || *author == view.owner_jid;
        !authors.iter().any(is_own) && authors.iter().any(|author| self.is_ours(author.domain()))
    }

    /// What a comment says and has to do with others.
    pub(super) async fn content_of_comment(
        &self,
        owner: &Arc<Owner>,
        actor: &Actor,
        spot: &Spot,
        found: &Found,
        draft: Box<Draft>,
    ) -> Result<Content, PubsubError> {
        let root = self.thread_of(found.kind.target).await?;
        let mut parent = found.kind.target;
        let mut links = Links::default();
        let mut notify = Vec::new();
        if let Some(entry) = draft.written() {
            for uri in conversation::answered(entry) {
                if let Located::At(target, _) = self.locate(actor, &uri).await?
                    && self.thread_of(target.post_id).await? == root
                {
                    parent = target.post_id;
                    break;
                }
            }
            // COMPAT: Movim likes by a comment that is a heart and nothing else.
            if conversation::is_like(entry) {
                links.likes = Some(parent);
            } else {
                links.parent = Some((parent, root));
            }
            let view = Arc::new(self.unwritten(owner, Arc::clone(&spot.name), found));
            notify = self.notified(actor, Some(&view), Some(entry), links).await;
        }
        let body = Body::Comment(draft);
        Ok(Content {
            body,
            links,
            notify,
            choice: Choice::default(),
        })
    }

    /// What somebody attaches to an item.
    pub(super) async fn content_of_attachments(
        &self,
        owner: &Arc<Owner>,
        actor: &Actor,
        spot: &Spot,
        found: &Found,
        id: Option<&str>,
        payload: Vec<u8>,
    ) -> Result<Content, PubsubError> {
        let attachments = attachments::read(&payload, id, &actor.jid.bare())?;
        // Whoever likes a boost likes the post.
        let liked = found
            .target
            .as_ref()
            .map(|target| target.boost_of.unwrap_or(target.post_id));
        let links = Links {
            likes: liked.filter(|_| attachments.is_like()),
            ..Links::default()
        };
        let view = Arc::new(self.unwritten(owner, Arc::clone(&spot.name), found));
        let notify = self.notified(actor, Some(&view), None, links).await;
        let body = Body::Plain(payload.into());
        Ok(Content {
            body,
            links,
            notify,
            choice: Choice::default(),
        })
    }

    /// The post that an entry repeats. `None` where it repeats nothing of ours, or says something of its own about it.
    async fn original(
        &self,
        actor: &Actor,
        entry: &Entry,
        uri: &XmppUri,
    ) -> Result<Option<Original>, PubsubError> {
        let named = entry.authors.iter().find(|author| author.uri.is_some());
        let is_own = named.is_some_and(|author| author.jid().as_ref() == Some(&actor.jid.bare()));
        let (target, view) = match self.locate(actor, uri).await? {
            Located::Remote => return Ok(None),
            Located::Missing if is_own => return Ok(None),
            Located::Missing => return Err(PubsubError::ItemNotFound),
            Located::At(_, view) if !view.has_posts() => return Ok(None),
            Located::At(target, view) => (target, view),
        };
        let Some(author) = self.owner_by_number(target.publisher).await? else {
            return Err(PubsubError::ItemNotFound);
        };
        match named {
            Some(named) if named.jid().as_ref() == Some(&author.jid) => {}
            Some(_) if is_own => return Ok(None),
            Some(_) => {
                return Err(PubsubError::InvalidPayload(
                    "the author is not that of the repeated post",
                ));
            }
            None => {}
        }
        if view
            .access_node()
            .is_none_or(|node| node.config.access != AccessModel::Open)
        {
            return Err(PubsubError::NotOpen);
        }
        self.original_at(&target, &view, author.jid.clone()).await
    }

    /// A post to be repeated, as it is stored now; `None` when it is gone, or no entry.
    pub(super) async fn original_at(
        &self,
        target: &Target,
        view: &NodeView,
        author_jid: BareJid,
    ) -> Result<Option<Original>, PubsubError> {
        let post = target.post_id;
        let Some(row) = self.inner.store.read(move |reader| reader.post(post)).await? else {
            return Ok(None);
        };
        let is_entry = Document::parse(Arc::clone(&row.payload))
            .is_ok_and(|document| Entry::parse(document.root()).is_ok());
        let commented = match &view.kind {
            bus::NodeKind::Computed(computed) => computed.target,
            bus::NodeKind::Pep | bus::NodeKind::Service | bus::NodeKind::Virtual(_) => post,
        };
        let service = BareJid::parse(&self.service_for(view)).map_err(|_| PubsubError::Storage)?;
        Ok(is_entry.then(|| Original {
            post_id: post,
            seq: row.seq,
            author: row.publisher,
            author_jid,
            uri: XmppUri::of_item(view.owner_jid.clone(), &view.name, &row.item_id),
            comments: XmppUri::of_node(service, &bus::ComputedName::comments(commented)),
            payload: row.payload,
            kept_from: super::boosts::kept_from(view),
        }))
    }

    /// Nobody repeats a post twice, except to publish the same item again.
    async fn check_single(
        &self,
        owner: &Owner,
        actor: &Actor,
        view: &NodeView,
        id: Option<&str>,
        post: PostId,
    ) -> Result<(), PubsubError> {
        let after = owner.state.lock().last_ticket.unwrap_or(store::Ticket::NONE);
        self.inner.store.wait(after).await;
        let no = actor.no;
        let there = self.inner.store.read(move |reader| {
            let Some(boost) = reader.boost_by(post, no)? else {
                return Ok(None);
            };
            reader.target(boost)
        });
        match there.await? {
            Some(boost) if boost.node != view.no || id != Some(&*boost.item_id) => {
                Err(PubsubError::AlreadyRepeated)
            }
            _ => Ok(()),
        }
    }

    /// The first post of the thread that a post belongs to.
    async fn thread_of(&self, post: PostId) -> Result<PostId, PubsubError> {
        let read = self.inner.store.read(move |reader| reader.place_in_thread(post));
        Ok(read.await?.map_or(post, |(_, root)| root))
    }

    /// The item at an address, if the actor may read it; of a boost, what it repeats.
    async fn locate(&self, actor: &Actor, uri: &XmppUri) -> Result<Located, PubsubError> {
        let (Some(node), Some(item)) = (uri.node(), uri.item()) else {
            return Ok(Located::Remote);
        };
        let at = uri.jid.bare();
        if !self.is_service(&at) && (at.node().is_none() || !self.is_ours(at.domain())) {
            return Ok(Located::Remote);
        }
        let Some(owner) = self.owner(&at).await? else {
            return Ok(Located::Missing);
        };
        let mut target = self.item_at(&owner, node, item).await?;
        if target.is_none() {
            // It may be published and not stored yet.
            self.inner.store.wait(self.last_write()).await;
            target = self.item_at(&owner, node, item).await?;
        }
        if let Some(original) = target.as_ref().and_then(|target| target.boost_of) {
            target = self
                .inner
                .store
                .read(move |reader| reader.target(original))
                .await?;
        }
        let Some(target) = target else {
            return Ok(Located::Missing);
        };
        Ok(match self.view_of(&target).await? {
            Some(view) if may_read(&self.reader(actor, &view).await, &view).is_ok() => {
                Located::At(Box::new(target), view)
            }
            _ => Located::Missing,
        })
    }

    /// The item of this id in a node, by any of the names that it has.
    async fn item_at(&self, owner: &Owner, node: &str, item: &str) -> Result<Option<Target>, PubsubError> {
        if self.virtual_at(&owner.jid, node).is_some() {
            let Some(post) = post_number(item) else {
                return Ok(None);
            };
            return Ok(self.inner.store.read(move |reader| reader.target(post)).await?);
        }
        let name = match computed_name(owner, node) {
            Some(name) => name.name(&owner.jid),
            None => node.to_owned(),
        };
        let (no, item) = (owner.no, item.to_owned());
        let read = self
            .inner
            .store
            .read(move |reader| reader.target_at(no, &name, &item));
        Ok(read.await?)
    }

    /// The node that an item is in, as it is now.
    pub(super) async fn view_of(&self, target: &Target) -> Result<Option<Arc<NodeView>>, PubsubError> {
        let Some(owner) = self.owner_by_number(target.owner).await? else {
            return Ok(None);
        };
        let view = self.view_at(&owner, &target.name, Freshness::Now).await?;
        Ok(view.filter(|view| view.no == target.node))
    }

    /// Whom an item notifies.
    pub(super) async fn notified(
        &self,
        actor: &Actor,
        view: Option<&Arc<NodeView>>,
        entry: Option<&Entry>,
        links: Links,
    ) -> Vec<NewNotification> {
        match (self.inner.consequences.get(), view) {
            (Some(consequences), Some(view)) => {
                let posted = Posted {
                    actor,
                    view,
                    entry,
                    links,
                };
                consequences.notify(posted).await
            }
            _ => Vec::new(),
        }
    }
}
