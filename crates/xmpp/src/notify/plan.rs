//! Who gets what of one event: decided once per account and once per kind of client, never by parsing.

use std::cell::OnceCell;
use std::sync::Arc;

use bus::{
    AccessModel, Affiliation, Event, HOME, Item, NodeKind, NodeView, Show, SubId, Subscriber,
    SubscriptionState, What,
};
use pubsub::{Reader, Relation, access};
use social::{HomeRoute, Routes};
use store::JidNo;
use wire::Jid;

use super::message;
use crate::caps::Caps;
use crate::digests::Change;
use crate::rosters::{self, Held};
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::{Outgoing, SharedOut};

/// The fan-out of one event, some accounts at a time.
pub(super) struct Plan {
    view: Arc<NodeView>,
    /// The node's own event, unless its subscribers are not to be told.
    own: Option<message::Own>,
    /// The same in home timelines.
    home: Option<Arc<SharedOut>>,
    /// Accounts that are online and may be concerned; served from the end.
    accounts: Vec<JidNo>,
    /// Subscribers of virtual nodes, each with what is sent.
    streams: Vec<(JidNo, Option<Arc<str>>, Arc<SharedOut>)>,
    audience: Audience,
    /// Who said it, where that need not be the node's owner.
    speaker: Option<(JidNo, Jid)>,
    /// The item, where not all who may read the node get it.
    kept: Option<Arc<Item>>,
    /// What happened to an item, for those who are told of several at a time.
    change: Option<Change>,
    /// Whether the node is gone, so that whoever followed it is told, whatever it belonged to.
    is_deletion: bool,
    roster: Option<Arc<Held>>,
    kinds: Kinds,
}

/// Whom the node's own event is for.
enum Audience {
    /// Its subscribers, and the contacts of a person's node.
    Readers,
    /// Those who keep order there: its owners and moderators.
    Owners,
    /// This address alone, by the options of this subscription of its account if it follows from one.
    Only(Jid, Option<SubId>),
}

/// What a kind of client wants of this event, by the address of its capabilities. There are few kinds.
#[derive(Default)]
struct Kinds(Vec<(usize, Wants)>);

#[derive(Clone, Copy, Default)]
struct Wants {
    node: bool,
    home: bool,
}

impl Kinds {
    fn wants(&mut self, caps: Option<&Arc<Caps>>, node: &str) -> Wants {
        let Some(caps) = caps else { return Wants::default() };
        let address = Arc::as_ptr(caps) as usize;
        if let Some((_, wants)) = self.0.iter().find(|(known, _)| *known == address) {
            return *wants;
        }
        let wants = Wants {
            node: caps.wants(node),
            home: caps.wants(HOME),
        };
        self.0.push((address, wants));
        wants
    }
}

impl Plan {
    /// Whose roster decides who is concerned, if one does.
    pub(super) fn roster_of(event: &Event) -> Option<JidNo> {
        let view = event.view();
        let decides = has_contacts(view) || access::needs_relation(view);
        view.access_node().filter(|_| decides).map(|node| node.owner)
    }

    /// Nothing when nobody is to be told of such an event.
    pub(super) fn new(server: &Server, event: &Event, roster: Option<Arc<Held>>) -> Option<Plan> {
        let view = event.view();
        let routes = server.timelines.routes(event);
        let is_told = message::is_told(event);
        if !is_told && matches!(routes.home, HomeRoute::None) && routes.streams.is_empty() {
            return None;
        }
        let (audience, accounts) = match event {
            Event::LastItem { to, .. } => (Audience::Only(to.jid.clone(), to.subid), vec![to.no]),
            _ if message::is_for_owners(event) => (Audience::Owners, owners(server, view)),
            _ => (Audience::Readers, concerned(server, view, roster.as_deref())),
        };
        let mut streams = Vec::new();
        let payload = OnceCell::new();
        for stream in &routes.streams {
            let out = OnceCell::new();
            let mut online = Vec::new();
            server
                .registry
                .online_subscribers(&stream.view.subscribers, &mut online);
            // An account stands there once for each of its subscriptions.
            online.dedup();
            for subscriber in online.iter().flat_map(|no| stream.view.subscriptions_of(*no)) {
                if subscriber.state == SubscriptionState::Subscribed {
                    let out = out.get_or_init(|| message::in_stream(event, stream, &payload));
                    streams.push((subscriber.no, subscriber.resource.clone(), Arc::clone(out)));
                }
            }
        }
        if accounts.is_empty() && streams.is_empty() {
            return None;
        }
        let (own, home) = if accounts.is_empty() {
            (None, None)
        } else {
            (
                is_told.then(|| message::Own::new(event)),
                at_home(event, &routes, &payload),
            )
        };
        let view = view.clone();
        Some(Plan {
            view,
            own,
            home,
            accounts,
            streams,
            audience,
            speaker: speaker(server, event),
            kept: kept(event),
            change: Change::of(event),
            is_deletion: matches!(event, Event::NodeDeleted { .. }),
            roster,
            kinds: Kinds::default(),
        })
    }

