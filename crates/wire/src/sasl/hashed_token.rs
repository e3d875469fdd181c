//! HT: a token that the server gave to one client, proved by a hash in one round trip, and the server proves itself too.
//!
//! Specification: [The Hashed Token SASL Mechanism](https://datatracker.ietf.org/doc/draft-ietf-kitten-sasl-ht/00/), in the
//! form that [XEP-0484](https://xmpp.org/extensions/xep-0484.html)'s implementations speak. It keeps and expires no tokens.
//! `-UNIQ` is left out: TLS 1.3 has no `tls-unique`.

use std::fmt;

use subtle::ConstantTimeEq;

use super::{ChannelBinding, Hash, MAX_MESSAGE, SaslError};
use crate::jid::MAX_PART;

/// What the proof is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binding {
    /// `-EXPR`: `tls-exporter`.
    Exporter,
    /// `-ENDP`: `tls-server-end-point`.
    EndPoint,
    /// `-NONE`: nothing.
    None,
}

/// A mechanism of this family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenMechanism {
    name: &'static str,
    hash: Hash,
    binding: Binding,
}

const fn mechanism(name: &'static str, hash: Hash, binding: Binding) -> TokenMechanism {
    TokenMechanism { name, hash, binding }
}

impl TokenMechanism {
    /// Every mechanism, those that bind best first, as they are announced.
    pub const ALL: [TokenMechanism; 6] = [
        mechanism("HT-SHA-512-EXPR", Hash::Sha512, Binding::Exporter),
        mechanism("HT-SHA-256-EXPR", Hash::Sha256, Binding::Exporter),
        mechanism("HT-SHA-512-ENDP", Hash::Sha512, Binding::EndPoint),
        mechanism("HT-SHA-256-ENDP", Hash::Sha256, Binding::EndPoint),
        mechanism("HT-SHA-512-NONE", Hash::Sha512, Binding::None),
        mechanism("HT-SHA-256-NONE", Hash::Sha256, Binding::None),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The mechanism of this name.
    pub fn from_name(name: &str) -> Option<TokenMechanism> {
        TokenMechanism::ALL
            .into_iter()
            .find(|mechanism| mechanism.name == name)
    }

    /// Whether this channel has what the mechanism binds to.
    pub fn is_possible(self, channel: &ChannelBinding) -> bool {
        self.bound_to(channel).is_some()
    }

    fn bound_to(self, channel: &ChannelBinding) -> Option<&[u8]> {
        match self.binding {
            Binding::Exporter => channel.exporter.as_deref(),
            Binding::EndPoint => channel.end_point.as_deref(),
            Binding::None => Some(&[]),
        }
    }

    /// What one side shows of a token on this channel.
    fn proof(self, token: &str, role: &str, bound_to: &[u8]) -> Vec<u8> {
        let message = [role.as_bytes(), bound_to].concat();
        self.hash.mac(token.as_bytes(), &message)
    }
}

/// A client's only message.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedToken {
    /// Whose token it is said to be; on a client's stream the localpart of the account, not yet normalized.
    pub username: String,
    proof: Vec<u8>,
}

impl HashedToken {
    /// Reads the message: the name, a zero byte, the proof.
    ///
    /// # Errors
    /// [`SaslError::MalformedRequest`] when it does not follow the grammar, or the proof is not as long as the mechanism's.
    pub fn parse(mechanism: TokenMechanism, message: &[u8]) -> Result<HashedToken, SaslError> {
        let malformed = SaslError::MalformedRequest;
        if message.len() > MAX_MESSAGE {
            return Err(malformed);
        }
        let end = message.iter().position(|byte| *byte == 0).ok_or(malformed)?;
        let (username, proof) = (&message[..end], &message[end + 1..]);
        let username = std::str::from_utf8(username).map_err(|_| malformed)?;
        if !(1..=MAX_PART).contains(&username.len()) || proof.len() != mechanism.hash.len() {
            return Err(malformed);
        }
        Ok(HashedToken {
            username: username.to_owned(),
            proof: proof.to_vec(),
        })
    }

    /// Whether this token was proved on this channel, and with what the server then proves that it has it too. Takes as
    /// long for a wrong proof as for the right one.
    pub fn verify(
        &self,
        mechanism: TokenMechanism,
        token: &str,
        channel: &ChannelBinding,
    ) -> Option<Vec<u8>> {
        let bound_to = mechanism.bound_to(channel)?;
        let expected = mechanism.proof(token, "Initiator", bound_to);
        let is_proven: bool = expected.ct_eq(&self.proof).into();
        is_proven.then(|| mechanism.proof(token, "Responder", bound_to))
    }
}

