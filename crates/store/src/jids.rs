//! Numbers for bare JIDs, so that subscribers, rosters and publishers are integers everywhere else.
//!
//! A number is given in memory and saved with the first transaction that could use it. JIDs come prepared
//! (RFC 7622); this file takes any text.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use lru::LruCache;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::ids::JidNo;
use crate::queue::WriteQueue;
use crate::read::{ReadError, ReadQueue, Reader};
use crate::write::{Tx, WriteError};

/// Numbers not yet saved that make the writer save them although nothing else is to be written.
const MANY_UNSAVED: usize = 1_024;

type OnGiven = Box<dyn Fn(JidNo, &str) + Send + Sync>;
type Waiters = Vec<oneshot::Sender<Result<JidNo, ReadError>>>;

struct State {
    by_name: LruCache<Arc<str>, JidNo>,
    by_number: LruCache<JidNo, Arc<str>>,
    /// In the order in which they were given. Never forgotten before they are in the database.
    unsaved: Vec<(JidNo, Arc<str>)>,
    unsaved_by_name: HashMap<Arc<str>, JidNo>,
    unsaved_by_number: HashMap<JidNo, Arc<str>>,
    /// Names that a reading thread is looking up; whoever asks meanwhile waits for the same answer.
    looked_up: HashMap<Arc<str>, Waiters>,
    next: u32,
}

/// The two-way table of bare JIDs and numbers: a bounded cache over the table `jids`.
pub struct Jids {
    state: Mutex<State>,
    unsaved_count: AtomicUsize,
    capacity: usize,
    reads: Arc<ReadQueue>,
    writes: Arc<WriteQueue>,
    given: OnceLock<OnGiven>,
}

impl Jids {
    pub(crate) fn new(
        largest: Option<i64>,
        capacity: usize,
        reads: Arc<ReadQueue>,
        writes: Arc<WriteQueue>,
    ) -> Jids {
        let state = State {
            by_name: LruCache::unbounded(),
            by_number: LruCache::unbounded(),
            unsaved: Vec::new(),
            unsaved_by_name: HashMap::new(),
            unsaved_by_number: HashMap::new(),
            looked_up: HashMap::new(),
            next: largest.unwrap_or(0) as u32 + 1,
        };
        let state = Mutex::new(state);
        Jids {
            state,
            unsaved_count: AtomicUsize::new(0),
            capacity,
            reads,
            writes,
            given: OnceLock::new(),
        }
    }

    /// Calls this, once set, for every number that is given. It must be quick and ask nothing of this table.
    pub fn on_given(&self, call: impl Fn(JidNo, &str) + Send + Sync + 'static) {
        // Set once, by the server that was just built.
        let _ = self.given.set(Box::new(call));
    }

    /// Every number of an address at a domain. It reads the whole table.
    pub async fn at_domain(&self, domain: &str) -> Result<Vec<(JidNo, String)>, ReadError> {
        let wanted = domain.to_owned();
        let mut found = self.reads.read(move |reader| reader.jids_at(&wanted)).await?;
        let state = self.state.lock();
        let is_there = |jid: &str| jid.split_once('@').map_or(jid, |(_, domain)| domain) == domain;
        let unsaved = state.unsaved.iter().filter(|(_, jid)| is_there(jid));
        found.extend(unsaved.map(|(no, jid)| (*no, jid.to_string())));
        Ok(found)
    }

    /// The number of a bare JID, given now if it has none. Any write handed in afterwards may use it.
    pub async fn number(self: &Arc<Self>, jid: &str) -> Result<JidNo, ReadError> {
        let receiver = {
            let mut state = self.state.lock();
            if let Some(no) = state.number(jid) {
                return Ok(no);
            }
            let (sender, receiver) = oneshot::channel();
            let name: Arc<str> = jid.into();
            match state.looked_up.entry(Arc::clone(&name)) {
                Entry::Occupied(mut waiters) => waiters.get_mut().push(sender),
                Entry::Vacant(empty) => {
                    empty.insert(vec![sender]);
                    if let Err(error) = self.look_up(Arc::clone(&name)) {
                        state.looked_up.remove(&name);
                        return Err(error);
                    }
                }
            }
            receiver
        };
        receiver.await.unwrap_or(Err(ReadError::Closed))
    }

