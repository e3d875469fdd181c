//! Whose messages are archived, and for how long: what the operator and each account chose (XEP-0441,
//! <https://xmpp.org/extensions/xep-0441.html>). Asked for every message; the requests are in `xep/archive`.
//!
//! What accounts chose is in memory, of those only that chose anything. A change counts once it is stored.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use store::archive_preferences::{self, Chosen, Exception, Otherwise};
use store::{JidNo, MessageId, Store, Timestamp};
use wire::{Jid, StanzaError};

use crate::failures::{unreadable, unwritable};
use crate::server::Server;
use crate::settings::Archive;

/// The most addresses that one account may have rules for.
pub(crate) const EXCEPTIONS_MAX: usize = 1_000;

/// What one account chose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preferences {
    chosen: Chosen,
    /// Sorted by number, the whole of an address behind its resources.
    exceptions: Vec<(JidNo, Jid, bool)>,
}

impl Preferences {
    /// XEP-0441 §2.3.1: a full address as it is, a bare one whatever the resource; the more exact rule first.
    fn exception(&self, peer: JidNo, jid: &Jid) -> Option<bool> {
        let start = self.exceptions.partition_point(|(no, ..)| *no < peer);
        let mut of_peer = self.exceptions[start..].iter().take_while(|(no, ..)| *no == peer);
        of_peer
            .find(|(_, listed, _)| listed.is_bare() || listed == jid)
            .map(|(.., is_archived)| *is_archived)
    }

    /// The addresses that are always archived, or never.
    pub(crate) fn listed(&self, is_archived: bool) -> impl Iterator<Item = &str> {
        let matching = move |(.., is): &&(JidNo, Jid, bool)| *is == is_archived;
        self.exceptions
            .iter()
            .filter(matching)
            .map(|(_, jid, _)| jid.as_str())
    }

    fn sort(&mut self) {
        self.exceptions
            .sort_by_key(|(no, jid, _)| (*no, jid.is_bare(), jid.as_str().to_owned()));
    }
}

/// What everybody chose.
pub struct Archiving {
    store: Store,
    general: Archive,
    chosen: RwLock<HashMap<JidNo, Arc<Preferences>>>,
    /// One change at a time, so that what is in memory is what is stored.
    turn: tokio::sync::Mutex<()>,
}

