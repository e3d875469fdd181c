//! SASL, the server's side: mechanisms, their order, failures, and one state machine per family.
//!
//! Specification: [RFC 6120 §6](https://www.rfc-editor.org/rfc/rfc6120#section-6), with
//! [RFC 5802](https://www.rfc-editor.org/rfc/rfc5802) and [RFC 7677](https://www.rfc-editor.org/rfc/rfc7677) (SCRAM),
//! [RFC 4616](https://www.rfc-editor.org/rfc/rfc4616) (PLAIN) and
//! [RFC 7628](https://www.rfc-editor.org/rfc/rfc7628) (OAUTHBEARER); the second profile and what goes with it are named
//! in their files.
//! Nothing here draws random numbers, looks an account up or knows the transport: nonces, keys, secrets and
//! channel bindings are arguments. Whether a given authorization identity may be used is the caller's to decide:
//! it must be the bare JID of whoever authenticated, or the answer is [`SaslError::InvalidAuthzid`].

mod announced;
mod authenticate;
mod hashed_token;
mod oauthbearer;
mod plain;
mod prep;
mod scram;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use announced::Announced;
pub use authenticate::{Authenticate, Bind, Enable, Fast, Resume, UserAgent, decode2};
pub use hashed_token::{HashedToken, TokenMechanism};
pub use oauthbearer::{OauthBearer, OauthRefused};
pub use plain::Plain;
pub use prep::{PasswordError, prepare_password};
pub use scram::{Hash, ScramFinal, ScramFirst, ScramKeys, stable_false_salt};

use crate::Writer;
use crate::ns;

/// The longest message of a client, decoded, in bytes. Nothing that these mechanisms carry comes near it.
pub const MAX_MESSAGE: usize = 8 * 1024;

/// A mechanism that this server speaks, ordered by strength: the strongest is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// The password itself (RFC 4616); offered over TLS only.
    Plain,
    /// A bearer token of one device (RFC 7628); offered over TLS only.
    OauthBearer,
    /// RFC 5802.
    ScramSha1,
    /// RFC 7677.
    ScramSha256,
    /// RFC 5802 with SHA-512.
    ScramSha512,
    /// RFC 5802, bound to the TLS channel.
    ScramSha1Plus,
    /// RFC 7677, bound to the TLS channel.
    ScramSha256Plus,
    /// RFC 5802 with SHA-512, bound to the TLS channel.
    ScramSha512Plus,
}

impl Mechanism {
    /// Every mechanism, the strongest first, as it is announced.
    pub const ALL: [Mechanism; 8] = [
        Mechanism::ScramSha512Plus,
        Mechanism::ScramSha256Plus,
        Mechanism::ScramSha1Plus,
        Mechanism::ScramSha512,
        Mechanism::ScramSha256,
        Mechanism::ScramSha1,
        Mechanism::OauthBearer,
        Mechanism::Plain,
    ];

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::OauthBearer => "OAUTHBEARER",
            Mechanism::ScramSha1 => "SCRAM-SHA-1",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
            Mechanism::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Mechanism::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Mechanism::ScramSha512Plus => "SCRAM-SHA-512-PLUS",
        }
    }

    /// The mechanism of this name. Names are upper case (RFC 4422 §3.1).
    pub fn from_name(name: &str) -> Option<Mechanism> {
        Mechanism::ALL
            .into_iter()
            .find(|mechanism| mechanism.name() == name)
    }

    /// The hash of a SCRAM mechanism.
    pub fn hash(self) -> Option<Hash> {
        match self {
            Mechanism::Plain | Mechanism::OauthBearer => None,
            Mechanism::ScramSha1 | Mechanism::ScramSha1Plus => Some(Hash::Sha1),
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => Some(Hash::Sha256),
            Mechanism::ScramSha512 | Mechanism::ScramSha512Plus => Some(Hash::Sha512),
        }
    }

    /// True if the mechanism binds to the TLS channel.
    pub fn is_plus(self) -> bool {
        matches!(
            self,
            Mechanism::ScramSha1Plus | Mechanism::ScramSha256Plus | Mechanism::ScramSha512Plus
        )
    }

    /// True if whoever reads the exchange can sign in by it: never without TLS, except for tests.
    pub fn is_plain_text(self) -> bool {
        matches!(self, Mechanism::Plain | Mechanism::OauthBearer)
    }
}

