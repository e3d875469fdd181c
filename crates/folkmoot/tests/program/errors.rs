//! What goes wrong at the start is one line that says what to do.

use std::io::{Seek, SeekFrom, Write};
use std::net::TcpListener;

use crate::running::{Folder, Server, failed, program, run};

#[test]
fn a_port_in_use_is_named_with_its_setting() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = failed(&run(&folder, &["serve", "--http-port", &port]));
    assert!(
        error.contains(&format!("port {port} on 127.0.0.1 is already in use")),
        "{error}"
    );
    assert!(error.contains("ports.http"), "{error}");
    let found = run(&folder, &["check", "--http-port", &port]);
    assert!(!found.status.success());
    assert!(String::from_utf8_lossy(&found.stdout).starts_with("error: port "));
}

#[test]
fn two_servers_do_not_share_a_folder() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let error = failed(&run(&folder, &["serve"]));
    assert!(error.contains("another folkmoot uses this folder"), "{error}");
    // The first is not disturbed.
    assert_eq!(server.get("/healthz").0, 200);
    assert!(folder.data().join("ports.json").exists());
}

#[test]
fn a_newer_database_is_left_alone() {
    let folder = Folder::new();
    Server::start(&folder, &[]).stop();
    let path = folder.data().join("folkmoot.db");
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    // The version of an application's own is at byte 60 of an SQLite file.
    file.seek(SeekFrom::Start(60)).unwrap();
    file.write_all(&9_999_u32.to_be_bytes()).unwrap();
    drop(file);
    let before = std::fs::read(&path).unwrap();
    let error = failed(&run(&folder, &["serve"]));
    assert!(error.contains("9999") && error.contains("newer"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let folder = Folder::new();
    std::fs::write(folder.join("file"), "").unwrap();
    let error = failed(&run(&folder, &["serve", "--data", "file/data"]));
    assert!(error.contains("file/data") && error.contains("--data"), "{error}");
    // Nobody can write there, not even root.
    let error = failed(&run(&folder, &["serve", "--data", "/proc/folkmoot"]));
    assert!(error.contains("/proc/folkmoot"), "{error}");
}

#[test]
fn a_server_for_tests_stays_on_this_machine() {
    let folder = Folder::new();
    let error = failed(&run(&folder, &["serve", "--dev", "--bind", "0.0.0.0"]));
    assert!(error.contains("--dev listens on loopback only"), "{error}");
    let server = Server::start(&folder, &["--dev", "--domain", "example.org"]);
    assert!(server.greeting.contains("sign-up  open"));
    assert_eq!(server.get("/healthz").0, 200);
}

#[test]
fn a_misspelt_setting_names_the_nearest() {
    let folder = Folder::new();
    std::fs::write(folder.join("folkmoot.toml"), "domians = ['a.example']\n").unwrap();
    let error = failed(&run(&folder, &["serve"]));
    assert!(
        error.contains("\"domians\"") && error.contains("\"domains\""),
        "{error}"
    );
    std::fs::remove_file(folder.join("folkmoot.toml")).unwrap();
    let error = failed(
        &program(&folder, &["check"])
            .env("FOLKMOOT_PORTS_HTP", "1")
            .output()
            .unwrap(),
    );
    assert!(error.contains("FOLKMOOT_PORTS_HTTP"), "{error}");
    let error = failed(&run(&folder, &["serve", "--set", "log=not==a filter"]));
    assert!(error.contains("log"), "{error}");
}

#[test]
fn a_missing_or_wrong_certificate_is_told() {
    let folder = Folder::new();
    let set = ["--set", "tls.certificate=own.pem", "--set", "tls.key=own.key"];
    let error = failed(&program(&folder, &["serve"]).args(set).output().unwrap());
    assert!(error.contains("own.pem"), "{error}");
    std::fs::write(folder.join("own.pem"), "no certificate").unwrap();
    let error = failed(&program(&folder, &["serve"]).args(set).output().unwrap());
    assert!(error.contains("holds no certificate"), "{error}");
}
