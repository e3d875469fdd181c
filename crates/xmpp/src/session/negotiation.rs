//! From the first byte to a bound session: stream headers, STARTTLS, registration, SASL, resource binding
//! ([RFC 6120 §4–§7](https://www.rfc-editor.org/rfc/rfc6120#section-4)).
//!
//! Its future is large and short-lived: it is boxed apart and freed when the session is bound. How long it may take is
//! bounded by its caller.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::sasl::{Announced, ChannelBinding, Mechanism};
use wire::{
    BareJid, Jid, Kind, Limits, Stanza, StanzaError, StreamCondition, StreamError, StreamHeader, Writer, ns,
};

use super::Begun;
use super::bind;
use super::management;
use super::registration::Registration;
use super::sasl::{self, Outcome};
use super::sasl2::{self, Welcome};
use super::stream::{Broken, Event, Stream};
use crate::auth::{self, Identity};
use crate::listen::Peer;
use crate::server::Server;

/// XEP-0445 §2
const IBR_TOKEN: &str = "urn:xmpp:ibr-token:0";

/// Requests on one stream before somebody is authenticated: enough for a person who looks for a free name.
const REQUESTS_MAX: u32 = 100;

/// How somebody has authenticated.
enum SignedIn {
    /// By SASL's first profile: the stream begins anew.
    Restarts(Identity),
    /// By the second one, and all that follows from it.
    Begun(Box<Established>),
}

/// Why there is no session.
pub(crate) enum End {
    /// Nothing more can be read.
    Broken(Broken),
    /// We end it.
    Refused(StreamError),
    /// The client closed its stream.
    Closed,
}

impl From<Broken> for End {
    fn from(broken: Broken) -> End {
        End::Broken(broken)
    }
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> End {
        End::Broken(Broken::Io(error))
    }
}

/// A stream error without more words.
pub(super) fn refused(condition: StreamCondition) -> End {
    End::Refused(StreamError::new(condition))
}

/// How far the bytes can be trusted.
pub(super) struct Security {
    /// TLS, ours or that of a proxy whose word counts.
    pub(super) is_encrypted: bool,
    pub(super) is_loopback: bool,
    pub(super) binding: ChannelBinding,
}

impl Security {
    /// The mechanisms to announce, the strongest first.
    pub(super) fn mechanisms(&self, is_dev: bool) -> impl Iterator<Item = Mechanism> {
        Mechanism::ALL
            .into_iter()
            .filter(move |mechanism| match mechanism {
                Mechanism::Plain => self.is_encrypted || (is_dev && self.is_loopback),
                Mechanism::OauthBearer => self.is_encrypted || self.is_loopback,
                other => !other.is_plus() || self.binding.offered,
            })
    }
}

/// One connection until it is bound.
pub(crate) struct Negotiation<'a> {
    pub(super) server: &'a Arc<Server>,
    pub(super) peer: &'a Peer,
    pub(super) stream: &'a mut Stream,
    pub(super) security: Security,
    /// Who the client says it is in the stream's header; not to be trusted (XEP-0388 §4).
    pub(super) from: Option<BareJid>,
    /// Whether TLS can be started on this stream.
    is_starttls: bool,
    failures: u32,
}

/// What a negotiation comes to.
pub(crate) struct Established {
    /// The session.
    pub(crate) begun: Begun,
    /// Whose it is.
    pub(crate) identity: Identity,
    /// What the client is to be told first.
    pub(crate) welcome: Option<Welcome>,
}

