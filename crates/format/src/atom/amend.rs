//! Adding to an entry what its author's client left out, every other byte as it was.
//!
//! Specification: XEP-0277 §3.4 and XEP-0472 §4 say what a server should add. What to add is decided by the caller;
//! what is there already stays, even if it is wrong.

use wire::{BareJid, Element, Writer, ns};

use super::Entry;
use crate::uri::XmppUri;
use crate::{datetime, hashtag};

/// Children to be inserted before an entry's end tag. Each is left out where the entry has one of its kind.
pub struct Amend<'d> {
    root: Element<'d>,
    entry: &'d Entry,
    /// The namespace to declare on what is inserted: none where the entry's own is in force.
    declared: Option<&'static str>,
    added: Writer,
    tags: Vec<String>,
}

impl<'d> Amend<'d> {
    /// Begins with the `<entry/>` and what was read from it.
    pub fn new(root: Element<'d>, entry: &'d Entry) -> Amend<'d> {
        let declared = has_prefix(root.raw()).then_some(ns::ATOM);
        Amend {
            root,
            entry,
            declared,
            added: Writer::new(),
            tags: Vec::new(),
        }
    }

    /// The Atom id.
    pub fn id(&mut self, id: &str) -> &mut Self {
        if self.is_missing("id") {
            self.open("id").text(id).close();
        }
        self
    }

    /// When it was first published, in milliseconds since 1970.
    pub fn published(&mut self, ms: i64) -> &mut Self {
        if self.is_missing("published") {
            self.open("published").text(&datetime::to_text(ms)).close();
        }
        self
    }

    /// When it was last changed, in milliseconds since 1970.
    pub fn updated(&mut self, ms: i64) -> &mut Self {
        if self.is_missing("updated") {
            self.open("updated").text(&datetime::to_text(ms)).close();
        }
        self
    }

    /// The author. Atom wants a name (RFC 4287 §3.2.1): without one it is the address's.
    pub fn author(&mut self, name: Option<&str>, jid: &BareJid) -> &mut Self {
        if self.is_missing("author") {
            let name = name.or(jid.node()).unwrap_or(jid.domain());
            let uri = XmppUri::of(jid.clone()).to_string();
            self.open("author").leaf("name", name).leaf("uri", &uri).close();
        }
        self
    }

    /// The page that shows the post.
    pub fn alternate_page(&mut self, href: &str) -> &mut Self {
        let is_page = |kind: &str| kind == "text/html" || kind == "application/xhtml+xml";
        let has_one = self
            .entry
            .links
            .iter()
            .any(|link| link.rel == "alternate" && link.kind.as_deref().map_or(!link.is_xmpp(), is_page));
        if !has_one {
            self.open("link")
                .attr("rel", "alternate")
                .attr("type", "text/html")
                .attr("href", href)
                .close();
        }
        self
    }

    /// Where the post is as an item.
    pub fn alternate_uri(&mut self, uri: &XmppUri) -> &mut Self {
        if !self
            .entry
            .links
            .iter()
            .any(|link| link.rel == "alternate" && link.is_xmpp())
        {
            self.open("link")
                .attr("rel", "alternate")
                .attr("href", &uri.to_string())
                .close();
        }
        self
    }

    /// The comments node.
    pub fn comments(&mut self, uri: &XmppUri) -> &mut Self {
        if self.entry.comments().is_none() {
            let href = uri.to_string();
            self.open("link")
                .attr("rel", "replies")
                .attr("title", "comments")
                .attr("href", &href)
                .close();
        }
        self
    }

    /// A tag, unless the entry has one that folds to the same.
    pub fn category(&mut self, term: &str) -> &mut Self {
        let fold = |term: &str| {
            let folded = hashtag::fold(term);
            if folded.is_empty() {
                term.to_owned()
            } else {
                folded
            }
        };
        let folded = fold(term);
        let has_one = self
            .entry
            .categories
            .iter()
            .any(|category| fold(&category.term) == folded);
        if !has_one && !self.tags.contains(&folded) {
            self.open("category").attr("term", term).close();
            self.tags.push(folded);
        }
        self
    }

    /// Self-contained elements, whatever there is.
    pub fn raw(&mut self, elements: &[u8]) -> &mut Self {
        self.added.raw(elements);
        self
    }

    /// The whole entry, self-contained: its own bytes, and what was added before its end tag.
    pub fn finish(self) -> Vec<u8> {
        append(&self.root.cut(), &self.added.finish())
    }

    fn is_missing(&self, name: &str) -> bool {
        self.root.child(name, ns::ATOM).is_none()
    }

    fn open(&mut self, name: &str) -> &mut Writer {
        self.added.open(name).attr_opt("xmlns", self.declared)
    }
}

/// Inserts children before the end tag of a well-formed element; an empty-element tag becomes two tags.
pub fn append(element: &[u8], children: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(element.len() + children.len() + 16);
    // No `<` stands in an end tag, nor, unescaped, in the attributes of an empty-element tag.
    let last_tag = element.iter().rposition(|b| *b == b'<').unwrap_or_default();
    if children.is_empty() {
        out.extend_from_slice(element);
    } else if element[last_tag..].starts_with(b"</") {
        out.extend_from_slice(&element[..last_tag]);
        out.extend_from_slice(children);
        out.extend_from_slice(&element[last_tag..]);
    } else {
        out.extend_from_slice(element.strip_suffix(b"/>").unwrap_or(element));
        out.push(b'>');
        out.extend_from_slice(children);
        out.extend_from_slice(b"</");
        out.extend_from_slice(name(element));
        out.push(b'>');
    }
    out
}

