//! Opening a data folder: its lock, its database, and every way in which that can fail.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::oneshot;

use crate::clock::{Clock, SystemClock};
use crate::computed::FollowUp;
use crate::faults::Faults;
use crate::ids::{Counter, MessageIds, PostId, PostIds};
use crate::jids::Jids;
use crate::metrics::Counts;
use crate::migrate::{self, DATABASE_VERSION, OnUpgrade};
use crate::notifications::Outlet;
use crate::queue::WriteQueue;
use crate::read::{self, ReadQueue};
use crate::write::Memory;
use crate::{Inner, Store, sweep, writer};

/// The database's name in the data folder.
pub const DATABASE_FILE: &str = "folkmoot.db";
const LOCK_FILE: &str = "lock";
/// `FMOT`, in the place where SQLite files say whose they are.
pub(crate) const APPLICATION_ID: i32 = 0x464d_4f54;
/// Bytes of an SQLite file's header; the two numbers that are looked at stand in it, big-endian.
const HEADER_BYTES: usize = 100;
const HEADER_VERSION: usize = 60;
const HEADER_APPLICATION: usize = 68;

/// How surely a commit is on the disk when it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Every commit is synced before it is acknowledged. What a server runs with.
    Full,
    /// Nothing is synced: a power cut loses acknowledged writes. For showing that a test notices.
    Off,
}

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Connections (and threads) for reading.
    pub readers: usize,
    /// How surely a commit is on the disk.
    pub synchronous: Synchronous,
    /// The name of an SQLite file system layer; `None` for the usual one.
    pub vfs: Option<String>,
    /// Bytes of a database page; only takes effect when the database is made.
    pub page_size: u32,
    /// JIDs kept in memory, both ways; about 200 bytes each.
    pub jids_cached: usize,
    /// The database may not grow beyond this many pages; `None` for as far as the disk goes.
    pub max_pages: Option<u32>,
    /// Told how the upgrade of an older database goes on.
    pub on_upgrade: OnUpgrade,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            clock: Arc::new(SystemClock::new()),
            readers: 4,
            synchronous: Synchronous::Full,
            vfs: None,
            page_size: 8_192,
            jids_cached: 500_000,
            max_pages: None,
            on_upgrade: Arc::new(|_| ()),
        }
    }
}

/// Why a data folder cannot be used. Each is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database is of a later program. Nothing was changed.
    #[error(
        "{path}: the database has version {found}, this program knows versions up to {known}; \
         install the newer program again"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The latest version known here.
        known: u32,
    },
    /// Nothing can be written there.
    #[error("{path}: the folder is read-only; make it writable or choose another with --data")]
    ReadOnly {
        /// The data folder.
        path: PathBuf,
    },
    /// Another process has the folder.
    #[error("{path}: another folkmoot uses this folder; stop it first or choose another folder with --data")]
    Locked {
        /// The data folder.
        path: PathBuf,
    },
    /// The file is an SQLite database of something else.
    #[error("{path}: this is not folkmoot's database; move it away or choose another folder with --data")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged or no database at all.
    #[error("{path}: the database is damaged ({reason}); restore a backup with `folkmoot restore`")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// There is no space left.
    #[error("{path}: the disk is full; make space and start again")]
    Full {
        /// The data folder.
        path: PathBuf,
    },
    /// The process may not do that there.
    #[error("{path}: permission denied; give the folder to the user that runs folkmoot")]
    Permission {
        /// The data folder.
        path: PathBuf,
    },
    /// The database is of an earlier version and could not be brought up to date.
    #[error(
        "{source}. The database was left as it was, at version {version}: the program that wrote it can still use it"
    )]
    NotUpgraded {
        /// Its version, still.
        version: u32,
        /// Why.
        source: Box<OpenError>,
    },
    /// Anything else that the operating system says.
    #[error("{path}: {source}")]
    Io {
        /// The data folder.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// Anything else that the database engine says.
    #[error("{path}: {source}")]
    Engine {
        /// The database.
        path: PathBuf,
        /// What it says.
        source: rusqlite::Error,
    },
}

