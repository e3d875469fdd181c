#![allow(clippy::unwrap_used)]
use super::*;
use crate::scratch::Folder;

fn config(folder: &Folder) -> Config {
    Config {
        data: folder.path().to_owned(),
        domains: vec!["bücher.example".into()],
        ..Config::default()
    }
}

#[test]
fn a_development_certificate_is_made_once() {
    let folder = Folder::new("certificate");
    let first = Certificates::open(&config(&folder)).unwrap();
    let second = Certificates::open(&config(&folder)).unwrap();
    assert_eq!(first.pair().chain, second.pair().chain);
    assert_eq!(first.https.load().alpn_protocols, [b"http/1.1"]);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&first.paths().key)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_reload_shows_the_new_one_and_keeps_the_old_on_an_error() {
    let folder = Folder::new("reload");
    let certificates = Certificates::open(&config(&folder)).unwrap();
    let (before, served) = (certificates.pair().chain.clone(), certificates.https.load_full());
    std::fs::write(&certificates.paths().certificate, "garbage").unwrap();
    certificates.reload().unwrap_err();
    assert_eq!(certificates.pair().chain, before);
    assert!(Arc::ptr_eq(&certificates.https.load_full(), &served));

    let other = Folder::new("reload-other");
    let fresh = Certificates::open(&config(&other)).unwrap();
    std::fs::copy(&fresh.paths().certificate, &certificates.paths().certificate).unwrap();
    let mixed = certificates.reload().unwrap_err().to_string();
    assert!(mixed.contains("do not belong together"), "{mixed}");
    std::fs::copy(&fresh.paths().key, &certificates.paths().key).unwrap();
    certificates.reload().unwrap();
    assert_eq!(certificates.pair().chain, fresh.pair().chain);
}
