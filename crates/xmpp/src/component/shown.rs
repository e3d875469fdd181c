//! Who of a component's users was shown as available to whom, so that they are seen to go when the component does.
//!
//! Bounded: beyond the bound presence is passed on and not remembered.

use std::collections::{HashMap, HashSet};

use wire::Jid;

/// Pairs of addresses that are remembered for one component.
const PAIRS_MAX: usize = 100_000;

/// By who is shown, to whom.
#[derive(Default)]
pub(super) struct Shown {
    pairs: HashMap<Jid, HashSet<Jid>>,
    count: usize,
}

impl Shown {
    pub(super) fn add(&mut self, from: &Jid, to: &Jid) {
        if self.count >= PAIRS_MAX {
            return;
        }
        if self.pairs.entry(from.clone()).or_default().insert(to.clone()) {
            self.count += 1;
        }
    }

    pub(super) fn remove(&mut self, from: &Jid, to: &Jid) {
        let Some(seeing) = self.pairs.get_mut(from) else {
            return;
        };
        if seeing.remove(to) {
            self.count -= 1;
        }
        if seeing.is_empty() {
            self.pairs.remove(from);
        }
    }

    /// Everything, forgotten.
    pub(super) fn take(&mut self) -> Vec<(Jid, Jid)> {
        let shown = std::mem::take(self);
        let mut pairs = Vec::with_capacity(shown.count);
        for (from, seeing) in shown.pairs {
            pairs.extend(seeing.into_iter().map(|to| (from.clone(), to)));
        }
        pairs.sort_unstable_by(|a, b| (a.0.as_str(), a.1.as_str()).cmp(&(b.0.as_str(), b.1.as_str())));
        pairs
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_taken_back_is_not_told_again() {
        let jid = |text: &str| Jid::parse(text).unwrap();
        let mut shown = Shown::default();
        shown.add(&jid("a@irc.localhost/x"), &jid("juliet@localhost"));
        shown.add(&jid("a@irc.localhost/x"), &jid("juliet@localhost"));
        shown.add(&jid("b@irc.localhost"), &jid("juliet@localhost"));
        shown.remove(&jid("b@irc.localhost"), &jid("juliet@localhost"));
        assert_eq!(shown.count, 1);
        assert_eq!(
            shown.take(),
            [(jid("a@irc.localhost/x"), jid("juliet@localhost"))]
        );
        assert!(shown.take().is_empty());
    }
}
