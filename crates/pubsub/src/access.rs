//! Who may do what with a node: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §4.1 and §4.5.
//!
//! Pure rules over a node's snapshot. Every path that yields an item asks [`may_read`].

use std::sync::Arc;

use bus::{AccessModel, Affiliation, NodeKind, NodeView, PublishModel, SubscriptionState, Virtual, What};
use store::{BoxFuture, JidNo};
use wire::{BareJid, Jid};

use crate::error::PubsubError;

/// Who asks for something.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The address that asks, usually a full JID.
    pub jid: Jid,
    /// The number of its bare JID.
    pub no: JidNo,
}

/// How a node's owner's roster knows somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// Whether they are subscribed to the owner's presence (`from` or `both` in the owner's roster).
    pub has_presence: bool,
    /// The groups of the owner's roster that hold them.
    pub groups: Vec<Arc<str>>,
}

/// Where relations come from: the rosters.
pub trait Relations: Send + Sync {
    /// How `owner`'s roster knows `actor`. Never asked about oneself.
    fn relation(&self, owner: JidNo, actor: JidNo) -> BoxFuture<'_, Relation>;

    /// Whether `actor` and somebody else, known by number and address, block each other. Never asked about oneself.
    fn blocking(&self, _actor: &Actor, _other: JidNo, _other_jid: &BareJid) -> Blocking {
        Blocking::default()
    }
}

/// Whether two people block each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blocking {
    /// The first blocks the second.
    pub blocks: bool,
    /// The second blocks the first.
    pub is_blocked: bool,
}

impl Blocking {
    /// Whether either blocks the other.
    #[must_use]
    pub fn parts(self) -> bool {
        self.blocks || self.is_blocked
    }
}

/// Somebody who wants to read, with what their right depends on.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The number of the bare JID.
    pub no: JidNo,
    /// How the node's owner's roster knows them; the default when [`needs_relation`] says that it does not matter.
    pub relation: Relation,
}

/// Whether the right to read this node depends on the owner's roster.
#[must_use]
pub fn needs_relation(view: &NodeView) -> bool {
    view.access_node()
        .is_some_and(|node| matches!(node.config.access, AccessModel::Presence | AccessModel::Roster(_)))
}

/// Whether somebody may read the node's items, and be notified of them. Of a computed node, who may not read the item that
/// it belongs to learns nothing.
///
/// # Errors
/// The refusal that the reader is to be told.
pub fn may_read(reader: &Reader, view: &NodeView) -> Result<(), PubsubError> {
    if let NodeKind::Computed(_) = &view.kind {
        let node = view.inherits.as_deref().ok_or(PubsubError::NodeNotFound)?;
        return may_read(reader, node).map_err(|_| PubsubError::NodeNotFound);
    }
    if let NodeKind::Virtual(which) = &view.kind {
        return match which {
            Virtual::Home | Virtual::Notifications if reader.no != view.owner => Err(PubsubError::Forbidden),
            // What each of them shows is decided item by item.
            Virtual::Home
            | Virtual::PublicStream
            | Virtual::Tag(_)
            | Virtual::Search(_)
            | Virtual::Thread(_)
            | Virtual::Posts
            | Virtual::Community(_)
            | Virtual::Replies
            | Virtual::Notifications
            | Virtual::ShownSubscriptions
            | Virtual::ShownSubscribers(_) => Ok(()),
        };
    }
    match view.affiliation(reader.no) {
        Affiliation::Owner | Affiliation::Moderator | Affiliation::Publisher | Affiliation::Member => {
            return Ok(());
        }
        Affiliation::PublishOnly | Affiliation::Outcast => return Err(PubsubError::Forbidden),
        Affiliation::None => {}
    }
    match &view.config.access {
        AccessModel::Open => Ok(()),
        AccessModel::Presence if reader.relation.has_presence => Ok(()),
        AccessModel::Presence => Err(PubsubError::PresenceRequired),
        AccessModel::Roster(allowed)
            if reader.relation.groups.iter().any(|group| allowed.contains(group)) =>
        {
            Ok(())
        }
        AccessModel::Roster(_) => Err(PubsubError::NotInRosterGroup),
        AccessModel::Authorize => match view.subscriptions_of(reader.no) {
            [] => Err(PubsubError::ItemsNeedSubscription),
            some if some.iter().any(|one| one.state == SubscriptionState::Subscribed) => Ok(()),
            _ => Err(PubsubError::PendingSubscription),
        },
        AccessModel::Whitelist => Err(PubsubError::ClosedNode),
    }
}

