//! What a stanza costs from the socket to its handler: `cargo bench -p wire`.
//!
//! A message of 569 bytes, such as a client sends with receipts and markers, and the publication of an Atom entry of
//! 604 bytes.

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use divan::{Bencher, counter::BytesCount};
use rxml::{Parse, Parser};
use wire::{Element, Limits, Scanned, Scanner, Set, Stanza, Writer, ingress};

const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
    to='example.org' version='1.0'>";

const MESSAGE: &str = "<message to='romeo@montague.example/orchard-7f3a' type='chat' id='b1c9a2f4-77d0-4a0e-9f44-6b1f5d1ae2c3' \
from='juliet@capulet.example/balcony-19'><body>Wilt thou be gone? It is not yet near day: it was the nightingale, and \
not the lark, that pierced the fearful hollow of thine own ear &amp; so thy poor heart!.</body>\
<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>\
<markable xmlns='urn:xmpp:chat-markers:0'/><origin-id xmlns='urn:xmpp:sid:0' id='b1c9a2f4-77d0-4a0e-9f44-6b1f5d1ae2c3'/>\
<store xmlns='urn:xmpp:hints'/></message>";

const PUBLISH: &str = "<iq type='set' id='pub-8a41'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
<publish node='urn:xmpp:microblog:0'><item id='9f2c1e'><entry xmlns='http://www.w3.org/2005/Atom'>\
<title type='text'>Soliloquy: to be, or not to be, that is the question that I ask; what then????????</title><id>tag:example.org,2026:posts-9f2c1e</id>\
<published>2026-03-01T12:00:00Z</published><updated>2026-03-01T12:00:00Z</updated><author><name>Hamlet</name>\
<uri>xmpp:hamlet@denmark.example</uri></author><category term='doubt'/><link rel='alternate' href='https://example.org/9f2c1e'/>\
</entry></item></publish></pubsub></iq>";

const BOTH: [&str; 2] = ["message", "publish"];

fn bytes(name: &str) -> &'static [u8] {
    let text = if name == "message" { MESSAGE } else { PUBLISH };
    text.as_bytes()
}

fn scanner() -> Scanner {
    let mut scanner = Scanner::tcp(Limits::CLIENT);
    scanner.scan(HEADER).unwrap();
    scanner
}

#[divan::bench(args = BOTH)]
fn scan(bencher: Bencher, name: &str) {
    let (data, mut scanner) = (bytes(name), scanner());
    bencher
        .counter(BytesCount::of_slice(data))
        .bench_local(|| scanner.scan(black_box(data)).unwrap());
}

#[divan::bench(args = BOTH)]
fn scan_and_splice_from(bencher: Bencher, name: &str) {
    let (data, mut scanner) = (bytes(name), scanner());
    bencher.counter(BytesCount::of_slice(data)).bench_local(|| {
        let Scanned::Stanza { head, .. } = scanner.scan(black_box(data)).unwrap() else {
            panic!("no stanza")
        };
        ingress(
            data,
            &head,
            scanner.context(),
            Some("juliet@capulet.example/balcony-19"),
        )
    });
}

#[divan::bench(args = BOTH)]
fn document(bencher: Bencher, name: &str) {
    let stanza = Stanza::parse(bytes(name)).unwrap();
    bencher
        .counter(BytesCount::of_slice(stanza.bytes()))
        .bench_local(|| black_box(&stanza).document());
}

#[divan::bench]
fn cut_the_entry(bencher: Bencher) {
    let document = Stanza::parse(bytes("publish")).unwrap().document();
    let entry = first_child(first_child(first_child(first_child(document.root()))));
    bencher.bench_local(|| black_box(entry).cut());
}

fn first_child(element: Element<'_>) -> Element<'_> {
    element.children().next().unwrap()
}

#[divan::bench(args = BOTH)]
fn address_for_one_of_many(bencher: Bencher, name: &str) {
    let stanza = Stanza::parse(bytes(name)).unwrap();
    let mut out = Vec::new();
    bencher.bench_local(|| {
        out.clear();
        stanza.write_with(
            Set::Keep,
            Set::To(black_box("benvolio@montague.example/square")),
            &mut out,
        );
    });
}

#[divan::bench]
fn write_a_message(bencher: Bencher) {
    bencher.bench_local(|| {
        let mut xml = Writer::new();
        xml.open("message")
            .attr("to", black_box("romeo@montague.example"))
            .attr("type", "chat");
        xml.leaf("body", "It was the nightingale, & not the lark")
            .open("active")
            .ns("urn:x")
            .close();
        xml.finish()
    });
}

/// For comparison: the parser that the fuzz target measures us against.
#[divan::bench(args = BOTH)]
fn rxml(bencher: Bencher, name: &str) {
    let data = bytes(name);
    bencher.counter(BytesCount::of_slice(data)).bench_local(|| {
        let (mut parser, mut rest, mut count) = (Parser::new(), black_box(data), 0);
        while parser.parse(&mut rest, true).unwrap().is_some() {
            count += 1;
        }
        count
    });
}

fn main() {
    assert_eq!((MESSAGE.len(), PUBLISH.len()), (569, 604));
    divan::main();
}
