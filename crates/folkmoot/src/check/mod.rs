//! `folkmoot check`: what is wrong, each in one line with what to do about it.

mod certificates;
mod finding;
pub mod online;

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;

use rustix::process::{Resource, getrlimit};

use crate::admin::socket_is_answered;
use crate::config::{Config, Policy, Port};
use crate::house::Mode;
use crate::listeners::{Service, addresses_of, has_ipv6, try_bind};
use crate::settings;
pub use finding::Finding;

/// Less than this on the disk is told.
const FREE_BYTES: u64 = 1 << 30;
/// Fewer files than this are told.
const FILES: u64 = 4_096;

/// Looks at everything that can be seen without starting.
pub fn check(config: &Config, mode: Mode) -> Vec<Finding> {
    let mut found = Vec::new();
    check_data(config, &mut found);
    check_database(config, &mut found);
    check_ports(config, &mut found);
    check_components(config, &mut found);
    certificates::check(config, &mut found);
    check_exposure(config, mode, &mut found);
    check_system(&mut found);
    found
}

/// What is told in the log before the server starts: of everything above, what only the operator can put right.
pub fn before_start(config: &Config, mode: Mode) -> Vec<Finding> {
    let mut found = Vec::new();
    certificates::check(config, &mut found);
    check_exposure(config, mode, &mut found);
    found
}

fn check_data(config: &Config, found: &mut Vec<Finding>) {
    let data = &config.data;
    let shown = data.display();
    // Where the folder is missing, the first of those above it that exists decides.
    let mut place = std::path::absolute(data).unwrap_or_else(|_| data.clone());
    while !place.exists() && place.pop() {}
    if !place.is_dir() {
        found.push(Finding::error(format!(
            "{} is not a folder: choose another with --data",
            place.display()
        )));
        return;
    }
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    if rustix::fs::access(&place, access).is_err() {
        found.push(Finding::error(format!(
            "{} cannot be written by this user: change its owner (chown), or choose another folder with --data",
            place.display()
        )));
    }
    if data.is_dir()
        && let Ok(metadata) = std::fs::metadata(data)
        && metadata.permissions().mode() & 0o077 != 0
    {
        found.push(Finding::warning(format!(
            "other users of this machine can look into {shown}, which holds private keys: chmod 700 {shown}"
        )));
    }
    if let Ok(disk) = rustix::fs::statvfs(&place) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < FREE_BYTES {
            found.push(Finding::warning(format!(
                "only {} MiB are free where {shown} is: make room before the database needs it",
                free >> 20
            )));
        }
    }
}

/// An upgrade is announced, with the room that it wants; a database of a later program is not for this one.
fn check_database(config: &Config, found: &mut Vec<Finding>) {
    let file = config.data.join(store::DATABASE_FILE);
    let (Ok(Some(version)), Ok(metadata)) = (store::version_of(&file), std::fs::metadata(&file)) else {
        return;
    };
    let shown = file.display();
    let known = store::DATABASE_VERSION;
    if version > known {
        found.push(Finding::error(format!(
            "{shown} has version {version}, this program knows {known}: use the later program that wrote it"
        )));
    } else if version < known {
        found.push(Finding::warning(format!(
            "the next start brings {shown} from version {version} to {known}, with a copy of {} MiB beside it; to go back \
             you need that copy or a backup",
            (metadata.len() >> 20).max(1)
        )));
    }
}

fn check_ports(config: &Config, found: &mut Vec<Finding>) {
    if socket_is_answered(&config.data) {
        // Its ports are taken by itself.
        found.push(Finding::warning(format!(
            "a server runs with {} now; its ports were not checked",
            config.data.display()
        )));
        return;
    }
    let mut is_any = false;
    for service in Service::ALL {
        let Port::Number(port) = service.port(config) else {
            continue;
        };
        is_any = true;
        let is_chosen = match service {
            Service::Components => config.components_bind.is_empty(),
            _ => config.bind.is_empty(),
        };
        for address in addresses_of(service, config) {
            // Without a wish of the operator, a machine without IPv6 is served on IPv4.
            let is_optional = is_chosen && address.is_ipv6() && !has_ipv6();
            if let Err(error) = try_bind(service, address, port)
                && !is_optional
            {
                found.push(Finding::error(error.to_string()));
            }
        }
    }
    if !is_any {
        found.push(Finding::error("every port is off: set at least one of ports.*"));
    }
}

/// What components say, and the proof of who they are, is not encrypted.
fn check_components(config: &Config, found: &mut Vec<Finding>) {
    for component in &config.components {
        if let Err(error) = component.settings() {
            found.push(Finding::error(format!("{error:#}")));
        }
    }
    let is_open = |address: &IpAddr| !address.is_loopback();
    if !config.components.is_empty() && config.components_bind.iter().any(is_open) {
        found.push(Finding::warning(
            "components_bind names addresses beyond this machine: what components say is not encrypted, so let only a network of your own reach ports.components",
        ));
    }
}

fn check_exposure(config: &Config, mode: Mode, found: &mut Vec<Finding>) {
    let is_public = settings::is_public(config);
    if mode == Mode::Development && is_public {
        found.push(Finding::error(
            "--dev refuses to listen beyond loopback: add --bind 127.0.0.1, or leave --dev out",
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
        found.push(Finding::warning(format!(
            "anybody who reaches this server can sign up; {work}: set registration.policy to \"approval\" or \"invite\" unless you mean it"
        )));
    }
    if config.is_localhost_only() && is_public {
        found.push(Finding::warning(
            "the domain is localhost but others can connect: name the domain that they know this machine by (--domain)",
        ));
    }
    if !config.is_localhost_only() && config.site_url.starts_with("http://") {
        found.push(Finding::warning(
            "site_url begins with http://: passwords would travel in the open; use https://",
        ));
    }
    for network in &config.trusted_proxies {
        if network.contains([203, 0, 113, 1].into()) && network.contains([198, 51, 100, 1].into()) {
            found.push(Finding::warning(
                "trusted_proxies trusts everybody: anybody can then claim any address; name your proxy's own",
            ));
        }
    }
}

fn check_system(found: &mut Vec<Finding>) {
    if let Some(most) = getrlimit(Resource::Nofile).maximum
        && most < FILES
    {
        found.push(Finding::warning(format!(
            "this user may have {most} files open, and every connection is one: raise the hard limit (LimitNOFILE in systemd, ulimit -Hn)"
        )));
    }
}

#[cfg(test)]
mod tests;
