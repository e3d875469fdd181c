//! Which certificate a connection is shown: the one that names what the client asked for (SNI,
//! [RFC 6066 §3](https://www.rfc-editor.org/rfc/rfc6066#section-3)).
//!
//! Where certificates come from, and when they are renewed, is the binary's affair.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::super::binding;

/// A certificate with its key, and whom it is for.
#[derive(Clone)]
pub struct Certificate {
    /// Names in lower case as certificates write them, and beside those a domain's Unicode form; `*.` stands for one label.
    pub names: Vec<String>,
    /// The chain and its key.
    pub signer: Arc<CertifiedKey>,
}

impl Certificate {
    /// Whether it is for this name, given in lower case (RFC 6125 §6.4.3).
    pub fn is_for(&self, name: &str) -> bool {
        self.names.iter().any(|own| {
            own == name
                || own.strip_prefix("*.").is_some_and(|parent| {
                    name.split_once('.')
                        .is_some_and(|(label, rest)| !label.is_empty() && rest == parent)
                })
        })
    }
}

/// The certificates of one server; the first is for whoever names none of them.
pub struct Choice(Vec<(Certificate, Option<Vec<u8>>)>);

impl Choice {
    pub(super) fn new(certificates: Vec<Certificate>) -> Choice {
        let with_end_point = |certificate: Certificate| {
            let end_point = certificate
                .signer
                .cert
                .first()
                .and_then(|leaf| binding::end_point(leaf));
            (certificate, end_point)
        };
        Choice(certificates.into_iter().map(with_end_point).collect())
    }

    /// The certificate for the first of these names that one is for, else the first of all.
    fn of<'a>(&self, names: impl Iterator<Item = &'a str>) -> usize {
        names
            .map(str::to_ascii_lowercase)
            .find_map(|name| self.0.iter().position(|(one, _)| one.is_for(&name)))
            .unwrap_or(0)
    }
}

/// The choice for one connection, which remembers what was chosen: channel binding names the certificate.
pub(super) struct Chosen {
    choice: Arc<Choice>,
    /// The domain that the stream's header named, for clients that send no SNI before STARTTLS.
    domain: Option<String>,
    index: Mutex<usize>,
}

impl Chosen {
    pub(super) fn new(choice: Arc<Choice>, domain: Option<String>) -> Chosen {
        Chosen {
            choice,
            domain,
            index: Mutex::new(0),
        }
    }

    /// The value of `tls-server-end-point` for what was shown.
    pub(super) fn end_point(&self) -> Option<Vec<u8>> {
        let (_, end_point) = self.choice.0.get(*self.index.lock())?;
        end_point.clone()
    }
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chosen")
    }
}

impl ResolvesServerCert for Chosen {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().into_iter().chain(self.domain.as_deref());
        let index = self.choice.of(named);
        *self.index.lock() = index;
        Some(Arc::clone(&self.choice.0.get(index)?.0.signer))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn certificate(names: &[&str]) -> Certificate {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        Certificate {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            signer: Arc::new(
                CertifiedKey::from_der(vec![made.cert.der().clone()], key.into(), &provider).unwrap(),
            ),
        }
    }

    #[test]
    fn the_name_decides_and_the_first_is_for_all_others() {
        let choice = Choice::new(vec![
            certificate(&["a.example"]),
            certificate(&["b.example", "*.b.example"]),
        ]);
        for (names, expected) in [
            (&["a.example"][..], 0),
            (&["B.example"], 1),
            (&["pubsub.b.example"], 1),
            (&["x.pubsub.b.example"], 0),
            (&[".b.example"], 0),
            (&["c.example"], 0),
            (&["c.example", "b.example"], 1),
            (&[], 0),
        ] {
            assert_eq!(choice.of(names.iter().copied()), expected, "{names:?}");
        }
    }
}
