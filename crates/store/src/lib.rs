//! Everything that the server keeps, in one SQLite database: all SQL of the workspace is in this crate.
//!
//! Writes are handed to one thread that commits them in groups ([`Store::write`]); reads run on connections of their
//! own ([`Store::read`]). One file per subject. The store knows no XML and no sessions, and decides no access.

pub mod accounts;
pub mod affiliations;
pub mod archive;
pub mod archive_preferences;
pub mod archive_words;
pub mod backup;
pub mod blocking;
pub mod bulk;
pub mod caps;
pub mod changes;
pub mod client_tokens;
mod clock;
pub mod communities;
pub mod computed;
pub mod conversation;
pub mod credentials;
pub mod devices;
pub mod digests;
mod faults;
pub mod feeds;
mod ids;
pub mod invites;
pub mod items;
mod items_read;
mod jids;
pub mod jobs;
pub mod messages;
pub mod meta;
mod metrics;
mod migrate;
pub mod nodes;
pub mod notifications;
mod open;
pub mod private;
pub mod push;
mod queue;
mod read;
pub mod reports;
pub mod requests;
pub mod roster;
pub mod search;
pub mod shown;
pub mod subscriptions;
mod sweep;
mod tags;
pub mod unified_push;
pub mod vcards;
mod words;
mod write;
mod writer;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

pub use crate::clock::{BoxFuture, Clock, SystemClock};
pub use crate::conversation::Links;
pub use crate::faults::{Fault, Faults};
pub use crate::ids::{DeviceId, JidNo, MessageId, NodeNo, PostId, PostIds, Seq, Timestamp};
pub use crate::items_read::Revision;
pub use crate::jids::Jids;
pub use crate::metrics::Metrics;
pub use crate::migrate::{DATABASE_VERSION, Migration, OnUpgrade, Upgrade, schema_fingerprint, version_of};
pub use crate::open::{DATABASE_FILE, OpenError, Options, Synchronous};
pub use crate::read::{PAGE_BYTES, ReadError, Reader};
pub use crate::write::{Committed, Pending, Ticket, Write, WriteError};

use crate::computed::FollowUp;
use crate::ids::{Counter, MessageIds};
use crate::metrics::Counts;
use crate::notifications::{Notices, Outlet};
use crate::queue::WriteQueue;
use crate::read::ReadQueue;

/// A handle on an open data folder; clones share it. The last one dropped lets the writer finish and close.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<WriteQueue>,
    reads: Arc<ReadQueue>,
    jids: Arc<Jids>,
    faults: Arc<Faults>,
    counts: Arc<Counts>,
    clock: Arc<dyn Clock>,
    finished: Mutex<Option<oneshot::Receiver<()>>>,
    nodes: Counter,
    devices: Counter,
    messages: MessageIds,
    posts: Arc<PostIds>,
    outlet: Arc<Outlet>,
    follow_up: Arc<FollowUp>,
    committed: Arc<AtomicI64>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Store {
    /// Opens the data folder `dir`, makes it and its database where they are missing, and takes it for this process.
    ///
    /// Blocks while the database is brought up to date.
    pub fn open(dir: &Path, options: &Options) -> Result<Store, OpenError> {
        open::open(dir, options)
    }

    /// Hands in a write. Never blocks; the order of calls is the order of effect.
    pub fn write(&self, write: Write) -> Pending {
        self.inner.queue.push(write)
    }

    /// Resolves once the write with this ticket, and so every earlier one, is stored or has failed.
    pub fn wait(&self, ticket: Ticket) -> impl Future<Output = ()> + Send + use<> {
        let decided = self.inner.queue.wait(ticket);
        async move {
            if let Some(decided) = decided {
                // When the writer ends, nothing will be decided any more.
                let _ = decided.await;
            }
        }
    }

    /// The place in the order of commits up to which everything is committed: whoever reads from now on finds it, and what is
    /// committed later has a larger one.
    #[must_use]
    pub fn committed(&self) -> Seq {
        Seq(self.inner.committed.load(Ordering::Acquire))
    }

    /// Whether the write with this ticket, and so every earlier one, is stored or has failed: a read that begins now sees
    /// what it did.
    #[must_use]
    pub fn is_decided(&self, ticket: Ticket) -> bool {
        self.inner.queue.is_decided(ticket)
    }

    /// Whether events may be delivered before they are stored: not after a failed commit, nor when the oldest queued
    /// write is older than 100 ms, until a commit succeeds.
    #[must_use]
    pub fn is_gate_open(&self) -> bool {
        self.inner.queue.is_gate_open()
    }

    /// Runs queries in one snapshot on a reading thread. They see every write that was acknowledged before the call.
    pub fn read<T, F>(&self, read: F) -> impl Future<Output = Result<T, ReadError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    {
        let reads = Arc::clone(&self.inner.reads);
        async move { reads.read(read).await }
    }

    /// Like [`read`](Store::read), but blocks the calling thread. For start-up code and tests.
    pub fn read_now<T, F>(&self, read: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    {
        self.inner.reads.read_now(read)
    }

    /// The numbers of bare JIDs.
    #[must_use]
    pub fn jids(&self) -> &Arc<Jids> {
        &self.inner.jids
    }

    /// The generator of post ids.
    #[must_use]
    pub fn post_ids(&self) -> &PostIds {
        &self.inner.posts
    }

    /// The clock that the store was opened with.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// What becomes of notifications from now on, as soon as it is stored. `None` but for the first who asks.
    #[must_use]
    pub fn notices(&self) -> Option<Notices> {
        self.inner.outlet.take()
    }

    /// Has this called after each commit that left a job of [`computed::GONE`] or [`computed::CHANGED`]; on the writer's
    /// thread, so it must be quick. Only the first call counts.
    pub fn on_follow_up(&self, call: impl Fn() + Send + Sync + 'static) {
        self.inner.follow_up.set(Box::new(call));
    }

    /// A number for a new node.
    #[must_use]
    pub fn next_node(&self) -> NodeNo {
        NodeNo(self.inner.nodes.next())
    }

    /// A number for a new device.
    #[must_use]
    pub fn next_device(&self) -> DeviceId {
        DeviceId(self.inner.devices.next())
    }

    /// A number for a message received now. Whoever keeps messages in an order takes the number and hands the message in
    /// under one lock.
    #[must_use]
    pub fn next_message(&self) -> MessageId {
        self.inner.messages.next(self.inner.clock.now())
    }

    /// Switches that make commits wait or fail, for tests.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// What the store has done and what waits.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let (queue_length, queue_bytes) = self.inner.queue.length();
        let (reads, reads_waiting) = self.inner.reads.counts();
        Metrics {
            queue_length: queue_length as u64,
            queue_bytes: queue_bytes as u64,
            queue_age_ms: self.inner.queue.oldest_age_ms(),
            reads,
            reads_waiting,
            ..self.inner.counts.snapshot()
        }
    }

    /// Stores everything handed in so far, then closes the database and gives the folder back. Later writes and reads
    /// fail with `Closed`. Resolves at once when somebody else closes it already.
    pub async fn close(&self) {
        self.inner.queue.close();
        let finished = self.inner.finished.lock().take();
        if let Some(finished) = finished {
            // The thread drops its end when it is done, whichever way.
            let _ = finished.await;
        }
    }
}
