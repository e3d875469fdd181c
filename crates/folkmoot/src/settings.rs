//! What the configuration means for the XMPP side and for the web site.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::config::{self, Config, Policy, Port};
use crate::house::Mode;
use crate::listeners::{Listeners, Service, addresses};

/// Proof of work that an open sign-up on a public address shows when the operator asked for none.
const LEAST_PUBLIC_BITS: u32 = 18;

/// The root of the web site as people reach it, without a trailing slash.
///
/// Unless it is configured: for a domain the HTTPS port, for localhost plain HTTP, since no
/// browser trusts a certificate that was made here. `bound` knows ports that the system chose.
pub fn site_url(config: &Config, bound: Option<&Listeners>) -> String {
    if !config.site_url.is_empty() {
        return config.site_url.clone();
    }
    let port = |service: Service| match bound {
        Some(listeners) => listeners.ports.get(&service).copied(),
        None => match service.port(config) {
            Port::Number(number) => Some(number),
            Port::Off => None,
        },
    };
    // Where the name leads nowhere, the address does; from outside nobody signs in without TLS.
    let (is_named, host) = host(config);
    let order = if config.is_localhost_only() && is_named {
        [(Service::Http, "http", 80), (Service::Https, "https", 443)]
    } else {
        [(Service::Https, "https", 443), (Service::Http, "http", 80)]
    };
    for (service, scheme, usual) in order {
        match port(service) {
            Some(number) if number == usual => return format!("{scheme}://{host}"),
            Some(number) => return format!("{scheme}://{host}:{number}"),
            None => {}
        }
    }
    format!("https://{host}")
}

/// The site's host, and whether plain HTTP will do for whoever reaches it: the domain, or, where that is `localhost`
/// and it listens elsewhere, the first address that it listens on.
fn host(config: &Config) -> (bool, String) {
    let bound = addresses(config);
    let is_localhost = |address: &IpAddr| {
        *address == IpAddr::from(Ipv4Addr::LOCALHOST)
            || *address == IpAddr::from(Ipv6Addr::LOCALHOST)
            || address.is_unspecified()
    };
    let elsewhere = bound
        .first()
        .filter(|_| config.is_localhost_only() && !bound.iter().any(is_localhost));
    match elsewhere {
        None => (true, config.domain().to_owned()),
        Some(IpAddr::V4(address)) => (address.is_loopback(), address.to_string()),
        Some(IpAddr::V6(address)) => (address.is_loopback(), format!("[{address}]")),
    }
}

/// Whether somebody outside this machine can connect.
pub fn is_public(config: &Config) -> bool {
    addresses(config).iter().any(|address| !address.is_loopback())
}

/// The bits of work that a sign-up without invitation must show.
pub fn proof_of_work_bits(config: &Config, mode: Mode) -> u32 {
    let configured = config.registration.proof_of_work_bits;
    if mode == Mode::Usual && config.policy() == Policy::Open && is_public(config) {
        // Open sign-up that costs nothing is what makes a server a source of spam.
        return if configured == 0 {
            LEAST_PUBLIC_BITS
        } else {
            configured
        };
    }
    if mode == Mode::Development { 0 } else { configured }
}

fn contacts(configured: &config::Contacts) -> xmpp::settings::Contacts {
    let config::Contacts {
        abuse,
        admin,
        feedback,
        sales,
        security,
        support,
    } = configured.clone();
    xmpp::settings::Contacts {
        abuse,
        admin,
        feedback,
        sales,
        security,
        support,
    }
}

