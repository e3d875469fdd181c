//! Time as a dependency, so that tests can stop it.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::ids::Timestamp;

/// A future that owns what it needs or borrows for `'a`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where every part of the server gets its time from.
pub trait Clock: Send + Sync {
    /// The time of day. May jump when the system's clock is set.
    fn now(&self) -> Timestamp;

    /// Milliseconds since some fixed moment. Never goes back.
    fn monotonic_ms(&self) -> u64;

    /// Resolves once `ms` milliseconds of [`monotonic_ms`](Clock::monotonic_ms) have gone by.
    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()>;
}

/// The system's clock, with tokio's timers.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    pub fn new() -> SystemClock {
        SystemClock {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock set before 1970 is as good as 1970.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(since.as_millis() as i64)
    }

    fn monotonic_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
    }
}
