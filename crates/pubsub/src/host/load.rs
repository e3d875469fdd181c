//! Reading what is stored about an owner and its nodes into memory, once, before anything is decided about them.

use std::sync::Arc;

use bus::{Affiliation, Item, NodeKind, NodeView, SubId, SubscribeOptions, Subscriber, SubscriptionState};
use store::{NodeNo, ReadError, Reader, Ticket};
use wire::BareJid;

use super::Host;
use super::computed::{Found, Spot, empty};
use super::state::{HEADS, Head, Heads, Marks, Node, NodeState, Owner, OwnerKind, OwnerState, next_epoch};
use crate::error::PubsubError;
use crate::profile::microblog;
use crate::words;

/// Nodes listed by one query.
const PAGE: u32 = 1_000;

/// What has to be read before a decision.
enum Missing {
    Nodes {
        generation: u64,
        after: Ticket,
    },
    Details {
        generation: u64,
        forgotten: u64,
        view: Arc<NodeView>,
    },
}

/// What is stored about one node besides its row.
struct Details {
    affiliations: Vec<(store::JidNo, String)>,
    subscribers: bus::Subscribers,
    heads: Vec<Head>,
    is_whole: bool,
}

impl Host {
    /// Runs `act` under the owner's lock once all that is stored about the node of this name is in memory.
    pub(super) async fn with<T>(
        &self,
        owner: &Arc<Owner>,
        name: &str,
        act: impl FnOnce(&mut OwnerState) -> T,
    ) -> Result<T, PubsubError> {
        loop {
            let missing = {
                let mut state = owner.state.lock();
                match state.missing(name) {
                    None => return Ok(act(&mut state)),
                    Some(missing) => missing,
                }
            };
            self.load(owner, missing).await?;
        }
    }

    /// Runs `act` under the owner's lock once the list of its nodes is in memory.
    pub(super) async fn with_nodes<T>(
        &self,
        owner: &Arc<Owner>,
        act: impl FnOnce(&mut OwnerState) -> T,
    ) -> Result<T, PubsubError> {
        loop {
            let missing = {
                let mut state = owner.state.lock();
                match state.missing_nodes() {
                    None => return Ok(act(&mut state)),
                    Some(missing) => missing,
                }
            };
            self.load(owner, missing).await?;
        }
    }

    async fn load(&self, owner: &Arc<Owner>, missing: Missing) -> Result<(), PubsubError> {
        match missing {
            Missing::Nodes { generation, after } => {
                self.inner.store.wait(after).await;
                let no = owner.no;
                let rows = self.inner.store.read(move |reader| all_nodes(reader, no)).await?;
                let mut state = owner.state.lock();
                if state.generation == generation && !state.is_loaded {
                    for view in rows.iter().filter_map(|row| self.listed(owner, row)) {
                        state
                            .nodes
                            .insert(Arc::clone(&view.name), NodeState::Listed(view));
                    }
                    state.is_loaded = true;
                }
            }
            Missing::Details {
                generation,
                forgotten,
                view,
            } => {
                let no = view.no;
                let details = self.inner.store.read(move |reader| details(reader, no)).await?;
                let node = ready(&view, details);
                let mut state = owner.state.lock();
                // What was read may be older than what was decided and forgotten meanwhile.
                let is_same = (state.generation, state.forgotten) == (generation, forgotten)
                    && matches!(state.nodes.get(&view.name), Some(NodeState::Listed(listed)) if listed.no == no);
                if is_same {
                    let store = &self.inner.store;
                    state.keep_ready(node, owner.kind, |ticket| store.is_decided(ticket));
                }
            }
        }
        Ok(())
    }

    /// A stored item as it is delivered, with its marks.
    pub(super) async fn stored_item(
        &self,
        view: &Arc<NodeView>,
        id: &str,
    ) -> Result<Option<(Item, Marks)>, PubsubError> {
        let (node, asked) = (view.no, id.to_owned());
        let found = self
            .inner
            .store
            .read(move |reader| {
                let Some(item) = reader.item(node, &asked)? else {
                    return Ok(None);
                };
                let tags = reader.tags(item.post_id)?;
                let links = reader.links(item.post_id)?;
                Ok(Some((item, tags, links)))
            })
            .await?;
        let Some((row, tags, links)) = found else {
            return Ok(None);
        };
        let marks = Marks {
            words: words::remembered(&row),
            publisher: row.publisher,
            tags: tags.into_iter().map(Arc::from).collect(),
            in_public: row.in_public,
            links,
        };
        let mut items = self.delivered(view, vec![row]).await?;
        Ok(items.pop().map(|item| (item, marks)))
    }

    /// Stored rows of one node as they are delivered, in their order. Who may read them is not asked here; what repeats a
    /// post that is gone or closed by now is left out.
    ///
    /// # Errors
    /// When a publisher's address, or what is repeated, cannot be read.
    pub async fn delivered(
        &self,
        view: &NodeView,
        mut rows: Vec<store::items::Item>,
    ) -> Result<Vec<Item>, PubsubError> {
        let mut kept_from = self.leave_out_boosts(view, &mut rows).await?;
        let mut publishers: Vec<_> = rows
            .iter()
            .map(|row| row.publisher)
            .filter(|no| *no != view.owner)
            .collect();
        publishers.sort_unstable();
        publishers.dedup();
        let addresses = match publishers.as_slice() {
            [] => Default::default(),
            some => self.addresses(some).await?,
        };
        let service = self.service_for(view);
        Ok(rows
            .into_iter()
            .map(|row| {
                let publisher_jid = addresses.get(&row.publisher).unwrap_or(&view.owner_jid).clone();
                let kept_from = kept_from.remove(&row.post_id);
                Item {
                    kept_from,
                    ..self.item(view, &service, row, publisher_jid)
                }
            })
            .collect())
    }