/// The XMPP server's settings.
pub fn xmpp(config: &Config, site_url: &str, mode: Mode) -> xmpp::settings::Settings {
    use xmpp::settings::{
        Audience, Challenge, Invites, Limits, PublicStream, PushSummary, Registration, Settings,
    };
    let limits = &config.limits;
    let is_dev = mode == Mode::Development;
    let unless_dev = |rate: u32| if is_dev { 0 } else { rate };
    let usual = Settings::for_domain(config.domain());
    let mut reserved_names = usual.reserved_names;
    reserved_names.extend(
        config
            .registration
            .reserved_names
            .iter()
            .map(|name| name.to_lowercase()),
    );
    Settings {
        domains: config.domains.clone(),
        // Their secrets may stand in files of their own, which are read when the server is put together.
        components: Vec::new(),
        push_summary: match config.push.summary {
            config::Summary::Nothing => PushSummary::Nothing,
            config::Summary::Count => PushSummary::Count,
            config::Summary::Sender => PushSummary::Sender,
            config::Summary::Text => PushSummary::Text,
        },
        pubsub_prefix: format!("{}.", config.services.pubsub),
        site_url: site_url.to_owned(),
        registration: match config.policy() {
            _ if is_dev => Registration::Open,
            Policy::Open => Registration::Open,
            Policy::Approval => Registration::Approval,
            Policy::Closed => Registration::Closed,
            Policy::Invite | Policy::Auto => Registration::Invite,
        },
        invites: match config.registration.invites {
            config::Inviters::Everybody => Invites::Everybody,
            config::Inviters::Admins => Invites::Admins,
        },
        invite_days: config.registration.invite_days,
        challenge: match proof_of_work_bits(config, mode) {
            0 => Challenge::None,
            bits => Challenge::ProofOfWork {
                bits: u8::try_from(bits).unwrap_or(u8::MAX),
            },
        },
        default_audience: match config.registration.audience {
            config::Audience::Open => Audience::Open,
            config::Audience::Presence => Audience::Presence,
        },
        public_stream: match config.public_stream {
            config::PublicStream::Everyone => PublicStream::Everyone,
            config::PublicStream::Accounts => PublicStream::Accounts,
            config::PublicStream::Nobody => PublicStream::Nobody,
        },
        reserved_names,
        scram_rounds: config.passwords.scram_rounds,
        is_dev,
        contacts: contacts(&config.contacts),
        tells_of_server: config.server_information,
        told_os: config.tell_os.then_some(std::env::consts::OS),
        creators: match config.nodes.creators {
            config::Creators::Everybody => xmpp::settings::Creators::Everybody,
            config::Creators::Admins => xmpp::settings::Creators::Admins,
            config::Creators::Nobody => xmpp::settings::Creators::Nobody,
        },
        strangers_create: config.nodes.strangers,
        archive: xmpp::settings::Archive {
            otherwise: match config.archive.default {
                config::Archived::Always => xmpp::settings::Otherwise::Always,
                config::Archived::Roster => xmpp::settings::Otherwise::Roster,
                config::Archived::Never => xmpp::settings::Otherwise::Never,
            },
            keep_days: Some(config.archive.keep_days).filter(|days| *days > 0),
        },
        limits: Limits {
            stanza_bytes: limits.stanza_bytes,
            stanza_bytes_before_auth: limits.stanza_bytes_before_sign_in,
            auth_timeout_ms: limits.sign_in_seconds * 1_000,
            close_timeout_ms: limits.close_seconds * 1_000,
            sasl_attempts: limits.sign_in_attempts,
            mailbox_soft_bytes: limits.mailbox_soft_bytes,
            mailbox_hard_bytes: limits.mailbox_hard_bytes,
            session_bytes_per_s: unless_dev(limits.session_bytes_per_second),
            session_stanzas_per_s: unless_dev(limits.session_stanzas_per_second),
            flood_patience_ms: limits.flood_seconds * 1_000,
            sessions_per_account: limits.sessions_per_account,
            resume_seconds: limits.resume_seconds,
            waiting_per_account: limits.waiting_sessions_per_account,
            waiting_sessions: limits.waiting_sessions,
            connections_per_ip: if is_dev { 0 } else { limits.connections_per_address },
            bosh_sessions: limits.bosh_sessions,
            failed_logins_per_ip_and_hour: unless_dev(limits.failed_sign_ins_per_address_per_hour),
            failed_logins_per_account_and_hour: unless_dev(limits.failed_sign_ins_per_account_per_hour),
            // On localhost everybody comes from one address, and nobody comes from outside.
            registrations_per_ip_and_hour: if config.is_localhost_only() {
                0
            } else {
                unless_dev(config.registration.per_address_per_hour)
            },
            invites_per_account: limits.invites_per_account,
            devices_per_account: limits.devices_per_account,
            device_lifetime_ms: i64::from(limits.device_days) * 86_400_000,
            push_endpoints_per_account: limits.push_endpoints_per_account,
        },
    }
}

/// The web site's settings.
pub fn web(config: &Config, server: &xmpp::settings::Settings) -> http_site::Settings {
    http_site::Settings {
        domains: config.domains.clone(),
        pubsub_prefix: server.pubsub_prefix.clone(),
        site_url: server.site_url.clone(),
        registration: server.registration.as_str(),
        audience: server.default_audience.as_str(),
        requests_per_minute: (!server.is_dev).then_some(config.limits.http_requests_per_minute),
        body_bytes: config.limits.http_body_bytes,
        patience: Duration::from_secs(config.limits.http_seconds),
        metrics_allow: config.metrics_allow.clone(),
        lan: None,
        ways: http_site::Ways {
            addresses: config.public_addresses.clone(),
            tls: match config.ports.xmpp_tls {
                Port::Number(port) if port != 0 => Some(port),
                _ => None,
            },
            has_bosh: config.limits.bosh_sessions > 0,
        },
        sockets: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(domain: &str) -> Config {
        Config {
            domains: vec![domain.into()],
            ..Config::default()
        }
    }

    #[test]
    fn the_sites_address_is_what_a_browser_can_open() {
        assert_eq!(site_url(&config("localhost"), None), "http://localhost:5280");
        assert_eq!(site_url(&config("example.org"), None), "https://example.org:5443");
        let mut usual = config("example.org");
        usual.ports.https = Port::Number(443);
        assert_eq!(site_url(&usual, None), "https://example.org");
        usual.ports.https = Port::Off;
        assert_eq!(site_url(&usual, None), "http://example.org:5280");
        let mut elsewhere = config("localhost");
        for (address, url) in [
            ("127.0.0.1", "http://localhost:5280"),
            ("0.0.0.0", "http://localhost:5280"),
            ("127.0.0.2", "http://127.0.0.2:5280"),
            ("192.168.1.5", "https://192.168.1.5:5443"),
            ("2001:db8::5", "https://[2001:db8::5]:5443"),
        ] {
            elsewhere.bind = vec![address.parse().expect("an address")];
            assert_eq!(site_url(&elsewhere, None), url);
        }
        usual.site_url = "https://social.example.org".into();
        assert_eq!(site_url(&usual, None), "https://social.example.org");
    }

    #[test]
    fn open_sign_up_on_a_public_address_costs_work() {
        let mut local = config("localhost");
        assert_eq!(proof_of_work_bits(&local, Mode::Usual), 0);
        local.bind = vec!["192.0.2.1".parse().expect("an address")];
        assert_eq!(proof_of_work_bits(&local, Mode::Usual), LEAST_PUBLIC_BITS);
        assert_eq!(proof_of_work_bits(&local, Mode::Development), 0);
        local.registration.proof_of_work_bits = 22;
        assert_eq!(proof_of_work_bits(&local, Mode::Usual), 22);
    }
}
