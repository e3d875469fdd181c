//! A step: one decision of an owner, its write, and its events.
//!
//! Delivered first, exactly: events go out in the step and the write is queued beside them, unless the gate is closed
//! or something earlier of the same owner still waits for its commit; then they go out, in order, once they are
//! stored. If storing fails, what was delivered is withdrawn: an item that existed is notified again as it is stored,
//! a new one is retracted; and the owner's memory is read again.

use std::collections::VecDeque;
use std::sync::Arc;

use bus::{Event, NodeView, PublishKind, Subscriber};
use store::{Pending, PostId, Ticket, Write, WriteError};
use tokio::sync::oneshot;
use wire::Jid;

use super::choice::Choice;
use super::computed::Freshness;
use super::state::{Deferred, Marks, NodeState, Owner, OwnerState};
use super::{Accepted, Host};
use crate::error::PubsubError;

/// When a step's events go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deliver {
    /// At once, while the gate is open.
    First,
    /// Once the step is stored; so does everything after it until then.
    WhenStored,
}

/// What a delivered step did that has to be undone where it cannot be stored.
pub(super) enum Touched {
    /// An item was published or retracted.
    Item {
        view: Arc<NodeView>,
        id: Arc<str>,
        post_id: PostId,
        marks: Marks,
        /// Whether it only made room for another.
        is_evicted: bool,
    },
    /// A subscription began.
    Subscribed {
        view: Arc<NodeView>,
        subscriber: Subscriber,
        jid: Jid,
    },
    /// A subscription ended.
    Unsubscribed {
        view: Arc<NodeView>,
        subscriber: Subscriber,
        jid: Jid,
    },
}

impl Touched {
    fn is_evicted(&self) -> bool {
        matches!(self, Touched::Item { is_evicted: true, .. })
    }
}

/// A write that the queue has taken.
pub(super) struct Queued {
    pub(super) pending: Pending,
    pub(super) ticket: Ticket,
    /// How the gate stood before the store could decide this very write.
    was_gate_open: bool,
}

/// Steps on their way to a decision, in the order of their writes.
#[derive(Default)]
pub(super) struct Settling {
    queue: VecDeque<Undecided>,
    is_running: bool,
}

struct Undecided {
    owner: Arc<Owner>,
    step: u64,
    /// The owner's generation in which it was decided.
    generation: u64,
    pending: Pending,
    touched: Vec<Touched>,
    done: oneshot::Sender<Result<(), WriteError>>,
}

impl Host {
    /// Queues a step's write. First thing in a step: when it is refused, nothing has happened yet.
    pub(super) fn queue(&self, write: Write) -> Result<Queued, PubsubError> {
        let was_gate_open = self.inner.store.is_gate_open();
        let pending = self.inner.store.write(write);
        match pending.ticket() {
            Ticket::NONE => Err(PubsubError::Overloaded),
            ticket => {
                let mut last = self.inner.last_write.lock();
                *last = ticket.max(*last);
                Ok(Queued {
                    pending,
                    ticket,
                    was_gate_open,
                })
            }
        }
    }

