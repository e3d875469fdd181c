//! One connection of a component: its stream, its handshake, and its stanzas both ways, XEP-0114 v1.6 §3,
//! <https://xmpp.org/extensions/xep-0114.html#proto>.
//!
//! Stanzas of one sender are routed one after the other, those of different senders beside each other. Where they go is
//! decided in `router`, and which connection a stanza comes to in `component`.

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::future::poll_fn;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::task::Poll;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use wire::{
    Jid, Limits, Stanza, StanzaError, StreamCondition, StreamError, StreamHeader, Writer, error_reply, ns,
};

use super::closing::{Closing, close};
use super::negotiation::{End, refused};
use super::stream::{Event, Sender, Stream};
use crate::auth;
use crate::component::{Component, Instance, Secret};
use crate::presence::outside;
use crate::router::{self, Routed};
use crate::sender::Link;
use crate::server::Server;
use crate::transport::scratch;

/// Senders are told apart by this many lanes.
const LANES: usize = 64;
/// Stanzas that may wait for those before them before nothing more is read.
const WAITING_MAX: usize = 1_024;

/// Serves one connection from its first byte to its end. The future is large; box it.
pub(crate) async fn serve(server: Arc<Server>, mut stream: Stream) {
    let negotiated = tokio::select! {
        negotiated = negotiate(&server, &mut stream) => negotiated,
        () = server.clock.sleep(server.settings.limits.auth_timeout_ms) => Err(refused(StreamCondition::ConnectionTimeout)),
        () = server.shutdown.cancelled() => Err(refused(StreamCondition::SystemShutdown)),
    };
    let closing = match negotiated {
        Ok((domain, instance)) => {
            tracing::info!(%domain, "a component is connected");
            let connection = Connection {
                server: Arc::clone(&server),
                domain,
                instance,
                lanes: Lanes::default(),
            };
            connection.run(&mut stream).await
        }
        Err(End::Closed) => Some(Closing::Answer(None)),
        Err(End::Refused(error)) => Some(Closing::Ours(error)),
        Err(End::Broken(broken)) => Closing::broken(&broken),
    };
    if let Some(closing) = closing {
        // Errors need a stream to stand in (RFC 6120 §4.9.1.2).
        let is_open = stream.is_open() || open(&mut stream, server.settings.main_domain()).is_ok();
        if is_open {
            close(&server, &mut stream, closing).await;
        }
    }
}

/// Opens our direction; gives the stream's id, which nobody can guess.
fn open(stream: &mut Stream, from: &str) -> Result<String, End> {
    let id = auth::random::<18>().map_err(|_| refused(StreamCondition::InternalServerError))?;
    let id = URL_SAFE_NO_PAD.encode(id);
    stream.write_open(&StreamHeader {
        from: Some(from.to_owned()),
        id: Some(id.clone()),
        default_ns: Some(ns::COMPONENT.to_owned()),
        ..StreamHeader::default()
    })?;
    Ok(id)
}

/// The stream's header and the handshake.
async fn negotiate(server: &Arc<Server>, stream: &mut Stream) -> Result<(String, Arc<Instance>), End> {
    let header = match stream.next().await? {
        Event::Open(header) => header,
        Event::Stanza(_) => return Err(refused(StreamCondition::BadFormat)),
        Event::Close => return Err(End::Closed),
    };
    let asked = header.to.as_deref().map(Jid::parse);
    let component = match &asked {
        Some(Ok(jid)) if jid.as_str() == jid.domain() => server.components.of(jid.domain()),
        _ => None,
    };
    let from = component.map_or(server.settings.main_domain(), |component| &component.domain);
    let id = open(stream, from)?;
    if header.default_ns.as_deref() != Some(ns::COMPONENT) {
        return Err(refused(StreamCondition::InvalidNamespace));
    }
    if header.to.is_none() {
        return Err(refused(StreamCondition::ImproperAddressing));
    }
    let Some(component) = component else {
        return Err(refused(StreamCondition::HostUnknown));
    };
    poll_fn(|cx| stream.poll_flush(cx)).await?;
    let handshake = match stream.next().await? {
        Event::Stanza(stanza) => stanza,
        Event::Close => return Err(End::Closed),
        Event::Open(_) => return Err(refused(StreamCondition::BadFormat)),
    };
    if !is_right(&handshake, &id, &component.secret) {
        tracing::warn!(domain = %component.domain, "a component could not prove itself");
        return Err(refused(StreamCondition::NotAuthorized));
    }
    let Component { domain, .. } = component;
    let Some(instance) = server.components.come(domain, &server.registry) else {
        let error = StreamError::new(StreamCondition::Conflict);
        return Err(End::Refused(
            error.text("this component has all the connections that it may"),
        ));
    };
    stream.set_limits(Limits {
        max_bytes: server.settings.limits.stanza_bytes.max(Limits::SERVER.max_bytes),
        ..Limits::SERVER
    });
    Ok((domain.clone(), instance))
}

