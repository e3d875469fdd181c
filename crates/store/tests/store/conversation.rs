//! Replies, boosts and likes: there with the item that says so, gone with it, and never shown of what is hidden.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use store::conversation::Counts;
use store::items::{self, NewItem};
use store::{JidNo, Links, NodeNo, PostId, Store, WriteError, nodes};

use crate::fixtures::{Folder, START, item, node, open, romeos_node, rows, swept};

fn by(mut new: NewItem, publisher: JidNo, links: Links) -> NewItem {
    new.publisher = publisher;
    new.links = links;
    new
}

fn answers(parent: PostId, root: PostId) -> Links {
    Links {
        parent: Some((parent, root)),
        ..Links::default()
    }
}

fn likes(target: PostId) -> Links {
    Links {
        likes: Some(target),
        ..Links::default()
    }
}

fn boosts(target: PostId) -> Links {
    Links {
        boost_of: Some(target),
        ..Links::default()
    }
}

/// Publishes, and gives the number.
async fn publish(store: &Store, node: NodeNo, id: &str, publisher: JidNo, links: Links) -> PostId {
    let new = by(item(store, node, id, id), publisher, links);
    store.write(items::put(new)).await.unwrap();
    let id = id.to_owned();
    store
        .read(move |r| r.item(node, &id))
        .await
        .unwrap()
        .unwrap()
        .post_id
}

async fn counts(store: &Store, of: PostId, asker: JidNo) -> Counts {
    store
        .read(move |r| r.counts(&[of], Some(asker)))
        .await
        .unwrap()
        .remove(0)
}

async fn thread(store: &Store, root: PostId) -> Vec<String> {
    let items = store
        .read(move |r| r.oldest_in_thread(root, 100, None))
        .await
        .unwrap();
    items.into_iter().map(|item| item.item_id).collect()
}

/// A node of somebody's, open or not.
async fn blog(store: &Store, owner: JidNo, access: &str) -> NodeNo {
    let no = store.next_node();
    let made = nodes::Node {
        no,
        owner,
        name: "urn:xmpp:microblog:0".into(),
        kind: "pep".into(),
        access: access.into(),
        config: String::new(),
        created: START,
    };
    store.write(nodes::create(made)).await.unwrap();
    no
}

#[tokio::test]
async fn a_thread_is_read_whole_and_a_reply_knows_its_place() {
    let folder = Folder::new();
    let store = open(&folder);
    let (posts, comments) = (
        romeos_node(&store).await,
        node(&store, JidNo(9), "comments").await,
    );
    let root = publish(&store, posts, "root", JidNo(1), Links::default()).await;
    let first = publish(&store, comments, "first", JidNo(2), answers(root, root)).await;
    let second = publish(&store, comments, "second", JidNo(3), answers(first, root)).await;
    assert_eq!(thread(&store, root).await, ["first", "second"]);
    let place = |of| store.read(move |r| r.place_in_thread(of));
    assert_eq!(place(second).await.unwrap(), Some((first, root)));
    assert_eq!(place(root).await.unwrap(), None);
    assert_eq!(counts(&store, root, JidNo(1)).await.replies, 1);
    assert_eq!(counts(&store, first, JidNo(1)).await.replies, 1);
    let newest = store
        .read(move |r| r.newest_replies_of(JidNo(3), 10, None))
        .await
        .unwrap();
    assert_eq!(newest.len(), 1);

    // What was answered is gone: the thread is still there.
    store
        .write(items::retract(comments, "first".into()))
        .await
        .unwrap();
    assert_eq!(place(second).await.unwrap(), Some((root, root)));
    assert_eq!(thread(&store, root).await, ["second"]);
    // The thread is gone: what answered to it stands alone.
    store.write(items::retract(posts, "root".into())).await.unwrap();
    assert_eq!(place(second).await.unwrap(), None);
    assert_eq!(
        store.read(move |r| r.links(second)).await.unwrap(),
        answers(first, root)
    );
    store
        .write(items::retract(comments, "second".into()))
        .await
        .unwrap();
    store.close().await;
    assert_eq!(rows(&folder, "item_parents"), 0);
}

