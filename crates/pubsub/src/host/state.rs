//! What an owner remembers about its nodes: enough to decide about a publish without asking the database.
//!
//! All of it can be forgotten and read again. While something is undecided it is ahead of the database.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::LazyLock;

use bus::{Event, Item, NodeKind, NodeView};
use lru::LruCache;
use parking_lot::Mutex;
use store::{JidNo, Links, NodeNo, PostId, Ticket};
use wire::BareJid;

/// Newest items whose numbers are remembered for each node.
pub(super) const HEADS: usize = 40;
/// Item ids remembered (as hashes) for a node of which all are known; beyond it the database is asked.
const KNOWN_IDS: usize = 4_096;
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
    /// Grows whenever a computed node is forgotten.
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
    pub(super) fn view(&self) -> &Arc<NodeView> {
        match self {
            NodeState::Listed(view) => view,
            NodeState::Ready(node) => &node.view,
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
    /// Grows with each change of an item.
    pub(super) epoch: u64,
}

/// One of a node's newest items.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) post_id: PostId,
    pub(super) id: Arc<str>,
    /// What else matters about it; `None` when only the index was read.
    pub(super) marks: Option<Marks>,
}

/// Whose an item is, and where else than in its node it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) publisher: JidNo,
    pub(super) tags: Arc<[Arc<str>]>,
    pub(super) in_public: bool,
    pub(super) links: Links,
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
