/** Following, people to follow, and what people say about themselves. Keeps no state. */
import type { Link } from './link';
import { NODE, NS } from './ns';
import { fetchLatest, publish } from './pubsub';
import { attribute, child, childrenNamed, childText, x } from './xml';

/** Who an account follows, as far as the asker may know. */
export interface Following {
  /** How many it follows. */
  follows: number;
  followers: number;
  /** Whether the asker follows this account. */
  isFollowing: boolean;
  /** Bare JIDs. */
  list: string[];
}

export async function fetchFollowing(link: Link, jid: string | undefined): Promise<Following> {
  const answer = await link.iq('get', jid, x('following', { xmlns: NS.follow }));
  const following = child(answer, 'following', NS.follow);
  return {
    follows: count(following, 'count'),
    followers: count(following, 'followers'),
    isFollowing: attribute(following, 'is-following') === 'true',
    list: following
      ? childrenNamed(following, 'follow', NS.follow)
          .map((follow) => attribute(follow, 'jid'))
          .filter((follow) => follow !== undefined)
      : [],
  };
}

function count(element: Element | undefined, name: string): number {
  const value = Number.parseInt(attribute(element, name) ?? '', 10);
  return Number.isFinite(value) && value > 0 ? value : 0;
}

/** Somebody to follow. */
export interface Person {
  jid: string;
  name: string | undefined;
  posts: number;
  followers: number;
}

/** People to follow; with `search`, those whose address or name has these words. */
export async function fetchPeople(
  link: Link,
  service: string,
  max: number,
  search?: string,
): Promise<Person[]> {
  const answer = await link.iq('get', service, x('people', { xmlns: NS.people, search, max }));
  const people = child(answer, 'people', NS.people);
  if (!people) return [];
  return childrenNamed(people, 'person', NS.people).flatMap((person) => {
    const jid = attribute(person, 'jid');
    if (!jid) return [];
    return {
      jid,
      name: attribute(person, 'name'),
      posts: count(person, 'posts'),
      followers: count(person, 'followers'),
    };
  });
}

/** The name that somebody gave themselves (XEP-0172). */
export async function fetchNick(link: Link, jid: string): Promise<string | undefined> {
  return childText(await fetchLatest(link, { service: jid, node: NODE.nick }), 'nick', NS.nick);
}

/** What somebody wrote about themselves (XEP-0292). */
export async function fetchAbout(link: Link, jid: string): Promise<string | undefined> {
  const item = await fetchLatest(link, { service: jid, node: NODE.vcard });
  const note = child(child(item, 'vcard', NS.vcard), 'note', NS.vcard);
  return childText(note, 'text', NS.vcard);
}

/** A profile that strangers cannot read would leave them with the bare address. */
const PUBLIC = { 'pubsub#access_model': 'open', 'pubsub#persist_items': 'true' };

export async function publishNick(link: Link, name: string): Promise<void> {
  await publish(link, NODE.nick, 'current', x('nick', { xmlns: NS.nick }, name), PUBLIC);
}

export async function publishAbout(link: Link, text: string): Promise<void> {
  const note = x('note', {}, x('text', {}, text));
  await publish(link, NODE.vcard, 'current', x('vcard', { xmlns: NS.vcard }, note), PUBLIC);
}
