//! A node and who stands how to it: the words of [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §4.
//!
//! What may be done with them is decided in `pubsub`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use format::search::FollowedWords;
use store::{JidNo, NodeNo, PostId, Timestamp};
use wire::BareJid;

use crate::computed::{Computed, What};
use crate::config::{Feed, NodeConfig};
use crate::options::SubscribeOptions;
use crate::subscribers::Subscribers;

/// The node of a person's posts on their bare JID, and of the public stream on the pubsub service (XEP-0277).
pub const MICROBLOG: &str = "urn:xmpp:microblog:0";
/// The node of a person's home timeline on their bare JID.
pub const HOME: &str = "urn:x-folkmoot:home:0";
/// The node of a person's posts and boosts in the form of a timeline, on their bare JID. On the pubsub service, with a
/// slash and a community's name behind it, that of a community's posts.
pub const POSTS: &str = "urn:x-folkmoot:posts:0";
/// The node of a person's replies, wherever they stand, on their bare JID.
pub const REPLIES: &str = "urn:x-folkmoot:replies:0";
/// The node of what a person is told of, on their bare JID.
pub const NOTIFICATIONS: &str = "urn:x-folkmoot:notifications:0";
/// The node of what a person shows to everybody that they subscribe to, on their bare JID (XEP-0465 §4.2).
pub const SHOWN_SUBSCRIPTIONS: &str = "urn:xmpp:pps:subscriptions:0";
/// What the name of the node with a node's subscribers begins with (XEP-0465 §4.4).
const SHOWN_SUBSCRIBERS_PREFIX: &str = "urn:xmpp:pps:subscribers:0/";
/// What the name of a hash tag's node begins with.
const TAG_PREFIX: &str = "tag/";
/// What the name of a node of followed words begins with.
const SEARCH_PREFIX: &str = "search/";
/// What the name of a thread's node begins with.
const THREAD_PREFIX: &str = "thread/";

/// What sort of node it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// On a person's bare JID (XEP-0163).
    Pep,
    /// On the pubsub service.
    Service,
    /// Without items of its own: it shows those of other nodes.
    Virtual(Virtual),
    /// It belongs to an item of another node.
    Computed(Computed),
}

/// The nodes whose items are other nodes' items.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Virtual {
    /// What the followed people post.
    Home,
    /// Everything public of this server.
    PublicStream,
    /// What carries a hash tag; casefolded, without `#`.
    Tag(Arc<str>),
    /// What has all of some words that people follow.
    Search(FollowedWords),
    /// The whole thread that the post of this number belongs to.
    Thread(PostId),
    /// What one person posts and boosts, without their replies to others.
    Posts,
    /// What is posted in the community of this name, in the form of a timeline.
    Community(Arc<str>),
    /// What one person replies to others.
    Replies,
    /// What one person is told of: who mentions, answers, likes, boosts and follows them.
    Notifications,
    /// What one person shows to everybody that they subscribe to (XEP-0465).
    ShownSubscriptions,
    /// Who shows to everybody that they subscribe to the node of this name (XEP-0465).
    ShownSubscribers(Arc<str>),
}

impl Virtual {
    /// The virtual node of this name on a person's bare JID.
    #[must_use]
    pub fn on_account(name: &str) -> Option<Virtual> {
        match name {
            HOME => Some(Virtual::Home),
            POSTS => Some(Virtual::Posts),
            REPLIES => Some(Virtual::Replies),
            NOTIFICATIONS => Some(Virtual::Notifications),
            SHOWN_SUBSCRIPTIONS => Some(Virtual::ShownSubscriptions),
            _ => Virtual::shown_subscribers(name),
        }
    }

    fn shown_subscribers(name: &str) -> Option<Virtual> {
        let node = name.strip_prefix(SHOWN_SUBSCRIBERS_PREFIX)?;
        (!node.is_empty()).then(|| Virtual::ShownSubscribers(node.into()))
    }

    /// The virtual node of this name on the pubsub service.
    #[must_use]
    pub fn on_service(name: &str) -> Option<Virtual> {
        if name == MICROBLOG {
            return Some(Virtual::PublicStream);
        }
        if let Some(number) = name.strip_prefix(THREAD_PREFIX) {
            return post_number(number).map(Virtual::Thread);
        }
        if let Some(words) = name.strip_prefix(SEARCH_PREFIX) {
            return FollowedWords::parse(words).map(Virtual::Search);
        }
        if let Some(community) = name.strip_prefix(POSTS).and_then(|rest| rest.strip_prefix('/')) {
            return (!community.is_empty()).then(|| Virtual::Community(community.into()));
        }
        if name.starts_with(SHOWN_SUBSCRIBERS_PREFIX) {
            return Virtual::shown_subscribers(name);
        }
        // What is no tag folds to nothing.
        let tag = format::hashtag::fold(name.strip_prefix(TAG_PREFIX)?);
        (!tag.is_empty()).then(|| Virtual::Tag(tag.into()))
    }

