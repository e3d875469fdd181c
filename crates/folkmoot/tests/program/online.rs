//! `check --online`: the records wanted, and one line for each thing that is wrong as seen from outside.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::names::Names;
use crate::running::{Folder, Server, program};

/// A machine whose clock is right, or not: HTTPS that tells the time.
struct Clock {
    port: u16,
    certificate: PathBuf,
}

impl Clock {
    /// Answers once for each of these moments.
    fn start(folder: &Folder, moments: Vec<SystemTime>) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = folder.join("clock.pem");
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for moment in moments {
                let (socket, _) = listener.accept().unwrap();
                let connection = rustls::ServerConnection::new(config.clone()).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, socket);
                let mut asked = [0; 4_096];
                let _ = stream.read(&mut asked);
                let date = httpdate::fmt_http_date(moment);
                let answer = format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        Self { port, certificate }
    }
}

/// A certificate for these names, good until `year`, as files of the server.
fn certificate(folder: &Folder, names: &[&str], year: i32) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = rcgen::CertificateParams::new(names).unwrap();
    parameters.not_before = rcgen::date_time_ymd(2000, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(
        folder.join("own.pem"),
        parameters.self_signed(&key).unwrap().pem(),
    )
    .unwrap();
    crate::running::write_private(&folder.join("own.key"), &key.serialize_pem());
}

struct World {
    folder: Folder,
    names: Names,
    server: Server,
    clock: Clock,
}

const FILES: [&str; 8] = [
    "--domain",
    "a.example",
    "--bind",
    "127.0.0.1",
    "--set",
    "tls.certificate=own.pem",
    "--set",
    "tls.key=own.key",
];

impl World {
    fn new(moments: Vec<SystemTime>) -> Self {
        let (folder, names) = (Folder::new(), Names::start());
        certificate(&folder, &["a.example"], 2999);
        let server = Server::start(&folder, &FILES);
        let clock = Clock::start(&folder, moments);
        let world = Self {
            folder,
            names,
            server,
            clock,
        };
        world.names.address("a.example", Ipv4Addr::LOCALHOST);
        for (name, port) in [("xmpp-client", "xmpp"), ("xmpps-client", "xmpp_tls")] {
            let name = format!("_{name}._tcp.a.example");
            world.names.service(&name, "a.example", world.server.port(port));
        }
        world
    }

    fn check(&self, more: &[&str]) -> Output {
        let mut arguments = vec!["check", "--online"];
        arguments.extend(FILES);
        let dns = self.names.address.to_string();
        let site = format!("site_url=https://a.example:{}", self.server.port("https"));
        let directory = format!("acme.directory=\"https://localhost:{}/dir\"", self.clock.port);
        let ca = format!("acme.ca={}", self.clock.certificate.display());
        arguments.extend(["--dns", &dns, "--address", "127.0.0.1"]);
        arguments.extend(["--set", &site, "--set", &directory, "--set", &ca]);
        arguments.extend(more);
        program(&self.folder, &arguments)
            .env("SSL_CERT_FILE", self.folder.join("own.pem"))
            .output()
            .unwrap()
    }

    /// The lines that begin as findings do.
    fn findings(&self) -> Vec<String> {
        let output = self.check(&[]);
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("; where clients connect"), "{text}{errors}");
        let about_this_machine = |line: &str| line.contains(" MiB are free") || line.contains("hard limit");
        text.lines()
            .filter(|line| line.starts_with("error: ") || line.starts_with("warning: "))
            .filter(|line| !about_this_machine(line))
            .map(str::to_owned)
            .collect()
    }
}

#[test]
fn where_all_is_well_only_the_records_are_printed() {
    let world = World::new(vec![SystemTime::now(), SystemTime::now()]);
    assert_eq!(world.findings(), Vec::<String>::new());
    let output = world.check(&["--json"]);
    assert!(output.status.success());
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["usable"], true);
    let records: Vec<_> = told["records"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|line| line.as_str())
        .collect();
    let (xmpp, tls) = (world.server.port("xmpp"), world.server.port("xmpp_tls"));
    for wanted in [
        "a.example. 3600 IN A 127.0.0.1".to_owned(),
        format!("_xmpp-client._tcp.a.example. 3600 IN SRV 0 5 {xmpp} a.example."),
        format!("_xmpps-client._tcp.a.example. 3600 IN SRV 0 5 {tls} a.example."),
        "; _xmpp-server._tcp.a.example. 3600 IN SRV 0 5 5269 a.example.".to_owned(),
        "; pubsub.a.example. 3600 IN CNAME a.example.".to_owned(),
    ] {
        assert!(records.contains(&wanted.as_str()), "{wanted} in {records:?}");
    }
}

#[test]
fn each_thing_that_is_wrong_has_its_line() {
    let hour = Duration::from_secs(3_600);
    let now = SystemTime::now();
    let world = World::new(vec![now - hour, now, now, now, now, now, now]);
    let has = |findings: &[String], words: &[&str]| {
        assert!(
            findings
                .iter()
                .any(|line| words.iter().all(|word| line.contains(word))),
            "{words:?} in {findings:#?}"
        );
    };
    let client = "_xmpp-client._tcp.a.example";

    let findings = world.findings();
    has(
        &findings,
        &[
            "error: clock: found 3",
            "s ahead of the authority's",
            "timedatectl",
        ],
    );
    assert_eq!(findings.len(), 1, "{findings:#?}");

    // Records: none, a wrong port, a target without an address, another machine, one that is not wanted.
    world.names.forget(client);
    has(
        &world.findings(),
        &[&format!("error: DNS: SRV {client}: found none, wanted 0 5 ")],
    );
    world.names.service(client, "nowhere.example", 9);
    world
        .names
        .service("_xmpp-server._tcp.a.example", "a.example", 5269);
    let findings = world.findings();
    has(&findings, &[client, "found nowhere.example:9, wanted 0 5 "]);
    has(&findings, &[client, "nowhere.example, which has no address"]);
    has(&findings, &["warning: DNS: SRV _xmpp-server._tcp", "remove it"]);
    world.names.forget(client);
    world.names.forget("_xmpp-server._tcp.a.example");
    world.names.address("a.example", Ipv4Addr::new(127, 0, 0, 9));
    world
        .names
        .service(client, "a.example", world.server.port("xmpp"));
    let findings = world.findings();
    has(
        &findings,
        &["warning: DNS: address of a.example: found 127.0.0.9, wanted 127.0.0.1"],
    );
    has(
        &findings,
        &[
            "error: XMPP of a.example",
            "(127.0.0.9)",
            "cannot connect",
            "firewall",
        ],
    );
    world.names.forget("a.example");
    world.names.address("a.example", Ipv4Addr::LOCALHOST);

    // Certificates: of another name, and past its end.
    for (names, year, words) in [
        (
            "b.example",
            2999,
            "found a certificate for other names, wanted one that names a.example",
        ),
        ("a.example", 2020, "found a certificate that has expired"),
    ] {
        certificate(&world.folder, &[names], year);
        let before = crate::handshake::chain(&shown(&world.server));
        world.server.signal("HUP");
        while crate::handshake::chain(&shown(&world.server)) == before {
            std::thread::yield_now();
        }
        let findings = world.findings();
        has(&findings, &["error: XMPP of a.example", words]);
        has(&findings, &["error: site https://a.example", words]);
        assert!(!world.check(&[]).status.success() || year > 2020);
    }
}

fn shown(server: &Server) -> crate::handshake::Tls {
    crate::handshake::connect(server.connect("https"), "a.example", b"http/1.1").unwrap()
}
