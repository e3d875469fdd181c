//! The people (and machines) whose home this server is, and the names that nobody gets again.

use std::sync::Arc;

use rusqlite::Row;

use crate::ids::{JidNo, Timestamp};
use crate::jobs;
use crate::nodes;
use crate::read::{ReadError, Reader};
use crate::sweep::Sweep;
use crate::words::words;
use crate::write::{Tx, Write, WriteError};

words! {
    /// What an account may do.
    pub enum AccountState {
        /// Everything.
        Active = "active",
        /// Nothing, until an administrator approves it.
        Pending = "pending",
        /// Nothing; an administrator closed it.
        Disabled = "disabled",
        /// Nothing; it is being deleted.
        Deleting = "deleting",
    }
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The number of its bare JID.
    pub no: JidNo,
    /// The domain that it lives at, prepared.
    pub domain: String,
    /// Its name there, prepared.
    pub localpart: String,
    /// What it may do.
    pub state: AccountState,
    /// Whether it administers the server.
    pub is_admin: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When somebody last signed in.
    pub last_login: Option<Timestamp>,
    /// Its settings, in a form that is its reader's business.
    pub settings: String,
}

/// An open account and what one of its nodes says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The number of its bare JID.
    pub no: JidNo,
    /// Its name, prepared.
    pub localpart: String,
    /// The node's newest payload, unless it is larger than asked for.
    pub payload: Option<Arc<[u8]>>,
}

/// The node's name is `?1`, its payload's size at most `?2`, the domain `?3`.
const TELLING: &str = "SELECT a.no, a.localpart, (SELECT i.payload FROM nodes n JOIN items i ON i.node = n.no AND \
     i.post_id > n.hidden_to WHERE n.owner = a.no AND n.name = ?1 AND n.deleted = 0 AND length(i.payload) <= ?2 \
     ORDER BY i.post_id DESC LIMIT 1) FROM accounts a WHERE a.domain = ?3 AND a.state = 'active'";

fn telling(row: &Row<'_>) -> rusqlite::Result<Telling> {
    Ok(Telling {
        no: row.get(0)?,
        localpart: row.get(1)?,
        payload: row.get_ref(2)?.as_blob_or_null()?.map(Into::into),
    })
}

const COLUMNS: &str = "no, domain, localpart, state, is_admin, created, last_login, settings";

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        no: row.get(0)?,
        domain: row.get(1)?,
        localpart: row.get(2)?,
        state: row.get(3)?,
        is_admin: row.get(4)?,
        created: row.get(5)?,
        last_login: row.get(6)?,
        settings: row.get(7)?,
    })
}

/// Makes an account.
///
/// Fails with [`WriteError::Exists`] when the name is taken, with [`WriteError::NameRetired`] when it once was.
#[must_use]
pub fn create(account: Account) -> Write {
    Write::new(account.settings.len(), move |tx| {
        let name = (&account.domain, &account.localpart);
        let is_there = |tx: &Tx<'_>, sql| tx.first(sql, name, |_| Ok(())).map(|row| row.is_some());
        if is_there(
            tx,
            "SELECT 1 FROM deleted_names WHERE domain = ?1 AND localpart = ?2",
        )? {
            return Err(WriteError::NameRetired);
        }
        if is_there(tx, "SELECT 1 FROM accounts WHERE domain = ?1 AND localpart = ?2")? {
            return Err(WriteError::Exists);
        }
        tx.execute(
            "INSERT INTO accounts (no, domain, localpart, state, is_admin, created, last_login, settings) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                account.no,
                &account.domain,
                &account.localpart,
                account.state,
                account.is_admin,
                account.created,
                account.last_login,
                &account.settings,
            ),
        )?;
        Ok(())
    })
}

/// Changes what an account may do. Never [`AccountState::Deleting`]: see [`begin_deletion`].
#[must_use]
pub fn set_state(no: JidNo, state: AccountState) -> Write {
    Write::new(0, move |tx| {
        one(tx.execute(
            "UPDATE accounts SET state = ?2 WHERE no = ?1 AND state <> 'deleting'",
            (no, state),
        )?)
    })
}

/// Makes the account an administrator.
#[must_use]
pub fn make_admin(no: JidNo) -> Write {
    Write::new(0, move |tx| {
        one(tx.execute("UPDATE accounts SET is_admin = 1 WHERE no = ?1", [no])?)
    })
}

/// Takes the administrator's rights from the account.
#[must_use]
pub fn make_ordinary(no: JidNo) -> Write {
    Write::new(0, move |tx| {
        one(tx.execute("UPDATE accounts SET is_admin = 0 WHERE no = ?1", [no])?)
    })
}

/// Replaces the account's settings.
#[must_use]
pub fn set_settings(no: JidNo, settings: String) -> Write {
    Write::new(settings.len(), move |tx| {
        one(tx.execute("UPDATE accounts SET settings = ?2 WHERE no = ?1", (no, &settings))?)
    })
}

