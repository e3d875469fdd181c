//! Posts and comments on them: [XEP-0277](https://xmpp.org/extensions/xep-0277.html) and
//! [XEP-0472](https://xmpp.org/extensions/xep-0472.html).
//!
//! What belongs to the post for good (its id, times, author, tags) is added before it is stored. Links are made when
//! it is delivered or read, from the settings of the day. What the author's client wrote always stays as it is.

use std::sync::{Arc, LazyLock};

use bus::ComputedName;
use format::atom::{Amend, Entry, append};
use format::uri::{XmppUri, percent_encode};
use format::{datetime, hashtag};
use store::{PostId, Timestamp};
use wire::{BareJid, Document, Element, Limits, Writer, ns};

use crate::error::PubsubError;

/// The item that holds the feed's own data (XEP-0277 §6).
pub const FEED_ITEM: &str = "0";

/// A post, or the feed's data, as its publisher sent it.
pub struct Draft {
    document: Document,
    /// `None` for the feed's data.
    entry: Option<Entry>,
    /// Tags found in the text where the publisher's client named none.
    found: Vec<String>,
}

/// What is stamped on a post.
pub struct Stamp<'a> {
    /// The item's id.
    pub id: &'a str,
    /// Whose words they are: whose blog it is, or who comments.
    pub owner: &'a BareJid,
    /// Under which heading of theirs: `posts`, a feed besides these, or the comments on what.
    pub heading: &'a str,
    /// Whether it stands where many publish, in comments or a community, so that each item must say whose words it is.
    pub has_authors: bool,
    /// Who publishes.
    pub publisher: &'a BareJid,
    /// When it was published first.
    pub created: Timestamp,
    /// Now.
    pub modified: Timestamp,
}

/// What a post's links are made from.
pub struct Links<'a> {
    /// Where the pages are.
    pub site_url: &'a str,
    /// The domain whose people need no domain in their pages' addresses.
    pub main_domain: &'a str,
    /// On whose page it stands.
    pub person: &'a BareJid,
    /// The post's number.
    pub post_id: PostId,
    /// The address at which its node is.
    pub at: &'a BareJid,
    /// Its node.
    pub node: &'a str,
    /// The item's id.
    pub item: &'a str,
    /// The service with the comments.
    pub service: &'a str,
    /// The post that is commented on: this one, or the first of its thread.
    pub commented: PostId,
}

/// A post ready to be stored and delivered.
pub struct Post {
    /// What is stored: the publisher's bytes and what belongs to the post for good.
    pub payload: Arc<[u8]>,
    /// What is delivered: the same with links.
    pub delivered: Arc<[u8]>,
    /// Its typed value; `None` for the feed's data.
    pub entry: Option<Arc<Entry>>,
    /// Its tags, folded.
    pub tags: Arc<[Arc<str>]>,
}

impl Draft {
    /// Reads an item's payload. Item `0` is the feed's data, every other an entry.
    ///
    /// # Errors
    /// `InvalidPayload`.
    pub fn read(payload: Vec<u8>, id: Option<&str>) -> Result<Draft, PubsubError> {
        let document = Document::parse_within(payload, &Limits::SERVER)
            .map_err(|_| PubsubError::InvalidPayload("not a self-contained element"))?;
        let root = document.root();
        if id == Some(FEED_ITEM) {
            if !root.is("feed", ns::ATOM) {
                return Err(PubsubError::InvalidPayload("item 0 is an Atom feed"));
            }
            return Ok(Draft {
                document,
                entry: None,
                found: Vec::new(),
            });
        }
        Draft::entry(document)
    }

    /// Reads a comment. Its author is who publishes it (XEP-0277 §10.1).
    ///
    /// # Errors
    /// `InvalidPayload`.
    pub fn read_comment(payload: Vec<u8>, publisher: &BareJid) -> Result<Draft, PubsubError> {
        let document = Document::parse_within(payload, &Limits::SERVER)
            .map_err(|_| PubsubError::InvalidPayload("not a self-contained element"))?;
        let draft = Draft::entry(document)?;
        let others = draft.entry.iter().flat_map(|entry| &entry.authors);
        let is_forged = others
            .filter(|author| author.uri.is_some())
            .any(|author| author.jid().as_ref() != Some(publisher));
        if is_forged {
            return Err(PubsubError::InvalidPayload("the author is not who publishes"));
        }
        Ok(draft)
    }