    /// Whether it shows public posts of everybody: the public stream, a tag, what is found by words.
    #[must_use]
    pub fn is_public(&self) -> bool {
        matches!(self, Virtual::PublicStream | Virtual::Tag(_) | Virtual::Search(_))
    }

    /// Whether no other node of the pubsub service may have this name, even where it is no tag's, thread's or search's.
    #[must_use]
    pub fn is_reserved_on_service(name: &str) -> bool {
        let prefixes = [SHOWN_SUBSCRIBERS_PREFIX, TAG_PREFIX, SEARCH_PREFIX, THREAD_PREFIX];
        let is_posts = name.strip_prefix(POSTS).is_some_and(|rest| rest.starts_with('/'));
        name == MICROBLOG || is_posts || prefixes.iter().any(|prefix| name.starts_with(prefix))
    }

    /// The node's name on the wire.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        match self {
            Virtual::Home => Arc::from(HOME),
            Virtual::PublicStream => Arc::from(MICROBLOG),
            Virtual::Tag(tag) => Arc::from(std::format!("{TAG_PREFIX}{tag}")),
            Virtual::Search(words) => Arc::from(std::format!("{SEARCH_PREFIX}{}", words.as_str())),
            Virtual::Thread(number) => Arc::from(std::format!("{THREAD_PREFIX}{}", number.0)),
            Virtual::Posts => Arc::from(POSTS),
            Virtual::Community(name) => Arc::from(std::format!("{POSTS}/{name}")),
            Virtual::Replies => Arc::from(REPLIES),
            Virtual::Notifications => Arc::from(NOTIFICATIONS),
            Virtual::ShownSubscriptions => Arc::from(SHOWN_SUBSCRIPTIONS),
            Virtual::ShownSubscribers(node) => Arc::from(std::format!("{SHOWN_SUBSCRIBERS_PREFIX}{node}")),
        }
    }
}

/// A post's number as it stands in a node's name: one way to write each.
#[must_use]
pub fn post_number(text: &str) -> Option<PostId> {
    let number: u64 = text.parse().ok()?;
    (number < 1 << 53 && number.to_string() == text).then_some(PostId(number))
}

/// How somebody stands to a node (XEP-0060 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Affiliation {
    /// May do everything.
    Owner,
    /// May do what a publisher may, and keep order: retract what others published, approve and refuse who asks to
    /// subscribe, and say who is publisher, member or outcast. Not of XEP-0060: buddycloud's word.
    Moderator,
    /// May publish, and retract what they published.
    Publisher,
    /// May publish, but not read.
    PublishOnly,
    /// May read a node that is closed to others.
    Member,
    /// Nothing in particular.
    None,
    /// May do nothing.
    Outcast,
}

impl Affiliation {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Affiliation::Owner => "owner",
            Affiliation::Moderator => "moderator",
            Affiliation::Publisher => "publisher",
            Affiliation::PublishOnly => "publish-only",
            Affiliation::Member => "member",
            Affiliation::None => "none",
            Affiliation::Outcast => "outcast",
        }
    }
}

impl Affiliation {
    /// Whether it is that of an owner or moderator.
    #[must_use]
    pub fn keeps_order(self) -> bool {
        matches!(self, Affiliation::Owner | Affiliation::Moderator)
    }
}

/// A word that is not in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

impl FromStr for Affiliation {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Ok(match word {
            "owner" => Affiliation::Owner,
            "moderator" => Affiliation::Moderator,
            "publisher" => Affiliation::Publisher,
            "publish-only" => Affiliation::PublishOnly,
            "member" => Affiliation::Member,
            "none" => Affiliation::None,
            "outcast" => Affiliation::Outcast,
            _ => return Err(UnknownWord),
        })
    }
}

/// How far a subscription has come (XEP-0060 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubscriptionState {
    /// An owner has to agree first.
    Pending,
    /// In force.
    Subscribed,
}

impl SubscriptionState {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SubscriptionState::Pending => "pending",
            SubscriptionState::Subscribed => "subscribed",
        }
    }
}

impl FromStr for SubscriptionState {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "pending" => Ok(SubscriptionState::Pending),
            "subscribed" => Ok(SubscriptionState::Subscribed),
            _ => Err(UnknownWord),
        }
    }
}

/// Tells one subscription to a node from another of the same address. Its text is what goes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubId(pub u64);

impl fmt::Display for SubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl FromStr for SubId {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        u64::from_str_radix(text, 16).map(SubId).map_err(|_| UnknownWord)
    }
}

