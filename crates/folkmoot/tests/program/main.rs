//! The program as its operator meets it: started, asked, stopped, in processes of its own.

#![allow(clippy::unwrap_used)]

mod acme;
mod administration;
mod backups;
mod certificates;
mod errors;
mod garbage;
mod handshake;
mod lan;
mod lifecycle;
mod names;
mod nginx;
mod online;
mod pebble;
mod push;
mod running;
mod storage;
