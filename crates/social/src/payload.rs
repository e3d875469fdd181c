//! How a post is shown in a virtual node: as it is in its own, with where that is.

use bus::{Item, NodeView};
use format::atom::append;
use format::uri::XmppUri;
use wire::Writer;

/// The namespace of the element that says where an item of a virtual node comes from.
const ORIGIN: &str = "urn:x-folkmoot:origin:0";

/// The address of an item in its own node.
#[must_use]
pub fn origin(view: &NodeView, item: &Item) -> XmppUri {
    XmppUri::of_item(view.owner_jid.clone(), &view.name, &item.id)
}

/// The payload that an item has in virtual nodes: its own, and its origin.
#[must_use]
pub fn virtual_payload(view: &NodeView, item: &Item) -> Vec<u8> {
    let mut element = Writer::new();
    element
        .open("origin")
        .ns(ORIGIN)
        .attr("uri", &origin(view, item).to_string())
        .close();
    append(item.payload.as_deref().unwrap_or_default(), &element.finish())
}
