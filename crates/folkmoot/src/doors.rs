//! The open listeners of a running server; on a home network they follow this machine's addresses, which a router
//! gives out anew as it likes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use xmpp::listen::{self, Arrival, Proxies};

use crate::certificates::Certificates;
use crate::house::House;
use crate::lan;
use crate::listeners::{Listeners, Service, listen_at};
use crate::web::serve::{self as accept_http, Security, Web};

/// What opens a listener.
pub struct Doors {
    house: Arc<House>,
    web: Web,
    certificates: Arc<Certificates>,
    ports: BTreeMap<Service, u16>,
    addresses: BTreeSet<IpAddr>,
}

impl Doors {
    /// Opens all that were bound.
    pub fn open(house: &Arc<House>, web: Web, certificates: Arc<Certificates>, bound: Listeners) -> Self {
        let doors = Self {
            house: house.clone(),
            web,
            certificates,
            ports: bound.ports,
            addresses: crate::listeners::addresses(&house.config).into_iter().collect(),
        };
        for (service, listener) in bound.sockets {
            doors.serve(service, listener);
        }
        doors
    }

    fn serve(&self, service: Service, listener: TcpListener) {
        let server = self.house.server.clone();
        let tasks = &self.house.server.tasks;
        let config = &self.house.config;
        let proxies = config.ports.proxy_protocol.contains(&service).then(|| {
            let trusted = config.trusted_proxies.clone();
            let is_trusted = move |address| trusted.iter().any(|network| network.contains(address));
            Arc::new(Proxies::new(is_trusted))
        });
        let arrival = proxies.clone().map_or(Arrival::Direct, Arrival::Proxied);
        let web = self.web.clone();
        match service {
            Service::Xmpp => {
                let mode = listen::Mode::StartTls;
                tasks.spawn(listen::serve_tcp(server, listener, mode, arrival));
            }
            Service::XmppTls => {
                let mode = listen::Mode::DirectTls;
                tasks.spawn(listen::serve_tcp(server, listener, mode, arrival));
            }
            Service::Http => {
                tasks.spawn(accept_http::serve(web, listener, Security::Plain, proxies));
            }
            Service::Components => {
                tasks.spawn(listen::serve_components(server, listener));
            }
            Service::Https => {
                let security = Security::Tls(self.certificates.https.clone());
                tasks.spawn(accept_http::serve(web, listener, security, proxies));
            }
        }
    }

    /// Looks at this machine's addresses: listens at those that are new, and has them in the certificate. What was
    /// listened to stays, for the day when the address comes back.
    pub fn follow_network(&mut self) -> anyhow::Result<()> {
        let config = &self.house.config;
        let now = lan::addresses(config);
        let (_, is_new) = lan::renew(config, &now)?;
        if is_new {
            self.certificates.reload()?;
            let tls = self.certificates.for_xmpp()?;
            self.house.server.connections.set_tls(tls);
        }
        for address in now {
            if !self.addresses.insert(address) {
                continue;
            }
            tracing::info!(%address, "this machine has a new address");
            // Components come from where the operator says, not from the network.
            let followed = self
                .ports
                .iter()
                .filter(|(service, _)| **service != Service::Components);
            for (service, port) in followed {
                match listen_at(SocketAddr::new(address, *port)) {
                    Ok(listener) => self.serve(*service, listener),
                    Err(error) => tracing::warn!(%error, %address, port, "cannot listen at a new address"),
                }
            }
        }
        Ok(())
    }
}
