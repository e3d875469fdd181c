//! `folkmoot check`: what is wrong, each in one line with what to do about it.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};

use crate::admin::socket_is_answered;
use crate::certificate_dates;
use crate::certificates::{self, Paths};
use crate::config::{Config, Policy, Port};
use crate::house::Mode;
use crate::listeners::{Service, addresses, has_ipv6, try_bind};
use crate::settings;

/// Less than this on the disk is told.
const FREE_BYTES: u64 = 1 << 30;
/// Fewer files than this are told.
const FILES: u64 = 4_096;
/// A certificate that ends sooner than this is told.
const RENEW: Duration = Duration::from_secs(14 * 86_400);

/// Something that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    /// The server would not start or not work.
    Error(String),
    /// It would work, but not as it should.
    Warning(String),
}

impl Finding {
    /// Whether it keeps the server from working.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(line) => write!(f, "error: {line}"),
            Self::Warning(line) => write!(f, "warning: {line}"),
        }
    }
}

/// Looks at everything that can be seen without starting.
pub fn check(config: &Config, mode: Mode) -> Vec<Finding> {
    let mut found = Vec::new();
    check_data(config, &mut found);
    check_ports(config, &mut found);
    check_certificate(config, &mut found);
    check_exposure(config, mode, &mut found);
    check_system(&mut found);
    found
}

fn check_data(config: &Config, found: &mut Vec<Finding>) {
    let data = &config.data;
    let shown = data.display();
    // Where the folder is missing, the first of those above it that exists decides.
    let mut place = std::path::absolute(data).unwrap_or_else(|_| data.clone());
    while !place.exists() && place.pop() {}
    if !place.is_dir() {
        found.push(Finding::Error(format!(
            "{} is not a folder: choose another with --data",
            place.display()
        )));
        return;
    }
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    if rustix::fs::access(&place, access).is_err() {
        found.push(Finding::Error(format!(
            "{} cannot be written by this user: change its owner (chown), or choose another folder with --data",
            place.display()
        )));
    }
    if data.is_dir()
        && let Ok(metadata) = std::fs::metadata(data)
        && metadata.permissions().mode() & 0o077 != 0
    {
        found.push(Finding::Warning(format!(
            "other users of this machine can look into {shown}, which holds private keys: chmod 700 {shown}"
        )));
    }
    if let Ok(disk) = rustix::fs::statvfs(&place) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < FREE_BYTES {
            found.push(Finding::Warning(format!(
                "only {} MiB are free where {shown} is: make room before the database needs it",
                free >> 20
            )));
        }
    }
}

fn check_ports(config: &Config, found: &mut Vec<Finding>) {
    if socket_is_answered(&config.data) {
        // Its ports are taken by itself.
        found.push(Finding::Warning(format!(
            "a server runs with {} now; its ports were not checked",
            config.data.display()
        )));
        return;
    }
    let is_chosen = config.bind.is_empty();
    let mut is_any = false;
    for service in Service::ALL {
        let Port::Number(port) = service.port(config) else {
            continue;
        };
        is_any = true;
        for address in addresses(config) {
            // Without a wish of the operator, a machine without IPv6 is served on IPv4.
            let is_optional = is_chosen && address.is_ipv6() && !has_ipv6();
            if let Err(error) = try_bind(service, address, port)
                && !is_optional
            {
                found.push(Finding::Error(error.to_string()));
            }
        }
    }
    if !is_any {
        found.push(Finding::Error(
            "every port is off: set at least one of ports.*".into(),
        ));
    }
}

fn check_certificate(config: &Config, found: &mut Vec<Finding>) {
    let paths = Paths::of(config);
    if paths.is_self_signed {
        if !config.is_localhost_only() {
            found.push(Finding::Warning(format!(
                "no certificate is configured for {}: a self-signed one is used, which clients refuse; set tls.certificate and tls.key",
                config.domains.join(", ")
            )));
        }
        return;
    }
    let pair = match certificates::read(&paths) {
        Ok(pair) => pair,
        Err(error) => {
            found.push(Finding::Error(format!("{error:#}")));
            return;
        }
    };
    let shown = paths.certificate.display();
    if let Ok(metadata) = std::fs::metadata(&paths.key)
        && metadata.permissions().mode() & 0o007 != 0
    {
        let key = paths.key.display();
        found.push(Finding::Warning(format!(
            "everybody on this machine can read the private key {key}: chmod o= {key}"
        )));
    }
    let Some(leaf) = pair.chain.first() else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match certificate_dates::not_after(leaf).map(|end| Duration::from_secs(end.as_secs())) {
        Some(end) if end <= now => {
            found.push(Finding::Error(format!(
                "the certificate {shown} has expired: renew it, then send SIGHUP"
            )));
        }
        Some(end) if end <= now + RENEW => {
            let days = (end - now).as_secs() / 86_400;
            found.push(Finding::Warning(format!(
                "the certificate {shown} expires in {days} days: renew it, then send SIGHUP"
            )));
        }
        _ => {}
    }
    let Ok(parsed) = rustls::server::ParsedCertificate::try_from(leaf) else {
        found.push(Finding::Error(format!(
            "{shown} holds no certificate that can be used"
        )));
        return;
    };
    for domain in &config.domains {
        let name = idna::domain_to_ascii(domain).unwrap_or_default();
        let is_named = rustls_pki_types::ServerName::try_from(name)
            .is_ok_and(|name| rustls::client::verify_server_name(&parsed, &name).is_ok());
        if !is_named {
            found.push(Finding::Warning(format!(
                "the certificate {shown} does not name {domain}: clients will refuse it; get one that names every domain"
            )));
        }
    }
}

fn check_exposure(config: &Config, mode: Mode, found: &mut Vec<Finding>) {
    let is_public = settings::is_public(config);
    if mode == Mode::Development && is_public {
        found.push(Finding::Error(
            "--dev refuses to listen beyond loopback: add --bind 127.0.0.1, or leave --dev out".into(),
        ));
    }
    if mode == Mode::Usual && config.policy() == Policy::Open && is_public {
        let bits = settings::proof_of_work_bits(config, mode);
        let work = if config.registration.proof_of_work_bits == 0 {
            format!(
                "proof of work of {bits} bits is demanded, since none is configured (registration.proof_of_work_bits)"
            )
        } else {
            format!("proof of work of {bits} bits is demanded")
        };
        found.push(Finding::Warning(format!(
            "anybody who reaches this server can sign up; {work}: set registration.policy to \"approval\" or \"invite\" unless you mean it"
        )));
    }
    if config.is_localhost_only() && is_public {
        found.push(Finding::Warning(
            "the domain is localhost but others can connect: name the domain that they know this machine by (--domain)".into(),
        ));
    }
    if !config.is_localhost_only() && config.site_url.starts_with("http://") {
        found.push(Finding::Warning(
            "site_url begins with http://: passwords would travel in the open; use https://".into(),
        ));
    }
    for network in &config.trusted_proxies {
        if network.contains([203, 0, 113, 1].into()) && network.contains([198, 51, 100, 1].into()) {
            found.push(Finding::Warning(
                "trusted_proxies trusts everybody: anybody can then claim any address; name your proxy's own"
                    .into(),
            ));
        }
    }
}

fn check_system(found: &mut Vec<Finding>) {
    if let Some(most) = getrlimit(Resource::Nofile).maximum
        && most < FILES
    {
        found.push(Finding::Warning(format!(
            "this user may have {most} files open, and every connection is one: raise the hard limit (LimitNOFILE in systemd, ulimit -Hn)"
        )));
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
