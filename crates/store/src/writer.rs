//! The one thread that writes: it gathers what waits into one transaction and tells everybody once it is durable.
//!
//! Between batches it sweeps what was deleted, writes the log back into the database file, and copies pages for a
//! running backup, each in slices of a few milliseconds.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::backup;
use crate::computed::FollowUp;
use crate::faults::Faults;
use crate::ids::Seq;
use crate::jids::Jids;
use crate::metrics::Counts;
use crate::notifications::Outlet;
use crate::queue::{Errand, Queued, Taken, WriteQueue};
use crate::read::ReadQueue;
use crate::sweep::{self, Sweep};
use crate::write::{After, Committed, Memory, Tx, WriteError};

/// Operations in one transaction.
const MAX_BATCH: usize = 1_024;
/// No operation is added to a transaction that has run for this long.
const BATCH_TIME: Duration = Duration::from_millis(5);
/// Pages in the write-ahead log that make the writer bring them into the database file: some 15 ms a time. (A thread of
/// its own for this was measured: the log never starts over under load, grows, and a third of the throughput goes.)
const CHECKPOINT_PAGES: i32 = 2_000;

thread_local! {
    /// Pages in the write-ahead log after the writer's last commit; the hook that SQLite calls has no other place.
    static WAL_PAGES: Cell<i32> = const { Cell::new(0) };
}

/// What the thread is given.
pub(crate) struct Parts {
    pub(crate) connection: Connection,
    pub(crate) memory: Memory,
    pub(crate) sweeps: VecDeque<Sweep>,
    pub(crate) queue: Arc<WriteQueue>,
    pub(crate) jids: Arc<Jids>,
    pub(crate) reads: Arc<ReadQueue>,
    pub(crate) readers: Vec<JoinHandle<()>>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) follow_up: Arc<FollowUp>,
    /// The last number in the order of commits that is committed.
    pub(crate) committed: Arc<AtomicI64>,
    pub(crate) page_bytes: u64,
    /// Held until the thread ends.
    pub(crate) lock: File,
    pub(crate) finished: oneshot::Sender<()>,
}

/// Starts the thread.
pub(crate) fn start(parts: Parts) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("store-write".into())
        .spawn(move || run(parts))
        .map(drop)
}

fn run(parts: Parts) {
    let Parts {
        connection,
        memory,
        sweeps,
        queue,
        jids,
        reads,
        readers,
        faults,
        counts,
        outlet,
        follow_up,
        committed,
        page_bytes,
        lock,
        finished,
    } = parts;
    connection.wal_hook(Some(|_, pages| {
        WAL_PAGES.set(pages);
        Ok(())
    }));
    let mut writer = Writer {
        memory,
        sweeps,
        is_sweeping_paused: false,
        todo: VecDeque::new(),
        errands: VecDeque::new(),
        queue,
        jids,
        faults,
        counts,
        outlet,
        follow_up,
        committed,
        page_bytes,
    };
    while let Taken::Work = writer.round(&connection, Waiting::Allowed) {
        while let Some(Errand::Backup(to, outcome)) = writer.errands.pop_front() {
            let result = backup::copy(&connection, to, || writer.round(&connection, Waiting::Refused));
            let _ = outcome.send(result);
        }
    }
    reads.close();
    for reader in readers {
        // A reading thread catches panics, and ends only when told.
        let _ = reader.join();
    }
    close(connection);
    // Closing the file is not enough: a process that is being started at this moment shares it.
    if let Err(error) = lock.unlock() {
        tracing::warn!(%error, "the data folder was not unlocked");
    }
    let _ = finished.send(());
}

/// Leaves one file behind, without a log, where the disk allows it; the log is as good.
fn close(connection: Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the log was not brought into the database file at closing");
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the database was not closed cleanly");
    }
}

/// Whether a round may wait for something to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Allowed,
    Refused,
}

/// How the operations of a batch are kept from one another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Isolation {
    /// None: an operation that fails half-way spoils the transaction.
    Together,
    /// A savepoint each: an operation that fails takes back only itself.
    Apart,
}

/// Why a batch did not come to its commit.
enum Spoilt {
    /// One operation failed half-way.
    ByOperation,
    /// The database cannot store.
    ByFault(WriteError),
}

impl From<WriteError> for Spoilt {
    fn from(error: WriteError) -> Self {
        Spoilt::ByFault(error)
    }
}

impl From<rusqlite::Error> for Spoilt {
    fn from(error: rusqlite::Error) -> Self {
        Spoilt::ByFault(error.into())
    }
}

/// An operation that was run, and what came of it provided that the commit succeeds.
struct Ran {
    queued: Queued,
    result: Result<Committed, WriteError>,
    after: After,
}

