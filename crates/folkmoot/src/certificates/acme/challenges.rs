//! What an ACME authority asks to see: a text at an address (http-01, [RFC 8555 §8.3](https://www.rfc-editor.org/rfc/rfc8555#section-8.3)),
//! or a certificate in a handshake (tls-alpn-01, [RFC 8737](https://www.rfc-editor.org/rfc/rfc8737)).

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use parking_lot::Mutex;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivatePkcs8KeyDer;

/// Where the text is looked for; the token follows.
pub const PATH: &str = "/.well-known/acme-challenge/{token}";
/// The protocol that a validating handshake offers.
pub const ALPN: &[u8] = b"acme-tls/1";

/// What is shown while an order is under way.
#[derive(Default)]
pub struct Challenges {
    texts: Mutex<HashMap<String, String>>,
    certificates: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

/// Takes back what one order showed.
pub struct Shown<'a> {
    challenges: &'a Challenges,
    tokens: Vec<String>,
    names: Vec<String>,
}

impl Challenges {
    /// The text for a token.
    pub fn text(&self, token: &str) -> Option<String> {
        self.texts.lock().get(token).cloned()
    }

    /// The certificate for a name in lower-case ASCII.
    pub fn certificate(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.certificates.lock().get(name).cloned()
    }

    /// Begins to show things, until what is returned is dropped.
    pub fn begin(&self) -> Shown<'_> {
        Shown {
            challenges: self,
            tokens: Vec::new(),
            names: Vec::new(),
        }
    }
}

impl Shown<'_> {
    /// Shows a text at a token's address.
    pub fn text(&mut self, token: &str, text: &str) {
        self.challenges
            .texts
            .lock()
            .insert(token.to_owned(), text.to_owned());
        self.tokens.push(token.to_owned());
    }

    /// Shows a certificate that proves control of a name (RFC 8737 §3).
    pub fn certificate(&mut self, name: &str, digest: &[u8]) -> anyhow::Result<()> {
        let mut parameters = rcgen::CertificateParams::new(vec![name.to_owned()])?;
        parameters.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(digest)];
        let key = rcgen::KeyPair::generate()?;
        let chain = vec![parameters.self_signed(&key)?.der().clone()];
        let private = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let private = provider
            .key_provider
            .load_private_key(private.into())
            .context("the key of a challenge cannot be used")?;
        // Made here, so they belong together; rustls's own check knows no certificate with this critical extension.
        let signer = CertifiedKey::new(chain, private);
        self.challenges
            .certificates
            .lock()
            .insert(name.to_owned(), Arc::new(signer));
        self.names.push(name.to_owned());
        Ok(())
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        let mut texts = self.challenges.texts.lock();
        for token in &self.tokens {
            texts.remove(token);
        }
        drop(texts);
        let mut certificates = self.challenges.certificates.lock();
        for name in &self.names {
            certificates.remove(name);
        }
    }
}
