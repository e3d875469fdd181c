//! SCRAM: the password is never sent and never kept; each side proves that it knows keys made from it.
//!
//! Specification: [RFC 5802](https://www.rfc-editor.org/rfc/rfc5802), RFC 7677 (SHA-256), and the same with SHA-512.
//! Deriving keys costs milliseconds of CPU by design: callers do it in a bounded pool, off the runtime.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use hmac::Mac;
use hmac::digest::{FixedOutput, KeyInit, Update};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::{
    Announced, ChannelBinding, Gs2Flag, MAX_MESSAGE, Mechanism, SaslError, decode_saslname, gs2_header,
    prepare_password,
};

/// The longest nonce that a client may choose, in bytes.
const MAX_NONCE: usize = 512;

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl Hash {
    /// Every hash, the weakest first.
    pub const ALL: [Hash; 3] = [Hash::Sha1, Hash::Sha256, Hash::Sha512];

    /// The registered name, as in the mechanism's.
    pub fn name(self) -> &'static str {
        match self {
            Hash::Sha1 => "SHA-1",
            Hash::Sha256 => "SHA-256",
            Hash::Sha512 => "SHA-512",
        }
    }

    /// The hash of this name.
    pub fn from_name(name: &str) -> Option<Hash> {
        Hash::ALL.into_iter().find(|hash| hash.name() == name)
    }

    /// How long its values are, in bytes.
    pub(super) fn len(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha512 => 64,
        }
    }

    /// `H(data)`.
    pub(super) fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Hash::Sha1 => Sha1::digest(data).to_vec(),
            Hash::Sha256 => Sha256::digest(data).to_vec(),
            Hash::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    /// `HMAC(key, data)`.
    pub(super) fn mac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self {
            Hash::Sha1 => mac::<Hmac<Sha1>>(key, data),
            Hash::Sha256 => mac::<Hmac<Sha256>>(key, data),
            Hash::Sha512 => mac::<Hmac<Sha512>>(key, data),
        }
    }

    /// `Hi(password, salt, iterations)` (§2.2).
    fn stretch(self, password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Hash::Sha1 => stretch::<Hmac<Sha1>>(password, salt, iterations, 20),
            Hash::Sha256 => stretch::<Hmac<Sha256>>(password, salt, iterations, 32),
            Hash::Sha512 => stretch::<Hmac<Sha512>>(password, salt, iterations, 64),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mac = <M as Mac>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(data).finalize().into_bytes().to_vec()
}

fn stretch<M>(password: &str, salt: &[u8], iterations: u32, len: usize) -> Vec<u8>
where
    M: KeyInit + Update + FixedOutput + Clone + Sync,
{
    let mut out = vec![0; len];
    pbkdf2::pbkdf2::<M>(password.as_bytes(), salt, iterations.max(1), &mut out)
        .expect("HMAC takes a key of any length");
    out
}

/// What is kept of a password for one hash (§3). Neither the password nor a proof can be made from it, but whoever
/// has it and sees one exchange can sign in: it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// The hash that all the rest is made with.
    pub hash: Hash,
    /// Random, [`ScramKeys::SALT_LEN`] bytes, of its own for each hash and password.
    pub salt: Vec<u8>,
    /// How often the hash is applied.
    pub iterations: u32,
    /// `H(ClientKey)`.
    pub stored_key: Vec<u8>,
    /// `HMAC(SaltedPassword, "Server Key")`.
    pub server_key: Vec<u8>,
}

impl ScramKeys {
    /// How long a salt is, in bytes. All have one length, so that a false one does not stand out.
    pub const SALT_LEN: usize = 16;

    /// Derives the keys of a password that [`prepare_password`] has prepared. Costly.
    pub fn derive(hash: Hash, password_prepared: &str, salt: Vec<u8>, iterations: u32) -> ScramKeys {
        let salted = hash.stretch(password_prepared, &salt, iterations);
        let client_key = hash.mac(&salted, b"Client Key");
        ScramKeys {
            hash,
            stored_key: hash.digest(&client_key),
            server_key: hash.mac(&salted, b"Server Key"),
            salt,
            iterations,
        }
    }

