/**
 * The contact list as rows to draw: sorted, grouped, searched, and only the part that is on the
 * screen. Pure, so that ten thousand contacts can be tested without a screen.
 */
import { localpart } from '../xmpp/jid';
import type { Show } from '../xmpp/presence';
import type { Contact } from '../xmpp/roster';

export type Row =
  | { kind: 'group'; key: string; name: string | undefined; count: number }
  | { kind: 'contact'; key: string; contact: Contact };

export interface Sorting {
  /** Words that address, name or a group have to contain. */
  query: string;
  showOf(jid: string): Show | undefined;
  /** The name to show, and to sort by. */
  nameOf(contact: Contact): string;
}

const ORDER: Record<Show, number> = { available: 0, dnd: 1, away: 2 };
const NOT_THERE = 3;

/** Who is there first, then by name; under group heads as soon as anybody is in a group. */
export function rowsOf(contacts: Iterable<Contact>, sorting: Sorting): Row[] {
  const words = fold(sorting.query).split(/\s+/).filter(Boolean);
  const entries: { contact: Contact; name: string; rank: number }[] = [];
  for (const contact of contacts) {
    const name = sorting.nameOf(contact);
    const text = fold([contact.jid, name, ...contact.groups].join(' '));
    if (!words.every((word) => text.includes(word))) continue;
    const show = sorting.showOf(contact.jid);
    entries.push({ contact, name: fold(name), rank: show ? ORDER[show] : NOT_THERE });
  }
  entries.sort((a, b) => a.rank - b.rank || compare(a.name, b.name));
  return grouped(entries.map(({ contact }) => contact));
}

function grouped(contacts: readonly Contact[]): Row[] {
  const groups = new Map<string | undefined, Contact[]>();
  for (const contact of contacts) {
    const names = contact.groups.length > 0 ? contact.groups : [undefined];
    for (const name of names) {
      const group = groups.get(name);
      if (group) group.push(contact);
      else groups.set(name, [contact]);
    }
  }
  const isFlat = groups.size === 0 || (groups.size === 1 && groups.has(undefined));
  if (isFlat) {
    return contacts.map((contact) => ({ kind: 'contact', key: contact.jid, contact }));
  }
  const names = [...groups.keys()].sort((a, b) =>
    a === undefined ? 1 : b === undefined ? -1 : compare(fold(a), fold(b)),
  );
  return names.flatMap((name): Row[] => {
    const members = groups.get(name) ?? [];
    return [
      { kind: 'group', key: `#${name ?? ''}`, name, count: members.length },
      ...members.map((contact): Row => ({
        kind: 'contact',
        key: `${name ?? ''}#${contact.jid}`,
        contact,
      })),
    ];
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Without marks and case, so that `Elodie` finds `Élodie`. */
function fold(text: string): string {
  // Most names are plain; normalizing ten thousand of them takes time.
  const plain = /^[\u0020-\u007e]*$/.test(text) ? text : text.normalize('NFD');
  return plain.replace(/\p{M}/gu, '').toLowerCase();
}

export function nameOf(contact: Contact): string {
  return contact.name ?? localpart(contact.jid);
}

/** Which rows to draw; all are of one height. */
export interface Window {
  first: number;
  /** Behind the last. */
  end: number;
}

const MARGIN = 8;

/** `top`: how far the list's beginning lies above the screen's, in pixels. */
export function windowOf(top: number, height: number, row: number, count: number): Window {
  const first = Math.max(0, Math.min(count, Math.floor(top / row) - MARGIN));
  const end = Math.max(first, Math.min(count, Math.ceil((top + height) / row) + MARGIN));
  return { first, end };
}
