//! A contact asks from a new address: [XEP-0283](https://xmpp.org/extensions/xep-0283.html) §4.4, on behalf of the clients of
//! whoever is asked.
//!
//! What the request says is nothing before the old account says the same: only who was let in under the old address is let
//! in under the new one, once, since the old one is let out then. All else is a request like any other, passed on whole.

use std::sync::Arc;

use pubsub::Actor;
use pubsub::profile::main_blog::MOVED;
use wire::{BareJid, Document, Stanza, StanzaError};

use super::subscriptions::{Person, pass, written};
use crate::roster::subscription::Kind;
use crate::router::Place;
use crate::server::Server;
use crate::xep::pubsub::errors::on_the_wire;

/// The old address that a request names.
fn named(request: &Stanza) -> Option<BareJid> {
    let document = Document::parse(request.bytes()).ok()?;
    let moved = document.root().child("moved", MOVED)?;
    let mut old = moved.children().filter(|child| child.is("old-jid", MOVED));
    let (Some(jid), None) = (old.next(), old.next()) else {
        return None;
    };
    BareJid::parse(jid.text().trim()).ok()
}

/// The contact of `user` who asks under the new address of `from`, if that is proved; with whether the user saw them.
///
/// # Errors
/// When something cannot be read just now.
pub(super) async fn verified(
    server: &Arc<Server>,
    user: &Person,
    from: &Person,
    request: &Stanza,
) -> Result<Option<(Person, bool)>, StanzaError> {
    let Some(old) = named(request).filter(|old| *old != user.jid && *old != from.jid) else {
        return Ok(None);
    };
    // Of accounts elsewhere nothing can be asked.
    if server.place(&old.clone().into()) != Place::Account {
        return Ok(None);
    }
    let Some(no) = server.find(old.as_str()).await else {
        return Ok(None);
    };
    // §4.3: who was not let in under the old address is not under the new one.
    let held = server.rosters.of(user.no).await?;
    let known = held.with(|roster| {
        let is_new = roster.contact(from.no).is_none_or(|contact| !contact.sees_us);
        let old = roster.contact(no).filter(|_| is_new);
        old.filter(|contact| contact.sees_us)
            .map(|contact| contact.sees_it)
    });
    let is_blocked =
        server.blocks.of(user.no).is_some() && server.blocks.blocks(user.no, no, &old.clone().into());
    let Some(sees_it) = known.filter(|_| !is_blocked) else {
        return Ok(None);
    };
    let asker = Actor {
        jid: user.jid.clone().into(),
        no: user.no,
    };
    let new = server.host.new_address(&old, &asker).await;
    let is_said = new.map_err(on_the_wire)?.as_ref() == Some(&from.jid);
    Ok(is_said.then_some((Person { no, jid: old }, sees_it)))
}

/// Lets a contact in under the new address and out under the old one, once the request has been noted.
///
/// # Errors
/// When something cannot be stored; the request waits for the user then.
pub(super) async fn let_in(
    server: &Arc<Server>,
    user: &Person,
    from: &Person,
    old: &Person,
    sees_it: bool,
) -> Result<(), StanzaError> {
    let grant = written(Kind::Subscribed, &user.jid, &from.jid);
    pass(server, user, from, Kind::Subscribed, &grant).await?;
    let revoke = written(Kind::Unsubscribed, &user.jid, &old.jid);
    pass(server, user, old, Kind::Unsubscribed, &revoke).await?;
    if sees_it {
        let ask = written(Kind::Subscribe, &user.jid, &from.jid);
        pass(server, user, from, Kind::Subscribe, &ask).await?;
    }
    Ok(())
}