struct Writer {
    memory: Memory,
    sweeps: VecDeque<Sweep>,
    /// After a failed slice, until the next successful commit.
    is_sweeping_paused: bool,
    todo: VecDeque<Queued>,
    errands: VecDeque<Errand>,
    queue: Arc<WriteQueue>,
    jids: Arc<Jids>,
    faults: Arc<Faults>,
    counts: Arc<Counts>,
    outlet: Arc<Outlet>,
    follow_up: Arc<FollowUp>,
    committed: Arc<AtomicI64>,
    page_bytes: u64,
}

impl Writer {
    /// One batch, then a slice of whatever else there is to do.
    fn round(&mut self, connection: &Connection, waiting: Waiting) -> Taken {
        let has_work = waiting == Waiting::Refused || !self.todo.is_empty() || self.has_sweeps();
        let taken = self.queue.take(
            MAX_BATCH - self.todo.len(),
            has_work,
            &mut self.todo,
            &mut self.errands,
        );
        if !self.todo.is_empty() || self.jids.has_many_unsaved() {
            self.write_batch(connection);
        }
        if let Taken::Closed = taken {
            return taken;
        }
        if self.has_sweeps() {
            self.sweep(connection);
        }
        self.checkpoint(connection);
        taken
    }

    fn has_sweeps(&self) -> bool {
        !self.sweeps.is_empty() && !self.is_sweeping_paused
    }

    fn write_batch(&mut self, connection: &Connection) {
        let numbers = self.memory.numbers;
        let mut ran = Vec::new();
        let mut result = self.try_batch(connection, Isolation::Together, MAX_BATCH, &mut ran);
        if let Err(Spoilt::ByOperation) = result {
            self.roll_back(connection, numbers);
            let count = ran.len();
            for done in ran.drain(..).rev() {
                self.todo.push_front(done.queued);
            }
            result = self.try_batch(connection, Isolation::Apart, count, &mut ran);
        }
        let error = match result {
            Ok(unsaved) => {
                self.jids.saved(unsaved);
                return self.committed(ran);
            }
            Err(Spoilt::ByFault(error)) => error,
            // Cannot be: apart, an operation spoils only itself.
            Err(Spoilt::ByOperation) => WriteError::Engine("a batch failed twice".into()),
        };
        self.roll_back(connection, numbers);
        // When not even a transaction could be begun, those who wait must be told all the same.
        while ran.is_empty()
            && let Some(queued) = self.todo.pop_front()
        {
            ran.push(Ran {
                queued,
                result: Err(error.clone()),
                after: After::default(),
            });
        }
        self.failed(ran, &error);
    }

    /// Runs up to `limit` operations in one transaction and commits. Gives the number of JIDs saved with them.
    fn try_batch(
        &mut self,
        connection: &Connection,
        isolation: Isolation,
        limit: usize,
        ran: &mut Vec<Ran>,
    ) -> Result<usize, Spoilt> {
        let begun = Instant::now();
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        // Taken after the operations left the queue: it holds every number that one of them can use.
        let unsaved = self.jids.insert_unsaved(&Tx::new(connection, &mut self.memory))?;
        while ran.len() < limit
            && (isolation == Isolation::Apart || begun.elapsed() < BATCH_TIME)
            && let Some(queued) = self.todo.pop_front()
        {
            let changes = connection.total_changes();
            let numbers = self.memory.numbers;
            if isolation == Isolation::Apart {
                connection.prepare_cached("SAVEPOINT operation")?.execute([])?;
            }
            let (result, seqs, after) = self.run_one(connection, &queued);
            let changed = connection.total_changes() - changes;
            let result = result.map(|()| Committed { seqs, changed });
            let error = result.as_ref().err().cloned();
            ran.push(Ran {
                queued,
                result,
                after,
            });
            if let Some(error) = &error {
                if error.is_fault() {
                    return Err(Spoilt::ByFault(error.clone()));
                }
                if isolation == Isolation::Apart {
                    connection.prepare_cached("ROLLBACK TO operation")?.execute([])?;
                    self.memory.forget();
                } else if changed > 0 || !error.is_refusal() {
                    return Err(Spoilt::ByOperation);
                }
                self.memory.numbers = numbers;
                if let Some(ran) = ran.last_mut() {
                    ran.after = After::default();
                }
            }
            if isolation == Isolation::Apart {
                connection.prepare_cached("RELEASE operation")?.execute([])?;
            }
        }
        self.faults.before_commit()?;
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(unsaved)
    }

    fn run_one(
        &mut self,
        connection: &Connection,
        queued: &Queued,
    ) -> (Result<(), WriteError>, Option<(Seq, Seq)>, After) {
        let mut tx = Tx::new(connection, &mut self.memory);
        // A panic in one operation is that operation's failure; this thread must live.
        let result = catch_unwind(AssertUnwindSafe(|| queued.write.run(&mut tx)))
            .unwrap_or_else(|_| Err(WriteError::Engine("an operation panicked".into())));
        let (seqs, after) = tx.finish();
        (result, seqs, after)
    }

