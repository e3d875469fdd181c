//! Items in SQL against the simplest thing that could be right: a sorted map.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use store::items::{self, Item};
use store::{JidNo, NodeNo, PostId, Reader, Seq, WriteError, nodes};

use crate::fixtures::{Folder, START, item, node, open};

#[derive(Clone, Debug)]
enum Step {
    Put {
        node: usize,
        id: u8,
        tags: Vec<u8>,
        is_public: bool,
        keep_history: bool,
        max_items: Option<u64>,
    },
    Retract {
        node: usize,
        id: u8,
    },
    Purge {
        node: usize,
    },
    Trim {
        node: usize,
        kept: u64,
    },
    Delete {
        node: usize,
    },
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let node = 0..2_usize;
    let id = 0..12_u8;
    let put = (
        node.clone(),
        id.clone(),
        prop::collection::vec(0..4_u8, 0..3),
        any::<bool>(),
        any::<bool>(),
        prop::option::weighted(0.4, 1..6_u64),
    )
        .prop_map(|(node, id, tags, is_public, keep_history, max_items)| Step::Put {
            node,
            id,
            tags,
            is_public,
            keep_history,
            max_items,
        });
    let step = prop_oneof![
        12 => put,
        4 => (node.clone(), id).prop_map(|(node, id)| Step::Retract { node, id }),
        1 => node.clone().prop_map(|node| Step::Purge { node }),
        1 => (node.clone(), 0..5_u64).prop_map(|(node, kept)| Step::Trim { node, kept }),
        1 => node.prop_map(|node| Step::Delete { node }),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..60)
}

#[derive(Clone, Debug)]
struct Kept {
    node: usize,
    item_id: String,
    seq: Seq,
    payload: String,
    tags: BTreeSet<String>,
    is_public: bool,
    revisions: Vec<Seq>,
}

#[derive(Default)]
struct Model {
    items: BTreeMap<PostId, Kept>,
    last_seq: Option<Seq>,
}

impl Model {
    fn find(&self, node: usize, item_id: &str) -> Option<PostId> {
        self.items
            .iter()
            .find(|(_, kept)| kept.node == node && kept.item_id == item_id)
            .map(|(post_id, _)| *post_id)
    }

    fn ids_of(&self, node: usize) -> Vec<PostId> {
        self.items
            .iter()
            .filter(|(_, kept)| kept.node == node)
            .map(|(post_id, _)| *post_id)
            .collect()
    }

    fn keep_newest(&mut self, node: usize, kept: usize) {
        let ids = self.ids_of(node);
        for post_id in &ids[..ids.len().saturating_sub(kept)] {
            self.items.remove(post_id);
        }
    }

    fn put(&mut self, new: PostId, kept: Kept, keep_history: bool, max_items: Option<u64>) {
        let node = kept.node;
        let post_id = self.find(node, &kept.item_id).unwrap_or(new);
        let mut kept = kept;
        if let Some(old) = self.items.get(&post_id) {
            kept.revisions = old.revisions.clone();
            if keep_history {
                kept.revisions.insert(0, old.seq);
            }
        }
        self.items.insert(post_id, kept);
        if let Some(max_items) = max_items {
            let others: Vec<_> = self
                .ids_of(node)
                .into_iter()
                .filter(|id| *id != post_id)
                .collect();
            let excess = (others.len() + 1).saturating_sub(max_items as usize);
            for id in &others[..excess] {
                self.items.remove(id);
            }
        }
    }

    fn compare(&self, reader: &Reader, numbers: &[NodeNo]) {
        let ids = |items: Vec<Item>| items.iter().map(|item| item.post_id).collect::<Vec<_>>();
        let newest_first = |mut ids: Vec<PostId>| {
            ids.reverse();
            ids
        };
        for (node, number) in numbers.iter().enumerate() {
            let all = self.ids_of(node);
            assert_eq!(ids(reader.oldest_items(*number, 100, None).unwrap()), all);
            assert_eq!(
                ids(reader.newest_items(*number, 100, None).unwrap()),
                newest_first(all.clone())
            );
            assert_eq!(reader.item_count(*number).unwrap(), all.len() as u64);
            assert_eq!(
                reader.heads(&[*number], 100).unwrap(),
                [newest_first(all.clone())]
            );
            for (index, post_id) in all.iter().enumerate() {
                assert_eq!(reader.item_index(*number, *post_id).unwrap(), index as u64);
                let older = ids(reader.newest_items(*number, 2, Some(*post_id)).unwrap());
                assert_eq!(older, newest_first(all[index.saturating_sub(2)..index].to_vec()));
                let newer = ids(reader.oldest_items(*number, 2, Some(*post_id)).unwrap());
                assert_eq!(newer, all[index + 1..all.len().min(index + 3)]);
            }
            for id in 0..12 {
                let found = reader.item(*number, &format!("id{id}")).unwrap();
                assert_eq!(
                    found.map(|item| item.post_id),
                    self.find(node, &format!("id{id}"))
                );
            }
        }
        for (post_id, kept) in &self.items {
            let item = reader.post(*post_id).unwrap().unwrap();
            assert_eq!(item.node, numbers[kept.node]);
            assert_eq!(item.seq, kept.seq);
            assert_eq!(&*item.payload, kept.payload.as_bytes());
            assert_eq!(
                reader.tags(*post_id).unwrap(),
                kept.tags.iter().cloned().collect::<Vec<_>>()
            );
            let revisions = reader.revisions(*post_id, 100).unwrap();
            assert_eq!(
                revisions.iter().map(|old| old.seq).collect::<Vec<_>>(),
                kept.revisions
            );
        }
        let public: Vec<_> = self
            .items
            .iter()
            .filter(|(_, kept)| kept.is_public)
            .map(|(post_id, _)| *post_id)
            .collect();
        assert_eq!(ids(reader.oldest_public(100, None).unwrap()), public);
        assert_eq!(
            ids(reader.newest_public(100, None).unwrap()),
            newest_first(public)
        );
        for tag in 0..4 {
            let tag = format!("tag{tag}");
            let tagged: Vec<_> = self
                .items
                .iter()
                .filter(|(_, kept)| kept.tags.contains(&tag))
                .map(|(post_id, _)| *post_id)
                .collect();
            assert_eq!(ids(reader.oldest_tagged(&tag, 100, None).unwrap()), tagged);
            assert_eq!(
                ids(reader.newest_tagged(&tag, 100, None).unwrap()),
                newest_first(tagged)
            );
        }
        let mut by_seq: Vec<_> = self
            .items
            .iter()
            .map(|(post_id, kept)| (kept.seq, *post_id))
            .collect();
        by_seq.sort_unstable();
        let since = reader.items_since(Seq(0), 100).unwrap();
        assert_eq!(
            since
                .iter()
                .map(|item| (item.seq, item.post_id))
                .collect::<Vec<_>>(),
            by_seq
        );
    }
}

