//! Invitations: who may make them and how many, what their links say, and what follows when one is used by somebody
//! who has an account already ([XEP-0379](https://xmpp.org/extensions/xep-0379.html),
//! [XEP-0401](https://xmpp.org/extensions/xep-0401.html)).
//!
//! What is asked for on the wire is read in `xep/invites`; a newcomer's account is made in `auth::accounts`.

use std::sync::Arc;

use bus::MICROBLOG;
use pubsub::Actor;
use sha2::{Digest, Sha256};
use store::accounts::AccountState;
use store::invites::{self, Invite, InviteKind, Standing};
use store::{JidNo, Timestamp, Write, WriteError};
use wire::{BareJid, Jid, Stanza, StanzaError};

use crate::auth::{AuthError, random};
use crate::failures::{unreadable, unwritable};
use crate::presence::subscriptions::{self, Person};
use crate::roster::subscription::State;
use crate::server::Server;
use crate::settings::{Invites, Registration, Settings};

/// XEP-0379 §6, XEP-0445 §3
pub(crate) const PREAUTH: &str = "urn:xmpp:pars:0";
/// A day in milliseconds.
const DAY: i64 = 86_400_000;
/// The longest that a person's invitation lasts, in days.
pub const DAYS_MAX: u32 = 30;
/// Invitations that one account may make in a day.
pub(crate) const PER_DAY: u32 = 40;

/// An invitation that somebody wants.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What it makes.
    pub kind: InviteKind,
    /// Who invites; `None` for the operator.
    pub by: Option<(JidNo, BareJid)>,
    /// Where accounts made with it live.
    pub domain: String,
    /// The only name that its account may have, prepared.
    pub localpart: Option<String>,
    /// For how many.
    pub uses: u32,
    /// How long it lasts, in milliseconds.
    pub lifetime_ms: i64,
}

/// An invitation just made. The token is not kept and cannot be told again.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// What tells it apart from others of the same account.
    pub id: String,
    /// What opens the door.
    pub token: String,
    /// The address of its page.
    pub landing: String,
    /// For XMPP clients: `xmpp:juliet@example.org?roster;preauth=…`.
    pub uri: String,
    /// From when on it is worth nothing.
    pub expires: Timestamp,
    /// Whether who has no account gets one with it.
    pub makes_accounts: bool,
}

/// An invitation as whoever holds its token sees it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Whether it can be used; all else is told only of an open one.
    pub standing: Standing,
    /// Who invites; `None` for the operator.
    pub by: Option<BareJid>,
    /// Whether who has no account gets one with it.
    pub makes_accounts: bool,
    /// The only name that its account may have.
    pub localpart: Option<String>,
    /// For XMPP clients.
    pub uri: String,
    /// From when on it is worth nothing.
    pub expires: Timestamp,
}

/// Why there is no invitation.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// Too many of the account's are open.
    #[error("too many of your invitations are still open; take some back, or wait until they are used")]
    TooMany,
    /// Too many were made of late.
    #[error("too many invitations in one day; try again tomorrow")]
    TooFast,
    /// Somebody has, had or must not have this name.
    #[error("this name is taken")]
    NameTaken,
    /// Not whoever asks is at fault.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

/// A token is random enough to need no salt and no rounds.
pub(crate) fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// Whether an invitation of this kind gives an account to who has none.
pub(crate) fn makes_accounts(settings: &Settings, kind: InviteKind) -> bool {
    match kind {
        InviteKind::Admin => true,
        InviteKind::Account | InviteKind::Contact => settings.registration != Registration::Closed,
        InviteKind::ContactOnly => false,
    }
}

/// XEP-0401 §"Creating a User Invitation" and §"Initiating Account Creation"; XEP-0445 §2.
fn uri(settings: &Settings, invite: &Invite, by: Option<&BareJid>, token: &str) -> String {
    let encode = format::uri::percent_encode;
    match (invite.kind, by) {
        (InviteKind::Contact | InviteKind::ContactOnly, Some(by)) if invite.localpart.is_none() => {
            let ibr = if makes_accounts(settings, invite.kind) {
                ";ibr=y"
            } else {
                ""
            };
            let local = encode(by.node().unwrap_or_default());
            format!("xmpp:{local}@{}?roster;preauth={token}{ibr}", by.domain())
        }
        _ => {
            let name = invite
                .localpart
                .as_deref()
                .map_or_else(String::new, |name| format!("{}@", encode(name)));
            format!("xmpp:{name}{}?register;preauth={token}", invite.domain)
        }
    }
}

