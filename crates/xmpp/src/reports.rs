//! Reports as administrators read them: XEP-0377, <https://xmpp.org/extensions/xep-0377.html>. They are taken in by
//! `xep/reports`.

use wire::{Document, ns};

/// A reason in a word, where it is one of the specification's (§4).
#[must_use]
pub fn reason_name(reason: &str) -> &str {
    match reason {
        "urn:xmpp:reporting:spam" => "spam",
        "urn:xmpp:reporting:abuse" => "abuse",
        other => other,
    }
}

/// What a reported message says, at most `most` bytes of it: its text, or its XML where it has none.
#[must_use]
pub fn said(stanza: &[u8], most: usize) -> String {
    let body = Document::parse(stanza)
        .ok()
        .and_then(|document| Some(document.root().child("body", ns::CLIENT)?.text().into_owned()));
    let mut said = body.unwrap_or_else(|| String::from_utf8_lossy(stanza).into_owned());
    said.truncate(said.floor_char_boundary(most));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_by_its_text() {
        assert_eq!(
            said(b"<message><body>buy &lt;this&gt;</body></message>", 100),
            "buy <this>"
        );
        assert_eq!(
            said(b"<message><x xmlns='urn:example'/></message>", 9),
            "<message>"
        );
        assert_eq!(
            said("<message><body>\u{e4}\u{e4}</body></message>".as_bytes(), 3),
            "\u{e4}"
        );
    }
}
