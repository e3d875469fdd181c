//! Where a person's main blog is, if not where everybody looks for it: the node `urn:x-folkmoot:blog:0`, and the statement
//! of a moved account, [XEP-0283](https://xmpp.org/extensions/xep-0283.html) §4.1.
//!
//! Either account says only its own half. Whether the two halves fit is seen in `host/main_blog.rs`.

use bus::MICROBLOG;
use wire::{BareJid, Document, Element};

use crate::error::PubsubError;

/// The node, and the namespace of its payload.
pub const BLOG: &str = "urn:x-folkmoot:blog:0";
/// The node of the statement that an account has moved, and the namespace of its payload.
pub const MOVED: &str = "urn:xmpp:moved:1";
/// The only item of either.
pub const CURRENT: &str = "current";

/// Accounts that one blog may be the main one of, beside its own.
const MAX_ACCOUNTS: usize = 16;

/// A blog: an address and a node there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlogAt {
    /// The address.
    pub jid: BareJid,
    /// The node.
    pub node: String,
}

/// What an account says of its main blog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MainBlog {
    /// Where it is.
    pub main: Option<BlogAt>,
    /// The accounts whose main blog is at this one.
    pub also: Vec<BareJid>,
}

impl MainBlog {
    /// Reads an item of the node.
    ///
    /// # Errors
    /// `InvalidPayload` for another element, addresses that are none, a second main blog and too many accounts.
    pub fn read(payload: &[u8]) -> Result<MainBlog, PubsubError> {
        let invalid = PubsubError::InvalidPayload;
        let document = Document::parse(payload).map_err(|_| invalid("not well-formed"))?;
        let root = document.root();
        if !root.is("blog", BLOG) {
            return Err(invalid("not the element of this node"));
        }
        let address = |element: Element<'_>| {
            let jid = element.attr("jid").and_then(|jid| BareJid::parse(&jid).ok());
            jid.filter(|jid| jid.node().is_some())
                .ok_or(invalid("not the address of an account"))
        };
        let mut read = MainBlog::default();
        for child in root.children().filter(|child| child.ns() == BLOG) {
            match child.name() {
                "main" if read.main.is_some() => return Err(invalid("two main blogs")),
                "main" => {
                    let node = child.attr("node").filter(|node| !node.is_empty());
                    read.main = Some(BlogAt {
                        jid: address(child)?,
                        node: node.map_or_else(|| MICROBLOG.to_owned(), std::borrow::Cow::into_owned),
                    });
                }
                "also" if read.also.len() >= MAX_ACCOUNTS => return Err(invalid("too many accounts")),
                "also" => read.also.push(address(child)?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// The address that an account has moved to, from an item of its statement (XEP-0283 §4.1).
///
/// # Errors
/// `InvalidPayload` for another element, and unless it holds one bare address of an account.
pub fn moved_to(payload: &[u8]) -> Result<BareJid, PubsubError> {
    let invalid = PubsubError::InvalidPayload;
    let document = Document::parse(payload).map_err(|_| invalid("not well-formed"))?;
    let root = document.root();
    if !root.is("moved", MOVED) {
        return Err(invalid("not the element of this node"));
    }
    let mut named = root.children().filter(|child| child.is("new-jid", MOVED));
    let (Some(new), None) = (named.next(), named.next()) else {
        return Err(invalid("one new-jid is needed"));
    };
    let jid = BareJid::parse(new.text().trim()).ok();
    jid.filter(|jid| jid.node().is_some())
        .ok_or(invalid("not the address of an account"))
}

/// Checks an item that is to be published to one of the two nodes.
///
/// # Errors
/// `InvalidPayload`; `InvalidName` for another id than `current`.
pub(super) fn check(node: &str, id: Option<&str>, payload: &[u8]) -> Result<(), PubsubError> {
    match node {
        BLOG => MainBlog::read(payload).map(drop)?,
        MOVED => moved_to(payload).map(drop)?,
        _ => return Ok(()),
    }
    if id == Some(CURRENT) {
        Ok(())
    } else {
        Err(PubsubError::InvalidName("the item's id is current"))
    }
}
