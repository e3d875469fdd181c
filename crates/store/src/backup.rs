//! Copies of the database: taken while the server runs, checked, and put back.
//!
//! The writer copies pages between its batches, on its own connection, so that what is written meanwhile is in the
//! copy too and the copy never starts over.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::Store;
use crate::migrate::DATABASE_VERSION;
use crate::open::{APPLICATION_ID, DATABASE_FILE, OpenError, create_private};
use crate::queue::{Errand, Taken};
use crate::write::WriteError;

/// Pages copied between two batches: half a megabyte of the usual size.
const PAGES_PER_STEP: i32 = 64;

/// Why there is no backup, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file to be written is there already.
    #[error("{path}: exists already; choose another name")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The folder to restore into has a database.
    #[error("{path}: the folder holds a database already; choose an empty folder")]
    NotEmpty {
        /// The database.
        path: PathBuf,
    },
    /// The store could not copy.
    #[error("{path}: {source}")]
    Copy {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: WriteError,
    },
    /// The file could not be opened, is damaged, of something else, or newer than this program.
    #[error(transparent)]
    File(#[from] OpenError),
}

/// What a checked backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupContents {
    /// The version of the database.
    pub version: u32,
    /// Accounts in it.
    pub accounts: u64,
    /// Items in it.
    pub items: u64,
}

impl Store {
    /// Copies the database to a new file while it is used. Everything acknowledged before the call is in it.
    pub async fn backup(&self, path: &Path) -> Result<(), BackupError> {
        let failed = |source| BackupError::Copy {
            path: path.to_owned(),
            source,
        };
        if path.exists() {
            return Err(BackupError::Exists {
                path: path.to_owned(),
            });
        }
        create_private(path).map_err(|source| OpenError::io(path, source))?;
        let to = Connection::open(path).map_err(|source| OpenError::engine(path, source))?;
        // Nobody needs half a backup: it is synced once, when it is whole.
        to.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
            .map_err(|source| OpenError::engine(path, source))?;
        let (outcome, copied) = oneshot::channel();
        let asked = self.inner.queue.push_errand(Errand::Backup(to, outcome));
        let copied = match asked {
            Ok(()) => copied.await.unwrap_or(Err(WriteError::Closed)),
            Err(error) => Err(error),
        };
        if let Err(error) = copied {
            // The first error is the one to report.
            let _ = std::fs::remove_file(path);
            return Err(failed(error));
        }
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced.map_err(|source| OpenError::io(path, source).into())
    }
}

/// Copies everything, a step between two rounds of the writer's work.
pub(crate) fn copy(
    from: &Connection,
    mut to: Connection,
    mut round: impl FnMut() -> Taken,
) -> Result<(), WriteError> {
    {
        let backup = Backup::new(from, &mut to)?;
        loop {
            match backup.step(PAGES_PER_STEP)? {
                StepResult::Done => break,
                StepResult::More | StepResult::Busy | StepResult::Locked => {}
                other => return Err(WriteError::Engine(format!("backup: {other:?}").into())),
            }
            if let Taken::Closed = round() {
                return Err(WriteError::Closed);
            }
        }
    }
    // One file, without a log beside it.
    to.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    to.close().map_err(|(_, error)| error.into())
}

/// Looks a backup through from end to end.
pub fn check(path: &Path) -> Result<BackupContents, BackupError> {
    let engine = |source| OpenError::engine(path, source);
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(engine)?;
    let number = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(engine)
    };
    let application = number("PRAGMA application_id")?;
    if application != i64::from(APPLICATION_ID) {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
        }
        .into());
    }
    let version = number("PRAGMA user_version")? as u32;
    if version > DATABASE_VERSION {
        let path = path.to_owned();
        return Err(OpenError::Newer {
            path,
            found: version,
            known: DATABASE_VERSION,
        }
        .into());
    }
    let found: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .map_err(engine)?;
    if found != "ok" {
        return Err(OpenError::Damaged {
            path: path.to_owned(),
            reason: found,
        }
        .into());
    }
    Ok(BackupContents {
        version,
        accounts: number("SELECT count(*) FROM accounts")? as u64,
        items: number("SELECT count(*) FROM items")? as u64,
    })
}

/// Checks a backup and puts it into a data folder that has no database. The folder must not be in use.
pub fn restore(path: &Path, dir: &Path) -> Result<BackupContents, BackupError> {
    let contents = check(path)?;
    let database = dir.join(DATABASE_FILE);
    if database.exists() {
        return Err(BackupError::NotEmpty { path: database });
    }
    put_in_place(path, dir, &database).map_err(|source| OpenError::io(dir, source))?;
    Ok(contents)
}

/// Copies under another name first: half a copy must never look like a database.
fn put_in_place(path: &Path, dir: &Path, database: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let unfinished = dir.join("restoring");
    let mut copy = create_private(&unfinished)?;
    copy.set_len(0)?;
    io::copy(&mut File::open(path)?, &mut copy)?;
    copy.sync_all()?;
    std::fs::rename(&unfinished, database)?;
    File::open(dir)?.sync_all()
}
