//! A person as the pages show them.

use wire::BareJid;

use crate::site::Site;

/// How many colours the style sheet has for those without a picture.
const HUES: u32 = 12;

/// Somebody who posts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// What they call themselves, else their address's first part.
    pub(crate) name: String,
    /// The address: how others find them.
    pub(crate) handle: String,
    /// Their page here; `None` for people of elsewhere.
    pub(crate) href: Option<String>,
    /// The first letter of the name, for want of a picture.
    pub(crate) initial: String,
    /// The colour behind it, always the same for one address.
    pub(crate) hue: u32,
}

impl Person {
    /// A person of this address and name.
    pub(crate) fn new(site: &Site, jid: &BareJid, name: Option<&str>) -> Self {
        let local = jid.node().unwrap_or(jid.domain());
        let name = name
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .unwrap_or(local);
        let initial = name
            .chars()
            .find(|c| c.is_alphanumeric())
            .map_or_else(|| "·".into(), |c| c.to_uppercase().to_string());
        Self {
            name: name.to_owned(),
            handle: jid.as_str().to_owned(),
            href: path_of(site, jid),
            initial,
            hue: jid.as_str().bytes().fold(17_u32, |hash, byte| {
                hash.wrapping_mul(31).wrapping_add(u32::from(byte))
            }) % HUES,
        }
    }
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

/// Whose page a path's first part names; `None` when it is no name or not of this server.
pub(crate) fn read_handle(site: &Site, handle: &str) -> Option<BareJid> {
    let name = handle.strip_prefix('@')?;
    let (local, domain) = name.split_once('@').unwrap_or((name, site.domain()));
    let jid = BareJid::from_parts(Some(local), domain).ok()?;
    let is_ours = site.settings.domains.iter().any(|own| own == jid.domain());
    (is_ours && jid.node().is_some()).then_some(jid)
}
