//! What `pubsub#type` says of a node's payloads: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §7.1.3.6, §16.4.4.
//!
//! Feeds of posts and the nodes of [`super::known`] have rules of their own.

use wire::Document;

use crate::error::PubsubError;

/// What the types of profiles begin with: they say more, or less, than a namespace.
const PROFILES: [&str; 4] = [
    "urn:xmpp:microblog:",
    "urn:xmpp:pubsub-social-feed:",
    "urn:xmpp:pubsub-attachments:",
    "urn:x-folkmoot:",
];
/// What any payload may be wrapped in: end-to-end encryption (XEP-0373, XEP-0473, XEP-0477).
const WRAPPINGS: [&str; 2] = ["urn:xmpp:openpgp:", "urn:xmpp:pte:"];

/// Checks that a payload is of the namespace that its node is configured for.
///
/// # Errors
/// `InvalidPayload` for another.
pub fn check(configured: Option<&str>, payload: &[u8]) -> Result<(), PubsubError> {
    let is_namespace =
        |name: &&str| name.contains(':') && !PROFILES.iter().any(|profile| name.starts_with(profile));
    let Some(wanted) = configured.filter(is_namespace) else {
        return Ok(());
    };
    let document = Document::parse(payload.to_vec())
        .map_err(|_| PubsubError::InvalidPayload("the payload is one element"))?;
    let found = document.root().ns();
    if found == wanted || WRAPPINGS.iter().any(|wrapping| found.starts_with(wrapping)) {
        Ok(())
    } else {
        Err(PubsubError::InvalidPayload(
            "the payload's namespace is to be the node's pubsub#type",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_is_a_namespace_is_the_payloads() {
        let check = |configured, payload: &str| check(configured, payload.as_bytes()).is_ok();
        assert!(check(None, "<a xmlns='urn:example:a'/>"));
        assert!(check(Some("urn:example:a"), "<a xmlns='urn:example:a'/>"));
        assert!(check(Some("urn:example:a"), "<p:a xmlns:p='urn:example:a'/>"));
        assert!(!check(Some("urn:example:a"), "<a xmlns='urn:example:b'/>"));
        assert!(!check(Some("urn:example:a"), "<a/>"));
        // A word for people, a profile, and what is encrypted.
        assert!(check(Some("letters"), "<a xmlns='urn:example:b'/>"));
        assert!(check(
            Some("urn:xmpp:pubsub-social-feed:stories:0"),
            "<entry xmlns='http://www.w3.org/2005/Atom'/>"
        ));
        assert!(check(
            Some("urn:example:a"),
            "<openpgp xmlns='urn:xmpp:openpgp:0'/>"
        ));
    }
}
