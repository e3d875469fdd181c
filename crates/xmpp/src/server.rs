//! What all sessions share, built once by the binary.
//!
//! It owns no socket and no listener; those come and go around it.

use std::collections::HashMap;
use std::sync::Arc;

use bus::EventSink;
use parking_lot::Mutex;
use pubsub::{Host, Relations};
use social::Timelines;
use store::{Clock, JidNo, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::Accounts;
use crate::auth::Auth;
use crate::avatars::Avatars;
use crate::blocking::Blocks;
use crate::caps::CapsCache;
use crate::component::{self, Components};
use crate::digests::{self, Digests};
use crate::invitations::PER_DAY;
use crate::leases;
use crate::listen::Connections;
use crate::messages::ids::{ArchiveIds, IdsError};
use crate::messages::offline::Flush;
use crate::messages::order::Order;
use crate::messages::prefs::Archiving;
use crate::metrics::Metrics;
use crate::notify::{self, Notifier};
use crate::push::{self, Push};
use crate::questions::Questions;
use crate::rates::{Keyed, Rate};
use crate::registry::Registry;
use crate::requests::Requests;
use crate::rosters::Rosters;
use crate::settings::Settings;
use crate::unified_push::UnifiedPush;
use crate::upkeep;
use crate::xep::commands::Commands;
use crate::xep::{self, Xeps};

/// A day.
const DAY_MS: u32 = 86_400_000;

/// One XMPP server: every domain, account and session of this process.
pub struct Server {
    /// As the operator configured it.
    pub settings: Settings,
    /// The database.
    pub store: Store,
    /// Wall and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// The pubsub rules and the state of every node's owner.
    pub host: Host,
    /// Home, public and tag timelines.
    pub timelines: Timelines,
    /// The components beside it.
    pub components: Components,
    /// Who is connected.
    pub registry: Registry,
    /// Rosters and presence subscriptions.
    pub rosters: Arc<Rosters>,
    /// Who blocks whom.
    pub blocks: Arc<Blocks>,
    /// Which accounts exist.
    pub accounts: Accounts,
    /// What clients can do.
    pub caps: CapsCache,
    /// What presence says of avatars.
    pub avatars: Avatars,
    /// Fan-out of pubsub events to sessions.
    pub notifier: Arc<Notifier>,
    /// Credentials, registration, device tokens.
    pub auth: Auth,
    /// TLS, limits by address, numbers of sessions.
    pub connections: Connections,
    /// Counters for the operator.
    pub metrics: Metrics,
    /// Every task that this server started; closed and awaited at shutdown.
    pub tasks: TaskTracker,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
    /// What stored messages are called on the wire.
    pub archive_ids: ArchiveIds,
    /// Whose messages are archived.
    pub archiving: Archiving,
    /// Queries of archives, one of each session at a time.
    pub(crate) archive_turns: xep::archive::Turns,
    /// The turns of accounts' messages.
    pub(crate) order: Order,
    /// Accounts whose waiting messages are being delivered at this moment.
    pub(crate) flushing: Mutex<HashMap<JidNo, Flush>>,
    /// Subscriptions whose notifications come several at a time.
    pub(crate) digests: Digests,
    /// How many invitations each account made of late.
    pub(crate) invitations: Keyed<JidNo>,
    /// With whom strangers' messages wait, and who is known.
    pub(crate) requests: Requests,
    /// How many reports each account made of late.
    pub(crate) reports: Keyed<JidNo>,
    /// Commands that clients are in the midst of.
    pub(crate) commands: Commands,
    /// Who is told that something came while they do not look.
    pub push: Push,
    /// What this server asked others.
    pub(crate) questions: Questions,
    /// What bounds other apps' pushes.
    pub(crate) unified_push: UnifiedPush,
    pub(crate) xeps: Xeps,
}

/// What the binary gives to build a server.
pub struct Parts {
    /// As the operator configured it.
    pub settings: Settings,
    /// The open database.
    pub store: Store,
    /// Wall and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// Credentials, registration, device tokens.
    pub auth: Auth,
    /// TLS, limits by address, numbers of sessions.
    pub connections: Connections,
    /// Where tasks are spawned.
    pub tasks: TaskTracker,
    /// Cancelled when the server is to stop.
    pub shutdown: CancellationToken,
}

/// Why a server could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The nodes could not be loaded.
    #[error("the nodes could not be loaded: {0}")]
    Nodes(#[from] pubsub::PubsubError),
    /// The secret of the archive ids could not be loaded.
    #[error("the secret of the archive ids could not be loaded: {0}")]
    Ids(#[from] IdsError),
    /// The block lists could not be loaded.
    #[error("the block lists could not be loaded: {0}")]
    Blocks(wire::StanzaError),
    /// What people chose about their archives could not be loaded.
    #[error("the preferences of archives could not be loaded: {0}")]
    Archiving(wire::StanzaError),
    /// It could not be loaded with whom strangers' messages wait.
    #[error("the choices about strangers could not be loaded: {0}")]
    Requests(wire::StanzaError),
    /// Whom to tell of messages could not be loaded.
    #[error("whom to tell of messages could not be loaded: {0}")]
    Push(#[from] push::LoadError),
    /// Who of the components' users is known could not be read.
    #[error("the components' addresses could not be read: {0}")]
    Components(wire::StanzaError),
    /// The unfinished jobs could not be loaded.
    #[error("the unfinished jobs could not be loaded: {0}")]
    Jobs(wire::StanzaError),
}

impl Server {
    /// Puts a server together and goes on with what the last run left unfinished. To be called inside the runtime.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn build(parts: Parts) -> Result<Arc<Server>, BuildError> {
        let Parts {
            settings,
            store,
            clock,
            auth,
            connections,
            tasks,
            shutdown,
        } = parts;
        let requests = Requests::load(store.clone())
            .await
            .map_err(BuildError::Requests)?;
        let blocks = Blocks::load(store.clone()).await.map_err(BuildError::Blocks)?;
        let blocks = Arc::new(blocks);
        let rosters = Arc::new(Rosters::new(store.clone(), blocks.clone()));
        let relations: Arc<dyn Relations> = rosters.clone();
        let nodes = pubsub::Settings {
            domains: settings.domains.clone(),
            pubsub_prefix: settings.pubsub_prefix.clone(),
            site_url: settings.site_url.clone(),
            payload_bytes: settings.limits.stanza_bytes,
            public_stream: settings.public_stream,
            creators: settings.creators,
            strangers_create: settings.strangers_create,
            ..pubsub::Settings::default()
        };
        let host = Host::new(store.clone(), clock.clone(), relations, nodes, tasks.clone());
        let notices = store.notices();
        let timelines = Timelines::new(store.clone(), host.clone());
        let notifier = Arc::new(Notifier::default());
        let sinks: Vec<Arc<dyn EventSink>> = vec![Arc::new(timelines.clone()), notifier.clone()];
        host.set_sinks(sinks);
        host.set_consequences(Arc::new(timelines.clone()));
        host.start().await?;
        timelines.start().await?;
        let archive_ids = ArchiveIds::load(&store).await?;
        let archiving = Archiving::load(store.clone(), settings.archive).await;
        let archiving = archiving.map_err(BuildError::Archiving)?;
        let invitations_a_day = if settings.is_dev { 0 } else { PER_DAY };
        let push = Push::load(&store, contact_of(&settings)).await?;
        let server = Arc::new(Server {
            invitations: Keyed::new(Rate::new(invitations_a_day, DAY_MS, PER_DAY)),
            requests,
            reports: Keyed::new(Rate::new(xep::reports::PER_DAY, DAY_MS, xep::reports::PER_DAY)),
            digests: Digests::default(),
            commands: Commands::default(),
            components: Components::new(&settings.components),
            settings,
            blocks,
            accounts: Accounts::new(store.clone()),
            store,
            clock,
            host,
            timelines,
            registry: Registry::default(),
            rosters,
            caps: CapsCache::default(),
            avatars: Avatars::default(),
            notifier,
            auth,
            connections,
            metrics: Metrics::default(),
            tasks,
            shutdown,
            archive_ids,
            order: Order::default(),
            archiving,
            archive_turns: xep::archive::Turns::default(),
            flushing: Mutex::default(),
            push,
            questions: Questions::default(),
            unified_push: UnifiedPush::new(),
            xeps: xep::all(),
        });
        server.notifier.serve(&server);
        component::know_numbers(&server)
            .await
            .map_err(BuildError::Components)?;
        server
            .timelines
            .set_thread_sink(Arc::new(notify::threads::Threads::new(&server)));
        if let Some(notices) = notices {
            let server = Arc::clone(&server);
            let tasks = server.tasks.clone();
            tasks.spawn(notify::notices::deliver_all(server, notices));
        }
        server.tasks.spawn(upkeep::run(Arc::clone(&server)));
        server.tasks.spawn(leases::run(Arc::clone(&server)));
        server.tasks.spawn(digests::run(Arc::clone(&server)));
        server.resume_deletions().await.map_err(BuildError::Jobs)?;
        xep::server_info::settle(&server).await;
        Ok(server)
    }
}

/// Whom push services may write to: the administrator, or else the site.
fn contact_of(settings: &Settings) -> String {
    let contacts = &settings.contacts;
    let mut written = contacts.admin.iter().chain(&contacts.support);
    let mail = written.find(|uri| uri.starts_with("mailto:") || uri.starts_with("https:"));
    mail.cloned().unwrap_or_else(|| settings.site_url.clone())
}
