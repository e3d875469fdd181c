//! This machine's addresses on private networks: RFC 1918, RFC 4193, and RFC 3927's link-local ones of IPv4.
//!
//! Addresses that the whole Internet can reach are left out on purpose, and IPv6's link-local ones, which no app
//! can be told without naming an interface.

use std::net::IpAddr;

/// The private addresses of all interfaces that are up, IPv4 first.
pub fn of_this_machine() -> Vec<IpAddr> {
    let found = match if_addrs::get_if_addrs() {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "this machine's addresses cannot be read");
            return Vec::new();
        }
    };
    let mut addresses: Vec<IpAddr> = found
        .iter()
        .map(if_addrs::Interface::ip)
        .filter(|address| is_private(*address))
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Whether only a private network can reach it.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_the_internet_reaches_is_not_private() {
        for private in ["192.168.1.5", "10.0.0.1", "172.16.3.4", "169.254.7.8", "fd00::1"] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in [
            "192.0.2.1",
            "172.32.0.1",
            "100.64.0.1",
            "2001:db8::1",
            "fe80::1",
            "127.0.0.1",
            "::1",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }
}
