//! What other apps' servers push to people's phones, by way of their XMPP apps: UnifiedPush,
//! <https://unifiedpush.org/developers/spec/server/>, <https://codeberg.org/iNPUTmice/up>. Addresses are given in
//! `xep/unified_push`; requests over HTTP are taken by the binary.
//!
//! Nothing that is pushed is kept: it is handed to the client's session, or the app's server is told to try again later.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use store::unified_push::{Endpoint, revoke, sweep as swept};
use tokio::sync::Semaphore;
use wire::{BareJid, Jid, StanzaError, Writer};

use crate::failures::unreadable;
use crate::questions;
use crate::rates::{Keyed, Rate};
use crate::server::Server;

/// The protocol between a phone's XMPP app and its push server.
pub(crate) const UNIFIED_PUSH: &str = "http://gultsch.de/xmpp/drafts/unified-push";

/// The largest body that is pushed.
pub const BODY_MAX: usize = 4_096;
/// Random bytes of a token.
pub(crate) const TOKEN_BYTES: usize = 24;
/// Pushes to one endpoint in a minute.
const PER_MINUTE: u32 = 60;
/// Pushes that may wait for a phone's answer at a time, of all endpoints.
const UNDER_WAY_MAX: usize = 1_000;
/// Pushes to one endpoint that may wait for its phone's answer at a time.
const UNDER_WAY_OF_ONE: usize = 4;
/// Endpoints removed by one write.
const SLICE: u32 = 200;

/// What bounds pushes.
pub(crate) struct UnifiedPush {
    rate: Keyed<String>,
    under_way: Arc<Semaphore>,
    of_one: Mutex<HashMap<String, usize>>,
}

impl UnifiedPush {
    pub(crate) fn new() -> UnifiedPush {
        UnifiedPush {
            rate: Keyed::new(Rate::new(PER_MINUTE, 60_000, PER_MINUTE)),
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
            of_one: Mutex::default(),
        }
    }
}

/// Whether the operator wants it.
pub(crate) fn is_offered(server: &Server) -> bool {
    server.settings.limits.push_endpoints_per_account > 0
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The phone has it.
    Delivered,
    /// There is no such endpoint, or not any more.
    Gone,
    /// It holds nothing.
    Empty,
    /// It is larger than [`BODY_MAX`].
    TooLarge,
    /// This endpoint is pushed to too often.
    TooOften,
    /// The phone cannot be reached now.
    Away,
}

/// Whether a token is a good endpoint's.
///
/// # Errors
/// When the store cannot be read.
pub async fn is_endpoint(server: &Server, token: &str) -> Result<bool, StanzaError> {
    Ok(find(server, token).await?.is_some())
}

async fn find(server: &Server, token: &str) -> Result<Option<Endpoint>, StanzaError> {
    // Whoever guesses costs no read unless it looks like one.
    if !is_offered(server) || token.len() != TOKEN_BYTES / 3 * 4 {
        return Ok(None);
    }
    let (token, now) = (token.to_owned(), server.clock.now());
    let found = server
        .store
        .read(move |reader| reader.unified_push(&token, now))
        .await;
    found.map_err(|error| unreadable(&error))
}

/// Passes on what an app's server pushes, and waits for the phone's word.
///
/// # Errors
/// When the store cannot be read.
pub async fn push(server: &Arc<Server>, token: &str, body: &[u8]) -> Result<Pushed, StanzaError> {
    let Some(endpoint) = find(server, token).await? else {
        return Ok(Pushed::Gone);
    };
    if body.is_empty() {
        return Ok(Pushed::Empty);
    }
    if body.len() > BODY_MAX {
        return Ok(Pushed::TooLarge);
    }
    let now = server.clock.monotonic_ms();
    let bounds = &server.unified_push;
    if !bounds.rate.is_allowed(&endpoint.token, now) {
        return Ok(Pushed::TooOften);
    }
    bounds.rate.charge(endpoint.token.clone(), now);
    let Ok(_place) = Arc::clone(&bounds.under_way).try_acquire_owned() else {
        return Ok(Pushed::Away);
    };
    let Some(_turn) = Turn::take(server, &endpoint.token) else {
        return Ok(Pushed::TooOften);
    };
    let name = server.store.jids().name(endpoint.no).await;
    let name = name.map_err(|error| unreadable(&error))?;
    let whom = name.and_then(|name| {
        let bare = BareJid::parse(&name).ok()?;
        bare.with_resource(&endpoint.resource).ok()
    });
    let Some(whom) = whom else {
        return Ok(Pushed::Gone);
    };
    let Ok(from) = Jid::parse(whom.domain()) else {
        return Ok(Pushed::Gone);
    };
    let mut writer = Writer::new();
    writer
        .open("push")
        .ns(UNIFIED_PUSH)
        .attr("application", &endpoint.application)
        .attr("instance", &endpoint.instance)
        .text(&STANDARD.encode(body))
        .close();
    match questions::set(server, &from, &whom, &writer.finish()).await {
        Ok(()) => Ok(Pushed::Delivered),
        // The app is gone from the phone, or the phone's app knows nothing of this any more.
        Err(refusal) if matches!(&*refusal.condition, "item-not-found" | "feature-not-implemented") => {
            let revoked = server.store.write(revoke(endpoint.token.clone())).await;
            if let Err(error) = revoked {
                tracing::warn!(%error, "an endpoint that is of no use stays until it expires");
            }
            Ok(Pushed::Gone)
        }
        Err(_) => Ok(Pushed::Away),
    }
}

/// One of the few pushes to an endpoint that may be under way.
struct Turn<'a> {
    server: &'a Server,
    token: &'a str,
}

impl<'a> Turn<'a> {
    fn take(server: &'a Server, token: &'a str) -> Option<Turn<'a>> {
        let mut all = server.unified_push.of_one.lock();
        let count = all.entry(token.to_owned()).or_default();
        if *count >= UNDER_WAY_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Turn { server, token })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut all = self.server.unified_push.of_one.lock();
        if let Some(count) = all.get_mut(self.token) {
            *count -= 1;
            if *count == 0 {
                all.remove(self.token);
            }
        }
    }
}

/// Removes what has expired.
pub(crate) async fn sweep(server: &Server) {
    let now = server.clock.now();
    while !server.shutdown.is_cancelled() {
        match server.store.write(swept(now, SLICE)).await {
            Ok(committed) if committed.changed > 0 => {}
            Ok(_) => return,
            Err(error) => {
                tracing::error!(%error, "endpoints that have expired were not removed");
                return;
            }
        }
    }
}
