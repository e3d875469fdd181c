//! Nobody gets by any path an item that they may not read: random nodes, rosters and readers against the rules
//! written down once more, plainly.

use std::sync::Arc;

use bus::{AccessModel, Affiliation, Event, MICROBLOG, NodeConfig, SubscriptionState};
use proptest::prelude::*;
use pubsub::access::may_read;
use pubsub::form::NODE_CONFIG;
use pubsub::{Actor, ItemsQuery, Relation};
use wire::Jid;

use crate::world::{World, form, wanted};

/// Everything that the right to read may depend on.
#[derive(Clone, Debug)]
struct Case {
    access: &'static str,
    affiliation: Affiliation,
    has_presence: bool,
    in_group: bool,
    asks: bool,
    is_approved: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let access = prop::sample::select(vec!["open", "presence", "roster", "authorize", "whitelist"]);
    let affiliation = prop::sample::select(vec![
        Affiliation::Owner,
        Affiliation::Publisher,
        Affiliation::PublishOnly,
        Affiliation::Member,
        Affiliation::None,
        Affiliation::None,
        Affiliation::None,
        Affiliation::Outcast,
    ]);
    (access, affiliation, any::<[bool; 4]>()).prop_map(|(access, affiliation, flags)| Case {
        access,
        affiliation,
        has_presence: flags[0],
        in_group: flags[1],
        asks: flags[2],
        is_approved: flags[3],
    })
}

/// The rules of XEP-0060 §4.1 and §4.5 as a table. `is_approved` counts only for who asked.
fn allowed(case: &Case) -> bool {
    match case.affiliation {
        Affiliation::Outcast | Affiliation::PublishOnly => false,
        Affiliation::Owner | Affiliation::Moderator | Affiliation::Publisher | Affiliation::Member => true,
        Affiliation::None => match case.access {
            "open" => true,
            "presence" => case.has_presence,
            "roster" => case.in_group,
            "authorize" => case.asks && case.is_approved,
            _ => false,
        },
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

async fn play(case: Case) {
    let world = World::new().await;
    let romeo = world.account("romeo", AccessModel::Open).await;
    let juliet = world.account("juliet", AccessModel::Open).await;
    let (owner, host) = (romeo.jid.bare(), &world.host);
    let groups = if case.in_group {
        vec![Arc::from("Lovers")]
    } else {
        vec![Arc::from("Others")]
    };
    world.rosters.set(
        romeo.no,
        juliet.no,
        Relation {
            has_presence: case.has_presence,
            groups,
        },
    );
    world.post(&romeo, "1", "secret").await;
    let config = form(
        NODE_CONFIG,
        &[
            ("access_model", case.access),
            (
                "roster_groups_allowed",
                if case.access == "roster" { "Lovers" } else { "" },
            ),
            ("send_last_published_item", "on_sub_and_presence"),
        ],
    );
    host.configure(&owner, &romeo, MICROBLOG, &config)
        .await
        .unwrap()
        .durable
        .await
        .unwrap();
    if case.affiliation != Affiliation::None {
        let changes = [(juliet.jid.bare(), case.affiliation)];
        host.set_affiliations(&owner, &romeo, MICROBLOG, &changes)
            .await
            .unwrap()
            .durable
            .await
            .unwrap();
    }
    world.sink.take();
    let bare: Jid = juliet.jid.bare().into();
    if case.asks
        && let Ok(asked) = host.subscribe(&owner, &juliet, MICROBLOG, &bare).await
    {
        let subscription = asked.durable.await.unwrap();
        let is_allowed_already = allowed(&Case {
            asks: false,
            ..case.clone()
        });
        assert_eq!(
            subscription.state == SubscriptionState::Subscribed,
            is_allowed_already,
            "{case:?}"
        );
        if case.is_approved {
            let approved = [wanted(&bare, Some(SubscriptionState::Subscribed))];
            host.set_subscribers(&owner, &romeo, MICROBLOG, &approved)
                .await
                .unwrap()
                .durable
                .await
                .unwrap();
        }
    }
    let is_allowed = allowed(&case);
    assert_eq!(
        every_path(&world, &romeo, &juliet).await,
        [is_allowed; 6],
        "{case:?}"
    );
    // Subscribing sent nothing to who may not read.
    let was_sent = world
        .sink
        .take()
        .iter()
        .any(|event| matches!(event, Event::LastItem { .. }));
    assert!(is_allowed || !was_sent, "{case:?}");
}

/// Whether each of the ways to an item is open.
async fn every_path(world: &World, romeo: &Actor, juliet: &Actor) -> [bool; 6] {
    let (owner, host) = (romeo.jid.bare(), &world.host);
    let view = host.view(&owner, MICROBLOG).await.unwrap().unwrap();
    let by_rule = may_read(&host.reader(juliet, &view).await, &view).is_ok();
    let all = world.read(romeo, juliet, MICROBLOG, ItemsQuery::All).await;
    let by_id = world
        .read(romeo, juliet, MICROBLOG, ItemsQuery::Ids(vec!["1".into()]))
        .await;
    let ids = host.item_ids(&owner, juliet, MICROBLOG, None).await;
    let before = world.sink.take().len();
    // Whoever comes has it by interest, or by a subscription.
    host.send_last_items(&owner, juliet, &|_: &str| true).await;
    for due in host.due_items(juliet).await.unwrap() {
        host.send_due_item(juliet, &due).await.unwrap();
    }
    let sent = world
        .sink
        .take()
        .iter()
        .any(|event| matches!(event, Event::LastItem { .. }));
    let _ = before;
    let listed = host
        .nodes(&owner, juliet, None)
        .await
        .unwrap()
        .nodes
        .iter()
        .any(|node| *node.name == *MICROBLOG);
    [
        by_rule,
        all.is_ok_and(|page| page.items.len() == 1),
        by_id.is_ok_and(|page| page.items.len() == 1),
        ids.is_ok_and(|page| page.ids.len() == 1),
        sent,
        listed,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn nobody_gets_what_they_may_not_read(case in cases()) {
        runtime().block_on(play(case));
    }
}

#[test]
fn pep_is_for_contacts() {
    assert_eq!(NodeConfig::pep().access, AccessModel::Presence);
}
