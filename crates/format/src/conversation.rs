//! What a post says of others: whom it mentions, what it answers to, what it repeats, what it likes.
//!
//! Specification: [XEP-0513](https://xmpp.org/extensions/xep-0513.html) and
//! [XEP-0372](https://xmpp.org/extensions/xep-0372.html) (mentions),
//! [XEP-0470](https://xmpp.org/extensions/xep-0470.html) (attachments). Whether what is addressed exists, and who may
//! read it, is found out elsewhere.

use wire::{BareJid, Document, Element, Writer};

use crate::atom::{Entry, Text};
use crate::datetime;
use crate::hashtag::is_tag_character;
use crate::uri::XmppUri;

/// The namespace of XEP-0513.
pub const MENTIONS: &str = "urn:xmpp:mentions:0";
/// The namespace of XEP-0372.
pub const REFERENCE: &str = "urn:xmpp:reference:0";
/// The namespace of XEP-0470; with a slash and an XMPP URI, the name of an item's attachments node.
pub const ATTACHMENTS: &str = "urn:xmpp:pubsub-attachments:1";
/// The namespace of XEP-0470's summaries; with a slash and a node's name, the name of the node that has them.
pub const ATTACHMENTS_SUMMARY: &str = "urn:xmpp:pubsub-attachments:summary:1";

/// How many people one post can mention; more count as not mentioned.
pub const MAX_MENTIONS: usize = 20;
/// How many entries one post can answer to.
const MAX_PARENTS: usize = 8;
/// How many different reactions of one person to one item count.
pub const MAX_REACTIONS: usize = 20;
/// The longest reaction, in bytes: the longest emoji have some 35.
const MAX_REACTION: usize = 64;
/// The longest name after `@`, in bytes (RFC 7622 §3.1).
const MAX_NAME: usize = 1_023;

/// Whom a post mentions, each once, in order, at most [`MAX_MENTIONS`].
///
/// What the author's client marked decides; where it marked nothing, the text is looked through for `@name` (somebody of
/// `domain`, the author's) and `@name@domain`.
#[must_use]
pub fn mentions(entry: &Entry, domain: &str) -> Vec<BareJid> {
    let mut found = Vec::new();
    let mut is_marked = false;
    for extension in &entry.extensions {
        let Ok(document) = Document::parse(extension.as_slice()) else {
            continue;
        };
        if let Some(marked) = marked(document.root()) {
            is_marked = true;
            add(&mut found, marked);
        }
    }
    if !is_marked {
        found = in_text(&entry.all_text(), domain);
    }
    found
}

fn add(found: &mut Vec<BareJid>, mention: Option<BareJid>) {
    if let Some(jid) = mention
        && found.len() < MAX_MENTIONS
        && !found.contains(&jid)
    {
        found.push(jid);
    }
}

/// A mention of one person, as far as the element is one: `None` inside for one of whom nobody is to be told (XEP-0513
/// §3.5.2), or who is no account.
fn marked(element: Element<'_>) -> Option<Option<BareJid>> {
    let account = |jid: BareJid| jid.node().is_some().then_some(jid);
    if element.is("mention", MENTIONS) {
        // Groups are for rooms (XEP-0513 §3.2).
        if element.attr("mentions").is_some() {
            return None;
        }
        let jid = element.attr("jid")?;
        let is_silent = element.child("noping", MENTIONS).is_some();
        return Some(BareJid::parse(&jid).ok().and_then(account).filter(|_| !is_silent));
    }
    if element.is("reference", REFERENCE) && element.attr("type").as_deref() == Some("mention") {
        let uri = element.attr("uri")?;
        let jid = XmppUri::parse(&uri).ok().map(|uri| uri.jid.into_bare());
        return Some(jid.and_then(account));
    }
    None
}

