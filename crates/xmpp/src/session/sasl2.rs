//! SASL's second profile ([XEP-0388](https://xmpp.org/extensions/xep-0388.html)): from `<authenticate/>` to `<success/>`, with
//! a session in the same answer by [XEP-0386](https://xmpp.org/extensions/xep-0386.html) (Bind 2) or
//! [XEP-0198](https://xmpp.org/extensions/xep-0198.html) (resumption), and tokens by
//! [XEP-0484](https://xmpp.org/extensions/xep-0484.html) (FAST).
//!
//! There are no tasks: nothing here is asked of anybody who has authenticated, so `<continue/>` is never sent.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::sasl::{Authenticate, HashedToken, SaslError, TokenMechanism};
use wire::{Stanza, StanzaError, StreamCondition, StreamError, Writer, ns};

use super::bind;
use super::management;
use super::negotiation::{End, Established, Negotiation, refused};
use super::sasl::{Profile, Stop, Success, may_try, run};
use super::stream::Stream;
use super::{Begun, Session};
use crate::auth::Identity;
use crate::auth::clients::{Client, Fate, NewToken, Refused};
use crate::messages::offline;
use crate::server::Server;
use crate::xep::archive;

/// Somebody who has authenticated, and what they want next.
struct SignedIn {
    identity: Identity,
    asked: Authenticate,
    client: Option<Client>,
    data: Option<Vec<u8>>,
    token: Option<NewToken>,
}

/// What `<success/>` is made of; it goes out before anything that comes for the session.
pub(crate) struct Welcome {
    data: Option<Vec<u8>>,
    /// `<resumed/>`, or `<failed/>` where a resumption was asked for and is not possible.
    resumption: Vec<u8>,
    /// What is in `<bound/>`, if a session was bound.
    bound: Option<Vec<u8>>,
    token: Option<NewToken>,
}

/// Announces the profile and all that goes with it in one round trip.
pub(super) fn write_feature(negotiation: &Negotiation<'_>, features: &mut Writer) {
    features.open("authentication").ns(ns::SASL2);
    let is_dev = negotiation.server.settings.is_dev;
    for mechanism in negotiation.security.mechanisms(is_dev) {
        features.leaf("mechanism", mechanism.name());
    }
    features.open("inline");
    // XEP-0386 §3.1
    features.open("bind").ns(ns::BIND2).open("inline");
    for var in [ns::CARBONS, ns::CLIENT_STATE, ns::STREAM_MANAGEMENT] {
        features.open("feature").attr("var", var).close();
    }
    features.close().close();
    features.open("sm").ns(ns::STREAM_MANAGEMENT).close();
    // XEP-0484 §3.1
    features.open("fast").ns(ns::FAST);
    for mechanism in possible(negotiation) {
        features.leaf("mechanism", mechanism.name());
    }
    features.close().close().close();
}

fn possible(negotiation: &Negotiation<'_>) -> impl Iterator<Item = TokenMechanism> {
    let channel = &negotiation.security.binding;
    TokenMechanism::ALL
        .into_iter()
        .filter(|mechanism| mechanism.is_possible(channel))
}

/// Serves one `<authenticate/>`, up to a session; `None` when it failed, which the client knows already.
pub(super) async fn exchange(
    negotiation: &mut Negotiation<'_>,
    domain: &str,
    authenticate: &Stanza,
) -> Result<Option<Established>, End> {
    let established = match attempt(negotiation, domain, authenticate).await {
        Ok(signed_in) => {
            let auth = &negotiation.server.auth;
            auth.succeeded(negotiation.peer.ip, &signed_in.identity);
            negotiation.widen();
            proceed(negotiation, signed_in).await
        }
        Err(stopped) => Err(stopped),
    };
    match established {
        Ok(established) => Ok(Some(established)),
        Err(Stop::End(end)) => Err(end),
        Err(Stop::Failure(error, text)) => {
            let mut failure = Writer::new();
            error.write2(text.as_deref(), &mut failure);
            negotiation.stream.send(&failure.finish()).await?;
            Ok(None)
        }
    }
}

