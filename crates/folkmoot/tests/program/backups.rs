//! Backup of a running server, and its restore elsewhere.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use testkit::plain_client::{PlainClient, item_ids};

use crate::running::{Folder, Server, add_account, exists, failed, run, said};

#[test]
fn a_backup_taken_while_it_runs_is_the_same_server_elsewhere() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    said(&add_account(&folder, "juliet@localhost", &["--admin"]));
    let told = said(&run(&folder, &["backup", "moot.tar"]));
    assert!(told.contains("1 accounts"), "{told}");
    let mode = std::fs::metadata(folder.join("moot.tar"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        std::fs::read_dir(folder.data().join("snapshots"))
            .unwrap()
            .next()
            .is_none()
    );
    said(&add_account(&folder, "romeo@localhost", &[]));
    let key = std::fs::read(folder.data().join("certificates/self-signed.key")).unwrap();
    assert!(server.stop().0.success());

    // Never over something that is there.
    assert!(failed(&run(&folder, &["backup", "moot.tar"])).contains("exists already"));
    assert!(failed(&run(&folder, &["restore", "moot.tar"])).contains("is not empty"));

    let told = said(&run(&folder, &["restore", "moot.tar", "--data", "restored"]));
    assert!(told.contains("restored 1 accounts"), "{told}");
    assert_eq!(
        std::fs::read(folder.join("restored/certificates/self-signed.key")).unwrap(),
        key
    );
    assert!(exists(&folder.join("restored/folkmoot.toml")));
    assert!(!exists(&folder.join("restored/restored.db")));
    std::fs::rename(folder.data(), folder.join("before")).unwrap();
    std::fs::rename(folder.join("restored"), folder.data()).unwrap();
    let server = Server::start(&folder, &[]);
    assert!(!server.greeting.contains("/welcome/"));
    assert_eq!((server.get("/@juliet").0, server.get("/@romeo").0), (200, 404));
}

#[test]
fn a_backup_taken_under_load_holds_whatever_was_acknowledged_before_it() {
    const AUTHORS: usize = 3;
    const NODE: &str = "urn:xmpp:microblog:0";
    let folder = Folder::new();
    let server = Server::start(&folder, &["--dev"]);
    let address = ([127, 0, 0, 1], server.port("xmpp")).into();
    let acknowledged = Mutex::new(BTreeSet::new());
    let is_over = AtomicBool::new(false);
    let mut before = BTreeSet::new();
    std::thread::scope(|scope| {
        let mut authors = Vec::new();
        for author in 0..AUTHORS {
            let name = format!("author{author}");
            PlainClient::register(address, &name, "secret").unwrap();
            let (acknowledged, is_over) = (&acknowledged, &is_over);
            authors.push(scope.spawn(move || {
                let mut client = PlainClient::sign_in(address, &name, "secret", "load").unwrap();
                for step in 0.. {
                    if is_over.load(Ordering::Acquire) {
                        return step;
                    }
                    let id = format!("p{step}");
                    let publish = format!(
                        "<iq type='set' id='{id}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                         <publish node='{NODE}'><item id='{id}'><entry xmlns='http://www.w3.org/2005/Atom'>\
                         <title type='text'>Post {step} by {name}</title></entry></item></publish></pubsub></iq>"
                    );
                    client.ask(&id, &publish).unwrap();
                    acknowledged.lock().unwrap().insert((author, id));
                }
                unreachable!("the steps never end")
            }));
        }
        while acknowledged.lock().unwrap().len() < 60 {
            std::thread::yield_now();
        }
        before = acknowledged.lock().unwrap().clone();
        said(&run(&folder, &["backup", "moot.tar"]));
        is_over.store(true, Ordering::Release);
        let steps: usize = authors.into_iter().map(|author| author.join().unwrap()).sum();
        assert!(steps > before.len(), "the authors posted on during the backup");
    });
    assert!(server.stop().0.success());

    std::fs::rename(folder.data(), folder.join("before")).unwrap();
    said(&run(&folder, &["restore", "moot.tar"]));
    let server = Server::start(&folder, &["--dev"]);
    let address = ([127, 0, 0, 1], server.port("xmpp")).into();
    let mut reader = PlainClient::sign_in(address, "author0", "secret", "check").unwrap();
    let mut restored = BTreeSet::new();
    for author in 0..AUTHORS {
        let mut page = String::from("<before/>");
        loop {
            let request = format!(
                "<iq type='get' id='i' to='author{author}@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                 <items node='{NODE}'/><set xmlns='http://jabber.org/protocol/rsm'><max>100</max>{page}</set></pubsub></iq>"
            );
            let ids = item_ids(&reader.ask("i", &request).unwrap());
            let Some(first) = ids.first() else { break };
            page = format!("<before>{first}</before>");
            restored.extend(ids.into_iter().map(|id| (author, id)));
        }
    }
    let lost: Vec<_> = before.difference(&restored).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn a_backup_needs_no_server() {
    let folder = Folder::new();
    assert!(failed(&run(&folder, &["backup", "moot.tar"])).contains("no database"));
    said(&add_account(&folder, "juliet@localhost", &[]));
    said(&run(&folder, &["backup", "moot.tar"]));
    assert!(
        said(&run(&folder, &["restore", "moot.tar", "--data", "restored"])).contains("restored 1 accounts")
    );
}

#[test]
fn what_is_no_backup_leaves_the_folder_empty() {
    let folder = Folder::new();
    said(&add_account(&folder, "juliet@localhost", &[]));
    said(&run(&folder, &["backup", "moot.tar"]));
    let good = std::fs::read(folder.join("moot.tar")).unwrap();
    let mut flipped = good.clone();
    // One bit in the middle of the database.
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for (bytes, part) in [
        (&b"not a tar file"[..], "not an archive"),
        (&good[..good.len() / 2], "cannot be restored"),
        (&flipped, "cannot be restored"),
        (&escaping(), "does not belong there"),
    ] {
        std::fs::write(folder.join("bad.tar"), bytes).unwrap();
        let error = failed(&run(&folder, &["restore", "bad.tar", "--data", "restored"]));
        assert!(error.contains(part), "{error}");
        assert!(
            std::fs::read_dir(folder.join("restored"))
                .unwrap()
                .next()
                .is_none(),
            "{error}"
        );
    }
    assert!(!exists(&folder.join("escaped")));
    assert!(failed(&run(&folder, &["restore", "none.tar", "--data", "restored"])).contains("none.tar"));
}

/// An archive with a path that leads out of the folder.
fn escaping() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut append = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        // The library refuses to write such a name; who means harm does not use it.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, bytes).unwrap();
    };
    append(
        "manifest.json",
        b"{\"format\":1,\"program\":\"0\",\"database\":1}",
    );
    append("certificates/../../escaped", b"out");
    archive.into_inner().unwrap()
}
