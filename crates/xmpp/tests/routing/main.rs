//! Routing from the inside: sessions without connections, many of them, and restarts. What a client sees of it is in the
//! transcripts.
#![allow(clippy::unwrap_used, missing_docs)]

mod blocking;
mod bounds;
mod deletion;
mod fan_out;
mod retention;
mod rosters;
mod support;
