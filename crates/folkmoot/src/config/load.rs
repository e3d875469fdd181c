//! Puts the layers of the configuration together and refuses keys that nobody knows.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};

use super::{Config, Port};

/// The files that are looked for when none is named; the first that exists is read.
const USUAL_FILES: [&str; 2] = ["folkmoot.toml", "/etc/folkmoot/folkmoot.toml"];
/// What the environment's names begin with.
const PREFIX: &str = "FOLKMOOT_";

/// What the command line sets; each wins over file and environment.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--domain`, which may be repeated
    pub domains: Vec<String>,
    /// `--data`
    pub data: Option<PathBuf>,
    /// `--bind`
    pub bind: Option<IpAddr>,
    /// `--http-port`
    pub http_port: Option<u16>,
    /// `--lan`
    pub lan: bool,
    /// `--set KEY=VALUE` of every other setting, in TOML's words
    pub set: Vec<(String, String)>,
}

/// Reads all layers.
pub fn load(flags: &Flags) -> anyhow::Result<Config> {
    let environment: BTreeMap<String, String> = std::env::vars()
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    load_from(flags, &environment)
}

/// The same with the environment given.
fn load_from(flags: &Flags, environment: &BTreeMap<String, String>) -> anyhow::Result<Config> {
    let known = known_keys();
    let mut figment = Figment::from(Serialized::defaults(Config::default()));

    let file = match &flags.config {
        Some(path) => {
            if !path.is_file() {
                bail!("the configuration file {} does not exist", path.display());
            }
            Some(path.clone())
        }
        None => USUAL_FILES.iter().map(PathBuf::from).find(|path| path.is_file()),
    };
    if let Some(path) = &file {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let table: Dict = Figment::from(Toml::string(&text))
            .extract()
            .map_err(|error| clear(error, &path.display().to_string()))?;
        refuse_unknown(&table, &known, &path.display().to_string())?;
        figment = figment.merge(Toml::string(&text));
    }

    for (name, value) in environment {
        let Some(key) = known.iter().find(|key| environment_name(key) == *name) else {
            let nearest = nearest(name, known.iter().map(|key| environment_name(key)));
            bail!("unknown setting {name} in the environment: did you mean {nearest}?");
        };
        figment = merge_one(figment, key, value, &format!("the environment ({name})"))?;
    }

    for (key, value) in &flags.set {
        if !known.contains(key) {
            let nearest = nearest(key, known.iter().cloned());
            bail!("unknown key \"{key}\" in --set: did you mean \"{nearest}\"?");
        }
        figment = merge_one(figment, key, value, "--set")?;
    }
    let mut config: Config = figment.extract().map_err(|error| {
        let source = file
            .as_ref()
            .map_or_else(|| "the configuration".into(), |path| path.display().to_string());
        clear(error, &source)
    })?;
    if !flags.domains.is_empty() {
        config.domains.clone_from(&flags.domains);
    }
    if let Some(data) = &flags.data {
        config.data.clone_from(data);
    }
    if let Some(bind) = flags.bind {
        config.bind = vec![bind];
    }
    if let Some(port) = flags.http_port {
        config.ports.http = Port::Number(port);
    }
    config.lan |= flags.lan;
    if config.lan {
        crate::lan::complete(&mut config)?;
    }
    validate(&mut config)?;
    Ok(config)
}

/// One value over the others, checked by itself so that the error names where it came from.
fn merge_one(figment: Figment, key: &str, value: &str, source: &str) -> anyhow::Result<Figment> {
    // `Env`'s reading of a value: numbers, booleans, `[a, b]`, else text.
    let parsed: Value = value.parse().unwrap_or_else(|_| Value::from(value));
    let merged = figment.merge(Serialized::default(key, parsed));
    merged.extract::<Config>().map_err(|error| clear(error, source))?;
    Ok(merged)
}

