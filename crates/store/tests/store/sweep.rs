//! What is deleted at once and removed later, in slices, restarts included.

use store::accounts::{self, Account, AccountState, DELETION_JOB};
use store::blocking::{self, Blocked};
use store::messages::{self, Direction, MessageOwner, NewMessage};
use store::private::{self, Fragment};
use store::roster::{self, RosterItem, Subscription};
use store::{JidNo, Store, WriteError, affiliations, credentials, items, nodes, subscriptions, vcards};

use crate::fixtures::{Folder, START, item, node, open, payload, put, romeos_node, rows, swept};

#[tokio::test]
async fn a_large_purge_is_over_at_once_and_swept_between_other_writes() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    let pending: Vec<_> = (0..3_000)
        .map(|n| {
            let mut new = item(&store, node, &n.to_string(), "x");
            new.tags = vec!["verona".into()];
            store.write(items::put(new))
        })
        .collect();
    for pending in pending {
        pending.await.unwrap();
    }
    store.faults().hold();
    let purged = store.write(items::purge(node, START));
    // The same id again, while the old row is still there.
    let again = put(&store, node, "1500", "new");
    store.faults().release();
    purged.await.unwrap();
    again.await.unwrap();
    let count = store.read(move |r| r.item_count(node)).await.unwrap();
    assert_eq!(count, 1);
    assert_eq!(payload(&store, node, "1500").await.as_deref(), Some("new"));
    assert_eq!(store.read(|r| r.newest_public(10, None)).await.unwrap().len(), 1);
    assert_eq!(
        store.read(|r| r.newest_tagged("verona", 10, None)).await.unwrap(),
        []
    );
    swept(&store).await;
    store.close().await;
    assert_eq!(
        (
            rows(&folder, "items"),
            rows(&folder, "item_tags"),
            rows(&folder, "jobs")
        ),
        (1, 0, 0)
    );
}

async fn full_life(store: &Store, localpart: &str) -> JidNo {
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
        is_admin: true,
        created: START,
        last_login: None,
        settings: String::new(),
    };
    store.write(accounts::create(account)).await.unwrap();
    let blog = node(store, no, "urn:xmpp:microblog:0").await;
    let mut pending: Vec<_> = (0..700).map(|n| put(store, blog, &n.to_string(), "x")).collect();
    let contact = |n: u32| RosterItem {
        contact: JidNo(1_000 + n),
        name: String::new(),
        groups: Vec::new(),
        subscription: Subscription::Both,
        ask: false,
        approved: false,
    };
    pending.extend((0..300).map(|n| store.write(roster::put(no, contact(n), n.into()))));
    for n in 0..300 {
        let message = NewMessage {
            id: store.next_message(),
            created: START,
            sender: JidNo(1_000),
            recipient: no,
            told: None,
            stanza: b"<message/>"[..].into(),
            owners: [
                Some(MessageOwner {
                    owner: no,
                    peer: JidNo(1_000),
                    direction: Direction::In,
                    offline: true,
                    archived: true,
                    requested: false,
                }),
                None,
            ],
        };
        pending.push(store.write(messages::append(message)));
        let subscription = subscriptions::Subscription {
            node: blog,
            no: JidNo(1_000 + n),
            resource: String::new(),
            subid: String::new(),
            state: "subscribed".into(),
            options: None,
            created: START,
            expires: None,
        };
        pending.push(store.write(subscriptions::put(subscription)));
        pending.push(store.write(affiliations::set(blog, JidNo(1_000 + n), "member".into())));
    }
    let fragment = |n: u32| Fragment {
        ns: "urn:example".into(),
        name: n.to_string(),
        xml: b"<a/>".to_vec(),
    };
    pending.push(store.write(private::put(no, (0..300).map(fragment).collect())));
    pending.push(store.write(vcards::put(no, b"<vCard/>".to_vec())));
    let blocked = |n: u32| Blocked {
        contact: JidNo(1_000 + n),
        resource: String::new(),
    };
    pending.push(store.write(blocking::change(no, (0..300).map(blocked).collect(), Vec::new())));
    let key = credentials::Credential {
        hash: "SHA-256".into(),
        salt: vec![1],
        iterations: 1,
        stored_key: vec![1],
        server_key: vec![1],
    };
    pending.push(store.write(credentials::set(no, vec![key])));
    for pending in pending {
        pending.await.unwrap();
    }
    no
}

