//! The newest post numbers of nodes in memory, and the merge over many nodes.
//!
//! What a node's heads do not reach is read from the index; the heads themselves follow the events.

use std::collections::BinaryHeap;
use std::sync::Arc;

use store::{NodeNo, PostId};

/// Post numbers remembered for each node.
pub(crate) const HEADS: usize = 40;

/// The newest items of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heads {
    /// Ascending.
    ids: Vec<PostId>,
    /// Whether the node has no older items.
    is_whole: bool,
}

impl Heads {
    /// From what the index gave: up to [`HEADS`] + 1 numbers, the newest first.
    pub(crate) fn new(mut newest_first: Vec<PostId>) -> Heads {
        let is_whole = newest_first.len() <= HEADS;
        newest_first.truncate(HEADS);
        newest_first.reverse();
        Heads {
            ids: newest_first,
            is_whole,
        }
    }

    /// An item is there.
    pub(crate) fn add(&mut self, id: PostId) {
        match self.ids.binary_search(&id) {
            Ok(_) => return,
            // Older than all that is remembered: it is not among the newest, or all are remembered.
            Err(0) if !self.is_whole => return,
            Err(at) => self.ids.insert(at, id),
        }
        if self.ids.len() > HEADS {
            self.ids.remove(0);
            self.is_whole = false;
        }
    }

    /// An item is gone.
    pub(crate) fn remove(&mut self, id: PostId) {
        if let Ok(at) = self.ids.binary_search(&id) {
            self.ids.remove(at);
        }
    }

    /// The remembered numbers below a bound, ascending.
    fn before(&self, bound: Option<PostId>) -> &[PostId] {
        let end = bound.map_or(self.ids.len(), |bound| self.ids.partition_point(|id| *id < bound));
        &self.ids[..end]
    }

    /// The remembered numbers above a bound, ascending.
    fn after(&self, bound: Option<PostId>) -> &[PostId] {
        let start = bound.map_or(0, |bound| self.ids.partition_point(|id| *id <= bound));
        &self.ids[start..]
    }

    /// The number from which on upwards all are remembered.
    fn floor(&self) -> PostId {
        match self.ids.first() {
            _ if self.is_whole => PostId(0),
            Some(oldest) => *oldest,
            None => PostId(u64::MAX),
        }
    }
}

/// What one merge gives: numbers in the direction of reading, and the nodes that memory does not reach far enough into.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) ids: Vec<PostId>,
    /// With the bound from which on the index has to be asked.
    pub(crate) deeper: Vec<(NodeNo, Option<PostId>)>,
}

/// Up to `limit` of the newest numbers below `bound` over all nodes, the newest first.
pub(crate) fn newest(nodes: &[(NodeNo, Arc<Heads>)], bound: Option<PostId>, limit: usize) -> Merged {
    let mut heap: BinaryHeap<(PostId, usize, usize)> = BinaryHeap::with_capacity(nodes.len());
    for (number, (_, heads)) in nodes.iter().enumerate() {
        if let Some((last, rest)) = heads.before(bound).split_last() {
            heap.push((*last, number, rest.len()));
        }
    }
    let mut ids = Vec::with_capacity(limit);
    while ids.len() < limit
        && let Some((id, number, left)) = heap.pop()
    {
        ids.push(id);
        if let Some(next) = left.checked_sub(1) {
            heap.push((nodes[number].1.ids[next], number, next));
        }
    }
    // Below this, nothing matters any more.
    let cut = if ids.len() == limit {
        ids.last().copied()
    } else {
        None
    };
    let deeper = nodes
        .iter()
        .filter(|(_, heads)| !heads.is_whole && cut.is_none_or(|cut| heads.floor() > cut))
        .map(|(node, heads)| {
            let floor = heads.floor();
            let from = match bound {
                Some(bound) if bound < floor => Some(bound),
                _ if floor == PostId(u64::MAX) => bound,
                _ => Some(floor),
            };
            (*node, from)
        })
        .collect();
    Merged { ids, deeper }
}

/// Up to `limit` of the oldest numbers above `bound` over all nodes, the oldest first.
pub(crate) fn oldest(nodes: &[(NodeNo, Arc<Heads>)], bound: Option<PostId>, limit: usize) -> Merged {
    let reach = bound.map_or(PostId(0), |bound| PostId(bound.0.saturating_add(1)));
    let mut merged = Merged::default();
    for (node, heads) in nodes {
        if heads.floor() <= reach {
            merged.ids.extend(heads.after(bound).iter().take(limit));
        } else {
            merged.deeper.push((*node, bound));
        }
    }
    merged.ids.sort_unstable();
    merged.ids.truncate(limit);
    merged
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ids(numbers: &[u64]) -> Vec<PostId> {
        numbers.iter().map(|number| PostId(*number)).collect()
    }

    fn heads(ascending: &[u64], is_whole: bool) -> Arc<Heads> {
        Arc::new(Heads {
            ids: ids(ascending),
            is_whole,
        })
    }

    #[test]
    fn memory_is_enough_where_it_reaches() {
        let nodes = [
            (NodeNo(1), heads(&[1, 5, 9], true)),
            (NodeNo(2), heads(&[4, 6], false)),
            (NodeNo(3), heads(&[], true)),
        ];
        let merged = newest(&nodes, None, 3);
        assert_eq!(
            merged,
            Merged {
                ids: ids(&[9, 6, 5]),
                deeper: vec![]
            }
        );
        let merged = newest(&nodes, None, 4);
        assert_eq!(
            merged,
            Merged {
                ids: ids(&[9, 6, 5, 4]),
                deeper: vec![]
            }
        );
        let merged = newest(&nodes, None, 5);
        assert_eq!(
            merged,
            Merged {
                ids: ids(&[9, 6, 5, 4, 1]),
                deeper: vec![(NodeNo(2), Some(PostId(4)))]
            }
        );
        let merged = newest(&nodes, Some(PostId(3)), 5);
        assert_eq!(
            merged,
            Merged {
                ids: ids(&[1]),
                deeper: vec![(NodeNo(2), Some(PostId(3)))]
            }
        );
        let merged = oldest(&nodes, Some(PostId(4)), 5);
        assert_eq!(
            merged,
            Merged {
                ids: ids(&[5, 6, 9]),
                deeper: vec![]
            }
        );
        let merged = oldest(&nodes, Some(PostId(2)), 5);
        assert_eq!(
            merged,
            Merged {
                ids: ids(&[5, 9]),
                deeper: vec![(NodeNo(2), Some(PostId(2)))]
            }
        );
    }

    #[test]
    fn heads_follow_events() {
        let mut heads = Heads::new((1..=HEADS as u64 + 1).rev().map(PostId).collect());
        assert!(!heads.is_whole);
        assert_eq!(heads.floor(), PostId(2));
        heads.add(PostId(1));
        assert_eq!(heads.ids.len(), HEADS);
        heads.add(PostId(100));
        heads.add(PostId(100));
        assert_eq!((heads.floor(), heads.ids.len()), (PostId(3), HEADS));
        heads.remove(PostId(100));
        assert_eq!(heads.ids.last(), Some(&PostId(41)));
    }
}
