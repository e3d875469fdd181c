//! Counters of routing, read by the operator's metrics page.

use std::sync::atomic::{AtomicU64, Ordering};

/// Monotonic counters since the process began.
#[derive(Default)]
pub struct Metrics {
    /// Stanzas taken from clients.
    pub stanzas: Counter,
    /// Messages handed to sessions of this server.
    pub messages: Counter,
    /// Messages kept for later.
    pub offline: Counter,
    /// Presence stanzas handed to sessions.
    pub presences: Counter,
    /// Pubsub notifications handed to sessions.
    pub notifications: Counter,
    /// Pushes that apps' servers and push services took.
    pub pushes: Counter,
    /// Stanza errors returned to clients.
    pub errors: Counter,
}

/// A number that only grows.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Its value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
