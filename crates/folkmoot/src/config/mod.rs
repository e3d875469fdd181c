//! The configuration: every setting, its default, and where its value came from.
//!
//! Layers, each over the one before: defaults, `folkmoot.toml`, the environment
//! (`FOLKMOOT_…`), the command line. This module knows no meaning of a setting
//! beyond its type; [`crate::check`] says what is unwise.

mod components;
mod duration;
mod load;
mod print;

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::path::PathBuf;

use http_site::Network;
use serde::de::{IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::listeners::Service;
pub use components::Component;
pub use duration::{in_words, parse_duration};
pub use load::{Flags, load};
pub use print::render;

/// Everything that an operator can set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The domains whose people live here; the first is the site's own.
    #[serde(deserialize_with = "one_or_many")]
    pub domains: Vec<String>,
    /// The folder that holds everything that matters.
    pub data: PathBuf,
    /// Where the web site is reached from outside; empty: made from the first domain and the port.
    pub site_url: String,
    /// Addresses to listen on; empty: loopback for `localhost`, else all.
    #[serde(deserialize_with = "one_or_many")]
    pub bind: Vec<IpAddr>,
    /// Whether it serves a home network: the domain is this machine's name with `.local`, and it makes its certificates.
    pub lan: bool,
    /// Addresses under which everybody reaches this server.
    #[serde(deserialize_with = "one_or_many")]
    pub public_addresses: Vec<IpAddr>,
    /// Networks whose `X-Forwarded-For` and `X-Forwarded-Proto` count.
    #[serde(deserialize_with = "one_or_many")]
    pub trusted_proxies: Vec<Network>,
    /// Web pages that may open the WebSocket; `*` is any.
    #[serde(deserialize_with = "one_or_many")]
    pub websocket_origins: Vec<String>,
    /// Networks that may read `/metrics`.
    #[serde(deserialize_with = "one_or_many")]
    pub metrics_allow: Vec<Network>,
    /// What is logged, as `tracing` filters.
    pub log: String,
    /// Whether whoever asks for the software's version (XEP-0092) is told the operating system too.
    pub tell_os: bool,
    /// Whether the server tells of itself in a node of its pubsub service (XEP-0485).
    pub server_information: bool,
    /// Who may read the public stream, tags and what is found by words.
    pub public_stream: PublicStream,
    /// Addresses that components connect to; empty: loopback.
    #[serde(deserialize_with = "one_or_many")]
    pub components_bind: Vec<IpAddr>,
    /// Programs that answer for domains of their own (XEP-0114).
    pub components: Vec<Component>,
    /// The port of each listener.
    pub ports: Ports,
    /// Names of the services below each domain.
    pub services: Services,
    /// Who may create nodes on the pubsub service.
    pub nodes: Nodes,
    /// Whom to write to about the service.
    pub contacts: Contacts,
    /// Who may sign up.
    pub registration: Registration,
    /// Certificates.
    pub tls: Tls,
    /// Certificates from an authority that speaks ACME.
    pub acme: Acme,
    /// Passwords.
    pub passwords: Passwords,
    /// People's messages.
    pub archive: Archive,
    /// Telling people of what comes while they do not look.
    pub push: Push,
    /// Bounds on what comes from outside.
    pub limits: Limits,
    /// The database.
    pub store: Store,
}

/// The port of each listener: a number, `0` for any free one, or `"off"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ports {
    /// XMPP with STARTTLS (RFC 6120).
    pub xmpp: Port,
    /// XMPP with TLS from the first byte (XEP-0368).
    pub xmpp_tls: Port,
    /// Plain HTTP, for localhost and behind a proxy.
    pub http: Port,
    /// HTTPS.
    pub https: Port,
    /// Components, where some are configured.
    pub components: Port,
    /// Listeners on which every connection begins with the PROXY protocol's header.
    #[serde(deserialize_with = "one_or_many")]
    pub proxy_protocol: Vec<Service>,
}

/// One listener's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PortText", into = "PortText")]
pub enum Port {
    /// No such listener.
    Off,
    /// This port; `0` lets the system choose a free one.
    Number(u16),
}

/// A port as it is written.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a port is a number up to 65535 or \"off\"")]
enum PortText {
    Number(u16),
    Word(String),
}

