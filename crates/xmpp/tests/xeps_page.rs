//! `docs/xeps.md` is made from the list in `xep/mod.rs`. `FOLKMOOT_WRITE_DOCS=1 cargo test -p xmpp --test xeps_page` writes
//! it again.

use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "# Extensions\n\n\
    What the server implements of the XMPP Standards Foundation's extensions, with the version of the document that was\n\
    followed. This page is made from the code: each file of `crates/xmpp/src/xep/` says what it implements. Where nothing is said\n\
    to be left out, all is there that the document has a server do.\n\n\
    | XEP | title | version | file | left out, and why |\n|---|---|---|---|---|\n";

#[test]
fn the_page_lists_what_the_code_implements() {
    let mut list = xmpp::xep::all().list().to_vec();
    list.sort_unstable_by_key(|xep| xep.number);
    let mut page = HEAD.to_owned();
    for xep in &list {
        let number = std::format!("{:04}", xep.number);
        writeln!(
            page,
            "| [{number}](https://xmpp.org/extensions/xep-{number}.html) | {} | {} | `{}` | {} |",
            xep.title, xep.version, xep.file, xep.left_out
        )
        .expect("a string takes everything");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/xeps.md");
    if std::env::var_os("FOLKMOOT_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("docs/xeps.md can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/xeps.md is not what the code says; write it again with FOLKMOOT_WRITE_DOCS=1"
    );
}
