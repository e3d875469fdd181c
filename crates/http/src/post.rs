//! A post as the pages show it: its text made into HTML that does no harm.

use std::collections::HashSet;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use format::atom::{AuthorMatch, Text};
use format::hashtag;
use format::uri::percent_encode;
use store::Timestamp;

use crate::catalogue::{Catalogue, counted};
use crate::content::Found;
use crate::date;
use crate::person::{Person, path_of};
use crate::render::{attribute, escaped};
use crate::site::Site;

/// Characters of a post in a page's title or description.
const EXCERPT: usize = 80;

/// A post, ready for a template.
pub(crate) struct Post {
    pub(crate) author: Person,
    pub(crate) href: String,
    pub(crate) published_iso: String,
    pub(crate) published_text: String,
    pub(crate) is_edited: bool,
    /// The address of what it answers to, and the page of that, if it is one of ours.
    pub(crate) reply_to: Option<String>,
    pub(crate) reply_href: Option<String>,
    pub(crate) title: Option<String>,
    /// Clean HTML.
    pub(crate) body: String,
    pub(crate) tags: Vec<Tag>,
    /// Who repeats it here.
    pub(crate) boosted_by: Option<Person>,
    /// How many replies, likes and boosts it has, in words; those that it has.
    pub(crate) counts: Vec<String>,
}

/// A tag and its page.
pub(crate) struct Tag {
    pub(crate) label: String,
    pub(crate) href: String,
}

impl Post {
    /// Makes a found post ready. `name` is what its author is called, where that is known better than from the post.
    pub(crate) fn new(site: &Site, found: &Found, name: Option<&str>) -> Self {
        let entry = &found.entry;
        let (title, body) = title_and_body(entry.titles.as_slice(), entry.contents.as_slice());
        // A tag that stands in the text needs no second place.
        let mut tags = tags(entry);
        tags.retain(|tag| !body.contains(&format!("href=\"{}\"", attribute(&tag.href))));
        let (reply_to, reply_href) = reply(site, found);
        let text = &Catalogue::ENGLISH;
        Self {
            author: Person::new(site, &found.author, name.or_else(|| author_name(found))),
            href: path(site, found),
            published_iso: date::iso(published(found)),
            published_text: date::for_people(published(found), text),
            is_edited: is_edited(found),
            reply_to,
            reply_href,
            title,
            body,
            tags,
            boosted_by: found.boosted_by.as_ref().map(|by| Person::new(site, by, None)),
            counts: counts(found, text),
        }
    }
}

/// What a post answers to: an address, and its page here.
fn reply(site: &Site, found: &Found) -> (Option<String>, Option<String>) {
    if let Some((number, author)) = found.about.place.as_ref().and_then(|place| place.parent.as_ref()) {
        let href = path_of(site, author).map(|path| format!("{path}/{}", number.0));
        return (Some(author.to_string()), href);
    }
    let entry = &found.entry;
    let reply_to = entry.in_reply_to.first().map(|parent| match entry.parent() {
        Some(uri) => uri.jid.bare().to_string(),
        None => parent
            .href
            .clone()
            .or_else(|| parent.reference.clone())
            .unwrap_or_default(),
    });
    (
        reply_to,
        entry.parent().and_then(|uri| path_of(site, &uri.jid.bare())),
    )
}

fn counts(found: &Found, text: &Catalogue) -> Vec<String> {
    let Some(counts) = &found.about.counts else {
        return Vec::new();
    };
    let all = [
        (counts.replies, &text.replies),
        (counts.likes, &text.likes),
        (counts.boosts, &text.boosts),
    ];
    let some = all.into_iter().filter(|(count, _)| *count > 0);
    some.map(|(count, words)| counted(count, words)).collect()
}

/// The path of a post's page.
pub(crate) fn path(site: &Site, found: &Found) -> String {
    let person = path_of(site, &found.author).unwrap_or_default();
    format!("{person}/{}", found.page_id.0)
}

