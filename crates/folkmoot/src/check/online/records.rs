//! The records that the DNS should hold, in a zone file's form (RFC 1035 §5), to be copied.

use std::net::IpAddr;

use super::Subject;

/// How long others may remember a record, in seconds.
const TTL: u32 = 3_600;

/// The name of a service of clients or servers (RFC 6120 §3.2.1, XEP-0368 §3).
pub fn service(service: &str, domain: &str) -> String {
    format!("_{service}._tcp.{domain}")
}

/// The whole list, with comments.
pub fn wanted(subject: &Subject<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut hosts: Vec<&str> = subject.domains.iter().map(String::as_str).collect();
    if !hosts.contains(&subject.site_host.as_str()) && subject.site_host.parse::<IpAddr>().is_err() {
        hosts.push(&subject.site_host);
    }
    lines.push("; where the server is".to_owned());
    for host in hosts {
        lines.extend(addresses(host, &subject.addresses));
    }
    lines.push("; where clients connect".to_owned());
    for domain in &subject.domains {
        for (name, port) in [("xmpp-client", subject.xmpp), ("xmpps-client", subject.xmpp_tls)] {
            let name = service(name, domain);
            // RFC 2782: a target of "." says that there is no such service.
            lines.push(match port {
                Some(port) => format!("{name}. {TTL} IN SRV 0 5 {port} {domain}."),
                None => format!("{name}. {TTL} IN SRV 0 0 0 ."),
            });
        }
    }
    lines.push("; only for federation, which this version does not do: leave these out for now".to_owned());
    for domain in &subject.domains {
        lines.push(format!(
            "; {}. {TTL} IN SRV 0 5 5269 {domain}.",
            service("xmpp-server", domain)
        ));
        lines.push(format!(
            "; {}. {TTL} IN SRV 0 5 5270 {domain}.",
            service("xmpps-server", domain)
        ));
        let label = &subject.config.services.pubsub;
        if subject.config.acme.enabled && subject.config.acme.services {
            lines.extend(addresses(&format!("{label}.{domain}"), &subject.addresses));
        } else {
            lines.push(format!("; {label}.{domain}. {TTL} IN CNAME {domain}."));
        }
    }
    lines
}

/// The address records of a host.
fn addresses(host: &str, addresses: &[IpAddr]) -> Vec<String> {
    if addresses.is_empty() {
        return vec![format!(
            "; {host}. {TTL} IN A …   (the public address of your router or machine; --address puts it here)"
        )];
    }
    let record = |address: &IpAddr| match address {
        IpAddr::V4(v4) => format!("{host}. {TTL} IN A {v4}"),
        IpAddr::V6(v6) => format!("{host}. {TTL} IN AAAA {v6}"),
    };
    addresses.iter().map(record).collect()
}
