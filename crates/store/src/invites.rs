//! Invitations: links that let somebody make an account. Only a hash of the token is kept.

use rusqlite::Row;

use crate::ids::{JidNo, Timestamp};
use crate::read::{ReadError, Reader};
use crate::words::words;
use crate::write::{Write, WriteError};

words! {
    /// What an invitation makes.
    pub enum InviteKind {
        /// The server's administrator.
        Admin = "admin",
        /// An ordinary account.
        Account = "account",
    }
}

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// A hash of the token in the link.
    pub token_hash: Vec<u8>,
    /// What it makes.
    pub kind: InviteKind,
    /// At which domain.
    pub domain: String,
    /// Who invites; `None` for the server itself.
    pub created_by: Option<JidNo>,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is worth nothing.
    pub expires: Timestamp,
    /// How many accounts it still makes.
    pub uses_left: u32,
}

const COLUMNS: &str = "token_hash, kind, domain, created_by, created, expires, uses_left";

fn invite(row: &Row<'_>) -> rusqlite::Result<Invite> {
    Ok(Invite {
        token_hash: row.get(0)?,
        kind: row.get(1)?,
        domain: row.get(2)?,
        created_by: row.get(3)?,
        created: row.get(4)?,
        expires: row.get(5)?,
        uses_left: row.get(6)?,
    })
}

/// Makes an invitation, and forgets those that expired before it was made.
#[must_use]
pub fn create(invite: Invite) -> Write {
    Write::new(0, move |tx| {
        tx.execute("DELETE FROM invites WHERE expires <= ?1", [invite.created])?;
        tx.execute(
            "INSERT INTO invites (token_hash, kind, domain, created_by, created, expires, uses_left) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                &invite.token_hash,
                invite.kind,
                &invite.domain,
                invite.created_by,
                invite.created,
                invite.expires,
                invite.uses_left,
            ),
        )?;
        Ok(())
    })
}

/// Uses an invitation once. Goes into one [`Write::all`] with the account that it makes.
///
/// Fails with [`WriteError::InviteInvalid`] when it is unknown, expired or used up.
#[must_use]
pub fn consume(token_hash: Vec<u8>, now: Timestamp) -> Write {
    Write::new(0, move |tx| {
        let changed = tx.execute(
            "UPDATE invites SET uses_left = uses_left - 1 WHERE token_hash = ?1 AND expires > ?2 AND uses_left > 0",
            (&token_hash, now),
        )?;
        if changed == 0 {
            return Err(WriteError::InviteInvalid);
        }
        tx.execute(
            "DELETE FROM invites WHERE token_hash = ?1 AND uses_left = 0",
            [&token_hash],
        )?;
        Ok(())
    })
}

/// Takes an invitation back.
#[must_use]
pub fn revoke(token_hash: Vec<u8>) -> Write {
    Write::new(0, move |tx| {
        let changed = tx.execute("DELETE FROM invites WHERE token_hash = ?1", [&token_hash])?;
        if changed == 0 {
            Err(WriteError::NotFound)
        } else {
            Ok(())
        }
    })
}

impl Reader {
    /// The invitation whose token has this hash, if it can still be used.
    pub fn invite(&self, token_hash: &[u8], now: Timestamp) -> Result<Option<Invite>, ReadError> {
        let sql =
            format!("SELECT {COLUMNS} FROM invites WHERE token_hash = ?1 AND expires > ?2 AND uses_left > 0");
        self.first(&sql, (token_hash, now), invite)
    }

    /// Up to 1,000 invitations that can still be used, the newest first; all, or those of one account.
    pub fn invites(&self, created_by: Option<JidNo>, now: Timestamp) -> Result<Vec<Invite>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM invites WHERE expires > ?1 AND (?2 IS NULL OR created_by = ?2) \
             ORDER BY created DESC LIMIT 1000"
        );
        self.rows(&sql, (now, created_by), invite)
    }
}
