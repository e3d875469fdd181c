//! Registrations for pushes: one a service and node, few an account, none longer than their device or their account.

use store::accounts::{self, Account, AccountState};
use store::devices::{self, Device};
use store::push::{PushRegistration, PushService, disable, enable, remove};
use store::{DeviceId, JidNo, Reader, Store, Timestamp, WriteError};

use crate::fixtures::{Folder, START, open};

async fn account(store: &Store, localpart: &str) -> JidNo {
    let no = store
        .jids()
        .number(&format!("{localpart}@example.org"))
        .await
        .unwrap();
    let account = Account {
        no,
        domain: "example.org".into(),
        localpart: localpart.into(),
        state: AccountState::Active,
        is_admin: false,
        created: START,
        last_login: None,
        settings: "{}".into(),
    };
    store.write(accounts::create(account)).await.unwrap();
    no
}

async fn device(store: &Store, no: JidNo, expires: Timestamp) -> DeviceId {
    let id = store.next_device();
    let device = Device {
        id,
        no,
        token_hash: Some(id.0.to_be_bytes().repeat(4)),
        client: None,
        label: String::new(),
        created: START,
        last_used: START,
        expires,
    };
    store.write(devices::add(device, 50)).await.unwrap();
    id
}

fn app(no: JidNo, node: &str, device: Option<DeviceId>) -> PushRegistration {
    PushRegistration {
        id: 0,
        no,
        service: PushService::App {
            jid: "push.example".into(),
            node: node.into(),
            options: None,
        },
        resource: "phone".into(),
        device,
        created: START,
    }
}

fn browser(no: JidNo, endpoint: &str) -> PushRegistration {
    PushRegistration {
        service: PushService::Browser {
            endpoint: endpoint.into(),
            public_key: vec![4; 65],
            secret: vec![7; 16],
            shows_text: true,
        },
        ..app(no, "", None)
    }
}

async fn all(store: &Store, no: JidNo, now: Timestamp) -> Vec<PushRegistration> {
    store
        .read(move |reader| reader.push_registrations(no, now))
        .await
        .unwrap()
}

/// The nodes of an account's registrations; of a browser its endpoint.
async fn names(store: &Store, no: JidNo) -> Vec<String> {
    let name = |one: PushRegistration| match one.service {
        PushService::App { node, .. } => node,
        PushService::Browser { endpoint, .. } => endpoint,
    };
    all(store, no, START).await.into_iter().map(name).collect()
}

#[tokio::test]
async fn the_last_request_for_a_service_and_node_counts() {
    let folder = Folder::new();
    let store = open(&folder);
    let romeo = account(&store, "romeo").await;
    for node in ["a", "b", "a"] {
        store.write(enable(app(romeo, node, None), 20)).await.unwrap();
    }
    assert_eq!(names(&store, romeo).await, ["b", "a"]);
    let found = all(&store, romeo, START).await;
    let kept = PushRegistration {
        id: found[1].id,
        ..app(romeo, "a", None)
    };
    assert_eq!(found[1], kept);
    let written = store.write(enable(browser(romeo, "https://push.example/1"), 20));
    written.await.unwrap();
    assert_eq!(
        all(&store, romeo, START).await[2].service,
        browser(romeo, "https://push.example/1").service
    );
    // One node, one number, all of a service.
    store
        .write(disable(romeo, "push.example".into(), Some("a".into())))
        .await
        .unwrap();
    assert_eq!(names(&store, romeo).await, ["b", "https://push.example/1"]);
    store.write(remove(romeo, found[0].id)).await.unwrap();
    store.write(enable(app(romeo, "c", None), 20)).await.unwrap();
    store
        .write(disable(romeo, "push.example".into(), None))
        .await
        .unwrap();
    assert_eq!(names(&store, romeo).await, ["https://push.example/1"]);
    let nobody = enable(app(JidNo(999), "a", None), 20);
    assert_eq!(store.write(nobody).await, Err(WriteError::NotFound));
}

#[tokio::test]
async fn they_are_few() {
    let folder = Folder::new();
    let store = open(&folder);
    let romeo = account(&store, "romeo").await;
    for number in 0..5 {
        store
            .write(enable(app(romeo, &number.to_string(), None), 3))
            .await
            .unwrap();
    }
    assert_eq!(names(&store, romeo).await, ["2", "3", "4"]);
}

#[tokio::test]
async fn a_browser_is_its_last_account_s() {
    let folder = Folder::new();
    let store = open(&folder);
    let (romeo, juliet) = (account(&store, "romeo").await, account(&store, "juliet").await);
    for no in [romeo, juliet] {
        store
            .write(enable(browser(no, "https://push.example/1"), 20))
            .await
            .unwrap();
        // The node of an app may serve several.
        store.write(enable(app(no, "a", None), 20)).await.unwrap();
    }
    assert_eq!(names(&store, romeo).await, ["a"]);
    assert_eq!(names(&store, juliet).await, ["https://push.example/1", "a"]);
    assert_eq!(store.read(Reader::push_accounts).await.unwrap().len(), 2);
}

#[tokio::test]
async fn none_outlives_its_device() {
    let folder = Folder::new();
    let store = open(&folder);
    let romeo = account(&store, "romeo").await;
    let later = Timestamp(START.0 + 1_000);
    let (phone, laptop) = (
        device(&store, romeo, later).await,
        device(&store, romeo, later).await,
    );
    for (node, device) in [("phone", Some(phone)), ("laptop", Some(laptop)), ("old", None)] {
        store.write(enable(app(romeo, node, device), 20)).await.unwrap();
    }
    // Signed out by its owner.
    store.write(devices::revoke(romeo, phone)).await.unwrap();
    assert_eq!(names(&store, romeo).await, ["laptop", "old"]);
    // Not used for too long.
    let left = all(&store, romeo, later).await;
    assert_eq!((left.len(), left[0].device), (1, None));
    // A new password ends them all, those of apps that know only the password too.
    store.write(devices::revoke_all(romeo)).await.unwrap();
    assert!(names(&store, romeo).await.is_empty());
    assert!(!store.read(move |reader| reader.has_push(romeo)).await.unwrap());
}

#[tokio::test]
async fn none_outlives_its_account() {
    let folder = Folder::new();
    let store = open(&folder);
    let romeo = account(&store, "romeo").await;
    store.write(enable(app(romeo, "a", None), 20)).await.unwrap();
    // Closed for a while, nobody is told; deleted, nothing is left.
    store
        .write(accounts::set_state(romeo, AccountState::Disabled))
        .await
        .unwrap();
    assert!(names(&store, romeo).await.is_empty());
    assert!(store.read(move |reader| reader.has_push(romeo)).await.unwrap());
    store.write(accounts::begin_deletion(romeo, START)).await.unwrap();
    store.write(accounts::erase(romeo, START)).await.unwrap();
    while store
        .read(move |reader| reader.account(romeo))
        .await
        .unwrap()
        .is_some()
    {
        tokio::task::yield_now().await;
    }
    assert!(!store.read(move |reader| reader.has_push(romeo)).await.unwrap());
}
