//! What SCRAM keeps instead of passwords (RFC 5802 §3), one row for each hash.

use crate::ids::JidNo;
use crate::read::{ReadError, Reader};
use crate::write::Write;

/// The stored keys of one account for one hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The hash's name, such as `SHA-256`.
    pub hash: String,
    /// The salt.
    pub salt: Vec<u8>,
    /// The iteration count.
    pub iterations: u32,
    /// StoredKey.
    pub stored_key: Vec<u8>,
    /// ServerKey.
    pub server_key: Vec<u8>,
}

impl std::fmt::Debug for Credential {
    /// Without the keys, which must not come into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

/// Replaces all keys of the account.
#[must_use]
pub fn set(no: JidNo, credentials: Vec<Credential>) -> Write {
    Write::new(credentials.len() * 256, move |tx| {
        tx.execute("DELETE FROM credentials WHERE no = ?1", [no])?;
        for one in &credentials {
            tx.execute(
                "INSERT INTO credentials (no, hash, salt, iterations, stored_key, server_key) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (
                    no,
                    &one.hash,
                    &one.salt,
                    one.iterations,
                    &one.stored_key,
                    &one.server_key,
                ),
            )?;
        }
        Ok(())
    })
}

impl Reader {
    /// All keys of the account, by the hash's name.
    pub fn credentials(&self, no: JidNo) -> Result<Vec<Credential>, ReadError> {
        self.rows(
            "SELECT hash, salt, iterations, stored_key, server_key FROM credentials WHERE no = ?1 ORDER BY hash",
            [no],
            |row| {
                Ok(Credential {
                    hash: row.get(0)?,
                    salt: row.get(1)?,
                    iterations: row.get(2)?,
                    stored_key: row.get(3)?,
                    server_key: row.get(4)?,
                })
            },
        )
    }
}
