//! PLAIN: `[authzid] NUL authcid NUL password`.
//!
//! Specification: [RFC 4616](https://www.rfc-editor.org/rfc/rfc4616). It verifies nothing: see
//! [`ScramKeys::verify_password`](super::ScramKeys::verify_password).

use std::fmt;

use super::{MAX_MESSAGE, SaslError};
use crate::jid::{MAX_BARE, MAX_PART};

/// The longest password, in bytes, as it is sent.
pub(super) const MAX_PASSWORD: usize = 1024;

/// What a client says in its only message.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain {
    /// Whom the client wants to act as, if it says so; not verified.
    pub authzid: Option<String>,
    /// Whose password follows; on a client's stream the localpart of the account, not yet normalized.
    pub username: String,
    /// The password, not yet prepared.
    pub password: String,
}

impl Plain {
    /// Reads the message (§2).
    ///
    /// # Errors
    /// [`SaslError::MalformedRequest`] when it does not follow the grammar or a part is too long.
    pub fn parse(message: &[u8]) -> Result<Plain, SaslError> {
        let malformed = SaslError::MalformedRequest;
        if message.len() > MAX_MESSAGE {
            return Err(malformed);
        }
        let text = std::str::from_utf8(message).map_err(|_| malformed)?;
        let mut parts = text.split('\0');
        let (Some(authzid), Some(username), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed);
        };
        let is_bounded = authzid.len() <= MAX_BARE
            && (1..=MAX_PART).contains(&username.len())
            && (1..=MAX_PASSWORD).contains(&password.len());
        if !is_bounded {
            return Err(malformed);
        }
        Ok(Plain {
            authzid: (!authzid.is_empty()).then(|| authzid.to_owned()),
            username: username.to_owned(),
            password: password.to_owned(),
        })
    }
}

/// The password stays out of logs.
impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain")
            .field("authzid", &self.authzid)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// RFC 4616 §4.
    #[test]
    fn examples() {
        let plain = Plain::parse(b"\0tim\0tanstaaftanstaaf").unwrap();
        assert_eq!(plain.authzid, None);
        assert_eq!(
            (plain.username.as_str(), plain.password.as_str()),
            ("tim", "tanstaaftanstaaf")
        );
        let plain = Plain::parse(b"Ursel\0Kurt\0xipj3plmq").unwrap();
        assert_eq!(plain.authzid.as_deref(), Some("Ursel"));
        assert!(!format!("{plain:?}").contains("xipj3plmq"));
    }

    #[test]
    fn malformed() {
        let long = format!("\0tim\0{}", "x".repeat(MAX_PASSWORD + 1));
        for bad in [
            &b""[..],
            b"\0",
            b"\0\0",
            b"\0tim\0",
            b"\0\0secret",
            b"tim\0secret",
            b"\0tim\0sec\0ret",
            b"\0tim\0\xFF",
            long.as_bytes(),
        ] {
            assert_eq!(Plain::parse(bad), Err(SaslError::MalformedRequest), "{bad:?}");
        }
    }
}
