/**
 * Private conversations: what is sent, what comes, by whatever device, and what was said before.
 * The archive on the server has it all; this browser keeps the latest, to show at once. A message
 * that is written without a connection waits, and goes out once under the same id.
 */
import { StanzaError } from '../xmpp/errors';
import { domainpart } from '../xmpp/jid';
import type { Link } from '../xmpp/link';
import {
  enableCarbons,
  readCarbon,
  readChatError,
  NOTHING_SAID,
  readMessage,
  writeMessage,
  writeReactions,
  writeReceipt,
  writeRetraction,
  type ChatError,
  type ChatMessage,
} from '../xmpp/message';
import { NS } from '../xmpp/ns';
import { x } from '../xmpp/xml';
import {
  apply,
  countUnread,
  deliver,
  insert,
  readUpTo,
  unreadAfter,
  unreadSinceOwn,
  type Log,
} from './chat-log';
import { ChatStore, type Message, type Summary } from './chat-store';
import type { Clock } from './clock';
import { History } from './history';
import type { Exclusive, Storage } from './outbox';
import { Reads } from './reads';
import { Signal } from './signal';
import { Strangers } from './strangers';
import { Typing } from './typing';

export const LONGEST_MESSAGE = 10_000;
const ACCEPT_TIMEOUT = 20_000;
const RETRY_AFTER = 10_000;
/** Reactions kept whose message is not here yet. */
const MOST_ORPHANS = 200;

export interface ChatEvents {
  /** Whether this person may learn that a message has arrived or was read: contacts only (XEP-0184 §8). */
  isTrusted(jid: string): boolean;
  newId(): string;
  /** What programs show that do not know how a message is taken back. */
  retractionText(): string;
}

export class Chats {
  /** Latest first. */
  readonly list: Signal<readonly Summary[]>;
  readonly typing: Typing;
  readonly history: History;
  readonly strangers: Strangers;
  private readonly reads: Reads;
  private readonly store: ChatStore;
  private readonly open = new Map<string, Signal<Log>>();
  /** What is about messages that are not here; applied when they come. */
  private orphans: ChatMessage[] = [];
  /** Conversations of which much changes at once, written when all of it has. */
  private batch: Map<string, Log> | undefined;
  private looking: string | undefined;
  private link: Link | undefined;
  /** Whether all that was missed is here, so that nothing is sent that was sent already. */
  private isReady = false;
  private isFlushing = false;

  constructor(
    private readonly account: string,
    storage: Storage,
    private readonly clock: Clock,
    private readonly exclusive: Exclusive,
    private readonly events: ChatEvents,
  ) {
    this.store = new ChatStore(account, storage);
    this.typing = new Typing(clock);
    this.reads = new Reads(account, clock);
    this.strangers = new Strangers(account);
    this.history = new History(account, this.store, {
      onPage: (messages, what) => this.takePage(messages, what),
      onGap: () => this.forgetLogs(),
      oldestOf: (jid) =>
        this.logOf(jid).find(({ archiveId }) => archiveId !== undefined)?.archiveId,
    });
    this.list = new Signal<readonly Summary[]>(this.conversations());
  }

  connect(link: Link): void {
    this.link = link;
    this.typing.connect(link);
    this.history.connect(link);
    // Copies first: what is said on other devices while the rest is fetched comes as well.
    void link.iq('set', undefined, enableCarbons()).catch(() => undefined);
    void this.strangers.connect(link).catch(() => undefined);
    void this.catchUp(link);
  }

  private async catchUp(link: Link): Promise<void> {
    const displayed = await this.reads.connect(link);
    if (this.link !== link) return;
    for (const { jid, archiveId } of displayed) this.displayedElsewhere(jid, archiveId);
    await this.history.catchUp(link).catch(() => undefined);
    if (this.link !== link) return;
    this.isReady = true;
    void this.flush();
  }

