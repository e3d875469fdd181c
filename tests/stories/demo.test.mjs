// The town of `make demo`: everything in it is told, seen by a reader, and goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, fill, live } from '../../demo/fill.mjs';
import { PEOPLE } from '../../demo/people.mjs';
import { LIVE, THREADS } from '../../demo/talk.mjs';
import { Client, MICROBLOG } from './lib/client.mjs';
import { Server } from './lib/server.mjs';

test('a town moves in and talks', { timeout: 300_000 }, async () => {
  const names = new Set(PEOPLE.map(({ name }) => name));
  assert.equal(names.size, 20);
  for (const { by, like = [], boost = [], replies = [] } of THREADS)
    for (const name of [by, ...like, ...boost, ...replies.map(([who]) => who)]) assert.ok(names.has(name), name);

  const server = new Server();
  try {
    await server.start();
    const people = await fill(server.site, (words, input) => server.administer(words, input));
    const marta = await Client.connect(server.site, 'marta@localhost/reader', PASSWORD);
    const home = await marta.items('marta@localhost', 'urn:x-folkmoot:home:0', "<set xmlns='http://jabber.org/protocol/rsm'><max>50</max><before/></set>");
    assert.ok(home.match(/<item /g).length >= 10, home);
    assert.match(home, /replies=["'][1-9]/);
    assert.match(home, /likes=["'][1-9]/);
    assert.match(home, /<boost /);
    // What was said days ago says so.
    const days = [...home.matchAll(/<published>([^<]+)</g)].map(([, at]) => Date.now() - Date.parse(at));
    assert.ok(Math.max(...days) > 86_400_000, String(days));
    const page = await (await fetch(`${server.site}/@vera`)).text();
    assert.match(page, /Vera Quist/);

    await marta.follow('vera@localhost', MICROBLOG);
    marta.send('<presence/>');
    const enough = new AbortController();
    const talk = live(people, enough.signal, 0.05);
    await marta.sees(new RegExp(LIVE[0][1].slice(0, 30)));
    enough.abort();
    await talk;
    for (const client of [...people.values(), marta]) client.disconnect();
  } finally {
    await server.remove();
  }
});
