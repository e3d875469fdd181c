//! Presence: RFC 6121 §4, <https://www.rfc-editor.org/rfc/rfc6121#section-4>. Who is told that a session comes, changes and
//! goes; presence directed at somebody. Subscriptions are in `subscriptions`.

pub(crate) mod blocked;
mod moved;
pub(crate) mod outside;
pub(crate) mod subscriptions;

use std::borrow::Cow;
use std::sync::Arc;

use bus::Show;
use store::JidNo;
use wire::{Document, Jid, Stanza, StanzaError, Writer, ns};

use crate::avatars::{self, Audience, Avatar};
use crate::caps;
use crate::leases;
use crate::messages::offline;
use crate::notify::last;
use crate::registry::Available;
use crate::roster::subscription::Kind;
use crate::rosters::Held;
use crate::router::{Place, Routed, refuse};
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::{Address, Outgoing, SharedOut};
use crate::xep::catch_up;
use crate::xep::pubsub::approval;

/// The longest presence that is kept and broadcast, in bytes: a contact who comes gets that of every resource at once.
const PRESENCE_MAX: usize = 32 * 1024;

/// Routes a presence stanza.
pub(crate) fn route(server: &Arc<Server>, session: &Arc<Session>, stanza: Stanza, to: Option<Jid>) -> Routed {
    let kind = stanza.type_().map(Cow::into_owned);
    let (server, session) = (server.clone(), session.clone());
    match (kind.as_deref(), to) {
        (None, None) => Routed::Later(Box::pin(async move {
            update(&server, &session, stanza).await;
        })),
        (Some("unavailable"), None) => Routed::Later(Box::pin(async move {
            leave(&server, &session, &shared(stanza.bytes())).await;
        })),
        (None | Some("unavailable"), Some(to)) => {
            Routed::Later(Box::pin(
                async move { direct(&server, &session, &stanza, to).await },
            ))
        }
        (Some("probe"), Some(to)) => {
            Routed::Later(Box::pin(async move { probe(&server, &session, &to).await }))
        }
        // §4.7.1: nobody to tell.
        (Some("probe" | "error"), None) => Routed::Done,
        (Some("error"), Some(to)) => Routed::Later(Box::pin(async move {
            if let Some(other) = connected(&server, &to).await
                && !are_parted(&server, &session, &other)
            {
                send(&server, &other, Outgoing::Stanza(stanza.shared()));
            }
        })),
        (Some(name), to) => match (Kind::from_type(name), to) {
            (Some(kind), Some(to)) => Routed::Later(Box::pin(async move {
                subscriptions::send(&server, &session, kind, stanza, to.into_bare()).await;
            })),
            _ => {
                refuse(&server, &session, &stanza, &StanzaError::bad_request());
                Routed::Done
            }
        },
    }
}

/// A presence without `to`, ready for any recipient.
fn shared(stanza: &[u8]) -> Arc<SharedOut> {
    const NAME: &[u8] = b"<presence";
    let rest = stanza.strip_prefix(NAME).unwrap_or_default();
    Arc::new(SharedOut {
        address: Address::ToFull,
        head: [NAME, b" to='"].concat().into(),
        tail: [b"'", rest].concat().into(),
    })
}

/// The bytes that a presence was shared from.
fn unshared(out: &SharedOut) -> Vec<u8> {
    let rest = out.tail.strip_prefix(b"'").unwrap_or_default();
    [b"<presence", rest].concat()
}

/// XEP-0398 §4: what the server makes of a presence for those who see the account's anyway.
fn with_avatar(given: &Arc<SharedOut>, avatar: &Avatar) -> Arc<SharedOut> {
    let told = Document::parse(unshared(given))
        .ok()
        .and_then(|document| avatar.told(document.root(), Audience::Contacts));
    told.map_or_else(|| given.clone(), |told| shared(&told))
}

/// The avatar of an account is another one since this change: its sessions' presence says so where it does not yet.
pub(crate) async fn tell_avatar(server: &Arc<Server>, no: JidNo, change: u64, avatar: &Avatar) {
    let Ok(roster) = server.rosters.of(no).await else {
        return;
    };
    for session in server.registry.sessions(no).iter() {
        let _order = session.routing.in_order();
        let Some(presence) = session.routing.available() else {
            continue;
        };
        let out = with_avatar(&presence.given, avatar);
        // Whoever changed it again tells of that.
        let is_new = out.tail != presence.stanza.tail && server.avatars.is_unchanged(no, change);
        if is_new && session.routing.set_stanza(&presence.given, out.clone()) {
            broadcast(server, session, &roster, &out);
        }
    }
}