async fn attempt(
    negotiation: &mut Negotiation<'_>,
    domain: &str,
    authenticate: &Stanza,
) -> Result<SignedIn, Stop> {
    if !negotiation.is_second_offered() {
        return Err(SaslError::EncryptionRequired.into());
    }
    let mut asked = Authenticate::parse(authenticate.document().root())?;
    let client = Client::new(&asked.user_agent);
    // XEP-0484 §3.2: a mechanism that was not announced, or a client that does not say which it is, gets no token.
    let wanted = asked
        .request_token
        .take()
        .and_then(|name| possible(negotiation).find(|mechanism| mechanism.name() == name));
    let (success, token) = if asked.fast.is_some() || TokenMechanism::from_name(&asked.mechanism).is_some() {
        by_token(negotiation, domain, &asked, client.as_ref(), wanted).await?
    } else {
        let first = asked.initial_response.take();
        let mechanism = asked.mechanism.clone();
        let mut success = run(negotiation, Profile::Second, domain, &mechanism, || Ok(first)).await?;
        check_from(negotiation, &success)?;
        let mut token = None;
        if let (Some(mechanism), Some(client)) = (wanted, &client) {
            let auth = &negotiation.server.auth;
            token = auth.give_token(success.identity.no, client, mechanism).await?;
            success.identity.device = token.as_ref().map(|token| token.device);
        }
        (success, token)
    };
    Ok(SignedIn {
        identity: success.identity,
        asked,
        client,
        data: success.data,
        token,
    })
}

/// §2.3: whoever says whom they want to act as has said so in the stream's header too, if anywhere.
fn check_from(negotiation: &Negotiation<'_>, success: &Success) -> Result<(), Stop> {
    match &negotiation.from {
        Some(from) if success.has_authzid && *from != success.identity.jid => {
            Err(SaslError::InvalidAuthzid.into())
        }
        _ => Ok(()),
    }
}

/// XEP-0484 §3.4: in one round trip.
async fn by_token(
    negotiation: &mut Negotiation<'_>,
    domain: &str,
    asked: &Authenticate,
    client: Option<&Client>,
    wanted: Option<TokenMechanism>,
) -> Result<(Success, Option<NewToken>), Stop> {
    let mechanism = TokenMechanism::from_name(&asked.mechanism).ok_or(SaslError::InvalidMechanism)?;
    if !possible(negotiation).any(|offered| offered == mechanism) {
        return Err(SaslError::InvalidMechanism.into());
    }
    let (Some(fast), Some(client), Some(message)) = (asked.fast, client, &asked.initial_response) else {
        return Err(SaslError::MalformedRequest.into());
    };
    let shown = HashedToken::parse(mechanism, message)?;
    let account = may_try(negotiation, domain, &shown.username)?;
    let (auth, channel) = (&negotiation.server.auth, &negotiation.security.binding);
    let judged = auth.prove(domain, &client.id, mechanism, &shown, channel).await?;
    let settled = match judged {
        Ok(mut proven) => {
            if negotiation
                .from
                .as_ref()
                .is_some_and(|from| *from != proven.identity.jid)
            {
                return Err(SaslError::NotAuthorized.into());
            }
            let fate = if fast.is_invalidated {
                Fate::Ends
            } else {
                Fate::GoesOn
            };
            let settled = auth.settle(&mut proven, client, fast.count, fate, wanted).await?;
            settled.map(|token| (proven, token))
        }
        Err(refused) => Err(refused),
    };
    match settled {
        Ok((proven, token)) => {
            let success = Success {
                identity: proven.identity,
                data: Some(proven.answer),
                has_authzid: false,
            };
            Ok((success, token))
        }
        Err(Refused::Unknown) => {
            auth.failed(negotiation.peer.ip, account.as_ref());
            Err(SaslError::NotAuthorized.into())
        }
        // §4.2: the client falls back to its password.
        Err(Refused::Expired) => Err(SaslError::CredentialsExpired.into()),
        Err(Refused::Closed(closed)) => Err(Stop::Failure(
            SaslError::AccountDisabled,
            Some(closed.to_string()),
        )),
    }
}

