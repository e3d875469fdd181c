//! The tokens that clients prove: one in use, one given; they go with their device.

use store::client_tokens::{self, ClientToken};
use store::devices::{self, Device};
use store::{DeviceId, JidNo, Store, Timestamp, WriteError};

use crate::fixtures::{Folder, START, open};

fn later(ms: i64) -> Timestamp {
    Timestamp(START.0 + ms)
}

/// A client of the account, and a token of the seed that was given at a time and lasts 1,000 milliseconds.
fn client(store: &Store, no: JidNo, name: &str, seed: u8, at: i64) -> (Device, ClientToken) {
    let device = Device {
        id: store.next_device(),
        no,
        token_hash: None,
        client: Some(name.to_owned()),
        label: format!("{name} at {at}"),
        created: later(at),
        last_used: later(at),
        expires: later(at + 1_000),
    };
    let token = ClientToken {
        is_used: false,
        mechanism: "HT-SHA-256-NONE".to_owned(),
        seed: vec![seed; 16],
        issued: later(at),
        expires: later(at + 1_000),
        shown: None,
    };
    (device, token)
}

#[tokio::test]
async fn a_clients_new_token_replaces_the_one_before_once_it_is_shown() {
    let folder = Folder::new();
    let store = open(&folder);
    let no = JidNo(1);
    let give = async |name: &str, seed, at| {
        let (device, token) = client(&store, no, name, seed, at);
        store.write(client_tokens::give(device, token, 50)).await.unwrap();
    };
    let seeds = |name: &'static str| {
        let (_, tokens) = store.read_now(move |r| r.client(no, name)).unwrap().unwrap();
        tokens
            .iter()
            .map(|token| (token.seed[0], token.is_used, token.shown))
            .collect::<Vec<_>>()
    };
    let show = |id, seed: u8, count| store.write(client_tokens::shown(id, vec![seed; 16], count, later(5)));
    give("phone", 1, 0).await;
    let first = store.read_now(move |r| r.client(no, "phone")).unwrap().unwrap().0;
    // One that was not used makes room for the next; the device stays the same.
    give("phone", 2, 1).await;
    assert_eq!(seeds("phone"), [(2, false, None)]);
    let device = store.read_now(move |r| r.client(no, "phone")).unwrap().unwrap().0;
    assert_eq!((device.id, device.label.as_str()), (first.id, "phone at 1"));
    assert_eq!((device.created, device.expires), (later(0), later(1_001)));
    assert_eq!(show(device.id, 1, None).await, Err(WriteError::NotFound));
    show(device.id, 2, None).await.unwrap();
    assert_eq!(seeds("phone"), [(2, true, None)]);
    // Until the next is used, both are good.
    give("phone", 3, 2).await;
    show(device.id, 2, Some(7)).await.unwrap();
    assert_eq!(seeds("phone"), [(3, false, None), (2, true, Some(7))]);
    for again in [Some(7), Some(6), Some(0)] {
        assert_eq!(show(device.id, 2, again).await, Err(WriteError::NotFound));
    }
    show(device.id, 2, None).await.unwrap();
    assert_eq!(seeds("phone")[1], (2, true, Some(7)), "the count stays");
    show(device.id, 3, Some(0)).await.unwrap();
    assert_eq!(seeds("phone"), [(3, true, Some(0))]);
    assert_eq!(show(device.id, 2, Some(8)).await, Err(WriteError::NotFound));
    // Others' clients of the same name are others.
    assert_eq!(store.read_now(|r| r.client(JidNo(2), "phone")).unwrap(), None);
}

#[tokio::test]
async fn a_clients_tokens_go_with_its_device() {
    let folder = Folder::new();
    let store = open(&folder);
    let no = JidNo(1);
    let mut ids = Vec::new();
    for (place, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let (device, token) = client(&store, no, name, 1, place as i64);
        ids.push(device.id);
        // Three at most.
        store.write(client_tokens::give(device, token, 3)).await.unwrap();
    }
    let left = || {
        let database = rusqlite::Connection::open(folder.database()).unwrap();
        let mut statement = database
            .prepare("SELECT device FROM client_tokens ORDER BY device")
            .unwrap();
        let rows = statement.query_map((), |row| row.get(0)).unwrap();
        rows.map(|id| DeviceId(id.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(left(), ids[1..]);
    store.write(devices::revoke(no, ids[2])).await.unwrap();
    assert_eq!(left(), [ids[1], ids[3]]);
    assert_eq!(store.read_now(move |r| r.client(no, "c")).unwrap(), None);
    store.write(devices::revoke_all(no)).await.unwrap();
    assert_eq!(left(), []);
}
