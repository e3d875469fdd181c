#![allow(clippy::unwrap_used)]
use super::*;
use crate::config::{Audience, Policy};

fn with_environment(pairs: &[(&str, &str)]) -> anyhow::Result<Config> {
    let environment = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    load_from(&Flags::default(), &environment)
}

fn with_file(text: &str) -> anyhow::Result<Config> {
    let folder = crate::scratch::Folder::new("config");
    let path = folder.path().join("folkmoot.toml");
    std::fs::write(&path, text).unwrap();
    load_from(
        &Flags {
            config: Some(path),
            ..Flags::default()
        },
        &BTreeMap::new(),
    )
}

#[test]
fn nothing_given_is_the_defaults() {
    assert_eq!(with_environment(&[]).unwrap(), Config::default());
}

#[test]
fn the_environments_names_do_not_collide() {
    let mut names: Vec<_> = known_keys().iter().map(|key| environment_name(key)).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(all > 30);
}

#[test]
fn each_layer_wins_over_the_one_before() {
    let folder = crate::scratch::Folder::new("layers");
    let path = folder.path().join("folkmoot.toml");
    std::fs::write(
        &path,
        "domains = ['file.example']\nlog = 'warn'\n[ports]\nhttp = 1\nhttps = 'off'\n",
    )
    .unwrap();
    let environment = BTreeMap::from([
        ("FOLKMOOT_LOG".to_owned(), "debug".to_owned()),
        ("FOLKMOOT_PORTS_HTTP".to_owned(), "2".to_owned()),
    ]);
    let flags = Flags {
        config: Some(path),
        http_port: Some(3),
        ..Flags::default()
    };
    let config = load_from(&flags, &environment).unwrap();
    assert_eq!(config.domains, ["file.example"]);
    assert_eq!(config.log, "debug");
    assert_eq!(config.ports.http, Port::Number(3));
    assert_eq!(config.ports.https, Port::Off);
    assert_eq!(config.ports.xmpp, Port::Number(5222));
}

#[test]
fn the_environment_takes_one_or_many() {
    let config = with_environment(&[
        ("FOLKMOOT_DOMAINS", "[a.example, b.example]"),
        ("FOLKMOOT_BIND", "127.0.0.1"),
    ])
    .unwrap();
    assert_eq!(config.domains, ["a.example", "b.example"]);
    assert_eq!(config.bind, ["127.0.0.1".parse::<IpAddr>().unwrap()]);
}

#[test]
fn an_unknown_key_names_the_nearest() {
    for (text, nearest) in [
        ("domians = ['a']", "\"domains\""),
        ("http_port = 1", "\"ports.http\""),
        ("[ports]\nhtttp = 1", "\"ports.http\""),
        ("[limit]\nstanza_bytes = 1", "\"limits.stanza_bytes\""),
    ] {
        let error = with_file(text).unwrap_err().to_string();
        assert!(
            error.contains("unknown key") && error.contains(nearest),
            "{error}"
        );
    }
    let error = with_environment(&[("FOLKMOOT_DOMAIN", "a")])
        .unwrap_err()
        .to_string();
    assert!(error.contains("FOLKMOOT_DOMAINS"), "{error}");
}

#[test]
fn a_bad_value_is_one_line_that_names_its_key() {
    for (text, part) in [
        ("[ports]\nhttp = 'of'", "ports.http"),
        (
            "[ports]\nhttp = 70000",
            "ports.http: a port is a number up to 65535",
        ),
        (
            "trusted_proxies = ['10.0.0.0/99']",
            "\"10.0.0.0/99\" is not a network",
        ),
        ("domains = 3", "domains: invalid type"),
        ("bind = 'x'", "bind: invalid IP address"),
        ("log = 3", "log"),
        ("[limits]\nstanza_bytes = 1", "limits.stanza_bytes"),
        ("[registration]\npolicy = 'opn'", "registration.policy"),
        ("domains = ['romeo@a.example']", "romeo@a.example"),
        ("domains = []", "domains"),
        ("site_url = 'example.org'", "site_url"),
        ("[tls]\ncertificate = 'a.pem'", "tls.key"),
        ("[contacts]\nabuse = 'abuse@a.example'", "contacts.abuse"),
        ("[contacts]\nadmin = ['xmpp:a@b', 'mailto: a']", "contacts.admin"),
        ("this is no toml", "expected"),
    ] {
        let error = with_file(text).unwrap_err().to_string();
        assert!(
            error.contains(part) && !error.trim().contains('\n'),
            "{text}: {error}"
        );
    }
}

#[test]
fn auto_depends_on_the_domain() {
    assert_eq!(Config::default().policy(), Policy::Open);
    let config = with_file("domains = 'Example.ORG'").unwrap();
    assert_eq!(config.domains, ["example.org"]);
    assert_eq!(config.policy(), Policy::Invite);
    assert_eq!(config.registration.audience, Audience::Open);
}

#[test]
fn a_flag_can_set_any_key() {
    let set = vec![("limits.http_seconds".to_owned(), "5".to_owned())];
    let config = load_from(
        &Flags {
            set,
            ..Flags::default()
        },
        &BTreeMap::new(),
    )
    .unwrap();
    assert_eq!(config.limits.http_seconds, 5);
    let set = vec![("limits.http_second".to_owned(), "5".to_owned())];
    let error = load_from(
        &Flags {
            set,
            ..Flags::default()
        },
        &BTreeMap::new(),
    )
    .unwrap_err()
    .to_string();
    assert!(error.contains("limits.http_seconds"), "{error}");
}
