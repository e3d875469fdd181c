//! What an owner remembers about its nodes: enough to decide about a publish without asking the database.
//!
//! All of it can be forgotten and read again. While something is undecided it is ahead of the database.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use bus::{Event, Item, NodeConfig, NodeKind, NodeView};
use format::search::WordSet;
use lru::LruCache;
use parking_lot::Mutex;
use store::{JidNo, Links, NodeNo, PostId, Ticket};
use wire::BareJid;

/// Newest items whose numbers are remembered for each node.
pub(super) const HEADS: usize = 40;
/// Item ids remembered (as hashes) for a node of which all are known; beyond it the database is asked.
const KNOWN_IDS: usize = 4_096;
/// Nodes of one account that are kept ready, and of one service; about 8 KiB each. Beyond it those not used of late are
/// only listed, and read again when somebody asks for them.
const READY_OF_ACCOUNT: usize = 64;
const READY_OF_SERVICE: usize = 2_048;
/// Nodes read before it is looked again whether there are too many.
const LOADS: usize = 64;
/// Changes remembered of a node, so that an answer of the database is known to be too old.
const RECENT: usize = 256;

/// Whose nodes they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnerKind {
    /// A person's (XEP-0163).
    Account,
    /// The pubsub service's.
    Service,
}

/// One owner. Whoever works with it holds it; only unheld ones are forgotten.
pub(super) struct Owner {
    pub(super) no: JidNo,
    pub(super) jid: BareJid,
    pub(super) kind: OwnerKind,
    pub(super) state: Mutex<OwnerState>,
}

/// What is known about an owner's nodes.
#[derive(Default)]
pub(super) struct OwnerState {
    /// Whether `nodes` lists all nodes of the owner. After a failed write it does not, until they are read again.
    pub(super) is_loaded: bool,
    /// Grows whenever `nodes` is forgotten, so that what was read before is not taken for what is.
    pub(super) generation: u64,
    pub(super) nodes: HashMap<Arc<str>, NodeState>,
    /// Computed nodes that were used of late; there may be any number of others.
    pub(super) computed: Computeds,
    /// Grows whenever a node is forgotten that may be read again.
    pub(super) forgotten: u64,
    /// Decided steps whose events wait for their commit, oldest first.
    pub(super) deferred: VecDeque<Deferred>,
    /// The number of the last step.
    pub(super) last_step: u64,
    /// Delivered and undecided: the last step that changed each item.
    pub(super) current: HashMap<(NodeNo, Arc<str>), u64>,
    /// The ticket of the last write.
    pub(super) last_ticket: Option<Ticket>,
    /// Steps that are not decided yet.
    pub(super) undecided: usize,
    /// Grows with each use of a node, to tell which were not used of late.
    pub(super) uses: u64,
    /// Nodes read since it was last looked whether there are too many.
    loads: usize,
}

/// Computed nodes by name, the last used first.
pub(super) struct Computeds(LruCache<Arc<str>, Box<Node>>);

/// Computed nodes of one owner in memory.
const COMPUTED: usize = 1_024;

impl Default for Computeds {
    fn default() -> Self {
        Computeds(LruCache::unbounded())
    }
}

