// UnifiedPush by the program's own door: another app's server pushes over HTTP to a person whose XMPP app takes it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Strophe } from './lib/packages.mjs';
import { Server } from './lib/server.mjs';

const PUSH = 'http://gultsch.de/xmpp/drafts/unified-push';
const NAMES = `application='bK3sdmrbtj3bf6XA2S12b8jJUA5TT1dhPEyeoZfVSRM=' instance='EtD/1XPLmoIph7W73CZ/uyv6FAnhEAXY1GySHX17vAw='`;
const server = new Server();
before(() => server.start());
after(() => server.remove());

test('what another app’s server pushes reaches the phone, byte for byte', { timeout: 120_000 }, async () => {
  await server.administer(['account', 'add', 'juliet@localhost', '--password-stdin'], 'a good secret');
  let phone = await Client.connect(server.site, 'juliet@localhost/phone', 'a good secret');
  const answer = await phone.ask(`<iq type='set' to='localhost'><register xmlns='${PUSH}' ${NAMES}/></iq>`);
  const [, endpoint] = /endpoint="([^"]+)"/.exec(answer);
  assert.ok(endpoint.startsWith(`${server.site}/push/`) && endpoint.length <= 1_000, endpoint);

  const pushed = [];
  let reply = `<iq type='result' to='localhost'/>`;
  const take = (iq) => {
    const [push] = iq.getElementsByTagName('push');
    pushed.push(Buffer.from(Strophe.getText(push), 'base64'));
    phone.send(reply.replace('<iq', `<iq id='${iq.getAttribute('id')}'`));
    return true;
  };
  phone.connection.addHandler(take, PUSH, 'iq', 'set');
  const post = (body, address = endpoint) => fetch(address, { method: 'POST', body, redirect: 'error' });

  // What it is, is told to whoever looks (against servers that are led to push anywhere).
  const greeting = await fetch(endpoint);
  assert.deepEqual([greeting.status, await greeting.json()], [200, { unifiedpush: { version: 1 } }]);

  const bytes = Buffer.from(Array.from({ length: 4_096 }, (_, place) => place % 256));
  const taken = await post(bytes);
  assert.deepEqual([taken.status, taken.headers.get('ttl')], [201, '0']);
  assert.ok(pushed[0].equals(bytes));

  // Bounds.
  assert.equal((await post(Buffer.alloc(4_097))).status, 413);
  assert.equal((await post(Buffer.alloc(1_000_000))).status, 413);
  assert.equal((await post('')).status, 400);
  assert.equal((await post('x', `${server.site}/push/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`)).status, 404);
  assert.equal((await fetch(`${server.site}/push/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`)).status, 404);
  assert.equal((await fetch(endpoint, { method: 'DELETE' })).status, 405);
  assert.equal(pushed.length, 1);

  // The phone is away: later. It comes back, and the address is still good.
  phone.connection.disconnect();
  let away;
  do away = await post('one');
  while (away.status === 201);
  assert.deepEqual([away.status, away.headers.get('retry-after')], [503, '120']);
  phone = await Client.connect(server.site, 'juliet@localhost/phone', 'a good secret');
  phone.connection.addHandler(take, PUSH, 'iq', 'set');
  assert.equal((await post('two')).status, 201);
  assert.equal(pushed.at(-1).toString(), 'two');

  // Who pushes without end is slowed down.
  let status;
  for (let count = 0; count < 70; count += 1) {
    status = (await post('three')).status;
    if (status !== 201) break;
  }
  assert.equal(status, 429);

  // The app is gone from the phone: so is its address. Another one's is not.
  const other = await phone.ask(`<iq type='set' to='localhost'><register xmlns='${PUSH}' ${NAMES.replace('bK3', 'aK3')}/></iq>`);
  const [, second] = /endpoint="([^"]+)"/.exec(other);
  reply = `<iq type='error' to='localhost'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`;
  assert.equal((await post('four', second)).status, 404);
  assert.equal((await fetch(second)).status, 404);
  assert.equal((await fetch(endpoint)).status, 200);

  // Nobody who was signed out keeps one.
  await server.administer(['account', 'passwd', 'juliet@localhost', '--password-stdin'], 'a better secret');
  assert.equal((await fetch(endpoint)).status, 404);
  assert.ok(!server.output.includes(endpoint.split('/').at(-1)), 'an endpoint stands in the log');
});
