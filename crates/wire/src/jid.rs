//! Addresses: `node@domain/resource`, parsed, normalized and compared.
//!
//! Specification: [RFC 7622](https://www.rfc-editor.org/rfc/rfc7622). Escaping of a node (XEP-0106) is not here.
//!
//! A JID is one shared string and the lengths of its parts, so that a clone is a counter and comparison is that
//! of two strings. Ordinary lower-case ASCII addresses take a path that only looks at the bytes.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::sync::Arc;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::precis;

/// The longest part of an address, in bytes (RFC 7622 §3.2, §3.3, §3.4).
pub const MAX_PART: usize = 1023;

/// The longest bare JID, in bytes: two parts and the `@` between them.
pub const MAX_BARE: usize = 2 * MAX_PART + 1;

/// The longest domain name in its ASCII form, in bytes (RFC 1035 §2.3.4, without the final dot).
const MAX_DOMAIN: usize = 253;

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JidError {
    /// The part before `@` is empty, too long or holds characters that are not allowed there (RFC 7622 §3.3).
    #[error("invalid localpart")]
    Node,
    /// The domain is empty, too long or no domain name or IP address (RFC 7622 §3.2).
    #[error("invalid domainpart")]
    Domain,
    /// The part after `/` is empty, too long or holds characters that are not allowed there (RFC 7622 §3.4).
    #[error("invalid resourcepart")]
    Resource,
    /// A bare JID was wanted and the text has a resource.
    #[error("a bare JID has no resourcepart")]
    NotBare,
}

/// An address without a resource: `node@domain` or `domain`. Normalized; ordered and hashed as its text.
#[derive(Clone)]
pub struct BareJid {
    text: Arc<str>,
    node: u16,
}

/// An address with or without a resource. Normalized; ordered and hashed as its text.
#[derive(Clone)]
pub struct Jid {
    text: Arc<str>,
    node: u16,
    bare: u16,
}

impl BareJid {
    /// Parses and normalizes an address that has no resource.
    ///
    /// # Errors
    /// A [`JidError`] that names the offending part; [`JidError::NotBare`] when there is a resource.
    pub fn parse(text: &str) -> Result<Self, JidError> {
        let jid = Jid::parse(text)?;
        if !jid.is_bare() {
            return Err(JidError::NotBare);
        }
        Ok(jid.into_bare())
    }

    /// Like [`parse`](BareJid::parse), but keeps the text if it is normalized already: the same address in many
    /// places then takes the memory of one.
    ///
    /// # Errors
    /// Those of [`parse`](BareJid::parse).
    pub fn parse_shared(text: &Arc<str>) -> Result<Self, JidError> {
        let jid = BareJid::parse(text)?;
        let is_same = jid.text == *text;
        Ok(if is_same {
            BareJid {
                text: Arc::clone(text),
                node: jid.node,
            }
        } else {
            jid
        })
    }

    /// Puts an address together from parts, each of which is normalized.
    ///
    /// # Errors
    /// A [`JidError`] that names the offending part.
    pub fn from_parts(node: Option<&str>, domain: &str) -> Result<Self, JidError> {
        Ok(Jid::from_parts(node, domain, None)?.into_bare())
    }

    /// The part before `@`, normalized and not unescaped.
    pub fn node(&self) -> Option<&str> {
        (self.node > 0).then(|| &self.text[..usize::from(self.node)])
    }

    /// The domain, in Unicode.
    pub fn domain(&self) -> &str {
        &self.text[domain_start(self.node)..]
    }

