//! What the DNS says, held against what it should say.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::{Subject, records};
use crate::check::Finding;

/// How long one question may take, asked twice.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks name servers.
pub struct Resolver(TokioResolver);

/// Where something answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The host, without the last dot.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The host's addresses.
    pub addresses: Vec<IpAddr>,
}

/// What a domain's records say.
#[derive(Debug, Default)]
pub struct Seen {
    /// The domain in ASCII.
    pub domain: String,
    /// Where its clients connect with STARTTLS.
    pub xmpp: Vec<Place>,
    /// Where they connect with TLS from the first byte.
    pub xmpp_tls: Vec<Place>,
}

/// What all the records say.
#[derive(Debug, Default)]
pub struct AllSeen {
    /// Domain by domain.
    pub domains: Vec<Seen>,
    /// The site's addresses.
    pub site: Vec<IpAddr>,
}

/// The kinds of records that we ask for.
enum Answer<T> {
    Records(Vec<T>),
    Unreachable(String),
}

impl Resolver {
    /// Asks this server, or those that this machine asks.
    pub fn new(server: Option<SocketAddr>) -> anyhow::Result<Self> {
        let mut builder = match server {
            Some(address) => {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = address.port();
                    connection
                });
                let server = NameServerConfig::new(address.ip(), true, connections.to_vec());
                TokioResolver::builder_with_config(
                    ResolverConfig::from_name_servers(vec![server]),
                    TokioRuntimeProvider::default(),
                )
            }
            None => TokioResolver::builder_tokio().context("this machine's name servers are not known")?,
        };
        let options = builder.options_mut();
        options.timeout = PATIENCE;
        options.attempts = 2;
        // What others see counts, not what stands in /etc/hosts.
        options.use_hosts_file = ResolveHosts::Never;
        Ok(Self(builder.build()?))
    }

    async fn ask<T>(&self, name: &str, kind: RecordType, pick: fn(&RData) -> Option<T>) -> Answer<T> {
        match self.0.lookup(format!("{name}."), kind).await {
            Ok(found) => Answer::Records(
                found
                    .answers()
                    .iter()
                    .filter_map(|record| pick(&record.data))
                    .collect(),
            ),
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Answer::Records(Vec::new()),
            Err(error) => Answer::Unreachable(error.to_string()),
        }
    }

    async fn addresses(&self, host: &str) -> Answer<IpAddr> {
        if let Ok(address) = host.parse() {
            return Answer::Records(vec![address]);
        }
        let v4 = self.ask(host, RecordType::A, |data| match data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            _ => None,
        });
        let v6 = self.ask(host, RecordType::AAAA, |data| match data {
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        });
        match (v4.await, v6.await) {
            (Answer::Records(mut all), Answer::Records(more)) => {
                all.extend(more);
                Answer::Records(all)
            }
            (Answer::Unreachable(why), _) | (_, Answer::Unreachable(why)) => Answer::Unreachable(why),
        }
    }
}

/// Looks all records up.
pub async fn check(subject: &Subject<'_>, resolver: &Resolver, findings: &mut Vec<Finding>) -> AllSeen {
    let mut all = AllSeen::default();
    for domain in &subject.domains {
        let Some(addresses) = host(subject, resolver, domain, findings).await else {
            return all;
        };
        if *domain == subject.site_host {
            all.site.clone_from(&addresses);
        }
        let mut seen = Seen {
            domain: domain.clone(),
            ..Seen::default()
        };
        seen.xmpp = client(subject, resolver, domain, ("xmpp-client", subject.xmpp), findings).await;
        if seen.xmpp.is_empty() && !addresses.is_empty() {
            // RFC 6120 §3.2.2: without a record, clients try the domain itself on 5222.
            seen.xmpp
                .extend(subject.xmpp.filter(|port| *port == 5222).map(|port| Place {
                    host: domain.clone(),
                    port,
                    addresses,
                }));
        }
        seen.xmpp_tls = client(
            subject,
            resolver,
            domain,
            ("xmpps-client", subject.xmpp_tls),
            findings,
        )
        .await;
        for name in ["xmpp-server", "xmpps-server"] {
            let name = records::service(name, domain);
            if let Answer::Records(found) = services(resolver, &name).await
                && found.iter().any(|(host, _)| !host.is_empty())
            {
                findings.push(Finding::warning(format!("DNS: SRV {name}")).detail(
                    shown(&found),
                    "no record, since this version speaks to no other servers",
                    "remove it, or others wait for an answer in vain",
                ));
            }
        }
        all.domains.push(seen);
    }
    if !subject.domains.contains(&subject.site_host) {
        all.site = host(subject, resolver, &subject.site_host, findings)
            .await
            .unwrap_or_default();
    }
    all
}

