import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox, type Storage } from '../src/model/outbox';
import { LinkLost } from '../src/xmpp/errors';
import type { Link } from '../src/xmpp/link';
import { FakeClock, FakeNetwork, settled } from './fake/dial';
import { FakeServer } from './fake/server';

class FakeStorage implements Storage {
  readonly kept = new Map<string, string>();
  isFull = false;

  getItem(key: string): string | null {
    return this.kept.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    if (this.isFull) throw new Error('QuotaExceededError');
    this.kept.set(key, value);
  }

  removeItem(key: string): void {
    this.kept.delete(key);
  }
}

function setUp() {
  const clock = new FakeClock();
  const server = new FakeServer(() => clock.now());
  server.account('juliet');
  const network = new FakeNetwork(server, clock);
  const storage = new FakeStorage();
  const open = () =>
    new Outbox(
      'box',
      storage,
      clock,
      (task) => task(),
      () => undefined,
    );
  return { clock, server, network, storage, open };
}

async function connect(network: FakeNetwork, outbox: Outbox): Promise<void> {
  network.dial(
    { kind: 'token', jid: 'juliet@localhost', token: 't' },
    {
      onOnline: (link: Link) => outbox.connect(link),
      onStanza: () => undefined,
      onEnd: () => outbox.disconnect(),
    },
  );
  await settled();
}

const states = (outbox: Outbox) => outbox.drafts.value.map((draft) => draft.state);

test('a post written without a connection waits, survives a reload, and is sent', async () => {
  const { server, network, storage, open } = setUp();
  open().add('1', 'Hello', []);
  assert.ok(storage.kept.get('box')?.includes('Hello'));
  const afterReload = open();
  assert.deepEqual(states(afterReload), ['waiting']);
  await connect(network, afterReload);
  assert.deepEqual(server.published, ['1']);
  assert.deepEqual(afterReload.drafts.value, []);
  assert.equal(storage.kept.size, 0);
});

test('an answer that is lost with its connection makes a retry under the same id', async () => {
  const { server, network, open } = setUp();
  const outbox = open();
  await connect(network, outbox);
  server.loseAnswers = 1;
  outbox.add('1', 'Once', []);
  await settled();
  assert.deepEqual(states(outbox), ['sending']);
  network.cut();
  await settled();
  assert.deepEqual(states(outbox), ['waiting']);
  await connect(network, outbox);
  assert.deepEqual(server.published, ['1', '1']);
  assert.equal(server.posts.length, 1, 'sent twice, posted once');
  assert.deepEqual(outbox.drafts.value, []);
});

test('an answer that never comes makes a retry on the same connection', async () => {
  const { clock, server, network, open } = setUp();
  const outbox = open();
  await connect(network, outbox);
  server.loseAnswers = 1;
  outbox.add('1', 'Once', []);
  await clock.advance(20_000);
  assert.deepEqual(states(outbox), ['waiting']);
  await clock.advance(2_000);
  assert.deepEqual(server.published, ['1', '1']);
  assert.equal(server.posts.length, 1);
});

test('posts keep their order', async () => {
  const { server, network, open } = setUp();
  const outbox = open();
  for (const id of ['1', '2', '3']) outbox.add(id, `post ${id}`, []);
  await connect(network, outbox);
  assert.deepEqual(server.published, ['1', '2', '3']);
});

test('a refused post stays until somebody decides, and holds up nobody', async () => {
  const { server, network, open } = setUp();
  const outbox = open();
  await connect(network, outbox);
  server.refusal = 'forbidden';
  outbox.add('1', 'No', []);
  await settled();
  assert.deepEqual(states(outbox), ['refused']);
  assert.equal(outbox.drafts.value[0]?.error, 'forbidden');
  server.refusal = undefined;
  outbox.add('2', 'Yes', []);
  await settled();
  assert.deepEqual(server.published, ['2']);
  outbox.retry('1');
  await settled();
  assert.deepEqual(server.published, ['2', '1']);
});

test('a temporary refusal is retried by itself', async () => {
  const { clock, server, network, open } = setUp();
  const outbox = open();
  await connect(network, outbox);
  server.refusal = 'resource-constraint';
  outbox.add('1', 'Later', []);
  await settled();
  assert.deepEqual(states(outbox), ['waiting']);
  server.refusal = undefined;
  await clock.advance(2_000);
  assert.deepEqual(server.published, ['1']);
});

test('a discarded post is gone', async () => {
  const { server, network, open } = setUp();
  const outbox = open();
  outbox.add('1', 'Never mind', []);
  outbox.discard('1');
  await connect(network, outbox);
  assert.deepEqual(server.published, []);
});

test('what is added while another is being sent is sent too', async () => {
  const { server, network, open } = setUp();
  const outbox = open();
  await connect(network, outbox);
  outbox.add('1', 'a', []);
  outbox.add('2', 'b', []);
  await settled();
  assert.deepEqual(server.published, ['1', '2']);
});

test('a full or forbidden storage loses nothing while the page lives', async () => {
  const { server, network, storage, open } = setUp();
  storage.isFull = true;
  const outbox = open();
  outbox.add('1', 'a', []);
  outbox.add('2', 'b', []);
  await connect(network, outbox);
  assert.deepEqual(server.published, ['1', '2']);
});

test('nonsense in the storage is ignored', () => {
  const { storage, open } = setUp();
  storage.kept.set('box', '[1,{"id":2}]');
  assert.deepEqual(open().drafts.value, []);
  storage.kept.set('box', '{');
  assert.deepEqual(open().drafts.value, []);
});

test('a connection that is lost and followed by another at once leaves no post behind', async () => {
  const { server, network, open } = setUp();
  const outbox = open();
  let lose: (error: Error) => void = () => undefined;
  const dead = {
    jid: 'juliet@localhost/dead',
    iq: () => new Promise<Element>((_, reject) => (lose = reject)),
    send: () => undefined,
  } as unknown as Link;
  outbox.connect(dead);
  outbox.add('1', 'Held', []);
  await settled();
  network.dial(
    { kind: 'token', jid: 'juliet@localhost', token: 't' },
    {
      onOnline: (link: Link) => {
        lose(new LinkLost());
        outbox.connect(link);
      },
      onStanza: () => undefined,
      onEnd: () => undefined,
    },
  );
  await settled();
  assert.deepEqual(server.published, ['1']);
  assert.deepEqual(outbox.drafts.value, []);
});