impl Archiving {
    /// Reads what everybody chose.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn load(store: Store, general: Archive) -> Result<Archiving, StanzaError> {
        let read = store
            .read(|reader| Ok((reader.archive_choices()?, reader.archive_exceptions()?)))
            .await;
        let (choices, exceptions) = read.map_err(|error| unreadable(&error))?;
        let mut all: HashMap<JidNo, Preferences> = HashMap::new();
        for (no, chosen) in choices {
            all.entry(no).or_default().chosen = chosen;
        }
        for (no, exception, bare) in exceptions {
            let text = match exception.resource.as_str() {
                "" => bare,
                resource => format!("{bare}/{resource}"),
            };
            if let Ok(jid) = Jid::parse(&text) {
                let own = all.entry(no).or_default();
                own.exceptions
                    .push((exception.contact, jid, exception.is_archived));
            }
        }
        let finished = all.into_iter().map(|(no, mut own)| {
            own.sort();
            (no, Arc::new(own))
        });
        Ok(Archiving {
            store,
            general,
            chosen: RwLock::new(finished.collect()),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// What an account chose.
    pub(crate) fn of(&self, no: JidNo) -> Arc<Preferences> {
        self.chosen.read().get(&no).cloned().unwrap_or_default()
    }

    /// What becomes of messages of whom no rule of an account names.
    pub(crate) fn otherwise(&self, own: &Preferences) -> Otherwise {
        own.chosen.otherwise.unwrap_or(self.general.otherwise)
    }

    /// After how many days an account's messages are deleted; the operator's word is the longest.
    pub(crate) fn keep_days(&self, own: &Preferences) -> Option<u32> {
        let (own, general) = (own.chosen.keep_days, self.general.keep_days);
        own.into_iter().chain(general).min()
    }

    /// Behind which message an account's archive begins: what is older goes before long, and is not shown until then.
    pub(crate) fn begins_behind(&self, no: JidNo, now: Timestamp) -> MessageId {
        match self.keep_days(&self.of(no)) {
            None => MessageId(i64::MIN),
            Some(days) => MessageId(MessageId::first_at(kept_since(now, days)).0 - 1),
        }
    }

    /// After how many days everybody's messages are deleted.
    pub(crate) fn keep_days_of_all(&self) -> Option<u32> {
        self.general.keep_days
    }

    /// Those whose messages are deleted sooner than everybody's.
    pub(crate) fn kept_shorter(&self) -> Vec<(JidNo, u32)> {
        let all = self.chosen.read();
        let mut kept: Vec<_> = all
            .iter()
            .filter_map(|(no, own)| Some((*no, own.chosen.keep_days?)))
            .filter(|(_, days)| self.general.keep_days.is_none_or(|general| *days < general))
            .collect();
        kept.sort_unstable();
        kept
    }

    /// Sets what an account archives; resolves when it is stored and in force.
    ///
    /// # Errors
    /// `resource-constraint` beyond [`EXCEPTIONS_MAX`] addresses; an error of the store, after which nothing is changed.
    pub(crate) async fn set(
        &self,
        no: JidNo,
        otherwise: Otherwise,
        rules: Vec<(Jid, bool)>,
    ) -> Result<Arc<Preferences>, StanzaError> {
        if rules.len() > EXCEPTIONS_MAX {
            return Err(StanzaError::resource_constraint());
        }
        let _turn = self.turn.lock().await;
        let bare: Vec<_> = rules.iter().map(|(jid, _)| jid.bare_str()).collect();
        let numbers = self.store.jids().numbers(&bare).await;
        let numbers = numbers.map_err(|error| unreadable(&error))?;
        let mut own = Preferences {
            chosen: Chosen {
                otherwise: Some(otherwise),
                ..self.of(no).chosen
            },
            exceptions: numbers
                .into_iter()
                .zip(rules)
                .map(|(contact, (jid, is_archived))| (contact, jid, is_archived))
                .collect(),
        };
        own.sort();
        let exception = |(contact, jid, is_archived): &(JidNo, Jid, bool)| Exception {
            contact: *contact,
            resource: jid.resource().unwrap_or_default().to_owned(),
            is_archived: *is_archived,
        };
        let rows = own.exceptions.iter().map(exception).collect();
        let written = self
            .store
            .write(archive_preferences::set(no, otherwise, rows))
            .await;
        written.map_err(|error| unwritable(&error))?;
        Ok(self.keep(no, own))
    }

    /// Sets after how many days an account's messages are deleted; resolves when it is stored and in force.
    ///
    /// # Errors
    /// An error of the store, after which nothing is changed.
    pub(crate) async fn set_keep_days(&self, no: JidNo, days: Option<u32>) -> Result<(), StanzaError> {
        let _turn = self.turn.lock().await;
        let mut own = Preferences::clone(&self.of(no));
        own.chosen.keep_days = days;
        let written = self
            .store
            .write(archive_preferences::set_keep_days(no, days))
            .await;
        written.map_err(|error| unwritable(&error))?;
        self.keep(no, own);
        Ok(())
    }

    fn keep(&self, no: JidNo, own: Preferences) -> Arc<Preferences> {
        let own = Arc::new(own);
        self.chosen.write().insert(no, own.clone());
        own
    }

    /// Drops what an account chose that is deleted.
    pub(crate) fn forget(&self, no: JidNo) {
        self.chosen.write().remove(&no);
    }
}

/// What is known of an account's wish about one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    /// Messages are archived.
    Archived,
    /// They are not.
    NotArchived,
    /// Whether they are depends on the roster, which is not in memory: [`learn`] it first.
    Unknown,
}

/// Whether messages between an account and an address go to the account's archive. XEP-0441 §2.3: `jid` is the message's `to`
/// where the account sent it, else its `from`.
pub(crate) fn wish(server: &Server, owner: JidNo, peer: JidNo, jid: &Jid) -> Wish {
    let archived = |is: bool| if is { Wish::Archived } else { Wish::NotArchived };
    let chosen = &server.archiving;
    let own = chosen.chosen.read().get(&owner).cloned();
    if let Some(is) = own.as_ref().and_then(|own| own.exception(peer, jid)) {
        return archived(is);
    }
    let otherwise = own.and_then(|own| own.chosen.otherwise);
    match otherwise.unwrap_or(chosen.general.otherwise) {
        Otherwise::Always => Wish::Archived,
        Otherwise::Never => Wish::NotArchived,
        // Nobody is their own contact; notes to oneself are kept.
        Otherwise::Roster if owner == peer => Wish::Archived,
        Otherwise::Roster => match server.rosters.cached(owner) {
            Some(held) => archived(held.with(|roster| roster.contact(peer).is_some())),
            None => Wish::Unknown,
        },
    }
}

/// Has in memory what [`wish`] has to know of an account.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn learn(server: &Server, owner: JidNo) -> Result<(), StanzaError> {
    server.rosters.of(owner).await.map(drop)
}

/// Reads the address of a rule; a domain is one too.
pub(crate) fn rule(text: &str) -> Result<Jid, StanzaError> {
    Jid::parse(text.trim()).map_err(|_| StanzaError::jid_malformed())
}

/// The first moment that is kept, where messages are kept so many days.
pub(crate) fn kept_since(now: Timestamp, days: u32) -> Timestamp {
    const DAY_MS: i64 = 24 * 3_600 * 1_000;
    Timestamp(now.0.saturating_sub(i64::from(days) * DAY_MS))
}