impl<'a> Negotiation<'a> {
    pub(crate) fn new(
        server: &'a Arc<Server>,
        peer: &'a Peer,
        stream: &'a mut Stream,
        binding: ChannelBinding,
        is_starttls: bool,
    ) -> Negotiation<'a> {
        let security = Security {
            is_encrypted: peer.is_secure,
            is_loopback: peer.is_loopback,
            binding,
        };
        Negotiation {
            server,
            peer,
            stream,
            security,
            from: None,
            is_starttls,
            failures: 0,
        }
    }

    /// Goes all the way.
    pub(crate) async fn run(mut self) -> Result<Established, End> {
        let mut domain = self.open(None).await?;
        if self.is_starttls && !self.security.is_encrypted {
            domain = self.before_tls(domain).await?;
        }
        if !self.security.is_encrypted && !self.security.is_loopback && !self.server.settings.is_dev {
            let error = StreamError::new(StreamCondition::PolicyViolation).text("use TLS");
            return Err(End::Refused(error));
        }
        let identity = match self.authenticate(&domain).await? {
            SignedIn::Begun(established) => return Ok(*established),
            SignedIn::Restarts(identity) => identity,
        };
        self.widen();
        self.stream.restart();
        self.open(Some(&domain)).await?;
        let begun = bind::bind(&mut self, &identity).await?;
        Ok(Established {
            begun,
            identity,
            welcome: None,
        })
    }

    /// Takes what somebody who is authenticated may send.
    pub(super) fn widen(&mut self) {
        self.stream.set_limits(Limits {
            max_bytes: self.server.settings.limits.stanza_bytes,
            ..Limits::CLIENT
        });
    }

    /// Reads the client's stream header, answers it and checks it (RFC 6120 §4.7, §4.9.3). The domain is the one that
    /// was authenticated for, once there is one.
    async fn open(&mut self, authenticated: Option<&str>) -> Result<String, End> {
        let header = match self.stream.next().await? {
            Event::Open(header) => header,
            // RFC 7395 §3.4: nothing goes before <open/>. On TCP the scanner has refused it.
            Event::Stanza(_) => return Err(refused(StreamCondition::BadFormat)),
            Event::Close => return Err(End::Closed),
        };
        let asked = header.to.as_deref().map(BareJid::parse);
        let domain = match &asked {
            Some(Ok(jid)) if jid.node().is_none() && self.server.settings.is_local_domain(jid.domain()) => {
                Some(jid.domain().to_owned())
            }
            _ => None,
        };
        let from = domain
            .clone()
            .unwrap_or_else(|| self.server.settings.main_domain().to_owned());
        let mut ours = answer(&from)?;
        // §4.7.2: whoever says who they are is greeted by that name.
        ours.to = header
            .from
            .as_deref()
            .and_then(|from| Some(Jid::parse(from).ok()?.bare_str().to_owned()));
        self.stream.write_open(&ours)?;
        if header.default_ns.as_deref() != Some(ns::CLIENT) {
            return Err(refused(StreamCondition::InvalidNamespace));
        }
        // §4.7.5: a missing version is 0.9.
        let major = header
            .version
            .as_deref()
            .and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        if major.is_none_or(|major| major < 1) {
            return Err(refused(StreamCondition::UnsupportedVersion));
        }
        if header.to.is_none() {
            return Err(refused(StreamCondition::ImproperAddressing));
        }
        self.from = match (header.from.as_deref().filter(|from| !from.is_empty()), &domain) {
            (Some(from), Some(domain)) => match Jid::parse(from) {
                Ok(from) if from.domain() == domain => Some(from.into_bare()),
                // XEP-0388 §2.1: nobody of another domain is served here.
                Ok(_) => return Err(refused(StreamCondition::InvalidFrom)),
                Err(_) => None,
            },
            _ => None,
        };
        match domain {
            Some(domain) if authenticated.is_none_or(|authenticated| authenticated == domain) => Ok(domain),
            _ => Err(refused(StreamCondition::HostUnknown)),
        }
    }

    /// Offers TLS and waits for it; without it nothing goes on, except in development (§5.3.1).
    async fn before_tls(&mut self, domain: String) -> Result<String, End> {
        let Some(config) = self.server.connections.tls() else {
            return if self.server.settings.is_dev {
                Ok(domain)
            } else {
                Err(End::Refused(
                    StreamError::new(StreamCondition::PolicyViolation).text("no TLS on this server"),
                ))
            };
        };
        if self.server.settings.is_dev {
            // Announced beside the mechanisms, see `authenticate`.
            return Ok(domain);
        }
        let mut features = features();
        features
            .open("starttls")
            .ns(ns::TLS)
            .open("required")
            .close()
            .close();
        self.stream.send(&features.finish()).await?;
        match self.stream.next().await? {
            Event::Stanza(stanza) if stanza.name() == "starttls" && stanza.namespace() == ns::TLS => {
                self.start_tls(&config, &domain).await
            }
            Event::Close => Err(End::Closed),
            // §4.9.3.12
            Event::Stanza(_) | Event::Open(_) => Err(refused(StreamCondition::NotAuthorized)),
        }
    }

    async fn start_tls(&mut self, config: &crate::transport::TlsConfig, domain: &str) -> Result<String, End> {
        let mut proceed = Writer::new();
        proceed.open("proceed").ns(ns::TLS).close();
        self.stream.send(&proceed.finish()).await?;
        self.security.binding = self.stream.start_tls(config, Some(domain)).await?;
        self.security.is_encrypted = true;
        self.open(None).await
    }

    /// Announces mechanisms and registration, and serves both until somebody is authenticated.
    async fn authenticate(&mut self, domain: &str) -> Result<SignedIn, End> {
        let mut domain = domain.to_owned();
        let mut registration = Registration::new(&domain, self.peer.ip);
        self.send_features(&registration).await?;
        let mut requests = 0;
        loop {
            let stanza = match self.stream.next().await? {
                Event::Stanza(stanza) => stanza,
                Event::Close => return Err(End::Closed),
                Event::Open(_) => return Err(refused(StreamCondition::BadFormat)),
            };
            match (stanza.namespace(), stanza.name()) {
                (ns::SASL, "auth") => match sasl::exchange(self, &domain, &stanza).await? {
                    Outcome::Success(identity) => return Ok(SignedIn::Restarts(identity)),
                    Outcome::Failure => self.count_failure()?,
                },
                (ns::SASL2, "authenticate") => match sasl2::exchange(self, &domain, &stanza).await? {
                    Some(established) => return Ok(SignedIn::Begun(Box::new(established))),
                    None => self.count_failure()?,
                },
                (ns::TLS, "starttls") => {
                    let is_offered = self.is_starttls && !self.security.is_encrypted;
                    let Some(config) = self.server.connections.tls().filter(|_| is_offered) else {
                        // §5.4.2.2: the stream ends after <failure/>.
                        let mut failure = Writer::new();
                        failure.open("failure").ns(ns::TLS).close();
                        self.stream.send(&failure.finish()).await?;
                        return Err(End::Closed);
                    };
                    domain = self.start_tls(&config, &domain).await?;
                    registration = Registration::new(&domain, self.peer.ip);
                    self.send_features(&registration).await?;
                }
                // XEP-0198 §3: not before somebody is authenticated; the order is recoverable (§6).
                (ns::STREAM_MANAGEMENT, "enable" | "resume") if requests < REQUESTS_MAX => {
                    requests += 1;
                    let failed = management::failed(&StanzaError::unexpected_request(), None);
                    self.stream.send(&failed).await?;
                }
                _ if stanza.kind() == Kind::Iq => {
                    let Some(answer) = registration.answer(self.server, &stanza).await else {
                        return Err(refused(StreamCondition::NotAuthorized));
                    };
                    requests += 1;
                    if requests > REQUESTS_MAX {
                        return Err(refused(StreamCondition::PolicyViolation));
                    }
                    self.stream.send(&answer).await?;
                }
                _ => return Err(refused(StreamCondition::NotAuthorized)),
            }
        }
    }

    /// §6.4.5
    fn count_failure(&mut self) -> Result<(), End> {
        self.failures += 1;
        if self.failures < self.server.settings.limits.sasl_attempts {
            return Ok(());
        }
        let error = StreamError::new(StreamCondition::PolicyViolation);
        Err(End::Refused(error.text("too many failed attempts")))
    }

    /// What either profile announces here, for the proofs that cover it (XEP-0474): both have the same mechanisms.
    pub(super) fn announced(&self) -> Announced {
        let mechanisms = self.security.mechanisms(self.server.settings.is_dev);
        Announced::new(mechanisms.map(Mechanism::name), self.security.binding.types())
    }

    /// Whether the second profile may be used: on TLS only (XEP-0388 §4), with the exception for development.
    pub(super) fn is_second_offered(&self) -> bool {
        let Security {
            is_encrypted,
            is_loopback,
            ..
        } = self.security;
        is_encrypted || (self.server.settings.is_dev && is_loopback)
    }

    /// Announces what works now (§4.3.2).
    async fn send_features(&mut self, registration: &Registration) -> Result<(), End> {
        let settings = &self.server.settings;
        let mut features = features();
        if self.is_starttls && !self.security.is_encrypted && self.server.connections.tls().is_some() {
            features.open("starttls").ns(ns::TLS).close();
        }
        features.open("mechanisms").ns(ns::SASL);
        for mechanism in self.security.mechanisms(settings.is_dev) {
            features.leaf("mechanism", mechanism.name());
        }
        features.close();
        if self.is_second_offered() {
            sasl2::write_feature(self, &mut features);
        }
        if self.security.binding.offered {
            // XEP-0440
            features.open("sasl-channel-binding").ns(ns::SASL_CHANNEL_BINDING);
            for name in self.security.binding.types() {
                features.open("channel-binding").attr("type", name).close();
            }
            features.close();
        }
        let limits = &settings.limits;
        let patience = limits.auth_timeout_ms / 1_000;
        write_limits(&mut features, limits.stanza_bytes_before_auth, Some(patience));
        if registration.is_announced(settings) {
            features.open("register").ns(ns::REGISTER_FEATURE).close();
            features.open("register").ns(IBR_TOKEN).close();
        }
        self.stream.send(&features.finish()).await?;
        Ok(())
    }
}

