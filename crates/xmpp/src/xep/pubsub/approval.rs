//! Requests to subscribe that wait for an owner's approval: XEP-0060 §8.6,
//! <https://xmpp.org/extensions/xep-0060.html#owner-subreq>, and telling subscribers what became of them (§13.14).

use std::sync::Arc;

use bus::{NodeView, SubId, Subscriber, SubscriptionState};
use format::form::{DataForm, Field, FieldType, FormType};
use pubsub::{Changed, Verdict, WaitingRequest};
use wire::{BareJid, Jid, Stanza, StanzaError, Writer, ns};

use super::errors::on_the_wire;
use crate::messages::send_from_service;
use crate::router::{Place, Routed, refuse};
use crate::sender::Sender;
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::Outgoing;

/// The form that asks an owner.
pub(crate) fn request(view: &NodeView, subscriber: &Subscriber, jid: &Jid) -> DataForm {
    DataForm::new(FormType::Form)
        .with_form_type(ns::PUBSUB_SUBSCRIBE_AUTHORIZATION)
        .with(Field::hidden("pubsub#subid", subscriber.subid.to_string()))
        .with(Field::text("pubsub#node", &*view.name).label("Node"))
        .with(
            Field::new("pubsub#subscriber_jid", FieldType::JidSingle)
                .values([jid.as_str()])
                .label("Subscriber"),
        )
        .with(Field::boolean("pubsub#allow", false).label("Let this address subscribe?"))
}

/// What an owner answered.
#[derive(Debug, PartialEq, Eq)]
struct Answered {
    node: String,
    verdict: Verdict,
}

/// Takes a message that answers such a form; anything else is none of ours. `None` in the inner place when the owner cancels:
/// the request keeps waiting.
fn read(stanza: &Stanza) -> Option<Result<Option<Answered>, StanzaError>> {
    if stanza.first_child() != Some((ns::DATA_FORMS, "x")) {
        return None;
    }
    let document = stanza.document();
    let form = DataForm::find(document.root()).ok().flatten()?;
    if form.form_type() != Some(ns::PUBSUB_SUBSCRIBE_AUTHORIZATION) {
        return None;
    }
    if form.kind == FormType::Cancel {
        return Some(Ok(None));
    }
    let verdict = || {
        let allow = format::form::parse_bool(form.value("pubsub#allow")?)?;
        Some(Answered {
            node: form.value("pubsub#node")?.to_owned(),
            verdict: Verdict {
                jid: Jid::parse(form.value("pubsub#subscriber_jid")?).ok()?,
                subid: form.value("pubsub#subid").map(ToOwned::to_owned),
                is_granted: allow,
            },
        })
    };
    Some(verdict().map(Some).ok_or_else(StanzaError::bad_request))
}

/// Routes a message to the pubsub service or to one's own account if it answers such a form.
pub(crate) fn answered(
    server: &Arc<Server>,
    sender: &Sender,
    stanza: &Stanza,
    to: &Jid,
) -> Option<Routed> {
    let is_ours = match server.place(to) {
        Place::Pubsub => true,
        Place::Account => to.as_str() == sender.jid().bare_str(),
        Place::Domain | Place::Component | Place::Remote => false,
    };
    let verdict = if is_ours { read(stanza)? } else { return None };
    let (server, sender, stanza, owner) = (server.clone(), sender.clone(), stanza.clone(), to.bare());
    Some(Routed::Later(Box::pin(async move {
        let done = match verdict {
            Ok(Some(verdict)) => decide(&server, &sender, &owner, verdict).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            refuse(&server, &sender, &stanza, &error);
        }
    })))
}

async fn decide(
    server: &Arc<Server>,
    sender: &Sender,
    owner: &BareJid,
    answered: Answered,
) -> Result<(), StanzaError> {
    let actor = pubsub::Actor {
        jid: sender.jid().clone(),
        no: sender.no(),
    };
    let Answered { node, verdict } = answered;
    let accepted = server
        .host
        .answer_request(owner, &actor, &node, &verdict)
        .await
        .map_err(on_the_wire)?;
    let changed = accepted.durable.await.map_err(on_the_wire)?;
    tell(server, owner, &node, &changed).await;
    Ok(())
}

