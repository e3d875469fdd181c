//! Writing an entry anew: for entries that are made here, such as feeds and converted posts.

use wire::{Writer, ns};

use super::{Entry, Link, Person, Text};
use crate::datetime;

impl Entry {
    /// The `<entry/>`, self-contained.
    pub fn to_xml(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .open("entry")
            .ns(ns::ATOM)
            .attr_opt("xml:lang", self.lang.as_deref());
        for title in &self.titles {
            text(&mut writer, "title", title);
        }
        if let Some(id) = &self.id {
            writer.leaf("id", id);
        }
        if let Some(published) = self.published {
            writer.leaf("published", &datetime::to_text(published));
        }
        if let Some(updated) = self.updated {
            writer.leaf("updated", &datetime::to_text(updated));
        }
        for author in &self.authors {
            person(&mut writer, author);
        }
        for summary in &self.summaries {
            text(&mut writer, "summary", summary);
        }
        for content in &self.contents {
            text(&mut writer, "content", content);
        }
        for category in &self.categories {
            writer.open("category").attr("term", &category.term);
            writer.attr_opt("scheme", category.scheme.as_deref());
            writer.attr_opt("label", category.label.as_deref()).close();
        }
        for each in &self.links {
            link(&mut writer, each);
        }
        for parent in &self.in_reply_to {
            // COMPAT: the prefix of the XEP's examples, for readers that match it as text.
            writer.open("thr:in-reply-to").attr("xmlns:thr", ns::THREAD);
            writer
                .attr_opt("ref", parent.reference.as_deref())
                .attr_opt("href", parent.href.as_deref());
            writer.attr_opt("type", parent.kind.as_deref()).close();
        }
        if let Some(generator) = &self.generator {
            writer.open("generator").attr_opt("uri", generator.uri.as_deref());
            writer
                .attr_opt("version", generator.version.as_deref())
                .text(&generator.name)
                .close();
        }
        for raw in self.geoloc.iter().chain(&self.extensions) {
            writer.raw(raw);
        }
        writer.finish()
    }
}

pub(super) fn text(writer: &mut Writer, name: &str, text: &Text) {
    writer.open(name);
    match text {
        Text::Plain(text) => writer.attr("type", "text").text(text),
        Text::Html(html) => writer.attr("type", "html").text(html),
        Text::Xhtml(div) => writer.attr("type", "xhtml").raw(div),
    };
    writer.close();
}

pub(super) fn person(writer: &mut Writer, person: &Person) {
    writer.open("author");
    for (name, value) in [
        ("name", &person.name),
        ("uri", &person.uri),
        ("email", &person.email),
    ] {
        if let Some(value) = value {
            writer.leaf(name, value);
        }
    }
    writer.close();
}

pub(super) fn link(writer: &mut Writer, link: &Link) {
    writer
        .open("link")
        .attr("rel", &link.rel)
        .attr_opt("type", link.kind.as_deref());
    writer
        .attr_opt("title", link.title.as_deref())
        .attr("href", &link.href);
    writer.attr_opt("ref", link.reference.as_deref());
    let length = link.length.map(|length| length.to_string());
    writer.attr_opt("length", length.as_deref()).close();
}
