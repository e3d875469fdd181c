//! OAUTHBEARER: one device's token instead of a password.
//!
//! Specification: [RFC 7628](https://www.rfc-editor.org/rfc/rfc7628). It verifies no token. When the caller refuses
//! one, the client first gets [`OauthRefused::CHALLENGE`], answers with a single `%x01`, and then gets the failure (§3.2.3).

use std::fmt;

use super::{Gs2Flag, MAX_MESSAGE, SaslError, gs2_header};

/// The longest token, in bytes. Ours are far shorter.
const MAX_TOKEN: usize = 1024;

/// What a client says in its first message.
#[derive(Clone, PartialEq, Eq)]
pub struct OauthBearer {
    /// Whom the client wants to act as, if it says so; not verified.
    pub authzid: Option<String>,
    /// The token; never empty.
    pub token: String,
}

impl OauthBearer {
    /// Reads the message (§3.1): the GS2 header, then key/value pairs, each ended by `%x01`, then another `%x01`.
    /// Keys other than `auth` (`host`, `port`, …) are ignored.
    ///
    /// # Errors
    /// [`SaslError::MalformedRequest`] when it does not follow the grammar, claims a channel binding, or holds no
    /// bearer token.
    pub fn parse(message: &[u8]) -> Result<OauthBearer, SaslError> {
        let malformed = SaslError::MalformedRequest;
        if message.len() > MAX_MESSAGE {
            return Err(malformed);
        }
        let text = std::str::from_utf8(message).map_err(|_| malformed)?;
        let header = gs2_header(text)?;
        if matches!(header.flag, Gs2Flag::Used(_)) {
            return Err(malformed);
        }
        let pairs = header
            .rest
            .strip_prefix('\u{1}')
            .and_then(|rest| rest.strip_suffix("\u{1}\u{1}"));
        let mut auth = None;
        for pair in pairs.ok_or(malformed)?.split('\u{1}') {
            let (key, value) = pair.split_once('=').ok_or(malformed)?;
            if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphabetic()) {
                return Err(malformed);
            }
            if key == "auth" && auth.replace(value).is_some() {
                return Err(malformed);
            }
        }
        let token = auth.and_then(bearer_token).ok_or(malformed)?;
        Ok(OauthBearer {
            authzid: header.authzid,
            token: token.to_owned(),
        })
    }
}

/// RFC 6750 §2.1: the scheme's name, in any case, spaces, and the token in base64's alphabet.
fn bearer_token(auth: &str) -> Option<&str> {
    let (scheme, token) = auth.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let letters = token.trim_end_matches('=');
    let is_token = token.len() <= MAX_TOKEN
        && !letters.is_empty()
        && letters
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/'));
    (scheme.eq_ignore_ascii_case("bearer") && is_token).then_some(token)
}

/// The state after a refused token: the client has one empty answer to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OauthRefused;

impl OauthRefused {
    /// The challenge that says why, to be sent as it is (§3.2.2).
    pub const CHALLENGE: &'static [u8] = br#"{"status":"invalid_token"}"#;

    /// The failure to send after the client's answer, which should be a single `%x01`.
    pub fn finish(self, answer: &[u8]) -> SaslError {
        if answer == b"\x01" {
            SaslError::NotAuthorized
        } else {
            SaslError::MalformedRequest
        }
    }
}

/// The token stays out of logs.
impl fmt::Debug for OauthBearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthBearer")
            .field("authzid", &self.authzid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn good() {
        // RFC 7628 §4.1.
        let message = b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01\
            auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
        let bearer = OauthBearer::parse(message).unwrap();
        assert_eq!(bearer.authzid.as_deref(), Some("user@example.com"));
        assert_eq!(bearer.token, "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        assert!(!format!("{bearer:?}").contains("vF9d"));
        for message in [
            "n,,\u{1}auth=Bearer abc\u{1}\u{1}",
            "y,,\u{1}auth=bearer  abc\u{1}\u{1}",
        ] {
            let bearer = OauthBearer::parse(message.as_bytes()).unwrap();
            assert_eq!((bearer.authzid, bearer.token.as_str()), (None, "abc"));
        }
    }

    #[test]
    fn malformed() {
        let long = format!("n,,\u{1}auth=Bearer {}\u{1}\u{1}", "x".repeat(MAX_TOKEN + 1));
        for bad in [
            "",
            "n,,",
            "n,,\u{1}\u{1}",
            "n,,\u{1}\u{1}\u{1}",
            "n,,\u{1}auth=Bearer abc\u{1}",
            "n,,auth=Bearer abc\u{1}\u{1}",
            "n,,\u{1}auth=Bearer \u{1}\u{1}",
            "n,,\u{1}auth=Bearer ===\u{1}\u{1}",
            "n,,\u{1}auth=Basic abc\u{1}\u{1}",
            "n,,\u{1}auth=Bearer a b\u{1}\u{1}",
            "n,,\u{1}auth=Bearer ab\u{1}auth=Bearer cd\u{1}\u{1}",
            "n,,\u{1}host=a\u{1}\u{1}",
            "n,,\u{1}=x\u{1}auth=Bearer ab\u{1}\u{1}",
            "p=tls-exporter,,\u{1}auth=Bearer abc\u{1}\u{1}",
            "n,user,\u{1}auth=Bearer abc\u{1}\u{1}",
            "x,,\u{1}auth=Bearer abc\u{1}\u{1}",
            &long,
        ] {
            assert_eq!(
                OauthBearer::parse(bad.as_bytes()),
                Err(SaslError::MalformedRequest),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn refusal() {
        assert_eq!(OauthRefused.finish(b"\x01"), SaslError::NotAuthorized);
        assert_eq!(OauthRefused.finish(b""), SaslError::MalformedRequest);
    }
}