    /// Leaves out where the client means to have the comments, if that is on our own service: there each post has its node,
    /// which is linked to when the post is read.
    ///
    /// COMPAT: Movim and Libervia name that node by the item's id, before the post has its number.
    ///
    /// # Errors
    /// `InvalidPayload`, should what is left be no entry any more.
    pub fn with_comments_of(self, service: &str) -> Result<Draft, PubsubError> {
        let is_own = |link: &Element<'_>| {
            let uri = link.attr("href").and_then(|href| XmppUri::parse(&href).ok());
            link.is("link", ns::ATOM)
                && link.attr("rel").as_deref() == Some("replies")
                && uri.is_some_and(|uri| {
                    uri.jid.as_str() == service && uri.node().and_then(ComputedName::commented).is_some()
                })
        };
        let root = self.document.root();
        if self.entry.is_none() || !root.children().any(|child| is_own(&child)) {
            return Ok(self);
        }
        let whole = root.raw();
        let mut left = Vec::with_capacity(whole.len());
        let mut from = 0;
        for link in root.children().filter(is_own) {
            let at = link.raw().as_ptr().addr() - whole.as_ptr().addr();
            left.extend_from_slice(&whole[from..at]);
            from = at + link.raw().len();
        }
        left.extend_from_slice(&whole[from..]);
        let document = Document::parse_within(left, &Limits::SERVER)
            .map_err(|_| PubsubError::InvalidPayload("not a self-contained element"))?;
        Draft::entry(document)
    }

    /// The post as its publisher wrote it; `None` for the feed's data.
    #[must_use]
    pub fn written(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }

    fn entry(document: Document) -> Result<Draft, PubsubError> {
        let entry =
            Entry::parse(document.root()).map_err(|_| PubsubError::InvalidPayload("not an Atom entry"))?;
        let found = if entry.categories.is_empty() {
            hashtag::find(&entry.all_text())
        } else {
            Vec::new()
        };
        Ok(Draft {
            document,
            entry: Some(entry),
            found,
        })
    }

    /// Adds what is missing.
    #[must_use]
    pub fn finish(self, stamp: &Stamp<'_>, links: &Links<'_>) -> Post {
        let Draft {
            document,
            entry,
            found,
        } = self;
        let Some(mut entry) = entry else {
            let payload = Arc::clone(document.bytes());
            return Post {
                delivered: Arc::clone(&payload),
                payload,
                entry: None,
                tags: Arc::from([]),
            };
        };
        let id = tag_uri(stamp);
        let payload = lasting(document.root(), &entry, &found, stamp, &id)
            .finish()
            .into();
        let mut with_links = lasting(document.root(), &entry, &found, stamp, &id);
        links.add(&mut with_links);
        let delivered = with_links.finish().into();
        let tags = tags(&entry, &found);
        entry.id.get_or_insert(id);
        entry.published.get_or_insert(stamp.created.0);
        entry.updated.get_or_insert(stamp.modified.0);
        Post {
            payload,
            delivered,
            entry: Some(Arc::new(entry)),
            tags,
        }
    }
}

