//! Living threads: what whoever subscribes to a thread is told when something in it changes.
//!
//! Events only mark what changed; one task reads it, once it is stored, and tells each subscriber what they may read
//! of it then. So nothing is told that a failed commit takes back, and what is told twice is told the same. An item
//! whose counts alone change is told again at most once in a second.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bus::{AccessModel, Event, NodeKind, NodeView, Virtual};
use parking_lot::Mutex;
use pubsub::access::may_read;
use pubsub::{Actor, PubsubError};
use store::conversation::{Counts, Links};
use store::{JidNo, PostId};
use tokio::sync::Notify;
use wire::{BareJid, Jid};

use crate::payload::{About, Place, shown};
use crate::posts::{Post, Seen, Sight, holds_posts, placed};
use crate::timelines::Timelines;

/// Between two times that an item is told because of its counts.
const QUIET_MS: u64 = 1_000;
/// Items marked at once; beyond them a change of counts is told with the next one.
const MAX_MARKS: usize = 10_000;
/// Subscribers served before others get their turn.
const SLICE: usize = 64;
/// Names of threads kept before it is looked which of them nobody subscribes to any more.
const SWEEP_AT: usize = 1_000;
/// Items told again after a thread was emptied.
const REPEATED: u32 = 50;

/// What is told of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThreadNews {
    /// An item is there, or is there in another revision or with other counts.
    Item {
        /// Its number.
        post_id: PostId,
        /// Who published it.
        publisher: BareJid,
        /// Its payload.
        payload: Vec<u8>,
    },
    /// An item is gone.
    Gone(PostId),
    /// All items are gone; those that remain follow.
    Emptied,
    /// The whole thread is gone.
    Ended,
}

/// A subscriber: an account and perhaps one resource.
pub type Addressee = (JidNo, Option<Arc<str>>);

/// Reaches people.
pub trait ThreadSink: Send + Sync {
    /// Whether anybody would get what is told to this account.
    fn is_online(&self, no: JidNo) -> bool;
    /// Tells subscribers of a thread's node.
    fn tell(&self, thread: &NodeView, to: &[Addressee], news: &ThreadNews);
}

/// What is watched and what has changed.
#[derive(Default)]
pub(crate) struct Live {
    sink: OnceLock<Arc<dyn ThreadSink>>,
    state: Mutex<State>,
    marked: Notify,
}

#[derive(Default)]
struct State {
    /// The names under which each thread is subscribed to, by its first post.
    watched: HashMap<PostId, Vec<Name>>,
    names: usize,
    marks: HashMap<PostId, Mark>,
    is_running: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    service: BareJid,
    number: PostId,
}

/// What is to be told of one item.
#[derive(Default)]
struct Mark {
    has_content: bool,
    has_counts: bool,
    gone: Option<Gone>,
    /// A node that lost all its items.
    emptied: Option<Arc<NodeView>>,
    quiet_until: u64,
}

struct Gone {
    view: Arc<NodeView>,
    root: PostId,
}

impl Mark {
    fn is_urgent(&self) -> bool {
        self.has_content || self.gone.is_some() || self.emptied.is_some()
    }

    fn is_pending(&self) -> bool {
        self.is_urgent() || self.has_counts
    }

    fn is_due(&self, now: u64) -> bool {
        self.is_urgent() || (self.has_counts && now >= self.quiet_until)
    }

    fn take(&mut self, now: u64) -> Mark {
        let taken = std::mem::take(self);
        self.quiet_until = if taken.has_counts {
            now + QUIET_MS
        } else {
            taken.quiet_until
        };
        taken
    }
}

impl State {
    fn mark(&mut self, number: PostId) -> &mut Mark {
        self.marks.entry(number).or_default()
    }

    fn mark_counts(&mut self, number: PostId) {
        if self.marks.len() < MAX_MARKS || self.marks.contains_key(&number) {
            self.mark(number).has_counts = true;
        }
    }

    /// Marks those whose counts differ by what an item says now and said before.
    fn mark_linked(&mut self, now: Links, before: Links) {
        let targets = |links: Links| {
            [
                links.parent.map(|(parent, _)| parent),
                links.boost_of,
                links.likes,
            ]
        };
        for (now, before) in targets(now).into_iter().zip(targets(before)) {
            if now != before {
                now.into_iter()
                    .chain(before)
                    .for_each(|target| self.mark_counts(target));
            }
        }
    }

