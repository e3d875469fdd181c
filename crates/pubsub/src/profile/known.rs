//! Nodes of persons' accounts whose payload is laid down: a payload of another root or namespace would reach clients that
//! look for something else under this name.
//!
//! [XEP-0080](https://xmpp.org/extensions/xep-0080.html), [XEP-0084](https://xmpp.org/extensions/xep-0084.html),
//! [XEP-0107](https://xmpp.org/extensions/xep-0107.html), [XEP-0108](https://xmpp.org/extensions/xep-0108.html),
//! [XEP-0118](https://xmpp.org/extensions/xep-0118.html), [XEP-0172](https://xmpp.org/extensions/xep-0172.html),
//! [XEP-0292](https://xmpp.org/extensions/xep-0292.html), [XEP-0384](https://xmpp.org/extensions/xep-0384.html) and its
//! predecessor, [XEP-0402](https://xmpp.org/extensions/xep-0402.html),
//! [XEP-0490](https://xmpp.org/extensions/xep-0490.html), [XEP-0501](https://xmpp.org/extensions/xep-0501.html).
//!
//! What else stands inside an element is its clients' business; an empty one says that there is nothing to tell.

use bus::{AccessModel, NodeConfig};
use format::avatar::{self, Image, Metadata, NotAnAvatar};
use wire::{Document, Element, Jid, ns};

use super::main_blog;
use crate::error::PubsubError;

/// The node and `pubsub#type` of stories (XEP-0501 §3).
pub const STORIES: &str = "urn:xmpp:pubsub-social-feed:stories:0";
/// Where a server tells of itself, on its pubsub service (XEP-0485 §5). Its domain alone makes it.
pub const SERVER_INFO: &str = "serverinfo";
/// Bookmarks, one room an item (XEP-0402 §2).
pub const BOOKMARKS: &str = "urn:xmpp:bookmarks:1";
/// The node of a vCard (XEP-0292 §3.1).
pub const VCARD4: &str = "urn:xmpp:vcard4";
/// Up to where each conversation was read (XEP-0490 §3).
pub const DISPLAYED: &str = "urn:xmpp:mds:displayed:0";
/// OMEMO (XEP-0384 §5.3): the namespace, and the node of bundles.
const OMEMO: &str = "urn:xmpp:omemo:2";
const OMEMO_BUNDLES: &str = "urn:xmpp:omemo:2:bundles";
/// OMEMO as it was before, with a node for each bundle.
const AXOLOTL: &str = "eu.siacs.conversations.axolotl";
const AXOLOTL_BUNDLE: &str = "eu.siacs.conversations.axolotl.bundles:";

/// Nodes that are called as the namespace of their payload, and its root.
const BY_NAMESPACE: [(&str, &str); 7] = [
    (ns::NICK, "nick"),
    ("http://jabber.org/protocol/mood", "mood"),
    ("http://jabber.org/protocol/activity", "activity"),
    ("http://jabber.org/protocol/tune", "tune"),
    ("http://jabber.org/protocol/geoloc", "geoloc"),
    (BOOKMARKS, "conference"),
    (DISPLAYED, "displayed"),
];

/// How long a story is there, in seconds, unless its author says otherwise.
const STORY_LASTS: u32 = 86_400;

/// The defaults of the node of stories (XEP-0501 §4.1.1): for contacts, and for a day.
#[must_use]
pub fn stories() -> NodeConfig {
    NodeConfig {
        type_: Some(STORIES.into()),
        item_expire: Some(STORY_LASTS),
        ..NodeConfig::microblog(AccessModel::Presence)
    }
}

/// What is demanded of an item of one of these nodes beyond its root.
#[derive(Clone, Copy)]
enum Demand {
    Nothing,
    /// The item is called as an address.
    AddressAsId,
    /// The item is called as a device of OMEMO: 1 to 2³¹ − 1.
    DeviceAsId,
    /// An image, called as its hash.
    Image,
    /// What is told of an image.
    Metadata,
    /// One picture or film, no more (XEP-0501 §4.1).
    OneEnclosure,
}

/// The root of a node's payloads and its namespace, and what else is demanded; `None` for any other node.
fn demanded(node: &str) -> Option<(&'static str, &'static str, Demand)> {
    if let Some((ns, root)) = BY_NAMESPACE.iter().find(|(ns, _)| *ns == node) {
        let demand = match *ns {
            BOOKMARKS | DISPLAYED => Demand::AddressAsId,
            _ => Demand::Nothing,
        };
        return Some((root, ns, demand));
    }
    Some(match node {
        avatar::DATA => ("data", avatar::DATA, Demand::Image),
        avatar::METADATA => ("metadata", avatar::METADATA, Demand::Metadata),
        VCARD4 => ("vcard", ns::VCARD4, Demand::Nothing),
        STORIES => ("entry", ns::ATOM, Demand::OneEnclosure),
        OMEMO_BUNDLES => ("bundle", OMEMO, Demand::DeviceAsId),
        "urn:xmpp:omemo:2:devices" => ("devices", OMEMO, Demand::Nothing),
        "eu.siacs.conversations.axolotl.devicelist" => ("list", AXOLOTL, Demand::Nothing),
        _ => {
            node.strip_prefix(AXOLOTL_BUNDLE)?;
            ("bundle", AXOLOTL, Demand::Nothing)
        }
    })
}

