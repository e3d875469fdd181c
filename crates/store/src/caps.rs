//! What clients can do, by the hash that they announce (XEP-0115), so that each kind of client is asked once.

use crate::ids::Timestamp;
use crate::read::{ReadError, Reader};
use crate::write::{Tx, Write, WriteError};

/// Kinds of clients kept; the one not seen for longest makes room.
const MAX_KEPT: u64 = 10_000;
/// Rows deleted at a time when there are too many.
const EVICTED: u64 = 100;

/// What a kind of client can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Its features, in a form that is its reader's business.
    pub features: String,
    /// Its identities, likewise.
    pub identities: String,
}

/// Keeps what a kind of client can do, checked against its hash by the caller.
#[must_use]
pub fn put(hash: String, ver: String, caps: Caps, seen: Timestamp) -> Write {
    Write::new(caps.features.len() + caps.identities.len(), move |tx| {
        let changed = tx.execute(
            "UPDATE caps SET features = ?3, identities = ?4, seen = ?5 WHERE hash = ?1 AND ver = ?2",
            (&hash, &ver, &caps.features, &caps.identities, seen),
        )?;
        if changed > 0 {
            return Ok(());
        }
        tx.execute(
            "INSERT INTO caps (hash, ver, features, identities, seen) VALUES (?1, ?2, ?3, ?4, ?5)",
            (&hash, &ver, &caps.features, &caps.identities, seen),
        )?;
        make_room(tx)
    })
}

fn make_room(tx: &mut Tx<'_>) -> Result<(), WriteError> {
    let count = match tx.memory().caps {
        Some(count) => count + 1,
        None => tx
            .first("SELECT count(*) FROM caps", [], |row| row.get::<_, i64>(0))?
            .unwrap_or(0) as u64,
    };
    let mut left = count;
    if count > MAX_KEPT {
        left -= tx.execute(
            "DELETE FROM caps WHERE (hash, ver) IN (SELECT hash, ver FROM caps ORDER BY seen LIMIT ?1)",
            [EVICTED as i64],
        )? as u64;
    }
    tx.memory().caps = Some(left);
    Ok(())
}

/// Notes that such a client was seen again.
#[must_use]
pub fn touch(hash: String, ver: String, seen: Timestamp) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "UPDATE caps SET seen = ?3 WHERE hash = ?1 AND ver = ?2",
            (&hash, &ver, seen),
        )
        .map(drop)
    })
}

impl Reader {
    /// What a kind of client can do, if it is known.
    pub fn caps(&self, hash: &str, ver: &str) -> Result<Option<Caps>, ReadError> {
        self.first(
            "SELECT features, identities FROM caps WHERE hash = ?1 AND ver = ?2",
            (hash, ver),
            |row| {
                Ok(Caps {
                    features: row.get(0)?,
                    identities: row.get(1)?,
                })
            },
        )
    }
}
