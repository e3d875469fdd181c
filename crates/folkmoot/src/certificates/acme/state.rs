//! What is kept of an ACME authority in the data folder: the account, the certificates, and how the last tries went.
//!
//! Each authority's files have its name, so that a certificate of a staging authority is never taken for a real one. All
//! lie beside the other certificates, and so in every backup.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use instant_acme::AccountCredentials;
use serde::{Deserialize, Serialize};

use crate::certificates::{FOLDER, Pair};
use crate::config::Config;
use crate::files;

const ACCOUNT: &str = "account.json";
const STATE: &str = "state.json";

/// One authority's files.
pub struct Folder {
    folder: PathBuf,
    authority: String,
}

/// How the tries for each domain went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State(pub BTreeMap<String, Tries>);

/// How the tries for one certificate went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tries {
    /// Failures since the last success.
    pub failures: u32,
    /// What the last one was.
    pub error: String,
    /// When it was, in seconds since 1970.
    pub failed_at: u64,
    /// When the next try may be, in seconds since 1970.
    pub next: u64,
}

impl Tries {
    /// When the next try may be, after a failure.
    pub fn next(&self) -> Option<Duration> {
        (self.failures > 0).then(|| Duration::from_secs(self.next))
    }
}

impl Folder {
    /// The files of the configured authority.
    pub fn of(config: &Config) -> Self {
        let url = super::directory(config);
        let plain = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let authority = plain
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        Self {
            folder: config.data.join(FOLDER),
            authority,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("acme-{}-{name}", self.authority))
    }

    /// The certificate filed under a domain, if there is one that can be used.
    pub fn certificate(&self, domain: &str) -> Option<Pair> {
        let path = self.file(&format!("{domain}.pem"));
        let bytes = std::fs::read(&path).ok()?;
        Pair::from_pem(&bytes)
            .inspect_err(|error| {
                tracing::error!(file = %path.display(), error = format!("{error:#}"), "a fetched certificate cannot be used");
            })
            .ok()
    }

    /// Files a key and its chain, in one file so that they are always of each other.
    pub fn put_certificate(&self, domain: &str, key_pem: &str, chain_pem: &str) -> anyhow::Result<()> {
        files::make_private_folder(&self.folder)?;
        let both = format!("{}\n{}\n", key_pem.trim_end(), chain_pem.trim_end());
        files::write_private(&self.file(&format!("{domain}.pem")), both.as_bytes())
    }

    /// The account, if there is one.
    pub fn account(&self) -> anyhow::Result<Option<AccountCredentials>> {
        match std::fs::read(self.file(ACCOUNT)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps the account, readable by the server's user only: it holds its key.
    pub fn put_account(&self, account: &AccountCredentials) -> anyhow::Result<()> {
        files::make_private_folder(&self.folder)?;
        files::write_private(&self.file(ACCOUNT), &serde_json::to_vec(account)?)
    }

    /// Lets go of an account that its authority does not know.
    pub fn forget_account(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.file(ACCOUNT))?)
    }

    /// How the last tries went; what cannot be read is forgotten, since it only spaces tries.
    pub fn state(&self) -> State {
        std::fs::read(self.file(STATE))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Keeps how the tries went.
    pub fn put_state(&self, state: &State) -> anyhow::Result<()> {
        files::make_private_folder(&self.folder)?;
        files::write_private(&self.file(STATE), &serde_json::to_vec(state)?)
    }
}
