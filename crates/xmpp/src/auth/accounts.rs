//! New accounts, passwords, and who may sign in: what registration on the stream, a signed-in client and the
//! administrator's commands share.
//!
//! Deleting an account's posts, roster and rows is a job of the server, not of this file.

use std::net::IpAddr;
use std::sync::Arc;

use bus::AccessModel;
use store::accounts::{Account, AccountState};
use store::invites::{self, InviteKind, Standing};
use store::{JidNo, Timestamp, Write, WriteError, accounts, credentials, devices};
use wire::BareJid;
use wire::sasl::{PasswordError, prepare_password};

use super::{Auth, AuthError};
use crate::invitations::{has_room, makes_accounts};
use crate::presence::subscriptions::{self, Person};
use crate::rates::Network;
use crate::registry::Registry;
use crate::server::Server;
use crate::session::Session;
use crate::settings::{Audience, Registration};

/// The longest localpart that is given, in bytes.
const NAME_MAX: usize = 64;

/// Why there is no new account.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The name cannot be an address's.
    #[error("this cannot be a name")]
    Name,
    /// The password cannot be one.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Somebody has, had or must not have this name.
    #[error("this name is taken")]
    Taken,
    /// The policy does not allow it (without a token).
    #[error("accounts are given by invitation only")]
    NotAllowed,
    /// The token opens nothing.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The invitation is for another name.
    #[error("this invitation is for the name {0} only")]
    OtherName(String),
    /// Whoever invites has no place for another contact.
    #[error("whoever invited you has no place for another contact; ask them to make some")]
    NoPlace,
    /// Too many from this address.
    #[error("too many new accounts from this address; try again later")]
    TooMany,
    /// Not the client's fault.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

/// Why an invitation's token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none, or there was one long ago.
    #[error("this invitation is not known here; is the link complete?")]
    Unknown,
    /// As many came as it was for.
    #[error("this invitation has been used already; ask for another")]
    Used,
    /// Its time is over.
    #[error("this invitation has expired; ask for another")]
    Expired,
    /// It was taken back, or whoever made it is gone.
    #[error("this invitation was taken back; ask for another")]
    Revoked,
    /// It gives no account, or none are given now.
    #[error("no account is given here with this invitation")]
    NoAccounts,
}

impl From<WriteError> for RegisterError {
    fn from(error: WriteError) -> RegisterError {
        match error {
            WriteError::Exists | WriteError::NameRetired => RegisterError::Taken,
            WriteError::InviteInvalid => RegisterError::Token(TokenError::Used),
            WriteError::TooMany => RegisterError::NoPlace,
            other => RegisterError::Auth(AuthError::Write(other)),
        }
    }
}

impl From<store::ReadError> for RegisterError {
    fn from(error: store::ReadError) -> RegisterError {
        RegisterError::Auth(AuthError::Read(error))
    }
}

/// An invitation that was found good.
#[derive(Debug, Clone)]
pub struct Token {
    hash: Vec<u8>,
    kind: InviteKind,
    /// Whose contact the newcomer becomes.
    by: Option<JidNo>,
    /// The only name that the account may have.
    localpart: Option<String>,
    /// Its time is judged when it is shown, not when it is used (XEP-0445 §3).
    shown: Timestamp,
}

impl Token {
    /// The only name that the account may have.
    #[must_use]
    pub fn localpart(&self) -> Option<&str> {
        self.localpart.as_deref()
    }
}

/// What a new account is to be.
pub struct NewAccount<'a> {
    /// The domain that it is to live at.
    pub domain: &'a str,
    /// The name as it was written.
    pub name: &'a str,
    /// The password as it was written.
    pub password: &'a str,
    /// Who may read its posts; the policy's default if none is named.
    pub audience: Option<Audience>,
}

/// On whose authority an account is made.
pub enum Authority {
    /// The operator's own: policy and reserved names do not count.
    Operator {
        /// Whether it is to administer the server.
        is_admin: bool,
    },
    /// Whoever connects from this address, with an invitation or without.
    Peer(IpAddr, Option<Token>),
}

/// An account just made, durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its address.
    pub jid: BareJid,
    /// Whether it can be used, or waits for approval.
    pub is_pending: bool,
}