    /// Ends a step whose write is queued and whose effect is in `state`: sends its events, or keeps them for later.
    #[expect(clippy::too_many_arguments, reason = "all that a step consists of")]
    pub(super) fn finish<T: Send + 'static>(
        &self,
        owner: &Arc<Owner>,
        state: &mut OwnerState,
        queued: Queued,
        deliver: Deliver,
        events: Vec<Event>,
        touched: Vec<Touched>,
        value: T,
    ) -> Accepted<T> {
        let (done, outcome) = oneshot::channel();
        self.finish_telling(owner, state, queued, deliver, events, touched, done);
        let durable = async move {
            match outcome.await {
                Ok(Ok(())) => Ok(value),
                Ok(Err(error)) => Err(PubsubError::from(&error)),
                // The runtime is shutting down.
                Err(_) => Err(PubsubError::Storage),
            }
        };
        Accepted {
            durable: Box::pin(durable),
        }
    }

    /// The same for whoever wants to know what the store said.
    #[expect(clippy::too_many_arguments, reason = "all that a step consists of")]
    pub(super) fn finish_telling(
        &self,
        owner: &Arc<Owner>,
        state: &mut OwnerState,
        queued: Queued,
        deliver: Deliver,
        events: Vec<Event>,
        mut touched: Vec<Touched>,
        done: oneshot::Sender<Result<(), WriteError>>,
    ) {
        state.last_step += 1;
        let (step, generation) = (state.last_step, state.generation);
        state.last_ticket = Some(queued.ticket);
        state.undecided += 1;
        let is_first = deliver == Deliver::First && state.deferred.is_empty() && queued.was_gate_open;
        if is_first {
            for event in &events {
                self.emit(event);
            }
            for one in &touched {
                if let Touched::Item { view, id, .. } = one {
                    state.current.insert((view.no, Arc::clone(id)), step);
                }
            }
        } else {
            state.deferred.push_back(Deferred {
                step,
                generation,
                events,
                is_stored: None,
            });
            touched.retain(Touched::is_evicted);
        }
        self.settle_later(Undecided {
            owner: Arc::clone(owner),
            step,
            generation,
            pending: queued.pending,
            touched,
            done,
        });
    }

    /// Sends an event behind those that wait for their commit.
    pub(super) fn emit_in_order(&self, state: &mut OwnerState, event: Event) {
        if state.deferred.is_empty() {
            self.emit(&event);
        } else {
            let (step, generation) = (state.last_step, state.generation);
            state.deferred.push_back(Deferred {
                step,
                generation,
                events: vec![event],
                is_stored: Some(true),
            });
        }
    }

    fn settle_later(&self, undecided: Undecided) {
        let mut settling = self.inner.settling.lock();
        settling.queue.push_back(undecided);
        if !settling.is_running {
            settling.is_running = true;
            let host = self.clone();
            self.inner.tasks.spawn(async move { host.settle_all().await });
        }
    }

    /// Awaits the outcomes in the order of the writes, until none is left.
    async fn settle_all(&self) {
        loop {
            let next = {
                let mut settling = self.inner.settling.lock();
                let next = settling.queue.pop_front();
                settling.is_running = next.is_some();
                next
            };
            let Some(Undecided {
                owner,
                step,
                generation,
                pending,
                touched,
                done,
            }) = next
            else {
                return;
            };
            let outcome = match pending.await {
                Ok(_) => {
                    self.stored(&owner, step, generation, touched).await;
                    Ok(())
                }
                Err(error) => {
                    self.failed(&owner, step, touched, &error).await;
                    Err(error)
                }
            };
            // Whoever asked may have gone.
            let _ = done.send(outcome);
        }
    }

    async fn stored(&self, owner: &Arc<Owner>, step: u64, generation: u64, touched: Vec<Touched>) {
        let (has_deferred, was_misled) = {
            let mut state = owner.state.lock();
            for one in &touched {
                if let Touched::Item { view, id, .. } = one {
                    let key = (view.no, Arc::clone(id));
                    if state.current.get(&key) == Some(&step) {
                        state.current.remove(&key);
                    }
                }
            }
            state.undecided -= 1;
            state.decide(step, true);
            (!state.deferred.is_empty(), state.generation != generation)
        };
        if has_deferred {
            self.send_deferred(owner).await;
        }
        // It was decided beside items that could not be stored: the database may not have had to make the room.
        if was_misled {
            for one in touched {
                if let Touched::Item {
                    view,
                    id,
                    post_id,
                    is_evicted: true,
                    ..
                } = one
                {
                    self.restore(owner, &view, id, post_id, None).await;
                }
            }
        }
    }

    async fn failed(&self, owner: &Arc<Owner>, step: u64, touched: Vec<Touched>, error: &WriteError) {
        tracing::warn!(%error, owner = owner.no.0, withdrawn = touched.len(), "a step could not be stored");
        let withdrawn = {
            let mut state = owner.state.lock();
            state.undecided -= 1;
            state.forget();
            state.decide(step, false);
            touched
                .into_iter()
                .filter(|one| match one {
                    Touched::Item { view, id, .. } => {
                        let key = (view.no, Arc::clone(id));
                        let is_current = state.current.get(&key) == Some(&step);
                        if is_current {
                            state.current.remove(&key);
                        }
                        is_current
                    }
                    Touched::Subscribed { .. } | Touched::Unsubscribed { .. } => true,
                })
                .collect::<Vec<_>>()
        };
        for one in withdrawn {
            self.withdraw(owner, one).await;
        }
        self.send_deferred(owner).await;
    }

    /// Undoes what was delivered and is not stored.
    async fn withdraw(&self, owner: &Arc<Owner>, touched: Touched) {
        match touched {
            Touched::Item {
                view,
                id,
                post_id,
                marks,
                ..
            } => {
                let marks = Some(marks);
                self.restore(owner, &view, id, post_id, marks).await;
            }
            Touched::Subscribed {
                view,
                subscriber,
                jid,
            } => {
                let view = self.current_view(owner, view).await;
                let _state = owner.state.lock();
                self.emit(&Event::Unsubscribed {
                    view,
                    subscriber,
                    jid,
                });
            }
            Touched::Unsubscribed {
                view,
                subscriber,
                jid,
            } => {
                let view = self.current_view(owner, view).await;
                let _state = owner.state.lock();
                self.emit(&Event::Subscribed {
                    view,
                    subscriber,
                    jid,
                });
            }
        }
    }

    /// Notifies an item again as it is stored, or retracts it, unless something newer was delivered meanwhile.
    /// Without `failed` it is not retracted, since it was already.
    async fn restore(
        &self,
        owner: &Arc<Owner>,
        view: &Arc<NodeView>,
        id: Arc<str>,
        post_id: PostId,
        failed: Option<Marks>,
    ) {
        let mut stored = self.stored_item(view, &id).await;
        let current = self.current_view(owner, Arc::clone(view)).await;
        if let Ok(Some((item, marks))) = &mut stored
            && current.is_community()
        {
            // As when it is published: who posted there may have chosen otherwise since.
            let choice = self.choice(&item.publisher_jid).await;
            choice.unwrap_or(Choice::HIDDEN).keep_out(marks);
        }
        let state = owner.state.lock();
        if state.current.contains_key(&(view.no, Arc::clone(&id))) {
            return;
        }
        match stored {
            Ok(Some((item, marks))) => {
                let failed = failed.unwrap_or_else(|| marks.clone());
                let left_tags = failed
                    .tags
                    .iter()
                    .filter(|tag| !marks.tags.contains(tag))
                    .cloned()
                    .collect();
                self.emit(&Event::Published {
                    view: current,
                    item: Arc::new(item),
                    kind: PublishKind::Restored,
                    tags: marks.tags,
                    left_tags,
                    in_public: marks.in_public,
                    was_public: failed.in_public,
                    links: marks.links,
                    old_links: failed.links,
                    words: marks.words,
                    old_words: failed.words,
                });
            }
            Ok(None) => {
                if let Some(failed) = failed {
                    self.emit(&Event::Retracted {
                        view: current,
                        id,
                        post_id,
                        tags: failed.tags,
                        in_public: failed.in_public,
                        notify: true,
                        links: failed.links,
                        words: failed.words,
                    });
                }
            }
            Err(error) => tracing::error!(%error, "an item could not be read to restore it"),
        }
    }

    /// The node as it is now, or as it was if it is gone.
    async fn current_view(&self, owner: &Arc<Owner>, view: Arc<NodeView>) -> Arc<NodeView> {
        match self.view_numbered(owner, &view).await {
            Ok((_, Some(now))) => now,
            Ok((_, None)) | Err(_) => view,
        }
    }

    /// The node with this snapshot's number as it is now, if it is still there, and the owner's generation then.
    async fn view_numbered(
        &self,
        owner: &Arc<Owner>,
        view: &Arc<NodeView>,
    ) -> Result<(u64, Option<Arc<NodeView>>), PubsubError> {
        let spot = match self.spot(owner, &view.name, Freshness::Now).await {
            Ok(spot) => spot,
            // What it belonged to is gone.
            Err(PubsubError::NodeNotFound) => return Ok((owner.state.lock().generation, None)),
            Err(error) => return Err(error),
        };
        let found = self.within(owner, &spot, |state| {
            let view = state.node(&spot.name).map(|node| Arc::clone(&node.view));
            (state.generation, view)
        });
        let (generation, now) = found.await?;
        Ok((generation, now.filter(|now| now.no == view.no)))
    }

    /// Sends the events of steps that waited for their commit, as far as they are decided.
    async fn send_deferred(&self, owner: &Arc<Owner>) {
        loop {
            let told = {
                let mut state = owner.state.lock();
                let generation = state.generation;
                let Some(first) = state.deferred.front() else {
                    return;
                };
                let Some(is_stored) = first.is_stored else { return };
                if !is_stored {
                    state.deferred.pop_front();
                    continue;
                }
                match first.events.first() {
                    // Something before it failed: it must not go out under a configuration that was never stored.
                    Some(event) if first.generation != generation => Arc::clone(event.view()),
                    _ => {
                        let events = state
                            .deferred
                            .pop_front()
                            .map(|one| one.events)
                            .unwrap_or_default();
                        for event in &events {
                            self.emit(event);
                        }
                        continue;
                    }
                }
            };
            let now = self.view_numbered(owner, &told).await;
            let mut state = owner.state.lock();
            let Some(first) = state.deferred.front_mut() else {
                return;
            };
            match now {
                Ok((generation, view)) => {
                    first.generation = generation;
                    // What was the last item then may be what could not be stored.
                    first
                        .events
                        .retain(|event| !matches!(event, Event::LastItem { .. }));
                    if let Some(view) = view {
                        for event in &mut first.events {
                            event.set_view(Arc::clone(&view));
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "events were lost: their node could not be read");
                    state.deferred.pop_front();
                }
            }
        }
    }
}

impl OwnerState {
    /// Forgets what is known of the nodes. What is stored will be read before the next decision.
    pub(super) fn forget(&mut self) {
        self.is_loaded = false;
        self.generation += 1;
        self.nodes.clear();
        self.computed.clear();
    }

    fn decide(&mut self, step: u64, is_stored: bool) {
        let undecided = |deferred: &&mut Deferred| deferred.step == step && deferred.is_stored.is_none();
        if let Some(deferred) = self.deferred.iter_mut().find(undecided) {
            deferred.is_stored = Some(is_stored);
        }
    }

    /// A node that can be decided about.
    pub(super) fn node(&mut self, name: &str) -> Option<&mut super::state::Node> {
        if self.computed.contains(name) {
            return self.computed.get_mut(name);
        }
        match self.nodes.get_mut(name) {
            Some(NodeState::Ready(node)) => {
                self.uses += 1;
                node.used = self.uses;
                Some(node)
            }
            Some(NodeState::Listed(_)) | None => None,
        }
    }
}
