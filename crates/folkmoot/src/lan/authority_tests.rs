#![allow(clippy::unwrap_used)]
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};

use super::authority::{Paths, renew};
use crate::config::Config;
use crate::scratch::Folder;

fn config(folder: &Folder) -> Config {
    Config {
        domains: vec!["verona.local".into()],
        data: folder.path().into(),
        lan: true,
        ..Config::default()
    }
}

fn chain(config: &Config) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(Paths::of(config).certificate)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// Whether a client that trusts only this authority accepts the server under this name.
fn accepts(authority: &CertificateDer<'static>, chain: &[CertificateDer<'static>], name: &str) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier
        .verify_server_cert(&chain[0], &chain[1..], &name, &[], UnixTime::now())
        .is_ok()
}

#[test]
fn who_trusts_the_authority_trusts_the_server_at_each_of_its_addresses() {
    let folder = Folder::new("lan");
    let config = config(&folder);
    let addresses = ["127.0.0.1", "192.168.7.5", "fd00::5"].map(|address| address.parse().unwrap());
    let (authority, is_new) = renew(&config, &addresses).unwrap();
    assert!(is_new);
    let shown = chain(&config);
    for name in [
        "verona.local",
        "pubsub.verona.local",
        "192.168.7.5",
        "127.0.0.1",
        "fd00::5",
    ] {
        assert!(accepts(&authority.der, &shown, name), "{name}");
    }
    for name in ["192.168.7.6", "padua.local", "example.org"] {
        assert!(!accepts(&authority.der, &shown, name), "{name}");
    }
    let certificates = folder.path().join("certificates");
    for file in std::fs::read_dir(certificates).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(authority.fingerprint().len(), 32 * 3 - 1);
}

#[test]
fn the_certificate_follows_the_addresses_and_the_authority_stays() {
    let folder = Folder::new("lan");
    let config = config(&folder);
    let (before, after) = (["192.168.7.5".parse().unwrap()], ["10.1.2.3".parse().unwrap()]);
    let (authority, _) = renew(&config, &before).unwrap();
    assert!(!renew(&config, &before).unwrap().1, "nothing changed");
    let (same, is_new) = renew(&config, &after).unwrap();
    assert!(is_new);
    assert_eq!(same.der, authority.der);
    assert!(accepts(&authority.der, &chain(&config), "10.1.2.3"));
    // Another domain is none of this authority's.
    let other = Config {
        domains: vec!["padua.local".into()],
        ..config
    };
    let error = renew(&other, &after).unwrap_err().to_string();
    assert!(error.contains("another domain"), "{error}");
}

#[test]
fn the_authority_vouches_for_nothing_else() {
    // A key that was stolen signs for no bank: the constraint is in the certificate that phones installed.
    let folder = Folder::new("lan");
    let config = config(&folder);
    let (authority, _) = renew(&config, &["192.168.7.5".parse().unwrap()]).unwrap();
    for stolen in ["example.org", "203.0.113.7"] {
        let elsewhere = Config {
            domains: vec!["verona.local".into(), stolen.into()],
            ..config.clone()
        };
        let addresses: Vec<_> = stolen.parse().into_iter().collect();
        if renew(&elsewhere, &addresses).is_ok() {
            let shown = chain(&elsewhere);
            assert!(!accepts(&authority.der, &shown, stolen), "{stolen}");
            assert!(
                !accepts(&authority.der, &shown, "verona.local"),
                "not one with such a name in it"
            );
        }
    }
}
