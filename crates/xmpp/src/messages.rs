//! A message's way: RFC 6121 §8.5, <https://www.rfc-editor.org/rfc/rfc6121#section-8.5>, and what follows from it.
//!
//! The stages, in this order: **amend** (what only servers may say goes), **guard** (blocking, strangers), **plan** (whom it is
//! for, who archives it), then in one turn of both accounts **deliver**, **copy**, and **archive** or **keep**, which are one
//! write; at last **push**. Where everything is in memory nothing waits; a plain chat is handed on as the bytes that came. What a
//! message holds is read in `content`; what waits for people who are away is in `offline`, what comes back from sessions that
//! ended in `late`.

mod amend;
pub(crate) mod content;
mod copies;
mod fate;
pub mod ids;
mod late;
mod lookup;
pub(crate) mod offline;
pub(crate) mod order;
pub(crate) mod prefs;
mod retraction;

use std::sync::Arc;

use store::messages::{Direction, MessageOwner, NewMessage};
use store::{JidNo, MessageId, Pending, Write};
use wire::{Jid, Stanza, StanzaError, error_reply};

use crate::failures::unwritable;
use crate::push;
use crate::registry::Sessions;
use crate::requests::{self, Verdict};
use crate::router::{Place, Routed};
use crate::sender::{NOBODY, Sender};
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::Outgoing;
use crate::xep::displayed;
use crate::xep::pubsub::approval;
use content::{Content, Side};
use copies::Version;
use fate::{Addressed, Fate, Reachable, fate};
use prefs::Wish;

pub use fate::MessageType;
pub(crate) use late::undelivered;

/// A message on its way.
struct Message {
    sender: Sender,
    to: Jid,
    stanza: Stanza,
    content: Content,
    /// Whether it answers, as an error that does not show it, what was copied (XEP-0280 §6.1).
    answers_copied: bool,
}

impl Message {
    /// Whether other devices of an account get a copy.
    fn is_copied(&self, side: Side) -> bool {
        self.content.is_copied(side) || self.answers_copied
    }
}

/// Whose archives a message goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Log {
    of_sender: bool,
    of_recipient: bool,
}

/// Who gets a message now.
enum Target {
    /// The session that was named, by its id; the available ones if it is just closing.
    Named(u64),
    /// The available sessions from this priority on.
    Available(i8),
    /// Nobody.
    Nobody,
    /// The component that the address belongs to.
    Component,
}

/// What becomes of a message that nobody gets now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Otherwise {
    /// It waits for somebody to come.
    Waits,
    /// It waits for the recipient's decision on its sender.
    IsRequested,
    /// Nothing, but for the archives.
    Passes,
}

/// All that is decided about a message before its turn.
struct Plan {
    from: JidNo,
    to: JidNo,
    target: Target,
    otherwise: Otherwise,
    log: Log,
}

/// Routes a message. Everything about people who are online happens at once.
pub(crate) fn route(server: &Arc<Server>, sender: &Sender, stanza: Stanza, to: Option<Jid>) -> Routed {
    // RFC 6120 §10.3.1: without `to` it is for the sender's own account.
    let to = to.unwrap_or_else(|| sender.jid().bare().into());
    if let Some(routed) = approval::answered(server, sender, &stanza, &to) {
        return routed;
    }
    let taken = sender
        .session()
        .and_then(|session| displayed::taken(server, session, &stanza));
    let Some(taken) = taken else {
        return onward(server, amended(server, sender, stanza, to));
    };
    let routed = onward(server, amended(server, sender, taken.stanza, to));
    Routed::Later(Box::pin(async move {
        taken.publishing.await;
        if let Routed::Later(later) = routed {
            later.await;
        }
    }))
}

/// **Amend**: a message as it goes on.
fn amended(server: &Server, sender: &Sender, stanza: Stanza, to: Jid) -> Message {
    let content = Content::of(&stanza);
    let stanza = match content.is_forged() {
        true => amend::without_forgeries(server, &stanza).unwrap_or(stanza),
        false => stanza,
    };
    Message {
        sender: sender.clone(),
        to,
        stanza,
        content,
        answers_copied: false,
    }
}

