//! The certificate that is made at first start where there is no other: clients refuse it; it is for development, and for
//! the minutes until a real one is there.

use std::path::PathBuf;

use anyhow::Context;

use super::{FOLDER, Pair, ascii};
use crate::config::Config;
use crate::files;

/// Its certificate and its key.
fn paths(config: &Config) -> (PathBuf, PathBuf) {
    let folder = config.data.join(FOLDER);
    (folder.join("self-signed.pem"), folder.join("self-signed.key"))
}

/// Reads it, or makes it when it is missing.
pub fn open(config: &Config) -> anyhow::Result<Pair> {
    let (certificate, key) = paths(config);
    if !(certificate.is_file() && key.is_file()) {
        make(config)?;
    }
    Pair::read(&certificate, &key)
}

/// Makes a certificate for every domain, its services and this machine, good for ten years.
fn make(config: &Config) -> anyhow::Result<()> {
    let (path, key_path) = paths(config);
    let mut names = Vec::new();
    for domain in &config.domains {
        let ascii = ascii(domain)?;
        names.push(format!("{}.{ascii}", config.services.pubsub));
        names.push(ascii);
    }
    for own in ["localhost", "127.0.0.1", "::1"] {
        if !names.iter().any(|name| name == own) {
            names.push(own.into());
        }
    }
    let mut parameters =
        rcgen::CertificateParams::new(names).context("a domain cannot stand in a certificate")?;
    let mut name = rcgen::DistinguishedName::new();
    name.push(rcgen::DnType::CommonName, ascii(config.domain())?);
    parameters.distinguished_name = name;
    let year = this_year();
    parameters.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(year + 10, 1, 1);
    let key = rcgen::KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    files::make_private_folder(&config.data.join(FOLDER))?;
    files::write_private(&key_path, key.serialize_pem().as_bytes())?;
    files::write_private(&path, certificate.pem().as_bytes())?;
    tracing::info!(file = %path.display(), "made a self-signed certificate, good for development");
    Ok(())
}

/// The year, to within a day.
fn this_year() -> i32 {
    let now = super::now();
    i32::try_from(1970 + now.as_secs() / 31_556_952).unwrap_or(1970)
}
