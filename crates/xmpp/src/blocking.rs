//! Who blocks whom: XEP-0191, <https://xmpp.org/extensions/xep-0191.html>. Asked wherever a stanza goes from one account to
//! another; the requests are in `xep/blocking`.
//!
//! The lists of all accounts are in memory, bare addresses as numbers. An account without a list costs a look at one bit.
//! A change counts once it is stored. Blocking is polite (§4): presence subscriptions and follows stay as they are, and
//! nothing is delivered over them while they are blocked.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use store::blocking::Blocked;
use store::{JidNo, Store};
use wire::{ErrorType, Jid, StanzaError};

use crate::failures::{unreadable, unwritable};

/// The most addresses that one account may block.
pub const BLOCKED_MAX: usize = 1_000;
/// Words of 64 bits that say which accounts may have a list; accounts share bits beyond 65,536.
const WORDS: usize = 1_024;
const ERRORS: &str = "urn:xmpp:blocking:errors";

/// §3.3: what the user is told who writes to somebody blocked.
pub(crate) fn blocked_error() -> StanzaError {
    StanzaError::not_acceptable()
        .kind(ErrorType::Cancel)
        .app("blocked", ERRORS)
}

/// What one account blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockList {
    /// Bare addresses of people, sorted.
    people: Vec<JidNo>,
    /// Full addresses and domains, with the numbers of their bare addresses.
    others: Vec<(JidNo, Jid)>,
}

impl BlockList {
    /// §5: whether it names the address, its bare address or its domain.
    pub(crate) fn names(&self, no: JidNo, jid: &Jid) -> bool {
        self.people.binary_search(&no).is_ok()
            || self.others.iter().any(|(_, other)| {
                other == jid || (other.node().is_none() && other.is_bare() && other.domain() == jid.domain())
            })
    }

    fn is_empty(&self) -> bool {
        self.people.is_empty() && self.others.is_empty()
    }

    fn len(&self) -> usize {
        self.people.len() + self.others.len()
    }

    fn has(&self, no: JidNo, jid: &Jid) -> bool {
        if is_person(jid) {
            self.people.binary_search(&no).is_ok()
        } else {
            self.others.iter().any(|(_, other)| other == jid)
        }
    }

    fn add(&mut self, no: JidNo, jid: Jid) {
        if !is_person(&jid) {
            self.others.push((no, jid));
        } else if let Err(place) = self.people.binary_search(&no) {
            self.people.insert(place, no);
        }
    }

    fn remove(&mut self, no: JidNo, jid: &Jid) {
        if is_person(jid) {
            self.people.retain(|other| *other != no);
        } else {
            self.others.retain(|(_, other)| other != jid);
        }
    }

    fn rows(&self) -> Vec<Blocked> {
        let people = self.people.iter().map(|no| Blocked {
            contact: *no,
            resource: String::new(),
        });
        let others = self.others.iter().map(|(no, jid)| row(*no, jid));
        people.chain(others).collect()
    }
}

fn is_person(jid: &Jid) -> bool {
    jid.is_bare() && jid.node().is_some()
}

fn row(no: JidNo, jid: &Jid) -> Blocked {
    Blocked {
        contact: no,
        resource: jid.resource().unwrap_or_default().to_owned(),
    }
}

/// What a client asks to change.
pub(crate) enum Wish {
    /// §3.3
    Block(Vec<Jid>),
    /// §3.4
    Unblock(Vec<Jid>),
    /// §3.5
    UnblockAll,
}

/// A list before and after a change.
pub(crate) struct Changed {
    pub before: Arc<BlockList>,
    pub after: Arc<BlockList>,
}

/// What may stand between two accounts.
pub(crate) struct Between {
    one: (JidNo, Option<Arc<BlockList>>),
    other: (JidNo, Option<Arc<BlockList>>),
}

impl Between {
    /// Whether one of them blocks the other, each as the address given.
    pub fn parts(&self, one: &Jid, other: &Jid) -> bool {
        let names =
            |list: &Option<Arc<BlockList>>, no, jid| list.as_ref().is_some_and(|list| list.names(no, jid));
        names(&self.one.1, self.other.0, other) || names(&self.other.1, self.one.0, one)
    }
}

/// The block lists of this server's accounts.
pub struct Blocks {
    store: Store,
    /// A bit for every account that has, or had, a list.
    marks: Box<[AtomicU64]>,
    lists: RwLock<HashMap<JidNo, Arc<BlockList>>>,
    /// One change at a time, so that each begins with what the last one stored.
    turn: tokio::sync::Mutex<()>,
}

