//! However a stream is cut into pieces, the scanner finds the same in it.

use proptest::prelude::*;
use wire::Limits;

use crate::generate;
use crate::streams::{HEADER, Seen, run};

fn check(data: &[u8], limits: Limits, ends: Vec<usize>) -> Result<(), TestCaseError> {
    let whole = run(data, limits, []);
    prop_assert_eq!(&whole, &run(data, limits, ends));
    prop_assert_eq!(&whole, &run(data, limits, 0..data.len()));
    Ok(())
}

fn limits() -> impl Strategy<Value = Limits> {
    (
        prop_oneof![Just(100_000usize), 20..600usize],
        1..6u16,
        1..8u16,
        1..8u16,
    )
        .prop_map(|(max_bytes, max_depth, max_attributes, max_namespaces)| Limits {
            max_bytes,
            max_depth: max_depth * 4,
            max_attributes: max_attributes * 2,
            max_namespaces: max_namespaces * 2,
        })
}

fn ends(len: usize) -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0..=len, 0..6).prop_map(|mut ends| {
        ends.sort_unstable();
        ends
    })
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let stanza = prop_oneof![2 => generate::one().prop_map(String::into_bytes), 1 => generate::spoilt()];
    let between = proptest::sample::select(vec![&b""[..], b"\n", b" \t\r\n"]);
    let end = proptest::sample::select(vec![
        &b""[..],
        b"</stream:stream>",
        b"</stream:stream \n> ",
        b"</stream>",
    ]);
    let header = prop_oneof![9 => Just(HEADER.to_vec()), 1 => spoilt_header()];
    (header, proptest::collection::vec((between, stanza), 0..3), end).prop_map(|(header, stanzas, end)| {
        let mut all = header;
        for (between, stanza) in stanzas {
            all.extend_from_slice(between);
            all.extend_from_slice(&stanza);
        }
        all.extend_from_slice(end);
        all
    })
}

fn spoilt_header() -> impl Strategy<Value = Vec<u8>> {
    (
        0..HEADER.len(),
        0..4usize,
        proptest::sample::select(vec![&b""[..], b"'", b">", b" ", b"?", b"\0", b"x"]),
    )
        .prop_map(|(at, removed, with)| {
            let mut header = HEADER.to_vec();
            header.splice(at..(at + removed).min(HEADER.len()), with.iter().copied());
            header
        })
}

proptest! {
    #![proptest_config(generate::cases(600))]

    #[test]
    fn split_anywhere(
        (data, ends) in stream().prop_flat_map(|data| { let ends = ends(data.len()); (Just(data), ends) }),
        limits in limits(),
    ) {
        check(&data, limits, ends)?;
    }
}

#[test]
fn a_good_stream_is_seen_whole() {
    let mut data = HEADER.to_vec();
    data.extend_from_slice(b"<p:odd/>\n<presence xml:lang=''/><message>\xF0\x9F\x98\x80&#x1F600;]]<![CDATA[]]]]></message></stream:stream>");
    let seen = run(&data, Limits::CLIENT, 0..data.len());
    let stanzas: Vec<_> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Stanza(_, bytes) => Some(std::str::from_utf8(bytes).unwrap()),
            _ => None,
        })
        .collect();
    assert_eq!(
        stanzas,
        [
            "<p:odd from='a@b/c' xmlns:p='urn:outer'/>",
            "<presence from='a@b/c' xml:lang=''/>",
            "<message from='a@b/c' xml:lang='é'>\u{1F600}&#x1F600;]]<![CDATA[]]]]></message>",
        ]
    );
    assert_eq!(seen.last(), Some(&Seen::Waiting(data.len())));
    assert!(seen.contains(&Seen::End(data.len())));
}