/// The handshake is the SHA-1 of the stream's id and the secret, in lower-case hexadecimal.
fn is_right(handshake: &Stanza, id: &str, secret: &Secret) -> bool {
    if (handshake.namespace(), handshake.name()) != (ns::COMPONENT, "handshake") {
        return false;
    }
    let mut expected = String::with_capacity(40);
    for byte in Sha1::new()
        .chain_update(id)
        .chain_update(secret.as_str())
        .finalize()
    {
        use std::fmt::Write as _;
        // Writing to a string cannot fail.
        let _ = write!(expected, "{byte:02x}");
    }
    let document = handshake.document();
    let given = document.root().text();
    expected.as_bytes().ct_eq(given.trim().as_bytes()).into()
}

/// Stanzas under way, in their senders' order.
#[derive(Default)]
struct Lanes {
    running: FuturesUnordered<BoxFuture<'static, usize>>,
    /// What waits in each lane; `None` where nothing is under way.
    waiting: Vec<Option<VecDeque<Arrived>>>,
    count: usize,
}

/// A stanza with its addresses.
struct Arrived {
    from: Jid,
    to: Jid,
    stanza: Stanza,
}

impl Lanes {
    fn of(from: &Jid) -> usize {
        let mut hasher = DefaultHasher::new();
        from.bare_str().hash(&mut hasher);
        hasher.finish() as usize % LANES
    }

    fn has_room(&self) -> bool {
        self.count < WAITING_MAX
    }

    /// Routes a stanza now, or once those before it in its lane are through.
    fn take(&mut self, server: &Arc<Server>, link: &Arc<dyn Link>, arrived: Arrived) {
        self.waiting.resize_with(LANES, || None);
        let lane = Lanes::of(&arrived.from);
        if let Some(waiting) = &mut self.waiting[lane] {
            waiting.push_back(arrived);
            self.count += 1;
        } else {
            self.route(server, link, lane, arrived);
        }
    }

    /// Routes one; false when something of it is left to do.
    fn route(&mut self, server: &Arc<Server>, link: &Arc<dyn Link>, lane: usize, arrived: Arrived) -> bool {
        let Arrived { from, to, stanza } = arrived;
        match router::route_outside(server, link, from, to, stanza) {
            Routed::Done => true,
            Routed::Later(later) => {
                self.waiting[lane].get_or_insert_default();
                self.running.push(Box::pin(async move {
                    later.await;
                    lane
                }));
                false
            }
        }
    }

    /// A lane is free: what waits in it goes on.
    fn go_on(&mut self, server: &Arc<Server>, link: &Arc<dyn Link>, lane: usize) {
        loop {
            let Some(next) = self.waiting[lane].as_mut().and_then(VecDeque::pop_front) else {
                self.waiting[lane] = None;
                return;
            };
            self.count -= 1;
            if !self.route(server, link, lane, next) {
                return;
            }
        }
    }
}

/// A connection whose handshake is done.
struct Connection {
    server: Arc<Server>,
    domain: String,
    instance: Arc<Instance>,
    lanes: Lanes,
}

/// What the connection was woken for.
enum Woken {
    Given(VecDeque<Arc<[u8]>>),
    Through(usize),
    Moved,
    Ended(Option<Closing>),
}

impl Connection {
    async fn run(mut self, stream: &mut Stream) -> Option<Closing> {
        let mut handshake = Writer::new();
        handshake.open("handshake").close();
        let closing = match stream.send(&handshake.finish()).await {
            Ok(()) => self.serve(stream).await,
            Err(broken) => Closing::broken(&broken),
        };
        let link: Arc<dyn Link> = Arc::clone(&self.instance) as Arc<dyn Link>;
        // What was received takes effect, whoever is left to see it.
        while let Some(lane) = self.lanes.running.next().await {
            self.lanes.go_on(&self.server, &link, lane);
        }
        tracing::info!(domain = %self.domain, "a component is gone");
        closing
    }