impl Server {
    /// What an account's own invitations make: contacts, and accounts where it may give them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn kind_of_invitations(&self, no: JidNo) -> Result<InviteKind, AuthError> {
        let may = self.settings.registration != Registration::Closed
            && (self.settings.invites == Invites::Everybody || self.is_admin(no).await?);
        Ok(if may {
            InviteKind::Contact
        } else {
            InviteKind::ContactOnly
        })
    }

    /// Whether an account administers this server.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn is_admin(&self, no: JidNo) -> Result<bool, AuthError> {
        let account = self.store.read(move |reader| reader.account(no)).await?;
        Ok(account.is_some_and(|account| account.is_admin && account.state == AccountState::Active))
    }

    /// Makes an invitation of a person's, within what one account may have; administrators have no such bounds.
    ///
    /// # Errors
    /// See [`InviteError`].
    pub async fn invite_within_limits(&self, wish: Wish) -> Result<Invitation, InviteError> {
        let Some(by) = wish.by.as_ref().map(|(no, _)| *no) else {
            return self.invite(wish).await;
        };
        if self.is_admin(by).await? {
            return self.invite(wish).await;
        }
        let now = self.clock.monotonic_ms();
        if !self.invitations.is_allowed(&by, now) {
            return Err(InviteError::TooFast);
        }
        self.invitations.charge(by, now);
        let most = self.settings.limits.invites_per_account;
        self.make(wish, Some(most)).await
    }

    /// Makes an invitation.
    ///
    /// # Errors
    /// See [`InviteError`].
    pub async fn invite(&self, wish: Wish) -> Result<Invitation, InviteError> {
        self.make(wish, None).await
    }

    async fn make(&self, wish: Wish, most: Option<u32>) -> Result<Invitation, InviteError> {
        // XEP-0401: alphanumeric.
        let token: String = random::<15>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let created = self.clock.now();
        let (by, jid) = wish.by.unzip();
        let invite = Invite {
            token_hash: token_hash(&token),
            kind: wish.kind,
            domain: wish.domain,
            localpart: wish.localpart,
            created_by: by,
            created,
            expires: Timestamp(created.0.saturating_add(wish.lifetime_ms)),
            uses: wish.uses,
            uses_left: wish.uses,
            is_revoked: false,
        };
        let made = Invitation {
            id: invite.id(),
            landing: format!("{}/invite/{token}", self.settings.site_url),
            uri: uri(&self.settings, &invite, jid.as_ref(), &token),
            expires: invite.expires,
            makes_accounts: makes_accounts(&self.settings, invite.kind),
            token,
        };
        match self.store.write(invites::create(invite, most)).await {
            Ok(_) => Ok(made),
            Err(WriteError::TooMany) => Err(InviteError::TooMany),
            Err(WriteError::Exists | WriteError::NameRetired) => Err(InviteError::NameTaken),
            Err(error) => Err(InviteError::Auth(AuthError::Write(error))),
        }
    }

    /// An account's invitations that can still be used, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn invitations_of(&self, no: JidNo) -> Result<Vec<Invite>, AuthError> {
        let now = self.clock.now();
        Ok(self
            .store
            .read(move |reader| reader.invites(Some(no), now))
            .await?)
    }

    /// Takes one of an account's invitations back; `false` when it has none of this id that can still be used.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn revoke_invitation(&self, no: JidNo, id: &str) -> Result<bool, AuthError> {
        let open = self.invitations_of(no).await?;
        let Some(invite) = open.into_iter().find(|invite| invite.id() == id) else {
            return Ok(false);
        };
        match self.store.write(invites::revoke(invite.token_hash)).await {
            Ok(_) => Ok(true),
            Err(WriteError::NotFound) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What whoever holds a token is shown; `None` for one that was never given, or long ago.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn show_invitation(&self, token: &str) -> Result<Option<Shown>, AuthError> {
        let Some((invite, standing)) = self.find_invitation(token).await? else {
            return Ok(None);
        };
        let by = match invite.created_by {
            Some(no) => self.store.jids().name(no).await?,
            None => None,
        };
        let by = by.and_then(|name| BareJid::parse(&name).ok());
        Ok(Some(Shown {
            standing,
            makes_accounts: makes_accounts(&self.settings, invite.kind),
            uri: uri(&self.settings, &invite, by.as_ref(), token),
            by,
            localpart: invite.localpart,
            expires: invite.expires,
        }))
    }

    /// The invitation that a token stands for, and whether it can be used. One whose inviter cannot sign in any more
    /// counts as taken back.
    pub(crate) async fn find_invitation(&self, token: &str) -> Result<Option<(Invite, Standing)>, AuthError> {
        let (hash, now) = (token_hash(token), self.clock.now());
        let read = self.store.read(move |reader| {
            let Some(invite) = reader.invite(&hash)? else {
                return Ok(None);
            };
            let is_there = match invite.created_by {
                None => true,
                Some(by) => reader
                    .account(by)?
                    .is_some_and(|account| account.state == AccountState::Active),
            };
            let standing = match invite.standing(now) {
                Standing::Open if !is_there => Standing::Revoked,
                standing => standing,
            };
            Ok(Some((invite, standing)))
        });
        Ok(read.await?)
    }
}

