#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// RFC 7622 §3.5, table 1, and more.
#[test]
fn good() {
    let long = "a".repeat(MAX_PART);
    let longest = format!("{long}@example.com/{long}");
    for (given, node, domain, resource) in [
        ("juliet@example.com", Some("juliet"), "example.com", None),
        (
            "juliet@example.com/foo",
            Some("juliet"),
            "example.com",
            Some("foo"),
        ),
        (
            "juliet@example.com/foo bar",
            Some("juliet"),
            "example.com",
            Some("foo bar"),
        ),
        (
            "juliet@example.com/foo@bar",
            Some("juliet"),
            "example.com",
            Some("foo@bar"),
        ),
        ("foo\\20bar@example.com", Some("foo\\20bar"), "example.com", None),
        ("fussball@example.com", Some("fussball"), "example.com", None),
        (
            "fu\u{DF}ball@example.com",
            Some("fu\u{DF}ball"),
            "example.com",
            None,
        ),
        ("\u{3C0}@example.com", Some("\u{3C0}"), "example.com", None),
        (
            "\u{3A3}@example.com/foo",
            Some("\u{3C3}"),
            "example.com",
            Some("foo"),
        ),
        (
            "\u{3C3}@example.com/foo",
            Some("\u{3C3}"),
            "example.com",
            Some("foo"),
        ),
        (
            "\u{3C2}@example.com/foo",
            Some("\u{3C2}"),
            "example.com",
            Some("foo"),
        ),
        (
            "king@example.com/\u{265A}",
            Some("king"),
            "example.com",
            Some("\u{265A}"),
        ),
        ("example.com", None, "example.com", None),
        ("example.com/foobar", None, "example.com", Some("foobar")),
        (
            "a.example.com/b@example.net",
            None,
            "a.example.com",
            Some("b@example.net"),
        ),
        (
            "Juliet@EXAMPLE.com/Balcony",
            Some("juliet"),
            "example.com",
            Some("Balcony"),
        ),
        ("example.com.", None, "example.com", None),
        ("localhost", None, "localhost", None),
        ("127.0.0.1", None, "127.0.0.1", None),
        ("a@[2001:DB8:0:0::1]/r", Some("a"), "[2001:db8::1]", Some("r")),
        ("a@xn--bcher-kva.example", Some("a"), "bücher.example", None),
        ("a@XN--BCHER-KVA.example", Some("a"), "bücher.example", None),
        ("a@BÜCHER.example", Some("a"), "bücher.example", None),
        ("a@Bu\u{308}cher.example", Some("a"), "bücher.example", None),
        ("a@ｅｘａｍｐｌｅ.com", Some("a"), "example.com", None),
        ("a@straße.example", Some("a"), "straße.example", None),
        ("xn--e9dyrpteftrx", None, "ᏃᎨᏈᏆᏂᎾᏊᎺᎴᏃ", None),
        ("ᏣᎳᎩ.example", None, "ᏣᎳᎩ.example", None),
        ("ꮳꮃꭹ.example", None, "ᏣᎳᎩ.example", None),
        (
            "juliet@example.com/a/b",
            Some("juliet"),
            "example.com",
            Some("a/b"),
        ),
        (&longest, Some(&long), "example.com", Some(&long)),
    ] {
        let jid = Jid::parse(given).unwrap_or_else(|error| panic!("{given}: {error}"));
        assert_eq!(
            (jid.node(), jid.domain(), jid.resource()),
            (node, domain, resource),
            "{given}"
        );
        assert_eq!(Jid::parse(jid.as_str()).unwrap(), jid);
        assert_eq!(jid.bare_str(), jid.bare().as_str());
        assert_eq!((jid.bare().node(), jid.bare().domain()), (node, domain));
        assert_eq!(jid.is_bare(), resource.is_none());
    }
}

