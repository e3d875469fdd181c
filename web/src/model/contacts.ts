/**
 * Contacts and all that concerns them: the roster, who is there, who asks, who is blocked, and how
 * one is there oneself. Decides which stanza is for whom.
 */
import { readApplication } from '../xmpp/approval';
import { bare } from '../xmpp/jid';
import type { Link } from '../xmpp/link';
import { NS } from '../xmpp/ns';
import { readPresence, readSubscription } from '../xmpp/presence';
import { isOpenToUs, seesUs } from '../xmpp/roster';
import { attribute, x } from '../xmpp/xml';
import { Blocked } from './blocked';
import type { Clock } from './clock';
import type { Follows } from './follows';
import type { Storage } from './outbox';
import { OwnStatus } from './own-status';
import { Presences } from './presences';
import { Requests } from './requests';
import { Roster } from './roster';

export class Contacts {
  readonly roster = new Roster();
  readonly presences = new Presences();
  readonly blocked = new Blocked();
  readonly requests: Requests;
  readonly status: OwnStatus;

  constructor(
    private readonly account: string,
    storage: Storage,
    follows: Follows,
    private readonly clock: Clock,
  ) {
    this.requests = new Requests(`folkmoot.requests.${account}`, storage, follows);
    this.status = new OwnStatus(`folkmoot.status.${account}`, storage);
  }

  /** The roster is asked for before presence is sent, so that requests come to this session too. */
  async connect(link: Link, followed: Promise<void>): Promise<void> {
    const roster = this.roster.connect(link);
    const blocked = this.blocked.connect(link).catch(() => undefined);
    this.status.announce(link);
    // All are under way together; none may fail unheard while another is awaited.
    const [contacts] = await Promise.all([roster, followed, blocked]);
    await this.requests.connect(link, contacts);
  }

  disconnect(): void {
    this.presences.clear();
    this.requests.disconnect();
  }

  /** Ends what this browser keeps of the account. */
  erase(): void {
    this.status.erase();
  }

  /** Takes a stanza that concerns contacts; whether it was one. */
  receive(stanza: Element, link: Link): boolean {
    if (this.roster.receive(stanza, this.account)) {
      this.follow(stanza);
      confirm(stanza, link);
      return true;
    }
    if (this.blocked.receive(stanza, this.account)) {
      confirm(stanza, link);
      return true;
    }
    const subscription = readSubscription(stanza);
    if (subscription) {
      this.requests.receive(link, subscription.jid, subscription.type);
      return true;
    }
    const applicant = readApplication(stanza, this.account);
    if (applicant) {
      this.requests.apply(applicant);
      return true;
    }
    return this.receivePresence(stanza);
  }

  private receivePresence(stanza: Element): boolean {
    const news = readPresence(stanza);
    if (!news) return false;
    const jid = bare(news.from);
    const contact = this.roster.of(jid);
    // The presence of contacts may overtake the roster; that of strangers is none of our business.
    const isAwaited = this.roster.contacts.value === undefined || (contact && isOpenToUs(contact));
    if (jid !== this.account && isAwaited) this.presences.receive(news, this.clock.now());
    return true;
  }

  /** What follows from a push: who is not seen any longer, and who needs no answer any more. */
  private follow(push: Element): void {
    for (const item of Array.from(push.getElementsByTagNameNS(NS.roster, 'item'))) {
      const jid = bare(attribute(item, 'jid') ?? '');
      const contact = this.roster.of(jid);
      if (!contact || !isOpenToUs(contact)) this.presences.forget(jid);
      // Answered on another device.
      if (contact && seesUs(contact)) this.requests.drop(jid);
    }
  }
}

/** A push is answered like any request (RFC 6121 §2.1.6). */
function confirm(stanza: Element, link: Link): void {
  const head = { xmlns: NS.client, to: attribute(stanza, 'from'), id: attribute(stanza, 'id') };
  link.send(x('iq', { ...head, type: 'result' }));
}
