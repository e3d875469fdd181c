//! Stanzas: taken from a stream, made canonical, spliced, and read.

use wire::{Kind, Limits, Scanned, Scanner, Set, Stanza, StreamContext, ingress, ns, scan_one};

const HEADER: &[u8] = b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xml:lang='en' \
    xmlns:stream='http://etherx.jabber.org/streams' xmlns:x=\"urn:x'y\" to='example.org' version='1.0'>";

/// Takes the one stanza that follows a stream header.
fn take(header: &[u8], stanza: &[u8], from: Option<&str>) -> Stanza {
    let mut scanner = Scanner::tcp(Limits::CLIENT);
    let Scanned::Header { len, .. } = scanner.scan(header).unwrap() else {
        panic!("no header")
    };
    assert_eq!(len, header.len());
    let Scanned::Stanza { len, head } = scanner.scan(stanza).unwrap() else {
        panic!("no stanza")
    };
    assert_eq!(len, stanza.len());
    ingress(stanza, &head, scanner.context(), from)
}

#[test]
fn a_dialogue() {
    let mut scanner = Scanner::tcp(Limits::CLIENT);
    let Scanned::Header { header, .. } = scanner.scan(HEADER).unwrap() else {
        panic!("no header")
    };
    assert_eq!(header.to.as_deref(), Some("example.org"));
    assert_eq!(header.version.as_deref(), Some("1.0"));
    assert_eq!(header.lang.as_deref(), Some("en"));
    assert_eq!(header.default_ns.as_deref(), Some(ns::CLIENT));
    assert_eq!(header.prefixes[1], ("x".into(), "urn:x'y".into()));
    assert_eq!(
        scanner.scan(b" \n<presence/>").unwrap(),
        Scanned::Space { len: 2 }
    );
    assert_eq!(scanner.scan(b"<presence").unwrap(), Scanned::More);
    let Scanned::Stanza { len: 11, head } = scanner.scan(b"<presence/><r").unwrap() else {
        panic!("no stanza")
    };
    assert_eq!(head.kind(), Kind::Presence);
    assert_eq!(scanner.scan(b"").unwrap(), Scanned::More);
    assert_eq!(
        scanner.scan(b"</stream:stream>").unwrap(),
        Scanned::End { len: 16 }
    );
}

#[test]
fn ingress_makes_canonical() {
    let stanza = take(
        HEADER,
        b"<iq xmlns='jabber:client' type='set' to='a&amp;b@c' x:k='v' id='1'><x:q/><stream:z/></iq>",
        Some("d'e@f/g"),
    );
    assert_eq!(
        std::str::from_utf8(stanza.bytes()).unwrap(),
        "<iq from='d&apos;e@f/g' xmlns:stream='http://etherx.jabber.org/streams' xmlns:x=\"urn:x'y\" \
         xml:lang='en' type='set' to='a&amp;b@c' x:k='v' id='1'><x:q/><stream:z/></iq>"
    );
    assert_eq!(stanza.kind(), Kind::Iq);
    assert_eq!(stanza.namespace(), ns::CLIENT);
    assert_eq!(stanza.to().as_deref(), Some("a&b@c"));
    assert_eq!(stanza.from().as_deref(), Some("d'e@f/g"));
    assert_eq!(stanza.type_().as_deref(), Some("set"));
    assert_eq!(stanza.id().as_deref(), Some("1"));
    assert_eq!(stanza.lang().as_deref(), Some("en"));
    assert_eq!(stanza.first_child(), Some(("urn:x'y", "q")));
    assert_eq!(stanza.inner(), b"<x:q/><stream:z/>");
    assert_eq!(
        stanza.document().root().attr_ns("urn:x'y", "k").as_deref(),
        Some("v")
    );
    let again = Stanza::parse(stanza.bytes()).unwrap();
    assert_eq!(again.first_child(), stanza.first_child());
    assert_eq!(again.bytes(), stanza.bytes());
}

#[test]
fn a_stanza_between_servers_means_the_same() {
    let header = b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>";
    let stanza = take(header, b"<message xmlns='jabber:server'><body/></message>", None);
    assert_eq!(stanza.bytes(), b"<message><body/></message>");
    assert_eq!(stanza.kind(), Kind::Message);
    assert_eq!(stanza.first_child(), Some((ns::CLIENT, "body")));
    let other = take(header, b"<odd><body/></odd>", None);
    assert_eq!(other.bytes(), b"<odd xmlns='jabber:server'><body/></odd>");
    assert_eq!(
        (other.namespace(), other.first_child()),
        (ns::SERVER, Some((ns::SERVER, "body")))
    );
}

#[test]
fn splicing() {
    let stanza =
        Stanza::parse(&b"<message  to = 'a' type=\"chat\"\n from='' ><body>x</body></message>"[..]).unwrap();
    let both = stanza.with(Set::To("b\"'<&"), Set::To("somebody@example.org"));
    assert_eq!(
        both.bytes(),
        b"<message  to = 'somebody@example.org' type=\"chat\"\n from='b&quot;&apos;&lt;&amp;' ><body>x</body></message>"
    );
    assert_eq!(both.from().as_deref(), Some("b\"'<&"));
    assert_eq!(both.to().as_deref(), Some("somebody@example.org"));
    assert_eq!(both.type_().as_deref(), Some("chat"));
    assert_eq!(both.inner(), b"<body>x</body>");
    let none = both.with(Set::Remove, Set::Remove);
    assert_eq!(none.bytes(), b"<message type=\"chat\" ><body>x</body></message>");
    assert_eq!((none.from(), none.to()), (None, None));
    let again = none.with(Set::To("f"), Set::To("t"));
    assert_eq!(
        again.bytes(),
        b"<message from='f' to='t' type=\"chat\" ><body>x</body></message>"
    );
    assert_eq!(
        (again.from().as_deref(), again.to().as_deref()),
        (Some("f"), Some("t"))
    );
    let mut out = Vec::new();
    none.write_with(Set::To("f"), Set::To("t"), &mut out);
    assert_eq!(out, again.bytes());
}

#[test]
fn nonzas_keep_their_namespace() {
    let data = b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGE=</auth>";
    let head = scan_one(data, &Limits::UNAUTHENTICATED).unwrap();
    let stanza = ingress(data, &head, &StreamContext::PLAIN, None);
    assert_eq!(
        (stanza.kind(), stanza.name(), stanza.namespace()),
        (Kind::Other, "auth", ns::SASL)
    );
    assert_eq!(stanza.bytes(), data);
}