/// Notes that somebody signed in.
#[must_use]
pub fn signed_in(no: JidNo, at: Timestamp) -> Write {
    Write::new(0, move |tx| {
        one(tx.execute("UPDATE accounts SET last_login = ?2 WHERE no = ?1", (no, at))?)
    })
}

/// The kind of the job that lasts from [`begin_deletion`] to [`erase`]; its subject is the account's number.
pub const DELETION_JOB: &str = "delete-account";

/// Closes the account for good and notes the job of taking back what it told others.
#[must_use]
pub fn begin_deletion(no: JidNo, at: Timestamp) -> Write {
    Write::all(vec![
        Write::new(0, move |tx| {
            one(tx.execute(
                "UPDATE accounts SET state = 'deleting', is_admin = 0 WHERE no = ?1",
                [no],
            )?)
        }),
        jobs::put(DELETION_JOB, i64::from(no.0), String::new(), at),
    ])
}

/// Ends the deletion: hides everything of the account at once, then has the writer sweep it in slices, restarts
/// included. With the last slice the name is retired.
#[must_use]
pub fn erase(no: JidNo, at: Timestamp) -> Write {
    Write::new(0, move |tx| {
        one(tx.execute(
            "UPDATE accounts SET state = 'deleting', is_admin = 0 WHERE no = ?1",
            [no],
        )?)?;
        tx.execute("DELETE FROM credentials WHERE no = ?1", [no])?;
        tx.execute(
            "DELETE FROM jobs WHERE kind = ?1 AND subject = ?2",
            (DELETION_JOB, no),
        )?;
        nodes::delete_all_of(tx, no, at)?;
        Sweep::Account(no).start(tx, at)
    })
}

/// Exactly the one row that was meant was changed.
fn one(changed: usize) -> Result<(), WriteError> {
    if changed == 0 {
        Err(WriteError::NotFound)
    } else {
        Ok(())
    }
}

impl Reader {
    /// The account with this number.
    pub fn account(&self, no: JidNo) -> Result<Option<Account>, ReadError> {
        self.first(
            &format!("SELECT {COLUMNS} FROM accounts WHERE no = ?1"),
            [no],
            account,
        )
    }

    /// Whether this is an account of ours that is not active: disabled for a while, or about to be gone.
    pub fn is_closed(&self, no: JidNo) -> Result<bool, ReadError> {
        let closed = self.first(
            "SELECT 1 FROM accounts WHERE no = ?1 AND state <> 'active'",
            [no],
            |_| Ok(()),
        )?;
        Ok(closed.is_some())
    }

    /// The account with this name.
    pub fn account_named(&self, domain: &str, localpart: &str) -> Result<Option<Account>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM accounts WHERE domain = ?1 AND localpart = ?2");
        self.first(&sql, (domain, localpart), account)
    }

    /// Up to `limit` accounts of a domain, by name, those after `after`.
    pub fn accounts(&self, domain: &str, after: &str, limit: u32) -> Result<Vec<Account>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM accounts WHERE domain = ?1 AND localpart > ?2 ORDER BY localpart LIMIT ?3"
        );
        self.rows(&sql, (domain, after, limit), account)
    }

    /// Up to `limit` open accounts of a domain, by name, those after `after`, each with what its node `told.0` says.
    pub fn accounts_telling(
        &self,
        domain: &str,
        after: &str,
        told: (&str, u32),
        limit: u32,
    ) -> Result<Vec<Telling>, ReadError> {
        let sql = format!("{TELLING} AND a.localpart > ?4 ORDER BY a.localpart LIMIT ?5");
        self.rows(&sql, (told.0, told.1, domain, after, limit), telling)
    }

    /// The same for those whose name begins so.
    pub fn accounts_beginning(
        &self,
        domain: &str,
        beginning: &str,
        told: (&str, u32),
        limit: u32,
    ) -> Result<Vec<Telling>, ReadError> {
        let sql =
            format!("{TELLING} AND a.localpart >= ?4 AND a.localpart < ?5 ORDER BY a.localpart LIMIT ?6");
        let end = format!("{beginning}{}", char::MAX);
        self.rows(&sql, (told.0, told.1, domain, beginning, end, limit), telling)
    }

    /// How many accounts there are, of all domains.
    pub fn account_count(&self) -> Result<u64, ReadError> {
        self.count("SELECT count(*) FROM accounts", [])
    }

    /// Whether there is an administrator.
    pub fn has_admin(&self) -> Result<bool, ReadError> {
        Ok(self
            .first(
                "SELECT 1 FROM accounts WHERE is_admin = 1 LIMIT 1",
                [],
                |_| Ok(()),
            )?
            .is_some())
    }

    /// Whether the name belonged to an account that was deleted.
    pub fn is_name_retired(&self, domain: &str, localpart: &str) -> Result<bool, ReadError> {
        let sql = "SELECT 1 FROM deleted_names WHERE domain = ?1 AND localpart = ?2";
        Ok(self.first(sql, (domain, localpart), |_| Ok(()))?.is_some())
    }
}
