//! Presence subscriptions: RFC 6121 §3, <https://www.rfc-editor.org/rfc/rfc6121#section-3>. The tables of Appendix A are in
//! `roster/subscription`; here is what follows from them: stored, pushed, routed, delivered, answered.

use std::sync::Arc;

use store::roster::{self, PresenceRequest};
use store::{JidNo, Write};
use wire::{BareJid, Set, Stanza, StanzaError, Writer};

use super::{moved, send_to_account};
use crate::caps;
use crate::invitations;
use crate::push;
use crate::registry::Available;
use crate::roster::contact::{Change, Direction, RequestChange, Roster};
use crate::roster::subscription::{Kind, State};
use crate::rosters::{REQUESTS_MAX, put_contact};
use crate::router::{Place, refuse};
use crate::sender::Outsider;
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::{Outgoing, SharedOut};
use crate::xep;
use crate::xep::pubsub::approval;

/// The longest subscription stanza that is passed on whole, in bytes; of a longer one its content is left out.
const STANZA_MAX: usize = 1_024;

/// An account at this server, or somebody it has to do with.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Its number.
    pub no: JidNo,
    /// Its bare address.
    pub jid: BareJid,
}

/// A client sends a subscription stanza (§3.1.2, §3.2.2, §3.3.2).
pub(crate) async fn send(
    server: &Arc<Server>,
    session: &Arc<Session>,
    kind: Kind,
    stanza: Stanza,
    to: BareJid,
) {
    let own = session.jid.bare();
    if to == own {
        return;
    }
    if kind == Kind::Subscribe && server.place(&to.clone().into()) == Place::Remote {
        return refuse(server, session, &stanza, &StanzaError::remote_server_not_found());
    }
    let no = match kind {
        // What there is nothing of cannot end.
        Kind::Unsubscribe | Kind::Unsubscribed => server.find(to.as_str()).await.map(Ok),
        Kind::Subscribe | Kind::Subscribed => Some(server.contact_number(session.no, &to).await),
    };
    let no = match no {
        Some(Ok(no)) => no,
        Some(Err(error)) => return refuse(server, session, &stanza, &error),
        None => return,
    };
    let token = (kind == Kind::Subscribe)
        .then(|| invitations::token_in(&stanza))
        .flatten();
    // §3.1.2: stamped with the bare addresses of both. A request may have to wait, so it is kept small.
    let stamped = if stanza.bytes().len() > STANZA_MAX {
        written(kind, &own, &to)
    } else {
        stanza.with(Set::To(own.as_str()), Set::To(to.as_str()))
    };
    let user = Person {
        no: session.no,
        jid: own,
    };
    let contact = Person { no, jid: to };
    if let Some(token) = token {
        match invitations::redeem(server, &user, &contact, &token).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => return refuse(server, session, &stanza, &error),
        }
    }
    if let Err(error) = pass(server, &user, &contact, kind, &stamped).await {
        // The error is for the resource that sent it.
        refuse(server, session, &stanza, &error);
    }
}

/// Somebody at a component sends a subscription stanza to an account.
pub(crate) async fn receive(
    server: &Arc<Server>,
    outsider: &Arc<Outsider>,
    kind: Kind,
    stanza: Stanza,
    to: BareJid,
) {
    let from = outsider.jid.bare();
    // Without an account there is nobody to answer, and nothing tells (§8.5.1).
    let Some(no) = server.find(to.as_str()).await else {
        return;
    };
    let known = match kind {
        Kind::Unsubscribe | Kind::Unsubscribed => server.find(from.as_str()).await.map(Ok),
        Kind::Subscribe | Kind::Subscribed => Some(server.contact_number(no, &from).await),
    };
    let from_no = match known {
        Some(Ok(from_no)) => from_no,
        Some(Err(error)) => return refuse(server, outsider, &stanza, &error),
        None => return,
    };
    let stamped = if stanza.bytes().len() > STANZA_MAX {
        written(kind, &from, &to)
    } else {
        stanza.with(Set::To(from.as_str()), Set::To(to.as_str()))
    };
    let (user, from) = (
        Person { no, jid: to },
        Person {
            no: from_no,
            jid: from,
        },
    );
    if let Err(error) = arrive(server, &user, &from, kind, &stamped).await {
        refuse(server, outsider, &stanza, &error);
    }
}