async fn run(steps: Vec<Step>) {
    let folder = Folder::new();
    let mut store = open(&folder);
    let owner = store.jids().number("romeo@example.org").await.unwrap();
    let mut numbers = vec![node(&store, owner, "one").await, node(&store, owner, "two").await];
    let mut model = Model::default();
    for (count, step) in steps.into_iter().enumerate() {
        match step {
            Step::Put {
                node,
                id,
                tags,
                is_public,
                keep_history,
                max_items,
            } => {
                let mut new = item(
                    &store,
                    numbers[node],
                    &format!("id{id}"),
                    &format!("payload {count}"),
                );
                new.tags = tags.iter().map(|tag| format!("tag{tag}")).collect();
                new.in_public = is_public;
                new.keep_history = keep_history;
                new.max_items = max_items;
                let committed = store.write(items::put(new.clone())).await.unwrap();
                let seq = committed.seqs.unwrap().0;
                assert!(model.last_seq < Some(seq));
                model.last_seq = Some(seq);
                let kept = Kept {
                    node,
                    item_id: new.item_id,
                    seq,
                    payload: format!("payload {count}"),
                    tags: new.tags.into_iter().collect(),
                    is_public,
                    revisions: Vec::new(),
                };
                model.put(new.post_id, kept, keep_history, max_items);
            }
            Step::Retract { node, id } => {
                let item_id = format!("id{id}");
                let outcome = store.write(items::retract(numbers[node], item_id.clone())).await;
                match model.find(node, &item_id) {
                    Some(post_id) => {
                        outcome.unwrap();
                        model.items.remove(&post_id);
                    }
                    None => assert_eq!(outcome, Err(WriteError::NotFound)),
                }
            }
            Step::Purge { node } => {
                store.write(items::purge(numbers[node], START)).await.unwrap();
                model.keep_newest(node, 0);
            }
            Step::Trim { node, kept } => {
                store
                    .write(items::trim(numbers[node], kept, START))
                    .await
                    .unwrap();
                model.keep_newest(node, kept as usize);
            }
            Step::Delete { node: which } => {
                let old = numbers[which];
                store.write(nodes::delete(old, START)).await.unwrap();
                let outcome = store.write(items::put(item(&store, old, "late", "x"))).await;
                assert_eq!(outcome, Err(WriteError::NotFound));
                model.keep_newest(which, 0);
                numbers[which] = node(&store, JidNo(owner.0), ["one", "two"][which]).await;
            }
            Step::Reopen => {
                store.close().await;
                store = open(&folder);
            }
        }
        let (seen, asked) = (std::mem::take(&mut model), numbers.clone());
        model = store
            .read(move |reader| {
                seen.compare(reader, &asked);
                Ok(seen)
            })
            .await
            .expect("the model and the database differ; the reading thread's message stands above");
    }
    crate::fixtures::swept(&store).await;
    let kept = model.items.len() as i64;
    store.close().await;
    assert_eq!(crate::fixtures::rows(&folder, "items"), kept);
    let tags: usize = model.items.values().map(|kept| kept.tags.len()).sum();
    assert_eq!(crate::fixtures::rows(&folder, "item_tags"), tags as i64);
    let revisions: usize = model.items.values().map(|kept| kept.revisions.len()).sum();
    assert_eq!(crate::fixtures::rows(&folder, "item_revisions"), revisions as i64);
    assert_eq!(crate::fixtures::rows(&folder, "nodes"), 2);
    assert_eq!(crate::fixtures::rows(&folder, "jobs"), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_database_and_the_map_agree(steps in steps()) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(steps));
    }
}

#[tokio::test]
async fn lowering_the_number_of_items_keeps_the_one_just_published() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = crate::fixtures::romeos_node(&store).await;
    for n in 0..200 {
        crate::fixtures::put(&store, node, &format!("id{n}"), "x")
            .await
            .unwrap();
    }
    let mut again = item(&store, node, "id0", "new");
    again.max_items = Some(10);
    store.write(items::put(again)).await.unwrap();
    // At most 64 go at a time.
    assert_eq!(
        store.read(move |reader| reader.item_count(node)).await.unwrap(),
        136
    );
    assert_eq!(
        crate::fixtures::payload(&store, node, "id0").await.as_deref(),
        Some("new")
    );
    assert_eq!(crate::fixtures::payload(&store, node, "id64").await, None);
    assert!(crate::fixtures::payload(&store, node, "id65").await.is_some());
}
