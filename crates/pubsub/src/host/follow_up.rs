//! What follows when an item goes or changes: what belongs to it goes too, what repeats it goes or follows.
//!
//! From the commit on nobody can read any of it (see `computed.rs` and `boosts.rs`); here the rows go, with the events for
//! whoever follows them, in steps like any other. The jobs were noted in the item's own commit, so that they are done after
//! a restart at the latest.

use std::sync::Arc;

use bus::{Computed, ComputedName, Event, NodeView, What};
use format::search::WordSet;
use parking_lot::Mutex;
use store::computed::{CHANGED, GONE, Target};
use store::jobs::Job;
use store::{Links, NodeNo, PostId};

use super::Host;
use super::boosts::is_open;
use super::choice::Choice;
use super::computed::{Found, Freshness, Spot, computed_name};
use super::made::{Body, Content};
use super::retract::Telling;
use super::state::Owner;
use super::steps::Deliver;
use crate::access::Actor;
use crate::error::PubsubError;

/// Boosts looked at in one go.
const SLICE: u32 = 64;

/// Whether jobs are being done.
#[derive(Default)]
pub(super) struct FollowUps(Mutex<Doing>);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Doing {
    #[default]
    Nothing,
    /// With what there was when it began.
    Jobs,
    /// And then once more.
    JobsAgain,
}

impl Host {
    /// Begins with what a former run left, and does what follows from now on.
    pub(super) fn start_follow_ups(&self) {
        let (inner, runtime) = (Arc::downgrade(&self.inner), tokio::runtime::Handle::current());
        self.inner.store.on_follow_up(move || {
            if let Some(inner) = inner.upgrade() {
                Host { inner }.follow_up(&runtime);
            }
        });
        self.follow_up(&tokio::runtime::Handle::current());
    }

    fn follow_up(&self, runtime: &tokio::runtime::Handle) {
        let mut doing = self.inner.follow_ups.0.lock();
        if *doing != Doing::Nothing {
            *doing = Doing::JobsAgain;
            return;
        }
        *doing = Doing::Jobs;
        let host = self.clone();
        self.inner
            .tasks
            .spawn_on(async move { host.do_jobs().await }, runtime);
    }

    async fn do_jobs(&self) {
        loop {
            let done = self.do_all().await;
            if let Err(error) = &done {
                // They are noted, and come up with the next one or after a restart.
                tracing::warn!(%error, "what follows from a deletion or a change waits");
            }
            let mut doing = self.inner.follow_ups.0.lock();
            if *doing == Doing::Jobs || done.is_err() {
                *doing = Doing::Nothing;
                return;
            }
            *doing = Doing::Jobs;
        }
    }

    async fn do_all(&self) -> Result<(), PubsubError> {
        let read = self
            .inner
            .store
            .read(|reader| Ok((reader.jobs(GONE)?, reader.jobs(CHANGED)?)));
        let (gone, changed) = read.await?;
        for job in gone {
            let post = PostId(job.subject as u64);
            self.item_gone(post, &job.state).await?;
            let done = self.inner.store.write(store::jobs::done(GONE, job.subject));
            done.await.map_err(|error| PubsubError::from(&error))?;
        }
        for job in changed {
            self.item_changed(&job).await?;
        }
        self.list_as_chosen().await
    }

