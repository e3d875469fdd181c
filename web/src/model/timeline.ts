/**
 * A timeline as pure data: a contiguous run of posts, newest first, that grows at both ends
 * without doubling or losing any. Does not fetch: `model/feed.ts` does.
 */
import type { Post } from '../xmpp/atom';

/** What orders posts: the number that the server gave (virtual nodes), or the time they state. */
export type Order = 'post-id' | 'published';

export interface Timeline {
  readonly order: Order;
  /** Newest first. */
  readonly posts: readonly Post[];
  /** Where the page before the oldest post begins; undefined while nothing was fetched. */
  readonly cursor: string | undefined;
  /** Whether the oldest post is the node's first. */
  readonly complete: boolean;
  /** Whether newer posts than the newest here were dropped to bound memory. */
  readonly detached: boolean;
}

/** The most posts kept; the end that is farther from the reader is dropped beyond it. */
export const LONGEST = 400;

export function emptyTimeline(order: Order): Timeline {
  return { order, posts: [], cursor: undefined, complete: false, detached: false };
}

/** Positive where `a` is newer. Post ids are decimal numbers, compared without rounding. */
export function compare(order: Order, a: Post, b: Post): number {
  if (order === 'post-id') return a.id.length - b.id.length || compareText(a.id, b.id);
  return a.published - b.published || compareText(a.uid, b.uid);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The posts of both lists, each once in its latest version, newest first. */
function merge(order: Order, known: readonly Post[], incoming: readonly Post[]): Post[] {
  const byUid = new Map(known.map((post) => [post.uid, post]));
  for (const post of incoming) {
    const before = byUid.get(post.uid);
    if (!before || post.updated >= before.updated) byUid.set(post.uid, post);
  }
  return [...byUid.values()].sort((a, b) => compare(order, b, a));
}

/** Adds the page before the oldest post; `first` is undefined where that page was empty. */
export function addOlder(
  timeline: Timeline,
  page: readonly Post[],
  first: string | undefined,
): Timeline {
  if (first === undefined) return { ...timeline, complete: true };
  const posts = merge(timeline.order, timeline.posts, page);
  const surplus = Math.max(0, posts.length - LONGEST);
  return {
    ...timeline,
    posts: posts.slice(surplus),
    cursor: first,
    detached: timeline.detached || surplus > 0,
  };
}

/** Adds posts that have just arrived, or replaces those that were edited. */
export function addLive(timeline: Timeline, incoming: readonly Post[]): Timeline {
  const oldest = timeline.posts.at(-1);
  const fitting = incoming.filter((post) => {
    if (timeline.posts.some((known) => known.uid === post.uid)) return true;
    if (timeline.detached) return false;
    // An edit of a post beyond the far end is not for this run; paging will bring it.
    return timeline.complete || !oldest || compare(timeline.order, post, oldest) > 0;
  });
  return fitting.length === 0 ? timeline : trimOldest(timeline, fitting);
}

function trimOldest(timeline: Timeline, incoming: readonly Post[]): Timeline {
  const posts = merge(timeline.order, timeline.posts, incoming);
  // Only where an item's id is a cursor can paging go on from the post that is now the oldest.
  if (posts.length <= LONGEST || timeline.order !== 'post-id') return { ...timeline, posts };
  const kept = posts.slice(0, LONGEST);
  return { ...timeline, posts: kept, cursor: kept.at(-1)?.id, complete: false };
}

/** Whether a post is one of these, or a boost of one of them. */
export function isAmong(uids: ReadonlySet<string>, post: Post): boolean {
  return uids.has(post.uid) || uids.has(post.subject);
}

/** Takes out posts by their identity, and every boost of them. */
export function remove(timeline: Timeline, uids: ReadonlySet<string>): Timeline {
  const posts = timeline.posts.filter((post) => !isAmong(uids, post));
  return posts.length === timeline.posts.length ? timeline : { ...timeline, posts };
}

/** Whether a newest-first fetch that reached `oldest` has closed the gap down to `anchor`. */
export function reaches(order: Order, oldest: Post | undefined, anchor: Post): boolean {
  return oldest !== undefined && compare(order, oldest, anchor) <= 0;
}

/**
 * Brings the newest end up to date with what the node holds now: `fetched` is everything from
 * its oldest post to the newest of the node. What lies in that range and was not fetched has
 * been retracted meanwhile.
 */
export function synchronize(timeline: Timeline, fetched: readonly Post[]): Timeline {
  const sorted = merge(timeline.order, [], fetched);
  const newest = sorted[0];
  const oldest = sorted.at(-1);
  if (!newest || !oldest) return timeline;
  const present = new Set(sorted.map((post) => post.uid));
  const kept = timeline.posts.filter(
    (post) =>
      present.has(post.uid) ||
      compare(timeline.order, post, newest) > 0 ||
      compare(timeline.order, post, oldest) < 0,
  );
  return trimOldest({ ...timeline, posts: kept, detached: false }, sorted);
}
