/**
 * Posts as Atom entries (XEP-0277, XEP-0472): reads what any publisher wrote into plain text.
 * What is written is in `entry.ts`.
 */
import { wordsOf } from './atom-text';
import { bare, localpart, parseItemUri } from './jid';
import { NODE, NS } from './ns';
import { attribute, child, childrenNamed, children, childText, is, lastChild } from './xml';

/** Where an item lives. */
export interface Origin {
  /** Bare JID of who keeps the node. */
  service: string;
  node: string;
  item: string;
}

/** How much was made of a post. */
export interface Counts {
  replies: number;
  likes: number;
  boosts: number;
}

/** What the reader has made of a post. */
export interface Mine {
  liked: boolean;
  /** The item id of the reader's own boost. */
  boosted: string | undefined;
}

/** Where a reply stands, by the numbers of other posts. */
export interface Place {
  root: string;
  parent: string;
  /** Bare JID. */
  parentAuthor: string | undefined;
}

/** A post, a reply, or somebody's boost of one, whichever node it was read from. */
export interface Post {
  /** One identity in all nodes: that of the item which was read. */
  uid: string;
  /** The identity of what was written: a post and its boosts share it. */
  subject: string;
  /** Bare JID of who wrote it. */
  author: string;
  /** The name that the entry gives its author; the author's own nick counts more. */
  authorName: string | undefined;
  /** Bare JID of who published this item: the author, or who boosts. */
  by: string;
  isBoost: boolean;
  /** Where what was written lives; of a boost, the original. */
  origin: Origin;
  /** The item id in the node it was read from: there it is the cursor for paging. */
  id: string;
  /** The decimal number that its server gave to what was written, where it is known. */
  number: string | undefined;
  /** A heading, where the entry has both a title and a longer content. */
  heading: string | undefined;
  text: string;
  /** Hash tags, case-folded. */
  tags: string[];
  /** Unix milliseconds. */
  published: number;
  updated: number;
  /** Of replies only. */
  place: Place | undefined;
  counts: Counts | undefined;
  /** Whether only some may read it, so that it cannot be boosted. */
  isClosed: boolean;
  /** Only known where the node was read; an event is the same for all its readers. */
  mine: Mine | undefined;
}

/** More than anybody reads in a timeline; the rest is on the post's own page. */
const LONGEST_TEXT = 20_000;

/** The identity of an item. */
export function uidOf({ service, node, item }: Origin): string {
  return node === NODE.microblog ? `${service}/${item}` : `${service}/${node}/${item}`;
}

/**
 * Reads one pubsub item of the node that `service`, a bare JID, keeps. Undefined for what is no
 * post (other payloads, item `0`).
 */
export function readPost(
  item: Element,
  service: string,
  node: string,
  now: number,
): Post | undefined {
  const id = attribute(item, 'id');
  const entry = child(item, 'entry', NS.atom);
  if (!id || !entry || id === '0') return undefined;

  // In a person's own node an entry is as they wrote it: nothing in it is the server's word.
  const isOwn = node === NODE.microblog && service.includes('@');
  const own = isOwn ? undefined : originOf(entry);
  const by = whoPublished(item, own, service);
  if (by === undefined) return undefined;
  const here = own ?? { service, node: NODE.microblog, item: id };
  const written = own
    ? readWritten(entry, here, by, id)
    : { author: by, isBoost: false, origin: here, number: linkedNumber(entry, by) };
  if (!written) return undefined;
  const published = time(childText(entry, 'published', NS.atom));
  const updated = time(childText(entry, 'updated', NS.atom));
  const { heading, text } = wordsOf(entry);
  return {
    ...written,
    uid: uidOf(here),
    subject: uidOf(written.origin),
    authorName: childText(child(entry, 'author', NS.atom), 'name', NS.atom),
    by,
    id,
    heading,
    text: text.slice(0, LONGEST_TEXT),
    tags: childrenNamed(entry, 'category', NS.atom)
      .map((category) => attribute(category, 'term')?.toLowerCase())
      .filter((term) => term !== undefined),
    published: published ?? updated ?? now,
    updated: updated ?? published ?? now,
    place: isOwn ? undefined : readPlace(entry),
    ...(isOwn ? NOT_COUNTED : readCounts(entry)),
  };
}

/** Where a virtual node's item comes from; undefined for an item of its author's own node. */
function originOf(entry: Element): Origin | undefined {
  const uri = parseItemUri(attribute(lastChild(entry, 'origin', NS.origin), 'uri') ?? '');
  if (uri?.item === undefined) return undefined;
  return { service: uri.jid, node: uri.node ?? NODE.microblog, item: uri.item };
}

