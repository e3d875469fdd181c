//! Timelines over a real store: what they show, to whom, in which order, and live.
#![allow(clippy::unwrap_used)]
#![allow(missing_docs)]

mod catch_up;
mod large;
mod model;
mod privacy;
mod stories;
mod told;
#[path = "../../../pubsub/tests/nodes/world.rs"]
#[allow(dead_code)]
mod world;