fn onward(server: &Arc<Server>, message: Message) -> Routed {
    let place = server.place(&message.to);
    let error = match place {
        Place::Account | Place::Component => {
            let Some(message) = at_once(server, message, &place) else {
                return Routed::Done;
            };
            let server = server.clone();
            return Routed::Later(Box::pin(async move {
                if let Err((message, error)) = in_time(&server, message, place).await {
                    bounce(&server, &message, &error, Side::Sent);
                }
            }));
        }
        Place::Remote => StanzaError::remote_server_not_found(),
        Place::Domain | Place::Pubsub => StanzaError::service_unavailable(),
    };
    bounce(server, &message, &error, Side::Sent);
    Routed::Done
}

/// Takes a message all its way if all that matters is in memory; else gives it back for [`in_time`].
fn at_once(server: &Arc<Server>, message: Message, place: &Place) -> Option<Message> {
    let from = message.sender.no();
    let Some(to) = server.store.jids().number_cached(message.to.bare_str()) else {
        return Some(message);
    };
    let is_account = *place == Place::Account;
    if is_account && is_blocked(server, &message, to) {
        bounce(server, &message, &StanzaError::service_unavailable(), Side::Sent);
        return None;
    }
    let sessions = server.registry.sessions(to);
    let is_settled = (!is_account || (!server.requests.wants(to) && !sessions.is_empty()))
        && !lookup::is_needed(server, &message, &sessions);
    let log = log(server, &message, from, to, is_account).filter(|log| {
        // What is stored names its sender, and is stored first while the store is in trouble.
        !(log.of_sender || log.of_recipient) || (from != NOBODY && server.store.is_gate_open())
    });
    let Some(log) = log.filter(|_| is_settled) else {
        return Some(message);
    };
    let target = match is_account {
        true => match planned(&message, &sessions) {
            Fate::Kept => return Some(message),
            Fate::Refused => {
                bounce(server, &message, &StanzaError::service_unavailable(), Side::Sent);
                return None;
            }
            fate => target(fate, &message, &sessions),
        },
        false => Target::Component,
    };
    let otherwise = if message.content.is_worth_keeping() && is_account && can_wait(message.content.kind) {
        Otherwise::Waits
    } else {
        Otherwise::Passes
    };
    take_turn(
        server,
        message,
        &Plan {
            from,
            to,
            target,
            otherwise,
            log,
        },
        &sessions,
    );
    None
}

/// Takes a message its way where something has to be asked first. The error is the sender's.
async fn in_time(
    server: &Arc<Server>,
    mut message: Message,
    place: Place,
) -> Result<(), (Message, StanzaError)> {
    let mut plan = match decided(server, &mut message, place).await {
        Ok(Some(plan)) => plan,
        Ok(None) => return Ok(()),
        Err(error) => return Err((message, error)),
    };
    let is_stored = plan.log.of_sender || plan.log.of_recipient || plan.otherwise != Otherwise::Passes;
    if is_stored && !server.store.is_gate_open() {
        return stored_first(server, message, plan).await;
    }
    let sessions = server.registry.sessions(plan.to);
    if let Target::Nobody = plan.target
        && plan.otherwise == Otherwise::Waits
    {
        // Somebody may have come while we asked.
        plan.target = target(planned(&message, &sessions), &message, &sessions);
    }
    take_turn(server, message, &plan, &sessions);
    Ok(())
}

