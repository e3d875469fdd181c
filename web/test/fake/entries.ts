/** What the server in memory keeps of a post, and how it is written as an item. */
import { itemUri, localpart } from '../../src/xmpp/jid';
import { NODE, NS, commentsNode } from '../../src/xmpp/ns';
import { x, type Xml } from '../../src/xmpp/xml';

export const DOMAIN = 'localhost';
export const PUBSUB = 'pubsub.localhost';

export interface StoredPost {
  author: string;
  item: string;
  postId: number;
  text: string;
  tags: string[];
  published: number;
  updated: number;
  /** Of replies: where they stand. */
  place: { root: number; parent: number } | undefined;
  /** Of boosts: what is boosted. */
  of: StoredPost | undefined;
}

/** Where a post lives. */
export function addressOf({ author, item, place }: StoredPost) {
  return place
    ? { service: PUBSUB, node: commentsNode(String(place.root)), item }
    : { service: author, node: NODE.microblog, item };
}

export function uriOf(post: StoredPost): string {
  const { service, node, item } = addressOf(post);
  return itemUri(service, node, item);
}

export interface FakeCounts {
  replies: number;
  likes: number;
  boosts: number;
  liked: boolean;
  boosted: string | undefined;
}

/** The entry as its author's own node has it. */
export function ownEntry(post: StoredPost): Xml {
  return x('entry', { xmlns: NS.atom }, ...partsOf(post));
}

/** The entry as virtual nodes have it; `counts` as the one who asks sees them. */
export function virtualEntry(
  post: StoredPost,
  counts: FakeCounts | undefined,
  parentAuthor: string | undefined,
): Xml {
  const { place, of } = post;
  return x(
    'entry',
    { xmlns: NS.atom },
    ...partsOf(post),
    of && x('link', { rel: 'via', href: uriOf(of) }),
    x('origin', { xmlns: NS.origin, uri: uriOf(post) }),
    place && x('thread', { xmlns: NS.thread, ...place, 'parent-author': parentAuthor }),
    of && x('boost', { xmlns: NS.boost, of: of.postId }),
    counts &&
      x('counts', {
        xmlns: NS.counts,
        replies: counts.replies,
        likes: counts.likes,
        boosts: counts.boosts,
        liked: counts.liked ? 'true' : undefined,
        boosted: counts.boosted,
      }),
  );
}

function partsOf(post: StoredPost): Xml[] {
  const { text, author, tags, postId } = post.of ?? post;
  return [
    x('title', { type: 'text' }, text),
    x('author', {}, x('uri', {}, `xmpp:${author}`)),
    x('published', {}, new Date(post.published).toISOString()),
    x('updated', {}, new Date(post.updated).toISOString()),
    ...tags.map((term) => x('category', { term })),
    x('link', {
      rel: 'alternate',
      type: 'text/html',
      href: `http://${DOMAIN}/@${localpart(author)}/${postId}`,
    }),
  ];
}
