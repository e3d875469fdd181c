/**
 * What the archive has and this browser has not: the newest on coming, what was missed after a
 * silence, and older messages on demand. Does not know what a conversation makes of them.
 */
import { Archive, type ArchivePage } from '../xmpp/archive';
import { StanzaError } from '../xmpp/errors';
import type { Link } from '../xmpp/link';
import type { ChatMessage } from '../xmpp/message';
import type { ChatStore } from './chat-store';
import { Signal } from './signal';

const PAGE = 100;
const OLDER_PAGE = 50;
/** More than this was missed: what is here is given up for the newest. */
const MOST_MISSED_PAGES = 10;
/** Pages looked through for something to show, where there is much that is no message. */
const MOST_EMPTY_PAGES = 5;

/** How far back a conversation, or the list of all, is known. */
export interface Reach {
  isLoading: boolean;
  /** Nothing is older. */
  isWhole: boolean;
  hasFailed: boolean;
}

const UNKNOWN: Reach = { isLoading: false, isWhole: false, hasFailed: false };

export interface HistoryEvents {
  /** Messages that this browser has not shown: `missed` came since, `older` were there before. */
  onPage(messages: readonly ChatMessage[], what: 'missed' | 'older'): number;
  /** What was kept does not reach to what is new: it goes. */
  onGap(): void;
  /** The archive id of the oldest message that is kept of a conversation. */
  oldestOf(jid: string): string | undefined;
}

export class History {
  /** Of the list of conversations. */
  readonly reach = new Signal<Reach>(UNKNOWN);
  private readonly archive: Archive;
  private readonly conversations = new Map<string, Signal<Reach>>();
  private readonly cursors = new Map<string, string>();
  private link: Link | undefined;
  /** Whether what comes now follows what is known without a gap. */
  private isCaughtUp = false;

  constructor(
    account: string,
    private readonly store: ChatStore,
    private readonly events: HistoryEvents,
  ) {
    this.archive = new Archive(account);
    this.reach.set({ ...UNKNOWN, isWhole: store.readMark()?.isWhole === true });
  }

  connect(link: Link): void {
    this.link = link;
  }

  disconnect(): void {
    this.link = undefined;
    this.isCaughtUp = false;
  }

  receive(stanza: Element): boolean {
    return this.archive.receive(stanza);
  }

  /** How far back one conversation is known. */
  of(jid: string): Signal<Reach> {
    const reach = this.conversations.get(jid) ?? new Signal<Reach>(UNKNOWN);
    this.conversations.set(jid, reach);
    return reach;
  }

  /** A message came live: nothing is missing before it. */
  came(archiveId: string | undefined): void {
    const mark = this.store.readMark();
    if (!this.isCaughtUp || archiveId === undefined || !mark) return;
    this.store.writeMark({ ...mark, newest: archiveId });
  }

  /** Fetches what was missed; resolves when there is nothing more, or no archive. */
  async catchUp(link: Link): Promise<void> {
    const mark = this.store.readMark();
    const isReached = mark?.newest !== undefined && (await this.missed(link, mark.newest));
    if (!isReached) {
      if (mark) this.events.onGap();
      this.cursors.clear();
      await this.begin(link);
    }
    this.isCaughtUp = this.link === link;
  }

  /** Whether everything since was fetched. */
  private async missed(link: Link, since: string): Promise<boolean> {
    let after = since;
    for (let page = 0; page < MOST_MISSED_PAGES; page++) {
      let found: ArchivePage;
      try {
        found = await this.archive.fetch(link, { after, max: PAGE });
      } catch (error) {
        // What was the newest is there no longer (XEP-0059 §2.2).
        if (error instanceof StanzaError && error.condition === 'item-not-found') return false;
        throw error;
      }
      this.events.onPage(found.messages, 'missed');
      after = found.last ?? after;
      const mark = this.store.readMark();
      if (mark) this.store.writeMark({ ...mark, newest: after });
      if (found.isComplete) return true;
    }
    return false;
  }

  private async begin(link: Link): Promise<void> {
    const found = await this.archive.fetch(link, { before: '', max: PAGE });
    this.events.onPage(found.messages, 'older');
    this.keep({ newest: found.last, oldest: found.first, isWhole: found.isComplete });
  }

  private keep(mark: { newest: string | undefined; oldest: string | undefined; isWhole: boolean }) {
    this.store.writeMark(mark);
    this.reach.set({ ...UNKNOWN, isWhole: mark.isWhole });
  }

  /** Fetches older conversations for the list. */
  async olderConversations(): Promise<void> {
    const { link } = this;
    const mark = this.store.readMark();
    if (!link || mark?.oldest === undefined || this.reach.value.isLoading) return;
    this.reach.set({ ...this.reach.value, isLoading: true });
    try {
      const found = await this.archive.fetch(link, { before: mark.oldest, max: PAGE });
      this.events.onPage(found.messages, 'older');
      const oldest = found.first ?? mark.oldest;
      const newest = this.store.readMark()?.newest ?? mark.newest;
      this.keep({ newest, oldest, isWhole: found.isComplete });
    } catch {
      this.reach.set({ ...UNKNOWN, hasFailed: true });
    }
  }

  /** Fetches what was said before, until there is something to show. */
  async older(jid: string): Promise<void> {
    const reach = this.of(jid);
    const { link } = this;
    if (!link || reach.value.isLoading || reach.value.isWhole) return;
    reach.set({ ...UNKNOWN, isLoading: true });
    try {
      for (let page = 0; page < MOST_EMPTY_PAGES; page++) {
        const before = this.cursors.get(jid) ?? this.events.oldestOf(jid) ?? '';
        const found = await this.archive.fetch(link, { with: jid, before, max: OLDER_PAGE });
        const shown = this.events.onPage(found.messages, 'older');
        if (found.first !== undefined) this.cursors.set(jid, found.first);
        if (found.isComplete) {
          reach.set({ ...UNKNOWN, isWhole: true });
          return;
        }
        if (shown > 0) break;
      }
      reach.set(UNKNOWN);
    } catch {
      reach.set({ ...UNKNOWN, hasFailed: true });
    }
  }

  /** One conversation is to be fetched anew from its end. */
  restart(jid: string): Promise<void> {
    this.cursors.set(jid, '');
    this.of(jid).set(UNKNOWN);
    return this.older(jid);
  }
}
