//! Which accounts exist, asked before anything is answered on somebody's behalf.
//!
//! Only existence is remembered, never absence: an account may be made by the administrator at any moment.

use std::num::NonZeroUsize;

use lru::LruCache;
use parking_lot::Mutex;
use store::Store;
use store::accounts::AccountState;
use wire::{BareJid, StanzaError};

use crate::failures::unreadable;

/// How many accounts are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(100_000).expect("not zero");

/// The accounts of this server as others may know them.
pub struct Accounts {
    store: Store,
    known: Mutex<LruCache<BareJid, ()>>,
}

impl Accounts {
    pub(crate) fn new(store: Store) -> Accounts {
        // Grows as it fills, so that an empty server stays small.
        Accounts {
            store,
            known: Mutex::new(LruCache::unbounded()),
        }
    }

    /// Whether somebody has an account of this name that others may write to: active, or disabled for a while.
    ///
    /// # Errors
    /// `internal-server-error` or `resource-constraint` when the store cannot be read.
    pub async fn exists(&self, jid: &BareJid) -> Result<bool, StanzaError> {
        if self.known.lock().get(jid).is_some() {
            return Ok(true);
        }
        let Some(localpart) = jid.node().map(str::to_owned) else {
            return Ok(false);
        };
        let domain = jid.domain().to_owned();
        let found = self
            .store
            .read(move |reader| reader.account_named(&domain, &localpart))
            .await;
        let found = found.map_err(|error| unreadable(&error))?;
        let exists = found
            .is_some_and(|account| matches!(account.state, AccountState::Active | AccountState::Disabled));
        if exists {
            let mut known = self.known.lock();
            known.put(jid.clone(), ());
            if known.len() > REMEMBERED.get() {
                known.pop_lru();
            }
        }
        Ok(exists)
    }

    /// Forgets an account that is being deleted.
    pub fn forget(&self, jid: &BareJid) {
        self.known.lock().pop(jid);
    }
}
