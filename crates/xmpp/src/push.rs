//! Telling somebody who does not look that something came: the servers of phones' apps (XEP-0357,
//! <https://xmpp.org/extensions/xep-0357.html>) and browsers (Web Push, RFC 8030).
//!
//! Each registration belongs to one client: nothing is pushed while that client's session reads. What came at about one
//! time is told together, so that nobody is told more often than every few seconds. Which events are worth it is in `event`,
//! what is said to whom in `app` and `browser`. Nothing waits for a push, and none outlives the process.

pub(crate) mod app;
pub mod browser;
pub(crate) mod encryption;
pub(crate) mod event;
pub(crate) mod vapid;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use futures_util::StreamExt;
use lru::LruCache;
use parking_lot::{Mutex, RwLock};
use store::push::{PushRegistration, PushService};
use store::{JidNo, PostId, Ticket, WriteError};
use tokio::sync::{Notify, Semaphore};
use wire::{BareJid, Jid, Stanza};

use crate::questions;
use crate::rates::{Keyed, Rate};
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::Outgoing;
use crate::xep;
use app::Counts;
use browser::{Browser, Outcome, Post};
use event::{Event, Gathered, What};
use vapid::Vapid;

/// Registrations that one account may have; one more takes the place of the oldest.
pub(crate) const REGISTRATIONS_MAX: u32 = 20;
/// What comes within this time of a push is told together with what follows.
const PAUSE_MS: u64 = 5_000;
/// Pushes to one account in an hour, and as many of them as may follow each other after that pause.
const PER_HOUR: u32 = 120;
const IN_A_ROW: u32 = 20;
/// Failures in a row that may pass; after so many the registration is forgotten (§7.1).
const FAILURES_MAX: u32 = 5;
/// Publications and requests under way at a time, of all accounts, and of one: nobody's slow services are to hold up others'.
const AT_ONCE: usize = 256;
const AT_ONCE_OF_ACCOUNT: usize = 4;
/// Registrations whose state is remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(100_000).expect("not zero");

/// Who wants to be told, and what waits to be.
pub struct Push {
    /// Accounts that have registrations, or had.
    enabled: RwLock<HashSet<JidNo>>,
    /// What was not told yet, of accounts for which a task is at work.
    waiting: Mutex<HashMap<JidNo, Waiting>>,
    states: Mutex<LruCache<i64, State>>,
    rates: Keyed<JidNo>,
    places: Semaphore,
    vapid: Vapid,
    post: OnceLock<Arc<dyn Post>>,
}

struct Waiting {
    gathered: Gathered,
    /// Everything up to here is to be stored before it is told.
    ticket: Ticket,
    /// Somebody rings: there is no time to gather more.
    hurry: Arc<Notify>,
}

/// What is remembered of a registration.
#[derive(Clone, Copy, Default)]
struct State {
    /// Messages since its client read last.
    messages: u32,
    /// Pushes that failed since the last that did not.
    failures: u32,
    /// It is left alone until then.
    quiet_until: u64,
}

