//! Filling a new data folder with very much at once: for an import from elsewhere, and for the large sets that figures are
//! measured on.
//!
//! The operations are those of every other write ([`Write`], from the subject files), so what they make is what a server
//! makes. What is left out is what makes a running server safe: there is no log, nothing is synced before the end, and
//! everything is one transaction. So it writes beside the place where the database will be, and only [`Bulk::finish`] puts
//! it there, whole and on the disk; whatever happens before leaves no database. It is not for a folder that has one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use crate::ids::{Counter, JidNo, MessageId, MessageIds, NodeNo, PostIds, Timestamp};
use crate::open::{self, DATABASE_FILE, OpenError, Options};
use crate::write::{Memory, Tx, Write, WriteError};

/// What the database is called until it is whole.
const UNFINISHED: &str = "folkmoot.db.part";
/// Memory for pages, in KiB: what is looked up for each item should stay in it.
const CACHE_KIB: u32 = 512 << 10;
/// Indexes of these tables that nothing asks while items come are built at the end, by sorting: some ten times sooner than
/// entry by entry.
const BUILT_LATER: &str = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE INDEX %' \
                           AND tbl_name IN ('items', 'item_tags', 'messages', 'message_owners')";

/// Why a folder could not be filled. It has no database then.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// There is a database already.
    #[error("{0}: the folder holds a database already; choose an empty folder")]
    NotEmpty(PathBuf),
    /// The folder, or the file in it, cannot be made or written.
    #[error(transparent)]
    File(#[from] OpenError),
    /// An operation was refused, or failed.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A database that is being filled. Dropping it leaves nothing.
pub struct Bulk {
    connection: Connection,
    memory: Memory,
    posts: Arc<PostIds>,
    nodes: Counter,
    messages: MessageIds,
    jids: u32,
    built_later: Vec<(String, String)>,
    folder: PathBuf,
    unfinished: Unfinished,
    _lock: File,
}

/// The file until it is whole; removed when dropped.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Whoever begins again removes what is left here.
        let _ = fs::remove_file(&self.0);
    }
}

impl Bulk {
    /// Takes a folder that has no database, and makes it if it is not there.
    ///
    /// # Errors
    /// When it has one, is in use, or cannot be written.
    pub fn begin(folder: &Path) -> Result<Bulk, BulkError> {
        let lock = open::take_folder(folder)?;
        let (whole, unfinished) = (folder.join(DATABASE_FILE), folder.join(UNFINISHED));
        if whole.exists() {
            return Err(BulkError::NotEmpty(whole));
        }
        let unfinished = Unfinished(unfinished);
        let path = &unfinished.0;
        if path.exists() {
            fs::remove_file(path).map_err(|source| OpenError::io(path, source))?;
        }
        open::create_private(path).map_err(|source| OpenError::io(path, source))?;
        let options = Options::default();
        let connection = open::connect(path, &options, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        open::prepare(&connection, path, &options)?;
        let engine = |source| OpenError::engine(path, source);
        // In this order: a file that has a log cannot do without one while others may open it.
        connection
            .execute_batch(&format!(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; \
                 PRAGMA cache_size = -{CACHE_KIB}; BEGIN EXCLUSIVE"
            ))
            .map_err(engine)?;
        let built_later = indexes(&connection).map_err(engine)?;
        for (name, _) in &built_later {
            connection
                .execute_batch(&format!("DROP INDEX {name}"))
                .map_err(engine)?;
        }
        let posts = Arc::new(PostIds::above(None));
        Ok(Bulk {
            connection,
            memory: Memory::starting_at(1, Arc::clone(&posts)),
            posts,
            nodes: Counter::above(None),
            messages: MessageIds::above(None),
            jids: 0,
            built_later,
            folder: folder.to_owned(),
            unfinished,
            _lock: lock,
        })
    }

    /// The number of a bare JID, given now if it has none.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn jid(&mut self, jid: &str) -> Result<JidNo, WriteError> {
        let tx = Tx::new(&self.connection, &mut self.memory);
        let known = tx.first("SELECT no FROM jids WHERE jid = ?1", [jid], |row| row.get(0))?;
        if let Some(no) = known {
            return Ok(no);
        }
        let no = JidNo(self.jids + 1);
        tx.execute("INSERT INTO jids (no, jid) VALUES (?1, ?2)", (no, jid))?;
        self.jids = no.0;
        Ok(no)
    }

    /// A number for a new node.
    #[must_use]
    pub fn next_node(&self) -> NodeNo {
        NodeNo(self.nodes.next())
    }

    /// A number for a message received at a time, larger than those before it.
    #[must_use]
    pub fn next_message(&self, at: Timestamp) -> MessageId {
        self.messages.next(at)
    }

    /// The generator of post ids; items are put fastest in the order of theirs.
    #[must_use]
    pub fn post_ids(&self) -> &PostIds {
        &self.posts
    }

    /// Carries out an operation at once.
    ///
    /// # Errors
    /// A refusal changes nothing. After any other error the file is of no use, and dropping this removes it.
    pub fn write(&mut self, write: &Write) -> Result<(), WriteError> {
        // What is deleted here is swept by the server that opens the folder: the job is in the database.
        write.run(&mut Tx::new(&self.connection, &mut self.memory))
    }

    /// Bytes that the database has by now.
    ///
    /// # Errors
    /// When the database engine reports one.
    pub fn bytes(&self) -> Result<u64, WriteError> {
        let number = |pragma| {
            self.connection
                .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
        };
        Ok(number("page_count")?.unsigned_abs() * number("page_size")?.unsigned_abs())
    }

    /// Builds the indexes and puts the database in its place, on the disk. It may be opened then.
    ///
    /// # Errors
    /// When the disk has no room, or refuses.
    pub fn finish(self) -> Result<(), BulkError> {
        let Bulk {
            connection,
            built_later,
            folder,
            unfinished,
            _lock: lock,
            ..
        } = self;
        let path = &unfinished.0;
        let engine = |source| OpenError::engine(path, source);
        let io = |source| OpenError::io(path, source);
        for (_, sql) in &built_later {
            connection.execute_batch(sql).map_err(engine)?;
        }
        connection
            .execute_batch("COMMIT; PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL")
            .map_err(engine)?;
        connection.close().map_err(|(_, source)| engine(source))?;
        File::open(path).and_then(|file| file.sync_all()).map_err(io)?;
        fs::rename(path, folder.join(DATABASE_FILE)).map_err(io)?;
        File::open(&folder).and_then(|file| file.sync_all()).map_err(io)?;
        drop(lock);
        Ok(())
    }
}

fn indexes(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare(BUILT_LATER)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
