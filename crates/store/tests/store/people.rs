//! Accounts, keys, devices, invitations, rosters, nodes with their people, messages, caps and jobs.

use store::accounts::{self, Account, AccountState};
use store::caps::Caps;
use store::credentials::{self, Credential};
use store::devices::{self, Device};
use store::invites::{self, Invite, InviteKind, Standing};
use store::messages::{self, Direction, MessageOwner, NewMessage};
use store::roster::{self, PresenceRequest, RosterItem, Subscription};
use store::{JidNo, Reader, Store, Timestamp, Write, WriteError, affiliations, jobs, nodes, subscriptions};

use crate::fixtures::{Folder, START, node, open, romeos_node};

async fn person(store: &Store, localpart: &str) -> Account {
    Account {
        no: store
            .jids()
            .number(&format!("{localpart}@example.org"))
            .await
            .unwrap(),
        domain: "example.org".into(),
        localpart: localpart.into(),
        state: AccountState::Active,
        is_admin: false,
        created: START,
        last_login: None,
        settings: "{}".into(),
    }
}

fn later(ms: i64) -> Timestamp {
    Timestamp(START.0 + ms)
}

#[tokio::test]
async fn an_account_comes_into_being_once_and_is_changed() {
    let folder = Folder::new();
    let store = open(&folder);
    let romeo = person(&store, "romeo").await;
    store.write(accounts::create(romeo.clone())).await.unwrap();
    assert_eq!(
        store.write(accounts::create(romeo.clone())).await,
        Err(WriteError::Exists)
    );
    let no = romeo.no;
    assert_eq!(store.read(move |r| r.account(no)).await.unwrap(), Some(romeo));
    assert!(!store.read(Reader::has_admin).await.unwrap());
    let changes = [
        accounts::set_state(no, AccountState::Disabled),
        accounts::make_admin(no),
        accounts::signed_in(no, later(5)),
        accounts::set_settings(no, "new".into()),
    ];
    store.write(Write::all(changes.into())).await.unwrap();
    let found = store
        .read(|r| r.account_named("example.org", "romeo"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.state, AccountState::Disabled);
    assert_eq!(found.last_login, Some(later(5)));
    assert_eq!(found.settings, "new");
    assert!(found.is_admin && store.read(Reader::has_admin).await.unwrap());
    store.write(accounts::make_ordinary(no)).await.unwrap();
    assert!(!store.read(Reader::has_admin).await.unwrap());
    assert_eq!(
        store.write(accounts::make_admin(JidNo(99))).await,
        Err(WriteError::NotFound)
    );
    for localpart in ["benvolio", "tybalt", "mercutio"] {
        store
            .write(accounts::create(person(&store, localpart).await))
            .await
            .unwrap();
    }
    let page = store
        .read(|r| r.accounts("example.org", "benvolio", 2))
        .await
        .unwrap();
    assert_eq!(
        page.iter().map(|a| a.localpart.as_str()).collect::<Vec<_>>(),
        ["mercutio", "romeo"]
    );
    assert_eq!(store.read(Reader::account_count).await.unwrap(), 4);
}

#[tokio::test]
async fn keys_are_replaced_together() {
    let folder = Folder::new();
    let store = open(&folder);
    let key = |hash: &str, salt: u8| Credential {
        hash: hash.into(),
        salt: vec![salt; 16],
        iterations: 10_000,
        stored_key: vec![salt; 32],
        server_key: vec![salt; 32],
    };
    let no = JidNo(1);
    store
        .write(credentials::set(no, vec![key("SHA-1", 1), key("SHA-256", 1)]))
        .await
        .unwrap();
    let replaced = vec![key("SHA-256", 2), key("SHA-512", 2)];
    store.write(credentials::set(no, replaced.clone())).await.unwrap();
    assert!(store.read(move |r| r.credentials(no)).await.unwrap() == replaced);
    assert!(!format!("{:?}", replaced[0]).contains("[2, 2"));
}

#[tokio::test]
async fn devices_are_found_by_their_token_until_they_expire_or_are_revoked() {
    let folder = Folder::new();
    let store = open(&folder);
    let no = JidNo(1);
    let mut ids = Vec::new();
    for n in 0..52_u8 {
        let device = Device {
            id: store.next_device(),
            no,
            token_hash: Some(vec![n; 32]),
            client: None,
            label: format!("phone {n}"),
            created: START,
            last_used: later(n.into()),
            expires: later(1_000),
        };
        ids.push(device.id);
        store.write(devices::add(device, 50)).await.unwrap();
    }
    let token = |n: u8, at: i64| {
        store
            .read_now(move |r| r.device_by_token(&[n; 32], later(at)))
            .unwrap()
    };
    assert_eq!(token(1, 0), None, "the two unused for longest made room");
    assert_eq!(token(2, 999).unwrap().id, ids[2]);
    assert_eq!(token(2, 1_000), None);
    store
        .write(devices::touch(ids[2], later(900), later(2_000)))
        .await
        .unwrap();
    assert_eq!(token(2, 1_500).unwrap().last_used, later(900));
    assert_eq!(
        store.write(devices::revoke(JidNo(2), ids[2])).await,
        Err(WriteError::NotFound)
    );
    store.write(devices::revoke(no, ids[2])).await.unwrap();
    assert_eq!(token(2, 0), None);
    assert_eq!(store.read(move |r| r.devices(no)).await.unwrap().len(), 49);
    store.write(devices::revoke_all(no)).await.unwrap();
    assert_eq!(store.read(move |r| r.devices(no)).await.unwrap(), []);
}

#[tokio::test]
async fn an_invitation_makes_as_many_accounts_as_it_says() {
    let folder = Folder::new();
    let store = open(&folder);
    let inviter = person(&store, "mercutio").await;
    store.write(accounts::create(inviter.clone())).await.unwrap();
    let invite = Invite {
        token_hash: vec![7; 32],
        kind: InviteKind::Account,
        domain: "example.org".into(),
        localpart: None,
        created_by: Some(inviter.no),
        created: START,
        expires: later(1_000),
        uses: 2,
        uses_left: 2,
        is_revoked: false,
    };
    store
        .write(invites::create(invite.clone(), Some(2)))
        .await
        .unwrap();
    let other = Invite {
        token_hash: vec![8; 32],
        uses_left: 1,
        ..invite.clone()
    };
    assert_eq!(
        store.write(invites::create(other.clone(), Some(2))).await,
        Err(WriteError::TooMany)
    );
    assert_eq!(
        store.read(|r| r.invite(&[7; 32])).await.unwrap(),
        Some(invite.clone())
    );
    assert_eq!(invite.standing(START), Standing::Open);
    assert_eq!(invite.standing(later(1_000)), Standing::Expired);
    let join = |account: Account, at| {
        store.write(Write::all(vec![
            invites::consume(vec![7; 32], at),
            accounts::create(account),
        ]))
    };
    join(person(&store, "romeo").await, START).await.unwrap();
    assert_eq!(
        join(person(&store, "romeo").await, START).await,
        Err(WriteError::Exists),
        "not used up by that"
    );
    assert_eq!(
        join(person(&store, "juliet").await, later(1_000)).await,
        Err(WriteError::InviteInvalid)
    );
    let by = inviter.no;
    let open = |at| store.read(move |r| r.invites(Some(by), at));
    assert_eq!(open(START).await.unwrap().len(), 1);
    assert_eq!(open(later(1_000)).await.unwrap(), []);
    // Whoever invites must be able to sign in.
    let set = |state| store.write(accounts::set_state(by, state));
    set(AccountState::Disabled).await.unwrap();
    assert_eq!(
        join(person(&store, "juliet").await, START).await,
        Err(WriteError::InviteInvalid)
    );
    set(AccountState::Active).await.unwrap();
    join(person(&store, "juliet").await, START).await.unwrap();
    assert_eq!(
        join(person(&store, "nurse").await, START).await,
        Err(WriteError::InviteInvalid)
    );
    let used = store.read(|r| r.invite(&[7; 32])).await.unwrap().unwrap();
    assert_eq!(used.standing(START), Standing::Used);
    assert_eq!(
        store.write(invites::revoke(vec![7; 32])).await,
        Err(WriteError::NotFound)
    );
    // There is room again; and one that is taken back says so.
    store.write(invites::create(other, Some(2))).await.unwrap();
    store.write(invites::revoke(vec![8; 32])).await.unwrap();
    let revoked = store.read(|r| r.invite(&[8; 32])).await.unwrap().unwrap();
    assert_eq!(revoked.standing(START), Standing::Revoked);
    // Long after its end nothing is left of it.
    let month = 31 * 86_400_000;
    let late = Invite {
        token_hash: vec![9; 32],
        created: later(month),
        expires: later(month + 1_000),
        ..invite
    };
    store.write(invites::create(late, None)).await.unwrap();
    assert_eq!(store.read(|r| r.invite(&[7; 32])).await.unwrap(), None);
}

#[tokio::test]
async fn a_name_is_kept_for_whoever_is_invited_to_it() {
    let folder = Folder::new();
    let store = open(&folder);
    let invite = |hash: u8, localpart: &str| Invite {
        token_hash: vec![hash; 32],
        kind: InviteKind::Account,
        domain: "example.org".into(),
        localpart: Some(localpart.into()),
        created_by: None,
        created: START,
        expires: later(1_000),
        uses: 1,
        uses_left: 1,
        is_revoked: false,
    };
    let romeo = person(&store, "romeo").await;
    store.write(accounts::create(romeo)).await.unwrap();
    let create = |invite| store.write(invites::create(invite, None));
    assert_eq!(create(invite(1, "romeo")).await, Err(WriteError::Exists));
    create(invite(2, "juliet")).await.unwrap();
    assert_eq!(create(invite(3, "juliet")).await, Err(WriteError::Exists));
    let join = |hash: Vec<u8>, at| {
        store.write(invites::keep_reserved(
            "example.org".into(),
            "juliet".into(),
            hash,
            at,
        ))
    };
    assert_eq!(join(Vec::new(), START).await, Err(WriteError::Exists));
    join(vec![2; 32], START).await.unwrap();
    join(Vec::new(), later(1_000)).await.unwrap();
    let kept = |at| store.read(move |r| r.is_name_kept("example.org", "juliet", &[], at));
    assert!(kept(START).await.unwrap());
    assert!(!kept(later(1_000)).await.unwrap());
}

#[tokio::test]
async fn a_roster_has_contacts_a_version_and_requests() {
    let folder = Folder::new();
    let store = open(&folder);
    let no = JidNo(1);
    let contact = |contact, subscription| RosterItem {
        contact: JidNo(contact),
        name: "Juliet".into(),
        groups: vec!["Friends".into(), "Verona".into()],
        subscription,
        ask: subscription == Subscription::None,
        approved: true,
    };
    store
        .write(roster::put(no, contact(3, Subscription::None), 1))
        .await
        .unwrap();
    store
        .write(roster::put(no, contact(2, Subscription::To), 2))
        .await
        .unwrap();
    store
        .write(roster::put(no, contact(3, Subscription::Both), 3))
        .await
        .unwrap();
    let roster = store.read(move |r| r.roster(no)).await.unwrap();
    assert_eq!(roster.version, 3);
    assert_eq!(
        roster.items,
        [contact(2, Subscription::To), contact(3, Subscription::Both)]
    );
    store.write(roster::remove(no, JidNo(2), 4)).await.unwrap();
    assert_eq!(
        store.write(roster::remove(no, JidNo(2), 5)).await,
        Err(WriteError::NotFound)
    );
    assert_eq!(store.read(move |r| r.roster(no)).await.unwrap().version, 4);
    assert_eq!(
        store.read(move |r| r.roster_item(no, JidNo(2))).await.unwrap(),
        None
    );
    assert!(
        store
            .read(move |r| r.roster_item(no, JidNo(3)))
            .await
            .unwrap()
            .is_some()
    );

    let request = |contact, at| PresenceRequest {
        contact: JidNo(contact),
        created: later(at),
        stanza: format!("<presence n='{at}'/>").into_bytes(),
    };
    for request in [request(8, 1), request(9, 2), request(8, 3)] {
        store.write(roster::add_request(no, request)).await.unwrap();
    }
    let waiting = store.read(move |r| r.presence_requests(no)).await.unwrap();
    assert_eq!(waiting, [request(9, 2), request(8, 3)]);
    store.write(roster::remove_request(no, JidNo(9))).await.unwrap();
    assert_eq!(
        store.read(move |r| r.presence_requests(no)).await.unwrap(),
        [request(8, 3)]
    );
}

#[tokio::test]
async fn a_node_is_unique_among_the_living_and_has_people() {
    let folder = Folder::new();
    let store = open(&folder);
    let first = romeos_node(&store).await;
    let romeo = store.jids().number("romeo@example.org").await.unwrap();
    let other = node(&store, romeo, "another").await;
    let duplicate = store
        .read(move |r| r.node_numbered(first))
        .await
        .unwrap()
        .unwrap();
    let duplicate = nodes::Node {
        no: store.next_node(),
        ..duplicate
    };
    assert_eq!(
        store.write(nodes::create(duplicate.clone())).await,
        Err(WriteError::Exists)
    );
    let subscription = |node, no, resource: &str| subscriptions::Subscription {
        node,
        no: JidNo(no),
        resource: resource.into(),
        subid: "1".into(),
        state: "subscribed".into(),
        options: None,
        created: START,
        expires: None,
    };
    let all = [
        subscription(first, 5, ""),
        subscription(first, 5, "balcony"),
        subscription(first, 6, ""),
        subscription(other, 5, ""),
    ];
    for one in &all {
        store.write(subscriptions::put(one.clone())).await.unwrap();
    }
    let pending = subscriptions::Subscription {
        state: "pending".into(),
        ..all[2].clone()
    };
    store.write(subscriptions::put(pending.clone())).await.unwrap();
    store
        .write(affiliations::set(first, JidNo(5), "publisher".into()))
        .await
        .unwrap();
    store
        .write(affiliations::set(first, JidNo(5), "owner".into()))
        .await
        .unwrap();
    store
        .write(affiliations::set(first, JidNo(4), "outcast".into()))
        .await
        .unwrap();
    let found = store.read(move |r| r.subscriptions(first)).await.unwrap();
    assert_eq!(found, [all[0].clone(), all[1].clone(), pending]);
    assert_eq!(
        store
            .read(move |r| r.subscription_count(first, "subscribed"))
            .await
            .unwrap(),
        2
    );
    let mine = store.read(|r| r.subscriptions_of(JidNo(5))).await.unwrap();
    assert_eq!(mine.len(), 3);
    assert_eq!(
        (mine[0].owner, mine[0].name.as_str()),
        (romeo, "urn:xmpp:microblog:0")
    );
    assert_eq!(
        store.read(move |r| r.affiliations(first)).await.unwrap(),
        [(JidNo(4), "outcast".into()), (JidNo(5), "owner".into())]
    );
    assert_eq!(
        store.read(|r| r.affiliations_of(JidNo(5))).await.unwrap()[0].affiliation,
        "owner"
    );

    store.write(nodes::delete(first, START)).await.unwrap();
    assert_eq!(
        store.write(nodes::delete(first, START)).await,
        Err(WriteError::NotFound)
    );
    assert_eq!(
        store.write(subscriptions::put(all[0].clone())).await,
        Err(WriteError::NotFound)
    );
    assert_eq!(
        store.read(|r| r.subscriptions_of(JidNo(5))).await.unwrap().len(),
        1
    );
    assert_eq!(store.read(|r| r.affiliations_of(JidNo(5))).await.unwrap(), []);
    store.write(nodes::create(duplicate.clone())).await.unwrap();
    let named = store
        .read(move |r| r.node(romeo, "urn:xmpp:microblog:0"))
        .await
        .unwrap();
    assert_eq!(named, Some(duplicate));
    let names = store.read(move |r| r.nodes(romeo, "", 10)).await.unwrap();
    assert_eq!(
        names.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(),
        ["another", "urn:xmpp:microblog:0"]
    );
    assert_eq!(store.read(move |r| r.node_count(romeo)).await.unwrap(), 2);
    store
        .write(subscriptions::remove(other, JidNo(5), String::new(), "1".into()))
        .await
        .unwrap();
    store.write(affiliations::remove(other, JidNo(5))).await.unwrap();
    assert_eq!(store.read(|r| r.subscriptions_of(JidNo(5))).await.unwrap(), []);
}

#[tokio::test]
async fn a_message_is_kept_as_long_as_somebody_needs_it() {
    let folder = Folder::new();
    let store = open(&folder);
    let owner = |owner, direction, offline, archived| MessageOwner {
        owner: JidNo(owner),
        peer: JidNo(3 - owner),
        direction,
        offline,
        archived,
        requested: false,
    };
    let mut ids = Vec::new();
    for archived in [false, true, false] {
        let message = NewMessage {
            id: store.next_message(),
            created: START,
            sender: JidNo(1),
            recipient: JidNo(2),
            told: None,
            stanza: b"<message/>"[..].into(),
            owners: [Some(owner(2, Direction::In, true, archived)), None],
        };
        ids.push(message.id);
        store.write(messages::append(message)).await.unwrap();
    }
    assert_eq!(store.read(|r| r.offline_count(JidNo(2))).await.unwrap(), 3);
    let waiting = store
        .read(|r| r.offline_messages(JidNo(2), 2, None))
        .await
        .unwrap();
    assert_eq!(waiting.iter().map(|m| m.id).collect::<Vec<_>>(), ids[..2]);
    assert_eq!(waiting[0].stanza, b"<message/>");
    store
        .write(messages::delivered(JidNo(2), ids[..2].to_vec()))
        .await
        .unwrap();
    let after = ids[1];
    let waiting = store
        .read(move |r| r.offline_messages(JidNo(2), 9, Some(after)))
        .await
        .unwrap();
    assert_eq!(waiting.iter().map(|m| m.id).collect::<Vec<_>>(), ids[2..]);
    store.close().await;
    assert_eq!(
        crate::fixtures::rows(&folder, "messages"),
        2,
        "the archived and the waiting one"
    );
}

#[tokio::test]
async fn caps_are_kept_within_bounds() {
    let folder = Folder::new();
    let store = open(&folder);
    let caps = |n: i64| Caps {
        features: format!("features {n}"),
        identities: "client/pc".into(),
    };
    let put = |n: i64| {
        store.write(store::caps::put(
            "sha-1".into(),
            format!("ver{n}"),
            caps(n),
            later(n),
        ))
    };
    put(0).await.unwrap();
    store
        .write(store::caps::touch("sha-1".into(), "ver0".into(), later(20_000)))
        .await
        .unwrap();
    let pending: Vec<_> = (1..=10_050).map(put).collect();
    for pending in pending {
        pending.await.unwrap();
    }
    let get = |n: i64| {
        store
            .read_now(move |r| r.caps("sha-1", &format!("ver{n}")))
            .unwrap()
    };
    assert_eq!(get(0), Some(caps(0)), "seen again");
    assert_eq!(get(1), None, "not seen for longest");
    assert_eq!(get(10_050), Some(caps(10_050)));
    store.close().await;
    assert!(crate::fixtures::rows(&folder, "caps") <= 10_000);
}

#[tokio::test]
async fn jobs_and_values_outlive_a_restart() {
    let folder = Folder::new();
    let store = open(&folder);
    store
        .write(jobs::put("import", 4, "begun".into(), START))
        .await
        .unwrap();
    store
        .write(jobs::put("import", 4, "half".into(), later(9)))
        .await
        .unwrap();
    store
        .write(jobs::put("import", 5, String::new(), later(9)))
        .await
        .unwrap();
    assert_eq!(store.get_or_init("secret", vec![1; 32]).await.unwrap(), [1; 32]);
    store.close().await;
    let store = open(&folder);
    assert_eq!(store.get_or_init("secret", vec![2; 32]).await.unwrap(), [1; 32]);
    store.write(store::meta::put("secret", vec![3])).await.unwrap();
    assert_eq!(store.read(|r| r.meta("secret")).await.unwrap(), Some(vec![3]));
    store.write(jobs::done("import", 5)).await.unwrap();
    let left = store.read(|r| r.jobs("import")).await.unwrap();
    assert_eq!(
        left,
        [jobs::Job {
            subject: 4,
            state: "half".into(),
            created: START
        }]
    );
}
