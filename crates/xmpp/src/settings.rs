//! What can be set about the XMPP side: one plain struct that the binary fills from its configuration.
//!
//! Nothing here reads files or the environment, and nothing changes while the server runs.

pub use pubsub::Creators;

pub use pubsub::PublicStream;
pub use store::archive_preferences::Otherwise;

pub use crate::component::{Component, Secret, Share};

/// Everything that can be set; see each field for its unit and default.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The domains that accounts live at; the first is the main one. Normalized by the binary (lower case).
    pub domains: Vec<String>,
    /// What is put before a domain to name its pubsub service, with the dot (`pubsub.`).
    pub pubsub_prefix: String,
    /// The root of the web site without a trailing slash, used in links.
    pub site_url: String,
    /// Who may make an account.
    pub registration: Registration,
    /// Whose invitations make accounts.
    pub invites: Invites,
    /// How long an invitation lasts unless it says otherwise, in days.
    pub invite_days: u32,
    /// What must be solved before an account is made without a token.
    pub challenge: Challenge,
    /// Who may read a new account's posts when the sign-up does not say.
    pub default_audience: Audience,
    /// Who may read the public stream, tags and what is found by words.
    pub public_stream: PublicStream,
    /// Localparts that are never given to people, compared in their normalized form.
    pub reserved_names: Vec<String>,
    /// SCRAM iterations for new passwords (RFC 5802 §5.1).
    pub scram_rounds: u32,
    /// Development: PLAIN without TLS on loopback and every rate limit off.
    pub is_dev: bool,
    /// Whom to write to about the service (XEP-0157); none by default.
    pub contacts: Contacts,
    /// Whether the server tells of itself in a node, for maps of the network (XEP-0485).
    pub tells_of_server: bool,
    /// The operating system, if it is told to whoever asks (XEP-0092).
    pub told_os: Option<&'static str>,
    /// Who may create nodes on the pubsub service.
    pub creators: Creators,
    /// Whether people of other servers may, as everybody of ours.
    pub strangers_create: bool,
    /// The components that may connect (XEP-0114).
    pub components: Vec<Component>,
    /// What becomes of messages where people did not choose.
    pub archive: Archive,
    /// What the servers of apps are told of a message (XEP-0357).
    pub push_summary: PushSummary,
    /// Sizes, times and rates.
    pub limits: Limits,
}

/// What the servers of apps are told of a message; each says what those before it say, and more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PushSummary {
    /// That something came.
    Nothing,
    /// How many messages and requests wait.
    #[default]
    Count,
    /// Who sent the last.
    Sender,
    /// What it says, where it is not encrypted.
    Text,
}

/// What becomes of messages where people did not choose (XEP-0441).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archive {
    /// Whose messages are archived.
    pub otherwise: Otherwise,
    /// After how many days they are deleted, at the latest; `None` is never.
    pub keep_days: Option<u32>,
}

impl Default for Archive {
    fn default() -> Archive {
        Archive {
            otherwise: Otherwise::Always,
            keep_days: None,
        }
    }
}

/// Whom to write to about the service, by matter: URIs such as `mailto:abuse@example.org` (XEP-0157).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contacts {
    /// Reports of abuse.
    pub abuse: Vec<String>,
    /// The administrators.
    pub admin: Vec<String>,
    /// Praise and complaints.
    pub feedback: Vec<String>,
    /// Sales.
    pub sales: Vec<String>,
    /// Reports of security problems.
    pub security: Vec<String>,
    /// Help.
    pub support: Vec<String>,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Everybody, but an administrator lets them in.
    Approval,
    /// Only who brings a token.
    Invite,
    /// Nobody; accounts are made on the command line.
    Closed,
}

impl Registration {
    /// The word that stands in the configuration and in the page's meta tag.
    pub fn as_str(self) -> &'static str {
        match self {
            Registration::Open => "open",
            Registration::Approval => "approval",
            Registration::Invite => "invite",
            Registration::Closed => "closed",
        }
    }
}

/// Whose invitations make accounts. Everybody's make contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invites {
    /// Everybody's.
    Everybody,
    /// Administrators'.
    Admins,
}

/// What must be solved before an account is made without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// Nothing.
    None,
    /// XEP-0158 SHA-256 proof of work: this many bits must match.
    ProofOfWork {
        /// How many bits of the hash are demanded; each doubles the work.
        bits: u8,
    },
}

/// Who may read an account's posts: the access model that its microblog node is created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody (`open`).
    Open,
    /// Who receives the account's presence (`presence`).
    Presence,
}

impl Audience {
    /// The access model's word (XEP-0060 §4.5).
    pub fn as_str(self) -> &'static str {
        match self {
            Audience::Open => "open",
            Audience::Presence => "presence",
        }
    }

    /// Reads the access model's word.
    pub fn from_name(name: &str) -> Option<Audience> {
        match name {
            "open" => Some(Audience::Open),
            "presence" => Some(Audience::Presence),
            _ => None,
        }
    }
}