    async fn serve(&mut self, stream: &mut Stream) -> Option<Closing> {
        let link: Arc<dyn Link> = Arc::clone(&self.instance) as Arc<dyn Link>;
        loop {
            if let Err(closing) = self.take_in(stream, &link) {
                return closing;
            }
            let (has_unwritten, has_room) = (stream.has_unwritten(), self.lanes.has_room());
            let woken = tokio::select! {
                given = self.instance.queue.take(), if !has_unwritten => Woken::Given(given),
                Some(lane) = self.lanes.running.next(), if !self.lanes.running.is_empty() => Woken::Through(lane),
                moved = poll_fn(|cx| {
                    if has_unwritten {
                        match stream.poll_flush(cx) {
                            Poll::Ready(Ok(())) => return Poll::Ready(Woken::Moved),
                            Poll::Ready(Err(_)) => return Poll::Ready(Woken::Ended(None)),
                            Poll::Pending => {}
                        }
                    }
                    if !has_room {
                        return Poll::Pending;
                    }
                    stream.poll_fill(cx).map(|filled| match filled {
                        Ok(_) => Woken::Moved,
                        Err(broken) => Woken::Ended(Closing::broken(&broken)),
                    })
                }) => moved,
                () = self.server.shutdown.cancelled() => {
                    // Results that wait for a commit still reach it: this one is decided after all of them.
                    let _ = self.server.store.write(store::Write::all(Vec::new())).await;
                    Woken::Ended(Some(Closing::Ours(StreamError::new(StreamCondition::SystemShutdown))))
                }
            };
            match woken {
                Woken::Moved => {}
                Woken::Through(lane) => self.lanes.go_on(&self.server, &link, lane),
                Woken::Ended(closing) => return closing,
                Woken::Given(stanzas) => {
                    let mut out = scratch::take();
                    for stanza in stanzas {
                        out.extend_from_slice(&stanza);
                    }
                    if stream.write(out).is_err() {
                        return None;
                    }
                }
            }
        }
    }

    /// Takes what has been read.
    fn take_in(&mut self, stream: &mut Stream, link: &Arc<dyn Link>) -> Result<(), Option<Closing>> {
        while self.lanes.has_room() {
            match stream.next_buffered(Sender::Unknown) {
                Ok(None) => return Ok(()),
                Ok(Some(Event::Stanza(stanza))) => {
                    let arrived = self
                        .check(stanza)
                        .map_err(|condition| Some(Closing::Ours(StreamError::new(condition))))?;
                    if let Some(arrived) = arrived {
                        self.lanes.take(&self.server, link, arrived);
                    }
                }
                Ok(Some(Event::Close)) => return Err(Some(Closing::Answer(None))),
                Ok(Some(Event::Open(_))) => {
                    return Err(Some(Closing::Ours(StreamError::new(StreamCondition::BadFormat))));
                }
                Err(broken) => return Err(Closing::broken(&broken)),
            }
        }
        Ok(())
    }

    /// §3: each stanza says from whom and to whom it is, and is from somebody at the component's domain. `None` when its
    /// sender was told that it cannot be delivered.
    fn check(&self, stanza: Stanza) -> Result<Option<Arrived>, StreamCondition> {
        if !stanza.kind().is_stanza() {
            // RFC 6120 §4.9.3.24
            return Err(StreamCondition::UnsupportedStanzaType);
        }
        // RFC 6120 §4.9.3.7
        let from = stanza.from().ok_or(StreamCondition::ImproperAddressing)?;
        let from = Jid::parse(&from).map_err(|_| StreamCondition::ImproperAddressing)?;
        if from.domain() != self.domain {
            // RFC 6120 §4.9.3.9
            return Err(StreamCondition::InvalidFrom);
        }
        let to = stanza.to().ok_or(StreamCondition::ImproperAddressing)?;
        match Jid::parse(&to) {
            Ok(to) => Ok(Some(Arrived { from, to, stanza })),
            Err(_) => {
                if let Some(error) = error_reply(&stanza, &StanzaError::jid_malformed()) {
                    self.instance.reply(error.into());
                }
                Ok(None)
            }
        }
    }
}

impl Drop for Connection {
    /// However it ends, its users are seen to go.
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (server, domain) = (Arc::clone(&self.server), std::mem::take(&mut self.domain));
            let instance = Arc::clone(&self.instance);
            let ending = async move { outside::component_left(&server, &domain, &instance).await };
            self.server.tasks.spawn_on(ending, &runtime);
        }
    }
}
