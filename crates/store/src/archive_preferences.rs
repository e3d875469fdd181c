//! What people chose about their archives (XEP-0441): whose messages are archived, and for how long.

use crate::ids::JidNo;
use crate::read::{ReadError, Reader};
use crate::words::words;
use crate::write::{Tx, Write, WriteError};

words! {
    /// Whose messages are archived of whom nothing else is said.
    pub enum Otherwise {
        /// Everybody's.
        Always = "always",
        /// Nobody's.
        Never = "never",
        /// Those of the roster.
        Roster = "roster",
    }
}

/// An address with a rule of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exception {
    /// Its bare JID, or its domain.
    pub contact: JidNo,
    /// Its resource; empty when all are meant.
    pub resource: String,
    /// Whether its messages are archived.
    pub is_archived: bool,
}

/// What one account chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// What becomes of whom no exception names; `None` is what the operator chose.
    pub otherwise: Option<Otherwise>,
    /// After how many days messages are deleted; `None` is what the operator chose.
    pub keep_days: Option<u32>,
}

/// Sets what is archived, in place of what was set before.
///
/// Fails with [`WriteError::NotFound`] when there is no such account.
#[must_use]
pub fn set(no: JidNo, otherwise: Otherwise, exceptions: Vec<Exception>) -> Write {
    let bytes = exceptions.iter().map(|one| 16 + one.resource.len()).sum();
    Write::new(bytes, move |tx| {
        tx.account(no)?;
        tx.execute(
            "INSERT INTO archive_preferences (no, otherwise) VALUES (?1, ?2) \
             ON CONFLICT (no) DO UPDATE SET otherwise = excluded.otherwise",
            (no, otherwise),
        )?;
        forget_exceptions(tx, no)?;
        for one in &exceptions {
            tx.execute(
                "INSERT INTO archive_exceptions (no, contact, resource, is_archived) VALUES (?1, ?2, ?3, ?4)",
                (no, one.contact, &one.resource, one.is_archived),
            )?;
        }
        Ok(())
    })
}

/// Sets after how many days the account's messages are deleted; `None` is what the operator chose.
///
/// Fails with [`WriteError::NotFound`] when there is no such account.
#[must_use]
pub fn set_keep_days(no: JidNo, days: Option<u32>) -> Write {
    Write::new(0, move |tx| {
        tx.account(no)?;
        tx.execute(
            "INSERT INTO archive_preferences (no, keep_days) VALUES (?1, ?2) \
             ON CONFLICT (no) DO UPDATE SET keep_days = excluded.keep_days",
            (no, days),
        )
        .map(drop)
    })
}

fn forget_exceptions(tx: &Tx<'_>, no: JidNo) -> Result<(), WriteError> {
    tx.execute("DELETE FROM archive_exceptions WHERE no = ?1", [no])
        .map(drop)
}

impl Reader {
    /// What every account chose that chose anything.
    pub fn archive_choices(&self) -> Result<Vec<(JidNo, Chosen)>, ReadError> {
        self.rows(
            "SELECT no, otherwise, keep_days FROM archive_preferences ORDER BY no",
            [],
            |row| {
                let chosen = Chosen {
                    otherwise: row.get(1)?,
                    keep_days: row.get(2)?,
                };
                Ok((row.get(0)?, chosen))
            },
        )
    }

    /// Everybody's exceptions, by account, each with the text of its bare JID or domain.
    pub fn archive_exceptions(&self) -> Result<Vec<(JidNo, Exception, String)>, ReadError> {
        self.rows(
            "SELECT e.no, e.contact, e.resource, e.is_archived, j.jid FROM archive_exceptions e \
             JOIN jids j ON j.no = e.contact ORDER BY e.no, e.contact, e.resource",
            [],
            |row| {
                let exception = Exception {
                    contact: row.get(1)?,
                    resource: row.get(2)?,
                    is_archived: row.get(3)?,
                };
                Ok((row.get(0)?, exception, row.get(4)?))
            },
        )
    }
}
