//! What is taken out of a message before anything else happens to it: what only servers may say, and what its sender meant
//! for their own server.

use std::borrow::Cow;

use wire::{Element, Stanza};

use super::content;
use crate::server::Server;
use crate::splice::splice;

/// The message without ids that claim to be from an archive of this server (XEP-0359 §5) and without copies, which only an
/// account's own server makes (XEP-0280 §11).
pub(super) fn without_forgeries(server: &Server, stanza: &Stanza) -> Option<Stanza> {
    let document = stanza.document();
    let is_ours = |domain: &str| server.settings.is_local_domain(domain);
    let remove = |child: Element<'_>| content::is_forged(&child, is_ours).then_some(Cow::Borrowed(&[][..]));
    Stanza::parse(splice(document.root(), remove, &[])).ok()
}
