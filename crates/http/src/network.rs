//! Networks of addresses (`10.0.0.0/8`, `::1`) and who a request really comes from.
//!
//! A proxy's word about its client (`X-Forwarded-For`, `X-Forwarded-Proto`) counts only
//! when the connection itself comes from a trusted network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::HeaderMap;
use serde::{Deserialize, Serialize};

/// A network: an address and how many of its leading bits matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// What is wrong with a network's text.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not a network: write an address, or one with its bits such as 10.0.0.0/8")]
pub struct BadNetwork(String);

impl Network {
    /// This machine itself.
    pub fn loopback() -> [Self; 2] {
        [
            Self {
                address: Ipv4Addr::new(127, 0, 0, 0).into(),
                bits: 8,
            },
            Self {
                address: Ipv6Addr::LOCALHOST.into(),
                bits: 128,
            },
        ]
    }

    /// Whether the address lies within; an IPv4 address mapped into IPv6 counts as itself.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.bits.min(32));
                u32::from(own).checked_shr(shift) == u32::from(other).checked_shr(shift)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(own).checked_shr(shift) == u128::from(other).checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| bad()))?;
        if bits > most {
            return Err(bad());
        }
        Ok(Self { address, bits })
    }
}

impl TryFrom<String> for Network {
    type Error = BadNetwork;

    fn try_from(text: String) -> Result<Self, BadNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        format!("{}/{}", network.address, network.bits)
    }
}

/// Who made a request: the connection's other end, or whom a trusted proxy names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The client's address.
    pub address: IpAddr,
    /// Whether its bytes travelled under TLS, ours or the proxy's.
    pub is_secure: bool,
    /// Whether a proxy stands between.
    pub is_proxied: bool,
}

impl Client {
    /// The client of a connection without a proxy.
    pub fn direct(address: IpAddr, is_secure: bool) -> Self {
        Self {
            address: address.to_canonical(),
            is_secure,
            is_proxied: false,
        }
    }

    /// The client of one request on that connection, as its headers and `trusted` say.
    ///
    /// `X-Forwarded-For` is read from its end: the first address that is not a trusted
    /// proxy is the client; what stands before it was written by the client itself.
    pub fn behind(self, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
        if !is_trusted(self.address) {
            return self;
        }
        let mut found = None;
        let lines: Vec<_> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|line| line.to_str().ok())
            .collect();
        for part in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let Some(address) = forwarded_address(part.trim()) else {
                break;
            };
            found = Some(address);
            if !is_trusted(address) {
                break;
            }
        }
        let Some(address) = found else { return self };
        let proto = headers
            .get("x-forwarded-proto")
            .and_then(|value| value.to_str().ok());
        let is_secure = proto.map_or(self.is_secure, |proto| {
            proto
                .rsplit(',')
                .next()
                .is_some_and(|last| last.trim().eq_ignore_ascii_case("https"))
        });
        Self {
            address,
            is_secure,
            is_proxied: true,
        }
    }

    /// What counts as one client in rate limits: the address, or its /64 of IPv6.
    pub fn bucket(&self) -> IpAddr {
        bucket(self.address)
    }
}

/// The address that a limit counts by: an IPv4 address itself, of an IPv6 address its /64.
pub fn bucket(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// One part of `X-Forwarded-For`: an address, perhaps with a port or in brackets.
fn forwarded_address(part: &str) -> Option<IpAddr> {
    if let Ok(address) = part.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(socket) = part.parse::<std::net::SocketAddr>() {
        return Some(socket.ip().to_canonical());
    }
    part.strip_prefix('[')?
        .strip_suffix(']')?
        .parse::<Ipv6Addr>()
        .ok()
        .map(|address| IpAddr::V6(address).to_canonical())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_contains_its_own() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.1"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("127.0.0.1", "::ffff:127.0.0.1", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::1", "::1", "::2"),
        ] {
            assert!(network(text).contains(address(inside)), "{text} {inside}");
            assert!(!network(text).contains(address(outside)), "{text} {outside}");
        }
        assert!(network("0.0.0.0/0").contains(address("203.0.113.9")));
        assert!(network("::/0").contains(address("2001:db8::1")));
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0",
            "a/8",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
        ] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    fn forwarded(lines: &[&str], proto: Option<&str>, peer: &str) -> Client {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        if let Some(proto) = proto {
            headers.insert("x-forwarded-proto", proto.parse().unwrap());
        }
        Client::direct(address(peer), false).behind(&headers, &[network("10.0.0.0/8")])
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let client = forwarded(&["203.0.113.9"], Some("https"), "192.0.2.1");
        assert_eq!(client, Client::direct(address("192.0.2.1"), false));
        let client = forwarded(&["203.0.113.9"], Some("https"), "10.0.0.1");
        assert_eq!(
            client,
            Client {
                address: address("203.0.113.9"),
                is_secure: true,
                is_proxied: true
            }
        );
    }

    #[test]
    fn what_the_client_wrote_itself_is_passed_over() {
        assert_eq!(
            forwarded(&["1.1.1.1, 203.0.113.9, 10.0.0.2"], None, "10.0.0.1").address,
            address("203.0.113.9")
        );
        assert_eq!(
            forwarded(&["1.1.1.1", "203.0.113.9"], None, "10.0.0.1").address,
            address("203.0.113.9")
        );
        assert_eq!(
            forwarded(&["[2001:db8::1]:443"], None, "10.0.0.1").address,
            address("2001:db8::1")
        );
        assert_eq!(
            forwarded(&["unknown"], None, "10.0.0.1"),
            Client::direct(address("10.0.0.1"), false)
        );
        assert_eq!(
            forwarded(&["1.1.1.1, garbage, 10.9.9.9"], None, "10.0.0.1").address,
            address("10.9.9.9")
        );
    }

    #[test]
    fn a_limit_counts_a_v6_network_as_one() {
        assert_eq!(bucket(address("2001:db8:1:2:3::4")), address("2001:db8:1:2::"));
        assert_eq!(bucket(address("::ffff:192.0.2.1")), address("192.0.2.1"));
    }
}
