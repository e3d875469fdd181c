//! `folkmoot check --online`: the server as others see it, by its public name.
//!
//! What is asked of others: the DNS, this server itself, and the certificate authority's clock. Nothing is changed.

mod clock;
mod dns;
mod ports;
mod records;

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::Finding;
use crate::admin::socket_is_answered;
use crate::certificates::acme::names::host_of;
use crate::certificates::ascii;
use crate::config::{Config, Port};
use crate::listeners::{PORTS_FILE, Service};
use crate::settings;

/// What the operator says beside the configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The name server to ask; none: those of this machine.
    pub dns: Option<SocketAddr>,
    /// The addresses by which others reach this machine; none: found out.
    pub addresses: Vec<IpAddr>,
}

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// The records wanted, in a zone file's form.
    pub records: Vec<String>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// What is looked at, in one place: names, ports, addresses.
pub struct Subject<'a> {
    config: &'a Config,
    /// The domains in ASCII.
    domains: Vec<String>,
    /// Where people find the site, and its host in ASCII.
    site_url: String,
    site_host: String,
    /// The ports by which others reach XMPP with STARTTLS and with TLS.
    xmpp: Option<u16>,
    xmpp_tls: Option<u16>,
    /// The addresses by which others reach this machine, as far as they are known.
    addresses: Vec<IpAddr>,
    is_running: bool,
}

impl<'a> Subject<'a> {
    fn new(config: &'a Config, options: &Options) -> Self {
        let site_url = settings::site_url(config, None);
        let site_host = host_of(&site_url).unwrap_or(config.domain()).to_owned();
        let addresses = if options.addresses.is_empty() {
            own_addresses(config)
        } else {
            options.addresses.clone()
        };
        Self {
            config,
            domains: config
                .domains
                .iter()
                .filter_map(|domain| ascii(domain).ok())
                .collect(),
            site_host: ascii(&site_host).unwrap_or(site_host),
            site_url,
            xmpp: public_port(config, Service::Xmpp, 5222),
            xmpp_tls: public_port(config, Service::XmppTls, 5223),
            addresses,
            is_running: socket_is_answered(&config.data),
        }
    }
}

/// Looks at everything that can be seen from outside.
pub async fn check(config: &Config, options: &Options) -> anyhow::Result<Report> {
    let subject = Subject::new(config, options);
    let mut findings = Vec::new();
    let resolver = dns::Resolver::new(options.dns)?;
    let seen = dns::check(&subject, &resolver, &mut findings).await;
    if subject.is_running {
        ports::check(&subject, &seen, &mut findings).await;
    } else {
        findings.push(Finding::warning("ports and certificates").detail(
            "no server that runs",
            "one that can be reached by its public name",
            "start it, then check again",
        ));
    }
    clock::check(config, &mut findings).await;
    Ok(Report {
        records: records::wanted(&subject),
        findings,
    })
}

/// The port by which others reach a listener: behind a proxy the usual one, which is the proxy's.
fn public_port(config: &Config, service: Service, usual: u16) -> Option<u16> {
    match service.port(config) {
        Port::Off => None,
        _ if config.ports.proxy_protocol.contains(&service) => Some(usual),
        Port::Number(0) => {
            let text = std::fs::read_to_string(config.data.join(PORTS_FILE)).ok()?;
            let ports: serde_json::Value = serde_json::from_str(&text).ok()?;
            u16::try_from(ports.get(service.key())?.as_u64()?).ok()
        }
        Port::Number(port) => Some(port),
    }
}

/// This machine's addresses that others could reach. Behind a router they are the router's, and not known here.
fn own_addresses(config: &Config) -> Vec<IpAddr> {
    let bound = config.bind.iter().copied().filter(|address| is_global(*address));
    // The address that packets to a faraway place would have; none is sent.
    let towards = |own: &str, far: &str| -> Option<IpAddr> {
        let socket = UdpSocket::bind(own).ok()?;
        socket.connect(far).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let used = [
        towards("0.0.0.0:0", "192.0.2.1:9"),
        towards("[::]:0", "[2001:db8::1]:9"),
    ];
    let mut all: Vec<_> = bound.collect();
    if all.is_empty() {
        all.extend(used.into_iter().flatten().filter(|address| is_global(*address)));
    }
    all
}

/// Whether an address can be reached from everywhere (RFC 6890).
fn is_global(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_documentation()
                || v4.is_multicast()
                || is_shared)
        }
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000 && v6.segments()[..2] != [0x2001, 0xdb8],
    }
}
