//! Every way in which a data folder cannot be used, and that nothing is touched then.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use store::{DATABASE_VERSION, OpenError, Options, Store};

use crate::fixtures::{Folder, open, options, put, romeos_node};

fn error(folder: &Folder) -> OpenError {
    Store::open(folder.path(), &options()).err().unwrap()
}

#[tokio::test]
async fn a_folder_belongs_to_one_store() {
    let folder = Folder::new();
    let store = open(&folder);
    assert!(matches!(error(&folder), OpenError::Locked { .. }));
    store.close().await;
    open(&folder);
}

#[tokio::test]
async fn a_newer_database_is_left_as_it_is() {
    let folder = Folder::new();
    open(&folder).close().await;
    let newer = rusqlite::Connection::open(folder.database()).unwrap();
    newer
        .pragma_update(None, "user_version", DATABASE_VERSION + 1)
        .unwrap();
    newer
        .query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
        .unwrap();
    newer.close().unwrap();
    let before = std::fs::read(folder.database()).unwrap();
    match error(&folder) {
        OpenError::Newer { found, known, .. } => {
            assert_eq!((found, known), (DATABASE_VERSION + 1, DATABASE_VERSION));
        }
        other => panic!("{other}"),
    }
    assert_eq!(std::fs::read(folder.database()).unwrap(), before);
}

#[tokio::test]
async fn a_newer_version_that_is_still_in_the_log_is_seen_and_left_there() {
    let folder = Folder::new();
    open(&folder).close().await;
    let newer = rusqlite::Connection::open(folder.database()).unwrap();
    newer
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0")
        .unwrap();
    newer
        .pragma_update(None, "user_version", DATABASE_VERSION + 1)
        .unwrap();
    // As after a kill: the log is there, nobody has brought it in.
    let wal = folder.path().join("folkmoot.db-wal");
    let (file, log) = (
        std::fs::read(folder.database()).unwrap(),
        std::fs::read(&wal).unwrap(),
    );
    newer.close().unwrap();
    std::fs::write(folder.database(), &file).unwrap();
    std::fs::write(&wal, &log).unwrap();
    assert!(matches!(error(&folder), OpenError::Newer { .. }));
    assert_eq!(std::fs::read(folder.database()).unwrap(), file);
    assert_eq!(std::fs::read(&wal).unwrap(), log);
}

#[test]
fn what_is_not_ours_is_refused() {
    let folder = Folder::new();
    let other = rusqlite::Connection::open(folder.database()).unwrap();
    other.execute_batch("CREATE TABLE prosody (host TEXT)").unwrap();
    other.close().unwrap();
    assert!(matches!(error(&folder), OpenError::Foreign { .. }));

    let folder = Folder::new();
    std::fs::write(
        folder.database(),
        "This is a diary and no database at all. ".repeat(50),
    )
    .unwrap();
    let before = std::fs::read(folder.database()).unwrap();
    assert!(matches!(
        error(&folder),
        OpenError::Foreign { .. } | OpenError::Damaged { .. }
    ));
    assert_eq!(std::fs::read(folder.database()).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_database_says_so() {
    let folder = Folder::new();
    let store = open(&folder);
    put(&store, romeos_node(&store).await, "a", "x").await.unwrap();
    store.close().await;
    let mut bytes = std::fs::read(folder.database()).unwrap();
    for byte in &mut bytes[100..8_192] {
        *byte = 0xff;
    }
    std::fs::write(folder.database(), bytes).unwrap();
    let error = error(&folder);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("restore"));
}

#[test]
fn a_path_that_is_no_folder_is_one_clear_line() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file, &options()).err().unwrap();
    assert!(matches!(error, OpenError::Io { .. }));
    assert_eq!(error.to_string().lines().count(), 1);
}

/// The superuser may write anywhere, so this runs again as nobody, in a process of its own.
const AS_NOBODY: &str = "FOLKMOOT_TEST_READ_ONLY_FOLDER";

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    if let Ok(path) = std::env::var(AS_NOBODY) {
        let error = Store::open(path.as_ref(), &options()).err().unwrap();
        assert!(matches!(error, OpenError::Permission { .. }), "{error}");
        return;
    }
    let folder = Folder::new();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    // Where the tests were built, nobody may not look.
    let copies = Folder::new();
    std::fs::set_permissions(copies.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = copies.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut nobody = Command::new(&program);
    nobody.args([
        "--exact",
        "open::a_folder_that_cannot_be_written_is_refused",
        "--test-threads=1",
    ]);
    nobody.env(AS_NOBODY, folder.path()).current_dir("/");
    if std::fs::write(folder.path().join("probe"), "").is_ok() {
        nobody.uid(65_534).gid(65_534);
    }
    let output = nobody.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[tokio::test]
async fn only_the_owner_may_read_what_is_stored() {
    let folder = Folder::new();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let store = open(&folder);
    put(&store, romeos_node(&store).await, "a", "x").await.unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", file.path().display());
    }
    let inner = folder.path().join("new/data");
    drop(Store::open(&inner, &options()).unwrap());
    assert_eq!(std::fs::metadata(&inner).unwrap().permissions().mode() & 0o077, 0);
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_first_start_leaves_nothing_half_made() {
    let folder = Folder::new();
    let full = Options {
        max_pages: Some(10),
        ..options()
    };
    let error = Store::open(folder.path(), &full).err().unwrap();
    assert!(matches!(error, OpenError::Full { .. }), "{error}");
    let store = open(&folder);
    put(&store, romeos_node(&store).await, "a", "x").await.unwrap();
}
