//! TCP: STARTTLS ([RFC 6120 §5](https://www.rfc-editor.org/rfc/rfc6120#section-5)) and direct TLS
//! ([XEP-0368](https://xmpp.org/extensions/xep-0368.html)).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use super::{Peer, before_auth, counted, watch};
use crate::server::Server;
use crate::session;
use crate::session::stream::Stream;
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

/// How long a connection may be silent before the system asks whether the peer is there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(120);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_PROBES: u32 = 4;
/// How long what was sent may stay unacknowledged.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(60);
/// How long to wait when the system has no file descriptor left.
const EXHAUSTED_MS: u64 = 100;

/// Takes connections until the server stops. Each is a task of `server.tasks`.
pub async fn serve_tcp(server: Arc<Server>, listener: TcpListener, mode: Mode) {
    watch(&server);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.shutdown.cancelled() => return,
        };
        match accepted {
            Ok((socket, address)) => {
                let serving = Arc::clone(&server);
                server.tasks.spawn(async move { serve(serving, socket, address, mode).await });
            }
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "connections cannot be accepted now");
                tokio::select! {
                    () = server.clock.sleep(EXHAUSTED_MS) => {}
                    () = server.shutdown.cancelled() => return,
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

async fn serve(server: Arc<Server>, socket: TcpStream, address: SocketAddr, mode: Mode) {
    let peer = Peer::direct(address.ip());
    if let Err(error) = tune(&socket) {
        tracing::debug!(%error, "socket options not set");
    }
    match mode {
        Mode::StartTls => {
            let stream = Stream::tcp(Box::new(Plain::new(socket)), before_auth(&server.settings));
            let serving = session::serve(Arc::clone(&server), peer, stream, None);
            counted(server, peer, serving).await;
        }
        Mode::DirectTls => {
            let serving = direct_tls(Arc::clone(&server), peer, socket);
            counted(server, peer, serving).await;
        }
    }
}

async fn direct_tls(server: Arc<Server>, peer: Peer, socket: TcpStream) {
    let Some(config) = server.connections.tls() else { return };
    let handshake = {
        let patience = server.clock.sleep(server.settings.limits.auth_timeout_ms);
        let handshake = Box::pin(Tls::accept(socket, &config));
        tokio::select! {
            handshake = handshake => handshake,
            () = patience => return,
            () = server.shutdown.cancelled() => return,
        }
    };
    drop(config);
    match handshake {
        Ok((tls, binding)) => {
            let peer = Peer { is_secure: true, ..peer };
            let stream = Stream::tcp(Box::new(tls), before_auth(&server.settings));
            session::serve(server, peer, stream, Some(binding)).await;
        }
        Err(error) => tracing::debug!(%error, "TLS handshake failed"),
    }
}

/// Small writes leave at once; a peer that has vanished is noticed by the system, which costs us no timer.
fn tune(socket: &TcpStream) -> io::Result<()> {
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
