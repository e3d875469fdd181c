//! Configurations and names that many nodes share, kept once.
//!
//! Nearly all people's nodes are configured and called alike; with thousands of them in memory that matters.

use std::collections::HashMap;
use std::sync::Arc;

use bus::NodeConfig;
use parking_lot::Mutex;

/// Configurations, and names, remembered; others are made anew each time.
const REMEMBERED: usize = 256;
/// Longest configuration remembered, in bytes.
const LONGEST: usize = 1_024;

/// What was read of late, by its text.
#[derive(Default)]
pub(super) struct Configs {
    configs: Mutex<HashMap<Box<str>, Arc<NodeConfig>>>,
    names: Mutex<HashMap<Box<str>, Arc<str>>>,
}

impl Configs {
    /// A configuration as the database keeps it.
    pub(super) fn get(&self, text: &str) -> Arc<NodeConfig> {
        shared(&self.configs, text, || Arc::new(NodeConfig::from_text(text)))
    }

    /// A node's name.
    pub(super) fn name(&self, name: &str) -> Arc<str> {
        shared(&self.names, name, || Arc::from(name))
    }
}

fn shared<T: ?Sized>(
    known: &Mutex<HashMap<Box<str>, Arc<T>>>,
    text: &str,
    make: impl FnOnce() -> Arc<T>,
) -> Arc<T> {
    let mut known = known.lock();
    if let Some(value) = known.get(text) {
        return Arc::clone(value);
    }
    let value = make();
    if known.len() < REMEMBERED && text.len() <= LONGEST {
        known.insert(text.into(), Arc::clone(&value));
    }
    value
}
