//! What a certificate says of itself (RFC 5280 §4.1): for which names, and from when until when it is good.
//!
//! Only the way to those is read from the DER; nothing is verified here.

use std::time::Duration;

const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;
const EXPLICIT_EXTENSIONS: u8 = 0xa3;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `dNSName` in a `GeneralName` (§4.2.1.6).
const DNS_NAME: u8 = 0x82;
/// 2.5.29.17
const SUBJECT_ALTERNATIVE_NAME: [u8; 3] = [0x55, 0x1d, 0x11];

/// From when until when a certificate is good, in time since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: Duration,
    /// The last one.
    pub not_after: Duration,
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The dates.
    pub validity: Validity,
    /// The DNS names in lower case.
    pub names: Vec<String>,
}

/// Reads a certificate's dates and names; `None` when it cannot be read.
pub fn facts(certificate: &[u8]) -> Option<Facts> {
    let (tag, certificate, _) = element(certificate)?;
    let (tbs_tag, mut rest, _) = element(certificate)?;
    if tag != SEQUENCE || tbs_tag != SEQUENCE {
        return None;
    }
    if rest.first() == Some(&EXPLICIT_VERSION) {
        rest = element(rest)?.2;
    }
    // serialNumber, signature, issuer
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, rest) = element(rest)?;
    let (before_tag, before, after) = element(validity)?;
    let (after_tag, after, _) = element(after)?;
    Some(Facts {
        validity: Validity {
            not_before: read_time(before_tag, std::str::from_utf8(before).ok()?)?,
            not_after: read_time(after_tag, std::str::from_utf8(after).ok()?)?,
        },
        names: names(rest)?,
    })
}

/// The names in what follows the dates; a certificate may have none.
fn names(mut rest: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    while !rest.is_empty() {
        let (tag, content, after) = element(rest)?;
        rest = after;
        if tag != EXPLICIT_EXTENSIONS {
            continue;
        }
        let (_, mut extensions, _) = element(content)?;
        while !extensions.is_empty() {
            let (_, extension, after) = element(extensions)?;
            extensions = after;
            let (tag, identifier, mut value) = element(extension)?;
            if tag != OBJECT_IDENTIFIER || identifier != SUBJECT_ALTERNATIVE_NAME {
                continue;
            }
            let (mut tag, mut content, after) = element(value)?;
            if tag != OCTET_STRING {
                // `critical` stands before the value.
                value = after;
                (tag, content, _) = element(value)?;
            }
            if tag != OCTET_STRING {
                return None;
            }
            let (_, mut general, _) = element(content)?;
            while !general.is_empty() {
                let (tag, name, after) = element(general)?;
                general = after;
                if tag == DNS_NAME {
                    names.push(std::str::from_utf8(name).ok()?.to_ascii_lowercase());
                }
            }
        }
    }
    Some(names)
}

/// The first element: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        length = rest[..count]
            .iter()
            .fold(0, |length, &byte| length << 8 | usize::from(byte));
        rest = &rest[count..];
    }
    (rest.len() >= length).then(|| (tag, &rest[..length], &rest[length..]))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn read_time(tag: u8, text: &str) -> Option<Duration> {
    let text = text.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i64 = year.parse().ok()?;
            (if year >= 50 { 1900 + year } else { 2000 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 || !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |index: usize| rest[index * 2..index * 2 + 2].parse::<i64>().ok();
    let (month, day) = (part(0)?, part(1)?);
    // Days since 1970, years beginning in March.
    let march_year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = march_year * 365 + march_year.div_euclid(4) - march_year.div_euclid(100)
        + march_year.div_euclid(400)
        + of_year
        - 719_468;
    let seconds = days * 86_400 + part(2)? * 3_600 + part(3)? * 60 + part(4)?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn dates_and_names_are_read() {
        for (year, expected) in [(2031, 1_924_992_000), (2060, 2_840_140_800)] {
            let mut parameters =
                rcgen::CertificateParams::new(vec!["Example.org".into(), "*.example.net".into()]).unwrap();
            parameters.not_before = rcgen::date_time_ymd(2000, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
            parameters.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
            let certificate = parameters
                .self_signed(&rcgen::KeyPair::generate().unwrap())
                .unwrap();
            let facts = facts(certificate.der()).unwrap();
            assert_eq!(facts.validity.not_before.as_secs(), 946_684_800);
            assert_eq!(facts.validity.not_after.as_secs(), expected);
            assert_eq!(facts.names, ["example.org", "*.example.net"]);
            for cut in 0..certificate.der().len() {
                assert_eq!(super::facts(&certificate.der()[..cut]), None);
            }
        }
    }

    #[test]
    fn odd_times_are_none() {
        assert_eq!(read_time(UTC_TIME, "700101000000Z").unwrap().as_secs(), 0);
        for bad in ["", "Z", "7001010000Z", "7001010000xxZ", "19700101000000Z"] {
            assert_eq!(read_time(UTC_TIME, bad), None, "{bad}");
        }
    }
}