    /// Ends what belonged to an item and what repeated it.
    async fn item_gone(&self, post: PostId, state: &str) -> Result<(), PubsubError> {
        let place = state.split_once(' ');
        let node = place.and_then(|(node, _)| node.parse().ok()).map(NodeNo);
        let host_view = match node {
            Some(node) => self.view_by_number(node).await?,
            None => None,
        };
        let read = self.inner.store.read(move |reader| reader.nodes_of_item(post));
        for (_, owner, name) in read.await? {
            let Some(owner) = self.owner_by_number(owner).await? else {
                continue;
            };
            let attached = self.end_node(&owner, &name, post, host_view.as_ref()).await?;
            if let (What::Attachments, Some((_, id)), Some(view)) = (attached, place, &host_view) {
                self.summary_gone(view, post, id).await?;
            }
        }
        let mut above = PostId(0);
        loop {
            let from = above;
            let read = self.inner.store.read(move |reader| {
                let boosts = reader.boosts_of(post, from, SLICE)?;
                let last = boosts.last().copied();
                let targets = boosts.iter().map(|boost| reader.target(*boost));
                Ok((targets.collect::<Result<Vec<_>, _>>()?, last))
            });
            let (boosts, last) = read.await?;
            let Some(last) = last else { return Ok(()) };
            above = last;
            for boost in boosts.into_iter().flatten() {
                self.end_boost(&boost).await?;
            }
        }
    }

    /// Deletes a node whose item is gone. Says what it held.
    async fn end_node(
        &self,
        owner: &Arc<Owner>,
        name: &str,
        post: PostId,
        of: Option<&Arc<NodeView>>,
    ) -> Result<What, PubsubError> {
        let what = match computed_name(owner, name) {
            Some(ComputedName::Comments(_)) => What::Comments,
            Some(ComputedName::Summary { .. }) => What::Summary,
            Some(ComputedName::Attachments { .. }) | None => What::Attachments,
        };
        let spot = Spot {
            name: name.into(),
            found: Some(Arc::new(Found {
                kind: Computed {
                    what,
                    target: post,
                    author: owner.no,
                },
                access: of.and_then(access_of),
                target: None,
            })),
        };
        let deleted = self.within(owner, &spot, |state| {
            let Some(view) = state.node(name).map(|node| Arc::clone(&node.view)) else {
                return Ok(None);
            };
            if view.no == super::computed::UNWRITTEN {
                return Ok(None);
            }
            let queued = self.queue(store::nodes::delete(view.no, self.inner.clock.now()))?;
            state.remove(&view);
            let events = vec![Event::NodeDeleted { view, redirect: None }];
            Ok(Some(self.finish(
                owner,
                state,
                queued,
                Deliver::First,
                events,
                Vec::new(),
                (),
            )))
        });
        let accepted: Result<_, PubsubError> = deleted.await?;
        if let Some(accepted) = accepted? {
            accepted.durable.await?;
        }
        Ok(what)
    }

