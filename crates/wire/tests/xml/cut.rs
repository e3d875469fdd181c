//! What is cut out of one stanza and put into another, and what is spliced or written, means the same everywhere.

use proptest::prelude::*;
use wire::{
    Document, Element, Kind, Limits, Scanned, Scanner, Set, Stanza, Writer, ingress, ns, write_framed,
};

use crate::generate;
use crate::tree::{self, Tree};

const LANG: (&str, &str) = (ns::XML, "lang");

/// Adds the attribute unless the tree has one of this namespace and name.
fn inherit(tree: &mut Tree, (space, name): (&str, &str), value: Option<&str>) {
    let has = tree
        .attributes
        .iter()
        .any(|(ns, local, _)| (ns.as_str(), local.as_str()) == (space, name));
    if let Some(value) = value.filter(|_| !has) {
        tree.attributes
            .push((space.to_owned(), name.to_owned(), value.to_owned()));
        tree.attributes.sort();
    }
}

/// The places that a payload is put into: text before, text after, how deep it is there.
fn contexts() -> Vec<(&'static str, &'static str, &'static str)> {
    let event = "<message from='pubsub.example.org' to='a@b/c'>\
        <event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'><item id='1'>";
    let framed = "<message xmlns='jabber:client' from='pubsub.example.org' to='a@b/c' xml:lang='fr'>\
        <event xmlns='http://jabber.org/protocol/pubsub#event' xmlns:p='urn:another'><items node='n'><item id='1'>";
    let end = "</item></items></event></message>";
    vec![
        ("<s xmlns='jabber:client' xml:lang='es'>", event, end),
        ("<s xmlns='jabber:server' xmlns:q='urn:yet-another'>", event, end),
        ("<s>", framed, end),
    ]
}

/// Checks every element below (and including) `element`; `lang` is what holds around it.
fn check_cuts(element: Element<'_>, lang: Option<&str>) -> Result<(), TestCaseError> {
    let cut = element.cut();
    let mut expected = tree::of_element(element);
    inherit(&mut expected, LANG, lang);
    prop_assert!(
        cut.ends_with(
            &element.raw()[1 + element
                .raw()
                .iter()
                .skip(1)
                .take_while(|b| !b" \t\r\n/>".contains(b))
                .count()..]
        )
    );
    let alone = tree::ours(&cut).unwrap();
    prop_assert_eq!(&alone, &expected);
    for (stream, before, after) in contexts() {
        let whole = [before.as_bytes(), &cut, after.as_bytes()].concat();
        let mut found = tree::theirs_in(stream, &whole).map_err(TestCaseError::fail)?;
        for _ in 0..4 {
            found = found.children.remove(0);
        }
        prop_assert_eq!(&found, &expected, "in {}{}", stream, before);
        let document = Document::parse(whole).unwrap();
        let mut found = document.root();
        for _ in 0..4 {
            found = found.children().next().unwrap();
        }
        prop_assert_eq!(&tree::of_element(found), &expected);
        // Cutting again adds nothing.
        prop_assert_eq!(
            &tree::ours(&found.cut()).map(|tree| tree.children),
            &Ok(expected.children.clone())
        );
    }
    let own = element.attr_ns(ns::XML, "lang");
    for child in element.children() {
        check_cuts(child, own.as_deref().or(lang))?;
    }
    Ok(())
}

/// Both accept the element, and nothing in it meets the limits of other parsers.
fn parse(text: &str) -> Option<Document> {
    Document::parse(text.as_bytes()).ok()
}

