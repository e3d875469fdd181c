/**
 * One timeline on the screen: fetches its pages, follows its node live, and after a lost
 * connection catches up without doubling or losing a post. Does not know where a connection
 * comes from: `model/client.ts` tells it.
 */
import type { NodeEvent, Post } from '../xmpp/atom';
import { LinkLost, StanzaError } from '../xmpp/errors';
import type { Link } from '../xmpp/link';
import { fetchPage, subscribe, unsubscribe, type NodeAddress, type Page } from '../xmpp/pubsub';
import type { Clock } from './clock';
import { Signal } from './signal';
import {
  addLive,
  addOlder,
  compare,
  emptyTimeline,
  isAmong,
  LONGEST,
  reaches,
  remove,
  synchronize,
  type Order,
  type Timeline,
} from './timeline';

export const PAGE = 30;

export interface FeedSource extends NodeAddress {
  key: string;
  order: Order;
  /** How new posts come: by a subscription of this session, or with events that come anyway. */
  live: 'subscribe' | 'events';
  /** Whether a post that came through another node belongs here too. */
  accepts(post: Post): boolean;
}

export interface FeedState {
  phase: 'loading' | 'ready' | 'failed';
  timeline: Timeline;
  /** New posts that wait for the reader to ask for them, newest last. */
  held: readonly Post[];
  older: 'idle' | 'loading' | 'failed';
  error: unknown;
}

const READY = { phase: 'ready', error: undefined, older: 'idle' } as const;

export class Feed {
  readonly state: Signal<FeedState>;
  private link: Link | undefined;
  private holding = false;
  /** Up to this post nothing is missing; what came later may have a gap below it. */
  private settled: Post | undefined;
  private synced = false;
  /** What arrives while the node is being read, for each reading that is under way. */
  private readonly watchers = new Set<Set<string>>();

  constructor(
    readonly source: FeedSource,
    private readonly clock: Clock,
    /** Told of every post that was read. */
    private readonly learn: (posts: readonly Post[]) => void,
  ) {
    this.state = new Signal<FeedState>({
      phase: 'loading',
      timeline: emptyTimeline(source.order),
      held: [],
      older: 'idle',
      error: undefined,
    });
  }

  /** A connection is there (again): subscribes first, then fetches what was missed. */
  async connect(link: Link): Promise<void> {
    this.link = link;
    this.synced = false;
    try {
      await this.subscribe(link);
      await this.synchronize(link);
    } catch (error) {
      this.fail(link, error);
    }
  }

  disconnect(): void {
    this.link = undefined;
    this.synced = false;
  }

  /** Stops live delivery; the posts stay for a return. */
  async leave(): Promise<void> {
    const link = this.link;
    this.disconnect();
    if (link && this.source.live === 'subscribe') {
      await unsubscribe(link, this.source, link.jid).catch(() => undefined);
    }
  }

  /** Fetches what events may have missed, keeping everything that is known. */
  async catchUp(): Promise<void> {
    const link = this.link;
    if (!link) return;
    try {
      await this.synchronize(link);
    } catch (error) {
      this.fail(link, error);
    }
  }

  /** Starts anew with the newest posts, for instance after following somebody. */
  async refresh(): Promise<void> {
    this.settled = undefined;
    await this.catchUp();
  }

  async loadOlder(): Promise<void> {
    const { timeline, older, phase } = this.state.value;
    const link = this.link;
    if (!link || phase !== 'ready' || older === 'loading' || timeline.complete) return;
    this.patch({ older: 'loading' });
    try {
      const page = await this.fetch(link, timeline.cursor);
      this.change((now) =>
        now.cursor === timeline.cursor ? addOlder(now, page.posts, page.first) : now,
      );
      this.patch({ older: 'idle' });
    } catch (error) {
      this.patch({ older: error instanceof LinkLost ? 'idle' : 'failed' });
    }
  }

  /** While held, new posts wait instead of moving what is being read. */
  hold(holding: boolean): void {
    this.holding = holding;
  }

  /** Shows the held posts; back at the newest end if that was dropped. */
  async reveal(): Promise<void> {
    this.holding = false;
    const { held, timeline } = this.state.value;
    if (timeline.detached) {
      this.patch({ held: [], timeline: emptyTimeline(this.source.order), phase: 'loading' });
      await this.refresh();
      return;
    }
    this.patch({ held: [], timeline: addLive(timeline, held) });
  }

  /** Takes what an event of this node brings; returns the identities of the retracted posts. */
  receive(event: NodeEvent): ReadonlySet<string> {
    if (event.posts.length > 0) this.arrive(event.posts);
    const ids = new Set(event.retracted);
    const gone = this.all().filter((post) => ids.has(post.id));
    const uids = new Set(gone.map((post) => post.uid));
    if (uids.size > 0) this.removePosts(uids);
    return uids;
  }

  /** All posts that are here, shown or held. */
  posts(): readonly Post[] {
    return this.all();
  }

