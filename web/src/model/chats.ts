/**
 * Private conversations: what is sent, what comes, who is typing. A message that is written
 * without a connection waits, and goes out once under the same id; what was read, delivered or
 * refused is told apart. Does not know a history beyond what this browser saw.
 */
import { StanzaError } from '../xmpp/errors';
import type { Link } from '../xmpp/link';
import {
  readChatError,
  readMessage,
  writeMessage,
  writeReceipt,
  writeState,
  type ChatError,
  type ChatMessage,
  type ChatState,
} from '../xmpp/message';
import { domainpart } from '../xmpp/jid';
import { NS } from '../xmpp/ns';
import { x } from '../xmpp/xml';
import { ChatStore, type Delivery, type Message, type Summary } from './chat-store';
import type { Clock } from './clock';
import type { Exclusive, Storage } from './outbox';
import { Signal } from './signal';

export const LONGEST_MESSAGE = 10_000;
/** Somebody who stopped typing this long ago has paused. */
const PAUSED_AFTER = 6_000;
/** Nobody types this long without a word about it. */
const STALE_AFTER = 45_000;
/** Two copies of one message reach two tabs within this time. */
const SAME_WITHIN = 60_000;
const ACCEPT_TIMEOUT = 20_000;
const RETRY_AFTER = 10_000;

export interface ChatEvents {
  /** Whether this person may learn that a message has arrived: contacts only (XEP-0184 §8). */
  isTrusted(jid: string): boolean;
  newId(): string;
}

export class Chats {
  /** Latest first. */
  readonly list: Signal<readonly Summary[]>;
  /** Who is typing at present. */
  readonly typing = new Signal<ReadonlySet<string>>(new Set());
  private readonly store: ChatStore;
  private readonly open = new Map<string, Signal<readonly Message[]>>();
  /** Who has spoken of chat states in this session, so that ours are welcome (XEP-0085 §5.1). */
  private readonly talkative = new Set<string>();
  private readonly stale = new Map<string, () => void>();
  private readonly ownState = new Map<string, { state: ChatState; cancel: () => void }>();
  private looking: string | undefined;
  private link: Link | undefined;
  private isFlushing = false;

  constructor(
    private readonly account: string,
    storage: Storage,
    private readonly clock: Clock,
    private readonly exclusive: Exclusive,
    private readonly events: ChatEvents,
  ) {
    this.store = new ChatStore(account, storage);
    this.list = new Signal<readonly Summary[]>(this.store.readList());
  }

  connect(link: Link): void {
    this.link = link;
    void this.flush();
  }

  disconnect(): void {
    this.link = undefined;
    for (const cancel of this.stale.values()) cancel();
    for (const { cancel } of this.ownState.values()) cancel();
    this.stale.clear();
    this.ownState.clear();
    this.talkative.clear();
    this.typing.set(new Set());
  }

  /** Ends what this browser keeps. */
  erase(): void {
    this.store.erase();
    this.open.clear();
    this.list.set([]);
  }

  /** Another tab has changed what is kept. */
  reload(key: string): void {
    const what = this.store.concerns(key);
    if (what === 'list') this.list.set(this.store.readList());
    else if (what) this.open.get(what.jid)?.set(this.store.readMessages(what.jid));
  }

  /** The messages of one conversation, oldest first. */
  messages(jid: string): Signal<readonly Message[]> {
    const known =
      this.open.get(jid) ?? new Signal<readonly Message[]>(this.store.readMessages(jid));
    this.open.set(jid, known);
    return known;
  }

  /** The conversation that is before somebody's eyes, if any: what comes in it is read. */
  look(jid: string | undefined): void {
    this.looking = jid;
    if (jid !== undefined && this.summaryOf(jid).unread > 0) this.summarize(jid, { unread: 0 });
  }

  send(jid: string, body: string): void {
    const text = body.trim().slice(0, LONGEST_MESSAGE);
    if (text === '') return;
    this.rest(jid);
    const at = this.clock.now();
    const id = this.events.newId();
    this.append(jid, { id, body: text, at, delivery: 'waiting', isLate: false, error: undefined });
    this.summarize(jid, { draft: '', unread: 0 });
    void this.flush();
  }