/// One subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// Whose: the number of the bare JID.
    pub no: JidNo,
    /// Of this resource alone; `None` for all of the account.
    pub resource: Option<Arc<str>>,
    /// Which one.
    pub subid: SubId,
    /// Whether it is in force.
    pub state: SubscriptionState,
    /// What the subscriber wants of it, where that is not the default.
    pub options: Option<Arc<SubscribeOptions>>,
}

impl Subscriber {
    /// What the subscriber wants of it.
    #[must_use]
    pub fn options(&self) -> &SubscribeOptions {
        self.options.as_deref().unwrap_or(&SubscribeOptions::DEFAULT)
    }

    /// The same with these options.
    #[must_use]
    pub fn with_options(self, options: SubscribeOptions) -> Subscriber {
        let options = (options != SubscribeOptions::DEFAULT).then(|| Arc::new(options));
        Subscriber { options, ..self }
    }
}

/// A node as it is at one moment. Shared; never changed.
#[derive(Clone, Debug)]
pub struct NodeView {
    /// Its number. Virtual nodes that nobody keeps in the database have none of their own: 0.
    pub no: NodeNo,
    /// Whose node it is: a person's, or the service's.
    pub owner: JidNo,
    /// Whose node it is.
    pub owner_jid: BareJid,
    /// Its name.
    pub name: Arc<str>,
    /// What sort of node it is.
    pub kind: NodeKind,
    /// When it was created.
    pub created: Timestamp,
    /// Its configuration.
    pub config: Arc<NodeConfig>,
    /// Affiliations other than none, sorted by number. The owner of a PEP node is not listed.
    pub affiliations: Arc<[(JidNo, Affiliation)]>,
    /// Subscriptions, sorted by number, then resource, then id.
    pub subscribers: Subscribers,
    /// Of a computed node, the node that says who may read it, as it was at this moment; `None` where that is gone.
    pub inherits: Option<Arc<NodeView>>,
}

impl NodeView {
    /// The node that says who may read this one: itself, unless it is computed. `None` for a computed node whose item's
    /// node is gone.
    #[must_use]
    pub fn access_node(&self) -> Option<&NodeView> {
        match &self.kind {
            NodeKind::Computed(_) => self.inherits.as_deref(),
            NodeKind::Pep | NodeKind::Service | NodeKind::Virtual(_) => Some(self),
        }
    }

    /// How somebody stands to the node. A person is the owner of every node on their own JID; a computed node is its
    /// item's author's and theirs who own, or moderate, the node that it depends on.
    #[must_use]
    pub fn affiliation(&self, no: JidNo) -> Affiliation {
        if let NodeKind::Computed(computed) = &self.kind {
            if no == computed.author {
                return Affiliation::Owner;
            }
            return match self.inherits.as_ref().map(|view| view.affiliation(no)) {
                Some(affiliation @ (Affiliation::Owner | Affiliation::Moderator)) => affiliation,
                Some(_) | None => Affiliation::None,
            };
        }
        if self.kind == NodeKind::Pep && no == self.owner {
            return Affiliation::Owner;
        }
        self.affiliations
            .binary_search_by_key(&no, |(no, _)| *no)
            .map_or(Affiliation::None, |at| self.affiliations[at].1)
    }

    /// All subscriptions of one account.
    #[must_use]
    pub fn subscriptions_of(&self, no: JidNo) -> &[Subscriber] {
        self.subscribers.of(no)
    }

    /// Whether one account has a subscription in force.
    #[must_use]
    pub fn is_subscribed(&self, no: JidNo) -> bool {
        self.subscriptions_of(no)
            .iter()
            .any(|one| one.state == SubscriptionState::Subscribed)
    }

    /// Whether its items are posts of people or comments on them.
    #[must_use]
    pub fn has_posts(&self) -> bool {
        let is_comments = |computed: &Computed| computed.what == What::Comments;
        self.is_feed() || matches!(&self.kind, NodeKind::Computed(computed) if is_comments(computed))
    }

    /// Whether it is a community: a feed of posts on the pubsub service, where many post.
    #[must_use]
    pub fn is_community(&self) -> bool {
        self.kind == NodeKind::Service && self.config.feed.is_some()
    }

    /// Whether its items are posts: a person's, or a community's.
    #[must_use]
    pub fn is_feed(&self) -> bool {
        self.is_microblog() || self.is_community()
    }

    /// Whether it holds a person's posts: their main blog, or a further feed of theirs.
    #[must_use]
    pub fn is_microblog(&self) -> bool {
        self.kind == NodeKind::Pep && (&*self.name == MICROBLOG || self.config.feed.is_some())
    }

    /// Which rules its posts follow, if it holds posts of a person or a community.
    #[must_use]
    pub fn feed(&self) -> Option<Feed> {
        match &self.kind {
            NodeKind::Pep => Feed::of(&self.name, self.config.feed),
            NodeKind::Service => self.config.feed,
            NodeKind::Virtual(_) | NodeKind::Computed(_) => None,
        }
    }
}