/// The people named in a text by `@name` and `@name@domain`, outside of words and addresses.
fn in_text(text: &str, domain: &str) -> Vec<BareJid> {
    let mut found = Vec::new();
    for word in text.split_whitespace() {
        // What follows the beginning of an address is its part.
        let end = ["://", "xmpp:", "mailto:", "www."]
            .iter()
            .filter_map(|start| word.find(start))
            .min()
            .unwrap_or(word.len());
        let mut rest = 0;
        while let Some(at) = word[rest..end].find('@') {
            let start = rest + at;
            let name = name_len(&word[start + 1..end], '_');
            rest = start + 1 + name;
            let may_begin = word[..start].chars().next_back().is_none_or(|c| {
                !is_tag_character(c) && !matches!(c, '@' | '/' | '.' | '-' | '+' | '%' | '&' | '=' | ':')
            });
            if !may_begin || name == 0 {
                continue;
            }
            let local = &word[start + 1..rest];
            let at_domain = word[rest..end].strip_prefix('@').map(|after| {
                let len = name_len(after, '-');
                rest += 1 + len;
                &after[..len]
            });
            // Somebody elsewhere is meant by a domain, however it is misspelt.
            let jid = match at_domain {
                Some("") => None,
                Some(other) => BareJid::from_parts(Some(local), other).ok(),
                None => BareJid::from_parts(Some(local), domain).ok(),
            };
            add(&mut found, jid);
        }
        if found.len() == MAX_MENTIONS {
            break;
        }
    }
    found
}

/// How many bytes of a text's beginning are a name: `also`, `.` and `-` stand in it, but do not end it.
fn name_len(text: &str, also: char) -> usize {
    let mut len = 0;
    for (at, c) in text.char_indices() {
        if at > MAX_NAME {
            return 0;
        }
        if is_tag_character(c) && (c != '_' || also == '_') {
            len = at + c.len_utf8();
        } else if at == 0 || !matches!(c, '.' | '-') {
            break;
        }
    }
    len
}

/// The items that a post says it answers to, in its order.
pub fn answered(entry: &Entry) -> impl Iterator<Item = XmppUri> {
    entry
        .in_reply_to
        .iter()
        .filter_map(|parent| XmppUri::parse(parent.href.as_deref()?).ok())
        .filter(|uri| uri.node().is_some() && uri.item().is_some())
        .take(MAX_PARENTS)
}

/// The item that a post repeats.
#[must_use]
pub fn repeated(entry: &Entry) -> Option<XmppUri> {
    let uri = entry.via()?.xmpp_uri()?;
    (uri.node().is_some() && uri.item().is_some()).then_some(uri)
}

/// Whether a reaction is a heart, of whatever colour, drawn as text or as emoji.
#[must_use]
pub fn is_heart(reaction: &str) -> bool {
    const HEARTS: &[&str] = &[
        "♥", "❤", "🧡", "💛", "💚", "💙", "💜", "🤎", "🖤", "🤍", "🩷", "🩵", "🩶", "💓", "💕", "💖", "💗",
        "💘", "💝", "💞", "💟", "❣",
    ];
    HEARTS.contains(&without_variant(reaction))
}

/// Whether a comment is nothing but a like.
///
/// COMPAT: Movim likes by a comment whose title is `♥`.
#[must_use]
pub fn is_like(entry: &Entry) -> bool {
    let is_empty = |texts: &[Text]| texts.iter().all(|text| text.to_plain().is_empty());
    entry.in_reply_to.len() <= 1
        && matches!(&entry.titles[..], [title] if without_variant(&title.to_plain()) == "♥")
        && is_empty(&entry.summaries)
        && entry
            .contents
            .iter()
            .all(|text| matches!(without_variant(&text.to_plain()), "" | "♥"))
}

/// A character without the variation selector that says how to draw it.
fn without_variant(text: &str) -> &str {
    let text = text.trim();
    text.strip_suffix(['\u{FE0E}', '\u{FE0F}']).unwrap_or(text)
}

/// The element is not XEP-0470's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a document of attachments")]
pub struct NotAttachments;