/// The name in an element's first tag, prefix included.
fn name(element: &[u8]) -> &[u8] {
    let name = element.strip_prefix(b"<").unwrap_or(element);
    let end = name
        .iter()
        .position(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>'));
    &name[..end.unwrap_or(name.len())]
}

fn has_prefix(element: &[u8]) -> bool {
    name(element).contains(&b':')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wire::Document;

    use super::*;

    fn amended(xml: &str) -> (Entry, String) {
        let document = Document::parse(xml.as_bytes()).unwrap();
        let entry = Entry::parse(document.root()).unwrap();
        let jid = BareJid::parse("romeo@montague.lit").unwrap();
        let mut amend = Amend::new(document.root(), &entry);
        amend
            .id("tag:montague.lit,2008-05-08:1")
            .published(0)
            .updated(0)
            .author(None, &jid);
        amend.alternate_page("https://montague.lit/p/1?a&b");
        amend.alternate_uri(&XmppUri::of_item(jid, "n", "1"));
        amend.comments(&XmppUri::of_node(BareJid::parse("c.lit").unwrap(), "c/1"));
        amend
            .category("Rust")
            .category("rust")
            .category("two words")
            .raw(b"<x xmlns='y'/>");
        let bytes = amend.finish();
        let document = Document::parse(bytes.as_slice()).unwrap();
        (
            Entry::parse(document.root()).unwrap(),
            String::from_utf8(bytes).unwrap(),
        )
    }

    const ADDED: &str = "<id>tag:montague.lit,2008-05-08:1</id><published>1970-01-01T00:00:00Z</published>\
        <updated>1970-01-01T00:00:00Z</updated>\
        <author><name>romeo</name><uri>xmpp:romeo@montague.lit</uri></author>\
        <link rel='alternate' type='text/html' href='https://montague.lit/p/1?a&amp;b'/>\
        <link rel='alternate' href='xmpp:romeo@montague.lit?;node=n;item=1'/>\
        <link rel='replies' title='comments' href='xmpp:c.lit?;node=c%2F1'/>\
        <category term='Rust'/><category term='two words'/><x xmlns='y'/>";

    #[test]
    fn everything_is_added_to_a_bare_post() {
        let start = "<entry xmlns='http://www.w3.org/2005/Atom'\n ><title>hi &#x26; <![CDATA[<you>]]></title>  <z xmlns=\"q\"/> ";
        let (entry, bytes) = amended(&format!("{start}</entry >"));
        assert_eq!(bytes, format!("{start}{ADDED}</entry >"));
        assert_eq!(entry.text(), "hi & <you>");
        assert_eq!((entry.links.len(), entry.extensions.len()), (3, 2));
    }

    #[test]
    fn an_empty_element_tag_is_opened() {
        let (_, bytes) = amended("<entry xmlns='http://www.w3.org/2005/Atom' a='/>' />");
        assert_eq!(
            bytes,
            format!("<entry xmlns='http://www.w3.org/2005/Atom' a='/>' >{ADDED}</entry>")
        );
    }

    #[test]
    fn a_prefixed_entry_gets_children_of_its_namespace() {
        let (entry, bytes) =
            amended("<a:entry xmlns:a='http://www.w3.org/2005/Atom'><a:id>mine</a:id></a:entry>");
        assert_eq!(entry.id.as_deref(), Some("mine"));
        assert_eq!(
            (entry.links.len(), entry.categories.len(), entry.authors.len()),
            (3, 2, 1)
        );
        assert_eq!(entry.authors[0].jid().unwrap(), "romeo@montague.lit");
        assert!(bytes.ends_with("<x xmlns='y'/></a:entry>"));
    }

    #[test]
    fn what_is_there_stays() {
        let xml = "<entry xmlns='http://www.w3.org/2005/Atom'><id>mine</id><published>wrong</published>\
            <updated>2008-05-08T18:30:02Z</updated><author><name>Mallory</name></author>\
            <link href='https://a.lit/'/><link rel='alternate' href='xmpp:a@b?;node=urn:x;item=1'/>\
            <link rel='replies' href='xmpp:c?;node=d'/><category term='RUST'/><category term='two words'/></entry>";
        let (_, bytes) = amended(xml);
        assert_eq!(bytes, xml.replace("</entry>", "<x xmlns='y'/></entry>"));
    }

    #[test]
    fn an_entry_within_a_stanza_becomes_self_contained() {
        let stanza = "<iq xmlns:t='http://purl.org/syndication/thread/1.0'><e xmlns='http://www.w3.org/2005/Atom'>\
            <entry><t:in-reply-to ref='x'/></entry></e></iq>";
        let document = Document::parse(stanza.as_bytes()).unwrap();
        let root = document
            .root()
            .children()
            .next()
            .unwrap()
            .children()
            .next()
            .unwrap();
        let entry = Entry::parse(root).unwrap();
        let mut amend = Amend::new(root, &entry);
        amend.id("a");
        let document = Document::parse(amend.finish()).unwrap();
        let after = Entry::parse(document.root()).unwrap();
        assert_eq!((after.id.as_deref(), after.in_reply_to.len()), (Some("a"), 1));
    }

    #[test]
    fn appending() {
        for (element, children, whole) in [
            ("<a/>", "<b/>", "<a><b/></a>"),
            ("<a></a>", "<b/>", "<a><b/></a>"),
            ("<p:a x='1'/>", "<b/>", "<p:a x='1'><b/></p:a>"),
            ("<a>t<c/></a>", "<b/>", "<a>t<c/><b/></a>"),
            ("<a/>", "", "<a/>"),
        ] {
            assert_eq!(append(element.as_bytes(), children.as_bytes()), whole.as_bytes());
        }
        assert_eq!(append(b"", b"x"), b">x</>", "no panic, whatever it is given");
    }
}