impl Computeds {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.0.get_mut(name).map(Box::as_mut)
    }

    pub(super) fn pop(&mut self, name: &str) {
        self.0.pop(name);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl OwnerState {
    /// Keeps a node that can be decided about.
    pub(super) fn remember(&mut self, node: Node) {
        let name = Arc::clone(&node.view.name);
        if !matches!(node.view.kind, NodeKind::Computed(_)) {
            self.nodes.insert(name, NodeState::Ready(Box::new(node)));
            return;
        }
        self.computed.0.put(name, Box::new(node));
        if self.computed.0.len() > COMPUTED {
            self.computed.0.pop_lru();
            self.forgotten += 1;
        }
    }

    /// Keeps what was read of a listed node, and forgets most of others where that makes too many.
    ///
    /// `is_decided` says whether the database has decided a write: what memory knows beyond it stays.
    pub(super) fn keep_ready(&mut self, node: Node, kind: OwnerKind, is_decided: impl Fn(Ticket) -> bool) {
        self.uses += 1;
        let used = self.uses;
        self.remember(Node { used, ..node });
        self.loads += 1;
        if self.loads < LOADS {
            return;
        }
        self.loads = 0;
        let most = match kind {
            OwnerKind::Account => READY_OF_ACCOUNT,
            OwnerKind::Service => READY_OF_SERVICE,
        };
        let ready = self.nodes.values().filter_map(NodeState::ready);
        let mut uses: Vec<_> = ready.map(|node| node.used).collect();
        if uses.len() <= most {
            return;
        }
        // Some more than necessary, so that it is not looked each time.
        let gone = uses.len() - most / 4 * 3;
        let (_, last_gone, _) = uses.select_nth_unstable(gone - 1);
        let last_gone = *last_gone;
        for state in self.nodes.values_mut() {
            // An item that is not stored is only here.
            let can_go = |node: &&Node| {
                node.used <= last_gone
                    && is_decided(node.last_ticket)
                    && (node.view.config.persist_items || node.last.is_none())
            };
            if let Some(node) = state.ready().filter(can_go) {
                let listed = NodeView {
                    affiliations: Arc::from([]),
                    subscribers: bus::Subscribers::default(),
                    ..NodeView::clone(&node.view)
                };
                *state = NodeState::Listed(Arc::new(listed));
            }
        }
        // What is being read of one of them may be older than this.
        self.forgotten += 1;
    }

    /// Forgets a node that is deleted.
    pub(super) fn remove(&mut self, view: &NodeView) {
        if matches!(view.kind, NodeKind::Computed(_)) {
            self.computed.pop(&view.name);
            // What is being read of it may be older than this.
            self.forgotten += 1;
        } else {
            self.nodes.remove(&view.name);
        }
    }
}

/// A step whose events go out once it is stored.
pub(super) struct Deferred {
    pub(super) step: u64,
    /// The owner's generation in which it was decided.
    pub(super) generation: u64,
    pub(super) events: Vec<Event>,
    /// Whether it was stored, once that is known.
    pub(super) is_stored: Option<bool>,
}

/// What is known about one node.
pub(super) enum NodeState {
    /// Its row, from the list of the owner's nodes. It has neither affiliations nor subscribers yet.
    Listed(Arc<NodeView>),
    /// All that is needed to decide. Boxed, because most nodes of most owners are only listed.
    Ready(Box<Node>),
}

impl NodeState {
    fn ready(&self) -> Option<&Node> {
        match self {
            NodeState::Ready(node) => Some(node),
            NodeState::Listed(_) => None,
        }
    }

    pub(super) fn view(&self) -> &Arc<NodeView> {
        match self {
            NodeState::Listed(view) => view,
            NodeState::Ready(node) => &node.view,
        }
    }

    /// Gives the node another configuration, written under this ticket.
    pub(super) fn set_config(&mut self, config: Arc<NodeConfig>, ticket: Ticket) {
        let view = Arc::new(NodeView {
            config,
            ..NodeView::clone(self.view())
        });
        match self {
            NodeState::Listed(listed) => *listed = view,
            NodeState::Ready(node) => {
                node.view = view;
                node.last_ticket = ticket;
            }
        }
    }
}

/// A node that can be decided about.
pub(super) struct Node {
    pub(super) view: Arc<NodeView>,
    pub(super) heads: Heads,
    /// The last item, where it is in memory.
    pub(super) last: Option<Arc<Item>>,
    /// The ticket of the node's last write.
    pub(super) last_ticket: Ticket,
    /// Grows with each change of an item, and is larger than any that the node had when it was in memory before.
    pub(super) epoch: u64,
    /// When it was last used, in [`OwnerState::uses`].
    pub(super) used: u64,
}

/// The epoch at which a node begins that was read: no answer about an earlier one holds for it.
pub(super) fn next_epoch() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(EPOCHS);
    NEXT.fetch_add(EPOCHS, Ordering::Relaxed)
}

