//! Devices that stay signed in by a token: made after signing in, shown with OAUTHBEARER, revocable one by one.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use store::devices::{self, Device};
use store::{DeviceId, JidNo, Timestamp};
use wire::BareJid;

use super::{Auth, AuthError, Closed, Identity, is_open, random};
use crate::registry::Registry;

/// The longest label that is kept, in bytes.
const LABEL_MAX: usize = 200;

/// A token's last use is not noted more often than this.
const TOUCH_EVERY_MS: i64 = 3_600_000;

/// A device just added. The token is not kept here and cannot be told again.
pub struct NewDevice {
    /// Its number, unique on this server.
    pub id: DeviceId,
    /// What it signs in with.
    pub token: String,
    /// When the token ends, if it is not used until then.
    pub expires: Timestamp,
}

impl Auth {
    /// Adds a device to an account; durable when it returns.
    ///
    /// # Errors
    /// When it could not be stored.
    pub async fn add_device(&self, no: JidNo, label: &str) -> Result<NewDevice, AuthError> {
        let token = URL_SAFE_NO_PAD.encode(random::<32>()?);
        let now = self.clock.now();
        let expires = Timestamp(now.0 + self.limits.device_lifetime_ms);
        let id = self.store.next_device();
        let end = label.floor_char_boundary(LABEL_MAX);
        let device = Device {
            id,
            no,
            token_hash: Some(hash(&token)),
            client: None,
            label: label[..end].to_owned(),
            created: now,
            last_used: now,
            expires,
        };
        let most = u32::try_from(self.limits.devices_per_account).unwrap_or(u32::MAX);
        self.store.write(devices::add(device, most.max(1))).await?;
        Ok(NewDevice { id, token, expires })
    }

    /// The account's devices, the latest used first.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn devices(&self, no: JidNo) -> Result<Vec<Device>, AuthError> {
        Ok(self.store.read(move |reader| reader.devices(no)).await?)
    }

    /// Who shows this token; `Unknown` when nobody has it (any more).
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn device_for(&self, domain: &str, token: &str) -> Result<Result<Identity, Closed>, AuthError> {
        let seen = self.changes.load(Ordering::SeqCst);
        let (token_hash, now) = (hash(token), self.clock.now());
        let read = self.store.read(move |reader| {
            let Some(device) = reader.device_by_token(&token_hash, now)? else {
                return Ok(None);
            };
            Ok(reader.account(device.no)?.map(|account| (device, account)))
        });
        let Some((device, account)) = read.await? else {
            return Ok(Err(Closed::Unknown));
        };
        if account.domain != domain {
            return Ok(Err(Closed::Unknown));
        }
        if let Err(closed) = is_open(account.state) {
            return Ok(Err(closed));
        }
        let Ok(jid) = BareJid::from_parts(Some(&account.localpart), &account.domain) else {
            return Ok(Err(Closed::Unknown));
        };
        if now.0 - device.last_used.0 > TOUCH_EVERY_MS {
            let expires = Timestamp(now.0 + self.limits.device_lifetime_ms);
            // Not waited for: if it is lost, the next use notes it.
            drop(self.store.write(devices::touch(device.id, now, expires)));
        }
        self.note_sign_in(&account);
        Ok(Ok(Identity {
            jid,
            no: account.no,
            device: Some(device.id),
            salt: None,
            seen,
        }))
    }

    /// Makes a device's token worthless and ends its sessions; false when the account has no such device.
    ///
    /// # Errors
    /// When it could not be stored.
    pub async fn revoke_device(
        &self,
        registry: &Registry,
        no: JidNo,
        id: DeviceId,
    ) -> Result<bool, AuthError> {
        match self.store.write(devices::revoke(no, id)).await {
            Ok(_) => {}
            Err(store::WriteError::NotFound) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.changed();
        for session in registry.sessions(no).iter() {
            if session.device() == Some(id) {
                session.bar("this device was signed out");
            }
        }
        Ok(true)
    }
}

/// A token is random enough to need no salt and no rounds.
fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
