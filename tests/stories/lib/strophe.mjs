// People with Strophe.js, over WebSocket or HTTP.
import './xhr.mjs';
import { Strophe, $iq, $pres } from './packages.mjs';

const PUBSUB = 'http://jabber.org/protocol/pubsub';
const ATOM = 'http://www.w3.org/2005/Atom';
const PATIENCE = 10_000;

/** The addresses of a server's ways for web pages. */
export const ways = {
  WebSocket: (server) => `${server.site.replace('http', 'ws')}/xmpp-websocket`,
  BOSH: (server) => `${server.site}/http-bind`,
};

export class Person {
  constructor(name, address) {
    this.name = name;
    this.jid = `${name}@localhost`;
    this.connection = new Strophe.Connection(address);
    this.seen = [];
    this.waiting = [];
  }

  arrive(password) {
    return new Promise((resolve, reject) => {
      this.connection.connect(`${this.jid}/strophe`, password, (status, why) => {
        if (status === Strophe.Status.CONNECTED) {
          this.connection.addHandler((message) => this.take(message), null, 'message');
          this.connection.send($pres());
          resolve(this);
        } else if ([Strophe.Status.AUTHFAIL, Strophe.Status.CONNFAIL, Strophe.Status.ERROR].includes(status)) {
          // Otherwise it would try and wait for ever.
          this.leave();
          reject(new Error(`${this.name}: status ${status}, ${why}`));
        }
      });
    });
  }

  leave() {
    this.connection.disconnect('done');
  }

  take(message) {
    this.seen.push(Strophe.serialize(message));
    for (const wake of this.waiting.splice(0)) wake();
    return true;
  }

  ask(iq) {
    return new Promise((resolve, reject) => {
      this.connection.sendIQ(iq, resolve, (e) => reject(new Error(e ? Strophe.serialize(e) : 'timeout')), PATIENCE);
    });
  }

  follow(whom) {
    return this.ask(
      $iq({ type: 'set', to: whom }).c('pubsub', { xmlns: PUBSUB }).c('subscribe', { node: 'urn:xmpp:microblog:0', jid: this.jid }),
    );
  }

  post(id, title) {
    return this.ask(
      $iq({ type: 'set' })
        .c('pubsub', { xmlns: PUBSUB })
        .c('publish', { node: 'urn:xmpp:microblog:0' })
        .c('item', { id })
        .c('entry', { xmlns: ATOM })
        .c('title', { type: 'text' })
        .t(title),
    );
  }

  async read(whom) {
    const request = $iq({ type: 'get', to: whom }).c('pubsub', { xmlns: PUBSUB }).c('items', { node: 'urn:xmpp:microblog:0' });
    return Strophe.serialize(await this.ask(request));
  }

  async sees(pattern) {
    const deadline = Date.now() + PATIENCE;
    while (!this.seen.some((m) => pattern.test(m))) {
      if (Date.now() > deadline) throw new Error(`${this.name} did not see ${pattern} in ${this.seen.join('\n')}`);
      await Promise.race([new Promise((wake) => this.waiting.push(wake)), new Promise((r) => setTimeout(r, 1000))]);
    }
  }
}
