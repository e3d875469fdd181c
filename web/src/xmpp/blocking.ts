/** The block list (XEP-0191). Keeps no state. */
import { bare } from './jid';
import type { Link } from './link';
import { NS } from './ns';
import { isFromAccount } from './roster';
import { attribute, child, childrenNamed, x, type Xml } from './xml';

export async function fetchBlocked(link: Link): Promise<string[]> {
  const answer = await link.iq('get', undefined, x('blocklist', { xmlns: NS.blocking }));
  const list = child(answer, 'blocklist', NS.blocking);
  return list ? addresses(list) : [];
}

/** What is told the administrators with a block (XEP-0377). */
export interface Report {
  reason: 'spam' | 'abuse';
  text: string;
  /** Ids of messages in the account's own archive. */
  messages: readonly string[];
}

export async function block(link: Link, jid: string, report?: Report): Promise<void> {
  const item = x('item', { jid }, report && writeReport(report, bare(link.jid)));
  await link.iq('set', undefined, x('block', { xmlns: NS.blocking }, item));
}

function writeReport({ reason, text, messages }: Report, account: string): Xml {
  return x(
    'report',
    { xmlns: NS.reporting, reason: `urn:xmpp:reporting:${reason}` },
    ...messages.map((id) => x('stanza-id', { xmlns: NS.stanzaIds, by: account, id })),
    text === '' ? undefined : x('text', {}, text),
  );
}

export async function unblock(link: Link, jid: string): Promise<void> {
  await link.iq('set', undefined, x('unblock', { xmlns: NS.blocking }, x('item', { jid })));
}

/** A change of the list; without addresses, `unblock` means everybody (§3.5). */
export interface BlockPush {
  change: 'block' | 'unblock';
  jids: string[];
}

/** Reads a push; undefined for anything else, and for what others send as if it were one. */
export function readBlockPush(stanza: Element, account: string): BlockPush | undefined {
  if (stanza.localName !== 'iq' || attribute(stanza, 'type') !== 'set') return undefined;
  if (!isFromAccount(stanza, account)) return undefined;
  for (const change of ['block', 'unblock'] as const) {
    const list = child(stanza, change, NS.blocking);
    if (list) return { change, jids: addresses(list) };
  }
  return undefined;
}

function addresses(list: Element): string[] {
  return childrenNamed(list, 'item', NS.blocking)
    .map((item) => attribute(item, 'jid')?.toLowerCase())
    .filter((jid) => jid !== undefined);
}
