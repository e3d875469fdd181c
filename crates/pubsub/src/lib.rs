//! Nodes, access and items: the rules of publish-subscribe, and the owners that apply them.
//!
//! Specifications: [XEP-0060](https://xmpp.org/extensions/xep-0060.html),
//! [XEP-0163](https://xmpp.org/extensions/xep-0163.html). People's nodes, the pubsub service's and virtual ones share
//! these rules. Who is online, and how an event becomes stanzas, is not known here.

pub mod access;
pub mod communities;
mod consequences;
mod error;
pub mod form;
mod host;
pub mod options;
pub mod profile;
mod words;

pub use access::{Actor, Blocking, Reader, Relation, Relations};
pub use consequences::{Consequences, Posted};
pub use error::PubsubError;
pub use host::{
    Accepted, AffiliationsSet, Change, Changed, Choice, Creators, DueItem, Ended, FollowedSearch, Host,
    IdsPage, ItemsPage, ItemsQuery, ItemsRequest, Modified, NewItem, NodeInfo, NodesPage, Order, OrderBy,
    PublicStream, Sense, Settings, Subscription, Unchanged, Verdict, WaitingRequest, Wanted, turn,
};
pub use words::said;