/// More changes than a node sees while it is in memory.
const EPOCHS: u64 = 1 << 32;

/// One of a node's newest items.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) post_id: PostId,
    pub(super) id: Arc<str>,
    /// What else matters about it; `None` when only the index was read, as of nearly all. Hence the box.
    pub(super) marks: Option<Box<Marks>>,
}

/// Whose an item is, and where else than in its node it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) publisher: JidNo,
    pub(super) tags: Arc<[Arc<str>]>,
    pub(super) in_public: bool,
    pub(super) links: Links,
    /// What is remembered of its words, where it belongs to the public stream.
    pub(super) words: WordSet,
}

/// What memory says about an item id.
#[derive(Debug)]
pub(super) enum Known {
    /// There is no such item.
    New,
    /// There is, and this is it; it may lack its marks.
    Item(Head),
    /// The database must be asked, once this write is decided.
    Ask(Ticket),
}

/// The newest items of a node, oldest first, and which ids there are.
pub(super) struct Heads {
    newest: VecDeque<Head>,
    /// Whether `newest` holds all items.
    is_whole: bool,
    /// Hashes of at least all ids that the node has; `None` when they are not all known.
    ids: Option<HashSet<u64>>,
    /// Changes of late: hash, epoch, ticket.
    recent: VecDeque<(u64, u64, Ticket)>,
    /// The last change no more in `recent`.
    forgotten: (u64, Ticket),
}

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

fn hash(id: &str) -> u64 {
    HASHER.hash_one(id)
}

impl Heads {
    /// The heads of a node whose newest items are `newest` (oldest first); `is_whole` when there are no others.
    pub(super) fn new(newest: Vec<Head>, is_whole: bool) -> Heads {
        let ids = is_whole.then(|| newest.iter().map(|head| hash(&head.id)).collect());
        Heads {
            newest: newest.into(),
            is_whole,
            ids,
            recent: VecDeque::new(),
            forgotten: (0, Ticket::NONE),
        }
    }

    /// The same of a node that is known since this epoch: before it, anything may have changed.
    pub(super) fn since(mut self, epoch: u64) -> Heads {
        self.forgotten.0 = epoch;
        self
    }

    /// The heads of a node without items.
    pub(super) fn empty() -> Heads {
        Heads::new(Vec::new(), true)
    }

    /// What memory says about an id.
    pub(super) fn find(&self, id: &str) -> Known {
        if let Some(head) = self.newest.iter().rev().find(|head| &*head.id == id) {
            return Known::Item(head.clone());
        }
        let hash = hash(id);
        match &self.ids {
            Some(ids) if !ids.contains(&hash) => Known::New,
            _ if self.is_whole => Known::New,
            _ => {
                let changed = self.recent.iter().rev().find(|change| change.0 == hash);
                Known::Ask(changed.map_or(self.forgotten.1, |change| change.2))
            }
        }
    }

    /// Whether this id may have changed after `epoch`.
    pub(super) fn may_have_changed(&self, id: &str, epoch: u64) -> bool {
        let hash = hash(id);
        self.forgotten.0 > epoch
            || self
                .recent
                .iter()
                .any(|change| change.0 == hash && change.1 > epoch)
    }