/// What each value must be beyond its type; domains are brought into their one form.
fn validate(config: &mut Config) -> anyhow::Result<()> {
    if config.domains.is_empty() {
        bail!("domains is empty: name at least one domain");
    }
    for domain in &mut config.domains {
        let Ok(jid) = wire::Jid::parse(domain) else {
            bail!("\"{domain}\" is not a domain name");
        };
        if jid.node().is_some() || !jid.is_bare() {
            bail!("\"{domain}\" is an address, not a domain: write only what follows the @");
        }
        *domain = jid.domain().to_owned();
    }
    let mut seen = config.domains.clone();
    seen.sort();
    seen.dedup();
    if seen.len() != config.domains.len() {
        bail!("a domain is named twice in domains");
    }
    while config.site_url.ends_with('/') {
        config.site_url.pop();
    }
    let is_web = config.site_url.starts_with("https://") || config.site_url.starts_with("http://");
    if !config.site_url.is_empty() && !is_web {
        bail!(
            "site_url must begin with https:// or http://, found \"{}\"",
            config.site_url
        );
    }
    let label = &config.services.pubsub;
    if label.is_empty()
        || !label
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    {
        bail!("services.pubsub must be one label of a host name (a-z, 0-9, -), found \"{label}\"");
    }
    for (key, address) in config.contacts.all() {
        if !is_uri(address) {
            bail!("{key} must hold URIs such as \"mailto:admin@example.org\", found \"{address}\"");
        }
    }
    if config.tls.certificate.len() != config.tls.key.len() {
        bail!("tls.certificate and tls.key go together: as many keys as certificates, in the same order");
    }
    if !config.ports.proxy_protocol.is_empty() && config.trusted_proxies.is_empty() {
        bail!("ports.proxy_protocol needs trusted_proxies: the networks from which the header is believed");
    }
    check_acme(config)?;
    super::components::check(config)?;
    let limits = &config.limits;
    for (key, value, least, most) in [
        (
            "limits.stanza_bytes",
            limits.stanza_bytes as u64,
            10_000,
            64 << 20,
        ),
        (
            "limits.stanza_bytes_before_sign_in",
            limits.stanza_bytes_before_sign_in as u64,
            2_048,
            1 << 20,
        ),
        ("limits.sign_in_seconds", limits.sign_in_seconds, 1, 3_600),
        (
            "limits.sign_in_attempts",
            u64::from(limits.sign_in_attempts),
            1,
            100,
        ),
        (
            "limits.failed_sign_ins_per_address_per_hour",
            u64::from(limits.failed_sign_ins_per_address_per_hour),
            1,
            1 << 30,
        ),
        (
            "limits.failed_sign_ins_per_account_per_hour",
            u64::from(limits.failed_sign_ins_per_account_per_hour),
            1,
            1 << 30,
        ),
        ("limits.close_seconds", limits.close_seconds, 1, 60),
        (
            "limits.mailbox_soft_bytes",
            limits.mailbox_soft_bytes as u64,
            16_384,
            1 << 30,
        ),
        (
            "limits.mailbox_hard_bytes",
            limits.mailbox_hard_bytes as u64,
            limits.mailbox_soft_bytes as u64,
            1 << 32,
        ),
        (
            "limits.session_bytes_per_second",
            u64::from(limits.session_bytes_per_second),
            1_024,
            u64::from(u32::MAX),
        ),
        (
            "limits.session_stanzas_per_second",
            u64::from(limits.session_stanzas_per_second),
            1,
            1 << 30,
        ),
        ("limits.flood_seconds", limits.flood_seconds, 1, 86_400),
        (
            "limits.sessions_per_account",
            limits.sessions_per_account as u64,
            1,
            100_000,
        ),
        (
            "limits.resume_seconds",
            u64::from(limits.resume_seconds),
            0,
            604_800,
        ),
        (
            "limits.waiting_sessions_per_account",
            limits.waiting_sessions_per_account as u64,
            1,
            100_000,
        ),
        (
            "limits.waiting_sessions",
            limits.waiting_sessions as u64,
            1,
            100_000_000,
        ),
        (
            "limits.invites_per_account",
            u64::from(limits.invites_per_account),
            1,
            1 << 20,
        ),
        (
            "registration.invite_days",
            u64::from(config.registration.invite_days),
            1,
            365,
        ),
        (
            "limits.devices_per_account",
            limits.devices_per_account as u64,
            1,
            10_000,
        ),
        ("limits.device_days", u64::from(limits.device_days), 1, 3_650),
        (
            "limits.push_endpoints_per_account",
            u64::from(limits.push_endpoints_per_account),
            0,
            10_000,
        ),
        (
            "archive.keep_days",
            u64::from(config.archive.keep_days),
            0,
            36_500,
        ),
        (
            "limits.connections_per_address",
            limits.connections_per_address as u64,
            1,
            10_000_000,
        ),
        (
            "limits.http_connections",
            limits.http_connections as u64,
            1,
            10_000_000,
        ),
        (
            "limits.http_requests_per_minute",
            u64::from(limits.http_requests_per_minute),
            1,
            1 << 30,
        ),
        (
            "limits.http_body_bytes",
            limits.http_body_bytes as u64,
            1_024,
            1 << 30,
        ),
        ("limits.http_seconds", limits.http_seconds, 1, 3_600),
        ("limits.shutdown_seconds", limits.shutdown_seconds, 1, 60),
        // RFC 5802 §5.1 asks for at least 4,096.
        (
            "passwords.scram_rounds",
            u64::from(config.passwords.scram_rounds),
            4_096,
            10_000_000,
        ),
        (
            "registration.proof_of_work_bits",
            u64::from(config.registration.proof_of_work_bits),
            0,
            32,
        ),
        (
            "registration.per_address_per_hour",
            u64::from(config.registration.per_address_per_hour),
            1,
            1 << 30,
        ),
        ("store.readers", config.store.readers as u64, 1, 64),
    ] {
        if !(least..=most).contains(&value) {
            bail!("{key} is {value}: it must lie between {least} and {most}");
        }
    }
    Ok(())
}

