//! How many requests one network address may make.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// A bucket for each address (each /64 of IPv6).
pub(crate) struct Limiter {
    buckets: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Limiter {
    /// Allows so many in a minute, all of them at once if need be.
    pub(crate) fn new(per_minute: u32) -> Self {
        let per_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        Self {
            buckets: RateLimiter::keyed(Quota::per_minute(per_minute)),
            clock: DefaultClock::default(),
        }
    }

    /// Counts one request; `Err` is how long to wait.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Duration> {
        self.buckets
            .check_key(&address)
            .map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Drops the buckets that are full again.
    pub(crate) fn forget_quiet(&self) {
        self.buckets.retain_recent();
        self.buckets.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_address_does_not_use_up_anothers() {
        let limiter = Limiter::new(3);
        let (one, two) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..3 {
            limiter.check(one).unwrap();
        }
        let wait = limiter.check(one).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(20));
        limiter.check(two).unwrap();
    }
}
