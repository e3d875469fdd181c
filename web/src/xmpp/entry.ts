/** Writes Atom entries: new posts, replies, boosts, and new versions of what exists. */
import { construct, wordsOf } from './atom-text';
import type { Origin } from './atom';
import { itemUri } from './jid';
import { NS } from './ns';
import { children, copy, is, x, type Xml } from './xml';

/**
 * The entry of a new post, in reply to `parent` if there is one. The server adds ids, times,
 * author and links.
 */
export function writeEntry(text: string, tags: readonly string[], parent?: Origin): Xml {
  return x(
    'entry',
    { xmlns: NS.atom },
    x('title', { type: 'text' }, text),
    ...categories(tags),
    parent && inReplyTo(parent),
  );
}

/** What is answered (RFC 4685 §3, XEP-0472 §Comments). */
function inReplyTo({ service, node, item }: Origin): Xml {
  const uri = itemUri(service, node, item);
  return x('in-reply-to', { xmlns: NS.threading, ref: uri, href: uri });
}

/**
 * The entry of a boost (XEP-0277 §Repeating a Post). It carries the text for clients that know
 * no boosts; the server makes it the original's.
 */
export function writeBoost({ service, node, item }: Origin, text: string): Xml {
  return x(
    'entry',
    { xmlns: NS.atom },
    x('title', { type: 'text' }, text),
    x('link', { rel: 'via', href: itemUri(service, node, item) }),
  );
}

const WORDS = ['title', 'content', 'summary', 'category', 'updated'];

/**
 * A new version of an entry: other words, everything else as it was read, also what this client
 * does not know. A heading stays one.
 */
export function rewriteEntry(entry: Element, text: string, tags: readonly string[]): Xml {
  const { heading } = wordsOf(entry);
  const kept = children(entry).filter(
    (element) =>
      !OURS.has(element.namespaceURI ?? '') && !WORDS.some((name) => is(element, name, NS.atom)),
  );
  const words =
    heading === undefined
      ? [x('title', { type: 'text' }, text)]
      : [
          x('title', { type: 'text' }, construct(entry, 'title') ?? ''),
          x('content', { type: 'text' }, text),
        ];
  return x('entry', { xmlns: NS.atom }, ...words, ...categories(tags), ...kept.map(copy));
}

/** What a server adds for readers, and no author writes. */
const OURS: ReadonlySet<string> = new Set([NS.origin, NS.counts, NS.thread, NS.boost]);

function categories(tags: readonly string[]): Xml[] {
  return tags.map((term) => x('category', { term }));
}
