/** A client of Juliet's, the server in memory, and what lies between them. */
import { Client } from '../../src/model/client';
import { FakeClock, FakeNetwork, settled } from './dial';
import { FakeServer, PUBSUB } from './server';

export function setUp(posts = 0) {
  const clock = new FakeClock();
  const server = new FakeServer(() => clock.now());
  server.account('juliet');
  server.account('romeo', 'Romeo M.');
  for (let index = 1; index <= posts; index++) {
    server.post('romeo', `post ${index}`, undefined, clock.now() - 1_000_000 + index);
  }
  const network = new FakeNetwork(server, clock);
  const kept = new Map<string, string>();
  let ids = 0;
  const client = new Client(
    {
      domain: 'localhost',
      pubsub: PUBSUB,
      registration: 'open',
      audience: 'open',
      socket: 'ws://localhost/xmpp-websocket',
    },
    {
      dial: network.dial,
      clock,
      storage: {
        getItem: (key) => kept.get(key) ?? null,
        setItem: (key, value) => void kept.set(key, value),
        removeItem: (key) => void kept.delete(key),
      },
      exclusive: (task) => task(),
      newId: () => `own-${++ids}`,
      deviceLabel: 'Test',
      retractionText: 'Taken back',
    },
  );
  return { clock, server, network, kept, client };
}

export async function signIn(world: World): Promise<void> {
  world.client.signIn('juliet@localhost', 'secret');
  await settled();
}

export type World = ReturnType<typeof setUp>;
