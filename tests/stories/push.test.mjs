// Told while no page is open: a browser whose push service is here, and what its worker shows.
import assert from 'node:assert/strict';
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { Person, launch } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';

// In development pushes may go to this machine.
const server = new Server(['--dev']);
const keys = createECDH('prime256v1');
keys.generateKeys();
const secret = randomBytes(16);
const pushed = [];
const waiting = [];
const service = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  response.writeHead(201).end();
  pushed.push(Buffer.concat(chunks));
  waiting.shift()?.();
});
let browser;
before(async () => {
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  await server.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  service.close();
  await server.remove();
});

/** The next push, as the browser would hand it to the worker (RFC 8291, RFC 8188). */
async function nextPush() {
  if (pushed.length === 0) await new Promise((next) => waiting.push(next));
  const body = pushed.shift();
  const salt = body.subarray(0, 16);
  const sender = body.subarray(21, 86);
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), keys.getPublicKey(), sender]);
  const input = hkdfSync('sha256', keys.computeSecret(sender), secret, info, 32);
  const derive = (name, length) =>
    Buffer.from(hkdfSync('sha256', Buffer.from(input), salt, `Content-Encoding: ${name}\0`, length));
  const open = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12));
  open.setAuthTag(body.subarray(-16));
  const padded = Buffer.concat([open.update(body.subarray(86, -16)), open.final()]);
  return padded.subarray(0, padded.lastIndexOf(2)).toString();
}

/** What a browser does that has a push service; Chromium's own is on the network. */
function subscribeHere({ endpoint, p256dh, auth }) {
  const KEPT = 'test.subscribed';
  const subscription = {
    endpoint,
    toJSON: () => ({ endpoint, keys: { p256dh, auth } }),
    unsubscribe: async () => {
      localStorage.removeItem(KEPT);
      return true;
    },
  };
  PushManager.prototype.getSubscription = async () => (localStorage.getItem(KEPT) ? subscription : null);
  PushManager.prototype.subscribe = async ({ applicationServerKey, userVisibleOnly }) => {
    if (!userVisibleOnly || atob(applicationServerKey.replace(/-/g, '+').replace(/_/g, '/')).length !== 65) {
      throw new TypeError('no key of P-256');
    }
    localStorage.setItem(KEPT, 'yes');
    return subscription;
  };
}

test('told while no page is open, led to the conversation, and no more after signing out', { timeout: 180_000 }, async (t) => {
  const juliet = await Person.arrive(browser, server, 'juliet');
  const romeo = await Person.arrive(browser, server, 'romeo');
  await juliet.context.grantPermissions(['notifications'], { origin: server.site });
  await juliet.context.addInitScript(subscribeHere, {
    endpoint: `http://127.0.0.1:${service.address().port}/juliet`,
    p256dh: keys.getPublicKey('base64url'),
    auth: secret.toString('base64url'),
  });
  await Promise.all([juliet, romeo].map((person) => person.signUp()));
  await romeo.page.goto(`${server.site}/app/messages/@juliet`);
  const say = async (text) => {
    await romeo.page.getByRole('textbox', { name: 'Message to juliet' }).fill(text);
    await romeo.page.getByRole('button', { name: 'Send', exact: true }).click();
  };
  let worker;

  await t.test('a switch in the settings, off at first', async () => {
    await juliet.page.goto(`${server.site}/settings`);
    const section = juliet.page.locator('section').filter({ hasText: 'When no page is open' });
    const [told, quoted] = [section.getByLabel('Tell me on this device'), section.getByLabel('Show what messages say')];
    assert.equal(await told.isChecked(), false);
    assert.equal(await quoted.isDisabled(), true);
    await told.click();
    await juliet.page.locator('section').filter({ hasText: 'When no page is open' }).locator(':checked').waitFor();
    await juliet.page.getByText('Saved').first().waitFor();
    assert.equal(await told.isChecked(), true);
    worker = juliet.context.serviceWorkers()[0] ?? (await juliet.context.waitForEvent('serviceworker'));
    assert.equal(worker.url(), `${server.site}/push-worker.js`);
  });

  await t.test('whoever has gone is told who wrote, not what', async () => {
    await juliet.page.goto('about:blank');
    await say('Wherefore art thou?');
    const text = await nextPush();
    assert.equal(text.includes('Wherefore'), false);
    const shown = await worker.evaluate(async (data) => {
      const event = new PushEvent('push', { data });
      // Whoever sends it waits for the worker, as the browser does.
      let work;
      event.waitUntil = (one) => (work = one);
      self.dispatchEvent(event);
      await work;
      const notifications = await self.registration.getNotifications();
      return notifications.map(({ title, body, data: { path } }) => ({ title, body, path }));
    }, text);
    assert.deepEqual(shown, [{ title: 'Message from @romeo', body: '', path: '/app/messages/@romeo' }]);
  });

  await t.test('a click leads a page that is open to the conversation', async () => {
    await juliet.page.goto(`${server.site}/`);
    await juliet.isHome();
    await worker.evaluate(async () => {
      const [notification] = await self.registration.getNotifications();
      self.dispatchEvent(new NotificationEvent('notificationclick', { notification }));
    });
    await juliet.page.locator('.bubble').filter({ hasText: 'Wherefore art thou?' }).waitFor();
    assert.equal(new URL(juliet.page.url()).pathname, '/app/messages/@romeo');
    assert.equal(await worker.evaluate(async () => (await self.registration.getNotifications()).length), 0);
  });

  await t.test('what messages say, where it was wished', async () => {
    await juliet.page.goto(`${server.site}/settings`);
    await juliet.page.getByLabel('Show what messages say').click();
    await juliet.page.getByText('Saved').first().waitFor();
    await juliet.page.goto('about:blank');
    await say('It is my lady');
    assert.equal(JSON.parse(await nextPush()).events[0].text, 'It is my lady');
  });

  await t.test('signing out ends it', async () => {
    await juliet.page.goto(`${server.site}/settings`);
    await juliet.page.getByRole('button', { name: 'Sign out', exact: true }).last().click();
    await juliet.page.getByRole('link', { name: 'Sign in' }).first().waitFor();
    const kept = await juliet.page.evaluate(() => [localStorage.getItem('folkmoot.push'), localStorage.getItem('test.subscribed')]);
    assert.deepEqual(kept, [null, null]);
    await say('O, it is my love');
    await romeo.page.locator('.bubble').filter({ hasText: 'O, it is my love' }).getByText('Sent').waitFor({ state: 'attached' });
    assert.equal(pushed.length, 0);
  });

  assert.deepEqual(juliet.complaints, []);
});
