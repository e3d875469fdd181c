//! A message to several devices of both sides arrives at each that it is for exactly once, as itself or as a copy, and in the
//! order of the archives of both accounts; whatever the store is doing. Random messages of two people with three devices each
//! against a server in this process, compared with a model of RFC 6121 §8.5 and XEP-0280.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use testkit::world::{Arrival, World};
use wire::{Document, Element};

const PEOPLE: [&str; 2] = ["juliet", "romeo"];
const DEVICES: usize = 3;

const CARBONS: &str = "urn:xmpp:carbons:2";
const FORWARD: &str = "urn:xmpp:forward:0";
const MAM: &str = "urn:xmpp:mam:2";

/// A device: its priority where it is available, and whether it wants copies.
type Device = (Option<i8>, bool);

#[derive(Clone, Copy, Debug)]
enum To {
    Account,
    Device(usize),
    Absent,
}

#[derive(Clone, Debug)]
enum Act {
    Send {
        from: (usize, usize),
        person: usize,
        to: To,
        is_chat: bool,
        is_private: bool,
    },
    /// The store's commits wait.
    Hold,
    /// They have waited for long: what comes now is stored before it is delivered.
    Trouble,
    Release,
}

fn device() -> impl Strategy<Value = Device> {
    let priority = prop::sample::select(vec![None, Some(-1), Some(0), Some(0), Some(5)]);
    (priority, prop::bool::weighted(0.7))
}

fn act() -> impl Strategy<Value = Act> {
    let to = prop_oneof![
        4 => Just(To::Account),
        4 => (0..DEVICES).prop_map(To::Device),
        1 => Just(To::Absent),
    ];
    let send = (
        (0..PEOPLE.len(), 0..DEVICES),
        0..PEOPLE.len(),
        to,
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.1),
    );
    prop_oneof![
        20 => send.prop_map(|(from, person, to, is_chat, is_private)| Act::Send { from, person, to, is_chat, is_private }),
        1 => Just(Act::Hold),
        1 => Just(Act::Trouble),
        2 => Just(Act::Release),
    ]
}

/// Who is to get a message, and whether it is refused instead.
struct Expected {
    devices: BTreeSet<(usize, usize)>,
    is_refused: bool,
}

fn expected(devices: &[[Device; DEVICES]; 2], act: &Act) -> Expected {
    let &Act::Send {
        from,
        person,
        to,
        is_chat,
        is_private,
    } = act
    else {
        unreachable!("only messages arrive")
    };
    let theirs = devices[person];
    let highest = theirs
        .iter()
        .filter_map(|(priority, _)| *priority)
        .filter(|own| *own >= 0)
        .max();
    let is_refused = matches!(to, To::Absent) && !is_chat;
    let mut all: BTreeSet<(usize, usize)> = (0..DEVICES)
        .filter(|n| match to {
            _ if is_refused => false,
            To::Device(named) => *n == named,
            To::Account | To::Absent => highest.is_some() && theirs[*n].0 == highest,
        })
        .map(|n| (person, n))
        .collect();
    if !is_private {
        let wants = |who: usize| {
            (0..DEVICES)
                .filter(move |n| devices[who][*n].1)
                .map(move |n| (who, n))
        };
        if !is_refused {
            all.extend(wants(person).filter(|other| *other != from));
        }
        if from.0 != person || is_refused {
            all.extend(wants(from.0).filter(|other| *other != from));
        }
    }
    Expected {
        devices: all,
        is_refused,
    }
}

fn name((person, device): (usize, usize)) -> String {
    format!("{}/d{device}", PEOPLE[person])
}

/// The id of the message that a stanza is, or holds; none of errors and of what is no message.
fn message_of(stanza: &Document) -> Option<String> {
    let root = stanza.root();
    if root.name() != "message" {
        return None;
    }
    let copy = ["sent", "received"]
        .iter()
        .find_map(|side| root.child(side, CARBONS))
        .map(|side| held(side));
    let message = copy.unwrap_or(root);
    (message.attr("type").as_deref() != Some("error")).then(|| message.attr("id").unwrap().into_owned())
}

