//! What people see of each other: whom they follow, and the timelines made of that.
//!
//! A timeline is a virtual node ([`bus::Virtual`]): it has no items of its own, and every item that it shows passes
//! `pubsub`'s `may_read`. Nothing is written for it; home is merged when it is read. How it looks on the wire is in
//! `xmpp`.

mod caches;
mod catch_up;
mod communities;
mod follows;
mod heads;
mod live;
mod notifications;
mod page;
mod payload;
mod people;
mod posts;
mod routes;
mod search;
mod threads;
mod timelines;

pub use catch_up::{Away, News, NodeNews, StreamNews, Told, Wanted};
pub use communities::{Community, CommunityPage, CommunityQuery};
pub use follows::FurtherFeed;
pub use live::{Addressee, ThreadNews, ThreadSink};
pub use notifications::{KEPT_MS, Marked, NotificationsPage, Notified, READ_ITEM, ReadState};
pub use payload::{About, Place, origin, virtual_payload};
pub use people::Person;
pub use routes::{HomeRoute, Routes, StreamAct, StreamRoute};
pub use timelines::{TimelineItem, TimelinePage, Timelines};
