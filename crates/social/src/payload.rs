//! How a post is shown in a virtual node: as it is in its own, with where that is and what stands around it.
//!
//! What is told here of an item is told by its last child of each name. No author can tell it in the server's place:
//! such elements of theirs are taken out.

use bus::{Item, NodeView};
use format::atom::append;
use format::uri::XmppUri;
use store::PostId;
use store::conversation::Counts;
use wire::{BareJid, Document, Writer};

/// Where an item of a virtual node comes from.
const ORIGIN: &str = "urn:x-folkmoot:origin:0";
/// How many replies, likes and boosts it has.
const COUNTS: &str = "urn:x-folkmoot:counts:0";
/// Where in a thread it stands.
const THREAD: &str = "urn:x-folkmoot:thread:0";
/// What it repeats.
const BOOST: &str = "urn:x-folkmoot:boost:0";

/// The address of an item in its own node.
#[must_use]
pub fn origin(view: &NodeView, item: &Item) -> XmppUri {
    XmppUri::of_item(view.owner_jid.clone(), &view.name, &item.id)
}

/// The payload that an item has in the events of virtual nodes, which tell nothing of its conversation but what it boosts.
#[must_use]
pub fn virtual_payload(view: &NodeView, item: &Item, boost_of: Option<PostId>) -> Vec<u8> {
    let about = About {
        boost_of,
        ..About::default()
    };
    shown(view, item, &about)
}

/// Where a reply stands, as far as its reader may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The first post of the thread.
    pub root: PostId,
    /// What it answers to, and whose that is.
    pub parent: Option<(PostId, BareJid)>,
}

/// What stands around an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its counts; those of the original for a boost.
    pub counts: Option<Counts>,
    /// Whether it is for some people only, so that nobody can boost it.
    pub is_closed: bool,
    /// Where it stands in its thread, if it is a reply.
    pub place: Option<Place>,
    /// The post that it repeats.
    pub boost_of: Option<PostId>,
}

/// An item's payload with what is told of it.
pub(crate) fn shown(view: &NodeView, item: &Item, about: &About) -> Vec<u8> {
    let mut writer = Writer::new();
    let uri = origin(view, item).to_string();
    writer.open("origin").ns(ORIGIN).attr("uri", &uri).close();
    if let Some(place) = &about.place {
        writer.open("thread").ns(THREAD);
        writer.attr("root", &place.root.0.to_string());
        if let Some((parent, author)) = &place.parent {
            writer
                .attr("parent", &parent.0.to_string())
                .attr("parent-author", author.as_str());
        }
        writer.close();
    }
    if let Some(of) = about.boost_of {
        writer
            .open("boost")
            .ns(BOOST)
            .attr("of", &of.0.to_string())
            .close();
    }
    if let Some(counts) = &about.counts {
        writer.open("counts").ns(COUNTS);
        for (name, count) in [
            ("replies", counts.replies),
            ("likes", counts.likes),
            ("boosts", counts.boosts),
        ] {
            writer.attr(name, &count.to_string());
        }
        writer
            .attr_opt("liked", counts.is_liked.then_some("true"))
            .attr_opt("boosted", counts.boosted.as_deref())
            .attr_opt("closed", about.is_closed.then_some("true"))
            .close();
    }
    let own = item.payload.as_deref().unwrap_or_default();
    match without_ours(own) {
        Some(clean) => append(&clean, &writer.finish()),
        None => append(own, &writer.finish()),
    }
}

/// An entry without those children that only the server may add; `None` when it has none, which is seen without
/// parsing.
fn without_ours(payload: &[u8]) -> Option<Vec<u8>> {
    // A namespace is written in one way only: no reference but `&amp;` may stand in its declaration.
    memchr::memmem::find(payload, b"urn:x-folkmoot:")?;
    let document = Document::parse(payload).ok()?;
    let (root, bytes) = (document.root(), document.bytes());
    let mut clean = Vec::with_capacity(bytes.len());
    let mut copied = 0;
    for child in root.children() {
        if [ORIGIN, COUNTS, THREAD, BOOST].contains(&child.ns()) {
            let raw = child.raw();
            // Both are slices of the same bytes.
            let start = raw.as_ptr() as usize - bytes.as_ptr() as usize;
            clean.extend_from_slice(&bytes[copied..start]);
            copied = start + raw.len();
        }
    }
    if copied == 0 {
        return None;
    }
    clean.extend_from_slice(&bytes[copied..]);
    Some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_speaks_in_the_servers_place() {
        for (payload, clean) in [
            ("<entry><a/></entry>", None),
            ("<entry>urn:x-folkmoot:boost:0</entry>", None),
            (
                "<entry><a/><boost xmlns='urn:x-folkmoot:boost:0' of='1'/><b/></entry>",
                Some("<entry><a/><b/></entry>"),
            ),
            (
                "<entry xmlns:x='urn:x-folkmoot:counts:0'><x:counts likes='9'>!</x:counts> <x:y/><c/></entry>",
                Some("<entry xmlns:x='urn:x-folkmoot:counts:0'> <c/></entry>"),
            ),
        ] {
            let found = without_ours(payload.as_bytes());
            let expected = clean.map(|clean| clean.as_bytes().to_vec());
            assert_eq!(found, expected, "{payload}");
        }
    }
}
