//! What waits to be written to one connection of a component: bounded in bytes, in the order in which it came.
//!
//! Unlike a session's mailbox a full one ends nothing: what does not fit is refused, and its sender is told.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// What one stanza costs beside its bytes.
const OVERHEAD: usize = 64;

/// The queue towards one connection.
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
    limit: usize,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Arc<[u8]>>,
    bytes: usize,
    is_closed: bool,
}

/// Why something was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTaken {
    /// Too much waits already.
    #[error("too much waits")]
    Full,
    /// The connection is closing.
    #[error("the connection is closing")]
    Closed,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Queue {
        Queue {
            inner: Mutex::default(),
            changed: Notify::new(),
            limit,
        }
    }

    /// Queues one stanza; never blocks.
    pub(crate) fn push(&self, stanza: Arc<[u8]>) -> Result<(), NotTaken> {
        let mut inner = self.inner.lock();
        if inner.is_closed {
            return Err(NotTaken::Closed);
        }
        let bytes = inner.bytes + stanza.len() + OVERHEAD;
        if bytes > self.limit {
            return Err(NotTaken::Full);
        }
        inner.bytes = bytes;
        inner.waiting.push_back(stanza);
        drop(inner);
        self.changed.notify_one();
        Ok(())
    }

    /// Refuses everything from now on; gives what was still waiting.
    pub(crate) fn close(&self) -> VecDeque<Arc<[u8]>> {
        let mut inner = self.inner.lock();
        inner.is_closed = true;
        inner.bytes = 0;
        std::mem::take(&mut inner.waiting)
    }

    /// Takes what waits, once something does. Nothing is lost when it is dropped while it waits.
    pub(crate) async fn take(&self) -> VecDeque<Arc<[u8]>> {
        loop {
            {
                let mut inner = self.inner.lock();
                if !inner.waiting.is_empty() {
                    inner.bytes = 0;
                    return std::mem::take(&mut inner.waiting);
                }
            }
            self.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(length: usize) -> Arc<[u8]> {
        vec![b'x'; length].into()
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_and_what_waits_stays() {
        let queue = Queue::new(300);
        assert_eq!(queue.push(stanza(100)), Ok(()));
        assert_eq!(queue.push(stanza(200)), Err(NotTaken::Full));
        assert_eq!(queue.push(stanza(10)), Ok(()));
        assert_eq!(queue.take().await.len(), 2);
        assert_eq!(queue.push(stanza(10)), Ok(()));
        assert_eq!(queue.close().len(), 1);
        assert_eq!(queue.push(stanza(10)), Err(NotTaken::Closed));
    }
}
