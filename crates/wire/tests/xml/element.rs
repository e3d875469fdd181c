//! Elements as handlers read them.

use wire::{Attr, Document, ScanError, Stanza, ns};

const ENTRY: &str = "<entry xmlns='http://www.w3.org/2005/Atom' xmlns:thr=\"http://purl.org/syndication/thread/1.0\" \
    xml:lang='de' a='1 &lt;\t2'>x&amp;\r\n<title>one</title><![CDATA[<y>]]><thr:in-reply-to thr:ref='r' ref='no'/>\
    <title type='html'>two</title><none xmlns=''/> z </entry>";

#[test]
fn reading() {
    let document = Document::parse(ENTRY.as_bytes()).unwrap();
    let entry = document.root();
    assert_eq!((entry.name(), entry.ns()), ("entry", ns::ATOM));
    assert!(entry.is("entry", ns::ATOM) && !entry.is("entry", ns::CLIENT) && !entry.is("feed", ns::ATOM));
    assert_eq!(entry.attr("a").as_deref(), Some("1 < 2"));
    assert_eq!(entry.attr("lang"), None);
    assert_eq!(entry.attr("xmlns"), None);
    assert_eq!(entry.attr_ns(ns::XML, "lang").as_deref(), Some("de"));
    assert_eq!(entry.attr_ns("", "a").as_deref(), Some("1 < 2"));
    assert_eq!(entry.attr_ns(ns::XMLNS, "thr"), None);
    assert_eq!(entry.text(), "x&\n<y> z ");
    let names: Vec<_> = entry.children().map(|child| (child.name(), child.ns())).collect();
    assert_eq!(
        names,
        [
            ("title", ns::ATOM),
            ("in-reply-to", ns::THREAD),
            ("title", ns::ATOM),
            ("none", "")
        ]
    );
    let title = entry.child("title", ns::ATOM).unwrap();
    assert_eq!(
        (title.text().as_ref(), title.raw(), title.inner_raw()),
        ("one", &b"<title>one</title>"[..], &b"one"[..])
    );
    let reply = entry.child("in-reply-to", ns::THREAD).unwrap();
    assert_eq!(reply.attr("ref").as_deref(), Some("no"));
    assert_eq!(reply.attr_ns(ns::THREAD, "ref").as_deref(), Some("r"));
    assert_eq!(
        (reply.text().as_ref(), reply.inner_raw(), reply.children().count()),
        ("", &b""[..], 0)
    );
    let attributes: Vec<_> = reply.attrs().collect();
    assert_eq!(
        attributes[0],
        Attr {
            ns: ns::THREAD,
            name: "ref",
            value: "r".into()
        }
    );
    assert_eq!(attributes.len(), 2);
    assert_eq!(entry.child("title", ns::THREAD).map(|child| child.name()), None);
    assert_eq!(entry.raw(), ENTRY.as_bytes());
}

#[test]
fn the_implied_namespace() {
    let stanza = Stanza::parse(&b"<message><body>x</body><a xmlns=''><b/></a></message>"[..]).unwrap();
    let document = stanza.document();
    let message = document.root();
    assert!(message.is("message", ns::CLIENT));
    assert_eq!(
        message.child("body", ns::CLIENT).unwrap().cut(),
        b"<body xmlns='jabber:client'>x</body>"
    );
    let none = message.child("a", "").unwrap();
    assert_eq!(none.cut(), b"<a xmlns=''><b/></a>");
    assert_eq!(none.child("b", "").unwrap().cut(), b"<b xmlns=''/>");
}

#[test]
fn cutting() {
    let text = "<iq xmlns:p='urn:p' xmlns:q=\"urn:it's\" xmlns:unused='urn:u' xml:lang='fr'><outer xmlns='urn:outer'>\
        <q:x><p:y/><y p:z=''/><p:own xmlns:p='urn:own' p:a=''/></q:x></outer></iq>";
    let document = Document::parse(text.as_bytes()).unwrap();
    let outer = document.root().child("outer", "urn:outer").unwrap();
    assert_eq!(
        std::str::from_utf8(&outer.child("x", "urn:it's").unwrap().cut()).unwrap(),
        "<q:x xmlns='urn:outer' xmlns:q=\"urn:it's\" xmlns:p='urn:p' xml:lang='fr'>\
         <p:y/><y p:z=''/><p:own xmlns:p='urn:own' p:a=''/></q:x>"
    );
    // What stands alone already stays as it is.
    assert_eq!(
        document
            .root()
            .child("outer", "urn:outer")
            .unwrap()
            .children()
            .next()
            .unwrap()
            .name(),
        "x"
    );
    let alone = Document::parse(ENTRY.as_bytes()).unwrap();
    assert_eq!(alone.root().cut(), ENTRY.as_bytes());
}

#[test]
fn limits_and_faults() {
    assert_eq!(
        Document::parse(&b"<a><b></a>"[..]).err(),
        Some(ScanError::MismatchedTag)
    );
    let within = Document::parse_within(
        &b"<a><b/></a>"[..],
        &wire::Limits {
            max_depth: 1,
            ..Default::default()
        },
    );
    assert_eq!(within.err(), Some(ScanError::TooDeep));
}
