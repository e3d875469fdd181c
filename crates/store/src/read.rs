//! Reading: a few connections of their own, each call one short snapshot.
//!
//! The queries are methods of [`Reader`] in the subject files. No snapshot outlives one call.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, Params, Row};
use tokio::sync::oneshot;

/// A list of items or messages ends once it holds this much, however many were asked for: memory, and what a client is sent
/// at once, must not grow with what others wrote. A shorter list that holds as much may have been cut here.
pub const PAGE_BYTES: usize = 512 * 1024;

/// Reads that may wait for a connection.
const MAX_WAITING: usize = 16_384;

/// Why a read gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Too many reads are waiting; try again later.
    #[error("too many reads are waiting")]
    Overloaded,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// The database engine reported an error.
    #[error("database error: {0}")]
    Engine(Arc<str>),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        ReadError::Engine(error.to_string().into())
    }
}

/// One snapshot of the database, for the length of one call.
pub struct Reader {
    connection: Connection,
}

impl Reader {
    pub(crate) fn new(connection: Connection) -> Reader {
        Reader { connection }
    }

    /// The first row of a query, if there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, ReadError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        Ok(rows.next()?.map(read).transpose()?)
    }

    /// All rows of a query; the query bounds how many.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, ReadError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement
            .query_map(values, read)?
            .collect::<rusqlite::Result<_>>()?)
    }

    /// The rows of a query until they hold [`PAGE_BYTES`]; the query bounds how many. At least one, if there is one.
    pub(crate) fn rows_within<T>(
        &self,
        sql: &str,
        values: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
        size: impl Fn(&T) -> usize,
    ) -> Result<Vec<T>, ReadError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        let mut page = Vec::new();
        let mut bytes = 0;
        while bytes < PAGE_BYTES
            && let Some(row) = rows.next()?
        {
            let value = read(row)?;
            bytes += size(&value);
            page.push(value);
        }
        Ok(page)
    }

    /// A query that counts.
    pub(crate) fn count(&self, sql: &str, values: impl Params) -> Result<u64, ReadError> {
        Ok(self
            .first(sql, values, |row| row.get::<_, i64>(0))?
            .unwrap_or(0)
            .max(0) as u64)
    }

    fn snapshot<T>(&self, read: impl FnOnce(&Reader) -> Result<T, ReadError>) -> Result<T, ReadError> {
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        // A panic must neither end the thread nor leave the snapshot open.
        let result = catch_unwind(AssertUnwindSafe(|| read(self)));
        let ended = self.connection.prepare_cached("COMMIT")?.execute([]);
        let value = result.unwrap_or_else(|_| Err(ReadError::Engine("a query panicked".into())))?;
        ended?;
        Ok(value)
    }
}

type Job = Box<dyn FnOnce(&Reader) + Send>;

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

/// The queue in front of the reading threads.
#[derive(Default)]
pub(crate) struct ReadQueue {
    state: Mutex<State>,
    added: Condvar,
    answered: AtomicU64,
}

impl ReadQueue {
    fn push(&self, job: Job) -> Result<(), ReadError> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(ReadError::Closed);
        }
        if state.jobs.len() >= MAX_WAITING {
            return Err(ReadError::Overloaded);
        }
        state.jobs.push_back(job);
        drop(state);
        self.added.notify_one();
        Ok(())
    }

    /// Has a thread run `read` in a snapshot and hand its result to `done`, which runs on that thread.
    pub(crate) fn submit<T: 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
        done: impl FnOnce(Result<T, ReadError>) + Send + 'static,
    ) -> Result<(), ReadError> {
        self.push(Box::new(move |reader| done(reader.snapshot(read))))
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (sender, receiver) = oneshot::channel();
        self.submit(read, |result| {
            // Whoever asked may have gone.
            let _ = sender.send(result);
        })?;
        receiver.await.unwrap_or(Err(ReadError::Closed))
    }

    pub(crate) fn read_now<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.submit(read, move |result| {
            let _ = sender.send(result);
        })?;
        receiver.recv().unwrap_or(Err(ReadError::Closed))
    }

    /// Lets the threads end once the queue is empty.
    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.added.notify_all();
    }

    /// Reads answered, and reads that wait.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (
            self.answered.load(Ordering::Relaxed),
            self.state.lock().jobs.len() as u64,
        )
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            self.added.wait(&mut state);
        }
    }

    fn run(&self, reader: &Reader) {
        while let Some(job) = self.next() {
            job(reader);
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Starts one thread for each connection.
pub(crate) fn start(
    queue: &Arc<ReadQueue>,
    connections: Vec<Connection>,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    connections
        .into_iter()
        .map(|connection| {
            let queue = Arc::clone(queue);
            std::thread::Builder::new()
                .name("store-read".into())
                .stack_size(512 << 10)
                .spawn(move || queue.run(&Reader::new(connection)))
        })
        .collect()
}
