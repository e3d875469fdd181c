import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Signal } from '../src/model/signal';
import type { SessionState } from '../src/model/session';
import type { Machine } from '../src/push/keep';
import { notices } from '../src/push/notice';
import { serve, type Going, type Scope } from '../src/push/serve';
import { WISH } from '../src/push/wish';
import { StanzaError } from '../src/xmpp/errors';
import { memory, scripted } from './fake/link';
import './fake/dom';

// The page's own part asks for the browser's storage as soon as it is fetched.
Object.assign(globalThis, { localStorage: memory() });
const { NotAllowed, NotOffered, forget, keep, readWish, switchOff, switchOn } =
  await import('../src/push/keep');

const NOW = 1_800_000_000_000;
const pushed = (...events: object[]) =>
  JSON.stringify({ account: 'juliet@localhost', events: events.map((one) => ({ at: 1, ...one })) });

test('each sort of thing says who, and leads to its page', () => {
  const told = (event: object) => {
    const [notice] = notices(pushed({ from: 'romeo@localhost', ...event }), NOW, () => 0);
    return [notice?.title, notice?.path];
  };
  assert.deepEqual(told({ kind: 'message' }), ['Message from @romeo', '/app/messages/@romeo']);
  assert.deepEqual(told({ kind: 'message', count: 3 }), [
    '3 messages from @romeo',
    '/app/messages/@romeo',
  ]);
  assert.deepEqual(told({ kind: 'message', from: 'romeo@far.example' }), [
    'Message from @romeo@far.example',
    '/app/messages/@romeo@far.example',
  ]);
  assert.deepEqual(told({ kind: 'call' }), ['@romeo is calling', '/app/messages/@romeo']);
  assert.deepEqual(told({ kind: 'request' }), ['@romeo would like to add you', '/app/requests']);
  assert.deepEqual(told({ kind: 'mention', post: '42' }), [
    '@romeo mentioned you',
    '/app/@romeo/42',
  ]);
  assert.deepEqual(told({ kind: 'reply', post: '../evil' }), [
    '@romeo answered you',
    '/app/notifications',
  ]);
  assert.deepEqual(told({ kind: 'follow' }), ['@romeo follows you now', '/app/@romeo']);
});

test('a message is quoted only where the server sent it, and not at any length', () => {
  const [quiet] = notices(pushed({ kind: 'message', from: 'a@b' }), NOW, () => 0);
  assert.equal(quiet?.body, undefined);
  const long = pushed({ kind: 'message', from: 'a@b', text: 'x'.repeat(1000) });
  assert.equal(notices(long, NOW, () => 0)[0]?.body?.length, 240);
});

test('what cannot be read is told plainly', () => {
  for (const text of ['', 'x', 'null', '[]', '{"events":[{"kind":1}]}', pushed({ kind: 'new' })]) {
    const [notice, ...more] = notices(text, NOW, () => 0);
    assert.deepEqual([notice?.title, notice?.path], ['Something new for you', '/'], text);
    assert.equal(more.length, 0);
  }
});

/** A service worker's surroundings, with what was done to them. */
function surroundings(pages: { url: string; visibilityState: string }[] = []) {
  type Shown = { title: string; tag: string; body?: string; data: unknown };
  const listeners = new Map<string, (event: object) => void>();
  const shown = new Map<string, Shown>();
  const done: string[] = [];
  const scope: Scope = {
    location: { origin: 'https://site.example' },
    clients: {
      matchAll: () =>
        Promise.resolve(
          pages.map((page) => ({
            ...page,
            focus: () => Promise.resolve(done.push('focus')),
            postMessage: ({ path }: Going) => done.push(`go ${path}`),
          })),
        ),
      openWindow: (path) => Promise.resolve(done.push(`open ${path}`)),
      claim: () => Promise.resolve(),
    },
    registration: {
      getNotifications: () =>
        Promise.resolve([...shown.values()].map((one) => ({ ...one, close: () => undefined }))),
      showNotification: (title, options) => {
        const notification = { title, ...options } as Shown;
        shown.set(notification.tag, notification);
        return Promise.resolve();
      },
    },
    skipWaiting: () => Promise.resolve(),
    addEventListener: (type: string, listener: unknown) =>
      void listeners.set(type, listener as (event: object) => void),
  };
  serve(scope);
  const happen = async (type: string, event: object) => {
    const work: Promise<unknown>[] = [];
    listeners.get(type)?.({ ...event, waitUntil: (one: Promise<unknown>) => work.push(one) });
    await Promise.all(work);
  };
  return {
    shown,
    done,
    push: (text: string | null) =>
      happen('push', { data: text === null ? null : { text: () => text } }),
    click: (data: unknown) =>
      happen('notificationclick', { notification: { data, close: () => done.push('close') } }),
  };
}

test('the worker shows what is pushed, and adds up what one person wrote', async () => {
  const worker = surroundings([{ url: 'https://site.example/', visibilityState: 'hidden' }]);
  const message = pushed({ kind: 'message', from: 'romeo@localhost', count: 2 });
  await worker.push(message);
  await worker.push(message);
  const titles = [...worker.shown.values()].map(({ title }) => title);
  assert.deepEqual(titles, ['4 messages from @romeo']);
  await worker.push(null);
  assert.equal(worker.shown.size, 2);
});

test('whoever looks at a page is not told beside it', async () => {
  const worker = surroundings([{ url: 'https://site.example/', visibilityState: 'visible' }]);
  await worker.push(pushed({ kind: 'message', from: 'romeo@localhost' }));
  assert.equal(worker.shown.size, 0);
});

