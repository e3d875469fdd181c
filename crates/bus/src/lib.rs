//! What the parts of the server tell each other: nodes, items, and the closed list of events.
//!
//! Nothing here decides. The rules are in `pubsub`; who delivers an event is the business of its [`EventSink`].

pub mod computed;
pub mod config;
pub mod event;
pub mod item;
pub mod node;
pub mod options;
pub mod owner;
pub mod subscribers;

pub use computed::{Computed, ComputedName, What};
pub use config::{
    AccessModel, Feed, MaxItems, NodeConfig, NodeFull, NotificationType, PublishModel, SendLast,
};
pub use event::{Event, EventSink, LastItemTo, PublishKind};
pub use item::Item;
pub use node::{
    Affiliation, HOME, MICROBLOG, NOTIFICATIONS, NodeKind, NodeView, POSTS, REPLIES, SHOWN_SUBSCRIPTIONS,
    SubId, Subscriber, SubscriptionState, Virtual, post_number,
};
pub use options::{Show, Shows, SubscribeOptions};
pub use owner::{Owner, Shard, owner_of};
pub use subscribers::Subscribers;
