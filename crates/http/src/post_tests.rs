use super::*;

#[test]
fn plain_text_keeps_its_lines_and_gets_links() {
    assert_eq!(
        plain_to_html("one\ntwo\n\nthree <b> & \"four\""),
        "<p>one<br>two</p><p>three &lt;b&gt; &amp; \"four\"</p>"
    );
    assert_eq!(
        plain_to_html("I like #Rust, see #Größe."),
        "<p>I like <a class=\"tag\" href=\"/tag/rust\" rel=\"tag\">#Rust</a>, see \
         <a class=\"tag\" href=\"/tag/gr%C3%B6sse\" rel=\"tag\">#Größe</a>.</p>"
    );
    let link = |href: &str, shown: &str| {
        format!("<a href=\"{href}\" rel=\"nofollow noopener noreferrer ugc\">{shown}</a>")
    };
    for (text, html) in [
        (
            "(see https://a.example/b?c=1&d#e).",
            format!(
                "(see {}).",
                link("https://a.example/b?c=1&amp;d#e", "a.example/b?c=1&amp;d#e")
            ),
        ),
        (
            "https://a.example/x_(y) z",
            format!("{} z", link("https://a.example/x_(y)", "a.example/x_(y)")),
        ),
        (
            "xmpp:a@b.example!",
            format!("{}!", link("xmpp:a@b.example", "xmpp:a@b.example")),
        ),
        (
            "http:// and javascript:alert(1)",
            "http:// and javascript:alert(1)".into(),
        ),
        (
            "http://a.example\" onclick=\"x",
            format!("{}\" onclick=\"x", link("http://a.example", "a.example")),
        ),
    ] {
        assert_eq!(plain_to_html(text), format!("<p>{html}</p>"), "{text}");
    }
}

#[test]
fn markup_from_outside_does_no_harm() {
    for (hostile, clean_form) in [
        ("<script>alert(1)</script>ok", "ok"),
        (
            "<p onclick='x' style='position:fixed' class='bar' id='main'>ok</p>",
            "<p>ok</p>",
        ),
        (
            "<a href='javascript:alert(1)'>ok</a>",
            "<a rel=\"nofollow noopener noreferrer ugc\">ok</a>",
        ),
        ("<img src='x.png' onerror='alert(1)' alt='a'>", "<img alt=\"a\">"),
        (
            "<iframe src='https://evil.example'></iframe><form action='/x'><input></form>ok",
            "ok",
        ),
        (
            "<div xmlns='http://www.w3.org/1999/xhtml'><p>ok<br/></p></div>",
            "<div><p>ok<br></p></div>",
        ),
        ("<svg><script>alert(1)</script></svg><math><mi>x</mi></math>", ""),
    ] {
        assert_eq!(clean(hostile), clean_form, "{hostile}");
    }
    let html = to_html(&Text::Html(
        "<b>bold</b> <a href='https://a.example/'>a</a>".into(),
    ));
    assert_eq!(
        html,
        "<b>bold</b> <a href=\"https://a.example/\" rel=\"nofollow noopener noreferrer ugc\">a</a>"
    );
}

#[test]
fn a_short_posts_title_is_its_text() {
    let plain = |text: &str| Text::Plain(text.into());
    assert_eq!(
        title_and_body(&[plain("Hello")], &[]),
        (None, "<p>Hello</p>".into())
    );
    assert_eq!(
        title_and_body(&[plain("Hello")], &[plain("Hello world")]),
        (None, "<p>Hello world</p>".into())
    );
    assert_eq!(
        title_and_body(&[plain("On moots")], &[plain("They were assemblies.")]),
        (Some("On moots".into()), "<p>They were assemblies.</p>".into())
    );
    let xhtml = Text::Xhtml(b"<div xmlns='http://www.w3.org/1999/xhtml'><em>Rich</em></div>".to_vec());
    assert_eq!(
        title_and_body(&[plain("Rich")], &[plain("Rich"), xhtml]),
        (None, "<div><em>Rich</em></div>".into())
    );
    assert_eq!(title_and_body(&[], &[]), (None, String::new()));
}

#[test]
fn an_excerpt_is_one_short_line() {
    assert_eq!(excerpt(" a\n b  c "), "a b c");
    let long = "wörter ".repeat(40);
    assert!(excerpt(&long).chars().count() <= EXCERPT + 1 && excerpt(&long).ends_with('…'));
}

/// Whoever reads a page waits for every post on it: none may take more than its length is worth.
#[test]
fn no_text_takes_long() {
    const LENGTH: usize = 200_000;
    for (begin, part, end) in [
        ("http://a.example/", ")", ""),
        ("http://a.example/", ".", ""),
        ("", "xmpp: ", ""),
        ("", "xmpp:a ", ""),
        ("", "http://a.example ", ""),
        ("", "https://", ""),
        ("", "(http://a)", ""),
        ("", "#a", ""),
        ("", "#a.", ""),
        ("", "\n", "a"),
        ("", "\n\n", "a"),
    ] {
        let text = format!("{begin}{}{end}", part.repeat(LENGTH / part.len()));
        in_time(part, || plain_to_html(&text));
    }
    for (begin, part, end) in [
        ("", "<b>", ""),
        ("", "<div>", ""),
        ("", "<p><b>", ""),
        ("", "<a href='http://a'>", ""),
        ("", "<table><tr><td>", ""),
        ("", "<b><p>", ""),
        ("", "<i></b>", ""),
        ("", "<div></p>", ""),
        ("", "<ul><li></p>", ""),
        ("", "<p", ""),
        ("", "<!--", ""),
        ("", "&amp", ""),
        ("<svg>", "<g></x>", ""),
        ("", "<font a>", "</p>"),
    ] {
        let html = format!("{begin}{}{end}", part.repeat(LENGTH / part.len()));
        in_time(part, || to_html(&Text::Html(html.clone())));
        let short = html[..MARKUP_MAX.min(html.len())].to_owned();
        in_time(part, || to_html(&Text::Html(short)));
    }
}

fn in_time(what: &str, work: impl FnOnce() -> String) {
    let begun = std::time::Instant::now();
    work();
    let took = begun.elapsed();
    println!("{what:?} {took:?}");
    // What grows with the square of its length takes minutes.
    assert!(took < std::time::Duration::from_secs(5), "{what:?} took {took:?}");
}
