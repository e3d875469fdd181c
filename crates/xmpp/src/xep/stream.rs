//! Extensions that concern the stream: they are implemented where streams are found (host-meta, in `http`) and negotiated
//! (`session`, `listen`, `transport`), and have nothing to answer here.

use super::Xeps;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(114, "Jabber Component Protocol", "1.6")
        .without("the method in which the server connects to the component (`jabber:component:connect`)")
        .xep(156, "Discovering Alternative XMPP Connection Methods", "1.4.0")
        .xep(158, "CAPTCHA Forms", "1.0.1")
        .without("challenges of pictures, sounds and questions, which hinder people more than programs: work (SHA-256) is asked for")
        .xep(198, "Stream Management", "1.6.3")
        .without("a preferred place to reconnect to, since there is one; sessions do not survive a restart of the server")
        .xep(352, "Client State Indication", "1.0.0")
        .without("a switch: what waits for a client's attention is the same for everybody")
        .xep(368, "SRV records for XMPP over TLS", "1.1.0")
        .xep(440, "SASL Channel-Binding Type Capability", "1.0.0")
        .without("`tls-unique`, which TLS 1.3 does not have")
        .xep(445, "Pre-Authenticated In-Band Registration", "0.2.0");
}
