#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn entry(children: &str) -> Entry {
    let xml = format!("<entry xmlns='http://www.w3.org/2005/Atom'>{children}</entry>");
    Entry::parse(Document::parse(xml.into_bytes()).unwrap().root()).unwrap()
}

fn titled(text: &str) -> Entry {
    Entry {
        titles: vec![Text::Plain(text.to_owned())],
        ..Entry::default()
    }
}

fn names(found: &[BareJid]) -> Vec<&str> {
    found.iter().map(BareJid::as_str).collect()
}

fn attachments(children: &str) -> Attachments {
    let xml = format!("<attachments xmlns='{ATTACHMENTS}'>{children}</attachments>");
    Attachments::parse(Document::parse(xml.into_bytes()).unwrap().root()).unwrap()
}

#[test]
fn mentioned_in_text() {
    for (text, people) in [
        ("@juliet", &["juliet@here"][..]),
        ("Good night, @Juliet!", &["juliet@here"]),
        ("@juliet@verona.example.", &["juliet@verona.example"]),
        ("(@juliet) \"@nurse\", @juliet", &["juliet@here", "nurse@here"]),
        ("@first.last_2 @a-b-", &["first.last_2@here", "a-b@here"]),
        ("wait...@juliet", &[]),
        ("@жульетта, @été", &["жульетта@here", "été@here"]),
        ("¡@juliet!", &["juliet@here"]),
        (
            "@juliet's @nurse@x.example's",
            &["juliet@here", "nurse@x.example"],
        ),
    ] {
        assert_eq!(names(&mentions(&titled(text), "here")), people, "{text}");
    }
}

#[test]
fn nobody_mentioned() {
    for text in [
        "",
        "@",
        "@@juliet",
        "romeo@juliet",
        "mail@example.org",
        "https://example.org/@juliet",
        "xmpp:@juliet",
        "www.example.org/@juliet",
        "/@juliet",
        "été@juliet",
        "@juliet@",
        "@-juliet",
        "user+@juliet",
        "@juliet@-",
    ] {
        assert_eq!(names(&mentions(&titled(text), "here")), [""; 0], "{text}");
    }
}

#[test]
fn the_content_is_looked_through_too_and_the_bound_holds() {
    let html = entry("<title>@juliet</title><content type='html'>&lt;b&gt;@nurse&lt;/b&gt;</content>");
    assert_eq!(names(&mentions(&html, "here")), ["juliet@here", "nurse@here"]);
    let many: String = (0..50).map(|n| format!("@p{n} ")).collect();
    assert_eq!(mentions(&titled(&many), "here").len(), MAX_MENTIONS);
    let long = format!("@{}", "a".repeat(5_000));
    assert_eq!(mentions(&titled(&long), "here").len(), 0);
}

#[test]
fn what_is_marked_decides() {
    let both = entry(
        "<title>@romeo and more</title><mention xmlns='urn:xmpp:mentions:0' jid='Juliet@example.org/x'/>\
         <reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:nurse@example.org' begin='1' end='2'/>\
         <mention xmlns='urn:xmpp:mentions:0' jid='juliet@example.org'/>",
    );
    assert_eq!(
        names(&mentions(&both, "here")),
        ["nurse@example.org", "juliet@example.org"]
    );
}

#[test]
fn marks_that_tell_nobody() {
    for mark in [
        "<mention xmlns='urn:xmpp:mentions:0' jid='juliet@example.org'><noping/></mention>",
        "<mention xmlns='urn:xmpp:mentions:0' jid='example.org'/>",
        "<mention xmlns='urn:xmpp:mentions:0' jid='@@'/>",
        "<reference xmlns='urn:xmpp:reference:0' type='mention' uri='https://example.org'/>",
    ] {
        let marked = entry(&format!("<title>@romeo</title>{mark}"));
        assert_eq!(names(&mentions(&marked, "here")), [""; 0], "{mark}");
    }
    // These are about something else: the text is looked through.
    for other in [
        "<mention xmlns='urn:xmpp:mentions:0' mentions='urn:xmpp:mentions:0#server' uri='xmpp:a'/>",
        "<mention xmlns='urn:xmpp:mentions:0' occupantid='x'/>",
        "<reference xmlns='urn:xmpp:reference:0' type='data' uri='xmpp:a@b'/>",
        "<mention xmlns='urn:example' jid='juliet@example.org'/>",
    ] {
        let marked = entry(&format!("<title>@romeo</title>{other}"));
        assert_eq!(names(&mentions(&marked, "here")), ["romeo@here"], "{other}");
    }
}

#[test]
fn answers_and_repeats() {
    let thr = "xmlns='http://purl.org/syndication/thread/1.0'";
    let reply = entry(&format!(
        "<in-reply-to {thr} ref='a' href='https://example.org/1'/>\
         <in-reply-to {thr} ref='b' href='xmpp:a@b?;node=urn:xmpp:microblog:0;item=x'/>\
         <in-reply-to {thr} ref='c' href='xmpp:a@b'/>\
         <in-reply-to {thr} ref='d' href='xmpp:a@b?;node=n;item=y%3Az'/>"
    ));
    let items: Vec<_> = answered(&reply)
        .map(|uri| uri.item().unwrap().to_owned())
        .collect();
    assert_eq!(items, ["x", "y:z"]);
    let many = entry(&format!("<in-reply-to {thr} ref='b' href='xmpp:a@b?;node=n;item=x'/>").repeat(100));
    assert_eq!(answered(&many).count(), MAX_PARENTS);

    let boost = entry("<link rel='via' href='xmpp:a@b?;node=n;item=x'/>");
    assert_eq!(repeated(&boost).unwrap().item(), Some("x"));
    for none in ["xmpp:a@b", "xmpp:a@b?;node=n", "https://example.org/1"] {
        assert_eq!(
            repeated(&entry(&format!("<link rel='via' href='{none}'/>"))),
            None
        );
    }
}