    fn item(&self, view: &NodeView, service: &str, row: store::items::Item, publisher_jid: BareJid) -> Item {
        let payload = match &*row.payload {
            [] => None,
            _ if view.has_posts() => Some(microblog::decorated(
                &row.payload,
                &self.links(view, service, &row.item_id, row.post_id, &publisher_jid),
            )),
            _ => Some(row.payload),
        };
        Item {
            id: row.item_id.into(),
            post_id: row.post_id,
            created: row.created,
            modified: row.modified,
            publisher: row.publisher,
            publisher_jid,
            payload,
            entry: None,
            kept_from: None,
        }
    }

    /// What is stored of a computed node, or the node as nothing was written to it.
    pub(super) async fn load_computed(
        &self,
        owner: &Owner,
        spot: &Spot,
        found: &Found,
        after: Option<Ticket>,
    ) -> Result<Node, PubsubError> {
        self.inner.store.wait(after.unwrap_or(Ticket::NONE)).await;
        let (no, name) = (owner.no, spot.name.to_string());
        let read = self.inner.store.read(move |reader| {
            let Some(row) = reader.node(no, &name)? else {
                return Ok(None);
            };
            let details = details(reader, row.no)?;
            Ok(Some((row, details)))
        });
        let view = self.unwritten(owner, Arc::clone(&spot.name), found);
        Ok(match read.await? {
            Some((row, details)) => {
                let view = NodeView {
                    no: row.no,
                    created: row.created,
                    ..view
                };
                ready(&Arc::new(view), details)
            }
            None => empty(view),
        })
    }

    /// A node as its row tells; `None` for a virtual node, which is kept elsewhere.
    fn listed(&self, owner: &Owner, row: &store::nodes::Node) -> Option<Arc<NodeView>> {
        let kind = match owner.kind {
            OwnerKind::Account => NodeKind::Pep,
            OwnerKind::Service if bus::Virtual::on_service(&row.name).is_some() => return None,
            OwnerKind::Service => NodeKind::Service,
        };
        Some(Arc::new(NodeView {
            no: row.no,
            owner: owner.no,
            owner_jid: owner.jid.clone(),
            name: self.inner.configs.name(&row.name),
            kind,
            created: row.created,
            config: self.inner.configs.get(&row.config),
            affiliations: Arc::from([]),
            subscribers: bus::Subscribers::default(),
            inherits: None,
        }))
    }
}

impl OwnerState {
    fn missing_nodes(&self) -> Option<Missing> {
        (!self.is_loaded).then(|| Missing::Nodes {
            generation: self.generation,
            after: self.last_ticket.unwrap_or(Ticket::NONE),
        })
    }

    fn missing(&self, name: &str) -> Option<Missing> {
        self.missing_nodes().or_else(|| match self.nodes.get(name) {
            Some(NodeState::Listed(view)) => Some(Missing::Details {
                generation: self.generation,
                forgotten: self.forgotten,
                view: Arc::clone(view),
            }),
            Some(NodeState::Ready(_)) | None => None,
        })
    }
}

pub(super) fn all_nodes(reader: &Reader, owner: store::JidNo) -> Result<Vec<store::nodes::Node>, ReadError> {
    let mut nodes = Vec::new();
    loop {
        let after = nodes
            .last()
            .map_or(String::new(), |last: &store::nodes::Node| last.name.clone());
        let mut page = reader.nodes(owner, &after, PAGE)?;
        let is_last = page.len() < PAGE as usize;
        nodes.append(&mut page);
        if is_last {
            return Ok(nodes);
        }
    }
}

/// What is stored of a kind of node: its word in the database.
pub(super) fn kind_word(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Pep => "pep",
        NodeKind::Service => "service",
        NodeKind::Virtual(_) => "virtual",
        NodeKind::Computed(_) => "computed",
    }
}

fn details(reader: &Reader, node: NodeNo) -> Result<Details, ReadError> {
    let limit = HEADS as u32 + 1;
    let ids = reader.item_ids(node, limit)?;
    let numbers = reader.newest_post_ids(node, limit, None)?;
    let is_whole = ids.len() <= HEADS;
    let mut heads: Vec<_> = ids
        .into_iter()
        .zip(numbers)
        .take(HEADS)
        .map(|(id, post_id)| Head {
            post_id,
            id: id.into(),
            marks: None,
        })
        .collect();
    heads.reverse();
    Ok(Details {
        affiliations: reader.affiliations(node)?,
        subscribers: reader.each_subscription(node, subscriber)?.into(),
        heads,
        is_whole,
    })
}

fn ready(view: &Arc<NodeView>, details: Details) -> Node {
    let affiliations = details
        .affiliations
        .into_iter()
        // A word of a newer program gives no rights.
        .map(|(no, word)| (no, word.parse().unwrap_or(Affiliation::None)))
        .collect();
    let epoch = next_epoch();
    Node {
        view: Arc::new(NodeView {
            affiliations,
            subscribers: details.subscribers,
            ..NodeView::clone(view)
        }),
        heads: Heads::new(details.heads, details.is_whole).since(epoch),
        last: None,
        last_ticket: Ticket::NONE,
        epoch,
        used: 0,
    }
}

/// A stored subscription as it is in memory.
pub(super) fn subscriber(row: store::subscriptions::SubscriptionRow<'_>) -> Subscriber {
    Subscriber {
        no: row.no,
        resource: (!row.resource.is_empty()).then(|| row.resource.into()),
        subid: row.subid.parse().unwrap_or(SubId(0)),
        state: row.state.parse().unwrap_or(SubscriptionState::Pending),
        options: None,
    }
    .with_options(SubscribeOptions::from_text(row.options, row.expires))
}
