//! Backup of a running server, and its restore elsewhere.

use std::os::unix::fs::PermissionsExt;

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
    // In the middle of the database.
    let middle = flipped.len() / 2;
    for byte in &mut flipped[middle..middle + 4_096] {
        *byte ^= 0xff;
    }
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
