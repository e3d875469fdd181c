//! Brings a database to the version that this program knows, one numbered file at a time.

use rusqlite::Connection;

/// The files below `migrations/`, in order; the first is version 1.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_first", include_str!("../../../migrations/0001_first.sql")),
    (
        "0002_private_vcards_blocked",
        include_str!("../../../migrations/0002_private_vcards_blocked.sql"),
    ),
    (
        "0003_conversation",
        include_str!("../../../migrations/0003_conversation.sql"),
    ),
    (
        "0004_invitations",
        include_str!("../../../migrations/0004_invitations.sql"),
    ),
];

/// The version of the databases that this program writes.
pub const DATABASE_VERSION: u32 = MIGRATIONS.len() as u32;

/// A step of bringing a database up to date, told before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The version that the database will have.
    pub version: u32,
    /// The version after the last step.
    pub last_version: u32,
    /// The name of the file, without its ending.
    pub name: &'static str,
}

/// Runs what is missing. Each step is a transaction, so that a stop between two loses nothing.
pub(crate) fn run(
    connection: &Connection,
    current: u32,
    progress: &dyn Fn(Migration),
) -> rusqlite::Result<()> {
    for (version, (name, sql)) in (1..).zip(MIGRATIONS).skip(current as usize) {
        progress(Migration {
            version,
            last_version: DATABASE_VERSION,
            name,
        });
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = connection
            .execute_batch(sql)
            .and_then(|()| connection.pragma_update(None, "user_version", version))
            .and_then(|()| connection.execute_batch("COMMIT"));
        if done.is_err() && !connection.is_autocommit() {
            // The first error is the one to report.
            let _ = connection.execute_batch("ROLLBACK");
        }
        done?;
    }
    Ok(())
}