fn held(around: Element<'_>) -> Element<'_> {
    let forwarded = around.child("forwarded", FORWARD).unwrap();
    forwarded.child("message", "jabber:client").unwrap()
}

async fn archive(world: &mut World, who: &str) -> Vec<String> {
    let query = format!("<iq type='set' id='archive'><query xmlns='{MAM}'/></iq>");
    let client = world.client(who).unwrap();
    client.send(query.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    loop {
        let Arrival::Stanza(stanza) = client.next().await.unwrap() else {
            panic!("the server closed the stream");
        };
        let root = stanza.root();
        if let Some(result) = root.child("result", MAM) {
            all.push(held(result).attr("id").unwrap().into_owned());
        } else if root.attr("id").as_deref() == Some("archive") {
            return all;
        }
    }
}

async fn play(devices: [[Device; DEVICES]; 2], acts: &[Act]) {
    let mut world = World::start().await;
    let all: Vec<(usize, usize)> = (0..PEOPLE.len())
        .flat_map(|person| (0..DEVICES).map(move |device| (person, device)))
        .collect();
    for person in PEOPLE {
        world.make_account(person).await.unwrap();
    }
    for at in &all {
        let who = name(*at);
        world.connect(&who).await.unwrap();
        let (priority, has_carbons) = devices[at.0][at.1];
        let mut packet = String::new();
        if let Some(priority) = priority {
            packet += &format!("<presence><priority>{priority}</priority></presence>");
        }
        if has_carbons {
            packet += &format!("<iq type='set' id='c'><enable xmlns='{CARBONS}'/></iq>");
        }
        world.client(&who).unwrap().send(packet.as_bytes()).await.unwrap();
        world.settle_and_collect(&who).await.unwrap();
    }
    for (n, act) in acts.iter().enumerate() {
        match act {
            Act::Hold => world.hold_commits(),
            Act::Trouble => world.clock.advance(200),
            Act::Release => world.release_commits(),
            Act::Send {
                from,
                person,
                to,
                is_chat,
                is_private,
            } => {
                let account = PEOPLE[*person];
                let to = match to {
                    To::Account => format!("{account}@localhost"),
                    To::Device(device) => format!("{account}@localhost/d{device}"),
                    To::Absent => format!("{account}@localhost/gone"),
                };
                let kind = if *is_chat { "chat" } else { "normal" };
                let private = if *is_private {
                    "<private xmlns='urn:xmpp:carbons:2'/>"
                } else {
                    ""
                };
                let message =
                    format!("<message type='{kind}' to='{to}' id='m{n}'><body>{n}</body>{private}</message>");
                let client = world.client(&name(*from)).unwrap();
                client.send(message.as_bytes()).await.unwrap();
            }
        }
    }
    world.release_commits();
    // First everything takes effect, then it is looked at.
    let mut arrived: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for _ in 0..2 {
        for at in &all {
            let stanzas = world.settle_and_collect(&name(*at)).await.unwrap();
            arrived
                .entry(*at)
                .or_default()
                .extend(stanzas.iter().filter_map(message_of));
        }
    }
    let archives = [
        archive(&mut world, &name((0, 0))).await,
        archive(&mut world, &name((1, 0))).await,
    ];
    world.end().await;

    let sent: Vec<(String, &Act)> = acts
        .iter()
        .enumerate()
        .filter(|(_, act)| matches!(act, Act::Send { .. }))
        .map(|(n, act)| (format!("m{n}"), act))
        .collect();
    for (at, ids) in &arrived {
        let mut got = ids.clone();
        got.sort();
        let mut wanted: Vec<String> = sent
            .iter()
            .filter(|(_, act)| expected(&devices, act).devices.contains(at))
            .map(|(id, _)| id.clone())
            .collect();
        wanted.sort();
        assert_eq!(got, wanted, "what arrived at {}", name(*at));
    }
    let places = archives.each_ref().map(|archive| {
        archive
            .iter()
            .enumerate()
            .map(|(place, id)| (id.as_str(), place))
            .collect::<BTreeMap<_, _>>()
    });
    for (id, act) in &sent {
        let Act::Send { from, person, .. } = act else {
            continue;
        };
        for (account, who) in PEOPLE.iter().enumerate() {
            let is_side = account == from.0 || account == *person;
            let is_archived = is_side && !expected(&devices, act).is_refused;
            assert_eq!(
                places[account].contains_key(id.as_str()),
                is_archived,
                "{id} in the archive of {who}"
            );
        }
    }
    for (at, ids) in &arrived {
        let order: Vec<usize> = ids
            .iter()
            .filter_map(|id| places[at.0].get(id.as_str()).copied())
            .collect();
        assert!(
            order.is_sorted(),
            "{} got {ids:?}, its archive has {:?}",
            name(*at),
            archives[at.0]
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn each_device_gets_each_message_once_in_the_order_of_the_archive(
        devices in {
            let three = || [device(), device(), device()];
            (three(), three()).prop_map(|(one, other)| [one, other])
        },
        acts in prop::collection::vec(act(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(devices, &acts));
    }
}
