//! Repeated posts: [XEP-0472](https://xmpp.org/extensions/xep-0472.html) §4.3.
//!
//! What a boost says is never its publisher's choice: it is made from the post that it repeats, so that nobody puts words
//! into another's mouth, and made again when that changes.

use std::sync::Arc;

use format::atom::Entry;
use format::datetime;
use format::uri::XmppUri;
use store::{JidNo, PostId, Seq};
use wire::{BareJid, Document, Writer, ns};

use super::microblog::{Stamp, tag_uri};

/// A post to be repeated, as it is stored.
#[derive(Clone, Debug)]
pub struct Original {
    /// Its number.
    pub post_id: PostId,
    /// Its revision.
    pub seq: Seq,
    /// Who wrote it.
    pub author: JidNo,
    /// Their address.
    pub author_jid: BareJid,
    /// Where it is.
    pub uri: XmppUri,
    /// The node with its comments.
    pub comments: XmppUri,
    /// Its payload: an entry.
    pub payload: Arc<[u8]>,
    /// Who may not read it, open as it is.
    pub kept_from: Arc<[JidNo]>,
}

impl Original {
    /// What it says; `None` when what is stored is no entry.
    #[must_use]
    pub fn entry(&self) -> Option<Entry> {
        let document = Document::parse(Arc::clone(&self.payload)).ok()?;
        Entry::parse(document.root()).ok()
    }

    /// The entry that repeats it; `None` when what is stored is no entry.
    #[must_use]
    pub fn repeated(&self, stamp: &Stamp<'_>, own_id: Option<&str>) -> Option<(Vec<u8>, Entry)> {
        let document = Document::parse(Arc::clone(&self.payload)).ok()?;
        let root = document.root();
        let original = Entry::parse(root).ok()?;
        let mut writer = Writer::new();
        writer.open("entry").ns(ns::ATOM);
        if let Some(lang) = &original.lang {
            writer.attr("xml:lang", lang);
        }
        for child in root.children() {
            let is_replaced = child.ns() == ns::ATOM
                && match child.name() {
                    "id" | "updated" | "author" => true,
                    "link" => matches!(
                        child.attr("rel").as_deref(),
                        None | Some("alternate" | "via" | "replies" | "self" | "edit")
                    ),
                    _ => false,
                };
            if !is_replaced {
                writer.raw(&child.cut());
            }
        }
        let name = original.authors.iter().find_map(|author| author.name.as_deref());
        let jid = &self.author_jid;
        writer.open("author");
        writer
            .leaf("name", name.or(jid.node()).unwrap_or(jid.domain()))
            .leaf("uri", &XmppUri::of(jid.clone()).to_string())
            .close();
        match own_id {
            Some(id) => writer.leaf("id", id),
            None => writer.leaf("id", &tag_uri(stamp)),
        };
        writer.leaf("updated", &datetime::to_text(stamp.modified.0));
        writer
            .open("link")
            .attr("rel", "via")
            .attr("href", &self.uri.to_string())
            .attr_opt("ref", original.id.as_deref())
            .close();
        let comments = original.comments().map(|link| link.href.clone());
        writer
            .open("link")
            .attr("rel", "replies")
            .attr("title", "comments")
            .attr("href", &comments.unwrap_or_else(|| self.comments.to_string()))
            .close();
        let written = writer.finish();
        let document = Document::parse(written.clone()).ok()?;
        let entry = Entry::parse(document.root()).ok()?;
        Some((written, entry))
    }
}
