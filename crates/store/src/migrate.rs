//! Brings a database to the version that this program knows: a copy first, then all missing files in one transaction.
//!
//! Whatever interrupts it (a full disk, a kill, a power cut) leaves the database as it was, usable by the program that
//! wrote it.

use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Connection};

use crate::open::create_private;

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
    (
        "0005_publish_subscribe",
        include_str!("../../../migrations/0005_publish_subscribe.sql"),
    ),
    (
        "0006_messages",
        include_str!("../../../migrations/0006_messages.sql"),
    ),
];

/// The version of the databases that this program writes.
pub const DATABASE_VERSION: u32 = MIGRATIONS.len() as u32;

/// A number made from the text of all migrations: it tells whether a file was made by exactly this schema, also between two
/// releases, while the newest migration still changes.
#[must_use]
pub fn schema_fingerprint() -> u64 {
    // FNV-1a: the same with every compiler.
    MIGRATIONS
        .iter()
        .flat_map(|(_, sql)| sql.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

/// What the copies are called: the version that they have stands between the two.
const COPY: (&str, &str) = ("before-upgrade-", ".db");
/// Pages copied between two words on how far it is: 16 megabytes of the usual size.
const PAGES_PER_STEP: i32 = 2_048;
/// How often a long step says that it is still at work.
const WORD: Duration = Duration::from_secs(2);
/// Instructions of the database engine between two looks at the clock.
const LOOK: i32 = 100_000;
/// Room that a copy must leave on the disk, beside what the upgrade itself may need.
const MARGIN: u64 = 16 << 20;

/// Bringing a database up to date, as it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// A database of an earlier version was found.
    Begins {
        /// Its version.
        from: u32,
        /// The version that it will have.
        to: u32,
        /// Its size.
        bytes: u64,
    },
    /// So much of it is copied.
    Copying {
        /// Bytes copied.
        bytes: u64,
        /// Bytes to copy in all.
        of: u64,
    },
    /// The copy is whole and on the disk.
    Copied(PathBuf),
    /// There is no copy: the disk has no room for one.
    NoCopy {
        /// Bytes that it would need.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A file begins.
    Step(Migration),
    /// A file is still at work.
    Working {
        /// The file.
        step: Migration,
        /// The first words of the statement.
        statement: String,
        /// Since the upgrade began.
        elapsed: Duration,
    },
    /// All is done and on the disk.
    Done(Duration),
}

/// One file of a database's upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The version that the database will have.
    pub version: u32,
    /// The version after the last file.
    pub last_version: u32,
    /// The name of the file, without its ending.
    pub name: &'static str,
}

/// Whom to tell.
pub type OnUpgrade = Arc<dyn Fn(Upgrade) + Send + Sync>;

/// Where a database's file says its version (the engine's file format, §1.3: user version).
const VERSION_AT: u64 = 60;

/// The version of the database in a file, as its first bytes say it, without opening it; `None` when it is no database yet.
/// What only the log beside it knows is not seen.
///
/// # Errors
/// When the file cannot be read.
pub fn version_of(path: &Path) -> std::io::Result<Option<u32>> {
    let mut file = std::fs::File::open(path)?;
    let mut version = [0; 4];
    file.seek(SeekFrom::Start(VERSION_AT))?;
    match file.read_exact(&mut version) {
        Ok(()) => Ok(Some(u32::from_be_bytes(version)).filter(|version| *version > 0)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Runs what is missing. A new database is made without a word.
pub(crate) fn run(
    connection: &Connection,
    path: &Path,
    current: u32,
    tell: &OnUpgrade,
) -> rusqlite::Result<()> {
    if current == DATABASE_VERSION {
        return Ok(());
    }
    let begun = Instant::now();
    let is_new = current == 0;
    if !is_new {
        let bytes = bytes_of(connection)?;
        tell(Upgrade::Begins {
            from: current,
            to: DATABASE_VERSION,
            bytes,
        });
        keep_copy(connection, path, current, bytes, tell);
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let done = (1..)
        .zip(MIGRATIONS)
        .skip(current as usize)
        .try_for_each(|(version, (name, sql))| {
            let step = Migration {
                version,
                last_version: DATABASE_VERSION,
                name,
            };
            if is_new {
                connection.execute_batch(sql)
            } else {
                tell(Upgrade::Step(step));
                run_file(connection, sql, step, begun, tell)
            }
        })
        .and_then(|()| connection.pragma_update(None, "user_version", DATABASE_VERSION))
        .and_then(|()| connection.execute_batch("COMMIT"));
    if done.is_err() && !connection.is_autocommit() {
        // The first error is the one to report.
        let _ = connection.execute_batch("ROLLBACK");
    }
    done?;
    if !is_new {
        remove_older_copies(path, current);
        tell(Upgrade::Done(begun.elapsed()));
    }
    Ok(())
}

/// Runs one file, statement by statement; a long one says from time to time that it is at work.
fn run_file(
    connection: &Connection,
    sql: &str,
    step: Migration,
    begun: Instant,
    tell: &OnUpgrade,
) -> rusqlite::Result<()> {
    let mut batch = Batch::new(connection, sql);
    let mut outcome = Ok(());
    while outcome.is_ok() {
        let mut statement = match batch.next() {
            Ok(Some(statement)) => statement,
            Ok(None) => break,
            Err(error) => {
                outcome = Err(error);
                break;
            }
        };
        let words = statement
            .expanded_sql()
            .map(|sql| first_words(&sql))
            .unwrap_or_default();
        let (tell, mut last) = (Arc::clone(tell), Instant::now());
        connection.progress_handler(
            LOOK,
            Some(move || {
                if last.elapsed() >= WORD {
                    last = Instant::now();
                    tell(Upgrade::Working {
                        step,
                        statement: words.clone(),
                        elapsed: begun.elapsed(),
                    });
                }
                // Go on.
                false
            }),
        );
        outcome = statement.raw_execute().map(drop);
    }
    connection.progress_handler(0, None::<fn() -> bool>);
    outcome
}

/// `CREATE INDEX messages_peer ON messages`, without comments.
fn first_words(sql: &str) -> String {
    let text = sql
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("--"));
    text.unwrap_or_default().chars().take(60).collect()
}

fn bytes_of(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    Ok(number("page_count")?.unsigned_abs() * number("page_size")?.unsigned_abs())
}

/// Keeps a copy of the database as it is, where the disk has room for it and for the upgrade. One that cannot be made
/// is no reason to stop: the upgrade changes all or nothing.
fn keep_copy(connection: &Connection, path: &Path, version: u32, bytes: u64, tell: &OnUpgrade) {
    let folder = path.parent().unwrap_or(Path::new("."));
    let needed = bytes * 2 + MARGIN;
    let free = rustix::fs::statvfs(folder).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    let kept = folder.join(format!("{}{version}{}", COPY.0, COPY.1));
    let unfinished = folder.join("before-upgrade.part");
    if free < needed {
        return tell(Upgrade::NoCopy { needed, free });
    }
    match copy(connection, &unfinished, bytes, tell).and_then(|()| {
        std::fs::rename(&unfinished, &kept)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    }) {
        Ok(()) => tell(Upgrade::Copied(kept)),
        Err(error) => {
            tracing::warn!(%error, "the database could not be copied");
            // Half a copy is of no use.
            let _ = std::fs::remove_file(&unfinished);
            tell(Upgrade::NoCopy { needed, free });
        }
    }
}

fn copy(connection: &Connection, to: &Path, bytes: u64, tell: &OnUpgrade) -> rusqlite::Result<()> {
    let io = |error: std::io::Error| rusqlite::Error::ToSqlConversionFailure(error.into());
    // What an interrupted upgrade left.
    create_private(to).and_then(|file| file.set_len(0)).map_err(io)?;
    let mut target = Connection::open(to)?;
    target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    {
        let backup = Backup::new(connection, &mut target)?;
        while backup.step(PAGES_PER_STEP)? == StepResult::More {
            let progress = backup.progress();
            let (left, all) = (
                progress.remaining.unsigned_abs(),
                progress.pagecount.unsigned_abs(),
            );
            tell(Upgrade::Copying {
                bytes: bytes * u64::from(all - left) / u64::from(all.max(1)),
                of: bytes,
            });
        }
    }
    target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    target.close().map_err(|(_, error)| error)?;
    std::fs::File::open(to)
        .and_then(|file| file.sync_all())
        .map_err(io)
}

/// Of the copies only the last is kept.
fn remove_older_copies(path: &Path, version: u32) {
    let folder = path.parent().unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let older = name
            .to_str()
            .and_then(|name| name.strip_prefix(COPY.0)?.strip_suffix(COPY.1))
            .and_then(|number| number.parse::<u32>().ok())
            .is_some_and(|number| number < version);
        if older {
            // It takes room, and does no harm.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