    /// The numbers of several bare JIDs, in their order, given now where they have none.
    pub async fn numbers<S: AsRef<str>>(self: &Arc<Self>, jids: &[S]) -> Result<Vec<JidNo>, ReadError> {
        let mut numbers = Vec::with_capacity(jids.len());
        for jid in jids {
            numbers.push(self.number(jid.as_ref()).await?);
        }
        Ok(numbers)
    }

    /// The number of a bare JID if it is known without asking the database.
    #[must_use]
    pub fn number_cached(&self, jid: &str) -> Option<JidNo> {
        self.state.lock().number(jid)
    }

    /// The number of a bare JID if it has one. Gives none: for what strangers ask.
    pub async fn find(&self, jid: &str) -> Result<Option<JidNo>, ReadError> {
        if let Some(no) = self.number_cached(jid) {
            return Ok(Some(no));
        }
        let name: Arc<str> = jid.into();
        let asked = Arc::clone(&name);
        let found = self.reads.read(move |reader| reader.jid_number(&asked)).await?;
        let mut state = self.state.lock();
        match found {
            Some(no) => {
                state.remember(no, name, self.capacity);
                Ok(Some(no))
            }
            // It may have been given one meanwhile.
            None => Ok(state.number(&name)),
        }
    }

    /// The bare JID of a number; `None` for a number that was never given.
    pub async fn name(&self, no: JidNo) -> Result<Option<Arc<str>>, ReadError> {
        Ok(self.names(&[no]).await?.pop().flatten())
    }

    /// The bare JID of a number if it is known without asking the database.
    #[must_use]
    pub fn name_cached(&self, no: JidNo) -> Option<Arc<str>> {
        self.state.lock().name(no)
    }

    /// The bare JIDs of several numbers, in their order; one read for all that are not cached.
    pub async fn names(&self, numbers: &[JidNo]) -> Result<Vec<Option<Arc<str>>>, ReadError> {
        let mut names: Vec<_> = {
            let mut state = self.state.lock();
            numbers.iter().map(|no| state.name(*no)).collect()
        };
        let missing: Vec<(usize, JidNo)> = numbers
            .iter()
            .copied()
            .enumerate()
            .filter(|(place, _)| names[*place].is_none())
            .collect();
        if missing.is_empty() {
            return Ok(names);
        }
        let found = self
            .reads
            .read(move |reader| {
                missing
                    .into_iter()
                    .map(|(place, no)| Ok((place, no, reader.jid_name(no)?)))
                    .collect::<Result<Vec<_>, ReadError>>()
            })
            .await?;
        let mut state = self.state.lock();
        for (place, no, name) in found {
            if let Some(name) = name {
                let name: Arc<str> = name.into();
                state.remember(no, Arc::clone(&name), self.capacity);
                names[place] = Some(name);
            }
        }
        Ok(names)
    }

    /// Has a reading thread find the number or give one. Runs to its end whoever stops waiting.
    fn look_up(self: &Arc<Self>, name: Arc<str>) -> Result<(), ReadError> {
        let this = Arc::clone(self);
        let asked = Arc::clone(&name);
        self.reads.submit(
            move |reader| reader.jid_number(&asked),
            move |found| this.looked_up(&name, &found),
        )
    }

