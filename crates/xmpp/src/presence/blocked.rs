//! What becomes of presence when somebody is blocked or unblocked: XEP-0191 §3.3 and §3.4,
//! <https://xmpp.org/extensions/xep-0191.html>.

use std::sync::Arc;

use store::JidNo;
use wire::Jid;

use super::{outside, send, unavailable};
use crate::blocking::Changed;
use crate::registry::Sessions;
use crate::roster::contact::Contact;
use crate::sender::NOBODY;
use crate::server::Server;
use crate::session::mailbox::Outgoing;

/// The online contacts of an account that a rule holds for.
async fn contacts(server: &Server, no: JidNo, rule: fn(&Contact) -> bool) -> Vec<(JidNo, Sessions)> {
    let Ok(held) = server.rosters.of(no).await else {
        return Vec::new();
    };
    let mut online = Vec::new();
    held.with(|roster| {
        let all = roster.contacts().iter().filter(|contact| rule(contact));
        server
            .registry
            .online_among(all.map(|contact| contact.no), &mut online);
    });
    let sessions = |no: JidNo| (no, server.registry.sessions(no));
    online.into_iter().map(sessions).collect()
}

/// §3.3: whoever is blocked from now on sees the user go, if they saw the user, or had presence directed at them.
pub(crate) async fn hide(server: &Arc<Server>, no: JidNo, changed: &Changed) {
    let is_new =
        |contact: JidNo, jid: &Jid| changed.after.names(contact, jid) && !changed.before.names(contact, jid);
    let seeing = contacts(server, no, |contact| contact.sees_us).await;
    for own in server.registry.sessions(no).iter() {
        let out = unavailable(&own.jid);
        let tell = |contact: JidNo, sessions: &Sessions, to: Option<&Jid>| {
            if let Some(jid) = to.cloned().or_else(|| server.components.address(contact))
                && server.components.has(jid.domain())
            {
                if is_new(contact, &jid) {
                    outside::send(server, own, &jid, &out);
                }
                return;
            }
            for other in sessions.iter() {
                let is_meant = match to.filter(|to| !to.is_bare()) {
                    Some(to) => other.jid == *to,
                    None => other.routing.is_available(),
                };
                if is_meant && is_new(contact, &other.jid) && !server.blocks.blocks(contact, no, &own.jid) {
                    send(server, other, Outgoing::Shared(out.clone()));
                }
            }
        };
        let is_available = own.routing.is_available();
        if is_available {
            for (contact, sessions) in &seeing {
                tell(*contact, sessions, None);
            }
        }
        for to in own.routing.directed() {
            let contact = match server.find(to.bare_str()).await {
                Some(contact) => contact,
                None if server.components.has(to.domain()) => NOBODY,
                None => continue,
            };
            let has_seen = is_available && seeing.iter().any(|(seeing, _)| *seeing == contact);
            if !has_seen {
                tell(contact, &server.registry.sessions(contact), Some(&to));
            }
        }
    }
}

/// §3.4: whoever is no longer blocked sees the user again, and is seen, where subscriptions say so.
pub(crate) async fn show(server: &Arc<Server>, no: JidNo, changed: &Changed) {
    let is_free =
        |contact: JidNo, jid: &Jid| changed.before.names(contact, jid) && !changed.after.names(contact, jid);
    let own = server.registry.sessions(no);
    for (contact, sessions) in contacts(server, no, |contact| contact.sees_us).await {
        if let Some(jid) = server.components.address(contact) {
            for own in own.iter().filter(|_| is_free(contact, &jid)) {
                if let Some(presence) = own.routing.available() {
                    outside::send(server, own, &jid, &presence.stanza);
                }
            }
            continue;
        }
        for other in sessions.iter().filter(|other| is_free(contact, &other.jid)) {
            if other.routing.is_available() {
                super::show(server, no, other);
            }
        }
    }
    for (contact, sessions) in contacts(server, no, |contact| contact.sees_it).await {
        if let Some(jid) = server.components.address(contact) {
            for own in own.iter().filter(|own| own.routing.is_available()) {
                if is_free(contact, &jid) {
                    outside::ask(server, own, contact, &jid);
                }
            }
            continue;
        }
        for other in sessions.iter().filter(|other| is_free(contact, &other.jid)) {
            let Some(presence) = other.routing.available() else {
                continue;
            };
            for own in own.iter().filter(|own| own.routing.is_available()) {
                if !server.blocks.blocks(contact, no, &own.jid) {
                    send(server, own, Outgoing::Shared(presence.stanza.clone()));
                }
            }
        }
    }
}