  /** Sends a refused message again, under the same id. */
  retry(jid: string, id: string): void {
    this.mark(jid, [id], 'waiting');
    void this.flush();
  }

  /** Takes one message out of this browser. */
  discard(jid: string, id: string): void {
    this.write(
      jid,
      this.store.readMessages(jid).filter((message) => message.id !== id),
    );
  }

  /** Takes a whole conversation out of this browser. */
  forget(jid: string): void {
    this.store.forget(jid);
    this.open.get(jid)?.set([]);
    this.list.set(this.store.readList());
  }

  /** What stands in the field, kept, and told to the other person as "is typing". */
  type(jid: string, draft: string): void {
    if (draft !== this.summaryOf(jid).draft) this.summarize(jid, { draft });
    if (draft.trim() === '') {
      this.say(jid, 'active');
      return;
    }
    this.say(jid, 'composing');
    const own = this.ownState.get(jid);
    own?.cancel();
    if (own) own.cancel = this.clock.after(PAUSED_AFTER, () => this.say(jid, 'paused'));
  }

  /** Takes a stanza; whether it was for a conversation. */
  receive(stanza: Element, link: Link): boolean {
    const failed = readChatError(stanza);
    if (failed) {
      this.fail(failed);
      return true;
    }
    const message = readMessage(stanza, this.account);
    if (!message) return false;
    if (message.receiptOf) this.mark(message.from, [message.receiptOf], 'delivered');
    if (message.state) this.hear(message.from, message.state);
    if (message.body !== undefined) this.take(message, message.body, link);
    return true;
  }

  private take(message: ChatMessage, body: string, link: Link): void {
    const { from, id, stamp } = message;
    this.stopTyping(from);
    if (message.wantsReceipt && id !== undefined && this.events.isTrusted(from)) {
      link.send(writeReceipt(from, id));
    }
    const now = this.clock.now();
    const at = Math.min(stamp ?? now, now);
    // Another tab may have kept it already; some programs begin to count anew at each connection.
    const isKnown = this.store
      .readMessages(from)
      .some(
        (known) =>
          known.delivery === undefined &&
          known.id === id &&
          known.body === body &&
          Math.abs(known.at - at) < SAME_WITHIN,
      );
    const isRead = this.looking === from;
    if (isKnown) {
      // Kept by a tab that nobody looks at, perhaps.
      if (isRead) this.summarize(from, { unread: 0 });
      return;
    }
    this.append(from, {
      id: id ?? this.events.newId(),
      body,
      at,
      delivery: undefined,
      isLate: stamp !== undefined,
      error: undefined,
    });
    this.summarize(from, { unread: isRead ? 0 : this.summaryOf(from).unread + 1 });
  }

  private fail({ from, id, error }: ChatError): void {
    if (id === undefined) return;
    const messages = this.store.readMessages(from);
    const isOurs = messages.some((message) => message.id === id && message.delivery !== undefined);
    if (!isOurs) return;
    this.write(
      from,
      messages.map((message) =>
        message.id === id && message.delivery !== undefined && message.delivery !== 'delivered'
          ? { ...message, delivery: 'failed', error: error.condition }
          : message,
      ),
    );
  }

  private hear(jid: string, state: ChatState): void {
    this.talkative.add(jid);
    this.stopTyping(jid);
    if (state !== 'composing') return;
    this.typing.update((all) => new Set(all).add(jid));
    this.stale.set(
      jid,
      this.clock.after(STALE_AFTER, () => this.stopTyping(jid)),
    );
  }

  private stopTyping(jid: string): void {
    this.stale.get(jid)?.();
    this.stale.delete(jid);
    if (!this.typing.value.has(jid)) return;
    this.typing.update((all) => new Set([...all].filter((other) => other !== jid)));
  }