    fn accept(&mut self, event: &Event) {
        let root = |links: &Links, own: PostId| links.parent.map_or(own, |(_, root)| root);
        match event {
            Event::Published {
                view,
                item,
                links,
                old_links,
                ..
            } => {
                let is_in_thread = holds_posts(view) && links.boost_of.is_none() && links.likes.is_none();
                if is_in_thread && self.watched.contains_key(&root(links, item.post_id)) {
                    self.mark(item.post_id).has_content = true;
                }
                if is_counted(view) {
                    self.mark_linked(*links, *old_links);
                }
            }
            Event::Retracted {
                view, post_id, links, ..
            } => {
                let root = root(links, *post_id);
                if holds_posts(view) && self.watched.contains_key(&root) {
                    let view = Arc::clone(view);
                    self.mark(*post_id).gone = Some(Gone { view, root });
                }
                if is_counted(view) {
                    self.mark_linked(Links::default(), *links);
                }
            }
            Event::Purged { view } | Event::NodeDeleted { view, .. } if holds_posts(view) => {
                let roots: Vec<_> = self.watched.keys().copied().collect();
                for root in roots {
                    self.mark(root).emptied = Some(Arc::clone(view));
                }
            }
            _ => {}
        }
    }
}

impl Live {
    /// Takes notice of an event; whether the task is to be started.
    fn accept(&self, event: &Event) -> bool {
        let mut state = self.state.lock();
        if state.watched.is_empty() {
            return false;
        }
        state.accept(event);
        if !state.marks.values().any(Mark::is_pending) {
            return false;
        }
        self.marked.notify_one();
        !std::mem::replace(&mut state.is_running, true)
    }

    fn names(&self, root: PostId) -> Vec<Name> {
        self.state.lock().watched.get(&root).cloned().unwrap_or_default()
    }

    /// What is due, or how long nothing is; `None` when nothing is left to do.
    fn due(&self, now: u64) -> Option<Result<Vec<(PostId, Mark)>, u64>> {
        let mut state = self.state.lock();
        let due: Vec<_> = state
            .marks
            .iter_mut()
            .filter(|(_, mark)| mark.is_due(now))
            .map(|(number, mark)| (*number, mark.take(now)))
            .collect();
        if !due.is_empty() {
            return Some(Ok(due));
        }
        state
            .marks
            .retain(|_, mark| mark.has_counts || mark.quiet_until > now);
        let waiting = state.marks.values().filter(|mark| mark.has_counts);
        let next = waiting.map(|mark| mark.quiet_until).min();
        state.is_running = next.is_some();
        next.map(|next| Err(next.saturating_sub(now)))
    }
}

impl Timelines {
    /// Says who reaches people. Only the first call counts.
    pub fn set_thread_sink(&self, sink: Arc<dyn ThreadSink>) {
        // A second call would take the threads from the first one.
        let _ = self.inner.live.sink.set(sink);
    }