impl OpenError {
    pub(crate) fn io(path: &Path, source: io::Error) -> OpenError {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem => OpenError::ReadOnly { path },
            io::ErrorKind::PermissionDenied => OpenError::Permission { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::Full { path },
            _ => OpenError::Io { path, source },
        }
    }

    pub(crate) fn engine(path: &Path, source: rusqlite::Error) -> OpenError {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError::Damaged {
                path,
                reason: source.to_string(),
            },
            Some(ErrorCode::DiskFull) => OpenError::Full { path },
            Some(ErrorCode::ReadOnly) => OpenError::ReadOnly { path },
            Some(ErrorCode::PermissionDenied) => OpenError::Permission { path },
            _ => OpenError::Engine { path, source },
        }
    }
}

pub(crate) fn open(dir: &Path, options: &Options) -> Result<Store, OpenError> {
    let lock = take_folder(dir)?;
    let path = dir.join(DATABASE_FILE);
    check_header(&path)?;
    create_private(&path).map_err(|source| OpenError::io(dir, source))?;
    let connection = connect(
        &path,
        options,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    )?;
    let engine = |source| OpenError::engine(&path, source);
    prepare(&connection, &path, options)?;
    let readers = (0..options.readers.max(1))
        .map(|_| connect(&path, options, OpenFlags::SQLITE_OPEN_READ_ONLY))
        .collect::<Result<Vec<_>, _>>()?;

    let largest = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, Option<i64>>(0))
            .map_err(engine)
    };
    let retired = |name: &str| largest(&format!("SELECT max(value) FROM counters WHERE name = '{name}'"));
    let last_post = largest("SELECT max(post_id) FROM items")?
        .max(largest("SELECT max(id) FROM notifications")?)
        .max(retired("post")?);
    let posts = Arc::new(PostIds::above(last_post.map(|id| PostId(id as u64))));
    let nodes = Counter::above(largest("SELECT max(no) FROM nodes")?.max(retired("node")?));
    let devices = Counter::above(largest("SELECT max(id) FROM devices")?);
    let messages = MessageIds::above(largest("SELECT max(id) FROM messages")?.max(retired("message")?));
    let next_seq = retired("seq")?.unwrap_or(1);
    let largest_jid = largest("SELECT max(no) FROM jids")?;
    let sweeps: VecDeque<_> = sweep::unfinished(&connection).map_err(engine)?;

    let queue = Arc::new(WriteQueue::new(Arc::clone(&options.clock)));
    let reads = Arc::new(ReadQueue::default());
    let jids = Arc::new(Jids::new(
        largest_jid,
        options.jids_cached,
        Arc::clone(&reads),
        Arc::clone(&queue),
    ));
    let faults = Arc::new(Faults::default());
    let counts = Arc::new(Counts::default());
    let outlet = Arc::new(Outlet::default());
    let follow_up = Arc::new(FollowUp::default());
    let committed = Arc::new(AtomicI64::new(next_seq - 1));
    let (finished, is_finished) = oneshot::channel();
    let threads = |source| OpenError::io(dir, source);
    let readers = read::start(&reads, readers).map_err(threads)?;
    writer::start(writer::Parts {
        connection,
        memory: Memory::starting_at(next_seq, Arc::clone(&posts)),
        sweeps,
        queue: Arc::clone(&queue),
        jids: Arc::clone(&jids),
        reads: Arc::clone(&reads),
        readers,
        faults: Arc::clone(&faults),
        counts: Arc::clone(&counts),
        outlet: Arc::clone(&outlet),
        follow_up: Arc::clone(&follow_up),
        committed: Arc::clone(&committed),
        page_bytes: u64::from(options.page_size),
        lock,
        finished,
    })
    .map_err(threads)?;
    let inner = Inner {
        queue,
        reads,
        jids,
        faults,
        counts,
        clock: Arc::clone(&options.clock),
        finished: Mutex::new(Some(is_finished)),
        nodes,
        devices,
        messages,
        posts,
        outlet,
        follow_up,
        committed,
    };
    Ok(Store {
        inner: Arc::new(inner),
    })
}

