/**
 * A thread as pure data: who answers whom, from posts in any order. Does not fetch:
 * `model/thread.ts` does.
 */
import type { Post } from '../xmpp/atom';

/** A post below the one that is looked at. */
export interface Branch {
  post: Post;
  /** 1 for a direct reply. */
  depth: number;
  /** Who is answered, where the answered post is not the one that the page shows. */
  answers: string | undefined;
}

export interface Tree {
  /** From the root down to the parent. */
  above: readonly Post[];
  focus: Post | undefined;
  /** In reading order: each reply is followed by its own replies. */
  below: readonly Branch[];
  /** Whether the thread has more than what stands above and below. */
  hasMore: boolean;
}

/** As many posts as may stand between a reply and its root; beyond, something is wrong. */
const DEEPEST = 500;

/** Positive where number `a` is newer; decimal numbers, compared without rounding. */
export function compareNumbers(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** The tree around a post. Replies whose parent is not here are shown below the root. */
export function treeAround(posts: ReadonlyMap<string, Post>, number: string): Tree {
  const focus = posts.get(number);
  if (!focus) return { above: [], focus: undefined, below: [], hasMore: false };
  const parents = parentsOf(posts);
  const above = ancestors(posts, parents, number);
  const below = descendants(posts, parents, number);
  return { above, focus, below, hasMore: above.length + 1 + below.length < posts.size };
}

/** The number of each post's parent among those that are here. */
function parentsOf(posts: ReadonlyMap<string, Post>): Map<string, string> {
  const parents = new Map<string, string>();
  for (const [number, { place }] of posts) {
    if (!place || place.root === number) continue;
    // A parent is older than its replies, so nothing can go round in circles.
    const isSound = posts.has(place.parent) && compareNumbers(place.parent, number) < 0;
    const parent = isSound ? place.parent : place.root;
    if (posts.has(parent) && compareNumbers(parent, number) < 0) parents.set(number, parent);
  }
  return parents;
}

function ancestors(
  posts: ReadonlyMap<string, Post>,
  parents: ReadonlyMap<string, string>,
  number: string,
): Post[] {
  const above: Post[] = [];
  for (let at = parents.get(number); at !== undefined; at = parents.get(at)) {
    const post = posts.get(at);
    if (!post || above.length >= DEEPEST) break;
    above.unshift(post);
  }
  return above;
}

function descendants(
  posts: ReadonlyMap<string, Post>,
  parents: ReadonlyMap<string, string>,
  number: string,
): Branch[] {
  const replies = new Map<string, string[]>();
  for (const [child, parent] of parents) {
    const siblings = replies.get(parent) ?? [];
    siblings.push(child);
    replies.set(parent, siblings);
  }
  const branches: Branch[] = [];
  const open = ordered(replies.get(number)).map((child) => ({ child, depth: 1 }));
  for (let next = open.pop(); next; next = open.pop()) {
    const { child, depth } = next;
    const post = posts.get(child);
    if (!post) continue;
    const parent = depth > 1 ? posts.get(parents.get(child) ?? '') : undefined;
    branches.push({ post, depth, answers: parent?.author });
    for (const grandchild of ordered(replies.get(child))) {
      open.push({ child: grandchild, depth: depth + 1 });
    }
  }
  return branches;
}

/** Newest first, because the last one is taken out first. */
function ordered(numbers: readonly string[] | undefined): string[] {
  return [...(numbers ?? [])].sort((a, b) => compareNumbers(b, a));
}
