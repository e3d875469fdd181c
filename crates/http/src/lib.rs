//! The web site: public pages and feeds made on the server, the built web client, host-meta, health and metrics.
//!
//! Everything here reads as nobody in particular: what is not public is not found. No XMPP sessions
//! and no sockets; the binary accepts connections and puts the WebSocket beside this router.

mod answer;
mod catalogue;
mod communities;
mod conditional;
mod content;
mod date;
mod feed;
mod health;
mod host_meta;
mod invite;
pub mod lan;
mod limit;
mod network;
mod pages;
mod person;
mod post;
pub mod qr;
mod render;
mod router;
mod site;
mod thread;
mod web_client;

pub use host_meta::Ways;
pub use invite::{Invitation, InvitationState};
pub use network::{BadNetwork, Client, Network, bucket};
pub use router::router;
pub use site::{Content, Find, Settings, Site};
