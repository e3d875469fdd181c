/**
 * People who wait for an answer: those who want to see this account's presence and what is for
 * contacts, those who want to follow a blog that its owner opens by hand; and one's own requests,
 * which are kept until they are answered.
 */
import { decide, fetchApplicants, type Applicant } from '../xmpp/approval';
import type { Link } from '../xmpp/link';
import { sendPresence, type SubscriptionPresence } from '../xmpp/presence';
import { isOpenToUs, type Contact } from '../xmpp/roster';
import type { Follows } from './follows';
import type { Storage } from './outbox';
import { Signal } from './signal';

export type Verdict = 'allow' | 'decline';

/** More than anybody reads through; what comes beyond it waits on the server. */
const MOST = 500;

export class Requests {
  /** Bare JIDs of people who want to become contacts, which lets them follow too. */
  readonly incoming = new Signal<readonly string[]>([]);
  /** People who wait for leave to follow, where the blog asks its owner each time. */
  readonly applicants = new Signal<readonly Applicant[]>([]);

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
      if (contact && isOpenToUs(contact)) await this.fulfil(link, jid);
      else if (contact?.isAsked) this.follows.mark(jid, 'requested');
      else this.forget(jid);
    }
  }

  /** Without a connection nobody can be answered. */
  disconnect(): void {
    this.incoming.set([]);
    this.applicants.set([]);
  }

  ask(link: Link, jid: string): void {
    this.keep([...this.wishes().filter((wish) => wish !== jid), jid]);
    sendPresence(link, jid, 'subscribe');
  }

  withdraw(link: Link, jid: string): void {
    this.forget(jid);
    sendPresence(link, jid, 'unsubscribe');
  }

  /** Answers somebody who wants to become a contact. */
  answer(link: Link, jid: string, verdict: Verdict): void {
    sendPresence(link, jid, verdict === 'allow' ? 'subscribed' : 'unsubscribed');
    this.drop(jid);
  }

  /** Answers somebody who wants to follow. */
  async decide(link: Link, applicant: Applicant, verdict: Verdict): Promise<void> {
    await decide(link, applicant, verdict === 'allow' ? 'subscribed' : 'none');
    this.applicants.update((all) => all.filter((other) => !isSame(other, applicant)));
  }

  apply(applicant: Applicant): void {
    this.applicants.update((all) =>
      all.length >= MOST || all.some((other) => isSame(other, applicant))
        ? all
        : [...all, applicant],
    );
  }

  /** Asks who waits to follow: the server tells only those who are there at the time. */
  async review(link: Link): Promise<void> {
    for (const applicant of await fetchApplicants(link)) this.apply(applicant);
  }

  receive(link: Link, jid: string, type: SubscriptionPresence): void {
    switch (type) {
      case 'subscribe':
        this.incoming.update((all) =>
          all.includes(jid) || all.length >= MOST ? all : [...all, jid],
        );
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

  /** Takes somebody out without an answer: the server has already seen to it. */
  drop(jid: string): void {
    this.incoming.update((all) => all.filter((other) => other !== jid));
  }

  /** The other person agrees: now the node is open. */
  private async fulfil(link: Link, jid: string): Promise<void> {
    this.forget(jid);
    await this.follows.follow(link, jid).catch(() => undefined);
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

function isSame(a: Applicant, b: Applicant): boolean {
  return a.jid === b.jid && a.node === b.node;
}
