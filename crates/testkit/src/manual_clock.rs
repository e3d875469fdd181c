//! A clock that stands still until a test moves it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use store::{BoxFuture, Clock, Timestamp};

/// 14 February 2026, 09:00 UTC: where every test's time begins.
const BEGINNING: i64 = 1_771_059_600_000;

#[derive(Default)]
struct Inner {
    elapsed_ms: u64,
    set_back_ms: i64,
    sleepers: Vec<(u64, Waker)>,
}

/// Time of day and monotonic time, moved by [`advance`](ManualClock::advance), and the first by [`set_back`](ManualClock::set_back).
#[derive(Clone, Default)]
pub struct ManualClock {
    inner: Arc<Mutex<Inner>>,
}

impl ManualClock {
    /// A clock at the beginning of its time.
    #[must_use]
    pub fn new() -> ManualClock {
        ManualClock::default()
    }

    /// Moves both times forward and wakes whoever slept until then.
    pub fn advance(&self, ms: u64) {
        let mut inner = self.inner.lock();
        inner.elapsed_ms += ms;
        let now = inner.elapsed_ms;
        let (due, later) = std::mem::take(&mut inner.sleepers)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        inner.sleepers = later;
        drop(inner);
        let due: Vec<(u64, Waker)> = due;
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

impl ManualClock {
    /// Sets the time of day back, as an operator or a time server does; monotonic time is not touched.
    pub fn set_back(&self, ms: i64) {
        self.inner.lock().set_back_ms += ms;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let inner = self.inner.lock();
        Timestamp(BEGINNING + inner.elapsed_ms as i64 - inner.set_back_ms)
    }

    fn monotonic_ms(&self) -> u64 {
        self.inner.lock().elapsed_ms
    }

    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        let until = self.inner.lock().elapsed_ms + ms;
        Box::pin(Sleep {
            clock: self.clone(),
            until,
        })
    }
}

struct Sleep {
    clock: ManualClock,
    until: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.clock.inner.lock();
        if inner.elapsed_ms >= self.until {
            return Poll::Ready(());
        }
        let until = self.until;
        inner.sleepers.push((until, cx.waker().clone()));
        Poll::Pending
    }
}
