//! x
#![allow(dead_code, unused_imports)]
mod certificate_dates;
mod certificates;
mod cli;
mod config;
mod files;
mod limits;
mod listeners;
mod passwords;
#[cfg(test)]
mod scratch;
mod web { pub mod connections; pub mod serve; pub mod websocket; }
fn main() {}
