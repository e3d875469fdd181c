/**
 * Conversations as this browser keeps them: a list with the latest message of each, and their
 * messages apart, so that a list is read without them. Bounded; ends with signing out.
 */
import type { Storage } from './outbox';

/**
 * `waiting` for a connection or the server; `sent`: the server has it; `delivered`: a device has it;
 * `read`: somebody has seen it.
 */
export type Delivery = 'waiting' | 'sent' | 'delivered' | 'read' | 'failed';

export interface Message {
  /** Of the stanza, or made up where it had none. */
  id: string;
  body: string;
  /** When it was sent; Unix milliseconds. */
  at: number;
  /** Undefined: the other person's. */
  delivery: Delivery | undefined;
  /** Whether it waited on the server until somebody was there. */
  isLate: boolean;
  /** The condition of a failure. */
  error: string | undefined;
  /** Its id in the account's archive, once it is known. */
  archiveId?: string | undefined;
  isEdited?: boolean;
  /** Taken back by its author; the body is empty. */
  isRetracted?: boolean;
  /** Whether its author wants to know that it was read. */
  isMarkable?: boolean;
  /** Who reacted with what, by bare JID. */
  reactions?: Readonly<Record<string, readonly string[]>>;
  /** The message of one's own that this, while it waits, is to take the place of. */
  replaces?: string | undefined;
}

export interface Summary {
  jid: string;
  latest: Message | undefined;
  unread: number;
  /** What was begun and not sent. */
  draft: string;
  /** When anything happened last; Unix milliseconds. */
  at: number;
  /** The archive id of the last message that was read, on whatever device. */
  displayed?: string | undefined;
}

/** What of the archive this browser has: all between two ids. */
export interface Mark {
  newest: string | undefined;
  oldest: string | undefined;
  /** Whether nothing is older. */
  isWhole: boolean;
}

export const MOST_MESSAGES = 300;
export const MOST_CONVERSATIONS = 100;
/** Characters: a browser gives a site a few million of them. */
const LONGEST_CONVERSATION = 60_000;
const LONGEST_PREVIEW = 200;

export class ChatStore {
  private readonly listKey: string;
  private readonly markKey: string;
  /** What a forbidden or full storage would not take, as long as this page lives. */
  private readonly kept = new Map<string, string>();

  constructor(
    account: string,
    private readonly storage: Storage,
  ) {
    this.listKey = `folkmoot.chats.${account}`;
    this.markKey = `folkmoot.archive.${account}`;
  }

  /** Which conversation a storage key is about; `list` for all, undefined for none of ours. */
  concerns(key: string): { jid: string } | 'list' | undefined {
    if (key === this.listKey) return 'list';
    return key.startsWith(`${this.listKey}/`)
      ? { jid: key.slice(this.listKey.length + 1) }
      : undefined;
  }

  /** Latest first. */
  readList(): Summary[] {
    const summaries = this.read(this.listKey).filter(isSummary);
    return summaries.sort((a, b) => b.at - a.at);
  }

  /** Returns those that had to go. */
  writeList(list: readonly Summary[]): void {
    const sorted = [...list].sort((a, b) => b.at - a.at);
    for (const { jid } of sorted.slice(MOST_CONVERSATIONS)) this.remove(`${this.listKey}/${jid}`);
    this.write(this.listKey, sorted.slice(0, MOST_CONVERSATIONS).map(shorten));
  }

  /** Oldest first. */
  readMessages(jid: string): Message[] {
    return this.read(`${this.listKey}/${jid}`).filter(isMessage);
  }

  writeMessages(jid: string, messages: readonly Message[]): void {
    let room = LONGEST_CONVERSATION;
    const fits = ({ body }: Message) => (room -= body.length) >= 0;
    const latest = messages.slice(-MOST_MESSAGES).reverse();
    const end = latest.findIndex((message) => !fits(message));
    const kept = end < 0 ? latest : latest.slice(0, Math.max(1, end));
    this.write(`${this.listKey}/${jid}`, kept.reverse());
  }

  readMark(): Mark | undefined {
    const [mark] = this.read(this.markKey);
    return isMark(mark) ? mark : undefined;
  }

  writeMark(mark: Mark): void {
    this.write(this.markKey, [mark]);
  }

  forget(jid: string): void {
    this.remove(`${this.listKey}/${jid}`);
    this.writeList(this.readList().filter((summary) => summary.jid !== jid));
  }

  /** Ends everything that this browser keeps of the account's conversations. */
  erase(): void {
    for (const { jid } of this.readList()) this.remove(`${this.listKey}/${jid}`);
    this.remove(this.listKey);
    this.remove(this.markKey);
    this.kept.clear();
  }

  private read(key: string): unknown[] {
    try {
      const value: unknown = JSON.parse(this.kept.get(key) ?? this.storage.getItem(key) ?? '[]');
      return Array.isArray(value) ? value : [];
    } catch {
      return [];
    }
  }

  private write(key: string, value: readonly unknown[]): void {
    const text = JSON.stringify(value);
    try {
      this.storage.setItem(key, text);
      this.kept.delete(key);
    } catch {
      this.kept.set(key, text);
    }
  }

  private remove(key: string): void {
    this.kept.delete(key);
    try {
      this.storage.removeItem(key);
    } catch {
      // Nothing was kept, then.
    }
  }
}

function shorten({ latest, ...summary }: Summary): Summary {
  const body = latest?.body.slice(0, LONGEST_PREVIEW) ?? '';
  return { ...summary, latest: latest && { ...latest, body } };
}

function isMessage(value: unknown): value is Message {
  const message = value as Partial<Message> | null;
  return (
    typeof message === 'object' &&
    message !== null &&
    typeof message.id === 'string' &&
    typeof message.body === 'string' &&
    typeof message.at === 'number'
  );
}

function isMark(value: unknown): value is Mark {
  const mark = value as Partial<Mark> | null | undefined;
  return typeof mark === 'object' && mark !== null && typeof mark.isWhole === 'boolean';
}

function isSummary(value: unknown): value is Summary {
  const summary = value as Partial<Summary> | null;
  return (
    typeof summary === 'object' &&
    summary !== null &&
    typeof summary.jid === 'string' &&
    typeof summary.unread === 'number' &&
    typeof summary.draft === 'string' &&
    typeof summary.at === 'number'
  );
}
