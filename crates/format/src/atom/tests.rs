//! Entries both ways: published examples, odd input, anything.

#![allow(clippy::unwrap_used)]

use proptest::option;
use proptest::prelude::*;
use wire::Document;

use super::*;

fn parse(xml: &str) -> Entry {
    Entry::parse(Document::parse(xml.as_bytes()).unwrap().root()).unwrap()
}

/// XEP-0277 §3.6, with what Movim adds.
const REPLY: &str = "<entry xmlns='http://www.w3.org/2005/Atom' xmlns:thr='http://purl.org/syndication/thread/1.0' xml:lang='en'>\
    <author><name>Benvolio Montague</name><uri>xmpp:benvolio@montague.lit</uri></author>\
    <title type='text'>@romeo cappuccino this late in the day?</title>\
    <content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>@romeo <b>cappuccino</b></p><p>late?</p></div></content>\
    <link rel='alternate' type='text/html' href='http://montague.lit/benvolio/posts/c4'/>\
    <link rel='via' href='xmpp:romeo@montague.lit?;node=urn:xmpp:microblog:0;item=1c' ref='tag:x'/>\
    <link rel='replies' href='https://montague.lit/replies'/>\
    <link rel='replies' title='comments' href='xmpp:comments.montague.lit?;node=urn:xmpp:microblog:0:comments/c4'/>\
    <link rel='enclosure' type='image/png' length='12' title='p.png' href='https://montague.lit/p.png'/>\
    <link rel='broken'/>\
    <id>\n tag:montague.lit,2008-05-08:posts-c4 </id>\
    <published>2008-05-08T18:31:21Z</published><updated>2008-05-08T20:31:21+02:00</updated>\
    <thr:in-reply-to ref='tag:1c' type='application/xhtml+xml' href='http://montague.lit/romeo/posts/1c'/>\
    <thr:in-reply-to ref='tag:1c' href='xmpp:romeo@montague.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=1c'/>\
    <category term='coffee'/><category/>\
    <generator uri='https://capu.chat' version='42'>CapuChat</generator>\
    <geoloc xmlns='http://jabber.org/protocol/geoloc'><lat>45.44</lat></geoloc>\
    <thr:total>3</thr:total><own xmlns='urn:own' thr:a='b'/></entry>";

#[test]
fn a_reply() {
    let entry = parse(REPLY);
    assert_eq!(entry.id.as_deref(), Some("tag:montague.lit,2008-05-08:posts-c4"));
    assert_eq!(entry.lang.as_deref(), Some("en"));
    assert_eq!(entry.text(), "@romeo cappuccino this late in the day?");
    assert_eq!(
        entry.all_text(),
        "@romeo cappuccino this late in the day?\n@romeo cappuccino\nlate?"
    );
    assert_eq!(entry.published, entry.updated);
    assert_eq!(entry.link("enclosure").unwrap().length, Some(12));
    assert_eq!(entry.via().unwrap().xmpp_uri().unwrap().item(), Some("1c"));
    assert_eq!(
        entry.comments().unwrap().xmpp_uri().unwrap().node(),
        Some("urn:xmpp:microblog:0:comments/c4")
    );
    assert_eq!(entry.in_reply_to.len(), 2);
    let parent = entry.parent().unwrap();
    assert_eq!(
        (parent.jid.as_str(), parent.item()),
        ("romeo@montague.lit", Some("1c"))
    );
    assert_eq!(entry.categories.len(), 1);
    assert_eq!(entry.generator.as_ref().unwrap().version.as_deref(), Some("42"));
    assert!(entry.geoloc.is_some());
    // The link without address, the category without term, and both foreign children.
    assert_eq!(entry.extensions.len(), 4);
    for extension in &entry.extensions {
        assert!(Document::parse(extension.as_slice()).is_ok(), "self-contained");
    }
    assert_eq!(parse(std::str::from_utf8(&entry.to_xml()).unwrap()), entry);
}

#[test]
fn who_wrote_it() {
    let benvolio = BareJid::parse("benvolio@montague.lit").unwrap();
    let romeo = BareJid::parse("romeo@montague.lit").unwrap();
    let entry = parse(REPLY);
    assert_eq!(entry.author_match(&benvolio), AuthorMatch::Same);
    assert_eq!(entry.author_match(&romeo), AuthorMatch::Other);
    let named = "<entry xmlns='http://www.w3.org/2005/Atom'><author><name>x</name></author></entry>";
    assert_eq!(parse(named).author_match(&romeo), AuthorMatch::Absent);
    for uri in [
        "romeo@montague.lit",
        "https://montague.lit/romeo",
        "xmpp:",
        "xmpp:romeo@montague.lit.evil",
    ] {
        let forged = named.replace("<name>x</name>", &format!("<uri>{uri}</uri>"));
        assert_eq!(parse(&forged).author_match(&romeo), AuthorMatch::Other, "{uri}");
    }
}

#[test]
fn where_the_text_is() {
    for (inner, text) in [
        ("", ""),
        ("<title/><content>c</content>", "c"),
        ("<title> </title><summary>s</summary><content>c</content>", "s"),
        (
            "<title type='html'>&lt;b&gt;t&lt;/b&gt; &amp;amp; u</title>",
            "t & u",
        ),
        (
            "<title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>a<br/>b</div></title>",
            "a\nb",
        ),
        ("<title type='xhtml'><p>no div</p></title><title>t</title>", "t"),
        ("<content type='image/png'>AAAA</content>", ""),
        ("<content src='https://example.org/'/>", ""),
        ("<content type='text/plain'>c</content>", "c"),
    ] {
        let entry = parse(&format!(
            "<entry xmlns='http://www.w3.org/2005/Atom'>{inner}</entry>"
        ));
        assert_eq!(entry.text(), text, "{inner}");
        assert_eq!(
            parse(std::str::from_utf8(&entry.to_xml()).unwrap()),
            entry,
            "{inner}"
        );
    }
}