/// The presence of a session that is gone without a word.
fn unavailable(from: &Jid) -> Arc<SharedOut> {
    let mut writer = Writer::new();
    writer
        .open("presence")
        .attr("from", from.as_str())
        .attr("type", "unavailable")
        .close();
    shared(&writer.finish())
}

fn send(server: &Server, to: &Session, out: Outgoing) {
    if to.send(out).is_ok() {
        server.metrics.presences.add(1);
    }
}

/// Sends a session's presence to every available session of an account, unless one blocks the other.
fn send_to_account(server: &Server, from: &Session, no: JidNo, out: &Arc<SharedOut>) {
    if let Some(to) = server.components.address(no) {
        return outside::tell(server, from, no, &to, out);
    }
    let between = server.blocks.between(from.no, no);
    for session in server
        .registry
        .sessions(no)
        .iter()
        .filter(|session| session.routing.is_available())
    {
        if between
            .as_ref()
            .is_none_or(|between| !between.parts(&from.jid, &session.jid))
        {
            send(server, session, Outgoing::Shared(out.clone()));
        }
    }
}

/// Whether one of two sessions' accounts blocks the other.
fn are_parted(server: &Server, one: &Session, other: &Session) -> bool {
    server
        .blocks
        .between(one.no, other.no)
        .is_some_and(|between| between.parts(&one.jid, &other.jid))
}

async fn connected(server: &Server, to: &Jid) -> Option<Arc<Session>> {
    let no = server.find(to.bare_str()).await?;
    server.registry.session(no, to.resource()?)
}

/// §4.2, §4.4: initial presence, and what follows from it; later changes.
async fn update(server: &Arc<Server>, session: &Arc<Session>, stanza: Stanza) {
    if stanza.bytes().len() > PRESENCE_MAX {
        return refuse(server, session, &stanza, &StanzaError::policy_violation());
    }
    let document = stanza.document();
    let root = document.root();
    let priority = match root.child("priority", ns::CLIENT) {
        None => 0,
        Some(element) => match element.text().trim().parse::<i8>() {
            Ok(priority) => priority,
            // §4.7.2.3: an integer between −128 and +127.
            Err(_) => return refuse(server, session, &stanza, &StanzaError::bad_request()),
        },
    };
    // §4.7.2.1: what is none of the words says no more than that the client is available.
    let show = root
        .child("show", ns::CLIENT)
        .and_then(|show| Show::from_word(show.text().trim()));
    let show = show.unwrap_or(Show::Online);
    let roster = match server.rosters.of(session.no).await {
        Ok(roster) => roster,
        Err(error) => return refuse(server, session, &stanza, &error),
    };
    let given = shared(stanza.bytes());
    let announced = caps::announced(root);
    let before = session.routing.available();
    let becomes_reachable = priority >= 0 && before.as_ref().is_none_or(|before| before.priority < 0);
    if becomes_reachable {
        // Before new messages can come, so that the older ones are first.
        offline::deliver(server, session).await;
    }
    let known = announced
        .as_ref()
        .and_then(|announced| server.caps.known(announced));
    let (change, avatar) = server.avatars.of(server, session.no, &session.jid.bare()).await;
    let out = avatar
        .told(root, Audience::Contacts)
        .map_or_else(|| given.clone(), |told| shared(&told));
    {
        let _order = session.routing.in_order();
        session.routing.set_available(Available {
            stanza: out.clone(),
            given: given.clone(),
            priority,
            show,
            caps: known.clone(),
        });
        broadcast(server, session, &roster, &out);
    }
    if !server.avatars.is_unchanged(session.no, change) {
        // Whoever told of the change cannot have known of this presence.
        avatars::tell(server, session.no, &session.jid.bare()).await;
    }
    if before.is_none() {
        ask_contacts(server, session, &roster).await;
        show_requests(server, session, &roster).await;
        match (session.routing.caught_up(), &known, &announced) {
            (None, ..) => last::send(server, session),
            // It is told as soon as the capabilities take effect, which is now.
            (Some(_), Some(_), _) => {}
            (Some(_), None, announced) => catch_up::rest(server, session, announced.is_none()).await,
        }
    }
    if before.is_none() || becomes_reachable {
        server.digests.came(session.no);
    }
    if becomes_reachable {
        approval::show(server, session).await;
    }
    let before = before.and_then(|before| before.caps);
    match (known, announced) {
        (Some(known), _) => caps::took_effect(server, session, before, known).await,
        (None, Some(announced)) => server.caps.ask(server, session, announced, given, before).await,
        (None, None) => {}
    }
}

