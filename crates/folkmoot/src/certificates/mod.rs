//! TLS certificates: which there are, which one a connection is shown, and how they are swapped while running.
//!
//! A domain's certificate comes from configured files, else from an ACME authority, else it is one made here. A renewal
//! is seen by the next handshake and by nobody who is connected.

pub mod acme;
mod pair;
mod self_signed;
mod x509;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use xmpp::transport::TlsConfig;

use self::acme::challenges::{self, Challenges};
use self::acme::names::Wanted;
use self::acme::state::{Folder, Tries};
use crate::config::Config;
use crate::lan;
pub use pair::Pair;
pub use x509::Validity;

/// Where certificates that were made or fetched lie, below the data folder.
pub const FOLDER: &str = "certificates";

/// Where a certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Files that the configuration names.
    Files {
        /// The certificate's.
        certificate: PathBuf,
        /// Its key's.
        key: PathBuf,
    },
    /// An ACME authority; for this domain first of all, in ASCII.
    Acme(String),
    /// Made here; clients refuse it.
    SelfSigned,
}

/// One certificate that can be shown.
#[derive(Clone)]
pub struct Entry {
    /// Where it comes from.
    pub origin: Origin,
    /// The certificate and its key.
    pub pair: Pair,
}

/// All certificates in use.
pub struct Certificates {
    /// For HTTPS: the certificates are chosen at each handshake.
    pub https: Arc<ServerConfig>,
    /// What an ACME authority asks to see.
    pub challenges: Arc<Challenges>,
    shown: Arc<ArcSwap<Vec<Entry>>>,
    config: Config,
}

impl Certificates {
    /// Reads what is configured and what was fetched, and makes a self-signed certificate where a domain has none.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let entries = gather(config)?;
        let shown = Arc::new(ArcSwap::from_pointee(entries));
        let challenges = Arc::new(Challenges::default());
        Ok(Self {
            https: https_config(config, &shown, &challenges)?,
            challenges,
            shown,
            config: config.clone(),
        })
    }

    /// Reads everything again; on an error what is shown stays.
    pub fn reload(&self) -> anyhow::Result<()> {
        let entries = gather(&self.config)?;
        self.shown.store(Arc::new(entries));
        Ok(())
    }

    /// What is shown now; the first is for whoever asks for none of their names.
    pub fn shown(&self) -> Arc<Vec<Entry>> {
        self.shown.load_full()
    }

    /// How fetching went, by the name that each certificate is filed under.
    pub fn tries(&self) -> BTreeMap<String, Tries> {
        if !self.config.acme.enabled {
            return BTreeMap::new();
        }
        let state = Folder::of(&self.config).state();
        let wanted = acme::names::wanted(&self.config, &files_of(&self.shown()));
        let of = |wanted: Wanted| {
            let tries = state.0.get(&wanted.domain).cloned().unwrap_or_default();
            (wanted.domain, tries)
        };
        wanted.into_iter().map(of).collect()
    }

    /// What XMPP's listeners need.
    pub fn for_xmpp(&self) -> anyhow::Result<TlsConfig> {
        let unicode = |pair: &Pair| {
            // A stream's header names a domain as people write it.
            let is_other =
                |domain: &&String| ascii(domain).is_ok_and(|ascii| ascii != **domain && pair.is_for(&ascii));
            self.config.domains.iter().filter(is_other).cloned().collect()
        };
        let certificates = self
            .shown()
            .iter()
            .map(|entry| entry.pair.for_xmpp(unicode(&entry.pair)))
            .collect();
        TlsConfig::with_certificates(certificates).context("the certificates cannot be used")
    }
}

/// Those that come from configured files.
pub fn files_of(entries: &[Entry]) -> Vec<Entry> {
    let is_file = |entry: &&Entry| matches!(entry.origin, Origin::Files { .. });
    entries.iter().filter(is_file).cloned().collect()
}

/// Every certificate there is, in the order of preference.
pub fn gather(config: &Config) -> anyhow::Result<Vec<Entry>> {
    if config.lan {
        // A home network's own authority has made it; it is for every name and address there.
        let lan::Paths { certificate, key, .. } = lan::Paths::of(config);
        return Ok(vec![Entry {
            pair: Pair::read(&certificate, &key)?,
            origin: Origin::Files { certificate, key },
        }]);
    }
    let mut entries = Vec::new();
    for (certificate, key) in config.tls.certificate.iter().zip(&config.tls.key) {
        entries.push(Entry {
            pair: Pair::read(certificate, key)?,
            origin: Origin::Files {
                certificate: certificate.clone(),
                key: key.clone(),
            },
        });
    }
    if config.acme.enabled {
        for wanted in acme::names::wanted(config, &entries) {
            if let Some(pair) = Folder::of(config).certificate(&wanted.domain) {
                entries.push(Entry {
                    origin: Origin::Acme(wanted.domain),
                    pair,
                });
            }
        }
    }
    let is_covered = |domain: &String| {
        ascii(domain).is_ok_and(|name| entries.iter().any(|entry| entry.pair.is_for(&name)))
    };
    // Whoever configures files has decided; a name that they lack is told by `folkmoot check`.
    let is_decided = !config.tls.certificate.is_empty() && !config.acme.enabled;
    if entries.is_empty() || !(is_decided || config.domains.iter().all(is_covered)) {
        entries.push(Entry {
            origin: Origin::SelfSigned,
            pair: self_signed::open(config)?,
        });
    }
    if let Ok(main) = ascii(config.domain())
        && let Some(index) = entries.iter().position(|entry| entry.pair.is_for(&main))
    {
        entries[..=index].rotate_right(1);
    }
    Ok(entries)
}

/// A TLS 1.2 and 1.3 server that chooses among what is shown at each handshake.
fn https_config(
    config: &Config,
    shown: &Arc<ArcSwap<Vec<Entry>>>,
    challenges: &Arc<Challenges>,
) -> anyhow::Result<Arc<ServerConfig>> {
    let resolver = Resolver {
        shown: Arc::clone(shown),
        challenges: Arc::clone(challenges),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    if config.acme.enabled {
        tls.alpn_protocols.push(challenges::ALPN.to_vec());
    }
    Ok(Arc::new(tls))
}

/// Chooses a certificate by the name that a client asks for (SNI).
struct Resolver {
    shown: Arc<ArcSwap<Vec<Entry>>>,
    challenges: Arc<Challenges>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        // RFC 8737 §3: whoever validates offers this protocol and no other.
        if hello
            .alpn()
            .is_some_and(|mut offered| offered.any(|protocol| protocol == challenges::ALPN))
        {
            return self.challenges.certificate(&name?);
        }
        let shown = self.shown.load();
        let entry = name
            .and_then(|name| shown.iter().find(|entry| entry.pair.is_for(&name)))
            .or(shown.first())?;
        Some(entry.pair.signer())
    }
}

/// A domain as certificates write it (RFC 5280 §7.2).
pub fn ascii(domain: &str) -> anyhow::Result<String> {
    idna::domain_to_ascii(domain)
        .map_err(|_| anyhow::anyhow!("\"{domain}\" cannot be written in a certificate"))
}

/// When a certificate ends, in time since 1970; `None` when it cannot be read.
pub fn end_of(certificate: &[u8]) -> Option<Duration> {
    Some(x509::facts(certificate)?.validity.not_after)
}

/// The time since 1970 by this machine's clock.
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests;
