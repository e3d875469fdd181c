//! Connections and XMPP semantics: listeners, sessions, routing, presence, and one file for each extension.
//!
//! [RFC 6120](https://www.rfc-editor.org/rfc/rfc6120), [RFC 6121](https://www.rfc-editor.org/rfc/rfc6121). It writes no SQL
//! and serves no web page; the rules of nodes are in `pubsub`.

pub mod accounts;
pub mod auth;
pub mod avatars;
pub mod blocking;
pub mod caps;
pub mod component;
pub mod deletion;
mod digests;
pub mod failures;
pub mod invitations;
pub mod iq;
mod leases;
pub mod listen;
pub mod messages;
pub mod metrics;
pub mod notify;
pub mod presence;
pub mod push;
mod questions;
mod rates;
pub mod registry;
pub mod reports;
mod requests;
pub mod roster;
pub mod rosters;
pub mod router;
pub mod sender;
pub mod server;
pub mod session;
pub mod settings;
mod splice;
pub mod transport;
pub mod unified_push;
mod upkeep;
pub mod xep;
