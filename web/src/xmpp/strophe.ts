/**
 * A `Link` over Strophe.js: WebSocket (RFC 7395), SCRAM or OAUTHBEARER, resource binding.
 * Does not use PLAIN: a password never leaves the browser.
 */
import { Strophe } from 'strophe.js';
import { LinkLost, readStanzaError, TimedOut } from './errors';
import type { Credentials, Dialled, Link, LinkEvents, LinkFailure } from './link';
import { children, parse, x, type Xml } from './xml';

// Everything that its log would tell comes as an event as well.
Strophe.setLogLevel(Strophe.LogLevel.FATAL);

const CONNECT_TIMEOUT = 20_000;
const ANSWER_TIMEOUT = 30_000;

/** Stream errors after which the same credentials are pointless (RFC 6120 §4.9.3). */
const FINAL_STREAM_ERRORS = ['not-authorized'];

type Connection = InstanceType<typeof Strophe.Connection>;

interface Pending {
  resolve(stanza: Element): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

/** Starts a connection to the WebSocket at `url`. */
export function dialStrophe(url: string, credentials: Credentials, events: LinkEvents): Dialled {
  return new StropheLink(url, credentials, events);
}

class StropheLink implements Link, Dialled {
  private readonly connection: Connection;
  private readonly pending = new Map<string, Pending>();
  private connectTimer: ReturnType<typeof setTimeout> | undefined;
  private failure: LinkFailure = { kind: 'lost', condition: undefined };
  private ended = false;
  private counter = 0;

  constructor(
    url: string,
    credentials: Credentials,
    private readonly events: LinkEvents,
  ) {
    const mechanisms =
      credentials.kind === 'token'
        ? [Strophe.SASLOAuthBearer]
        : [Strophe.SASLSHA1, Strophe.SASLSHA256, Strophe.SASLSHA512];
    this.connection = new Strophe.Connection(url, { mechanisms });
    if (credentials.kind === 'password' && !hasCrypto()) {
      // Browsers hide their cryptography from pages that came over plain HTTP.
      queueMicrotask(() => this.end({ kind: 'unusable', condition: 'insecure' }));
      return;
    }
    this.connectTimer = setTimeout(() => {
      this.hangUp();
      this.end(this.failure);
    }, CONNECT_TIMEOUT);
    const secret = credentials.kind === 'token' ? credentials.token : credentials.password;
    this.connection.connect(credentials.jid, secret, (status, condition, element) =>
      this.onStatus(status, condition ?? undefined, element),
    );
  }

  get jid(): string {
    return this.connection.jid;
  }

  iq(type: 'get' | 'set', to: string | undefined, payload: Xml, timeout = ANSWER_TIMEOUT) {
    if (this.ended) return Promise.reject(new LinkLost());
    const id = `f${++this.counter}`;
    return new Promise<Element>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(new TimedOut());
      }, timeout);
      this.pending.set(id, { resolve, reject, timer });
      this.send(x('iq', { xmlns: Strophe.NS.CLIENT, type, to, id }, payload));
    });
  }

  send(stanza: Xml): void {
    const element = parse(stanza.text);
    if (this.ended || !element) return;
    try {
      this.connection.send(element);
      this.events.onTraffic?.('out', element);
    } catch {
      // A socket that closes under our hands; Strophe reports the end by itself.
    }
  }

  close(): void {
    const wasOver = this.ended;
    this.ended = true;
    this.settle();
    if (!wasOver) this.hangUp();
  }

  private hangUp(): void {
    // Strophe's disconnect waits for nobody on a socket that is still opening; this one is silent.
    this.connection.disconnect();
  }

  private onStatus(status: number, condition: string | undefined, element?: Element): void {
    if (this.ended) return;
    switch (status) {
      case Strophe.Status.CONNECTED:
        clearTimeout(this.connectTimer);
        this.connection.addHandler((stanza) => this.onStanza(stanza), null, null, null);
        this.events.onOnline(this);
        return;
      case Strophe.Status.AUTHFAIL:
        this.failure = readRefusal(element, condition);
        this.hangUp();
        this.end(this.failure);
        return;
      case Strophe.Status.CONNFAIL:
      case Strophe.Status.ERROR:
        this.failure = failureOf(condition);
        return;
      case Strophe.Status.DISCONNECTED:
        this.end(this.failure);
        return;
    }
  }

  private onStanza(stanza: Element): true {
    this.events.onTraffic?.('in', stanza);
    const type = stanza.getAttribute('type');
    const id = stanza.getAttribute('id') ?? '';
    if (stanza.localName === 'iq' && (type === 'result' || type === 'error')) {
      const pending = this.pending.get(id);
      if (!pending) return true;
      this.pending.delete(id);
      clearTimeout(pending.timer);
      if (type === 'result') pending.resolve(stanza);
      else pending.reject(readStanzaError(stanza));
      return true;
    }
    try {
      this.events.onStanza(stanza);
    } catch {
      // One stanza that we do not understand must not cost the handler of all others.
    }
    return true;
  }

  private end(failure: LinkFailure): void {
    if (this.ended) return;
    this.ended = true;
    this.settle();
    this.events.onEnd(failure);
  }

  private settle(): void {
    clearTimeout(this.connectTimer);
    for (const pending of this.pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(new LinkLost());
    }
    this.pending.clear();
  }
}

function hasCrypto(): boolean {
  return (globalThis.crypto as Crypto | undefined)?.subtle !== undefined;
}

function failureOf(condition: string | undefined): LinkFailure {
  if (condition === Strophe.ErrorCondition.NO_AUTH_MECH) {
    return { kind: 'unusable', condition: 'no-mechanism' };
  }
  if (condition && FINAL_STREAM_ERRORS.includes(condition)) {
    return { kind: 'refused', condition, text: undefined };
  }
  return { kind: 'lost', condition };
}

/** Reads `<failure/>` (RFC 6120 §6.5); `temporary-auth-failure` is no refusal. */
function readRefusal(element: Element | undefined, condition: string | undefined): LinkFailure {
  const parts = element ? children(element) : [];
  const name = parts.find((part) => part.localName !== 'text')?.localName ?? condition;
  const text = parts.find((part) => part.localName === 'text')?.textContent ?? undefined;
  if (name === 'temporary-auth-failure') return { kind: 'lost', condition: name };
  return { kind: 'refused', condition: name ?? 'not-authorized', text };
}
