/** Parts of addresses (RFC 7622), for display and comparison. Does not validate: the server does. */

/** The address without its resource, in lower case. */
export function bare(jid: string): string {
  const slash = jid.indexOf('/');
  return (slash < 0 ? jid : jid.slice(0, slash)).toLowerCase();
}

/** The part before `@`; the whole address where it has none. */
export function localpart(jid: string): string {
  const whole = bare(jid);
  const at = whole.indexOf('@');
  return at < 0 ? whole : whole.slice(0, at);
}

/** The part after `@`, without resource. */
export function domainpart(jid: string): string {
  const whole = bare(jid);
  return whole.slice(whole.indexOf('@') + 1);
}

/** How somebody is named in text and URLs: `juliet` here, `romeo@example.net` elsewhere. */
export function handleOf(jid: string, domain: string): string {
  return domainpart(jid) === domain ? localpart(jid) : bare(jid);
}

/** The address that a handle means. */
export function jidOf(handle: string, domain: string): string {
  const name = handle.replace(/^@/, '').toLowerCase();
  return name.includes('@') ? name : `${name}@${domain}`;
}

/** What an XMPP URI of a pubsub item names. */
export interface ItemUri {
  jid: string;
  node: string | undefined;
  item: string | undefined;
}

/** Reads `xmpp:JID?;node=…;item=…` (XEP-0060 §12.22), also where nothing is percent-encoded. */
export function parseItemUri(uri: string): ItemUri | undefined {
  const match = /^xmpp:([^?]+)(?:\?[^;]*((?:;.*)?))?$/.exec(uri);
  if (!match?.[1]) return undefined;
  const parameters = new Map<string, string>();
  for (const part of (match[2] ?? '').split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0) parameters.set(part.slice(0, equals), decode(part.slice(equals + 1)));
  }
  return {
    jid: bare(decode(match[1])),
    node: parameters.get('node'),
    item: parameters.get('item'),
  };
}

/** Writes what `parseItemUri` reads. */
export function itemUri(jid: string, node: string, item: string): string {
  return `xmpp:${jid}?;node=${encodeURIComponent(node)};item=${encodeURIComponent(item)}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
