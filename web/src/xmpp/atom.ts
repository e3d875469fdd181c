/**
 * Posts as Atom entries (XEP-0277, XEP-0472): reads what any publisher wrote into plain text,
 * and writes this client's own. Keeps no markup: what people wrote is shown as text.
 */
import { bare, parseItemUri } from './jid';
import { NS } from './ns';
import { attribute, child, childrenNamed, children, childText, is, x, type Xml } from './xml';

/** A post, whichever node it was read from. */
export interface Post {
  /** One identity in all nodes: the author's bare JID, a slash, the publisher's item id. */
  uid: string;
  /** Bare JID. */
  author: string;
  /** The name that the entry gives its author; the author's own nick counts more. */
  authorName: string | undefined;
  /** The publisher's item id, by which the author retracts the post. */
  item: string;
  /** The item id in the node it was read from: there it is the cursor for paging. */
  id: string;
  /** A heading, where the entry has both a title and a longer content. */
  heading: string | undefined;
  text: string;
  /** Hash tags, case-folded. */
  tags: string[];
  /** Unix milliseconds. */
  published: number;
  updated: number;
  /** The public page, where the server named one. */
  page: string | undefined;
}

/** More than anybody reads in a timeline; the rest is on the post's own page. */
const LONGEST_TEXT = 20_000;

/**
 * Reads one pubsub item. `service` is the bare JID of the node's owner, the author where the
 * entry itself names no other origin. Undefined for what is no post (other payloads, item `0`).
 */
export function readPost(item: Element, service: string, now: number): Post | undefined {
  const id = attribute(item, 'id');
  const entry = child(item, 'entry', NS.atom);
  if (!id || !entry || id === '0') return undefined;

  const origin = parseItemUri(attribute(child(entry, 'origin', NS.origin), 'uri') ?? '');
  const publisher = attribute(item, 'publisher');
  const author = origin?.jid ?? bare(publisher ?? service);
  const own = origin?.item ?? id;
  const published = time(childText(entry, 'published', NS.atom));
  const updated = time(childText(entry, 'updated', NS.atom));
  const title = construct(entry, 'title');
  const content = construct(entry, 'content') ?? construct(entry, 'summary');
  const text = (content ?? title ?? '').slice(0, LONGEST_TEXT);
  return {
    uid: `${author}/${own}`,
    author,
    authorName: childText(child(entry, 'author', NS.atom), 'name', NS.atom),
    item: own,
    id,
    heading: title !== undefined && title !== text ? headingOf(title, text) : undefined,
    text,
    tags: childrenNamed(entry, 'category', NS.atom)
      .map((category) => attribute(category, 'term')?.toLowerCase())
      .filter((term) => term !== undefined),
    published: published ?? updated ?? now,
    updated: updated ?? published ?? now,
    page: alternate(entry),
  };
}

/** A title that only repeats the beginning of the content is no heading. */
function headingOf(title: string, text: string): string | undefined {
  const start = title.replace(/(\.\.\.|…)$/, '').trim();
  return text.trim().startsWith(start) ? undefined : title;
}

function time(text: string | undefined): number | undefined {
  const parsed = Date.parse(text ?? '');
  return Number.isNaN(parsed) ? undefined : parsed;
}

function alternate(entry: Element): string | undefined {
  const link = childrenNamed(entry, 'link', NS.atom).find(
    (candidate) =>
      attribute(candidate, 'rel') === 'alternate' &&
      /^https?:\/\//i.test(attribute(candidate, 'href') ?? ''),
  );
  return attribute(link, 'href');
}

/** The plain text of an Atom text construct (RFC 4287 §3.1), the plain twin before the rich one. */
function construct(entry: Element, name: string): string | undefined {
  const all = childrenNamed(entry, name, NS.atom);
  const plain = all.find((element) => (attribute(element, 'type') ?? 'text') === 'text');
  const chosen = plain ?? all[0];
  if (!chosen) return undefined;
  const type = attribute(chosen, 'type') ?? 'text';
  const raw =
    type === 'xhtml'
      ? flatten(chosen)
      : type === 'html'
        ? withoutMarkup(chosen.textContent)
        : chosen.textContent;
  const text = raw.replace(/\r\n?/g, '\n').trim();
  return text === '' ? undefined : text;
}

const BLOCKS = new Set(['p', 'div', 'li', 'ul', 'ol', 'blockquote', 'pre', 'h1', 'h2', 'h3']);

/** The text of XHTML, with line breaks where its blocks end. */
function flatten(element: Element): string {
  let text = '';
  for (const node of Array.from(element.childNodes)) {
    if (node.nodeType === 3) text += (node.textContent ?? '').replace(/\s+/g, ' ');
    else if (node.nodeType === 1) {
      const inner = node as Element;
      if (is(inner, 'br', NS.xhtml)) text += '\n';
      else text += flatten(inner) + (BLOCKS.has(inner.localName) ? '\n' : '');
    }
  }
  return text;
}

/** Escaped HTML as text; an inert document parses it, nothing is ever inserted into the page. */
function withoutMarkup(html: string): string {
  const parsed = new DOMParser().parseFromString(html, 'text/html') as Document | undefined;
  return parsed?.documentElement.textContent ?? html;
}

/** The entry of a new post. The server adds ids, times, author and links. */
export function writeEntry(text: string, tags: readonly string[]): Xml {
  return x(
    'entry',
    { xmlns: NS.atom },
    x('title', { type: 'text' }, text),
    ...tags.map((term) => x('category', { term })),
  );
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
    const post = is(element, 'item', NS.pubsubEvent) ? readPost(element, from, now) : undefined;
    if (post) posts.push(post);
  }
  return { from, node, posts, retracted };
}
