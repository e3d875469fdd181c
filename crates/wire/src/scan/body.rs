//! `<body/>`, the wrapper of HTTP binding: its attributes, and the elements in it.
//!
//! Specification: [XEP-0124](https://xmpp.org/extensions/xep-0124.html) §6,
//! [XEP-0206](https://xmpp.org/extensions/xep-0206.html) §2. What the attributes ask for is decided elsewhere.

use super::machine::{Machine, Progress};
use super::{Limits, ScanError, Scanned, Scanner, Scope, Space, chars, header, text};
use crate::ns;
use crate::stanza::{Stanza, ingress};
use crate::stream::{StreamContext, StreamHeader};
use crate::unescape;

/// The start tag of a `<body/>` and what it declares for the elements inside.
#[derive(Debug)]
pub struct HttpBody {
    attributes: Vec<(String, String)>,
    context: StreamContext,
    /// Where the content begins.
    at: usize,
    is_empty_tag: bool,
}

impl HttpBody {
    /// Reads the start tag; `None` while it is not whole.
    ///
    /// # Errors
    /// A [`ScanError`] where something else stands there.
    pub fn begin(data: &[u8], limits: &Limits) -> Result<Option<HttpBody>, ScanError> {
        let view = limits.view(data);
        let start = chars::skip_space(view, 0);
        let Some(declared) = header::declaration(&view[start..])? else {
            return more(view, limits);
        };
        let start = chars::skip_space(view, start + declared);
        match view.get(start) {
            None => return more(view, limits),
            Some(b'<') => {}
            Some(_) => return Err(ScanError::StrayText),
        }
        let mut machine = Machine::new(start);
        match machine.run(view, &Scope::ALONE, limits, true, &mut ())? {
            Progress::More => more(view, limits),
            Progress::Opened | Progress::Closed => finish(&machine, view).map(Some),
        }
    }

    /// An attribute without prefix.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.get(name)
    }

    /// An attribute in the namespace `urn:xmpp:xbosh` (XEP-0206 §3).
    pub fn xbosh(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|(whole, value)| {
            let (prefix, local) = whole.split_once(':')?;
            let is_xbosh = local == name
                && self
                    .context
                    .scope()
                    .prefixes
                    .iter()
                    .any(|(known, uri)| **known == *prefix && **uri == *ns::XBOSH);
            is_xbosh.then_some(value.as_str())
        })
    }

    /// `xml:lang`
    pub fn lang(&self) -> Option<&str> {
        self.get("xml:lang")
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(whole, _)| whole == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The elements of the same bytes whose start tag this is, each standing alone.
    ///
    /// # Errors
    /// A [`ScanError`] where anything but whole elements and white space is inside, or anything is behind.
    pub fn payloads(&self, data: &[u8], limits: &Limits) -> Result<Vec<Stanza>, ScanError> {
        let mut found = Vec::new();
        let mut at = self.at;
        if !self.is_empty_tag {
            let mut scanner = Scanner::inside(*limits, self.context.clone());
            loop {
                match scanner.scan(&data[at..])? {
                    Scanned::More | Scanned::Header { .. } => return Err(ScanError::Incomplete),
                    Scanned::Space { len } => at += len,
                    Scanned::Stanza { len, head } => {
                        found.push(ingress(&data[at..], &head, &self.context, None));
                        at += len;
                    }
                    Scanned::End { len } => {
                        at += len;
                        break;
                    }
                }
            }
        }
        if chars::skip_space(data, at) < data.len() {
            return Err(ScanError::Trailing);
        }
        Ok(found)
    }
}

/// The start tag goes on, if it may.
fn more(view: &[u8], limits: &Limits) -> Result<Option<HttpBody>, ScanError> {
    if limits.is_reached(view) {
        Err(ScanError::TooLong)
    } else {
        Ok(None)
    }
}

