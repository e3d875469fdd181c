//! One atomic operation on the database, and the promise of its outcome.
//!
//! Operations are built by the subject files (`items::put`, `roster::put` …) and decided in the order in which they
//! were handed to [`Store::write`](crate::Store::write). This file does not run them: see `writer.rs`.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rusqlite::{Connection, ErrorCode, Params, Row};
use tokio::sync::oneshot;

use crate::ids::{JidNo, NodeNo, PostId, PostIds, Seq, Timestamp};
use crate::notifications::{Notice, NoticeAct};
use crate::sweep::Sweep;

/// Why an operation was not stored. Nothing of it is in the database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// What was to be created is there already.
    #[error("exists already")]
    Exists,
    /// The name belonged to an account that was deleted; it is never given again.
    #[error("the name belonged to a deleted account")]
    NameRetired,
    /// What was to be changed is not there.
    #[error("not there")]
    NotFound,
    /// The invitation is unknown, expired or used up.
    #[error("invitation not valid")]
    InviteInvalid,
    /// A bound on how many of these one owner may have is reached.
    #[error("too many")]
    TooMany,
    /// Too much waits to be written; try again later.
    #[error("too many writes are waiting")]
    Overloaded,
    /// The store was closed before the operation was decided.
    #[error("the store is closed")]
    Closed,
    /// The disk, or the quota, is full.
    #[error("the disk is full")]
    Full,
    /// The file system became read-only.
    #[error("the database is read-only")]
    ReadOnly,
    /// The operating system refused to read or write.
    #[error("input/output error: {0}")]
    Io(Arc<str>),
    /// The database engine refused the operation.
    #[error("database error: {0}")]
    Engine(Arc<str>),
}

impl WriteError {
    /// Whether the database itself cannot store now, so that everything in the same batch fails too.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        matches!(self, WriteError::Full | WriteError::ReadOnly | WriteError::Io(_))
    }

    /// Whether a rule of ours said no, as opposed to the database engine.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            WriteError::Exists
                | WriteError::NameRetired
                | WriteError::NotFound
                | WriteError::InviteInvalid
                | WriteError::TooMany
        )
    }
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        let text = || Arc::from(error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => WriteError::Full,
            Some(ErrorCode::ReadOnly) => WriteError::ReadOnly,
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase,
            ) => WriteError::Io(text()),
            _ => WriteError::Engine(text()),
        }
    }
}

type Step = Box<dyn Fn(&mut Tx<'_>) -> Result<(), WriteError> + Send>;

/// One atomic operation: all of it is stored, or nothing. It can be run again, and decides inside the transaction.
pub struct Write {
    steps: Vec<Step>,
    bytes: usize,
}

/// What an operation without payload is taken to weigh in the queue, in bytes.
const BYTES_PER_STEP: usize = 256;

impl Write {
    /// An operation that carries `payload` bytes.
    pub(crate) fn new(
        payload: usize,
        step: impl Fn(&mut Tx<'_>) -> Result<(), WriteError> + Send + 'static,
    ) -> Write {
        Write {
            steps: vec![Box::new(step)],
            bytes: BYTES_PER_STEP + payload,
        }
    }

    /// Several operations as one: run in this order, stored together or not at all.
    #[must_use]
    pub fn all(parts: Vec<Write>) -> Write {
        let bytes = parts.iter().map(|part| part.bytes).sum();
        Write {
            steps: parts.into_iter().flat_map(|part| part.steps).collect(),
            bytes,
        }
    }

    /// Roughly how much memory the operation holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn run(&self, tx: &mut Tx<'_>) -> Result<(), WriteError> {
        self.steps.iter().try_for_each(|step| step(tx))
    }
}

/// Names one write among all. Later writes have larger tickets, and are decided later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

impl Ticket {
    /// The ticket of no write; always decided.
    pub const NONE: Ticket = Ticket(0);
}

/// What a stored operation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The first and the last number that it took in the order of commits; `None` when nothing of it is told later.
    pub seqs: Option<(Seq, Seq)>,
    /// How many rows it inserted, changed or deleted, in all tables together.
    pub changed: u64,
}

/// The outcome of a write, once there is one. Dropping it does not cancel the write.
#[must_use = "the write's outcome is only known once this is awaited"]
#[derive(Debug)]
pub struct Pending {
    ticket: Ticket,
    state: PendingState,
}

