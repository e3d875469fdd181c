//! Publishing: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §7.1.
//!
//! In the ordinary case everything is decided from memory. Only an id that may belong to an older item makes the
//! database be asked first.

use std::collections::HashMap;
use std::sync::Arc;

use bus::{Event, Feed, MaxItems, NodeConfig, NodeKind, NodeView, What};
use format::form::DataForm;
use format::search::WordSet;
use store::{Links, PostId, Ticket, Timestamp};
use wire::BareJid;

use super::computed::{Found, Freshness, Spot};
use super::made::{Body, Content, Place, create_write, gone, new_config, one_write};
use super::room::{self, Leaving, Room};
use super::state::{Head, Heads, Known, Marks, Node, Owner, OwnerKind, OwnerState};
use super::steps::{Deliver, Queued};
use super::{Accepted, Host, MAX_NAME, unsupported};
use crate::access::{Actor, Reader, may_administer, may_publish, may_replace};
use crate::error::PubsubError;
use crate::form::{Options, Site};
use crate::profile::microblog::{Draft, FEED_ITEM};
use crate::profile::{known, payload};

/// Items that one request may publish.
const MAX_BATCH: usize = 100;

/// An item to be published.
#[derive(Clone, Debug, Default)]
pub struct NewItem {
    /// The publisher's choice; one is made up if there is none.
    pub id: Option<String>,
    /// One self-contained element.
    pub payload: Option<Vec<u8>>,
}

/// An item that passed all checks that need no node.
struct Checked {
    id: Option<Arc<str>>,
    content: Content,
    /// Bytes of the payload as it came.
    size: usize,
}

/// What the database said about an id.
struct Asked {
    epoch: u64,
    found: Option<(PostId, Marks)>,
}

/// What came of a try.
enum Tried {
    Done(Accepted<Vec<Arc<str>>>),
    Ask {
        view: Arc<NodeView>,
        id: Arc<str>,
        epoch: u64,
        after: Ticket,
    },
    /// How full the node is.
    AskRoom {
        view: Arc<NodeView>,
        new: usize,
        epoch: u64,
        after: Ticket,
    },
}

/// What is to be published, by whom and where.
struct Submission<'a> {
    actor: &'a Actor,
    reader: &'a Reader,
    spot: &'a Spot,
    /// The feed that its items were checked for.
    feed: Option<Feed>,
    options: Option<&'a Options>,
    purpose: Purpose,
}

/// What a publication is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Somebody asked for it.
    Publish,
    /// What is there follows something that changed; what is gone meanwhile does not come back.
    Renew,
}

/// A request, as it is tried.
struct Request<'a> {
    owner: &'a Arc<Owner>,
    actor: &'a Actor,
    reader: &'a Reader,
    spot: &'a Spot,
    feed: Option<Feed>,
    options: Option<&'a Options>,
    purpose: Purpose,
    asked: &'a HashMap<Arc<str>, Asked>,
    room: Option<&'a Room>,
}