/// What the server's end of the TLS channel offers to bind to (RFC 5056, RFC 9266, RFC 5929).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelBinding {
    /// True if the -PLUS mechanisms were announced on this stream. A client that can bind and says that the server
    /// did not offer it (`y`) was then lied to on the way (RFC 5802 §6).
    pub offered: bool,
    /// `tls-exporter`: TLS 1.3, or 1.2 with the extended master secret.
    pub exporter: Option<Vec<u8>>,
    /// `tls-server-end-point`: the hash of the server's certificate.
    pub end_point: Option<Vec<u8>>,
}

impl ChannelBinding {
    /// The registered names of the types that there are, the strongest first, for the announcement (XEP-0440).
    pub fn types(&self) -> impl Iterator<Item = &'static str> {
        let types = [
            ("tls-exporter", &self.exporter),
            ("tls-server-end-point", &self.end_point),
        ];
        let is_offered = self.offered;
        types
            .into_iter()
            .filter(move |(_, data)| is_offered && data.is_some())
            .map(|(name, _)| name)
    }

    /// The data of a binding type by its registered name.
    fn data(&self, name: &str) -> Option<&[u8]> {
        match name {
            "tls-exporter" => self.exporter.as_deref(),
            "tls-server-end-point" => self.end_point.as_deref(),
            _ => None,
        }
    }
}

/// Why an exchange failed (RFC 6120 §6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SaslError {
    /// The client gave up (§6.5.1).
    #[error("aborted")]
    Aborted,
    /// The account is disabled (§6.5.2).
    #[error("account-disabled")]
    AccountDisabled,
    /// The password or token has to be renewed (§6.5.3).
    #[error("credentials-expired")]
    CredentialsExpired,
    /// The mechanism is for encrypted streams only (§6.5.4).
    #[error("encryption-required")]
    EncryptionRequired,
    /// The base64 is wrong (§6.5.5).
    #[error("incorrect-encoding")]
    IncorrectEncoding,
    /// The authorization identity is no address, or another's (§6.5.6).
    #[error("invalid-authzid")]
    InvalidAuthzid,
    /// The mechanism is not one of those announced (§6.5.7).
    #[error("invalid-mechanism")]
    InvalidMechanism,
    /// The message does not follow the mechanism's grammar (§6.5.8).
    #[error("malformed-request")]
    MalformedRequest,
    /// The mechanism is weaker than this account allows (§6.5.9).
    #[error("mechanism-too-weak")]
    MechanismTooWeak,
    /// Wrong name, password, token or channel binding; which of them is not said (§6.5.10).
    #[error("not-authorized")]
    NotAuthorized,
    /// The server could not decide; trying again later may help (§6.5.11).
    #[error("temporary-auth-failure")]
    TemporaryAuthFailure,
}

impl SaslError {
    /// The name of the condition's element.
    pub fn name(self) -> &'static str {
        match self {
            SaslError::Aborted => "aborted",
            SaslError::AccountDisabled => "account-disabled",
            SaslError::CredentialsExpired => "credentials-expired",
            SaslError::EncryptionRequired => "encryption-required",
            SaslError::IncorrectEncoding => "incorrect-encoding",
            SaslError::InvalidAuthzid => "invalid-authzid",
            SaslError::InvalidMechanism => "invalid-mechanism",
            SaslError::MalformedRequest => "malformed-request",
            SaslError::MechanismTooWeak => "mechanism-too-weak",
            SaslError::NotAuthorized => "not-authorized",
            SaslError::TemporaryAuthFailure => "temporary-auth-failure",
        }
    }

    /// Writes `<failure/>`, with a text for the person where there is one.
    pub fn write(self, text: Option<&str>, writer: &mut Writer) {
        writer.open("failure").ns(ns::SASL).open(self.name()).close();
        if let Some(text) = text {
            writer.open("text").attr("xml:lang", "en").text(text).close();
        }
        writer.close();
    }
}

/// Decodes the text of `<auth/>` or `<response/>`: `None` when there is none, empty for a single `=` (§6.4.2).
///
/// # Errors
/// [`SaslError::IncorrectEncoding`] when it is no canonical base64, [`SaslError::MalformedRequest`] when it is
/// longer than [`MAX_MESSAGE`].
pub fn decode(text: &str) -> Result<Option<Vec<u8>>, SaslError> {
    match text {
        "" => Ok(None),
        "=" => Ok(Some(Vec::new())),
        _ if text.len() > MAX_MESSAGE / 3 * 4 => Err(SaslError::MalformedRequest),
        _ => STANDARD
            .decode(text)
            .map(Some)
            .map_err(|_| SaslError::IncorrectEncoding),
    }
}