    /// The address of the domain itself.
    pub fn domain_jid(&self) -> BareJid {
        if self.node == 0 {
            return self.clone();
        }
        BareJid {
            text: Arc::from(self.domain()),
            node: 0,
        }
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// This address with a resource, which is normalized.
    ///
    /// # Errors
    /// [`JidError::Resource`].
    pub fn with_resource(&self, resource: &str) -> Result<Jid, JidError> {
        let resource = normalize_resource(resource)?;
        Ok(join(self.node(), self.domain(), Some(&resource)))
    }
}

impl Jid {
    /// Parses and normalizes an address (RFC 7622 §3.1): the resource follows the first `/`, the node ends at the
    /// first `@` before it.
    ///
    /// # Errors
    /// A [`JidError`] that names the offending part.
    pub fn parse(text: &str) -> Result<Self, JidError> {
        let (bare, resource) = match text.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource)),
            None => (text, None),
        };
        let (node, domain) = match bare.split_once('@') {
            Some((node, domain)) => (Some(node), domain),
            None => (None, bare),
        };
        if node.is_none_or(is_plain_node) && is_plain_domain(domain) && resource.is_none_or(is_plain_resource)
        {
            return Ok(Jid {
                text: Arc::from(text),
                node: part_len(node.unwrap_or_default()),
                bare: part_len(bare),
            });
        }
        Self::from_parts(node, domain, resource)
    }

    /// Puts an address together from parts, each of which is normalized.
    ///
    /// # Errors
    /// A [`JidError`] that names the offending part.
    pub fn from_parts(node: Option<&str>, domain: &str, resource: Option<&str>) -> Result<Self, JidError> {
        let node = node.map(normalize_node).transpose()?;
        let domain = normalize_domain(domain)?;
        let resource = resource.map(normalize_resource).transpose()?;
        Ok(join(node.as_deref(), &domain, resource.as_deref()))
    }

    /// The part before `@`, normalized and not unescaped.
    pub fn node(&self) -> Option<&str> {
        (self.node > 0).then(|| &self.text[..usize::from(self.node)])
    }

    /// The domain, in Unicode.
    pub fn domain(&self) -> &str {
        &self.text[domain_start(self.node)..usize::from(self.bare)]
    }

    /// The part after `/`.
    pub fn resource(&self) -> Option<&str> {
        self.text.get(usize::from(self.bare) + 1..)
    }

    /// True if there is no resource.
    pub fn is_bare(&self) -> bool {
        self.text.len() == usize::from(self.bare)
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address without its resource, as text.
    pub fn bare_str(&self) -> &str {
        &self.text[..usize::from(self.bare)]
    }

    /// The address without its resource.
    pub fn bare(&self) -> BareJid {
        self.clone().into_bare()
    }

    /// The address without its resource; free of cost when there is none.
    pub fn into_bare(self) -> BareJid {
        let text = if self.is_bare() {
            self.text
        } else {
            Arc::from(&self.text[..usize::from(self.bare)])
        };
        BareJid {
            text,
            node: self.node,
        }
    }

    /// This address with another resource, which is normalized.
    ///
    /// # Errors
    /// [`JidError::Resource`].
    pub fn with_resource(&self, resource: &str) -> Result<Jid, JidError> {
        let resource = normalize_resource(resource)?;
        Ok(join(self.node(), self.domain(), Some(&resource)))
    }
}

impl From<BareJid> for Jid {
    fn from(jid: BareJid) -> Self {
        Jid {
            bare: part_len(&jid.text),
            node: jid.node,
            text: jid.text,
        }
    }
}

/// What both kinds of address have in common with their text.
macro_rules! as_text {
    ($name:ident) => {
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.text == other.text
            }
        }

        impl Eq for $name {}

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                *self.text == *other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                *self.text == **other
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.text.hash(state);
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.text.cmp(&other.text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.text
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.text, f)
            }
        }

        impl FromStr for $name {
            type Err = JidError;

            fn from_str(text: &str) -> Result<Self, JidError> {
                Self::parse(text)
            }
        }
    };
}

as_text!(BareJid);
as_text!(Jid);

fn domain_start(node: u16) -> usize {
    if node == 0 { 0 } else { usize::from(node) + 1 }
}

/// The length of a part or of the bare address: every part was held to [`MAX_PART`], so it always fits.
fn part_len(part: &str) -> u16 {
    u16::try_from(part.len()).unwrap_or(u16::MAX)
}

/// Joins parts that are already normalized.
fn join(node: Option<&str>, domain: &str, resource: Option<&str>) -> Jid {
    let node_len = node.map_or(0, part_len);
    let bare = domain_start(node_len) + domain.len();
    let mut text = String::with_capacity(bare + resource.map_or(0, |resource| resource.len() + 1));
    if let Some(node) = node {
        text.push_str(node);
        text.push('@');
    }
    text.push_str(domain);
    if let Some(resource) = resource {
        text.push('/');
        text.push_str(resource);
    }
    let bare = part_len(&text[..bare]);
    Jid {
        text: Arc::from(text),
        node: node_len,
        bare,
    }
}