/// **Guard** and **plan** with all that has to be asked for; `None` where nothing is to happen.
async fn decided(
    server: &Arc<Server>,
    message: &mut Message,
    place: Place,
) -> Result<Option<Plan>, StanzaError> {
    let kind = message.content.kind;
    let is_account = place == Place::Account;
    if is_account && !server.accounts.exists(&message.to.bare()).await? {
        // §8.5.1: an error; nothing at all for what nobody waits for an answer to.
        return match kind {
            MessageType::Headline | MessageType::Error => Ok(None),
            _ => Err(StanzaError::service_unavailable()),
        };
    }
    let to = server.number(message.to.bare_str()).await?;
    let from = match message.sender.no() {
        NOBODY => server.number(message.sender.jid().bare_str()).await?,
        known => known,
    };
    if is_account && is_blocked(server, message, to) {
        return Err(StanzaError::service_unavailable());
    }
    let verdict = if is_account && server.requests.wants(to) {
        requests::guard(server, to, from, message.sender.jid(), &message.stanza).await
    } else {
        Verdict::Pass
    };
    match verdict {
        Verdict::Pass | Verdict::Wait => {}
        Verdict::Drop => return Ok(None),
        Verdict::Refuse(error) => return Err(error),
    }
    if message.content.is_archived() {
        if message.sender.session().is_some() && wish(server, from, to, &message.to) == Wish::Unknown {
            prefs::learn(server, from).await?;
        }
        if is_account && wish(server, to, from, message.sender.jid()) == Wish::Unknown {
            prefs::learn(server, to).await?;
        }
    }
    message.answers_copied = lookup::answers_copied(server, message, (from, to)).await;
    let mut plan = Plan {
        from,
        to,
        target: Target::Component,
        otherwise: Otherwise::Passes,
        log: log(server, message, from, to, is_account).unwrap_or(Log {
            of_sender: false,
            of_recipient: false,
        }),
    };
    if verdict == Verdict::Wait {
        plan.target = Target::Nobody;
        plan.otherwise = Otherwise::IsRequested;
        plan.log.of_recipient = false;
    } else if is_account {
        let sessions = server.registry.sessions(to);
        let fate = planned(message, &sessions);
        if fate == Fate::Refused {
            return Err(StanzaError::service_unavailable());
        }
        plan.target = target(fate, message, &sessions);
        if can_wait(kind) && message.content.is_worth_keeping() {
            plan.otherwise = match fate {
                Fate::Kept => offline::room(server, to, plan.log.of_recipient).await?,
                _ => Otherwise::Waits,
            };
        }
    }
    Ok(Some(plan))
}

/// XEP-0191 §3.3: as if the user were not there.
fn is_blocked(server: &Server, message: &Message, to: JidNo) -> bool {
    server
        .blocks
        .blocks(to, message.sender.no(), message.sender.jid())
}

/// Whose archives a message goes to (XEP-0313 §5.1); `None` where that has to be asked for.
fn log(server: &Server, message: &Message, from: JidNo, to: JidNo, is_account: bool) -> Option<Log> {
    let is_archived = message.content.is_archived();
    let wanted = |is_ours: bool, owner, peer, jid| {
        if !(is_archived && is_ours) {
            return Some(false);
        }
        match wish(server, owner, peer, jid) {
            Wish::Archived => Some(true),
            Wish::NotArchived => Some(false),
            Wish::Unknown => None,
        }
    };
    Some(Log {
        of_sender: wanted(
            message.sender.session().is_some() && from != to,
            from,
            to,
            &message.to,
        )?,
        of_recipient: wanted(is_account, to, from, message.sender.jid())?,
    })
}

fn wish(server: &Server, owner: JidNo, peer: JidNo, jid: &Jid) -> Wish {
    prefs::wish(server, owner, peer, jid)
}

/// What the rules say of a message to an account.
fn planned(message: &Message, sessions: &Sessions) -> Fate {
    let addressed = match message.to.resource() {
        None => Addressed::Bare,
        Some(_) => match named(message, sessions) {
            Some(_) => Addressed::Connected,
            None => Addressed::Absent,
        },
    };
    let reachable = match highest_priority(sessions) {
        Some(_) => Reachable::Yes,
        None => Reachable::No,
    };
    fate(message.content.kind, addressed, reachable)
}

fn named<'s>(message: &Message, sessions: &'s Sessions) -> Option<&'s Arc<Session>> {
    sessions
        .iter()
        .find(|other| other.jid.resource() == message.to.resource())
}

fn target(fate: Fate, message: &Message, sessions: &Sessions) -> Target {
    match fate {
        Fate::ToResource => {
            named(message, sessions).map_or(Target::Nobody, |session| Target::Named(session.id))
        }
        Fate::ToMostAvailable => highest_priority(sessions).map_or(Target::Nobody, Target::Available),
        Fate::ToAll => Target::Available(0),
        Fate::Kept | Fate::Ignored | Fate::Refused => Target::Nobody,
    }
}

fn highest_priority(sessions: &Sessions) -> Option<i8> {
    sessions
        .iter()
        .filter_map(|session| session.routing.priority())
        .filter(|priority| *priority >= 0)
        .max()
}

/// XEP-0160 §3: what may wait for people to come.
fn can_wait(kind: MessageType) -> bool {
    matches!(kind, MessageType::Normal | MessageType::Chat)
}

