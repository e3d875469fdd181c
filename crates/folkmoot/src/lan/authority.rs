//! The certificate authority of one home network, and the server's certificate that it signs (RFC 5280).
//!
//! Phones trust it once, so it is made once and may sign for nothing but this machine's name and private addresses
//! (§4.2.1.10). Its key never leaves the data folder.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData, SanType,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

use crate::certificates::end_of;
use crate::config::Config;
use crate::files;

/// How long the authority is good for.
const YEARS: i32 = 10;
/// How long the server's certificate is good for; phones refuse those of more than 825 days.
const LIFETIME: Duration = Duration::from_secs(397 * 86_400);
/// How long before its end it is made anew.
const RENEW: Duration = Duration::from_secs(60 * 86_400);
/// Clocks of phones may be late.
const LATE: Duration = Duration::from_secs(2 * 86_400);

/// The files of an authority and of what it signed, below the certificates' folder.
pub struct Paths {
    authority: PathBuf,
    authority_key: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Paths {
    /// In the data folder.
    pub fn of(config: &Config) -> Self {
        let folder = config.data.join(crate::certificates::FOLDER);
        Self {
            authority: folder.join("lan-authority.pem"),
            authority_key: folder.join("lan-authority.key"),
            certificate: folder.join("lan.pem"),
            key: folder.join("lan.key"),
        }
    }
}

/// The authority as phones get it.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Its certificate, DER.
    pub der: CertificateDer<'static>,
    /// The domain that it is for.
    pub domain: String,
}

impl Authority {
    /// The SHA-256 of the certificate, as phones show it.
    pub fn fingerprint(&self) -> String {
        let hash = Sha256::digest(&self.der);
        let bytes: Vec<String> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }
}

/// The certificate's subject: with a part of the key's hash, so that one made anew is not taken for the old one.
fn subject(domain: &str, key: &KeyPair) -> DistinguishedName {
    let hash = Sha256::digest(key.subject_public_key_info());
    let short: String = hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, format!("Folkmoot on {domain} ({short})"));
    subject
}

/// What the authority may sign for: the domain and what is below it, and addresses that only this network and this
/// machine reach.
fn constraints(domain: &str, others: &[IpAddr]) -> NameConstraints {
    let subnet =
        |address: IpAddr, prefix| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix));
    let v4 = |a, b, prefix| subnet(Ipv4Addr::new(a, b, 0, 0).into(), prefix);
    let mut permitted = vec![
        GeneralSubtree::DnsName(domain.to_owned()),
        v4(10, 0, 8),
        v4(172, 16, 12),
        v4(192, 168, 16),
        v4(169, 254, 16),
        v4(127, 0, 8),
        subnet(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0).into(), 7),
        subnet(Ipv6Addr::LOCALHOST.into(), 128),
    ];
    // Addresses that the operator named.
    permitted.extend(others.iter().map(|address| {
        let whole = if address.is_ipv4() { 32 } else { 128 };
        subnet(*address, whole)
    }));
    NameConstraints {
        permitted_subtrees: permitted,
        excluded_subtrees: Vec::new(),
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The authority's parameters; those of its subject and key are the same whenever it signs.
fn parameters(domain: &str, key: &KeyPair, others: &[IpAddr]) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let begin = now().saturating_sub(LATE);
    parameters.not_before = epoch + begin;
    parameters.not_after = epoch + begin + Duration::from_secs(86_400) * (YEARS * 365).unsigned_abs();
    parameters.distinguished_name = subject(domain, key);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.name_constraints = Some(constraints(domain, others));
    parameters
}

/// Makes what is missing or about to end: the authority once, the server's certificate whenever its addresses change.
/// Tells the authority, and whether the server's certificate is a new one.
pub fn renew(config: &Config, addresses: &[IpAddr]) -> anyhow::Result<(Authority, bool)> {
    let paths = Paths::of(config);
    let domain = ascii(config.domain())?;
    if let Some(folder) = paths.key.parent() {
        files::make_private_folder(folder)?;
    }
    let (authority, key, is_new) = authority(&paths, &domain, &config.bind)?;
    let names: Vec<String> = config
        .domains
        .iter()
        .map(|domain| ascii(domain))
        .collect::<anyhow::Result<Vec<_>>>()?
        .into_iter()
        .flat_map(|domain| [format!("{}.{domain}", config.services.pubsub), domain])
        .collect();
    let is_made = is_new || !is_good(&paths, &names, addresses);
    if is_made {
        sign(&paths, &authority, &key, &config.bind, &names, addresses)?;
    }
    Ok((authority, is_made))
}

