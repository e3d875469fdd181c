//! New accounts, passwords, and who may sign in: what registration on the stream, a signed-in client and the
//! administrator's commands share.
//!
//! Deleting an account's posts, roster and rows is a job of the server, not of this file.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bus::AccessModel;
use sha2::{Digest, Sha256};
use store::accounts::{Account, AccountState};
use store::invites::{self, Invite, InviteKind};
use store::{JidNo, Timestamp, Write, WriteError, accounts, credentials, devices};
use wire::BareJid;
use wire::sasl::{PasswordError, prepare_password};

use super::{Auth, AuthError, random};
use crate::rates::Network;
use crate::registry::Registry;
use crate::session::Session;
use crate::settings::{Audience, Registration, Settings};

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
    /// The token is unknown, expired or used up.
    #[error("this invitation is not valid (any more)")]
    Token,
    /// Too many from this address.
    #[error("too many new accounts from this address; try again later")]
    TooMany,
    /// Not the client's fault.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl From<WriteError> for RegisterError {
    fn from(error: WriteError) -> RegisterError {
        match error {
            WriteError::Exists | WriteError::NameRetired => RegisterError::Taken,
            WriteError::InviteInvalid => RegisterError::Token,
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
    /// Its time is judged when it is shown, not when it is used (XEP-0445 §3).
    shown: Timestamp,
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
    /// Looks an invitation up without using it.
    ///
    /// # Errors
    /// When the database could not be read.
    pub async fn token(&self, domain: &str, token: &str) -> Result<Option<Token>, AuthError> {
        let (hash, shown) = (token_hash(token), self.clock.now());
        let asked = hash.clone();
        let found = self
            .store
            .read(move |reader| reader.invite(&asked, shown))
            .await?;
        Ok(found
            .filter(|invite| invite.domain == domain)
            .map(|invite| Token {
                hash,
                kind: invite.kind,
                shown,
            }))
    }

    /// Makes an invitation: its token, which is not kept and cannot be told again.
    ///
    /// # Errors
    /// When it could not be stored.
    pub async fn invite(
        &self,
        domain: &str,
        kind: InviteKind,
        created_by: Option<JidNo>,
        lifetime_ms: i64,
        uses: u32,
    ) -> Result<String, AuthError> {
        let token = URL_SAFE_NO_PAD.encode(random::<18>()?);
        let created = self.clock.now();
        let invite = Invite {
            token_hash: token_hash(&token),
            kind,
            domain: domain.to_owned(),
            created_by,
            created,
            expires: Timestamp(created.0.saturating_add(lifetime_ms)),
            uses_left: uses,
        };
        self.store.write(invites::create(invite)).await?;
        Ok(token)
    }

    /// Makes an account with its microblog node; durable when it returns.
    ///
    /// # Errors
    /// See [`RegisterError`].
    pub async fn register(
        &self,
        settings: &Settings,
        host: &pubsub::Host,
        authority: Authority,
        new: NewAccount<'_>,
    ) -> Result<Registered, RegisterError> {
        let jid = BareJid::from_parts(Some(new.name), new.domain).map_err(|_| RegisterError::Name)?;
        let localpart = jid.node().unwrap_or_default().to_owned();
        if localpart.len() > NAME_MAX {
            return Err(RegisterError::Name);
        }
        let prepared = prepare_password(new.password)?;
        let (state, is_admin, mut parts) = match authority {
            Authority::Operator { is_admin } => (AccountState::Active, is_admin, Vec::new()),
            Authority::Peer(peer, token) => {
                if settings.reserved_names.contains(&localpart) {
                    return Err(RegisterError::Taken);
                }
                let state = allowed(settings.registration, token.as_ref())?;
                // Looking for a name that is free costs nothing; the write decides again.
                let (domain, name) = (jid.domain().to_owned(), localpart.clone());
                let read = self.store.read(move |reader| {
                    Ok(reader.account_named(&domain, &name)?.is_some()
                        || reader.is_name_retired(&domain, &name)?)
                });
                if read.await? {
                    return Err(RegisterError::Taken);
                }
                let (now, network) = (self.clock.monotonic_ms(), Network::from(peer));
                // An invitation is limit enough.
                if token.is_none() && !self.registrations.is_allowed(&network, now) {
                    return Err(RegisterError::TooMany);
                }
                if token.is_none() {
                    self.registrations.charge(network, now);
                }
                let is_admin = token
                    .as_ref()
                    .is_some_and(|token| token.kind == InviteKind::Admin);
                let consume = token.map(|token| invites::consume(token.hash, token.shown));
                (state, is_admin, consume.into_iter().collect())
            }
        };
        let credentials = self.derive(prepared).await?;
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
        let founded = host.found_account(&jid, access, Write::all(parts)).await;
        let durable = founded.map_err(|error| {
            tracing::warn!(%error, "no account founded");
            RegisterError::Auth(AuthError::Stopping)
        })?;
        durable.await?;
        Ok(Registered {
            jid,
            is_pending: state == AccountState::Pending,
        })
    }

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

/// A token is random enough to need no salt and no rounds.
fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