impl Host {
    /// Publishes items, and creates the person's node if it is not there (XEP-0163 §3).
    ///
    /// # Errors
    /// Every refusal of §7.1.3 and, for publish-options that the node does not meet, of §7.1.5.
    pub async fn publish(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        items: Vec<NewItem>,
        options: Option<&DataForm>,
    ) -> Result<Accepted<Vec<Arc<str>>>, PubsubError> {
        self.check_supports(owner, node, "publish")?;
        let site = if self.is_service(owner) {
            Site::Service
        } else {
            Site::Account
        };
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, reader) = self.enter(&owner, actor, node, Freshness::Now).await?;
        if let Some(found) = &spot.found {
            self.check_not_blocked(actor, found).await?;
        }
        // Nothing is looked up for who may not publish here.
        let there = self
            .within(&owner, &spot, |state| match state.node(&spot.name) {
                Some(node) => may_publish(&reader, &node.view)
                    .map_err(|error| unsupported(error, "publish"))
                    .map(|()| Some(Arc::clone(&node.view))),
                None if owner.kind == OwnerKind::Account && actor.no == owner.no => Ok(None),
                None => Err(PubsubError::NodeNotFound),
            })
            .await??;
        // XEP-0470 §4.3: of attachments, options are ignored.
        let is_ignored = spot
            .found
            .as_ref()
            .is_some_and(|found| found.kind.what == What::Attachments);
        let options = options
            .filter(|_| !is_ignored)
            .map(|form| Options::parse(form, site))
            .transpose()?;
        let view = match there {
            Some(view) => view,
            // As it will be, so that its first item is one like any other.
            None => {
                let config = new_config(&NodeKind::Pep, &spot.name, options.as_ref())?;
                Arc::new(self.new_view(&owner, Arc::clone(&spot.name), NodeKind::Pep, config))
            }
        };
        let checked = self.check(&owner, actor, &spot, &view, items).await?;
        let request = Submission {
            actor,
            reader: &reader,
            spot: &spot,
            feed: view.feed(),
            options: options.as_ref(),
            purpose: Purpose::Publish,
        };
        self.submit(&owner, request, checked).await
    }

    /// Whom the author of an item blocks adds nothing to it, wherever that would be kept.
    async fn check_not_blocked(&self, actor: &Actor, found: &Found) -> Result<(), PubsubError> {
        let author = found.kind.author;
        if author == actor.no {
            return Ok(());
        }
        let name = self.inner.store.jids().name(author).await?;
        let jid = name.and_then(|name| BareJid::parse(&name).ok());
        match jid {
            Some(jid) if self.blocking(actor, author, &jid).is_blocked => Err(PubsubError::Forbidden),
            Some(_) | None => Ok(()),
        }
    }

    /// Publishes what is checked, as soon as it is known what is there.
    async fn submit(
        &self,
        owner: &Arc<Owner>,
        submission: Submission<'_>,
        mut checked: Vec<Checked>,
    ) -> Result<Accepted<Vec<Arc<str>>>, PubsubError> {
        let Submission {
            actor,
            reader,
            spot,
            feed,
            options,
            purpose,
        } = submission;
        let mut asked = HashMap::new();
        let mut room = None;
        loop {
            let request = Request {
                owner,
                actor,
                reader,
                spot,
                feed,
                options,
                purpose,
                asked: &asked,
                room: room.as_ref(),
            };
            let tried = self
                .within(owner, spot, |state| {
                    self.try_publish(&request, state, &mut checked)
                })
                .await??;
            match tried {
                Tried::Done(accepted) => return Ok(accepted),
                Tried::Ask {
                    view,
                    id,
                    epoch,
                    after,
                } => {
                    self.inner.store.wait(after).await;
                    let found = self.marks_of(&view, &id).await?;
                    asked.insert(id, Asked { epoch, found });
                }
                Tried::AskRoom {
                    view,
                    new,
                    epoch,
                    after,
                } => {
                    self.inner.store.wait(after).await;
                    room = Some(self.room(&view, epoch, new).await?);
                }
            }
        }
    }

    /// What the database knows about an item id, without its payload.
    pub(super) async fn marks_of(
        &self,
        view: &NodeView,
        id: &str,
    ) -> Result<Option<(PostId, Marks)>, PubsubError> {
        let (node, id) = (view.no, id.to_owned());
        let found = self.inner.store.read(move |reader| {
            let Some(item) = reader.item(node, &id)? else {
                return Ok(None);
            };
            Ok(Some((item.post_id, room::marks(reader, &item)?)))
        });
        Ok(found.await?)
    }

    /// Makes an item new that follows something which changed. What was retracted meanwhile stays away.
    pub(super) async fn renew(
        &self,
        owner: &Arc<Owner>,
        actor: &Actor,
        node: &str,
        id: &str,
        content: Content,
    ) -> Result<(), PubsubError> {
        let (spot, reader) = self.enter(owner, actor, node, Freshness::Now).await?;
        let feed = self.within(owner, &spot, |state| {
            state.node(&spot.name).and_then(|node| node.view.feed())
        });
        let submission = Submission {
            actor,
            reader: &reader,
            spot: &spot,
            feed: feed.await?,
            options: None,
            purpose: Purpose::Renew,
        };
        let size = match &content.body {
            Body::Boost(original, _) => original.payload.len(),
            Body::Plain(payload) => payload.len(),
            Body::Microblog(_) | Body::Comment(_) => 1,
        };
        let checked = Checked {
            id: Some(id.into()),
            content,
            size,
        };
        match self.submit(owner, submission, vec![checked]).await {
            Ok(accepted) => accepted.durable.await.map(drop),
            Err(PubsubError::ItemNotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn check(
        &self,
        owner: &Arc<Owner>,
        actor: &Actor,
        spot: &Spot,
        view: &Arc<NodeView>,
        items: Vec<NewItem>,
    ) -> Result<Vec<Checked>, PubsubError> {
        if items.len() > MAX_BATCH {
            return Err(PubsubError::TooManyItems);
        }
        let mut checked: Vec<Checked> = Vec::with_capacity(items.len());
        for item in items {
            let id: Option<Arc<str>> = item.id.filter(|id| !id.is_empty()).map(Arc::from);
            if id.as_ref().is_some_and(|id| id.len() > MAX_NAME) {
                return Err(PubsubError::InvalidName("item id too long"));
            }
            if id.is_some() && checked.iter().any(|other| other.id == id) {
                return Err(PubsubError::InvalidName("the same item id twice"));
            }
            let size = item.payload.as_ref().map_or(0, Vec::len);
            if size > self.inner.settings.payload_bytes {
                return Err(PubsubError::PayloadTooBig);
            }
            let content = match (&spot.found, item.payload) {
                (Some(found), Some(payload)) => {
                    self.content_of_computed(owner, actor, spot, found, id.as_deref(), payload)
                        .await?
                }
                (None, Some(payload)) if let Some(feed) = view.feed() => {
                    let draft = draft_of(actor, view, id.as_deref(), payload)?;
                    let draft = Box::new(draft.with_comments_of(&self.service_for(view))?);
                    let mut content = self
                        .content_of_post(owner, actor, view, id.as_deref(), draft)
                        .await?;
                    content.body.check(feed)?;
                    if view.is_community() {
                        content.choice = self.choice(&actor.jid.bare()).await?;
                    }
                    content
                }
                (Some(_), None) => return Err(PubsubError::PayloadRequired),
                (None, None) if view.is_feed() => return Err(PubsubError::PayloadRequired),
                (None, payload) => {
                    if let (OwnerKind::Account, Some(payload)) = (owner.kind, &payload) {
                        known::check(&spot.name, id.as_deref(), payload)?;
                    }
                    if let Some(payload) = &payload {
                        payload::check(view.config.type_.as_deref(), payload)?;
                    }
                    Body::Plain(payload.unwrap_or_default().into()).into()
                }
            };
            checked.push(Checked { id, content, size });
        }
        Ok(checked)
    }

    async fn content_of_computed(
        &self,
        owner: &Arc<Owner>,
        actor: &Actor,
        spot: &Spot,
        found: &Found,
        id: Option<&str>,
        payload: Vec<u8>,
    ) -> Result<Content, PubsubError> {
        match found.kind.what {
            What::Comments if id == Some(FEED_ITEM) => {
                Err(PubsubError::InvalidName("this id is for a feed's own data"))
            }
            What::Comments => {
                let draft = Box::new(Draft::read_comment(payload, &actor.jid.bare())?);
                self.content_of_comment(owner, actor, spot, found, draft).await
            }
            What::Attachments => {
                self.content_of_attachments(owner, actor, spot, found, id, payload)
                    .await
            }
            What::Summary => Err(PubsubError::NotAllowed),
        }
    }

    fn try_publish(
        &self,
        request: &Request<'_>,
        state: &mut OwnerState,
        checked: &mut Vec<Checked>,
    ) -> Result<Tried, PubsubError> {
        let (view, is_created) = self.target(request, state)?;
        if view.feed() != request.feed {
            // It was configured otherwise since its items were looked at.
            return Err(PubsubError::PreconditionNotMet);
        }
        check_kind(&view.config, checked)?;
        let limit = view
            .config
            .max_payload_size
            .map_or(usize::MAX, |size| size as usize);
        if checked.iter().any(|item| item.size > limit) {
            return Err(PubsubError::PayloadTooBig);
        }
        let now = self.inner.clock.now();
        let empty = Heads::empty();
        let (heads, epoch) = state
            .node(&request.spot.name)
            .map_or((&empty, 0), |node| (&node.heads, node.epoch));
        let mut places = Vec::with_capacity(checked.len());
        for item in checked.iter() {
            match self.place(request, &view, heads, epoch, item.id.as_ref(), now)? {
                Ok(place) => places.push(place),
                Err(ask) => return Ok(ask),
            }
        }
        let new = places.iter().filter(|place| place.before.is_none()).count();
        let leaving = match state.node(&request.spot.name) {
            Some(node) => match room::leaving(node, new, request.room)? {
                Leaving::These(heads) => heads,
                Leaving::Ask => {
                    return Ok(Tried::AskRoom {
                        new,
                        epoch: node.epoch,
                        after: node.last_ticket,
                        view,
                    });
                }
            },
            None => room::leaving(&Node::created(Arc::clone(&view), Ticket::NONE), new, None)?.known(),
        };
        self.apply(
            request,
            state,
            &view,
            is_created,
            std::mem::take(checked),
            places,
            leaving,
            now,
        )
        .map(Tried::Done)
    }

    /// The node, if the actor may publish to it, and whether it has yet to be created.
    fn target(
        &self,
        request: &Request<'_>,
        state: &mut OwnerState,
    ) -> Result<(Arc<NodeView>, bool), PubsubError> {
        if let Some(node) = state.node(&request.spot.name) {
            may_publish(request.reader, &node.view)?;
            if let Some(options) = request.options {
                match &node.view.kind {
                    NodeKind::Computed(_) => options.check_inherited(&node.view.config)?,
                    NodeKind::Pep | NodeKind::Service | NodeKind::Virtual(_) => {
                        options.check(&node.view.config)?;
                    }
                }
            }
            return Ok((Arc::clone(&node.view), false));
        }
        let owner = request.owner;
        if owner.kind != OwnerKind::Account || request.actor.no != owner.no {
            return Err(PubsubError::NodeNotFound);
        }
        if state.nodes.len() >= self.inner.settings.nodes_per_owner {
            return Err(PubsubError::MaxNodes);
        }
        let mut config = new_config(&NodeKind::Pep, &request.spot.name, request.options)?;
        state.follow_choice(&NodeKind::Pep, &mut config);
        self.check_config(&config, &NodeKind::Pep, &request.spot.name)?;
        Ok((
            Arc::new(self.new_view(owner, Arc::clone(&request.spot.name), NodeKind::Pep, config)),
            true,
        ))
    }

    pub(super) fn new_view(
        &self,
        owner: &Owner,
        name: Arc<str>,
        kind: NodeKind,
        config: NodeConfig,
    ) -> NodeView {
        NodeView {
            no: self.inner.store.next_node(),
            owner: owner.no,
            owner_jid: owner.jid.clone(),
            name,
            kind,
            created: self.inner.clock.now(),
            config: Arc::new(config),
            affiliations: Arc::from([]),
            subscribers: bus::Subscribers::default(),
            inherits: None,
        }
    }

    /// Finds out whether an item is new. The inner error is the question that has to be answered first.
    fn place(
        &self,
        request: &Request<'_>,
        view: &Arc<NodeView>,
        heads: &Heads,
        epoch: u64,
        id: Option<&Arc<str>>,
        now: Timestamp,
    ) -> Result<Result<Place, Tried>, PubsubError> {
        let new = |id: Option<&Arc<str>>| {
            let post_id = self.inner.store.post_ids().next(now);
            let id = id.map_or_else(|| Arc::from(format!("{:x}", post_id.0)), Arc::clone);
            Place {
                id,
                post_id,
                before: None,
            }
        };
        let Some(id) = id.filter(|_| view.config.persist_items) else {
            return Ok(Ok(new(id)));
        };
        let is_computed = matches!(view.kind, NodeKind::Computed(_));
        let needs_marks = view.is_feed() || is_computed || request.actor.no != view.owner;
        let existing = match heads.find(id) {
            Known::New => None,
            Known::Item(Head {
                post_id,
                marks: Some(marks),
                ..
            }) => Some((post_id, Some(*marks))),
            Known::Item(Head { post_id, .. }) if !needs_marks => Some((post_id, None)),
            unknown => match request.asked.get(id) {
                Some(asked) if !heads.may_have_changed(id, asked.epoch) => {
                    asked.found.clone().map(|(post_id, marks)| (post_id, Some(marks)))
                }
                _ => {
                    let after = if let Known::Ask(after) = unknown {
                        after
                    } else {
                        Ticket::NONE
                    };
                    let (view, id) = (Arc::clone(view), Arc::clone(id));
                    return Ok(Err(Tried::Ask {
                        view,
                        id,
                        epoch,
                        after,
                    }));
                }
            },
        };
        let Some((post_id, before)) = existing else {
            return match request.purpose {
                Purpose::Publish => Ok(Ok(new(Some(id)))),
                Purpose::Renew => Err(PubsubError::ItemNotFound),
            };
        };
        // Who may publish does not therefore replace what others published.
        if let Some(before) = &before {
            may_replace(request.actor.no, view, before.publisher)?;
        }
        let unmarked = || Marks {
            publisher: request.actor.no,
            tags: Arc::from([]),
            in_public: false,
            links: Links::default(),
            words: WordSet::default(),
        };
        Ok(Ok(Place {
            id: Arc::clone(id),
            post_id,
            before: Some(before.unwrap_or_else(unmarked)),
        }))
    }

    /// The step: everything is decided.
    #[expect(clippy::too_many_arguments, reason = "one step, in one place")]
    fn apply(
        &self,
        request: &Request<'_>,
        state: &mut OwnerState,
        view: &Arc<NodeView>,
        is_created: bool,
        checked: Vec<Checked>,
        places: Vec<Place>,
        leaving: Vec<Head>,
        now: Timestamp,
    ) -> Result<Accepted<Vec<Arc<str>>>, PubsubError> {
        let mut writes = Vec::with_capacity(places.len() + 1);
        let mut events = Vec::with_capacity(places.len() + 1);
        let mut touched = Vec::with_capacity(places.len());
        let mut heads = Vec::with_capacity(places.len());
        let mut ids = Vec::with_capacity(places.len());
        let mut last = None;
        let (view, instantiated) = self.written(view);
        let (view, is_created) = (&view, is_created || !instantiated.is_empty());
        if instantiated.is_empty() && is_created {
            writes.push(create_write(view));
        }
        writes.extend(instantiated);
        if is_created {
            events.push(Event::NodeCreated {
                view: Arc::clone(view),
            });
        }
        if let NodeKind::Computed(computed) = &view.kind {
            writes.push(store::computed::require(computed.target));
        }
        for (item, place) in checked.into_iter().zip(places) {
            if view.is_community() && place.before.is_none() && &*place.id != FEED_ITEM {
                writes.push(store::communities::posted(view.no, place.post_id));
            }
            if let Body::Boost(original, _) = &item.content.body {
                writes.push(store::computed::repeats(original.post_id, original.seq));
            }
            let made = self.make(request.actor, view, item.content, place, now);
            if view.config.persist_items {
                writes.push(store::items::put(made.row));
                touched.push(made.touched);
                heads.push(made.head);
            }
            if view.config.has_items() {
                last = Some(Arc::clone(&made.item));
                ids.push(Arc::clone(&made.item.id));
            }
            events.push(made.event);
        }
        if writes.is_empty() {
            // Nothing is kept, so that nothing can fail.
            if let Some(node) = state.node(&request.spot.name) {
                node.last = last;
            }
            for event in events {
                self.emit_in_order(state, event);
            }
            return Ok(Accepted::at_once(ids));
        }
        let queued = self.queue(one_write(writes))?;
        if is_created {
            state.remember(Node::created(Arc::clone(view), queued.ticket));
        }
        if let Some(node) = state.node(&request.spot.name) {
            node.last = last;
            for head in node.put(heads, leaving, &queued) {
                let (event, undo) = gone(view, head);
                events.push(event);
                touched.push(undo);
            }
        }
        self.summarize_later(request.owner, view, queued.ticket);
        Ok(self.finish(request.owner, state, queued, Deliver::First, events, touched, ids))
    }
}

/// A post as it came. In a community it is its publisher's, and the feed's own data are the owners' (XEP-0277 §6).
fn draft_of(
    actor: &Actor,
    view: &NodeView,
    id: Option<&str>,
    payload: Vec<u8>,
) -> Result<Draft, PubsubError> {
    if !view.is_community() {
        return Draft::read(payload, id);
    }
    if id == Some(FEED_ITEM) {
        may_administer(actor.no, view)?;
        return Draft::read(payload, id);
    }
    Draft::read_comment(payload, &actor.jid.bare())
}

/// What each kind of node demands of a request (§4.3, §7.1.3.6). Where an event is all that there is, one nameless item
/// stands for it from here on.
fn check_kind(config: &NodeConfig, checked: &mut Vec<Checked>) -> Result<(), PubsubError> {
    if !config.has_items() {
        if !checked.is_empty() {
            return Err(PubsubError::ItemForbidden);
        }
        checked.push(Checked {
            id: None,
            content: Body::Plain(Arc::from([])).into(),
            size: 0,
        });
    } else if checked.is_empty() {
        return Err(PubsubError::ItemRequired);
    } else if config.deliver_payloads && checked.iter().any(|item| item.size == 0) {
        return Err(PubsubError::PayloadRequired);
    }
    Ok(())
}

impl Node {
    /// A node that was just created.
    pub(super) fn created(view: Arc<NodeView>, ticket: Ticket) -> Node {
        Node {
            view,
            heads: Heads::empty(),
            last: None,
            last_ticket: ticket,
            epoch: 0,
            used: 0,
        }
    }

    /// Items were published; gives those that had to go for them, as far as they are known: `leaving`, and what memory says.
    fn put(&mut self, heads: Vec<Head>, leaving: Vec<Head>, queued: &Queued) -> Vec<Head> {
        self.last_ticket = queued.ticket;
        for head in &leaving {
            self.epoch += 1;
            self.heads.remove(&head.id, self.epoch, queued.ticket);
        }
        let mut evicted = leaving;
        for head in heads {
            self.epoch += 1;
            self.heads.put(head, self.epoch, queued.ticket);
            if let MaxItems::Count(count) = self.view.config.max_items {
                evicted.extend(self.heads.evict(count as usize));
            }
        }
        evicted
    }
}