    /// How many accounts are to be served.
    pub(super) fn len(&self) -> usize {
        self.accounts.len() + self.streams.len()
    }

    /// Serves up to `count` accounts; false when all are served.
    pub(super) fn deliver(&mut self, server: &Server, count: usize) -> bool {
        for _ in 0..count {
            if let Some(no) = self.accounts.pop() {
                self.serve(server, no);
            } else if let Some((no, resource, out)) = self.streams.pop() {
                // XEP-0191: posts of whom the subscriber blocks are not shown to them, wherever they appear.
                if server.blocks.of(no).is_some()
                    && server
                        .blocks
                        .blocks(no, self.view.owner, &self.view.owner_jid.clone().into())
                {
                    continue;
                }
                if let Some((speaker, jid)) = &self.speaker
                    && server.blocks.blocks(no, *speaker, jid)
                {
                    continue;
                }
                to_subscriber(server, no, resource.as_deref(), &out);
            } else {
                return false;
            }
        }
        self.len() > 0
    }

    fn serve(&mut self, server: &Server, no: JidNo) {
        let view = self.view.clone();
        let subscriptions = view.subscriptions_of(no);
        let is_owner = no == view.owner && has_contacts(&view);
        let (is_contact, may_read) = self.standing(&view, no, is_owner);
        if !may_read || self.kept.as_ref().is_some_and(|item| item.is_kept_from(no)) {
            return;
        }
        if let Some(jid) = server.components.address(no) {
            self.serve_outside(server, no, &jid, subscriptions);
            return;
        }
        let mut follows = subscriptions
            .iter()
            .filter(|one| one.state == SubscriptionState::Subscribed)
            .peekable();
        let in_home = self.home.is_some() && (is_owner || follows.peek().is_some());
        // XEP-0191 §3.3, for events too, and whatever the reason for sending them.
        let between = server.blocks.between(view.owner, no);
        let owner = between.as_ref().map(|_| Jid::from(view.owner_jid.clone()));
        let spoken = self
            .speaker
            .as_ref()
            .and_then(|(speaker, jid)| Some((server.blocks.between(*speaker, no)?, jid)));
        let held: Vec<SubId> = match (&self.change, &self.audience) {
            (Some(change), Audience::Readers) if self.own.is_some() => {
                let seldom = subscriptions.iter().filter(|one| {
                    one.state == SubscriptionState::Subscribed
                        && one.options().digest.is_some()
                        && server.digests.holds(server, &view, one, change)
                });
                seldom.map(|one| one.subid).collect()
            }
            _ => Vec::new(),
        };
        let mut reaching: Vec<&Subscriber> = Vec::new();
        for session in server.registry.sessions(no).iter() {
            if let (Some(between), Some(owner)) = (&between, &owner)
                && between.parts(owner, &session.jid)
            {
                continue;
            }
            if let Some((between, speaker)) = &spoken
                && between.parts(speaker, &session.jid)
            {
                continue;
            }
            let known = session.routing.priority_and_caps();
            let priority = known.as_ref().map(|(priority, _)| *priority);
            let wants = self
                .kinds
                .wants(known.as_ref().and_then(|(_, caps)| caps.as_ref()), &view.name);
            let is_reachable = priority.is_some_and(|own| own >= 0);
            let show = session.routing.show();
            match &self.audience {
                Audience::Readers => {}
                Audience::Owners => {
                    if is_reachable {
                        send(server, session, self.own.as_ref().map(|own| &own.out));
                    }
                    continue;
                }
                Audience::Only(only, subid) => {
                    let mut by = subscriptions.iter().filter(|one| Some(one.subid) == *subid);
                    let is_wanted = subid.is_none() || by.any(|one| one.options().reaches(show));
                    if is_wanted && only.resource().map_or(is_reachable, |_| *only == session.jid) {
                        send(server, session, self.own.as_ref().map(|own| &own.out));
                    }
                    continue;
                }
            }
            reaching.clear();
            reaching.extend(subscriptions.iter().filter(|one| {
                let is_addressed = match one.resource.as_deref() {
                    // A bare address means the available resources, as for a headline.
                    None => is_reachable,
                    // `pubsub#presence_based_delivery`
                    Some(resource) => {
                        session.jid.resource() == Some(resource)
                            && (priority.is_some() || !view.config.presence_based_delivery)
                    }
                };
                // §8.4.2: whose request waits is told too that the node is gone, whatever they chose.
                let is_meant = one.state == SubscriptionState::Subscribed && one.options().reaches(show);
                is_addressed && (is_meant || self.is_deletion) && !held.contains(&one.subid)
            }));
            let is_explicit = !reaching.is_empty();
            let at_home = in_home && wants.home;
            if at_home {
                send(server, session, self.home.as_ref());
            }
            // XEP-0163 §4.3.2: each session once, however many reasons there are.
            let is_interested = wants.node && is_contact;
            if is_interested || (is_explicit && (wants.node || !at_home)) {
                let out = self.own.as_ref().map(|own| own.by(&reaching, is_interested));
                send(server, session, out.as_ref());
            }
        }
    }