/// The beginning of `<stream:features/>`, with its prefix declared so that it can stand alone.
pub(super) fn features() -> Writer {
    let mut features = Writer::new();
    features.open("stream:features").attr("xmlns:stream", ns::STREAMS);
    features
}

/// What a stream takes (XEP-0478): the size of an element, and after how many silent seconds it is looked after or ended, where
/// it is.
pub(super) fn write_limits(features: &mut Writer, max_bytes: usize, idle_seconds: Option<u64>) {
    features.open("limits").ns(ns::STREAM_LIMITS);
    features.leaf("max-bytes", &max_bytes.to_string());
    if let Some(seconds) = idle_seconds {
        features.leaf("idle-seconds", &seconds.to_string());
    }
    features.close();
}

/// Our header, with an id that nobody can guess (§4.7.3).
pub(super) fn answer(from: &str) -> Result<StreamHeader, End> {
    let id = auth::random::<12>().map_err(|_| refused(StreamCondition::InternalServerError))?;
    let mut header = StreamHeader::server(from, &URL_SAFE_NO_PAD.encode(id));
    header.lang = Some("en".to_owned());
    Ok(header)
}

/// The result of a request that the stream itself answers. It comes from whom the client asked, and from nobody where it
/// named nobody: a client that compares the two takes no other answer (RFC 6120 §8.1.2.1).
pub(super) fn result(iq: &Stanza) -> Writer {
    let mut result = Writer::new();
    result
        .open("iq")
        .attr("type", "result")
        .attr_opt("id", iq.id().as_deref())
        .attr_opt("from", iq.to().as_deref());
    result
}
