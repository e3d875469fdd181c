/**
 * What one does with posts, and the threads that are open: like, boost, answer, change, take
 * back. Every change shows at once wherever the post is on the screen.
 */
import type { NodeEvent, Post } from '../xmpp/atom';
import { LinkLost } from '../xmpp/errors';
import { bare, domainpart } from '../xmpp/jid';
import type { Link } from '../xmpp/link';
import { retractItem } from '../xmpp/pubsub';
import { edit } from '../xmpp/reactions';
import type { Clock } from './clock';
import type { ReplyTo } from './outbox';
import { Responses } from './responses';
import type { Site } from './site';
import { tagsOf } from './text';
import { Thread } from './thread';

/** What an edit changes. */
export type Rewording = Pick<Post, 'text' | 'tags' | 'updated'>;

/** The timelines beside the threads. */
export interface Timelines {
  all(): Iterable<Post>;
  /** Takes out posts by their identity, and every boost of them. */
  remove(uids: ReadonlySet<string>): void;
  reword(subject: string, change: Rewording): void;
}

interface Around {
  clock: Clock;
  newId(): string;
  /** The present connection. */
  link(): Link | undefined;
}

interface OpenThread {
  thread: Thread;
  users: number;
}

/** Threads kept for a return, beside the one on the screen. */
const MOST_THREADS = 5;

export class Conversation {
  readonly responses: Responses;
  /** In the order of their last use. */
  private threads: OpenThread[] = [];

  constructor(
    private readonly site: Site,
    private readonly around: Around,
    private readonly timelines: Timelines,
  ) {
    this.responses = new Responses(around.clock, site.pubsub, () => around.newId());
  }

  connect(link: Link): void {
    for (const { thread, users } of this.threads) if (users > 0) void thread.connect(link);
  }

  disconnect(): void {
    for (const { thread } of this.threads) thread.disconnect();
  }

  clear(): void {
    this.threads = [];
    this.responses.clear();
  }

  readonly learn = (posts: readonly Post[]): void => this.responses.learn(posts);

  /** Takes an event of an open thread and returns the posts that are new; undefined for others. */
  receive(event: NodeEvent): readonly Post[] | undefined {
    const concerned = this.threads.filter(
      ({ thread: { address } }) => address.node === event.node && address.service === event.from,
    );
    if (concerned.length === 0) return undefined;
    this.learn(event.posts);
    const news = event.posts.filter(
      ({ id }) => !concerned.some(({ thread }) => thread.state.value.posts.has(id)),
    );
    const gone = concerned.flatMap(({ thread }) => thread.receive(event));
    if (gone.length > 0) this.timelines.remove(new Set(gone));
    return news;
  }

  /** The thread of a post by its number, as it was left, or one that waits to be opened. */
  peek(author: string, number: string): Thread {
    const open =
      this.threads.find(({ thread }) => thread.has(number)) ?? this.begin(author, number);
    this.threads = [...this.threads.filter((other) => other !== open), open];
    let surplus = this.threads.length - MOST_THREADS;
    this.threads = this.threads.filter(
      (other) => other.users > 0 || other === open || surplus-- <= 0,
    );
    return open.thread;
  }

  /** A thread that is about to be shown; every call needs one of `release`. */
  open(author: string, number: string): Thread {
    const thread = this.peek(author, number);
    const open = this.threads.find((other) => other.thread === thread);
    const link = this.around.link();
    if (open && ++open.users === 1 && link) void thread.connect(link);
    return thread;
  }

  release(thread: Thread): void {
    const open = this.threads.find((other) => other.thread === thread);
    if (open && --open.users === 0) void thread.leave();
  }

  /** Where an answer to a post goes; undefined where its server gave it no number. */
  replyTo(post: Post): ReplyTo | undefined {
    const { number, subject, origin, author } = post;
    if (number === undefined) return undefined;
    const root = post.place?.root ?? number;
    return { service: this.serviceOf(author), root, parent: origin, number, subject, author };
  }

  /** Who takes part in the threads that are open, those of the last one first. */
  people(): string[] {
    return [...this.threads]
      .reverse()
      .flatMap(({ thread }) => [...thread.state.value.posts.values()].map(({ author }) => author));
  }

  async toggleLike(post: Post): Promise<void> {
    await this.responses.toggleLike(this.link(), post);
  }

  async toggleBoost(post: Post): Promise<void> {
    const link = this.link();
    const undone = await this.responses.toggleBoost(link, post);
    if (undone !== undefined) this.remove(new Set([`${bare(link.jid)}/${undone}`]));
  }

  async reword(post: Post, text: string): Promise<void> {
    const updated = await edit(this.link(), post.origin, text, tagsOf(text));
    const change = { text, tags: tagsOf(text), updated: updated ?? post.updated };
    this.timelines.reword(post.subject, change);
    for (const { thread } of this.threads) thread.reword(post.subject, change);
  }

  async delete(post: Post): Promise<void> {
    await retractItem(this.link(), post.origin);
    this.remove(new Set([post.subject]));
  }

  /** Takes out what is gone, by identity, from threads and timelines. */
  remove(uids: ReadonlySet<string>): void {
    this.timelines.remove(uids);
    for (const { thread } of this.threads) thread.removeSubjects(uids);
  }

  private link(): Link {
    const link = this.around.link();
    if (!link) throw new LinkLost();
    return link;
  }

  private serviceOf(author: string): string {
    const domain = domainpart(author);
    return domain === this.site.domain ? this.site.pubsub : `pubsub.${domain}`;
  }

  private begin(author: string, number: string): OpenThread {
    const service = this.serviceOf(author);
    const thread = new Thread(service, number, this.around.clock, this.learn);
    const known = [...this.timelines.all()].filter(
      (post) => post.number === number || (post.place?.root ?? '') === number,
    );
    thread.seed(known.map(original));
    return { thread, users: 0 };
  }
}

/** What was boosted, as it is in its own thread. */
function original(post: Post): Post {
  const id = post.number ?? post.id;
  // A boost's time of change is its own, and must not outdo what the thread says.
  const updated = post.isBoost ? post.published : post.updated;
  return { ...post, uid: post.subject, by: post.author, isBoost: false, id, updated };
}
