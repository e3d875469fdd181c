//! Invitations: links that let somebody make an account, or become a contact. Only a hash of the token is kept.

use rusqlite::Row;

use crate::ids::{JidNo, Timestamp};
use crate::read::{ReadError, Reader};
use crate::words::words;
use crate::write::{Tx, Write, WriteError};

words! {
    /// What an invitation makes.
    pub enum InviteKind {
        /// The server's administrator.
        Admin = "admin",
        /// An ordinary account.
        Account = "account",
        /// A contact of whoever invites; with an account of its own where there is none yet.
        Contact = "contact",
        /// A contact of whoever invites, for people who have an account already.
        ContactOnly = "contact-only",
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
    /// The only name that an account made with it may have, prepared; nobody else gets it meanwhile.
    pub localpart: Option<String>,
    /// Who invites; `None` for the server itself.
    pub created_by: Option<JidNo>,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is worth nothing.
    pub expires: Timestamp,
    /// How many it is for.
    pub uses: u32,
    /// How many may still come.
    pub uses_left: u32,
    /// Whether it was taken back.
    pub is_revoked: bool,
}

/// Whether an invitation can still be used, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can.
    Open,
    /// As many came as it was for.
    Used,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

impl Invite {
    /// Whether it can still be used. Whether whoever invites still has an account is not asked here.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        if self.is_revoked {
            Standing::Revoked
        } else if self.uses_left == 0 {
            Standing::Used
        } else if self.expires <= now {
            Standing::Expired
        } else {
            Standing::Open
        }
    }

    /// What tells an account's invitations apart: a part of the hash, which opens nothing.
    #[must_use]
    pub fn id(&self) -> String {
        self.token_hash[..ID_BYTES.min(self.token_hash.len())]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Bytes of the hash that an id shows.
const ID_BYTES: usize = 8;
/// How long it is remembered what became of an invitation, in milliseconds.
const REMEMBERED: i64 = 30 * 86_400_000;

const COLUMNS: &str =
    "token_hash, kind, domain, localpart, created_by, created, expires, uses, uses_left, revoked";
/// An invitation that can be used at `?1`; whoever invites must be able to sign in.
const IS_OPEN: &str = "expires > ?1 AND uses_left > 0 AND revoked = 0 AND (created_by IS NULL OR EXISTS \
    (SELECT 1 FROM accounts WHERE accounts.no = invites.created_by AND accounts.state = 'active'))";

fn invite(row: &Row<'_>) -> rusqlite::Result<Invite> {
    let localpart: String = row.get(3)?;
    Ok(Invite {
        token_hash: row.get(0)?,
        kind: row.get(1)?,
        domain: row.get(2)?,
        localpart: Some(localpart).filter(|name| !name.is_empty()),
        created_by: row.get(4)?,
        created: row.get(5)?,
        expires: row.get(6)?,
        uses: row.get(7)?,
        uses_left: row.get(8)?,
        is_revoked: row.get(9)?,
    })
}

/// Makes an invitation, and forgets those that ended long ago. With `most`, whoever invites may have invitations for
/// so many people open at a time.
///
/// Fails with [`WriteError::TooMany`] beyond that; with [`WriteError::Exists`] or [`WriteError::NameRetired`] when it
/// is for a name that cannot be given.
#[must_use]
pub fn create(invite: Invite, most: Option<u32>) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "DELETE FROM invites WHERE expires <= ?1",
            [Timestamp(invite.created.0.saturating_sub(REMEMBERED))],
        )?;
        if let Some(localpart) = &invite.localpart {
            check_name(tx, &invite.domain, localpart)?;
            check_reserved(tx, &invite.domain, localpart, &[], invite.created)?;
        }
        if let (Some(most), Some(by)) = (most, invite.created_by) {
            let open: Option<i64> = tx.first(
                "SELECT coalesce(sum(uses_left), 0) FROM invites \
                 WHERE created_by = ?2 AND expires > ?1 AND revoked = 0",
                (invite.created, by),
                |row| row.get(0),
            )?;
            if open.unwrap_or(0) + i64::from(invite.uses_left) > i64::from(most) {
                return Err(WriteError::TooMany);
            }
        }
        tx.execute(
            "INSERT INTO invites \
             (token_hash, kind, domain, localpart, created_by, created, expires, uses, uses_left, revoked) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            (
                &invite.token_hash,
                invite.kind,
                &invite.domain,
                invite.localpart.as_deref().unwrap_or_default(),
                invite.created_by,
                invite.created,
                invite.expires,
                invite.uses,
                invite.uses_left,
                invite.is_revoked,
            ),
        )?;
        Ok(())
    })
}