impl TryFrom<PortText> for Port {
    type Error = String;

    fn try_from(text: PortText) -> Result<Self, String> {
        match text {
            PortText::Number(number) => Ok(Self::Number(number)),
            PortText::Word(word) if word == "off" => Ok(Self::Off),
            PortText::Word(word) => Err(format!(
                "a port is a number up to 65535 or \"off\", not \"{word}\""
            )),
        }
    }
}

impl From<Port> for PortText {
    fn from(port: Port) -> Self {
        match port {
            Port::Off => Self::Word("off".into()),
            Port::Number(number) => Self::Number(number),
        }
    }
}

/// Names of the services: each is put before every domain, with a dot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Services {
    /// Tags and the public stream.
    pub pubsub: String,
}

/// Who may create nodes on the pubsub service: communities, feeds of groups and whatever clients keep there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nodes {
    /// Who of this server's people.
    pub creators: Creators,
    /// Whether people of other servers may, where everybody of ours may.
    pub strangers: bool,
}

/// Who may create nodes on the pubsub service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Creators {
    /// Everybody.
    Everybody,
    /// Administrators.
    Admins,
    /// Nobody.
    Nobody,
}

/// Whom to write to about the service, as URIs (XEP-0157); told to whoever discovers it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Contacts {
    /// Reports of abuse.
    #[serde(deserialize_with = "one_or_many")]
    pub abuse: Vec<String>,
    /// The administrators.
    #[serde(deserialize_with = "one_or_many")]
    pub admin: Vec<String>,
    /// Help.
    #[serde(deserialize_with = "one_or_many")]
    pub support: Vec<String>,
    /// Reports of security problems.
    #[serde(deserialize_with = "one_or_many")]
    pub security: Vec<String>,
    /// Praise and complaints.
    #[serde(deserialize_with = "one_or_many")]
    pub feedback: Vec<String>,
    /// Sales.
    #[serde(deserialize_with = "one_or_many")]
    pub sales: Vec<String>,
}

impl Contacts {
    /// Every address with its key.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let lists = [
            ("contacts.abuse", &self.abuse),
            ("contacts.admin", &self.admin),
            ("contacts.support", &self.support),
            ("contacts.security", &self.security),
            ("contacts.feedback", &self.feedback),
            ("contacts.sales", &self.sales),
        ];
        lists
            .into_iter()
            .flat_map(|(key, addresses)| addresses.iter().map(move |address| (key, address)))
    }
}

/// Who may read the public stream, tags and what is found by words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PublicStream {
    /// Everybody, on the web too.
    Everyone,
    /// The accounts of this server.
    Accounts,
    /// Nobody: there is none.
    Nobody,
}

/// Who may sign up, and with what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registration {
    /// The policy; `auto` is `open` when the only domain is `localhost`, else `invite`.
    pub policy: Policy,
    /// Whose invitations make accounts.
    pub invites: Inviters,
    /// How long a person's invitation lasts unless it says otherwise.
    pub invite_days: u32,
    /// Bits of proof of work (XEP-0158) that a sign-up without invitation must show; 0 asks for none.
    pub proof_of_work_bits: u32,
    /// Sign-ups that one address may make in an hour.
    pub per_address_per_hour: u32,
    /// Names that nobody can register, besides those that the program reserves.
    #[serde(deserialize_with = "one_or_many")]
    pub reserved_names: Vec<String>,
    /// Who reads a new account's posts unless it says otherwise.
    pub audience: Audience,
}

/// Who may sign up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// `open` when the only domain is `localhost`, else `invite`.
    Auto,
    /// Everybody.
    Open,
    /// Everybody, once an administrator has agreed.
    Approval,
    /// Whoever has an invitation.
    Invite,
    /// Nobody.
    Closed,
}

/// Whose invitations make accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inviters {
    /// Everybody's.
    Everybody,
    /// Administrators'.
    Admins,
}

/// Who reads an account's posts: a node's access model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Everybody.
    Open,
    /// Contacts.
    Presence,
}

/// Certificates: PEM files; where neither they nor ACME give a domain one, a self-signed one is made for development.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The certificates with their chains, leaf first; of several, the name that a client asks for decides.
    #[serde(deserialize_with = "one_or_many")]
    pub certificate: Vec<PathBuf>,
    /// Their private keys, in the same order.
    #[serde(deserialize_with = "one_or_many")]
    pub key: Vec<PathBuf>,
}

