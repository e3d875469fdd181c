// A stock JavaScript client, Strophe.js, over WebSocket and over HTTP (BOSH): SCRAM, publish, read, live events, messages.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Server } from './lib/server.mjs';
import { $msg } from './lib/packages.mjs';
import { Person, ways } from './lib/strophe.mjs';
import { tried } from './lib/interop.mjs';

const server = new Server();
before(() => server.start());
after(() => server.remove());

const register = (name, password) => server.administer(['account', 'add', `${name}@localhost`, '--password-stdin'], password);

for (const way of ['WebSocket', 'BOSH']) {
  test(`accounts made while the server runs sign in over ${way}, follow, post and talk`, async () => {
    const address = ways[way](server);
    const [first, second] = [`juliet-${way.toLowerCase()}`, `romeo-${way.toLowerCase()}`];
    await register(first, 'wherefore');
    await register(second, 'but soft');
    const juliet = await new Person(first, address).arrive('wherefore');
    const romeo = await new Person(second, address).arrive('but soft');
    tried('Strophe.js', way, 'sign in');

    await romeo.follow(juliet.jid);
    await juliet.post('one', 'Parting is such #sweet <sorrow>');
    tried('Strophe.js', way, 'publish');
    await romeo.sees(/Parting is such #sweet &lt;sorrow&gt;/);
    tried('Strophe.js', way, 'live posts');
    assert.match(await romeo.read(juliet.jid), /Parting is such #sweet &lt;sorrow&gt;/);
    tried('Strophe.js', way, 'read');

    romeo.connection.send($msg({ to: juliet.jid, type: 'chat' }).c('body').t('Shall I hear more?'));
    await juliet.sees(/Shall I hear more\?/);
    juliet.connection.send($msg({ to: romeo.jid, type: 'chat' }).c('body').t('Thrice good night, „Romeo“ 🌹'));
    await romeo.sees(/Thrice good night, „Romeo“ 🌹/);
    tried('Strophe.js', way, 'messages');

    await assert.rejects(new Person(first, address).arrive('wrong password'), new RegExp(first));
    juliet.leave();
    romeo.leave();
  });
}

test('many messages at once keep their order over HTTP', async () => {
  await register('many', 'words words words');
  const many = await new Person('many', ways.BOSH(server)).arrive('words words words');
  const numbers = Array.from({ length: 200 }, (_, number) => number);
  for (const number of numbers) many.connection.send($msg({ to: many.jid, type: 'chat' }).c('body').t(`word ${number}.`));
  await many.sees(/word 199\./);
  const seen = many.seen.map((message) => /word (\d+)\./.exec(message)?.[1]).filter((number) => number !== undefined);
  assert.deepEqual(seen.map(Number), numbers);
  many.leave();
});

test('pages of elsewhere do not reach a server for localhost, and those that may are told so', async () => {
  const asks = (origin, method = 'OPTIONS') => fetch(`${server.site}/http-bind`, { method, headers: { Origin: origin } });
  assert.equal((await asks('https://evil.example')).status, 403);
  assert.equal((await asks('https://evil.example', 'POST')).status, 403);
  const allowed = await asks('http://localhost:8000');
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get('access-control-allow-origin'), 'http://localhost:8000');
  assert.match(allowed.headers.get('access-control-allow-methods'), /POST/);
  const get = await fetch(`${server.site}/http-bind`);
  assert.equal(get.status, 405);
  const answer = await fetch(`${server.site}/http-bind`, {
    method: 'POST',
    body: "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' sid='guessed'/>",
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'text/xml; charset=utf-8');
  // What people write is no page of this site.
  assert.match(answer.headers.get('content-security-policy'), /sandbox/);
  assert.match(await answer.text(), /item-not-found/);
  const long = await fetch(`${server.site}/http-bind`, {
    method: 'POST',
    body: `<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='localhost'><a>${'x'.repeat(20_000)}</a></body>`,
  });
  assert.match(await long.text(), /policy-violation/);
});

test('a request may come byte by byte, and one that does not come is not waited for by anybody else', async () => {
  const body = "<body xmlns='http://jabber.org/protocol/httpbind' rid='7' to='localhost' ver='1.6' hold='1' wait='5'/>";
  const request = `POST /http-bind HTTP/1.1\r\nHost: ${server.address}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
  const socket = net.connect(5280, server.address);
  socket.setNoDelay(true);
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk));
  // Another begins and never ends.
  const silent = net.connect(5280, server.address);
  silent.write(request.slice(0, -10));
  for (const byte of request) await new Promise((next) => socket.write(byte, next));
  await once(socket, 'close');
  assert.match(answer, /^HTTP\/1\.1 200 [^]*<stream:features/);
  silent.destroy();
});

test('host-meta names both ways', async () => {
  const { links } = await (await fetch(`${server.site}/.well-known/host-meta.json`)).json();
  const found = (rel) => links.find((link) => link.rel === `urn:xmpp:alt-connections:${rel}`)?.href;
  assert.equal(found('websocket'), ways.WebSocket(server));
  assert.equal(found('xbosh'), ways.BOSH(server));
});
