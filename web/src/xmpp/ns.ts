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
  communities: 'urn:x-folkmoot:communities:0',
  origin: 'urn:x-folkmoot:origin:0',
  blocking: 'urn:xmpp:blocking',
  chatStates: 'http://jabber.org/protocol/chatstates',
  delay: 'urn:xmpp:delay',
  invite: 'urn:x-folkmoot:invite:0',
  choice: 'urn:x-folkmoot:choice:0',
  webPush: 'urn:x-folkmoot:web-push:0',
  clientState: 'urn:xmpp:csi:0',
  receipts: 'urn:xmpp:receipts',
  markers: 'urn:xmpp:chat-markers:0',
  carbons: 'urn:xmpp:carbons:2',
  forward: 'urn:xmpp:forward:0',
  archive: 'urn:xmpp:mam:2',
  stanzaIds: 'urn:xmpp:sid:0',
  corrections: 'urn:xmpp:message-correct:0',
  retractions: 'urn:xmpp:message-retract:1',
  reactions: 'urn:xmpp:reactions:0',
  fallback: 'urn:xmpp:fallback:0',
  hints: 'urn:xmpp:hints',
  displayed: 'urn:xmpp:mds:displayed:0',
  displayedAssist: 'urn:xmpp:mds:server-assist:0',
  messageRequests: 'urn:x-folkmoot:message-requests:0',
  reporting: 'urn:xmpp:reporting:1',
  subscribeAuthorization: 'http://jabber.org/protocol/pubsub#subscribe_authorization',
  counts: 'urn:x-folkmoot:counts:0',
  thread: 'urn:x-folkmoot:thread:0',
  boost: 'urn:x-folkmoot:boost:0',
  notifications: 'urn:x-folkmoot:notifications:0',
  attachments: 'urn:xmpp:pubsub-attachments:1',
  /** Atom threading (RFC 4685). */
  threading: 'http://purl.org/syndication/thread/1.0',
} as const;

/** The pubsub nodes that this client reads or writes. */
export const NODE = {
  microblog: 'urn:xmpp:microblog:0',
  home: 'urn:x-folkmoot:home:0',
  /** What somebody posted, and what they answered elsewhere, each with its counts. */
  posts: 'urn:x-folkmoot:posts:0',
  replies: 'urn:x-folkmoot:replies:0',
  notifications: 'urn:x-folkmoot:notifications:0',
  nick: 'http://jabber.org/protocol/nick',
  vcard: 'urn:xmpp:vcard4',
  displayed: NS.displayed,
} as const;

/** The pubsub service's node of one hash tag; `tag` is already case-folded. */
export function tagNode(tag: string): string {
  return `tag/${tag}`;
}

/** The pubsub service's node of a community's posts, in the form of a timeline. */
export function communityNode(name: string): string {
  return `${NODE.posts}/${name}`;
}

/** The pubsub service's node of the thread that a post belongs to. */
export function threadNode(number: string): string {
  return `thread/${number}`;
}

/** The pubsub service's node of what is answered to a post, and to those answers. */
export function commentsNode(number: string): string {
  return `${NODE.microblog}:comments/${number}`;
}
