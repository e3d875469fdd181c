//! Nobody receives by any path an item that they may not read, nor learns of it by counts: random acts of three people
//! against a server in this process, by stanzas alone; all that anybody is told, asked or unasked, is compared with one
//! rule (`rule.rs`). Each text and each id has a number of its own, and so is found wherever it stands.
#![allow(clippy::unwrap_used)]
#![allow(missing_docs)]

mod paths;
mod rule;
mod scene;

use std::collections::BTreeSet;

use proptest::prelude::*;

use rule::PEOPLE;
use scene::{Act, Scene};

const NODES: usize = 9;

fn acts() -> impl Strategy<Value = Vec<(Act, bool)>> {
    let who = || 0..PEOPLE;
    let node = || prop_oneof![3 => 0..NODES, 1 => 3..5_usize];
    let any_item = || 0..64_usize;
    let two = || (0..PEOPLE, 1..PEOPLE).prop_map(|(one, more)| (one, (one + more) % PEOPLE));
    let access = prop::sample::select(vec!["open", "presence", "roster", "authorize", "whitelist"]);
    let affiliation = prop::sample::select(vec![
        "none",
        "none",
        "member",
        "publisher",
        "publish-only",
        "outcast",
        "outcast",
        "moderator",
    ]);
    let act = prop_oneof![
        6 => (who(), node()).prop_map(|(who, node)| Act::Publish(who, node)),
        2 => any_item().prop_map(Act::Edit),
        2 => any_item().prop_map(Act::Retract),
        3 => (who(), any_item()).prop_map(|(who, n)| Act::Comment(who, n)),
        2 => (who(), any_item()).prop_map(|(who, n)| Act::Reply(who, n)),
        2 => (who(), any_item()).prop_map(|(who, n)| Act::Boost(who, n)),
        2 => (who(), any_item()).prop_map(|(who, n)| Act::Like(who, n)),
        6 => (node(), access).prop_map(|(node, access)| Act::Access(node, access)),
        3 => (node(), who(), affiliation).prop_map(|(node, who, what)| Act::Affiliate(node, who, what)),
        5 => (who(), node(), any::<bool>()).prop_map(|(who, node, is_shown)| Act::Subscribe(who, node, is_shown)),
        1 => (who(), node()).prop_map(|(who, node)| Act::Unsubscribe(who, node)),
        2 => (node(), who(), any::<bool>()).prop_map(|(node, who, is_in)| Act::Decide(node, who, is_in)),
        1 => (two(), any::<bool>()).prop_map(|((one, other), is_in)| Act::Group(one, other, is_in)),
        2 => (two(), any::<bool>()).prop_map(|((one, other), is_in)| Act::Presence(one, other, is_in)),
        1 => (two(), any::<bool>()).prop_map(|((one, other), is_on)| Act::Block(one, other, is_on)),
        1 => (who(), any::<[bool; 2]>()).prop_map(|(who, on)| Act::Choose(who, on[0], on[1])),
        3 => (who(), any::<bool>()).prop_map(|(who, catches_up)| Act::Return(who, catches_up)),
    ];
    prop::collection::vec((act, prop::bool::weighted(0.1)), 1..25)
}

/// By which paths anything came.
fn run(acts: &[(Act, bool)]) -> BTreeSet<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut scene = Scene::new().await;
        for (act, fails) in acts {
            scene.act(act, *fails).await;
        }
        scene.check_all().await;
        scene.end().await
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_told_what_they_may_not_read(acts in acts()) {
        run(&acts);
    }
}

/// The paths are walked: whoever may read gets something by each of them.
#[test]
fn what_may_be_read_comes_by_every_path() {
    let acts = [
        Act::Presence(0, 1, true),
        Act::Subscribe(1, 0, true),
        Act::Subscribe(1, 3, false),
        Act::Subscribe(2, 4, false),
        Act::Publish(0, 0),
        Act::Publish(0, 2),
        Act::Publish(0, 3),
        Act::Publish(0, 4),
        Act::Publish(0, 7),
        Act::Comment(1, 0),
        Act::Reply(1, 0),
        Act::Boost(1, 0),
        Act::Edit(0),
        Act::Access(2, "presence"),
        Act::Return(1, true),
        Act::Return(1, false),
    ];
    let came = run(&acts.map(|act| (act, false)));
    for path in paths::LABELS {
        assert!(came.contains(*path), "{path} of {came:?}");
    }
}

/// Who is cast out, or closed out, does not get from others what they repeat.
#[test]
fn nobody_gets_from_others_what_is_kept_from_them() {
    for first in [Act::Affiliate(0, 2, "outcast"), Act::Access(0, "whitelist")] {
        let acts = |before: &[Act], after: &[Act]| {
            let between = [Act::Boost(1, 0), Act::Edit(0)];
            let all = before.iter().chain(&between).chain(after);
            all.map(|act| (act.clone(), false)).collect::<Vec<_>>()
        };
        let end = [Act::Return(2, false), Act::Subscribe(2, 5, false)];
        run(&acts(
            &[Act::Access(5, "open"), Act::Subscribe(2, 5, true), first.clone()],
            &end,
        ));
        let end = [first, Act::Return(2, false), Act::Subscribe(2, 5, false)];
        run(&acts(&[Act::Access(5, "open"), Act::Subscribe(2, 5, true)], &end));
    }
}
