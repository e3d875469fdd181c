//! A person as the pages show them; for want of a picture, with the face that the web client makes too.

use sha1::{Digest, Sha1};
use wire::BareJid;

use crate::site::Site;

/// How many hues the style sheet has, evenly around the colour wheel.
pub(crate) const HUES: u32 = 36;
/// How many outlines it has.
const SHAPES: u8 = 6;

/// Somebody who posts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// What they call themselves, else their address's first part.
    pub(crate) name: String,
    /// How people here write the address: `@name`, with the domain where it is not the site's own.
    pub(crate) handle: String,
    /// The address.
    pub(crate) address: String,
    /// Their page here; `None` for people of elsewhere.
    pub(crate) href: Option<String>,
    /// One or two letters of the name.
    pub(crate) initials: String,
    /// The colour behind them: a class of the style sheet.
    pub(crate) hue: u32,
    /// The outline: a class of the style sheet.
    pub(crate) shape: u8,
}

impl Person {
    /// A person of this address and name.
    pub(crate) fn new(site: &Site, jid: &BareJid, name: Option<&str>) -> Self {
        let local = jid.node().unwrap_or(jid.domain());
        let name = name
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .unwrap_or(local);
        let hash = Sha1::digest(jid.as_str().as_bytes());
        // XEP-0392 §5.1: an angle from the first two bytes, the least significant first.
        let angle = u32::from(u16::from_le_bytes([hash[0], hash[1]]));
        let handle = if jid.domain() == site.domain() {
            format!("@{local}")
        } else {
            format!("@{jid}")
        };
        Self {
            name: name.to_owned(),
            handle,
            address: jid.to_string(),
            href: path_of(site, jid),
            initials: initials(name),
            hue: angle * HUES / 65_536,
            shape: hash[2] % SHAPES,
        }
    }
}

/// The first letters of the first word and of the last.
fn initials(name: &str) -> String {
    let mut words = name
        .split(|c: char| !c.is_alphanumeric())
        .filter_map(|word| word.chars().next());
    let first = words.next();
    first
        .into_iter()
        .chain(words.next_back())
        .flat_map(char::to_uppercase)
        .collect()
}

/// The path of somebody's page: `/@name` on the site's own domain, else `/@name@domain`; `None` elsewhere.
pub(crate) fn path_of(site: &Site, jid: &BareJid) -> Option<String> {
    let local = format::uri::percent_encode(jid.node()?);
    if jid.domain() == site.domain() {
        return Some(format!("/@{local}"));
    }
    let is_ours = site.settings.domains.iter().any(|domain| domain == jid.domain());
    is_ours.then(|| format!("/@{local}@{}", jid.domain()))
}

/// The path of a feed of somebody's besides their main blog; empty elsewhere.
pub(crate) fn feed_path(site: &Site, jid: &BareJid, node: &str) -> String {
    path_of(site, jid)
        .map(|path| format!("{path}/blog/{}", format::uri::percent_encode(node)))
        .unwrap_or_default()
}

/// What a feed is called, else its node's name.
pub(crate) fn title_of(view: &bus::NodeView) -> &str {
    let title = view.config.title.as_deref().map(str::trim);
    title.filter(|title| !title.is_empty()).unwrap_or(&view.name)
}

/// Whose page a path's first part names; `None` when it is no name or not of this server.
pub(crate) fn read_handle(site: &Site, handle: &str) -> Option<BareJid> {
    let name = handle.strip_prefix('@')?;
    let (local, domain) = name.split_once('@').unwrap_or((name, site.domain()));
    let jid = BareJid::from_parts(Some(local), domain).ok()?;
    let is_ours = site.settings.domains.iter().any(|own| own == jid.domain());
    (is_ours && jid.node().is_some()).then_some(jid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_of_the_first_and_the_last_word() {
        for (name, expected) in [
            ("Juliet Capulet", "JC"),
            ("romeo", "R"),
            ("ælfgifu of mercia", "ÆM"),
            ("…", ""),
            ("", ""),
        ] {
            assert_eq!(initials(name), expected, "{name}");
        }
    }
}