  disconnect(): void {
    this.link = undefined;
    this.isReady = false;
    this.typing.disconnect();
    this.reads.disconnect();
    this.history.disconnect();
    this.strangers.disconnect();
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
    if (what === 'list') this.list.set(this.conversations());
    else if (what) {
      const kept = this.store.readMessages(what.jid);
      const before = this.open.get(what.jid)?.value ?? [];
      const start = kept[0]?.at ?? Infinity;
      this.open.get(what.jid)?.set([...before.filter(({ at }) => at < start), ...kept]);
    }
  }

  /** The messages of one conversation, oldest first. */
  messages(jid: string): Signal<Log> {
    const known = this.open.get(jid) ?? new Signal<Log>(this.store.readMessages(jid));
    this.open.set(jid, known);
    return known;
  }

  private logOf(jid: string): Log {
    return this.batch?.get(jid) ?? this.open.get(jid)?.value ?? this.store.readMessages(jid);
  }

  /** The conversation that is before somebody's eyes, if any: what comes in it is read. */
  look(jid: string | undefined): void {
    this.looking = jid;
    if (jid !== undefined) this.seen(jid);
  }

  /** Everything in a conversation is read now; all devices are to know. */
  private seen(jid: string): void {
    const { unread, displayed } = this.summaryOf(jid);
    const last = this.logOf(jid).findLast(
      ({ archiveId, delivery }) => archiveId !== undefined && delivery === undefined,
    );
    if (unread > 0) this.summarize(jid, { unread: 0 });
    if (last?.archiveId === undefined || last.archiveId === displayed) return;
    // Where it was read already, or further, there is nothing to tell.
    if (unread === 0 && unreadAfter(this.logOf(jid), displayed) === 0) return;
    this.summarize(jid, { displayed: last.archiveId });
    const isOpen = () => last.isMarkable === true && this.events.isTrusted(jid);
    this.reads.tell(jid, last, isOpen);
  }

  /** Another device has read up to a message; it never goes back (XEP-0490 §5.1). */
  private displayedElsewhere(jid: string, archiveId: string): void {
    const log = this.logOf(jid);
    const { displayed, unread } = this.summaryOf(jid);
    const at = (id: string | undefined) => log.findLastIndex((other) => other.archiveId === id);
    if (displayed !== undefined && at(archiveId) <= at(displayed)) return;
    this.summarize(jid, { displayed: archiveId, unread: unreadAfter(log, archiveId) ?? unread });
  }

  send(jid: string, body: string): void {
    const text = body.trim().slice(0, LONGEST_MESSAGE);
    if (text === '') return;
    this.typing.rest(jid);
    const at = this.clock.now();
    const id = this.events.newId();
    const message = { id, body: text, at, isLate: false, error: undefined };
    this.write(jid, insert(this.logOf(jid), { ...message, delivery: 'waiting' }));
    this.summarize(jid, { draft: '', unread: 0 });
    this.strangers.drop(jid);
    void this.flush();
  }

  /** Says something else than was said; only while there is a connection. */
  correct(jid: string, message: Message, body: string): void {
    const text = body.trim().slice(0, LONGEST_MESSAGE);
    if (text === '' || text === message.body) return;
    this.act(jid, (id) => writeMessage(jid, id, text, message.id), {
      body: text,
      replaces: message.id,
    });
  }

  /** Takes a message back, on all devices of both. */
  retract(jid: string, message: Message): void {
    const instead = this.events.retractionText();
    this.act(jid, (id) => writeRetraction(jid, id, message.id, instead), { retracts: message.id });
  }

  /** Adds a reaction of one's own, or takes it away. */
  react(jid: string, message: Message, emoji: string): void {
    const own = message.reactions?.[this.account] ?? [];
    const emojis = own.includes(emoji) ? own.filter((other) => other !== emoji) : [...own, emoji];
    this.act(jid, (id) => writeReactions(jid, id, message.id, emojis), {
      reaction: { of: message.id, emojis },
    });
  }