/// Certificates from an authority that speaks ACME (RFC 8555).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Acme {
    /// Whether to fetch certificates for the domains that no configured file is for.
    pub enabled: bool,
    /// Whether the operator agrees to the authority's terms of service.
    pub agree_to_terms: bool,
    /// How control of a name is shown.
    pub challenge: Challenge,
    /// Whether to use Let's Encrypt's staging authority, whose certificates nobody trusts.
    pub staging: bool,
    /// Another authority's directory; empty: Let's Encrypt.
    pub directory: String,
    /// The certificate of that authority's own web server, PEM; empty: what this machine trusts.
    pub ca: PathBuf,
    /// Whom the authority may write to: `mailto:` URIs.
    #[serde(deserialize_with = "one_or_many")]
    pub contacts: Vec<String>,
    /// Names beside the domains and the site's host.
    #[serde(deserialize_with = "one_or_many")]
    pub names: Vec<String>,
    /// Whether the services' names are asked for too; each needs an address in the DNS.
    pub services: bool,
}

/// How control of a name is shown to an authority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Challenge {
    /// A text on port 80.
    #[default]
    #[serde(rename = "http-01")]
    Http01,
    /// A certificate on port 443.
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

/// How passwords are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Passwords {
    /// Rounds of PBKDF2 for a new password's SCRAM keys.
    pub scram_rounds: u32,
}

/// Telling people of what comes while they do not look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Push {
    /// What the servers of phones' apps are told (XEP-0357).
    pub summary: Summary,
    /// Whether browsers are told, through the push services of their makers.
    pub browsers: bool,
}

/// What the servers of phones' apps are told; each also what those before it are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Summary {
    /// That something came.
    Nothing,
    /// How many messages wait.
    Count,
    /// Who sent the last.
    Sender,
    /// What it says.
    Text,
}

/// What becomes of people's messages, unless they choose otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Archive {
    /// Whose messages are archived.
    pub default: Archived,
    /// After how many days messages are deleted; 0 is never.
    pub keep_days: u32,
}

/// Whose messages are archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Archived {
    /// Everybody's.
    Always,
    /// Those of contacts.
    Roster,
    /// Nobody's.
    Never,
}

/// Bounds on what comes from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// A stanza's bytes.
    pub stanza_bytes: usize,
    /// A stanza's bytes before sign-in.
    pub stanza_bytes_before_sign_in: usize,
    /// How long a connection may take to sign in.
    pub sign_in_seconds: u64,
    /// Failed attempts to sign in before a connection is closed.
    pub sign_in_attempts: u32,
    /// Failed sign-ins of one address in an hour.
    pub failed_sign_ins_per_address_per_hour: u32,
    /// Failed sign-ins to one account in an hour.
    pub failed_sign_ins_per_account_per_hour: u32,
    /// How long a client may take to close its side of a stream.
    pub close_seconds: u64,
    /// What may wait for one session before the server stops reading from it.
    pub mailbox_soft_bytes: usize,
    /// What may wait for one session before it is closed.
    pub mailbox_hard_bytes: usize,
    /// What one session may send.
    pub session_bytes_per_second: u32,
    /// Stanzas that one session may send.
    pub session_stanzas_per_second: u32,
    /// How long a session may keep at its rate before it is a flood.
    pub flood_seconds: u64,
    /// Sessions of one account.
    pub sessions_per_account: usize,
    /// How long a session waits for its client after it lost the connection.
    pub resume_seconds: u32,
    /// Sessions of one account that wait so.
    pub waiting_sessions_per_account: usize,
    /// Sessions that wait so in all.
    pub waiting_sessions: usize,
    /// For how many people one account may have invitations open.
    pub invites_per_account: u32,
    /// Devices that one account may keep signed in.
    pub devices_per_account: usize,
    /// How long a device stays signed in without being used.
    pub device_days: u32,
    /// Endpoints of other apps (UnifiedPush) of one account; 0 turns them off.
    pub push_endpoints_per_account: u32,
    /// Connections from one address (one /64 of IPv6).
    pub connections_per_address: usize,
    /// HTTP connections in all, WebSockets not counted once they are open.
    pub http_connections: usize,
    /// Sessions over HTTP (BOSH) in all; 0 turns it off.
    pub bosh_sessions: usize,
    /// HTTP requests of one address in a minute.
    pub http_requests_per_minute: u32,
    /// An HTTP request's body.
    pub http_body_bytes: usize,
    /// How long an HTTP request may take.
    pub http_seconds: u64,
    /// How long stopping may take before what is left is cut.
    pub shutdown_seconds: u64,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Threads that read.
    pub readers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            domains: vec!["localhost".into()],
            data: "data".into(),
            site_url: String::new(),
            bind: Vec::new(),
            lan: false,
            public_addresses: Vec::new(),
            trusted_proxies: Vec::new(),
            websocket_origins: vec!["*".into()],
            metrics_allow: Network::loopback().to_vec(),
            log: "info".into(),
            tell_os: false,
            server_information: false,
            public_stream: PublicStream::Everyone,
            components_bind: Vec::new(),
            components: Vec::new(),
            ports: Ports::default(),
            services: Services::default(),
            nodes: Nodes::default(),
            contacts: Contacts::default(),
            registration: Registration::default(),
            tls: Tls::default(),
            acme: Acme::default(),
            passwords: Passwords::default(),
            archive: Archive::default(),
            push: Push::default(),
            limits: Limits::default(),
            store: Store::default(),
        }
    }
}

