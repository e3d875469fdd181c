//! What SASL can be bound to on a TLS connection: `tls-exporter` ([RFC 9266](https://www.rfc-editor.org/rfc/rfc9266))
//! and `tls-server-end-point` ([RFC 5929 §4](https://www.rfc-editor.org/rfc/rfc5929#section-4)).
//!
//! rustls's unbuffered connections export no keying material, but tell the exporter secret to a key log; the rest of
//! the exporter (RFC 8446 §7.5) is computed here with the suite's own HKDF.

use std::fmt;

use parking_lot::Mutex;
use rustls::SupportedCipherSuite;
use rustls::crypto::tls13::OkmBlock;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Catches one handshake's exporter secret.
#[derive(Default)]
pub(crate) struct ExporterSecret(Mutex<Option<Vec<u8>>>);

impl fmt::Debug for ExporterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExporterSecret")
    }
}

const LABEL: &str = "EXPORTER_SECRET";

impl rustls::KeyLog for ExporterSecret {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if label == LABEL && secret.len() <= OkmBlock::MAX_LEN {
            *self.0.lock() = Some(secret.to_vec());
        }
    }

    fn will_log(&self, label: &str) -> bool {
        label == LABEL
    }
}

impl ExporterSecret {
    /// The value of `tls-exporter` (RFC 9266 §2): 32 bytes exported under its label with an empty context.
    pub(crate) fn exporter(&self, suite: Option<SupportedCipherSuite>) -> Option<Vec<u8>> {
        let secret = self.0.lock().take()?;
        let suite = suite?.tls13()?;
        let hash = suite.common.hash_provider;
        let empty = hash.hash(&[]);
        let hkdf = suite.hkdf_provider;
        // RFC 8446 §7.5: HKDF-Expand-Label(Derive-Secret(secret, label, ""), "exporter", Hash(context), length)
        let mut derived = vec![0; hash.output_len()];
        let expander = hkdf.expander_for_okm(&OkmBlock::new(&secret));
        expand_label(
            &*expander,
            b"EXPORTER-Channel-Binding",
            empty.as_ref(),
            &mut derived,
        )?;
        let mut exported = vec![0; 32];
        let expander = hkdf.expander_for_okm(&OkmBlock::new(&derived));
        expand_label(&*expander, b"exporter", empty.as_ref(), &mut exported)?;
        Some(exported)
    }
}

/// RFC 8446 §7.1
fn expand_label(
    expander: &dyn rustls::crypto::tls13::HkdfExpander,
    label: &[u8],
    context: &[u8],
    output: &mut [u8],
) -> Option<()> {
    const PREFIX: &[u8] = b"tls13 ";
    let length = u16::try_from(output.len()).ok()?.to_be_bytes();
    let label_length = [u8::try_from(PREFIX.len() + label.len()).ok()?];
    let context_length = [u8::try_from(context.len()).ok()?];
    expander
        .expand_slice(
            &[&length, &label_length, PREFIX, label, &context_length, context],
            output,
        )
        .ok()
}

/// The value of `tls-server-end-point`: the certificate hashed with the hash of its signature, where that uses exactly one
/// (RFC 5929 §4.1); MD5 and SHA-1 are replaced by SHA-256.
pub(crate) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(match signature_hash(certificate)? {
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// Reads the object identifier of a certificate's `signatureAlgorithm` (RFC 5280 §4.1).
fn signature_hash(certificate: &[u8]) -> Option<Hash> {
    /// 1.2.840.113549.1.1: RSA with PKCS #1 v1.5
    const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    /// 1.2.840.10045.4: ECDSA
    const ECDSA: [u8; 6] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
    const SEQUENCE: u8 = 0x30;
    const OBJECT_IDENTIFIER: u8 = 0x06;
    let (body, _) = der(certificate, SEQUENCE)?;
    let (_, after_tbs) = der(body, SEQUENCE)?;
    let (algorithm, _) = der(after_tbs, SEQUENCE)?;
    let (oid, _) = der(algorithm, OBJECT_IDENTIFIER)?;
    if let Some(rest) = oid.strip_prefix(&RSA) {
        return match rest {
            // md5, sha1 and sha256 (RFC 4055 §5)
            [4 | 5 | 11] => Some(Hash::Sha256),
            [12] => Some(Hash::Sha384),
            [13] => Some(Hash::Sha512),
            _ => None,
        };
    }
    match oid.strip_prefix(&ECDSA)? {
        // with sha1, sha256, sha384, sha512 (RFC 5758 §3.2)
        [1] | [3, 2] => Some(Hash::Sha256),
        [3, 3] => Some(Hash::Sha384),
        [3, 4] => Some(Hash::Sha512),
        _ => None,
    }
}

/// One DER value with this tag: its content and what follows it.
fn der(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        (
            digits
                .iter()
                .fold(0, |length, &digit| length << 8 | usize::from(digit)),
            rest,
        )
    };
    rest.split_at_checked(length)
}
