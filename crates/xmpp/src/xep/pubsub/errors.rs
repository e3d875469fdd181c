//! Refusals of the pubsub rules on the wire: the one table (XEP-0060 §6 to §8, each variant's documentation).

use pubsub::PubsubError;
use wire::{ErrorType, StanzaError, ns};

/// The stanza error that tells a refusal, with a text that says what to do.
pub(crate) fn on_the_wire(error: PubsubError) -> StanzaError {
    match advice(&error) {
        Some(text) => condition(error).text(text),
        None => condition(error),
    }
}

/// What whoever is refused can do about it; `None` where the refusal brings its own text.
fn advice(error: &PubsubError) -> Option<&'static str> {
    Some(match error {
        PubsubError::NodeNotFound => {
            "there is no such node here that you may know of: look at disco#items of this address"
        }
        PubsubError::ItemNotFound => "there is no such item: ask for the node's items again",
        PubsubError::NodeExists => "a node of this name is there: choose another name, or configure that one",
        PubsubError::AlreadyRepeated => "you have repeated this post already",
        PubsubError::NotOpen => "only what is open to everybody can be repeated",
        PubsubError::Inherited => {
            "this node is as open as the item that it belongs to: configure that one's node"
        }
        PubsubError::Forbidden => "you may not do this here: ask an owner of the node",
        PubsubError::NotAllowed => "nobody can do this here: this node's content is made by the server",
        PubsubError::ClosedNode => "this node is for its members: ask an owner to be made one",
        PubsubError::PresenceRequired => "this node is for contacts: subscribe to its owner's presence first",
        PubsubError::NotInRosterGroup => "this node is for some of its owner's contacts: ask them",
        PubsubError::PendingSubscription => "your request waits for an owner's answer",
        PubsubError::TooManySubscriptions => "you have as many subscriptions here as one may: end some first",
        PubsubError::ItemsNeedSubscription => {
            "this node is for those whom an owner approved: subscribe first"
        }
        PubsubError::NotSubscribed => "this address has no subscription to the node: subscribe first",
        PubsubError::NoSuchSubscriber => {
            "this address has no subscription to the node: look at the list of subscriptions"
        }
        PubsubError::SubidRequired => "this address has several subscriptions: say which by its subid",
        PubsubError::JidRequired => "say in the attribute jid whose subscription it is",
        PubsubError::InvalidJid => "the attribute jid is to be an address of yours",
        PubsubError::NodeIdRequired => "say in the attribute node which node it is",
        PubsubError::ItemRequired => "name at least one item, each with an id where one is retracted",
        PubsubError::PayloadRequired => "put one element into each item: this node is for payloads",
        PubsubError::PayloadTooBig => {
            "the payload is larger than this node takes (pubsub#max_payload_size): publish less"
        }
        PubsubError::ItemForbidden => "this node keeps and delivers no items: publish without one",
        PubsubError::PreconditionNotMet => {
            "the node is configured otherwise than publish-options say: configure it, or publish without them"
        }
        PubsubError::NodeFull => "the node holds as many items as it keeps: retract some first",
        PubsubError::UnsupportedAccessModel => {
            "there is no such access model here: use open, authorize or whitelist, or on an account presence or roster"
        }
        PubsubError::InvalidSubid => "there is no such subscription: look at the list of yours",
        PubsubError::Unsupported(_) => {
            "this node, or this server, does not support what the error names: ask its disco#info what there is"
        }
        PubsubError::NoIndex => "pages by their index are not given here: use before and after",
        PubsubError::NoOrder => "items come by their creation or their last change: leave another order out",
        PubsubError::NoSearch => "what is here cannot be searched by words: leave them out",
        PubsubError::MaxNodes => "you have as many nodes as one may: delete some first",
        PubsubError::TooManyItems => {
            "one request may name up to 100 items, and no more than the node keeps (pubsub#max_items): send several requests"
        }
        PubsubError::LastOwner => "a node must keep an owner: make somebody else one first",
        PubsubError::Overloaded => "the server is busy: try again in a moment",
        PubsubError::Storage => {
            "the server could not read or store it: try again later, and tell its administrator"
        }
        // These say it themselves, or are somebody else's to word.
        _ => return None,
    })
}

