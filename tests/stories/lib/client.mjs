// An XMPP client for scripts: Strophe.js over WebSocket, with stanzas written as they stand on the wire.
import { Strophe, toStanza } from './packages.mjs';

export const PUBSUB = 'http://jabber.org/protocol/pubsub';
export const MICROBLOG = 'urn:xmpp:microblog:0';
const PATIENCE = 15_000;
Strophe.setLogLevel(Strophe.LogLevel.ERROR);

export const escape = (text) => Strophe.xmlescape(text);

export class Client {
  /** Signs in; `jid` with a resource. */
  static connect(site, jid, password) {
    const client = new Client();
    client.jid = Strophe.getBareJidFromJid(jid);
    client.domain = Strophe.getDomainFromJid(jid);
    client.seen = [];
    client.waiting = new Set();
    client.asked = 0;
    client.connection = new Strophe.Connection(`${site.replace('http', 'ws')}/xmpp-websocket`);
    return new Promise((resolve, reject) => {
      client.connection.connect(jid, password, (status, why) => {
        const { CONNECTED, AUTHFAIL, CONNFAIL, ERROR } = Strophe.Status;
        if (status === CONNECTED) {
          for (const name of ['message', 'presence']) client.connection.addHandler((stanza) => client.take(stanza), null, name);
          resolve(client);
        } else if ([AUTHFAIL, CONNFAIL, ERROR].includes(status)) reject(new Error(`${jid} cannot sign in: ${why ?? status}`));
      });
    });
  }

  take(stanza) {
    this.seen.push(Strophe.serialize(stanza));
    for (const look of this.waiting) look();
    return true;
  }

  /** Waits until something that came matches. */
  sees(pattern) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.seen.find((stanza) => pattern.test(stanza));
        if (found === undefined) return;
        this.waiting.delete(look);
        clearTimeout(patience);
        resolve(found);
      };
      const patience = setTimeout(() => reject(new Error(`${this.jid} did not see ${pattern} in:\n${this.seen.join('\n')}`)), PATIENCE);
      this.waiting.add(look);
      look();
    });
  }

  send(xml) {
    this.connection.send(stanza(xml));
  }

  /** Sends an IQ without its id; gives the answer, or throws the error. */
  ask(xml) {
    this.asked += 1;
    const request = stanza(xml);
    request.setAttribute('id', `q${this.asked}`);
    return new Promise((resolve, reject) => {
      const refused = (error) => reject(new Error(`${xml}\n${error ? Strophe.serialize(error) : 'no answer'}`));
      this.connection.sendIQ(request, (answer) => resolve(Strophe.serialize(answer)), refused, PATIENCE);
    });
  }

  publish(node, id, payload, to) {
    const address = to ? ` to='${to}'` : '';
    return this.ask(
      `<iq type='set'${address}><pubsub xmlns='${PUBSUB}'><publish node='${escape(node)}'>` +
        `<item id='${escape(id)}'>${payload}</item></publish></pubsub></iq>`,
    );
  }

  /** Changes settings of a node of one's own. */
  configure(node, settings) {
    const fields = Object.entries({ FORM_TYPE: `${PUBSUB}#node_config`, ...settings });
    const form = fields.map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`).join('');
    return this.ask(
      `<iq type='set'><pubsub xmlns='${PUBSUB}#owner'><configure node='${escape(node)}'>` +
        `<x xmlns='jabber:x:data' type='submit'>${form}</x></configure></pubsub></iq>`,
    );
  }

  retract(node, id, to) {
    const address = to ? ` to='${to}'` : '';
    return this.ask(
      `<iq type='set'${address}><pubsub xmlns='${PUBSUB}'><retract node='${escape(node)}' notify='true'>` +
        `<item id='${escape(id)}'/></retract></pubsub></iq>`,
    );
  }

  items(to, node, more = '') {
    return this.ask(`<iq type='get' to='${to}'><pubsub xmlns='${PUBSUB}'><items node='${escape(node)}'/>${more}</pubsub></iq>`);
  }

  follow(whom, node = MICROBLOG) {
    return this.ask(
      `<iq type='set' to='${whom}'><pubsub xmlns='${PUBSUB}'><subscribe node='${escape(node)}' jid='${this.jid}'/></pubsub></iq>`,
    );
  }

  disconnect() {
    this.connection.disconnect('done');
  }
}

function stanza(xml) {
  return toStanza(xml.replace(/^<(iq|message|presence)/, "<$1 xmlns='jabber:client'"), true);
}

/** An Atom entry with a text, and what else belongs into it. */
export function entry(text, more = '') {
  return `<entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>${escape(text)}</title>${more}</entry>`;
}
