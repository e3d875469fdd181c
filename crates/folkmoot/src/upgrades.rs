//! Tells the operator how the upgrade of an older database goes on: in the log, and to the service manager.

use std::time::Duration;

use store::Upgrade;

use crate::service;

/// The service manager is asked to wait so long for the next word; they come every few seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// One line for each event.
pub fn tell(upgrade: &Upgrade) {
    let line = in_words(upgrade);
    match upgrade {
        Upgrade::NoCopy { .. } => tracing::warn!("{line}"),
        _ => tracing::info!("{line}"),
    }
    service::busy(&line, PATIENCE);
}

fn in_words(upgrade: &Upgrade) -> String {
    match upgrade {
        Upgrade::Begins { from, to, bytes } => format!(
            "the database ({}) is of version {from} and will be brought to version {to}",
            size(*bytes)
        ),
        Upgrade::Copying { bytes, of } => format!("copied {} of {}", size(*bytes), size(*of)),
        Upgrade::Copied(path) => format!("a copy of the database as it was is kept in {}", path.display()),
        Upgrade::NoCopy { needed, free } => format!(
            "no copy of the database is kept: it would need {} of room, and {} are free",
            size(*needed),
            size(*free)
        ),
        Upgrade::Step(step) => format!(
            "{} (version {} of {})",
            step.name, step.version, step.last_version
        ),
        Upgrade::Working {
            step,
            statement,
            elapsed,
        } => format!("{}: {statement}, at work for {} s", step.name, elapsed.as_secs()),
        Upgrade::Done(elapsed) => format!("the database is up to date after {:.1} s", elapsed.as_secs_f64()),
    }
}

fn size(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
