//! Nodes that belong to one item of another node, or to the items of one: comments
//! ([XEP-0277](https://xmpp.org/extensions/xep-0277.html) §4), attachments and their summaries
//! ([XEP-0470](https://xmpp.org/extensions/xep-0470.html)).
//!
//! Nobody creates them: their names are computed from what they belong to, and who may read that may read them. Here are
//! only the names; what may be done with these nodes is decided in `pubsub`.

use format::uri::XmppUri;
use store::{JidNo, PostId};
use wire::BareJid;

use crate::node::post_number;

/// How the names of nodes with comments begin; the number of the post follows.
const COMMENTS: &str = "urn:xmpp:microblog:0:comments/";
/// The namespace of attachments, and how the names of their nodes begin; a slash and the item's URI follow.
pub const ATTACHMENTS: &str = "urn:xmpp:pubsub-attachments:1";
/// The namespace of summaries, and how the names of their nodes begin; a slash and the node's name follow.
pub const SUMMARY: &str = "urn:xmpp:pubsub-attachments:summary:1";

/// The type of a node that is a social feed (XEP-0472 §5.1), comments among them.
pub const SOCIAL_FEED: &str = "urn:xmpp:pubsub-social-feed:1";

/// What a computed node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Comments on a post.
    Comments,
    /// What people attach to an item: that they noticed it, reactions.
    Attachments,
    /// How often what is attached to each item of a node. Read-only.
    Summary,
}

/// Whose a computed node is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Computed {
    /// What it holds.
    pub what: What,
    /// The item that it belongs to; of a summary, which belongs to a node, 0.
    pub target: PostId,
    /// Who published that item; of a summary, the node's owner.
    pub author: JidNo,
}

/// The name of a computed node, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComputedName {
    /// Comments on the post of this number.
    Comments(PostId),
    /// Attachments to an item of the same address.
    Attachments {
        /// The item's node.
        node: String,
        /// The item's id.
        item: String,
    },
    /// The summary of the attachments to a node's items.
    Summary {
        /// The node.
        node: String,
    },
}

impl ComputedName {
    /// Reads a node's name at an address. Percent-encoded or not, each item has one node (COMPAT: Movim encodes nothing).
    /// Comments on posts of our numbers are on the pubsub service; anywhere else that is a name like any other.
    #[must_use]
    pub fn read(at: &BareJid, is_service: bool, name: &str) -> Option<ComputedName> {
        if let Some(number) = name.strip_prefix(COMMENTS) {
            return post_number(number)
                .filter(|_| is_service)
                .map(ComputedName::Comments);
        }
        if let Some(uri) = name
            .strip_prefix(ATTACHMENTS)
            .and_then(|rest| rest.strip_prefix('/'))
        {
            let uri = XmppUri::parse(uri).ok()?;
            if uri.jid.as_str() != at.as_str() || !uri.action.is_empty() {
                return None;
            }
            let (node, item) = (uri.node()?, uri.item()?);
            return (uri.params.len() == 2).then(|| ComputedName::Attachments {
                node: node.to_owned(),
                item: item.to_owned(),
            });
        }
        let node = name.strip_prefix(SUMMARY)?.strip_prefix('/')?;
        (!node.is_empty()).then(|| ComputedName::Summary {
            node: node.to_owned(),
        })
    }

    /// Whether the name begins like that of attachments or a summary, so that nobody may create such a node
    /// (XEP-0470 §4.4).
    #[must_use]
    pub fn is_reserved(name: &str) -> bool {
        [ATTACHMENTS, SUMMARY].iter().any(|prefix| {
            name.strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// What the name of a node calls the post that it has the comments on: its number, or whatever its client chose
    /// (XEP-0277 §4). `None` for any other node.
    #[must_use]
    pub fn commented(name: &str) -> Option<&str> {
        name.strip_prefix(COMMENTS)
    }

    /// The name of the node of the comments on a post.
    #[must_use]
    pub fn comments(post: PostId) -> String {
        std::format!("{COMMENTS}{}", post.0)
    }

    /// The one name that the node has on the wire and in the database.
    #[must_use]
    pub fn name(&self, at: &BareJid) -> String {
        match self {
            ComputedName::Comments(post) => ComputedName::comments(*post),
            ComputedName::Attachments { node, item } => {
                std::format!("{ATTACHMENTS}/{}", XmppUri::of_item(at.clone(), node, item))
            }
            ComputedName::Summary { node } => std::format!("{SUMMARY}/{node}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn jid(text: &str) -> BareJid {
        BareJid::parse(text).unwrap()
    }

    fn read(at: &str, name: &str) -> Option<ComputedName> {
        ComputedName::read(&jid(at), !at.contains('@'), name)
    }

    #[test]
    fn comments_have_numbers_and_are_on_the_service() {
        let name = "urn:xmpp:microblog:0:comments/17";
        assert_eq!(
            read("pubsub.a.lit", name),
            Some(ComputedName::Comments(PostId(17)))
        );
        assert_eq!(ComputedName::comments(PostId(17)), name);
        assert_eq!(read("romeo@a.lit", name), None);
        for free in ["x", "017", "", "-1", "9007199254740992", "17 "] {
            let name = std::format!("urn:xmpp:microblog:0:comments/{free}");
            assert_eq!(read("pubsub.a.lit", &name), None, "{name}");
        }
    }

    #[test]
    fn attachments_are_where_their_item_is_however_it_is_written() {
        let encoded =
            "urn:xmpp:pubsub-attachments:1/xmpp:j@a.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=tag%3A1";
        let plain = "urn:xmpp:pubsub-attachments:1/xmpp:j@a.lit?;node=urn:xmpp:microblog:0;item=tag:1";
        let found = read("j@a.lit", encoded).unwrap();
        assert_eq!(read("j@a.lit", plain).as_ref(), Some(&found));
        assert_eq!(found.name(&jid("j@a.lit")), encoded);
        for wrong in [
            "xmpp:k@a.lit?;node=n;item=i",
            "xmpp:j@a.lit/x?;node=n;item=i",
            "xmpp:j@a.lit?;node=n",
            "xmpp:j@a.lit?;item=i",
            "xmpp:j@a.lit?join;node=n;item=i",
            "xmpp:j@a.lit?;node=n;item=i;more=m",
            "https://a.lit/",
            "",
        ] {
            let name = std::format!("{ATTACHMENTS}/{wrong}");
            assert_eq!(read("j@a.lit", &name), None, "{name}");
            assert!(ComputedName::is_reserved(&name));
        }
        assert!(!ComputedName::is_reserved(ATTACHMENTS));
    }

    proptest! {
        #[test]
        fn each_item_has_one_name(node in "\\PC{1,30}", item in "\\PC{1,30}") {
            let at = jid("j@a.lit");
            let name = ComputedName::Attachments { node, item };
            let written = name.name(&at);
            prop_assert_eq!(ComputedName::read(&at, false, &written), Some(name));
        }
    }
}
