//! HTTP: the accept loops, the WebSocket's handshake, the requests that carry XMPP, the numbers for `/metrics`.
//!
//! What the pages say is `http-site`'s; what is said over the WebSocket is `xmpp`'s.

pub mod bosh;
pub mod connections;
pub mod metrics;
pub mod patience;
pub mod serve;
pub mod unified_push;
pub mod websocket;
