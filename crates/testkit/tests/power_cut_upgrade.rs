//! The power goes in the midst of an upgrade, at every moment: afterwards the database is of the old version or of the
//! new one, whole either way, and the next start finishes the work.

#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use store::{DATABASE_FILE, DATABASE_VERSION, Options, Store};
use testkit::forgetful_vfs::{ForgetfulDisk, Unsynced};

/// Lets the engine recover what the cut left, as any next start would.
fn version_of(database: &Path) -> u32 {
    let connection = rusqlite::Connection::open(database).unwrap();
    let sound: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

#[test]
fn a_power_cut_during_an_upgrade_leaves_one_version_or_the_other() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let disk = ForgetfulDisk::register("upgrade");
    for version in 1..DATABASE_VERSION {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("../../tests/fixtures/schema-{version}.db.gz"));
        let mut original = Vec::new();
        GzDecoder::new(&*std::fs::read(fixture).unwrap())
            .read_to_end(&mut original)
            .unwrap();
        let (mut old, mut new) = (0, 0);
        for moment in 0.. {
            let folder = std::env::temp_dir().join(format!(
                "folkmoot-upgrade-{}-{version}-{moment}",
                std::process::id()
            ));
            std::fs::create_dir_all(&folder).unwrap();
            let database = folder.join(DATABASE_FILE);
            std::fs::write(&database, &original).unwrap();
            let options = Options {
                vfs: Some(disk.name().to_owned()),
                ..Options::default()
            };

            disk.cut_after(moment);
            let opened = Store::open(&folder, &options);
            let is_over = !disk.is_cut();
            disk.power_cut();
            if let Ok(store) = opened {
                runtime.block_on(store.close());
            }
            disk.power_on(if moment % 3 == 0 {
                Unsynced::Lost
            } else {
                Unsynced::Torn(moment)
            })
            .unwrap();

            // Looked at where it lies, with its log.
            let found = version_of(&database);
            assert!(
                found == version || found == DATABASE_VERSION,
                "moment {moment}: half an upgrade, version {found}"
            );
            if found == version {
                old += 1;
            } else {
                new += 1;
            }
            let store = Store::open(&folder, &options).unwrap();
            runtime.block_on(store.close());
            let contents = store::backup::check(&database).unwrap();
            assert_eq!(contents.version, DATABASE_VERSION);
            assert!(contents.accounts >= 5 && contents.items >= 6, "{contents:?}");
            std::fs::remove_dir_all(&folder).unwrap();
            if is_over {
                break;
            }
        }
        assert!(old > 3 && new > 0, "{old} cuts before, {new} after");
    }
}
