//! Whether somebody is in the public stream and its tags, and whether they are found: their own choice, for all their feeds.
//!
//! The choice counts from its step on, for what is read and what is published. What was in the stream leaves it, and what
//! was kept out comes, in slices that are noted as a job, each with its events; so it is when a feed is closed and opened,
//! too. What was published while it was closed does not come.

use std::sync::Arc;

use bus::{AccessModel, Event, MICROBLOG, NodeConfig, NodeKind, NodeView};
use format::search::WordSet;
use store::changes::LISTING;
use store::{NodeNo, PostId, Timestamp, Write};
use wire::BareJid;

use super::made::one_write;
use super::state::{Marks, NodeState, Owner, OwnerState};
use super::steps::Deliver;
use super::{Accepted, Host};
use crate::access::Actor;
use crate::error::PubsubError;

/// Items in one slice.
const SLICE: u32 = 64;

/// Where somebody wants to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// In the public stream and the tags.
    pub in_stream: bool,
    /// In the search for people and for words.
    pub in_search: bool,
}

impl Default for Choice {
    fn default() -> Choice {
        Choice {
            in_stream: true,
            in_search: true,
        }
    }
}

impl Choice {
    /// Nowhere.
    pub(super) const HIDDEN: Choice = Choice {
        in_stream: false,
        in_search: false,
    };

    /// Takes an item out of where its author does not want to be seen.
    pub(super) fn keep_out(self, marks: &mut Marks) {
        marks.in_public &= self.in_stream;
        if !marks.in_public || !self.in_search {
            marks.words = WordSet::default();
        }
    }

    /// What a feed's configuration says.
    #[must_use]
    pub fn of(config: &NodeConfig) -> Choice {
        Choice {
            in_stream: config.in_stream,
            in_search: config.in_search,
        }
    }

    fn apply(self, config: &mut NodeConfig) {
        config.in_stream = self.in_stream;
        config.in_search = self.in_search;
    }
}

/// Whether the public posts of a node configured so stand in the public stream and the tags.
fn is_listed(config: &NodeConfig) -> bool {
    config.in_stream && config.access == AccessModel::Open
}

/// What is to be stored for the stream's sake when a node is configured anew.
pub(super) fn listing(node: NodeNo, old: &NodeConfig, new: &NodeConfig, now: Timestamp) -> Option<Write> {
    (is_listed(old) != is_listed(new) || old.in_stream != new.in_stream)
        .then(|| store::changes::list(node, !is_listed(new), now))
}

impl OwnerState {
    /// What the owner chose: their main blog says so, or one of their others.
    pub(super) fn choice(&self) -> Choice {
        let of = |node: &NodeState| Choice::of(&node.view().config);
        let main = self.nodes.get(MICROBLOG).map(of);
        main.or_else(|| {
            self.nodes
                .values()
                .find(|node| node.view().is_microblog())
                .map(of)
        })
        .unwrap_or_default()
    }

    /// Has a new feed follow what the owner chose.
    pub(super) fn follow_choice(&self, kind: &NodeKind, config: &mut NodeConfig) {
        if *kind == NodeKind::Pep {
            self.choice().apply(config);
        }
    }
}

