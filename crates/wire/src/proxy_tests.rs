#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

fn second(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(addresses.len()).unwrap().to_be_bytes());
    bytes.extend(addresses);
    bytes
}

fn client(bytes: &[u8]) -> Option<IpAddr> {
    match parse(bytes).unwrap() {
        Header::Whole { length, client } => {
            assert_eq!(length, bytes.len());
            client
        }
        Header::Needs(more) => panic!("needs {more}"),
    }
}

#[test]
fn version_1_names_the_client() {
    let v4 = b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 5222\r\n";
    assert_eq!(client(v4), Some("203.0.113.9".parse().unwrap()));
    let v6 = b"PROXY TCP6 2001:db8::9 2001:db8::1 56324 5222\r\n";
    assert_eq!(client(v6), Some("2001:db8::9".parse().unwrap()));
    assert_eq!(client(b"PROXY UNKNOWN\r\n"), None);
    assert_eq!(client(b"PROXY UNKNOWN ffff:f..f 1 2 3\r\n"), None);
    let mut longer = v4.to_vec();
    longer.extend(b"<stream");
    let whole = Header::Whole {
        length: v4.len(),
        client: client(v4),
    };
    assert_eq!(parse(&longer), Ok(whole));
}

#[test]
fn version_1_is_exact() {
    for bad in [
        "PROXY TCP4 203.0.113.9 192.0.2.1 56324\r\n",
        "PROXY TCP4 203.0.113.9 192.0.2.1 56324 5222 1\r\n",
        "PROXY TCP4  203.0.113.9 192.0.2.1 56324 5222\r\n",
        "PROXY TCP4 203.0.113.9 192.0.2.1 056324 5222\r\n",
        "PROXY TCP4 203.0.113.9 192.0.2.1 65536 5222\r\n",
        "PROXY TCP4 203.0.113.9 192.0.2.1 +1 5222\r\n",
        "PROXY TCP4 203.0.113.009 192.0.2.1 1 5222\r\n",
        "PROXY TCP4 2001:db8::9 192.0.2.1 1 5222\r\n",
        "PROXY TCP6 203.0.113.9 2001:db8::1 1 5222\r\n",
        "PROXY UDP4 203.0.113.9 192.0.2.1 1 5222\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY TCP4 203.0.113.9 192.0.2.1 1 5222\n<stream:stream",
        "PROXY TCP4 203.0.113.9\rx",
    ] {
        assert_eq!(parse(bad.as_bytes()), Err(NotAHeader::Malformed), "{bad:?}");
    }
    let long = format!("PROXY UNKNOWN {}", "x".repeat(LINE_MAX));
    assert_eq!(parse(long.as_bytes()), Err(NotAHeader::Oversized));
    for absent in [
        &b"<?xml version='1.0'?>"[..],
        b"proxy TCP4",
        b"\x16\x03\x01",
        b"\r\nPROXY",
    ] {
        assert_eq!(parse(absent), Err(NotAHeader::Absent));
    }
}

#[test]
fn version_2_names_the_client() {
    let v4 = [203, 0, 113, 9, 192, 0, 2, 1, 0xdc, 4, 0x14, 0x66];
    assert_eq!(
        client(&second(0x21, 0x11, &v4)),
        Some("203.0.113.9".parse().unwrap())
    );
    let mut v6 = [0; 36];
    v6[..2].copy_from_slice(&[0x20, 0x01]);
    v6[15] = 9;
    assert_eq!(client(&second(0x21, 0x21, &v6)), Some("2001::9".parse().unwrap()));
    // What is added after the addresses is passed over.
    let mut more = v4.to_vec();
    more.extend([0x03, 0, 4, 1, 2, 3, 4]);
    assert_eq!(
        client(&second(0x21, 0x11, &more)),
        Some("203.0.113.9".parse().unwrap())
    );
    assert_eq!(client(&second(0x20, 0x00, &[])), None);
    assert_eq!(client(&second(0x20, 0x11, &v4)), None);
    assert_eq!(client(&second(0x21, 0x00, &[1, 2, 3])), None);
}

#[test]
fn version_2_is_exact() {
    for (command, family, length) in [
        (0x22, 0x11, 12),
        (0x11, 0x11, 12),
        (0x21, 0x12, 12),
        (0x21, 0x31, 216),
        (0x21, 0x41, 12),
        (0x21, 0x11, 11),
        (0x21, 0x21, 35),
    ] {
        let bytes = second(command, family, &vec![0; length]);
        assert_eq!(
            parse(&bytes),
            Err(NotAHeader::Malformed),
            "{command:x} {family:x}"
        );
    }
    let oversized = second(0x21, 0x11, &vec![0; ADDED_MAX + 1]);
    assert_eq!(parse(&oversized), Err(NotAHeader::Oversized));
}

proptest! {
    /// Read as a socket gives it, piece by piece as asked for, a header is found at exactly its end.
    #[test]
    fn what_it_needs_is_never_more_than_the_header(
        source: [u8; 4], port: u16, version in 1..3u8, rest in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let address = Ipv4Addr::from(source);
        let header = if version == 1 {
            format!("PROXY TCP4 {address} 192.0.2.1 {port} 5222\r\n").into_bytes()
        } else {
            let mut both = source.to_vec();
            both.extend([192, 0, 2, 1, 1, 1, 2, 2]);
            second(0x21, 0x11, &both)
        };
        let mut all = header.clone();
        all.extend(rest);
        let mut have = 0;
        loop {
            match parse(&all[..have]).unwrap() {
                Header::Needs(more) => {
                    prop_assert!(more > 0);
                    have += more;
                    prop_assert!(have <= header.len());
                }
                Header::Whole { length, client } => {
                    prop_assert_eq!(length, header.len());
                    prop_assert_eq!(have, header.len());
                    prop_assert_eq!(client, Some(IpAddr::V4(address)));
                    break;
                }
            }
        }
    }

    /// No bytes hurt, and what is refused stays refused with more of them.
    #[test]
    fn any_bytes_are_judged(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), prefix in 0..3usize) {
        let mut all = [&b""[..], PREFIX, SIGNATURE][prefix].to_vec();
        all.append(&mut bytes);
        let mut refused = false;
        for end in 0..=all.len() {
            match parse(&all[..end]) {
                Err(_) => refused = true,
                Ok(Header::Whole { length, .. }) => {
                    prop_assert!(!refused && length <= end);
                }
                Ok(Header::Needs(more)) => prop_assert!(!refused && more > 0),
            }
        }
    }
}
