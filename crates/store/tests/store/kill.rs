//! A process killed while it writes: what it acknowledged is there afterwards, and what is there is whole.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};

use store::Store;

use crate::fixtures::{Folder, open, options, put, romeos_node};

/// Set in the process that is to be killed; names its folder.
const VICTIM: &str = "FOLKMOOT_TEST_KILL_FOLDER";

/// Writes without end, a batch at a time, and prints each item's id once it is acknowledged.
async fn write_until_killed(folder: &str) {
    let store = Store::open(folder.as_ref(), &options()).unwrap();
    let node = match store
        .read(|reader| reader.nodes(store::JidNo(1), "", 1))
        .await
        .unwrap()
        .pop()
    {
        Some(node) => node.no,
        None => romeos_node(&store).await,
    };
    let mut out = std::io::stdout();
    let process = std::process::id();
    for round in 0.. {
        let ids: Vec<_> = (0..20).map(|n| format!("{process}-{round}-{n}")).collect();
        let pending: Vec<_> = ids.iter().map(|id| put(&store, node, id, id)).collect();
        for (id, pending) in ids.iter().zip(pending) {
            pending.await.unwrap();
            writeln!(out, "acknowledged {id}").unwrap();
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    if let Ok(folder) = std::env::var(VICTIM) {
        return write_until_killed(&folder).await;
    }
    let folder = Folder::new();
    let mut acknowledged = BTreeSet::new();
    for round in 0..12 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "kill::what_was_acknowledged_survives_a_kill",
                "--nocapture",
            ])
            .env(VICTIM, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut left = 30 + round * 17;
        for line in lines {
            let Ok(line) = line else { break };
            // The first line shares its place with the test runner's own words.
            let Some((_, id)) = line.split_once("acknowledged ") else {
                continue;
            };
            acknowledged.insert(id.to_owned());
            left -= 1;
            if left == 0 {
                victim.kill().unwrap();
            }
        }
        victim.wait().unwrap();
    }
    let store = open(&folder);
    let node = store
        .read(|reader| reader.nodes(store::JidNo(1), "", 1))
        .await
        .unwrap()
        .pop()
        .unwrap()
        .no;
    let mut stored = BTreeSet::new();
    let mut last = None;
    loop {
        let page = store
            .read(move |reader| reader.oldest_items(node, 500, last))
            .await
            .unwrap();
        let Some(item) = page.last() else { break };
        last = Some(item.post_id);
        for item in page {
            assert_eq!(item.item_id.as_bytes(), &*item.payload);
            assert!(stored.insert(item.item_id));
        }
    }
    assert!(acknowledged.len() > 1_000);
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}
