//! What people attach to items: [XEP-0470](https://xmpp.org/extensions/xep-0470.html) §4.5.

use format::conversation::Attachments;
use wire::{BareJid, Document, Limits};

use crate::error::PubsubError;

/// The most that one person attaches to one item, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// Checks an item of a node of attachments.
///
/// # Errors
/// `PayloadTooBig`; `InvalidPayload` for another element, and unless the item's id is its publisher's bare JID.
pub fn read(payload: &[u8], id: Option<&str>, publisher: &BareJid) -> Result<Attachments, PubsubError> {
    if payload.len() > MAX_BYTES {
        return Err(PubsubError::PayloadTooBig);
    }
    if id != Some(publisher.as_str()) {
        return Err(PubsubError::InvalidPayload(
            "the id of the item is not the publisher's bare JID",
        ));
    }
    let document = Document::parse_within(payload, &Limits::SERVER)
        .map_err(|_| PubsubError::InvalidPayload("not a self-contained element"))?;
    Attachments::parse(document.root())
        .map_err(|_| PubsubError::InvalidPayload("not an element of attachments"))
}