  /** Sends what is done to a message, and does it here. */
  private act(
    jid: string,
    write: (id: string) => ReturnType<typeof x>,
    does: Partial<ChatMessage>,
  ) {
    const { link } = this;
    if (!link) return;
    this.typing.rest(jid);
    link.send(write(this.events.newId()));
    this.take({ ...NOTHING_SAID, ...does, peer: jid, isOwn: true }, 'older');
  }

  /** Sends a refused message again, under the same id. */
  retry(jid: string, id: string): void {
    this.change(jid, deliver(this.logOf(jid), [id], 'waiting'));
    void this.flush();
  }

  /** Takes one message out of this browser. */
  discard(jid: string, id: string): void {
    this.write(
      jid,
      this.logOf(jid).filter((message) => message.id !== id),
    );
  }

  /** What stands in the field, kept, and told to the other person as "is typing". */
  type(jid: string, draft: string): void {
    if (draft !== this.summaryOf(jid).draft) this.summarize(jid, { draft });
    this.typing.type(jid, draft.trim() !== '');
  }

  /** Takes a stanza; whether it was for a conversation. */
  receive(stanza: Element, link: Link): boolean {
    if (this.history.receive(stanza) || this.strangers.receive(stanza)) return true;
    const displayed = this.reads.receive(stanza);
    if (displayed) {
      for (const { jid, archiveId } of displayed) this.displayedElsewhere(jid, archiveId);
      return true;
    }
    const failed = readChatError(stanza);
    if (failed) {
      this.fail(failed);
      return true;
    }
    const carbon = readCarbon(stanza, this.account);
    const message = carbon ?? readMessage(stanza, this.account);
    if (!message) return false;
    this.history.came(message.archiveId);
    this.hear(message);
    const isNew = this.take(message, 'live');
    // Only the device that it came to says that it arrived.
    const { id, peer } = message;
    if (isNew && !carbon && message.wantsReceipt && id && this.events.isTrusted(peer)) {
      link.send(writeReceipt(peer, id));
    }
    return true;
  }

  /** What a message tells of the moment. */
  private hear({ peer, isOwn, state, body, receiptOf, displayedOf }: ChatMessage): void {
    if (isOwn) return;
    if (body !== undefined) this.typing.stop(peer);
    if (state) this.typing.hear(peer, state);
    const log = this.logOf(peer);
    if (receiptOf !== undefined) this.change(peer, deliver(log, [receiptOf], 'delivered'));
    if (displayedOf !== undefined) this.change(peer, readUpTo(log, displayedOf));
  }

  /** Takes messages of the archive; how many there are to show that were not there. */
  private takePage(messages: readonly ChatMessage[], what: 'missed' | 'older'): number {
    let shown = 0;
    const batch = new Map<string, Log>();
    this.batch = batch;
    const ids = messages.map(({ archiveId }) => archiveId).filter((id) => id !== undefined);
    const page = what === 'older' ? new Set(ids) : undefined;
    for (const message of messages) {
      if (this.take(message, what, page)) shown++;
      if (message.isOwn) continue;
      const { peer, receiptOf, displayedOf } = message;
      const log = this.logOf(peer);
      if (receiptOf !== undefined) this.change(peer, deliver(log, [receiptOf], 'delivered'));
      if (displayedOf !== undefined) this.change(peer, readUpTo(log, displayedOf));
    }
    // What was about messages of this page, and said later than all of it.
    const { orphans } = this;
    this.orphans = [];
    for (const orphan of orphans) this.take(orphan, 'older');
    this.batch = undefined;
    for (const [peer, log] of batch) this.write(peer, log);
    for (const peer of new Set(messages.map((message) => message.peer))) this.recount(peer, what);
    return shown;
  }

