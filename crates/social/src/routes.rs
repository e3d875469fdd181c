//! Into which virtual nodes an event goes, besides its own node.
//!
//! Home is decided for each follower by whoever delivers; the public stream and the tags are here. All of these hold
//! public posts only, so an event of a node that is closed enters none.

use std::sync::Arc;

use bus::{Affiliation, Event, MICROBLOG, NodeView, Virtual};
use pubsub::Host;
use pubsub::profile::microblog::FEED_ITEM;

/// What happens in the home timelines of the author and of every subscriber of the event's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeRoute {
    /// Nothing.
    None,
    /// The item is there, or is there in another revision.
    Publish,
    /// The item is gone.
    Retract,
}

/// What happens in a virtual node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamAct {
    /// The item is there, or is there in another revision.
    Publish,
    /// The item is gone.
    Retract,
}

/// A virtual node that somebody subscribes to.
#[derive(Clone, Debug)]
pub struct StreamRoute {
    /// The virtual node with its subscribers, each of whom may read the item.
    pub view: Arc<NodeView>,
    /// What happens there.
    pub act: StreamAct,
}

/// Where an event goes besides its own node.
#[derive(Clone, Debug)]
pub struct Routes {
    /// In home timelines.
    pub home: HomeRoute,
    /// In virtual nodes that have subscribers.
    pub streams: Vec<StreamRoute>,
}

/// Where an event goes besides its own node.
pub(crate) fn routes(host: &Host, event: &Event) -> Routes {
    let mut routes = Routes {
        home: HomeRoute::None,
        streams: Vec::new(),
    };
    let view = event.view();
    if !view.is_microblog() {
        return routes;
    }
    match event {
        Event::Published {
            item,
            tags,
            left_tags,
            in_public,
            was_public,
            ..
        } if &*item.id != FEED_ITEM => {
            routes.home = HomeRoute::Publish;
            let act = if *in_public {
                StreamAct::Publish
            } else {
                StreamAct::Retract
            };
            if *in_public || *was_public {
                add(host, view, &mut routes, &Virtual::PublicStream, act);
                for tag in tags.iter() {
                    add(host, view, &mut routes, &Virtual::Tag(Arc::clone(tag)), act);
                }
                for tag in left_tags.iter().filter(|_| *was_public) {
                    add(
                        host,
                        view,
                        &mut routes,
                        &Virtual::Tag(Arc::clone(tag)),
                        StreamAct::Retract,
                    );
                }
            }
        }
        Event::Retracted {
            id, tags, in_public, ..
        } if &**id != FEED_ITEM => {
            routes.home = HomeRoute::Retract;
            if *in_public {
                add(
                    host,
                    view,
                    &mut routes,
                    &Virtual::PublicStream,
                    StreamAct::Retract,
                );
                for tag in tags.iter() {
                    add(
                        host,
                        view,
                        &mut routes,
                        &Virtual::Tag(Arc::clone(tag)),
                        StreamAct::Retract,
                    );
                }
            }
        }
        Event::Published { .. }
        | Event::Retracted { .. }
        | Event::LastItem { .. }
        | Event::Purged { .. }
        | Event::NodeCreated { .. }
        | Event::NodeConfigured { .. }
        | Event::NodeDeleted { .. }
        | Event::Subscribed { .. }
        | Event::Unsubscribed { .. }
        | Event::AffiliationChanged { .. } => {}
    }
    routes
}

fn add(host: &Host, of: &NodeView, routes: &mut Routes, which: &Virtual, act: StreamAct) {
    let service = host.service_of(&of.owner_jid);
    let found = match which {
        Virtual::PublicStream => host.virtual_view(&service, MICROBLOG),
        _ => host.virtual_view(&service, &which.name()),
    };
    if let Some(view) = found {
        routes.streams.push(StreamRoute {
            view: for_readers(of, view),
            act,
        });
    }
}

/// The virtual node without those subscribers whom the author has cast out.
fn for_readers(of: &NodeView, view: Arc<NodeView>) -> Arc<NodeView> {
    let may_read = |no| {
        !matches!(
            of.affiliation(no),
            Affiliation::Outcast | Affiliation::PublishOnly
        )
    };
    if of.affiliations.is_empty() || view.subscribers.iter().all(|one| may_read(one.no)) {
        return view;
    }
    let subscribers = view
        .subscribers
        .iter()
        .filter(|one| may_read(one.no))
        .cloned()
        .collect();
    Arc::new(NodeView {
        subscribers,
        ..NodeView::clone(&view)
    })
}