/// The entry with what belongs to it for good.
fn lasting<'d>(
    root: Element<'d>,
    entry: &'d Entry,
    found: &[String],
    stamp: &Stamp<'_>,
    id: &str,
) -> Amend<'d> {
    let mut amend = Amend::new(root, entry);
    if entry.titles.is_empty() && !(entry.contents.is_empty() && entry.summaries.is_empty()) {
        // RFC 4287 §4.1.2 demands a title, and a short post's text lives in it.
        let mut title = Writer::new();
        title
            .open("title")
            .ns(ns::ATOM)
            .attr("type", "text")
            .text(&entry.text())
            .close();
        amend.raw(&title.finish());
    }
    amend
        .id(id)
        .published(stamp.created.0)
        .updated(stamp.modified.0)
        .author(None, stamp.publisher);
    if !entry.authors.is_empty()
        && stamp.has_authors
        && entry.authors.iter().all(|author| author.uri.is_none())
    {
        // Whose words it is must be told by an address, not by a name alone.
        let mut author = Writer::new();
        let uri = XmppUri::of(stamp.publisher.clone()).to_string();
        let name = entry.authors.iter().find_map(|author| author.name.as_deref());
        author.open("author").ns(ns::ATOM);
        author
            .leaf(
                "name",
                name.or(stamp.publisher.node())
                    .unwrap_or(stamp.publisher.domain()),
            )
            .leaf("uri", &uri)
            .close();
        amend.raw(&author.finish());
    }
    for tag in found {
        amend.category(tag);
    }
    amend
}

/// The heading of a blog's posts.
pub const POSTS: &str = "posts";

/// A post's Atom id (RFC 4151): the same over all edits.
pub(super) fn tag_uri(stamp: &Stamp<'_>) -> String {
    format!(
        "tag:{},{}:{}/{}/{}",
        stamp.owner.domain(),
        datetime::date(stamp.created.0),
        percent_encode(stamp.owner.node().unwrap_or_default()),
        stamp.heading,
        percent_encode(stamp.id),
    )
}

/// The tags under which a post is found: its categories, else what its text names.
fn tags(entry: &Entry, found: &[String]) -> Arc<[Arc<str>]> {
    let mut tags: Vec<Arc<str>> = Vec::new();
    let named = entry
        .categories
        .iter()
        .map(|category| hashtag::fold(&category.term));
    for tag in named.chain(found.iter().cloned()).filter(|tag| !tag.is_empty()) {
        if tags.len() < hashtag::MAX_TAGS && !tags.iter().any(|other| **other == *tag) {
            tags.push(tag.into());
        }
    }
    tags.into()
}

impl Links<'_> {
    fn add(&self, amend: &mut Amend<'_>) {
        amend.alternate_page(&self.page());
        amend.alternate_uri(&XmppUri::of_item(self.at.clone(), self.node, self.item));
        if let Ok(service) = BareJid::parse(self.service) {
            amend.comments(&XmppUri::of_node(
                service,
                &ComputedName::comments(self.commented),
            ));
        }
    }

    /// All links, for an entry that has none.
    fn all(&self) -> Vec<u8> {
        let Some((document, entry)) = &*EMPTY else {
            return Vec::new();
        };
        let mut amend = Amend::new(document.root(), entry);
        self.add(&mut amend);
        let whole = amend.finish();
        // Between the start tag, which is the empty entry's without its slash, and the end tag.
        let start = document.bytes().len() - 1;
        let end = whole.len().saturating_sub("</entry>".len());
        whole.get(start..end).unwrap_or_default().to_vec()
    }

    /// The address of the post's page.
    #[must_use]
    pub fn page(&self) -> String {
        let name = percent_encode(self.person.node().unwrap_or_default());
        let domain = self.person.domain();
        if domain == self.main_domain {
            format!("{}/@{name}/{}", self.site_url, self.post_id.0)
        } else {
            format!(
                "{}/@{name}@{}/{}",
                self.site_url,
                percent_encode(domain),
                self.post_id.0
            )
        }
    }
}

/// A stored post as it is delivered. What is no entry stays as it is.
#[must_use]
pub fn decorated(payload: &Arc<[u8]>, links: &Links<'_>) -> Arc<[u8]> {
    if payload.starts_with(b"<entry") && !may_have_links(payload) {
        return append(payload, &links.all()).into();
    }
    let Ok(document) = Document::parse(Arc::clone(payload)) else {
        return Arc::clone(payload);
    };
    let Ok(entry) = Entry::parse(document.root()) else {
        return Arc::clone(payload);
    };
    let mut amend = Amend::new(document.root(), &entry);
    links.add(&mut amend);
    amend.finish().into()
}