    fn roll_back(&mut self, connection: &Connection, numbers: crate::write::Numbers) {
        self.memory.numbers = numbers;
        self.memory.forget();
        // Some errors end the transaction by themselves.
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    fn committed(&mut self, ran: Vec<Ran>) {
        self.publish_seq();
        Counts::add(&self.counts.commits, 1);
        Counts::add(
            &self.counts.operations,
            ran.iter().filter(|done| done.result.is_ok()).count(),
        );
        self.counts
            .largest_batch
            .fetch_max(ran.len() as u64, Ordering::Relaxed);
        self.counts
            .wal_bytes
            .store(WAL_PAGES.get().max(0) as u64 * self.page_bytes, Ordering::Relaxed);
        self.is_sweeping_paused = false;
        self.sweeps
            .extend(ran.iter().flat_map(|done| &done.after.sweeps).copied());
        self.counts
            .sweeps
            .store(self.sweeps.len() as u64, Ordering::Relaxed);
        self.queue.set_failed(false);
        if ran.iter().any(|done| done.after.has_follow_up) {
            // Before anybody hears of the commit.
            self.follow_up.call();
        }
        // So is this: whoever is told that it is stored finds the others told too.
        self.outlet
            .tell(ran.iter().flat_map(|done| &done.after.notices).copied());
        self.tell(ran);
    }

    fn publish_seq(&self) {
        self.committed
            .store(self.memory.numbers.next_seq - 1, Ordering::Release);
    }

    fn failed(&mut self, mut ran: Vec<Ran>, error: &WriteError) {
        tracing::error!(%error, operations = ran.len(), "a commit failed");
        Counts::add(&self.counts.failed_commits, 1);
        for done in &mut ran {
            done.result = Err(error.clone());
        }
        self.queue.set_failed(true);
        self.tell(ran);
    }

    fn tell(&self, ran: Vec<Ran>) {
        Counts::add(
            &self.counts.failed_operations,
            ran.iter().filter(|done| done.result.is_err()).count(),
        );
        if let Some(last) = ran.last() {
            self.queue.decided(last.queued.ticket, self.todo.front());
        }
        for done in ran {
            // Whoever wrote may not want to know.
            let _ = done.queued.outcome.send(done.result);
        }
    }

    /// One slice of the oldest sweeping job, in a transaction of its own.
    fn sweep(&mut self, connection: &Connection) {
        let Some(&job) = self.sweeps.front() else { return };
        let numbers = self.memory.numbers;
        match self.try_sweep(connection, job) {
            Ok(sweep::Progress::More) => self.sweeps.rotate_left(1),
            Ok(sweep::Progress::Done) => drop(self.sweeps.pop_front()),
            Err(error) => {
                tracing::error!(%error, "a slice of sweeping failed");
                self.roll_back(connection, numbers);
                self.is_sweeping_paused = true;
            }
        }
        self.counts
            .sweeps
            .store(self.sweeps.len() as u64, Ordering::Relaxed);
    }

    fn try_sweep(&mut self, connection: &Connection, job: Sweep) -> Result<sweep::Progress, WriteError> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut tx = Tx::new(connection, &mut self.memory);
        let progress = sweep::slice(&mut tx, job)?;
        let (_, after) = tx.finish();
        connection.prepare_cached("COMMIT")?.execute([])?;
        self.publish_seq();
        // The first in the queue is the job at hand.
        self.sweeps.extend(after.sweeps);
        self.outlet.tell(after.notices);
        if after.has_follow_up {
            self.follow_up.call();
        }
        Ok(progress)
    }

    fn checkpoint(&self, connection: &Connection) {
        if WAL_PAGES.get() < CHECKPOINT_PAGES {
            return;
        }
        WAL_PAGES.set(0);
        if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::error!(%error, "the log was not brought into the database file");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::write::{Write, WriteError};
    use crate::{Options, Store, meta};

    #[test]
    fn an_operation_that_panics_fails_alone() {
        let folder = std::env::temp_dir().join(format!("folkmoot-writer-{}", std::process::id()));
        let store = Store::open(&folder, &Options::default()).unwrap();
        store.faults().hold();
        let before = store.write(meta::put("before", vec![1]));
        let panics = store.write(Write::all(vec![
            meta::put("half", vec![1]),
            Write::new(0, |_| panic!("asked for by a test")),
        ]));
        let after = store.write(meta::put("after", vec![1]));
        store.faults().release();
        before.wait_blocking().unwrap();
        assert!(matches!(panics.wait_blocking(), Err(WriteError::Engine(_))));
        after.wait_blocking().unwrap();
        for (key, is_there) in [("before", true), ("half", false), ("after", true)] {
            assert_eq!(
                store.read_now(move |reader| reader.meta(key)).unwrap().is_some(),
                is_there,
                "{key}"
            );
        }
        drop(store);
        // Nothing depends on it.
        let _ = std::fs::remove_dir_all(&folder);
    }
}
