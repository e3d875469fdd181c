//! Entity capabilities: a hash in every presence that stands for an answer to disco#info.
//!
//! Specification: [XEP-0115](https://xmpp.org/extensions/xep-0115.html) §5, SHA-1 only: the hash that everybody
//! sends. Fetching and keeping what a hash stands for is done elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use wire::{Element, Writer, ns};

use crate::disco::{Identity, Info};
use crate::form::{DataForm, FieldType};

/// The longest attribute that is read, in bytes.
const MAX_ATTRIBUTE: usize = 1024;

/// What a presence says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caps {
    /// Which software, as a URI.
    pub node: String,
    /// The verification string.
    pub ver: String,
    /// The hash function's name; only `sha-1` can be verified here.
    pub hash: String,
}

impl Caps {
    /// The capabilities of `info`, announced as `node`.
    ///
    /// # Errors
    /// [`IllFormed`].
    pub fn of(node: &str, info: &Info) -> Result<Caps, IllFormed> {
        Ok(Caps {
            node: node.to_owned(),
            ver: verification(info)?,
            hash: "sha-1".to_owned(),
        })
    }

    /// Reads a `<c/>`. `None` if it is another element, or of the form from before hashes (§7.2), or absurdly long.
    pub fn parse(element: Element<'_>) -> Option<Caps> {
        let attribute = |name| {
            let value = element.attr(name)?;
            (1..=MAX_ATTRIBUTE)
                .contains(&value.len())
                .then(|| value.into_owned())
        };
        if !element.is("c", ns::CAPS) {
            return None;
        }
        Some(Caps {
            node: attribute("node")?,
            ver: attribute("ver")?,
            hash: attribute("hash")?,
        })
    }

    /// Reads the `<c/>` among a presence's children.
    pub fn find(presence: Element<'_>) -> Option<Caps> {
        presence.child("c", ns::CAPS).and_then(Caps::parse)
    }

    /// Writes the `<c/>`.
    pub fn write(&self, writer: &mut Writer) {
        writer
            .open("c")
            .ns(ns::CAPS)
            .attr("hash", &self.hash)
            .attr("node", &self.node);
        writer.attr("ver", &self.ver).close();
    }

    /// The node to ask disco#info about (§6.2).
    pub fn info_node(&self) -> String {
        format!("{}#{}", self.node, self.ver)
    }

    /// True if `info` is what the hash stands for (§5.4). False also for hashes that are not known here.
    pub fn is_verified_by(&self, info: &Info) -> bool {
        self.hash == "sha-1" && verification(info).is_ok_and(|ver| ver == self.ver)
    }
}

/// An answer that must not be verified (§5.4 step 3): something is said twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllFormed {
    /// Two identities of one category, type, language and name.
    #[error("an identity is given twice")]
    Identity,
    /// Two equal features.
    #[error("a feature is given twice")]
    Feature,
    /// Two forms of one type, or a form of two.
    #[error("a form type is given twice")]
    FormType,
}

/// The verification string: SHA-1 over what was found, sorted, in base64 (§5.1).
///
/// # Errors
/// [`IllFormed`], so that nobody can pass one answer off as another.
pub fn verification(info: &Info) -> Result<String, IllFormed> {
    let mut text = String::new();
    let mut identities: Vec<&Identity> = info.identities.iter().collect();
    identities.sort_unstable_by_key(|identity| {
        (
            &identity.category,
            &identity.kind,
            identity.lang.as_deref().unwrap_or_default(),
            &identity.name,
        )
    });
    if identities.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(IllFormed::Identity);
    }
    for Identity {
        category,
        kind,
        lang,
        name,
    } in identities
    {
        let (lang, name) = (
            lang.as_deref().unwrap_or_default(),
            name.as_deref().unwrap_or_default(),
        );
        append(&mut text, &[category, "/", kind, "/", lang, "/", name]);
    }

    let mut features: Vec<&String> = info.features.iter().collect();
    features.sort_unstable();
    if features.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(IllFormed::Feature);
    }
    for feature in features {
        append(&mut text, &[feature]);
    }

    let mut forms = Vec::new();
    for form in &info.forms {
        if let Some(form_type) = form_type(form)? {
            forms.push((form_type, form));
        }
    }
    forms.sort_unstable_by_key(|(form_type, _)| *form_type);
    if forms.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(IllFormed::FormType);
    }
    for (form_type, form) in forms {
        append(&mut text, &[form_type]);
        append_fields(&mut text, form);
    }
    Ok(STANDARD.encode(Sha1::digest(text)))
}

fn append(text: &mut String, parts: &[&str]) {
    text.extend(parts.iter().copied());
    text.push('<');
}

