//! Nodes over a real store: what is delivered, stored, withdrawn and refused.
#![allow(clippy::unwrap_used)]
#![allow(missing_docs)]

mod access;
mod basics;
mod configuration;
mod conversation;
mod delivery;
mod expiry;
mod faults;
mod feeds;
mod hostile;
mod leases;
mod many;
mod posts;
mod reading;
mod subscriptions;
mod world;
