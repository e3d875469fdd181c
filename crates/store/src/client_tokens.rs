//! The tokens that clients prove ([XEP-0484](https://xmpp.org/extensions/xep-0484.html)): at most two of each, one in use
//! and one that was given and not used yet (§5.1). A token itself is not stored; what it is made from is.

use rusqlite::Row;

use crate::devices::{self, Device};
use crate::ids::{DeviceId, JidNo, Timestamp};
use crate::read::{ReadError, Reader};
use crate::write::{Tx, Write, WriteError};

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientToken {
    /// Whether the client has shown it: a token replaces the one before only then.
    pub is_used: bool,
    /// The mechanism that it is for.
    pub mechanism: String,
    /// What it is made from, together with a key that is not in the database.
    pub seed: Vec<u8>,
    /// When it was given.
    pub issued: Timestamp,
    /// From when on it is worth nothing.
    pub expires: Timestamp,
    /// The client's count when it was shown last, if the client counts.
    pub shown: Option<u32>,
}

const COLUMNS: &str = "is_used, mechanism, seed, issued, expires, shown";

fn token(row: &Row<'_>) -> rusqlite::Result<ClientToken> {
    Ok(ClientToken {
        is_used: row.get(0)?,
        mechanism: row.get(1)?,
        seed: row.get(2)?,
        issued: row.get(3)?,
        expires: row.get(4)?,
        shown: row.get(5)?,
    })
}

/// Gives a client a token: instead of one that it was given and has not used, beside the one that it uses. The device is
/// added where the account has none for this client (and those unused for longest go, beyond `most`); else only its label and times
/// change, and it keeps its number.
#[must_use]
pub fn give(device: Device, token: ClientToken, most: u32) -> Write {
    Write::new(device.label.len() + token.seed.len(), move |tx| {
        let known = tx.first(
            "SELECT id FROM devices WHERE no = ?1 AND client = ?2",
            (device.no, &device.client),
            |row| row.get::<_, DeviceId>(0),
        )?;
        let id = match known {
            None => {
                devices::insert(tx, &device, most)?;
                device.id
            }
            Some(id) => {
                tx.execute(
                    "UPDATE devices SET label = ?2, last_used = ?3, expires = ?4 WHERE id = ?1",
                    (id, &device.label, device.last_used, device.expires),
                )?;
                id
            }
        };
        tx.execute(
            "INSERT INTO client_tokens (device, is_used, mechanism, seed, issued, expires, shown) \
             VALUES (?1, 0, ?2, ?3, ?4, ?5, NULL) ON CONFLICT (device, is_used) DO UPDATE SET \
             mechanism = excluded.mechanism, seed = excluded.seed, issued = excluded.issued, \
             expires = excluded.expires, shown = NULL",
            (id, &token.mechanism, &token.seed, token.issued, token.expires),
        )?;
        Ok(())
    })
}

/// Notes that a client showed a token, with its count if it counts: the token is the one in use from now on, and one that
/// was in use before is worth nothing (§3.5). Refused as not there when it is gone, or when a count was shown that is not above the
/// last one (§3.4).
#[must_use]
pub fn shown(device: DeviceId, seed: Vec<u8>, count: Option<u32>, at: Timestamp) -> Write {
    Write::new(0, move |tx| {
        let noted = tx.execute(
            "UPDATE client_tokens SET shown = coalesce(?3, shown) \
             WHERE device = ?1 AND seed = ?2 AND (?3 IS NULL OR shown IS NULL OR shown < ?3)",
            (device, &seed, count),
        )?;
        if noted == 0 {
            return Err(WriteError::NotFound);
        }
        let is_new = tx.first(
            "SELECT 1 FROM client_tokens WHERE device = ?1 AND is_used = 0 AND seed = ?2",
            (device, &seed),
            |_| Ok(()),
        )?;
        if is_new.is_some() {
            tx.execute(
                "DELETE FROM client_tokens WHERE device = ?1 AND is_used = 1",
                [device],
            )?;
            tx.execute("UPDATE client_tokens SET is_used = 1 WHERE device = ?1", [device])?;
        }
        tx.execute("UPDATE devices SET last_used = ?2 WHERE id = ?1", (device, at))?;
        Ok(())
    })
}

/// Removes the tokens of one device that goes.
pub(crate) fn forget(tx: &Tx<'_>, device: DeviceId) -> Result<(), WriteError> {
    tx.execute("DELETE FROM client_tokens WHERE device = ?1", [device])
        .map(drop)
}

impl Reader {
    /// The account's device that is this client, and its tokens, the one not used yet first.
    pub fn client(&self, no: JidNo, client: &str) -> Result<Option<(Device, Vec<ClientToken>)>, ReadError> {
        let Some(device) = self.device_of_client(no, client)? else {
            return Ok(None);
        };
        let sql = format!("SELECT {COLUMNS} FROM client_tokens WHERE device = ?1 ORDER BY is_used");
        let tokens = self.rows(&sql, [device.id], token)?;
        Ok(Some((device, tokens)))
    }
}
