//! Elements that are accepted: cuts mean the same wherever they are put, and splicing keeps a stanza whole.

#![no_main]

#[path = "../../crates/wire/tests/xml/checks.rs"]
mod checks;
#[path = "../../crates/wire/tests/xml/tree.rs"]
#[allow(dead_code)]
mod tree;

use libfuzzer_sys::fuzz_target;
use wire::{Document, Limits, Set, Stanza, write_framed};

fuzz_target!(|data: &[u8]| {
    let limits = Limits {
        max_depth: 12,
        ..Limits::CLIENT
    };
    let Ok(document) = Document::parse_within(data, &limits) else {
        return;
    };
    let root = document.root();
    checks::check_cuts(root, None);

    let stanza = Stanza::parse(data).expect("was accepted as a document");
    let expected = tree::ours(stanza.bytes()).expect("is canonical");
    checks::check_accessors(&stanza, &expected);
    let name = root.name();
    for (from, to) in [
        (Set::Keep, Set::To(name)),
        (Set::To("a'b&\"<c"), Set::Remove),
        (Set::Remove, Set::Keep),
    ] {
        let spliced = stanza.with(from, to);
        let expected = tree::ours(spliced.bytes()).expect("is well-formed");
        checks::check_accessors(&spliced, &expected);
        assert_eq!(
            spliced.with(Set::Remove, Set::Remove).bytes(),
            stanza.with(Set::Remove, Set::Remove).bytes(),
            "the rest was kept"
        );
    }
    let mut framed = Vec::new();
    write_framed(stanza.bytes(), &mut framed);
    // Bare elements named `stream:…` are the only ones whose prefix framing declares.
    assert_eq!(tree::theirs_in("<s>", &framed).as_ref(), Ok(&expected));
});
