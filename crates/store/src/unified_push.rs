//! Endpoints at which other apps' servers push to a person's phone by way of its XMPP app: UnifiedPush.
//!
//! An endpoint belongs to one app on one of an account's clients and is found by its token. What is pushed is not kept.

use rusqlite::Row;

use crate::ids::{JidNo, Timestamp};
use crate::read::{ReadError, Reader};
use crate::write::{Tx, Write, WriteError};

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What its address ends with.
    pub token: String,
    /// The account.
    pub no: JidNo,
    /// The resource of the client that asked for it.
    pub resource: String,
    /// Which app it is for, as the client calls it.
    pub application: String,
    /// Which of that app's endpoints it is, as the client calls it.
    pub instance: String,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// Adds an endpoint, or makes the one of the same app last longer and, had it another token, gives it this one. Beyond
/// `most` of one account those that expire first go.
///
/// Fails with [`WriteError::NotFound`] when there is no such account.
#[must_use]
pub fn register(endpoint: Endpoint, most: u32) -> Write {
    Write::new(256, move |tx| {
        let one = &endpoint;
        tx.account(one.no)?;
        tx.execute(
            "INSERT INTO unified_push (token, no, resource, application, instance, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (no, resource, application, instance) DO UPDATE SET token = excluded.token, expires = excluded.expires",
            (
                &one.token,
                one.no,
                &one.resource,
                &one.application,
                &one.instance,
                one.expires,
            ),
        )?;
        tx.execute(
            "DELETE FROM unified_push WHERE no = ?1 AND token NOT IN \
             (SELECT token FROM unified_push WHERE no = ?1 ORDER BY expires DESC, token LIMIT ?2)",
            (one.no, most),
        )
        .map(drop)
    })
}

/// Removes an endpoint. Does nothing where it is gone.
#[must_use]
pub fn revoke(token: String) -> Write {
    Write::new(0, move |tx| {
        tx.execute("DELETE FROM unified_push WHERE token = ?1", [&token])
            .map(drop)
    })
}

/// Removes some of the endpoints that have expired; how many is what the write changed.
#[must_use]
pub fn sweep(now: Timestamp, most: u32) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "DELETE FROM unified_push WHERE token IN \
             (SELECT token FROM unified_push WHERE expires <= ?1 ORDER BY expires LIMIT ?2)",
            (now, most),
        )
        .map(drop)
    })
}

/// Removes every endpoint of the account.
pub(crate) fn forget(tx: &Tx<'_>, no: JidNo) -> Result<(), WriteError> {
    tx.execute("DELETE FROM unified_push WHERE no = ?1", [no])
        .map(drop)
}

fn endpoint(row: &Row<'_>) -> rusqlite::Result<Endpoint> {
    Ok(Endpoint {
        token: row.get(0)?,
        no: row.get(1)?,
        resource: row.get(2)?,
        application: row.get(3)?,
        instance: row.get(4)?,
        expires: row.get(5)?,
    })
}

const COLUMNS: &str = "u.token, u.no, u.resource, u.application, u.instance, u.expires";

impl Reader {
    /// The endpoint with a token, if it has not expired and its account is open.
    pub fn unified_push(&self, token: &str, now: Timestamp) -> Result<Option<Endpoint>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM unified_push u JOIN accounts a ON a.no = u.no \
             WHERE u.token = ?1 AND u.expires > ?2 AND a.state = 'active'"
        );
        self.first(&sql, (token, now), endpoint)
    }

    /// The endpoint of an app on a client, if it has not expired.
    pub fn unified_push_of(
        &self,
        no: JidNo,
        resource: &str,
        application: &str,
        instance: &str,
        now: Timestamp,
    ) -> Result<Option<Endpoint>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM unified_push u \
             WHERE u.no = ?1 AND u.resource = ?2 AND u.application = ?3 AND u.instance = ?4 AND u.expires > ?5"
        );
        self.first(&sql, (no, resource, application, instance, now), endpoint)
    }
}