proptest! {
    #![proptest_config(generate::cases(300))]

    #[test]
    fn cuts_mean_the_same_anywhere(text in generate::one()) {
        prop_assume!(parse(&text).is_some());
        let document = parse(&text).unwrap();
        check_cuts(document.root(), None)?;
    }

    #[test]
    fn ingress_keeps_the_meaning(text in generate::one_declaring(&[]), from in "[a-z&<'\"\u{e9}]{1,12}") {
        let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
            xmlns:p='urn:outer:p' xmlns:q=\"it's\" xmlns:unused='urn:unused' xml:lang='&lt;en'>";
        let mut scanner = Scanner::tcp(Limits::CLIENT);
        scanner.scan(header.as_bytes()).unwrap();
        let result = scanner.scan(text.as_bytes());
        let same = "<s xmlns='jabber:client' xmlns:p='urn:outer:p' xmlns:q=\"it's\">";
        prop_assert_eq!(result.is_ok(), tree::theirs_in(same, text.as_bytes()).is_ok());
        prop_assume!(result.is_ok());
        let Ok(Scanned::Stanza { head, .. }) = result else { panic!("{result:?}") };
        let stanza = ingress(text.as_bytes(), &head, scanner.context(), Some(&from));

        let mut expected = tree::theirs_in(same, text.as_bytes()).unwrap();
        expected.attributes.retain(|(ns, name, _)| !(ns.is_empty() && name == "from"));
        inherit(&mut expected, ("", "from"), Some(&from));
        let lang = (stanza.kind() != Kind::Other).then_some("<en");
        inherit(&mut expected, LANG, lang);
        prop_assert_eq!(&tree::ours(stanza.bytes()).unwrap(), &expected);
        check_accessors(&stanza, &expected)?;
        check_accessors(&Stanza::parse(stanza.bytes()).unwrap(), &expected)?;
        if stanza.kind() != Kind::Other {
            prop_assert!(!stanza.document().root().raw().starts_with(b"<message xmlns="));
        }

        let mut framed = Vec::new();
        write_framed(stanza.bytes(), &mut framed);
        prop_assert_eq!(&tree::theirs_in("<s>", &framed).unwrap(), &expected);
    }

    #[test]
    fn splicing_keeps_the_rest(
        text in generate::one(),
        from in proptest::option::of("[a-z@/&<'\"\\t]{0,9}"),
        to in proptest::option::of("[a-z@/&<'\"\\t]{0,9}"),
    ) {
        prop_assume!(parse(&text).is_some());
        let stanza = Stanza::parse(text.as_bytes()).unwrap();
        let from = from.as_deref().map_or(Set::Remove, Set::To);
        let to = to.as_deref().map_or(Set::Keep, Set::To);
        let spliced = stanza.with(from, to);

        let mut expected = tree::ours(stanza.bytes()).unwrap();
        for (name, set) in [("from", from), ("to", to)] {
            if set != Set::Keep {
                expected.attributes.retain(|(ns, local, _)| !(ns.is_empty() && local == name));
            }
            if let Set::To(value) = set {
                inherit(&mut expected, ("", name), Some(value));
            }
        }
        prop_assert_eq!(&tree::ours(spliced.bytes()).unwrap(), &expected);
        check_accessors(&spliced, &expected)?;
        let without = |stanza: &Stanza| stanza.with(Set::Remove, Set::Remove).bytes().to_vec();
        prop_assert_eq!(without(&spliced), without(&stanza));
        let mut written = b"before".to_vec();
        stanza.write_with(from, to, &mut written);
        prop_assert_eq!(&written[6..], spliced.bytes());
    }

    #[test]
    fn what_is_written_can_be_read(text in ".{0,40}|[\\x00-\\x20&<>'\"\\]\u{FFFD}-\u{FFFF}]{0,9}", value in "[\\x00-\\xFF\u{FFFE}]{0,12}") {
        let mut xml = Writer::new();
        xml.open("message").attr("to", &value).attr_opt("from", None).open("body").text(&text).text("").close();
        xml.leaf("empty", "").raw(b"<raw xmlns='urn:1'/>").open("p:last").attr("xmlns:p", "urn:2");
        let bytes = xml.finish();
        let tree = tree::ours(&bytes).unwrap();
        prop_assert_eq!(&Ok(tree.clone()), &tree::theirs(&bytes));
        let allowed = |text: &str| -> String {
            text.chars().filter(|c| !matches!(c, '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\u{FFFE}' | '\u{FFFF}')).collect()
        };
        prop_assert_eq!(&tree.attributes[0].2, &allowed(&value));
        prop_assert_eq!(&tree.children[0].text, &allowed(&text));
        prop_assert_eq!(tree.children.len(), 4);
    }
}

/// What the spans of a stanza's head say is what stands in it.
fn check_accessors(stanza: &Stanza, tree: &Tree) -> Result<(), TestCaseError> {
    let attribute = |space: &str, name: &str| {
        tree.attributes
            .iter()
            .find(|(ns, local, _)| ns == space && local == name)
            .map(|(.., value)| value.as_str())
    };
    prop_assert_eq!(stanza.name(), &tree.name);
    prop_assert_eq!(&stanza.namespace().replace("&amp;", "&"), &tree.ns);
    for (given, space, name) in [
        (stanza.from(), "", "from"),
        (stanza.to(), "", "to"),
        (stanza.id(), "", "id"),
        (stanza.type_(), "", "type"),
        (stanza.lang(), ns::XML, "lang"),
    ] {
        prop_assert_eq!(given.as_deref(), attribute(space, name), "{}", name);
    }
    let child = stanza
        .first_child()
        .map(|(ns, name)| (ns.replace("&amp;", "&"), name.to_owned()));
    prop_assert_eq!(
        child,
        tree.children
            .first()
            .map(|child| (child.ns.clone(), child.name.clone()))
    );
    let document = stanza.document();
    prop_assert_eq!(stanza.inner(), document.root().inner_raw());
    prop_assert_eq!(document.root().raw(), stanza.bytes());
    Ok(())
}
