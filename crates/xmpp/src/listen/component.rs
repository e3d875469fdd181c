//! Where components connect: TCP without TLS, meant for the machine itself or a network of its own (XEP-0114).

use std::sync::Arc;

use tokio::net::TcpListener;
use wire::Limits;

use super::before_auth;
use super::tcp::{accept, tune};
use crate::server::Server;
use crate::session::component;
use crate::session::stream::Stream;
use crate::transport::Socket;
use crate::transport::plain::Plain;

/// Connections of components that may be open at the same time, whether they have proved themselves or not.
const OPEN_MAX: usize = 256;

/// Takes connections of components until the server stops. Each is a task of `server.tasks`.
pub async fn serve_components(server: Arc<Server>, listener: TcpListener) {
    let places = Arc::new(tokio::sync::Semaphore::new(OPEN_MAX));
    while let Some((socket, _)) = accept(&server, &listener).await {
        // Who comes when all places are taken is turned away without a word, as a full server does.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        if let Err(error) = tune(&socket) {
            tracing::debug!(%error, "socket options not set");
        }
        let serving = Arc::clone(&server);
        server.tasks.spawn(async move {
            serve_component(serving, socket).await;
            drop(place);
        });
    }
}

/// Serves one component on anything that can be read and written.
pub async fn serve_component(server: Arc<Server>, io: impl Socket) {
    let limits: Limits = before_auth(&server.settings);
    let stream = Stream::tcp(Box::new(Plain::new(io)), limits);
    Box::pin(component::serve(server, stream)).await;
}