fn condition(error: PubsubError) -> StanzaError {
    let with = |error: StanzaError, condition| error.app(condition, ns::PUBSUB_ERRORS);
    let unauthorized = || StanzaError::not_authorized().kind(ErrorType::Auth);
    let bad = || StanzaError::bad_request().kind(ErrorType::Modify);
    match error {
        PubsubError::NodeNotFound | PubsubError::ItemNotFound => StanzaError::item_not_found(),
        PubsubError::NodeExists => StanzaError::conflict(),
        PubsubError::AlreadyRepeated => StanzaError::conflict(),
        PubsubError::NotOpen | PubsubError::Inherited | PubsubError::LastOwner => {
            StanzaError::not_acceptable()
        }
        PubsubError::Unfit(text) => StanzaError::not_acceptable().text(text),
        PubsubError::Forbidden => StanzaError::forbidden(),
        PubsubError::NotAllowed => StanzaError::not_allowed(),
        PubsubError::ClosedNode => with(StanzaError::not_allowed(), "closed-node"),
        PubsubError::PresenceRequired => with(unauthorized(), "presence-subscription-required"),
        PubsubError::NotInRosterGroup => with(unauthorized(), "not-in-roster-group"),
        PubsubError::PendingSubscription => with(unauthorized(), "pending-subscription"),
        PubsubError::ItemsNeedSubscription => with(unauthorized(), "not-subscribed"),
        PubsubError::NotSubscribed => with(
            StanzaError::unexpected_request().kind(ErrorType::Cancel),
            "not-subscribed",
        ),
        PubsubError::NoSuchSubscriber => with(
            StanzaError::unexpected_request().kind(ErrorType::Modify),
            "not-subscribed",
        ),
        PubsubError::SubidRequired => with(bad(), "subid-required"),
        PubsubError::JidRequired => with(bad(), "jid-required"),
        PubsubError::TooManySubscriptions => with(
            StanzaError::policy_violation().kind(ErrorType::Wait),
            "too-many-subscriptions",
        ),
        PubsubError::InvalidJid => with(bad(), "invalid-jid"),
        PubsubError::NodeIdRequired => with(bad(), "nodeid-required"),
        PubsubError::ItemRequired => with(bad(), "item-required"),
        PubsubError::PayloadRequired => with(bad(), "payload-required"),
        PubsubError::InvalidPayload(text) => with(bad(), "invalid-payload").text(text),
        PubsubError::ItemForbidden => with(bad(), "item-forbidden"),
        PubsubError::PayloadTooBig => with(StanzaError::not_acceptable(), "payload-too-big"),
        PubsubError::PreconditionNotMet => with(StanzaError::conflict(), "precondition-not-met"),
        PubsubError::InvalidOptions(text) => with(bad(), "invalid-options").text(text),
        PubsubError::Unacceptable(text) => StanzaError::not_acceptable().text(text),
        PubsubError::NodeFull => with(StanzaError::conflict(), "node-full"),
        PubsubError::UnsupportedAccessModel => {
            with(StanzaError::not_acceptable(), "unsupported-access-model")
        }
        PubsubError::InvalidSubid => with(StanzaError::not_acceptable(), "invalid-subid"),
        PubsubError::InvalidName(text) => StanzaError::not_acceptable().text(text),
        PubsubError::Unsupported(feature) => {
            with(StanzaError::feature_not_implemented(), "unsupported").app_attr("feature", feature)
        }
        PubsubError::NoIndex | PubsubError::NoOrder | PubsubError::NoSearch => {
            StanzaError::feature_not_implemented()
        }
        PubsubError::SearchTooLong => {
            StanzaError::not_acceptable().text("at most eight words or phrases, and 512 bytes")
        }
        PubsubError::MaxNodes => with(StanzaError::not_allowed(), "max-nodes-exceeded"),
        PubsubError::TooManyItems => with(StanzaError::not_allowed(), "max-items-exceeded"),
        PubsubError::Overloaded => StanzaError::resource_constraint(),
        PubsubError::Storage => StanzaError::internal_server_error(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wire::Writer;

    fn written(error: PubsubError) -> String {
        let mut writer = Writer::new();
        on_the_wire(error).write(&mut writer);
        String::from_utf8(writer.finish()).unwrap()
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        use PubsubError as E;
        let all = [
            E::NodeNotFound,
            E::ItemNotFound,
            E::NodeExists,
            E::AlreadyRepeated,
            E::NotOpen,
            E::Inherited,
            E::Unfit("this"),
            E::Forbidden,
            E::NotAllowed,
            E::ClosedNode,
            E::PresenceRequired,
            E::NotInRosterGroup,
            E::PendingSubscription,
            E::TooManySubscriptions,
            E::ItemsNeedSubscription,
            E::NotSubscribed,
            E::NoSuchSubscriber,
            E::SubidRequired,
            E::JidRequired,
            E::InvalidJid,
            E::NodeIdRequired,
            E::ItemRequired,
            E::PayloadRequired,
            E::InvalidPayload("this"),
            E::PayloadTooBig,
            E::ItemForbidden,
            E::PreconditionNotMet,
            E::InvalidOptions("this".into()),
            E::Unacceptable("this".into()),
            E::NodeFull,
            E::UnsupportedAccessModel,
            E::InvalidSubid,
            E::InvalidName("this"),
            E::Unsupported("collections"),
            E::NoIndex,
            E::NoOrder,
            E::NoSearch,
            E::SearchTooLong,
            E::MaxNodes,
            E::TooManyItems,
            E::LastOwner,
            E::Overloaded,
            E::Storage,
        ];
        for error in all {
            let text = written(error.clone());
            assert!(text.contains("<text "), "{error:?}: {text}");
        }
    }

    #[test]
    fn conditions_stand_beside_the_stanza_error() {
        let closed = written(PubsubError::ClosedNode);
        assert!(
            closed.contains("<not-allowed ") && closed.contains("<closed-node "),
            "{closed}"
        );
        let unsupported = written(PubsubError::Unsupported("collections"));
        assert!(
            unsupported.contains(
                "<unsupported xmlns='http://jabber.org/protocol/pubsub#errors' feature='collections'/>"
            ),
            "{unsupported}"
        );
    }
}