/// Why pushing cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The registrations could not be read.
    #[error(transparent)]
    Read(#[from] store::ReadError),
    /// There is no key for Web Push.
    #[error(transparent)]
    Vapid(#[from] vapid::VapidError),
}

impl Push {
    /// Reads who is registered; `contact` is an address that push services may write to.
    pub(crate) async fn load(store: &store::Store, contact: String) -> Result<Push, LoadError> {
        let enabled = store.read(store::Reader::push_accounts).await?;
        Ok(Push {
            enabled: RwLock::new(enabled.into_iter().collect()),
            waiting: Mutex::default(),
            // Grows as it fills, so that a server where nobody is told stays small.
            states: Mutex::new(LruCache::unbounded()),
            rates: Keyed::new(Rate::new(PER_HOUR, 3_600_000, IN_A_ROW)),
            places: Semaphore::new(AT_ONCE),
            vapid: Vapid::load(store, contact).await?,
            post: OnceLock::new(),
        })
    }

    /// Has requests to push services carried by this. Only the first call counts.
    pub fn set_post(&self, post: Arc<dyn Post>) {
        let _ = self.post.set(post);
    }

    /// The key that browsers subscribe with.
    pub(crate) fn public_key(&self) -> String {
        self.vapid.public_key()
    }

    /// Whether anybody carries requests to push services.
    pub(crate) fn has_post(&self) -> bool {
        self.post.get().is_some()
    }

    /// Notes that an account has a registration.
    pub(crate) fn begins(&self, no: JidNo) {
        self.enabled.write().insert(no);
    }

    fn is_enabled(&self, no: JidNo) -> bool {
        self.enabled.read().contains(&no)
    }

    /// What is to be told, leaving an empty place for what comes meanwhile; `None` when there is nothing, and no place either.
    fn take(&self, no: JidNo) -> Option<(Gathered, Ticket)> {
        let mut waiting = self.waiting.lock();
        let one = waiting.get_mut(&no)?;
        if one.gathered.is_empty() {
            waiting.remove(&no);
            return None;
        }
        Some((std::mem::take(&mut one.gathered), one.ticket))
    }

    fn change(&self, id: i64, change: impl FnOnce(&mut State)) -> State {
        let mut states = self.states.lock();
        let state = states.get_or_insert_mut(id, State::default);
        change(state);
        let state = *state;
        if states.len() > REMEMBERED.get() {
            states.pop_lru();
        }
        state
    }
}

/// A message came for an account, whatever became of it. To be called once for each that is neither from a blocked sender
/// nor held back; returns at once.
pub(crate) fn message(server: &Arc<Server>, owner: JidNo, stanza: &Stanza) {
    if !server.push.is_enabled(owner) {
        return;
    }
    if stanza.first_child().is_some_and(|(ns, _)| ns == wire::ns::PUBSUB) {
        return stopped(server, owner, stanza);
    }
    if let Some(event) = Event::of_message(stanza)
        // What one's own other client sent is no news.
        && server.store.jids().number_cached(event.from.bare_str()) != Some(owner)
    {
        tell(server, owner, event);
    }
}

/// A session's connection is lost, and with it this, which its client never acknowledged: it was taken for read, and is told
/// to that client alone. To be called when the session begins to wait for its client (XEP-0198 §5).
pub(crate) fn unread(server: &Arc<Server>, session: &Session, unread: Vec<Outgoing>) {
    if !server.push.is_enabled(session.no) {
        return;
    }
    let now = server.clock.now();
    let mut gathered = Gathered::default();
    for out in unread {
        let mut bytes = Vec::new();
        out.write(&session.jid, &mut bytes);
        let event = Stanza::parse(bytes)
            .ok()
            .and_then(|stanza| Event::of_message(&stanza));
        // Nor is what one's own other client sent.
        if let Some(event) = event.filter(|event| event.from.bare_str() != session.jid.bare_str()) {
            gathered.add(event, now);
        }
    }
    if gathered.is_empty() {
        return;
    }
    let (owner, jid) = (session.no, session.jid.clone());
    let (task, tasks) = (server.clone(), server.tasks.clone());
    tasks.spawn(async move {
        let Some((registrations, bare)) = registrations(&task, owner).await else {
            return;
        };
        for registration in &registrations {
            if Some(registration.resource.as_str()) == jid.resource() {
                one(&task, &bare, registration, &gathered).await;
            }
        }
    });
}

/// §8: an app's server may say that it wants no more; of its own nodes, so that nobody ends what is another's.
fn stopped(server: &Arc<Server>, owner: JidNo, stanza: &Stanza) {
    let (Some(from), Some(to)) = (stanza.from(), stanza.to()) else {
        return;
    };
    let (Ok(from), Ok(to)) = (Jid::parse(&from), Jid::parse(&to)) else {
        return;
    };
    let Some(node) = xep::push::stopped(stanza.document().root(), to.bare_str()) else {
        return;
    };
    let removed = server
        .store
        .write(store::push::disable(owner, from.as_str().to_owned(), Some(node)));
    server.tasks.spawn(async move {
        if let Err(error) = removed.await {
            tracing::error!(%error, "a registration for pushes could not be removed");
        }
    });
}

/// Somebody asks to see an account's presence.
pub(crate) fn request(server: &Arc<Server>, owner: JidNo, from: &BareJid) {
    if server.push.is_enabled(owner) {
        tell(server, owner, Event::of_request(from));
    }
}

/// An account has a new notification (`urn:x-folkmoot:notifications:0`), if it may be read still.
pub(crate) async fn notice(server: &Arc<Server>, owner: JidNo, id: PostId) {
    if !server.push.is_enabled(owner) {
        return;
    }
    match event_of_notice(server, owner, id).await {
        Ok(Some(event)) => tell(server, owner, event),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "a notification could not be read for a push"),
    }
}

