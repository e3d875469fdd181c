/** The pages of the client and their addresses. The server's own pages stand beside `/app/…`. */
import { foldTag } from './text';

export type Route =
  | { page: 'home' }
  | { page: 'public' }
  | { page: 'people' }
  | { page: 'tag'; tag: string }
  | { page: 'profile'; handle: string }
  | { page: 'settings' }
  | { page: 'sign-in' }
  /** `token` from an invitation or from the administrator's first link. */
  | { page: 'sign-up'; token: string | undefined; kind: 'open' | 'invite' | 'welcome' }
  | { page: 'missing' };

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
    case 'welcome':
      return { page: 'sign-up', token: second, kind: first };
    case 'app':
      return parseApp(second, third);
  }
  return { page: 'missing' };
}

function parseApp(name: string | undefined, rest: string | undefined): Route {
  if (name === undefined) return { page: 'home' };
  if (name === 'public') return { page: 'public' };
  if (name === 'people') return { page: 'people' };
  if (name === 'tag' && rest) return { page: 'tag', tag: foldTag(rest) };
  if (name.length > 1 && name.startsWith('@')) {
    return { page: 'profile', handle: name.slice(1).toLowerCase() };
  }
  return { page: 'missing' };
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
  settings: '/settings',
  signIn: '/signin',
  signUp: '/signup',
  tag: (tag: string) => `/app/tag/${encodeURIComponent(tag)}`,
  profile: (handle: string) => `/app/@${encodeURIComponent(handle).replace(/%40/g, '@')}`,
};

/** The server's own page of the same thing, which everybody can read; undefined where there is none. */
export function publicPage(route: Route): string | undefined {
  switch (route.page) {
    case 'public':
      return '/public';
    case 'tag':
      return `/tag/${encodeURIComponent(route.tag)}`;
    case 'profile':
      return route.handle.includes('@') ? undefined : `/@${encodeURIComponent(route.handle)}`;
    default:
      return undefined;
  }
}