/// Checks an item that is to be published to a node of a person's account.
///
/// # Errors
/// `InvalidPayload` for another root or namespace, and for what is no avatar; `InvalidName` for an id that means something
/// in this node and cannot be.
pub fn check(node: &str, id: Option<&str>, payload: &[u8]) -> Result<(), PubsubError> {
    main_blog::check(node, id, payload)?;
    let Some((root, ns, demand)) = demanded(node) else {
        return Ok(());
    };
    let document = Document::parse(payload).map_err(|_| PubsubError::InvalidPayload("not well-formed"))?;
    let element = document.root();
    if !element.is(root, ns) {
        return Err(PubsubError::InvalidPayload("not the element of this node"));
    }
    let no_avatar = |error: NotAnAvatar| PubsubError::InvalidPayload(error.as_str());
    match demand {
        Demand::Nothing => Ok(()),
        Demand::AddressAsId if id.is_some_and(|id| Jid::parse(id).is_ok()) => Ok(()),
        Demand::AddressAsId => Err(PubsubError::InvalidName("the item's id is not an address")),
        Demand::DeviceAsId if id.is_some_and(is_device) => Ok(()),
        Demand::DeviceAsId => Err(PubsubError::InvalidName("the item's id is not a device's")),
        Demand::Image => {
            let image = Image::from_data(element).map_err(no_avatar)?;
            // XEP-0084 §3.1. The hash tells clients what they have already.
            if id.is_some_and(|id| id.eq_ignore_ascii_case(&image.id)) {
                Ok(())
            } else {
                Err(PubsubError::InvalidPayload(
                    "the item's id is not the SHA-1 of the image",
                ))
            }
        }
        Demand::Metadata => Metadata::parse(element).map(drop).map_err(no_avatar),
        Demand::OneEnclosure if enclosures(element) == 1 => Ok(()),
        Demand::OneEnclosure => Err(PubsubError::InvalidPayload("a story has one enclosure")),
    }
}

/// XEP-0384 §4.1
fn is_device(id: &str) -> bool {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_digit()) && !id.starts_with('0');
    is_plain && id.parse().is_ok_and(|number: i32| number > 0)
}

fn enclosures(entry: Element<'_>) -> usize {
    entry
        .children()
        .filter(|child| child.is("link", ns::ATOM))
        .filter(|link| link.attr("rel").as_deref() == Some("enclosure") && link.attr("href").is_some())
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_and_namespaces_are_those_of_the_node() {
        let mood = "http://jabber.org/protocol/mood";
        assert_eq!(
            check(mood, None, b"<mood xmlns='http://jabber.org/protocol/mood'/>"),
            Ok(())
        );
        for other in [
            "<mood xmlns='urn:example'/>",
            "<tune xmlns='http://jabber.org/protocol/mood'/>",
        ] {
            assert!(matches!(
                check(mood, None, other.as_bytes()),
                Err(PubsubError::InvalidPayload(_))
            ));
        }
        assert_eq!(
            check("urn:example:other", None, b"<anything xmlns='urn:example'/>"),
            Ok(())
        );
    }

    #[test]
    fn ids_that_mean_something_are_checked() {
        let bundle = b"<bundle xmlns='urn:xmpp:omemo:2'/>";
        for id in ["1", "27183", "2147483647"] {
            assert_eq!(check(OMEMO_BUNDLES, Some(id), bundle), Ok(()), "{id}");
        }
        for id in ["0", "01", "-1", "+1", "2147483648", "current", ""] {
            assert!(
                matches!(
                    check(OMEMO_BUNDLES, Some(id), bundle),
                    Err(PubsubError::InvalidName(_))
                ),
                "{id}"
            );
        }
        let room = b"<conference xmlns='urn:xmpp:bookmarks:1'/>";
        assert_eq!(check(BOOKMARKS, Some("coven@chat.shakespeare.lit"), room), Ok(()));
        for id in [None, Some("@"), Some("a@b@c")] {
            assert!(matches!(
                check(BOOKMARKS, id, room),
                Err(PubsubError::InvalidName(_))
            ));
        }
    }

    #[test]
    fn a_story_has_one_picture() {
        let story = |links: &str| {
            let entry = format!("<entry xmlns='http://www.w3.org/2005/Atom'>{links}</entry>");
            check(STORIES, Some("1"), entry.as_bytes()).is_ok()
        };
        let picture = "<link rel='enclosure' href='https://capulet.lit/romeo.jpg' type='image/jpeg'/>";
        assert!(story(picture));
        assert!(story(&format!(
            "<link rel='alternate' href='xmpp:a@b'/>{picture}"
        )));
        assert!(!story(""));
        assert!(!story(&picture.repeat(2)));
    }
}
