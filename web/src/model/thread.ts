/**
 * A thread on the screen: fetches its posts, follows it live, and after a lost connection brings
 * it up to date. Does not know who answers whom: `model/tree.ts` does.
 */
import type { NodeEvent, Post } from '../xmpp/atom';
import { LinkLost, StanzaError } from '../xmpp/errors';
import type { Link } from '../xmpp/link';
import { threadNode } from '../xmpp/ns';
import { fetchPage, subscribe, unsubscribe, type NodeAddress } from '../xmpp/pubsub';
import type { Clock } from './clock';
import { Signal } from './signal';
import { compareNumbers } from './tree';

export const THREAD_PAGE = 50;
/** As often is more fetched without being asked, until the wanted post is among it. */
const MOST_RUNS = 12;
/** The most posts kept of one thread. */
export const MOST_IN_THREAD = 2_000;

export interface ThreadState {
  phase: 'loading' | 'ready' | 'failed';
  /** By their numbers. */
  posts: ReadonlyMap<string, Post>;
  /** Whether the newest reply is here. */
  isComplete: boolean;
  more: 'idle' | 'loading' | 'failed';
  /** The posts that came live, and were not there when the page was opened. */
  fresh: ReadonlySet<string>;
  /** Numbers of posts that were here and are deleted. */
  gone: ReadonlySet<string>;
  error: unknown;
}

export class Thread {
  readonly state: Signal<ThreadState>;
  readonly address: NodeAddress;
  private link: Link | undefined;
  /** The last number of the pages fetched so far. */
  private cursor: string | undefined;
  /** What arrives while pages are read, so that an older answer does not undo it. */
  private arrived = new Set<string>();

  constructor(
    readonly service: string,
    readonly number: string,
    private readonly clock: Clock,
    private readonly learn: (posts: readonly Post[]) => void,
  ) {
    this.address = { service, node: threadNode(number) };
    this.state = new Signal<ThreadState>({
      phase: 'loading',
      posts: new Map(),
      isComplete: false,
      more: 'idle',
      fresh: new Set(),
      gone: new Set(),
      error: undefined,
    });
  }

  /** Whether a post belongs to this thread, as far as it is known. */
  has(number: string): boolean {
    return number === this.number || this.state.value.posts.has(number);
  }

  /** Shows at once what is known from elsewhere, until the thread itself is here. */
  seed(posts: readonly Post[]): void {
    if (this.state.value.phase === 'loading') this.put(posts);
  }

  /** A connection is there (again): subscribes first, then fetches up to where it had been. */
  async connect(link: Link): Promise<void> {
    this.link = link;
    try {
      await this.subscribe(link);
      await this.reload(link);
    } catch (error) {
      this.fail(link, error);
    }
  }

  disconnect(): void {
    this.link = undefined;
  }

  /** Stops live delivery; the posts stay for a return. */
  async leave(): Promise<void> {
    const link = this.link;
    this.disconnect();
    this.patch({ fresh: new Set() });
    if (link) await unsubscribe(link, this.address, link.jid).catch(() => undefined);
  }

  async retry(): Promise<void> {
    const link = this.link;
    if (!link) return;
    this.patch({ phase: 'loading', error: undefined });
    await this.connect(link);
  }

  /** The page of replies after those that are here. */
  async loadMore(): Promise<void> {
    const { isComplete, more } = this.state.value;
    const link = this.link;
    if (!link || isComplete || more === 'loading') return;
    this.patch({ more: 'loading' });
    try {
      const run = await this.fetchRun(link, this.cursor);
      if (this.link !== link) return;
      this.put(run.posts.filter((post) => !this.state.value.gone.has(numberOf(post))));
      this.cursor = run.cursor;
      this.patch({ more: 'idle', isComplete: run.isEnd || this.isFull() });
    } catch (error) {
      this.patch({ more: error instanceof LinkLost ? 'idle' : 'failed' });
    }
  }

  /** Takes what an event of this node brings; returns what was written in retracted posts. */
  receive(event: NodeEvent): string[] {
    for (const post of event.posts) this.arrived.add(numberOf(post));
    for (const number of event.retracted) this.arrived.add(number);
    const { posts, fresh } = this.state.value;
    const news = event.posts.filter((post) => !posts.has(numberOf(post)));
    this.put(event.posts.filter((post) => posts.has(numberOf(post)) || !this.isFull()));
    if (news.length > 0) this.patch({ fresh: new Set([...fresh, ...news.map(numberOf)]) });
    if (event.retracted.length > 0) this.remove(new Set(event.retracted));
    return event.retracted.flatMap((number) => posts.get(number)?.subject ?? []);
  }

