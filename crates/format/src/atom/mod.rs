//! Posts: Atom entries as XMPP's social extensions use them.
//!
//! Specification: [RFC 4287](https://www.rfc-editor.org/rfc/rfc4287), [RFC 4685](https://www.rfc-editor.org/rfc/rfc4685)
//! (replies), [XEP-0277](https://xmpp.org/extensions/xep-0277.html),
//! [XEP-0472](https://xmpp.org/extensions/xep-0472.html). Feeds fetched from the web are not read here.
//!
//! [`Entry`] is what a post says, typed, for those who need to know; what it does not understand it keeps as bytes. A
//! stored post is never written from it: [`Amend`] adds to the author's own bytes and leaves the rest alone.

mod amend;
mod feed;
mod plain;
mod read;
mod write;

use wire::BareJid;

use crate::uri::XmppUri;

pub use amend::{Amend, append};
pub use feed::Feed;

/// The element is not what was expected: the payload is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Atom entry")]
pub struct NotAnEntry;

/// A text in one of Atom's forms (RFC 4287 §3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// Plain text.
    Plain(String),
    /// HTML as text; hostile until cleaned.
    Html(String),
    /// A `<div>` of XHTML, self-contained; hostile until cleaned.
    Xhtml(Vec<u8>),
}

impl Text {
    /// The text without markup; blocks become lines.
    pub fn to_plain(&self) -> String {
        match self {
            Text::Plain(text) => text.trim().to_owned(),
            Text::Html(html) => plain::text_of_markup(html),
            Text::Xhtml(div) => std::str::from_utf8(div)
                .map(plain::text_of_markup)
                .unwrap_or_default(),
        }
    }
}

/// An author (RFC 4287 §3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// A name for people.
    pub name: Option<String>,
    /// `xmpp:JID` (XEP-0277 §3.7), as it was written.
    pub uri: Option<String>,
    /// A mail address.
    pub email: Option<String>,
}

impl Person {
    /// The account that the URI names.
    pub fn jid(&self) -> Option<BareJid> {
        Some(XmppUri::parse(self.uri.as_deref()?).ok()?.jid.into_bare())
    }
}

/// A tag (RFC 4287 §4.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Category {
    /// The tag, without `#`, as its author wrote it.
    pub term: String,
    /// A URI that says in which system.
    pub scheme: Option<String>,
    /// A name for people.
    pub label: Option<String>,
}

/// A link (RFC 4287 §4.2.7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// What it is for; `alternate` where nothing is written.
    pub rel: String,
    /// Where it leads.
    pub href: String,
    /// The attribute `type`: a media type.
    pub kind: Option<String>,
    /// A title for people; XEP-0277 §4 demands `comments` for the comments node.
    pub title: Option<String>,
    /// The attribute `ref`: the Atom id of what it leads to (XEP-0277 §3.7).
    pub reference: Option<String>,
    /// The size of what it leads to, in bytes, as its author says.
    pub length: Option<u64>,
}

impl Link {
    /// The link as an XMPP URI, if it is one.
    pub fn xmpp_uri(&self) -> Option<XmppUri> {
        XmppUri::parse(&self.href).ok()
    }

    fn is_xmpp(&self) -> bool {
        self.href
            .trim_start()
            .get(..5)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("xmpp:"))
    }
}

/// What the entry answers to (RFC 4685 §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InReplyTo {
    /// The attribute `ref`: the Atom id of the other entry.
    pub reference: Option<String>,
    /// Where it can be had; XEP-0472 §4.2 demands an XMPP URI.
    pub href: Option<String>,
    /// The attribute `type`: the media type there.
    pub kind: Option<String>,
}

/// The software that wrote the entry (RFC 4287 §4.2.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generator {
    /// Its name.
    pub name: String,
    /// Where to learn of it.
    pub uri: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

/// An entry. Lists keep the order written and at most 256 elements each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// A `tag:` URI, usually; not the item's id.
    pub id: Option<String>,
    /// The language of the texts.
    pub lang: Option<String>,
    /// A short post's text stands here (XEP-0277 §3.3), possibly in several forms.
    pub titles: Vec<Text>,
    /// Summaries, in several forms.
    pub summaries: Vec<Text>,
    /// The content, in several forms.
    pub contents: Vec<Text>,
    /// When it was first published, in milliseconds since 1970, as its author says.
    pub published: Option<i64>,
    /// When it was last changed, in milliseconds since 1970, as its author says.
    pub updated: Option<i64>,
    /// Its authors; forged unless [`Entry::author_match`] says otherwise.
    pub authors: Vec<Person>,
    /// Its tags.
    pub categories: Vec<Category>,
    /// Its links.
    pub links: Vec<Link>,
    /// What it answers to.
    pub in_reply_to: Vec<InReplyTo>,
    /// What wrote it.
    pub generator: Option<Generator>,
    /// Where it was written: a `<geoloc/>` of XEP-0080, self-contained.
    pub geoloc: Option<Vec<u8>>,
    /// Every other child, self-contained.
    pub extensions: Vec<Vec<u8>>,
}

/// How the author that an entry names compares with who published it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorMatch {
    /// It names nobody by address.
    Absent,
    /// The publisher.
    Same,
    /// Somebody else: a repeated post (see [`Entry::via`]), or a forgery.
    Other,
}

impl Entry {
    /// The post's text without markup: the title, else the summary, else the content; empty if there is none.
    pub fn text(&self) -> String {
        [&self.titles, &self.summaries, &self.contents]
            .into_iter()
            .filter_map(|texts| best(texts))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    }

    /// All that the post says, without markup and without saying it twice: for tags, mentions and search.
    pub fn all_text(&self) -> String {
        let mut all: Vec<String> = Vec::new();
        for text in [&self.titles, &self.summaries, &self.contents]
            .into_iter()
            .filter_map(|texts| best(texts))
        {
            if !text.is_empty() && !all.contains(&text) {
                all.push(text);
            }
        }
        all.join("\n")
    }

    /// The first link of this relation.
    pub fn link(&self, rel: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.rel == rel)
    }

    /// The item that this one repeats (XEP-0277 §3.7).
    pub fn via(&self) -> Option<&Link> {
        self.links.iter().find(|link| link.rel == "via" && link.is_xmpp())
    }

    /// The link to the comments node (XEP-0277 §4).
    pub fn comments(&self) -> Option<&Link> {
        let is_titled = |link: &&Link| link.title.as_deref() == Some("comments");
        let mut links = self
            .links
            .iter()
            .filter(|link| link.rel == "replies" && link.is_xmpp());
        links.clone().find(is_titled).or_else(|| links.next())
    }

    /// The item that this one answers to: the first whose address is an XMPP URI.
    pub fn parent(&self) -> Option<XmppUri> {
        self.in_reply_to
            .iter()
            .find_map(|parent| XmppUri::parse(parent.href.as_deref()?).ok())
    }

    /// Holds the first author that has a URI against the publisher.
    pub fn author_match(&self, publisher: &BareJid) -> AuthorMatch {
        let Some(author) = self.authors.iter().find(|author| author.uri.is_some()) else {
            return AuthorMatch::Absent;
        };
        if author.jid().as_ref() == Some(publisher) {
            AuthorMatch::Same
        } else {
            AuthorMatch::Other
        }
    }
}

/// The plain one of several forms, else the first, without markup.
fn best(texts: &[Text]) -> Option<String> {
    let plain = texts.iter().find(|text| matches!(text, Text::Plain(_)));
    plain.or_else(|| texts.first()).map(Text::to_plain)
}

#[cfg(test)]
mod tests;
