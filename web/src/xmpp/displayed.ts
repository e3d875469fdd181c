/** Up to where each conversation was read, on whatever device (XEP-0490). Keeps no state. */
import type { Link } from './link';
import { NODE, NS } from './ns';
import { fetchItems, publish } from './pubsub';
import { attribute, child, childrenNamed, x, type Xml } from './xml';

/** A conversation and the archive id of the last message that was read in it. */
export interface Displayed {
  jid: string;
  archiveId: string;
}

const ADDRESS = { service: undefined, node: NODE.displayed };
/** Conversations asked for at a time, and how many pages of them. */
const PAGE = 100;
const MOST_PAGES = 10;

export async function fetchDisplayed(link: Link): Promise<Displayed[]> {
  const all: Displayed[] = [];
  let after: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const { items, last } = await fetchItems(link, ADDRESS, { after }, PAGE);
    all.push(...items.map(readItem).filter((item) => item !== undefined));
    if (items.length < PAGE || last === undefined) break;
    after = last;
  }
  return all;
}

/** Reads an event of this account's own node; undefined for any other stanza. */
export function readDisplayedEvent(stanza: Element, account: string): Displayed[] | undefined {
  if (attribute(stanza, 'from')?.toLowerCase() !== account) return undefined;
  const items = child(child(stanza, 'event', NS.pubsubEvent), 'items', NS.pubsubEvent);
  if (!items || attribute(items, 'node') !== NODE.displayed) return undefined;
  return childrenNamed(items, 'item', NS.pubsubEvent)
    .map(readItem)
    .filter((item) => item !== undefined);
}

function readItem(item: Element): Displayed | undefined {
  const stanzaId = child(child(item, 'displayed', NS.displayed), 'stanza-id', NS.stanzaIds);
  const jid = attribute(item, 'id');
  const archiveId = attribute(stanzaId, 'id');
  return jid && archiveId ? { jid, archiveId } : undefined;
}

function payload(account: string, archiveId: string): Xml {
  const stanzaId = x('stanza-id', { xmlns: NS.stanzaIds, by: account, id: archiveId });
  return x('displayed', { xmlns: NS.displayed }, stanzaId);
}

/** Tells this account's devices alone (§4.2). */
export async function publishDisplayed(
  link: Link,
  account: string,
  { jid, archiveId }: Displayed,
): Promise<void> {
  await publish(link, NODE.displayed, jid, payload(account, archiveId), {
    'pubsub#persist_items': 'true',
    'pubsub#max_items': 'max',
    'pubsub#send_last_published_item': 'never',
    'pubsub#access_model': 'whitelist',
  });
}

/** Tells the author of the message and, with the server's assistance, this account's devices (§4.5.3). */
export function writeDisplayed(account: string, { jid, archiveId }: Displayed, id: string): Xml {
  return x(
    'message',
    { xmlns: NS.client, to: jid, type: 'chat' },
    x('displayed', { xmlns: NS.markers, id }),
    payload(account, archiveId),
  );
}

/** What this account's server can do for it (XEP-0030). */
export async function fetchOwnFeatures(link: Link): Promise<ReadonlySet<string>> {
  const answer = await link.iq('get', undefined, x('query', { xmlns: NS.discoInfo }));
  const query = child(answer, 'query', NS.discoInfo);
  const features = query ? childrenNamed(query, 'feature', NS.discoInfo) : [];
  return new Set(features.map((feature) => attribute(feature, 'var') ?? ''));
}
