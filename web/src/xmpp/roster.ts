/** The roster (RFC 6121 §2): who is in it, its changes, and what others push as if they were one. */
import { bare } from './jid';
import type { Link } from './link';
import { NS } from './ns';
import { attribute, child, childrenNamed, x } from './xml';

/** `to`: we see them; `from`: they see us. */
export type Subscription = 'none' | 'to' | 'from' | 'both';

export interface Contact {
  jid: string;
  /** The name that this account gave them. */
  name: string | undefined;
  groups: readonly string[];
  subscription: Subscription;
  /** Whether a request of ours waits for the contact's answer. */
  isAsked: boolean;
}

const SUBSCRIPTIONS: readonly string[] = ['none', 'to', 'from', 'both'];

/** Whether this account may see the contact's presence, and so what is for contacts only. */
export function isOpenToUs({ subscription }: Contact): boolean {
  return subscription === 'to' || subscription === 'both';
}

/** Whether the contact may see this account's presence. */
export function seesUs({ subscription }: Contact): boolean {
  return subscription === 'from' || subscription === 'both';
}

export interface RosterAnswer {
  version: string | undefined;
  contacts: Contact[];
}

/**
 * Asks for the roster; from then on the server pushes its changes. With the version of an earlier
 * answer, undefined means that nothing but pushes to come has changed (§2.6).
 */
export async function fetchRoster(
  link: Link,
  version: string | undefined,
): Promise<RosterAnswer | undefined> {
  const answer = await link.iq('get', undefined, x('query', { xmlns: NS.roster, ver: version }));
  const query = child(answer, 'query', NS.roster);
  if (!query) return undefined;
  const contacts = childrenNamed(query, 'item', NS.roster).map(readItem);
  return {
    version: attribute(query, 'ver'),
    contacts: contacts.filter((contact) => contact !== undefined),
  };
}

function readItem(item: Element): Contact | undefined {
  const jid = attribute(item, 'jid');
  const subscription = attribute(item, 'subscription') ?? 'none';
  if (!jid || !SUBSCRIPTIONS.includes(subscription)) return undefined;
  return {
    jid: bare(jid),
    name: attribute(item, 'name'),
    groups: childrenNamed(item, 'group', NS.roster)
      .map((group) => group.textContent.trim())
      .filter((group) => group !== ''),
    subscription: subscription as Subscription,
    isAsked: attribute(item, 'ask') === 'subscribe',
  };
}

/** One change. */
export interface RosterPush {
  version: string | undefined;
  jid: string;
  /** Undefined: removed. */
  contact: Contact | undefined;
}

/** Reads a push; undefined for anything else, and for what only pretends to be one (§2.1.6). */
export function readRosterPush(stanza: Element, account: string): RosterPush | undefined {
  if (stanza.localName !== 'iq' || attribute(stanza, 'type') !== 'set') return undefined;
  if (!isFromAccount(stanza, account)) return undefined;
  const query = child(stanza, 'query', NS.roster);
  const items = query ? childrenNamed(query, 'item', NS.roster) : [];
  const [item] = items;
  const jid = attribute(item, 'jid');
  if (!item || !jid || items.length !== 1) return undefined;
  const isRemoved = attribute(item, 'subscription') === 'remove';
  const contact = isRemoved ? undefined : readItem(item);
  if (!isRemoved && !contact) return undefined;
  return { version: attribute(query, 'ver'), jid: bare(jid), contact };
}

/** Whether a stanza comes from this account's own server side: no `from`, or the bare address. */
export function isFromAccount(stanza: Element, account: string): boolean {
  const from = attribute(stanza, 'from');
  return from === undefined || from.toLowerCase() === account;
}

/** Adds somebody or changes their name and groups; asks nobody for anything. */
export async function setContact(
  link: Link,
  jid: string,
  name: string | undefined,
  groups: readonly string[],
): Promise<void> {
  const item = x('item', { jid, name }, ...groups.map((group) => x('group', {}, group)));
  await link.iq('set', undefined, x('query', { xmlns: NS.roster }, item));
}

/** Takes somebody out; the server ends the subscriptions of both sides (§2.5.2). */
export async function removeContact(link: Link, jid: string): Promise<void> {
  const item = x('item', { jid, subscription: 'remove' });
  await link.iq('set', undefined, x('query', { xmlns: NS.roster }, item));
}
