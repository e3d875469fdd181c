//! This machine's clock, held against the certificate authority's: certificates are judged by it.

use std::time::{Duration, SystemTime};

use http::header;

use crate::certificates::acme;
use crate::check::Finding;
use crate::config::Config;
use crate::outgoing::{Outgoing, To};

/// So much is usual; tokens and certificates bear it.
const SMALL: Duration = Duration::from_secs(30);
/// From here on certificates and sign-ins fail.
const LARGE: Duration = Duration::from_secs(600);

/// Compares with the `Date` of the authority's answer (RFC 9110 §6.6.1), which is exact to a second.
pub async fn check(config: &Config, findings: &mut Vec<Finding>) {
    let url = acme::directory(config);
    let root = &config.acme.ca;
    let asked = async {
        let client = Outgoing::new((!root.as_os_str().is_empty()).then_some(root))?;
        client.get(&url, To::Named).await
    };
    let answer = match asked.await {
        Ok(answer) => answer,
        Err(error) => {
            // A wrong clock is itself a reason why no TLS comes about.
            findings.push(Finding::warning("clock").detail(
                format!("nothing to compare it with: {error:#}"),
                format!("an answer from {url}"),
                "let this machine reach it, and look at the clock with timedatectl",
            ));
            return;
        }
    };
    let theirs = answer
        .headers
        .get(header::DATE)
        .and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let Some(theirs) = theirs else { return };
    let ours = SystemTime::now();
    let (off, word) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    if off < SMALL {
        return;
    }
    let finding = if off < LARGE {
        Finding::warning("clock")
    } else {
        Finding::error("clock")
    };
    findings.push(finding.detail(
        format!("{} s {word} the authority's", off.as_secs()),
        format!("less than {} s", SMALL.as_secs()),
        "set it: timedatectl set-ntp true",
    ));
}