/// §12.18: an owner who comes has the requests that wait, once in a session.
pub(crate) async fn show(server: &Server, session: &Arc<Session>) {
    if !session.first_showing() {
        return;
    }
    let actor = pubsub::Actor {
        jid: session.jid.clone(),
        no: session.no,
    };
    let waiting = match server.host.requests_for(&actor).await {
        Ok(waiting) => waiting,
        Err(error) => {
            tracing::warn!(%error, "requests to subscribe were not shown");
            return;
        }
    };
    send(server, session, &waiting).await;
}

/// Asks an owner, by a message for each request.
pub(super) async fn send(server: &Server, session: &Session, waiting: &[WaitingRequest]) {
    for one in waiting {
        // XEP-0191 §3.3
        if server.blocks.blocks(session.no, one.subscriber.no, &one.jid) {
            continue;
        }
        if !session.room().await {
            return;
        }
        let message = crate::notify::request(&one.view, &one.subscriber, &one.jid);
        // One that is closing asks its owner again when they come back.
        let _ = session.send(Outgoing::Shared(message));
    }
}

/// §12.19: somebody is a contact no longer, or in other groups: their subscriptions to what is for contacts end, and they
/// are told.
pub(crate) fn relation_changed(server: &Arc<Server>, owner: BareJid, who: pubsub::Actor) {
    let tasks = server.tasks.clone();
    let server = Arc::clone(server);
    tasks.spawn(async move {
        match server.host.end_unreadable(&owner, &who).await {
            Ok(ended) => {
                for (node, changed) in ended {
                    tell(&server, &owner, &node, &[changed]).await;
                }
            }
            Err(error) => tracing::warn!(%error, "subscriptions of a former contact stay"),
        }
    });
}

/// §13.14: tells subscribers what was decided about them; who is granted what they asked for also gets the last item.
pub(crate) async fn tell(server: &Server, owner: &BareJid, node: &str, changes: &[Changed]) {
    for Changed { jid, subid, state } in changes {
        let mut writer = Writer::new();
        writer
            .open("message")
            .attr("from", owner.as_str())
            .attr("to", jid.as_str())
            .attr("type", "headline");
        writer.open("event").ns(ns::PUBSUB_EVENT);
        write_state(&mut writer, node, jid, *subid, *state);
        send_from_service(server, jid, &writer.finish().into()).await;
    }
    if let Err(error) = server.host.send_last_to_granted(owner, node, changes).await {
        tracing::debug!(%error, "a last item was not sent");
    }
}

/// Writes `<subscription/>` as notifications have it, with the id that tells it from others (§6.1.6).
pub(crate) fn write_state(
    writer: &mut Writer,
    node: &str,
    jid: &Jid,
    subid: SubId,
    state: Option<SubscriptionState>,
) {
    let state = state.map_or("none", SubscriptionState::as_str);
    writer
        .open("subscription")
        .attr("node", node)
        .attr("jid", jid.as_str())
        .attr("subscription", state)
        .attr("subid", &subid.to_string())
        .close();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn answer(kind: &str, allow: &str) -> Option<Result<Option<Answered>, StanzaError>> {
        let stanza = std::format!(
            "<message><x xmlns='jabber:x:data' type='{kind}'>\
             <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#subscribe_authorization</value></field>\
             <field var='pubsub#node'><value>n</value></field>\
             <field var='pubsub#subscriber_jid'><value>romeo@localhost</value></field>{allow}</x></message>"
        );
        read(&Stanza::parse(stanza.into_bytes()).unwrap())
    }

    #[test]
    fn only_a_submitted_form_decides() {
        let allow = "<field var='pubsub#allow'><value>1</value></field>";
        let granted = answer("submit", allow).unwrap().unwrap().unwrap();
        assert_eq!((granted.node.as_str(), granted.verdict.is_granted), ("n", true));
        let denied = answer("submit", &allow.replace('1', "false"))
            .unwrap()
            .unwrap()
            .unwrap();
        assert!(!denied.verdict.is_granted);
        assert_eq!(answer("cancel", "").unwrap().unwrap(), None);
        assert!(answer("submit", "").unwrap().is_err());
        let other = "<message><x xmlns='jabber:x:data' type='submit'/></message>";
        assert!(read(&Stanza::parse(other.as_bytes()).unwrap()).is_none());
    }
}
