/**
 * What was made of each post: how many replies, likes and boosts, and one's own. Shown at once
 * when one likes or boosts, and put back if the server refuses. One value for each post, however
 * often it is on the screen.
 */
import type { Counts, Mine, Post } from '../xmpp/atom';
import type { Link } from '../xmpp/link';
import { boost, like, unboost, unlike } from '../xmpp/reactions';
import type { Clock } from './clock';
import { Signal } from './signal';

export interface Response extends Counts {
  isLiked: boolean;
  isBoosted: boolean;
}

/** What the reader has asked for and the server has not confirmed yet. */
interface Wish {
  is: boolean;
  /** The server's last word when it was made; counts that came later may include it. */
  word: number;
}

interface Known {
  readonly shown: Signal<Response>;
  counts: Counts;
  mine: Mine;
  like: Wish | undefined;
  boost: Wish | undefined;
  /** Grows with each word of the server. */
  word: number;
}

const MOST = 4_000;

export class Responses {
  /** In the order of their last use, so that the first is the one to forget. */
  private readonly known = new Map<string, Known>();

  constructor(
    private readonly clock: Clock,
    /** The pubsub service, where comments are. */
    private readonly service: string,
    private readonly newId: () => string,
  ) {}

  of(subject: string): Signal<Response> {
    return this.keep(subject).shown;
  }

  /** Takes what the server says about posts; an event does not say what is one's own. */
  learn(posts: readonly Post[]): void {
    for (const { subject, counts, mine } of posts) {
      if (!counts) continue;
      const known = this.keep(subject);
      known.counts = counts;
      if (mine && !known.like && !known.boost) known.mine = mine;
      known.word++;
      show(known);
    }
  }

  clear(): void {
    this.known.clear();
  }

  /** The server's last word on a post, to be given to `replied`. */
  wordOn(subject: string): number {
    return this.keep(subject).word;
  }

  /** One's own reply was stored; counts that came since `word` may include it. */
  replied(subject: string, word: number): void {
    const known = this.keep(subject);
    if (known.word !== word) return;
    known.counts = { ...known.counts, replies: known.counts.replies + 1 };
    show(known);
  }

  async toggleLike(link: Link, post: Post): Promise<void> {
    const known = this.keep(post.subject);
    if (known.like) return;
    const is = !known.mine.liked;
    known.like = { is, word: known.word };
    await settle(known, async () => {
      if (is) await like(link, post.origin, this.clock.now());
      else await unlike(link, post.origin, post.number, this.service);
      return { ...known.mine, liked: is };
    }).finally(() => {
      known.like = undefined;
      show(known);
    });
  }

  /** Returns the item id of the boost that was undone, if one was. */
  async toggleBoost(link: Link, post: Post): Promise<string | undefined> {
    const known = this.keep(post.subject);
    if (known.boost) return undefined;
    const before = known.mine.boosted;
    const id = before ?? this.newId();
    known.boost = { is: before === undefined, word: known.word };
    await settle(known, async () => {
      if (before === undefined) await boost(link, post.origin, post.text, id);
      else await unboost(link, before);
      return { ...known.mine, boosted: before === undefined ? id : undefined };
    }).finally(() => {
      known.boost = undefined;
      show(known);
    });
    return before;
  }

  private keep(subject: string): Known {
    const known = this.known.get(subject) ?? nothingKnown();
    this.known.delete(subject);
    this.known.set(subject, known);
    if (this.known.size > MOST) {
      const [oldest] = this.known.keys();
      if (oldest !== undefined) this.known.delete(oldest);
    }
    return known;
  }
}

/** Shows a wish at once; when it is fulfilled, what is shown is how things are. */
async function settle(known: Known, run: () => Promise<Mine>): Promise<void> {
  show(known);
  const mine = await run();
  known.counts = countsShown(known);
  known.mine = mine;
}

function nothingKnown(): Known {
  const counts = { replies: 0, likes: 0, boosts: 0 };
  return {
    shown: new Signal<Response>({ ...counts, isLiked: false, isBoosted: false }),
    counts,
    mine: { liked: false, boosted: undefined },
    like: undefined,
    boost: undefined,
    word: 0,
  };
}

function countsShown({ counts, mine, like: likes, boost: boosts, word }: Known): Counts {
  return {
    replies: counts.replies,
    likes: withWish(counts.likes, likes, mine.liked, word),
    boosts: withWish(counts.boosts, boosts, mine.boosted !== undefined, word),
  };
}

function withWish(count: number, wish: Wish | undefined, was: boolean, word: number): number {
  if (wish?.word !== word) return count;
  return Math.max(0, count + Number(wish.is) - Number(was));
}

function show(known: Known): void {
  const next: Response = {
    ...countsShown(known),
    isLiked: known.like?.is ?? known.mine.liked,
    isBoosted: known.boost?.is ?? known.mine.boosted !== undefined,
  };
  const before = known.shown.value;
  const keys = Object.keys(next) as (keyof Response)[];
  if (keys.some((key) => next[key] !== before[key])) known.shown.set(next);
}
