//! The text of HTML and XHTML, for places that show none: message bodies, previews, search.
//!
//! Nothing that comes out of here is markup; it is not a way to make markup harmless.

/// What stands between two words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
}

/// Text in the making: white space is one space, blocks are lines.
struct Lines {
    text: String,
    gap: Gap,
}

impl Lines {
    fn push(&mut self, c: char) {
        if c.is_whitespace() {
            self.gap = self.gap.max(Gap::Space);
            return;
        }
        if !self.text.is_empty() {
            match self.gap {
                Gap::None => {}
                Gap::Space => self.text.push(' '),
                Gap::Line => self.text.push('\n'),
            }
        }
        self.gap = Gap::None;
        self.text.push(c);
    }
}

/// Strips tags, comments, scripts and styles, and replaces references by what they stand for.
pub(super) fn text_of_markup(markup: &str) -> String {
    let mut lines = Lines {
        text: String::new(),
        gap: Gap::None,
    };
    let mut rest = markup;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '<' => tag(rest, &mut lines),
            '&' => reference(rest, &mut lines),
            _ => {
                lines.push(c);
                &rest[c.len_utf8()..]
            }
        };
    }
    lines.text
}

/// Takes what begins with `<` and returns what follows it.
fn tag<'a>(markup: &'a str, lines: &mut Lines) -> &'a str {
    if let Some(comment) = markup.strip_prefix("<!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    if let Some(section) = markup.strip_prefix("<![CDATA[") {
        let (text, rest) = section.split_once("]]>").unwrap_or((section, ""));
        text.chars().for_each(|c| lines.push(c));
        return rest;
    }
    let inner = &markup[1..];
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        lines.push('<');
        return inner;
    }
    let (tag, rest) = inner.split_at(tag_len(inner));
    let rest = rest.strip_prefix('>').unwrap_or(rest);
    let is_end = tag.starts_with('/');
    let name: String = tag
        .trim_start_matches('/')
        .chars()
        .take_while(|c| !c.is_whitespace() && *c != '/')
        .take(16)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    // A prefix is of no interest: `html:p` is a paragraph too.
    let name = name.rsplit(':').next().unwrap_or_default();
    if is_block(name) {
        lines.gap = Gap::Line;
    }
    if !is_end && !tag.ends_with('/') && matches!(name, "script" | "style" | "title") {
        return after_end_tag(rest, name);
    }
    rest
}

/// How long a tag is: a `>` in quotes does not end it.
fn tag_len(inner: &str) -> usize {
    let mut quote = None;
    for (at, c) in inner.char_indices() {
        match (quote, c) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    inner.len()
}

/// Skips what is not for people.
fn after_end_tag<'a>(mut rest: &'a str, name: &str) -> &'a str {
    while let Some((_, after)) = rest.split_once("</") {
        if after
            .get(..name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name))
        {
            return after.split_once('>').map_or("", |(_, rest)| rest);
        }
        rest = after;
    }
    ""
}

/// Takes what begins with `&` and returns what follows it.
fn reference<'a>(markup: &'a str, lines: &mut Lines) -> &'a str {
    let end = markup.bytes().take(12).position(|b| b == b';');
    if let Some(end) = end
        && let Some(c) = referred(&markup[1..end])
    {
        lines.push(c);
        return &markup[end + 1..];
    }
    lines.push('&');
    &markup[1..]
}

fn referred(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?).filter(|c| !c.is_control() || c.is_whitespace());
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "laquo" => '«',
        "raquo" => '»',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "Auml" => 'Ä',
        "Ouml" => 'Ö',
        "Uuml" => 'Ü',
        "szlig" => 'ß',
        "eacute" => 'é',
        "egrave" => 'è',
        "agrave" => 'à',
        "ccedil" => 'ç',
        "euro" => '€',
        "copy" => '©',
        "hearts" => '♥',
        _ => return None,
    })
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "br"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "figcaption"
            | "figure"
            | "footer"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hr"
            | "li"
            | "main"
            | "ol"
            | "p"
            | "pre"
            | "section"
            | "table"
            | "tr"
            | "ul"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stripped() {
        for (markup, text) in [
            ("", ""),
            ("plain", "plain"),
            (
                "<p>hanging out at the <strong>Café</strong> Napolitano</p>",
                "hanging out at the Café Napolitano",
            ),
            ("<div xmlns='x'>\n  <p>a</p>\n  <p>b<br/>c</p></div>", "a\nb\nc"),
            ("<x:div><x:p>a</x:p>b</x:div>", "a\nb"),
            (
                "a &amp; b &lt;c&gt; &#233;&#xE9; &nbsp; d &unknown; &",
                "a & b <c> éé d &unknown; &",
            ),
            ("&#0;&#xD800;&#x110000;", "&#0;&#xD800;&#x110000;"),
            ("a<!-- <p>no</p> -->b<!-- open", "ab"),
            ("<script>alert('<p>')</script>ok<style>p{}</style>", "ok"),
            ("<script>never closed", ""),
            ("<a title='a>b'>x</a>", "x"),
            ("a < b > c <3", "a < b > c <3"),
            ("<![CDATA[a <b>]]>c", "a <b>c"),
            ("open <b", "open"),
            ("<ul><li>one<li>two</ul>three", "one\ntwo\nthree"),
            ("<?xml version='1.0'?>x", "x"),
        ] {
            assert_eq!(text_of_markup(markup), text, "{markup}");
        }
    }

    proptest! {
        #[test]
        fn any_markup(markup in "(<|>|/|&|;|#|'|\"|!|-|p|script|\\PC){0,40}") {
            text_of_markup(&markup);
        }

        #[test]
        fn escaped_text_comes_back(text in "[a-zé<>&\"']{0,20}") {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            prop_assert_eq!(text_of_markup(&escaped), text);
        }
    }
}