impl Blocks {
    /// Reads every list.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn load(store: Store) -> Result<Blocks, StanzaError> {
        let read = store.read(store::Reader::all_blocked).await;
        let mut lists: HashMap<JidNo, BlockList> = HashMap::new();
        for (no, blocked, bare) in read.map_err(|error| unreadable(&error))? {
            let text = if blocked.resource.is_empty() {
                bare
            } else {
                format!("{bare}/{}", blocked.resource)
            };
            if let Ok(jid) = Jid::parse(&text) {
                lists.entry(no).or_default().add(blocked.contact, jid);
            }
        }
        let blocks = Blocks {
            store,
            marks: (0..WORDS).map(|_| AtomicU64::new(0)).collect(),
            lists: RwLock::default(),
            turn: tokio::sync::Mutex::default(),
        };
        for (no, list) in lists {
            blocks.keep(no, Arc::new(list));
        }
        Ok(blocks)
    }

    fn mark(&self, no: JidNo) -> (&AtomicU64, u64) {
        (&self.marks[no.0 as usize / 64 % WORDS], 1 << (no.0 % 64))
    }

    fn keep(&self, no: JidNo, list: Arc<BlockList>) {
        let mut lists = self.lists.write();
        if list.is_empty() {
            lists.remove(&no);
            return;
        }
        lists.insert(no, list);
        let (word, bit) = self.mark(no);
        word.fetch_or(bit, Ordering::Release);
    }

    /// An account's list, if it blocks anybody.
    pub(crate) fn of(&self, no: JidNo) -> Option<Arc<BlockList>> {
        let (word, bit) = self.mark(no);
        if word.load(Ordering::Acquire) & bit == 0 {
            return None;
        }
        self.lists.read().get(&no).cloned()
    }

    /// Whether an account blocks an address; never its own (§5 with XEP-0016 §2.1).
    pub(crate) fn blocks(&self, no: JidNo, other: JidNo, jid: &Jid) -> bool {
        no != other && self.of(no).is_some_and(|list| list.names(other, jid))
    }

    /// What may stand between two accounts; nothing when neither blocks anybody.
    pub(crate) fn between(&self, one: JidNo, other: JidNo) -> Option<Between> {
        if one == other {
            return None;
        }
        let (ours, theirs) = (self.of(one), self.of(other));
        (ours.is_some() || theirs.is_some()).then_some(Between {
            one: (one, ours),
            other: (other, theirs),
        })
    }

    /// Everything that an account blocks, as text.
    pub(crate) async fn texts(&self, no: JidNo) -> Result<Vec<String>, StanzaError> {
        let Some(list) = self.of(no) else {
            return Ok(Vec::new());
        };
        let names = self.store.jids().names(&list.people).await;
        let people = names
            .map_err(|error| unreadable(&error))?
            .into_iter()
            .flatten()
            .map(|name| name.to_string());
        let others = list.others.iter().map(|(_, jid)| jid.as_str().to_owned());
        Ok(people.chain(others).collect())
    }

    /// Changes an account's list; resolves when it is stored and in force.
    ///
    /// # Errors
    /// `resource-constraint` beyond [`BLOCKED_MAX`] addresses; an error of the store, after which nothing is changed.
    pub(crate) async fn change(&self, no: JidNo, wish: Wish) -> Result<Changed, StanzaError> {
        let _turn = self.turn.lock().await;
        let before = self.of(no).unwrap_or_default();
        let mut after = BlockList::clone(&before);
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        match wish {
            Wish::Block(jids) => {
                // Before any of them is given a number.
                if jids.len() > BLOCKED_MAX {
                    return Err(StanzaError::resource_constraint());
                }
                let bare: Vec<_> = jids.iter().map(Jid::bare_str).collect();
                let numbers = self.store.jids().numbers(&bare).await;
                let numbers = numbers.map_err(|error| unreadable(&error))?;
                for (jid, contact) in jids.into_iter().zip(numbers) {
                    if !after.has(contact, &jid) {
                        added.push(row(contact, &jid));
                        after.add(contact, jid);
                    }
                }
                if after.len() > BLOCKED_MAX {
                    return Err(StanzaError::resource_constraint());
                }
            }
            Wish::Unblock(jids) => {
                for jid in jids {
                    let found = self.store.jids().find(jid.bare_str()).await;
                    if let Some(contact) = found.map_err(|error| unreadable(&error))? {
                        removed.push(row(contact, &jid));
                        after.remove(contact, &jid);
                    }
                }
            }
            Wish::UnblockAll => {
                removed = before.rows();
                after = BlockList::default();
            }
        }
        if *before != after {
            let written = self
                .store
                .write(store::blocking::change(no, added, removed))
                .await;
            written.map_err(|error| unwritable(&error))?;
        }
        let after = Arc::new(after);
        self.keep(no, after.clone());
        Ok(Changed { before, after })
    }

    /// Drops the list of an account that is deleted.
    pub(crate) fn forget(&self, no: JidNo) {
        self.lists.write().remove(&no);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn jid(text: &str) -> Jid {
        Jid::parse(text).unwrap()
    }

    /// §5, each kind of address against each.
    #[test]
    fn an_address_a_bare_address_or_a_domain() {
        let all = [
            (JidNo(1), "romeo@a.example/orchard"),
            (JidNo(1), "romeo@a.example"),
            (JidNo(2), "tybalt@a.example/home"),
            (JidNo(3), "a.example/desk"),
            (JidNo(3), "a.example"),
            (JidNo(4), "pubsub.a.example"),
        ];
        let cases = [
            ("romeo@a.example/orchard", "100000"),
            ("romeo@a.example", "110000"),
            ("a.example/desk", "000100"),
            ("a.example", "111110"),
            ("pubsub.a.example", "000001"),
        ];
        for (blocked, expected) in cases {
            let (no, _) = all.iter().find(|(_, text)| *text == blocked).unwrap();
            let mut list = BlockList::default();
            list.add(*no, jid(blocked));
            let found: String = all
                .iter()
                .map(|(no, text)| if list.names(*no, &jid(text)) { '1' } else { '0' })
                .collect();
            assert_eq!(found, expected, "{blocked}");
            assert!(list.has(*no, &jid(blocked)));
            list.remove(*no, &jid(blocked));
            assert!(list.is_empty());
        }
    }
}