/// §4.2.2, §4.4.2: to the contacts that may see it, and to the account's own resources, this one included.
fn broadcast(server: &Server, session: &Session, roster: &Held, out: &Arc<SharedOut>) {
    let mut online = Vec::new();
    roster.with(|roster| {
        let seeing = roster
            .contacts()
            .iter()
            .filter(|contact| contact.sees_us)
            .map(|contact| contact.no);
        server.registry.online_among(seeing, &mut online);
    });
    for no in online {
        if no != session.no {
            send_to_account(server, session, no, out);
        }
    }
    send_to_account(server, session, session.no, out);
}

/// §4.3: the probes of initial presence, answered from memory.
async fn ask_contacts(server: &Server, session: &Session, roster: &Held) {
    let mut online = Vec::new();
    roster.with(|roster| {
        let seen = roster
            .contacts()
            .iter()
            .filter(|contact| contact.sees_it)
            .map(|contact| contact.no);
        server.registry.online_among(seen, &mut online);
    });
    for no in online.into_iter().filter(|no| *no != session.no) {
        if !session.room().await {
            return;
        }
        match server.components.address(no) {
            Some(contact) => outside::ask(server, session, no, &contact),
            None => show(server, no, session),
        }
    }
    let own = server.registry.sessions(session.no);
    for other in own.iter().filter(|other| other.id != session.id) {
        if let Some(presence) = other.routing.available() {
            send(server, session, Outgoing::Shared(presence.stanza));
        }
    }
}

/// Shows all available resources of an account to a session.
fn show(server: &Server, no: JidNo, to: &Session) {
    for other in server.registry.sessions(no).iter() {
        if are_parted(server, other, to) {
            continue;
        }
        if let Some(presence) = other.routing.available() {
            send(server, to, Outgoing::Shared(presence.stanza));
        }
    }
}

/// §3.1.3: requests that wait are delivered whenever the user comes, until they are answered.
async fn show_requests(server: &Server, session: &Session, roster: &Held) {
    let is_filtered = server.blocks.of(session.no).is_some();
    let requests: Vec<_> = roster.with(|roster| {
        roster
            .requests()
            .iter()
            .filter(|request| {
                !is_filtered || {
                    let jid = request.jid.clone().into();
                    !server.blocks.blocks(session.no, request.no, &jid)
                }
            })
            .map(|request| request.stanza.clone())
            .collect()
    });
    for request in requests {
        if !session.room().await {
            return;
        }
        send(server, session, Outgoing::Stanza(request));
    }
}

/// §4.5.2: the session says that it is no longer available.
async fn leave(server: &Arc<Server>, session: &Arc<Session>, out: &Arc<SharedOut>) {
    let before = session.routing.set_unavailable();
    leases::presence_ended(server, session.no);
    let directed = session.routing.take_directed();
    let Ok(roster) = server.rosters.of(session.no).await else {
        return;
    };
    if before.is_some() {
        broadcast(server, session, &roster, out);
        // Itself too, which is no longer among the available ones.
        send(server, session, Outgoing::Shared(out.clone()));
    }
    tell_directed(server, session, &roster, &directed, out).await;
}

/// §4.6.3: those whom presence was directed at, unless the broadcast reached them.
async fn tell_directed(
    server: &Server,
    from: &Session,
    roster: &Held,
    directed: &[Jid],
    out: &Arc<SharedOut>,
) {
    for to in directed {
        if server.place(to) == Place::Component {
            outside::tell_directed(server, from, roster, to, out);
            continue;
        }
        let Some(no) = server.find(to.bare_str()).await else {
            continue;
        };
        if roster.with(|roster| roster.contact(no).is_some_and(|contact| contact.sees_us)) {
            continue;
        }
        match to.resource() {
            None => send_to_account(server, from, no, out),
            Some(resource) => {
                if let Some(other) = server.registry.session(no, resource)
                    && !are_parted(server, from, &other)
                {
                    send(server, &other, Outgoing::Shared(out.clone()));
                }
            }
        }
    }
}

/// The session ended: what §4.5.3 says of a stream that is closed without a word. `was_bound` is false when a newer
/// session took its resource, whose presence is then what counts.
pub(crate) async fn left(server: &Arc<Server>, session: &Arc<Session>, was_bound: bool) {
    let before = session.routing.set_unavailable();
    leases::presence_ended(server, session.no);
    let directed = session.routing.take_directed();
    if before.is_none() && directed.is_empty() {
        return;
    }
    let resource = session.jid.resource().unwrap_or_default();
    let is_replaced = !was_bound
        && server
            .registry
            .session(session.no, resource)
            .is_some_and(|newer| newer.routing.is_available());
    let Ok(roster) = server.rosters.of(session.no).await else {
        return;
    };
    let out = unavailable(&session.jid);
    if before.is_some() && !is_replaced {
        broadcast(server, session, &roster, &out);
    }
    tell_directed(server, session, &roster, &directed, &out).await;
}

