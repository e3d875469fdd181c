/** Finds people: by address in any form where it is one, else by words of names. */
import { isTemporary, StanzaError } from '../xmpp/errors';
import { domainpart, localpart } from '../xmpp/jid';
import type { Link } from '../xmpp/link';
import { fetchFollowing, fetchPeople, type Person } from '../xmpp/social';
import { readWanted, type Here } from './lookup';

export type Found =
  | { kind: 'nothing' }
  | { kind: 'people'; people: Person[] }
  /** Nobody, or nobody who shows it to strangers. `jid` where it was an address here. */
  | { kind: 'missing'; jid: string | undefined }
  /** On a server that this one cannot reach. */
  | { kind: 'elsewhere'; jid: string };

const MOST = 20;

export async function findPeople(
  link: Link,
  { service, here, typed }: { service: string; here: Here; typed: string },
): Promise<Found> {
  const wanted = readWanted(typed, here);
  if (wanted.kind === 'nothing') return { kind: 'nothing' };
  if (wanted.kind === 'words') {
    const people = await fetchPeople(link, service, MOST, wanted.text);
    return people.length > 0 ? { kind: 'people', people } : { kind: 'missing', jid: undefined };
  }
  const { jid } = wanted;
  const isHere = domainpart(jid) === here.domain;
  if (isHere) {
    const people = await fetchPeople(link, service, MOST, localpart(jid));
    const exact = people.filter((person) => person.jid === jid);
    if (exact.length > 0) return { kind: 'people', people: exact };
  }
  return ask(link, jid, isHere);
}

/** Asks that person's own address: some are found by nobody and answer all the same. */
async function ask(link: Link, jid: string, isHere: boolean): Promise<Found> {
  try {
    const { followers } = await fetchFollowing(link, jid);
    return { kind: 'people', people: [{ jid, name: undefined, posts: 0, followers }] };
  } catch (error) {
    const isUnreachable =
      error instanceof StanzaError && error.condition.startsWith('remote-server-');
    if (isUnreachable) return { kind: 'elsewhere', jid };
    if (!(error instanceof StanzaError) || isTemporary(error)) throw error;
    return isHere ? { kind: 'missing', jid } : { kind: 'elsewhere', jid };
  }
}