#[test]
fn likes() {
    for heart in ["♥", "♥\u{FE0F}", "❤\u{FE0E}", "❤️", "💜", " 🖤 "] {
        assert!(is_heart(heart), "{heart}");
    }
    for other in ["", "👍", "♥♥", "I ♥ you", "♡", "❤️‍🔥"] {
        assert!(!is_heart(other), "{other}");
    }
    assert!(is_like(&titled("♥")));
    assert!(is_like(&titled(" ♥\u{FE0F}\n")));
    assert!(is_like(&entry("<title>♥</title><content>♥</content>")));
    for no_like in [
        titled("♥!"),
        titled("❤"),
        Entry::default(),
        entry("<title>♥</title><content>and more</content>"),
        entry("<title>♥</title><title type='html'>no</title>"),
    ] {
        assert!(!is_like(&no_like), "{no_like:?}");
    }
}

#[test]
fn attached() {
    let read = attachments(
        "<noticed timestamp='2026-07-11T12:07:24Z'/><x:rating xmlns:x='urn:example'>5</x:rating>\
         <reactions><reaction>👷</reaction><reaction>🔨</reaction><reaction>👷</reaction><reaction/></reactions>",
    );
    assert!(read.is_like());
    assert_eq!(read.reactions, ["👷", "🔨"]);
    assert_eq!(read.others.len(), 1);
    let again = Attachments::parse(Document::parse(read.to_xml()).unwrap().root()).unwrap();
    assert_eq!(again, read);

    assert!(!attachments("<reactions><reaction>👷</reaction></reactions>").is_like());
    assert!(attachments("<reactions><reaction>❤️</reaction></reactions>").is_like());
    assert!(!attachments("").is_like());
    assert!(!attachments("<noticed xmlns='urn:example'/>").is_like());
    for other in [
        "<attachments xmlns='urn:example'/>",
        "<attachment xmlns='urn:xmpp:pubsub-attachments:1'/>",
    ] {
        let document = Document::parse(other.as_bytes()).unwrap();
        assert_eq!(Attachments::parse(document.root()), Err(NotAttachments));
    }
    let many: String = (0..100).map(|n| format!("<reaction>{n}</reaction>")).collect();
    assert_eq!(
        attachments(&format!("<reactions>{many}</reactions>"))
            .reactions
            .len(),
        MAX_REACTIONS
    );
}

#[test]
fn summarized() {
    let mut summary = Summary::default();
    for children in [
        "<noticed/><reactions><reaction>💃</reaction><reaction>🎉</reaction></reactions>",
        "<noticed/><reactions><reaction>💃</reaction><reaction>💃</reaction></reactions>",
        "",
    ] {
        summary.add(&attachments(children));
    }
    assert_eq!(
        String::from_utf8(summary.to_xml()).unwrap(),
        "<summary xmlns='urn:xmpp:pubsub-attachments:summary:1'><noticed count='2'/>\
         <reactions><reaction count='2'>💃</reaction><reaction>🎉</reaction></reactions></summary>"
    );
    assert_eq!(
        Summary::default().to_xml(),
        b"<summary xmlns='urn:xmpp:pubsub-attachments:summary:1'/>"
    );
}

proptest! {
    #[test]
    fn any_text_is_looked_through(text in "[@a-zé.\\-_:/ ]{0,60}|\\PC{0,60}") {
        let found = mentions(&titled(&text), "example.org");
        prop_assert!(found.len() <= MAX_MENTIONS);
        for jid in &found {
            prop_assert!(jid.node().is_some());
        }
        prop_assert!(found.len() <= text.matches('@').count());
    }

    #[test]
    fn who_is_named_between_spaces_is_found(name in "[a-z][a-z0-9_]{0,15}", domain in "[a-z]{1,8}\\.[a-z]{2,5}") {
        let wanted = format!("{name}@{domain}");
        let found = mentions(&titled(&format!("so @{wanted}, it is")), "here");
        prop_assert_eq!(names(&found), [wanted.as_str()]);
        let wanted = format!("{name}@here");
        let found = mentions(&titled(&format!("so @{name}: it is")), "here");
        prop_assert_eq!(names(&found), [wanted.as_str()]);
        // Within a word it is nobody.
        let found = mentions(&titled(&format!("x@{name}")), "here");
        prop_assert!(found.is_empty());
    }

    #[test]
    fn what_is_attached_is_written_as_it_was_read(
        noticed in proptest::option::of(proptest::option::of(0_i64..4_000_000_000_000)),
        reactions in proptest::collection::btree_set("[a-z❤👷&<]{1,8}", 0..10),
        others in proptest::collection::vec("[a-z]{1,5}", 0..4),
    ) {
        let attachments = Attachments {
            // Written to the millisecond, and read so.
            noticed,
            reacted: (!reactions.is_empty()).then_some(1_800_000_000_000),
            reactions: reactions.into_iter().collect(),
            others: others.iter().map(|name| format!("<{name} xmlns='urn:example'/>").into_bytes()).collect(),
        };
        let xml = attachments.to_xml();
        prop_assert_eq!(Attachments::parse(Document::parse(xml).unwrap().root()).unwrap(), attachments);
    }
}
