//! Who pushes: the key by which push services know this server, RFC 8292, <https://www.rfc-editor.org/rfc/rfc8292>.
//!
//! The key is made once and kept in the database; whoever has it and a browser's registration can push in our name.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::{Store, Timestamp};

/// Where the store keeps it.
const KEY: &str = "vapid-key";
/// How long a word of ours is good for (§2: a day at most).
const GOOD_FOR_S: i64 = 12 * 3_600;

/// This server's key.
pub(crate) struct Vapid {
    pair: EcdsaKeyPair,
    /// Whom the push service may write to (§2.1).
    contact: String,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum VapidError {
    /// It could not be stored or read.
    #[error("the key for Web Push could not be stored: {0}")]
    Store(#[from] store::meta::InitError),
    /// It could not be made, or what is stored is none.
    #[error("the key for Web Push is none")]
    Key,
}

impl Vapid {
    /// The key that is kept, made now if there is none.
    pub(crate) async fn load(store: &Store, contact: String) -> Result<Vapid, VapidError> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| VapidError::Key)?;
        let kept = store.get_or_init(KEY, made.as_ref().to_vec()).await?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &kept).map_err(|_| VapidError::Key)?;
        Ok(Vapid { pair, contact })
    }

    /// The public key, as browsers want it when they subscribe (§4.1).
    pub(crate) fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key())
    }

    /// The header `Authorization` of a request to this origin (§3).
    pub(crate) fn authorization(&self, origin: &str, now: Timestamp) -> Option<String> {
        let claims = serde_json::json!({
            "aud": origin,
            "exp": now.0 / 1_000 + GOOD_FOR_S,
            "sub": self.contact,
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256"}"#),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Some(format!("vapid t={signed}.{signature}, k={}", self.public_key()))
    }
}
