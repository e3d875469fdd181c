/**
 * The server in memory behind a real WebSocket (RFC 7395) with SASL, so that Strophe.js and the
 * whole client can talk to it.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { NS } from '../../src/xmpp/ns';
import { attribute, child, childText, parse, x, type Xml } from '../../src/xmpp/xml';
import { DOMAIN, type FakeServer, type FakeSession } from './server';

const PASSWORD = 'correct horse';
export const TOKEN = 'token-of-a-device';

/** Serves XMPP on the upgrades of an HTTP server; returns what cuts all connections. */
export function serveXmpp(http: Server, server: FakeServer): () => void {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'xmpp' });
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.handleUpgrade(request, socket, head, (opened) => new Stream(opened, server));
  });
  return () => sockets.clients.forEach((socket) => socket.terminate());
}

/** A server that was started anew. */
export function forgetSessions(): void {
  Stream.forget();
}

interface Scram {
  first: string;
  serverFirst: string;
  salt: Buffer;
}

class Stream implements FakeSession {
  jid = '';
  isAvailable = false;
  readonly subscriptions = new Set<string>();
  private name = '';
  private isAuthenticated = false;
  private scram: Scram | undefined;
  /** What a session that is resumed goes on with (XEP-0198): its id, what came, what was not acknowledged. */
  private managed: { id: string; came: number; sent: number; unacked: Xml[] } | undefined;
  private static readonly held = new Map<string, Stream>();
  private static starts = 0;

  constructor(
    private socket: WebSocket,
    private readonly server: FakeServer,
  ) {
    this.listen();
  }

  private listen(): void {
    const { socket } = this;
    socket.on('message', (data: Buffer) => this.onMessage(data.toString()));
    socket.on('close', () => {
      if (this.managed && socket === this.socket) Stream.held.set(this.managed.id, this);
      else this.server.sessions.delete(this);
    });
  }

  send(stanza: Xml): void {
    if (this.managed && /^<(iq|message|presence)/.test(stanza.text)) {
      this.managed.sent++;
      this.managed.unacked.push(stanza);
    }
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(stanza.text);
  }

  private manage(element: Element): boolean {
    const name = element.localName;
    if (element.namespaceURI !== SM) {
      if (this.managed && ['iq', 'message', 'presence'].includes(name)) this.managed.came++;
      return false;
    }
    if (name === 'enable') {
      const id = `${Stream.starts}-${randomBytes(4).toString('hex')}`;
      this.managed = { id, came: 0, sent: 0, unacked: [] };
      this.socket.send(x('enabled', { xmlns: SM, id, resume: 'true' }).text);
    } else if (name === 'r') {
      this.socket.send(x('a', { xmlns: SM, h: this.managed?.came ?? 0 }).text);
    } else if (name === 'resume') {
      this.goOn(attribute(element, 'previd') ?? '', Number(attribute(element, 'h')));
    }
    return true;
  }

  /** Gives the socket to the session that waits for it. */
  private goOn(id: string, h: number): void {
    const before = Stream.held.get(id);
    Stream.held.delete(id);
    if (!before?.managed || !id.startsWith(`${Stream.starts}-`)) {
      this.socket.send(x('failed', { xmlns: SM }, x('item-not-found', { xmlns: NS.stanzas })).text);
      return;
    }
    const { socket } = this;
    socket.removeAllListeners();
    before.socket = socket;
    before.listen();
    const { came, sent, unacked } = before.managed;
    socket.send(x('resumed', { xmlns: SM, previd: id, h: came }).text);
    before.managed.unacked = unacked.slice(h - (sent - unacked.length));
    for (const stanza of before.managed.unacked) socket.send(stanza.text);
  }

  /** The server forgets all that might be resumed, also what it has not noticed to be cut. */
  static forget(): void {
    Stream.starts++;
  }

  private onMessage(text: string): void {
    const element = parse(text);
    if (!element) return;
    switch (element.localName) {
      case 'open':
        this.open();
        return;
      case 'close':
        this.socket.close();
        return;
      case 'auth':
        this.authenticate(attribute(element, 'mechanism') ?? '', element.textContent);
        return;
      case 'response':
        this.prove(Buffer.from(element.textContent, 'base64').toString());
        return;
    }
    if (this.manage(element)) return;
    if (!this.isAuthenticated) this.register(element);
    else if (child(element, 'bind', BIND)) this.bind(element);
    else this.server.handle(this, element);
  }