/// What fetching certificates needs.
fn check_acme(config: &Config) -> anyhow::Result<()> {
    let acme = &config.acme;
    if !acme.directory.is_empty() && !acme.directory.starts_with("https://") {
        bail!(
            "acme.directory must begin with https://, found \"{}\"",
            acme.directory
        );
    }
    if !acme.directory.is_empty() && acme.staging {
        bail!("acme.staging is of Let's Encrypt: leave it or acme.directory out");
    }
    for contact in &acme.contacts {
        if !contact.starts_with("mailto:") || !is_uri(contact) {
            bail!(
                "acme.contacts must hold addresses such as \"mailto:admin@example.org\", found \"{contact}\""
            );
        }
    }
    if acme.enabled && !acme.agree_to_terms {
        bail!(
            "acme.enabled needs acme.agree_to_terms = true: read the authority's terms first (Let's Encrypt's: https://letsencrypt.org/repository/)"
        );
    }
    let (needed, key) = match acme.challenge {
        super::Challenge::Http01 => (config.ports.http, "ports.http"),
        super::Challenge::TlsAlpn01 => (config.ports.https, "ports.https"),
    };
    if acme.enabled && needed == Port::Off {
        bail!("acme.challenge needs {key}, which is off: choose the other challenge, or a port");
    }
    Ok(())
}

/// Whether a text is a scheme, a colon, and something without white space (RFC 3986 §3).
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !rest.is_empty()
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Every key, with dots.
pub(super) fn known_keys() -> Vec<String> {
    let Ok(toml::Value::Table(table)) = toml::Value::try_from(Config::default()) else {
        return Vec::new();
    };
    let mut keys = Vec::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => keys.extend(inner.keys().map(|name| format!("{key}.{name}"))),
            _ => keys.push(key),
        }
    }
    keys
}

/// The environment's name of a key: `ports.http` is `FOLKMOOT_PORTS_HTTP`.
pub(super) fn environment_name(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// An error for the first key of a file that is not known, with the nearest that is.
fn refuse_unknown(table: &Dict, known: &[String], source: &str) -> anyhow::Result<()> {
    for (key, value) in table {
        let mut found = vec![key.clone()];
        if let Value::Dict(_, inner) = value {
            found = inner.keys().map(|name| format!("{key}.{name}")).collect();
        }
        for name in found {
            if !known.contains(&name) {
                let nearest = nearest(&name, known.iter().cloned());
                bail!("unknown key \"{name}\" in {source}: did you mean \"{nearest}\"?");
            }
        }
    }
    Ok(())
}

/// The candidate most like `wanted`; its last part counts too, so that `http_port` finds `ports.http`.
fn nearest(wanted: &str, candidates: impl Iterator<Item = String>) -> String {
    let likeness = |candidate: &str| {
        let last = candidate.rsplit('.').next().unwrap_or(candidate);
        let wanted_last = wanted.rsplit('.').next().unwrap_or(wanted);
        strsim::jaro_winkler(wanted, candidate).max(strsim::jaro_winkler(wanted_last, last))
    };
    candidates
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .unwrap_or_default()
}

/// Figment's error as one line: which key, what is wrong with it, where.
fn clear(error: figment::Error, source: &str) -> anyhow::Error {
    // Several problems come as a list; the first is enough to act on.
    let Some(first) = error.into_iter().next() else {
        return anyhow::anyhow!("the configuration in {source} cannot be read");
    };
    let key = first.path.join(".");
    let kind = first.kind.to_string().replace('\n', " ");
    if key.is_empty() {
        anyhow::anyhow!("{source}: {kind}")
    } else {
        anyhow::anyhow!("{source}: {key}: {kind}")
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
