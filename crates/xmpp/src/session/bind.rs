//! Resource binding ([RFC 6120 §7](https://www.rfc-editor.org/rfc/rfc6120#section-7)): the newest session of a resource
//! wins. In its place a client may resume a session ([XEP-0198 §5](https://xmpp.org/extensions/xep-0198.html#resumption)).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::{Jid, Kind, StanzaError, StreamCondition, StreamError, error_reply, ns};

use super::management::{self, Resumed};
use super::negotiation::{End, Negotiation, refused, result, write_limits};
use super::run::HEARTBEAT_MS;
use super::stream::{Event, Stream};
use super::{Begun, Session, waiting};
use crate::auth::{self, Identity};
use crate::server::Server;

/// Announces what a signed-in client may do and binds the first resource that can be bound.
pub(super) async fn bind(negotiation: &mut Negotiation<'_>, identity: &Identity) -> Result<Begun, End> {
    let server = negotiation.server;
    let offered = features(server, negotiation.stream, None);
    negotiation.stream.send(&offered).await?;
    loop {
        let stanza = match negotiation.stream.next().await? {
            Event::Stanza(stanza) => stanza,
            Event::Close => return Err(End::Closed),
            Event::Open(_) => return Err(refused(StreamCondition::BadFormat)),
        };
        if stanza.namespace() == ns::STREAM_MANAGEMENT {
            let document = stanza.document();
            if stanza.name() != "resume" {
                // XEP-0198 §3: only once there is a resource.
                let failed = management::failed(&StanzaError::unexpected_request(), None);
                negotiation.stream.send(&failed).await?;
                continue;
            }
            match management::resume_by(server, identity, document.root()).await {
                Ok(Resumed { claim, element }) => {
                    negotiation.stream.send(&element).await?;
                    return Ok(Begun::Resumed(claim));
                }
                // XEP-0198 §5: a resource may be bound all the same.
                Err(failed) => negotiation.stream.send(&failed).await?,
            }
            continue;
        }
        let is_bind = stanza.kind() == Kind::Iq
            && stanza.type_().as_deref() == Some("set")
            && stanza.first_child() == Some((ns::BIND, "bind"));
        if !is_bind {
            // §7.1: nothing else before the resource.
            return Err(refused(StreamCondition::NotAuthorized));
        }
        let document = stanza.document();
        let wanted = document
            .root()
            .child("bind", ns::BIND)
            .and_then(|bind| bind.child("resource", ns::BIND));
        let wanted = wanted
            .map(|resource| resource.text())
            .filter(|resource| !resource.is_empty());
        let resource = match wanted {
            Some(resource) => resource.into_owned(),
            None => random_resource()?,
        };
        let error = match identity.jid.with_resource(&resource) {
            // §7.7.2.1
            Err(_) => StanzaError::bad_request().text("the resource cannot be part of an address"),
            Ok(jid) => {
                if let Some(session) = make(server, identity, jid, |_| false) {
                    let mut bound = result(&stanza);
                    bound.open("bind").ns(ns::BIND).leaf("jid", session.jid.as_str());
                    // From here on it can be found, so its own task must take over without a pause, and writes this first.
                    session.reply(bound.finish());
                    place(server, &session);
                    return Ok(Begun::Bound(session));
                }
                // §7.6.2.1
                StanzaError::resource_constraint().text("too many sessions of this account")
            }
        };
        if let Some(reply) = error_reply(&stanza, &error) {
            negotiation.stream.send(&reply).await?;
        }
    }
}

/// What whoever is signed in may still negotiate on this stream: with a session, or to have one.
pub(super) fn features(server: &Server, stream: &Stream, session: Option<&Session>) -> Vec<u8> {
    let mut features = super::negotiation::features();
    if session.is_none() {
        features.open("bind").ns(ns::BIND).close();
        // COMPAT: RFC 3921 clients ask for it; <optional/> keeps the others from it.
        features
            .open("session")
            .ns(ns::SESSION)
            .open("optional")
            .close()
            .close();
    }
    // XEP-0198 §2, XEP-0352 §4.1
    if session.is_none_or(|session| !session.mailbox.is_managed()) {
        // A second time would be an error (§3), and clients such as xmpp.js 0.14 enable whatever is announced.
        features.open("sm").ns(ns::STREAM_MANAGEMENT).close();
    }
    features.open("csi").ns(ns::CLIENT_STATE).close();
    features.raw(&server.stream_features());
    let idle = stream.is_websocket().then_some(HEARTBEAT_MS / 1_000);
    write_limits(&mut features, server.settings.limits.stanza_bytes, idle);
    features.finish()
}

/// A resource of the server's choice.
pub(super) fn random_resource() -> Result<String, End> {
    let random = auth::random::<9>().map_err(|_| refused(StreamCondition::InternalServerError))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// A session with this address, where the account may have another. Those that end for it are not counted, nor is the one
/// whose place it takes.
pub(super) fn make(
    server: &Server,
    identity: &Identity,
    jid: Jid,
    ends: impl Fn(&Session) -> bool,
) -> Option<Arc<Session>> {
    let others = server.registry.sessions(identity.no);
    let others = others.iter().filter(|other| other.jid != jid && !ends(other));
    let (asleep, awake): (Vec<_>, Vec<_>) = others.partition(|other| other.is_hibernating());
    let limit = server.settings.limits.sessions_per_account;
    if awake.len() >= limit {
        return None;
    }
    if awake.len() + asleep.len() >= limit {
        // Who is there goes before who may come back.
        waiting::give_up_first(asleep.into_iter());
    }
    let id = server.connections.next_session();
    let limit = server.settings.limits.mailbox_hard_bytes;
    Some(Arc::new(Session::new(
        id,
        jid,
        identity.no,
        identity.device,
        limit,
    )))
}

/// Lets the session be found.
pub(super) fn place(server: &Server, session: &Arc<Session>) {
    if let Some(displaced) = server.registry.bind(Arc::clone(session)) {
        // §7.7.2.2
        displaced.close(StreamError::new(StreamCondition::Conflict));
    }
}
