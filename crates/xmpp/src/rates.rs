//! How often something may happen: one number per limited thing (the generic cell rate algorithm).
//!
//! Time is an argument, in milliseconds of a clock that never goes back.

use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroUsize;

use lru::LruCache;
use parking_lot::Mutex;

/// So many units in a period, as many of them at once as `burst` says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    /// Milliseconds that one unit takes; 0 when there is no limit.
    unit_ms: f64,
    burst_ms: f64,
}

impl Rate {
    /// `units` a `period`, and at most `burst` at once; no units mean no limit.
    pub(crate) fn new(units: u32, period_ms: u32, burst: u32) -> Rate {
        if units == 0 {
            return Rate {
                unit_ms: 0.0,
                burst_ms: 0.0,
            };
        }
        let unit_ms = f64::from(period_ms) / f64::from(units);
        Rate {
            unit_ms,
            burst_ms: unit_ms * f64::from(burst.max(1)),
        }
    }

    pub(crate) fn is_unlimited(&self) -> bool {
        self.unit_ms == 0.0
    }
}

/// What has been used of a [`Rate`]: the moment at which all of it is paid for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used(f64);

impl Used {
    /// Uses `units` now, allowed or not.
    pub(crate) fn charge(&mut self, rate: &Rate, now_ms: u64, units: usize) {
        if !rate.is_unlimited() {
            self.0 = self.0.max(now_ms as f64) + rate.unit_ms * units as f64;
        }
    }

    /// How long to wait until the rate is kept again; 0 when it is.
    pub(crate) fn debt_ms(&self, rate: &Rate, now_ms: u64) -> u64 {
        (self.0 - now_ms as f64 - rate.burst_ms).max(0.0).ceil() as u64
    }

    /// Whether at least half of what may be used at once is free.
    pub(crate) fn is_rested(&self, rate: &Rate, now_ms: u64) -> bool {
        self.0 - now_ms as f64 <= rate.burst_ms / 2.0
    }
}

/// One [`Rate`] for each of many, of whom those that come again and again are remembered.
pub(crate) struct Keyed<K: Hash + Eq> {
    rate: Rate,
    used: Mutex<LruCache<K, Used>>,
}

impl<K: Hash + Eq> Keyed<K> {
    /// How many are remembered at most.
    const REMEMBERED: NonZeroUsize = NonZeroUsize::new(20_000).expect("not zero");

    pub(crate) fn new(rate: Rate) -> Keyed<K> {
        // Unbounded, so that nothing is allocated for those who have not come yet; bounded when one is added.
        Keyed {
            rate,
            used: Mutex::new(LruCache::unbounded()),
        }
    }

    /// Whether one more is allowed, without counting it.
    pub(crate) fn is_allowed(&self, key: &K, now_ms: u64) -> bool {
        self.rate.is_unlimited()
            || self
                .used
                .lock()
                .get(key)
                .is_none_or(|used| used.debt_ms(&self.rate, now_ms) == 0)
    }

    /// How long to wait until one more is allowed.
    pub(crate) fn debt_ms(&self, key: &K, now_ms: u64) -> u64 {
        self.used
            .lock()
            .get(key)
            .map_or(0, |used| used.debt_ms(&self.rate, now_ms))
    }

    /// Counts one.
    pub(crate) fn charge(&self, key: K, now_ms: u64) {
        if self.rate.is_unlimited() {
            return;
        }
        let mut all = self.used.lock();
        all.get_or_insert_mut(key, Used::default)
            .charge(&self.rate, now_ms, 1);
        if all.len() > Self::REMEMBERED.get() {
            all.pop_lru();
        }
    }
}

/// What counts as one peer: an IPv4 address, or a network of IPv6 as one subscriber gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Network {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Network {
        match address.to_canonical() {
            IpAddr::V4(address) => Network::V4(address),
            IpAddr::V6(address) => Network::of_v6(address),
        }
    }
}

impl Network {
    fn of_v6(address: Ipv6Addr) -> Network {
        let [a, b, c, d, ..] = address.segments();
        Network::V6([a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let rate = Rate::new(10, 1_000, 5);
        let mut used = Used::default();
        for _ in 0..5 {
            assert_eq!(used.debt_ms(&rate, 1_000), 0);
            used.charge(&rate, 1_000, 1);
        }
        assert_eq!(used.debt_ms(&rate, 1_000), 0);
        used.charge(&rate, 1_000, 1);
        assert_eq!(used.debt_ms(&rate, 1_000), 100);
        assert_eq!(used.debt_ms(&rate, 1_100), 0);
        assert!(!used.is_rested(&rate, 1_100));
        assert!(used.is_rested(&rate, 1_350));
    }

    #[test]
    fn no_units_mean_no_limit() {
        let rate = Rate::new(0, 1_000, 0);
        let mut used = Used::default();
        used.charge(&rate, 0, 1_000_000);
        assert_eq!(used.debt_ms(&rate, 0), 0);
    }

    #[test]
    fn each_peer_has_its_own() {
        let keyed = Keyed::new(Rate::new(1, 60_000, 2));
        let one = Network::from("2001:db8::1".parse::<IpAddr>().unwrap());
        let neighbour = Network::from("2001:db8::2".parse::<IpAddr>().unwrap());
        let other = Network::from("::ffff:192.0.2.1".parse::<IpAddr>().unwrap());
        assert_eq!(one, neighbour);
        assert_eq!(other, Network::V4(Ipv4Addr::new(192, 0, 2, 1)));
        for _ in 0..3 {
            assert!(keyed.is_allowed(&one, 0));
            keyed.charge(one, 0);
        }
        assert!(!keyed.is_allowed(&neighbour, 0));
        assert!(keyed.is_allowed(&other, 0));
        assert!(keyed.is_allowed(&one, 60_000));
    }
}
