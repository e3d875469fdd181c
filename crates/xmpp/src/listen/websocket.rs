//! XMPP over WebSocket ([RFC 7395](https://www.rfc-editor.org/rfc/rfc7395)) on a connection that HTTP has upgraded.

use std::sync::Arc;

use super::{Peer, before_auth, begin, watch};
use crate::server::Server;
use crate::session::stream::Stream;
use crate::transport::Socket;
use crate::transport::plain::Plain;

/// Serves one WebSocket after the HTTP upgrade, to its end; to be run on `server.tasks`.
///
/// `io` begins with the first frame. TLS, if there is any, ends before it, so there is no channel to bind to: the
/// mechanisms that do are not announced.
pub async fn serve_websocket(server: Arc<Server>, io: impl Socket, peer: Peer) {
    watch(&server);
    let stream = Stream::websocket(Box::new(Plain::new(io)), before_auth(&server.settings));
    if let Some(session) = Box::pin(begin(server, peer, stream)).await {
        session.run().await;
    }
}
