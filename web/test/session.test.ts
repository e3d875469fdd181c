import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Session } from '../src/model/session';
import { FakeClock, FakeNetwork, settled } from './fake/dial';
import { FakeServer } from './fake/server';

const LOST = { kind: 'lost', condition: undefined } as const;
const TOKEN = { kind: 'token', jid: 'juliet@localhost', token: 't' } as const;
const PASSWORD = { kind: 'password', jid: 'juliet@localhost', password: 'p' } as const;

function setUp() {
  const clock = new FakeClock();
  const network = new FakeNetwork(new FakeServer(() => clock.now()), clock);
  const log: string[] = [];
  const session = new Session(network.dial, clock, {
    onOnline: () => log.push('online'),
    onOffline: () => log.push('offline'),
    onStanza: () => log.push('stanza'),
    onTraffic: () => 0,
    onRefused: () => log.push('refused'),
  });
  return { clock, network, log, session };
}

test('pauses grow up to a minute and are short again after a good connection', async () => {
  const { clock, network, session } = setUp();
  network.trouble = LOST;
  session.start(TOKEN);
  await settled();
  const pauses: number[] = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    const pause = clock.next ?? 0;
    pauses.push(pause);
    await clock.advance(pause);
  }
  // Chance stands at its middle: three quarters of 1, 2, 4 … 60 seconds.
  assert.deepEqual(pauses, [750, 1500, 3000, 6000, 12000, 24000, 45000, 45000]);

  network.trouble = undefined;
  await clock.advance(clock.next ?? 0);
  assert.equal(session.state.value.kind, 'online');
  await clock.advance(30_000);
  network.cut();
  assert.equal(session.state.value.kind, 'waiting');
  assert.equal(clock.next, 750);
});

test('a server that throws everybody out at once is not hammered', async () => {
  const { clock, network, session } = setUp();
  session.start(TOKEN);
  await settled();
  const pauses: number[] = [];
  for (let round = 0; round < 4; round++) {
    network.cut();
    pauses.push(clock.next ?? 0);
    await clock.advance(clock.next ?? 0);
  }
  assert.deepEqual(pauses, [750, 1500, 3000, 6000]);
});

test('a nudge ends the pause', async () => {
  const { clock, network, log, session } = setUp();
  session.start(TOKEN);
  await settled();
  network.cut();
  session.nudge();
  await settled();
  assert.equal(session.state.value.kind, 'online');
  assert.deepEqual(log, ['online', 'offline', 'online']);
  await clock.advance(5_000);
  assert.equal(network.dialled.length, 2, 'the pause that was cut short does not come back');
});

test('a line that died silently is noticed by a ping', async () => {
  const { clock, network, log, session } = setUp();
  session.start(TOKEN);
  await settled();
  network.isSilent = true;
  await clock.advance(60_000 + 15_000);
  assert.deepEqual(log, ['online', 'offline']);
  network.isSilent = false;
  await clock.advance(1_000);
  assert.equal(session.state.value.kind, 'online');
});

test('the reader’s return checks the line at once', async () => {
  const { clock, network, session } = setUp();
  session.start(TOKEN);
  await settled();
  network.isSilent = true;
  session.nudge();
  await clock.advance(5_000);
  assert.equal(session.state.value.kind, 'waiting');
});

test('a live line is left alone', async () => {
  const { clock, network, session } = setUp();
  session.start(TOKEN);
  await settled();
  await clock.advance(10 * 60_000);
  assert.equal(session.state.value.kind, 'online');
  assert.equal(network.dialled.length, 1);
});

test('refused credentials end the session', async () => {
  const { clock, network, log, session } = setUp();
  const failure = { kind: 'refused', condition: 'not-authorized', text: undefined } as const;
  session.start(TOKEN);
  await settled();
  network.cut(failure);
  assert.deepEqual(session.state.value, { kind: 'signed-out', failure, tried: 'token' });
  assert.deepEqual(log, ['online', 'offline', 'refused']);
  assert.equal(clock.next, undefined);
});

test('a first sign-in that does not reach the server says so instead of waiting', async () => {
  const { network, session } = setUp();
  network.trouble = LOST;
  session.start(PASSWORD);
  await settled();
  assert.deepEqual(session.state.value, { kind: 'signed-out', failure: LOST, tried: 'password' });
});

test('after a token was made, the next connection uses it', async () => {
  const { clock, network, session } = setUp();
  session.start(PASSWORD);
  await settled();
  session.renew(TOKEN);
  network.cut();
  await clock.advance(1_000);
  assert.deepEqual(
    network.dialled.map((credentials) => credentials.kind),
    ['password', 'token'],
  );
});

test('whoever stops is not connected again', async () => {
  const { clock, network, session } = setUp();
  session.start(TOKEN);
  await settled();
  network.cut();
  session.stop();
  await clock.advance(100_000);
  assert.equal(network.dialled.length, 1);
  assert.equal(session.state.value.kind, 'signed-out');
});

test('a session whose line is cut goes on, and nobody is told; for a minute', async () => {
  const { clock, network, log, session } = setUp();
  session.start(TOKEN);
  await settled();
  const { link } = session;
  const tries: string[] = [];
  const held = { resume: () => tries.push('resume'), release: () => tries.push('release') };
  network.hold(held);
  assert.equal(session.state.value.kind, 'waiting');
  await clock.advance(1_000);
  assert.deepEqual(tries, ['resume']);
  network.resumed();
  assert.equal(session.link, link);
  assert.deepEqual(log, ['online']);
  // And again, for longer than anybody waits.
  network.hold(held);
  await clock.advance(59_000);
  assert.deepEqual(log, ['online']);
  await clock.advance(2_000);
  await settled();
  assert.ok(tries.includes('release'));
  assert.deepEqual(log.slice(0, 3), ['online', 'offline', 'online']);
});

test('a page that goes says so, and one that comes back connects again', async () => {
  const { clock, network, log, session } = setUp();
  session.start(TOKEN);
  await settled();
  session.leave();
  assert.deepEqual(log, ['online', 'offline']);
  assert.equal(network.server.sessions.size, 0);
  session.leave();
  await clock.advance(1_000);
  assert.deepEqual(log, ['online', 'offline', 'online']);
});
