//! Why an operation on a node was refused. Each variant names the stanza error and, after `+`, the condition of
//! `http://jabber.org/protocol/pubsub#errors` that tell it on the wire.
//!
//! Specification: [XEP-0060](https://xmpp.org/extensions/xep-0060.html). The mapping itself is in `xmpp`.

use std::borrow::Cow;

use store::{ReadError, WriteError};

/// Why an operation was refused, or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PubsubError {
    /// `item-not-found`: no such node.
    #[error("no such node")]
    NodeNotFound,
    /// `item-not-found`: no such item, or the page's anchor is gone (XEP-0059 §2.4).
    #[error("no such item")]
    ItemNotFound,
    /// `conflict`: a node of this name is there (XEP-0060 §8.1.2).
    #[error("node exists")]
    NodeExists,
    /// `conflict`: the same person repeats the same post once more.
    #[error("repeated already")]
    AlreadyRepeated,
    /// `not-acceptable`: a post that not everybody may read is not repeated.
    #[error("not open to everybody")]
    NotOpen,
    /// `not-acceptable`: a computed node is as open as what it belongs to, and not otherwise.
    #[error("as open as what it belongs to")]
    Inherited,
    /// `not-acceptable`: what the profile of a feed does not allow (XEP-0472 §5).
    #[error("not acceptable: {0}")]
    Unfit(&'static str),
    /// `forbidden`: the affiliation does not allow it.
    #[error("forbidden")]
    Forbidden,
    /// `not-allowed`: nobody may do this here, for example publish to a virtual node.
    #[error("not allowed")]
    NotAllowed,
    /// `not-allowed` + `closed-node`: only listed people may (XEP-0060 §6.1.3.4, §6.5.9.6).
    #[error("closed node")]
    ClosedNode,
    /// `not-authorized` + `presence-subscription-required` (§6.1.3.2, §6.5.9.4).
    #[error("presence subscription required")]
    PresenceRequired,
    /// `not-authorized` + `not-in-roster-group` (§6.1.3.3, §6.5.9.5).
    #[error("not in roster group")]
    NotInRosterGroup,
    /// `not-authorized` + `pending-subscription` (§6.1.3.7).
    #[error("subscription is pending")]
    PendingSubscription,
    /// `policy-violation` + `too-many-subscriptions` (§6.1.3.9).
    #[error("too many subscriptions")]
    TooManySubscriptions,
    /// `not-authorized` + `not-subscribed`: only approved subscribers may read (§6.5.9.3).
    #[error("only subscribers may read")]
    ItemsNeedSubscription,
    /// `unexpected-request` + `not-subscribed`: there is nothing to unsubscribe (§6.2.3.2).
    #[error("not subscribed")]
    NotSubscribed,
    /// `unexpected-request` + `not-subscribed`, to be mended by whoever asks: a subscription's options are wanted, and
    /// there is none (§6.3.4.2).
    #[error("no such subscriber")]
    NoSuchSubscriber,
    /// `bad-request` + `subid-required`: the address has several subscriptions (§6.2.3.1, §6.3.4.4).
    #[error("subscription id required")]
    SubidRequired,
    /// `bad-request` + `jid-required` (§6.3.4.3).
    #[error("jid required")]
    JidRequired,
    /// `bad-request` + `invalid-jid`: the address is not the requester's (§6.1.3.1).
    #[error("invalid jid")]
    InvalidJid,
    /// `bad-request` + `nodeid-required`.
    #[error("node id required")]
    NodeIdRequired,
    /// `bad-request` + `item-required` (§7.1.3.4, §7.2.3.4).
    #[error("item required")]
    ItemRequired,
    /// `bad-request` + `payload-required` (§7.1.3.4).
    #[error("payload required")]
    PayloadRequired,
    /// `bad-request` + `invalid-payload` (§7.1.3.5).
    #[error("invalid payload: {0}")]
    InvalidPayload(&'static str),
    /// `not-acceptable` + `payload-too-big` (§7.1.3.3).
    #[error("payload too big")]
    PayloadTooBig,
    /// `bad-request` + `item-forbidden`: a node that keeps and delivers no payload got one (§7.1.3.6).
    #[error("item forbidden")]
    ItemForbidden,
    /// `conflict` + `precondition-not-met`: publish-options that the node does not meet (§7.1.5).
    #[error("precondition not met")]
    PreconditionNotMet,
    /// `bad-request` + `invalid-options`: a form that is not understood.
    #[error("invalid options: {0}")]
    InvalidOptions(Cow<'static, str>),
    /// `not-acceptable`: a configuration that this node cannot have, or that is not supported (§8.2.5.2). The text says
    /// what to do instead.
    #[error("not acceptable: {0}")]
    Unacceptable(Cow<'static, str>),
    /// `conflict` + `node-full`: it holds as many items as it keeps, and refuses more (§7.1.3.4).
    #[error("node full")]
    NodeFull,
    /// `not-acceptable` + `unsupported-access-model` (§8.1.2).
    #[error("unsupported access model")]
    UnsupportedAccessModel,
    /// `not-acceptable` + `invalid-subid` (§6.2.3.5).
    #[error("invalid subid")]
    InvalidSubid,
    /// `not-acceptable`: a node or item name that cannot be.
    #[error("not acceptable: {0}")]
    InvalidName(&'static str),
    /// `feature-not-implemented` + `<unsupported feature='…'/>`.
    #[error("unsupported feature {0}")]
    Unsupported(&'static str),
    /// `feature-not-implemented`: a page by its index, where counting is impossible or too much work (XEP-0059 §2.6).
    #[error("no page by index")]
    NoIndex,
    /// `feature-not-implemented`: an order that these items are not in (XEP-0413).
    #[error("no such order")]
    NoOrder,
    /// `feature-not-implemented`: nothing is searched for here.
    #[error("no search")]
    NoSearch,
    /// `not-acceptable`: a search of too many words, or too long.
    #[error("too much to search for")]
    SearchTooLong,
    /// `not-allowed` + `max-nodes-exceeded`: one owner has too many nodes.
    #[error("too many nodes")]
    MaxNodes,
    /// `not-allowed` + `max-items-exceeded`: too many items in one request.
    #[error("too many items in one request")]
    TooManyItems,
    /// `not-acceptable`: a node must keep an owner (§8.9.2.4).
    #[error("a node must keep an owner")]
    LastOwner,
    /// `resource-constraint`: the server is too busy to store it.
    #[error("too busy")]
    Overloaded,
    /// `internal-server-error`: it could not be read or stored. What was delivered of it is withdrawn.
    #[error("storage failed")]
    Storage,
}

impl PubsubError {
    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, PubsubError::Overloaded | PubsubError::Storage)
    }
}

impl From<ReadError> for PubsubError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Overloaded => PubsubError::Overloaded,
            ReadError::Closed | ReadError::Engine(_) => PubsubError::Storage,
        }
    }
}

impl From<&WriteError> for PubsubError {
    fn from(error: &WriteError) -> Self {
        match error {
            WriteError::Overloaded | WriteError::Closed => PubsubError::Overloaded,
            WriteError::NotFound => PubsubError::NodeNotFound,
            WriteError::Exists => PubsubError::NodeExists,
            _ => PubsubError::Storage,
        }
    }
}
