//! Frames as clients may send them, whole, in pieces and wrong.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 100_000;

/// A client's frame.
fn frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        short @ 0..=125 => out.push(MASKED | short as u8),
        medium @ 126..=0xffff => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    out
}

/// Everything that a decoder makes of bytes which arrive in pieces of this size.
fn messages(bytes: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut decoder = Decoder::default();
    let (mut held, mut found) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        held.extend_from_slice(piece);
        loop {
            let taken = match decoder.decode(&mut held, LIMIT)? {
                Received::More => break,
                Received::Message { taken, at, length } | Received::Ping { taken, at, length } => {
                    found.push(held[at..at + length].to_vec());
                    taken
                }
                Received::Assembled { taken } => {
                    found.push(decoder.take_message());
                    taken
                }
                Received::Nothing { taken } | Received::Close { taken } => taken,
            };
            held.drain(..taken);
        }
    }
    Ok(found)
}

proptest! {
    #[test]
    fn messages_arrive_whole_however_they_are_cut(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..6),
        mask in any::<[u8; 4]>(),
        fragment in 1usize..200,
        piece in 1usize..500,
    ) {
        let mut bytes = Vec::new();
        for payload in &payloads {
            let fragments: Vec<&[u8]> = if payload.is_empty() { vec![&[]] } else { payload.chunks(fragment).collect() };
            let last = fragments.len() - 1;
            for (number, fragment) in fragments.into_iter().enumerate() {
                let opcode = if number == 0 { TEXT } else { CONTINUATION };
                let first = if number == last { FIN | opcode } else { opcode };
                bytes.extend(frame(first, fragment, mask));
                // Control frames may stand between fragments (RFC 6455 §5.4).
                bytes.extend(frame(FIN | PONG, b"", mask));
            }
        }
        prop_assert_eq!(messages(&bytes, piece).unwrap(), payloads);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600), piece in 1usize..50) {
        let _ = messages(&bytes, piece);
    }

    #[test]
    fn what_we_write_has_the_shortest_header(length in prop_oneof![0usize..130, 65_530usize..65_540, 0usize..100_000]) {
        let payload = vec![b'x'; length];
        let mut out = b"before".to_vec();
        write_message(&mut out, |out| out.extend_from_slice(&payload));
        let written = &out[b"before".len()..];
        let mut expected = frame(FIN | TEXT, &[], [0; 4]);
        expected.truncate(1);
        match length {
            0..=125 => expected.push(length as u8),
            126..=0xffff => {
                expected.push(126);
                expected.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                expected.push(127);
                expected.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        expected.extend_from_slice(&payload);
        prop_assert_eq!(written, &expected[..]);
    }
}

#[test]
fn what_the_protocol_forbids_is_refused() {
    let refused = |bytes: &[u8]| messages(bytes, 1_000).unwrap_err();
    let mask = [1, 2, 3, 4];
    // Not masked, reserved bits, unknown opcodes.
    assert_eq!(refused(&[FIN | TEXT, 1, b'x']), FrameError::Protocol);
    assert_eq!(
        refused(&frame(FIN | 0x40 | TEXT, b"x", mask)),
        FrameError::Protocol
    );
    assert_eq!(refused(&frame(FIN | 3, b"x", mask)), FrameError::Protocol);
    assert_eq!(refused(&frame(FIN | 11, b"x", mask)), FrameError::Protocol);
    assert_eq!(refused(&frame(FIN | BINARY, b"x", mask)), FrameError::Binary);
    // A continuation of nothing; a message within a message.
    assert_eq!(
        refused(&frame(FIN | CONTINUATION, b"x", mask)),
        FrameError::Protocol
    );
    let twice = [frame(TEXT, b"x", mask), frame(FIN | TEXT, b"x", mask)].concat();
    assert_eq!(refused(&twice), FrameError::Protocol);
    // Fragmented and oversized control frames.
    assert_eq!(refused(&frame(PING, b"x", mask)), FrameError::Protocol);
    assert_eq!(refused(&frame(FIN | PING, &[0; 126], mask)), FrameError::Protocol);
    // A length that could be shorter.
    assert_eq!(refused(&[FIN | TEXT, MASKED | 126, 0, 5]), FrameError::Protocol);
    assert_eq!(
        refused(&[FIN | TEXT, MASKED | 127, 0, 0, 0, 0, 0, 0, 1, 0]),
        FrameError::Protocol
    );
}

#[test]
fn a_message_over_the_limit_is_refused_before_it_arrives() {
    let mut header = vec![FIN | TEXT, MASKED | 127];
    header.extend_from_slice(&u64::MAX.to_be_bytes());
    assert_eq!(messages(&header, 1_000).unwrap_err(), FrameError::TooLarge);
    let mask = [9; 4];
    let fragments = [
        frame(TEXT, &[b'x'; 60_000], mask),
        frame(CONTINUATION, &[b'x'; 60_000], mask),
    ]
    .concat();
    assert_eq!(messages(&fragments, 1_000_000).unwrap_err(), FrameError::TooLarge);
    // Nor may a message come in endless crumbs.
    let mut crumbs = frame(TEXT, b"", mask);
    for _ in 0..FRAGMENTS_MAX {
        crumbs.extend(frame(CONTINUATION, b"", mask));
    }
    assert_eq!(messages(&crumbs, 1_000_000).unwrap_err(), FrameError::TooLarge);
}
