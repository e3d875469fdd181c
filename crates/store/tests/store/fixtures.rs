//! Folders that vanish, a clock that stands still, and the shortest way to a node with items.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use store::items::{self, NewItem};
use store::nodes::{self, Node};
use store::{BoxFuture, Clock, JidNo, Links, NodeNo, Options, Pending, Store, Timestamp};

/// A moment in 2027 at which every test begins.
pub const START: Timestamp = Timestamp(1_800_000_000_000);

/// A new folder, removed with the value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "folkmoot-store-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn database(&self) -> PathBuf {
        self.0.join(store::DATABASE_FILE)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind when something still holds it; the system clears its temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Time that passes only when told.
#[derive(Default)]
pub struct StoppedClock(AtomicU64);

impl StoppedClock {
    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp(START.0 + self.monotonic_ms() as i64)
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn sleep(&self, _: u64) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

pub fn options() -> Options {
    Options {
        clock: Arc::new(StoppedClock::default()),
        ..Options::default()
    }
}

pub fn open(folder: &Folder) -> Store {
    Store::open(folder.path(), &options()).unwrap()
}

/// A new live node of an owner.
pub async fn node(store: &Store, owner: JidNo, name: &str) -> NodeNo {
    let no = store.next_node();
    store
        .write(nodes::create(Node {
            no,
            owner,
            name: name.into(),
            kind: "leaf".into(),
            access: "open".into(),
            config: String::new(),
            created: START,
        }))
        .await
        .unwrap();
    no
}

/// A node of Romeo's.
pub async fn romeos_node(store: &Store) -> NodeNo {
    let romeo = store.jids().number("romeo@example.org").await.unwrap();
    node(store, romeo, "urn:xmpp:microblog:0").await
}

/// An item with the next post id, public, without tags.
pub fn item(store: &Store, node: NodeNo, item_id: &str, payload: &str) -> NewItem {
    NewItem {
        post_id: store.post_ids().next(store.clock().now()),
        node,
        item_id: item_id.into(),
        created: store.clock().now(),
        modified: store.clock().now(),
        publisher: JidNo(1),
        origin: None,
        audience: 0,
        in_public: true,
        payload: payload.as_bytes().into(),
        tags: Vec::new(),
        words: String::new(),
        links: Links::default(),
        notify: Vec::new(),
        keep_history: false,
        max_items: None,
    }
}

pub fn put(store: &Store, node: NodeNo, item_id: &str, payload: &str) -> Pending {
    store.write(items::put(item(store, node, item_id, payload)))
}

/// The payload of an item, if it is there.
pub async fn payload(store: &Store, node: NodeNo, item_id: &str) -> Option<String> {
    let item_id = item_id.to_owned();
    let item = store
        .read(move |reader| reader.item(node, &item_id))
        .await
        .unwrap();
    item.map(|item| String::from_utf8(item.payload.to_vec()).unwrap())
}

/// Has the writer sweep until nothing is left: each write that it is handed is followed by a slice.
pub async fn swept(store: &Store) {
    while store.metrics().sweeps > 0 {
        store
            .write(store::meta::put("nothing", Vec::new()))
            .await
            .unwrap();
    }
}

/// Counts the rows of a table through a connection of its own. Only once the store is closed.
pub fn rows(folder: &Folder, table: &str) -> i64 {
    let connection = rusqlite::Connection::open(folder.database()).unwrap();
    connection
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
        .unwrap()
}
