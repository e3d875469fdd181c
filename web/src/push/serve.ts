/**
 * What the service worker does: it shows what is pushed while nobody looks, and opens the page
 * that a notification is about. It keeps nothing, and answers no request of a page.
 */
import { notices } from './notice';

/** How a page that is open already is asked to go somewhere. */
export interface Going {
  folkmoot: 'go';
  path: string;
}

interface Shown {
  readonly tag: string;
  readonly data: unknown;
  close(): void;
}

interface Page {
  readonly url: string;
  readonly visibilityState: string;
  focus(): Promise<unknown>;
  postMessage(message: Going): void;
}

interface Happening {
  waitUntil(work: Promise<unknown>): void;
}

/** The part of a service worker's surroundings that is used. */
export interface Scope {
  readonly location: { origin: string };
  readonly clients: {
    matchAll(options: { type: 'window'; includeUncontrolled: boolean }): Promise<readonly Page[]>;
    openWindow(path: string): Promise<unknown>;
    claim(): Promise<void>;
  };
  readonly registration: {
    getNotifications(): Promise<Shown[]>;
    showNotification(title: string, options: object): Promise<void>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: Happening) => void): void;
  addEventListener(
    type: 'push',
    listener: (event: Happening & { data: { text(): string } | null }) => void,
  ): void;
  addEventListener(
    type: 'notificationclick',
    listener: (event: Happening & { notification: Shown }) => void,
  ): void;
}

interface Kept {
  path: string;
  count: number;
}

export function serve(scope: Scope): void {
  scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()));
  scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));
  scope.addEventListener('push', (event) => event.waitUntil(show(scope, event.data?.text() ?? '')));
  scope.addEventListener('notificationclick', (event) => {
    event.notification.close();
    event.waitUntil(go(scope, kept(event.notification.data).path));
  });
}

function pages(scope: Scope): Promise<readonly Page[]> {
  return scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
}

async function show(scope: Scope, text: string): Promise<void> {
  // Whoever looks at a page sees it there.
  if ((await pages(scope)).some((page) => page.visibilityState === 'visible')) return;
  const shown = await scope.registration.getNotifications();
  const counts = new Map(shown.map(({ tag, data }) => [tag, kept(data).count]));
  for (const notice of notices(text, Date.now(), (tag) => counts.get(tag) ?? 0)) {
    await scope.registration.showNotification(notice.title, {
      ...(notice.body === undefined ? {} : { body: notice.body }),
      tag: notice.tag,
      renotify: true,
      timestamp: notice.at,
      data: { path: notice.path, count: notice.count } satisfies Kept,
    });
  }
}

/** Only paths of this site: what is shown is made from what was pushed. */
function kept(data: unknown): Kept {
  const { path, count } = (data ?? {}) as Partial<Kept>;
  const isOwn = typeof path === 'string' && /^\/(?!\/)/.test(path);
  return { path: isOwn ? path : '/', count: typeof count === 'number' ? count : 0 };
}

async function go(scope: Scope, path: string): Promise<void> {
  const [open] = (await pages(scope)).filter(({ url }) =>
    url.startsWith(`${scope.location.origin}/`),
  );
  if (!open) {
    await scope.clients.openWindow(path);
    return;
  }
  open.postMessage({ folkmoot: 'go', path });
  await open.focus();
}