test('a click leads to the page: in a tab that is there, or in a new one', async () => {
  const data = { path: '/app/messages/@romeo', count: 1 };
  const alone = surroundings();
  await alone.click(data);
  assert.deepEqual(alone.done, ['close', 'open /app/messages/@romeo']);
  const beside = surroundings([
    { url: 'https://site.example.evil/', visibilityState: 'hidden' },
    { url: 'https://site.example/app', visibilityState: 'hidden' },
  ]);
  await beside.click(data);
  assert.deepEqual(beside.done, ['close', 'go /app/messages/@romeo', 'focus']);
  const foreign = surroundings();
  await foreign.click({ path: '//evil.example' });
  assert.deepEqual(foreign.done, ['close', 'open /']);
});

/** A browser whose person answers as said. */
function machine(answer: NotificationPermission = 'granted') {
  const storage = memory();
  const state = { permission: 'default' as NotificationPermission, asked: 0, unsubscribed: 0 };
  let isSubscribed = false;
  let isVisible = true;
  const visibility: (() => void)[] = [];
  const messages: ((data: unknown) => void)[] = [];
  const subscription = {
    endpoint: 'https://push.example/secret',
    toJSON: () => ({ keys: { p256dh: 'KEY', auth: 'AUTH' } }),
    unsubscribe: () => {
      isSubscribed = false;
      state.unsubscribed++;
      return Promise.resolve(true);
    },
  };
  const registration = {
    pushManager: {
      getSubscription: () => Promise.resolve(isSubscribed ? subscription : null),
      subscribe: () => {
        isSubscribed = true;
        return Promise.resolve(subscription);
      },
    },
    getNotifications: () => Promise.resolve([]),
  };
  const browser: Machine = {
    storage,
    permission: () => state.permission,
    askPermission: () => {
      state.asked++;
      state.permission = answer;
      return Promise.resolve(answer);
    },
    register: () => Promise.resolve(registration),
    registered: () => Promise.resolve(registration),
    isVisible: () => isVisible,
    onVisibility: (listener) => visibility.push(listener),
    onMessage: (listener) => messages.push(listener),
  };
  return {
    browser,
    state,
    storage,
    look: (looks: boolean) => {
      isVisible = looks;
      visibility.forEach((listener) => listener());
    },
    say: (data: unknown) => messages.forEach((listener) => listener(data)),
  };
}

const server = (request: string) =>
  request.includes('<web-push') ? "<web-push xmlns='urn:x-folkmoot:web-push:0' key='PUBLIC'/>" : '';
const ENABLE =
  'set  <enable xmlns="urn:x-folkmoot:web-push:0" endpoint="https://push.example/secret" p256dh="KEY" auth="AUTH" text="false"/>';

test('switched on by a click, and off again', async () => {
  const { browser, state } = machine();
  const link = scripted('juliet@localhost', server);
  assert.equal(readWish('juliet@localhost', browser), undefined);
  assert.equal(state.asked, 0);
  await switchOn(link, false, browser);
  assert.equal(link.asked.at(-1), ENABLE);
  assert.deepEqual(readWish('juliet@localhost', browser), {
    jid: 'juliet@localhost',
    showsText: false,
  });
  assert.equal(readWish('romeo@localhost', browser), undefined, 'another account');
  await switchOff(link, browser);
  assert.match(
    link.asked.at(-1) ?? '',
    /^set {2}<disable .*endpoint="https:\/\/push.example\/secret"/,
  );
  assert.equal(readWish('juliet@localhost', browser), undefined);
  assert.equal(state.unsubscribed, 1);
});

test('who forbids it, or whose server does not offer it, is not subscribed', async () => {
  const forbidden = machine('denied');
  const link = scripted('juliet@localhost', server);
  await assert.rejects(switchOn(link, false, forbidden.browser), NotAllowed);
  assert.deepEqual(link.asked, []);
  const elsewhere = machine();
  await assert.rejects(
    switchOn(scripted('juliet@localhost'), false, elsewhere.browser),
    NotOffered,
  );
  assert.equal(readWish('juliet@localhost', elsewhere.browser), undefined);
  const refusing = scripted('juliet@localhost', () => {
    throw new StanzaError('service-unavailable', 'cancel', undefined);
  });
  await assert.rejects(switchOn(refusing, false, elsewhere.browser), StanzaError);
});

test('renewed with each connection; the server knows whether anybody looks', async () => {
  const { browser, look, say } = machine();
  await switchOn(scripted('juliet@localhost', server), false, browser);
  const state = new Signal<SessionState>({
    kind: 'signed-out',
    failure: undefined,
    tried: undefined,
  });
  const went: string[] = [];
  const session = {
    state,
    get link() {
      return state.value.kind === 'online' ? state.value.link : undefined;
    },
  };
  keep(session, (path) => went.push(path), browser);
  for (let connection = 0; connection < 2; connection++) {
    const link = scripted('juliet@localhost', server);
    state.set({ kind: 'online', jid: 'juliet@localhost', link });
    await new Promise((next) => setImmediate(next));
    assert.equal(link.asked.at(-1), ENABLE);
    look(false);
    look(true);
    assert.deepEqual(link.sent, [
      '<inactive xmlns="urn:xmpp:csi:0"/>',
      '<active xmlns="urn:xmpp:csi:0"/>',
    ]);
  }
  say({ folkmoot: 'go', path: '/app/messages/@romeo' });
  for (const data of [
    null,
    'x',
    { folkmoot: 'go', path: 'https://evil.example' },
    { path: '/x' },
  ]) {
    say(data);
  }
  assert.deepEqual(went, ['/app/messages/@romeo']);
});

test('at sign-out nothing stays', async () => {
  const { browser, state, storage } = machine();
  await switchOn(scripted('juliet@localhost', server), true, browser);
  await forget(browser);
  assert.equal(storage.getItem(WISH), null);
  assert.equal(state.unsubscribed, 1);
});