#[derive(Debug)]
enum PendingState {
    Queued(oneshot::Receiver<Result<Committed, WriteError>>),
    Refused(WriteError),
}

impl Pending {
    pub(crate) fn queued(
        ticket: Ticket,
        outcome: oneshot::Receiver<Result<Committed, WriteError>>,
    ) -> Pending {
        Pending {
            ticket,
            state: PendingState::Queued(outcome),
        }
    }

    pub(crate) fn refused(error: WriteError) -> Pending {
        Pending {
            ticket: Ticket::NONE,
            state: PendingState::Refused(error),
        }
    }

    /// The write's ticket, for [`Store::wait`](crate::Store::wait). [`Ticket::NONE`] when it never entered the queue.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Blocks the thread until there is an outcome. For start-up code and tests; never in an async task.
    pub fn wait_blocking(self) -> Result<Committed, WriteError> {
        match self.state {
            PendingState::Queued(outcome) => outcome.blocking_recv().unwrap_or(Err(WriteError::Closed)),
            PendingState::Refused(error) => Err(error),
        }
    }
}

impl Future for Pending {
    type Output = Result<Committed, WriteError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            PendingState::Queued(outcome) => Pin::new(outcome)
                .poll(cx)
                .map(|outcome| outcome.unwrap_or(Err(WriteError::Closed))),
            PendingState::Refused(error) => Poll::Ready(Err(error.clone())),
        }
    }
}

/// What the writer remembers between operations. Everything here can be forgotten and read again, except `numbers`,
/// which is put back when a transaction is rolled back.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) numbers: Numbers,
    nodes: HashMap<NodeNo, NodeHead>,
    /// Rows in `caps`, once counted.
    pub(crate) caps: Option<u64>,
    posts: Arc<PostIds>,
}

/// The commit order's next number, and up to where numbers are reserved in the database.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) next_seq: i64,
    pub(crate) reserved_to: i64,
}

/// What a put has to know about its node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeHead {
    /// Items up to this one are deleted and wait to be swept. `i64::MAX` for a deleted node.
    pub(crate) hidden_to: i64,
    /// How many items are visible, once counted.
    pub(crate) count: Option<u64>,
    /// Whether it is kept out of the public stream.
    pub(crate) is_unlisted: bool,
}

/// Nodes remembered by the writer before it forgets them all; about 4 MiB.
const NODES_REMEMBERED: usize = 50_000;
/// How many numbers of the commit order are reserved at a time; what is left of them is skipped at the next start.
const SEQS_RESERVED: i64 = 65_536;

impl Memory {
    /// Nothing known, and `next_seq` as the next number in the order of commits, none reserved.
    pub(crate) fn starting_at(next_seq: i64, posts: Arc<PostIds>) -> Memory {
        Memory {
            numbers: Numbers {
                next_seq,
                reserved_to: next_seq,
            },
            nodes: HashMap::new(),
            caps: None,
            posts,
        }
    }

    /// After a rollback: what was learnt inside the transaction may be wrong.
    pub(crate) fn forget(&mut self) {
        self.nodes.clear();
        self.caps = None;
    }
}

/// Numbers that are given once, even across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retired {
    /// A [`PostId`](crate::PostId).
    Post,
    /// A [`NodeNo`].
    Node,
    /// A [`MessageId`](crate::MessageId).
    Message,
}

/// A transaction in progress, as the subject files see it.
pub(crate) struct Tx<'c> {
    connection: &'c Connection,
    memory: &'c mut Memory,
    seqs: Option<(Seq, Seq)>,
    after: After,
}

