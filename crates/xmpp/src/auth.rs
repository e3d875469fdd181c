//! Who somebody is: SCRAM keys, device tokens, new accounts, and how often each may be tried.
//!
//! Only SCRAM's stored keys are kept ([RFC 5802 §3](https://www.rfc-editor.org/rfc/rfc5802#section-3)), for every hash
//! from the first password on; of a device token only its hash. Hashing runs in a bounded pool off the runtime. The
//! exchanges themselves are in `wire::sasl`, the stream around them in `session`.

pub mod accounts;
pub mod clients;
pub mod devices;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lru::LruCache;
use parking_lot::Mutex;
use store::accounts::{Account, AccountState};
use store::credentials::Credential;
use store::{Clock, DeviceId, JidNo, ReadError, Store, WriteError};
use tokio::sync::Semaphore;
use wire::BareJid;
use wire::sasl::{Hash, ScramKeys};

use crate::rates::{Keyed, Network, Rate};
use crate::settings::{Limits, Settings};

/// Why something about accounts could not be done by this server at the moment.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The database could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The database could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The operating system gave no random bytes.
    #[error("no random bytes")]
    Random,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

/// Checks who somebody is, and keeps what is needed for it.
pub struct Auth {
    store: Store,
    clock: Arc<dyn Clock>,
    secret: Vec<u8>,
    /// What clients' tokens are made with.
    token_key: [u8; 32],
    scram_rounds: u32,
    limits: Limits,
    hashing: Arc<Semaphore>,
    failed_by_network: Keyed<Network>,
    failed_by_account: Keyed<BareJid>,
    registrations: Keyed<Network>,
    /// From where accounts have signed in of late: whoever guesses a password elsewhere does not lock its owner out.
    homes: Mutex<LruCache<(JidNo, Network), ()>>,
    /// Counts whatever may end a session, so that one that was just being made does not slip through.
    changes: AtomicU64,
}

/// Somebody who proved to be who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The bare JID.
    pub jid: BareJid,
    /// Its number.
    pub no: JidNo,
    /// The device whose token was shown, if one was, or that was given one.
    pub device: Option<DeviceId>,
    /// The salt of the keys that a password was proved with: another password has another.
    salt: Option<Vec<u8>>,
    /// [`Auth::changes`] before it was judged.
    seen: u64,
}

/// What a proof is checked against; for an unknown name keys that nothing fits.
pub struct Candidate {
    account: Option<(BareJid, Account)>,
    /// The keys.
    pub keys: ScramKeys,
    seen: u64,
}

/// Why somebody who proved to be who they are is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The proof was worth nothing: no such account.
    #[error("no such account")]
    Unknown,
    /// An administrator has yet to let them in.
    #[error("this account waits for an administrator's approval")]
    Pending,
    /// An administrator closed it, or it is being deleted.
    #[error("this account is closed")]
    Disabled,
}

/// At the same time hashed passwords: more would keep the processor from everybody else.
const HASHING_AT_ONCE: usize = 2;

/// How many accounts' networks are remembered; a few MiB.
const HOMES: usize = 50_000;

/// The name of the secret that false salts are made with.
const SECRET: &str = "auth-secret";

impl Auth {
    /// Reads or makes the secret that false salts are made with.
    ///
    /// # Errors
    /// When the database can be neither read nor written.
    pub async fn open(store: Store, clock: Arc<dyn Clock>, settings: &Settings) -> Result<Auth, AuthError> {
        let fresh = random::<32>()?.to_vec();
        let secret = store
            .get_or_init(SECRET, fresh)
            .await
            .map_err(|error| match error {
                store::meta::InitError::Read(error) => AuthError::Read(error),
                store::meta::InitError::Write(error) => AuthError::Write(error),
            })?;
        let limits = settings.limits.clone();
        let an_hour = |units: u32| {
            let units = if settings.is_dev { 0 } else { units };
            Rate::new(units, 3_600_000, units)
        };
        Ok(Auth {
            store,
            clock,
            secret,
            token_key: random()?,
            scram_rounds: settings.scram_rounds,
            hashing: Arc::new(Semaphore::new(HASHING_AT_ONCE)),
            failed_by_network: Keyed::new(an_hour(limits.failed_logins_per_ip_and_hour)),
            failed_by_account: Keyed::new(an_hour(limits.failed_logins_per_account_and_hour)),
            registrations: Keyed::new(an_hour(limits.registrations_per_ip_and_hour)),
            homes: Mutex::new(LruCache::unbounded()),
            limits,
            changes: AtomicU64::new(0),
        })
    }

