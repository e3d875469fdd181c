//! A SCRAM client (RFC 5802), written from the specification and not from the server's side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Digest;

/// What is done with the hash that a mechanism names.
pub struct Hashing {
    pub name: &'static str,
    salted: fn(&str, &[u8], u32) -> Vec<u8>,
    hmac: fn(&[u8], &[u8]) -> Vec<u8>,
    hash: fn(&[u8]) -> Vec<u8>,
}

macro_rules! hashing {
    ($name:literal, $hash:ty, $length:literal) => {
        Hashing {
            name: $name,
            salted: |password, salt, rounds| {
                pbkdf2::pbkdf2_hmac_array::<$hash, $length>(password.as_bytes(), salt, rounds).to_vec()
            },
            hmac: |key, data| {
                let mut mac = <Hmac<$hash> as Mac>::new_from_slice(key).unwrap();
                mac.update(data);
                mac.finalize().into_bytes().to_vec()
            },
            hash: |data| <$hash>::digest(data).to_vec(),
        }
    };
}

pub const SHA1: Hashing = hashing!("SCRAM-SHA-1", sha1::Sha1, 20);
pub const SHA256: Hashing = hashing!("SCRAM-SHA-256", sha2::Sha256, 32);
pub const SHA512: Hashing = hashing!("SCRAM-SHA-512", sha2::Sha512, 64);

/// One exchange.
pub struct Exchange<'a> {
    pub hashing: &'a Hashing,
    pub username: &'a str,
    pub password: &'a str,
    /// `n,,`, `y,,` or `p=TYPE,,`.
    pub gs2: &'a str,
    /// What `p` binds to.
    pub binding: &'a [u8],
}

impl Exchange<'_> {
    fn bare(&self) -> String {
        format!("n={},r=fyko+d2lbbFgONRv9qkxdawL", self.username)
    }

    /// `<auth/>`
    pub fn first(&self, plus: &str) -> String {
        let message = STANDARD.encode(format!("{}{}", self.gs2, self.bare()));
        let name = self.hashing.name;
        format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{name}{plus}'>{message}</auth>")
    }

    /// `<response/>` to a challenge, and the data that `<success/>` must bring.
    pub fn last(&self, challenge: &str) -> (String, String) {
        let server_first = String::from_utf8(STANDARD.decode(content(challenge)).unwrap()).unwrap();
        let mut parts = server_first.split(',');
        let nonce = parts.next().unwrap().strip_prefix("r=").unwrap();
        let salt = STANDARD
            .decode(parts.next().unwrap().strip_prefix("s=").unwrap())
            .unwrap();
        let rounds: u32 = parts.next().unwrap().strip_prefix("i=").unwrap().parse().unwrap();
        let bound = STANDARD.encode([self.gs2.as_bytes(), self.binding].concat());
        let without_proof = format!("c={bound},r={nonce}");
        let salted = (self.hashing.salted)(self.password, &salt, rounds);
        let client_key = (self.hashing.hmac)(&salted, b"Client Key");
        let stored_key = (self.hashing.hash)(&client_key);
        let message = format!("{},{server_first},{without_proof}", self.bare());
        let signature = (self.hashing.hmac)(&stored_key, message.as_bytes());
        let proof: Vec<u8> = client_key
            .iter()
            .zip(signature)
            .map(|(key, signature)| key ^ signature)
            .collect();
        let last = STANDARD.encode(format!("{without_proof},p={}", STANDARD.encode(proof)));
        let server_key = (self.hashing.hmac)(&salted, b"Server Key");
        let verifier = STANDARD.encode((self.hashing.hmac)(&server_key, message.as_bytes()));
        (
            format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{last}</response>"),
            STANDARD.encode(format!("v={verifier}")),
        )
    }
}

/// The text of an element that holds nothing else.
pub fn content(element: &str) -> &str {
    element.split_once('>').unwrap().1.split_once('<').unwrap().0
}
