//! XMPP URIs: the addresses of accounts, nodes and items as they stand in links.
//!
//! Specification: [RFC 5122](https://www.rfc-editor.org/rfc/rfc5122), with the `;node=…;item=…` of
//! [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §12.21.
//!
//! COMPAT: Movim writes node and item without percent-encoding, XEP-0277's examples break lines within an address:
//! both are read. What is written is always encoded.

use std::fmt;

use wire::{BareJid, Jid};

/// The longest URI that is read, in bytes.
const MAX_LEN: usize = 8 * 1024;

/// How many parameters of a URI are read.
const MAX_PARAMS: usize = 16;

/// Why a text is no XMPP URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// It does not begin with `xmpp:`.
    #[error("not an xmpp: address")]
    Scheme,
    /// The address in it is no JID.
    #[error("an xmpp: address without a valid JID")]
    Jid,
    /// What the percent signs stand for is not UTF-8.
    #[error("an xmpp: address that is not UTF-8")]
    Encoding,
    /// Longer than 8 KiB, or with more than 16 parameters.
    #[error("an xmpp: address that is too long")]
    TooLong,
}

/// An XMPP URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmppUri {
    /// Whom it addresses.
    pub jid: Jid,
    /// What to do there (`message`, `join`, …); empty for a mere address of a node or item.
    pub action: String,
    /// Names and values, decoded, in order.
    pub params: Vec<(String, String)>,
}

impl XmppUri {
    /// The address of an account or service.
    pub fn of(jid: impl Into<Jid>) -> XmppUri {
        XmppUri {
            jid: jid.into(),
            action: String::new(),
            params: Vec::new(),
        }
    }

    /// The address of a node.
    pub fn of_node(jid: impl Into<Jid>, node: &str) -> XmppUri {
        XmppUri {
            params: vec![("node".to_owned(), node.to_owned())],
            ..XmppUri::of(jid)
        }
    }

    /// The address of an item.
    pub fn of_item(jid: impl Into<Jid>, node: &str, item: &str) -> XmppUri {
        let mut uri = XmppUri::of_node(jid, node);
        uri.params.push(("item".to_owned(), item.to_owned()));
        uri
    }

    /// Reads a URI. A percent sign that begins no code stands for itself; a fragment is left out.
    ///
    /// # Errors
    /// A [`UriError`].
    pub fn parse(text: &str) -> Result<XmppUri, UriError> {
        let text = text.trim();
        if text.len() > MAX_LEN {
            return Err(UriError::TooLong);
        }
        let rest = match text.split_at_checked(5) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("xmpp:") => rest,
            _ => return Err(UriError::Scheme),
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _fragment)| before);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        // §2.2: `//account/` says as whom to go there; the address follows.
        let path = match path.strip_prefix("//") {
            Some(authority) => authority.split_once('/').ok_or(UriError::Jid)?.1,
            None => path,
        };
        let jid = parse_jid(path)?;
        let mut parts = query.split(';').map(str::trim);
        let action = percent_decode(parts.next().unwrap_or_default())?;
        let mut params = Vec::new();
        for part in parts.filter(|part| !part.is_empty()) {
            if params.len() == MAX_PARAMS {
                return Err(UriError::TooLong);
            }
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            params.push((percent_decode(name)?, percent_decode(value)?));
        }
        Ok(XmppUri { jid, action, params })
    }

    /// The first value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The node addressed.
    pub fn node(&self) -> Option<&str> {
        self.param("node")
    }

    /// The item addressed.
    pub fn item(&self) -> Option<&str> {
        self.param("item")
    }

    /// True if the URI addresses this account or service, or something there.
    pub fn is_at(&self, jid: &BareJid) -> bool {
        self.jid.bare_str() == jid.as_str()
    }
}

