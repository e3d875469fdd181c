// A stock JavaScript client, Strophe.js, over WebSocket: SCRAM, publish, live events.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from './lib/server.mjs';
import { $iq, $msg, $pres, Strophe } from './lib/packages.mjs';

const server = new Server();
before(() => server.start());
after(() => server.remove());

const PUBSUB = 'http://jabber.org/protocol/pubsub';

class Person {
  constructor(name) {
    this.name = name;
    this.jid = `${name}@localhost`;
    this.connection = new Strophe.Connection(`${server.site.replace('http', 'ws')}/xmpp-websocket`);
    this.seen = [];
    this.waiting = [];
  }

  arrive(password) {
    return new Promise((resolve, reject) => {
      this.connection.connect(`${this.jid}/strophe`, password, (status, why) => {
        if (status === Strophe.Status.CONNECTED) {
          this.connection.addHandler((m) => this.take(m), null, 'message');
          this.connection.send($pres());
          resolve(this);
        } else if ([Strophe.Status.AUTHFAIL, Strophe.Status.CONNFAIL, Strophe.Status.ERROR].includes(status)) {
          reject(new Error(`${this.name}: status ${status}, ${why}`));
        }
      });
    });
  }

  take(message) {
    this.seen.push(Strophe.serialize(message));
    for (const wake of this.waiting.splice(0)) wake();
    return true;
  }

  ask(iq) {
    return new Promise((resolve, reject) => {
      this.connection.sendIQ(iq, resolve, (e) => reject(new Error(e ? Strophe.serialize(e) : 'timeout')), 10_000);
    });
  }

  async sees(pattern) {
    const deadline = Date.now() + 10_000;
    while (!this.seen.some((m) => pattern.test(m))) {
      if (Date.now() > deadline) throw new Error(`${this.name} did not see ${pattern} in ${this.seen.join('\n')}`);
      await Promise.race([new Promise((wake) => this.waiting.push(wake)), new Promise((r) => setTimeout(r, 1000))]);
    }
  }
}

async function register(name, password) {
  const { spawnSync } = await import('node:child_process');
  const { resolve } = await import('node:path');
  const binary = resolve(import.meta.dirname, '../..', process.env.FOLKMOOT_BINARY ?? 'target/debug/folkmoot');
  const made = spawnSync(binary, ['account', 'add', `${name}@localhost`, '--password-stdin', '--data', server.data], {
    input: `${password}\n`,
    encoding: 'utf8',
  });
  assert.equal(made.status, 0, made.stderr);
}

test('accounts made while the server runs sign in over WebSocket, follow, post and talk', async () => {
  await register('juliet', 'wherefore');
  await register('romeo', 'but soft');
  const juliet = await new Person('juliet').arrive('wherefore');
  const romeo = await new Person('romeo').arrive('but soft');

  await romeo.ask(
    $iq({ type: 'set', to: juliet.jid })
      .c('pubsub', { xmlns: PUBSUB })
      .c('subscribe', { node: 'urn:xmpp:microblog:0', jid: romeo.jid }),
  );
  await juliet.ask(
    $iq({ type: 'set' })
      .c('pubsub', { xmlns: PUBSUB })
      .c('publish', { node: 'urn:xmpp:microblog:0' })
      .c('item', { id: 'one' })
      .c('entry', { xmlns: 'http://www.w3.org/2005/Atom' })
      .c('title', { type: 'text' })
      .t('Parting is such #sweet <sorrow>'),
  );
  await romeo.sees(/Parting is such #sweet &lt;sorrow&gt;/);

  romeo.connection.send($msg({ to: juliet.jid, type: 'chat' }).c('body').t('Shall I hear more?'));
  await juliet.sees(/Shall I hear more\?/);

  await assert.rejects(new Person('juliet').arrive('wrong password'), /juliet/);
  juliet.connection.disconnect('done');
  romeo.connection.disconnect('done');
});
