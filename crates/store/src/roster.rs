//! Rosters (RFC 6121 §2) and the requests for presence that wait for an answer (§3.1.3).

use rusqlite::Row;

use crate::changes;
use crate::ids::{JidNo, Timestamp};
use crate::read::{ReadError, Reader};
use crate::words::words;
use crate::write::{Tx, Write, WriteError};

words! {
    /// Who sees whose presence (RFC 6121 §2.1.2.5).
    pub enum Subscription {
        /// Neither.
        None = "none",
        /// The account sees the contact's.
        To = "to",
        /// The contact sees the account's.
        From = "from",
        /// Both.
        Both = "both",
    }
}

/// A contact in an account's roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterItem {
    /// The contact.
    pub contact: JidNo,
    /// What the account calls the contact; may be empty.
    pub name: String,
    /// The groups that the account put the contact into. None holds a line break.
    pub groups: Vec<String>,
    /// Who sees whose presence.
    pub subscription: Subscription,
    /// Whether the account has asked and waits for an answer (§2.1.2.2).
    pub ask: bool,
    /// Whether a request from the contact is granted before it comes (§2.1.2.1).
    pub approved: bool,
}

/// A roster with its version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Grows with each change; 0 before the first.
    pub version: i64,
    /// The contacts, by number.
    pub items: Vec<RosterItem>,
}

/// A request for presence that the account has not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceRequest {
    /// Who asks.
    pub contact: JidNo,
    /// When the request came.
    pub created: Timestamp,
    /// The stanza as it is shown to the account.
    pub stanza: Vec<u8>,
}

/// The most contacts in one roster.
pub const CONTACTS_MAX: usize = 10_000;
/// Unanswered requests of one account.
const MAX_REQUESTS: u64 = 1_000;
const GROUP_SEPARATOR: &str = "\n";

fn item(row: &Row<'_>) -> rusqlite::Result<RosterItem> {
    let groups: String = row.get(2)?;
    Ok(RosterItem {
        contact: row.get(0)?,
        name: row.get(1)?,
        groups: groups
            .split(GROUP_SEPARATOR)
            .filter(|group| !group.is_empty())
            .map(str::to_owned)
            .collect(),
        subscription: row.get(3)?,
        ask: row.get(4)?,
        approved: row.get(5)?,
    })
}

fn set_version(tx: &Tx<'_>, no: JidNo, version: i64) -> Result<(), WriteError> {
    tx.execute(
        "INSERT INTO roster_version (no, version) VALUES (?1, ?2) \
         ON CONFLICT (no) DO UPDATE SET version = excluded.version",
        (no, version),
    )?;
    Ok(())
}

fn count(tx: &Tx<'_>, sql: &str, no: JidNo) -> Result<u64, WriteError> {
    Ok(tx.first(sql, [no], |row| row.get::<_, i64>(0))?.unwrap_or(0) as u64)
}

/// Adds or replaces a contact; the roster has `version` from then on.
///
/// Fails with [`WriteError::TooMany`] beyond 10,000 contacts.
#[must_use]
pub fn put(no: JidNo, item: RosterItem, version: i64) -> Write {
    Write::new(item.name.len(), move |tx| {
        let groups = item.groups.join(GROUP_SEPARATOR);
        let changed = tx.execute(
            "UPDATE roster SET name = ?3, groups = ?4, subscription = ?5, ask = ?6, approved = ?7 \
             WHERE no = ?1 AND contact = ?2",
            (
                no,
                item.contact,
                &item.name,
                &groups,
                item.subscription,
                item.ask,
                item.approved,
            ),
        )?;
        if changed == 0 {
            if count(tx, "SELECT count(*) FROM roster WHERE no = ?1", no)? >= CONTACTS_MAX as u64 {
                return Err(WriteError::TooMany);
            }
            tx.execute(
                "INSERT INTO roster (no, contact, name, groups, subscription, ask, approved) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                (
                    no,
                    item.contact,
                    &item.name,
                    &groups,
                    item.subscription,
                    item.ask,
                    item.approved,
                ),
            )?;
        }
        changes::related(tx, no, item.contact)?;
        set_version(tx, no, version)
    })
}

