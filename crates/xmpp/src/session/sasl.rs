//! SASL on a stream ([RFC 6120 §6](https://www.rfc-editor.org/rfc/rfc6120#section-6)): one exchange from `<auth/>` to
//! `<success/>` or `<failure/>`.
//!
//! The mechanisms' own messages are read and made in `wire::sasl`; keys and tokens come from `auth`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::sasl::{self, Hash, Mechanism, OauthBearer, OauthRefused, Plain, SaslError, ScramFirst};
use wire::{BareJid, Jid, Stanza, Writer, ns};

use super::negotiation::{End, Negotiation};
use super::stream::Event;
use crate::auth::{self, AuthError, Candidate, Closed, Identity};

/// How an exchange ended; the client knows already.
pub(super) enum Outcome {
    Success(Identity),
    Failure,
}

/// Why an exchange stops.
enum Stop {
    /// `<failure/>` with an explanation.
    Failure(SaslError, Option<String>),
    /// The stream ends.
    End(End),
}

impl From<SaslError> for Stop {
    fn from(error: SaslError) -> Stop {
        Stop::Failure(error, None)
    }
}

impl From<End> for Stop {
    fn from(end: End) -> Stop {
        Stop::End(end)
    }
}

impl From<AuthError> for Stop {
    fn from(error: AuthError) -> Stop {
        tracing::warn!(%error, "authentication is not possible now");
        Stop::Failure(SaslError::TemporaryAuthFailure, None)
    }
}

/// Serves one `<auth/>`.
pub(super) async fn exchange(
    negotiation: &mut Negotiation<'_>,
    domain: &str,
    auth: &Stanza,
) -> Result<Outcome, End> {
    let stopped = match attempt(negotiation, domain, auth).await {
        Ok((identity, data)) => {
            negotiation.server.auth.succeeded(negotiation.peer.ip, &identity);
            let mut success = Writer::new();
            success.open("success").ns(ns::SASL);
            if let Some(data) = data {
                success.text(&sasl::encode(&data));
            }
            negotiation.stream.send(&success.finish()).await?;
            return Ok(Outcome::Success(identity));
        }
        Err(stopped) => stopped,
    };
    match stopped {
        Stop::End(end) => Err(end),
        Stop::Failure(error, text) => {
            let mut failure = Writer::new();
            error.write(text.as_deref(), &mut failure);
            negotiation.stream.send(&failure.finish()).await?;
            Ok(Outcome::Failure)
        }
    }
}

/// Who it is, and what goes with `<success/>`.
type Success = (Identity, Option<Vec<u8>>);

async fn attempt(negotiation: &mut Negotiation<'_>, domain: &str, auth: &Stanza) -> Result<Success, Stop> {
    let document = auth.document();
    let name = document.root().attr("mechanism").unwrap_or_default();
    let is_dev = negotiation.server.settings.is_dev;
    let mechanism = Mechanism::from_name(&name).ok_or(SaslError::InvalidMechanism)?;
    if !negotiation
        .security
        .mechanisms(is_dev)
        .any(|offered| offered == mechanism)
    {
        return Err(
            if mechanism.is_plain_text() && !negotiation.security.is_encrypted {
                SaslError::EncryptionRequired.into()
            } else {
                SaslError::InvalidMechanism.into()
            },
        );
    }
    // Every mechanism here begins with the client; without an initial response it is asked for one (§6.4.2).
    let first = match sasl::decode(&document.root().text())? {
        Some(first) => first,
        None => challenge(negotiation, &[]).await?,
    };
    match mechanism {
        Mechanism::Plain => plain(negotiation, domain, &first).await,
        Mechanism::OauthBearer => bearer(negotiation, domain, &first).await,
        _ => scram(negotiation, domain, mechanism, &first).await,
    }
}

/// Sends a challenge and waits for the response.
async fn challenge(negotiation: &mut Negotiation<'_>, data: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut challenge = Writer::new();
    challenge.open("challenge").ns(ns::SASL);
    if !data.is_empty() {
        challenge.text(&sasl::encode(data));
    }
    negotiation
        .stream
        .send(&challenge.finish())
        .await
        .map_err(End::from)?;
    let stanza = match negotiation.stream.next().await.map_err(End::from)? {
        Event::Stanza(stanza) => stanza,
        Event::Close => return Err(End::Closed.into()),
        Event::Open(_) => return Err(SaslError::MalformedRequest.into()),
    };
    match (stanza.namespace(), stanza.name()) {
        (ns::SASL, "response") => Ok(sasl::decode(&stanza.document().root().text())?.unwrap_or_default()),
        (ns::SASL, "abort") => Err(SaslError::Aborted.into()),
        _ => Err(SaslError::MalformedRequest.into()),
    }
}

