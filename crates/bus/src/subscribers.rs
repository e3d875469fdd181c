//! The subscriptions to one node, for any number of them: a new version shares all but a small part with the one before.
//!
//! A node is never changed where somebody may look at it; every subscription makes another. So the list is kept in parts
//! of some hundred, each shared, and a change copies one part and the list of parts: with 50,000 subscribers some
//! microseconds instead of a millisecond and megabytes.

use std::sync::Arc;

use store::JidNo;

use crate::node::Subscriber;

/// Subscriptions in one part, after which it is divided.
const PART: usize = 256;

/// Subscriptions sorted by the number of their account; those of one account stand together. Shared; never changed.
#[derive(Clone, Debug, Default)]
pub struct Subscribers {
    parts: Arc<[Part]>,
    len: usize,
}

/// Some subscriptions, in their order: at least one, and all that each of their accounts has.
#[derive(Clone, Debug)]
pub struct Part {
    all: Arc<[Subscriber]>,
    /// The number of the last of them, here because looking for an account reads nothing else.
    last: JidNo,
}

impl Part {
    fn new(all: &[Subscriber]) -> Option<Part> {
        let last = all.last()?.no;
        let all = all.into();
        Some(Part { all, last })
    }

    /// The subscriptions.
    #[must_use]
    pub fn all(&self) -> &[Subscriber] {
        &self.all
    }

    /// The largest number of an account among them.
    #[must_use]
    pub fn last(&self) -> JidNo {
        self.last
    }

    fn of(&self, no: JidNo) -> std::ops::Range<usize> {
        let from = self.all.partition_point(|one| one.no < no);
        let count = self.all[from..].partition_point(|one| one.no == no);
        from..from + count
    }
}

impl Subscribers {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Subscriber> {
        self.parts.iter().flat_map(|part| part.all.iter())
    }

    /// All of them in parts, so that whole parts can be passed over.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Those of one account.
    #[must_use]
    pub fn of(&self, no: JidNo) -> &[Subscriber] {
        match self.parts.get(self.place(no)) {
            Some(part) => &part.all[part.of(no)],
            None => &[],
        }
    }

    /// The same with these as all that one account has; none ends them.
    #[must_use]
    pub fn with_all_of(&self, no: JidNo, mine: &[Subscriber]) -> Subscribers {
        debug_assert!(mine.iter().all(|one| one.no == no));
        // Whoever comes after all others joins the last part.
        let at = self.place(no).min(self.parts.len().saturating_sub(1));
        let (before, after): (&[Subscriber], &[Subscriber]) = match self.parts.get(at) {
            Some(part) => {
                let there = part.of(no);
                (&part.all[..there.start], &part.all[there.end..])
            }
            None => (&[], &[]),
        };
        let changed = [before, mine, after].concat();
        let mut parts = Vec::with_capacity(self.parts.len() + 1);
        parts.extend_from_slice(&self.parts[..at]);
        if changed.len() > PART {
            let middle = boundary(&changed, changed.len() / 2);
            parts.extend(Part::new(&changed[..middle]));
            parts.extend(Part::new(&changed[middle..]));
        } else if let Some(last) = parts.last_mut()
            && last.all.len() + changed.len() <= PART / 2
        {
            // What is left of two parts after many have gone is one.
            let joined = [&*last.all, &*changed].concat();
            if let Some(joined) = Part::new(&joined) {
                *last = joined;
            }
        } else {
            parts.extend(Part::new(&changed));
        }
        parts.extend(self.parts.iter().skip(at + 1).cloned());
        Subscribers {
            len: self.len - self.of(no).len() + mine.len(),
            parts: parts.into(),
        }
    }

    /// The part that has this account, or would have.
    fn place(&self, no: JidNo) -> usize {
        self.parts.partition_point(|part| part.last < no)
    }
}

/// A place near `at` where one account ends and another begins.
fn boundary(all: &[Subscriber], at: usize) -> usize {
    let no = all[at].no;
    match all.partition_point(|one| one.no < no) {
        0 => all.partition_point(|one| one.no == no),
        from => from,
    }
}

