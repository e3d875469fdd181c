//! Retracting items: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §7.2.

use std::collections::HashMap;
use std::sync::Arc;

use bus::{Event, NodeView};
use store::{PostId, Ticket};
use wire::BareJid;

use super::computed::Freshness;
use super::made::one_write;
use super::state::{Head, Known, Marks, Owner, OwnerState};
use super::steps::{Deliver, Touched};
use super::{Accepted, Host, unsupported};
use crate::access::{Actor, Reader, Relation, may_publish, may_retract};
use crate::error::PubsubError;

/// Items that one request may retract.
const MAX_BATCH: usize = 100;

pub(super) type Asked = HashMap<String, (u64, Option<(PostId, Marks)>)>;

/// What came of a try.
pub(super) enum Tried {
    Done(Accepted<()>),
    Ask {
        view: Arc<NodeView>,
        id: String,
        epoch: u64,
        after: Ticket,
    },
}

/// Whether subscribers are told where the node's configuration does not say so (`notify` of §7.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// As the node is configured, or as the request asks.
    AsAsked(bool),
    /// In any case: who published it goes with their items, wherever they may read still.
    Always,
}

impl Host {
    /// Retracts items. With `notify`, subscribers are told even where the node is not configured to tell them.
    ///
    /// # Errors
    /// Every refusal of §7.2.3.
    pub async fn retract(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
        ids: &[&str],
        notify: bool,
    ) -> Result<Accepted<()>, PubsubError> {
        self.check_supports(owner, node, "delete-items")?;
        if ids.is_empty() || ids.contains(&"") {
            return Err(PubsubError::ItemRequired);
        }
        if ids.len() > MAX_BATCH {
            return Err(PubsubError::TooManyItems);
        }
        let owner = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        self.retract_from(&owner, actor, node, ids, Telling::AsAsked(notify))
            .await
    }

    pub(super) async fn retract_from(
        &self,
        owner: &Arc<Owner>,
        actor: &Actor,
        node: &str,
        ids: &[&str],
        telling: Telling,
    ) -> Result<Accepted<()>, PubsubError> {
        let (spot, reader) = if telling == Telling::Always {
            let reader = Reader {
                no: actor.no,
                relation: Relation::default(),
            };
            (self.spot(owner, node, Freshness::Now).await?, reader)
        } else {
            self.enter(owner, actor, node, Freshness::Now).await?
        };
        let mut asked = Asked::new();
        loop {
            let tried = self
                .within(owner, &spot, |state| {
                    self.try_retract(owner, state, &reader, &spot.name, ids, telling, &asked)
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
                    asked.insert(id, (epoch, found));
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step, in one place")]
    pub(super) fn try_retract(
        &self,
        owner: &Arc<Owner>,
        state: &mut OwnerState,
        reader: &Reader,
        name: &str,
        ids: &[&str],
        telling: Telling,
        asked: &Asked,
    ) -> Result<Tried, PubsubError> {
        let node = state.node(name).ok_or(PubsubError::NodeNotFound)?;
        // §7.2.3.5
        if !node.view.config.persist_items && telling != Telling::Always {
            return Err(PubsubError::Unsupported("persistent-items"));
        }
        let view = Arc::clone(&node.view);
        // Who may not publish learns nothing of what is there.
        if telling != Telling::Always {
            may_publish(reader, &view).map_err(|error| unsupported(error, "delete-items"))?;
        }
        let mut found: Vec<(PostId, &str, Marks)> = Vec::with_capacity(ids.len());
        for id in ids {
            let (post_id, marks) = match node.heads.find(id) {
                Known::New => return Err(PubsubError::ItemNotFound),
                Known::Item(Head {
                    post_id,
                    marks: Some(marks),
                    ..
                }) => (post_id, *marks),
                unknown => match asked.get(*id) {
                    Some((epoch, answer)) if !node.heads.may_have_changed(id, *epoch) => {
                        answer.clone().ok_or(PubsubError::ItemNotFound)?
                    }
                    _ => {
                        let after = if let Known::Ask(after) = unknown {
                            after
                        } else {
                            Ticket::NONE
                        };
                        return Ok(Tried::Ask {
                            view,
                            id: (*id).to_owned(),
                            epoch: node.epoch,
                            after,
                        });
                    }
                },
            };
            may_retract(reader.no, &view, marks.publisher)?;
            if !found.iter().any(|(_, other, _)| other == id) {
                found.push((post_id, id, marks));
            }
        }
        let writes = found
            .iter()
            .map(|(_, id, _)| store::items::retract(view.no, (*id).to_owned()))
            .collect();
        let queued = self.queue(one_write(writes))?;
        let notify = match telling {
            Telling::Always => true,
            Telling::AsAsked(asked) => asked || view.config.notify_retract,
        };
        let mut events = Vec::with_capacity(found.len());
        let mut touched = Vec::with_capacity(found.len());
        for (post_id, id, marks) in found {
            node.epoch += 1;
            node.heads.remove(id, node.epoch, queued.ticket);
            node.last.take_if(|last| &*last.id == id);
            let id: Arc<str> = Arc::from(id);
            events.push(Event::Retracted {
                view: Arc::clone(&view),
                id: Arc::clone(&id),
                post_id,
                tags: Arc::clone(&marks.tags),
                in_public: marks.in_public,
                notify,
                links: marks.links,
                words: marks.words.clone(),
            });
            touched.push(Touched::Item {
                view: Arc::clone(&view),
                id,
                post_id,
                marks,
                is_evicted: false,
            });
        }
        node.last_ticket = queued.ticket;
        self.summarize_later(owner, &view, queued.ticket);
        Ok(Tried::Done(self.finish(
            owner,
            state,
            queued,
            Deliver::First,
            events,
            touched,
            (),
        )))
    }
}
