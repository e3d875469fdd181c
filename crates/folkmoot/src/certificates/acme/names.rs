//! Which names are asked of an ACME authority: one certificate for each domain that no configured file is for.

use crate::certificates::{Entry, ascii};
use crate::config::Config;
use crate::settings;

/// One certificate that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it is filed under: its first name, in ASCII.
    pub domain: String,
    /// All of its names, in ASCII.
    pub names: Vec<String>,
}

/// The certificates to fetch, beside those of configured files.
pub fn wanted(config: &Config, files: &[Entry]) -> Vec<Wanted> {
    let is_free = |name: &String| !files.iter().any(|entry| entry.pair.is_for(name));
    let mut all: Vec<Wanted> = Vec::new();
    for domain in config.domains.iter().filter_map(|domain| ascii(domain).ok()) {
        let mut names = vec![domain.clone()];
        if config.acme.services {
            names.push(format!("{}.{domain}", config.services.pubsub));
        }
        names.retain(is_free);
        if let Some(domain) = names.first().cloned() {
            all.push(Wanted { domain, names });
        }
    }
    let site = settings::site_url(config, None);
    let host = host_of(&site).and_then(|host| ascii(host).ok());
    let more = config.acme.names.iter().filter_map(|name| ascii(name).ok());
    for name in host.into_iter().chain(more) {
        if !is_free(&name) || all.iter().any(|one| one.names.contains(&name)) {
            continue;
        }
        match all.first_mut() {
            Some(first) => first.names.push(name),
            None => all.push(Wanted {
                domain: name.clone(),
                names: vec![name],
            }),
        }
    }
    all
}

/// The host in a URL of the web.
pub fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

/// Whether a public authority can vouch for the name: it must be found from everywhere (RFC 6761, RFC 6762).
pub fn is_public(name: &str) -> bool {
    name.contains('.')
        && name.parse::<std::net::IpAddr>().is_err()
        && ![
            "local",
            "localhost",
            "internal",
            "lan",
            "home.arpa",
            "test",
            "invalid",
        ]
        .iter()
        .any(|own| name.strip_suffix(own).is_some_and(|rest| rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_domain_has_its_own_and_the_first_the_sites() {
        let mut config = Config {
            domains: vec!["bücher.example".into(), "b.example".into()],
            site_url: "https://social.example:8443".into(),
            ..Config::default()
        };
        config.acme.names = vec!["B.example".into(), "www.example".into()];
        config.acme.services = true;
        let named = |wanted: &Wanted| wanted.names.join(" ");
        assert_eq!(
            wanted(&config, &[]).iter().map(named).collect::<Vec<_>>(),
            [
                "xn--bcher-kva.example pubsub.xn--bcher-kva.example social.example www.example",
                "b.example pubsub.b.example"
            ]
        );
    }

    #[test]
    fn hosts_and_what_is_public() {
        assert_eq!(host_of("https://a.example:5443/x"), Some("a.example"));
        assert_eq!(host_of("https://[::1]:5443"), Some("::1"));
        assert_eq!(host_of("a.example"), None);
        assert!(is_public("example.org"));
        for own in [
            "localhost",
            "box.local",
            "192.0.2.1",
            "a.localhost",
            "nas.home.arpa",
        ] {
            assert!(!is_public(own), "{own}");
        }
    }
}
