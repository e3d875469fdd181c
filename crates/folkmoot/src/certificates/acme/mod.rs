//! Certificates from an authority that speaks ACME ([RFC 8555](https://www.rfc-editor.org/rfc/rfc8555)), fetched and renewed
//! while the server runs.
//!
//! Nothing is fetched unless the configuration says so and agrees to the authority's terms. A failure keeps what there is.

pub mod challenges;
pub mod names;
mod order;
pub mod schedule;
pub mod state;

use std::sync::Arc;
use std::time::Duration;

use instant_acme::LetsEncrypt;
use tokio::sync::Notify;

use self::names::Wanted;
use self::state::{Folder, Tries};
use super::{Certificates, files_of, now};
use crate::config::Config;

/// The clock is looked at this often, since it may be set or the machine may sleep.
const LOOK: Duration = Duration::from_secs(600);

/// The authority's address.
pub fn directory(config: &Config) -> String {
    let acme = &config.acme;
    if !acme.directory.is_empty() {
        acme.directory.clone()
    } else if acme.staging {
        LetsEncrypt::Staging.url().to_owned()
    } else {
        LetsEncrypt::Production.url().to_owned()
    }
}

/// Fetches and renews until it is dropped.
pub struct Renewal {
    certificates: Arc<Certificates>,
    config: Config,
    folder: Folder,
    /// Told when the operator wants a try now, whatever was noted.
    pub hurry: Arc<Notify>,
    /// Called when a certificate is there that shall be shown.
    on_change: Box<dyn Fn() -> anyhow::Result<()> + Send + Sync>,
}

impl Renewal {
    /// Keeps these certificates fresh.
    pub fn new(
        certificates: Arc<Certificates>,
        config: &Config,
        on_change: impl Fn() -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            folder: Folder::of(config),
            certificates,
            config: config.clone(),
            hurry: Arc::default(),
            on_change: Box::new(on_change),
        }
    }

    /// Runs for ever.
    pub async fn run(&self) {
        let mut is_hurried = false;
        loop {
            for wanted in self.wanted() {
                if is_hurried || self.due_in(&wanted).is_zero() {
                    self.one(&wanted, is_hurried).await;
                }
            }
            let soonest = self.wanted().iter().map(|wanted| self.due_in(wanted)).min();
            let pause = soonest.unwrap_or(LOOK).clamp(Duration::from_secs(1), LOOK);
            is_hurried = tokio::select! {
                () = tokio::time::sleep(pause) => false,
                () = self.hurry.notified() => true,
            };
        }
    }

    fn wanted(&self) -> Vec<Wanted> {
        names::wanted(&self.config, &files_of(&self.certificates.shown()))
    }

    /// How long until a certificate is to be fetched.
    fn due_in(&self, wanted: &Wanted) -> Duration {
        let renewal = self.renewal(wanted);
        let next = self.folder.state().0.get(&wanted.domain).and_then(Tries::next);
        let now = now();
        if schedule::is_due(now, renewal, next) {
            return Duration::ZERO;
        }
        let until = renewal.unwrap_or_default().max(next.unwrap_or_default());
        until.saturating_sub(now).max(Duration::from_millis(1))
    }

    /// When the certificate that is there is to be renewed; `None` when there is none for all these names.
    fn renewal(&self, wanted: &Wanted) -> Option<Duration> {
        let pair = self.folder.certificate(&wanted.domain)?;
        let is_whole = wanted.names.iter().all(|name| pair.is_for(name));
        // The certificate itself is what spreads renewals, so that a restart does not change the moment.
        let jitter = pair
            .chain()
            .first()?
            .iter()
            .rev()
            .take(4)
            .fold(0, |sum: u32, byte| {
                sum.wrapping_mul(257).wrapping_add(u32::from(*byte))
            });
        is_whole.then(|| schedule::renewal(pair.validity, jitter % 1_000))
    }

    /// Fetches one certificate, shows it, and notes how it went.
    async fn one(&self, wanted: &Wanted, is_hurried: bool) {
        if is_hurried && self.renewal(wanted).is_some_and(|renewal| now() < renewal) {
            return;
        }
        let names = wanted.names.join(", ");
        let fetched = order::fetch(&self.config, &self.folder, wanted, &self.certificates.challenges)
            .await
            .and_then(|issued| {
                self.folder
                    .put_certificate(&wanted.domain, &issued.key, &issued.chain)?;
                (self.on_change)()
            });
        let mut state = self.folder.state();
        let tries = state.0.entry(wanted.domain.clone()).or_default();
        let held = self.folder.certificate(&wanted.domain);
        let left = held.map(|pair| pair.validity.not_after.saturating_sub(now()));
        let days = left.unwrap_or_default().as_secs() / 86_400;
        match fetched {
            Ok(()) => {
                *tries = Tries::default();
                tracing::info!(names, days, "a certificate was fetched and is shown from now on");
            }
            Err(error) => {
                tries.failures = tries.failures.saturating_add(1);
                tries.error = format!("{error:#}");
                tries.failed_at = now().as_secs();
                let pause = schedule::pause(tries.failures, left, random());
                tries.next = (now() + pause).as_secs();
                let next_in_seconds = pause.as_secs();
                let error = tries.error.as_str();
                match left {
                    None => tracing::error!(
                        names,
                        error,
                        next_in_seconds,
                        "no certificate was fetched; a self-signed one is shown, which clients refuse; SIGHUP tries again at once"
                    ),
                    Some(left) if left.is_zero() => tracing::error!(
                        names,
                        error,
                        next_in_seconds,
                        "the certificate was not renewed and has expired; SIGHUP tries again at once"
                    ),
                    Some(_) => tracing::warn!(
                        names,
                        error,
                        days,
                        next_in_seconds,
                        "the certificate was not renewed; the old one stays; SIGHUP tries again at once"
                    ),
                }
            }
        }
        if let Err(error) = self.folder.put_state(&state) {
            tracing::error!(
                error = format!("{error:#}"),
                "how the certificate's renewal went cannot be noted"
            );
        }
    }
}

/// A number in 0..1000, for spreading.
fn random() -> u32 {
    getrandom::u32().unwrap_or_default() % 1_000
}