/// A message's turn among those of both accounts: it is delivered, copied and handed in to the store in one step, so that
/// every session and every archive has the same order.
fn take_turn(server: &Arc<Server>, message: Message, plan: &Plan, sessions: &Sessions) {
    let turn = server.order.turn(plan.from, plan.to);
    let id = numbered(server, &message, plan);
    let outcome = hand_out(server, &message, plan, sessions, id);
    let (delivered, error) = match outcome {
        Ok(delivered) => (delivered, None),
        Err(error) => (false, Some(error)),
    };
    let is_waiting = !delivered && plan.otherwise != Otherwise::Passes;
    let pending = match &error {
        None => hand_in(server, &message, plan, id, is_waiting),
        Some(_) => None,
    };
    drop(turn);
    if let Some(error) = error {
        return bounce(server, &message, &error, Side::Sent);
    }
    told(server, &message, plan);
    if delivered {
        // Somebody has it; should it not be stored, its sender need not send it again.
        drop(pending);
    } else if let Some(pending) = pending {
        watch(server, message, plan, is_waiting, pending);
    }
}

/// While the store is in trouble: a message is stored, then delivered.
async fn stored_first(
    server: &Arc<Server>,
    message: Message,
    plan: Plan,
) -> Result<(), (Message, StanzaError)> {
    let is_waiting = plan.otherwise != Otherwise::Passes && matches!(plan.target, Target::Nobody);
    let (id, pending) = {
        let _turn = server.order.turn(plan.from, plan.to);
        let id = numbered(server, &message, &plan);
        (id, hand_in(server, &message, &plan, id, is_waiting))
    };
    if let Some(pending) = pending
        && let Err(error) = pending.await
    {
        return Err((message, unwritable(&error)));
    }
    let sessions = server.registry.sessions(plan.to);
    let outcome = {
        let _turn = server.order.turn(plan.from, plan.to);
        hand_out(server, &message, &plan, &sessions, id)
    };
    let delivered = match outcome {
        Ok(delivered) => delivered,
        Err(error) => return Err((message, error)),
    };
    told(server, &message, &plan);
    if is_waiting {
        arrived(server, &plan).await;
    } else if !delivered && plan.otherwise == Otherwise::Waits {
        // Whoever was there is just leaving.
        let archived = id.filter(|_| plan.log.of_recipient);
        let written = match archived {
            Some(id) => server
                .store
                .write(store::messages::undelivered(plan.to, vec![id])),
            None => {
                let row = NewMessage {
                    id: server.store.next_message(),
                    created: server.clock.now(),
                    sender: plan.from,
                    recipient: plan.to,
                    told: message.content.told,
                    stanza: message.stanza.shared(),
                    owners: [None, Some(waiting(plan.to, plan.from))],
                };
                server.store.write(store::messages::append(row))
            }
        };
        if let Err(error) = written.await {
            bounce(server, &message, &unwritable(&error), Side::Received);
            return Ok(());
        }
        arrived(server, &plan).await;
    }
    Ok(())
}

/// The row of a message that waits for its recipient, and is in no archive.
fn waiting(owner: JidNo, peer: JidNo) -> MessageOwner {
    MessageOwner {
        owner,
        peer,
        direction: Direction::In,
        offline: true,
        archived: false,
        requested: false,
    }
}

/// A number for what is stored.
fn numbered(server: &Server, message: &Message, plan: &Plan) -> Option<MessageId> {
    let is_stored = plan.log.of_sender || plan.log.of_recipient || plan.otherwise != Otherwise::Passes;
    (is_stored || message.content.is_retraction()).then(|| server.store.next_message())
}

