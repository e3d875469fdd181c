//! Accepts HTTP connections, plain or under TLS, and hands each request to the router.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use http_site::{Client, Network};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use xmpp::listen::Proxies;

use super::connections::{Connections, Place};
use super::patience::Patient;
use crate::certificates::acme::challenges;

/// How long a TLS handshake, a request's head and the next request of a kept connection may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a reader may take nothing of an answer.
const PATIENCE_WITH_READERS: Duration = Duration::from_secs(30);
/// The most that a request's head may hold.
const HEAD_BYTES: usize = 32 * 1024;
/// How long the end of an answer may take when the server stops.
const LAST_BYTES: Duration = Duration::from_millis(500);
/// How long accepting rests after the system refused (no more files, say).
const REST: Duration = Duration::from_millis(100);

/// What all HTTP listeners share.
#[derive(Clone)]
pub struct Web {
    /// Every route.
    pub router: Router,
    /// Networks whose forwarded headers count.
    pub trusted: Arc<[Network]>,
    /// The bound on connections.
    pub connections: Connections,
    /// Where connections are spawned.
    pub tasks: TaskTracker,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
}

/// Whether a listener speaks TLS, and with what.
#[derive(Clone)]
pub enum Security {
    /// Plain HTTP.
    Plain,
    /// HTTPS with this configuration, which chooses a certificate at each handshake.
    Tls(Arc<rustls::ServerConfig>),
}

/// Accepts until the server stops.
///
/// With `proxies`, every connection begins with the PROXY protocol's header.
pub async fn serve(web: Web, listener: TcpListener, security: Security, proxies: Option<Arc<Proxies>>) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = web.shutdown.cancelled() => return,
            accepted = accept(&web, &listener) => accepted,
        };
        let Some((stream, peer, place)) = accepted else {
            continue;
        };
        let (web, security, proxies) = (web.clone(), security.clone(), proxies.clone());
        let tasks = web.tasks.clone();
        tasks.spawn(async move {
            let mut stream = stream;
            let mut client = Client::direct(peer.ip(), false);
            if let Some(proxies) = proxies {
                let named = tokio::select! {
                    named = proxies.client(&mut stream, peer.ip()) => named,
                    () = web.shutdown.cancelled() => return,
                };
                let Some(named) = named else { return };
                client = Client {
                    is_proxied: true,
                    ..Client::direct(named.unwrap_or(peer.ip()), false)
                };
            }
            // Answers are small; waiting to fill a segment only delays them.
            let _ = stream.set_nodelay(true);
            match security {
                Security::Plain => connection(&web, stream, client, place).await,
                Security::Tls(config) => {
                    let acceptor = tokio_rustls::TlsAcceptor::from(config);
                    let handshake = tokio::time::timeout(PATIENCE, acceptor.accept(stream));
                    let done = tokio::select! {
                        done = handshake => done,
                        () = web.shutdown.cancelled() => return,
                    };
                    // RFC 8737 §3: whoever validates a name has seen all with the handshake.
                    if let Ok(Ok(stream)) = done
                        && stream.get_ref().1.alpn_protocol() != Some(challenges::ALPN)
                    {
                        let client = Client {
                            is_secure: true,
                            ..client
                        };
                        connection(&web, stream, client, place).await;
                    }
                }
            }
        });
    }
}

/// The next connection that there is room for.
async fn accept(web: &Web, listener: &TcpListener) -> Option<(TcpStream, SocketAddr, Place)> {
    let permit = web.connections.room().await?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // A proxy brings many people's connections.
            let is_proxy = web.trusted.iter().any(|network| network.contains(peer.ip()));
            let address = (!is_proxy).then(|| peer.ip());
            let place = web.connections.take(permit, address)?;
            Some((stream, peer, place))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept an HTTP connection");
            tokio::time::sleep(REST).await;
            None
        }
    }
}

/// A request that is being answered, counted while this lives.
struct Answering(Arc<AtomicUsize>);

impl Answering {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count.clone())
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Serves one connection until it ends or the server stops; requests begun are answered.
async fn connection<I>(web: &Web, io: I, direct: Client, place: Place)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (io, patience) = Patient::new(io, PATIENCE_WITH_READERS);
    let trusted = web.trusted.clone();
    let router = web.router.clone();
    let answering = Arc::new(AtomicUsize::new(0));
    let counted = answering.clone();
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        let client = direct.behind(request.headers(), &trusted);
        request.extensions_mut().insert(client);
        request.extensions_mut().insert(patience.clone());
        let answer = router.clone().oneshot(request);
        let one = Answering::begin(&counted);
        async move {
            let answer = answer.await;
            drop(one);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = web.shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            if answering.load(Ordering::Acquire) == 0 {
                // Nobody is being answered; what is left is at most the end of an answer on its way.
                tokio::time::timeout(LAST_BYTES, connection).await.unwrap_or(Ok(()))
            } else {
                connection.await
            }
        }
    };
    drop(place);
    if let Err(error) = result {
        tracing::debug!(%error, "an HTTP connection ended");
    }
}