    /// Whether all items of the node are in memory by number.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The remembered items, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Head> {
        self.newest.iter()
    }

    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.newest.len()
    }

    /// An item was published: it is new, or a revision.
    pub(super) fn put(&mut self, head: Head, epoch: u64, ticket: Ticket) {
        self.note(&head.id, epoch, ticket);
        if let Some(at) = self.newest.iter().position(|one| one.post_id == head.post_id) {
            self.newest[at] = head;
            return;
        }
        let is_newest = self.newest.back().is_none_or(|last| last.post_id < head.post_id);
        // An older item of which only the database knew stays there.
        if !is_newest {
            return;
        }
        if let Some(ids) = &mut self.ids {
            ids.insert(hash(&head.id));
            if ids.len() > KNOWN_IDS {
                // From here on the database is asked, and must have decided what was put until now.
                self.ids = None;
                self.forgotten = (epoch, ticket);
            }
        }
        self.newest.push_back(head);
        if self.newest.len() > HEADS {
            self.newest.pop_front();
            self.is_whole = false;
        }
    }

    /// An item is gone.
    pub(super) fn remove(&mut self, id: &str, epoch: u64, ticket: Ticket) {
        self.note(id, epoch, ticket);
        if let Some(ids) = &mut self.ids {
            ids.remove(&hash(id));
        }
        self.newest.retain(|head| &*head.id != id);
    }

    /// All but the newest `max` items are gone; gives those that were remembered.
    pub(super) fn evict(&mut self, max: usize) -> Vec<Head> {
        if self.newest.len() < max || (self.is_whole && self.newest.len() == max) {
            return Vec::new();
        }
        self.is_whole = true;
        let gone = self.newest.len() - max;
        self.newest.drain(..gone).collect()
    }

    fn note(&mut self, id: &str, epoch: u64, ticket: Ticket) {
        self.recent.push_back((hash(id), epoch, ticket));
        if self.recent.len() > RECENT
            && let Some((_, epoch, ticket)) = self.recent.pop_front()
        {
            self.forgotten = (epoch, ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bus::{AccessModel, NodeConfig};
    use store::Timestamp;

    use super::super::computed::empty;
    use super::*;

    fn node(name: &str, config: NodeConfig) -> Node {
        empty(NodeView {
            no: NodeNo(1),
            owner: JidNo(1),
            owner_jid: BareJid::parse("romeo@example.org").unwrap(),
            name: name.into(),
            kind: NodeKind::Pep,
            created: Timestamp(0),
            config: Arc::new(config),
            affiliations: Arc::from([(JidNo(2), bus::Affiliation::Member)]),
            subscribers: bus::Subscribers::default(),
            inherits: None,
        })
    }

    fn kept(is_decided: bool) -> OwnerState {
        let config = NodeConfig::microblog(AccessModel::Open);
        let mut state = OwnerState::default();
        let passing = NodeConfig {
            persist_items: false,
            ..config.clone()
        };
        state.keep_ready(node("passing", passing), OwnerKind::Account, |_| is_decided);
        let item = Item {
            id: "now".into(),
            post_id: PostId(1),
            created: Timestamp(0),
            modified: Timestamp(0),
            publisher: JidNo(1),
            publisher_jid: BareJid::parse("romeo@example.org").unwrap(),
            payload: None,
            entry: None,
            kept_from: None,
        };
        state.node("passing").unwrap().last = Some(Arc::new(item));
        for n in 0..1_000 {
            state.keep_ready(node(&n.to_string(), config.clone()), OwnerKind::Account, |_| {
                is_decided
            });
            assert!(state.node("0").is_some(), "used each time");
        }
        state
    }

    #[test]
    fn nodes_not_used_of_late_are_only_listed() {
        let state = kept(true);
        let ready = state.nodes.values().filter_map(NodeState::ready).count();
        assert!(ready <= READY_OF_ACCOUNT + LOADS, "{ready}");
        assert_eq!(state.nodes.len(), 1_001);
        let is_ready = |name: &str| state.nodes[name].ready().is_some();
        assert!(is_ready("0") && is_ready("999"));
        assert!(is_ready("passing"), "its item is nowhere else");
        assert!(!is_ready("500"));
        // Who may read it is looked up with the rest.
        assert!(state.nodes["500"].view().affiliations.is_empty());
        assert!(state.forgotten > 0, "what is being read may be too old");
    }

    #[test]
    fn what_is_not_stored_yet_stays() {
        let state = kept(false);
        assert!(state.nodes.values().all(|node| node.ready().is_some()));
    }

    #[test]
    fn no_answer_about_a_node_holds_once_it_was_read_again() {
        let (first, second) = (next_epoch(), next_epoch());
        let heads = Heads::new(Vec::new(), false).since(second);
        assert!(heads.may_have_changed("a", first));
        assert!(heads.may_have_changed("a", first + 1_000));
        assert!(!heads.may_have_changed("a", second));
    }
}