/// What there is to do once a transaction is committed.
#[derive(Debug, Default)]
pub(crate) struct After {
    /// What it began to sweep.
    pub(crate) sweeps: Vec<Sweep>,
    /// What became of notifications.
    pub(crate) notices: Vec<Notice>,
    /// Whether it noted a job of `computed`.
    pub(crate) has_follow_up: bool,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(connection: &'c Connection, memory: &'c mut Memory) -> Tx<'c> {
        Tx {
            connection,
            memory,
            seqs: None,
            after: After::default(),
        }
    }

    /// Runs a statement; gives the number of rows that it changed.
    pub(crate) fn execute(&self, sql: &str, values: impl Params) -> Result<usize, WriteError> {
        Ok(self.connection.prepare_cached(sql)?.execute(values)?)
    }

    /// The first row of a query, if there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, WriteError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        Ok(rows.next()?.map(read).transpose()?)
    }

    /// All rows of a query.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, WriteError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement
            .query_map(values, read)?
            .collect::<rusqlite::Result<_>>()?)
    }

    /// The next number in the order of commits.
    pub(crate) fn next_seq(&mut self) -> Result<Seq, WriteError> {
        let numbers = &mut self.memory.numbers;
        if numbers.next_seq >= numbers.reserved_to {
            let reserved_to = numbers.next_seq + SEQS_RESERVED;
            self.connection
                .prepare_cached(
                    "INSERT INTO counters (name, value) VALUES ('seq', ?1) \
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                )?
                .execute([reserved_to])?;
            numbers.reserved_to = reserved_to;
        }
        let seq = Seq(numbers.next_seq);
        numbers.next_seq += 1;
        self.seqs = Some((self.seqs.map_or(seq, |(first, _)| first), seq));
        Ok(seq)
    }

    /// Notes that a number is never to be given again, when the row that shows so may be gone after a restart.
    pub(crate) fn retire(&self, counter: Retired, number: i64) -> Result<(), WriteError> {
        let sql = match counter {
            // Nothing to note while a newer post shows that this one was given.
            Retired::Post => {
                "INSERT INTO counters (name, value) \
                 SELECT 'post', ?1 WHERE ?1 > (SELECT coalesce(max(post_id), 0) FROM items) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > counters.value"
            }
            Retired::Message => {
                "INSERT INTO counters (name, value) \
                 SELECT 'message', ?1 WHERE ?1 > (SELECT coalesce(max(id), 0) FROM messages) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > counters.value"
            }
            Retired::Node => {
                "INSERT INTO counters (name, value) VALUES ('node', ?1) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > counters.value"
            }
        };
        self.execute(sql, [number]).map(drop)
    }

    /// [`WriteError::NotFound`] unless there is an account of this number that is not being deleted.
    pub(crate) fn account(&self, no: JidNo) -> Result<(), WriteError> {
        self.first(
            "SELECT 1 FROM accounts WHERE no = ?1 AND state <> 'deleting'",
            [no],
            |_| Ok(()),
        )?
        .ok_or(WriteError::NotFound)
    }

    /// What is known about a live node. [`WriteError::NotFound`] when there is none, or it was deleted.
    pub(crate) fn node(&mut self, node: NodeNo) -> Result<NodeHead, WriteError> {
        if let Some(head) = self.memory.nodes.get(&node) {
            return Ok(*head);
        }
        let (hidden_to, is_unlisted) = self
            .first(
                "SELECT hidden_to, is_unlisted FROM nodes WHERE no = ?1 AND deleted = 0",
                [node],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?
            .ok_or(WriteError::NotFound)?;
        let head = NodeHead {
            hidden_to,
            count: None,
            is_unlisted,
        };
        self.remember_node(node, head);
        Ok(head)
    }

    pub(crate) fn remember_node(&mut self, node: NodeNo, head: NodeHead) {
        if self.memory.nodes.len() >= NODES_REMEMBERED {
            self.memory.nodes.clear();
        }
        self.memory.nodes.insert(node, head);
    }

    pub(crate) fn forget_node(&mut self, node: NodeNo) {
        self.memory.nodes.remove(&node);
    }

    pub(crate) fn memory(&mut self) -> &mut Memory {
        self.memory
    }

    /// Has the writer sweep this once the transaction is committed.
    pub(crate) fn start_sweep(&mut self, sweep: Sweep) {
        self.after.sweeps.push(sweep);
    }

    /// Has it told, once the transaction is committed, what became of somebody's notifications.
    pub(crate) fn notice(&mut self, owner: JidNo, act: NoticeAct) {
        self.after.notices.push(Notice { owner, act });
    }

    /// Has it made known, once the transaction is committed, that there is a job of `computed`.
    pub(crate) fn follow_up(&mut self) {
        self.after.has_follow_up = true;
    }

    /// A number for something that is stored now.
    pub(crate) fn next_post_id(&self, now: Timestamp) -> PostId {
        self.memory.posts.next(now)
    }

    /// What the operation took, and what is to be done after it.
    pub(crate) fn finish(self) -> (Option<(Seq, Seq)>, After) {
        (self.seqs, self.after)
    }
}