/// Subscribes two to each other's presence, as one side sees it: the contact is added under `name` or, if it is there,
/// keeps its name and groups. The roster's version grows by one.
///
/// Fails with [`WriteError::TooMany`] beyond 10,000 contacts.
#[must_use]
pub fn befriend(no: JidNo, contact: JidNo, name: String) -> Write {
    Write::new(name.len(), move |tx| {
        let both = Subscription::Both;
        let changed = tx.execute(
            "UPDATE roster SET subscription = ?3, ask = 0, approved = 0 WHERE no = ?1 AND contact = ?2",
            (no, contact, both),
        )?;
        if changed == 0 {
            if count(tx, "SELECT count(*) FROM roster WHERE no = ?1", no)? >= CONTACTS_MAX as u64 {
                return Err(WriteError::TooMany);
            }
            tx.execute(
                "INSERT INTO roster (no, contact, name, groups, subscription, ask, approved) \
                 VALUES (?1, ?2, ?3, '', ?4, 0, 0)",
                (no, contact, &name, both),
            )?;
        }
        tx.execute(
            "DELETE FROM presence_requests WHERE no = ?1 AND contact = ?2",
            (no, contact),
        )?;
        tx.execute(
            "INSERT INTO roster_version (no, version) VALUES (?1, 1) \
             ON CONFLICT (no) DO UPDATE SET version = version + 1",
            [no],
        )?;
        changes::related(tx, no, contact)
    })
}

/// Removes a contact; the roster has `version` from then on. [`WriteError::NotFound`] when there is none.
#[must_use]
pub fn remove(no: JidNo, contact: JidNo, version: i64) -> Write {
    Write::new(0, move |tx| {
        if tx.execute("DELETE FROM roster WHERE no = ?1 AND contact = ?2", (no, contact))? == 0 {
            return Err(WriteError::NotFound);
        }
        set_version(tx, no, version)
    })
}

/// Keeps a request until the account answers; a later one of the same contact replaces it.
///
/// Fails with [`WriteError::TooMany`] when 1,000 wait already.
#[must_use]
pub fn add_request(no: JidNo, request: PresenceRequest) -> Write {
    Write::new(request.stanza.len(), move |tx| {
        tx.execute(
            "DELETE FROM presence_requests WHERE no = ?1 AND contact = ?2",
            (no, request.contact),
        )?;
        if count(tx, "SELECT count(*) FROM presence_requests WHERE no = ?1", no)? >= MAX_REQUESTS {
            return Err(WriteError::TooMany);
        }
        tx.execute(
            "INSERT INTO presence_requests (no, contact, created, stanza) VALUES (?1, ?2, ?3, ?4)",
            (no, request.contact, request.created, &request.stanza),
        )?;
        Ok(())
    })
}

/// Forgets a request, answered or withdrawn. Does nothing when there is none.
#[must_use]
pub fn remove_request(no: JidNo, contact: JidNo) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "DELETE FROM presence_requests WHERE no = ?1 AND contact = ?2",
            (no, contact),
        )
        .map(drop)
    })
}

impl Reader {
    /// The account's roster.
    pub fn roster(&self, no: JidNo) -> Result<Roster, ReadError> {
        let version = self.first("SELECT version FROM roster_version WHERE no = ?1", [no], |row| {
            row.get(0)
        })?;
        let items = self.rows(
            "SELECT contact, name, groups, subscription, ask, approved FROM roster WHERE no = ?1 ORDER BY contact",
            [no],
            item,
        )?;
        Ok(Roster {
            version: version.unwrap_or(0),
            items,
        })
    }

    /// One contact in the account's roster.
    pub fn roster_item(&self, no: JidNo, contact: JidNo) -> Result<Option<RosterItem>, ReadError> {
        self.first(
            "SELECT contact, name, groups, subscription, ask, approved FROM roster WHERE no = ?1 AND contact = ?2",
            (no, contact),
            item,
        )
    }

    /// The requests that wait for the account's answer, the oldest first.
    pub fn presence_requests(&self, no: JidNo) -> Result<Vec<PresenceRequest>, ReadError> {
        self.rows(
            "SELECT contact, created, stanza FROM presence_requests WHERE no = ?1 ORDER BY created, contact",
            [no],
            |row| {
                Ok(PresenceRequest {
                    contact: row.get(0)?,
                    created: row.get(1)?,
                    stanza: row.get(2)?,
                })
            },
        )
    }
}