impl Auth {
    /// Gives an account a new password and signs out whoever is in but the session `by` that does it and its device; durable
    /// when it returns.
    ///
    /// # Errors
    /// When the password cannot be one, or it could not be stored.
    pub async fn set_password(
        &self,
        registry: &Registry,
        no: JidNo,
        password: &str,
        by: Option<&Session>,
    ) -> Result<(), RegisterError> {
        let kept = by.and_then(Session::device);
        let credentials = self.derive(prepare_password(password)?).await?;
        let all = self.store.read(move |reader| reader.devices(no)).await?;
        let mut parts = vec![credentials::set(no, credentials)];
        if kept.is_some_and(|kept| all.iter().any(|device| device.id == kept)) {
            let others = all.iter().filter(|device| Some(device.id) != kept);
            parts.extend(others.map(|device| devices::revoke(no, device.id)));
        } else {
            parts.push(devices::revoke_all(no));
        }
        self.store.write(Write::all(parts)).await?;
        self.changed();
        for session in registry.sessions(no).iter() {
            let is_kept = by.is_some_and(|by| by.id == session.id)
                || (session.device().is_some() && session.device() == kept);
            if !is_kept {
                session.bar("the password was changed");
            }
        }
        Ok(())
    }

    /// Lets an account in again, or for the first time.
    ///
    /// # Errors
    /// When there is no such account, or it could not be stored.
    pub async fn enable(&self, no: JidNo) -> Result<(), AuthError> {
        self.store
            .write(accounts::set_state(no, AccountState::Active))
            .await?;
        Ok(())
    }

    /// Closes an account and ends its sessions.
    ///
    /// # Errors
    /// When there is no such account, or it could not be stored.
    pub async fn disable(&self, registry: &Registry, no: JidNo) -> Result<(), AuthError> {
        self.store
            .write(accounts::set_state(no, AccountState::Disabled))
            .await?;
        self.changed();
        end_sessions(registry, no);
        Ok(())
    }

    /// Begins an account's deletion: nobody signs in any more, its devices are out, its sessions end. The rest is the
    /// job that this write leaves behind.
    ///
    /// # Errors
    /// When there is no such account, or it could not be stored.
    pub async fn begin_deletion(&self, registry: &Registry, no: JidNo) -> Result<(), AuthError> {
        let parts = vec![
            accounts::begin_deletion(no, self.clock.now()),
            devices::revoke_all(no),
        ];
        self.store.write(Write::all(parts)).await?;
        self.changed();
        end_sessions(registry, no);
        Ok(())
    }
}

impl Server {
    /// Looks an invitation up, for whoever wants an account, without using it.
    ///
    /// # Errors
    /// When it opens nothing, or the database could not be read.
    pub async fn token(&self, domain: &str, token: &str) -> Result<Token, RegisterError> {
        let shown = self.clock.now();
        let found = self.find_invitation(token).await?;
        let found = found.filter(|(invite, _)| invite.domain == domain);
        let (invite, standing) = found.ok_or(TokenError::Unknown)?;
        match standing {
            Standing::Open => {}
            Standing::Used => return Err(TokenError::Used.into()),
            Standing::Expired => return Err(TokenError::Expired.into()),
            Standing::Revoked => return Err(TokenError::Revoked.into()),
        }
        if !makes_accounts(&self.settings, invite.kind) {
            return Err(TokenError::NoAccounts.into());
        }
        Ok(Token {
            hash: invite.token_hash,
            kind: invite.kind,
            by: invite.created_by.filter(|_| invite.kind == InviteKind::Contact),
            localpart: invite.localpart,
            shown,
        })
    }