  /** Takes one message; whether there is something new to show. */
  private take(
    message: ChatMessage,
    how: 'live' | 'missed' | 'older',
    page?: ReadonlySet<string>,
  ): boolean {
    const { peer } = message;
    if (peer === this.account) return false;
    const log = this.logOf(peer);
    const around = {
      now: this.clock.now(),
      newId: () => this.events.newId(),
      isLive: how === 'live',
      account: this.account,
      page,
    };
    const { log: next, added, isOrphan } = apply(log, message, around);
    if (isOrphan && this.orphans.length < MOST_ORPHANS) this.orphans.push(message);
    if (next !== log) this.write(peer, next);
    if (message.body === undefined || message.isOwn) return added !== undefined;
    const isRead = this.looking === peer;
    if (added && how !== 'older' && !isRead) {
      this.summarize(peer, { unread: this.summaryOf(peer).unread + 1 });
    }
    // It may have been kept by a tab that nobody looks at.
    if (isRead && !this.batch) this.seen(peer);
    return added !== undefined;
  }

  /** Counts anew what nobody has read, by what all devices say. */
  private recount(jid: string, what: 'missed' | 'older'): void {
    const log = this.logOf(jid);
    const { displayed, unread } = this.summaryOf(jid);
    const known = unreadAfter(log, displayed);
    if (known !== undefined) this.summarize(jid, { unread: known });
    else if (what === 'older' && unread === 0 && !this.open.has(jid)) {
      const since = displayed === undefined ? unreadSinceOwn(log) : countUnread(log);
      if (since > 0) this.summarize(jid, { unread: since });
    }
    if (this.looking === jid) this.seen(jid);
  }

  /** The archive ids of what somebody wrote last, to be reported. */
  lastOf(jid: string, most: number): string[] {
    const waiting = this.strangers.list.value.find((stranger) => stranger.jid === jid)?.messages;
    const received = this.logOf(jid).filter(({ delivery }) => delivery === undefined);
    const ids = [...received, ...(waiting ?? [])].map(({ archiveId }) => archiveId);
    return ids.filter((id) => id !== undefined).slice(-most);
  }

  /** Someone is no stranger any more: what they wrote is in the archive now. */
  async accept(jid: string): Promise<void> {
    const { link } = this;
    if (!link) return;
    await this.strangers.answer(link, jid, 'accept');
    await this.history.restart(jid);
  }

  private fail({ from, id, error }: ChatError): void {
    if (id === undefined) return;
    const log = this.logOf(from);
    const isMeant = (message: Message) =>
      message.id === id &&
      message.delivery !== undefined &&
      message.delivery !== 'delivered' &&
      message.delivery !== 'read';
    if (!log.some(isMeant)) return;
    this.write(
      from,
      log.map((message) =>
        isMeant(message) ? { ...message, delivery: 'failed', error: error.condition } : message,
      ),
    );
  }

  private async flush(): Promise<void> {
    if (this.isFlushing || !this.link || !this.isReady) return;
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
      if (!link || !this.isReady || waiting.length === 0) return link !== undefined;
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
      for (const [jid, { id }] of waiting) this.change(jid, deliver(this.logOf(jid), [id], 'sent'));
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

  /** What is kept does not reach to what is new: only what waits stays. */
  private forgetLogs(): void {
    for (const { jid } of this.store.readList()) {
      const own = this.logOf(jid).filter(
        ({ delivery }) => delivery === 'waiting' || delivery === 'failed',
      );
      this.store.writeMessages(jid, own);
      this.open.get(jid)?.set(own);
    }
  }

  private change(jid: string, log: Log): void {
    if (log !== this.logOf(jid) && log.length > 0) this.write(jid, log);
  }

  private write(jid: string, log: Log): void {
    if (this.batch) {
      this.batch.set(jid, log);
      return;
    }
    this.store.writeMessages(jid, log);
    this.open.get(jid)?.set(log);
    this.summarize(jid, { latest: log.at(-1) });
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
    const isEmpty = next.latest === undefined && next.draft === '' && next.displayed === undefined;
    this.store.writeList(isEmpty ? others : [...others, next]);
    this.list.set(this.conversations());
  }

  /** Those in which something was said or begun, latest first. */
  private conversations(): Summary[] {
    return this.store
      .readList()
      .filter(({ latest, draft }) => latest !== undefined || draft !== '');
  }
}