/// Gives whoever signed in what they asked for: the session that they had, a new one, or none yet.
async fn proceed(negotiation: &mut Negotiation<'_>, signed_in: SignedIn) -> Result<Established, Stop> {
    let server = negotiation.server;
    let SignedIn {
        identity,
        asked,
        client,
        data,
        token,
    } = signed_in;
    let mut welcome = Welcome {
        data,
        resumption: Vec::new(),
        bound: None,
        token,
    };
    if let Some(resume) = asked.resume {
        let resumed = match (&resume.previd, resume.h) {
            (Some(previd), Some(h)) => management::resume(server, &identity, previd, h).await,
            _ => Err(management::failed(&StanzaError::bad_request(), None)),
        };
        match resumed {
            // XEP-0386 §3.2: then nothing is bound.
            Ok(resumed) => {
                welcome.resumption = resumed.element;
                return Ok(Established {
                    begun: Begun::Resumed(resumed.claim),
                    identity,
                    welcome: Some(welcome),
                });
            }
            Err(failed) => welcome.resumption = failed,
        }
    }
    let Some(asked) = asked.bind else {
        let success = welcome.element(identity.jid.as_str(), None);
        negotiation.stream.send(&success).await.map_err(End::from)?;
        let begun = bind::bind(negotiation, &identity).await?;
        return Ok(Established {
            begun,
            identity,
            welcome: None,
        });
    };
    // §3.2.1: of one client always the same, so that a new session takes the place of the one before.
    let own = match &client {
        Some(client) => server.auth.resource_of(identity.no, &client.id),
        None => bind::random_resource()?,
    };
    let tagged = asked.tag.map(|tag| format!("{tag}/{own}"));
    // A tag that cannot be part of an address is left out.
    let jid = tagged
        .and_then(|resource| identity.jid.with_resource(&resource).ok())
        .or_else(|| identity.jid.with_resource(&own).ok())
        .ok_or_else(|| refused(StreamCondition::InternalServerError))?;
    // §3.2: the same client's earlier sessions end, whatever tags they had.
    let others = server.registry.sessions(identity.no);
    let is_same_client = |other: &Session| {
        let resource = other.jid.resource().unwrap_or_default();
        let rest = resource.strip_suffix(&own);
        client.is_some() && rest.is_some_and(|tag| tag.is_empty() || tag.ends_with('/'))
    };
    for other in others.iter().filter(|other| is_same_client(other)) {
        other.close(StreamError::new(StreamCondition::Conflict));
    }
    let Some(session) = bind::make(server, &identity, jid, |other| is_same_client(other)) else {
        let text = "too many sessions of this account".to_owned();
        return Err(Stop::Failure(SaslError::TemporaryAuthFailure, Some(text)));
    };
    session.set_active(asked.is_active.unwrap_or(true));
    session.routing.set_carbons(asked.wants_carbons);
    // What waits and is in the archive is found there by what the answer says of it.
    offline::reads_archive(server, &session);
    let mut bound = Vec::new();
    if let Some(enable) = asked.enable {
        bound = management::enable(server, &session, enable.wants_resume, enable.max);
    }
    bind::place(server, &session);
    welcome.bound = Some(bound);
    Ok(Established {
        begun: Begun::Bound(session),
        identity,
        welcome: Some(welcome),
    })
}

impl Welcome {
    /// Tells the client, before anything that waits for its session, and announces what is left to negotiate.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(crate) async fn tell(
        self,
        server: &Server,
        session: &Session,
        stream: &mut Stream,
    ) -> io::Result<()> {
        let metadata = match &self.bound {
            None => None,
            Some(_) => archive::metadata(server, session.no)
                .await
                .inspect_err(|error| tracing::warn!(%error, "the archive cannot be described now"))
                .ok(),
        };
        let success = self.element(session.jid.as_str(), metadata.as_deref());
        stream.write_element(&success)?;
        let features = bind::features(server, stream, Some(session));
        stream.write_element(&features)
    }

    /// §2.6.1
    fn element(self, jid: &str, metadata: Option<&[u8]>) -> Vec<u8> {
        let mut success = Writer::new();
        success.open("success").ns(ns::SASL2);
        if let Some(data) = &self.data {
            success.leaf("additional-data", &STANDARD.encode(data));
        }
        success.leaf("authorization-identifier", jid);
        success.raw(&self.resumption);
        if let Some(bound) = &self.bound {
            success.open("bound").ns(ns::BIND2);
            success.raw(metadata.unwrap_or_default()).raw(bound).close();
        }
        if let Some(token) = &self.token {
            success
                .open("token")
                .ns(ns::FAST)
                .attr("expiry", &format::datetime::to_text(token.expires.0))
                .attr("token", &token.token)
                .close();
        }
        success.close();
        success.finish()
    }
}
