//! What those who sign in say, by any bytes: no panic, bounds are kept, and nobody is let in by chance.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::sasl::{
    Announced, Authenticate, ChannelBinding, Hash, HashedToken, Mechanism, OauthBearer, Plain, ScramFirst,
    ScramKeys, TokenMechanism, decode, decode2,
};
use wire::{Document, Limits};

fuzz_target!(|data: &[u8]| {
    let channel = ChannelBinding {
        offered: true,
        exporter: Some(vec![7; 32]),
        end_point: Some(vec![8; 32]),
    };
    let _ = (Plain::parse(data), OauthBearer::parse(data));
    for mechanism in TokenMechanism::ALL {
        if let Ok(shown) = HashedToken::parse(mechanism, data) {
            assert!(!shown.username.is_empty() && !shown.username.contains('\0'));
            assert_eq!(shown.verify(mechanism, "not this one", &channel), None);
        }
    }
    for mechanism in Mechanism::ALL.into_iter().filter(|one| one.hash().is_some()) {
        // The rest of what was given is the answer to the challenge.
        let (first, last) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
        if let Ok(first) = ScramFirst::parse(mechanism, first, &channel) {
            let keys = ScramKeys::of_nobody(first.hash, b"secret", &first.username, 1);
            let announced = Announced::new(Mechanism::ALL.map(Mechanism::name), channel.types());
            let (state, challenge) = first.challenge(keys, "nonce", Some(&announced));
            assert!(challenge.is_ascii());
            assert!(state.finish(last.get(1..).unwrap_or_default()).is_err());
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = (decode(text), decode2(text), Hash::from_name(text));
    }
    if let Ok(document) = Document::parse_within(data, &Limits::CLIENT)
        && let Ok(asked) = Authenticate::parse(document.root())
    {
        let names = [&asked.user_agent.software, &asked.user_agent.device];
        assert!(
            names
                .into_iter()
                .flatten()
                .all(|name| (1..=200).contains(&name.len()))
        );
        assert!(asked.user_agent.id.is_none_or(|id| (1..=128).contains(&id.len())));
    }
});
