//! Streams opened and closed, over TCP and framed: what is written can be read.

use wire::{
    Framed, Kind, Limits, Scanned, Scanner, StreamContext, StreamHeader, ingress, ns, read_framed,
    write_framed, write_framed_close, write_framed_open, write_stream_close, write_stream_open,
};

fn header() -> StreamHeader {
    let mut header = StreamHeader::server("example.org", "id<'1'>");
    header.to = Some("romeo@example.net".into());
    header.lang = Some("en".into());
    header
}

#[test]
fn over_tcp() {
    let mut out = Vec::new();
    write_stream_open(&header(), &mut out);
    assert_eq!(
        std::str::from_utf8(&out).unwrap(),
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
         from='example.org' to='romeo@example.net' id='id&lt;&apos;1&apos;&gt;' version='1.0' xml:lang='en'>"
    );
    let mut scanner = Scanner::tcp(Limits::UNAUTHENTICATED);
    let Scanned::Header { len, header: read } = scanner.scan(&out).unwrap() else {
        panic!("no header")
    };
    assert_eq!(len, out.len());
    let streams = ("stream".to_owned(), ns::STREAMS.to_owned());
    assert_eq!(
        *read,
        StreamHeader {
            prefixes: vec![streams],
            ..header()
        }
    );
    let mut end = Vec::new();
    write_stream_close(&mut end);
    assert_eq!(scanner.scan(&end).unwrap(), Scanned::End { len: end.len() });
    assert_eq!(scanner.scan(b"\n").unwrap(), Scanned::Space { len: 1 });
    assert_eq!(scanner.scan(b"<presence/>"), Err(wire::ScanError::Trailing));
}

#[test]
fn between_servers() {
    let header = StreamHeader {
        default_ns: Some(ns::SERVER.into()),
        prefixes: vec![("db".into(), ns::DIALBACK.into())],
        ..header()
    };
    let mut out = Vec::new();
    write_stream_open(&header, &mut out);
    let mut scanner = Scanner::tcp(Limits::SERVER);
    let Scanned::Header { header: read, .. } = scanner.scan(&out).unwrap() else {
        panic!("no header")
    };
    assert_eq!(read.default_ns.as_deref(), Some(ns::SERVER));
    assert!(read.prefixes.contains(&("db".into(), ns::DIALBACK.into())));
    assert_eq!(scanner.context().content_namespace(), ns::SERVER);
    let data = b"<db:result from='a' to='b'>key</db:result>";
    let Scanned::Stanza { head, .. } = scanner.scan(data).unwrap() else {
        panic!("no element")
    };
    let stanza = ingress(data, &head, scanner.context(), None);
    assert_eq!(
        (stanza.kind(), stanza.name(), stanza.namespace()),
        (Kind::Other, "result", ns::DIALBACK)
    );
    assert_eq!(stanza.to().as_deref(), Some("b"));
}

#[test]
fn framed() {
    let mut out = Vec::new();
    write_framed_open(&header(), &mut out);
    let Framed::Open(read) = read_framed(&out, &Limits::UNAUTHENTICATED).unwrap() else {
        panic!("not open")
    };
    assert_eq!(*read, header());
    let context = StreamContext::framed(&read);
    let data = b"<message xmlns='jabber:client'><body/></message>\n";
    let Framed::Stanza(head) = read_framed(data, &Limits::CLIENT).unwrap() else {
        panic!("no stanza")
    };
    let stanza = ingress(data, &head, &context, Some("a@b/c"));
    assert_eq!(
        stanza.bytes(),
        b"<message from='a@b/c' xml:lang='en'><body/></message>"
    );
    for to in [None, Some("wss://example.org/?a&b")] {
        let mut out = Vec::new();
        write_framed_close(to, &mut out);
        let see_other_uri = to.map(str::to_owned);
        assert_eq!(
            read_framed(&out, &Limits::CLIENT),
            Ok(Framed::Close { see_other_uri })
        );
    }
}

#[test]
fn what_framing_declares() {
    for (stanza, message) in [
        ("<presence/>", "<presence xmlns='jabber:client'/>"),
        (
            "<iq type='get'><q/></iq>",
            "<iq xmlns='jabber:client' type='get'><q/></iq>",
        ),
        (
            "<a b='xmlns=' c=\"'>\" xmlns = 'urn:1'/>",
            "<a b='xmlns=' c=\"'>\" xmlns = 'urn:1'/>",
        ),
        (
            "<stream:features/>",
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>",
        ),
        (
            "<stream:error xmlns:stream='urn:1'/>",
            "<stream:error xmlns:stream='urn:1'/>",
        ),
    ] {
        let mut out = b"kept".to_vec();
        write_framed(stanza.as_bytes(), &mut out);
        assert_eq!(std::str::from_utf8(&out[4..]).unwrap(), message);
    }
}
