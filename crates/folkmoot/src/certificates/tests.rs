#![allow(clippy::unwrap_used)]
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::scratch::Folder;

fn config(folder: &Folder) -> Config {
    Config {
        data: folder.path().to_owned(),
        domains: vec!["bücher.example".into()],
        ..Config::default()
    }
}

/// Writes a certificate for these names, good until `year`, and says where.
fn made(folder: &Folder, file: &str, names: &[&str], year: i32) -> (PathBuf, PathBuf) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = rcgen::CertificateParams::new(names).unwrap();
    parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let paths = (
        folder.path().join(format!("{file}.pem")),
        folder.path().join(format!("{file}.key")),
    );
    std::fs::write(&paths.0, parameters.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&paths.1, key.serialize_pem()).unwrap();
    paths
}

fn chain(certificates: &Certificates) -> Vec<u8> {
    certificates.shown()[0].pair.chain()[0].to_vec()
}

#[test]
fn a_development_certificate_is_made_once() {
    let folder = Folder::new("certificate");
    let first = Certificates::open(&config(&folder)).unwrap();
    let second = Certificates::open(&config(&folder)).unwrap();
    assert_eq!(chain(&first), chain(&second));
    assert_eq!(first.https.alpn_protocols, [b"http/1.1"]);
    let key = folder.path().join(FOLDER).join("self-signed.key");
    let mode = std::fs::metadata(key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_reload_shows_the_new_one_and_keeps_the_old_on_an_error() {
    let folder = Folder::new("reload");
    let mut config = config(&folder);
    let (certificate, key) = made(&folder, "own", &["xn--bcher-kva.example"], 2999);
    config.tls.certificate = vec![certificate.clone()];
    config.tls.key = vec![key.clone()];
    let certificates = Certificates::open(&config).unwrap();
    let before = chain(&certificates);
    std::fs::write(&certificate, "garbage").unwrap();
    certificates.reload().unwrap_err();
    assert_eq!(chain(&certificates), before);

    let (fresh, fresh_key) = made(&folder, "fresh", &["xn--bcher-kva.example"], 2999);
    std::fs::copy(&fresh, &certificate).unwrap();
    let mixed = certificates.reload().unwrap_err().to_string();
    assert!(mixed.contains("do not belong together"), "{mixed}");
    assert_eq!(chain(&certificates), before);
    std::fs::copy(&fresh_key, &key).unwrap();
    certificates.reload().unwrap();
    assert_ne!(chain(&certificates), before);
}

#[test]
fn each_domain_has_its_own_and_the_first_domains_is_for_all_others() {
    let folder = Folder::new("several");
    let mut config = config(&folder);
    config.domains.push("b.example".into());
    for (file, names) in [
        ("b", ["b.example", "*.b.example"]),
        ("first", ["xn--bcher-kva.example", "site.example"]),
    ] {
        let (certificate, key) = made(&folder, file, &names, 2999);
        config.tls.certificate.push(certificate);
        config.tls.key.push(key);
    }
    let names = |config: &Config| -> Vec<String> {
        gather(config)
            .unwrap()
            .iter()
            .map(|entry| entry.pair.name().to_owned())
            .collect()
    };
    assert_eq!(names(&config), ["xn--bcher-kva.example", "b.example"]);
    // A domain without one is a finding of `check` where files are configured, and is shown the self-signed one where
    // others are still being fetched.
    config.domains.push("c.example".into());
    assert_eq!(names(&config).len(), 2);
    config.acme.enabled = true;
    assert_eq!(names(&config).len(), 3);
}
