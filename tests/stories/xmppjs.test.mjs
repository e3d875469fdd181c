// A stock JavaScript library, xmpp.js, over TCP with STARTTLS, TCP with TLS and WebSocket: sign-in, posts, messages, and a session
// that goes on after its connection was cut.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from './lib/server.mjs';
import { Line } from './lib/line.mjs';
import { xmpp } from './lib/packages.mjs';
import { tried } from './lib/interop.mjs';

// The server of a story makes its certificate itself.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
const { client, xml } = xmpp;
const PUBSUB = 'http://jabber.org/protocol/pubsub';
const BLOG = 'urn:xmpp:microblog:0';
const PATIENCE = 10_000;

const server = new Server();
const people = [];
const lines = [];
before(() => server.start());
after(async () => {
  for (const { client } of people) {
    client.reconnect.stop();
    await client.stop().catch(() => {});
  }
  for (const line of lines) await line.remove();
  await server.remove();
});

const ways = {
  'TCP, STARTTLS': { port: 5222, service: (authority) => `xmpp://${authority}` },
  'TCP, TLS': { port: 5223, service: (authority) => `xmpps://${authority}` },
  WebSocket: { port: 5280, service: (authority) => `ws://${authority}/xmpp-websocket` },
};

class Person {
  constructor(name, service) {
    this.jid = `${name}@localhost`;
    this.seen = [];
    this.waiting = [];
    this.client = client({ service, domain: 'localhost', resource: 'xmppjs', username: name, password: `${name}'s secret` });
    this.client.reconnect.delay = 50;
    // Cut connections are what a story is about; whoever waits for something sees what did not come.
    this.client.on('error', (error) => (this.error = error));
    this.client.on('stanza', (stanza) => {
      this.seen.push(stanza.toString());
      for (const wake of this.waiting.splice(0)) wake();
    });
    people.push(this);
  }

  /** Somebody new, signed in and online. */
  static async arrives(name, service) {
    await server.administer(['account', 'add', `${name}@localhost`, '--password-stdin'], `${name}'s secret`);
    const person = new Person(name, service);
    await person.client.start();
    await person.client.send(xml('presence'));
    return person;
  }

  ask(to, type, ...children) {
    return this.client.iqCaller.request(xml('iq', { type, ...(to && { to }) }, xml('pubsub', { xmlns: PUBSUB }, ...children)), PATIENCE);
  }

  say(to, text) {
    return this.client.send(xml('message', { to, type: 'chat' }, xml('body', {}, text)));
  }

  /** Waits until its session goes on. */
  resumes() {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${this.jid} did not resume; ${this.error ?? ''}`)), PATIENCE);
      this.client.streamManagement.once('resumed', () => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  async sees(pattern) {
    const deadline = Date.now() + PATIENCE;
    while (!this.seen.some((stanza) => pattern.test(stanza))) {
      if (Date.now() > deadline) throw new Error(`${this.jid} did not see ${pattern} in ${this.seen.join('\n')}; ${this.error ?? ''}`);
      await Promise.race([new Promise((wake) => this.waiting.push(wake)), new Promise((next) => setTimeout(next, 500))]);
    }
  }

  count(pattern) {
    return this.seen.filter((stanza) => pattern.test(stanza)).length;
  }
}

for (const [number, [way, { port, service }]] of Object.entries(ways).entries()) {
  test(`xmpp.js over ${way}: posts and messages`, async () => {
    const address = service(`${server.address}:${port}`);
    const juliet = await Person.arrives(`juliet${number}`, address);
    const romeo = await Person.arrives(`romeo${number}`, address);
    tried('xmpp.js', way, 'sign in');

    await romeo.ask(juliet.jid, 'set', xml('subscribe', { node: BLOG, jid: romeo.jid }));
    const entry = xml('entry', { xmlns: 'http://www.w3.org/2005/Atom' }, xml('title', { type: 'text' }, 'Parting is such #sweet <sorrow>'));
    await juliet.ask(null, 'set', xml('publish', { node: BLOG }, xml('item', { id: 'one' }, entry)));
    tried('xmpp.js', way, 'publish');
    await romeo.sees(/Parting is such #sweet &lt;sorrow&gt;/);
    tried('xmpp.js', way, 'live posts');
    const read = await romeo.ask(juliet.jid, 'get', xml('items', { node: BLOG }));
    assert.match(read.toString(), /Parting is such #sweet &lt;sorrow&gt;/);
    tried('xmpp.js', way, 'read');

    await romeo.say(juliet.jid, 'Shall I hear more?');
    await juliet.sees(/Shall I hear more\?/);
    tried('xmpp.js', way, 'messages');
  });

  test(`xmpp.js over ${way}: a session goes on after its connection was cut`, async () => {
    const line = await Line.lay(server, port);
    lines.push(line);
    // Nobody asks anything here: xmpp.js 0.14 does not count the answers to its own requests among what it received (XEP-0198 §4),
    // and is then sent as many of the last stanzas once more.
    const nurse = await Person.arrives(`nurse${number}`, service(`${server.address}:${line.port}`));
    const peter = await Person.arrives(`peter${number}`, service(`${server.address}:${port}`));
    await peter.say(nurse.jid, 'Anon!');
    await nurse.sees(/Anon!/);
    let news = 0;
    nurse.client.on('online', () => (news += 1));
    for (const round of [1, 2, 3]) {
      const resumes = nurse.resumes();
      line.cut();
      // It may come before the server notices, while she is away, or when she is back.
      await peter.say(nurse.jid, `round ${round}a.`);
      await peter.say(nurse.jid, `round ${round}b.`);
      line.mend();
      await peter.say(nurse.jid, `round ${round}c.`);
      await resumes;
      await nurse.sees(new RegExp(`round ${round}c`));
      await nurse.say(peter.jid, `I am here, ${round}.`);
      await peter.sees(new RegExp(`I am here, ${round}`));
    }
    assert.equal(news, 0, 'it is the same session');
    const told = nurse.seen.map((stanza) => /round (\d[abc])\./.exec(stanza)?.[1]).filter(Boolean);
    assert.deepEqual(told, ['1a', '1b', '1c', '2a', '2b', '2c', '3a', '3b', '3c'], 'nothing is lost, doubled or out of order');
    assert.equal(peter.count(/I am here/), 3);
    tried('xmpp.js', way, 'resume');
  });
}
