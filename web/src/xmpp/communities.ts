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
