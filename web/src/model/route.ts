/** The pages of the client and their addresses. The server's own pages stand beside `/app/…`. */
import { handleOf } from '../xmpp/jid';
import { foldTag } from './text';

export type Route =
  | { page: 'home' }
  | { page: 'public' }
  | { page: 'people' }
  | { page: 'tag'; tag: string }
  | { page: 'communities' }
  | { page: 'community'; node: string }
  | { page: 'profile'; handle: string; tab: 'posts' | 'replies' }
  /** A post and what was answered to it; `number` as the server numbers posts. */
  | { page: 'thread'; handle: string; number: string }
  | { page: 'notifications' }
  | { page: 'contacts' }
  | { page: 'requests' }
  | { page: 'invitations' }
  /** `whom` as written: `@handle`, or a server; undefined: the list of conversations. */
  | { page: 'messages'; whom: string | undefined }
  | { page: 'console' }
  | { page: 'settings' }
  /** Somebody's invitation. */
  | { page: 'invite'; token: string }
  | { page: 'sign-in' }
  /** `token` from the administrator's first link. */
  | { page: 'sign-up'; token: string | undefined; kind: 'open' | 'welcome' }
  | { page: 'missing' };

/** Stands where the address of a conversation does, for all those that wait. */
export const STRANGERS = 'requests';

export function parseRoute(path: string): Route {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
  const [first, second, third] = parts;
  if (first === undefined) return { page: 'home' };
  switch (first) {
    case 'home':
      return { page: 'home' };
    case 'settings':
      return { page: 'settings' };
    case 'signin':
      return { page: 'sign-in' };
    case 'signup':
      return { page: 'sign-up', token: undefined, kind: 'open' };
    case 'invite':
      return second ? { page: 'invite', token: second } : { page: 'missing' };
    case 'welcome':
      return { page: 'sign-up', token: second, kind: 'welcome' };
    case 'app':
      return parseApp(second, third);
  }
  return { page: 'missing' };
}

function parseApp(name: string | undefined, rest: string | undefined): Route {
  if (name === undefined) return { page: 'home' };
  if (name === 'public') return { page: 'public' };
  if (name === 'notifications') return { page: 'notifications' };
  if (name === 'people') return { page: 'people' };
  if (name === 'contacts') return { page: 'contacts' };
  if (name === 'requests') return { page: 'requests' };
  if (name === 'invitations') return { page: 'invitations' };
  if (name === 'console') return { page: 'console' };
  if (name === 'messages') {
    return { page: 'messages', whom: rest?.toLowerCase() };
  }
  if (name === 'c') return rest ? { page: 'community', node: rest } : { page: 'communities' };
  if (name === 'tag' && rest) return { page: 'tag', tag: foldTag(rest) };
  if (name.length > 1 && name.startsWith('@')) {
    return parsePerson(name.slice(1).toLowerCase(), rest);
  }
  return { page: 'missing' };
}

function parsePerson(handle: string, rest: string | undefined): Route {
  if (rest === undefined) return { page: 'profile', handle, tab: 'posts' };
  if (rest === 'replies') return { page: 'profile', handle, tab: 'replies' };
  return /^\d{1,16}$/.test(rest) ? { page: 'thread', handle, number: rest } : { page: 'missing' };
}

/** How somebody stands in an address, behind its `@`. */
function person(handle: string): string {
  return `@${encodeURIComponent(handle).replace(/%40/g, '@')}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const paths = {
  home: '/',
  public: '/app/public',
  people: '/app/people',
  contacts: '/app/contacts',
  requests: '/app/requests',
  invitations: '/app/invitations',
  messages: '/app/messages',
  strangers: '/app/messages/requests',
  /** Servers speak too, and have no name before the `@`. */
  conversation: (jid: string, domain: string) =>
    `/app/messages/${jid.includes('@') ? person(handleOf(jid, domain)) : encodeURIComponent(jid)}`,
  console: '/app/console',
  settings: '/settings',
  signIn: '/signin',
  signUp: '/signup',
  communities: '/app/c',
  community: (node: string) => `/app/c/${encodeURIComponent(node)}`,
  tag: (tag: string) => `/app/tag/${encodeURIComponent(tag)}`,
  notifications: '/app/notifications',
  profile: (handle: string) => `/app/${person(handle)}`,
  replies: (handle: string) => `/app/${person(handle)}/replies`,
  thread: (handle: string, number: string) => `/app/${person(handle)}/${number}`,
};

/** The client's own address of what a public page of this site shows; undefined for any other. */
export function innerPath(href: string, origin: string): string | undefined {
  if (!href.startsWith(`${origin}/`)) return undefined;
  const [first = '', second, ...rest] = href.slice(origin.length + 1).split(/[/?#]/);
  if (rest.length > 0) return undefined;
  const isPerson = /^(@|%40)[^@]+$/.test(first) && (second === undefined || /^\d+$/.test(second));
  const isTag = (first === 'tag' || first === 'c') && second !== undefined && second !== '';
  if (!isPerson && !isTag) return undefined;
  return `/app/${[first.replace('%40', '@'), second].filter((part) => part !== undefined).join('/')}`;
}

/** The server's own page of the same thing, which everybody can read; undefined where there is none. */
export function publicPage(route: Route): string | undefined {
  switch (route.page) {
    case 'public':
      return '/public';
    case 'communities':
      return '/c/';
    case 'community':
      return `/c/${encodeURIComponent(route.node)}`;
    case 'tag':
      return `/tag/${encodeURIComponent(route.tag)}`;
    case 'profile':
      return route.handle.includes('@') ? undefined : `/${person(route.handle)}`;
    case 'thread':
      return route.handle.includes('@') ? undefined : `/${person(route.handle)}/${route.number}`;
    default:
      return undefined;
  }
}
