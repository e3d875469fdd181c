//! Whom to tell that something came for an account while its client does not read: app servers and browsers.
//!
//! A registration made by a signed-in device lasts no longer than the device: it is not read any more once that was revoked
//! or has expired. What is told, and when, is decided above this crate.

use rusqlite::Row;

use crate::ids::{DeviceId, JidNo, Timestamp};
use crate::read::{ReadError, Reader};
use crate::write::{Tx, Write, WriteError};

/// Where a notification is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushService {
    /// The server of an app, on the XMPP network.
    App {
        /// Its address.
        jid: String,
        /// The node to publish to; empty where none was named.
        node: String,
        /// What is to stand beside each publication, as an element.
        options: Option<Vec<u8>>,
    },
    /// A browser, by way of a push service on the web.
    Browser {
        /// The URL that leads to it.
        endpoint: String,
        /// Its public key.
        public_key: Vec<u8>,
        /// A secret that it shares with us.
        secret: Vec<u8>,
        /// Whether its notifications quote messages.
        shows_text: bool,
    },
}

/// A wish to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRegistration {
    /// Its number, given by [`enable`]; 0 before.
    pub id: i64,
    /// The account.
    pub no: JidNo,
    /// Where its notifications go.
    pub service: PushService,
    /// The resource of the client that asked.
    pub resource: String,
    /// The device that client was signed in as.
    pub device: Option<DeviceId>,
    /// When it asked last.
    pub created: Timestamp,
}

/// Adds a registration in place of an earlier one of the same service and node; beyond `most` of one account, the oldest go.
/// A browser belongs to whoever registered it last.
///
/// Fails with [`WriteError::NotFound`] when there is no such account.
#[must_use]
pub fn enable(registration: PushRegistration, most: u32) -> Write {
    let bytes = match &registration.service {
        PushService::App { jid, node, options } => {
            jid.len() + node.len() + options.as_ref().map_or(0, Vec::len)
        }
        PushService::Browser { endpoint, .. } => endpoint.len() + 128,
    };
    Write::new(bytes, move |tx| {
        let one = &registration;
        tx.account(one.no)?;
        let (service, node, options, key) = match &one.service {
            PushService::App { jid, node, options } => (jid, node.as_str(), options.as_deref(), None),
            PushService::Browser {
                endpoint,
                public_key,
                secret,
                shows_text,
            } => {
                tx.execute(
                    "DELETE FROM push_registrations WHERE service = ?1 AND node = '' AND no <> ?2",
                    (endpoint, one.no),
                )?;
                (endpoint, "", None, Some((public_key, secret, *shows_text)))
            }
        };
        tx.execute(
            "DELETE FROM push_registrations WHERE service = ?1 AND node = ?2 AND no = ?3",
            (service, node, one.no),
        )?;
        tx.execute(
            "INSERT INTO push_registrations \
             (no, service, node, options, public_key, secret, shows_text, resource, device, created) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            (
                one.no,
                service,
                node,
                options,
                key.map(|(public_key, _, _)| public_key),
                key.map(|(_, secret, _)| secret),
                key.is_some_and(|(_, _, shows_text)| shows_text),
                &one.resource,
                one.device,
                one.created,
            ),
        )?;
        tx.execute(
            "DELETE FROM push_registrations WHERE no = ?1 AND id NOT IN \
             (SELECT id FROM push_registrations WHERE no = ?1 ORDER BY id DESC LIMIT ?2)",
            (one.no, most),
        )
        .map(drop)
    })
}

/// Removes an account's registrations of a service: of one node, or of all. Does nothing where there are none.
#[must_use]
pub fn disable(no: JidNo, service: String, node: Option<String>) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "DELETE FROM push_registrations WHERE service = ?2 AND no = ?1 AND (?3 IS NULL OR node = ?3)",
            (no, &service, &node),
        )
        .map(drop)
    })
}

/// Removes one registration of an account. Does nothing where it is gone.
#[must_use]
pub fn remove(no: JidNo, id: i64) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "DELETE FROM push_registrations WHERE id = ?2 AND no = ?1",
            (no, id),
        )
        .map(drop)
    })
}

/// Removes the registrations of the account whose devices are gone.
pub(crate) fn devices_gone(tx: &Tx<'_>, no: JidNo) -> Result<(), WriteError> {
    tx.execute(
        "DELETE FROM push_registrations WHERE no = ?1 AND device IS NOT NULL \
         AND device NOT IN (SELECT id FROM devices WHERE no = ?1)",
        [no],
    )
    .map(drop)
}

/// Removes every registration of the account.
pub(crate) fn forget(tx: &Tx<'_>, no: JidNo) -> Result<(), WriteError> {
    tx.execute("DELETE FROM push_registrations WHERE no = ?1", [no])
        .map(drop)
}

const COLUMNS: &str = "r.id, r.no, r.service, r.node, r.options, r.public_key, r.secret, r.shows_text, r.resource, r.device, r.created";

fn registration(row: &Row<'_>) -> rusqlite::Result<PushRegistration> {
    let keys: (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(5)?, row.get(6)?);
    let service = match keys {
        (Some(public_key), Some(secret)) => PushService::Browser {
            endpoint: row.get(2)?,
            public_key,
            secret,
            shows_text: row.get(7)?,
        },
        _ => PushService::App {
            jid: row.get(2)?,
            node: row.get(3)?,
            options: row.get(4)?,
        },
    };
    Ok(PushRegistration {
        id: row.get(0)?,
        no: row.get(1)?,
        service,
        resource: row.get(8)?,
        device: row.get(9)?,
        created: row.get(10)?,
    })
}

impl Reader {
    /// The registrations of an open account, the oldest first; not those of devices that are gone or expired at `now`.
    pub fn push_registrations(&self, no: JidNo, now: Timestamp) -> Result<Vec<PushRegistration>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM push_registrations r JOIN accounts a ON a.no = r.no \
             LEFT JOIN devices d ON d.id = r.device AND d.no = r.no \
             WHERE r.no = ?1 AND a.state = 'active' AND (r.device IS NULL OR d.expires > ?2) ORDER BY r.id"
        );
        self.rows(&sql, (no, now), registration)
    }

    /// Whether an account has registrations.
    pub fn has_push(&self, no: JidNo) -> Result<bool, ReadError> {
        let found = self.first(
            "SELECT 1 FROM push_registrations WHERE no = ?1 LIMIT 1",
            [no],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// The accounts that have registrations.
    pub fn push_accounts(&self) -> Result<Vec<JidNo>, ReadError> {
        self.rows("SELECT DISTINCT no FROM push_registrations", [], |row| row.get(0))
    }
}
