//! SASL on a stream ([RFC 6120 §6](https://www.rfc-editor.org/rfc/rfc6120#section-6)): one exchange from `<auth/>` to
//! `<success/>` or `<failure/>`, and what it shares with the second profile (`sasl2`).
//!
//! The mechanisms' own messages are read and made in `wire::sasl`; keys and tokens come from `auth`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::sasl::{self, Hash, Mechanism, OauthBearer, OauthRefused, Plain, SaslError, ScramFirst};
use wire::{BareJid, Jid, Stanza, StreamCondition, Writer, ns};

use super::negotiation::{End, Negotiation, refused};
use super::stream::Event;
use crate::auth::{self, AuthError, Candidate, Closed, Identity};

/// How an exchange ended; the client knows already.
pub(super) enum Outcome {
    Success(Identity),
    Failure,
}

/// Whose elements an exchange is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    /// RFC 6120's.
    First,
    /// XEP-0388's.
    Second,
}

impl Profile {
    fn ns(self) -> &'static str {
        match self {
            Profile::First => ns::SASL,
            Profile::Second => ns::SASL2,
        }
    }

    fn encode(self, data: &[u8]) -> String {
        match self {
            Profile::First => sasl::encode(data),
            Profile::Second => STANDARD.encode(data),
        }
    }
}

/// Why an exchange stops.
pub(super) enum Stop {
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
        Ok(Success { identity, data, .. }) => {
            negotiation.server.auth.succeeded(negotiation.peer.ip, &identity);
            let mut success = Writer::new();
            success.open("success").ns(ns::SASL);
            if let Some(data) = data {
                success.text(&Profile::First.encode(&data));
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

/// What a successful exchange has shown.
pub(super) struct Success {
    /// Who it is.
    pub(super) identity: Identity,
    /// What goes with `<success/>`.
    pub(super) data: Option<Vec<u8>>,
    /// Whether the client said whom it wants to act as.
    pub(super) has_authzid: bool,
}

async fn attempt(negotiation: &mut Negotiation<'_>, domain: &str, auth: &Stanza) -> Result<Success, Stop> {
    let document = auth.document();
    let name = document.root().attr("mechanism").unwrap_or_default();
    let text = document.root().text();
    run(negotiation, Profile::First, domain, &name, || sasl::decode(&text)).await
}

/// Goes through an exchange. `first` is the client's first message, if it began with one; it is not looked at where the
/// mechanism was not offered.
pub(super) async fn run(
    negotiation: &mut Negotiation<'_>,
    profile: Profile,
    domain: &str,
    name: &str,
    first: impl FnOnce() -> Result<Option<Vec<u8>>, SaslError>,
) -> Result<Success, Stop> {
    let is_dev = negotiation.server.settings.is_dev;
    let mechanism = Mechanism::from_name(name).ok_or(SaslError::InvalidMechanism)?;
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
    let first = match first()? {
        Some(first) => first,
        None => challenge(negotiation, profile, &[]).await?,
    };
    match mechanism {
        Mechanism::Plain => plain(negotiation, domain, &first).await,
        Mechanism::OauthBearer => bearer(negotiation, profile, domain, &first).await,
        _ => scram(negotiation, profile, domain, mechanism, &first).await,
    }
}

/// Sends a challenge and waits for the response.
async fn challenge(
    negotiation: &mut Negotiation<'_>,
    profile: Profile,
    data: &[u8],
) -> Result<Vec<u8>, Stop> {
    let mut challenge = Writer::new();
    challenge.open("challenge").ns(profile.ns());
    if !data.is_empty() {
        challenge.text(&profile.encode(data));
    }
    negotiation
        .stream
        .send(&challenge.finish())
        .await
        .map_err(End::from)?;
    let stanza = match negotiation.stream.next().await.map_err(End::from)? {
        Event::Stanza(stanza) => stanza,
        Event::Close => return Err(End::Closed.into()),
        Event::Open(_) => return Err(stray(profile)),
    };
    let is_of = stanza.namespace() == profile.ns();
    match stanza.name() {
        "response" if is_of => {
            let text = stanza.document().root().text().into_owned();
            Ok(match profile {
                Profile::First => sasl::decode(&text)?.unwrap_or_default(),
                Profile::Second => sasl::decode2(&text)?,
            })
        }
        "abort" if is_of => Err(SaslError::Aborted.into()),
        _ => Err(stray(profile)),
    }
}

/// What answers anything but a response: the second profile allows nothing else and ends the stream (XEP-0388 §2.4).
fn stray(profile: Profile) -> Stop {
    match profile {
        Profile::First => SaslError::MalformedRequest.into(),
        Profile::Second => refused(StreamCondition::NotAuthorized).into(),
    }
}

async fn scram(
    negotiation: &mut Negotiation<'_>,
    profile: Profile,
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
    let announced = negotiation.announced();
    let (last, data) = first.challenge(candidate.keys.clone(), &nonce, Some(&announced));
    let response = challenge(negotiation, profile, &data).await?;
    match last.finish(&response) {
        Ok(data) => Ok(Success {
            identity: admit(negotiation, candidate, authzid.as_deref())?,
            data: Some(data),
            has_authzid: authzid.is_some(),
        }),
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
    Ok(Success {
        identity: admit(negotiation, candidate, authzid.as_deref())?,
        data: None,
        has_authzid: authzid.is_some(),
    })
}

async fn bearer(
    negotiation: &mut Negotiation<'_>,
    profile: Profile,
    domain: &str,
    message: &[u8],
) -> Result<Success, Stop> {
    let server = negotiation.server;
    let OauthBearer { authzid, token } = OauthBearer::parse(message)?;
    if !server.auth.may_try(negotiation.peer.ip, None) {
        return Err(too_many());
    }
    match server.auth.device_for(domain, &token).await? {
        Ok(identity) => {
            check_authzid(&identity, authzid.as_deref())?;
            Ok(Success {
                identity,
                data: None,
                has_authzid: authzid.is_some(),
            })
        }
        Err(Closed::Unknown) => {
            server.auth.failed(negotiation.peer.ip, None);
            // RFC 7628 §3.2.3: the reason is a challenge that the client answers with a dummy.
            let answer = challenge(negotiation, profile, OauthRefused::CHALLENGE).await?;
            Err(OauthRefused.finish(&answer).into())
        }
        Err(closed) => Err(Stop::Failure(
            SaslError::AccountDisabled,
            Some(closed.to_string()),
        )),
    }
}

/// The account that is tried, if the name can be one's and neither it nor the peer has failed too often.
pub(super) fn may_try(
    negotiation: &Negotiation<'_>,
    domain: &str,
    username: &str,
) -> Result<Option<BareJid>, Stop> {
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