    /// Keys for a name that has no account: the salt is the same at every try, and no password fits. Cheap.
    pub fn of_nobody(hash: Hash, server_secret: &[u8], username: &str, iterations: u32) -> ScramKeys {
        let key = |purpose: &str| hash.mac(server_secret, format!("{purpose}\0{username}").as_bytes());
        ScramKeys {
            hash,
            salt: stable_false_salt(hash, server_secret, username),
            iterations,
            stored_key: key("stored key"),
            server_key: key("server key"),
        }
    }

    /// True if these are the keys of this password, which need not be prepared. Costly; takes as long for a wrong
    /// password as for the right one, and for [`ScramKeys::of_nobody`].
    pub fn verify_password(&self, password: &str) -> bool {
        let Ok(prepared) = prepare_password(password) else {
            return false;
        };
        let derived = ScramKeys::derive(self.hash, &prepared, self.salt.clone(), self.iterations);
        derived.stored_key.ct_eq(&self.stored_key).into()
    }
}

/// The keys stay out of logs.
impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys")
            .field("hash", &self.hash)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// The salt shown for a name that has no account: looks random, and is the same at every try.
pub fn stable_false_salt(hash: Hash, server_secret: &[u8], username: &str) -> Vec<u8> {
    let mut salt = Hash::Sha256.mac(
        server_secret,
        format!("salt\0{}\0{username}", hash.name()).as_bytes(),
    );
    salt.truncate(ScramKeys::SALT_LEN);
    salt
}

/// A client's first message, read: the keys of [`ScramFirst::username`] are wanted next.
#[derive(Clone, Debug)]
pub struct ScramFirst {
    /// Whom the client claims to be; on a client's stream the localpart of the account, not yet normalized.
    pub username: String,
    /// Whom the client wants to act as, if it says so; not verified.
    pub authzid: Option<String>,
    /// The hash of the mechanism: the keys must be those for it.
    pub hash: Hash,
    nonce: String,
    /// `client-first-message-bare`.
    bare: String,
    /// `cbind-input`: the GS2 header and the channel binding's data.
    binding: Vec<u8>,
}

impl ScramFirst {
    /// Reads `client-first-message` (§7) and holds it against the mechanism chosen and the TLS channel.
    ///
    /// # Errors
    /// [`SaslError::MalformedRequest`] for bad grammar, [`SaslError::NotAuthorized`] for a channel binding that this
    /// channel does not have or that was taken out of the announcement on the way (§6),
    /// [`SaslError::InvalidMechanism`] when the mechanism is no SCRAM.
    pub fn parse(
        mechanism: Mechanism,
        message: &[u8],
        binding: &ChannelBinding,
    ) -> Result<ScramFirst, SaslError> {
        let hash = mechanism.hash().ok_or(SaslError::InvalidMechanism)?;
        let malformed = SaslError::MalformedRequest;
        let header = gs2_header(bounded_text(message)?)?;
        let mut cbind_input = header.raw.as_bytes().to_vec();
        match (header.flag, mechanism.is_plus()) {
            (Gs2Flag::Used(name), true) => {
                cbind_input.extend_from_slice(binding.data(name).ok_or(SaslError::NotAuthorized)?);
            }
            // §6: a client that binds has chosen a -PLUS mechanism, and the other way round.
            (Gs2Flag::Used(_), false) | (Gs2Flag::Unsupported | Gs2Flag::NotOffered, true) => {
                return Err(malformed);
            }
            (Gs2Flag::NotOffered, false) if binding.offered => return Err(SaslError::NotAuthorized),
            (Gs2Flag::NotOffered | Gs2Flag::Unsupported, false) => {}
        }
        let mut attributes = header.rest.split(',');
        // §5.1: `m=` in the first place is an extension that must be understood; there is none.
        let username = attributes
            .next()
            .and_then(|name| name.strip_prefix("n="))
            .and_then(decode_saslname);
        let nonce = attributes
            .next()
            .and_then(|nonce| nonce.strip_prefix("r="))
            .filter(|nonce| is_nonce(nonce));
        if !attributes.all(is_extension) {
            return Err(malformed);
        }
        Ok(ScramFirst {
            username: username.ok_or(malformed)?,
            authzid: header.authzid,
            hash,
            nonce: nonce.ok_or(malformed)?.to_owned(),
            bare: header.rest.to_owned(),
            binding: cbind_input,
        })
    }

