//! What holds for every element: of its cuts, wherever they are put, and of what a stanza says of itself.

use wire::{Document, Element, Stanza, ns};

use crate::tree::{self, Tree};

/// Namespace and name of `xml:lang`.
pub const LANG: (&str, &str) = (ns::XML, "lang");

/// Adds the attribute unless the tree has one of this namespace and name.
pub fn inherit(tree: &mut Tree, (space, name): (&str, &str), value: Option<&str>) {
    let has = |(ns, local, _): &(String, String, String)| ns == space && local == name;
    if let Some(value) = value.filter(|_| !tree.attributes.iter().any(has)) {
        tree.attributes
            .push((space.to_owned(), name.to_owned(), value.to_owned()));
        tree.attributes.sort();
    }
}

const EVENT: &str = "<message from='pubsub.example.org' to='a@b/c'>\
    <event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'><item id='1'>";
const FRAMED: &str = "<message xmlns='jabber:client' from='pubsub.example.org' to='a@b/c' xml:lang='fr'>\
    <event xmlns='http://jabber.org/protocol/pubsub#event' xmlns:p='urn:another'><items node='n'><item id='1'>";
const END: &str = "</item></items></event></message>";

/// A client's stream, a server's and a WebSocket message: the stream's start tag and the event in it.
const CONTEXTS: [(&str, &str); 3] = [
    ("<s xmlns='jabber:client' xml:lang='es'>", EVENT),
    ("<s xmlns='jabber:server' xmlns:q='urn:yet-another'>", EVENT),
    ("<s>", FRAMED),
];

/// Checks every element below (and including) `element`; `lang` is what holds around it.
pub fn check_cuts(element: Element<'_>, lang: Option<&str>) {
    let cut = element.cut();
    let mut expected = tree::of_element(element);
    inherit(&mut expected, LANG, lang);
    let raw = element.raw();
    let name_end = raw.iter().position(|byte| b" \t\r\n/>".contains(byte)).unwrap();
    assert!(
        cut.starts_with(&raw[..name_end]) && cut.ends_with(&raw[name_end..]),
        "bytes were changed"
    );
    assert_eq!(tree::ours(&cut).as_ref(), Ok(&expected));
    for (stream, before) in CONTEXTS {
        let whole = [before.as_bytes(), &cut, END.as_bytes()].concat();
        let mut found = tree::theirs_in(stream, &whole).unwrap();
        for _ in 0..4 {
            found = found.children.remove(0);
        }
        assert_eq!(found, expected, "in {stream}{before}");
        let document = Document::parse(whole).unwrap();
        let mut found = document.root();
        for _ in 0..4 {
            found = found.children().next().unwrap();
        }
        assert_eq!(tree::of_element(found), expected);
    }
    let own = element.attr_ns(ns::XML, "lang");
    for child in element.children() {
        check_cuts(child, own.as_deref().or(lang));
    }
}

/// What the spans of a stanza's head say is what stands in it.
pub fn check_accessors(stanza: &Stanza, tree: &Tree) {
    assert_eq!(stanza.name(), &tree.name);
    assert_eq!(stanza.namespace().replace("&amp;", "&"), tree.ns);
    for (given, space, name) in [
        (stanza.from(), "", "from"),
        (stanza.to(), "", "to"),
        (stanza.id(), "", "id"),
        (stanza.type_(), "", "type"),
        (stanza.lang(), ns::XML, "lang"),
    ] {
        let wanted = tree
            .attributes
            .iter()
            .find(|(ns, local, _)| ns == space && local == name);
        assert_eq!(
            given.as_deref(),
            wanted.map(|(.., value)| value.as_str()),
            "{name}"
        );
    }
    let child = stanza
        .first_child()
        .map(|(ns, name)| (ns.replace("&amp;", "&"), name.to_owned()));
    assert_eq!(
        child,
        tree.children
            .first()
            .map(|child| (child.ns.clone(), child.name.clone()))
    );
    let document = stanza.document();
    assert_eq!(stanza.inner(), document.root().inner_raw());
    assert_eq!(document.root().raw(), stanza.bytes());
}