    async fn end_boost(&self, boost: &Target) -> Result<(), PubsubError> {
        let Some(owner) = self.owner_by_number(boost.owner).await? else {
            return Ok(());
        };
        let actor = actor_of(&owner);
        let retracted = self
            .retract_from(
                &owner,
                &actor,
                &boost.name,
                &[&boost.item_id],
                Telling::AsAsked(false),
            )
            .await;
        match retracted {
            Ok(accepted) => match accepted.durable.await {
                Err(error) if error.is_passing() => Err(error),
                // It is gone already.
                Ok(()) | Err(_) => Ok(()),
            },
            Err(error) if error.is_passing() => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// Tells those who follow a node's summary that an item has no more attachments.
    async fn summary_gone(&self, view: &Arc<NodeView>, post: PostId, id: &str) -> Result<(), PubsubError> {
        let name = ComputedName::Summary {
            node: view.name.to_string(),
        }
        .name(&view.owner_jid);
        let Some(owner) = self.owner(&view.owner_jid).await? else {
            return Ok(());
        };
        let Some(view) = self.view_at(&owner, &name, Freshness::Now).await? else {
            return Ok(());
        };
        let mut state = owner.state.lock();
        self.emit_in_order(
            &mut state,
            Event::Retracted {
                view,
                id: id.into(),
                post_id: post,
                tags: Arc::from([]),
                in_public: false,
                notify: true,
                links: Links::default(),
                words: WordSet::default(),
            },
        );
        Ok(())
    }

    /// Brings what repeats a post up to what the post says now.
    async fn item_changed(&self, job: &Job) -> Result<(), PubsubError> {
        let post = PostId(job.subject as u64);
        let target = self.inner.store.read(move |reader| reader.target(post)).await?;
        if let Some(target) = target
            && let Some(view) = self.view_of(&target).await?
            && is_open(&view)
            && let Some(author) = self.owner_by_number(target.publisher).await?
            && let Some(original) = self.original_at(&target, &view, author.jid.clone()).await?
        {
            let mut above = PostId(0);
            loop {
                let from = above;
                let read = self.inner.store.read(move |reader| {
                    let boosts = reader.boosts_of(post, from, SLICE)?;
                    let last = boosts.last().copied();
                    let targets = boosts.iter().map(|boost| reader.target(*boost));
                    Ok((targets.collect::<Result<Vec<_>, _>>()?, last))
                });
                let (boosts, last) = read.await?;
                let Some(last) = last else { break };
                above = last;
                for boost in boosts.into_iter().flatten() {
                    // It may have been closed while others were brought up to date.
                    let view = self.view_of(&target).await?;
                    if !view.is_some_and(|view| is_open(&view)) {
                        break;
                    }
                    self.renew_boost(&boost, &original).await?;
                }
            }
        }
        let done = self
            .inner
            .store
            .write(store::computed::repeated(post, job.state.clone()));
        done.await.map(drop).map_err(|error| PubsubError::from(&error))
    }

    async fn renew_boost(
        &self,
        boost: &Target,
        original: &crate::profile::boost::Original,
    ) -> Result<(), PubsubError> {
        let Some(owner) = self.owner_by_number(boost.owner).await? else {
            return Ok(());
        };
        let view = self.plain_view(&owner, &boost.name).await?;
        let Some(view) = view.filter(|view| view.no == boost.node && view.is_microblog()) else {
            return Ok(());
        };
        let post = boost.post_id;
        let row = self.inner.store.read(move |reader| reader.post(post)).await?;
        let own_id = row.and_then(|row| {
            let document = wire::Document::parse(row.payload).ok()?;
            format::atom::Entry::parse(document.root()).ok()?.id
        });
        let links = Links {
            boost_of: Some(original.post_id),
            ..Links::default()
        };
        let Some(publisher) = self.owner_by_number(boost.publisher).await? else {
            return Ok(());
        };
        let actor = actor_of(&publisher);
        let notify = self.notified(&actor, Some(&view), None, links).await;
        let body = Body::Boost(Box::new(original.clone()), own_id);
        let content = Content {
            body,
            links,
            notify,
            choice: Choice::default(),
        };
        match self
            .renew(&owner, &actor, &boost.name, &boost.item_id, content)
            .await
        {
            Err(error) if !error.is_passing() => {
                tracing::debug!(%error, "a boost does not follow its post");
                Ok(())
            }
            done => done,
        }
    }

    /// The node of this number as it is now.
    pub(super) async fn view_by_number(&self, no: NodeNo) -> Result<Option<Arc<NodeView>>, PubsubError> {
        let Some(row) = self
            .inner
            .store
            .read(move |reader| reader.node_numbered(no))
            .await?
        else {
            return Ok(None);
        };
        let Some(owner) = self.owner_by_number(row.owner).await? else {
            return Ok(None);
        };
        self.view_at(&owner, &row.name, Freshness::Now).await
    }
}

/// The node that says who may read a node and what belongs to its items.
fn access_of(view: &Arc<NodeView>) -> Option<Arc<NodeView>> {
    match &view.kind {
        bus::NodeKind::Computed(_) => view.inherits.clone(),
        bus::NodeKind::Pep | bus::NodeKind::Service | bus::NodeKind::Virtual(_) => Some(Arc::clone(view)),
    }
}

/// An owner, as who acts on their own behalf.
fn actor_of(owner: &Owner) -> Actor {
    Actor {
        jid: owner.jid.clone().into(),
        no: owner.no,
    }
}
