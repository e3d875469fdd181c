//! Live delivery of notifications (`urn:x-folkmoot:notifications:0`): what the database has stored of them goes to those
//! sessions of its owner that announced their interest (XEP-0163 §4.3.2).
//!
//! Who is told of what is decided in `social`; what may not be read any more is not delivered.

use std::sync::Arc;

use bus::NOTIFICATIONS;
use pubsub::Actor;
use social::READ_ITEM;
use store::notifications::{Notice, NoticeAct, Notices};
use wire::{BareJid, Writer};

use super::message;
use crate::push;
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::{Outgoing, SharedOut};

/// Delivers until the server stops.
pub(crate) async fn deliver_all(server: Arc<Server>, mut notices: Notices) {
    loop {
        let notice = tokio::select! {
            () = server.shutdown.cancelled() => return,
            notice = notices.recv() => notice,
        };
        let Some(notice) = notice else { return };
        if let NoticeAct::Added(id) = notice.act {
            push::notice(&server, notice.owner, id).await;
        }
        if server.registry.is_online(notice.owner) {
            deliver(&server, notice).await;
        }
    }
}

async fn deliver(server: &Server, notice: Notice) {
    let wants = |session: &Session| {
        let known = session.routing.priority_and_caps();
        known.is_some_and(|(_, caps)| caps.is_some_and(|caps| caps.wants(NOTIFICATIONS)))
    };
    if !server
        .registry
        .sessions(notice.owner)
        .iter()
        .any(|session| wants(session))
    {
        return;
    }
    let out = match message(server, notice).await {
        Ok(Some(out)) => out,
        Ok(None) => return,
        Err(error) => {
            tracing::error!(%error, "a notification could not be read for its delivery");
            return;
        }
    };
    for session in server.registry.sessions(notice.owner).iter() {
        if wants(session) && session.send(Outgoing::Shared(out.clone())).is_ok() {
            server.metrics.notifications.add(1);
        }
    }
}

/// The message, unless there is nothing to say any more.
async fn message(server: &Server, notice: Notice) -> Result<Option<Arc<SharedOut>>, pubsub::PubsubError> {
    let name = server.store.jids().name(notice.owner).await?;
    let Some(jid) = name.and_then(|name| BareJid::parse(&name).ok()) else {
        return Ok(None);
    };
    let actor = Actor {
        jid: jid.into(),
        no: notice.owner,
    };
    let write = |content: &dyn Fn(&mut Writer)| {
        message::from_own_bare(|writer| {
            writer.open("items").attr("node", NOTIFICATIONS);
            content(writer);
            writer.close();
        })
    };
    let item = |id: &str, payload: &[u8]| {
        write(&|writer| {
            writer.open("item").attr("id", id).raw(payload).close();
        })
    };
    Ok(match notice.act {
        NoticeAct::Added(id) => {
            let told = server.timelines.notification(&actor, id).await?;
            told.map(|told| item(&id.0.to_string(), &told.payload))
        }
        NoticeAct::Removed(id) => Some(write(&|writer| {
            writer.open("retract").attr("id", &id.0.to_string()).close();
        })),
        NoticeAct::Read(_) => {
            let state = server.timelines.read_state(&actor).await?;
            Some(item(READ_ITEM, &state.to_xml()))
        }
    })
}
