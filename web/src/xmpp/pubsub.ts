/** Requests to pubsub nodes (XEP-0060, paged by XEP-0059). Keeps no state. */
import { readPost, writeEntry, type Post } from './atom';
import { StanzaError } from './errors';
import { bare } from './jid';
import type { Link } from './link';
import { NODE, NS } from './ns';
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
}

/** The page before a cursor; without one, the newest. */
export async function fetchPage(
  link: Link,
  { service, node }: NodeAddress,
  before: string | undefined,
  max: number,
  now: number,
): Promise<Page> {
  const request = x(
    'pubsub',
    { xmlns: NS.pubsub },
    x('items', { node }),
    x('set', { xmlns: NS.rsm }, x('max', {}, String(max)), x('before', {}, before)),
  );
  const answer = child(await link.iq('get', service, request), 'pubsub', NS.pubsub);
  const list = child(answer, 'items', NS.pubsub);
  const elements = list ? childrenNamed(list, 'item', NS.pubsub) : [];
  const owner = service ?? bare(link.jid);
  return {
    posts: elements.map((item) => readPost(item, owner, now)).filter((post) => post !== undefined),
    first:
      elements.length === 0
        ? undefined
        : (childText(child(answer, 'set', NS.rsm), 'first', NS.rsm) ??
          attribute(elements[0], 'id')),
  };
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

/** Publishes a post under an id that the caller keeps for retries. */
export async function publishPost(
  link: Link,
  id: string,
  text: string,
  tags: readonly string[],
  timeout: number,
): Promise<void> {
  const item = x('item', { id }, writeEntry(text, tags));
  const publishing = x('publish', { node: NODE.microblog }, item);
  await link.iq('set', undefined, x('pubsub', { xmlns: NS.pubsub }, publishing), timeout);
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

/** Takes back one's own post, and tells those who saw it. */
export async function retractPost(link: Link, id: string): Promise<void> {
  const retract = x('retract', { node: NODE.microblog, notify: 'true' }, x('item', { id }));
  await link.iq('set', undefined, x('pubsub', { xmlns: NS.pubsub }, retract));
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
