//! Certificates as they can be seen without a network: files, dates, names, and how fetching went.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::Finding;
use crate::certificates::acme::names::{self, is_public};
use crate::certificates::acme::state::Folder;
use crate::certificates::{self, Entry, Origin, ascii, now};
use crate::config::Config;

/// A certificate of files that ends sooner than this is told.
const RENEW: Duration = Duration::from_secs(14 * 86_400);

pub fn check(config: &Config, found: &mut Vec<Finding>) {
    if config.lan {
        // It is made, and made anew in time, by the server itself.
        return;
    }
    let mut entries = Vec::new();
    for (certificate, key) in config.tls.certificate.iter().zip(&config.tls.key) {
        match certificates::Pair::read(certificate, key) {
            Ok(pair) => entries.push(Entry {
                pair,
                origin: Origin::Files {
                    certificate: certificate.clone(),
                    key: key.clone(),
                },
            }),
            Err(error) => found.push(Finding::error(format!("{error:#}"))),
        }
    }
    for entry in &entries {
        check_file(entry, found);
    }
    if config.acme.enabled {
        check_acme(config, &entries, found);
        return;
    }
    if config.tls.certificate.is_empty() {
        if !config.is_localhost_only() {
            found.push(Finding::warning(format!(
                "no certificate is configured for {}: a self-signed one is used, which clients refuse; set tls.certificate and tls.key, or acme.enabled",
                config.domains.join(", ")
            )));
        }
        return;
    }
    for domain in &config.domains {
        let name = ascii(domain).unwrap_or_default();
        if !entries.is_empty() && !entries.iter().any(|entry| entry.pair.is_for(&name)) {
            let shown: Vec<_> = config
                .tls
                .certificate
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            found.push(Finding::warning(format!(
                "the certificate {} does not name {domain}: clients will refuse it; get one that names every domain",
                shown.join(", ")
            )));
        }
    }
}

fn check_file(entry: &Entry, found: &mut Vec<Finding>) {
    let Origin::Files { certificate, key } = &entry.origin else {
        return;
    };
    let (shown, key_shown) = (certificate.display(), key.display());
    if let Ok(metadata) = std::fs::metadata(key)
        && metadata.permissions().mode() & 0o007 != 0
    {
        found.push(Finding::warning(format!(
            "everybody on this machine can read the private key {key_shown}: chmod o= {key_shown}"
        )));
    }
    let now = now();
    let validity = entry.pair.validity;
    if validity.not_after <= now {
        found.push(Finding::error(format!(
            "the certificate {shown} has expired: renew it, then send SIGHUP"
        )));
    } else if validity.not_after <= now + RENEW {
        let days = (validity.not_after - now).as_secs() / 86_400;
        found.push(Finding::warning(format!(
            "the certificate {shown} expires in {days} days: renew it, then send SIGHUP"
        )));
    } else if validity.not_before > now {
        found.push(Finding::error(format!(
            "the certificate {shown} is not valid yet: set this machine's clock, which may be wrong"
        )));
    }
}

/// What an authority would refuse, and what it last answered.
fn check_acme(config: &Config, files: &[Entry], found: &mut Vec<Finding>) {
    let folder = Folder::of(config);
    let state = folder.state();
    // An authority of one's own may vouch for names of one's own.
    let is_own_authority = !config.acme.directory.is_empty();
    for wanted in names::wanted(config, files) {
        let domain = &wanted.domain;
        for name in wanted
            .names
            .iter()
            .filter(|name| !is_own_authority && !is_public(name))
        {
            found.push(Finding::error(format!(
                "acme: no public authority vouches for {name}, which is not found from everywhere: name a public domain, or set acme.enabled = false"
            )));
        }
        let held = folder.certificate(domain);
        let left = held
            .as_ref()
            .map(|pair| pair.validity.not_after.saturating_sub(now()));
        let is_whole = held
            .as_ref()
            .is_some_and(|pair| wanted.names.iter().all(|name| pair.is_for(name)));
        let tries = state.0.get(domain).filter(|tries| tries.failures > 0);
        let what = format!("acme: the certificate for {}", wanted.names.join(", "));
        match (tries, left) {
            (Some(tries), left) => {
                let rest = match left {
                    None => "there is none".to_owned(),
                    Some(left) if left.is_zero() => "it has expired".to_owned(),
                    Some(left) => format!("the old one is good for {} more days", left.as_secs() / 86_400),
                };
                let finding = match left {
                    Some(left) if !left.is_zero() => Finding::warning(what),
                    _ => Finding::error(what),
                };
                found.push(finding.detail(
                    format!("{} failed attempts ({}); {rest}", tries.failures, tries.error),
                    "a fetched certificate",
                    "do away with the reason, then send SIGHUP to try at once",
                ));
            }
            (None, Some(left)) if left.is_zero() => found.push(Finding::error(what).detail(
                "one that has expired",
                "a renewed one",
                "start the server, which renews it",
            )),
            (None, Some(_)) if is_whole => {}
            (None, _) => found.push(Finding::warning(what).detail(
                "none yet",
                "a fetched certificate",
                "start the server, which fetches it; until then it shows a self-signed one, which clients refuse",
            )),
        }
    }
}
