//! Every account's roster: loaded at first need, kept while used, changed in memory and stored in one step.
//!
//! A change counts when its write is committed; whoever tells others waits for that. When a write fails, or nobody stayed to
//! learn what became of it, the roster is read again from the store before anything is asked or changed. Subscription rules
//! are in `roster`.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use lru::LruCache;
use parking_lot::Mutex;
use pubsub::{Actor, Blocking, Relation, Relations};
use store::roster::{RosterItem, Subscription};
use store::{JidNo, Pending, Store, Ticket, Write};
use wire::{BareJid, Jid, StanzaError};

use crate::blocking::Blocks;
use crate::failures::{unreadable, unwritable};
use crate::roster::contact::{Contact, Details, Request, Roster};

/// The most requests that wait for one account; others are refused until some are answered.
pub const REQUESTS_MAX: usize = 1_000;
/// How many rosters are kept that nobody uses at the moment.
const KEPT: usize = 50_000;

/// One account's roster, shared by whoever works with it.
pub struct Held {
    inner: Mutex<Inner>,
}

struct Inner {
    roster: Roster,
    /// How many changes were handed in: whoever read the store before the last of them read too little.
    changes: u64,
    /// A change may not have been stored: what is here is not to be built upon.
    is_unsure: bool,
}

impl Held {
    fn new(roster: Roster) -> Held {
        Held {
            inner: Mutex::new(Inner {
                roster,
                changes: 0,
                is_unsure: false,
            }),
        }
    }

    /// Looks at the roster. The closure must be quick: others wait.
    pub fn with<T>(&self, look: impl FnOnce(&Roster) -> T) -> T {
        look(&self.inner.lock().roster)
    }

    fn is_unsure(&self) -> bool {
        self.inner.lock().is_unsure
    }
}

/// A change whose write is under way. Dropped without [`Unsettled::settled`], it leaves the roster unsure.
struct Unsettled<'a>(Option<&'a Held>);

impl Unsettled<'_> {
    fn settled(mut self) {
        self.0 = None;
    }
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        if let Some(held) = self.0 {
            held.inner.lock().is_unsure = true;
        }
    }
}

/// What became of an attempt to change a roster.
enum Attempt<T, C> {
    /// Nothing was to be stored.
    Unchanged(T),
    /// It is being stored.
    Changed(T, Pending),
    /// The roster is to be read again first.
    Unsure(C),
}

/// The rosters of this server's accounts.
pub struct Rosters {
    store: Store,
    blocks: Arc<Blocks>,
    held: Mutex<LruCache<JidNo, Arc<Held>>>,
    /// The last write of any roster: who reads the store waits for it.
    last: Mutex<Ticket>,
}

impl Rosters {
    pub(crate) fn new(store: Store, blocks: Arc<Blocks>) -> Rosters {
        Rosters {
            store,
            blocks,
            held: Mutex::new(LruCache::unbounded()),
            last: Mutex::new(Ticket::NONE),
        }
    }

    /// A roster that is in memory.
    pub fn cached(&self, no: JidNo) -> Option<Arc<Held>> {
        self.held.lock().get(&no).cloned()
    }

    /// An account's roster; empty when there is no such account.
    ///
    /// # Errors
    /// `internal-server-error` or `resource-constraint` when the store cannot be read.
    pub async fn of(&self, no: JidNo) -> Result<Arc<Held>, StanzaError> {
        if let Some(held) = self.cached(no) {
            self.make_sure(no, &held).await?;
            return Ok(held);
        }
        let roster = self.load(no).await?;
        let mut all = self.held.lock();
        // Whoever came first may have changed it already.
        let held = all.get_or_insert(no, || Arc::new(Held::new(roster))).clone();
        // One in use goes to the front again, so that there are never two of the same account.
        for _ in 0..8 {
            if all.len() <= KEPT {
                break;
            }
            let Some((oldest, kept)) = all.pop_lru() else {
                break;
            };
            if Arc::strong_count(&kept) > 1 {
                all.put(oldest, kept);
            }
        }
        Ok(held)
    }

    /// Drops what is in memory, for an account that is deleted.
    pub(crate) fn forget(&self, no: JidNo) {
        self.held.lock().pop(&no);
    }

    /// Whether an account blocks somebody known by number; so too when that cannot be found out.
    async fn is_blocked(&self, owner: JidNo, actor: JidNo) -> bool {
        match self.store.jids().name(actor).await {
            Ok(name) => name
                .and_then(|name| Jid::parse(&name).ok())
                .is_some_and(|jid| self.blocks.blocks(owner, actor, &jid)),
            Err(_) => true,
        }
    }

    async fn load(&self, no: JidNo) -> Result<Roster, StanzaError> {
        let last = *self.last.lock();
        self.store.wait(last).await;
        let read = self
            .store
            .read(move |reader| Ok((reader.roster(no)?, reader.presence_requests(no)?)))
            .await;
        let (stored, requests) = read.map_err(|error| unreadable(&error))?;
        let numbers: Vec<JidNo> = stored
            .items
            .iter()
            .map(|row| row.contact)
            .chain(requests.iter().map(|row| row.contact))
            .collect();
        let names = self
            .store
            .jids()
            .names(&numbers)
            .await
            .map_err(|error| unreadable(&error))?;
        // The texts are shared by every roster that has the address.
        let mut addresses = names
            .iter()
            .map(|name| BareJid::parse_shared(name.as_ref()?).ok());
        let mut contacts = Vec::with_capacity(stored.items.len());
        for row in stored.items {
            if let Some(jid) = addresses.next().flatten() {
                contacts.push(contact_of(row, jid));
            }
        }
        let mut waiting = Vec::with_capacity(requests.len());
        for row in requests {
            if let Some(jid) = addresses.next().flatten() {
                waiting.push(Request {
                    no: row.contact,
                    jid,
                    stanza: row.stanza.into(),
                });
            }
        }
        Ok(Roster::new(stored.version, contacts, waiting))
    }