#[tokio::test]
async fn an_edit_replaces_what_was_said_before() {
    let folder = Folder::new();
    let store = open(&folder);
    let posts = romeos_node(&store).await;
    let a = publish(&store, posts, "a", JidNo(1), Links::default()).await;
    let b = publish(&store, posts, "b", JidNo(1), Links::default()).await;
    let likes_a = publish(&store, posts, "like", JidNo(2), likes(a)).await;
    assert!(counts(&store, a, JidNo(2)).await.is_liked);
    assert_eq!(publish(&store, posts, "like", JidNo(2), likes(b)).await, likes_a);
    assert_eq!(counts(&store, a, JidNo(2)).await, Counts::default());
    assert_eq!(counts(&store, b, JidNo(3)).await.likes, 1);
    publish(&store, posts, "like", JidNo(2), Links::default()).await;
    assert_eq!(counts(&store, b, JidNo(2)).await, Counts::default());
}

#[tokio::test]
async fn a_person_likes_once_however_they_say_it_and_boosts_once() {
    let folder = Folder::new();
    let store = open(&folder);
    let posts = romeos_node(&store).await;
    let post = publish(&store, posts, "post", JidNo(1), Links::default()).await;
    publish(&store, posts, "heart", JidNo(2), likes(post)).await;
    publish(&store, posts, "noticed", JidNo(2), likes(post)).await;
    publish(&store, posts, "other", JidNo(3), likes(post)).await;
    assert_eq!(counts(&store, post, JidNo(1)).await.likes, 2);
    let people = store.read(move |r| r.likes_of(post, 10, None)).await.unwrap();
    assert_eq!(people, [JidNo(2), JidNo(3)]);
    let people = store
        .read(move |r| r.likes_of(post, 10, Some(JidNo(2))))
        .await
        .unwrap();
    assert_eq!(people, [JidNo(3)]);

    let own = blog(&store, JidNo(2), "open").await;
    let boost = publish(&store, own, "boost", JidNo(2), boosts(post)).await;
    let again = by(item(&store, own, "again", "x"), JidNo(2), boosts(post));
    assert_eq!(
        store.write(items::put(again.clone())).await,
        Err(WriteError::Exists)
    );
    // The same item is the same boost.
    assert_eq!(publish(&store, own, "boost", JidNo(2), boosts(post)).await, boost);
    assert_eq!(
        store.read(move |r| r.boost_by(post, JidNo(2))).await.unwrap(),
        Some(boost)
    );
    assert_eq!(
        counts(&store, post, JidNo(2)).await.boosted.as_deref(),
        Some("boost")
    );
    // A purge hides it at once, so that there may be another.
    store.faults().hold();
    let purged = store.write(items::purge(own, START));
    let again = store.write(items::put(NewItem {
        post_id: store.post_ids().next(START),
        ..again
    }));
    store.faults().release();
    purged.await.unwrap();
    again.await.unwrap();
    assert_eq!(counts(&store, post, JidNo(2)).await.boosts, 1);
    swept(&store).await;
    store.close().await;
    assert_eq!(rows(&folder, "item_boosts"), 1);
}

#[tokio::test]
async fn what_stands_in_a_closed_node_is_not_counted() {
    let folder = Folder::new();
    let store = open(&folder);
    let posts = blog(&store, JidNo(1), "open").await;
    let post = publish(&store, posts, "post", JidNo(1), Links::default()).await;
    let closed = blog(&store, JidNo(2), "presence").await;
    publish(&store, closed, "reply", JidNo(2), answers(post, post)).await;
    publish(&store, closed, "boost", JidNo(2), boosts(post)).await;
    let told = counts(&store, post, JidNo(3)).await;
    assert_eq!((told.replies, told.boosts), (0, 0));
    let comments = node(&store, JidNo(9), "comments").await;
    publish(&store, comments, "comment", JidNo(3), answers(post, post)).await;
    assert_eq!(counts(&store, post, JidNo(3)).await.replies, 1);
}

