/**
 * Posts on their way: kept on disk until the server has said that each is durable, and sent
 * again under the same item id, so that every post arrives exactly once.
 */
import type { Origin } from '../xmpp/atom';
import { writeEntry } from '../xmpp/entry';
import { isTemporary, LinkLost } from '../xmpp/errors';
import { bare } from '../xmpp/jid';
import type { Link } from '../xmpp/link';
import { commentsNode, NODE } from '../xmpp/ns';
import { publishItem } from '../xmpp/pubsub';
import type { Clock } from './clock';
import { Signal } from './signal';

/** What a post answers, and where that is done. */
export interface ReplyTo {
  /** The pubsub service that keeps the thread. */
  service: string;
  /** The number of the thread's first post. */
  root: string;
  /** The post that is answered. */
  parent: Origin;
  /** Its number, its identity, and who wrote it. */
  number: string;
  subject: string;
  author: string;
}

export interface Draft {
  /** The item id, chosen once. */
  id: string;
  reply: ReplyTo | undefined;
  text: string;
  tags: string[];
  /** Unix milliseconds. */
  written: number;
  state: 'waiting' | 'sending' | 'refused';
  /** The condition of a refusal. */
  error: string | undefined;
}

/** The part of Web Storage that is used. */
export type Storage = Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** Runs one task at a time among all tabs of this browser. */
export type Exclusive = (task: () => Promise<boolean>) => Promise<boolean>;

const FIRST_PAUSE = 2_000;
const LONGEST_PAUSE = 60_000;
const PUBLISH_TIMEOUT = 20_000;

export class Outbox {
  readonly drafts: Signal<readonly Draft[]>;
  private link: Link | undefined;
  private flushing = false;
  private sending: string | undefined;
  private isVolatile = false;
  private failures = 0;
  /** How often there was a new connection. */
  private connections = 0;
  private cancelRetry: (() => void) | undefined;

  constructor(
    private readonly key: string,
    private readonly storage: Storage,
    private readonly clock: Clock,
    private readonly exclusive: Exclusive,
    /** Told of each post that the server has stored. */
    private readonly onSent: (draft: Draft) => void,
  ) {
    this.drafts = new Signal<readonly Draft[]>(this.load());
  }

  /** Keeps a post and sends it as soon as there is a connection. */
  add(id: string, text: string, tags: string[], reply?: ReplyTo): void {
    const written = this.clock.now();
    const draft: Draft = { id, reply, text, tags, written, state: 'waiting', error: undefined };
    this.write([...this.read(), draft]);
    void this.flush();
  }

  connect(link: Link): void {
    this.link = link;
    this.connections += 1;
    this.failures = 0;
    this.drafts.set(this.read());
    void this.flush();
  }

  disconnect(): void {
    this.link = undefined;
    this.cancelRetry?.();
  }

  /** Sends a refused post again, unchanged. */
  retry(id: string): void {
    this.edit(id, { state: 'waiting', error: undefined });
    void this.flush();
  }

  discard(id: string): void {
    this.write(this.read().filter((draft) => draft.id !== id));
  }

  /** Another tab has changed what is kept. */
  reload(): void {
    this.drafts.set(this.read());
  }

  private async flush(): Promise<void> {
    if (this.flushing || !this.link) return;
    this.flushing = true;
    const { connections } = this;
    let isThrough = false;
    try {
      isThrough = await this.exclusive(() => this.sendAll());
    } finally {
      this.flushing = false;
    }
    // One may have been added after the last was sent; and the connection that this one was lost
    // with may have been followed by another before that was known.
    const hasMore = this.drafts.value.some((draft) => draft.state === 'waiting');
    if (hasMore && (isThrough || connections !== this.connections)) void this.flush();
  }

  /** Whether it came to the end; otherwise a new connection or a pause has to come first. */
  private async sendAll(): Promise<boolean> {
    this.drafts.set(this.read());
    for (;;) {
      const link = this.link;
      const draft = this.drafts.value.find((candidate) => candidate.state === 'waiting');
      if (!draft) return true;
      if (!link || !(await this.send(link, draft))) return false;
    }
  }

  /** Whether to go on with the next one. */
  private async send(link: Link, draft: Draft): Promise<boolean> {
    this.sending = draft.id;
    this.edit(draft.id, { state: 'sending' });
    try {
      const entry = writeEntry(draft.text, draft.tags, draft.reply?.parent);
      await publishItem(link, placeOf(draft, bare(link.jid)), entry, PUBLISH_TIMEOUT);
      this.sending = undefined;
    } catch (error) {
      this.sending = undefined;
      if (isTemporary(error)) {
        this.edit(draft.id, { state: 'waiting' });
        if (!(error instanceof LinkLost)) this.retryLater();
        return false;
      }
      const condition = error instanceof Error && 'condition' in error ? error.condition : '';
      this.edit(draft.id, { state: 'refused', error: String(condition) });
      return true;
    }
    this.failures = 0;
    this.discard(draft.id);
    this.onSent(draft);
    return true;
  }

  private retryLater(): void {
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(this.failures++, 10));
    const delay = Math.round(pause * (0.5 + this.clock.random() / 2));
    this.cancelRetry?.();
    const cancel = this.clock.after(delay, () => {
      this.cancelRetry = undefined;
      void this.flush();
    });
    this.cancelRetry = () => {
      this.cancelRetry = undefined;
      cancel();
    };
  }

  private edit(id: string, change: Partial<Draft>): void {
    const drafts = this.read().map((draft) => (draft.id === id ? { ...draft, ...change } : draft));
    this.write(drafts);
  }

  /** What is kept, with the state of the one that this object is sending. */
  private read(): Draft[] {
    const drafts = this.isVolatile ? this.drafts.value : this.load();
    return drafts.map((draft) =>
      draft.id === this.sending ? { ...draft, state: 'sending' } : draft,
    );
  }

  private load(): Draft[] {
    try {
      const kept: unknown = JSON.parse(this.storage.getItem(this.key) ?? '[]');
      return Array.isArray(kept) ? kept.filter(isDraft) : [];
    } catch {
      return [];
    }
  }

  private write(drafts: readonly Draft[]): void {
    const durable = drafts.map((draft) =>
      draft.state === 'sending' ? { ...draft, state: 'waiting' as const } : draft,
    );
    try {
      if (durable.length === 0) this.storage.removeItem(this.key);
      else this.storage.setItem(this.key, JSON.stringify(durable));
    } catch {
      // A full or forbidden storage: the posts still live as long as this page does.
      this.isVolatile = true;
    }
    this.drafts.set(drafts);
  }
}

/** Where a draft will live. */
export function placeOf({ id, reply }: Draft, account: string): Origin {
  return reply
    ? { service: reply.service, node: commentsNode(reply.root), item: id }
    : { service: account, node: NODE.microblog, item: id };
}

function isReply(value: unknown): boolean {
  const reply = value as Partial<ReplyTo> | null | undefined;
  if (reply === undefined) return true;
  const { service, root, parent, number, subject, author } = reply ?? {};
  const texts = [
    service,
    root,
    number,
    subject,
    author,
    parent?.service,
    parent?.node,
    parent?.item,
  ];
  return texts.every((text) => typeof text === 'string');
}

function isDraft(value: unknown): value is Draft {
  const draft = value as Partial<Draft> | null;
  return (
    typeof draft === 'object' &&
    draft !== null &&
    typeof draft.id === 'string' &&
    typeof draft.text === 'string' &&
    typeof draft.written === 'number' &&
    Array.isArray(draft.tags) &&
    isReply(draft.reply)
  );
}
