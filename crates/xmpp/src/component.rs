//! Components: programs beside the server that answer for a domain of their own, XEP-0114 v1.6,
//! <https://xmpp.org/extensions/xep-0114.html>. Who of them is connected, and the way of a stanza to them.
//!
//! Several connections of one component share its load: whoever is at our end of a conversation always reaches the same
//! one. It reads and writes no socket (`session/component`) and decides nothing about what stanzas mean.

pub(crate) mod queue;
mod shown;

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use store::JidNo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wire::{Jid, Stanza, StanzaError};

use crate::failures::unreadable;
use crate::registry::Registry;
use crate::sender::Link;
use crate::server::Server;
use crate::session::mailbox::Outgoing;
use queue::Queue;
use shown::Shown;

/// How many answers to one connection's requests may be under way beside it.
const ANSWERS_MAX: usize = 1_024;

/// A component that may connect.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its domain, normalized; no domain or service of ours.
    pub domain: String,
    /// What it and we know.
    pub secret: Secret,
    /// Which of its connections a stanza goes to.
    pub share: Share,
    /// Connections at the same time.
    pub connections: usize,
    /// Bytes that may wait for one connection; what comes beyond is refused with `resource-constraint`.
    pub queue_bytes: usize,
    /// What it is called in the list of a domain's services; none is listed without.
    pub name: Option<String>,
}

impl Component {
    /// One with everything else at its default.
    pub fn new(domain: &str, secret: &str) -> Component {
        Component {
            domain: domain.to_owned(),
            secret: Secret::new(secret),
            share: Share::Sender,
            connections: 8,
            queue_bytes: 8 * 1024 * 1024,
            name: None,
        }
    }
}

/// What must not be told: it is written nowhere, not even when the settings are.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Keeps it.
    pub fn new(text: &str) -> Secret {
        Secret(text.into())
    }

    /// For computing with it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// By whom the load is shared between the connections of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// By the bare address of who sends: all of one person's stanzas go to one connection.
    Sender,
    /// By the bare address at the component: all stanzas to one of its addresses go to one connection.
    Recipient,
}

/// Every component that may connect, and those that are.
pub struct Components {
    by_domain: HashMap<String, Connected>,
    next: AtomicU64,
    /// The numbers of addresses at components, with the addresses.
    numbers: RwLock<HashMap<JidNo, Jid>>,
}

struct Connected {
    component: Component,
    instances: RwLock<Vec<Arc<Instance>>>,
    /// Who was shown as available by them.
    shown: Mutex<Shown>,
}

/// What a connection leaves behind.
pub(crate) struct Gone {
    /// Who was shown as available, to whom, and can be reached no more.
    pub(crate) shown: Vec<(Jid, Jid)>,
    /// What it had not taken.
    pub(crate) untaken: VecDeque<Arc<[u8]>>,
}

/// One connection of a component.
pub(crate) struct Instance {
    /// Unique within this process.
    id: u64,
    /// What waits to be written to it.
    pub(crate) queue: Queue,
    beside: Arc<Semaphore>,
}

/// Reads which addresses at components have numbers, and learns of those that get one later.
pub(crate) async fn know_numbers(server: &Arc<Server>) -> Result<(), StanzaError> {
    let jids = server.store.jids();
    let told = Arc::downgrade(server);
    jids.on_given(move |no, jid| {
        if let Some(server) = told.upgrade() {
            server.components.numbered(&server.registry, no, jid);
        }
    });
    for domain in server.components.by_domain.keys() {
        let known = jids.at_domain(domain).await.map_err(|error| unreadable(&error))?;
        for (no, jid) in known {
            server.components.numbered(&server.registry, no, &jid);
        }
    }
    Ok(())
}

impl Link for Instance {
    fn reply(&self, stanza: Arc<[u8]>) {
        // Whoever asks faster than it reads loses answers, as it would with the connection.
        let _ = self.queue.push(stanza);
    }

    fn wait_beside(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.beside).try_acquire_owned().ok()
    }
}

impl Components {
    pub(crate) fn new(components: &[Component]) -> Components {
        let connected = |component: &Component| Connected {
            component: component.clone(),
            instances: RwLock::default(),
            shown: Mutex::default(),
        };
        Components {
            by_domain: components
                .iter()
                .map(|component| (component.domain.clone(), connected(component)))
                .collect(),
            next: AtomicU64::new(1),
            numbers: RwLock::default(),
        }
    }

    /// Whether a domain is a component's, connected or not.
    pub fn has(&self, domain: &str) -> bool {
        !self.by_domain.is_empty() && self.by_domain.contains_key(domain)
    }

    /// The component of a domain.
    pub fn of(&self, domain: &str) -> Option<&Component> {
        self.by_domain.get(domain).map(|connected| &connected.component)
    }

    /// The components that are connected and have a name for people, by domain.
    pub(crate) fn listed(&self) -> Vec<(&str, &str)> {
        let mut listed: Vec<_> = self
            .by_domain
            .values()
            .filter(|connected| !connected.instances.read().is_empty())
            .filter_map(|connected| {
                let name = connected.component.name.as_deref()?;
                Some((connected.component.domain.as_str(), name))
            })
            .collect();
        listed.sort_unstable();
        listed
    }

    /// How many connections of components there are.
    pub fn count(&self) -> usize {
        self.by_domain
            .values()
            .map(|connected| connected.instances.read().len())
            .sum()
    }