/// Sizes in bytes, times in milliseconds, rates per second. A rate of 0 means no limit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest stanza of an authenticated session.
    pub stanza_bytes: usize,
    /// The largest element before authentication.
    pub stanza_bytes_before_auth: usize,
    /// How long a connection may take until its session is bound.
    pub auth_timeout_ms: u64,
    /// How long the peer may take to close its side after ours.
    pub close_timeout_ms: u64,
    /// Failed attempts on one stream before it is closed (RFC 6120 §6.4.5 recommends 2 to 5 retries).
    ///
    /// COMPAT: slixmpp 1.8 (Debian 12) tries each SCRAM-PLUS with tls-unique, which TLS 1.3 has not, then each SCRAM with a
    /// `y` that a server with -PLUS must refuse, and signs in at the seventh attempt. Guesses are limited elsewhere: none
    /// of those six gets as far as a proof.
    pub sasl_attempts: u32,
    /// When this much waits for a session's client, nothing more is read from that client.
    pub mailbox_soft_bytes: usize,
    /// When this much waits, the session is closed with `resource-constraint`.
    pub mailbox_hard_bytes: usize,
    /// Bytes a second that a session may send; ten times as many in a burst.
    pub session_bytes_per_s: u32,
    /// Stanzas a second that a session may send; ten times as many in a burst.
    pub session_stanzas_per_s: u32,
    /// How long a session may keep at its rate limit without a rest before it is a flood (`policy-violation`).
    pub flood_patience_ms: u64,
    /// Sessions of one account at the same time.
    pub sessions_per_account: usize,
    /// How long a session waits for its client after it lost the connection, in seconds; 0: not at all (XEP-0198 §5).
    pub resume_seconds: u32,
    /// Sessions of one account that wait so at the same time; the one that would end first makes way.
    pub waiting_per_account: usize,
    /// Sessions that wait so in all.
    pub waiting_sessions: usize,
    /// Connections from one address (IPv4 address or IPv6 /64 network) at the same time; 0 means no limit.
    pub connections_per_ip: usize,
    /// Sessions over HTTP (BOSH) at the same time; 0 turns it off.
    pub bosh_sessions: usize,
    /// Failed logins an hour from one address.
    pub failed_logins_per_ip_and_hour: u32,
    /// Failed logins an hour to one account.
    pub failed_logins_per_account_and_hour: u32,
    /// New accounts an hour from one address.
    pub registrations_per_ip_and_hour: u32,
    /// For how many people one account may have invitations open.
    pub invites_per_account: u32,
    /// Devices (sign-in tokens) that one account may keep.
    pub devices_per_account: usize,
    /// How long a device token lasts without being used.
    pub device_lifetime_ms: i64,
    /// Endpoints of other apps (UnifiedPush) that one account may have; 0 turns them off.
    pub push_endpoints_per_account: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            stanza_bytes: 256 * 1024,
            stanza_bytes_before_auth: 10 * 1024,
            auth_timeout_ms: 30_000,
            close_timeout_ms: 5_000,
            sasl_attempts: 8,
            mailbox_soft_bytes: 256 * 1024,
            mailbox_hard_bytes: 4 * 1024 * 1024,
            session_bytes_per_s: 64 * 1024,
            session_stanzas_per_s: 100,
            flood_patience_ms: 120_000,
            sessions_per_account: 20,
            resume_seconds: 600,
            waiting_per_account: 10,
            waiting_sessions: 100_000,
            connections_per_ip: 200,
            bosh_sessions: 10_000,
            failed_logins_per_ip_and_hour: 60,
            failed_logins_per_account_and_hour: 30,
            registrations_per_ip_and_hour: 5,
            invites_per_account: 20,
            devices_per_account: 50,
            device_lifetime_ms: 180 * 24 * 3_600 * 1_000,
            push_endpoints_per_account: 100,
        }
    }
}

impl Settings {
    /// Settings for one domain with everything else at its default.
    pub fn for_domain(domain: &str) -> Settings {
        Settings {
            domains: vec![domain.to_owned()],
            pubsub_prefix: "pubsub.".to_owned(),
            site_url: format!("https://{domain}"),
            registration: Registration::Invite,
            invites: Invites::Everybody,
            invite_days: 7,
            challenge: Challenge::None,
            default_audience: Audience::Open,
            public_stream: PublicStream::default(),
            reserved_names: DEFAULT_RESERVED_NAMES
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
            scram_rounds: 10_000,
            is_dev: false,
            contacts: Contacts::default(),
            tells_of_server: false,
            told_os: None,
            creators: Creators::Everybody,
            strangers_create: false,
            components: Vec::new(),
            archive: Archive::default(),
            push_summary: PushSummary::default(),
            limits: Limits::default(),
        }
    }

    /// The domain that answers where none was named.
    pub fn main_domain(&self) -> &str {
        self.domains.first().map_or("localhost", String::as_str)
    }

    /// Whether accounts live at this (normalized) domain.
    pub fn is_local_domain(&self, domain: &str) -> bool {
        self.domains.iter().any(|known| known == domain)
    }

    /// The JID of the pubsub service that belongs to a domain.
    pub fn pubsub_service(&self, domain: &str) -> String {
        format!("{}{domain}", self.pubsub_prefix)
    }

    /// The domain whose pubsub service this JID names.
    pub fn domain_of_pubsub_service<'a>(&self, service: &'a str) -> Option<&'a str> {
        let domain = service.strip_prefix(self.pubsub_prefix.as_str())?;
        self.is_local_domain(domain).then_some(domain)
    }
}

/// Names that would mislead people if a person had them, and those that services and paths use.
const DEFAULT_RESERVED_NAMES: [&str; 22] = [
    "abuse",
    "admin",
    "administrator",
    "anonymous",
    "everyone",
    "folkmoot",
    "help",
    "hostmaster",
    "info",
    "mailer-daemon",
    "moderator",
    "nobody",
    "postmaster",
    "press",
    "root",
    "security",
    "service",
    "staff",
    "support",
    "system",
    "update",
    "webmaster",
];
