//! The PROXY protocol's header out of any bytes: no panic, and what it asks for never goes beyond the header.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::proxy::{Header, parse};

fuzz_target!(|data: &[u8]| {
    let mut have = 0;
    while let Ok(Header::Needs(more)) = parse(&data[..have]) {
        assert!(more > 0);
        have += more;
        if have > data.len() {
            return;
        }
    }
    if let Ok(Header::Whole { length, .. }) = parse(&data[..have]) {
        assert_eq!(length, have);
        assert_eq!(parse(data), parse(&data[..have]));
    }
});
