//! The store from outside: what is promised about order, durability, faults and every subject.

#![allow(clippy::unwrap_used)]

mod archive_model;
mod backup;
mod bulk;
mod client_tokens;
mod conversation;
mod disk_full;
mod feeds;
mod fixtures;
mod gate;
mod group_commit;
mod items_model;
mod jids;
mod kept;
mod kill;
mod messages;
mod migrations;
mod notifications;
mod open;
mod people;
mod push;
mod reading;
mod search;
mod sweep;
mod upgrades;
