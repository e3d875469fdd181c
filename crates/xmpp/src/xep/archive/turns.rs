//! One query of a session at a time, in the order in which they were asked: what one is answered stands together, and a client
//! that asks much at once is held in memory a page at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::server::Server;

/// The last query of each session that has any.
#[derive(Default)]
pub(crate) struct Turns {
    next: AtomicU64,
    last: Mutex<HashMap<u64, Last>>,
}

struct Last {
    number: u64,
    ended: oneshot::Receiver<()>,
}

/// A query's place behind those before it; the next one's turn comes when it is dropped.
pub(super) struct Turn {
    server: Arc<Server>,
    session: u64,
    number: u64,
    before: Option<oneshot::Receiver<()>>,
    _end: oneshot::Sender<()>,
}

impl Turn {
    /// Takes the place behind a session's other queries.
    pub(super) fn take(server: &Arc<Server>, session: u64) -> Turn {
        let turns = &server.archive_turns;
        let number = turns.next.fetch_add(1, Ordering::Relaxed);
        let (end, ended) = oneshot::channel();
        let before = turns.last.lock().insert(session, Last { number, ended });
        Turn {
            server: server.clone(),
            session,
            number,
            before: before.map(|last| last.ended),
            _end: end,
        }
    }

    /// Waits for those before it.
    pub(super) async fn come(&mut self) {
        if let Some(before) = self.before.take() {
            // Nothing is ever sent: it ends with the other turn.
            let _ = before.await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut last = self.server.archive_turns.last.lock();
        if last
            .get(&self.session)
            .is_some_and(|last| last.number == self.number)
        {
            last.remove(&self.session);
        }
    }
}
