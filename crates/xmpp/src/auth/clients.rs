//! Clients that prove tokens which the server gives them and changes ([XEP-0484](https://xmpp.org/extensions/xep-0484.html)).
//!
//! Each is a device of its account: listed, revoked and signed out as those are. A token is made from its seed, which is
//! stored, and a key, which is not in the database: whoever has the database signs nobody in. The mechanisms' messages are in
//! `wire::sasl`.

use std::sync::atomic::Ordering;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::client_tokens::{self, ClientToken};
use store::devices::{self, Device};
use store::{DeviceId, JidNo, Timestamp, Write, WriteError};
use wire::BareJid;
use wire::sasl::{ChannelBinding, HashedToken, TokenMechanism, UserAgent};

use super::{Auth, AuthError, Closed, Identity, is_open, random};

/// How old a token may become before a client that shows it is given another (§3.5).
const ROTATED_AFTER_MS: i64 = 24 * 3_600 * 1_000;

/// A token's use is not noted more often than this where nothing else is to be noted.
const TOUCH_EVERY_MS: i64 = 3_600_000;

/// How long a seed is, in bytes.
const SEED_LEN: usize = 16;

/// An installation of a client, which can have tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// What it calls itself, always the same.
    pub id: String,
    /// What its owner knows it by.
    pub label: String,
}

impl Client {
    /// Nothing where the client does not say which it is.
    pub fn new(user_agent: &UserAgent) -> Option<Client> {
        let id = user_agent.id.clone()?;
        let label = match (&user_agent.device, &user_agent.software) {
            (Some(device), Some(software)) => format!("{device} ({software})"),
            (Some(name), None) | (None, Some(name)) => name.clone(),
            (None, None) => id.clone(),
        };
        Some(Client { id, label })
    }
}

/// A token as the client is told it, once.
#[derive(Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The token.
    pub token: String,
    /// When it ends, if it is not used until then.
    pub expires: Timestamp,
    /// The device that its client is.
    pub device: DeviceId,
}

/// A token that was proved; nothing is noted yet.
pub struct Proven {
    /// Who it is.
    pub identity: Identity,
    /// With what the server proves itself.
    pub answer: Vec<u8>,
    token: ClientToken,
    device: Device,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody has it (any more), or not for this mechanism, channel or count.
    #[error("no such token")]
    Unknown,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// The account is not let in.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// What becomes of a token that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes on, or another follows where it is time for that or the client asks.
    GoesOn,
    /// It ends, as the client wishes (§3.6).
    Ends,
}

