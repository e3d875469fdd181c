//! Extensions that concern the stream: they are implemented where streams are found (host-meta, in `http`) and negotiated
//! (`session`, `listen`, `transport`), and have nothing to answer here.

use super::Xeps;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(114, "Jabber Component Protocol", "1.6")
        .without("the method in which the server connects to the component (`jabber:component:connect`)")
        .xep(124, "Bidirectional-streams Over Synchronous HTTP (BOSH)", "1.11.2")
        .without("several streams in one session and the compression or recoding of bodies, which are optional; types of answers (`content`) other than XML, plain text and HTML")
        .xep(156, "Discovering Alternative XMPP Connection Methods", "1.4.0")
        .xep(158, "CAPTCHA Forms", "1.0.1")
        .without("challenges of pictures, sounds and questions, which hinder people more than programs: work (SHA-256) is asked for")
        .xep(198, "Stream Management", "1.6.3")
        .without("a preferred place to reconnect to, since there is one; sessions do not survive a restart of the server")
        .xep(206, "XMPP Over BOSH", "1.4")
        .without("`authid`, which only obsolete sign-in needs")
        .xep(352, "Client State Indication", "1.0.0")
        .without("a switch: what waits for a client's attention is the same for everybody")
        .xep(368, "SRV records for XMPP over TLS", "1.1.0")
        .xep(386, "Bind 2", "1.1.0")
        .xep(388, "Extensible SASL Profile", "1.0.4")
        .without("tasks (`<continue/>`): nothing more is asked of anybody who has authenticated; white space in the midst of an exchange is passed over")
        .xep(440, "SASL Channel-Binding Type Capability", "1.0.0")
        .without("`tls-unique`, which TLS 1.3 does not have")
        .xep(445, "Pre-Authenticated In-Band Registration", "0.2.0")
        .xep(474, "SASL SCRAM Downgrade Protection", "0.5.0")
        .xep(478, "Stream Limits Advertisement", "0.2.0")
        .without("`idle-seconds` of TCP connections with somebody on them: their silence is the system's to watch, which costs phones no radio")
        .xep(484, "Fast Authentication Streamlining Tokens", "0.2.0")
        .without("0-RTT of TLS; `-UNIQ` mechanisms, which TLS 1.3 does not have")
        .xep(487, "Host Meta 2 - One Method To Rule Them All", "0.1.0")
        .without("QUIC, pinned keys and encrypted client hellos; it is there where the operator says under which addresses the server is reached");
}