    /// Has the tokens of clients made with this key, so that they are good after a restart too. It must lie apart from the
    /// database.
    #[must_use]
    pub fn with_token_key(self, token_key: [u8; 32]) -> Auth {
        Auth { token_key, ..self }
    }

    /// Whether this peer may try to sign in, to this account if one is named.
    pub fn may_try(&self, peer: IpAddr, account: Option<&BareJid>) -> bool {
        let (network, now) = (Network::from(peer), self.clock.monotonic_ms());
        self.failed_by_network.is_allowed(&network, now)
            && account.is_none_or(|account| {
                self.failed_by_account.is_allowed(account, now) || self.is_home(account, network)
            })
    }

    fn is_home(&self, account: &BareJid, network: Network) -> bool {
        let no = self.store.jids().number_cached(account.as_str());
        no.is_some_and(|no| self.homes.lock().get(&(no, network)).is_some())
    }

    /// Somebody has signed in from there.
    pub(crate) fn succeeded(&self, peer: IpAddr, identity: &Identity) {
        let mut homes = self.homes.lock();
        homes.put((identity.no, Network::from(peer)), ());
        if homes.len() > HOMES {
            homes.pop_lru();
        }
    }

    /// Counts a failed login.
    pub fn failed(&self, peer: IpAddr, account: Option<&BareJid>) {
        let now = self.clock.monotonic_ms();
        self.failed_by_network.charge(Network::from(peer), now);
        if let Some(account) = account {
            self.failed_by_account.charge(account.clone(), now);
        }
    }

    /// The keys that a proof is checked with. An unknown name, or one that is no name at all, gets keys that nothing
    /// fits, with a salt that stays the same (RFC 5802 §9).
    pub async fn candidate(&self, domain: &str, username: &str, hash: Hash) -> Result<Candidate, AuthError> {
        let seen = self.changes.load(Ordering::SeqCst);
        let jid = BareJid::from_parts(Some(username), domain).ok();
        let name = jid
            .as_ref()
            .and_then(BareJid::node)
            .unwrap_or(username)
            .to_owned();
        let found = match jid {
            None => None,
            Some(jid) => {
                let (domain, localpart) = (jid.domain().to_owned(), name.clone());
                let read = self.store.read(move |reader| {
                    let Some(account) = reader.account_named(&domain, &localpart)? else {
                        return Ok(None);
                    };
                    let credentials = reader.credentials(account.no)?;
                    Ok(Some((account, credentials)))
                });
                read.await?
                    .map(|(account, credentials)| (jid, account, credentials))
            }
        };
        if let Some((jid, account, credentials)) = found {
            let credential = credentials
                .into_iter()
                .find(|credential| credential.hash == hash.name());
            if let Some(credential) = credential {
                return Ok(Candidate {
                    account: Some((jid, account)),
                    keys: keys(hash, credential),
                    seen,
                });
            }
        }
        let keys = ScramKeys::of_nobody(hash, &self.secret, &name, self.scram_rounds);
        Ok(Candidate {
            account: None,
            keys,
            seen,
        })
    }

    /// Checks a password sent as it is. Takes as long for unknown names.
    pub async fn verify(
        &self,
        candidate: Candidate,
        password: String,
    ) -> Result<(Candidate, bool), AuthError> {
        self.hash(move || {
            let fits = candidate.keys.verify_password(&password);
            (candidate, fits)
        })
        .await
    }