/// When it was published: as this server saw it, whatever the author claims.
pub(crate) fn published(found: &Found) -> Timestamp {
    found.created
}

/// Whether the post says that it was changed after it was published. The author's client may date a post a moment before
/// the server gets it, so a second is no edit.
fn is_edited(found: &Found) -> bool {
    const MOMENT_MS: i64 = 1_000;
    match (found.entry.published, found.entry.updated) {
        (Some(published), Some(updated)) => updated - published > MOMENT_MS,
        _ => false,
    }
}

/// What the author calls themselves in the post, unless the post names somebody else.
pub(crate) fn author_name(found: &Found) -> Option<&str> {
    if found.entry.author_match(&found.author) == AuthorMatch::Other {
        return None;
    }
    found
        .entry
        .authors
        .first()
        .and_then(|author| author.name.as_deref())
}

/// The beginning of the text, on one line.
pub(crate) fn excerpt(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= EXCERPT {
        return words;
    }
    let cut: String = words.chars().take(EXCERPT).collect();
    format!("{}…", cut.trim_end())
}

/// The heading, where there is one of its own, and the body.
///
/// A short post's text is its title (XEP-0277 §3.3); in an article the content follows it.
fn title_and_body(titles: &[Text], contents: &[Text]) -> (Option<String>, String) {
    let richest = |texts: &[Text]| {
        texts
            .iter()
            .find(|text| !matches!(text, Text::Plain(_)))
            .or_else(|| texts.first())
            .map(to_html)
    };
    let title = titles
        .iter()
        .find(|text| matches!(text, Text::Plain(_)))
        .or_else(|| titles.first())
        .map(Text::to_plain);
    let Some(body) = richest(contents).filter(|body| !body.trim().is_empty()) else {
        return (None, richest(titles).unwrap_or_default());
    };
    let content = contents.first().map(Text::to_plain).unwrap_or_default();
    // Many clients write the same text, or its beginning, into the title.
    let is_repeated = |title: &String| {
        content
            .trim()
            .starts_with(title.trim().trim_end_matches(['…', '.']))
    };
    (
        title.filter(|title| !title.trim().is_empty() && !is_repeated(title)),
        body,
    )
}

fn tags(entry: &format::atom::Entry) -> Vec<Tag> {
    let mut seen = HashSet::new();
    let folded = entry
        .categories
        .iter()
        .map(|category| (category, hashtag::fold(&category.term)));
    folded
        .filter(|(_, tag)| !tag.is_empty() && seen.insert(tag.clone()))
        .take(hashtag::MAX_TAGS)
        .map(|(category, tag)| Tag {
            label: category.term.clone(),
            href: tag_path(&tag),
        })
        .collect()
}

/// The path of a folded tag's page.
pub(crate) fn tag_path(tag: &str) -> String {
    format!("/tag/{}", percent_encode(tag))
}

/// The longest markup that is shown as markup, in bytes, and the most tags in it. A parser of HTML may need time with the
/// square of its depth; of what is longer the text is shown.
const MARKUP_MAX: usize = 32 * 1024;
const TAGS_MAX: usize = 2_000;

/// Any text as clean HTML.
pub(crate) fn to_html(text: &Text) -> String {
    match text {
        Text::Plain(text) => plain_to_html(text),
        Text::Html(markup) if is_much(markup.as_bytes()) => plain_to_html(&text.to_plain()),
        Text::Xhtml(markup) if is_much(markup) => plain_to_html(&text.to_plain()),
        Text::Html(html) => clean(html),
        Text::Xhtml(bytes) => clean(&String::from_utf8_lossy(bytes)),
    }
}

fn is_much(markup: &[u8]) -> bool {
    markup.len() > MARKUP_MAX || markup.iter().filter(|byte| **byte == b'<').count() > TAGS_MAX
}

