//! The addresses that accounts block (XEP-0191).

use crate::ids::JidNo;
use crate::notifications;
use crate::read::{ReadError, Reader};
use crate::write::Write;

/// An address that an account blocks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blocked {
    /// Its bare JID, or its domain.
    pub contact: JidNo,
    /// Its resource; empty when all are meant.
    pub resource: String,
}

/// Adds and removes blocked addresses in one step, and removes what the account was told of whom it blocks. What is there already, or not there, is left as it is.
///
/// Fails with [`WriteError::NotFound`](crate::WriteError::NotFound) when there is no such account.
#[must_use]
pub fn change(no: JidNo, added: Vec<Blocked>, removed: Vec<Blocked>) -> Write {
    let bytes = added
        .iter()
        .chain(&removed)
        .map(|one| 16 + one.resource.len())
        .sum();
    Write::new(bytes, move |tx| {
        tx.account(no)?;
        for blocked in &removed {
            tx.execute(
                "DELETE FROM blocked WHERE no = ?1 AND contact = ?2 AND resource = ?3",
                (no, blocked.contact, &blocked.resource),
            )?;
        }
        for blocked in &added {
            tx.execute(
                "INSERT INTO blocked (no, contact, resource) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (no, contact, resource) DO NOTHING",
                (no, blocked.contact, &blocked.resource),
            )?;
        }
        // Posts are of accounts: a full address blocks none.
        let whole = added.iter().filter(|blocked| blocked.resource.is_empty());
        let whole: Vec<_> = whole.map(|blocked| blocked.contact).collect();
        notifications::blocked(tx, no, &whole)
    })
}

impl Reader {
    /// Everything that anybody blocks, by account, each with the text of its bare JID or domain.
    pub fn all_blocked(&self) -> Result<Vec<(JidNo, Blocked, String)>, ReadError> {
        self.rows(
            "SELECT b.no, b.contact, b.resource, j.jid FROM blocked b JOIN jids j ON j.no = b.contact \
             ORDER BY b.no, b.contact, b.resource",
            [],
            |row| {
                let blocked = Blocked {
                    contact: row.get(1)?,
                    resource: row.get(2)?,
                };
                Ok((row.get(0)?, blocked, row.get(3)?))
            },
        )
    }
}
