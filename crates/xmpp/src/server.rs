//! What all sessions share, built once by the binary.
//!
//! It owns no socket and no listener; those come and go around it.

use std::sync::Arc;

use store::{Clock, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::Accounts;
use crate::auth::Auth;
use crate::caps::CapsCache;
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::registry::Registry;
use crate::rosters::Rosters;
use crate::settings::Settings;
use crate::xep::Xeps;

/// One XMPP server: every domain, account and session of this process.
pub struct Server {
    /// As the operator configured it.
    pub settings: Settings,
    /// The database.
    pub store: Store,
    /// Wall and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// The pubsub rules and the state of every node's owner.
    pub host: pubsub::Host,
    /// Home, public and tag timelines.
    pub timelines: social::Timelines,
    /// Who is connected.
    pub registry: Registry,
    /// Rosters and presence subscriptions.
    pub rosters: Arc<Rosters>,
    /// Which accounts exist.
    pub accounts: Accounts,
    /// What clients can do.
    pub caps: CapsCache,
    /// Fan-out of pubsub events to sessions.
    pub notifier: Arc<Notifier>,
    /// Credentials, registration, device tokens.
    pub auth: Auth,
    /// Counters for the operator.
    pub metrics: Metrics,
    /// Every task that this server started; closed and awaited at shutdown.
    pub tasks: TaskTracker,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
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
    /// Where tasks are spawned.
    pub tasks: TaskTracker,
    /// Cancelled when the server is to stop.
    pub shutdown: CancellationToken,
}