impl fmt::Display for XmppUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("xmpp:")?;
        if let Some(node) = self.jid.node() {
            encode_to(node, "", f)?;
            f.write_str("@")?;
        }
        encode_to(self.jid.domain(), "[:]", f)?;
        if let Some(resource) = self.jid.resource() {
            f.write_str("/")?;
            encode_to(resource, "", f)?;
        }
        if self.action.is_empty() && self.params.is_empty() {
            return Ok(());
        }
        f.write_str("?")?;
        encode_to(&self.action, "", f)?;
        for (name, value) in &self.params {
            f.write_str(";")?;
            encode_to(name, "", f)?;
            f.write_str("=")?;
            encode_to(value, "", f)?;
        }
        Ok(())
    }
}

/// Percent-encodes everything but letters, digits and `-._~` (RFC 3986 §2.3).
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    // Writing to a String cannot fail.
    let _ = encode_to(text, "", &mut encoded);
    encoded
}

fn encode_to(text: &str, also: &str, out: &mut impl fmt::Write) -> fmt::Result {
    for byte in text.bytes() {
        let c = char::from(byte);
        if byte.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~') || also.contains(c) {
            out.write_char(c)?;
        } else {
            write!(out, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// The parts are decoded one by one: an encoded `/` or `@` belongs to its part.
fn parse_jid(path: &str) -> Result<Jid, UriError> {
    let (bare, resource) = match path.split_once('/') {
        Some((bare, resource)) => (bare, Some(percent_decode(resource)?)),
        None => (path, None),
    };
    let (node, domain) = match bare.split_once('@') {
        Some((node, domain)) => (Some(percent_decode(node)?), domain),
        None => (None, bare),
    };
    Jid::from_parts(node.as_deref(), &percent_decode(domain)?, resource.as_deref()).map_err(|_| UriError::Jid)
}

/// A percent-encoded text, decoded. What is not encoded stays as it is.
///
/// # Errors
/// When it is no UTF-8.
pub fn percent_decode(text: &str) -> Result<String, UriError> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let Some((&byte, rest)) = bytes.split_first() {
        let digit = |at: usize| rest.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                decoded.extend(u8::try_from(high * 16 + low));
                bytes = &rest[2..];
            }
            _ => {
                decoded.push(byte);
                bytes = rest;
            }
        }
    }
    String::from_utf8(decoded).map_err(|_| UriError::Encoding)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const MICROBLOG: &str = "urn:xmpp:microblog:0";

    fn jid(text: &str) -> Jid {
        Jid::parse(text).unwrap()
    }

    #[test]
    fn written() {
        for (uri, text) in [
            (XmppUri::of(jid("romeo@montague.lit")), "xmpp:romeo@montague.lit"),
            (
                XmppUri::of_item(jid("romeo@montague.lit"), MICROBLOG, "1/2 ü"),
                "xmpp:romeo@montague.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=1%2F2%20%C3%BC",
            ),
            (
                XmppUri::of_node(jid("pubsub.a.lit"), "urn:xmpp:microblog:0:comments/x"),
                "xmpp:pubsub.a.lit?;node=urn%3Axmpp%3Amicroblog%3A0%3Acomments%2Fx",
            ),
            (XmppUri::of(jid("[::1]/a b")), "xmpp:[::1]/a%20b"),
        ] {
            assert_eq!(uri.to_string(), text);
            assert_eq!(XmppUri::parse(text), Ok(uri));
        }
    }

    #[test]
    fn read() {
        for (text, at, node, item) in [
            // Movim.
            (
                "xmpp:j@a.lit?;node=urn:xmpp:microblog:0;item=tag:a.lit,2020:x",
                "j@a.lit",
                Some(MICROBLOG),
                Some("tag:a.lit,2020:x"),
            ),
            (
                "xmpp:s.a.lit?;node=urn:xmpp:microblog:0:comments/x",
                "s.a.lit",
                Some("urn:xmpp:microblog:0:comments/x"),
                None,
            ),
            (
                "xmpp:j@a.lit?;node=n;item=100%",
                "j@a.lit",
                Some("n"),
                Some("100%"),
            ),
            (
                "xmpp:j@a.lit?;node=n;item=100%zz",
                "j@a.lit",
                Some("n"),
                Some("100%zz"),
            ),
            // XEP-0277 breaks lines.
            (
                "xmpp:j@a.lit?;\n   node=urn%3Axmpp%3Amicroblog%3A0;\n  item=x ",
                "j@a.lit",
                Some(MICROBLOG),
                Some("x"),
            ),
            (
                "XMPP:j@a.lit?pubsub;action=retrieve;node=n#frag",
                "j@a.lit",
                Some("n"),
                None,
            ),
            ("xmpp://guest@b.lit/j@a.lit?;node=n", "j@a.lit", Some("n"), None),
            ("xmpp:j@a.lit/home", "j@a.lit/home", None, None),
            ("xmpp:j@a.lit?;node=a=b;item", "j@a.lit", Some("a=b"), Some("")),
            (
                "xmpp:nasty!%23$%25()*+,-.;=%3F%5B%5C%5D%5E_%60%7B%7C%7D~node@example.com",
                "nasty!#$%()*+,-.;=?[\\]^_`{|}~node@example.com",
                None,
                None,
            ),
            (
                "xmpp:node@example.com/repulsive%20!%23%22$%25&'()*+,-.%2F:;%3C=%3E%3F%40%5B%5C%5D%5E_%60%7B%7C%7D~resource",
                "node@example.com/repulsive !#\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~resource",
                None,
                None,
            ),
            (
                "xmpp:ji%C5%99i@%C4%8Dechy.example/v%20Praze",
                "jiři@čechy.example/v Praze",
                None,
                None,
            ),
        ] {
            let uri = XmppUri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (uri.jid.as_str(), uri.node(), uri.item()),
                (at, node, item),
                "{text}"
            );
        }
        let uri = XmppUri::parse("xmpp:j@a.lit?message;subject=Hi%3B;body=x").unwrap();
        assert_eq!(
            (uri.action.as_str(), uri.param("subject")),
            ("message", Some("Hi;"))
        );
        assert!(uri.is_at(&BareJid::parse("j@a.lit").unwrap()));
        assert!(!uri.is_at(&BareJid::parse("a.lit").unwrap()));
    }

    #[test]
    fn refused() {
        let long = format!("xmpp:a@b?;node={}", "x".repeat(MAX_LEN));
        let many = format!("xmpp:a@b?{}", ";a=b".repeat(MAX_PARAMS + 1));
        for (text, error) in [
            ("", UriError::Scheme),
            ("https://example.org/", UriError::Scheme),
            ("a@b", UriError::Scheme),
            ("xmpp:", UriError::Jid),
            ("xmpp:?;node=a", UriError::Jid),
            ("xmpp://a@b", UriError::Jid),
            ("xmpp:a b@c", UriError::Jid),
            ("xmpp:a%2Fb@c", UriError::Jid),
            ("xmpp:a@b?;node=%FF", UriError::Encoding),
            (&long, UriError::TooLong),
            (&many, UriError::TooLong),
        ] {
            assert_eq!(XmppUri::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(
            jid in "[a-zé!%]{1,6}@[a-z]{1,5}\\.lit(/\\PC{1,6})?",
            node in "\\PC{0,20}",
            item in "\\PC{0,20}",
        ) {
            let Ok(jid) = Jid::parse(&jid) else { return Ok(()) };
            let uri = XmppUri::of_item(jid, &node, &item);
            prop_assert_eq!(XmppUri::parse(&uri.to_string()), Ok(uri));
        }

        #[test]
        fn any_text(text in "xmpp:\\PC{0,40}") {
            if let Ok(uri) = XmppUri::parse(&text) {
                prop_assert_eq!(XmppUri::parse(&uri.to_string()), Ok(uri));
            }
        }
    }
}
