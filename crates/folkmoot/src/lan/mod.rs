//! `--lan`: a server for the people of one home network, whose phones it serves without any name in the DNS.
//!
//! The domain is this machine's name with `.local` (mDNS, RFC 6762, is the system's business); the certificate comes
//! from an authority made here, which phones install from the page `/lan`. It listens on private addresses only.

mod addresses;
mod authority;
#[cfg(test)]
mod authority_tests;
mod mdns;

use std::net::IpAddr;

use anyhow::Context;

use crate::config::Config;

pub use addresses::of_this_machine;
pub use authority::{Authority, Paths, renew};
pub use mdns::is_answered;

/// The domain of this machine on its own network: its name's first label with `.local`.
pub fn domain() -> anyhow::Result<String> {
    let name = rustix::system::uname();
    let name = name
        .nodename()
        .to_str()
        .context("this machine's name is not text")?;
    let label = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_label = !label.is_empty()
        && label.len() <= 63
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    anyhow::ensure!(
        is_label && label != "localhost",
        "this machine's name \"{name}\" cannot be a domain: give it another (hostnamectl set-hostname NAME), or use --domain NAME.local"
    );
    Ok(format!("{label}.local"))
}

/// What `--lan` means for what nobody has configured.
pub fn complete(config: &mut Config) -> anyhow::Result<()> {
    if config.is_localhost_only() {
        config.domains = vec![domain()?];
    }
    anyhow::ensure!(
        config.tls.certificate.is_empty() && !config.acme.enabled,
        "--lan makes its own certificates: leave tls.certificate, tls.key and acme.enabled out, or --lan"
    );
    Ok(())
}

/// The addresses that the server is reached at, on this machine and on its network.
pub fn addresses(config: &Config) -> Vec<IpAddr> {
    if !config.bind.is_empty() {
        return config.bind.clone();
    }
    let mut all = crate::listeners::loopback();
    all.extend(of_this_machine());
    all
}

/// The first address that others can use.
pub fn first(addresses: &[IpAddr]) -> Option<IpAddr> {
    let mut own = addresses.iter().filter(|address| !address.is_loopback());
    // Of loopback there is more than one when a test has no other network.
    own.next().or_else(|| addresses.last()).copied()
}