/// A host's addresses; `None` when no name server answers.
async fn host(
    subject: &Subject<'_>,
    resolver: &Resolver,
    name: &str,
    findings: &mut Vec<Finding>,
) -> Option<Vec<IpAddr>> {
    let list = |addresses: &[IpAddr]| {
        let all: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        if all.is_empty() {
            "this server's public address".to_owned()
        } else {
            all.join(", ")
        }
    };
    let what = format!("DNS: address of {name}");
    match resolver.addresses(name).await {
        Answer::Unreachable(why) => {
            findings.push(Finding::error(what).detail(
                format!("no answer ({why})"),
                "a name server that answers",
                "look at /etc/resolv.conf and the network, or name another server with --dns",
            ));
            None
        }
        Answer::Records(found) => {
            let remedy = "put the A and AAAA records above into the zone";
            if found.is_empty() {
                findings.push(Finding::error(what).detail("none", list(&subject.addresses), remedy));
            } else if !subject.addresses.is_empty()
                && let Some(other) = found.iter().find(|address| !subject.addresses.contains(address))
            {
                findings.push(Finding::warning(what).detail(
                    other.to_string(),
                    list(&subject.addresses),
                    "change the record, or name this machine's public addresses with --address",
                ));
            }
            Some(found)
        }
    }
}

async fn services(resolver: &Resolver, name: &str) -> Answer<(String, u16)> {
    resolver
        .ask(name, RecordType::SRV, |data| match data {
            RData::SRV(service) => {
                let host = service.target.to_ascii();
                Some((host.trim_end_matches('.').to_ascii_lowercase(), service.port))
            }
            _ => None,
        })
        .await
}

fn shown(found: &[(String, u16)]) -> String {
    let one = |(host, port): &(String, u16)| format!("{host}:{port}");
    found.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Where clients of a domain connect.
async fn client(
    subject: &Subject<'_>,
    resolver: &Resolver,
    domain: &str,
    (service, port): (&str, Option<u16>),
    findings: &mut Vec<Finding>,
) -> Vec<Place> {
    let name = records::service(service, domain);
    let what = format!("DNS: SRV {name}");
    let found = match services(resolver, &name).await {
        Answer::Records(found) => found,
        Answer::Unreachable(why) => {
            let wanted = "a name server that answers";
            findings.push(Finding::error(what).detail(why, wanted, "name another server with --dns"));
            return Vec::new();
        }
    };
    let offered: Vec<_> = found
        .iter()
        .filter(|(host, _)| !host.is_empty())
        .cloned()
        .collect();
    let Some(port) = port else {
        if !offered.is_empty() {
            findings.push(Finding::error(what).detail(
                shown(&offered),
                "0 0 0 .",
                format!("the port is off: change the record, or set ports for {service}"),
            ));
        }
        return Vec::new();
    };
    let wanted = format!("0 5 {port} {domain}.");
    let remedy = "put the record above into the zone";
    if offered.is_empty() {
        // Clients find the usual port without a record; TLS from the first byte they find only by it.
        let is_found_anyway = service == "xmpp-client" && port == 5222;
        let finding = if is_found_anyway || service == "xmpps-client" {
            Finding::warning(what)
        } else {
            Finding::error(what)
        };
        findings.push(finding.detail("none", wanted, remedy));
        return Vec::new();
    }
    // Behind a router or proxy another port may lead here; whether it does is seen by connecting.
    let is_behind = !subject.config.ports.proxy_protocol.is_empty() || subject.addresses.is_empty();
    if !is_behind && !offered.iter().any(|(_, found)| *found == port) {
        findings.push(Finding::error(what.clone()).detail(shown(&offered), wanted, remedy));
    }
    let mut places = Vec::new();
    for (host, port) in offered {
        match resolver.addresses(&host).await {
            Answer::Records(addresses) if !addresses.is_empty() => places.push(Place {
                host,
                port,
                addresses,
            }),
            _ => findings.push(Finding::error(what.clone()).detail(
                format!("{host}, which has no address"),
                format!("{domain}."),
                "let the record name a host with an A or AAAA record",
            )),
        }
    }
    places
}