  /** Takes out posts by what was written, wherever that was noticed. */
  removeSubjects(subjects: ReadonlySet<string>): void {
    const numbers = [...this.state.value.posts]
      .filter(([, post]) => subjects.has(post.subject))
      .map(([number]) => number);
    if (numbers.length > 0) this.remove(new Set(numbers));
  }

  /** Shows other words at once, before the event comes. */
  reword(subject: string, change: Partial<Post>): void {
    const changed = [...this.state.value.posts.values()].filter((post) => post.subject === subject);
    this.put(changed.map((post) => ({ ...post, ...change })));
  }

  private async subscribe(link: Link): Promise<void> {
    try {
      await subscribe(link, this.address, link.jid);
    } catch (error) {
      // A thread that may be read but not followed is shown as it is.
      if (!(error instanceof StanzaError)) throw error;
    }
  }

  /**
   * Fetches from the root on: all that had been here, and on until the wanted post is among it.
   * Nothing changes before all of it has come, so an interrupted attempt loses nothing.
   */
  private async reload(link: Link): Promise<void> {
    this.arrived = new Set();
    const until = this.cursor;
    const found = new Map<string, Post>();
    let cursor: string | undefined;
    let isEnd = false;
    for (let runs = 0; !isEnd && found.size < MOST_IN_THREAD; runs++) {
      const hasAll = until === undefined || (cursor && compareNumbers(cursor, until) >= 0);
      if (runs > 0 && hasAll && (found.has(this.number) || runs >= MOST_RUNS)) break;
      const run = await this.fetchRun(link, cursor);
      if (this.link !== link) return;
      for (const post of run.posts) found.set(numberOf(post), post);
      cursor = run.cursor;
      isEnd = run.isEnd;
    }
    this.cursor = cursor;
    this.settle(found, isEnd);
  }

  private settle(found: Map<string, Post>, isComplete: boolean): void {
    const { posts, gone } = this.state.value;
    const missing = new Set(gone);
    for (const [number, post] of posts) {
      const isBeyond = !isComplete && this.isBeyond(number);
      if (this.arrived.has(number) || isBeyond) found.set(number, post);
      else if (!found.has(number)) missing.add(number);
    }
    for (const number of this.arrived) if (!posts.has(number)) found.delete(number);
    this.patch({
      phase: 'ready',
      posts: found,
      isComplete: isComplete || found.size >= MOST_IN_THREAD,
      gone: missing,
      error: undefined,
    });
  }

  private isBeyond(number: string): boolean {
    return this.cursor === undefined || compareNumbers(number, this.cursor) > 0;
  }

  /** The next page; a short one, which may but need not be the last, together with its next. */
  private async fetchRun(link: Link, after: string | undefined) {
    const posts: Post[] = [];
    let cursor = after;
    for (;;) {
      const now = this.clock.now();
      const page = await fetchPage(link, this.address, { after: cursor }, THREAD_PAGE, now);
      this.learn(page.posts);
      posts.push(...page.posts);
      cursor = page.last ?? cursor;
      const isEnd = page.last === undefined;
      if (isEnd || page.isFull || this.link !== link) return { posts, cursor, isEnd };
    }
  }

  private isFull(): boolean {
    return this.state.value.posts.size >= MOST_IN_THREAD;
  }

  private put(incoming: readonly Post[]): void {
    if (incoming.length === 0) return;
    const posts = new Map(this.state.value.posts);
    for (const post of incoming) {
      const before = posts.get(numberOf(post));
      if (!before || post.updated >= before.updated) posts.set(numberOf(post), post);
    }
    this.patch({ posts });
  }

  private remove(numbers: ReadonlySet<string>): void {
    const { posts, gone } = this.state.value;
    const kept = new Map([...posts].filter(([number]) => !numbers.has(number)));
    this.patch({ posts: kept, gone: new Set([...gone, ...numbers]) });
  }

  private fail(link: Link, error: unknown): void {
    if (this.link !== link || error instanceof LinkLost) return;
    const isGone = error instanceof StanzaError && error.condition === 'item-not-found';
    if (isGone) this.patch({ posts: new Map() });
    this.patch({ phase: this.state.value.posts.size > 0 ? 'ready' : 'failed', error });
  }

  private patch(part: Partial<ThreadState>): void {
    this.state.update((state) => ({ ...state, ...part }));
  }
}

/** In this node every item's id is its number. */
function numberOf(post: Post): string {
  return post.number ?? post.id;
}