/// The proof stays out of logs: without a channel binding it is as good as the token.
impl fmt::Debug for HashedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashedToken")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn channel(exporter: &[u8], end_point: &[u8]) -> ChannelBinding {
        ChannelBinding {
            offered: true,
            exporter: Some(exporter.to_vec()),
            end_point: Some(end_point.to_vec()),
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 4231 and the draft name no vector; this one was computed with OpenSSL:
    /// `printf Initiator | openssl dgst -sha256 -hmac secret-token`.
    #[test]
    fn the_proof_is_an_hmac_of_the_role_and_the_binding() {
        let mechanism = TokenMechanism::from_name("HT-SHA-256-NONE").unwrap();
        assert_eq!(hex(&mechanism.proof("secret-token", "Initiator", b"")), INITIATOR);
        assert_eq!(hex(&mechanism.proof("secret-token", "Responder", b"")), RESPONDER);
        assert_eq!(
            hex(&mechanism.proof("secret-token", "Initiator", b"\x01\x02")),
            BOUND
        );
    }
    const INITIATOR: &str = "3f6de92b45cddc50c601ad166458f7b5874565e399f3006b1afb03f0bb03ff88";
    const RESPONDER: &str = "5572a63e0496195609273c23be8a50b9bee64e0369324079e73245bf4472a5b1";
    const BOUND: &str = "cc4d1bf69d8afa0e18f7583c6811758ad7fce952305e27332d610b6f51941cc5";

    #[test]
    fn a_proof_is_good_for_one_token_mechanism_and_channel() {
        let here = channel(&[7; 32], &[8; 32]);
        for mechanism in TokenMechanism::ALL {
            let bound_to = mechanism.bound_to(&here).unwrap();
            let message = [b"juliet\0", &mechanism.proof("token", "Initiator", bound_to)[..]].concat();
            let shown = HashedToken::parse(mechanism, &message).unwrap();
            assert_eq!(shown.username, "juliet");
            assert_eq!(
                shown.verify(mechanism, "token", &here),
                Some(mechanism.proof("token", "Responder", bound_to))
            );
            assert_eq!(shown.verify(mechanism, "Token", &here), None);
            let elsewhere = shown.verify(mechanism, "token", &channel(&[0; 32], &[0; 32]));
            assert_eq!(elsewhere.is_some(), mechanism.binding == Binding::None);
            assert_eq!(
                shown
                    .verify(mechanism, "token", &ChannelBinding::default())
                    .is_some(),
                mechanism.is_possible(&ChannelBinding::default())
            );
            for other in TokenMechanism::ALL
                .into_iter()
                .filter(|other| *other != mechanism)
            {
                assert_eq!(
                    shown.verify(other, "token", &here),
                    None,
                    "{} as {}",
                    mechanism.name,
                    other.name
                );
            }
            // What the server answers proves nothing of a client.
            let echo = [b"juliet\0", &mechanism.proof("token", "Responder", bound_to)[..]].concat();
            let echo = HashedToken::parse(mechanism, &echo).unwrap();
            assert_eq!(echo.verify(mechanism, "token", &here), None);
            assert!(!format!("{shown:?}").contains("proof"));
        }
    }

    #[test]
    fn malformed() {
        let mechanism = TokenMechanism::from_name("HT-SHA-256-NONE").unwrap();
        let long = [&[b'x'; MAX_PART + 1][..], b"\0", &[1; 32]].concat();
        for bad in [
            &b""[..],
            b"\0",
            b"juliet",
            b"juliet\0",
            b"juliet\0short",
            &[b"\0".as_slice(), &[1; 32]].concat(),
            &[b"juliet\0".as_slice(), &[1; 31]].concat(),
            &[b"juliet\0".as_slice(), &[1; 33]].concat(),
            &[b"\xFF\0".as_slice(), &[1; 32]].concat(),
            &long,
        ] {
            assert_eq!(
                HashedToken::parse(mechanism, bad),
                Err(SaslError::MalformedRequest),
                "{bad:?}"
            );
        }
        // A zero byte may stand in the proof.
        assert!(HashedToken::parse(mechanism, &[b"juliet\0".as_slice(), &[0; 32]].concat()).is_ok());
        assert_eq!(TokenMechanism::from_name("HT-SHA-256-UNIQ"), None);
    }
}