    /// Makes `server-first-message`. The nonce is fresh, random, printable ASCII without commas (base64 will do). What
    /// was announced on the stream is told again, where the proofs of both sides cover it (XEP-0474).
    pub fn challenge(
        self,
        keys: ScramKeys,
        server_nonce: &str,
        announced: Option<&Announced>,
    ) -> (ScramFinal, Vec<u8>) {
        let nonce = format!("{}{server_nonce}", self.nonce);
        let mut server_first = format!(
            "r={nonce},s={},i={}",
            STANDARD.encode(&keys.salt),
            keys.iterations
        );
        if let Some(announced) = announced {
            server_first.push_str(",h=");
            server_first.push_str(&announced.digest(self.hash));
        }
        let challenge = server_first.clone().into_bytes();
        let expected = format!("c={},r={nonce}", STANDARD.encode(&self.binding));
        (
            ScramFinal {
                keys,
                messages: format!("{},{server_first}", self.bare),
                expected,
            },
            challenge,
        )
    }
}

/// The state after the challenge: the client's proof is wanted.
#[derive(Clone, Debug)]
pub struct ScramFinal {
    keys: ScramKeys,
    /// The first two parts of `AuthMessage`.
    messages: String,
    /// How `client-final-message` must begin: the binding and the nonce.
    expected: String,
}

impl ScramFinal {
    /// Verifies `client-final-message` and gives `server-final-message`, which proves the server to the client.
    ///
    /// # Errors
    /// [`SaslError::MalformedRequest`] or [`SaslError::IncorrectEncoding`] for bad grammar,
    /// [`SaslError::NotAuthorized`] for a wrong proof, nonce or channel binding.
    pub fn finish(self, client_final: &[u8]) -> Result<Vec<u8>, SaslError> {
        let malformed = SaslError::MalformedRequest;
        let (without_proof, proof) = bounded_text(client_final)?.rsplit_once(",p=").ok_or(malformed)?;
        let mut attributes = without_proof.split(',');
        let (binding, nonce) = (
            attributes.next().unwrap_or_default(),
            attributes.next().unwrap_or_default(),
        );
        if !binding.starts_with("c=") || !nonce.starts_with("r=") || !attributes.all(is_extension) {
            return Err(malformed);
        }
        let proof = STANDARD.decode(proof).map_err(|_| SaslError::IncorrectEncoding)?;
        let ScramKeys {
            hash,
            stored_key,
            server_key,
            ..
        } = &self.keys;
        if proof.len() != stored_key.len() {
            return Err(malformed);
        }
        let auth_message = format!("{},{without_proof}", self.messages);
        let signature = hash.mac(stored_key, auth_message.as_bytes());
        let client_key: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        let is_proven = bool::from(hash.digest(&client_key).ct_eq(stored_key));
        let is_same_exchange = binding.len() + 1 + nonce.len() == self.expected.len()
            && without_proof.starts_with(&self.expected);
        if !is_proven || !is_same_exchange {
            return Err(SaslError::NotAuthorized);
        }
        let verifier = hash.mac(server_key, auth_message.as_bytes());
        Ok(format!("v={}", STANDARD.encode(verifier)).into_bytes())
    }
}

fn bounded_text(message: &[u8]) -> Result<&str, SaslError> {
    if message.len() > MAX_MESSAGE {
        return Err(SaslError::MalformedRequest);
    }
    std::str::from_utf8(message).map_err(|_| SaslError::MalformedRequest)
}

/// §7: `printable`, at least one.
fn is_nonce(nonce: &str) -> bool {
    (1..=MAX_NONCE).contains(&nonce.len()) && nonce.bytes().all(|b| matches!(b, 0x21..=0x2B | 0x2D..=0x7E))
}

/// §5.1: `ALPHA "=" value`, ignored when not understood.
fn is_extension(attribute: &str) -> bool {
    matches!(attribute.as_bytes(), [name, b'=', _, ..] if name.is_ascii_alphabetic())
        && !attribute.contains('\0')
}

#[cfg(test)]
mod tests;
