//! Any bytes as an element and as a stream: our parser agrees with `rxml`, and pieces make no difference.

#![no_main]

#[path = "../../crates/wire/tests/xml/streams.rs"]
#[allow(dead_code)]
mod streams;
#[path = "../../crates/wire/tests/xml/tree.rs"]
#[allow(dead_code)]
mod tree;

use libfuzzer_sys::fuzz_target;
use wire::Limits;

fuzz_target!(|data: &[u8]| {
    if let Err(difference) = tree::compare(data) {
        panic!("{difference}");
    }
    // As a whole stream, and as what follows a good header; the first bytes say where it is split.
    let after_header = [streams::HEADER, data].concat();
    for stream in [data, &after_header] {
        let whole = streams::run(stream, Limits::CLIENT, []);
        let mut ends: Vec<usize> = data
            .iter()
            .take(4)
            .map(|byte| usize::from(*byte) % (stream.len() + 1))
            .collect();
        ends.sort_unstable();
        assert_eq!(whole, streams::run(stream, Limits::CLIENT, ends));
        if stream.len() < 2048 {
            assert_eq!(whole, streams::run(stream, Limits::CLIENT, 0..stream.len()));
        }
    }
});
