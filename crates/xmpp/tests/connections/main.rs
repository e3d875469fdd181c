//! What a client meets before and around its session, byte for byte: negotiation and its errors, SASL, registration,
//! TLS, WebSocket, limits, closing. Over pipes in memory, except where the sockets themselves are the matter.

#![allow(clippy::unwrap_used, missing_docs)]

mod bosh;
mod closing;
mod hostile;
mod limits;
mod negotiation;
mod pieces;
mod presence;
mod registration;
mod sasl;
mod sasl2;
mod scram;
mod server_information;
mod sockets;
mod support;
mod websocket;