/// Encodes the text of `<challenge/>` or `<success/>`: empty data is a single `=` (§6.4.2).
pub fn encode(data: &[u8]) -> String {
    if data.is_empty() {
        "=".to_owned()
    } else {
        STANDARD.encode(data)
    }
}

/// RFC 5801 §4: the header that SCRAM and OAUTHBEARER messages begin with.
struct Gs2Header<'a> {
    flag: Gs2Flag<'a>,
    /// Decoded.
    authzid: Option<String>,
    /// The header's own bytes, its last comma included.
    raw: &'a str,
    /// What follows the header.
    rest: &'a str,
}

/// RFC 5801 §4: what the client says about channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gs2Flag<'a> {
    /// `n`: the client cannot bind.
    Unsupported,
    /// `y`: the client can bind and thinks that the server cannot.
    NotOffered,
    /// `p=NAME`: the client binds by this type.
    Used(&'a str),
}

/// Splits `flag,[a=authzid],` from the rest of a message.
fn gs2_header(message: &str) -> Result<Gs2Header<'_>, SaslError> {
    let malformed = SaslError::MalformedRequest;
    let (flag, after) = message.split_once(',').ok_or(malformed)?;
    let flag = match flag {
        "n" => Gs2Flag::Unsupported,
        "y" => Gs2Flag::NotOffered,
        _ => Gs2Flag::Used(
            flag.strip_prefix("p=")
                .filter(|name| !name.is_empty())
                .ok_or(malformed)?,
        ),
    };
    let (authzid, rest) = after.split_once(',').ok_or(malformed)?;
    let authzid = match authzid {
        "" => None,
        _ => Some(
            authzid
                .strip_prefix("a=")
                .and_then(decode_saslname)
                .ok_or(malformed)?,
        ),
    };
    Ok(Gs2Header {
        flag,
        authzid,
        raw: &message[..message.len() - rest.len()],
        rest,
    })
}

/// RFC 5802 §5.1: a name in which `=2C` stands for a comma and `=3D` for an equals sign. `None` if it is empty,
/// longer than a JID can be, or escaped in another way.
fn decode_saslname(name: &str) -> Option<String> {
    if name.is_empty() || name.len() > crate::jid::MAX_BARE || name.contains('\0') {
        return None;
    }
    let mut parts = name.split('=');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (escaped, rest) = part.split_at_checked(2)?;
        decoded.push(match escaped {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        decoded.push_str(rest);
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_and_order() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::from_name(mechanism.name()), Some(mechanism));
            assert_eq!(mechanism.name().ends_with("-PLUS"), mechanism.is_plus());
            assert_eq!(mechanism.name().starts_with("SCRAM-"), mechanism.hash().is_some());
        }
        assert!(Mechanism::ALL.is_sorted_by(|a, b| a > b), "strongest first");
        assert_eq!(Mechanism::from_name("plain"), None);
        assert_eq!(Mechanism::from_name("X-OAUTH2"), None);
    }

    #[test]
    fn base64() {
        assert_eq!(decode(""), Ok(None));
        assert_eq!(decode("="), Ok(Some(vec![])));
        assert_eq!(decode("AGE="), Ok(Some(vec![0, b'a'])));
        for bad in ["A", "AGE", "A GE=", "AGE=\n", "AGF=", "ä", "==="] {
            assert_eq!(decode(bad), Err(SaslError::IncorrectEncoding), "{bad:?}");
        }
        assert_eq!(decode(&"A".repeat(20_000)), Err(SaslError::MalformedRequest));
        assert_eq!(encode(b""), "=");
        assert_eq!(decode(&encode(b"\0\xFF")), Ok(Some(vec![0, 0xFF])));
    }

    #[test]
    fn failures_are_elements() {
        let mut writer = Writer::new();
        SaslError::NotAuthorized.write(Some("wrong password"), &mut writer);
        assert_eq!(
            String::from_utf8(writer.finish()).unwrap(),
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/>\
             <text xml:lang='en'>wrong password</text></failure>"
        );
        assert_eq!(SaslError::Aborted.name(), SaslError::Aborted.to_string());
    }

    #[test]
    fn sasl_names() {
        assert_eq!(decode_saslname("a=2Cb=3Dc").as_deref(), Some("a,b=c"));
        for bad in ["", "a=", "a=2", "a=2c", "a=41", "=", "a\0", &"a".repeat(3000)] {
            assert_eq!(decode_saslname(bad), None, "{bad:?}");
        }
    }
}