/// **Deliver** and **copy**: whether anybody whom it was for has it now. An error is the component's.
fn hand_out(
    server: &Server,
    message: &Message,
    plan: &Plan,
    sessions: &Sessions,
    id: Option<MessageId>,
) -> Result<bool, StanzaError> {
    let own = message.sender.session();
    let mut delivered = false;
    if let Target::Component = plan.target {
        server
            .components
            .deliver(message.sender.jid(), &message.stanza, &message.to)?;
        server.metrics.messages.add(1);
        delivered = true;
    } else if plan.otherwise != Otherwise::IsRequested && !sessions.is_empty() {
        let archived = id.filter(|_| plan.log.of_recipient);
        let owner = (plan.to, &message.to);
        let mut version = Version::of(server, &message.stanza, Side::Received, owner, archived);
        // A bounced copy goes no further (XEP-0280 §11).
        let is_bounced = plan.from == plan.to && message.content.kind == MessageType::Error;
        let is_copied = message.is_copied(Side::Received) && !is_bounced;
        let mut meant = deliver(server, sessions, &plan.target, &version);
        delivered = meant.delivered;
        if !delivered && let Target::Named(_) = plan.target {
            // It is just closing. What is for nobody but that device ends with it.
            let absent = match message.content.kind {
                MessageType::Chat => highest_priority(sessions).map_or(Target::Nobody, Target::Available),
                _ => Target::Nobody,
            };
            meant = deliver(server, sessions, &absent, &version);
            delivered = meant.delivered;
        }
        if is_copied {
            for (place, session) in sessions.iter().enumerate() {
                let is_sender = own.is_some_and(|own| own.id == session.id);
                if !is_sender && !meant.has(place) && session.routing.has_carbons() {
                    send(server, session, version.copy());
                }
            }
        }
    }
    if plan.from != plan.to && message.is_copied(Side::Sent) {
        copy_to_own(server, message, id.filter(|_| plan.log.of_sender));
    }
    Ok(delivered)
}

/// Which of an account's sessions a message was handed to.
#[derive(Default)]
struct Meant {
    delivered: bool,
    places: u128,
}

impl Meant {
    fn has(&self, place: usize) -> bool {
        place >= 128 || self.places & (1 << place) != 0
    }
}

fn deliver(server: &Server, sessions: &Sessions, target: &Target, version: &Version<'_>) -> Meant {
    let mut meant = Meant::default();
    for (place, session) in sessions.iter().enumerate() {
        let is_meant = match target {
            Target::Named(id) => session.id == *id,
            Target::Available(lowest) => session.routing.priority().is_some_and(|own| own >= *lowest),
            Target::Nobody | Target::Component => false,
        };
        if is_meant {
            // One that is just closing is no place for a copy either.
            meant.places |= 1_u128.checked_shl(place as u32).unwrap_or(0);
            meant.delivered |= send(server, session, version.original());
        }
    }
    meant
}

fn send(server: &Server, session: &Session, out: Outgoing) -> bool {
    let is_sent = session.send(out).is_ok();
    server.metrics.messages.add(u64::from(is_sent));
    is_sent
}

/// XEP-0280 §8: copies for the sender's other devices.
fn copy_to_own(server: &Server, message: &Message, archived: Option<MessageId>) {
    let Some(own) = message.sender.session() else {
        return;
    };
    let sessions = server.registry.sessions(own.no);
    if sessions.len() < 2 {
        return;
    }
    let mut version = None;
    for session in sessions.iter() {
        let is_wanted = session.id != own.id && session.routing.has_carbons();
        // §6.1: what is said to somebody in a room is of use to those that are there under the same nickname.
        if is_wanted && (!message.content.is_of_room() || share_room(own, session, &message.to)) {
            let version = version.get_or_insert_with(|| {
                Version::of(server, &message.stanza, Side::Sent, (own.no, &own.jid), archived)
            });
            send(server, session, version.copy());
        }
    }
}

/// Whether two sessions have told the same occupant's address of the same room that they are there.
fn share_room(one: &Session, other: &Session, room: &Jid) -> bool {
    let is_there = |jid: &Jid| jid.bare_str() == room.bare_str();
    let others = other.routing.directed();
    one.routing
        .directed()
        .iter()
        .any(|own| is_there(own) && others.contains(own))
}

/// **Archive** and **keep**: one write of what both archives hold, what waits, and what is taken back.
fn hand_in(
    server: &Server,
    message: &Message,
    plan: &Plan,
    id: Option<MessageId>,
    is_waiting: bool,
) -> Option<Pending> {
    let id = id?;
    let created = server.clock.now();
    let of_sender = plan.log.of_sender.then_some(MessageOwner {
        owner: plan.from,
        peer: plan.to,
        direction: Direction::Out,
        offline: false,
        archived: true,
        requested: false,
    });
    let of_recipient = (plan.log.of_recipient || is_waiting).then_some(MessageOwner {
        owner: plan.to,
        peer: plan.from,
        direction: Direction::In,
        offline: is_waiting && plan.otherwise == Otherwise::Waits,
        archived: plan.log.of_recipient,
        requested: is_waiting && plan.otherwise == Otherwise::IsRequested,
    });
    let mut writes = None;
    if of_sender.is_some() || of_recipient.is_some() {
        server.metrics.offline.add(u64::from(is_waiting));
        writes = Some(store::messages::append(NewMessage {
            id,
            created,
            sender: plan.from,
            recipient: plan.to,
            told: message.content.told,
            stanza: message.stanza.shared(),
            owners: [of_sender, of_recipient],
        }));
    }
    if message.content.is_retraction()
        && let Some(take_back) = retraction::take_back(&message.stanza, (plan.from, plan.to), id, created)
    {
        writes = Some(match writes {
            None => take_back,
            Some(append) => Write::all(vec![append, take_back]),
        });
    }
    writes.map(|write| server.store.write(write))
}

