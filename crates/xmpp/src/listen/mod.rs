//! Where connections come from, and what they share: TLS, counts and rates.
//!
//! TCP listeners are bound by the binary, WebSockets upgraded by its HTTP side; both are handed over here.

pub mod bosh;
mod component;
mod proxied;
mod tcp;
mod websocket;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use store::Write;
use wire::{Limits, StreamCondition, StreamError};

use crate::rates::{Network, Rate};
use crate::server::Server;
use crate::session::stream::Stream;
use crate::session::{self, Running};
use crate::settings::Settings;
use crate::transport::plain::Plain;
use crate::transport::{Socket, TlsConfig};

pub use component::{serve_component, serve_components};
pub use proxied::Proxies;
pub use tcp::{Arrival, Mode, serve_tcp};
pub use websocket::serve_websocket;

/// Who is at the other end, as far as the listener knows.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address; behind a trusted proxy the one that the proxy names.
    pub ip: IpAddr,
    /// Whether the way is encrypted before the bytes come to us.
    pub is_secure: bool,
    /// Whether it comes from this machine and not through a proxy.
    pub is_loopback: bool,
}

impl Peer {
    /// A direct connection from this address.
    pub fn direct(ip: IpAddr) -> Peer {
        Peer {
            ip,
            is_secure: false,
            is_loopback: ip.to_canonical().is_loopback(),
        }
    }
}

/// What all connections share.
pub struct Connections {
    tls: ArcSwapOption<TlsConfig>,
    next_session: AtomicU64,
    open: AtomicUsize,
    from: Mutex<HashMap<Network, usize>>,
    from_one_max: usize,
    pub(crate) rates: Rates,
    /// Those that come in requests of HTTP.
    pub(crate) bosh: bosh::Sessions,
    is_watched: AtomicBool,
}

/// What one session may send.
pub(crate) struct Rates {
    pub(crate) bytes: Rate,
    pub(crate) stanzas: Rate,
}

impl Connections {
    /// No connection yet, no certificate.
    pub fn new(settings: &Settings) -> Connections {
        const SECOND_MS: u32 = 1_000;
        const BURST: u32 = 10;
        let limits = &settings.limits;
        let a_second = |units: u32| {
            let units = if settings.is_dev { 0 } else { units };
            Rate::new(units, SECOND_MS, units.saturating_mul(BURST))
        };
        Connections {
            tls: ArcSwapOption::empty(),
            next_session: AtomicU64::new(1),
            open: AtomicUsize::new(0),
            from: Mutex::default(),
            from_one_max: if settings.is_dev {
                0
            } else {
                limits.connections_per_ip
            },
            rates: Rates {
                bytes: a_second(limits.session_bytes_per_s),
                stanzas: a_second(limits.session_stanzas_per_s),
            },
            bosh: bosh::Sessions::default(),
            is_watched: AtomicBool::new(false),
        }
    }

    /// From now on handshakes use this certificate; connections that stand are not touched.
    pub fn set_tls(&self, config: TlsConfig) {
        self.tls.store(Some(Arc::new(config)));
    }

    /// The certificate in use.
    pub fn tls(&self) -> Option<Arc<TlsConfig>> {
        self.tls.load_full()
    }

    /// How many connections are open, bound or not.
    pub fn count(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn next_session(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }

    fn leave(&self, network: Option<Network>) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(network) = network {
            let mut from = self.from.lock();
            if let Some(count) = from.get_mut(&network) {
                *count -= 1;
                if *count == 0 {
                    from.remove(&network);
                }
            }
        }
    }
}

/// A connection that is counted until this is dropped.
pub(crate) struct Counted {
    server: Arc<Server>,
    network: Option<Network>,
}

impl Counted {
    /// Counts a connection; `None` when there are too many from there. This machine is not bounded.
    fn admit(server: &Arc<Server>, peer: &Peer) -> Option<Counted> {
        let connections = &server.connections;
        let network = (connections.from_one_max > 0 && !peer.is_loopback).then(|| Network::from(peer.ip));
        if let Some(network) = network {
            let mut from = connections.from.lock();
            let count = from.entry(network).or_default();
            if *count >= connections.from_one_max {
                return None;
            }
            *count += 1;
        }
        connections.open.fetch_add(1, Ordering::Relaxed);
        Some(Counted {
            server: Arc::clone(server),
            network,
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.server.connections.leave(self.network);
    }
}

/// Negotiates on a connection that was just made, if there are not too many from there.
async fn begin(server: Arc<Server>, peer: Peer, stream: Stream) -> Option<Box<Running>> {
    match Counted::admit(&server, &peer) {
        Some(counted) => session::establish(server, peer, stream, None, counted).await,
        None => {
            session::refuse(
                &server,
                stream,
                StreamError::new(StreamCondition::PolicyViolation)
                    .text("too many connections from this address"),
            )
            .await;
            None
        }
    }
}

/// Serves a stream on anything that can be read and written, as the STARTTLS port does: for tests.
pub async fn serve_io(server: Arc<Server>, io: impl Socket, peer: Peer) {
    watch(&server);
    let stream = Stream::tcp(Box::new(Plain::new(io)), before_auth(&server.settings));
    // What comes before the session is boxed apart and freed, so that an idle one does not carry it.
    if let Some(session) = Box::pin(begin(server, peer, stream)).await {
        session.run().await;
    }
}

/// How large elements may be until somebody is authenticated.
fn before_auth(settings: &Settings) -> Limits {
    Limits {
        max_bytes: settings.limits.stanza_bytes_before_auth,
        ..Limits::UNAUTHENTICATED
    }
}

/// Makes sure that bound sessions are closed when the server stops; once.
fn watch(server: &Arc<Server>) {
    if server.connections.is_watched.swap(true, Ordering::AcqRel) {
        return;
    }
    let watched = Arc::clone(server);
    server.tasks.spawn(async move {
        watched.shutdown.cancelled().await;
        // Results that wait for a commit shall still reach their clients: this one is decided after all of them.
        let _ = watched.store.write(Write::all(Vec::new())).await;
        for session in watched.registry.all() {
            session.close(StreamError::new(StreamCondition::SystemShutdown));
        }
    });
}
