//! x
#![allow(dead_code)]
mod catalogue;
mod conditional;
mod date;
mod limit;
mod network;
pub use network::{BadNetwork, Client, Network, bucket};
