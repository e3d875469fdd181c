//! A certificate's chain and its key, read from PEM and held against each other.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use xmpp::transport::Certificate;

use super::x509::{self, Facts, Validity};

/// A chain and its key, which belong together.
#[derive(Clone)]
pub struct Pair {
    /// The chain, leaf first, with its key, and the names that the leaf is for.
    certificate: Certificate,
    /// From when until when the leaf is good.
    pub validity: Validity,
}

impl Pair {
    /// Reads two files.
    pub fn read(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        let (shown, shown_key) = (certificate.display(), key.display());
        let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .with_context(|| format!("cannot read the certificate {shown} (tls.certificate)"))?;
        if chain.is_empty() {
            bail!("{shown} holds no certificate: it must be PEM, leaf first (tls.certificate)");
        }
        let private = PrivateKeyDer::from_pem_file(key)
            .with_context(|| format!("cannot read the private key {shown_key} (tls.key)"))?;
        Self::new(chain, private)
            .with_context(|| format!("{shown} and {shown_key} do not belong together, or cannot be used"))
    }

    /// Reads one file that holds both.
    pub fn from_pem(pem: &[u8]) -> anyhow::Result<Self> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .context("it is no PEM")?;
        if chain.is_empty() {
            bail!("it holds no certificate");
        }
        let key = PrivateKeyDer::from_pem_slice(pem).context("it holds no private key")?;
        Self::new(chain, key)
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> anyhow::Result<Self> {
        let Some(Facts { validity, names }) = chain.first().and_then(|leaf| x509::facts(leaf)) else {
            bail!("the certificate cannot be read");
        };
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let signer = Arc::new(CertifiedKey::from_der(chain, key, &provider)?);
        Ok(Self {
            certificate: Certificate { names, signer },
            validity,
        })
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certificate.signer.cert
    }

    /// What it is called in numbers and lines: its first name.
    pub fn name(&self) -> &str {
        self.certificate.names.first().map_or("", String::as_str)
    }

    /// As TLS wants it.
    pub fn signer(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certificate.signer)
    }

    /// Whether it is for a name, given in lower-case ASCII.
    pub fn is_for(&self, name: &str) -> bool {
        self.certificate.is_for(name)
    }

    /// As XMPP's listeners want it; `more` are names in a form that certificates do not have.
    pub fn for_xmpp(&self, more: Vec<String>) -> Certificate {
        let mut certificate = self.certificate.clone();
        certificate.names.extend(more);
        certificate
    }
}