#[test]
fn odd_entries() {
    let entry = parse(
        "<entry xmlns='http://www.w3.org/2005/Atom'><id>1</id><id>2</id><published>never</published><updated/>\
         <entry/><title xmlns='urn:other'>x</title>text</entry>",
    );
    assert_eq!(
        (entry.id.as_deref(), entry.published, entry.updated),
        (Some("1"), None, None)
    );
    assert_eq!(entry.titles, []);
    assert_eq!(entry.extensions.len(), 5);
    let many = format!(
        "<entry xmlns='http://www.w3.org/2005/Atom'>{}</entry>",
        "<category term='a'/>".repeat(1000)
    );
    assert_eq!(parse(&many).categories.len(), 256);
    for other in [
        "<entry/>",
        "<feed xmlns='http://www.w3.org/2005/Atom'/>",
        "<entry xmlns='x'/>",
    ] {
        assert_eq!(
            Entry::parse(Document::parse(other.as_bytes()).unwrap().root()),
            Err(NotAnEntry)
        );
    }
}

prop_compose! {
    fn any_text()(kind in 0..3, text in "\\PC{0,20}") -> Text {
        match kind {
            0 => Text::Plain(text),
            1 => Text::Html(text),
            _ => {
                let mut writer = wire::Writer::new();
                writer.open("div").ns(wire::ns::XHTML).leaf("p", &text);
                Text::Xhtml(writer.finish())
            }
        }
    }
}

/// What has no space around it.
fn word() -> impl Strategy<Value = String> {
    "[^\\p{C}\\p{Z}]{1,12}"
}

prop_compose! {
    fn any_link()(
        rel in word(), href in word(), kind in option::of(word()), title in option::of(word()),
        reference in option::of(word()), length in option::of(any::<u64>()),
    ) -> Link {
        Link { rel, href, kind, title, reference, length }
    }
}

prop_compose! {
    fn any_person()(name in option::of(word()), uri in option::of(word()), email in option::of(word())) -> Person {
        Person { name, uri, email }
    }
}

prop_compose! {
    fn any_lists()(
        titles in prop::collection::vec(any_text(), 0..3),
        contents in prop::collection::vec(any_text(), 0..3),
        authors in prop::collection::vec(any_person(), 0..3),
        links in prop::collection::vec(any_link(), 0..3),
        categories in prop::collection::vec((word(), option::of(word()), option::of(word())), 0..3),
        in_reply_to in prop::collection::vec((option::of(word()), option::of(word()), option::of(word())), 0..3),
    ) -> Entry {
        let category = |(term, scheme, label)| Category { term, scheme, label };
        let parent = |(reference, href, kind)| InReplyTo { reference, href, kind };
        Entry {
            titles, contents, authors, links,
            categories: categories.into_iter().map(category).collect(),
            in_reply_to: in_reply_to.into_iter().map(parent).collect(),
            ..Entry::default()
        }
    }
}

prop_compose! {
    fn any_entry()(
        lists in any_lists(),
        id in option::of(word()),
        lang in option::of("[a-z]{2}"),
        published in option::of(0..4_000_000_000_000_i64),
        generator in option::of((word(), option::of(word()))),
        extension in word(),
    ) -> Entry {
        let mut writer = wire::Writer::new();
        writer.open("ext").ns("urn:ext").text(&extension);
        Entry {
            id, lang, published,
            updated: published,
            generator: generator.map(|(name, uri)| Generator { name, version: uri.clone(), uri }),
            extensions: vec![writer.finish()],
            ..lists
        }
    }
}

proptest! {
    #[test]
    fn round_trips(entry in any_entry()) {
        let document = Document::parse(entry.to_xml()).unwrap();
        let read = Entry::parse(document.root()).unwrap();
        let document = Document::parse(read.to_xml()).unwrap();
        prop_assert_eq!(&Entry::parse(document.root()).unwrap(), &read);
        // What is kept as bytes says its language itself after the first time.
        if entry.lang.is_none() {
            prop_assert_eq!(read, entry);
        }
    }

    #[test]
    fn amending_adds_and_changes_nothing_else(entry in any_entry(), id in word(), tag in word()) {
        let document = Document::parse(entry.to_xml()).unwrap();
        let mut amend = Amend::new(document.root(), &entry);
        amend.id(&id).published(7).category(&tag).raw(b"<x xmlns='urn:x'/>");
        let bytes = amend.finish();
        let before = entry.to_xml();
        let kept = before.len() - if before.ends_with(b"/>") { 2 } else { "</entry>".len() };
        prop_assert_eq!(&bytes[..kept], &before[..kept]);
        let document = Document::parse(bytes).unwrap();
        let after = Entry::parse(document.root()).unwrap();
        prop_assert_eq!(&after.id, &entry.id.clone().or(Some(id)));
        prop_assert_eq!(after.published, entry.published.or(Some(7)));
        prop_assert_eq!(after.extensions.len(), entry.extensions.len() + 1);
        prop_assert!(after.categories.starts_with(&entry.categories));
        prop_assert_eq!(after.links, entry.links);
    }
}