    /// Lets in whoever proved a candidate.
    ///
    /// # Errors
    /// When there is no such account or it is closed.
    pub fn admit(&self, candidate: Candidate) -> Result<Identity, Closed> {
        let (jid, account) = candidate.account.ok_or(Closed::Unknown)?;
        is_open(account.state)?;
        self.note_sign_in(&account);
        Ok(Identity {
            jid,
            no: account.no,
            device: None,
            salt: Some(candidate.keys.salt),
            seen: candidate.seen,
        })
    }

    /// Whether somebody who was let in may still be, asked when the session can be found by whoever would end it.
    ///
    /// # Errors
    /// When it could not be read.
    pub(crate) async fn stands(&self, identity: &Identity) -> Result<bool, AuthError> {
        if self.changes.load(Ordering::SeqCst) == identity.seen {
            return Ok(true);
        }
        let (no, device, salt) = (identity.no, identity.device, identity.salt.clone());
        let read = self.store.read(move |reader| {
            let account = reader.account(no)?;
            let is_open = account.is_some_and(|account| is_open(account.state).is_ok());
            let has_device = match device {
                None => true,
                Some(id) => reader.devices(no)?.iter().any(|device| device.id == id),
            };
            let has_password = match salt {
                None => true,
                Some(salt) => reader.credentials(no)?.iter().any(|keys| keys.salt == salt),
            };
            Ok(is_open && has_device && has_password)
        });
        Ok(read.await?)
    }

    /// To be called after a change is stored and before the sessions that it ends are looked for.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Not waited for: if it is lost, a date is old. Nobody needs it to the minute, and a phone that comes and goes must not
    /// cost a write each time.
    fn note_sign_in(&self, account: &Account) {
        const NOTE_EVERY_MS: i64 = 60 * 60 * 1_000;
        let now = self.clock.now();
        if account
            .last_login
            .is_none_or(|last| (now.0 - last.0).abs() > NOTE_EVERY_MS)
        {
            drop(self.store.write(store::accounts::signed_in(account.no, now)));
        }
    }

    /// SCRAM keys of a password for every hash.
    async fn derive(&self, prepared: String) -> Result<Vec<Credential>, AuthError> {
        let mut salts = Vec::new();
        for _ in Hash::ALL {
            salts.push(random::<{ ScramKeys::SALT_LEN }>()?.to_vec());
        }
        let rounds = self.scram_rounds;
        self.hash(move || {
            let derive = |(hash, salt): (Hash, Vec<u8>)| {
                let keys = ScramKeys::derive(hash, &prepared, salt, rounds);
                Credential {
                    hash: hash.name().to_owned(),
                    salt: keys.salt,
                    iterations: keys.iterations,
                    stored_key: keys.stored_key,
                    server_key: keys.server_key,
                }
            };
            Hash::ALL.into_iter().zip(salts).map(derive).collect()
        })
        .await
    }

    /// Runs something costly where it holds nobody up.
    async fn hash<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        let permit = Arc::clone(&self.hashing)
            .acquire_owned()
            .await
            .map_err(|_| AuthError::Stopping)?;
        let running = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        running.await.map_err(|_| AuthError::Stopping)
    }
}

fn keys(hash: Hash, credential: Credential) -> ScramKeys {
    ScramKeys {
        hash,
        salt: credential.salt,
        iterations: credential.iterations,
        stored_key: credential.stored_key,
        server_key: credential.server_key,
    }
}

fn is_open(state: AccountState) -> Result<(), Closed> {
    match state {
        AccountState::Active => Ok(()),
        AccountState::Pending => Err(Closed::Pending),
        AccountState::Disabled | AccountState::Deleting => Err(Closed::Disabled),
    }
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], AuthError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| AuthError::Random)?;
    Ok(bytes)
}