/// RFC 7622 §3.5, table 2, and more.
#[test]
fn bad() {
    let long = "a".repeat(MAX_PART + 1);
    let long_label = "a".repeat(64);
    let long_domain = ["a".repeat(63).as_str(); 4].join(".");
    for (given, error) in [
        ("\"juliet\"@example.com", JidError::Node),
        ("foo bar@example.com", JidError::Node),
        ("@example.com/", JidError::Node),
        ("henry\u{2163}@example.com", JidError::Node),
        ("\u{265A}@example.com", JidError::Node),
        ("juliet@", JidError::Domain),
        ("/foobar", JidError::Domain),
        ("", JidError::Domain),
        ("@example.com", JidError::Node),
        ("juliet@example.com/", JidError::Resource),
        ("a@b@c", JidError::Domain),
        ("a@ex ample.com", JidError::Domain),
        ("a@exam_ple.com", JidError::Domain),
        ("a@-example.com", JidError::Domain),
        ("a@example-.com", JidError::Domain),
        ("a@example..com", JidError::Domain),
        ("a@.", JidError::Domain),
        ("a@example.com..", JidError::Domain),
        ("a@[::1", JidError::Domain),
        ("a@[::g]", JidError::Domain),
        ("a@xn--a", JidError::Domain),
        ("a@xn--ls8h.example", JidError::Domain),
        ("a@☃.example", JidError::Domain),
        ("a@℡.example", JidError::Domain),
        ("a@a\u{FF0F}b.example", JidError::Domain),
        ("a\u{FF20}b@example.com", JidError::Node),
        ("a:b@example.com", JidError::Node),
        ("a&b@example.com", JidError::Node),
        ("a<@example.com", JidError::Node),
        ("a\u{0}@example.com", JidError::Node),
        ("a@example.com/\u{7}", JidError::Resource),
        ("a@example.com/\u{FFFE}", JidError::Resource),
        (&format!("{long}@example.com"), JidError::Node),
        (&format!("a@example.com/{long}"), JidError::Resource),
        (&format!("a@{long_label}.com"), JidError::Domain),
        (&format!("a@{long_domain}"), JidError::Domain),
        (&"é".repeat(600), JidError::Domain),
        (&format!("{}@example.com", "é".repeat(600)), JidError::Node),
        (&format!("a@example.com/{}", "é".repeat(600)), JidError::Resource),
    ] {
        assert_eq!(Jid::parse(given), Err(error), "{given}");
    }
}

#[test]
fn bare() {
    assert_eq!(BareJid::parse("a@b/c"), Err(JidError::NotBare));
    let bare = BareJid::parse("A@b").unwrap();
    assert_eq!(bare, "a@b");
    assert_eq!(bare.with_resource("c").unwrap(), "a@b/c");
    assert_eq!(bare.with_resource(""), Err(JidError::Resource));
    assert_eq!(Jid::from(bare.clone()).resource(), None);
    assert_eq!(bare.domain_jid(), "b");
    assert_eq!(Jid::parse("a@b/c").unwrap().with_resource("d").unwrap(), "a@b/d");
    assert_eq!(BareJid::from_parts(Some("a/b"), "c"), Err(JidError::Node));
    assert_eq!(Jid::from_parts(None, "C", Some("d")).unwrap(), "c/d");
}

#[test]
fn is_found_by_its_text() {
    let mut map = std::collections::HashMap::new();
    map.insert(BareJid::parse("a@b").unwrap(), 1);
    assert_eq!(map.get("a@b"), Some(&1));
}

proptest! {
    #[test]
    fn parsing_is_stable(text in "\\PC{0,40}") {
        if let Ok(jid) = Jid::parse(&text) {
            prop_assert_eq!(&Jid::parse(jid.as_str()).unwrap(), &jid);
            prop_assert_eq!(
                Jid::from_parts(jid.node(), jid.domain(), jid.resource()).unwrap(), jid);
        }
    }

    #[test]
    fn any_letters(node in "[\\p{L}\\p{Nd}]{1,12}", domain in "[\\p{L}]{1,8}\\.[a-z]{2,5}", resource in "\\PC{1,20}") {
        if let Ok(jid) = Jid::from_parts(Some(&node), &domain, Some(&resource)) {
            prop_assert_eq!(&Jid::parse(jid.as_str()).unwrap(), &jid);
            prop_assert_eq!(jid.bare().with_resource(jid.resource().unwrap()).unwrap(), jid);
        }
    }

    #[test]
    fn the_short_way_agrees_with_the_long_one(node in "[ -~]{1,10}", domain in "[a-z0-9.-]{1,12}") {
        let plain = is_plain_node(&node);
        let long = precis::username_case_mapped(&node)
            .filter(|mapped| *mapped == node && !mapped.contains(is_forbidden_in_node));
        prop_assert_eq!(plain, long.is_some());
        if is_plain_domain(&domain) {
            let long = to_unicode_domain(&domain);
            prop_assert_eq!(long.as_deref(), Some(domain.as_str()));
        }
    }
}

#[test]
fn a_normalized_text_is_shared() {
    let text: Arc<str> = Arc::from("juliet@example.org");
    let jid = BareJid::parse_shared(&text).unwrap();
    assert_eq!(Arc::strong_count(&text), 2);
    assert_eq!(jid, "juliet@example.org");
    let loud: Arc<str> = Arc::from("JULIET@example.org");
    assert_eq!(BareJid::parse_shared(&loud).unwrap(), jid);
    assert_eq!(Arc::strong_count(&loud), 1);
    assert!(BareJid::parse_shared(&Arc::from("juliet@example.org/x")).is_err());
}
