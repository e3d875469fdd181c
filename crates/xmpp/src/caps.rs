//! What clients can do: XEP-0115 v1.6.0, <https://xmpp.org/extensions/xep-0115.html>. A hash that presence announces is
//! resolved once by asking the client, checked, kept in the store, and shared by every session that announces it.
//!
//! Only which nodes a client wants (`+notify`, XEP-0163 §4.3) is kept in memory. A client whose answer does not fit its hash
//! is believed for its own session alone (§5.4 rule 3.8).

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use format::caps::Caps as Announced;
use format::disco::Info;
use futures_util::StreamExt;
use lru::LruCache;
use parking_lot::Mutex;
use store::JidNo;
use wire::{Element, Stanza, Writer, ns};

use crate::presence::subscriptions::Person;
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::SharedOut;
use crate::xep::catch_up::rest;
use crate::xep::subscriptions_of::PAM;

/// How many kinds of clients are kept in memory.
const KEPT: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");
/// The only hash that is resolved; XEP-0115 §8.2 makes it mandatory, and no client uses another.
const HASH: &str = "sha-1";
/// A SHA-1 in base64.
const VER_LEN: usize = 28;
/// The longest name of a node that a client may want, and how many; more are not looked at.
const NODE_NAME_MAX: usize = 1_023;
const NODES_MAX: usize = 256;
/// What their names may hold in all, and what one kind of client may leave in the store; both in bytes. No client that is
/// used comes near; of one that does, less is known, and for its own session alone.
const NODES_BYTES: usize = 16 * 1024;
const STORED_BYTES: usize = 32 * 1024;

/// People whose last items are read at the same time for one session.
const AT_ONCE: usize = 16;

/// What a kind of client wants.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// The nodes whose events it wants, sorted.
    nodes: Box<[Box<str>]>,
}

impl Caps {
    /// From the features that a client announces.
    fn of<'f>(features: impl Iterator<Item = &'f str>) -> Caps {
        const WANTED: &str = "+notify";
        let mut nodes: Vec<Box<str>> = features
            .filter_map(|feature| match feature {
                // XEP-0376 §4.1.1: wanted without that word.
                PAM => Some(PAM),
                feature => feature.strip_suffix(WANTED),
            })
            .filter(|node| node.len() <= NODE_NAME_MAX)
            .take(NODES_MAX)
            .scan(0, |bytes, node| {
                *bytes += node.len();
                (*bytes <= NODES_BYTES).then_some(node)
            })
            .map(Box::from)
            .collect();
        nodes.sort_unstable();
        nodes.dedup();
        Caps { nodes: nodes.into() }
    }

    /// From the names of nodes; `None` where there are too many.
    pub(crate) fn wanting<'n>(names: impl Iterator<Item = &'n str>) -> Option<Caps> {
        let mut nodes: Vec<Box<str>> = names.map(Box::from).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let bytes: usize = nodes.iter().map(|node| node.len()).sum();
        (nodes.len() <= NODES_MAX && bytes <= NODES_BYTES).then(|| Caps { nodes: nodes.into() })
    }

    /// Whether it wants any node's events.
    pub(crate) fn wants_any(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// Whether it wants a node's events.
    pub fn wants(&self, node: &str) -> bool {
        self.nodes.binary_search_by(|known| (**known).cmp(node)).is_ok()
    }

    /// Whether none of the nodes that it wants has a last item of somebody's to send: one's own timelines have none.
    fn wants_no_last_items(&self) -> bool {
        self.nodes
            .iter()
            .all(|node| [bus::HOME, bus::NOTIFICATIONS, PAM].contains(&&**node))
    }
}

/// Reads `<c/>` (§4); nothing when it is missing or not to be resolved.
pub(crate) fn announced(presence: Element<'_>) -> Option<Announced> {
    Announced::find(presence).filter(|announced| announced.hash == HASH && announced.ver.len() == VER_LEN)
}

/// A question that a client has not answered yet; each session has at most one.
struct Asked {
    id: String,
    announced: Announced,
    presence: Arc<SharedOut>,
    before: Option<Arc<Caps>>,
}

/// The capabilities known to this server.
pub struct CapsCache {
    known: Mutex<LruCache<String, Arc<Caps>>>,
    asked: Mutex<HashMap<u64, Asked>>,
    ids: AtomicU64,
}

impl Default for CapsCache {
    fn default() -> Self {
        CapsCache {
            known: Mutex::new(LruCache::new(KEPT)),
            asked: Mutex::default(),
            ids: AtomicU64::new(1),
        }
    }
}

impl CapsCache {
    /// What is known in memory of an announced hash.
    pub(crate) fn known(&self, announced: &Announced) -> Option<Arc<Caps>> {
        self.known.lock().get(announced.ver.as_str()).cloned()
    }

