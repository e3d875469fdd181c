/** The XML namespaces that this client speaks. */
export const NS = {
  client: 'jabber:client',
  framing: 'urn:ietf:params:xml:ns:xmpp-framing',
  streams: 'http://etherx.jabber.org/streams',
  streamErrors: 'urn:ietf:params:xml:ns:xmpp-streams',
  stanzas: 'urn:ietf:params:xml:ns:xmpp-stanzas',
  sasl: 'urn:ietf:params:xml:ns:xmpp-sasl',
  register: 'jabber:iq:register',
  registerFeature: 'http://jabber.org/features/iq-register',
  registerAudience: 'urn:x-folkmoot:register:0',
  preauth: 'urn:xmpp:pars:0',
  captcha: 'urn:xmpp:captcha',
  dataForms: 'jabber:x:data',
  discoInfo: 'http://jabber.org/protocol/disco#info',
  caps: 'http://jabber.org/protocol/caps',
  ping: 'urn:xmpp:ping',
  roster: 'jabber:iq:roster',
  pubsub: 'http://jabber.org/protocol/pubsub',
  pubsubEvent: 'http://jabber.org/protocol/pubsub#event',
  pubsubOwner: 'http://jabber.org/protocol/pubsub#owner',
  rsm: 'http://jabber.org/protocol/rsm',
  atom: 'http://www.w3.org/2005/Atom',
  xhtml: 'http://www.w3.org/1999/xhtml',
  nick: 'http://jabber.org/protocol/nick',
  vcard: 'urn:ietf:params:xml:ns:vcard-4.0',
  devices: 'urn:x-folkmoot:devices:0',
  follow: 'urn:x-folkmoot:follow:0',
  people: 'urn:x-folkmoot:people:0',
  origin: 'urn:x-folkmoot:origin:0',
} as const;

/** The pubsub nodes that this client reads or writes. */
export const NODE = {
  microblog: 'urn:xmpp:microblog:0',
  home: 'urn:x-folkmoot:home:0',
  nick: 'http://jabber.org/protocol/nick',
  vcard: 'urn:xmpp:vcard4',
} as const;

/** The pubsub service's node of one hash tag; `tag` is already case-folded. */
export function tagNode(tag: string): string {
  return `tag/${tag}`;
}
