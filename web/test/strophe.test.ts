import './fake/dom';
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { LinkLost, StanzaError } from '../src/xmpp/errors';
import type { Credentials, Dialled, Held, Link, LinkFailure } from '../src/xmpp/link';
import { register } from '../src/xmpp/register';
import { dialStrophe } from '../src/xmpp/strophe';
import { fetchPage } from '../src/xmpp/pubsub';
import { x } from '../src/xmpp/xml';
import { FakeServer, PUBSUB } from './fake/server';
import { forgetSessions, serveXmpp, TOKEN } from './fake/websocket';

let http: Server;
let url: string;
let cut: () => void;
const server = new FakeServer();

before(async () => {
  http = createServer();
  cut = serveXmpp(http, server);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/xmpp-websocket`;
  server.account('juliet');
});

after(() => {
  cut();
  http.close();
});

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((run) => (resolve = run));
  return { promise, resolve };
}

function dial(credentials: Credentials, onStanza?: (stanza: Element) => void) {
  const ended = deferred<{ failure: LinkFailure; held: Held | undefined }>();
  const online = deferred<Link>();
  const again = deferred<Link>();
  let onlines = 0;
  const resumed = deferred<Link>();
  const dialled: Dialled = dialStrophe(url, credentials, {
    onOnline: (link) => (++onlines === 1 ? online : again).resolve(link),
    onResumed: resumed.resolve,
    onStanza: (stanza) => onStanza?.(stanza),
    onEnd: (failure, held) => ended.resolve({ failure, held }),
  });
  return {
    online: online.promise,
    again: again.promise,
    resumed: resumed.promise,
    ended: ended.promise,
    close: () => dialled.close(),
  };
}

const jid = 'juliet@localhost';

test('signs in with a password by SCRAM, and asks', async () => {
  const { online, close } = dial({ kind: 'password', jid, password: 'correct horse' });
  const link = await online;
  assert.match(link.jid, /^juliet@localhost\//);
  server.post('juliet', 'One <b>&amp;</b>');
  const address = { service: PUBSUB, node: 'urn:xmpp:microblog:0' };
  const page = await fetchPage(link, address, { before: undefined }, 10, 0);
  assert.equal(page.posts[0]?.text, 'One <b>&amp;</b>');
  await assert.rejects(link.iq('get', undefined, x('unknown', { xmlns: 'urn:x' })), (error) => {
    assert.ok(error instanceof StanzaError);
    assert.equal(error.condition, 'service-unavailable');
    return true;
  });
  close();
});

test('a wrong password is refused', async () => {
  const { failure } = await dial({ kind: 'password', jid, password: 'wrong' }).ended;
  assert.deepEqual(failure, { kind: 'refused', condition: 'not-authorized', text: undefined });
});

test('signs in with a device token, hears events, and notices the end', async () => {
  const heard = deferred<Element>();
  const { online, ended } = dial({ kind: 'token', jid, token: TOKEN }, heard.resolve);
  const link = await online;
  link.send(x('presence', { xmlns: 'jabber:client' }));
  await link.iq('get', undefined, x('ping', { xmlns: 'urn:xmpp:ping' }));
  server.post('juliet', 'Two');
  assert.equal((await heard.promise).localName, 'message');
  cut();
  const { failure, held } = await ended;
  assert.deepEqual(failure, { kind: 'lost', condition: undefined });
  const open = link.iq('get', undefined, x('ping', { xmlns: 'urn:xmpp:ping' }));
  held?.release();
  await assert.rejects(open, LinkLost);
});

test('a line that is cut loses nothing: what was asked is answered, what came meanwhile comes', async () => {
  const heard: string[] = [];
  const { online, resumed, ended, close } = dial({ kind: 'token', jid, token: TOKEN }, (stanza) =>
    heard.push(stanza.localName),
  );
  const link = await online;
  link.send(x('presence', { xmlns: 'jabber:client' }));
  await link.iq('get', undefined, x('ping', { xmlns: 'urn:xmpp:ping' }));
  const full = link.jid;
  cut();
  const { held } = await ended;
  const open = link.iq('get', undefined, x('ping', { xmlns: 'urn:xmpp:ping' }));
  server.post('juliet', 'While you were gone');
  held?.resume();
  assert.equal(await resumed, link);
  await open;
  assert.equal(link.jid, full);
  assert.deepEqual(
    heard.filter((name) => name === 'message'),
    ['message'],
  );
  close();
});

test('where the server has forgotten the session, it begins anew, and who asked is told', async () => {
  const { online, again, ended, close } = dial({ kind: 'token', jid, token: TOKEN });
  const link = await online;
  await link.iq('get', undefined, x('ping', { xmlns: 'urn:xmpp:ping' }));
  cut();
  const { held } = await ended;
  const open = link.iq('get', undefined, x('ping', { xmlns: 'urn:xmpp:ping' }));
  forgetSessions();
  held?.resume();
  await assert.rejects(open, LinkLost);
  assert.equal(await again, link);
  await link.iq('get', undefined, x('ping', { xmlns: 'urn:xmpp:ping' }));
  close();
});

test('a revoked token is refused', async () => {
  const { failure } = await dial({ kind: 'token', jid, token: 'old' }).ended;
  assert.equal(failure.kind, 'refused');
});

test('makes an account before signing in; a taken name is a conflict', async () => {
  const account = { name: 'nurse', password: 'p', audience: 'open', token: undefined } as const;
  await register(url, 'localhost', account, () => undefined);
  assert.ok(server.accounts.has('nurse@localhost'));
  await assert.rejects(
    register(url, 'localhost', account, () => undefined),
    (error) => error instanceof StanzaError && error.condition === 'conflict',
  );
});

test('nobody there is a lost connection', async () => {
  const dead = url.replace(/:\d+\//, ':1/');
  const failure = await new Promise<LinkFailure>((resolve) => {
    dialStrophe(
      dead,
      { kind: 'token', jid, token: TOKEN },
      { onOnline: () => undefined, onStanza: () => undefined, onEnd: resolve },
    );
  });
  assert.equal(failure.kind, 'lost');
});
