/** Communities: the directory, founding, and who asks to come in. Keeps no state. */
import type { Link } from './link';
import { NS } from './ns';
import { attribute, child, childrenNamed, childText, x } from './xml';

export interface Community {
  node: string;
  title: string;
  description: string | undefined;
  rules: string | undefined;
  access: 'open' | 'authorize' | 'whitelist';
  members: number;
  /** Unix milliseconds. */
  active: number;
  role: string | undefined;
  subscription: 'subscribed' | 'pending' | undefined;
  /** Whether the one who asks may read it. */
  isRead: boolean;
  mayPost: boolean;
  /** The SHA-1 of its picture. */
  avatar: string | undefined;
  /** How many ask to come in; for those who may answer. */
  requests: number;
}

function read(element: Element): Community {
  const word = (name: string) => attribute(element, name);
  const node = word('node') ?? '';
  return {
    node,
    title: word('title') ?? node,
    description: childText(element, 'description', NS.communities),
    rules: childText(element, 'rules', NS.communities),
    access: (word('access') ?? 'whitelist') as Community['access'],
    members: Number(word('members') ?? 0),
    active: Date.parse(word('active') ?? ''),
    role: word('role'),
    subscription: word('subscription') as Community['subscription'],
    isRead: word('posts') !== undefined,
    mayPost: word('may-post') === 'true',
    avatar: word('avatar'),
    requests: Number(word('requests') ?? 0),
  };
}

/** Those that everybody may find, the most active first; or one's own. */
export async function fetchCommunities(
  link: Link,
  service: string,
  wanted: { search: string } | 'mine',
): Promise<Community[]> {
  const query =
    wanted === 'mine'
      ? x('communities', { xmlns: NS.communities, mine: 'true' })
      : x(
          'communities',
          {
            xmlns: NS.communities,
            [wanted.search.startsWith('#') ? 'tag' : 'search']: wanted.search || undefined,
          },
          x('set', { xmlns: NS.rsm }, x('max', {}, '50')),
        );
  const answer = child(await link.iq('get', service, query), 'communities', NS.communities);
  return answer ? childrenNamed(answer, 'community', NS.communities).map(read) : [];
}

export async function fetchCommunity(
  link: Link,
  service: string,
  node: string,
): Promise<Community | undefined> {
  const answer = await link.iq('get', service, x('community', { xmlns: NS.communities, node }));
  const community = child(answer, 'community', NS.communities);
  return community && read(community);
}

export async function found(
  link: Link,
  service: string,
  wanted: { node: string; title: string; description: string; access: string },
): Promise<void> {
  const { node, title, access, description } = wanted;
  const request = x(
    'found',
    { xmlns: NS.communities, node, title, access },
    x('description', {}, description),
  );
  await link.iq('set', service, request);
}

/** The addresses that ask to come in. */
export async function fetchRequests(link: Link, service: string, node: string): Promise<string[]> {
  const answer = await link.iq('get', service, x('requests', { xmlns: NS.communities, node }));
  const list = child(answer, 'requests', NS.communities);
  return list
    ? childrenNamed(list, 'request', NS.communities).map((one) => attribute(one, 'jid') ?? '')
    : [];
}

export async function answerRequest(
  link: Link,
  service: string,
  node: string,
  jid: string,
  allow: boolean,
): Promise<void> {
  const request = x('answer', { xmlns: NS.communities, node, jid, allow: String(allow) });
  await link.iq('set', service, request);
}

/** What somebody may be in a community, the most first. */
export const ROLES = ['owner', 'moderator', 'publisher', 'member', 'outcast', 'none'] as const;
export type Role = (typeof ROLES)[number];

/** Whether somebody of this role keeps order. */
export function keepsOrder(role: string | undefined): boolean {
  return role === 'owner' || role === 'moderator';
}

/** Who has a part in it, by address; for those who keep order. */
export async function fetchRoles(
  link: Link,
  service: string,
  node: string,
): Promise<Map<string, Role>> {
  const request = x('pubsub', { xmlns: NS.pubsubOwner }, x('affiliations', { node }));
  const answer = child(await link.iq('get', service, request), 'pubsub', NS.pubsubOwner);
  const list = child(answer, 'affiliations', NS.pubsubOwner);
  const roles = new Map<string, Role>();
  for (const one of list ? childrenNamed(list, 'affiliation', NS.pubsubOwner) : []) {
    const isModerator = child(one, 'moderator', NS.communities) !== undefined;
    const role = isModerator ? 'moderator' : attribute(one, 'affiliation');
    const known = ROLES.find((name) => name === role);
    const jid = attribute(one, 'jid');
    if (known && jid !== undefined) roles.set(jid, known);
  }
  return roles;
}

export async function setRole(
  link: Link,
  service: string,
  node: string,
  jid: string,
  affiliation: Role,
): Promise<void> {
  const request = x(
    'pubsub',
    { xmlns: NS.pubsubOwner },
    x('affiliations', { node }, x('affiliation', { jid, affiliation })),
  );
  await link.iq('set', service, request);
}

/** Its picture as an address that an image can have; undefined where there is none. */
export async function fetchAvatar(
  link: Link,
  service: string,
  node: string,
): Promise<string | undefined> {
  const answer = await link.iq('get', service, x('avatar', { xmlns: NS.communities, node }));
  const avatar = child(answer, 'avatar', NS.communities);
  const type = avatar && attribute(avatar, 'type');
  return type === undefined ? undefined : `data:${type};base64,${avatar?.textContent ?? ''}`;
}

/** `picture` in base64; empty takes it away. */
export async function setAvatar(
  link: Link,
  service: string,
  node: string,
  picture: string,
): Promise<void> {
  await link.iq('set', service, x('avatar', { xmlns: NS.communities, node }, picture));
}
