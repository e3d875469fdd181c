//! Certificates come from an authority, are renewed in time, and survive an authority that fails.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;

use rustls::pki_types::CertificateDer;

use crate::handshake::{Tls, chain, connect, is_for};
use crate::names::Names;
use crate::pebble::Place;
use crate::running::{Folder, Server, run};

const YEAR: u64 = 31_536_000;

fn start(folder: &Folder, place: &Place, challenge: &str, more: &[&str]) -> Server {
    let settings = place.settings(challenge);
    let mut arguments: Vec<&str> = settings.iter().map(String::as_str).collect();
    // What is waited for is asked for often.
    arguments.extend(["--set", "limits.http_requests_per_minute=1000000"]);
    arguments.extend([
        "--bind",
        "127.0.0.1",
        "--domain",
        "a.example",
        "--domain",
        "b.example",
    ]);
    arguments.extend(more);
    Server::start(folder, &arguments)
}

/// What a service shows to whoever asks for this name.
fn shown(server: &Server, service: &str, name: &str) -> Vec<CertificateDer<'static>> {
    let protocol: &[u8] = if service == "https" {
        b"http/1.1"
    } else {
        b"xmpp-client"
    };
    chain(&connect(server.connect(service), name, protocol).unwrap())
}

/// Waits until a name's certificate is one of the authority, and not `old`.
fn issued(server: &Server, name: &str, old: Option<&CertificateDer<'static>>) -> CertificateDer<'static> {
    loop {
        let chain = shown(server, "https", name);
        // A self-signed one has nobody above it.
        if chain.len() > 1 && Some(&chain[0]) != old {
            return chain[0].clone();
        }
        std::thread::yield_now();
    }
}

/// Waits until so many attempts for the name have failed in a row.
fn failures(server: &Server, name: &str, count: u32) -> String {
    let line = format!("folkmoot_certificate_failures{{name=\"{name}\"}} {count}");
    loop {
        let (_, page) = server.get("/metrics");
        if page.contains(&line) {
            return page;
        }
        std::thread::yield_now();
    }
}

fn ask(stream: &mut Tls) {
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .unwrap();
    let mut seen = String::new();
    let mut bytes = [0; 1_024];
    while !seen.ends_with("ok\n") {
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
}

fn names() -> Names {
    let names = Names::start();
    for name in ["a.example", "b.example", "social.a.example"] {
        names.address(name, Ipv4Addr::LOCALHOST);
    }
    names
}

#[test]
fn each_domain_gets_its_certificate_while_people_are_connected() {
    let (folder, names) = (Folder::new(), names());
    let place = Place::new(&folder);
    let server = start(
        &folder,
        &place,
        "http-01",
        &["--set", "site_url=https://social.a.example"],
    );

    // Nobody answers yet: the server runs all the same, and says so.
    let page = failures(&server, "a.example", 1);
    assert!(
        page.contains("folkmoot_certificate_not_after_seconds{name="),
        "{page}"
    );
    assert_eq!(shown(&server, "https", "a.example").len(), 1);
    let mut standing = connect(server.connect("https"), "a.example", b"http/1.1").unwrap();
    ask(&mut standing);
    let mut arguments = vec!["check", "--domain", "a.example", "--domain", "b.example"];
    let settings = place.settings("http-01");
    arguments.extend(settings.iter().map(String::as_str));
    let told = String::from_utf8(run(&folder, &arguments).stdout).unwrap();
    assert!(
        told.contains("error: acme: the certificate for a.example"),
        "{told}"
    );
    assert!(told.contains("1 failed attempts"), "{told}");

    let pebble = place.start(&names, &server, YEAR);
    server.signal("HUP");
    let first = issued(&server, "a.example", None);
    let second = issued(&server, "b.example", None);
    assert!(is_for(&first, "a.example") && is_for(&first, "social.a.example"));
    assert!(!is_for(&first, "b.example") && is_for(&second, "b.example"));
    assert_eq!(shown(&server, "https", "social.a.example")[0], first);
    assert_eq!(shown(&server, "https", "unknown.example")[0], first);
    assert_eq!(shown(&server, "xmpp_tls", "a.example")[0], first);
    assert_eq!(shown(&server, "xmpp_tls", "b.example")[0], second);
    ask(&mut standing);
    failures(&server, "a.example", 0);
    failures(&server, "b.example", 0);
    let told = String::from_utf8(run(&folder, &arguments).stdout).unwrap();
    assert!(!told.contains("acme:"), "{told}");

    let certificates = std::fs::read_dir(folder.data().join("certificates")).unwrap();
    let mut kept = Vec::new();
    for entry in certificates {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0);
        kept.push(entry.file_name().into_string().unwrap());
    }
    for wanted in ["account.json", "-a.example.pem", "-b.example.pem"] {
        assert!(kept.iter().any(|name| name.ends_with(wanted)), "{kept:?}");
    }
    drop(pebble);

    // After a restart they are there at once, though nobody could be asked.
    assert!(server.stop().0.success());
    let again = start(
        &folder,
        &place,
        "http-01",
        &["--set", "site_url=https://social.a.example"],
    );
    assert_eq!(shown(&again, "https", "a.example")[0], first);
    assert!(again.stop().0.success());
}

#[test]
fn a_certificate_that_expires_overnight_is_renewed_and_a_failure_keeps_the_old_one() {
    let (folder, names) = (Folder::new(), names());
    let place = Place::new(&folder);
    let server = start(
        &folder,
        &place,
        "tls-alpn-01",
        &["--set", "site_url=https://a.example"],
    );
    failures(&server, "b.example", 1);
    // A night of twelve seconds: renewed after eight.
    let pebble = place.start(&names, &server, 12);
    server.signal("HUP");
    let first = issued(&server, "a.example", None);
    let renewed = issued(&server, "a.example", Some(&first));
    assert!(is_for(&renewed, "a.example"));

    // The authority is gone at the next renewal: what is there stays, and the log says why.
    drop(pebble);
    failures(&server, "a.example", 1);
    let kept = shown(&server, "https", "a.example");
    assert!(kept.len() > 1, "the old one is shown");

    // It is back.
    let _pebble = place.start(&names, &server, YEAR);
    server.signal("HUP");
    let last = issued(&server, "a.example", Some(&kept[0]));
    assert!(is_for(&last, "a.example"));
    let (status, log) = server.stop();
    assert!(status.success());
    assert!(log.contains("the certificate was not renewed"), "{log}");
    assert!(log.contains("cannot connect to localhost"), "{log}");
}

#[test]
fn nobody_is_asked_before_the_operator_has_agreed() {
    let folder = Folder::new();
    let output = run(
        &folder,
        &["serve", "--domain", "a.example", "--set", "acme.enabled=true"],
    );
    let told = crate::running::failed(&output);
    assert!(told.contains("acme.agree_to_terms"), "{told}");
}
