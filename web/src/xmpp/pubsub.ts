/** Requests to pubsub nodes (XEP-0060, paged by XEP-0059). Keeps no state. */
import { readPost, type Origin, type Post } from './atom';
import { StanzaError } from './errors';
import { bare } from './jid';
import type { Link } from './link';
import { NS } from './ns';
import { attribute, child, childrenNamed, childText, x, type Xml } from './xml';

/** A node and who keeps it; `service` undefined means one's own account. */
export interface NodeAddress {
  service: string | undefined;
  node: string;
}

/** One page of posts, oldest first, as the server orders them. */
export interface Page {
  posts: Post[];
  /** The cursor for the page before this one; undefined where this page is empty. */
  first: string | undefined;
  /** The cursor for the page after this one; undefined where this page is empty. */
  last: string | undefined;
  /** Whether it holds as many items as were asked for; the end is a page without any. */
  isFull: boolean;
}

/** The items of a page, as they came, and its cursors. */
export interface RawPage {
  items: Element[];
  first: string | undefined;
  last: string | undefined;
}

/** Which page of a node: before a cursor (none: the newest), or after one (none: the oldest). */
export type Towards = { before: string | undefined } | { after: string | undefined };

/** One page of a node's items, whatever they are. */
export async function fetchItems(
  link: Link,
  { service, node }: NodeAddress,
  towards: Towards,
  max: number,
): Promise<RawPage> {
  const cursor =
    'before' in towards
      ? x('before', {}, towards.before)
      : towards.after === undefined
        ? undefined
        : x('after', {}, towards.after);
  const request = x(
    'pubsub',
    { xmlns: NS.pubsub },
    x('items', { node }),
    x('set', { xmlns: NS.rsm }, x('max', {}, String(max)), cursor),
  );
  const answer = child(await link.iq('get', service, request), 'pubsub', NS.pubsub);
  const list = child(answer, 'items', NS.pubsub);
  const items = list ? childrenNamed(list, 'item', NS.pubsub) : [];
  const set = child(answer, 'set', NS.rsm);
  const end = (name: string, item: Element | undefined) =>
    item && (childText(set, name, NS.rsm) ?? attribute(item, 'id'));
  return { items, first: end('first', items[0]), last: end('last', items.at(-1)) };
}

/** One page of a node's posts. */
export async function fetchPage(
  link: Link,
  address: NodeAddress,
  towards: Towards,
  max: number,
  now: number,
): Promise<Page> {
  const { items, first, last } = await fetchItems(link, address, towards, max);
  const owner = address.service ?? bare(link.jid);
  const posts = items.map((item) => readPost(item, owner, address.node, now));
  return {
    posts: posts.filter((post) => post !== undefined),
    first,
    last,
    isFull: items.length >= max,
  };
}

/** One item by its id; undefined where there is none. */
export async function fetchItem(
  link: Link,
  { service, node }: NodeAddress,
  id: string,
): Promise<Element | undefined> {
  const request = x('pubsub', { xmlns: NS.pubsub }, x('items', { node }, x('item', { id })));
  try {
    const answer = await link.iq('get', service, request);
    const items = child(child(answer, 'pubsub', NS.pubsub), 'items', NS.pubsub);
    return child(items, 'item', NS.pubsub);
  } catch (error) {
    if (error instanceof StanzaError && error.condition === 'item-not-found') return undefined;
    throw error;
  }
}

/** The payload of a node's newest item; undefined where there is none or it may not be read. */
export async function fetchLatest(
  link: Link,
  { service, node }: NodeAddress,
): Promise<Element | undefined> {
  const request = x('pubsub', { xmlns: NS.pubsub }, x('items', { node, max_items: 1 }));
  try {
    const answer = await link.iq('get', service, request);
    const items = child(child(answer, 'pubsub', NS.pubsub), 'items', NS.pubsub);
    return child(items, 'item', NS.pubsub);
  } catch (error) {
    if (error instanceof StanzaError) return undefined;
    throw error;
  }
}

/** Publishes an item where `place` says, under an id that the caller keeps for retries. */
export async function publishItem(
  link: Link,
  place: Origin,
  payload: Xml,
  timeout?: number,
): Promise<void> {
  const publishing = x('publish', { node: place.node }, x('item', { id: place.item }, payload));
  const request = x('pubsub', { xmlns: NS.pubsub }, publishing);
  await link.iq('set', addressee(link, place), request, timeout);
}

/** One's own account is asked without naming it. */
function addressee(link: Link, { service }: Origin): string | undefined {
  return service === bare(link.jid) ? undefined : service;
}

/** Publishes one item into a node of one's own account. */
export async function publish(
  link: Link,
  node: string,
  id: string,
  payload: Xml,
  options: Record<string, string>,
): Promise<void> {
  const publishing = x('publish', { node }, x('item', { id }, payload));
  const form = x('publish-options', {}, submitForm(PUBLISH_OPTIONS, options));
  await link.iq('set', undefined, x('pubsub', { xmlns: NS.pubsub }, publishing, form));
}

const PUBLISH_OPTIONS = 'http://jabber.org/protocol/pubsub#publish-options';

function submitForm(type: string, values: Record<string, string>): Xml {
  return x(
    'x',
    { xmlns: NS.dataForms, type: 'submit' },
    x('field', { var: 'FORM_TYPE', type: 'hidden' }, x('value', {}, type)),
    ...Object.entries(values).map(([name, value]) =>
      x('field', { var: name }, x('value', {}, value)),
    ),
  );
}

/** Takes back an item, and tells those who saw it. */
export async function retractItem(link: Link, place: Origin): Promise<void> {
  const retract = x('retract', { node: place.node, notify: 'true' }, x('item', { id: place.item }));
  await link.iq('set', addressee(link, place), x('pubsub', { xmlns: NS.pubsub }, retract));
}

export type SubscriptionState = 'subscribed' | 'pending';

/** Subscribes `jid` to a node. */
export async function subscribe(
  link: Link,
  { service, node }: NodeAddress,
  jid: string,
): Promise<SubscriptionState> {
  const request = x('pubsub', { xmlns: NS.pubsub }, x('subscribe', { node, jid }));
  const answer = await link.iq('set', service, request);
  const subscription = child(child(answer, 'pubsub', NS.pubsub), 'subscription', NS.pubsub);
  return attribute(subscription, 'subscription') === 'pending' ? 'pending' : 'subscribed';
}

/** Ends a subscription; one that is not there is no error. */
export async function unsubscribe(
  link: Link,
  { service, node }: NodeAddress,
  jid: string,
): Promise<void> {
  const request = x('pubsub', { xmlns: NS.pubsub }, x('unsubscribe', { node, jid }));
  try {
    await link.iq('set', service, request);
  } catch (error) {
    if (error instanceof StanzaError && NOTHING_TO_END.includes(error.condition)) return;
    throw error;
  }
}

const NOTHING_TO_END = ['unexpected-request', 'not-authorized', 'item-not-found'];

/** Whether a node is only for those who are subscribed to its owner's presence (§6.1.3.3). */
export function isClosed(error: unknown): boolean {
  return error instanceof StanzaError && error.detail === 'presence-subscription-required';
}