/// §4.6: presence for one address only.
async fn direct(server: &Arc<Server>, session: &Arc<Session>, stanza: &Stanza, to: Jid) {
    match server.place(&to) {
        Place::Account => {}
        Place::Remote => return refuse(server, session, stanza, &StanzaError::remote_server_not_found()),
        Place::Component => return outside::direct(server, session, stanza, to).await,
        // The services of this server have no use for it.
        Place::Domain | Place::Pubsub => return,
    }
    // As what is broadcast: it may go to many resources.
    if stanza.bytes().len() > PRESENCE_MAX {
        return refuse(server, session, stanza, &StanzaError::policy_violation());
    }
    // §8.5.1: nobody online of that name, so nobody to tell.
    let Some(no) = server.find(to.bare_str()).await else {
        return;
    };
    // XEP-0191 §3.3
    if server.blocks.blocks(no, session.no, &session.jid) {
        return;
    }
    let out = match stanza.type_() {
        None => told_directly(server, session, stanza, no).await,
        Some(_) => stanza.shared(),
    };
    match to.resource() {
        // §8.5.2.1.2, §8.5.3.1: to the available resources, or to exactly that one.
        None => {
            for other in server
                .registry
                .sessions(no)
                .iter()
                .filter(|other| other.routing.is_available())
            {
                send(server, other, Outgoing::Stanza(out.clone()));
            }
        }
        Some(resource) => {
            if let Some(other) = server.registry.session(no, resource) {
                send(server, &other, Outgoing::Stanza(out));
            }
        }
    }
    if stanza.type_().is_some() {
        session.routing.remove_directed(&to);
        return;
    }
    // The account's own resources see its broadcasts.
    if no != session.no
        && let Some(oldest) = session.routing.add_directed(to)
        && let Ok(roster) = server.rosters.of(session.no).await
    {
        tell_directed(server, session, &roster, &[oldest], &unavailable(&session.jid)).await;
    }
}

/// XEP-0398 §4: directed presence says what avatar there is too, to whoever may see it.
async fn told_directly(server: &Server, session: &Session, stanza: &Stanza, to: JidNo) -> Arc<[u8]> {
    let (_, avatar) = server.avatars.of(server, session.no, &session.jid.bare()).await;
    let is_contact = to == session.no
        || match server.rosters.of(session.no).await {
            Ok(roster) => roster.with(|roster| roster.contact(to).is_some_and(|contact| contact.sees_us)),
            Err(_) => false,
        };
    let audience = if is_contact {
        Audience::Contacts
    } else {
        Audience::Strangers
    };
    let told = avatar.told(stanza.document().root(), audience);
    told.map_or_else(|| stanza.shared(), Arc::from)
}

/// §4.3.2: a probe that a client sends by itself. Who may not see the contact learns no more than that, not even whether
/// there is one.
async fn probe(server: &Arc<Server>, session: &Arc<Session>, to: &Jid) {
    if server.place(to) != Place::Account {
        return;
    }
    let no = server.find(to.bare_str()).await;
    // XEP-0191 §3.3: no answer at all.
    if no.is_some_and(|no| server.blocks.blocks(no, session.no, &session.jid)) {
        return;
    }
    let is_shown = match no {
        Some(no) if no == session.no => true,
        // RFC 6121 §4.3.2: an account that is no more, or is being deleted, tells nobody anything.
        Some(_) if !server.accounts.exists(&to.bare()).await.unwrap_or(true) => false,
        Some(no) => match server.rosters.of(no).await {
            Ok(roster) => {
                roster.with(|roster| roster.contact(session.no).is_some_and(|contact| contact.sees_us))
            }
            Err(_) => return,
        },
        None => false,
    };
    let answer = match no.filter(|_| is_shown) {
        None => "unsubscribed",
        Some(no) => {
            let sessions = server.registry.sessions(no);
            if sessions.iter().any(|other| other.routing.is_available()) {
                // Who probes faster than it reads the answers waits.
                if !session.room().await {
                    return;
                }
                return show(server, no, session);
            }
            "unavailable"
        }
    };
    let mut writer = Writer::new();
    writer
        .open("presence")
        .attr("from", to.bare_str())
        .attr("to", session.jid.bare_str())
        .attr("type", answer)
        .close();
    send(server, session, Outgoing::Stanza(writer.finish().into()));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_shared_presence_is_completed_with_the_recipient() {
        let out = shared(b"<presence from='romeo@example.org/orchard'><show>away</show></presence>");
        let session = Session::detached(1, Jid::parse("juliet@example.org/balcony").unwrap(), JidNo(1));
        session.send(Outgoing::Shared(out)).unwrap();
        assert_eq!(
            session.drain(),
            [b"<presence to='juliet@example.org/balcony' from='romeo@example.org/orchard'><show>away</show></presence>"]
        );
    }
}
