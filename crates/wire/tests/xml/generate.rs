//! Generated elements: mostly good, with every feature that XML has left in XMPP, and ways to spoil them.

use proptest::prelude::*;
use proptest::sample::select;

/// So many cases; a failure prints its input, and nothing is left in the work tree.
pub fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(count)
    }
}

/// A value for an attribute, without quotes.
fn value() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "v",
        "",
        " ",
        "&lt;",
        "&amp;",
        "&apos;",
        "&quot;",
        "&#10;",
        "&#x1F600;",
        "é",
        "\u{1F600}",
        "\n",
        "\t",
        "\r\n",
        ">",
        "]]>",
        "romeo@example.net/orchard",
        "urn:1",
        "x y",
        "\u{7F}\u{85}",
    ]);
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn namespace() -> impl Strategy<Value = &'static str> {
    select(vec![
        "urn:1",
        "urn:2",
        "jabber:client",
        "http://www.w3.org/2005/Atom",
        "urn:a&amp;b",
        "urn:it's",
        "urn:1",
    ])
}

fn space() -> impl Strategy<Value = &'static str> {
    select(vec![" ", " ", " ", "\n", "\t ", "  "])
}

fn attribute() -> impl Strategy<Value = String> {
    let plain = (
        select(vec![
            "a", "b", "to", "from", "id", "type", "xml:lang", "p:a", "q:a", "p:b", "é",
        ]),
        value(),
    );
    let declaration = (
        select(vec!["xmlns", "xmlns:p", "xmlns:q", "xmlns:r"]),
        namespace().prop_map(str::to_owned),
    );
    let none = Just(("xmlns", String::new()));
    let pair = prop_oneof![6 => plain, 3 => declaration, 1 => none];
    (space(), pair, select(vec!["=", "=", "=", " = "]), any::<bool>()).prop_map(
        |(space, (name, value), equals, is_double)| {
            let quote = if is_double || value.contains('\'') {
                '"'
            } else {
                '\''
            };
            format!("{space}{name}{equals}{quote}{value}{quote}")
        },
    )
}

/// Attributes, seldom with two of one name.
fn attributes() -> impl Strategy<Value = String> {
    proptest::collection::vec(attribute(), 0..4).prop_map(|mut all| {
        let name = |attribute: &String| attribute.trim_start().split(['=', ' ']).next().map(str::to_owned);
        all.sort_by_key(name);
        all.dedup_by_key(|attribute| name(attribute));
        all.concat()
    })
}

fn text() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "t",
        "text and more of it",
        "&lt;",
        "&amp;amp;",
        "&#13;",
        "&#xE9;",
        "ü",
        "\u{4E2D}\u{6587}",
        "\u{10FFFF}",
        "\r\n",
        "\r",
        "\t",
        "]",
        "]]",
        ">",
        "'\"",
        "<![CDATA[]]>",
        "<![CDATA[<b>&amp;]] ]>]]>",
        "<![CDATA[\r\n]]]>",
    ]);
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn element(name: &str, attributes: &str, content: &str, end: &str) -> String {
    if content.is_empty() && end.is_empty() {
        format!("<{name}{attributes}/>")
    } else {
        format!("<{name}{attributes}>{content}</{name}{end}>")
    }
}

fn name() -> impl Strategy<Value = &'static str> {
    select(vec![
        "a", "b", "entry", "message", "p:x", "q:y", "é", "body", "x-1._",
    ])
}

/// What stands inside an element.
fn content() -> impl Strategy<Value = String> {
    text().prop_recursive(5, 24, 3, |inner| {
        let child = (
            name(),
            attributes(),
            inner.clone(),
            select(vec!["", "", " ", "\n"]),
        )
            .prop_map(|(name, attributes, content, end)| element(name, &attributes, &content, end))
            .boxed();
        (text(), child.clone(), text(), proptest::option::of(child), inner).prop_map(
            |(before, one, between, two, _)| format!("{before}{one}{between}{}", two.unwrap_or_default()),
        )
    })
}

/// One element, good unless a prefix is undeclared inside it. Its root declares these prefixes.
pub fn one_declaring(prefixes: &'static [&'static str]) -> impl Strategy<Value = String> {
    (
        select(vec!["message", "iq", "presence", "other", "p:x"]),
        attributes(),
        content(),
    )
        .prop_map(move |(name, attributes, content)| {
            let mut all = attributes;
            for prefix in prefixes {
                let declaration = format!("xmlns:{prefix}");
                if !all.contains(&declaration) {
                    all = format!("{all} {declaration}='urn:of:{prefix}'");
                }
            }
            element(name, &all, &content, "")
        })
}

/// One element that declares all it needs.
pub fn one() -> impl Strategy<Value = String> {
    one_declaring(&["p", "q"])
}

/// What may be put where it does not belong.
const SPOILERS: &[&[u8]] = &[
    b"<",
    b">",
    b"&",
    b"/",
    b"'",
    b"\"",
    b"=",
    b":",
    b" ",
    b"\0",
    b"\x0B",
    b"]]>",
    b"<!--",
    b"-->",
    b"<?x?>",
    b"<!DOCTYPE a>",
    b"<![CDATA[",
    b"&bogus;",
    b"&#0;",
    b"&#xD800;",
    b"&#xFFFE;",
    b"&#x110000;",
    b"&#;",
    b"&#x;",
    b"&#000000065;",
    b"\xC0\x80",
    b"\xED\xA0\x80",
    b"\xEF\xBF\xBE",
    b"\xEF\xBF\xBF",
    b"\xF4\x90\x80\x80",
    b"\xFF",
    b"\xE4\xB8",
    b" xmlns:xml='urn:1'",
    b" xmlns:xmlns='urn:1'",
    b" xmlns:z=''",
    b" z:a='1'",
    b"</a>",
    b"<z:a/>",
    b" a='1' a='2'",
    b" p:a='1' q:a='2'",
    b"xmlns",
    b"xml:",
    b"\xEF\xBB\xBF",
    b" xmlns:xml='http://www.w3.org/XML/1998/namespace'",
    b" xmlns:w='http://www.w3.org/2000/xmlns/'",
    b" xmlns='http://www.w3.org/XML/1998/namespace'",
];

/// One element, good or spoilt in a place or two.
pub fn spoilt() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<proptest::sample::Index>(), select(SPOILERS), 0usize..4);
    (one(), proptest::collection::vec(change, 0..3)).prop_map(|(one, changes)| {
        let mut bytes = one.into_bytes();
        for (at, spoiler, removed) in changes {
            let start = at.index(bytes.len() + 1);
            let end = (start + removed).min(bytes.len());
            bytes.splice(start..end, spoiler.iter().copied());
        }
        bytes
    })
}