#[derive(Clone, Debug)]
enum Step {
    Put {
        node: usize,
        id: u8,
        by: u32,
        link: u8,
        to: u8,
    },
    Retract {
        node: usize,
        id: u8,
    },
    Purge {
        node: usize,
    },
    Delete {
        node: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let node = 0..3_usize;
    let put =
        (node.clone(), 0..6_u8, 1..4_u32, 0..4_u8, 0..8_u8).prop_map(|(node, id, by, link, to)| Step::Put {
            node,
            id,
            by,
            link,
            to,
        });
    let step = prop_oneof![
        12 => put,
        4 => (node.clone(), 0..6_u8).prop_map(|(node, id)| Step::Retract { node, id }),
        1 => node.clone().prop_map(|node| Step::Purge { node }),
        1 => node.prop_map(|node| Step::Delete { node }),
    ];
    prop::collection::vec(step, 1..50)
}

struct Said {
    id: u8,
    node: usize,
    by: JidNo,
    links: Links,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// The database against a map from numbers to what the items say.
    #[test]
    fn counts_and_threads_agree_with_a_map(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(agree(steps));
    }
}

async fn agree(steps: Vec<Step>) {
    let folder = Folder::new();
    let store = open(&folder);
    let mut nodes = Vec::new();
    for name in ["a", "b", "c"] {
        nodes.push(node(&store, JidNo(1), name).await);
    }
    let mut model: BTreeMap<PostId, Said> = BTreeMap::new();
    let mut given: Vec<PostId> = Vec::new();
    for step in steps {
        match step {
            Step::Put {
                node,
                id,
                by: publisher,
                link,
                to,
            } => {
                let target = given.get(usize::from(to)).copied();
                let links = match (link, target) {
                    (1, Some(target)) => answers(target, target),
                    (2, Some(target)) => likes(target),
                    (3, Some(target)) => boosts(target),
                    _ => Links::default(),
                };
                let publisher = JidNo(publisher);
                let new = by(item(&store, nodes[node], &id.to_string(), "x"), publisher, links);
                let there = model.iter().find(|(_, said)| (said.node, said.id) == (node, id));
                let post_id = there.map_or(new.post_id, |(post_id, _)| *post_id);
                let is_second = links.boost_of.is_some()
                    && model.iter().any(|(other, said)| {
                        *other != post_id && (said.links.boost_of, said.by) == (links.boost_of, publisher)
                    });
                let result = store.write(items::put(new)).await;
                if is_second {
                    assert_eq!(result, Err(WriteError::Exists));
                } else {
                    result.unwrap();
                    given.push(post_id);
                    model.insert(
                        post_id,
                        Said {
                            id,
                            node,
                            by: publisher,
                            links,
                        },
                    );
                }
            }
            Step::Retract { node, id } => {
                let done = store.write(items::retract(nodes[node], id.to_string())).await;
                let before = model.len();
                model.retain(|_, said| (said.node, said.id) != (node, id));
                assert_eq!(done.is_ok(), model.len() < before);
            }
            Step::Purge { node } => {
                store.write(items::purge(nodes[node], START)).await.unwrap();
                model.retain(|_, said| said.node != node);
            }
            Step::Delete { node } => {
                store.write(nodes::delete(nodes[node], START)).await.unwrap();
                model.retain(|_, said| said.node != node);
                nodes[node] = crate::fixtures::node(&store, JidNo(1), &format!("again{node}")).await;
            }
        }
        check(&store, &model, &given).await;
    }
    swept(&store).await;
    check(&store, &model, &given).await;
    store.close().await;
    let said = |has: fn(&Links) -> bool| model.values().filter(|said| has(&said.links)).count() as i64;
    assert_eq!(
        rows(&folder, "item_parents"),
        said(|links| links.parent.is_some())
    );
    assert_eq!(
        rows(&folder, "item_boosts"),
        said(|links| links.boost_of.is_some())
    );
    assert_eq!(rows(&folder, "item_likes"), said(|links| links.likes.is_some()));
}

async fn check(store: &Store, model: &BTreeMap<PostId, Said>, given: &[PostId]) {
    let asker = JidNo(2);
    for target in given.iter().copied() {
        let of = |has: fn(&Links) -> Option<PostId>| {
            model
                .iter()
                .filter(move |(_, said)| has(&said.links) == Some(target))
        };
        let people: BTreeSet<_> = of(|links| links.likes).map(|(_, said)| said.by).collect();
        let expected = Counts {
            replies: of(|links| links.parent.map(|(parent, _)| parent)).count() as u64,
            likes: people.len() as u64,
            boosts: of(|links| links.boost_of).count() as u64,
            is_liked: people.contains(&asker),
            boosted: of(|links| links.boost_of)
                .find(|(_, said)| said.by == asker)
                .map(|(_, said)| said.id.to_string()),
        };
        assert_eq!(counts(store, target, asker).await, expected);
        let replies: Vec<_> = of(|links| links.parent.map(|(_, root)| root))
            .map(|(_, said)| said.id.to_string())
            .collect();
        assert_eq!(thread(store, target).await, replies);
    }
}
