//! Into which virtual nodes an event goes, besides its own node.
//!
//! Home is decided for each follower by whoever delivers; the public stream and the tags are here. All of these hold
//! public posts only, so an event of a node that is closed enters none.

use std::sync::Arc;

use bus::{Affiliation, Event, Item, MICROBLOG, NodeView, Virtual};
use format::search::WordSet;
use pubsub::PublicStream;
use pubsub::access::may_read;
use pubsub::profile::microblog::FEED_ITEM;
use pubsub::{Host, Reader, Relation, said};

use crate::posts::is_in_search;

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
    if !view.is_feed() {
        return routes;
    }
    enter(host, event, &mut routes);
    if host.settings().public_stream == PublicStream::Nobody {
        // Who subscribed while there was a public stream is told no more.
        routes.streams.clear();
    }
    if view.is_community() {
        enter_community(host, event, &mut routes);
    }
    routes
}

/// A community's posts in the form of a timeline, for those who may read it still.
fn enter_community(host: &Host, event: &Event, routes: &mut Routes) {
    let of = event.view();
    let act = match event {
        Event::Published { item, .. } if &*item.id != FEED_ITEM => StreamAct::Publish,
        Event::Retracted { id, .. } if &**id != FEED_ITEM => StreamAct::Retract,
        _ => return,
    };
    let which = Virtual::Community(Arc::clone(&of.name));
    let Some(view) = host.virtual_view(&host.service_of(&of.owner_jid), &which.name()) else {
        return;
    };
    let is_reader = |no| {
        // A service has no roster that this could depend on.
        let relation = Relation::default();
        may_read(&Reader { no, relation }, of).is_ok()
    };
    let subscribers = view.subscribers.iter().filter(|one| is_reader(one.no));
    routes.streams.push(StreamRoute {
        view: Arc::new(NodeView {
            subscribers: subscribers.cloned().collect(),
            ..NodeView::clone(&view)
        }),
        act,
    });
}

fn enter(host: &Host, event: &Event, routes: &mut Routes) {
    let view = event.view();
    match event {
        Event::Published {
            item,
            tags,
            left_tags,
            in_public,
            was_public,
            words,
            old_words,
            ..
        } if &*item.id != FEED_ITEM => {
            routes.home = HomeRoute::Publish;
            // What its author keeps out may have been there before they chose so.
            let act = if *in_public && view.config.in_stream {
                StreamAct::Publish
            } else {
                StreamAct::Retract
            };
            if *in_public || *was_public {
                let now = in_public.then_some(words);
                let before = was_public.then_some(old_words);
                if *was_public || view.config.in_stream {
                    add_listed(host, view, routes, tags, act);
                }
                add_searches(host, view, routes, item, now, before);
                for tag in left_tags.iter().filter(|_| *was_public) {
                    add(
                        host,
                        view,
                        routes,
                        &Virtual::Tag(Arc::clone(tag)),
                        StreamAct::Retract,
                    );
                }
            }
        }
        Event::Retracted {
            id,
            tags,
            in_public,
            words,
            ..
        } if &**id != FEED_ITEM => {
            routes.home = HomeRoute::Retract;
            if *in_public {
                add_listed(host, view, routes, tags, StreamAct::Retract);
                let service = host.service_of(&view.owner_jid);
                for followed in host.followed_searches(&service, words) {
                    routes.streams.push(StreamRoute {
                        view: for_readers(view, followed.view),
                        act: StreamAct::Retract,
                    });
                }
            }
        }
        Event::Listed {
            item,
            tags,
            is_listed,
            ..
        } if &*item.id != FEED_ITEM => {
            let act = if *is_listed {
                StreamAct::Publish
            } else {
                StreamAct::Retract
            };
            add_listed(host, view, routes, tags, act);
        }
        Event::Published { .. }
        | Event::Retracted { .. }
        | Event::Listed { .. }
        | Event::LastItem { .. }
        | Event::Purged { .. }
        | Event::NodeCreated { .. }
        | Event::NodeConfigured { .. }
        | Event::NodeDeleted { .. }
        | Event::Subscribed { .. }
        | Event::Unsubscribed { .. }
        | Event::AffiliationChanged { .. } => {}
    }
}

/// The public stream and the tags.
fn add_listed(host: &Host, of: &NodeView, routes: &mut Routes, tags: &[Arc<str>], act: StreamAct) {
    add(host, of, routes, &Virtual::PublicStream, act);
    for tag in tags {
        add(host, of, routes, &Virtual::Tag(Arc::clone(tag)), act);
    }
}

/// Followed words: a post that has them all is there; one that had them is gone.
fn add_searches(
    host: &Host,
    of: &NodeView,
    routes: &mut Routes,
    item: &Item,
    now: Option<&WordSet>,
    before: Option<&WordSet>,
) {
    let service = host.service_of(&of.owner_jid);
    let now = now.filter(|_| is_in_search(of));
    let candidates = now.map_or(Vec::new(), |words| host.followed_searches(&service, words));
    // Most posts have the words of no search, and need not be looked at.
    let words = match &item.entry {
        Some(entry) if !candidates.is_empty() => said(entry),
        _ => Vec::new(),
    };
    let found: Vec<_> = candidates
        .into_iter()
        .filter(|followed| followed.search.is_in(&words))
        .collect();
    let left = before.map_or(Vec::new(), |words| host.followed_searches(&service, words));
    let left = left
        .into_iter()
        .filter(|followed| found.iter().all(|there| there.view.name != followed.view.name));
    let left: Vec<_> = left.map(|followed| (followed, StreamAct::Retract)).collect();
    let found = found.into_iter().map(|followed| (followed, StreamAct::Publish));
    for (followed, act) in found.chain(left) {
        routes.streams.push(StreamRoute {
            view: for_readers(of, followed.view),
            act,
        });
    }
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
