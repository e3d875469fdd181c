//! The namespaces that Folkmoot reads and writes, as constants.
//!
//! Sources: RFC 6120, RFC 7395, RFC 4287 and the XEPs named beside each group. What a namespace means is not here.

/// RFC 6120 §4.8.2: the stanzas of clients; in this crate also the namespace implied where none is written.
pub const CLIENT: &str = "jabber:client";
/// RFC 6120 §4.8.2: the stanzas between servers.
pub const SERVER: &str = "jabber:server";
/// XEP-0220: server dialback, bound to the prefix `db` on streams between servers.
pub const DIALBACK: &str = "jabber:server:dialback";
/// XEP-0114: the stream of an external component.
pub const COMPONENT: &str = "jabber:component:accept";
/// RFC 6120 §4.8.1: the stream's own elements.
pub const STREAMS: &str = "http://etherx.jabber.org/streams";
/// RFC 6120 §4.9.2: stream error conditions.
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// RFC 6120 §8.3.2: stanza error conditions.
pub const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// RFC 6120 §5.4: STARTTLS.
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// RFC 6120 §6.4: SASL.
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// RFC 6120 §7.4: resource binding.
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// RFC 3921 §3: session establishment, announced as optional for old clients.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// RFC 7395 §3.3: framing over WebSocket.
pub const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
/// XEP-0124: the wrapper of HTTP binding.
pub const HTTP_BIND: &str = "http://jabber.org/protocol/httpbind";
/// XEP-0206: what XMPP adds to it.
pub const XBOSH: &str = "urn:xmpp:xbosh";
/// RFC 6121 §2.1: the roster.
pub const ROSTER: &str = "jabber:iq:roster";
/// RFC 6121 §2.6: roster versioning, a stream feature.
pub const ROSTER_VERSIONING: &str = "urn:xmpp:features:rosterver";
/// RFC 6121 §3.4: subscription pre-approval, a stream feature.
pub const PRE_APPROVAL: &str = "urn:xmpp:features:pre-approval";

/// The namespace that the prefix `xml` is always bound to (Namespaces in XML 1.0 §3).
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of namespace declarations, which no other prefix may have (Namespaces in XML 1.0 §3).
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// XEP-0030: information.
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// XEP-0030: items.
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// XEP-0115: entity capabilities.
pub const CAPS: &str = "http://jabber.org/protocol/caps";
/// XEP-0004: data forms.
pub const DATA_FORMS: &str = "jabber:x:data";
/// XEP-0012: last activity.
pub const LAST: &str = "jabber:iq:last";
/// XEP-0049: private XML storage.
pub const PRIVATE: &str = "jabber:iq:private";
/// XEP-0054: vcard-temp.
pub const VCARD_TEMP: &str = "vcard-temp";
/// XEP-0153: the hash of an avatar in presence.
pub const VCARD_UPDATE: &str = "vcard-temp:x:update";
/// XEP-0292: vCard4.
pub const VCARD4: &str = "urn:ietf:params:xml:ns:vcard-4.0";
/// XEP-0059: result set management.
pub const RSM: &str = "http://jabber.org/protocol/rsm";
/// XEP-0077: in-band registration.
pub const REGISTER: &str = "jabber:iq:register";
/// XEP-0077: the stream feature.
pub const REGISTER_FEATURE: &str = "http://jabber.org/features/iq-register";
/// XEP-0092: software version.
pub const VERSION: &str = "jabber:iq:version";
/// XEP-0199: ping.
pub const PING: &str = "urn:xmpp:ping";
/// XEP-0202: entity time.
pub const TIME: &str = "urn:xmpp:time";
/// XEP-0203: delayed delivery.
pub const DELAY: &str = "urn:xmpp:delay";
/// XEP-0334: message processing hints.
pub const HINTS: &str = "urn:xmpp:hints";
/// XEP-0359: unique and stable stanza ids.
pub const STANZA_ID: &str = "urn:xmpp:sid:0";
/// XEP-0297: forwarding.
pub const FORWARD: &str = "urn:xmpp:forward:0";
/// XEP-0313: message archive.
pub const MAM: &str = "urn:xmpp:mam:2";
/// XEP-0280: message carbons.
pub const CARBONS: &str = "urn:xmpp:carbons:2";
/// XEP-0191: blocking.
pub const BLOCKING: &str = "urn:xmpp:blocking";
/// XEP-0198: stream management.
pub const STREAM_MANAGEMENT: &str = "urn:xmpp:sm:3";
/// XEP-0352: client state indication.
pub const CLIENT_STATE: &str = "urn:xmpp:csi:0";
/// XEP-0388: the second profile of SASL.
pub const SASL2: &str = "urn:xmpp:sasl:2";
/// XEP-0386: Bind 2.
pub const BIND2: &str = "urn:xmpp:bind:0";
/// XEP-0484: tokens of clients.
pub const FAST: &str = "urn:xmpp:fast:0";
/// XEP-0478: limits of the stream.
pub const STREAM_LIMITS: &str = "urn:xmpp:stream-limits:0";
/// XEP-0440: SASL channel-binding type capability.
pub const SASL_CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
/// XEP-0156: the relation of a WebSocket endpoint in host-meta.
pub const ALT_CONNECTIONS_WEBSOCKET: &str = "urn:xmpp:alt-connections:websocket";

/// XEP-0060: publish-subscribe.
pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
/// XEP-0060: notifications.
pub const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// XEP-0060: what owners do.
pub const PUBSUB_OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// XEP-0060: error conditions of its own.
pub const PUBSUB_ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";
/// XEP-0060 §16.4.4: the FORM_TYPE of a node's configuration.
pub const PUBSUB_NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
/// XEP-0060 §16.4.5: the FORM_TYPE of a node's metadata.
pub const PUBSUB_META_DATA: &str = "http://jabber.org/protocol/pubsub#meta-data";
/// XEP-0060 §7.1.5: the FORM_TYPE of publish-options.
pub const PUBSUB_PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
/// XEP-0060 §16.4.2: the FORM_TYPE of a request to subscribe.
pub const PUBSUB_SUBSCRIBE_AUTHORIZATION: &str = "http://jabber.org/protocol/pubsub#subscribe_authorization";
/// XEP-0131: headers, used by XEP-0060 §12.20 for subscription ids.
pub const SHIM: &str = "http://jabber.org/protocol/shim";

/// RFC 4287: Atom.
pub const ATOM: &str = "http://www.w3.org/2005/Atom";
/// RFC 4685: Atom threading.
pub const THREAD: &str = "http://purl.org/syndication/thread/1.0";
/// XHTML, inside Atom content.
pub const XHTML: &str = "http://www.w3.org/1999/xhtml";
/// XEP-0277, XEP-0472: the name of the microblog node.
pub const MICROBLOG: &str = "urn:xmpp:microblog:0";
/// XEP-0080: geographic location.
pub const GEOLOC: &str = "http://jabber.org/protocol/geoloc";
/// XEP-0084: avatar data.
pub const AVATAR_DATA: &str = "urn:xmpp:avatar:data";
/// XEP-0084: avatar metadata.
pub const AVATAR_METADATA: &str = "urn:xmpp:avatar:metadata";
/// XEP-0172: nickname.
pub const NICK: &str = "http://jabber.org/protocol/nick";

/// Our own: the home timeline of an account, a virtual node.
pub const HOME: &str = "urn:x-folkmoot:home:0";
/// Our own: the notifications of an account, a virtual node.
pub const NOTIFICATIONS: &str = "urn:x-folkmoot:notifications:0";