    /// Takes a connection in; `None` when its component has as many as it may.
    pub(crate) fn come(&self, domain: &str, registry: &Registry) -> Option<Arc<Instance>> {
        let connected = self.by_domain.get(domain)?;
        let mut instances = connected.instances.write();
        if instances.len() >= connected.component.connections {
            return None;
        }
        let instance = Arc::new(Instance {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            queue: Queue::new(connected.component.queue_bytes),
            beside: Arc::new(Semaphore::new(ANSWERS_MAX)),
        });
        instances.push(Arc::clone(&instance));
        if instances.len() == 1 {
            self.mark(domain, registry, Registry::set_outside);
        }
        Some(instance)
    }

    /// A connection is gone. Gives whom it showed to whom as available, when it was the last one, and what it had not taken.
    pub(crate) fn gone(&self, domain: &str, instance: &Instance, registry: &Registry) -> Gone {
        let mut gone = Gone {
            shown: Vec::new(),
            untaken: instance.queue.close(),
        };
        let Some(connected) = self.by_domain.get(domain) else {
            return gone;
        };
        let mut instances = connected.instances.write();
        instances.retain(|other| other.id != instance.id);
        if instances.is_empty() {
            self.mark(domain, registry, Registry::clear_outside);
            gone.shown = connected.shown.lock().take();
        }
        gone
    }

    fn mark(&self, domain: &str, registry: &Registry, mark: fn(&Registry, JidNo)) {
        for (no, jid) in self.numbers.read().iter() {
            if jid.domain() == domain {
                mark(registry, *no);
            }
        }
    }

    /// An address got a number: fan-out, which knows numbers only, is to find those at components.
    pub(crate) fn numbered(&self, registry: &Registry, no: JidNo, jid: &str) {
        if self.by_domain.is_empty() {
            return;
        }
        let domain = jid.split_once('@').map_or(jid, |(_, domain)| domain);
        let Some((connected, jid)) = self.by_domain.get(domain).zip(Jid::parse(jid).ok()) else {
            return;
        };
        // Held until both are noted, so that it is not marked as there just after the component went.
        let instances = connected.instances.read();
        self.numbers.write().insert(no, jid);
        if !instances.is_empty() {
            registry.set_outside(no);
        }
    }

    /// The bare address at a component that has this number.
    pub(crate) fn address(&self, no: JidNo) -> Option<Jid> {
        if self.by_domain.is_empty() {
            return None;
        }
        self.numbers.read().get(&no).cloned()
    }

    /// Hands a stanza to a component. What one sender hands over arrives in that order.
    ///
    /// # Errors
    /// What the sender is told: `remote-server-timeout` while the component is not connected, `resource-constraint` when it
    /// does not read.
    pub(crate) fn deliver(&self, from: &Jid, stanza: &Stanza, to: &Jid) -> Result<(), StanzaError> {
        self.push(from.bare_str(), to, stanza.shared())
    }

    /// Hands over something made here, from one of our accounts or services.
    ///
    /// # Errors
    /// As [`Components::deliver`].
    pub(crate) fn send(&self, from: &str, to: &Jid, out: &Outgoing) -> Result<(), StanzaError> {
        let bytes = match out {
            Outgoing::Stanza(bytes) => Arc::clone(bytes),
            Outgoing::Shared(_) => {
                let mut bytes = Vec::new();
                out.write(to, &mut bytes);
                bytes.into()
            }
        };
        self.push(from, to, bytes)
    }

    fn push(&self, from: &str, to: &Jid, stanza: Arc<[u8]>) -> Result<(), StanzaError> {
        let connected = self
            .by_domain
            .get(to.domain())
            .ok_or_else(StanzaError::remote_server_not_found)?;
        let key = match connected.component.share {
            Share::Sender => from,
            Share::Recipient => to.bare_str(),
        };
        let instances = connected.instances.read();
        let chosen = chosen(&instances, key)
            .ok_or_else(|| StanzaError::remote_server_timeout().text("the component is not connected"))?;
        chosen
            .queue
            .push(stanza)
            .map_err(|_| StanzaError::resource_constraint().text("too much waits for the component"))
    }

    /// Notes what a component's user showed to one of our addresses: that they are available, or not any more.
    pub(crate) fn note_shown(&self, from: &Jid, to: &Jid, is_available: bool) {
        if let Some(connected) = self.by_domain.get(from.domain()) {
            let mut shown = connected.shown.lock();
            if is_available {
                shown.add(from, to);
            } else {
                shown.remove(from, to);
            }
        }
    }
}

/// The connection that a key belongs to: the same one as long as it is there, and when one goes or comes only its own share
/// moves (highest random weight).
fn chosen<'a>(instances: &'a [Arc<Instance>], key: &str) -> Option<&'a Arc<Instance>> {
    match instances {
        [] => None,
        [only] => Some(only),
        several => several.iter().max_by_key(|instance| {
            let mut hasher = DefaultHasher::new();
            (instance.id, key).hash(&mut hasher);
            hasher.finish()
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let shown = format!("{:?}", Component::new("irc.localhost", "verona"));
        assert!(!shown.contains("verona"), "{shown}");
    }

    #[test]
    fn one_address_stays_with_one_connection_and_only_a_share_moves() {
        let registry = Registry::default();
        let components = Components::new(&[Component::new("irc.localhost", "verona")]);
        let come = || components.come("irc.localhost", &registry).unwrap();
        let (a, b, c) = (come(), come(), come());
        let all = [a, b, c.clone()];
        let keys: Vec<_> = (0..3_000).map(|no| format!("person-{no}@localhost")).collect();
        let before: Vec<_> = keys.iter().map(|key| chosen(&all, key).unwrap().id).collect();
        for instance in &all {
            let share = before.iter().filter(|id| **id == instance.id).count();
            assert!((800..1_200).contains(&share), "{share}");
        }
        for (key, before) in keys.iter().zip(before) {
            let after = chosen(&all[..2], key).unwrap().id;
            assert!(after == before || before == c.id, "{key} moved");
        }
    }
}
