//! The house rules that no compiler checks: length of files, order of crates,
//! pages that name what they must, licences of what we depend on.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates from the ground up; each may use only those before it.
const ORDER: [&str; 10] = [
    "wire", "format", "store", "bus", "pubsub", "social", "xmpp", "http", "folkmoot", "testkit",
];
const LONGEST: usize = 1_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Every file of the project that version control knows or would take.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(listed.status.success(), "git ls-files failed");
    let names = String::from_utf8(listed.stdout).unwrap();
    names
        .lines()
        .map(|name| root().join(name))
        .filter(|path| path.is_file())
        .collect()
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| extensions.contains(&e))
}

#[test]
fn no_source_file_is_longer_than_a_thousand_lines() {
    let long: Vec<String> = files()
        .iter()
        .filter(|path| has_extension(path, &["rs", "ts", "tsx", "mjs", "css", "py", "sql", "sh"]))
        .filter_map(|path| {
            let lines = fs::read_to_string(path).unwrap().lines().count();
            (lines > LONGEST).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "split these by subject: {long:#?}");
}

#[test]
fn each_crate_uses_only_those_below_it() {
    for (place, name) in ORDER.iter().enumerate() {
        let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
        let normal = manifest.split("[dev-dependencies]").next().unwrap();
        for (other_place, other) in ORDER.iter().enumerate() {
            let package = if *other == "http" { "http-site" } else { other };
            let uses = normal
                .lines()
                .any(|line| line.starts_with(&format!("{package}.workspace")));
            assert!(
                !uses || other_place < place,
                "{name} may not use {other}, which stands above it"
            );
            assert!(
                !uses || (*name, *other) != ("http", "xmpp"),
                "http and xmpp stay strangers"
            );
        }
    }
}

#[test]
fn every_crate_stands_in_the_order_and_on_the_architecture_page() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            ORDER.contains(&name.as_str()),
            "give crates/{name} its place in the order"
        );
        assert!(
            page.contains(&format!("`{name}`")),
            "ARCHITECTURE.md does not name `{name}`"
        );
    }
}

#[test]
fn sql_is_written_only_in_store() {
    for path in files().iter().filter(|p| has_extension(p, &["rs"])) {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        if name.starts_with("crates/store/") || name.starts_with("crates/testkit/") {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        for statement in ["SELECT ", "INSERT INTO", "DELETE FROM", "CREATE TABLE", "PRAGMA "] {
            assert!(
                !text.contains(statement),
                "{name} holds SQL ({statement}): it belongs into store"
            );
        }
    }
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let own = Path::new("crates/testkit/tests/tidy.rs");
    let forbidden = ["/work/", "/root/", "registry.npmjs.org", "index.crates.io"];
    for path in files() {
        if path.ends_with(own) || path.ends_with("Cargo.lock") || path.ends_with("fuzz/Cargo.lock") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for word in forbidden {
            assert!(!text.contains(word), "{} says {word}", path.display());
        }
    }
}

/// Commands stand in `sh` fences, which `tests/docs` runs: under another name they would escape it.
#[test]
fn commands_in_documents_stand_where_they_are_run() {
    const SHOWN: [&str; 7] = ["sh", "text", "xml", "toml", "json", "nginx", "zone"];
    for path in files().iter().filter(|path| has_extension(path, &["md"])) {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let text = fs::read_to_string(path).unwrap();
        let mut is_inside = false;
        for (number, line) in (1..).zip(text.lines()) {
            let Some(language) = line.trim_start().strip_prefix("```") else {
                continue;
            };
            assert!(
                is_inside || SHOWN.contains(&language.trim()),
                "{name}:{number}: a fence of {language:?}; commands stand in sh, what is only shown in {SHOWN:?}"
            );
            is_inside = !is_inside;
        }
        for reason in text.split("<!-- not run:").skip(1) {
            let reason = reason.split("-->").next().unwrap_or_default();
            assert!(
                reason.split_whitespace().count() >= 3,
                "{name}: say why it is not run:{reason}"
            );
        }
    }
}

#[test]
fn dependencies_are_permissive_or_mpl() {
    const ALLOWED: [&str; 17] = [
        "MIT",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-1-Clause",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Zlib",
        "0BSD",
        "Unicode-3.0",
        "Unicode-DFS-2016",
        "MPL-2.0",
        "CC0-1.0",
        "BSL-1.0",
        "OpenSSL",
        "Unlicense",
        "CDLA-Permissive-2.0",
    ];
    // Only for this platform: what others would need has not been fetched.
    let version = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    let told = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            host,
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        let (name, licence) = (
            package["name"].as_str().unwrap(),
            package["license"].as_str().unwrap_or(""),
        );
        // One alternative, all of whose parts are allowed, is enough.
        let acceptable = licence
            .replace('/', " OR ")
            .replace(['(', ')'], "")
            .split(" OR ")
            .any(|alternative| {
                alternative
                    .split(" AND ")
                    .all(|part| ALLOWED.contains(&part.trim()))
            });
        assert!(acceptable, "{name} is under {licence:?}");
    }
}