    /// Changes a roster in memory and hands the write in, in one step; resolves when it is stored. `change` returns what
    /// to store, nothing when nothing changed.
    ///
    /// # Errors
    /// What `change` refuses; an error of the store, after which the roster is as it was stored last.
    pub async fn change<T>(
        &self,
        no: JidNo,
        change: impl FnOnce(&mut Roster) -> Result<(T, Vec<Write>), StanzaError>,
    ) -> Result<T, StanzaError> {
        let mut change = change;
        loop {
            let held = self.of(no).await?;
            let (value, pending) = match self.step(&held, change)? {
                Attempt::Unchanged(value) => return Ok(value),
                Attempt::Changed(value, pending) => (value, pending),
                Attempt::Unsure(again) => {
                    change = again;
                    continue;
                }
            };
            let unsettled = Unsettled(Some(&held));
            let Err(error) = pending.await else {
                unsettled.settled();
                return Ok(value);
            };
            drop(unsettled);
            self.make_sure(no, &held).await?;
            return Err(unwritable(&error));
        }
    }

    /// Reads a roster again if a change of it may not have been stored. Until then nobody changes it.
    async fn make_sure(&self, no: JidNo, held: &Held) -> Result<(), StanzaError> {
        while held.is_unsure() {
            let changes = held.inner.lock().changes;
            let stored = self.load(no).await?;
            let mut inner = held.inner.lock();
            // Somebody else may have done it meanwhile, and others have built upon that.
            if inner.is_unsure && inner.changes == changes {
                inner.roster = stored;
                inner.is_unsure = false;
            }
        }
        Ok(())
    }

    fn step<T, C>(&self, held: &Held, change: C) -> Result<Attempt<T, C>, StanzaError>
    where
        C: FnOnce(&mut Roster) -> Result<(T, Vec<Write>), StanzaError>,
    {
        let mut inner = held.inner.lock();
        if inner.is_unsure {
            return Ok(Attempt::Unsure(change));
        }
        let (value, writes) = change(&mut inner.roster)?;
        if writes.is_empty() {
            return Ok(Attempt::Unchanged(value));
        }
        inner.changes += 1;
        let pending = self.store.write(Write::all(writes));
        let mut last = self.last.lock();
        *last = (*last).max(pending.ticket());
        Ok(Attempt::Changed(value, pending))
    }
}

/// The write that stores a changed contact.
pub(crate) fn put_contact(owner: JidNo, contact: &Contact, version: i64) -> Write {
    store::roster::put(owner, row_of(contact), version)
}

fn contact_of(row: RosterItem, jid: BareJid) -> Contact {
    let is_plain = row.name.is_empty() && row.groups.is_empty();
    let details = || Details {
        name: Some(row.name).filter(|name| !name.is_empty()),
        groups: row.groups.into_iter().map(Arc::from).collect(),
    };
    Contact {
        no: row.contact,
        jid,
        sees_it: matches!(row.subscription, Subscription::To | Subscription::Both),
        sees_us: matches!(row.subscription, Subscription::From | Subscription::Both),
        is_asked: row.ask,
        is_approved: row.approved,
        details: (!is_plain).then(|| Box::new(details())),
    }
}

fn row_of(contact: &Contact) -> RosterItem {
    RosterItem {
        contact: contact.no,
        name: contact
            .details
            .as_ref()
            .and_then(|details| details.name.clone())
            .unwrap_or_default(),
        groups: contact.groups().iter().map(ToString::to_string).collect(),
        subscription: match (contact.sees_it, contact.sees_us) {
            (false, false) => Subscription::None,
            (true, false) => Subscription::To,
            (false, true) => Subscription::From,
            (true, true) => Subscription::Both,
        },
        ask: contact.is_asked,
        approved: contact.is_approved,
    }
}

impl Relations for Rosters {
    fn relation(&self, owner: JidNo, actor: JidNo) -> BoxFuture<'_, Relation> {
        Box::pin(async move {
            // Who is blocked has no part in what is for contacts, by whatever way it is read.
            if self.blocks.of(owner).is_some() && self.is_blocked(owner, actor).await {
                return Relation::default();
            }
            match self.of(owner).await {
                Ok(held) => held.with(|roster| relation(roster, actor)),
                // Who cannot be looked up has no relation, which shows less, never more.
                Err(_) => Relation::default(),
            }
        })
    }

    fn blocking(&self, actor: &Actor, other: JidNo, other_jid: &BareJid) -> Blocking {
        let theirs = self.blocks.of(other);
        Blocking {
            blocks: self.blocks.blocks(actor.no, other, &other_jid.clone().into()),
            is_blocked: theirs.is_some_and(|list| list.names(actor.no, &actor.jid)),
        }
    }
}

/// How somebody stands to a roster's owner, for access models.
pub(crate) fn relation(roster: &Roster, actor: JidNo) -> Relation {
    roster
        .contact(actor)
        .map_or_else(Relation::default, |contact| Relation {
            has_presence: contact.sees_us,
            groups: contact.groups().to_vec(),
        })
}
