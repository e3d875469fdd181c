//! TLS certificates: read from PEM files, or made for development; swapped while running.
//!
//! A renewal is seen by the next handshake and by nobody who is connected. No ACME here.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use xmpp::transport::TlsConfig;

use crate::config::Config;
use crate::files;
use crate::lan;

/// Where the certificate made at first start lies, below the data folder.
pub const FOLDER: &str = "certificates";

/// The certificate in use and where it comes from.
pub struct Certificates {
    /// For HTTPS: ALPN `http/1.1`; read at each handshake.
    pub https: Arc<ArcSwap<ServerConfig>>,
    /// What is shown now.
    pair: ArcSwap<Pair>,
    paths: Paths,
}

/// A chain and its key, which belong together.
pub struct Pair {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// The same as TLS wants it.
    signer: Arc<CertifiedKey>,
}

impl Pair {
    /// What the XMPP listeners need.
    pub fn for_xmpp(&self) -> anyhow::Result<TlsConfig> {
        TlsConfig::new(self.chain.clone(), self.key.clone_key()).context("the certificate cannot be used")
    }
}

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The chain, PEM.
    pub certificate: PathBuf,
    /// The key, PEM.
    pub key: PathBuf,
    /// Whether they are the program's own, made when missing.
    pub is_self_signed: bool,
}

impl Paths {
    /// The files that the configuration names, else those in the data folder.
    pub fn of(config: &Config) -> Self {
        if config.lan {
            let lan::Paths { certificate, key, .. } = lan::Paths::of(config);
            return Self {
                certificate,
                key,
                is_self_signed: false,
            };
        }
        if config.tls.certificate.as_os_str().is_empty() {
            let folder = config.data.join(FOLDER);
            Self {
                certificate: folder.join("self-signed.pem"),
                key: folder.join("self-signed.key"),
                is_self_signed: true,
            }
        } else {
            Self {
                certificate: config.tls.certificate.clone(),
                key: config.tls.key.clone(),
                is_self_signed: false,
            }
        }
    }
}

impl Certificates {
    /// Reads the configured files, or makes a self-signed certificate when none are configured.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let paths = Paths::of(config);
        if paths.is_self_signed && !(paths.certificate.is_file() && paths.key.is_file()) {
            make_self_signed(config, &paths)?;
        }
        let pair = read(&paths)?;
        Ok(Self {
            https: Arc::new(ArcSwap::from(https_config(&pair)?)),
            pair: ArcSwap::from_pointee(pair),
            paths,
        })
    }

    /// Reads the files again; on an error the old certificate stays.
    pub fn reload(&self) -> anyhow::Result<()> {
        let pair = read(&self.paths)?;
        // Both are made before either is shown.
        pair.for_xmpp()?;
        self.https.store(https_config(&pair)?);
        self.pair.store(Arc::new(pair));
        Ok(())
    }

    /// What is shown now.
    pub fn pair(&self) -> Arc<Pair> {
        self.pair.load_full()
    }

    /// The files behind them.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }
}

/// Reads a chain and its key and holds them against each other.
pub fn read(paths: &Paths) -> anyhow::Result<Pair> {
    let (certificate, key) = (paths.certificate.display(), paths.key.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(&paths.certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read the certificate {certificate} (tls.certificate)"))?;
    if chain.is_empty() {
        bail!("{certificate} holds no certificate: it must be PEM, leaf first (tls.certificate)");
    }
    let private = PrivateKeyDer::from_pem_file(&paths.key)
        .with_context(|| format!("cannot read the private key {key} (tls.key)"))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let signer = CertifiedKey::from_der(chain.clone(), private.clone_key(), &provider)
        .with_context(|| format!("{certificate} and {key} do not belong together"))?;
    Ok(Pair {
        chain,
        key: private,
        signer: Arc::new(signer),
    })
}

/// A TLS 1.2 and 1.3 server that shows this certificate whatever name the client asks for.
fn https_config(pair: &Pair) -> anyhow::Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let resolver = rustls::sign::SingleCertAndKey::from(pair.signer.clone());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Makes a certificate for every domain, its services and this machine, good for ten years.
fn make_self_signed(config: &Config, paths: &Paths) -> anyhow::Result<()> {
    let mut names = Vec::new();
    for domain in &config.domains {
        // Certificates carry names in ASCII (RFC 6125 §6.4.2).
        let ascii = ascii(domain)?;
        names.push(format!("{}.{ascii}", config.services.pubsub));
        names.push(ascii);
    }
    for own in ["localhost", "127.0.0.1", "::1"] {
        if !names.iter().any(|name| name == own) {
            names.push(own.into());
        }
    }
    let mut parameters =
        rcgen::CertificateParams::new(names).context("a domain cannot stand in a certificate")?;
    let mut name = rcgen::DistinguishedName::new();
    name.push(rcgen::DnType::CommonName, ascii(config.domain())?);
    parameters.distinguished_name = name;
    let year = this_year();
    parameters.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(year + 10, 1, 1);
    let key = rcgen::KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    if let Some(folder) = paths.key.parent() {
        files::make_private_folder(folder)?;
    }
    files::write_private(&paths.key, key.serialize_pem().as_bytes())?;
    files::write_private(&paths.certificate, certificate.pem().as_bytes())?;
    tracing::info!(file = %paths.certificate.display(), "made a self-signed certificate, good for development");
    Ok(())
}

/// A domain as certificates write it (RFC 5280 §7.2).
fn ascii(domain: &str) -> anyhow::Result<String> {
    idna::domain_to_ascii(domain)
        .map_err(|_| anyhow::anyhow!("\"{domain}\" cannot be written in a certificate"))
}

/// The year, to within a day.
fn this_year() -> i32 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i32::try_from(1970 + now.as_secs() / 31_556_952).unwrap_or(1970)
}

#[cfg(test)]
#[path = "certificates_tests.rs"]
mod tests;