/// What a post may contain; everything else is taken out, its text kept.
static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .link_rel(Some("nofollow noopener noreferrer ugc"))
        .url_schemes(HashSet::from(["https", "http", "mailto", "xmpp", "geo", "tel"]))
        .url_relative(UrlRelative::Deny)
        .rm_tags([
            "map", "area", "center", "hgroup", "nav", "header", "footer", "article", "aside", "figure",
        ])
        .rm_tag_attributes("img", ["width", "height"])
        .add_tag_attributes("img", ["alt"])
        .rm_generic_attributes(["title"]);
    builder
});

fn clean(html: &str) -> String {
    CLEANER.clean(html).to_string()
}

/// Plain text as HTML: paragraphs and lines kept, addresses and tags made into links.
fn plain_to_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for paragraph in text
        .replace("\r\n", "\n")
        .trim()
        .split("\n\n")
        .filter(|paragraph| !paragraph.trim().is_empty())
    {
        out.push_str("<p>");
        for (index, line) in paragraph.trim_matches('\n').split('\n').enumerate() {
            if index > 0 {
                out.push_str("<br>");
            }
            link_line(line, &mut out);
        }
        out.push_str("</p>");
    }
    out
}

/// One line: addresses first, so that what follows a `#` in one is no tag.
fn link_line(line: &str, out: &mut String) {
    let mut rest = line;
    while let Some(start) = find_address(rest) {
        let (before, address) = rest.split_at(start);
        let length = address_length(address);
        let (address, after) = address.split_at(length);
        link_tags(before, out);
        let shown = address.split_once("://").map_or(address, |(_, rest)| rest);
        out.push_str(&format!(
            "<a href=\"{}\" rel=\"nofollow noopener noreferrer ugc\">{}</a>",
            attribute(address),
            escaped(shown)
        ));
        rest = after;
    }
    link_tags(rest, out);
}

/// Where a web or XMPP address begins that stands for itself. One walk from colon to colon, so that no text takes long.
fn find_address(text: &str) -> Option<usize> {
    text.match_indices(':').find_map(|(colon, _)| {
        let (before, after) = text.split_at(colon);
        let (scheme, rest) = if let Some(rest) = after.strip_prefix("://") {
            let scheme = ["https", "http"]
                .into_iter()
                .find(|scheme| before.ends_with(scheme))?;
            (scheme, rest)
        } else {
            ("xmpp", before.ends_with("xmpp").then(|| &after[1..])?)
        };
        let start = colon - scheme.len();
        let is_apart = text[..start]
            .chars()
            .next_back()
            .is_none_or(|before| !before.is_alphanumeric());
        let has_more = rest
            .trim_start_matches('/')
            .starts_with(|c: char| c.is_alphanumeric() || c == '[');
        (is_apart && has_more).then_some(start)
    })
}

/// How far an address goes: to the next space, without the punctuation of the sentence around it.
fn address_length(text: &str) -> usize {
    let end = text
        .find(|c: char| c.is_whitespace() || c.is_control() || "<>\"`{}|\\^".contains(c))
        .unwrap_or(text.len());
    let mut address = &text[..end];
    let opened = address.matches('(').count();
    let mut closed = address.matches(')').count();
    while let Some(last) = address.chars().next_back() {
        let is_left_over = match last {
            ')' if closed > opened => {
                closed -= 1;
                true
            }
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '…' | '”' | '’' | '»' => true,
            _ => false,
        };
        if !is_left_over {
            break;
        }
        address = &address[..address.len() - last.len_utf8()];
    }
    address.len()
}

fn link_tags(text: &str, out: &mut String) {
    let mut done = 0;
    for span in hashtag::spans(text) {
        out.push_str(&escaped(&text[done..span.range.start]));
        out.push_str(&format!(
            "<a class=\"tag\" href=\"{}\" rel=\"tag\">{}</a>",
            attribute(&tag_path(&span.tag)),
            escaped(&text[span.range.clone()])
        ));
        done = span.range.end;
    }
    out.push_str(&escaped(&text[done..]));
}

#[cfg(test)]
#[path = "post_tests.rs"]
mod tests;
