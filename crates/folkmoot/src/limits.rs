//! What the operating system lets this process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files and sockets the process may hold open.
#[derive(Clone, Copy, Debug)]
pub struct OpenFiles {
    /// In force; `None` is without limit.
    pub now: Option<u64>,
    /// What was in force before.
    pub before: Option<u64>,
}

/// Raises the number of open files to what the system allows; every connection is one.
pub fn raise_open_files() -> OpenFiles {
    let old = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: old.maximum,
        maximum: old.maximum,
    };
    // Where it is refused, the old limit stays and is what gets said.
    let now = if setrlimit(Resource::Nofile, wanted).is_ok() {
        old.maximum
    } else {
        old.current
    };
    OpenFiles {
        now,
        before: old.current,
    }
}