  private say(jid: string, state: ChatState): void {
    const own = this.ownState.get(jid);
    if ((own?.state ?? 'active') === state || !this.link || !this.talkative.has(jid)) return;
    own?.cancel();
    this.ownState.set(jid, { state, cancel: () => undefined });
    this.link.send(writeState(jid, state));
  }

  /** The message itself says `active`. */
  private rest(jid: string): void {
    this.ownState.get(jid)?.cancel();
    this.ownState.delete(jid);
  }

  private async flush(): Promise<void> {
    if (this.isFlushing || !this.link) return;
    this.isFlushing = true;
    let isThrough = false;
    try {
      isThrough = await this.exclusive(() => this.sendAll());
    } finally {
      this.isFlushing = false;
    }
    if (this.waiting().length === 0) return;
    // One may have been written after the last was sent; silence is given a pause.
    if (isThrough) void this.flush();
    else this.clock.after(RETRY_AFTER, () => void this.flush());
  }

  /** Whether all went out; one tab at a time, so that none sends what another has sent. */
  private async sendAll(): Promise<boolean> {
    for (;;) {
      const link = this.link;
      const waiting = this.waiting();
      if (!link || waiting.length === 0) return link !== undefined;
      for (const [jid, { id, body }] of waiting) link.send(writeMessage(jid, id, body));
      // Nothing answers a message. A server takes stanzas in their order: once it answers what
      // was asked behind them, it has them.
      try {
        await link.iq(
          'get',
          domainpart(this.account),
          x('ping', { xmlns: NS.ping }),
          ACCEPT_TIMEOUT,
        );
      } catch (error) {
        if (!(error instanceof StanzaError)) return false;
      }
      for (const [jid, { id }] of waiting) this.mark(jid, [id], 'sent');
    }
  }

  private waiting(): [string, Message][] {
    return this.store.readList().flatMap(({ jid }) =>
      this.store
        .readMessages(jid)
        .filter(({ delivery }) => delivery === 'waiting')
        .map((message): [string, Message] => [jid, message]),
    );
  }

  /** Delivery only gets better; a failure is for `fail` to tell. */
  private mark(jid: string, ids: readonly string[], delivery: Delivery): void {
    const messages = this.store.readMessages(jid);
    const changes = (message: Message) =>
      message.delivery !== undefined &&
      ids.includes(message.id) &&
      BETTER[delivery].includes(message.delivery);
    if (!messages.some(changes)) return;
    this.write(
      jid,
      messages.map((message) =>
        changes(message) ? { ...message, delivery, error: undefined } : message,
      ),
    );
  }

  private append(jid: string, message: Message): void {
    const messages = this.store.readMessages(jid);
    // What waited on the server may be older than what was written meanwhile.
    const place = messages.findLastIndex((other) => other.at <= message.at) + 1;
    this.write(jid, [...messages.slice(0, place), message, ...messages.slice(place)]);
  }

  private write(jid: string, messages: readonly Message[]): void {
    this.store.writeMessages(jid, messages);
    this.open.get(jid)?.set(this.store.readMessages(jid));
    this.summarize(jid, { latest: messages.at(-1) });
  }

  private summaryOf(jid: string): Summary {
    const known = this.store.readList().find((summary) => summary.jid === jid);
    return known ?? { jid, latest: undefined, unread: 0, draft: '', at: 0 };
  }

  private summarize(jid: string, change: Partial<Summary>): void {
    const before = this.summaryOf(jid);
    const next = { ...before, ...change };
    next.at = Math.max(next.latest?.at ?? 0, change.draft ? this.clock.now() : before.at);
    const others = this.store.readList().filter((summary) => summary.jid !== jid);
    // A conversation in which nothing was ever said or begun is none.
    const isEmpty = next.latest === undefined && next.draft === '';
    this.store.writeList(isEmpty ? others : [...others, next]);
    this.list.set(this.store.readList());
  }
}

const BETTER: Record<Delivery, readonly Delivery[]> = {
  waiting: ['failed'],
  sent: ['waiting'],
  delivered: ['waiting', 'sent'],
  failed: [],
};