/// The user's side of a subscription stanza, then the contact's.
pub(crate) async fn pass(
    server: &Arc<Server>,
    user: &Person,
    contact: &Person,
    kind: Kind,
    stanza: &Stanza,
) -> Result<(), StanzaError> {
    let change = apply(server, user, contact, Direction::Out, kind, stanza).await?;
    if !change.step.passes {
        return Ok(());
    }
    arrive(server, contact, user, kind, stanza).await?;
    match kind {
        // §3.1.5: who is granted our presence gets it at once.
        Kind::Subscribed if !change.before.is_from() => show_to(server, user.no, contact),
        // §3.2.2: and who loses it sees us go.
        Kind::Unsubscribed if change.before.is_from() => hide_from(server, user.no, contact),
        _ => {}
    }
    Ok(())
}

/// Two accounts of this server became contacts in a commit that is over: what is in memory follows, and both are told.
pub(crate) async fn befriended(server: &Arc<Server>, user: &Person, contact: &Person) {
    for (owner, other) in [(user, contact), (contact, user)] {
        let (no, jid) = (other.no, &other.jid);
        // Written once more: memory knows the version that clients are told.
        let change = server.rosters.change(owner.no, |roster| {
            let contact = roster.befriend(no, jid, None);
            let version = roster.next_version();
            Ok(((), vec![put_contact(owner.no, &contact, version)]))
        });
        if change.await.is_err() {
            tracing::warn!("a new contact is seen later");
        }
        xep::roster::push(server, owner.no, no, jid).await;
    }
    for (owner, other) in [(user, contact), (contact, user)] {
        show_to(server, owner.no, other);
        // XEP-0163 §4.3.3
        caps::sees(server, owner.no, other);
    }
}

/// Tells whoever asked for a subscription that it is granted (§3.1.6).
pub(crate) fn tell_granted(server: &Server, user: &Person, contact: &Person) {
    let granted = written(Kind::Subscribed, &contact.jid, &user.jid);
    for session in server.registry.sessions(user.no).iter() {
        if session.routing.is_interested() {
            super::send(server, session, Outgoing::Stanza(granted.shared()));
        }
    }
}

/// Ends every subscription and request between two, once the user's own side has forgotten them (§2.5.2).
pub(crate) async fn part(
    server: &Arc<Server>,
    user: &Person,
    contact: &Person,
    before: State,
) -> Result<(), StanzaError> {
    if before.is_to() || before.is_pending_out() {
        let stanza = written(Kind::Unsubscribe, &user.jid, &contact.jid);
        arrive(server, contact, user, Kind::Unsubscribe, &stanza).await?;
    }
    if before.is_from() || before.is_pending_in() {
        let stanza = written(Kind::Unsubscribed, &user.jid, &contact.jid);
        arrive(server, contact, user, Kind::Unsubscribed, &stanza).await?;
    }
    if before.is_from() {
        hide_from(server, user.no, contact);
    }
    Ok(())
}

/// A subscription stanza arrives for an account (§3.1.3, §3.1.6, §3.2.3, §3.3.3).
async fn arrive(
    server: &Arc<Server>,
    user: &Person,
    from: &Person,
    kind: Kind,
    stanza: &Stanza,
) -> Result<(), StanzaError> {
    if server.place(&user.jid.clone().into()) == Place::Component {
        let handed = server
            .components
            .deliver(&from.jid.clone().into(), stanza, &user.jid.clone().into());
        // What ends a subscription has taken effect here, whether the other side hears of it now or not.
        return if kind == Kind::Subscribe { handed } else { Ok(()) };
    }
    // §8.5.1: for who has no account, nothing happens.
    if server.place(&user.jid.clone().into()) != Place::Account || !server.accounts.exists(&user.jid).await? {
        return Ok(());
    }
    // XEP-0191 §3.3: of whom the user blocks, only the end of a subscription takes effect, unseen.
    let is_blocked = server.blocks.of(user.no).is_some()
        && server.blocks.blocks(user.no, from.no, &from.jid.clone().into());
    if is_blocked && matches!(kind, Kind::Subscribe | Kind::Subscribed) {
        return Ok(());
    }
    let moved = match kind {
        Kind::Subscribe => moved::verified(server, user, from, stanza).await?,
        Kind::Subscribed | Kind::Unsubscribe | Kind::Unsubscribed => None,
    };
    let change = apply(server, user, from, Direction::In, kind, stanza).await?;
    if let Some((old, sees_it)) = moved {
        // XEP-0283 §4.4: the user's clients see what came of it. What is granted here arrives as no request does.
        return Box::pin(moved::let_in(server, user, from, &old, sees_it)).await;
    }
    if change.step.passes && !is_blocked {
        for session in server.registry.sessions(user.no).iter() {
            // A request is for every available resource (§3.1.3), the rest for those that know the roster.
            let is_for = match kind {
                Kind::Subscribe => session.routing.is_available(),
                Kind::Subscribed | Kind::Unsubscribe | Kind::Unsubscribed => session.routing.is_interested(),
            };
            if is_for {
                super::send(server, session, Outgoing::Stanza(stanza.shared()));
            }
        }
        if kind == Kind::Subscribe {
            push::request(server, user.no, &from.jid);
        }
    }
    let is_ours = server.place(&from.jid.clone().into()) == Place::Account;
    if kind == Kind::Subscribed && change.step.passes && change.step.state.is_to() && is_ours {
        // XEP-0163 §4.3.3
        caps::sees(server, user.no, from);
    }
    if kind == Kind::Unsubscribe && change.before.is_from() {
        // §3.3.3: who ended the subscription sees us go.
        hide_from(server, user.no, from);
    }
    if let Some(answer) = change.answer {
        let reply = written(answer, &user.jid, &from.jid);
        // Only a request is answered so, and an answer never is: this ends here.
        Box::pin(arrive(server, from, user, answer, &reply)).await?;
        if !change.before.is_from() {
            show_to(server, user.no, from);
        }
    }
    Ok(())
}

