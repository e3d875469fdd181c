/**
 * What people do with posts beside answering: like (XEP-0470), boost (XEP-0277 §Repeating a
 * Post), change and take back. Keeps no state.
 */
import { construct } from './atom-text';
import type { Origin } from './atom';
import { rewriteEntry, writeBoost } from './entry';
import { StanzaError } from './errors';
import { bare, itemUri } from './jid';
import type { Link } from './link';
import { NODE, NS, commentsNode } from './ns';
import { fetchItem, fetchItems, publishItem, retractItem } from './pubsub';
import { attribute, child, childText, children, copy, is, x, type Xml } from './xml';

/** Where the reader's own attachments to an item are: with the item, under the reader's address. */
function attachmentsOf(link: Link, { service, node, item }: Origin): Origin {
  return {
    service,
    node: `${NS.attachments}/${itemUri(service, node, item)}`,
    item: bare(link.jid),
  };
}

/** Likes an item, leaving all else that this account attached to it as it is (XEP-0470 §4.1). */
export async function like(link: Link, target: Origin, now: number): Promise<void> {
  const place = attachmentsOf(link, target);
  const kept = (await ownAttachments(link, place)).filter((element) => !isNoticed(element));
  const noticed = x('noticed', { timestamp: new Date(now).toISOString() });
  await publishItem(link, place, attachments([noticed, ...kept.map(copy)]));
}

/**
 * Takes back every kind of like: the mark, a heart among the reactions, and a heart given as a
 * comment by clients that know no attachments. `number` is that of the liked post.
 */
export async function unlike(
  link: Link,
  target: Origin,
  number: string | undefined,
  service: string,
): Promise<void> {
  const place = attachmentsOf(link, target);
  const before = await ownAttachments(link, place);
  const kept = before.flatMap(withoutLike);
  const wasHere = kept.length < before.length || before.some(hasHeart);
  if (wasHere && kept.length === 0) await retractItem(link, place);
  else if (wasHere) await publishItem(link, place, attachments(kept));
  if (number !== undefined && !wasHere) await removeHearts(link, service, commentsNode(number));
}

function attachments(content: Xml[]): Xml {
  return x('attachments', { xmlns: NS.attachments }, ...content);
}

async function ownAttachments(link: Link, { service, node, item }: Origin): Promise<Element[]> {
  const to = service === bare(link.jid) ? undefined : service;
  const found = await fetchItem(link, { service: to, node }, item);
  const root = child(found, 'attachments', NS.attachments);
  return root ? children(root) : [];
}

function isNoticed(element: Element): boolean {
  return is(element, 'noticed', NS.attachments);
}

const HEART = /^[❤♥💙💚💛💜🧡🖤🤍🤎🩷🩵🩶]\ufe0f?$/u;

function isHeart(text: string | undefined): boolean {
  return HEART.test(text?.trim() ?? '');
}

function hearts(reactions: Element): Element[] {
  if (!is(reactions, 'reactions', NS.attachments)) return [];
  return children(reactions).filter((element) => isHeart(element.textContent));
}

function hasHeart(element: Element): boolean {
  return hearts(element).length > 0;
}

function withoutLike(element: Element): Xml[] {
  if (isNoticed(element)) return [];
  const liked = hearts(element);
  if (liked.length === 0) return [copy(element)];
  const rest = children(element).filter((reaction) => !liked.includes(reaction));
  const timestamp = attribute(element, 'timestamp');
  return rest.length === 0 ? [] : [x('reactions', { timestamp }, ...rest.map(copy))];
}

/** As many of the newest comments are looked through for a heart of one's own. */
const COMMENTS = 100;

async function removeHearts(link: Link, service: string, node: string): Promise<void> {
  const { items } = await fetchItems(link, { service, node }, { before: undefined }, COMMENTS);
  for (const item of items) {
    const id = attribute(item, 'id');
    const entry = child(item, 'entry', NS.atom);
    const isOwn = bare(attribute(item, 'publisher') ?? '') === bare(link.jid);
    if (id && entry && isOwn && isHeart(construct(entry, 'title'))) {
      await retractItem(link, { service, node, item: id });
    }
  }
}

/** Puts somebody's post into one's own microblog; `id` is the boost's, kept for undoing it. */
export async function boost(link: Link, target: Origin, text: string, id: string): Promise<void> {
  await publishItem(link, ownPost(link, id), writeBoost(target, text));
}

export async function unboost(link: Link, id: string): Promise<void> {
  await retractItem(link, ownPost(link, id));
}

function ownPost(link: Link, item: string): Origin {
  return { service: bare(link.jid), node: NODE.microblog, item };
}

/** Gives an item other words; returns when the server says that it was changed, if it does. */
export async function edit(
  link: Link,
  place: Origin,
  text: string,
  tags: readonly string[],
): Promise<number | undefined> {
  const service = place.service === bare(link.jid) ? undefined : place.service;
  const read = async () =>
    child(await fetchItem(link, { service, node: place.node }, place.item), 'entry', NS.atom);
  const entry = await read();
  if (!entry) throw new StanzaError('item-not-found', 'cancel', undefined);
  await publishItem(link, place, rewriteEntry(entry, text, tags));
  const updated = Date.parse(childText(await read(), 'updated', NS.atom) ?? '');
  return Number.isNaN(updated) ? undefined : updated;
}
