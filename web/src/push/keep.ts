/**
 * Being told of what comes while no page is open: asked for by a click in the settings, renewed
 * with each connection, ended at sign-out. Fetched only by those who want it. What is then shown
 * is the service worker's.
 */
import type { Signal } from '../model/signal';
import type { Storage } from '../model/outbox';
import type { SessionState } from '../model/session';
import { bare } from '../xmpp/jid';
import type { Link } from '../xmpp/link';
import { disablePush, enablePush, fetchPushKey, tellLooking, type BrowserKeys } from '../xmpp/push';
import { WISH } from './wish';

const WORKER = '/push-worker.js';

/** What this device is to be told. */
export interface Wish {
  /** Whose messages: another account begins anew. */
  jid: string;
  /** Whether notifications quote what messages say. */
  showsText: boolean;
}

/** What a browser knows of a subscription. */
export interface Subscription {
  readonly endpoint: string;
  toJSON(): { keys?: Record<string, string> };
  unsubscribe(): Promise<boolean>;
}

interface Registration {
  readonly pushManager: {
    getSubscription(): Promise<Subscription | null>;
    subscribe(options: {
      userVisibleOnly: boolean;
      applicationServerKey: string;
    }): Promise<Subscription>;
  };
  getNotifications(): Promise<{ close(): void }[]>;
}

/** The part of the browser that is used. */
export interface Machine {
  storage: Storage;
  permission(): NotificationPermission;
  askPermission(): Promise<NotificationPermission>;
  /** Registers the worker, once, and waits until it can take pushes. */
  register(): Promise<Registration>;
  /** The worker that was registered before, if one was. */
  registered(): Promise<Registration | undefined>;
  isVisible(): boolean;
  onVisibility(listener: () => void): void;
  /** What the worker asks of this page. */
  onMessage(listener: (data: unknown) => void): void;
}

export const browser: Machine = {
  storage: localStorage,
  permission: () => Notification.permission,
  askPermission: () => Notification.requestPermission(),
  register: async () => {
    await navigator.serviceWorker.register(WORKER);
    return navigator.serviceWorker.ready;
  },
  registered: () => navigator.serviceWorker.getRegistration(),
  isVisible: () => document.visibilityState === 'visible',
  onVisibility: (listener) => document.addEventListener('visibilitychange', listener),
  onMessage: (listener) => {
    navigator.serviceWorker.addEventListener('message', ({ data }) => listener(data));
  },
};

/** The person, or the browser for them, does not want to be told. */
export class NotAllowed extends Error {}

/** The server pushes to no browsers. */
export class NotOffered extends Error {}

/** Whether this browser can be told at all; only secure pages have what it takes. */
export function isSupported(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;
}

export function readWish(account: string, machine: Machine): Wish | undefined {
  try {
    const kept = JSON.parse(machine.storage.getItem(WISH) ?? 'null') as Partial<Wish> | null;
    if (kept?.jid !== account || machine.permission() !== 'granted') return undefined;
    return { jid: account, showsText: kept.showsText === true };
  } catch {
    return undefined;
  }
}

/** To be called from a click: without one no browser asks for permission. */
export async function switchOn(link: Link, showsText: boolean, machine: Machine): Promise<void> {
  if ((await machine.askPermission()) !== 'granted') throw new NotAllowed();
  await subscribe(link, showsText, machine);
  const wish: Wish = { jid: bare(link.jid), showsText };
  machine.storage.setItem(WISH, JSON.stringify(wish));
}

export async function switchOff(link: Link, machine: Machine): Promise<void> {
  const subscription = await (await machine.registered())?.pushManager.getSubscription();
  if (subscription) await disablePush(link, subscription.endpoint);
  await forget(machine);
}

/** Ends it without the server, which learns it from the push service, and forgets what is shown. */
export async function forget(machine: Machine): Promise<void> {
  machine.storage.removeItem(WISH);
  const registration = await machine.registered();
  if (!registration) return;
  for (const shown of await registration.getNotifications()) shown.close();
  await (await registration.pushManager.getSubscription())?.unsubscribe();
}

async function subscribe(link: Link, showsText: boolean, machine: Machine): Promise<void> {
  const key = await fetchPushKey(link);
  if (key === undefined) throw new NotOffered();
  const { pushManager } = await machine.register();
  const options = { userVisibleOnly: true, applicationServerKey: key };
  const subscription = await pushManager.subscribe(options).catch(async (error: unknown) => {
    // One that was made for another key stands in the way.
    const old = await pushManager.getSubscription();
    if (!old) throw error;
    await old.unsubscribe();
    return pushManager.subscribe(options);
  });
  await enablePush(link, keysOf(subscription), showsText);
}

function keysOf(subscription: Subscription): BrowserKeys {
  const { p256dh = '', auth = '' } = subscription.toJSON().keys ?? {};
  return { endpoint: subscription.endpoint, p256dh, auth };
}

/** The part of a session that is used. */
interface Connection {
  readonly state: Signal<SessionState>;
  readonly link: Link | undefined;
}

type Navigate = (path: string) => void;

let isKept = false;

/** As `keep`, for whoever may be the first on this page or not. */
export function keepOnce(session: Connection, navigate: Navigate, machine: Machine): void {
  if (isKept) return;
  isKept = true;
  keep(session, navigate, machine);
}

/**
 * Renews what the person wished with each connection, says whether anybody looks, so that what
 * comes is pushed while nobody does, and goes where a notification leads. Once a page.
 */
export function keep(session: Connection, navigate: Navigate, machine: Machine): void {
  let renewed: Link | undefined;
  const renew = () => {
    const { link } = session;
    const wish = link && readWish(bare(link.jid), machine);
    if (!wish || renewed === link) return;
    renewed = link;
    if (!machine.isVisible()) tellLooking(link, false);
    // Whoever lost the network meanwhile renews it with the next connection.
    subscribe(link, wish.showsText, machine).catch(() => undefined);
  };
  session.state.subscribe(renew);
  machine.onVisibility(() => {
    const { link } = session;
    if (link && readWish(bare(link.jid), machine)) tellLooking(link, machine.isVisible());
  });
  machine.onMessage((data) => {
    const { folkmoot, path } = (data ?? {}) as { folkmoot?: unknown; path?: unknown };
    if (folkmoot === 'go' && typeof path === 'string' && /^\/(?!\/)/.test(path)) navigate(path);
  });
  renew();
}