/** Whoever keeps a microblog is the one who publishes there; comments say who did. */
function whoPublished(item: Element, own: Origin | undefined, service: string) {
  if (own?.node === NODE.microblog) return own.service;
  const publisher = attribute(item, 'publisher');
  return own ? publisher && bare(publisher) : service;
}

type Written = Pick<Post, 'author' | 'isBoost' | 'origin' | 'number'>;

/** What was written, by whom: of a boost, the original, which the server vouches for. */
function readWritten(
  entry: Element,
  here: Origin,
  by: string,
  number: string,
): Written | undefined {
  const of = attribute(lastChild(entry, 'boost', NS.boost), 'of');
  if (of === undefined) return { author: by, isBoost: false, origin: here, number };
  const via = parseItemUri(linkTo(entry, 'via') ?? '');
  const author = childText(child(entry, 'author', NS.atom), 'uri', NS.atom);
  if (via?.item === undefined || !author?.startsWith('xmpp:')) return undefined;
  const origin = { service: via.jid, node: via.node ?? NODE.microblog, item: via.item };
  return { author: bare(author.slice('xmpp:'.length)), isBoost: true, origin, number: of };
}

/**
 * The number in the address of the post's own page. Only the number is taken: wherever the
 * address leads, links here are made from the author and the number.
 */
function linkedNumber(entry: Element, author: string): string | undefined {
  const name = localpart(author);
  for (const link of childrenNamed(entry, 'link', NS.atom)) {
    if (attribute(link, 'rel') !== 'alternate') continue;
    const match = /\/@([^/?#]+)\/(\d{1,16})$/.exec(attribute(link, 'href') ?? '');
    if (match?.[1]?.toLowerCase() === encodeURIComponent(name).toLowerCase()) return match[2];
  }
  return undefined;
}

function linkTo(entry: Element, rel: string): string | undefined {
  const link = childrenNamed(entry, 'link', NS.atom).find(
    (candidate) => attribute(candidate, 'rel') === rel,
  );
  return attribute(link, 'href');
}

function readPlace(entry: Element): Place | undefined {
  const element = lastChild(entry, 'thread', NS.thread);
  const root = attribute(element, 'root');
  if (root === undefined) return undefined;
  const parentAuthor = attribute(element, 'parent-author');
  return {
    root,
    parent: attribute(element, 'parent') ?? root,
    parentAuthor: parentAuthor === undefined ? undefined : bare(parentAuthor),
  };
}

const NOT_COUNTED = { counts: undefined, mine: undefined, isClosed: false };

function readCounts(entry: Element): Pick<Post, 'counts' | 'mine' | 'isClosed'> {
  const element = lastChild(entry, 'counts', NS.counts);
  if (!element) return NOT_COUNTED;
  const count = (name: string) => {
    const value = Number.parseInt(attribute(element, name) ?? '', 10);
    return Number.isSafeInteger(value) && value > 0 ? value : 0;
  };
  return {
    counts: { replies: count('replies'), likes: count('likes'), boosts: count('boosts') },
    isClosed: attribute(element, 'closed') === 'true',
    mine: {
      liked: attribute(element, 'liked') === 'true',
      boosted: attribute(element, 'boosted'),
    },
  };
}

function time(text: string | undefined): number | undefined {
  const parsed = Date.parse(text ?? '');
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** What happened in a node: items published or changed, and ids retracted. */
export interface NodeEvent {
  /** Bare JID that sent the event: the node's owner. */
  from: string;
  node: string;
  posts: Post[];
  retracted: string[];
}

/** Reads a pubsub event message (XEP-0060 §7.1.2.1); undefined for any other stanza. */
export function readEvent(message: Element, account: string, now: number): NodeEvent | undefined {
  if (message.localName !== 'message' || attribute(message, 'type') === 'error') return undefined;
  const items = child(child(message, 'event', NS.pubsubEvent), 'items', NS.pubsubEvent);
  const node = attribute(items, 'node');
  if (!items || !node) return undefined;
  const from = bare(attribute(message, 'from') ?? account);
  const posts: Post[] = [];
  const retracted: string[] = [];
  for (const element of children(items)) {
    const id = attribute(element, 'id');
    if (is(element, 'retract', NS.pubsubEvent) && id) retracted.push(id);
    const post = is(element, 'item', NS.pubsubEvent)
      ? readPost(element, from, node, now)
      : undefined;
    if (post) posts.push({ ...post, mine: undefined });
  }
  return { from, node, posts, retracted };
}