/// The token in a subscription request (XEP-0379 §3.4).
pub(crate) fn token_in(request: &Stanza) -> Option<String> {
    let document = request.document();
    let preauth = document.root().child("preauth", PREAUTH)?;
    Some(preauth.attr("token")?.into_owned())
}

/// A request with a token of the asked one's (XEP-0379 §3.5): in one commit the invitation is used and both are
/// contacts. `false` when the token is none of theirs, or nothing is left to be done; then it counts as if there were
/// none (§4.1).
pub(crate) async fn redeem(
    server: &Arc<Server>,
    user: &Person,
    contact: &Person,
    token: &str,
) -> Result<bool, StanzaError> {
    let found = server.find_invitation(token).await.map_err(failed)?;
    let Some((invite, Standing::Open)) = found else {
        return Ok(false);
    };
    let is_theirs = invite.created_by == Some(contact.no)
        && matches!(invite.kind, InviteKind::Contact | InviteKind::ContactOnly);
    // §6.2: one that is for a certain name is for nobody else.
    let is_for_user = invite
        .localpart
        .is_none_or(|name| user.jid.node() == Some(name.as_str()) && user.jid.domain() == invite.domain);
    let (one, other) = (user.jid.clone().into(), contact.jid.clone().into());
    let is_parted = server
        .blocks
        .between(user.no, contact.no)
        .is_some_and(|between| between.parts(&one, &other));
    if !is_theirs || !is_for_user || is_parted {
        return Ok(false);
    }
    let roster = server.rosters.of(user.no).await?;
    if roster.with(|roster| roster.state(contact.no)) == State::Both
        || !has_room(server, user.no, contact).await?
        || !has_room(server, contact.no, user).await?
    {
        return Ok(false);
    }
    let write = Write::all(vec![
        invites::consume(invite.token_hash, server.clock.now()),
        store::roster::befriend(user.no, contact.no, String::new()),
        store::roster::befriend(contact.no, user.no, String::new()),
    ]);
    match server.store.write(write).await {
        Ok(_) => {}
        Err(WriteError::InviteInvalid | WriteError::TooMany) => return Ok(false),
        Err(error) => return Err(unwritable(&error)),
    }
    // Whoever asked may go; what is stored must be known all the same.
    let telling = {
        let (server, user, contact) = (server.clone(), user.clone(), contact.clone());
        server.clone().tasks.spawn(async move {
            subscriptions::tell_granted(&server, &user, &contact);
            subscriptions::befriended(&server, &user, &contact).await;
            follow_each_other(&server, &user, &contact).await;
        })
    };
    let _ = telling.await;
    Ok(true)
}

/// Who become contacts by an invitation follow each other, as a newcomer and whoever invited them do, as far as the
/// posts of each can be read by contacts.
async fn follow_each_other(server: &Server, user: &Person, contact: &Person) {
    for (follower, author) in [(user, contact), (contact, user)] {
        let jid: Jid = follower.jid.clone().into();
        let actor = Actor {
            jid: jid.clone(),
            no: follower.no,
        };
        let following = async {
            let accepted = server.host.subscribe(&author.jid, &actor, MICROBLOG, &jid);
            accepted.await?.durable.await
        };
        if let Err(error) = following.await {
            tracing::debug!(%error, "contacts by an invitation do not follow each other");
        }
    }
}

/// Whether a roster has the contact, or room for it.
pub(crate) async fn has_room(server: &Server, owner: JidNo, contact: &Person) -> Result<bool, StanzaError> {
    let roster = server.rosters.of(owner).await?;
    Ok(roster.with(|roster| roster.has_room(contact.no, &contact.jid, None)))
}

/// What a client is told when the database failed.
pub(crate) fn failed(error: AuthError) -> StanzaError {
    match error {
        AuthError::Read(error) => unreadable(&error),
        AuthError::Write(error) => unwritable(&error),
        AuthError::Random | AuthError::Stopping => StanzaError::internal_server_error(),
    }
}

/// So many days in milliseconds.
pub(crate) fn days(number: u32) -> i64 {
    i64::from(number) * DAY
}
