//! Subscriptions that end by themselves: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §13.5 (with their
//! subscriber's presence) and §13.19 (at a time).
//!
//! Which those are is known to `pubsub`; here is when they are looked for, and who is told.

use std::sync::Arc;

use pubsub::Ended;
use store::JidNo;

use crate::server::Server;
use crate::xep::pubsub::approval;

/// The longest time between two looks, since clocks are set.
const PERIOD_MS: u64 = 10 * 60 * 1_000;

/// Ends subscriptions at their time, until the server stops.
pub(crate) async fn run(server: Arc<Server>) {
    loop {
        match server.host.end_expired().await {
            Ok(ended) => tell(&server, &ended).await,
            Err(error) => tracing::error!(%error, "subscriptions whose time is over were not ended"),
        }
        let next = async {
            if let Err(error) = server.host.next_end(PERIOD_MS).await {
                tracing::error!(%error, "the end of a subscription is not known");
                server.clock.sleep(PERIOD_MS).await;
            }
        };
        tokio::select! {
            () = server.shutdown.cancelled() => return,
            () = next => {}
        }
    }
}

/// A session of an account is no longer available: what lasts as long as its presence may end.
pub(crate) fn presence_ended(server: &Arc<Server>, no: JidNo) {
    if !server.host.has_passing(no) {
        return;
    }
    let tasks = server.tasks.clone();
    let server = Arc::clone(server);
    tasks.spawn(async move {
        let is_there = |resource: Option<&str>| {
            server.registry.sessions(no).iter().any(|session| {
                session.routing.is_available()
                    && resource.is_none_or(|resource| session.jid.resource() == Some(resource))
            })
        };
        match server.host.presence_ended(no, &is_there).await {
            Ok(ended) => tell(&server, &ended).await,
            Err(error) => tracing::warn!(%error, "temporary subscriptions were not ended"),
        }
    });
}

async fn tell(server: &Server, ended: &[Ended]) {
    for one in ended {
        let changed = std::slice::from_ref(&one.changed);
        approval::tell(server, &one.owner, &one.node, changed).await;
    }
}