/// The `FORM_TYPE`; `None` for a form without a hidden one, which does not count (§5.4 step 3.6).
fn form_type(form: &DataForm) -> Result<Option<&str>, IllFormed> {
    let Some(field) = form.field("FORM_TYPE") else {
        return Ok(None);
    };
    if field.values.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(IllFormed::FormType);
    }
    Ok((field.kind == Some(FieldType::Hidden))
        .then(|| field.values.first().map(String::as_str))
        .flatten())
}

fn append_fields(text: &mut String, form: &DataForm) {
    let mut fields: Vec<_> = form
        .fields
        .iter()
        .filter(|field| field.var != "FORM_TYPE")
        .collect();
    fields.sort_by_key(|field| &field.var);
    for field in fields {
        append(text, &[&field.var]);
        let mut values: Vec<_> = field.values.iter().collect();
        values.sort_unstable();
        for value in values {
            append(text, &[value]);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wire::Document;

    use super::*;

    /// XEP-0115 §5.3.
    const COMPLEX: &str = "<query xmlns='http://jabber.org/protocol/disco#info'>\
        <identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>\
        <identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>\
        <feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>\
        <feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>\
        <x xmlns='jabber:x:data' type='result'>\
        <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>\
        <field var='ip_version' type='text-multi'><value>ipv6</value><value>ipv4</value></field>\
        <field var='os'><value>Mac</value></field><field var='os_version'><value>10.5.1</value></field>\
        <field var='software_version'><value>0.11</value></field>\
        <field var='software'><value>Psi</value></field></x></query>";

    fn info(xml: &str) -> Info {
        Info::parse(Document::parse(xml.as_bytes()).unwrap().root()).unwrap()
    }

    #[test]
    fn published_examples() {
        let simple = Info {
            identities: vec![Identity::new("client", "pc", Some("Exodus 0.9.1"))],
            features: ["muc", "caps", "disco#items", "disco#info"]
                .map(|name| format!("http://jabber.org/protocol/{name}"))
                .into(),
            ..Info::default()
        };
        assert_eq!(
            verification(&simple).as_deref(),
            Ok("QgayPKawpkPSDYmwT/WM94uAlu0=")
        );
        assert_eq!(
            verification(&info(COMPLEX)).as_deref(),
            Ok("q07IKJEyjvHSyhy//CH0CxmKi8w=")
        );
    }

    #[test]
    fn what_is_said_twice_is_ill_formed() {
        let good = info(COMPLEX);
        let mut bad = good.clone();
        bad.identities.push(bad.identities[0].clone());
        assert_eq!(verification(&bad), Err(IllFormed::Identity));
        let mut bad = good.clone();
        bad.features.push(bad.features[0].clone());
        assert_eq!(verification(&bad), Err(IllFormed::Feature));
        let mut bad = good.clone();
        bad.forms.push(bad.forms[0].clone());
        assert_eq!(verification(&bad), Err(IllFormed::FormType));
        let mut bad = good.clone();
        bad.forms[0].fields[0].values.push("other".into());
        assert_eq!(verification(&bad), Err(IllFormed::FormType));
    }

    #[test]
    fn a_form_without_a_hidden_type_does_not_count() {
        let mut given = info(COMPLEX);
        let without = Info {
            forms: vec![],
            ..given.clone()
        };
        given.forms[0].fields[0].kind = None;
        assert_eq!(verification(&given), verification(&without));
        given.forms[0].fields.remove(0);
        assert_eq!(verification(&given), verification(&without));
    }

    #[test]
    fn an_element_both_ways() {
        let caps = Caps::of("https://example.org", &info(COMPLEX)).unwrap();
        let mut writer = Writer::new();
        writer.open("presence");
        caps.write(&mut writer);
        let document = Document::parse(writer.finish()).unwrap();
        assert_eq!(Caps::find(document.root()).as_ref(), Some(&caps));
        assert_eq!(
            caps.info_node(),
            "https://example.org#q07IKJEyjvHSyhy//CH0CxmKi8w="
        );
        assert!(caps.is_verified_by(&info(COMPLEX)));
        assert!(!caps.is_verified_by(&Info::default()));
        assert!(
            !Caps {
                hash: "md5".into(),
                ..caps
            }
            .is_verified_by(&info(COMPLEX))
        );
        for bad in [
            "<c xmlns='http://jabber.org/protocol/caps' node='a' ver='b'/>",
            "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' ver='b'/>",
            "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='a' ver=''/>",
            "<c xmlns='other' hash='sha-1' node='a' ver='b'/>",
        ] {
            assert_eq!(
                Caps::parse(Document::parse(bad.as_bytes()).unwrap().root()),
                None,
                "{bad}"
            );
        }
    }
}