/// What one person attached to an item (XEP-0470 §4.1), and each child that is not understood as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachments {
    /// Whether, and when in milliseconds since 1970, they took notice of it.
    pub noticed: Option<Option<i64>>,
    /// Emoji, each once.
    pub reactions: Vec<String>,
    /// When they last changed these, in milliseconds since 1970.
    pub reacted: Option<i64>,
    /// Every other child, self-contained.
    pub others: Vec<Vec<u8>>,
}

impl Attachments {
    /// Reads an `<attachments/>`. Reactions that are too long or too many are left out.
    ///
    /// # Errors
    /// [`NotAttachments`] for another element (XEP-0470 §4.5).
    pub fn parse(element: Element<'_>) -> Result<Attachments, NotAttachments> {
        if !element.is("attachments", ATTACHMENTS) {
            return Err(NotAttachments);
        }
        let mut attachments = Attachments::default();
        for child in element.children() {
            let at = || child.attr("timestamp").and_then(|stamp| datetime::parse(&stamp));
            if child.is("noticed", ATTACHMENTS) {
                attachments.noticed = Some(at());
            } else if child.is("reactions", ATTACHMENTS) {
                attachments.reacted = at();
                for reaction in child.children().filter(|one| one.is("reaction", ATTACHMENTS)) {
                    let reaction = reaction.text().trim().to_owned();
                    let is_fit = !reaction.is_empty() && reaction.len() <= MAX_REACTION;
                    if is_fit
                        && attachments.reactions.len() < MAX_REACTIONS
                        && !attachments.reactions.contains(&reaction)
                    {
                        attachments.reactions.push(reaction);
                    }
                }
            } else {
                attachments.others.push(child.cut());
            }
        }
        Ok(attachments)
    }

    /// Whether it says that somebody likes the item: by having noticed it, or by a heart.
    #[must_use]
    pub fn is_like(&self) -> bool {
        self.noticed.is_some() || self.reactions.iter().any(|reaction| is_heart(reaction))
    }

    /// The document.
    #[must_use]
    pub fn to_xml(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.open("attachments").ns(ATTACHMENTS);
        let stamp = |at: Option<i64>| at.map(datetime::to_text);
        if let Some(at) = self.noticed {
            writer
                .open("noticed")
                .attr_opt("timestamp", stamp(at).as_deref())
                .close();
        }
        if !self.reactions.is_empty() {
            writer
                .open("reactions")
                .attr_opt("timestamp", stamp(self.reacted).as_deref());
            for reaction in &self.reactions {
                writer.leaf("reaction", reaction);
            }
            writer.close();
        }
        for other in &self.others {
            writer.raw(other);
        }
        writer.finish()
    }
}

/// What all attached to an item, together (XEP-0470 §4.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many took notice of it.
    pub noticed: u64,
    /// Emoji, and how many people chose each, in the order in which they came.
    pub reactions: Vec<(String, u64)>,
}

/// How many different emoji of one item are counted.
const MAX_SUMMARIZED: usize = 256;

impl Summary {
    /// Adds what one person attached.
    pub fn add(&mut self, attachments: &Attachments) {
        if attachments.noticed.is_some() {
            self.noticed += 1;
        }
        for reaction in &attachments.reactions {
            if let Some((_, count)) = self.reactions.iter_mut().find(|(known, _)| known == reaction) {
                *count += 1;
            } else if self.reactions.len() < MAX_SUMMARIZED {
                self.reactions.push((reaction.clone(), 1));
            }
        }
    }

    /// The payload of the item in the summary node.
    #[must_use]
    pub fn to_xml(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.open("summary").ns(ATTACHMENTS_SUMMARY);
        if self.noticed > 0 {
            writer
                .open("noticed")
                .attr("count", &self.noticed.to_string())
                .close();
        }
        if !self.reactions.is_empty() {
            writer.open("reactions");
            for (reaction, count) in &self.reactions {
                writer.open("reaction");
                if *count > 1 {
                    writer.attr("count", &count.to_string());
                }
                writer.text(reaction).close();
            }
            writer.close();
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests;