/// Whether an entry may have links of its own. Most have none, which is seen without parsing.
fn may_have_links(payload: &[u8]) -> bool {
    memchr::memmem::find(payload, b"link").is_some()
}

/// An entry that lacks everything, to find out what is added to such a one.
static EMPTY: LazyLock<Option<(Document, Entry)>> = LazyLock::new(|| {
    let document = Document::parse(format!("<entry xmlns='{}'/>", ns::ATOM).into_bytes()).ok()?;
    let entry = Entry::parse(document.root()).ok()?;
    Some((document, entry))
});

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn links(owner: &BareJid) -> Links<'_> {
        Links {
            site_url: "https://a.example",
            main_domain: "a.example",
            person: owner,
            post_id: PostId(17),
            at: owner,
            node: bus::MICROBLOG,
            item: "i",
            service: "pubsub.a.example",
            commented: PostId(17),
        }
    }

    #[test]
    fn the_short_way_gives_what_the_long_way_gives() {
        let owner = BareJid::parse("romeo@a.example").unwrap();
        let links = links(&owner);
        for inner in ["", "<title>hi</title>", " <id>x</id> <x xmlns='y'><entry/></x> "] {
            let payload: Arc<[u8]> = format!("<entry xmlns='http://www.w3.org/2005/Atom'>{inner}</entry>")
                .into_bytes()
                .into();
            assert!(!may_have_links(&payload));
            let document = Document::parse(Arc::clone(&payload)).unwrap();
            let entry = Entry::parse(document.root()).unwrap();
            let mut amend = Amend::new(document.root(), &entry);
            links.add(&mut amend);
            let long = amend.finish();
            assert_eq!(&*decorated(&payload, &links), &*long);
            assert_eq!(
                Entry::parse(Document::parse(long).unwrap().root())
                    .unwrap()
                    .links
                    .len(),
                3
            );
        }
        let empty: Arc<[u8]> = Arc::from(&b"<entry xmlns='http://www.w3.org/2005/Atom'/>"[..]);
        let document = Document::parse(decorated(&empty, &links)).unwrap();
        assert_eq!(Entry::parse(document.root()).unwrap().links.len(), 3);
    }

    #[test]
    fn comments_are_where_the_service_has_them() {
        let elsewhere = "<link rel='replies' title='comments' href='xmpp:pubsub.elsewhere.lit?;node=urn:xmpp:microblog:0:comments/a'/>";
        let with = |links: &str| {
            format!(
                "<entry xmlns='{}'><title>Hi</title>{links}<x xmlns='y'/></entry>",
                ns::ATOM
            )
        };
        let left = |links: &str| {
            let draft = Draft::read(with(links).into_bytes(), Some("a")).unwrap();
            let draft = draft.with_comments_of("pubsub.example.org").unwrap();
            String::from_utf8(draft.document.bytes().to_vec()).unwrap()
        };
        for own in [
            "<link rel='replies' title='comments' href='xmpp:pubsub.example.org?;node=urn:xmpp:microblog:0:comments/a'/>",
            "<link href='xmpp:pubsub.example.org?;node=urn%3Axmpp%3Amicroblog%3A0%3Acomments%2Fa' rel='replies'></link>",
        ] {
            assert_eq!(left(own), with(""));
            assert_eq!(left(&format!("{own}{elsewhere}{own}")), with(elsewhere));
        }
        for kept in [
            elsewhere,
            "<link rel='replies' href='xmpp:pubsub.example.org?;node=talk'/>",
            "<link rel='via' href='xmpp:pubsub.example.org?;node=urn:xmpp:microblog:0:comments/a'/>",
        ] {
            assert_eq!(left(kept), with(kept));
        }
    }

    #[test]
    fn pages_of_other_domains_name_them() {
        let owner = BareJid::parse("romeo@b.example").unwrap();
        assert_eq!(links(&owner).page(), "https://a.example/@romeo@b.example/17");
        let owner = BareJid::parse("romeo@a.example").unwrap();
        assert_eq!(links(&owner).page(), "https://a.example/@romeo/17");
    }
}
