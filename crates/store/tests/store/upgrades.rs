//! Databases that earlier releases wrote (`tests/fixtures`), opened by this one: told, copied first, all or nothing.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::GzDecoder;
use parking_lot::Mutex;
use rusqlite::Connection;
use store::{DATABASE_FILE, DATABASE_VERSION, OpenError, Options, Store, Upgrade};

use crate::fixtures::{Folder, options};

/// The database of an earlier version, as its program left it.
fn fixture(version: u32) -> Vec<u8> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/fixtures/schema-{version}.db.gz"));
    let packed = std::fs::read(&file).unwrap_or_else(|error| {
        panic!(
            "{}: {error}. Every earlier version has its fixture: make fixture with that release's program",
            file.display()
        )
    });
    let mut database = Vec::new();
    GzDecoder::new(&*packed).read_to_end(&mut database).unwrap();
    database
}

fn lay(version: u32) -> Folder {
    let folder = Folder::new();
    std::fs::write(folder.database(), fixture(version)).unwrap();
    folder
}

/// Opens the store and waits until it has let go of the folder.
fn open_and_close(folder: &Folder, options: &Options) -> Result<(), OpenError> {
    let store = Store::open(folder.path(), options)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.close());
    Ok(())
}

/// Everything that is in a database, in words that can be compared.
fn content(database: &Path) -> (u32, String) {
    let connection = Connection::open(database).unwrap();
    let integrity: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(integrity, "ok");
    let version = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    let mut tables = connection
        .prepare("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name")
        .unwrap();
    let mut text = String::new();
    let found: Vec<(String, String)> = tables
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (name, sql) in found {
        text.push_str(&sql);
        if sql.starts_with("CREATE TABLE") {
            let mut rows = connection.prepare(&format!("SELECT * FROM {name}")).unwrap();
            let columns = rows.column_count();
            let mut rows = rows.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                for column in 0..columns {
                    text.push_str(&format!("{:?}|", row.get_ref(column).unwrap()));
                }
            }
        }
    }
    (version, text)
}

fn copy_of(folder: &Folder, version: u32) -> PathBuf {
    folder.path().join(format!("before-upgrade-{version}.db"))
}

#[test]
fn every_earlier_version_has_a_fixture_and_is_brought_up_to_date() {
    for version in 1..DATABASE_VERSION {
        let folder = lay(version);
        let before = content(&folder.database());
        assert_eq!(before.0, version);
        let told = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&told);
        let options = Options {
            on_upgrade: Arc::new(move |upgrade| all.lock().push(upgrade)),
            ..options()
        };
        open_and_close(&folder, &options).unwrap();

        let told = told.lock();
        assert!(matches!(told[0], Upgrade::Begins { from, to, bytes }
            if (from, to) == (version, DATABASE_VERSION) && bytes > 100_000));
        assert!(told.contains(&Upgrade::Copied(copy_of(&folder, version))));
        let steps: Vec<u32> = told
            .iter()
            .filter_map(|one| match one {
                Upgrade::Step(step) => Some(step.version),
                _ => None,
            })
            .collect();
        assert_eq!(steps, (version + 1..=DATABASE_VERSION).collect::<Vec<_>>());
        assert!(matches!(told.last(), Some(Upgrade::Done(_))));
        // The copy is the database as it was.
        assert_eq!(content(&copy_of(&folder, version)), before);
    }
}

#[test]
fn a_new_database_is_no_upgrade() {
    let folder = Folder::new();
    let options = Options {
        on_upgrade: Arc::new(|upgrade| panic!("{upgrade:?}")),
        ..options()
    };
    open_and_close(&folder, &options).unwrap();
    open_and_close(&folder, &options).unwrap();
}

#[test]
fn of_the_copies_the_last_is_kept() {
    let folder = lay(DATABASE_VERSION - 1);
    std::fs::write(copy_of(&folder, 0), "older").unwrap();
    std::fs::write(folder.path().join("before-upgrade.part"), "interrupted").unwrap();
    open_and_close(&folder, &options()).unwrap();
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("before"))
        .collect();
    names.sort();
    assert_eq!(names, [format!("before-upgrade-{}.db", DATABASE_VERSION - 1)]);
}

#[test]
fn a_full_disk_leaves_the_database_to_the_program_that_wrote_it() {
    let mut refused = 0;
    for version in 1..DATABASE_VERSION {
        let folder = lay(version);
        let before = content(&folder.database());
        for room in 0.. {
            let pages = u32::try_from(fixture(version).len() / 8_192).unwrap() + room;
            let full = Options {
                max_pages: Some(pages),
                ..options()
            };
            match open_and_close(&folder, &full) {
                Ok(()) => break,
                Err(error) => {
                    let OpenError::NotUpgraded {
                        version: still,
                        source,
                    } = &error
                    else {
                        panic!("{error}");
                    };
                    assert_eq!(*still, version);
                    assert!(matches!(**source, OpenError::Full { .. }), "{source}");
                    assert!(error.to_string().contains("disk is full; make space"), "{error}");
                    assert!(error.to_string().contains("left as it was"), "{error}");
                    refused += 1;
                    assert_eq!(content(&folder.database()), before);
                }
            }
        }
        assert_eq!(content(&folder.database()).0, DATABASE_VERSION);
    }
    // A small step may need no more room than there is.
    assert!(refused > 5, "the disk was full only {refused} times");
}

#[test]
fn a_downgrade_is_refused_and_changes_nothing() {
    let folder = lay(DATABASE_VERSION - 1);
    open_and_close(&folder, &options()).unwrap();
    let database = folder.path().join(DATABASE_FILE);
    // What a later program writes.
    Connection::open(&database)
        .unwrap()
        .pragma_update(None, "user_version", DATABASE_VERSION + 1)
        .unwrap();
    let before = std::fs::read(&database).unwrap();
    let error = Store::open(folder.path(), &options()).err().unwrap().to_string();
    assert!(error.contains("install the newer program again"), "{error}");
    assert_eq!(std::fs::read(&database).unwrap(), before);
}
