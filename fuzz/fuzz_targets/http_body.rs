//! HTTP binding's wrapper out of any bytes: no panic; what is inside stands alone, and more bytes change nothing of a start tag
//! that is whole.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{HttpBody, Limits, Stanza, read_framed, write_framed};

fuzz_target!(|data: &[u8]| {
    let limits = Limits::CLIENT;
    let Ok(Some(body)) = HttpBody::begin(data, &limits) else {
        return;
    };
    let Ok(payloads) = body.payloads(data, &limits) else {
        return;
    };
    for payload in &payloads {
        assert!(Stanza::parse(payload.bytes()).is_ok());
        let mut framed = Vec::new();
        write_framed(payload.bytes(), &mut framed);
        // Only what would be a WebSocket's own element may be refused there.
        let is_framing = payload.namespace() == "urn:ietf:params:xml:ns:xmpp-framing";
        assert!(
            is_framing
                || read_framed(
                    &framed,
                    &Limits {
                        max_bytes: usize::MAX,
                        ..Limits::SERVER
                    }
                )
                .is_ok()
        );
    }
});