    /// Reads which threads are subscribed to since a former run. Once, after the host's own start.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn start(&self) -> Result<(), PubsubError> {
        for (service, number) in self.inner.host.subscribed_threads() {
            let read = self.inner.store.read(move |reader| {
                let place = reader.place_in_thread(number)?;
                Ok(place.map_or(number, |(_, root)| root))
            });
            let root = read.await?;
            self.add_name(root, Name { service, number });
        }
        Ok(())
    }

    /// Has whoever subscribes to a thread's node told what happens in it: to be called before they do.
    ///
    /// # Errors
    /// `NodeNotFound` when there is no such thread for this asker.
    pub async fn watch(&self, service: &BareJid, actor: &Actor, number: PostId) -> Result<(), PubsubError> {
        let root = self.thread_of(actor, number).await?;
        let service = service.clone();
        self.add_name(root, Name { service, number });
        Ok(())
    }

    fn add_name(&self, root: PostId, name: Name) {
        let mut state = self.inner.live.state.lock();
        if state.names >= SWEEP_AT && state.names.is_power_of_two() {
            for names in state.watched.values_mut() {
                names.retain(|name| self.subscribed(name).is_some());
            }
            state.watched.retain(|_, names| !names.is_empty());
            state.names = state.watched.values().map(Vec::len).sum();
        }
        let names = state.watched.entry(root).or_default();
        if !names.contains(&name) {
            names.push(name);
            state.names += 1;
        }
    }

    fn subscribed(&self, name: &Name) -> Option<Arc<NodeView>> {
        let node = Virtual::Thread(name.number).name();
        self.inner.host.virtual_view(name.service.as_str(), &node)
    }

    /// Takes notice of what happened in threads.
    pub(crate) fn accept_live(&self, event: &Event) {
        if self.inner.live.accept(event) {
            let timelines = self.clone();
            self.inner
                .host
                .tasks()
                .spawn(async move { timelines.tell_all().await });
        }
    }

    /// Tells what is due, until nothing is left to tell.
    async fn tell_all(&self) {
        let (live, clock) = (&self.inner.live, self.inner.host.clock());
        loop {
            let marked = live.marked.notified();
            match live.due(clock.monotonic_ms()) {
                None => return,
                Some(Ok(due)) => {
                    self.inner.store.wait(self.inner.host.last_write()).await;
                    for (number, mark) in due {
                        if let Err(error) = self.tell(number, mark).await {
                            tracing::warn!(%error, "a change in a thread could not be told");
                        }
                    }
                }
                Some(Err(quiet)) => {
                    tokio::select! {
                        () = clock.sleep(quiet) => {}
                        () = marked => {}
                    }
                }
            }
        }
    }

    async fn tell(&self, number: PostId, mark: Mark) -> Result<(), PubsubError> {
        let read = self.inner.store.read(move |reader| {
            let rows = reader.post(number)?.into_iter().collect();
            let Some(post) = placed(reader, rows)?.pop() else {
                return Ok(None);
            };
            let counts = reader.counts(&[number], None)?.pop().unwrap_or_default();
            Ok(Some((post, counts)))
        });
        match (read.await?, mark) {
            (None, Mark { gone: Some(gone), .. }) => self.tell_gone(number, &gone).await,
            (None, Mark { emptied: Some(_), .. }) => self.tell_ended(number, None).await,
            // It went, and that is told by what is marked then.
            (None, _) => Ok(()),
            (Some((post, counts)), mark) => {
                if let Some(view) = &mark.emptied {
                    self.tell_emptied(&post, view).await?;
                }
                if mark.has_content || mark.has_counts {
                    self.tell_item(&post, &counts).await?;
                }
                Ok(())
            }
        }
    }

    async fn tell_item(&self, post: &Post, counts: &Counts) -> Result<(), PubsubError> {
        let root = post.thread();
        for name in self.inner.live.names(root) {
            let Some(thread) = self.subscribed(&name) else {
                continue;
            };
            // All who see the same of its thread get the same bytes.
            let mut groups: Vec<(Option<Place>, Seen, Vec<Addressee>)> = Vec::new();
            for (actor, addressees) in self.listeners(&thread).await? {
                let mut sight = Sight::new(self, &actor);
                let Some(seen) = sight.see(&Virtual::Thread(root), post).await? else {
                    continue;
                };
                match groups.iter_mut().find(|(place, ..)| *place == seen.place) {
                    Some((_, _, all)) => all.extend(addressees),
                    None => groups.push((seen.place.clone(), seen, addressees)),
                }
            }
            for (place, seen, addressees) in groups {
                let about = About {
                    counts: Some(counts.clone()),
                    is_closed: seen.is_closed,
                    place,
                    boost_of: None,
                };
                let news = ThreadNews::Item {
                    post_id: seen.item.post_id,
                    publisher: seen.item.publisher_jid.clone(),
                    payload: shown(&seen.view, &seen.item, &about),
                };
                self.send(&thread, &addressees, &news).await;
            }
        }
        Ok(())
    }

    async fn tell_gone(&self, number: PostId, gone: &Gone) -> Result<(), PubsubError> {
        for name in self.inner.live.names(gone.root) {
            let Some(thread) = self.subscribed(&name) else {
                continue;
            };
            let mut told = Vec::new();
            for (actor, addressees) in self.listeners(&thread).await? {
                // Who could not see it does not hear that it was there.
                let reader = self.inner.host.reader(&actor, &gone.view).await;
                if may_read(&reader, &gone.view).is_ok() {
                    told.extend(addressees);
                }
            }
            self.send(&thread, &told, &ThreadNews::Gone(number)).await;
        }
        if number == gone.root {
            self.tell_ended(number, Some(&gone.view)).await?;
        }
        Ok(())
    }

    /// The first post is gone, and the thread with it: nobody can subscribe to it, or be told of it, any more.
    async fn tell_ended(&self, root: PostId, view: Option<&Arc<NodeView>>) -> Result<(), PubsubError> {
        for name in self.inner.live.names(root) {
            let Some(thread) = self.subscribed(&name) else {
                continue;
            };
            let mut told = Vec::new();
            for (actor, addressees) in self.listeners(&thread).await? {
                let is_told = match view {
                    Some(view) => may_read(&self.inner.host.reader(&actor, view).await, view).is_ok(),
                    None => true,
                };
                if is_told {
                    told.extend(addressees);
                }
            }
            self.send(&thread, &told, &ThreadNews::Ended).await;
        }
        let mut state = self.inner.live.state.lock();
        let ended = state.watched.remove(&root).map_or(0, |names| names.len());
        state.names -= ended;
        Ok(())
    }

    /// A node lost all its items. If they belonged to this thread, what is left of it is told anew.
    async fn tell_emptied(&self, first: &Post, view: &NodeView) -> Result<(), PubsubError> {
        let NodeKind::Computed(computed) = &view.kind else {
            return Ok(());
        };
        let (root, target) = (first.row.post_id, computed.target);
        let read = self.inner.store.read(move |reader| {
            let place = reader.place_in_thread(target)?;
            if place.map_or(target, |(_, root)| root) != root {
                return Ok(Vec::new());
            }
            let mut rows: Vec<_> = reader.post(root)?.into_iter().collect();
            rows.extend(reader.oldest_in_thread(root, REPEATED, None)?);
            let numbers: Vec<_> = rows.iter().map(|row| row.post_id).collect();
            let counts = reader.counts(&numbers, None)?;
            Ok(placed(reader, rows)?.into_iter().zip(counts).collect())
        });
        let left = read.await?;
        if left.is_empty() {
            return Ok(());
        }
        for name in self.inner.live.names(root) {
            let Some(thread) = self.subscribed(&name) else {
                continue;
            };
            let mut told = Vec::new();
            for (actor, addressees) in self.listeners(&thread).await? {
                if may_read(&self.inner.host.reader(&actor, view).await, view).is_ok() {
                    told.extend(addressees);
                }
            }
            self.send(&thread, &told, &ThreadNews::Emptied).await;
        }
        for (post, counts) in left {
            self.tell_item(&post, &counts).await?;
        }
        Ok(())
    }

    /// Who listens to a thread at this moment, each account with the addresses that it subscribed.
    async fn listeners(&self, thread: &NodeView) -> Result<Vec<(Actor, Vec<Addressee>)>, PubsubError> {
        let Some(sink) = self.inner.live.sink.get() else {
            return Ok(Vec::new());
        };
        let mut listeners: Vec<(Actor, Vec<Addressee>)> = Vec::new();
        for subscriber in thread.subscribers.iter() {
            let addressee = (subscriber.no, subscriber.resource.clone());
            if let Some((_, all)) = listeners
                .last_mut()
                .filter(|(actor, _)| actor.no == subscriber.no)
            {
                all.push(addressee);
                continue;
            }
            if !sink.is_online(subscriber.no) {
                continue;
            }
            let name = self.inner.store.jids().name(subscriber.no).await?;
            if let Some(jid) = name.and_then(|name| Jid::parse(&name).ok()) {
                let no = subscriber.no;
                listeners.push((Actor { jid, no }, vec![addressee]));
            }
        }
        Ok(listeners)
    }

    async fn send(&self, thread: &NodeView, to: &[Addressee], news: &ThreadNews) {
        let Some(sink) = self.inner.live.sink.get() else {
            return;
        };
        for slice in to.chunks(SLICE) {
            sink.tell(thread, slice, news);
            tokio::task::yield_now().await;
        }
    }
}

/// Whether items of this node are counted. What is for some people alone is not, so that no count tells of it.
fn is_counted(view: &NodeView) -> bool {
    view.kind != NodeKind::Pep || view.config.access == AccessModel::Open
}