/// Changes the roster of `owner`, stores it, and pushes it to whoever knows it.
async fn apply(
    server: &Arc<Server>,
    owner: &Person,
    other: &Person,
    way: Direction,
    kind: Kind,
    stanza: &Stanza,
) -> Result<Change, StanzaError> {
    let bytes = stanza.shared();
    let now = server.clock.now();
    let change = server.rosters.change(owner.no, |held| {
        if !has_room(held, other, way, kind) {
            return Err(StanzaError::resource_constraint());
        }
        let change = held.apply(way, kind, other.no, &other.jid, &bytes);
        let mut writes: Vec<Write> = Vec::new();
        if let Some(contact) = &change.contact {
            writes.push(put_contact(owner.no, contact, held.next_version()));
        }
        match change.request {
            RequestChange::Same => {}
            RequestChange::Added => {
                let request = PresenceRequest {
                    contact: other.no,
                    created: now,
                    stanza: bytes.to_vec(),
                };
                writes.push(roster::add_request(owner.no, request));
            }
            RequestChange::Removed => writes.push(roster::remove_request(owner.no, other.no)),
        }
        Ok((change, writes))
    });
    let change = change.await?;
    if change.contact.is_some() {
        xep::roster::push(server, owner.no, other.no, &other.jid).await;
    }
    if change.before.is_from() && !change.step.state.is_from() {
        relation_changed(server, owner, other);
    }
    Ok(change)
}

/// Whether a roster can take what a stanza may add to it. What ends something adds nothing, and requests of strangers do
/// not keep the user from asking.
fn has_room(roster: &Roster, other: &Person, way: Direction, kind: Kind) -> bool {
    match (way, kind) {
        (_, Kind::Unsubscribe | Kind::Unsubscribed) | (Direction::In, Kind::Subscribed) => true,
        (Direction::Out, Kind::Subscribe | Kind::Subscribed) => {
            roster.contact(other.no).is_some() || roster.has_room_for_one_more(&other.jid, None)
        }
        (Direction::In, Kind::Subscribe) => {
            let is_granted = roster
                .contact(other.no)
                .is_some_and(|contact| contact.sees_us || contact.is_approved);
            is_granted || roster.has_request(other.no) || roster.requests().len() < REQUESTS_MAX
        }
    }
}

/// Somebody stands otherwise to an account than before: see what of its nodes they may read still.
pub(crate) fn relation_changed(server: &Arc<Server>, owner: &Person, other: &Person) {
    let who = pubsub::Actor {
        jid: other.jid.clone().into(),
        no: other.no,
    };
    approval::relation_changed(server, owner.jid.clone(), who);
}

/// Sends an account's current presence to somebody.
fn show_to(server: &Server, no: JidNo, to: &Person) {
    for session in server.registry.sessions(no).iter() {
        if let Some(Available { stanza, .. }) = session.routing.available() {
            send_to_account(server, session, to.no, &stanza);
        }
    }
}

/// Tells somebody that all of an account's resources are gone.
fn hide_from(server: &Server, no: JidNo, to: &Person) {
    for session in server
        .registry
        .sessions(no)
        .iter()
        .filter(|session| session.routing.is_available())
    {
        let out: Arc<SharedOut> = super::unavailable(&session.jid);
        send_to_account(server, session, to.no, &out);
    }
}

/// A subscription stanza that the server makes.
pub(super) fn written(kind: Kind, from: &BareJid, to: &BareJid) -> Stanza {
    let mut writer = Writer::new();
    writer
        .open("presence")
        .attr("from", from.as_str())
        .attr("to", to.as_str())
        .attr("type", kind.name())
        .close();
    Stanza::parse(writer.finish()).expect("what the writer writes is well-formed")
}
