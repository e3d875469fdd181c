//! Summaries of what is attached to a node's items: [XEP-0470](https://xmpp.org/extensions/xep-0470.html) §4.6.
//!
//! Nothing of them is stored: they are counted when somebody reads them, and once for everybody who follows them after
//! something was attached. While one count is under way, whatever comes makes one more, however much it is.

use std::collections::HashMap;
use std::sync::Arc;

use bus::computed::ATTACHMENTS;
use bus::{ComputedName, Event, Item, NodeKind, NodeView, PublishKind, What};
use format::conversation::{Attachments, Summary};
use format::rsm;
use format::search::WordSet;
use parking_lot::Mutex;
use store::computed::Bound;
use store::{Links, NodeNo, PostId, ReadError, Reader, Ticket};
use wire::Document;

use super::Host;
use super::computed::{Found, Freshness, Spot, computed_name};
use super::items::PAGE;
use super::query::{ItemsPage, ItemsQuery};
use super::state::Owner;
use crate::error::PubsubError;

/// Attachments read at a time.
const BATCH: u32 = 256;

/// Nodes of attachments whose summary is being counted, and whether it has to be once more.
#[derive(Default)]
pub(super) struct Summaries(Mutex<HashMap<NodeNo, Again>>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    Yes,
}

/// What is counted for one item.
struct Counted {
    post_id: PostId,
    id: String,
    summary: Summary,
}

impl Host {
    /// The summaries of a node's items, for somebody who may read them.
    pub(super) async fn summaries(
        &self,
        owner: &Arc<Owner>,
        spot: &Spot,
        found: &Found,
        query: ItemsQuery,
    ) -> Result<ItemsPage, PubsubError> {
        let access = found.access.as_ref().ok_or(PubsubError::NodeNotFound)?;
        let Some(ComputedName::Summary { node }) = computed_name(owner, &spot.name) else {
            return Err(PubsubError::NodeNotFound);
        };
        let node = match computed_name(owner, &node) {
            Some(name) => name.name(&owner.jid),
            None => node,
        };
        let is_paged = matches!(query, ItemsQuery::Rsm(_));
        let at = owner.jid.clone();
        let no = owner.no;
        let counted = self.inner.store.read(move |reader| {
            let Some(row) = reader.node(no, &node)? else {
                return Ok(Ok(Vec::new()));
            };
            let anchor =
                |id: &str| Ok::<_, ReadError>(reader.target_at(no, &node, id)?.map(|item| item.post_id));
            let (limit, bound) = match &query {
                ItemsQuery::All => (PAGE, Bound::Below(None)),
                ItemsQuery::Newest(count) => ((*count).min(PAGE), Bound::Below(None)),
                ItemsQuery::Ids(ids) => return by_ids(reader, no, &node, &at, ids).map(Ok),
                ItemsQuery::Rsm(request) => {
                    let limit = request.max.unwrap_or(PAGE).min(PAGE);
                    let bound = match &request.page {
                        rsm::Page::First | rsm::Page::Index(0) => Bound::Above(None),
                        rsm::Page::Last => Bound::Below(None),
                        rsm::Page::Index(_) => return Ok(Err(PubsubError::NoIndex)),
                        rsm::Page::After(id) => match anchor(id)? {
                            Some(post) => Bound::Above(Some(post)),
                            None => return Ok(Err(PubsubError::ItemNotFound)),
                        },
                        rsm::Page::Before(id) => match anchor(id)? {
                            Some(post) => Bound::Below(Some(post)),
                            None => return Ok(Err(PubsubError::ItemNotFound)),
                        },
                    };
                    (limit, bound)
                }
            };
            let prefix = format!("{ATTACHMENTS}/");
            let mut all = Vec::new();
            for (post_id, id, attached) in reader.items_with_nodes(row.no, &prefix, limit, bound)? {
                let summary = count(reader, attached)?;
                all.push(Counted { post_id, id, summary });
            }
            if let Bound::Below(_) = bound {
                all.reverse();
            }
            Ok(Ok(all))
        });
        let items: Vec<_> = counted
            .await??
            .into_iter()
            .map(|counted| Arc::new(self.summary_item(access, owner, counted)))
            .collect();
        let id = |item: Option<&Arc<Item>>| item.map(|item| item.id.to_string());
        let rsm = is_paged.then(|| rsm::Response {
            first: id(items.first()),
            last: id(items.last()),
            ..rsm::Response::default()
        });
        Ok(ItemsPage { items, rsm })
    }

