//! The numbers by which the database knows people, nodes, posts and moments.
//!
//! All are plain integers behind a type of their own; what they mean on the wire is decided elsewhere.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// The number of a bare JID, local or remote. Dense, from 1; given by [`Jids`](crate::Jids).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JidNo(pub u32);

/// The number of a node, live or deleted. Given by [`Store::next_node`](crate::Store::next_node).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeNo(pub i64);

/// The number of a signed-in device. Given by [`Store::next_device`](crate::Store::next_device).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub i64);

/// The number of a message in the log: built as a [`PostId`] is, so that a range of time is a range of numbers, and each
/// larger than the one before. Given by [`Store::next_message`](crate::Store::next_message).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub i64);

/// The place of one revision of one item in the order of commits; larger is later, gaps are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub i64);

/// A moment, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The number of a post: 53 bits, sortable by time of publication, given once and kept over edits.
///
/// From the top: 41 bits of milliseconds since 2020-01-01 UTC (enough until 2089), 4 bits of machine (0 until there
/// are several), 8 bits of counter. JavaScript keeps 53 bits exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostId(pub u64);

/// 2020-01-01T00:00:00Z in Unix milliseconds.
const POST_EPOCH_MS: i64 = 1_577_836_800_000;
const MILLISECOND_SHIFT: u32 = 12;
const COUNTER_MASK: u64 = 0xff;

impl PostId {
    /// The smallest id that a post published at `at` can have.
    #[must_use]
    pub fn first_at(at: Timestamp) -> PostId {
        let ms = at.0.saturating_sub(POST_EPOCH_MS).clamp(0, (1 << 41) - 1);
        PostId((ms as u64) << MILLISECOND_SHIFT)
    }

    /// When this id was given, to the millisecond.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        Timestamp((self.0 >> MILLISECOND_SHIFT) as i64 + POST_EPOCH_MS)
    }
}

impl MessageId {
    /// The smallest number that a message received at `at` can have.
    #[must_use]
    pub fn first_at(at: Timestamp) -> MessageId {
        MessageId(PostId::first_at(at).0 as i64)
    }

    /// When this number was given, to the millisecond; never before the message was received.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        PostId(self.0.max(0) as u64).timestamp()
    }
}

/// Gives post ids, each larger than the one before it even when the clock steps back.
#[derive(Debug)]
pub struct PostIds {
    last: AtomicU64,
}

impl PostIds {
    /// A generator whose ids are all larger than `largest`.
    #[must_use]
    pub fn above(largest: Option<PostId>) -> PostIds {
        PostIds {
            last: AtomicU64::new(largest.map_or(0, |id| id.0)),
        }
    }

    /// The next id for a post published at `now`.
    ///
    /// More than 256 posts in a millisecond, or a clock set back, borrow from the milliseconds to come.
    pub fn next(&self, now: Timestamp) -> PostId {
        let floor = PostId::first_at(now).0;
        let after = |last: u64| {
            let following = if last & COUNTER_MASK == COUNTER_MASK {
                ((last >> MILLISECOND_SHIFT) + 1) << MILLISECOND_SHIFT
            } else {
                last + 1
            };
            following.max(floor)
        };
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let next = after(last);
            match self
                .last
                .compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return PostId(next),
                Err(seen) => last = seen,
            }
        }
    }
}

/// Gives messages their numbers, in the way of [`PostIds`] and apart from them.
#[derive(Debug)]
pub(crate) struct MessageIds(PostIds);

impl MessageIds {
    /// A generator whose numbers are all larger than `largest`.
    pub(crate) fn above(largest: Option<i64>) -> MessageIds {
        MessageIds(PostIds::above(largest.map(|id| PostId(id.max(0) as u64))))
    }

    /// The next number for a message received at `now`.
    pub(crate) fn next(&self, now: Timestamp) -> MessageId {
        MessageId(self.0.next(now).0 as i64)
    }
}

/// Gives numbers that grow by one.
#[derive(Debug)]
pub(crate) struct Counter(AtomicI64);

impl Counter {
    /// A counter whose first number follows `largest`.
    pub(crate) fn above(largest: Option<i64>) -> Counter {
        Counter(AtomicI64::new(largest.unwrap_or(0) + 1))
    }

    pub(crate) fn next(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

macro_rules! sql_integer {
    ($($name:ident($inner:ty)),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.0 as i64))
            }
        }
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let number = value.as_i64()?;
                <$inner>::try_from(number).map($name).map_err(|_| FromSqlError::OutOfRange(number))
            }
        }
    )*};
}
sql_integer!(
    JidNo(u32),
    NodeNo(i64),
    DeviceId(i64),
    MessageId(i64),
    Seq(i64),
    Timestamp(i64),
    PostId(u64)
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn post_ids_grow_even_when_the_clock_steps_back() {
        let ids = PostIds::above(None);
        let now = Timestamp(1_800_000_000_000);
        let mut last = ids.next(now);
        for step in 0..2_000 {
            let next = ids.next(Timestamp(now.0 - step));
            assert!(next > last);
            last = next;
        }
        assert!(ids.next(Timestamp(now.0 + 60_000)) > last);
    }

    #[test]
    fn post_ids_keep_their_time_and_leave_the_machine_bits_alone() {
        let ids = PostIds::above(None);
        let now = Timestamp(1_800_000_000_123);
        for n in 0..1_000_i64 {
            let id = ids.next(now);
            assert_eq!(id.timestamp().0, now.0 + n / 256);
            assert_eq!((id.0 >> 8) & 0xf, 0);
            assert!(id.0 < 1 << 53);
        }
    }

    #[test]
    fn post_ids_follow_the_largest_in_the_database() {
        let now = Timestamp(1_800_000_000_000);
        let future = PostId::first_at(Timestamp(now.0 + 1_000_000));
        assert!(PostIds::above(Some(future)).next(now) > future);
    }
}
