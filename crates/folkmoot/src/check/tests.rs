#![allow(clippy::unwrap_used)]
use super::*;
use crate::scratch::Folder;

/// A configuration in which nothing is wrong.
fn good(folder: &Folder) -> Config {
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut config = Config {
        data: folder.path().to_owned(),
        bind: vec![[127, 0, 0, 1].into()],
        ..Config::default()
    };
    for port in [
        &mut config.ports.xmpp,
        &mut config.ports.xmpp_tls,
        &mut config.ports.http,
        &mut config.ports.https,
    ] {
        *port = Port::Number(0);
    }
    config
}

fn lines(config: &Config) -> Vec<String> {
    // How full this machine's disk is, and how many files it allows, is not this test's subject.
    let about_the_machine = |line: &String| !line.contains(" MiB are free") && !line.contains("hard limit");
    check(config, Mode::Usual)
        .iter()
        .map(ToString::to_string)
        .filter(about_the_machine)
        .collect()
}

#[test]
fn nothing_wrong_is_nothing_said() {
    assert_eq!(lines(&good(&Folder::new("check"))), Vec::<String>::new());
}

#[test]
fn a_port_in_use_is_named() {
    let folder = Folder::new("check-port");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut config = good(&folder);
    config.ports.http = Port::Number(port);
    let found = lines(&config);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with(&format!("error: port {port} on 127.0.0.1 is already in use")),
        "{found:?}"
    );
    assert!(found[0].contains("ports.http"));
}

#[test]
fn a_folder_that_others_can_read_is_told() {
    let folder = Folder::new("check-rights");
    let config = good(&folder);
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let found = lines(&config);
    assert!(found.len() == 1 && found[0].contains("chmod 700"), "{found:?}");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let config = Config {
        data: file.join("data"),
        ..config
    };
    assert!(lines(&config).iter().any(|line| line.contains("is not a folder")));
}

#[test]
fn open_sign_up_for_everybody_is_told() {
    let folder = Folder::new("check-open");
    let mut config = good(&folder);
    config.bind = vec![[0, 0, 0, 0].into()];
    let found = lines(&config);
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("warning: anybody who reaches this server can sign up")),
        "{found:?}"
    );
    config.domains = vec!["example.org".into()];
    let found = lines(&config);
    assert!(!found.iter().any(|line| line.contains("sign up")), "{found:?}");
    assert!(found.iter().any(|line| line.contains("self-signed")), "{found:?}");
}

#[test]
fn a_certificate_is_held_against_the_domains_and_the_clock() {
    let folder = Folder::new("check-certificate");
    let mut config = good(&folder);
    config.domains = vec!["example.org".into()];
    config.tls.certificate = vec![folder.path().join("own.pem")];
    config.tls.key = vec![folder.path().join("own.key")];
    assert!(
        lines(&config)
            .iter()
            .any(|line| line.starts_with("error: cannot read the certificate"))
    );
    let make = |name: &str, year: i32| {
        let mut parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(
            &config.tls.certificate[0],
            parameters.self_signed(&key).unwrap().pem(),
        )
        .unwrap();
        crate::files::write_private(&config.tls.key[0], key.serialize_pem().as_bytes()).unwrap();
        lines(&config)
    };
    assert_eq!(make("example.org", 2999), Vec::<String>::new());
    assert!(make("other.example", 2999)[0].contains("does not name example.org"));
    assert!(make("example.org", 2020)[0].starts_with("error: the certificate"));
}

#[test]
fn an_upgrade_that_comes_is_announced_and_a_later_database_is_refused() {
    let folder = Folder::new("check-version");
    let config = good(&folder);
    let mut bytes = vec![0; 4_096];
    for (version, wanted) in [
        (1, "warning: the next start brings"),
        (store::DATABASE_VERSION + 1, "error: "),
    ] {
        bytes[60..64].copy_from_slice(&u32::to_be_bytes(version));
        std::fs::write(folder.path().join(store::DATABASE_FILE), &bytes).unwrap();
        let found = lines(&config);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(wanted), "{found:?}");
    }
    bytes[60..64].copy_from_slice(&u32::to_be_bytes(store::DATABASE_VERSION));
    std::fs::write(folder.path().join(store::DATABASE_FILE), &bytes).unwrap();
    assert_eq!(lines(&config), Vec::<String>::new());
}