async fn scram(
    negotiation: &mut Negotiation<'_>,
    domain: &str,
    mechanism: Mechanism,
    message: &[u8],
) -> Result<Success, Stop> {
    let server = negotiation.server;
    let first = ScramFirst::parse(mechanism, message, &negotiation.security.binding)?;
    let account = may_try(negotiation, domain, &first.username)?;
    let candidate = server.auth.candidate(domain, &first.username, first.hash).await?;
    let authzid = first.authzid.clone();
    let nonce = STANDARD.encode(auth::random::<18>()?);
    let (last, data) = first.challenge(candidate.keys.clone(), &nonce, None);
    let response = challenge(negotiation, &data).await?;
    match last.finish(&response) {
        Ok(data) => Ok((admit(negotiation, candidate, authzid.as_deref())?, Some(data))),
        Err(error) => {
            if error == SaslError::NotAuthorized {
                server.auth.failed(negotiation.peer.ip, account.as_ref());
            }
            Err(error.into())
        }
    }
}

async fn plain(negotiation: &mut Negotiation<'_>, domain: &str, message: &[u8]) -> Result<Success, Stop> {
    let server = negotiation.server;
    let Plain {
        authzid,
        username,
        password,
    } = Plain::parse(message)?;
    let account = may_try(negotiation, domain, &username)?;
    let candidate = server.auth.candidate(domain, &username, Hash::Sha256).await?;
    let (candidate, fits) = server.auth.verify(candidate, password).await?;
    if !fits {
        server.auth.failed(negotiation.peer.ip, account.as_ref());
        return Err(SaslError::NotAuthorized.into());
    }
    Ok((admit(negotiation, candidate, authzid.as_deref())?, None))
}

async fn bearer(negotiation: &mut Negotiation<'_>, domain: &str, message: &[u8]) -> Result<Success, Stop> {
    let server = negotiation.server;
    let OauthBearer { authzid, token } = OauthBearer::parse(message)?;
    if !server.auth.may_try(negotiation.peer.ip, None) {
        return Err(too_many());
    }
    match server.auth.device_for(domain, &token).await? {
        Ok(identity) => {
            check_authzid(&identity, authzid.as_deref())?;
            Ok((identity, None))
        }
        Err(Closed::Unknown) => {
            server.auth.failed(negotiation.peer.ip, None);
            // RFC 7628 §3.2.3: the reason is a challenge that the client answers with a dummy.
            let answer = challenge(negotiation, OauthRefused::CHALLENGE).await?;
            Err(OauthRefused.finish(&answer).into())
        }
        Err(closed) => Err(Stop::Failure(
            SaslError::AccountDisabled,
            Some(closed.to_string()),
        )),
    }
}

/// The account that is tried, if the name can be one's and neither it nor the peer has failed too often.
fn may_try(negotiation: &Negotiation<'_>, domain: &str, username: &str) -> Result<Option<BareJid>, Stop> {
    let account = BareJid::from_parts(Some(username), domain).ok();
    if negotiation
        .server
        .auth
        .may_try(negotiation.peer.ip, account.as_ref())
    {
        Ok(account)
    } else {
        Err(too_many())
    }
}

fn too_many() -> Stop {
    Stop::Failure(
        SaslError::TemporaryAuthFailure,
        Some("too many failed attempts; try again later".to_owned()),
    )
}

fn admit(
    negotiation: &Negotiation<'_>,
    candidate: Candidate,
    authzid: Option<&str>,
) -> Result<Identity, Stop> {
    match negotiation.server.auth.admit(candidate) {
        Ok(identity) => {
            check_authzid(&identity, authzid)?;
            Ok(identity)
        }
        Err(Closed::Unknown) => Err(SaslError::NotAuthorized.into()),
        Err(closed) => Err(Stop::Failure(
            SaslError::AccountDisabled,
            Some(closed.to_string()),
        )),
    }
}

/// Nobody acts as somebody else (§6.3.8).
fn check_authzid(identity: &Identity, authzid: Option<&str>) -> Result<(), Stop> {
    match authzid.map(Jid::parse) {
        None => Ok(()),
        Some(Ok(jid)) if jid.as_str() == identity.jid.as_str() => Ok(()),
        Some(_) => Err(SaslError::InvalidAuthzid.into()),
    }
}
