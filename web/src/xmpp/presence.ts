/** Presence (RFC 6121 §3, §4): who is there and how, and requests to see it. Keeps no state. */
import { bare } from './jid';
import type { Link } from './link';
import { NS } from './ns';
import { attribute, child, childText, x } from './xml';

export type SubscriptionPresence = 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed';

const KINDS: readonly string[] = ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed'];

export function sendPresence(link: Link, jid: string, type: SubscriptionPresence): void {
  link.send(x('presence', { xmlns: NS.client, to: jid, type }));
}

/** Asks to be let in with the token of an invitation (XEP-0379 §4). */
export function sendPreauthorized(link: Link, jid: string, token: string): void {
  const preauth = x('preauth', { xmlns: NS.preauth, token });
  link.send(x('presence', { xmlns: NS.client, to: jid, type: 'subscribe' }, preauth));
}

/** What somebody says about subscriptions; undefined for any other stanza. */
export function readSubscription(
  stanza: Element,
): { jid: string; type: SubscriptionPresence } | undefined {
  const from = attribute(stanza, 'from');
  const type = attribute(stanza, 'type');
  if (stanza.localName !== 'presence' || !from || !type || !KINDS.includes(type)) return undefined;
  return { jid: bare(from), type: type as SubscriptionPresence };
}

/** How somebody is there; `xa` counts as away. */
export type Show = 'available' | 'away' | 'dnd';

/** What one resource says. */
export interface PresenceNews {
  /** Full JID. */
  from: string;
  /** Undefined: it is gone. */
  show: Show | undefined;
  status: string | undefined;
  priority: number;
  /** Since when, where the stanza says so; Unix milliseconds. */
  stamp: number | undefined;
}

const SHOWS: Record<string, Show> = { away: 'away', xa: 'away', dnd: 'dnd', chat: 'available' };
const LONGEST_STATUS = 200;

/** Reads availability; undefined for requests, probes, errors and any other stanza. */
export function readPresence(stanza: Element): PresenceNews | undefined {
  const from = attribute(stanza, 'from');
  const type = attribute(stanza, 'type');
  if (stanza.localName !== 'presence' || !from) return undefined;
  if (type !== undefined && type !== 'unavailable') return undefined;
  const stamp = Date.parse(attribute(child(stanza, 'delay', NS.delay), 'stamp') ?? '');
  const priority = Number.parseInt(childText(stanza, 'priority', NS.client) ?? '0', 10);
  return {
    from,
    show: type ? undefined : (SHOWS[childText(stanza, 'show', NS.client) ?? 'chat'] ?? 'available'),
    status: childText(stanza, 'status', NS.client)?.slice(0, LONGEST_STATUS),
    priority: Number.isNaN(priority) ? 0 : priority,
    stamp: Number.isNaN(stamp) ? undefined : stamp,
  };
}
