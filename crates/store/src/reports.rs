//! What people report with a block (XEP-0377), for the administrators.

use crate::ids::{JidNo, MessageId, Timestamp};
use crate::read::{ReadError, Reader};
use crate::write::{Write, WriteError};

/// How many reports are kept; the oldest go.
const KEPT: i64 = 10_000;
/// How long a report is kept that nobody closes, in milliseconds.
const KEPT_MS: i64 = 365 * 86_400_000;

/// A report, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReport {
    /// When.
    pub created: Timestamp,
    /// Who reports.
    pub reporter: JidNo,
    /// The address that was blocked.
    pub reported: String,
    /// A URI.
    pub reason: String,
    /// What the reporter says of it; may be empty.
    pub text: String,
    /// The reported messages, each a whole stanza.
    pub messages: Vec<Vec<u8>>,
}

/// A report that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its number, growing with time.
    pub id: i64,
    /// When it came.
    pub created: Timestamp,
    /// The address of who reports; none once that account is deleted.
    pub reporter: Option<String>,
    /// The address that was blocked.
    pub reported: String,
    /// A URI.
    pub reason: String,
    /// What the reporter says of it; may be empty.
    pub text: String,
    /// The reported messages.
    pub messages: Vec<Vec<u8>>,
}

/// Keeps a report.
///
/// Fails with [`WriteError::NotFound`] when there is no such account.
#[must_use]
pub fn add(report: NewReport) -> Write {
    let bytes = report.text.len() + report.messages.iter().map(Vec::len).sum::<usize>();
    Write::new(bytes, move |tx| {
        tx.account(report.reporter)?;
        // Counted apart, so that the number of one that was closed is not given again.
        let id: i64 = tx
            .first(
                "INSERT INTO counters (name, value) VALUES ('reports', 1) \
                 ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
                [],
                |row| row.get(0),
            )?
            .ok_or(WriteError::NotFound)?;
        tx.execute(
            "INSERT INTO reports (id, created, reporter, reported, reason, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                id,
                report.created,
                report.reporter,
                &report.reported,
                &report.reason,
                &report.text,
            ),
        )?;
        for (place, stanza) in (0_i64..).zip(&report.messages) {
            tx.execute(
                "INSERT INTO report_messages (report, place, stanza) VALUES (?1, ?2, ?3)",
                (id, place, stanza),
            )?;
        }
        let old = (id - KEPT, report.created.0 - KEPT_MS);
        tx.execute(
            "DELETE FROM report_messages WHERE report IN (SELECT id FROM reports WHERE id <= ?1 OR created < ?2)",
            old,
        )?;
        tx.execute("DELETE FROM reports WHERE id <= ?1 OR created < ?2", old)
            .map(drop)
    })
}

/// Deletes a report that was dealt with.
///
/// Fails with [`WriteError::NotFound`] when there is none of this number.
#[must_use]
pub fn close(id: i64) -> Write {
    Write::new(0, move |tx| {
        tx.execute("DELETE FROM report_messages WHERE report = ?1", [id])?;
        match tx.execute("DELETE FROM reports WHERE id = ?1", [id])? {
            0 => Err(WriteError::NotFound),
            _ => Ok(()),
        }
    })
}

impl Reader {
    /// Up to `limit` reports whose numbers are smaller than `before`, the newest first.
    pub fn reports(&self, before: Option<i64>, limit: u32) -> Result<Vec<Report>, ReadError> {
        let mut reports = self.rows(
            "SELECT r.id, r.created, j.jid, r.reported, r.reason, r.text FROM reports r \
             LEFT JOIN accounts a ON a.no = r.reporter LEFT JOIN jids j ON j.no = a.no \
             WHERE r.id < ?1 ORDER BY r.id DESC LIMIT ?2",
            (before.unwrap_or(i64::MAX), limit),
            |row| {
                Ok(Report {
                    id: row.get(0)?,
                    created: row.get(1)?,
                    reporter: row.get(2)?,
                    reported: row.get(3)?,
                    reason: row.get(4)?,
                    text: row.get(5)?,
                    messages: Vec::new(),
                })
            },
        )?;
        for report in &mut reports {
            report.messages = self.rows(
                "SELECT stanza FROM report_messages WHERE report = ?1 ORDER BY place",
                [report.id],
                |row| row.get(0),
            )?;
        }
        Ok(reports)
    }

    /// Of these messages those that an account has from a sender, archived or waiting, in their order.
    pub fn received_messages(
        &self,
        owner: JidNo,
        sender: JidNo,
        ids: &[MessageId],
    ) -> Result<Vec<Vec<u8>>, ReadError> {
        let mut stanzas = Vec::with_capacity(ids.len());
        for id in ids {
            stanzas.extend(self.first(
                "SELECT m.stanza FROM message_owners o JOIN messages m ON m.id = o.id \
                 WHERE o.owner = ?1 AND o.id = ?2 AND o.peer = ?3 AND o.direction = 'in'",
                (owner, id, sender),
                |row| row.get(0),
            )?);
        }
        Ok(stanzas)
    }

    /// The addresses of the accounts that administer the server.
    pub fn administrators(&self) -> Result<Vec<String>, ReadError> {
        self.rows(
            "SELECT localpart || '@' || domain FROM accounts WHERE is_admin = 1 AND state = 'active' ORDER BY no",
            [],
            |row| row.get(0),
        )
    }

    /// How many reports are kept.
    pub fn report_count(&self) -> Result<u64, ReadError> {
        self.count("SELECT count(*) FROM reports", [])
    }
}