async fn event_of_notice(
    server: &Arc<Server>,
    owner: JidNo,
    id: PostId,
) -> Result<Option<Event>, pubsub::PubsubError> {
    let read = server
        .store
        .read(move |reader| reader.notification(owner, id))
        .await?;
    let Some((notice, what)) = read.and_then(|notice| Some((notice, What::of_notice(notice.kind)?))) else {
        return Ok(None);
    };
    let (Some(own), Some(by)) = (
        server.store.jids().name(owner).await?,
        server.store.jids().name(notice.by).await?,
    ) else {
        return Ok(None);
    };
    let (Ok(own), Ok(by)) = (Jid::parse(&own), Jid::parse(&by)) else {
        return Ok(None);
    };
    let actor = pubsub::Actor { jid: own, no: owner };
    // Who may not read the post is not told of it.
    let is_readable = server.timelines.notification(&actor, id).await?.is_some();
    Ok(is_readable.then_some(Event {
        what,
        from: by,
        text: None,
        post: notice.subject,
    }))
}

/// Adds an event to what is told next; the first one is told at once.
fn tell(server: &Arc<Server>, owner: JidNo, event: Event) {
    let now = server.clock.now();
    let is_urgent = event.what == What::Call;
    let ticket = server.store.newest_ticket();
    // Now, for who goes a moment later has read it.
    let sessions = server.registry.sessions(owner);
    let reading = sessions.iter().filter(|session| is_read(session));
    let readers = reading.filter_map(|session| session.jid.resource().map(str::to_owned));
    let readers: Vec<String> = readers.collect();
    {
        let mut waiting = server.push.waiting.lock();
        if let Some(one) = waiting.get_mut(&owner) {
            one.gathered.add_seen(event, now, readers);
            one.ticket = ticket;
            if is_urgent {
                one.hurry.notify_one();
            }
            return;
        }
        let mut gathered = Gathered::default();
        gathered.add_seen(event, now, readers);
        let hurry = Arc::default();
        waiting.insert(
            owner,
            Waiting {
                gathered,
                ticket,
                hurry,
            },
        );
    }
    let server = server.clone();
    let tasks = server.tasks.clone();
    tasks.spawn(async move { work(&server, owner).await });
}

/// Tells what waits for an account until nothing does.
async fn work(server: &Arc<Server>, owner: JidNo) {
    while let Some((gathered, ticket)) = server.push.take(owner) {
        // Whoever comes to look finds it.
        server.store.wait(ticket).await;
        if !round(server, owner, &gathered).await {
            continue;
        }
        let now = server.clock.monotonic_ms();
        server.push.rates.charge(owner, now);
        let pause = server.push.rates.debt_ms(&owner, now).max(PAUSE_MS);
        let hurry = match server.push.waiting.lock().get(&owner) {
            Some(one) => one.hurry.clone(),
            None => return,
        };
        tokio::select! {
            () = server.clock.sleep(pause) => {}
            () = hurry.notified() => {}
            () = server.shutdown.cancelled() => return,
        }
    }
}

/// The registrations of an account, and its address; `None` when they could not be read.
async fn registrations(server: &Arc<Server>, owner: JidNo) -> Option<(Vec<PushRegistration>, BareJid)> {
    let now = server.clock.now();
    let read = server
        .store
        .read(move |reader| reader.push_registrations(owner, now))
        .await;
    match (read, server.store.jids().name(owner).await) {
        (Ok(registrations), Ok(jid)) => Some((registrations, BareJid::parse(&jid?).ok()?)),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "nobody was told of a message: the registrations could not be read");
            None
        }
    }
}

/// Tells every registration of an account whose client does not read; false when that is none.
async fn round(server: &Arc<Server>, owner: JidNo, gathered: &Gathered) -> bool {
    let Some((registrations, jid)) = registrations(server, owner).await else {
        return false;
    };
    if registrations.is_empty() {
        forget_if_none(server, owner).await;
        return false;
    }
    let jid = &jid;
    futures_util::stream::iter(registrations)
        .map(|registration| async move { one(server, jid, &registration, gathered).await })
        .buffer_unordered(AT_ONCE_OF_ACCOUNT)
        .fold(false, |before, is_told| async move { before | is_told })
        .await
}

/// An account has no registrations any more, unless it just got one.
async fn forget_if_none(server: &Arc<Server>, owner: JidNo) {
    server.push.enabled.write().remove(&owner);
    let again = server.store.read(move |reader| reader.has_push(owner)).await;
    if again.unwrap_or(true) {
        server.push.begins(owner);
    }
}