    /// Somebody at a component: each address that subscribes, whatever its presence, which is not known here.
    fn serve_outside(&mut self, server: &Server, no: JidNo, bare: &Jid, subscriptions: &[Subscriber]) {
        let Some(own) = &self.own else { return };
        let is_blocked = |other: JidNo, jid: &Jid| {
            let between = server.blocks.between(other, no);
            between.is_some_and(|between| between.parts(jid, bare))
        };
        let owner = Jid::from(self.view.owner_jid.clone());
        if is_blocked(self.view.owner, &owner)
            || self
                .speaker
                .as_ref()
                .is_some_and(|(other, jid)| is_blocked(*other, jid))
        {
            return;
        }
        match &self.audience {
            Audience::Owners => send_outside(server, owner.bare_str(), bare, &own.out),
            Audience::Only(only, _) => send_outside(server, owner.bare_str(), only, &own.out),
            Audience::Readers => {
                for one in subscriptions {
                    let is_held = || {
                        let change = self.change.as_ref();
                        change.is_some_and(|change| server.digests.holds(server, &self.view, one, change))
                    };
                    let is_meant = one.state == SubscriptionState::Subscribed
                        && one.options().reaches(Some(Show::Online))
                        && !self.view.config.presence_based_delivery
                        && !is_held();
                    if is_meant || self.is_deletion {
                        let out = own.by(&[one], false);
                        send_outside(
                            server,
                            owner.bare_str(),
                            &with_resource(bare, one.resource.as_deref()),
                            &out,
                        );
                    }
                }
            }
        }
    }

    /// Whether an account is one of the owner's contacts (or the owner), and whether it may read the node.
    fn standing(&self, view: &NodeView, no: JidNo, is_owner: bool) -> (bool, bool) {
        if is_owner {
            return (true, true);
        }
        let sees_presence = self.roster.as_ref().is_some_and(|held| {
            held.with(|roster| roster.contact(no).is_some_and(|contact| contact.sees_us))
        });
        let relation = match (&view.config.access, &self.roster) {
            (AccessModel::Roster(_), Some(held)) => held.with(|roster| rosters::relation(roster, no)),
            _ => Relation {
                has_presence: sees_presence,
                groups: Vec::new(),
            },
        };
        let is_orphan = self.is_deletion && view.access_node().is_none();
        let is_pending = |one: &Subscriber| one.state == SubscriptionState::Pending;
        let waits = self.is_deletion && view.subscriptions_of(no).iter().any(is_pending);
        (
            sees_presence && has_contacts(view),
            is_orphan || waits || access::may_read(&Reader { no, relation }, view).is_ok(),
        )
    }
}

/// Whether contacts of its owner are told of a node without subscribing (XEP-0163): a person's, and the summaries of what
/// is attached there.
fn has_contacts(view: &NodeView) -> bool {
    match &view.kind {
        NodeKind::Pep => true,
        NodeKind::Computed(computed) => {
            computed.what == What::Summary
                && view
                    .access_node()
                    .is_some_and(|node| node.kind == NodeKind::Pep && node.owner == view.owner)
        }
        NodeKind::Service | NodeKind::Virtual(_) => false,
    }
}