/// **Push**, and whoever else is to know that there was a message.
fn told(server: &Arc<Server>, message: &Message, plan: &Plan) {
    if let Target::Component = plan.target {
        return;
    }
    if message.content.is_said() && message.sender.session().is_some() {
        server.requests.wrote(server, plan.from, plan.to);
    }
    if plan.from != plan.to && plan.otherwise != Otherwise::IsRequested {
        push::message(server, plan.to, &message.stanza);
    }
}

/// Tells the sender if what nobody has could not be stored; the sender's next stanza does not wait for it.
fn watch(server: &Arc<Server>, message: Message, plan: &Plan, is_waiting: bool, pending: Pending) {
    let (task, tasks) = (server.clone(), server.tasks.clone());
    let plan = Plan {
        target: Target::Nobody,
        ..*plan
    };
    tasks.spawn(async move {
        match pending.await {
            Err(error) => bounce(&task, &message, &unwritable(&error), Side::Received),
            Ok(_) if is_waiting => arrived(&task, &plan).await,
            Ok(_) => {}
        }
    });
}

/// What waits is stored.
async fn arrived(server: &Arc<Server>, plan: &Plan) {
    match plan.otherwise {
        Otherwise::IsRequested => crate::xep::requests::tell(server, plan.to, plan.from).await,
        // Somebody may have come just before it was stored, and have found nothing.
        Otherwise::Waits => offline::deliver_to_anybody(server, plan.to).await,
        Otherwise::Passes => {}
    }
}

/// Returns an error to the sender, and to the sender's devices that have a copy of what it answers (XEP-0280 §6.1). Where the
/// message itself was not copied yet, that comes first: `copied` says from which side on.
fn bounce(server: &Server, message: &Message, error: &StanzaError, copied: Side) {
    let Some(reply) = error_reply(&message.stanza, error) else {
        return;
    };
    server.metrics.errors.add(1);
    if message.content.is_copied(Side::Sent)
        && let Some(own) = message.sender.session()
        && server.registry.sessions(own.no).len() > 1
    {
        if copied == Side::Sent {
            copy_to_own(server, message, None);
        }
        if let Ok(stanza) = Stanza::parse(reply.clone()) {
            let mut version = Version::of(server, &stanza, Side::Received, (own.no, &own.jid), None);
            for session in server.registry.sessions(own.no).iter() {
                if session.id != own.id && session.routing.has_carbons() {
                    send(server, session, version.copy());
                }
            }
        }
    }
    message.sender.reply(reply);
}

/// A message of one of our services to the available sessions behind an address; nobody else is to have it later.
pub(crate) async fn send_from_service(server: &Server, to: &Jid, stanza: &Arc<[u8]>) {
    if server.components.has(to.domain()) {
        let from = Stanza::parse(Arc::clone(stanza)).ok();
        let from = from.as_ref().and_then(Stanza::from).unwrap_or_default();
        // Nobody is to have it later: a component that is away just misses it.
        if server
            .components
            .send(&from, to, &Outgoing::Stanza(stanza.clone()))
            .is_ok()
        {
            server.metrics.messages.add(1);
        }
        return;
    }
    let Some(no) = server.find(to.bare_str()).await else {
        return;
    };
    for session in server.registry.sessions(no).iter() {
        let is_meant = match to.resource() {
            None => session.routing.priority().is_some_and(|priority| priority >= 0),
            Some(_) => session.jid == *to,
        };
        if is_meant {
            send(server, session, Outgoing::Stanza(stanza.clone()));
        }
    }
}