    fn looked_up(&self, name: &Arc<str>, found: &Result<Option<JidNo>, ReadError>) {
        let mut state = self.state.lock();
        let result = match found {
            Ok(Some(no)) => {
                state.remember(*no, Arc::clone(name), self.capacity);
                Ok(*no)
            }
            Ok(None) => state.give(name, self.capacity).inspect(|no| {
                if let Some(call) = self.given.get() {
                    call(*no, name);
                }
            }),
            Err(error) => Err(error.clone()),
        };
        let waiters = state.looked_up.remove(name).unwrap_or_default();
        let unsaved = state.unsaved.len();
        self.unsaved_count.store(unsaved, Ordering::Release);
        drop(state);
        if unsaved >= MANY_UNSAVED {
            self.writes.nudge();
        }
        for waiter in waiters {
            // Whoever no longer waits has dropped the other end.
            let _ = waiter.send(result.clone());
        }
    }

    pub(crate) fn has_many_unsaved(&self) -> bool {
        self.unsaved_count.load(Ordering::Acquire) >= MANY_UNSAVED
    }

    /// Inserts every number not yet saved; gives how many, for [`saved`](Jids::saved) after the commit.
    pub(crate) fn insert_unsaved(&self, tx: &Tx<'_>) -> Result<usize, WriteError> {
        let unsaved = {
            let state = self.state.lock();
            if state.unsaved.is_empty() {
                return Ok(0);
            }
            state.unsaved.clone()
        };
        for (no, jid) in &unsaved {
            tx.execute("INSERT INTO jids (no, jid) VALUES (?1, ?2)", (no, jid.as_ref()))?;
        }
        Ok(unsaved.len())
    }

    /// The first `count` numbers not yet saved are in the database.
    pub(crate) fn saved(&self, count: usize) {
        if count == 0 {
            return;
        }
        let mut state = self.state.lock();
        let State {
            unsaved,
            unsaved_by_name,
            unsaved_by_number,
            ..
        } = &mut *state;
        for (no, name) in unsaved.drain(..count) {
            unsaved_by_name.remove(&name);
            unsaved_by_number.remove(&no);
        }
        self.unsaved_count.store(unsaved.len(), Ordering::Release);
    }
}

impl State {
    fn number(&mut self, jid: &str) -> Option<JidNo> {
        self.by_name
            .get(jid)
            .or_else(|| self.unsaved_by_name.get(jid))
            .copied()
    }

    fn name(&mut self, no: JidNo) -> Option<Arc<str>> {
        self.by_number
            .get(&no)
            .or_else(|| self.unsaved_by_number.get(&no))
            .cloned()
    }

    fn remember(&mut self, no: JidNo, name: Arc<str>, capacity: usize) {
        self.by_name.put(Arc::clone(&name), no);
        self.by_number.put(no, name);
        while self.by_name.len() > capacity {
            self.by_name.pop_lru();
        }
        while self.by_number.len() > capacity {
            self.by_number.pop_lru();
        }
    }

    /// A new number, unless the name got one since the database was asked.
    fn give(&mut self, name: &Arc<str>, capacity: usize) -> Result<JidNo, ReadError> {
        if let Some(no) = self.number(name) {
            return Ok(no);
        }
        let no = JidNo(self.next);
        self.next = self
            .next
            .checked_add(1)
            .ok_or_else(|| ReadError::Engine("all numbers are given".into()))?;
        self.unsaved.push((no, Arc::clone(name)));
        self.unsaved_by_name.insert(Arc::clone(name), no);
        self.unsaved_by_number.insert(no, Arc::clone(name));
        self.remember(no, Arc::clone(name), capacity);
        Ok(no)
    }
}

impl Reader {
    fn jid_number(&self, jid: &str) -> Result<Option<JidNo>, ReadError> {
        self.first("SELECT no FROM jids WHERE jid = ?1", [jid], |row| row.get(0))
    }

    fn jids_at(&self, domain: &str) -> Result<Vec<(JidNo, String)>, ReadError> {
        self.rows(
            "SELECT no, jid FROM jids WHERE jid = ?1 OR substr(jid, instr(jid, '@') + 1) = ?1 ORDER BY no",
            [domain],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    fn jid_name(&self, no: JidNo) -> Result<Option<String>, ReadError> {
        self.first("SELECT jid FROM jids WHERE no = ?1", [no], |row| row.get(0))
    }
}
