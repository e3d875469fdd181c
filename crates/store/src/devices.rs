//! The devices that stay signed in: revocable tokens of their own, of which only a hash is kept, or clients whose tokens
//! are in `client_tokens`.

use rusqlite::Row;

use crate::client_tokens;
use crate::ids::{DeviceId, JidNo, Timestamp};
use crate::push;
use crate::read::{ReadError, Reader};
use crate::unified_push;
use crate::write::{Tx, Write, WriteError};

/// A signed-in device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub id: DeviceId,
    /// Whose it is.
    pub no: JidNo,
    /// A hash of the token that it shows; none where it is a client with tokens that change.
    pub token_hash: Option<Vec<u8>>,
    /// What such a client calls itself, unique in its account.
    pub client: Option<String>,
    /// What its owner knows it by.
    pub label: String,
    /// When it signed in with a password.
    pub created: Timestamp,
    /// When it last showed its token.
    pub last_used: Timestamp,
    /// From when on the token is worth nothing.
    pub expires: Timestamp,
}

const COLUMNS: &str = "id, no, token_hash, client, label, created, last_used, expires";

fn device(row: &Row<'_>) -> rusqlite::Result<Device> {
    Ok(Device {
        id: row.get(0)?,
        no: row.get(1)?,
        token_hash: row.get(2)?,
        client: row.get(3)?,
        label: row.get(4)?,
        created: row.get(5)?,
        last_used: row.get(6)?,
        expires: row.get(7)?,
    })
}

/// Adds a device; beyond `most` of one account, those unused for longest are signed out.
#[must_use]
pub fn add(device: Device, most: u32) -> Write {
    Write::new(device.label.len(), move |tx| insert(tx, &device, most))
}

pub(crate) fn insert(tx: &Tx<'_>, device: &Device, most: u32) -> Result<(), WriteError> {
    tx.execute(
        "INSERT INTO devices (id, no, token_hash, client, label, created, last_used, expires) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            device.id,
            device.no,
            &device.token_hash,
            &device.client,
            &device.label,
            device.created,
            device.last_used,
            device.expires,
        ),
    )?;
    let surplus: Vec<DeviceId> = tx.rows(
        "SELECT id FROM devices WHERE no = ?1 ORDER BY last_used DESC, id DESC LIMIT -1 OFFSET ?2",
        (device.no, most),
        |row| row.get(0),
    )?;
    for id in surplus {
        remove(tx, id)?;
    }
    push::devices_gone(tx, device.no)
}

fn remove(tx: &Tx<'_>, id: DeviceId) -> Result<(), WriteError> {
    client_tokens::forget(tx, id)?;
    tx.execute("DELETE FROM devices WHERE id = ?1", [id]).map(drop)
}

/// Notes that the device showed its token, and until when that is good.
#[must_use]
pub fn touch(id: DeviceId, last_used: Timestamp, expires: Timestamp) -> Write {
    Write::new(0, move |tx| {
        let sql = "UPDATE devices SET last_used = ?2, expires = ?3 WHERE id = ?1";
        if tx.execute(sql, (id, last_used, expires))? == 0 {
            Err(WriteError::NotFound)
        } else {
            Ok(())
        }
    })
}

/// Signs one device of the account out.
#[must_use]
pub fn revoke(no: JidNo, id: DeviceId) -> Write {
    Write::new(0, move |tx| {
        let sql = "DELETE FROM devices WHERE id = ?1 AND no = ?2";
        if tx.execute(sql, (id, no))? == 0 {
            return Err(WriteError::NotFound);
        }
        client_tokens::forget(tx, id)?;
        push::devices_gone(tx, no)
    })
}

/// Signs all devices of the account out, as after a change of password; nothing is pushed any more either.
#[must_use]
pub fn revoke_all(no: JidNo) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "DELETE FROM client_tokens WHERE device IN (SELECT id FROM devices WHERE no = ?1)",
            [no],
        )?;
        tx.execute("DELETE FROM devices WHERE no = ?1", [no])?;
        unified_push::forget(tx, no)?;
        push::forget(tx, no)
    })
}

impl Reader {
    /// The device whose token has this hash, unless it expired before `now`.
    pub fn device_by_token(&self, token_hash: &[u8], now: Timestamp) -> Result<Option<Device>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM devices WHERE token_hash = ?1 AND expires > ?2");
        self.first(&sql, (token_hash, now), device)
    }

    /// The account's device that is this client.
    pub(crate) fn device_of_client(&self, no: JidNo, client: &str) -> Result<Option<Device>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM devices WHERE no = ?1 AND client = ?2");
        self.first(&sql, (no, client), device)
    }

    /// The account's devices, the latest used first.
    pub fn devices(&self, no: JidNo) -> Result<Vec<Device>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM devices WHERE no = ?1 ORDER BY last_used DESC, id DESC");
        self.rows(&sql, [no], device)
    }
}