impl Auth {
    /// Judges what a client shows. An unknown name or client costs as much as a known one.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn prove(
        &self,
        domain: &str,
        client: &str,
        mechanism: TokenMechanism,
        shown: &HashedToken,
        channel: &ChannelBinding,
    ) -> Result<Result<Proven, Refused>, AuthError> {
        let seen = self.changes.load(Ordering::SeqCst);
        let jid = BareJid::from_parts(Some(&shown.username), domain).ok();
        let name = jid
            .as_ref()
            .and_then(BareJid::node)
            .unwrap_or_default()
            .to_owned();
        let (of_domain, of_client) = (domain.to_owned(), client.to_owned());
        let read = self.store.read(move |reader| {
            let Some(account) = reader.account_named(&of_domain, &name)? else {
                return Ok(None);
            };
            Ok(reader
                .client(account.no, &of_client)?
                .map(|(device, tokens)| (account, device, tokens)))
        });
        let (Some((account, device, tokens)), Some(jid)) = (read.await?, jid) else {
            // As long as for somebody who has tokens.
            for seed in [[0; SEED_LEN], [1; SEED_LEN]] {
                let _ = shown.verify(mechanism, &self.token(JidNo(0), &seed), channel);
            }
            return Ok(Err(Refused::Unknown));
        };
        let fitting = tokens.into_iter().find_map(|token| {
            let made = self.token(account.no, &token.seed);
            let answer = shown.verify(mechanism, &made, channel)?;
            // §3.4: it is good for the mechanism that it was asked for, and for no other.
            (token.mechanism == mechanism.name()).then_some((token, answer))
        });
        let Some((token, answer)) = fitting else {
            return Ok(Err(Refused::Unknown));
        };
        if token.expires <= self.clock.now() {
            return Ok(Err(Refused::Expired));
        }
        if let Err(closed) = is_open(account.state) {
            return Ok(Err(closed.into()));
        }
        self.note_sign_in(&account);
        let identity = Identity {
            jid,
            no: account.no,
            device: Some(device.id),
            salt: None,
            seen,
        };
        Ok(Ok(Proven {
            identity,
            answer,
            token,
            device,
        }))
    }

    /// Notes that a proved token was shown, ends it or gives another, all at once and durably where anything changes.
    /// `wanted` is the mechanism of a token that the client asks for.
    ///
    /// # Errors
    /// [`Refused::Unknown`] where the token was used up or revoked meanwhile, or the count is not above the last one.
    pub async fn settle(
        &self,
        proven: &mut Proven,
        client: &Client,
        count: Option<u32>,
        fate: Fate,
        wanted: Option<TokenMechanism>,
    ) -> Result<Result<Option<NewToken>, Refused>, AuthError> {
        let (no, now) = (proven.identity.no, self.clock.now());
        let (token, device) = (&proven.token, &proven.device);
        let noted = client_tokens::shown(device.id, token.seed.clone(), count, now);
        let is_due = fate == Fate::GoesOn && now.0 - token.issued.0 > ROTATED_AFTER_MS;
        let following = match wanted {
            Some(mechanism) => Some(mechanism.name().to_owned()),
            None => is_due.then(|| token.mechanism.clone()),
        };
        if fate == Fate::GoesOn && count.is_none() && token.is_used && following.is_none() {
            if (now.0 - device.last_used.0).abs() > TOUCH_EVERY_MS {
                // Not waited for: if it is lost, the next use notes it.
                drop(self.store.write(noted));
            }
            return Ok(Ok(None));
        }
        let mut parts = vec![noted];
        if fate == Fate::Ends {
            parts.push(devices::revoke(no, device.id));
        }
        let made = match &following {
            Some(mechanism) => Some(self.make(no, client, mechanism)?),
            None => None,
        };
        let told = made.map(|(part, token, expires)| {
            parts.push(part);
            (token, expires)
        });
        match self.store.write(Write::all(parts)).await {
            Ok(_) => {}
            Err(WriteError::NotFound) => return Ok(Err(Refused::Unknown)),
            Err(error) => return Err(error.into()),
        }
        if fate == Fate::Ends {
            proven.identity.device = None;
        }
        let Some((token, expires)) = told else {
            return Ok(Ok(None));
        };
        let device = self.client_device(no, &client.id).await?;
        proven.identity.device = device;
        Ok(Ok(device.map(|device| NewToken {
            token,
            expires,
            device,
        })))
    }

    /// Gives a client that proved a password its token; durable when it returns.
    ///
    /// # Errors
    /// When it could not be stored.
    pub async fn give_token(
        &self,
        no: JidNo,
        client: &Client,
        mechanism: TokenMechanism,
    ) -> Result<Option<NewToken>, AuthError> {
        let (part, token, expires) = self.make(no, client, mechanism.name())?;
        self.store.write(part).await?;
        let device = self.client_device(no, &client.id).await?;
        Ok(device.map(|device| NewToken {
            token,
            expires,
            device,
        }))
    }

    /// The server's part of the resource of this client (XEP-0386 §3.2.1): always the same, and not to be guessed.
    pub(crate) fn resource_of(&self, no: JidNo, client: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret);
        let message = [b"resource\0", &no.0.to_le_bytes()[..], client.as_bytes()].concat();
        URL_SAFE_NO_PAD.encode(&hmac::sign(&key, &message).as_ref()[..9])
    }

    async fn client_device(&self, no: JidNo, client: &str) -> Result<Option<DeviceId>, AuthError> {
        let client = client.to_owned();
        let read = self.store.read(move |reader| reader.client(no, &client));
        Ok(read.await?.map(|(device, _)| device.id))
    }

    /// A new token, and what stores it.
    fn make(
        &self,
        no: JidNo,
        client: &Client,
        mechanism: &str,
    ) -> Result<(Write, String, Timestamp), AuthError> {
        let seed = random::<SEED_LEN>()?;
        let now = self.clock.now();
        // What is told to the client has seconds only.
        let lifetime = self.limits.device_lifetime_ms;
        let expires = Timestamp((now.0 + lifetime) / 1_000 * 1_000);
        let device = Device {
            id: self.store.next_device(),
            no,
            token_hash: None,
            client: Some(client.id.clone()),
            label: client.label.clone(),
            created: now,
            last_used: now,
            expires,
        };
        let token = ClientToken {
            is_used: false,
            mechanism: mechanism.to_owned(),
            seed: seed.to_vec(),
            issued: now,
            expires,
            shown: None,
        };
        let most = u32::try_from(self.limits.devices_per_account).unwrap_or(u32::MAX);
        let part = client_tokens::give(device, token, most.max(1));
        Ok((part, self.token(no, &seed), expires))
    }

    /// The token of a seed.
    fn token(&self, no: JidNo, seed: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.token_key);
        let message = [b"client token\0", &no.0.to_le_bytes()[..], seed].concat();
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, &message))
    }
}

/// The token stays out of logs.
impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}