    /// What is known of an announced hash, without asking any client.
    pub(crate) async fn find(&self, server: &Server, announced: &Announced) -> Option<Arc<Caps>> {
        if let Some(known) = self.known(announced) {
            return Some(known);
        }
        let ver = announced.ver.clone();
        let stored = server.store.read(move |reader| reader.caps(HASH, &ver)).await;
        let stored = stored.ok().flatten()?;
        Some(self.keep(&announced.ver, Caps::of(stored.features.lines())))
    }

    fn keep(&self, ver: &str, caps: Caps) -> Arc<Caps> {
        self.known
            .lock()
            .get_or_insert(ver.to_owned(), || Arc::new(caps))
            .clone()
    }

    /// Resolves a hash that is not known in memory: from the store, or by asking the client. It takes effect if `presence`
    /// is still the session's last; `before` is what the session had until now.
    pub(crate) async fn ask(
        &self,
        server: &Arc<Server>,
        session: &Arc<Session>,
        announced: Announced,
        presence: Arc<SharedOut>,
        before: Option<Arc<Caps>>,
    ) {
        let ver = announced.ver.clone();
        // When the store cannot be read, the client still can be asked.
        let stored = server
            .store
            .read(move |reader| reader.caps(HASH, &ver))
            .await
            .ok()
            .flatten();
        if let Some(stored) = stored {
            let caps = self.keep(&announced.ver, Caps::of(stored.features.lines()));
            // Not waited for: if it is lost, the kind is forgotten a little earlier.
            drop(
                server
                    .store
                    .write(store::caps::touch(HASH.into(), announced.ver, server.clock.now())),
            );
            return settle(server, session, &presence, before, caps).await;
        }
        let id = format!("caps-{}", self.ids.fetch_add(1, Ordering::Relaxed));
        session.reply(question(session, &id, &announced));
        self.asked.lock().insert(
            session.id,
            Asked {
                id,
                announced,
                presence,
                before,
            },
        );
    }

    /// A session is gone, and with it its answer.
    pub(crate) fn forget(&self, session: &Session) {
        self.asked.lock().remove(&session.id);
    }

    /// Whether a session owes us an answer.
    pub(crate) fn is_asked(&self, session: &Session) -> bool {
        self.asked.lock().contains_key(&session.id)
    }

    /// A result or error came from a client: perhaps the answer to our question.
    pub(crate) async fn answered(&self, server: &Arc<Server>, session: &Arc<Session>, stanza: &Stanza) {
        let asked = {
            let mut all = self.asked.lock();
            let is_answer = all
                .get(&session.id)
                .is_some_and(|asked| stanza.id().as_deref() == Some(&asked.id));
            if is_answer { all.remove(&session.id) } else { None }
        };
        let Some(asked) = asked else { return };
        let document = stanza.document();
        let Some(info) = document
            .root()
            .child("query", ns::DISCO_INFO)
            .and_then(Info::parse)
        else {
            return;
        };
        let caps = Caps::of(info.features.iter().map(String::as_str));
        let ver = &asked.announced.ver;
        let stored = store::caps::Caps {
            features: info.features.join("\n"),
            identities: identities(&info),
        };
        let is_small = stored.features.len() + stored.identities.len() <= STORED_BYTES;
        let caps = if is_small && asked.announced.is_verified_by(&info) {
            // Not waited for: if it is lost, the next client of this kind is asked.
            drop(server.store.write(store::caps::put(
                HASH.into(),
                ver.clone(),
                stored,
                server.clock.now(),
            )));
            self.keep(ver, caps)
        } else {
            Arc::new(caps)
        };
        settle(server, session, &asked.presence, asked.before, caps).await;
    }
}

/// §6.2: the question, put by the session's server.
fn question(session: &Session, id: &str, announced: &Announced) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.open("iq").attr("type", "get").attr("id", id);
    writer
        .attr("from", session.jid.domain())
        .attr("to", session.jid.as_str());
    writer
        .open("query")
        .ns(ns::DISCO_INFO)
        .attr("node", &announced.info_node());
    writer.finish()
}