/// An item that is kept from some.
fn kept(event: &Event) -> Option<Arc<Item>> {
    match event {
        Event::Published { item, .. } | Event::LastItem { item, .. } if item.kept_from.is_some() => {
            Some(Arc::clone(item))
        }
        _ => None,
    }
}

/// Who published an item in a node that many publish to, and whose words a boost repeats.
fn speaker(server: &Server, event: &Event) -> Option<(JidNo, Jid)> {
    match event {
        Event::Published { item, links, .. } if links.boost_of.is_some() => {
            let author = item
                .entry
                .as_ref()?
                .authors
                .iter()
                .find_map(format::atom::Person::jid)?;
            let no = server.store.jids().number_cached(author.as_str())?;
            Some((no, author.into()))
        }
        Event::Published { view, item, .. }
            if matches!(view.kind, NodeKind::Computed(_)) || view.is_community() =>
        {
            Some((item.publisher, item.publisher_jid.clone().into()))
        }
        _ => None,
    }
}

/// The accounts online that subscribe to a node, own it, or see the presence of its owner; sorted, each once.
fn concerned(server: &Server, view: &NodeView, roster: Option<&Held>) -> Vec<JidNo> {
    let mut online = Vec::new();
    server.registry.online_subscribers(&view.subscribers, &mut online);
    if has_contacts(view) {
        if let Some(held) = roster {
            held.with(|roster| {
                let seeing = roster
                    .contacts()
                    .iter()
                    .filter(|contact| contact.sees_us)
                    .map(|contact| contact.no);
                server.registry.online_among(seeing, &mut online);
            });
        }
        server
            .registry
            .online_among(std::iter::once(view.owner), &mut online);
    }
    online.sort_unstable();
    online.dedup();
    online
}

/// The owners and moderators who are online.
fn owners(server: &Server, view: &NodeView) -> Vec<JidNo> {
    let person = (view.kind == NodeKind::Pep).then_some(view.owner);
    let affiliated = view
        .affiliations
        .iter()
        .filter(|(_, affiliation)| matches!(affiliation, Affiliation::Owner | Affiliation::Moderator));
    let mut online = Vec::new();
    server
        .registry
        .online_among(affiliated.map(|(no, _)| *no).chain(person), &mut online);
    online.sort_unstable();
    online.dedup();
    online
}

fn at_home(event: &Event, routes: &Routes, payload: &OnceCell<Vec<u8>>) -> Option<Arc<SharedOut>> {
    match routes.home {
        HomeRoute::None => None,
        HomeRoute::Publish => message::at_home(event, message::Act::Publish, payload),
        HomeRoute::Retract => message::at_home(event, message::Act::Retract, payload),
    }
}

/// A subscriber of a virtual node: every available session, or the one that subscribed.
pub(crate) fn to_subscriber(server: &Server, no: JidNo, resource: Option<&str>, out: &Arc<SharedOut>) {
    if let Some(bare) = server.components.address(no) {
        return send_outside(server, "", &with_resource(&bare, resource), out);
    }
    for session in server.registry.sessions(no).iter() {
        let is_meant = match resource {
            None => session.routing.priority().is_some_and(|priority| priority >= 0),
            Some(resource) => session.jid.resource() == Some(resource),
        };
        if is_meant {
            send(server, session, Some(out));
        }
    }
}

fn with_resource(bare: &Jid, resource: Option<&str>) -> Jid {
    resource
        .and_then(|resource| bare.bare().with_resource(resource).ok())
        .unwrap_or_else(|| bare.clone())
}

/// To an address at a component. One that is away just misses it, as a session does.
fn send_outside(server: &Server, from: &str, to: &Jid, out: &Arc<SharedOut>) {
    if server
        .components
        .send(from, to, &Outgoing::Shared(out.clone()))
        .is_ok()
    {
        server.metrics.notifications.add(1);
    }
}

fn send(server: &Server, session: &Session, out: Option<&Arc<SharedOut>>) {
    let Some(out) = out else { return };
    if session.send(Outgoing::Shared(out.clone())).is_ok() {
        server.metrics.notifications.add(1);
    }
}
