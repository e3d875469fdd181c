//! XEP-0115: Entity Capabilities, <https://xmpp.org/extensions/xep-0115.html>: what this server announces of itself. What
//! clients announce is resolved in `crate::caps`.

use format::caps::Caps;
use wire::{Writer, ns};

use super::{Xeps, disco};
use crate::iq::Target;
use crate::server::Server;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(115, "Entity Capabilities", "1.6.0")
        .without("the hashes other than sha-1 in our own announcement, which every client reads")
        .feature(Target::Server, ns::CAPS);
}

/// The node that names this software.
const NODE: &str = "urn:x-folkmoot:server";

/// Whether a node of service discovery is what `<c/>` announces.
pub(super) fn is_own_node(server: &Server, node: &str) -> bool {
    Caps::of(NODE, &disco::server_info(server)).is_ok_and(|caps| caps.info_node() == node)
}

impl Server {
    /// What is announced after authentication beside binding: `<c/>` (XEP-0115 §6.3), roster versioning (RFC 6121 §2.6.1)
    /// and subscription pre-approval (RFC 6121 §3.4.1), as XML.
    pub fn stream_features(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        if let Ok(caps) = Caps::of(NODE, &disco::server_info(self)) {
            caps.write(&mut writer);
        }
        writer.open("ver").ns(ns::ROSTER_VERSIONING).close();
        writer.open("sub").ns(ns::PRE_APPROVAL).close();
        writer.finish()
    }
}
