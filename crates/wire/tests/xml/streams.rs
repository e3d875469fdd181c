//! A scanner run over a stream that arrives in pieces.

use wire::{Limits, ScanError, Scanned, Scanner, ingress};

/// The beginning of a stream that declares a prefix and a language.
pub const HEADER: &[u8] =
    b"<?xml version=\"1.0\" encoding='utf-8' ?>\n<stream:stream xmlns='jabber:client' xml:lang='\xC3\xA9' \
    xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:outer' to='example.org' version='1.0'>";

/// What happened, with the offset at which it ended.
#[derive(Debug, PartialEq)]
pub enum Seen {
    Header(usize),
    Stanza(usize, Vec<u8>),
    End(usize),
    Error(usize, ScanError),
    /// Nothing more, and bytes are left.
    Waiting(usize),
}

/// Runs a scanner over `data`, of which it gets to see more at each of the given offsets.
pub fn run(data: &[u8], limits: Limits, ends: impl IntoIterator<Item = usize>) -> Vec<Seen> {
    let mut scanner = Scanner::tcp(limits);
    let mut seen = Vec::new();
    let mut start = 0;
    for end in ends.into_iter().chain([data.len()]) {
        loop {
            match scanner.scan(&data[start..end]) {
                Ok(Scanned::More) => break,
                Ok(Scanned::Space { len }) => {
                    assert!(len > 0);
                    start += len;
                }
                Ok(Scanned::Header { len, .. }) => {
                    start += len;
                    seen.push(Seen::Header(start));
                }
                Ok(Scanned::Stanza { len, head }) => {
                    assert_eq!(head.len(), len);
                    let stanza = ingress(&data[start..end], &head, scanner.context(), Some("a@b/c"));
                    start += len;
                    seen.push(Seen::Stanza(start, stanza.bytes().to_vec()));
                }
                Ok(Scanned::End { len }) => {
                    start += len;
                    seen.push(Seen::End(start));
                }
                Err(error) => {
                    assert_eq!(scanner.scan(b"<presence/>"), Err(error), "errors stay");
                    seen.push(Seen::Error(start, error));
                    return seen;
                }
            }
        }
    }
    seen.push(Seen::Waiting(start));
    seen
}