/// Whether the client that registered reads what comes, so that nobody has to tell it.
fn reads(server: &Server, registration: &PushRegistration) -> bool {
    server
        .registry
        .session(registration.no, &registration.resource)
        .is_some_and(|session| is_read(&session))
}

/// Whether somebody reads what a session is sent.
fn is_read(session: &Session) -> bool {
    session.routing.is_available() && session.is_active() && !session.is_hibernating()
}

/// Tells one registration; false when there was no reason to.
async fn one(
    server: &Arc<Server>,
    jid: &BareJid,
    registration: &PushRegistration,
    gathered: &Gathered,
) -> bool {
    let push = &server.push;
    let seen = gathered.seen_by(&registration.resource);
    if reads(server, registration) || seen.is_some_and(|seen| seen.events == gathered.events) {
        push.change(registration.id, |state| state.messages = 0);
        return false;
    }
    let state = push.change(registration.id, |state| {
        state.messages = match seen {
            Some(seen) => gathered.messages.saturating_sub(seen.messages),
            None => state.messages.saturating_add(gathered.messages),
        };
    });
    if server.clock.monotonic_ms() < state.quiet_until {
        return false;
    }
    let Ok(_place) = push.places.acquire().await else {
        return false;
    };
    let outcome = match &registration.service {
        PushService::App {
            jid: service,
            node,
            options,
        } => {
            if !gathered.told.iter().any(|told| told.event.what.is_for_apps()) {
                return false;
            }
            publish(
                server,
                jid,
                (service, node, options.as_deref()),
                registration,
                (gathered, state),
            )
            .await
        }
        PushService::Browser {
            endpoint,
            public_key,
            secret,
            shows_text,
        } => {
            let browser = Browser {
                endpoint,
                public_key,
                secret,
                shows_text: *shows_text,
            };
            let Some(post) = push.post.get() else { return false };
            let request = browser::request(
                &browser,
                jid,
                gathered,
                &push.vapid,
                server.clock.now(),
                server.settings.is_dev,
            );
            match request {
                Some(request) => tokio::select! {
                    answer = post.post(request) => browser::outcome(answer),
                    () = server.shutdown.cancelled() => return false,
                },
                None => Outcome::Gone,
            }
        }
    };
    settle(server, registration, outcome).await;
    true
}

/// §7: the publication, and §7.1 what its answer means.
async fn publish(
    server: &Arc<Server>,
    jid: &BareJid,
    (service, node, options): (&str, &str, Option<&[u8]>),
    registration: &PushRegistration,
    (gathered, state): (&Gathered, State),
) -> Outcome {
    let (Ok(whom), Ok(from)) = (Jid::parse(service), Jid::parse(jid.domain())) else {
        return Outcome::Gone;
    };
    let requests = match server.rosters.of(registration.no).await {
        Ok(roster) => roster.with(|roster| roster.requests().len()),
        Err(_) => 0,
    };
    let counts = Counts {
        messages: state.messages,
        requests,
    };
    let payload = app::publication(node, options, gathered, &counts, server.settings.push_summary);
    match questions::set(server, &from, &whom, &payload).await {
        Ok(()) => Outcome::Taken,
        Err(refusal) if refusal.is_passing => Outcome::Later(0),
        Err(refusal) => {
            tracing::info!(
                condition = refusal.condition,
                "an app's server refused a push: nothing more is pushed there"
            );
            Outcome::Gone
        }
    }
}

async fn settle(server: &Arc<Server>, registration: &PushRegistration, outcome: Outcome) {
    let push = &server.push;
    let now = server.clock.monotonic_ms();
    let is_over = match outcome {
        Outcome::Taken => {
            push.change(registration.id, |state| state.failures = 0);
            server.metrics.pushes.add(1);
            false
        }
        Outcome::Later(pause) => {
            let state = push.change(registration.id, |state| {
                state.failures += 1;
                state.quiet_until = now + pause;
            });
            state.failures >= FAILURES_MAX
        }
        Outcome::Gone => true,
    };
    if !is_over {
        return;
    }
    push.states.lock().pop(&registration.id);
    let removed = server
        .store
        .write(store::push::remove(registration.no, registration.id));
    match removed.await {
        Ok(_) | Err(WriteError::Closed) => {}
        // It is tried again with the next push, and fails again.
        Err(error) => tracing::error!(%error, "a registration for pushes could not be removed"),
    }
}