/// Whether nobody has the name, and nobody had it.
fn check_name(tx: &Tx<'_>, domain: &str, localpart: &str) -> Result<(), WriteError> {
    let is_there = |sql| {
        tx.first(sql, (domain, localpart), |_| Ok(()))
            .map(|row| row.is_some())
    };
    if is_there("SELECT 1 FROM deleted_names WHERE domain = ?1 AND localpart = ?2")? {
        return Err(WriteError::NameRetired);
    }
    if is_there("SELECT 1 FROM accounts WHERE domain = ?1 AND localpart = ?2")? {
        return Err(WriteError::Exists);
    }
    Ok(())
}

/// Whether no open invitation but that of `token_hash` keeps the name.
fn check_reserved(
    tx: &Tx<'_>,
    domain: &str,
    localpart: &str,
    token_hash: &[u8],
    now: Timestamp,
) -> Result<(), WriteError> {
    let sql = format!(
        "SELECT 1 FROM invites WHERE {IS_OPEN} AND domain = ?2 AND localpart = ?3 AND token_hash <> ?4 LIMIT 1"
    );
    match tx.first(&sql, (now, domain, localpart, token_hash), |_| Ok(()))? {
        Some(()) => Err(WriteError::Exists),
        None => Ok(()),
    }
}

/// Uses an invitation once. Goes into one [`Write::all`] with the account or the contacts that it makes.
///
/// Fails with [`WriteError::InviteInvalid`] when it is unknown, expired, used up or taken back, or when whoever
/// invites cannot sign in any more.
#[must_use]
pub fn consume(token_hash: Vec<u8>, now: Timestamp) -> Write {
    Write::new(0, move |tx| {
        let sql = format!("UPDATE invites SET uses_left = uses_left - 1 WHERE token_hash = ?2 AND {IS_OPEN}");
        match tx.execute(&sql, (now, &token_hash))? {
            0 => Err(WriteError::InviteInvalid),
            _ => Ok(()),
        }
    })
}

/// Fails with [`WriteError::Exists`] when a name is kept for an invitation other than that of `token_hash` (empty for
/// none). Goes into one [`Write::all`] with the account of this name.
#[must_use]
pub fn keep_reserved(domain: String, localpart: String, token_hash: Vec<u8>, now: Timestamp) -> Write {
    Write::new(0, move |tx| {
        check_reserved(tx, &domain, &localpart, &token_hash, now)
    })
}

/// Takes an invitation back.
///
/// Fails with [`WriteError::NotFound`] when there is none that could still be used.
#[must_use]
pub fn revoke(token_hash: Vec<u8>) -> Write {
    Write::new(0, move |tx| {
        let changed = tx.execute(
            "UPDATE invites SET revoked = 1 WHERE token_hash = ?1 AND revoked = 0 AND uses_left > 0",
            [&token_hash],
        )?;
        if changed == 0 {
            Err(WriteError::NotFound)
        } else {
            Ok(())
        }
    })
}

impl Reader {
    /// The invitation whose token has this hash, as long as it is remembered.
    pub fn invite(&self, token_hash: &[u8]) -> Result<Option<Invite>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM invites WHERE token_hash = ?1");
        self.first(&sql, [token_hash], invite)
    }

    /// Up to 1,000 invitations that can still be used, the newest first; all, or those of one account.
    pub fn invites(&self, created_by: Option<JidNo>, now: Timestamp) -> Result<Vec<Invite>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM invites WHERE {IS_OPEN} AND (?2 IS NULL OR created_by = ?2) \
             ORDER BY created DESC LIMIT 1000"
        );
        self.rows(&sql, (now, created_by), invite)
    }

    /// Whether a name is kept for somebody who has an invitation for it, other than that of `token_hash`.
    pub fn is_name_kept(
        &self,
        domain: &str,
        localpart: &str,
        token_hash: &[u8],
        now: Timestamp,
    ) -> Result<bool, ReadError> {
        let sql = format!(
            "SELECT 1 FROM invites WHERE {IS_OPEN} AND domain = ?2 AND localpart = ?3 AND token_hash <> ?4 LIMIT 1"
        );
        let found = self.first(&sql, (now, domain, localpart, token_hash), |_| Ok(()))?;
        Ok(found.is_some())
    }
}
