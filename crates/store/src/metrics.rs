//! What the store counts about itself.

use std::sync::atomic::{AtomicU64, Ordering};

/// A picture of the store's work at one moment. Counts are since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Writes that wait for the writer.
    pub queue_length: u64,
    /// Bytes that those writes hold.
    pub queue_bytes: u64,
    /// How long the oldest undecided write has waited, in milliseconds.
    pub queue_age_ms: u64,
    /// Successful commits of batches.
    pub commits: u64,
    /// Operations stored by them; divided by `commits`, the mean batch.
    pub operations: u64,
    /// The largest batch.
    pub largest_batch: u64,
    /// Operations refused or failed.
    pub failed_operations: u64,
    /// Batches that failed as a whole, because the database could not store.
    pub failed_commits: u64,
    /// Size of the write-ahead log that is in use, in bytes.
    pub wal_bytes: u64,
    /// Sweeping jobs that are not done.
    pub sweeps: u64,
    /// Reads answered.
    pub reads: u64,
    /// Reads that wait for a connection.
    pub reads_waiting: u64,
}

/// The counters behind [`Metrics`] that the writer keeps.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) commits: AtomicU64,
    pub(crate) operations: AtomicU64,
    pub(crate) largest_batch: AtomicU64,
    pub(crate) failed_operations: AtomicU64,
    pub(crate) failed_commits: AtomicU64,
    pub(crate) wal_bytes: AtomicU64,
    pub(crate) sweeps: AtomicU64,
}

impl Counts {
    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// The counters as they are now, everything else zero.
    pub(crate) fn snapshot(&self) -> Metrics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Metrics {
            commits: get(&self.commits),
            operations: get(&self.operations),
            largest_batch: get(&self.largest_batch),
            failed_operations: get(&self.failed_operations),
            failed_commits: get(&self.failed_commits),
            wal_bytes: get(&self.wal_bytes),
            sweeps: get(&self.sweeps),
            ..Metrics::default()
        }
    }
}