/// In which state a new subscription begins (§6.1.1, §6.1.2).
///
/// # Errors
/// The refusal that the subscriber is to be told.
pub fn may_subscribe(reader: &Reader, view: &NodeView) -> Result<SubscriptionState, PubsubError> {
    let state = match may_read(reader, view) {
        Ok(()) => SubscriptionState::Subscribed,
        Err(PubsubError::ItemsNeedSubscription | PubsubError::PendingSubscription) => {
            SubscriptionState::Pending
        }
        Err(refusal) => return Err(refusal),
    };
    // §6.1.3.10
    if !view.config.subscribe {
        return Err(PubsubError::Unsupported("subscribe"));
    }
    Ok(state)
}

/// Whether somebody may publish (§7.1). To comments and attachments, whoever may read what they are about.
///
/// # Errors
/// The refusal that the publisher is to be told (§7.1.3.1).
pub fn may_publish(reader: &Reader, view: &NodeView) -> Result<(), PubsubError> {
    match &view.kind {
        NodeKind::Virtual(_) => return Err(PubsubError::NotAllowed),
        NodeKind::Computed(computed) => {
            may_read(reader, view)?;
            return match computed.what {
                What::Comments | What::Attachments => Ok(()),
                What::Summary => Err(PubsubError::NotAllowed),
            };
        }
        NodeKind::Pep | NodeKind::Service => {}
    }
    let no = reader.no;
    let is_allowed = match view.affiliation(no) {
        Affiliation::Owner | Affiliation::Moderator | Affiliation::Publisher | Affiliation::PublishOnly => {
            true
        }
        Affiliation::Outcast => false,
        Affiliation::Member | Affiliation::None => match view.config.publish_model {
            PublishModel::Open => true,
            PublishModel::Subscribers => view.is_subscribed(no),
            PublishModel::Publishers => false,
        },
    };
    if is_allowed {
        Ok(())
    } else {
        Err(PubsubError::Forbidden)
    }
}

/// Whether somebody may retract an item that `publisher` published (§7.2): owners and moderators any, others their
/// own.
///
/// # Errors
/// The refusal that they are to be told (§7.2.3.1).
pub fn may_retract(no: JidNo, view: &NodeView, publisher: JidNo) -> Result<(), PubsubError> {
    match view.affiliation(no) {
        Affiliation::Owner | Affiliation::Moderator => Ok(()),
        Affiliation::Outcast => Err(PubsubError::Forbidden),
        _ if no == publisher => Ok(()),
        _ => Err(PubsubError::Forbidden),
    }
}

/// Whether somebody may replace an item that `publisher` published: as they may retract it, except that nobody puts words
/// into another's mouth in comments, attachments and communities.
///
/// # Errors
/// The refusal that they are to be told.
pub fn may_replace(no: JidNo, view: &NodeView, publisher: JidNo) -> Result<(), PubsubError> {
    if (matches!(view.kind, NodeKind::Computed(_)) || view.is_community()) && no != publisher {
        return Err(PubsubError::Forbidden);
    }
    may_retract(no, view, publisher)
}

/// Whether somebody may remove all items of the node (§8.5).
///
/// # Errors
/// `Forbidden`, or `NotAllowed` where there is nothing to remove.
pub fn may_purge(no: JidNo, view: &NodeView) -> Result<(), PubsubError> {
    match &view.kind {
        NodeKind::Computed(computed) if computed.what != What::Summary => match view.affiliation(no) {
            Affiliation::Owner => Ok(()),
            _ => Err(PubsubError::Forbidden),
        },
        _ => may_administer(no, view),
    }
}

/// Whether somebody may configure and delete the node (§8).
///
/// # Errors
/// `Forbidden`, or, even for the owner, `NotAllowed` for a virtual or computed node, which is as what it shows or belongs to.
pub fn may_administer(no: JidNo, view: &NodeView) -> Result<(), PubsubError> {
    match (&view.kind, view.affiliation(no)) {
        (NodeKind::Virtual(_), _) | (NodeKind::Computed(_), Affiliation::Owner) => {
            Err(PubsubError::NotAllowed)
        }
        (_, Affiliation::Owner) => Ok(()),
        _ => Err(PubsubError::Forbidden),
    }
}

/// Whether somebody may see how the node is configured (§8.2.1), if they can change it or not.
///
/// # Errors
/// `Forbidden`, or `NotAllowed` for a virtual node.
pub fn may_see_configuration(no: JidNo, view: &NodeView) -> Result<(), PubsubError> {
    match (&view.kind, may_administer(no, view)) {
        (NodeKind::Computed(_), Err(PubsubError::NotAllowed)) => Ok(()),
        (_, answer) => answer,
    }
}

/// Whether somebody may keep order at the node: see who stands how to it, decide who comes in, and cast out.
///
/// # Errors
/// `Forbidden`, or `NotAllowed` for a virtual or computed node.
pub fn may_moderate(no: JidNo, view: &NodeView) -> Result<(), PubsubError> {
    match (may_administer(no, view), view.affiliation(no)) {
        (Err(PubsubError::Forbidden), Affiliation::Moderator) => Ok(()),
        (answer, _) => answer,
    }
}
