import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from '../src/model/client';
import { x } from '../src/xmpp/xml';
import { NS } from '../src/xmpp/ns';
import { FakeClock, FakeNetwork, settled } from './fake/dial';
import { memory } from './fake/link';
import { FakeServer, PUBSUB } from './fake/server';

const ME = 'juliet@localhost';

async function signedIn() {
  const clock = new FakeClock();
  const server = new FakeServer(() => clock.now());
  server.account('juliet');
  const network = new FakeNetwork(server, clock);
  const storage = memory();
  let counter = 0;
  const site = {
    domain: 'localhost',
    pubsub: PUBSUB,
    registration: 'open',
    audience: 'open',
    socket: '',
  } as const;
  const client = new Client(site, {
    dial: network.dial,
    clock,
    storage,
    exclusive: (task) => task(),
    newId: () => `id-${++counter}`,
    deviceLabel: 'Test',
    retractionText: 'Taken back',
  });
  client.signIn(ME, 'secret');
  await settled();
  const toClient = async (stanza: ReturnType<typeof x>) => {
    for (const session of server.sessions) session.send(stanza);
    await settled();
  };
  return { client, network, storage, toClient, clock };
}

const message = (from: string, body: string) =>
  x('message', { xmlns: NS.client, from, to: ME, type: 'chat', id: body }, x('body', {}, body));

test('a message that comes over the wire is a conversation, and signing out ends it here', async () => {
  const { client, toClient, storage } = await signedIn();
  await toClient(message('romeo@localhost/x', 'Hello'));
  assert.equal(client.chats.value?.list.value[0]?.latest?.body, 'Hello');
  assert.ok([...storage.kept.keys()].some((key) => key.includes('chats')));
  await client.signOut();
  assert.deepEqual([...storage.kept.keys()], []);
});

test('a device that is signed out from elsewhere keeps no conversation', async () => {
  const { toClient, network, storage } = await signedIn();
  await toClient(message('romeo@localhost/x', 'Hello'));
  network.cut({ kind: 'refused', condition: 'not-authorized', text: undefined });
  await settled();
  assert.deepEqual([...storage.kept.keys()], []);
});

test('a forged push is refused as any request that nobody serves', async () => {
  const { client, toClient } = await signedIn();
  const before = client.contacts.value?.roster.contacts.value;
  const item = x('item', { jid: 'mallory@localhost', subscription: 'both' });
  const query = x('query', { xmlns: NS.roster }, item);
  await toClient(
    x('iq', { xmlns: NS.client, from: 'mallory@localhost/x', id: 'f1', type: 'set' }, query),
  );
  assert.equal(client.contacts.value?.roster.contacts.value, before);
  assert.equal(client.contacts.value?.roster.of('mallory@localhost'), undefined);
  await toClient(x('iq', { xmlns: NS.client, id: 'f2', type: 'set' }, query));
  assert.ok(client.contacts.value?.roster.of('mallory@localhost'));
});

test('nothing is recorded before somebody looks, and nothing after signing out', async () => {
  const { client } = await signedIn();
  assert.equal(client.traffic.isRecording.value, false);
  client.traffic.isRecording.set(true);
  await client.signOut();
  assert.equal(client.traffic.isRecording.value, false);
  assert.deepEqual(client.traffic.pieces.value, []);
});
