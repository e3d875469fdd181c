//! The PROXY protocol's header, versions 1 and 2: who is at the other end of a connection that a proxy passes on
//! ([specification](https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt)).
//!
//! Reads from bytes; whom to believe and how long to wait is the listener's affair. What a header says beside the client's
//! address is passed over.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What version 2 begins with (§2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// What version 1 begins with (§2.1).
const PREFIX: &[u8; 6] = b"PROXY ";
/// The longest header of version 1, with its line end (§2.1).
const LINE_MAX: usize = 107;
/// The fixed part of version 2.
const FIXED: usize = 16;
/// The most that we take of version 2, whose addresses need 36 bytes; the rest is what proxies may add (§2.2.7).
const ADDED_MAX: usize = 2_048;

/// How far a header has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// At least so many bytes are missing, all of the header.
    Needs(usize),
    /// It is whole.
    Whole {
        /// How many bytes it has.
        length: usize,
        /// Whom it names; `None` when the proxy speaks for itself or does not know.
        client: Option<IpAddr>,
    },
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAHeader {
    /// They begin otherwise.
    #[error("no PROXY protocol header")]
    Absent,
    /// It is not as the specification wants it.
    #[error("malformed PROXY protocol header")]
    Malformed,
    /// It is longer than any proxy needs.
    #[error("oversized PROXY protocol header")]
    Oversized,
}

/// Reads a header at the beginning of `bytes`.
///
/// # Errors
/// As soon as the bytes cannot become a header any more.
pub fn parse(bytes: &[u8]) -> Result<Header, NotAHeader> {
    let is_first = bytes.iter().zip(PREFIX).all(|(a, b)| a == b);
    let is_second = bytes.iter().zip(SIGNATURE).all(|(a, b)| a == b);
    if is_first {
        line(bytes)
    } else if is_second {
        binary(bytes)
    } else {
        Err(NotAHeader::Absent)
    }
}

/// Version 1: a line.
fn line(bytes: &[u8]) -> Result<Header, NotAHeader> {
    const SHORTEST: usize = b"PROXY UNKNOWN\r\n".len();
    let seen = &bytes[..bytes.len().min(LINE_MAX)];
    let Some(end) = seen.windows(2).position(|two| two == b"\r\n") else {
        if seen.len() == LINE_MAX {
            return Err(NotAHeader::Oversized);
        }
        if let Some(at) = seen.iter().position(|byte| *byte == b'\n' || *byte == b'\r')
            && at + 1 < seen.len()
        {
            return Err(NotAHeader::Malformed);
        }
        // Of a line whose end has not come, at least its end is missing.
        let end = if seen.last() == Some(&b'\r') { 1 } else { 2 };
        return Ok(Header::Needs(SHORTEST.saturating_sub(seen.len()).max(end)));
    };
    let text = std::str::from_utf8(&seen[..end]).map_err(|_| NotAHeader::Malformed)?;
    if text.contains(['\r', '\n']) {
        return Err(NotAHeader::Malformed);
    }
    let length = end + 2;
    let rest = text.strip_prefix("PROXY ").ok_or(NotAHeader::Malformed)?;
    if rest == "UNKNOWN" || rest.starts_with("UNKNOWN ") {
        return Ok(Header::Whole { length, client: None });
    }
    let mut words = rest.split(' ');
    let mut next = || words.next().ok_or(NotAHeader::Malformed);
    let family = next()?;
    let (source, destination) = (next()?, next()?);
    let (source_port, destination_port) = (next()?, next()?);
    if words.next().is_some() || !is_port(source_port) || !is_port(destination_port) {
        return Err(NotAHeader::Malformed);
    }
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    match (address(source), address(destination)) {
        (Some(client), Some(_)) => Ok(Header::Whole {
            length,
            client: Some(client),
        }),
        _ => Err(NotAHeader::Malformed),
    }
}

/// A number up to 65535 without zeros before it.
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
        && text.parse::<u16>().is_ok()
}

/// Version 2: binary.
fn binary(bytes: &[u8]) -> Result<Header, NotAHeader> {
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    const UNSPECIFIED: u8 = 0x00;
    const TCP_OVER_V4: u8 = 0x11;
    const TCP_OVER_V6: u8 = 0x21;
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Ok(Header::Needs(FIXED - bytes.len()));
    };
    let (command, family) = (fixed[12], fixed[13]);
    let added = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if added > ADDED_MAX {
        return Err(NotAHeader::Oversized);
    }
    if command != LOCAL && command != PROXY {
        return Err(NotAHeader::Malformed);
    }
    let Some(addresses) = rest.get(..added) else {
        return Ok(Header::Needs(added - rest.len()));
    };
    let client = match (command, family) {
        // §2.2: whoever opened the connection speaks for itself, whatever the family says.
        (LOCAL, _) | (PROXY, UNSPECIFIED) => None,
        (_, TCP_OVER_V4) => {
            let source = addresses.get(..12).and_then(|all| all.first_chunk::<4>());
            Some(Ipv4Addr::from(*source.ok_or(NotAHeader::Malformed)?).into())
        }
        (_, TCP_OVER_V6) => {
            let source = addresses.get(..36).and_then(|all| all.first_chunk::<16>());
            Some(Ipv6Addr::from(*source.ok_or(NotAHeader::Malformed)?).into())
        }
        _ => return Err(NotAHeader::Malformed),
    };
    Ok(Header::Whole {
        length: FIXED + added,
        client,
    })
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
