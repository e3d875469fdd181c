//! Reading an entry from its element.

use wire::{Element, ns};

use super::{Category, Entry, Generator, InReplyTo, Link, NotAnEntry, Person, Text};
use crate::datetime;

/// How many elements of one list are kept.
const MAX_LIST: usize = 256;

impl Entry {
    /// Reads an `<entry/>`. What is wrong in it is as good as absent; what is not understood is kept as bytes.
    ///
    /// # Errors
    /// [`NotAnEntry`] for another element.
    pub fn parse(element: Element<'_>) -> Result<Entry, NotAnEntry> {
        if !element.is("entry", ns::ATOM) {
            return Err(NotAnEntry);
        }
        let mut entry = Entry {
            lang: element
                .attr_ns(ns::XML, "lang")
                .map(Into::into)
                .filter(|lang: &String| !lang.is_empty()),
            ..Entry::default()
        };
        for child in element.children() {
            let is_understood = match child.ns() {
                ns::ATOM => entry.take(child),
                ns::THREAD if child.name() == "in-reply-to" => {
                    push(&mut entry.in_reply_to, in_reply_to(child))
                }
                ns::GEOLOC if child.name() == "geoloc" => set(&mut entry.geoloc, Some(child.cut())),
                _ => false,
            };
            if !is_understood {
                push(&mut entry.extensions, child.cut());
            }
        }
        Ok(entry)
    }

    /// Takes a child of Atom's; false if it is to be kept as it is.
    fn take(&mut self, child: Element<'_>) -> bool {
        match child.name() {
            "id" => set(&mut self.id, word(child)),
            "title" => text(child).is_some_and(|text| push(&mut self.titles, text)),
            "summary" => text(child).is_some_and(|text| push(&mut self.summaries, text)),
            "content" => text(child).is_some_and(|text| push(&mut self.contents, text)),
            "published" => set(&mut self.published, datetime::parse(&child.text())),
            "updated" => set(&mut self.updated, datetime::parse(&child.text())),
            "author" => push(&mut self.authors, person(child)),
            "category" => category(child).is_some_and(|category| push(&mut self.categories, category)),
            "link" => link(child).is_some_and(|link| push(&mut self.links, link)),
            "generator" => set(&mut self.generator, generator(child)),
            _ => false,
        }
    }
}

/// Adds to a list; beyond its limit the value is dropped, and says so as little as any limit here. Always true: the
/// element was understood.
fn push<T>(list: &mut Vec<T>, value: T) -> bool {
    if list.len() < MAX_LIST {
        list.push(value);
    }
    true
}

/// Sets what may stand once. False for a second one, and for one that says nothing.
fn set<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    if slot.is_some() || value.is_none() {
        return false;
    }
    *slot = value;
    true
}

/// The text of an element without the space around it.
pub(super) fn word(element: Element<'_>) -> Option<String> {
    let text = element.text();
    let word = text.trim();
    (!word.is_empty()).then(|| word.to_owned())
}

/// RFC 4287 §3.1.1, §4.1.3; `None` for other media types and for content that stands elsewhere.
pub(super) fn text(element: Element<'_>) -> Option<Text> {
    if element.attr("src").is_some() {
        return None;
    }
    match element.attr("type").as_deref() {
        None | Some("text" | "text/plain") => Some(Text::Plain(element.text().into_owned())),
        Some("html" | "text/html") => Some(Text::Html(element.text().into_owned())),
        Some("xhtml") => element.child("div", ns::XHTML).map(|div| Text::Xhtml(div.cut())),
        Some(_) => None,
    }
}

pub(super) fn person(element: Element<'_>) -> Person {
    let part = |name| element.child(name, ns::ATOM).and_then(word);
    Person {
        name: part("name"),
        uri: part("uri"),
        email: part("email"),
    }
}

/// The value of an attribute without the space around it; `None` if nothing is left.
fn attribute(element: Element<'_>, name: &str) -> Option<String> {
    let value = element.attr(name)?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn category(element: Element<'_>) -> Option<Category> {
    let attribute = |name| attribute(element, name);
    Some(Category {
        term: attribute("term")?,
        scheme: attribute("scheme"),
        label: attribute("label"),
    })
}

pub(super) fn link(element: Element<'_>) -> Option<Link> {
    let attribute = |name| attribute(element, name);
    Some(Link {
        rel: attribute("rel").unwrap_or_else(|| "alternate".to_owned()),
        href: attribute("href")?,
        kind: attribute("type"),
        title: attribute("title"),
        reference: attribute("ref"),
        length: attribute("length").and_then(|length| length.parse().ok()),
    })
}

fn in_reply_to(element: Element<'_>) -> InReplyTo {
    let attribute = |name| attribute(element, name);
    InReplyTo {
        reference: attribute("ref"),
        href: attribute("href"),
        kind: attribute("type"),
    }
}

fn generator(element: Element<'_>) -> Option<Generator> {
    Some(Generator {
        name: word(element)?,
        uri: element.attr("uri").map(Into::into),
        version: element.attr("version").map(Into::into),
    })
}
