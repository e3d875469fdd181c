//! TCP: STARTTLS ([RFC 6120 §5](https://www.rfc-editor.org/rfc/rfc6120#section-5)) and direct TLS
//! ([XEP-0368](https://xmpp.org/extensions/xep-0368.html)).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use super::proxied::Proxies;
use super::{Counted, Peer, before_auth, begin, watch};
use crate::server::Server;
use crate::session::stream::Stream;
use crate::session::{self, Running};
use crate::transport::plain::Plain;
use crate::transport::tls::Tls;

/// What a TCP listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A stream in the clear that turns into TLS.
    StartTls,
    /// TLS from the first byte.
    DirectTls,
}

/// How connections reach a listener.
#[derive(Clone)]
pub enum Arrival {
    /// From whoever they are of.
    Direct,
    /// From proxies, which say in a header whose they are.
    Proxied(Arc<Proxies>),
}

/// How long a connection may be silent before the system asks whether the peer is there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(120);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_PROBES: u32 = 4;
/// How long what was sent may stay unacknowledged.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(60);
/// How long to wait when the system has no file descriptor left.
const EXHAUSTED_MS: u64 = 100;

/// Takes connections until the server stops. Each is a task of `server.tasks`.
pub async fn serve_tcp(server: Arc<Server>, listener: TcpListener, mode: Mode, arrival: Arrival) {
    watch(&server);
    while let Some((socket, address)) = accept(&server, &listener).await {
        let serving = Arc::clone(&server);
        let peer = Peer::direct(address.ip());
        match &arrival {
            Arrival::Direct => {
                server
                    .tasks
                    .spawn(async move { serve(serving, socket, peer, mode).await });
            }
            Arrival::Proxied(proxies) => {
                let proxies = Arc::clone(proxies);
                server.tasks.spawn(async move {
                    if let Some((socket, peer)) = Box::pin(named(&serving, &proxies, socket, peer)).await {
                        serve(serving, socket, peer, mode).await;
                    }
                });
            }
        }
    }
}

/// The next connection; `None` once the server stops.
pub(super) async fn accept(server: &Server, listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.shutdown.cancelled() => return None,
        };
        match accepted {
            Ok(accepted) => return Some(accepted),
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "connections cannot be accepted now");
                tokio::select! {
                    () = server.clock.sleep(EXHAUSTED_MS) => {}
                    () = server.shutdown.cancelled() => return None,
                }
            }
        }
    }
}

/// Errors of a connection that was gone before it was accepted, as opposed to the listener's.
fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
    )
}

/// Whom a proxy's header names.
async fn named(
    server: &Server,
    proxies: &Proxies,
    mut socket: TcpStream,
    peer: Peer,
) -> Option<(TcpStream, Peer)> {
    let client = tokio::select! {
        client = proxies.client(&mut socket, peer.ip) => client?,
        () = server.shutdown.cancelled() => return None,
    };
    let peer = Peer {
        ip: client.unwrap_or(peer.ip),
        is_secure: false,
        // What comes through a proxy comes from elsewhere.
        is_loopback: false,
    };
    Some((socket, peer))
}

async fn serve(server: Arc<Server>, socket: TcpStream, peer: Peer, mode: Mode) {
    if let Err(error) = tune(&socket) {
        tracing::debug!(%error, "socket options not set");
    }
    // What comes before the session is boxed apart and freed, so that an idle one does not carry it.
    let begun = match mode {
        Mode::StartTls => {
            let stream = Stream::tcp(Box::new(Plain::new(socket)), before_auth(&server.settings));
            Box::pin(begin(server, peer, stream)).await
        }
        Mode::DirectTls => Box::pin(direct_tls(server, peer, socket)).await,
    };
    if let Some(session) = begun {
        session.run().await;
    }
}

async fn direct_tls(server: Arc<Server>, peer: Peer, socket: TcpStream) -> Option<Box<Running>> {
    let counted = Counted::admit(&server, &peer)?;
    let config = server.connections.tls()?;
    let handshake = tokio::select! {
        handshake = Tls::accept(socket, &config, None) => handshake,
        () = server.clock.sleep(server.settings.limits.auth_timeout_ms) => return None,
        () = server.shutdown.cancelled() => return None,
    };
    match handshake {
        Ok((tls, binding)) => {
            let peer = Peer {
                is_secure: true,
                ..peer
            };
            let stream = Stream::tcp(Box::new(tls), before_auth(&server.settings));
            session::establish(server, peer, stream, Some(binding), counted).await
        }
        Err(error) => {
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
    }
}

/// Small writes leave at once; a peer that has vanished is noticed by the system, which costs us no timer.
pub(super) fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn future_size<A, B, C, D, F>(_: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        let size = future_size(serve);
        println!("{size}");
        assert!(size <= 512, "{size}");
    }
}