fn finish(machine: &Machine, data: &[u8]) -> Result<HttpBody, ScanError> {
    let head = machine.finish();
    let is_body = head.space != Space::Implied
        && Scope::ALONE.resolve(head.space, data) == ns::HTTP_BIND.as_bytes()
        && head.name.local(data) == b"body";
    if !is_body {
        return Err(ScanError::NotAStream);
    }
    let mut attributes = Vec::new();
    let mut declares = StreamHeader::default();
    for attribute in machine.attributes.iter() {
        let value = attribute.value(data);
        match attribute.name.whole(data) {
            // COMPAT: XEP-0206 §2, stanzas that declare no namespace of their own are taken for `jabber:client`.
            b"xmlns" if value == ns::HTTP_BIND.as_bytes() => {
                declares.default_ns = Some(ns::CLIENT.to_owned());
            }
            b"xmlns" => declares.default_ns = Some(text(value).to_owned()),
            b"xmlns:xml" => {}
            name if name.starts_with(b"xmlns:") => {
                let prefix = text(attribute.name.local(data));
                declares
                    .prefixes
                    .push((prefix.to_owned(), text(value).to_owned()));
            }
            name => attributes.push((text(name).to_owned(), unescape::attribute(value).into_owned())),
        }
    }
    header::bound_prefixes(&declares)?;
    let context = StreamContext::new(text(head.name.whole(data)), &declares);
    Ok(HttpBody {
        attributes,
        context,
        at: machine.pos,
        is_empty_tag: machine.open.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<(HttpBody, Vec<String>), ScanError> {
        let data = text.as_bytes();
        let body = HttpBody::begin(data, &Limits::CLIENT)?.ok_or(ScanError::Incomplete)?;
        let payloads = body.payloads(data, &Limits::CLIENT)?;
        let written = |stanza: &Stanza| String::from_utf8(stanza.bytes().to_vec()).unwrap();
        let payloads = payloads.iter().map(written).collect();
        Ok((body, payloads))
    }

    #[test]
    fn what_is_inside_stands_alone() {
        let (body, payloads) = read(
            "<?xml version='1.0'?> <body rid='7' sid='a&amp;b' xml:lang='de' xmlns='http://jabber.org/protocol/httpbind' \
             xmlns:x='urn:xmpp:xbosh' x:version='1.0' xmlns:p='urn:p'> \
             <message to='a@b'><body>hi</body></message><presence xmlns='jabber:client'/>\n\
             <p:q/><message xmlns='jabber:client'><p:r/></message></body>\n",
        )
        .unwrap();
        assert_eq!(body.attribute("rid"), Some("7"));
        assert_eq!(body.attribute("sid"), Some("a&b"));
        assert_eq!(body.attribute("version"), None);
        assert_eq!(body.xbosh("version"), Some("1.0"));
        assert_eq!(body.xbosh("rid"), None);
        assert_eq!(body.lang(), Some("de"));
        assert_eq!(
            payloads,
            [
                "<message to='a@b'><body>hi</body></message>",
                "<presence/>",
                "<p:q xmlns:p='urn:p'/>",
                "<message xmlns:p='urn:p'><p:r/></message>",
            ]
        );
    }

    #[test]
    fn an_empty_one_is_empty_in_both_ways() {
        for text in [
            "<body rid='1' xmlns='http://jabber.org/protocol/httpbind'/>",
            "<b:body rid='1' xmlns:b='http://jabber.org/protocol/httpbind'></b:body>",
        ] {
            assert_eq!(read(text).unwrap().1, [""; 0], "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for (text, error) in [
            ("<body/>", ScanError::NotAStream),
            (
                "<nobody xmlns='http://jabber.org/protocol/httpbind'/>",
                ScanError::NotAStream,
            ),
            (
                "<body xmlns='http://jabber.org/protocol/httpbind'>text</body>",
                ScanError::StrayText,
            ),
            (
                "<body xmlns='http://jabber.org/protocol/httpbind'><!-- --></body>",
                ScanError::Comment,
            ),
            (
                "<body xmlns='http://jabber.org/protocol/httpbind'><?p?></body>",
                ScanError::ProcessingInstruction,
            ),
            (
                "<body xmlns='http://jabber.org/protocol/httpbind'><a>",
                ScanError::Incomplete,
            ),
            (
                "<body xmlns='http://jabber.org/protocol/httpbind'><a/></bodies>",
                ScanError::MismatchedTag,
            ),
            (
                "<body xmlns='http://jabber.org/protocol/httpbind'/><body/>",
                ScanError::Trailing,
            ),
            (
                "<!DOCTYPE body><body xmlns='http://jabber.org/protocol/httpbind'/>",
                ScanError::Doctype,
            ),
            ("body=1", ScanError::StrayText),
        ] {
            assert_eq!(read(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn the_start_tag_is_read_before_the_rest_is_there() {
        let text = b"<body rid='1' sid='s' xmlns='http://jabber.org/protocol/httpbind'><a>";
        let whole = text.len() - 3;
        for end in 0..text.len() {
            let begun = HttpBody::begin(&text[..end], &Limits::CLIENT).unwrap();
            assert_eq!(begun.is_some(), end >= whole, "{end}");
        }
    }
}