    /// Makes an account with its microblog node; with an invitation, also what it promises: whoever invites and the
    /// newcomer are contacts and follow each other. All in one commit; durable when it returns.
    ///
    /// # Errors
    /// See [`RegisterError`].
    pub async fn register(
        self: &Arc<Self>,
        authority: Authority,
        new: NewAccount<'_>,
    ) -> Result<Registered, RegisterError> {
        let settings = &self.settings;
        let jid = BareJid::from_parts(Some(new.name), new.domain).map_err(|_| RegisterError::Name)?;
        let localpart = jid.node().unwrap_or_default().to_owned();
        if localpart.len() > NAME_MAX {
            return Err(RegisterError::Name);
        }
        let prepared = prepare_password(new.password)?;
        let (state, is_admin, inviter, mut parts) = match authority {
            Authority::Operator { is_admin } => (AccountState::Active, is_admin, None, Vec::new()),
            Authority::Peer(peer, token) => {
                let state = self.check_newcomer(&jid, token.as_ref()).await?;
                let (now, network) = (self.clock.monotonic_ms(), Network::from(peer));
                // An invitation is limit enough.
                if token.is_none() && !self.auth.registrations.is_allowed(&network, now) {
                    return Err(RegisterError::TooMany);
                }
                if token.is_none() {
                    self.auth.registrations.charge(network, now);
                }
                let is_admin = token
                    .as_ref()
                    .is_some_and(|token| token.kind == InviteKind::Admin);
                let inviter = token.as_ref().and_then(|token| token.by);
                let hash = token.as_ref().map_or_else(Vec::new, |token| token.hash.clone());
                let mut parts = vec![invites::keep_reserved(
                    jid.domain().to_owned(),
                    localpart.clone(),
                    hash,
                    self.clock.now(),
                )];
                parts.extend(token.map(|token| invites::consume(token.hash, token.shown)));
                (state, is_admin, inviter, parts)
            }
        };
        let credentials = self.auth.derive(prepared).await?;
        let no = self.store.jids().number(jid.as_str()).await?;
        parts.push(accounts::create(Account {
            no,
            domain: jid.domain().to_owned(),
            localpart,
            state,
            is_admin,
            created: self.clock.now(),
            last_login: None,
            settings: String::new(),
        }));
        parts.push(credentials::set(no, credentials));
        let access = match new.audience.unwrap_or(settings.default_audience) {
            Audience::Open => AccessModel::Open,
            Audience::Presence => AccessModel::Presence,
        };
        let newcomer = Person { no, jid: jid.clone() };
        let inviter = match inviter {
            Some(by) => Some(self.inviter(by, &newcomer).await?),
            None => None,
        };
        if let Some(inviter) = &inviter {
            parts.push(store::roster::befriend(no, inviter.no, String::new()));
            parts.push(store::roster::befriend(inviter.no, no, String::new()));
        }
        let friend = inviter.as_ref().map(|inviter| pubsub::Actor {
            jid: inviter.jid.clone().into(),
            no: inviter.no,
        });
        let account = Write::all(parts);
        let founded = self
            .host
            .found_account(&jid, access, account, friend.as_ref())
            .await;
        let durable = founded.map_err(|error| {
            tracing::warn!(%error, "no account founded");
            RegisterError::Auth(AuthError::Stopping)
        })?;
        let server = self.clone();
        // Whoever asked may go; what is stored must be known all the same.
        let telling = self.tasks.spawn(async move {
            durable.await?;
            if let Some(inviter) = inviter {
                subscriptions::befriended(&server, &newcomer, &inviter).await;
            }
            Ok::<(), RegisterError>(())
        });
        telling.await.map_err(|_| AuthError::Stopping)??;
        Ok(Registered {
            jid,
            is_pending: state == AccountState::Pending,
        })
    }

    /// What becomes of a stranger's new account of this name. Looking for a name that is free costs nothing; the write
    /// decides again.
    async fn check_newcomer(
        &self,
        jid: &BareJid,
        token: Option<&Token>,
    ) -> Result<AccountState, RegisterError> {
        let localpart = jid.node().unwrap_or_default();
        let kept_for_them = token.and_then(Token::localpart);
        if let Some(name) = kept_for_them.filter(|name| *name != localpart) {
            return Err(RegisterError::OtherName(name.to_owned()));
        }
        if kept_for_them.is_none() && self.settings.reserved_names.iter().any(|name| name == localpart) {
            return Err(RegisterError::Taken);
        }
        let state = allowed(self.settings.registration, token)?;
        let (domain, name, now) = (jid.domain().to_owned(), localpart.to_owned(), self.clock.now());
        let hash = token.map_or_else(Vec::new, |token| token.hash.clone());
        let read = self.store.read(move |reader| {
            Ok(reader.account_named(&domain, &name)?.is_some()
                || reader.is_name_retired(&domain, &name)?
                || reader.is_name_kept(&domain, &name, &hash, now)?)
        });
        if read.await? {
            return Err(RegisterError::Taken);
        }
        Ok(state)
    }

    /// Whoever invites, if there is a place for the newcomer in their roster.
    async fn inviter(&self, by: JidNo, newcomer: &Person) -> Result<Person, RegisterError> {
        let name = self.store.jids().name(by).await?;
        let jid = name.and_then(|name| BareJid::parse(&name).ok());
        let jid = jid.ok_or(TokenError::Revoked)?;
        match has_room(self, by, newcomer).await {
            Ok(true) => Ok(Person { no: by, jid }),
            Ok(false) => Err(RegisterError::NoPlace),
            Err(_) => Err(AuthError::Stopping.into()),
        }
    }
}

fn end_sessions(registry: &Registry, no: JidNo) {
    for session in registry.sessions(no).iter() {
        session.bar("this account is closed");
    }
}

/// What becomes of a stranger's new account.
fn allowed(policy: Registration, token: Option<&Token>) -> Result<AccountState, RegisterError> {
    match (policy, token) {
        (Registration::Closed, Some(token)) if token.kind == InviteKind::Admin => Ok(AccountState::Active),
        (Registration::Closed, _) | (Registration::Invite, None) => Err(RegisterError::NotAllowed),
        (_, Some(_)) | (Registration::Open, None) => Ok(AccountState::Active),
        (Registration::Approval, None) => Ok(AccountState::Pending),
    }
}