/// Makes the folder where it is missing, and takes it for this process.
pub(crate) fn take_folder(dir: &Path) -> Result<File, OpenError> {
    make_folder(dir)?;
    lock_folder(dir)
}

fn make_folder(dir: &Path) -> Result<(), OpenError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        // Keys and messages are below it: nobody else's business.
        builder.mode(0o700);
    }
    builder.create(dir).map_err(|source| OpenError::io(dir, source))
}

/// Makes an empty file that only its owner may read, unless there is one. SQLite gives the files beside it the same mode.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new();
    file.create(true).write(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        file.mode(0o600);
    }
    file.open(path)
}

/// Takes the folder for this process. The lock goes with the file that is given back.
fn lock_folder(dir: &Path) -> Result<File, OpenError> {
    let file = create_private(&dir.join(LOCK_FILE)).map_err(|source| OpenError::io(dir, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::io(dir, source)),
    }
}

/// Refuses a newer or foreign database by its first bytes, before the engine has touched the file.
fn check_header(path: &Path) -> Result<(), OpenError> {
    let mut header = [0; HEADER_BYTES];
    match File::open(path).and_then(|mut file| file.read_exact(&mut header)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // Empty: it is made anew. Short: the engine says what is wrong with it.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
        Err(source) => return Err(OpenError::io(path, source)),
    }
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    check_versions(path, number(HEADER_APPLICATION) as i32, number(HEADER_VERSION))
}

fn check_versions(path: &Path, application: i32, version: u32) -> Result<(), OpenError> {
    if application == 0 && version == 0 {
        return Ok(());
    }
    if application != APPLICATION_ID {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
        });
    }
    if version > DATABASE_VERSION {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: version,
            known: DATABASE_VERSION,
        });
    }
    Ok(())
}

pub(crate) fn connect(path: &Path, options: &Options, flags: OpenFlags) -> Result<Connection, OpenError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match &options.vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str()),
        None => Connection::open_with_flags(path, flags),
    };
    let connection = connection.map_err(|source| OpenError::engine(path, source))?;
    connection.set_prepared_statement_cache_capacity(256);
    // Only somebody's sqlite3 at the terminal can hold a lock against us.
    connection
        .busy_timeout(std::time::Duration::from_secs(5))
        .and_then(|()| connection.execute_batch("PRAGMA cache_size = -4096"))
        // Every statement has one plan: without this the engine prepares some anew for each set of values.
        .and_then(|()| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true))
        .map(drop)
        .map_err(|source| OpenError::engine(path, source))?;
    Ok(connection)
}

/// Settings, and the migrations that are missing.
pub(crate) fn prepare(connection: &Connection, path: &Path, options: &Options) -> Result<(), OpenError> {
    let engine = |source| OpenError::engine(path, source);
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    // The log may hold what the first bytes of the file do not show yet.
    let version = number("user_version").map_err(engine)? as u32;
    let application = number("application_id").map_err(engine)? as i32;
    if let Err(error) = check_versions(path, application, version) {
        // Closing must not bring the log into a file that is not ours to change.
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(engine)?;
        return Err(error);
    }
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .map_err(engine)?;
    if version == 0 && tables > 0 {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
        });
    }
    let synchronous = match options.synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Off => "OFF",
    };
    let settings = format!(
        "PRAGMA page_size = {}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA journal_mode = WAL; \
         PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 67108864;",
        options.page_size
    );
    connection.execute_batch(&settings).map_err(engine)?;
    if let Some(pages) = options.max_pages {
        connection
            .execute_batch(&format!("PRAGMA max_page_count = {pages}"))
            .map_err(engine)?;
    }
    let brought = migrate::run(connection, path, version, &options.on_upgrade).map_err(engine);
    match brought {
        Err(source) if version > 0 => Err(OpenError::NotUpgraded {
            version,
            source: Box::new(source),
        }),
        other => other,
    }
}