    fn summary_item(&self, access: &NodeView, owner: &Owner, counted: Counted) -> Item {
        let now = self.inner.clock.now();
        Item {
            id: counted.id.into(),
            post_id: counted.post_id,
            created: access.created,
            modified: now,
            publisher: owner.no,
            publisher_jid: owner.jid.clone(),
            payload: Some(counted.summary.to_xml().into()),
            entry: None,
            kept_from: None,
        }
    }

    /// Something was attached or taken away: tells those who follow the summary, once it is stored.
    pub(super) fn summarize_later(&self, owner: &Arc<Owner>, view: &Arc<NodeView>, after: Ticket) {
        if !matches!(&view.kind, NodeKind::Computed(computed) if computed.what == What::Attachments) {
            return;
        }
        let mut counting = self.inner.summaries.0.lock();
        if let Some(again) = counting.get_mut(&view.no) {
            *again = Again::Yes;
            return;
        }
        counting.insert(view.no, Again::No);
        drop(counting);
        let (host, owner, view) = (self.clone(), Arc::clone(owner), Arc::clone(view));
        self.inner.tasks.spawn(async move {
            let mut after = after;
            loop {
                host.inner.store.wait(after).await;
                if let Err(error) = host.tell_summary(&owner, &view).await {
                    tracing::debug!(%error, "a summary was not told");
                }
                let mut counting = host.inner.summaries.0.lock();
                if counting.get(&view.no) != Some(&Again::Yes) {
                    counting.remove(&view.no);
                    return;
                }
                counting.insert(view.no, Again::No);
                after = host.last_write();
            }
        });
    }

    async fn tell_summary(&self, owner: &Arc<Owner>, attached: &Arc<NodeView>) -> Result<(), PubsubError> {
        let Some(ComputedName::Attachments { node, item }) = computed_name(owner, &attached.name) else {
            return Ok(());
        };
        let NodeKind::Computed(computed) = &attached.kind else {
            return Ok(());
        };
        let name = ComputedName::Summary { node }.name(&owner.jid);
        // Where what it belongs to is gone, that is told already.
        let Some(view) = self.view_at(owner, &name, Freshness::Now).await? else {
            return Ok(());
        };
        let no = attached.no;
        let summary = self.inner.store.read(move |reader| {
            let is_any = !reader.newest_post_ids(no, 1, None)?.is_empty();
            Ok(if is_any { Some(count(reader, no)?) } else { None })
        });
        let event = match summary.await? {
            Some(summary) => {
                let counted = Counted {
                    post_id: computed.target,
                    id: item,
                    summary,
                };
                Event::Published {
                    item: Arc::new(self.summary_item(&view, owner, counted)),
                    view,
                    kind: PublishKind::Edit,
                    tags: Arc::from([]),
                    left_tags: Arc::from([]),
                    in_public: false,
                    was_public: false,
                    links: Links::default(),
                    old_links: Links::default(),
                    words: WordSet::default(),
                    old_words: WordSet::default(),
                }
            }
            None => Event::Retracted {
                view,
                id: item.into(),
                post_id: computed.target,
                tags: Arc::from([]),
                in_public: false,
                notify: true,
                links: Links::default(),
                words: WordSet::default(),
            },
        };
        let mut state = owner.state.lock();
        self.emit_in_order(&mut state, event);
        Ok(())
    }
}

/// The summaries of these items; of those to which nothing is attached, none (XEP-0470 §4.6).
fn by_ids(
    reader: &Reader,
    owner: store::JidNo,
    node: &str,
    at: &wire::BareJid,
    ids: &[String],
) -> Result<Vec<Counted>, ReadError> {
    let mut all = Vec::new();
    for id in ids.iter().take(PAGE as usize) {
        let Some(target) = reader.target_at(owner, node, id)? else {
            continue;
        };
        let name = ComputedName::Attachments {
            node: node.to_owned(),
            item: id.clone(),
        };
        let Some(attached) = reader.node(owner, &name.name(at))? else {
            continue;
        };
        if reader.newest_post_ids(attached.no, 1, None)?.is_empty() {
            continue;
        }
        all.push(Counted {
            post_id: target.post_id,
            id: id.clone(),
            summary: count(reader, attached.no)?,
        });
    }
    Ok(all)
}

fn count(reader: &Reader, node: NodeNo) -> Result<Summary, ReadError> {
    let mut summary = Summary::default();
    let mut after = None;
    loop {
        let rows = reader.oldest_items(node, BATCH, after)?;
        let Some(last) = rows.last() else {
            return Ok(summary);
        };
        after = Some(last.post_id);
        for row in rows {
            if let Ok(document) = Document::parse(row.payload)
                && let Ok(attachments) = Attachments::parse(document.root())
            {
                summary.add(&attachments);
            }
        }
    }
}
