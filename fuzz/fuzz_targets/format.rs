//! Every reader of `format` on any well-formed element, and every reader of text on any text: no panic, and what was
//! read and written again reads the same.

#![no_main]

use format::atom::{Amend, Entry, Feed};
use format::caps::{self, Caps};
use format::disco::{Info, Items};
use format::form::DataForm;
use format::rsm::{Request, Response};
use format::uri::XmppUri;
use format::{datetime, hashtag};
use libfuzzer_sys::fuzz_target;
use wire::{Document, Element, Jid, Limits, Writer};

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        texts(text);
    }
    if let Ok(document) = Document::parse_within(data, &Limits::CLIENT) {
        elements(document.root());
    }
});

fn texts(text: &str) {
    if let Ok(jid) = Jid::parse(text) {
        assert_eq!(Jid::parse(jid.as_str()).as_ref(), Ok(&jid));
    }
    if let Ok(uri) = XmppUri::parse(text) {
        assert_eq!(XmppUri::parse(&uri.to_string()).as_ref(), Ok(&uri));
    }
    if let Some(ms) = datetime::parse(text) {
        assert_eq!(datetime::parse(&datetime::to_text(ms)), Some(ms));
    }
    for span in hashtag::spans(text) {
        assert!(text[span.range].starts_with(['#', '＃']));
        assert_eq!(hashtag::fold(&span.tag), span.tag);
    }
}

fn elements(root: Element<'_>) {
    if let Ok(entry) = Entry::parse(root) {
        let again = Document::parse(entry.to_xml()).expect("an entry that was written");
        let again = Entry::parse(again.root()).expect("an entry");
        assert_eq!(again.text(), entry.text());
        let _ = entry.all_text();
        let mut amend = Amend::new(root, &entry);
        amend.id("1").published(0).raw(b"<x xmlns='urn:x'/>");
        let amended = Document::parse(amend.finish()).expect("an entry that was added to");
        assert!(amended.root().children().count() > root.children().count());
    }
    if let Ok(feed) = Feed::parse(root) {
        let again = Document::parse(feed.to_xml()).expect("a feed that was written");
        assert!(Feed::parse(again.root()).is_ok());
    }
    if let Ok(form) = DataForm::parse(root) {
        let again = written(|writer| form.write(writer));
        assert_eq!(DataForm::parse(again.root()), Ok(form));
    }
    if let Some(info) = Info::parse(root) {
        let again = Info::parse(written(|writer| info.write(writer)).root()).expect("an answer");
        assert_eq!(caps::verification(&again), caps::verification(&info));
    }
    if let Some(items) = Items::parse(root) {
        assert_eq!(Items::parse(written(|writer| items.write(writer)).root()), Some(items));
    }
    if let Some(caps) = Caps::parse(root) {
        assert_eq!(Caps::parse(written(|writer| caps.write(writer)).root()), Some(caps));
    }
    if let Ok(request) = Request::parse(root) {
        assert_eq!(Request::parse(written(|writer| request.write(writer)).root()), Ok(request));
    }
    if let Ok(response) = Response::parse(root) {
        assert_eq!(Response::parse(written(|writer| response.write(writer)).root()), Ok(response));
    }
}

fn written(write: impl FnOnce(&mut Writer)) -> Document {
    let mut writer = Writer::new();
    write(&mut writer);
    Document::parse(writer.finish()).expect("an element that was written")
}
