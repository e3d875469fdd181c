//! Refusals of the pubsub rules on the wire: the one table (XEP-0060 §6 to §8, each variant's documentation).

use pubsub::PubsubError;
use wire::{ErrorType, StanzaError, ns};

/// The stanza error that tells a refusal.
pub(crate) fn on_the_wire(error: PubsubError) -> StanzaError {
    let with = |error: StanzaError, condition| error.app(condition, ns::PUBSUB_ERRORS);
    let unauthorized = || StanzaError::not_authorized().kind(ErrorType::Auth);
    let bad = || StanzaError::bad_request().kind(ErrorType::Modify);
    match error {
        PubsubError::NodeNotFound | PubsubError::ItemNotFound => StanzaError::item_not_found(),
        PubsubError::NodeExists => StanzaError::conflict(),
        PubsubError::AlreadyRepeated => StanzaError::conflict().text("you have repeated this post already"),
        PubsubError::NotOpen => {
            StanzaError::not_acceptable().text("only what is open to everybody can be repeated")
        }
        PubsubError::Inherited => {
            StanzaError::not_acceptable().text("this node is as open as the item that it belongs to")
        }
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
        PubsubError::UnsupportedAccessModel => {
            with(StanzaError::not_acceptable(), "unsupported-access-model")
        }
        PubsubError::InvalidSubid => with(StanzaError::not_acceptable(), "invalid-subid"),
        PubsubError::InvalidName(text) => StanzaError::not_acceptable().text(text),
        PubsubError::Unsupported(feature) => {
            with(StanzaError::feature_not_implemented(), "unsupported").app_attr("feature", feature)
        }
        PubsubError::NoIndex => StanzaError::feature_not_implemented(),
        PubsubError::MaxNodes => with(StanzaError::not_allowed(), "max-nodes-exceeded"),
        PubsubError::TooManyItems => with(StanzaError::not_allowed(), "max-items-exceeded"),
        PubsubError::LastOwner => StanzaError::not_acceptable(),
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