impl From<Vec<Subscriber>> for Subscribers {
    /// In any order; those of one account keep theirs.
    fn from(mut all: Vec<Subscriber>) -> Subscribers {
        if !all.is_sorted_by_key(|one| one.no) {
            all.sort_by_key(|one| one.no);
        }
        let len = all.len();
        let mut parts = Vec::with_capacity(len / PART + 1);
        let mut rest = &all[..];
        // Three quarters full, so that who comes next does not divide each part.
        while rest.len() > PART {
            let (part, more) = rest.split_at(boundary(rest, PART / 4 * 3));
            parts.extend(Part::new(part));
            rest = more;
        }
        parts.extend(Part::new(rest));
        Subscribers {
            parts: parts.into(),
            len,
        }
    }
}

impl FromIterator<Subscriber> for Subscribers {
    fn from_iter<I: IntoIterator<Item = Subscriber>>(all: I) -> Subscribers {
        all.into_iter().collect::<Vec<_>>().into()
    }
}

impl PartialEq for Subscribers {
    fn eq(&self, other: &Subscribers) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for Subscribers {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::node::{SubId, SubscriptionState};

    fn one(no: u32, subid: u64) -> Subscriber {
        Subscriber {
            no: JidNo(no),
            resource: None,
            subid: SubId(subid),
            state: SubscriptionState::Subscribed,
            options: None,
        }
    }

    fn check(subscribers: &Subscribers, model: &BTreeMap<u32, Vec<Subscriber>>) {
        assert!(subscribers.iter().eq(model.values().flatten()));
        assert_eq!(subscribers.len(), model.values().map(Vec::len).sum::<usize>());
        let mut last = None;
        for part in subscribers.parts() {
            let (first, end) = (part.all().first().unwrap().no, part.all().last().unwrap().no);
            assert!(last < Some(first), "an account stands in two parts");
            assert_eq!(part.last(), end);
            last = Some(end);
        }
    }

    /// Numbers that only look random.
    fn next(seed: &mut u64) -> u32 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 33) as u32
    }

    #[test]
    fn many_come_and_go_and_every_version_stays_as_it_was() {
        let mut seed = 7;
        let mut model = BTreeMap::new();
        let mut subscribers = Subscribers::default();
        for step in 0..6_000_u64 {
            // Few at first, then many, then few again; some accounts have several, one has more than fill a part.
            let no = next(&mut seed) % 3_000;
            let count = match (no, step) {
                (77, _) => 300,
                (_, 4_000..) => 0,
                _ => next(&mut seed) % 4,
            };
            let mine: Vec<_> = (0..count).map(|n| one(no, step * 1_000 + u64::from(n))).collect();
            let before = (subscribers.clone(), model.clone());
            subscribers = subscribers.with_all_of(JidNo(no), &mine);
            assert_eq!(subscribers.of(JidNo(no)), mine);
            if mine.is_empty() {
                model.remove(&no);
            } else {
                model.insert(no, mine);
            }
            if step % 50 == 0 {
                check(&subscribers, &model);
                check(&before.0, &before.1);
            }
        }
        check(&subscribers, &model);
        let again: Subscribers = subscribers.iter().cloned().collect();
        check(&again, &model);
        assert_eq!(again, subscribers);
        for no in 0..3_000 {
            subscribers = subscribers.with_all_of(JidNo(no), &[]);
        }
        assert!(subscribers.is_empty() && subscribers.parts().is_empty());
    }

    #[test]
    fn a_change_copies_one_part() {
        let all: Subscribers = (0..50_000).map(|no| one(no * 2, 0)).collect();
        let more = all.with_all_of(JidNo(50_001), &[one(50_001, 1)]);
        assert_eq!(more.len(), 50_001);
        let is_shared = |part: &Part| all.parts().iter().any(|other| Arc::ptr_eq(&other.all, &part.all));
        let own = more.parts().iter().filter(|part| !is_shared(part)).count();
        assert_eq!(own, 1);
        assert!(more.parts().iter().all(|part| part.all().len() <= PART));
        assert!(all.of(JidNo(50_001)).is_empty());
    }
}
