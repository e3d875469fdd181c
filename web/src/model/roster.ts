/** Who this account knows, as the server keeps it; changed by its pushes alone. */
import { bare } from '../xmpp/jid';
import type { Link } from '../xmpp/link';
import {
  fetchRoster,
  readRosterPush,
  removeContact,
  setContact,
  type Contact,
} from '../xmpp/roster';
import { sendPresence } from '../xmpp/presence';
import { Signal } from './signal';

/** Names and groups longer than this are cut before they are sent. */
export const LONGEST_CONTACT_NAME = 60;

export class Roster {
  /** By bare JID; undefined until it was fetched. */
  readonly contacts = new Signal<ReadonlyMap<string, Contact> | undefined>(undefined);
  private version: string | undefined;

  async connect(link: Link): Promise<readonly Contact[]> {
    const answer = await fetchRoster(link, this.contacts.value ? this.version : undefined);
    if (answer) {
      this.version = answer.version;
      this.contacts.set(new Map(answer.contacts.map((contact) => [contact.jid, contact])));
    }
    return [...(this.contacts.value?.values() ?? [])];
  }

  clear(): void {
    this.version = undefined;
    this.contacts.set(undefined);
  }

  of(jid: string): Contact | undefined {
    return this.contacts.value?.get(jid);
  }

  /** Takes a push; whether it was one. */
  receive(stanza: Element, account: string): boolean {
    const push = readRosterPush(stanza, account);
    if (!push) return false;
    this.version = push.version;
    this.contacts.update((before) => {
      const next = new Map(before);
      if (push.contact) next.set(push.jid, push.contact);
      else next.delete(push.jid);
      return next;
    });
    return true;
  }

  /** Puts somebody into the roster and asks to see them. */
  async add(link: Link, jid: string, name: string, groups: readonly string[]): Promise<void> {
    await this.edit(link, jid, name, groups);
    // Whoever asks to see also shows: the answer to their own request, given beforehand (§3.4).
    sendPresence(link, jid, 'subscribed');
    sendPresence(link, jid, 'subscribe');
  }

  async edit(link: Link, jid: string, name: string, groups: readonly string[]): Promise<void> {
    const short = name.trim().slice(0, LONGEST_CONTACT_NAME);
    await setContact(link, bare(jid), short === '' ? undefined : short, tidyGroups(groups));
  }

  async remove(link: Link, jid: string): Promise<void> {
    await removeContact(link, jid);
  }

  /** All groups in use, in alphabetical order. */
  get groups(): string[] {
    const all = new Set<string>();
    for (const { groups } of this.contacts.value?.values() ?? []) {
      for (const group of groups) all.add(group);
    }
    return [...all].sort((a, b) => a.localeCompare(b));
  }
}

/** What somebody typed with commas between, each group once. */
export function readGroups(text: string): string[] {
  return tidyGroups(text.split(','));
}

function tidyGroups(groups: readonly string[]): string[] {
  const tidied = groups.map((group) =>
    group.trim().replace(/\s+/g, ' ').slice(0, LONGEST_CONTACT_NAME),
  );
  return [...new Set(tidied)].filter((group) => group !== '');
}
