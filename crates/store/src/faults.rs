//! Faults on demand, so that tests can hold a commit back or make it fail.
//!
//! Nothing here happens unless a test asks for it; the writer pays one atomic read a batch.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Condvar, Mutex};

use crate::write::WriteError;

/// A way in which a commit can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full.
    Full,
    /// The operating system reports an error.
    Io,
}

impl Fault {
    fn error(self) -> WriteError {
        match self {
            Fault::Full => WriteError::Full,
            Fault::Io => WriteError::Io("asked for by a test".into()),
        }
    }
}

#[derive(Default)]
struct State {
    is_held: bool,
    is_at_commit: bool,
    failing: Option<(u32, Fault)>,
}

/// Switches for the writer's commits. See [`Store::faults`](crate::Store::faults).
#[derive(Default)]
pub struct Faults {
    is_armed: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

impl Faults {
    /// The writer stops before its next commit, and before each after it, until [`release`](Faults::release).
    pub fn hold(&self) {
        self.state.lock().is_held = true;
        self.is_armed.store(true, Ordering::Release);
    }

    /// Lets held commits go on.
    pub fn release(&self) {
        let mut state = self.state.lock();
        state.is_held = false;
        self.disarm(&state);
        drop(state);
        self.changed.notify_all();
    }

    /// Blocks until the writer has run a batch and stands before its commit. Only after [`hold`](Faults::hold).
    pub fn wait_until_held(&self) {
        let mut state = self.state.lock();
        while state.is_held && !state.is_at_commit {
            self.changed.wait(&mut state);
        }
    }

    /// The next `count` commits fail like this; those after succeed.
    pub fn fail_next(&self, count: u32, fault: Fault) {
        self.state.lock().failing = (count > 0).then_some((count, fault));
        self.is_armed.store(true, Ordering::Release);
    }

    fn disarm(&self, state: &State) {
        self.is_armed
            .store(state.is_held || state.failing.is_some(), Ordering::Release);
    }

    /// Called by the writer before a commit.
    pub(crate) fn before_commit(&self) -> Result<(), WriteError> {
        if !self.is_armed.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut state = self.state.lock();
        while state.is_held {
            state.is_at_commit = true;
            self.changed.notify_all();
            self.changed.wait(&mut state);
        }
        state.is_at_commit = false;
        let Some((count, fault)) = state.failing else {
            return Ok(());
        };
        state.failing = (count > 1).then_some((count - 1, fault));
        self.disarm(&state);
        Err(fault.error())
    }
}