  /** Takes posts of an event, of this node or of another one that they belong to as well. */
  arrive(posts: readonly Post[]): void {
    const { timeline, held } = this.state.value;
    const known = new Set(timeline.posts.map((post) => post.uid));
    const isWaiting = (post: Post) => !known.has(post.uid) && (this.holding || timeline.detached);
    const waiting = posts.filter(isWaiting);
    const shown = posts.filter((post) => !isWaiting(post));
    const uids = new Set(posts.map((post) => post.uid));
    for (const watcher of this.watchers) uids.forEach((uid) => watcher.add(uid));
    this.patch({
      timeline: addLive(timeline, shown),
      held: [...held.filter((post) => !uids.has(post.uid)), ...waiting].slice(-LONGEST),
    });
    if (this.synced) this.settle();
  }

  removePosts(uids: ReadonlySet<string>): void {
    this.change((timeline) => remove(timeline, uids));
    this.patch({ held: this.state.value.held.filter((post) => !isAmong(uids, post)) });
  }

  /** Shows other words at once, before the event comes. */
  reword(subject: string, change: Partial<Post>): void {
    const apply = (posts: readonly Post[]) =>
      posts.map((post) => (post.subject === subject ? { ...post, ...change } : post));
    if (!this.all().some((post) => post.subject === subject)) return;
    this.change((timeline) => ({ ...timeline, posts: apply(timeline.posts) }));
    this.patch({ held: apply(this.state.value.held) });
  }

  /** A node that may be read but not subscribed to is shown as it is, without new posts. */
  private async subscribe(link: Link): Promise<void> {
    if (this.source.live !== 'subscribe') return;
    try {
      await subscribe(link, this.source, link.jid);
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
    }
  }

  private all(): Post[] {
    return [...this.state.value.timeline.posts, ...this.state.value.held];
  }

  /**
   * Goes back from the newest page until it meets what was known when everything was in order.
   * Nothing is shown before the gap is closed, so an interrupted attempt leaves no hole.
   */
  private async synchronize(link: Link): Promise<void> {
    const anchor = this.settled;
    const arrived = new Set<string>();
    this.watchers.add(arrived);
    try {
      await this.bridge(link, anchor, arrived);
    } finally {
      this.watchers.delete(arrived);
    }
  }

  private async bridge(
    link: Link,
    anchor: Post | undefined,
    arrived: ReadonlySet<string>,
  ): Promise<void> {
    const fetched: Post[] = [];
    let cursor: string | undefined;
    let isClosed = false;
    let isEverything = false;
    while (!isClosed && fetched.length < LONGEST) {
      const page = await this.fetch(link, cursor);
      if (this.link !== link) return;
      fetched.unshift(...page.posts);
      cursor = page.first ?? cursor;
      isEverything = page.first === undefined;
      isClosed =
        anchor === undefined || isEverything || reaches(this.source.order, page.posts[0], anchor);
    }
    if (anchor === undefined || !isClosed) this.restart(fetched, cursor, isEverything, arrived);
    else this.join(fetched);
    this.synced = true;
    this.settle();
  }

  /** Nothing was known, or too much was missed to bridge; only what has just arrived is kept. */
  private restart(
    fetched: readonly Post[],
    cursor: string | undefined,
    complete: boolean,
    arrived: ReadonlySet<string>,
  ): void {
    const { order } = this.source;
    const newest = newestOf(order, fetched);
    const later = this.all().filter(
      (post) => arrived.has(post.uid) && (!newest || compare(order, post, newest) > 0),
    );
    const fresh = addLive({ ...emptyTimeline(order), cursor, complete }, fetched);
    this.patch({ ...READY, timeline: addLive(fresh, later), held: [] });
  }

  private join(fetched: readonly Post[]): void {
    const { timeline } = this.state.value;
    const known = new Set(timeline.posts.map((post) => post.uid));
    const merged = synchronize({ ...timeline, posts: this.all() }, fetched);
    const waits = (post: Post) => (this.holding || timeline.detached) && !known.has(post.uid);
    this.patch({
      ...READY,
      timeline: {
        ...merged,
        posts: merged.posts.filter((post) => !waits(post)),
        detached: timeline.detached,
      },
      held: merged.posts.filter(waits).reverse(),
    });
  }

  private settle(): void {
    this.settled = newestOf(this.source.order, this.all()) ?? this.settled;
  }

  private async fetch(link: Link, before: string | undefined): Promise<Page> {
    const page = await fetchPage(link, this.source, { before }, PAGE, this.clock.now());
    this.learn(page.posts);
    return page;
  }

  private fail(link: Link, error: unknown): void {
    if (this.link !== link || error instanceof LinkLost) return;
    this.patch({ phase: this.all().length > 0 ? 'ready' : 'failed', error });
  }

  private change(edit: (timeline: Timeline) => Timeline): void {
    this.patch({ timeline: edit(this.state.value.timeline) });
  }

  private patch(part: Partial<FeedState>): void {
    this.state.update((state) => ({ ...state, ...part }));
  }
}

function newestOf(order: Order, posts: readonly Post[]): Post | undefined {
  return posts.reduce<Post | undefined>(
    (newest, post) => (newest && compare(order, newest, post) >= 0 ? newest : post),
    undefined,
  );
}
