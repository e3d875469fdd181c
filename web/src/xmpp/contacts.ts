/** The roster, as far as following needs it: who was asked, and who said yes (RFC 6121 §2, §3). */
import type { Link } from './link';
import { NS } from './ns';
import { bare } from './jid';
import { attribute, child, childrenNamed, x } from './xml';

export interface Contact {
  jid: string;
  /** Whether this account may see the contact's presence, and so what is for contacts only. */
  isOpenToUs: boolean;
  /** Whether a request of ours waits for the contact's answer. */
  isAsked: boolean;
}

/** Asks for the roster; from then on the server also tells who wants to be let in. */
export async function fetchContacts(link: Link): Promise<Contact[]> {
  const answer = await link.iq('get', undefined, x('query', { xmlns: NS.roster }));
  const query = child(answer, 'query', NS.roster);
  if (!query) return [];
  return childrenNamed(query, 'item', NS.roster).flatMap((item) => {
    const jid = attribute(item, 'jid');
    const subscription = attribute(item, 'subscription') ?? 'none';
    return jid
      ? {
          jid: bare(jid),
          isOpenToUs: subscription === 'to' || subscription === 'both',
          isAsked: attribute(item, 'ask') === 'subscribe',
        }
      : [];
  });
}

export type SubscriptionPresence = 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed';

const KINDS: readonly string[] = ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed'];

export function sendPresence(link: Link, jid: string, type: SubscriptionPresence): void {
  link.send(x('presence', { xmlns: NS.client, to: jid, type }));
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