/// `category/type/lang/name` a line.
fn identities(info: &Info) -> String {
    let line = |identity: &format::disco::Identity| {
        let lang = identity.lang.as_deref().unwrap_or_default();
        let name = identity.name.as_deref().unwrap_or_default();
        format!("{}/{}/{lang}/{name}", identity.category, identity.kind)
    };
    info.identities.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The capabilities of a session are known now.
async fn settle(
    server: &Arc<Server>,
    session: &Arc<Session>,
    presence: &Arc<SharedOut>,
    before: Option<Arc<Caps>>,
    caps: Arc<Caps>,
) {
    if session.routing.set_caps(presence, caps.clone()) {
        took_effect(server, session, before, caps).await;
    }
}

/// XEP-0163 §4.3.3: who comes, or wants more than before, gets the last items that it missed: the account's own, and those of
/// the contacts whose presence it sees. The session does not wait for them, unless it asks again before they are there.
pub(crate) async fn took_effect(
    server: &Arc<Server>,
    session: &Arc<Session>,
    mut before: Option<Arc<Caps>>,
    caps: Arc<Caps>,
) {
    if let Some(caught_up) = session.routing.caught_up().filter(|_| before.is_none()) {
        // What it has asked for it knows, but for what came since; of what it did not ask for it gets last items.
        rest(server, session, true).await;
        before = Some(caught_up.wanted);
    }
    if caps.wants_no_last_items() || before.as_deref() == Some(&*caps) {
        return;
    }
    if !session.routing.begin_catching_up() {
        return catch_up(server, session, before, caps).await;
    }
    let (server, session) = (server.clone(), session.clone());
    let tasks = server.tasks.clone();
    tasks.spawn(async move {
        catch_up(&server, &session, before, caps).await;
        session.routing.end_catching_up();
    });
}

async fn catch_up(server: &Arc<Server>, session: &Arc<Session>, before: Option<Arc<Caps>>, caps: Arc<Caps>) {
    let Ok(roster) = server.rosters.of(session.no).await else {
        return;
    };
    let mut owners = vec![Person {
        no: session.no,
        jid: session.jid.bare(),
    }];
    roster.with(|roster| {
        let seen = roster
            .contacts()
            .iter()
            .filter(|contact| contact.sees_it && contact.no != session.no);
        owners.extend(seen.map(|contact| Person {
            no: contact.no,
            jid: contact.jid.clone(),
        }));
    });
    let actor = pubsub::Actor {
        jid: session.jid.clone(),
        no: session.no,
    };
    let is_new = |node: &str| caps.wants(node) && !before.as_ref().is_some_and(|before| before.wants(node));
    let local = owners
        .into_iter()
        .filter(|owner| server.settings.is_local_domain(owner.jid.domain()));
    // What one person's nodes hold is read while others' is.
    let mut sending = futures_util::stream::iter(local)
        .map(|owner| {
            let (actor, is_new) = (&actor, &is_new);
            async move {
                if session.routing.is_available() && session.room().await {
                    server.host.send_last_items(&owner.jid, actor, is_new).await;
                }
            }
        })
        .buffer_unordered(AT_ONCE);
    while let Some(()) = sending.next().await {}
}

/// The account sees somebody's presence from now on, and gets the last items that it may see with it.
pub(crate) fn sees(server: &Arc<Server>, account: JidNo, owner: &Person) {
    for session in server.registry.sessions(account).iter() {
        let Some(caps) = session.routing.caps().filter(|caps| !caps.wants_no_last_items()) else {
            continue;
        };
        let (server, session, owner) = (server.clone(), session.clone(), owner.jid.clone());
        let tasks = server.tasks.clone();
        tasks.spawn(async move {
            let actor = pubsub::Actor {
                jid: session.jid.clone(),
                no: session.no,
            };
            server
                .host
                .send_last_items(&owner, &actor, &|node: &str| caps.wants(node))
                .await;
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wire::Document;

    #[test]
    fn only_wanted_nodes_are_kept() {
        let caps = Caps::of(["urn:b+notify", "urn:a", "urn:a+notify", "+notify"].into_iter());
        assert!(caps.wants("urn:a") && caps.wants("urn:b"));
        assert!(!caps.wants("urn:c") && !caps.wants("urn:a+notify"));
    }

    #[test]
    fn what_a_client_wants_is_bounded() {
        let long = |number: usize| format!("urn:{number}:{}+notify", "x".repeat(900));
        let features: Vec<String> = (0..100).map(long).collect();
        let caps = Caps::of(features.iter().map(String::as_str));
        let bytes: usize = caps.nodes.iter().map(|node| node.len()).sum();
        assert!(bytes > 0 && bytes <= NODES_BYTES, "{bytes}");
    }

    #[test]
    fn presence_announces_a_hash() {
        let read = |c: &str| {
            let document = Document::parse(format!("<presence>{c}</presence>").into_bytes()).unwrap();
            announced(document.root())
        };
        let whole = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>";
        assert_eq!(read(whole).unwrap().ver, "QgayPKawpkPSDYmwT/WM94uAlu0=");
        assert_eq!(read(&whole.replace("sha-1", "md5")), None);
        assert_eq!(
            read("<c xmlns='http://jabber.org/protocol/caps' node='n' ver='0.9'/>"),
            None
        );
    }
}