impl Host {
    /// Where an account wants to be seen.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn choice(&self, account: &BareJid) -> Result<Choice, PubsubError> {
        match self.owner(account).await? {
            Some(owner) => self.with_nodes(&owner, |state| state.choice()).await,
            None => Ok(Choice::default()),
        }
    }

    /// Says where an account wants to be seen.
    ///
    /// # Errors
    /// `Forbidden` on somebody else's account; `NodeNotFound` where there is no feed.
    pub async fn choose(
        &self,
        account: &BareJid,
        actor: &Actor,
        choice: Choice,
    ) -> Result<Accepted<()>, PubsubError> {
        let owner = self.owner(account).await?.ok_or(PubsubError::NodeNotFound)?;
        if owner.no != actor.no {
            return Err(PubsubError::Forbidden);
        }
        self.with_nodes(&owner, |state| self.choose_now(&owner, state, choice))
            .await?
    }

    fn choose_now(
        &self,
        owner: &Arc<Owner>,
        state: &mut OwnerState,
        choice: Choice,
    ) -> Result<Accepted<()>, PubsubError> {
        let feeds = state.nodes.values().map(NodeState::view);
        let feeds: Vec<_> = feeds.filter(|view| view.is_microblog()).cloned().collect();
        if feeds.is_empty() {
            return Err(PubsubError::NodeNotFound);
        }
        let mut writes = Vec::new();
        let mut changed = Vec::new();
        for view in feeds.iter().filter(|view| Choice::of(&view.config) != choice) {
            let mut config = NodeConfig::clone(&view.config);
            choice.apply(&mut config);
            let access = config.access.as_str().to_owned();
            writes.push(store::nodes::configure(view.no, access, config.to_text()));
            let now = self.inner.clock.now();
            writes.extend(listing(view.no, &view.config, &config, now));
            changed.push((Arc::clone(view), Arc::new(config)));
        }
        if writes.is_empty() {
            return Ok(Accepted::at_once(()));
        }
        let queued = self.queue(one_write(writes))?;
        let mut followed = Vec::new();
        for (view, config) in changed {
            if let Some(node) = state.nodes.get_mut(&view.name) {
                node.set_config(config, queued.ticket);
                followed.push((Arc::clone(node.view()), Arc::clone(&view.config)));
            }
        }
        let accepted = self.finish(
            owner,
            state,
            queued,
            Deliver::WhenStored,
            Vec::new(),
            Vec::new(),
            (),
        );
        Ok(self.when_listed(accepted, followed))
    }

    /// A new configuration of nodes, with what they were configured before: what is listed otherwise for it is done before it
    /// is acknowledged.
    pub(super) fn when_listed(
        &self,
        accepted: Accepted<()>,
        nodes: Vec<(Arc<NodeView>, Arc<NodeConfig>)>,
    ) -> Accepted<()> {
        let listed: Vec<_> = nodes
            .into_iter()
            .filter(|(view, old)| is_listed(&view.config) != is_listed(old))
            .map(|(view, _)| view)
            .collect();
        if listed.is_empty() {
            return accepted;
        }
        let host = self.clone();
        Accepted {
            durable: Box::pin(async move {
                accepted.durable.await?;
                for view in listed {
                    host.list_node(&view).await?;
                }
                Ok(())
            }),
        }
    }

    /// Does the jobs that choices left.
    pub(super) async fn list_as_chosen(&self) -> Result<(), PubsubError> {
        let jobs = self.inner.store.read(|reader| reader.jobs(LISTING)).await?;
        for job in jobs {
            let node = NodeNo(job.subject);
            if let Some(view) = self.view_by_number(node).await? {
                self.list_node(&view).await?;
            }
            let done = self.inner.store.write(store::changes::listed(node, job.state));
            done.await.map_err(|error| PubsubError::from(&error))?;
        }
        Ok(())
    }

    async fn list_node(&self, view: &Arc<NodeView>) -> Result<(), PubsubError> {
        let Some(owner) = self.owner(&view.owner_jid).await? else {
            return Ok(());
        };
        // Who chose and the job do the same work: each slice is told once.
        let _turn = self.inner.listing.lock().await;
        let (mut bound, mut is_unlisted) = (PostId(0), !is_listed(&view.config));
        loop {
            // It may have been chosen otherwise meanwhile.
            let Some(now) = self.view(&view.owner_jid, &view.name).await? else {
                return Ok(());
            };
            if now.no != view.no {
                return Ok(());
            }
            if is_unlisted == is_listed(&now.config) {
                (bound, is_unlisted) = (PostId(0), !is_listed(&now.config));
            }
            let (node, above) = (now.no, bound);
            let read = self.inner.store.read(move |reader| {
                let rows = reader.to_list(node, is_unlisted, above, SLICE)?;
                let tags = rows.iter().map(|row| reader.tags(row.post_id));
                Ok((tags.collect::<Result<Vec<_>, _>>()?, rows))
            });
            let (tags, rows) = read.await?;
            let Some(last) = rows.last().map(|row| row.post_id) else {
                return Ok(());
            };
            bound = last;
            let numbers = rows.iter().map(|row| row.post_id).collect();
            let listed = self
                .inner
                .store
                .write(store::changes::list_items(node, numbers, is_unlisted));
            listed.await.map_err(|error| PubsubError::from(&error))?;
            let items: Vec<_> = rows.iter().map(|row| row.item_id.clone()).collect();
            self.tell_listed(&owner, &now, &items, tags, !is_unlisted).await?;
        }
    }

    /// Tells that items came into the stream or left it, as they are now.
    async fn tell_listed(
        &self,
        owner: &Arc<Owner>,
        view: &Arc<NodeView>,
        ids: &[String],
        tags: Vec<Vec<String>>,
        comes: bool,
    ) -> Result<(), PubsubError> {
        for (id, tags) in ids.iter().zip(tags) {
            loop {
                let epoch = self.epoch(owner, view).await?;
                let Some((item, _)) = self.stored_item(view, id).await? else {
                    break;
                };
                let is_told = self.with(owner, &view.name, |state| {
                    let Some(node) = state.node(&view.name).filter(|node| node.view.no == view.no) else {
                        return true;
                    };
                    // What was published since then may be newer than what was read.
                    if Some(node.epoch) != epoch {
                        return false;
                    }
                    let view = Arc::clone(&node.view);
                    if is_listed(&view.config) == comes {
                        let tags = tags.iter().map(|tag| Arc::from(tag.as_str())).collect();
                        let item = Arc::new(item);
                        self.emit_in_order(
                            state,
                            Event::Listed {
                                view,
                                item,
                                tags,
                                is_listed: comes,
                            },
                        );
                    }
                    true
                });
                if is_told.await? {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn epoch(&self, owner: &Arc<Owner>, view: &NodeView) -> Result<Option<u64>, PubsubError> {
        // What is decided and not stored yet is waited for.
        let found = self.with(owner, &view.name, |state| {
            let node = state.node(&view.name)?;
            Some((node.epoch, node.last_ticket))
        });
        let found = found.await?;
        if let Some((_, ticket)) = found {
            self.inner.store.wait(ticket).await;
        }
        Ok(found.map(|(epoch, _)| epoch))
    }
}
