//! What is cut out of one stanza and put into another, and what is spliced or written, means the same everywhere.

use proptest::prelude::*;
use wire::{Document, Kind, Limits, Scanned, Scanner, Set, Stanza, Writer, ingress, write_framed};

use crate::checks::{LANG, check_accessors, check_cuts, inherit};
use crate::{generate, tree};

proptest! {
    #![proptest_config(generate::cases(300))]

    #[test]
    fn cuts_mean_the_same_anywhere(text in generate::one()) {
        let document = Document::parse(text.as_bytes());
        prop_assume!(document.is_ok());
        check_cuts(document.unwrap().root(), None);
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
        check_accessors(&stanza, &expected);
        check_accessors(&Stanza::parse(stanza.bytes()).unwrap(), &expected);
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
        let stanza = Stanza::parse(text.as_bytes());
        prop_assume!(stanza.is_ok());
        let stanza = stanza.unwrap();
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
        check_accessors(&spliced, &expected);
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
