//! Work that must be finished even across restarts: one job of a kind for each subject, with its state.

use crate::ids::Timestamp;
use crate::read::{ReadError, Reader};
use crate::write::Write;

/// A job that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What it is about, in numbers of whoever made it.
    pub subject: i64,
    /// How far it is.
    pub state: String,
    /// When it was made.
    pub created: Timestamp,
}

/// Notes a job, or how far it is; the time stays that of the first note.
#[must_use]
pub fn put(kind: &'static str, subject: i64, state: String, at: Timestamp) -> Write {
    Write::new(state.len(), move |tx| {
        tx.execute(
            "INSERT INTO jobs (kind, subject, state, created) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (kind, subject) DO UPDATE SET state = excluded.state",
            (kind, subject, &state, at),
        )
        .map(drop)
    })
}

/// Forgets a job that is done. Does nothing when there is none.
#[must_use]
pub fn done(kind: &'static str, subject: i64) -> Write {
    Write::new(0, move |tx| {
        tx.execute(
            "DELETE FROM jobs WHERE kind = ?1 AND subject = ?2",
            (kind, subject),
        )
        .map(drop)
    })
}

impl Reader {
    /// Up to 10,000 jobs of a kind that are not done, the oldest first.
    pub fn jobs(&self, kind: &str) -> Result<Vec<Job>, ReadError> {
        self.rows(
            "SELECT subject, state, created FROM jobs WHERE kind = ?1 ORDER BY created, subject LIMIT 10000",
            [kind],
            |row| {
                Ok(Job {
                    subject: row.get(0)?,
                    state: row.get(1)?,
                    created: row.get(2)?,
                })
            },
        )
    }
}
