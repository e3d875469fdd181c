//! The sockets that the server listens on, bound before anything else is told that it runs.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::config::{Config, Port};
use crate::files;

/// How many connections the kernel may hold ready for us.
const BACKLOG: i32 = 4_096;
/// Where the ports in use are written, below the data folder.
pub const PORTS_FILE: &str = "ports.json";

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// XMPP with STARTTLS.
    Xmpp,
    /// XMPP with TLS from the first byte.
    XmppTls,
    /// Plain HTTP.
    Http,
    /// HTTPS.
    Https,
    /// Components.
    Components,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Xmpp,
        Self::XmppTls,
        Self::Http,
        Self::Https,
        Self::Components,
    ];

    /// Its key below `ports` in the configuration.
    pub fn key(self) -> &'static str {
        match self {
            Self::Xmpp => "xmpp",
            Self::XmppTls => "xmpp_tls",
            Self::Http => "http",
            Self::Https => "https",
            Self::Components => "components",
        }
    }

    /// Its configured port.
    pub fn port(self, config: &Config) -> Port {
        match self {
            Self::Xmpp => config.ports.xmpp,
            Self::XmppTls => config.ports.xmpp_tls,
            Self::Http => config.ports.http,
            Self::Https => config.ports.https,
            // Nobody could connect.
            Self::Components if config.components.is_empty() => Port::Off,
            Self::Components => config.ports.components,
        }
    }
}

/// Sockets that listen, each with what is spoken there.
pub struct Listeners {
    /// One or more for each service that is not off.
    pub sockets: Vec<(Service, TcpListener)>,
    /// The port of each service, the chosen one where `0` was configured.
    pub ports: BTreeMap<Service, u16>,
}

/// The addresses to listen on; the program chooses them when the configuration names none.
pub fn addresses(config: &Config) -> Vec<IpAddr> {
    if config.lan {
        return crate::lan::addresses(config);
    }
    if !config.bind.is_empty() {
        return config.bind.clone();
    }
    if config.is_localhost_only() {
        return loopback();
    }
    vec![Ipv6Addr::UNSPECIFIED.into()]
}

/// The addresses that a service is at. What components say is not encrypted, so that unless the operator names a network
/// of theirs only this machine hears it.
pub fn addresses_of(service: Service, config: &Config) -> Vec<IpAddr> {
    match service {
        Service::Components if config.components_bind.is_empty() => loopback(),
        Service::Components => config.components_bind.clone(),
        _ => addresses(config),
    }
}

/// This machine's own addresses.
pub fn loopback() -> Vec<IpAddr> {
    let mut own = vec![Ipv4Addr::LOCALHOST.into()];
    if has_ipv6() {
        own.push(Ipv6Addr::LOCALHOST.into());
    }
    own
}

/// Whether this machine has IPv6 at all.
pub fn has_ipv6() -> bool {
    std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

impl Listeners {
    /// Binds every service that is not off.
    pub fn bind(config: &Config) -> anyhow::Result<Self> {
        let mut sockets = Vec::new();
        let mut ports = BTreeMap::new();
        for service in Service::ALL {
            let Port::Number(mut port) = service.port(config) else {
                continue;
            };
            let wanted = addresses_of(service, config);
            let is_chosen = match service {
                Service::Components => config.components_bind.is_empty(),
                _ => config.bind.is_empty(),
            };
            let mut is_bound = false;
            for (index, address) in wanted.iter().enumerate() {
                let socket = match listen(SocketAddr::new(*address, port)) {
                    Ok(socket) => socket,
                    // Machines without IPv6 exist; without a wish of the operator IPv4 is enough there.
                    Err(error) if is_chosen && address.is_ipv6() && is_unsupported(&error) => {
                        if index > 0 || is_bound {
                            continue;
                        }
                        let v4 = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
                        listen(v4).map_err(|error| explain(service, v4, &error))?
                    }
                    Err(error) => return Err(explain(service, SocketAddr::new(*address, port), &error)),
                };
                let listener = TcpListener::from_std(socket.into()).context("cannot watch a socket")?;
                // Where the system chose, the next address gets the same number.
                port = listener
                    .local_addr()
                    .context("cannot read a socket's address")?
                    .port();
                sockets.push((service, listener));
                is_bound = true;
            }
            ports.insert(service, port);
        }
        if sockets.is_empty() {
            bail!("every port is off: there is nothing to serve");
        }
        Ok(Self { sockets, ports })
    }

    /// Writes the ports in use for programs that started this one with free ones.
    pub fn write_ports(&self, data: &Path) -> anyhow::Result<()> {
        let map: BTreeMap<_, _> = self
            .ports
            .iter()
            .map(|(service, port)| (service.key(), port))
            .collect();
        files::write_private(&data.join(PORTS_FILE), serde_json::to_string(&map)?.as_bytes())
    }
}

/// One listening socket; an IPv6 wildcard takes IPv4 too.
fn listen(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if let SocketAddr::V6(v6) = address {
        socket.set_only_v6(!v6.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Whether this machine has no such kind of address.
fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.kind() == io::ErrorKind::Unsupported || {
        // EAFNOSUPPORT has no kind of its own.
        error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
    }
}

/// One line: which listener, and what to do.
pub fn explain(service: Service, address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let key = service.key();
    match error.kind() {
        io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "port {} on {} is already in use: stop what listens there (ss -ltnp 'sport = :{}'), or choose another with ports.{key}",
            address.port(),
            address.ip(),
            address.port(),
        ),
        io::ErrorKind::PermissionDenied => anyhow::anyhow!(
            "not allowed to listen on port {}: choose one above 1023 with ports.{key}, or give the program CAP_NET_BIND_SERVICE",
            address.port(),
        ),
        io::ErrorKind::AddrNotAvailable => {
            anyhow::anyhow!(
                "this machine has no address {}: choose another with bind",
                address.ip()
            )
        }
        _ => anyhow::anyhow!("cannot listen on {address} (ports.{key}): {error}"),
    }
}

/// Listens at one more address, on a port that is known.
pub fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::from_std(listen(address)?.into())
}

/// Whether a listener could be bound now; for `folkmoot check`.
pub fn try_bind(service: Service, address: IpAddr, port: u16) -> anyhow::Result<()> {
    let address = SocketAddr::new(address, port);
    listen(address)
        .map(drop)
        .map_err(|error| explain(service, address, &error))
}