  private open(): void {
    this.send(x('open', { xmlns: NS.framing, from: DOMAIN, version: '1.0', id: 's1' }));
    const mechanisms = ['SCRAM-SHA-256', 'OAUTHBEARER'].map((name) => x('mechanism', {}, name));
    const features = this.isAuthenticated
      ? [x('bind', { xmlns: BIND }), x('sm', { xmlns: SM })]
      : [
          x('mechanisms', { xmlns: NS.sasl }, ...mechanisms),
          x('register', { xmlns: NS.registerFeature }),
        ];
    this.send(x('stream:features', { 'xmlns:stream': NS.streams }, ...features));
  }

  private authenticate(mechanism: string, initial: string): void {
    const message = Buffer.from(initial, 'base64').toString();
    if (mechanism === 'OAUTHBEARER') {
      this.name = /a=([^@,]+)@/.exec(message)?.[1] ?? '';
      if (message.includes(`auth=Bearer ${TOKEN}\u0001`)) this.succeed();
      else this.fail('not-authorized');
      return;
    }
    const first = message.replace(/^n,[^,]*,/, '');
    this.name = /n=([^,]+)/.exec(first)?.[1] ?? '';
    const salt = randomBytes(16);
    const nonce = `${/r=([^,]+)/.exec(first)?.[1] ?? ''}server`;
    const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=4096`;
    this.scram = { first, serverFirst, salt };
    this.send(x('challenge', { xmlns: NS.sasl }, Buffer.from(serverFirst).toString('base64')));
  }

  /** RFC 5802 §3. */
  private prove(final: string): void {
    if (!this.scram) return;
    const [, withoutProof = '', proof = ''] = /^(.*),p=(.*)$/.exec(final) ?? [];
    const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
    const salted = pbkdf2Sync(PASSWORD, this.scram.salt, 4096, 32, 'sha256');
    const message = `${this.scram.first},${this.scram.serverFirst},${withoutProof}`;
    const key = hmac(salted, 'Client Key');
    const signature = hmac(createHash('sha256').update(key).digest(), message);
    const expected = key.map((byte, index) => byte ^ (signature[index] ?? 0));
    if (Buffer.from(expected).toString('base64') !== proof) {
      this.fail('not-authorized');
      return;
    }
    const verifier = hmac(hmac(salted, 'Server Key'), message).toString('base64');
    this.succeed(Buffer.from(`v=${verifier}`).toString('base64'));
  }

  private succeed(data?: string): void {
    this.isAuthenticated = true;
    this.send(x('success', { xmlns: NS.sasl }, data));
  }

  private fail(condition: string): void {
    this.send(x('failure', { xmlns: NS.sasl }, x(condition)));
  }

  private bind(element: Element): void {
    this.jid = `${this.name}@${DOMAIN}/${randomBytes(4).toString('hex')}`;
    this.server.account(this.name);
    this.server.sessions.add(this);
    const bound = x('bind', { xmlns: BIND }, x('jid', {}, this.jid));
    this.send(x('iq', { xmlns: NS.client, type: 'result', id: attribute(element, 'id') }, bound));
  }

  private register(element: Element): void {
    const head = { xmlns: NS.client, id: attribute(element, 'id') };
    const query = child(element, 'query', NS.register);
    if (attribute(element, 'type') === 'get') {
      const fields = [x('username'), x('password')];
      const offer = x('query', { xmlns: NS.register }, ...fields);
      this.send(x('iq', { ...head, type: 'result' }, offer));
      return;
    }
    const name = childText(query, 'username', NS.register) ?? '';
    const isTaken = this.server.accounts.has(`${name}@${DOMAIN}`);
    if (isTaken) {
      const error = x('error', { type: 'cancel' }, x('conflict', { xmlns: NS.stanzas }));
      this.send(x('iq', { ...head, type: 'error' }, error));
      return;
    }
    if (query) this.server.account(name);
    this.send(x('iq', { ...head, type: 'result' }));
  }
}

const SM = 'urn:xmpp:sm:3';
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