#[tokio::test]
async fn an_account_is_erased_in_slices_across_restarts_and_its_name_is_retired() {
    let folder = Folder::new();
    let mut store = open(&folder);
    let kept = full_life(&store, "juliet").await;
    let no = full_life(&store, "romeo").await;
    // He follows her.
    let hers = store.read(move |r| r.nodes(kept, "", 1)).await.unwrap()[0].no;
    store
        .write(affiliations::set(hers, no, "member".into()))
        .await
        .unwrap();
    store.write(accounts::begin_deletion(no, START)).await.unwrap();
    assert_eq!(
        store.read(|r| r.jobs(DELETION_JOB)).await.unwrap()[0].subject,
        i64::from(no.0)
    );
    let state = |store: &Store| {
        store
            .read_now(move |r| r.account(no))
            .unwrap()
            .map(|account| account.state)
    };
    assert_eq!(state(&store), Some(AccountState::Deleting));
    let revived = store.write(accounts::set_state(no, AccountState::Active)).await;
    assert_eq!(revived, Err(WriteError::NotFound));

    store.write(accounts::erase(no, START)).await.unwrap();
    assert_eq!(store.read(move |r| r.nodes(no, "", 10)).await.unwrap(), []);
    assert_eq!(store.read(|r| r.jobs(DELETION_JOB)).await.unwrap(), []);
    let public = store.read(|r| r.newest_public(2_000, None)).await.unwrap();
    assert_eq!(public.len(), 700, "only hers");
    let mut restarts = 0;
    while store.metrics().sweeps > 0 || restarts == 0 {
        // Some progress, then a restart.
        for _ in 0..3 {
            store
                .write(store::meta::put("nothing", Vec::new()))
                .await
                .unwrap();
        }
        store.close().await;
        store = open(&folder);
        store
            .write(store::meta::put("nothing", Vec::new()))
            .await
            .unwrap();
        restarts += 1;
    }
    assert_eq!(state(&store), None);
    assert!(
        store
            .read(|r| r.is_name_retired("example.org", "romeo"))
            .await
            .unwrap()
    );
    let account = store.read(move |r| r.account(kept)).await.unwrap().unwrap();
    let again = Account {
        no,
        localpart: "romeo".into(),
        ..account
    };
    assert_eq!(
        store.write(accounts::create(again)).await,
        Err(WriteError::NameRetired)
    );
    store.close().await;
    let left = [
        ("items", 700),
        ("nodes", 1),
        ("roster", 300),
        ("messages", 300),
        ("message_owners", 300),
        ("subscriptions", 300),
        ("affiliations", 300),
        ("credentials", 1),
        ("private_xml", 300),
        ("vcards", 1),
        ("blocked", 300),
        ("accounts", 1),
        ("jobs", 0),
    ];
    for (table, count) in left {
        assert_eq!(rows(&folder, table), count, "{table}");
    }
}

#[tokio::test]
async fn a_failed_slice_does_not_stop_the_writer() {
    let folder = Folder::new();
    let store = open(&folder);
    let node = romeos_node(&store).await;
    let pending: Vec<_> = (0..900).map(|n| put(&store, node, &n.to_string(), "x")).collect();
    for pending in pending {
        pending.await.unwrap();
    }
    store.write(nodes::delete(node, START)).await.unwrap();
    store.faults().fail_next(1, store::Fault::Full);
    let failed = store.write(store::meta::put("nothing", Vec::new())).await;
    assert_eq!(failed, Err(WriteError::Full));
    swept(&store).await;
    store.close().await;
    assert_eq!((rows(&folder, "items"), rows(&folder, "nodes")), (0, 0));
}

/// Somebody's last request may come in when their account is closed already: it must not stay for ever, nor keep the
/// writer busy.
#[tokio::test]
async fn a_node_made_when_its_account_is_erased_goes_with_it() {
    let folder = Folder::new();
    let store = open(&folder);
    let no = full_life(&store, "romeo").await;
    store.write(accounts::begin_deletion(no, START)).await.unwrap();
    let late = store::nodes::Node {
        no: store.next_node(),
        owner: no,
        name: "late".into(),
        kind: "pep".into(),
        access: "open".into(),
        config: String::new(),
        created: START,
    };
    let erased = store.write(accounts::erase(no, START));
    let made = store.write(store::nodes::create(late));
    erased.await.unwrap();
    made.await.unwrap();
    while store.read(move |r| r.account(no)).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.read(move |r| r.nodes(no, "", 10)).await.unwrap(), []);
}