/// RFC 7622 §3.3.1: characters that the IdentifierClass allows and a localpart does not.
fn is_forbidden_in_node(c: char) -> bool {
    matches!(c, '"' | '&' | '\'' | '/' | ':' | '<' | '>' | '@')
}

/// True if the node needs no work: ASCII, lower case, allowed.
fn is_plain_node(node: &str) -> bool {
    (1..=MAX_PART).contains(&node.len())
        && node.bytes().all(|b| {
            matches!(b, 0x21..=0x7E) && !b.is_ascii_uppercase() && !is_forbidden_in_node(char::from(b))
        })
}

fn is_plain_resource(resource: &str) -> bool {
    (1..=MAX_PART).contains(&resource.len()) && resource.bytes().all(|b| matches!(b, 0x20..=0x7E))
}

/// True if the domain needs no work: a lower-case ASCII name (or IPv4 address) without A-labels or final dot.
fn is_plain_domain(domain: &str) -> bool {
    domain.len() <= MAX_DOMAIN && domain.split('.').all(is_plain_label)
}

fn is_plain_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && !label.starts_with("xn--")
        && label
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// RFC 7622 §3.3: UsernameCaseMapped, less eight characters.
fn normalize_node(node: &str) -> Result<Cow<'_, str>, JidError> {
    if is_plain_node(node) {
        return Ok(Cow::Borrowed(node));
    }
    let mapped = bounded(node)
        .and_then(precis::username_case_mapped)
        .ok_or(JidError::Node)?;
    // Looked at after the mapping, which turns a full-width `＠` into `@`.
    if mapped.len() > MAX_PART || mapped.contains(is_forbidden_in_node) {
        return Err(JidError::Node);
    }
    Ok(mapped)
}

/// RFC 7622 §3.4: OpaqueString.
fn normalize_resource(resource: &str) -> Result<Cow<'_, str>, JidError> {
    if is_plain_resource(resource) {
        return Ok(Cow::Borrowed(resource));
    }
    bounded(resource)
        .and_then(precis::opaque_string)
        .filter(|mapped| mapped.len() <= MAX_PART)
        .ok_or(JidError::Resource)
}

/// RFC 7622 §3.2: an IP address, or a name of LDH labels and U-labels.
fn normalize_domain(domain: &str) -> Result<Cow<'_, str>, JidError> {
    if is_plain_domain(domain) {
        return Ok(Cow::Borrowed(domain));
    }
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = literal.parse().map_err(|_| JidError::Domain)?;
        return Ok(Cow::Owned(format!("[{address}]")));
    }
    let domain = bounded(domain).ok_or(JidError::Domain)?;
    // §3.2: a final dot is not part of the name.
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if is_plain_domain(domain) {
        return Ok(Cow::Borrowed(domain));
    }
    to_unicode_domain(domain).map(Cow::Owned).ok_or(JidError::Domain)
}

/// §3.2.1, §3.2.2: A-labels become U-labels, width, case and normalization form are mapped; then the result must
/// be a name that IDNA maps to itself, so that one name has one form.
fn to_unicode_domain(domain: &str) -> Option<String> {
    let idna = Uts46::new();
    let mut name = String::with_capacity(domain.len());
    for label in domain.split('.') {
        if !name.is_empty() {
            name.push('.');
        }
        if label
            .get(..4)
            .is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"))
        {
            let (decoded, result) =
                idna.to_unicode(label.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
            result.ok()?;
            name.push_str(&decoded);
        } else {
            name.push_str(&precis::map_label(label));
        }
    }
    let (same, result) = idna.to_unicode(name.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let is_canonical = result.is_ok()
        && same == name
        && name.len() <= MAX_PART
        && name
            .split('.')
            .all(|label| !label.is_empty() && precis::is_identifier(label))
        && idna
            .to_ascii(
                name.as_bytes(),
                AsciiDenyList::STD3,
                Hyphens::CheckFirstLast,
                DnsLength::Verify,
            )
            .is_ok();
    is_canonical.then_some(name)
}

/// Refuses what is far too long before any work is spent on it. Mapping can shorten a text, but not to a quarter.
fn bounded(part: &str) -> Option<&str> {
    (part.len() <= 4 * MAX_PART).then_some(part)
}

#[cfg(test)]
mod tests;
