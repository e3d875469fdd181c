//! What accounts keep for themselves: private XML, vCards, blocked addresses.

use store::accounts::{self, Account, AccountState};
use store::blocking::{self, Blocked};
use store::private::{self, Fragment};
use store::{JidNo, Store, WriteError, vcards};

use crate::fixtures::{Folder, START, open};

async fn account(store: &Store) -> JidNo {
    let no = store.jids().number("romeo@example.org").await.unwrap();
    let account = Account {
        no,
        domain: "example.org".into(),
        localpart: "romeo".into(),
        state: AccountState::Active,
        is_admin: false,
        created: START,
        last_login: None,
        settings: String::new(),
    };
    store.write(accounts::create(account)).await.unwrap();
    no
}

fn fragment(name: &str, xml: &[u8]) -> Fragment {
    Fragment {
        ns: "urn:example".into(),
        name: name.into(),
        xml: xml.to_vec(),
    }
}

#[tokio::test]
async fn private_xml_is_kept_by_name_and_bounded() {
    let folder = Folder::new();
    let store = open(&folder);
    let no = account(&store).await;
    let read = async |name: &'static str| {
        store
            .read(move |r| r.private(no, "urn:example", name))
            .await
            .unwrap()
    };
    let both = vec![fragment("a", b"<a/>"), fragment("b", b"<b/>")];
    store.write(private::put(no, both)).await.unwrap();
    store
        .write(private::put(no, vec![fragment("a", b"<a>2</a>")]))
        .await
        .unwrap();
    assert_eq!(read("a").await, Some(b"<a>2</a>".to_vec()));
    assert_eq!(read("b").await, Some(b"<b/>".to_vec()));
    assert_eq!(read("c").await, None);

    let large = vec![fragment("a", b""), fragment("c", &vec![b'x'; 1 << 20])];
    assert_eq!(
        store.write(private::put(no, large)).await,
        Err(WriteError::TooMany)
    );
    assert_eq!(read("a").await, Some(b"<a>2</a>".to_vec()), "nothing was changed");
    let many = (0..499).map(|n| fragment(&n.to_string(), b"<n/>")).collect();
    assert_eq!(
        store.write(private::put(no, many)).await,
        Err(WriteError::TooMany)
    );
    store
        .write(private::put(no, vec![fragment("a", b"")]))
        .await
        .unwrap();
    assert_eq!(read("a").await, None);
}

#[tokio::test]
async fn a_vcard_replaces_the_one_before() {
    let folder = Folder::new();
    let store = open(&folder);
    let no = account(&store).await;
    assert_eq!(store.read(move |r| r.vcard(no)).await.unwrap(), None);
    for xml in ["<vCard/>", "<vCard>2</vCard>"] {
        store.write(vcards::put(no, xml.into())).await.unwrap();
        assert_eq!(
            store.read(move |r| r.vcard(no)).await.unwrap(),
            Some(xml.as_bytes().to_vec())
        );
    }
}

#[tokio::test]
async fn blocked_addresses_come_back_with_their_texts() {
    let folder = Folder::new();
    let mut store = open(&folder);
    let no = account(&store).await;
    let numbers = store
        .jids()
        .numbers(&["tybalt@example.org", "example.net"])
        .await
        .unwrap();
    let blocked = |contact: JidNo, resource: &str| Blocked {
        contact,
        resource: resource.into(),
    };
    let all = vec![
        blocked(numbers[0], ""),
        blocked(numbers[0], "home"),
        blocked(numbers[1], ""),
    ];
    let write = blocking::change(no, all.clone(), Vec::new());
    store.write(write).await.unwrap();
    // Once more changes nothing, and one goes.
    let write = blocking::change(no, all[..2].to_vec(), all[1..2].to_vec());
    store.write(write).await.unwrap();
    let write = blocking::change(no, Vec::new(), all[1..2].to_vec());
    store.write(write).await.unwrap();
    store.close().await;
    store = open(&folder);
    let found = store.read(store::Reader::all_blocked).await.unwrap();
    let expected = [
        (no, all[0].clone(), "tybalt@example.org".to_owned()),
        (no, all[2].clone(), "example.net".to_owned()),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn nothing_is_kept_for_who_is_not_there_or_going() {
    let folder = Folder::new();
    let store = open(&folder);
    let writes = |no: JidNo| {
        [
            private::put(no, vec![fragment("a", b"<a/>")]),
            vcards::put(no, b"<vCard/>".to_vec()),
            blocking::change(no, Vec::new(), Vec::new()),
        ]
    };
    let romeo = account(&store).await;
    store.write(accounts::begin_deletion(romeo, START)).await.unwrap();
    for no in [romeo, JidNo(77)] {
        for write in writes(no) {
            assert_eq!(store.write(write).await, Err(WriteError::NotFound));
        }
    }
}
