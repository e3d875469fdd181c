/**
 * Requests to follow, where posts are for contacts only: those of others, which wait for an
 * answer here, and one's own, which are kept until they are answered.
 */
import { sendPresence, type Contact, type SubscriptionPresence } from '../xmpp/contacts';
import type { Link } from '../xmpp/link';
import type { Follows } from './follows';
import type { Storage } from './outbox';
import { Signal } from './signal';

export class Requests {
  /** Bare JIDs of people who want to follow this account. */
  readonly incoming = new Signal<readonly string[]>([]);

  constructor(
    private readonly key: string,
    private readonly storage: Storage,
    private readonly follows: Follows,
  ) {}

  /** Learns what became of one's own requests meanwhile; others' come again with each connection. */
  async connect(link: Link, roster: readonly Contact[]): Promise<void> {
    const contacts = new Map(roster.map((contact) => [contact.jid, contact]));
    for (const jid of this.wishes()) {
      const contact = contacts.get(jid);
      if (contact?.isOpenToUs) await this.fulfil(link, jid);
      else if (contact?.isAsked) this.follows.mark(jid, 'requested');
      else this.forget(jid);
    }
  }

  /** Without a connection nobody can be answered. */
  disconnect(): void {
    this.incoming.set([]);
  }

  ask(link: Link, jid: string): void {
    this.keep([...this.wishes().filter((wish) => wish !== jid), jid]);
    sendPresence(link, jid, 'subscribe');
  }

  withdraw(link: Link, jid: string): void {
    this.forget(jid);
    sendPresence(link, jid, 'unsubscribe');
  }

  /** Answers somebody who wants to follow. */
  answer(link: Link, jid: string, isWelcome: boolean): void {
    sendPresence(link, jid, isWelcome ? 'subscribed' : 'unsubscribed');
    this.drop(jid);
  }

  receive(link: Link, jid: string, type: SubscriptionPresence): void {
    switch (type) {
      case 'subscribe':
        this.incoming.update((all) => (all.includes(jid) ? all : [...all, jid]));
        return;
      case 'unsubscribe':
        this.drop(jid);
        return;
      case 'subscribed':
        if (this.wishes().includes(jid)) void this.fulfil(link, jid);
        return;
      case 'unsubscribed':
        this.forget(jid);
        this.follows.mark(jid, undefined);
        return;
    }
  }

  /** The other person agrees: now the node is open. */
  private async fulfil(link: Link, jid: string): Promise<void> {
    this.forget(jid);
    await this.follows.follow(link, jid).catch(() => undefined);
  }

  private drop(jid: string): void {
    this.incoming.update((all) => all.filter((other) => other !== jid));
  }

  private forget(jid: string): void {
    this.keep(this.wishes().filter((wish) => wish !== jid));
  }

  private wishes(): string[] {
    try {
      const kept: unknown = JSON.parse(this.storage.getItem(this.key) ?? '[]');
      return Array.isArray(kept) ? kept.filter((jid) => typeof jid === 'string') : [];
    } catch {
      return [];
    }
  }

  private keep(wishes: readonly string[]): void {
    try {
      if (wishes.length === 0) this.storage.removeItem(this.key);
      else this.storage.setItem(this.key, JSON.stringify(wishes));
    } catch {
      // Without storage a request that is granted later has to be made again.
    }
  }
}
