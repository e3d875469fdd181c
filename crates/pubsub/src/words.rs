//! The words by which items are found: what an entry says and its tags; of any other payload, its text.
//!
//! Pure functions over payloads; splitting and folding is [`format::search`]'s.

use std::sync::Arc;

use format::atom::Entry;
use format::search::{WordSet, words_of};
use wire::{Document, Element, Limits, ns};

/// Payloads with text in them that says nothing to anybody: pictures and keys.
const WORDLESS: [&str; 4] = [
    "urn:xmpp:avatar:data",
    "urn:xmpp:omemo:2",
    "eu.siacs.conversations.axolotl",
    "urn:xmpp:openpgp:0",
];
/// How much of a payload's text is read, in bytes.
const MAX_TEXT: usize = 128 * 1024;

/// The words of an entry, in their order: those by which it is found.
#[must_use]
pub fn said(entry: &Entry) -> Vec<String> {
    let mut text = entry.all_text();
    for category in &entry.categories {
        text.push('\n');
        text.push_str(&category.term);
    }
    words_of(&text)
}

/// The words of a payload as it is stored.
pub(crate) fn of_payload(payload: &Arc<[u8]>) -> Vec<String> {
    if payload.is_empty() {
        return Vec::new();
    }
    let Ok(document) = Document::parse_within(Arc::clone(payload), &Limits::SERVER) else {
        return Vec::new();
    };
    let root = document.root();
    if root.is("entry", ns::ATOM)
        && let Ok(entry) = Entry::parse(root)
    {
        return said(&entry);
    }
    if WORDLESS.contains(&root.ns()) {
        return Vec::new();
    }
    let mut text = String::new();
    collect(root, &mut text);
    words_of(&text)
}

/// What is remembered of the words of a stored item, where it belongs to the public stream.
pub(crate) fn remembered(row: &store::items::Item) -> WordSet {
    if row.in_public {
        WordSet::of(&of_payload(&row.payload))
    } else {
        WordSet::default()
    }
}

/// The text of an element and all that is in it.
fn collect(element: Element<'_>, text: &mut String) {
    if text.len() >= MAX_TEXT {
        return;
    }
    text.push_str(&element.text());
    for child in element.children() {
        text.push('\n');
        collect(child, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(payload: &str) -> Vec<String> {
        of_payload(&payload.as_bytes().into())
    }

    #[test]
    fn what_payloads_say() {
        let entry = "<entry xmlns='http://www.w3.org/2005/Atom'><title>Zoë &amp; Co</title>\
                     <content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>One <b>two</b></p></div></content>\
                     <category term='Rust'/><author><name>Nobody</name></author><id>not-this</id></entry>";
        assert_eq!(words(entry), ["zoe", "co", "one", "two", "rust"]);
        assert_eq!(words("<a xmlns='urn:a'>b<c>d</c>e</a>"), ["be", "d"]);
        assert_eq!(words("<data xmlns='urn:xmpp:avatar:data'>Zm9v</data>"), [""; 0]);
        assert_eq!(words(""), [""; 0]);
    }
}