/// The authority and its key, made where they are missing; and whether they were.
fn authority(paths: &Paths, domain: &str, others: &[IpAddr]) -> anyhow::Result<(Authority, KeyPair, bool)> {
    let of = |der| Authority {
        der,
        domain: domain.to_owned(),
    };
    if paths.authority.is_file() || paths.authority_key.is_file() {
        let shown = paths.authority.display();
        let key = std::fs::read_to_string(&paths.authority_key)
            .with_context(|| format!("cannot read {}", paths.authority_key.display()))?;
        let key = KeyPair::from_pem(&key)
            .with_context(|| format!("{} holds no key", paths.authority_key.display()))?;
        let der = CertificateDer::from_pem_file(&paths.authority)
            .with_context(|| format!("cannot read the certificate {shown}"))?;
        let end = end_of(&der);
        // The subject holds the domain and the key.
        let expected = subject_text(domain, &key);
        if !contains(&der, expected.as_bytes()) {
            bail!(
                "{shown} is for another domain than {domain}: move it and {} away to have new ones made, which phones must install anew",
                paths.authority_key.display()
            );
        }
        if end.is_none_or(|end| end <= now() + RENEW) {
            bail!(
                "{shown} ends soon: move it and {} away to have new ones made, which phones must install anew",
                paths.authority_key.display()
            );
        }
        return Ok((of(der), key, false));
    }
    let key = KeyPair::generate()?;
    let certificate = parameters(domain, &key, others).self_signed(&key)?;
    files::write_private(&paths.authority_key, key.serialize_pem().as_bytes())?;
    files::write_private(&paths.authority, certificate.pem().as_bytes())?;
    tracing::info!(file = %paths.authority.display(), "made a certificate authority for this network");
    Ok((of(certificate.der().clone()), key, true))
}

/// The subject's one name.
fn subject_text(domain: &str, key: &KeyPair) -> String {
    match subject(domain, key).get(&DnType::CommonName) {
        Some(rcgen::DnValue::Utf8String(text)) => text.clone(),
        _ => String::new(),
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && bytes.windows(part.len()).any(|window| window == part)
}

/// Whether the server's certificate can be shown for a while yet at all these names and addresses.
fn is_good(paths: &Paths, names: &[String], addresses: &[IpAddr]) -> bool {
    let Ok(leaf) = CertificateDer::from_pem_file(&paths.certificate) else {
        return false;
    };
    let Ok(parsed) = rustls::server::ParsedCertificate::try_from(&leaf) else {
        return false;
    };
    let end = end_of(&leaf);
    let is_named = |name: &str| {
        rustls_pki_types::ServerName::try_from(name)
            .is_ok_and(|name| rustls::client::verify_server_name(&parsed, &name).is_ok())
    };
    paths.key.is_file()
        && end.is_some_and(|end| end > now() + RENEW)
        && names.iter().all(|name| is_named(name))
        && addresses.iter().all(|address| is_named(&address.to_string()))
}

/// Makes the server's certificate with a key of its own.
fn sign(
    paths: &Paths,
    authority: &Authority,
    authority_key: &KeyPair,
    others: &[IpAddr],
    names: &[String],
    addresses: &[IpAddr],
) -> anyhow::Result<()> {
    let mut parameters =
        CertificateParams::new(names.to_vec()).context("a domain cannot stand in a certificate")?;
    parameters
        .subject_alt_names
        .extend(addresses.iter().map(|address| SanType::IpAddress(*address)));
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    parameters.not_before = epoch + now().saturating_sub(LATE);
    parameters.not_after = epoch + now() + LIFETIME.saturating_sub(LATE);
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, authority.domain.clone());
    parameters.distinguished_name = subject;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let of_authority = self::parameters(&authority.domain, authority_key, others);
    let issuer = Issuer::from_params(&of_authority, authority_key);
    let certificate = parameters.signed_by(&key, &issuer)?;
    let chain = format!("{}{}", certificate.pem(), pem_of(&paths.authority)?);
    files::write_private(&paths.key, key.serialize_pem().as_bytes())?;
    files::write_private(&paths.certificate, chain.as_bytes())?;
    tracing::info!(file = %paths.certificate.display(), "made a certificate for this network's addresses");
    Ok(())
}

fn pem_of(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn ascii(domain: &str) -> anyhow::Result<String> {
    idna::domain_to_ascii(domain)
        .map_err(|_| anyhow::anyhow!("\"{domain}\" cannot be written in a certificate"))
}