impl Default for Push {
    fn default() -> Self {
        Self {
            summary: Summary::Count,
            browsers: true,
        }
    }
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            default: Archived::Always,
            keep_days: 0,
        }
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            xmpp: Port::Number(5222),
            xmpp_tls: Port::Number(5223),
            http: Port::Number(5280),
            https: Port::Number(5443),
            components: Port::Number(5347),
            proxy_protocol: Vec::new(),
        }
    }
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            creators: Creators::Everybody,
            strangers: false,
        }
    }
}

impl Default for Services {
    fn default() -> Self {
        Self {
            pubsub: "pubsub".into(),
        }
    }
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            policy: Policy::Auto,
            invites: Inviters::Everybody,
            invite_days: 7,
            proof_of_work_bits: 0,
            per_address_per_hour: 5,
            reserved_names: Vec::new(),
            audience: Audience::Open,
        }
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self { scram_rounds: 10_000 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stanza_bytes: 262_144,
            stanza_bytes_before_sign_in: 10_240,
            sign_in_seconds: 30,
            sign_in_attempts: 8,
            failed_sign_ins_per_address_per_hour: 60,
            failed_sign_ins_per_account_per_hour: 30,
            close_seconds: 5,
            mailbox_soft_bytes: 262_144,
            mailbox_hard_bytes: 4_194_304,
            session_bytes_per_second: 65_536,
            session_stanzas_per_second: 100,
            flood_seconds: 120,
            sessions_per_account: 20,
            resume_seconds: 600,
            waiting_sessions_per_account: 10,
            waiting_sessions: 100_000,
            invites_per_account: 20,
            devices_per_account: 50,
            device_days: 180,
            push_endpoints_per_account: 100,
            connections_per_address: 200,
            http_connections: 10_000,
            bosh_sessions: 10_000,
            http_requests_per_minute: 600,
            http_body_bytes: 65_536,
            http_seconds: 30,
            shutdown_seconds: 10,
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { readers: 4 }
    }
}

impl Config {
    /// Whether only this machine's own name is served: a first try, not a public server.
    pub fn is_localhost_only(&self) -> bool {
        self.domains.iter().all(|domain| domain == "localhost")
    }

    /// The policy with `auto` resolved.
    pub fn policy(&self) -> Policy {
        match self.registration.policy {
            Policy::Auto if self.is_localhost_only() => Policy::Open,
            Policy::Auto => Policy::Invite,
            other => other,
        }
    }

    /// The first domain, which the site speaks for.
    pub fn domain(&self) -> &str {
        self.domains.first().map_or("localhost", String::as_str)
    }
}

/// A list, or its one member written alone (which the environment's values often are).
fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    /// Reads by hand, so that an error says what is wrong with the member.
    struct OneOrMany<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of texts, or one text")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(text.into_deserializer()).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(member) = members.next_element()? {
                list.push(member);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_any(OneOrMany(PhantomData))
}
