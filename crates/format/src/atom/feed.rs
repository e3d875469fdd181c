//! What a blog says of itself: the item of id `0` (XEP-0277 §6).

use wire::{Element, Writer, ns};

use super::{Link, NotAnEntry, Person, Text, read, write};
use crate::datetime;

/// A `<feed/>` without entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// A `tag:` URI, usually.
    pub id: Option<String>,
    /// The blog's title.
    pub title: Option<Text>,
    /// When it last changed, in milliseconds since 1970.
    pub updated: Option<i64>,
    /// Whose it is, as it says.
    pub authors: Vec<Person>,
    /// Links; a comments node's `start` leads to the post (XEP-0277 §6).
    pub links: Vec<Link>,
}

impl Feed {
    /// The id of the item.
    pub const ITEM_ID: &'static str = "0";

    /// How many authors and how many links are kept.
    const MAX_LIST: usize = 64;

    /// Reads a `<feed/>`; entries in it are left out.
    ///
    /// # Errors
    /// [`NotAnEntry`] for another element.
    pub fn parse(element: Element<'_>) -> Result<Feed, NotAnEntry> {
        if !element.is("feed", ns::ATOM) {
            return Err(NotAnEntry);
        }
        let children = |name| element.children().filter(move |child| child.is(name, ns::ATOM));
        let child = |name| element.child(name, ns::ATOM);
        Ok(Feed {
            id: child("id").and_then(read::word),
            title: child("title").and_then(read::text),
            updated: child("updated").and_then(|updated| datetime::parse(&updated.text())),
            authors: children("author")
                .take(Feed::MAX_LIST)
                .map(read::person)
                .collect(),
            links: children("link")
                .filter_map(read::link)
                .take(Feed::MAX_LIST)
                .collect(),
        })
    }

    /// The `<feed/>`, self-contained.
    pub fn to_xml(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.open("feed").ns(ns::ATOM);
        if let Some(title) = &self.title {
            write::text(&mut writer, "title", title);
        }
        if let Some(id) = &self.id {
            writer.leaf("id", id);
        }
        if let Some(updated) = self.updated {
            writer.leaf("updated", &datetime::to_text(updated));
        }
        for author in &self.authors {
            write::person(&mut writer, author);
        }
        for link in &self.links {
            write::link(&mut writer, link);
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wire::Document;

    use super::*;

    #[test]
    fn the_example_of_the_xep() {
        let xml = "<feed xmlns='http://www.w3.org/2005/Atom'><title>Romeo&apos;s Microblog</title>\
            <id>tag:montague.lit,2008:home</id><updated>2008-05-08T18:30:02Z</updated>\
            <author><name>Romeo Montague</name><uri>xmpp:romeo@montague.lit</uri></author>\
            <link rel='start' href='xmpp:romeo@montague.lit?;node=n;item=x' ref='tag:x'/><entry/></feed>";
        let feed = Feed::parse(Document::parse(xml.as_bytes()).unwrap().root()).unwrap();
        assert_eq!(feed.title, Some(Text::Plain("Romeo's Microblog".into())));
        assert_eq!(feed.authors[0].jid().unwrap(), "romeo@montague.lit");
        assert_eq!((feed.updated, feed.links.len()), (Some(1_210_271_402_000), 1));
        assert_eq!(
            Feed::parse(Document::parse(feed.to_xml()).unwrap().root()),
            Ok(feed)
        );
        let entry = Document::parse(&b"<entry xmlns='http://www.w3.org/2005/Atom'/>"[..]).unwrap();
        assert_eq!(Feed::parse(entry.root()), Err(NotAnEntry));
    }
}
