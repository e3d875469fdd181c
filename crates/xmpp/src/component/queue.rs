//! What waits to be written to one connection of a component: bounded in bytes, in the order in which it came.
//!
//! Unlike a session's mailbox a full one ends nothing: what does not fit is refused, and its sender is told.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use wire::StreamError;

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
    ending: Option<Box<StreamError>>,
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

/// What the connection is to do next.
#[derive(Debug)]
pub(crate) enum Next {
    /// To write these.
    Write(VecDeque<Arc<[u8]>>),
    /// To end with this error.
    End(Box<StreamError>),
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

    /// Asks the connection to end with this error after what waits.
    pub(crate) fn end(&self, error: StreamError) {
        self.inner.lock().ending.get_or_insert_with(|| Box::new(error));
        self.changed.notify_one();
    }

    /// Refuses everything from now on.
    pub(crate) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.is_closed = true;
        inner.waiting = VecDeque::new();
        inner.bytes = 0;
    }

    /// Waits for something to do. Nothing is lost when it is dropped while it waits.
    pub(crate) async fn next(&self) -> Next {
        loop {
            {
                let mut inner = self.inner.lock();
                if !inner.waiting.is_empty() {
                    inner.bytes = 0;
                    return Next::Write(std::mem::take(&mut inner.waiting));
                }
                if let Some(error) = inner.ending.take() {
                    return Next::End(error);
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
        queue.end(StreamError::new(wire::StreamCondition::SystemShutdown));
        assert!(matches!(queue.next().await, Next::Write(waiting) if waiting.len() == 2));
        assert!(matches!(queue.next().await, Next::End(_)));
        queue.close();
        assert_eq!(queue.push(stanza(10)), Err(NotTaken::Closed));
    }
}
