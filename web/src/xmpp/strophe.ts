/**
 * A `Link` over Strophe.js: WebSocket (RFC 7395), SCRAM or OAUTHBEARER, resource binding, and a
 * session that outlives a short loss of the network (XEP-0198).
 * Does not use PLAIN: a password never leaves the browser.
 */
import { Strophe } from 'strophe.js';
import { LinkLost, readStanzaError, TimedOut } from './errors';
import type { Credentials, Dialled, Held, Link, LinkEvents, LinkFailure } from './link';
import { children, parse, x, type Xml } from './xml';

// Everything that its log would tell comes as an event as well.
Strophe.setLogLevel(Strophe.LogLevel.FATAL);

/** So long, in seconds, the server is asked to keep a session whose line is gone. */
const KEPT_FOR = 90;
const CONNECT_TIMEOUT = 20_000;
const ANSWER_TIMEOUT = 30_000;

const STANZAS = ['iq', 'message', 'presence'];
const LOST: LinkFailure = { kind: 'lost', condition: undefined };

/** Stream errors after which the same credentials are pointless (RFC 6120 §4.9.3). */
const FINAL_STREAM_ERRORS = ['not-authorized'];

type Connection = InstanceType<typeof Strophe.Connection>;
type Options = NonNullable<ConstructorParameters<typeof Strophe.Connection>[1]>;
type Storage = NonNullable<NonNullable<Options['streamManagement']>['storage']>;
type State = Parameters<Storage['save']>[1];

interface Pending {
  resolve(stanza: Element): void;
  reject(error: Error): void;
  /** Waits for nothing while the line is gone. */
  timer: ReturnType<typeof setTimeout> | undefined;
  timeout: number;
}

/** What Strophe keeps of a session, for the connection that resumes it: as long as this page lives. */
class Memory implements Storage {
  private readonly kept = new Map<string, State>();

  load(key: string): State | null {
    return this.kept.get(key) ?? null;
  }

  save(key: string, state: State): void {
    this.kept.set(key, state);
  }

  clear(key: string): void {
    this.kept.delete(key);
  }

  empty(): void {
    this.kept.clear();
  }
}

/** Starts a connection to the WebSocket at `url`. */
export function dialStrophe(url: string, credentials: Credentials, events: LinkEvents): Dialled {
  return new StropheLink(url, credentials, events);
}

class StropheLink implements Link, Dialled, Held {
  private connection: Connection;
  private readonly memory = new Memory();
  private readonly pending = new Map<string, Pending>();
  private connectTimer: ReturnType<typeof setTimeout> | undefined;
  private failure: LinkFailure = LOST;
  private ended = false;
  /** The line is gone, and the session waits. */
  private isHeld = false;
  /** What is to be sent once the session goes on. */
  private waiting: Element[] = [];
  private counter = 0;
  private lines = 0;

  constructor(
    private readonly url: string,
    private readonly credentials: Credentials,
    private readonly events: LinkEvents,
  ) {
    this.connection = this.connect();
  }

  private connect(): Connection {
    const { credentials } = this;
    const mechanisms =
      credentials.kind === 'token'
        ? [Strophe.SASLOAuthBearer]
        : [Strophe.SASLSHA1, Strophe.SASLSHA256, Strophe.SASLSHA512];
    const connection = new Strophe.Connection(this.url, {
      mechanisms,
      enableStreamManagement: true,
      streamManagement: { storage: this.memory, max: KEPT_FOR },
    });
    this.failure = LOST;
    const line = ++this.lines;
    if (credentials.kind === 'password' && !hasCrypto()) {
      // Browsers hide their cryptography from pages that came over plain HTTP.
      queueMicrotask(() => this.end({ kind: 'unusable', condition: 'insecure' }));
      return connection;
    }
    this.connectTimer = setTimeout(() => {
      this.leave();
      this.lose(this.failure);
    }, CONNECT_TIMEOUT);
    const sm = managed(connection);
    if (sm) {
      // What the server did not take is ours to send again: who asked is told that it is lost.
      sm.onFailed = () => {
        sm.reset();
        sm.serverSupported = true;
      };
    }
    const secret = credentials.kind === 'token' ? credentials.token : credentials.password;
    connection.connect(credentials.jid, secret, (status, condition, element) => {
      // One that was given up has nothing more to say.
      if (line === this.lines) this.onStatus(status, condition ?? undefined, element);
    });
    return connection;
  }

  get jid(): string {
    return this.connection.jid;
  }

  iq(type: 'get' | 'set', to: string | undefined, payload: Xml, timeout = ANSWER_TIMEOUT) {
    if (this.ended) return Promise.reject(new LinkLost());
    const id = `f${++this.counter}`;
    return new Promise<Element>((resolve, reject) => {
      const pending = { resolve, reject, timer: undefined, timeout };
      this.pending.set(id, pending);
      if (!this.isHeld) this.startTimer(id, pending);
      this.send(x('iq', { xmlns: Strophe.NS.CLIENT, type, to, id }, payload));
    });
  }

  private startTimer(id: string, pending: Pending): void {
    pending.timer = setTimeout(() => {
      this.pending.delete(id);
      pending.reject(new TimedOut());
    }, pending.timeout);
  }

  send(stanza: Xml): void {
    const element = parse(stanza.text);
    if (this.ended || !element) return;
    if (this.isHeld) {
      this.waiting.push(element);
      return;
    }
    this.write(element);
  }

  private write(element: Element): void {
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
    if (!wasOver && !this.isHeld) this.hangUp();
  }

  drop(): void {
    if (this.ended || this.isHeld) return;
    this.leave();
    this.lose(LOST);
  }

  resume(): void {
    if (this.ended) return;
    this.connection = this.connect();
  }

  release(): void {
    this.memory.empty();
    this.waiting = [];
    this.settle();
  }

  /** Leaves the line without a word, so that the server keeps the session. */
  private leave(): void {
    this.lines++;
    const { _proto: transport } = this.connection as { _proto: { socket?: WebSocket | null } };
    transport.socket?.close();
  }

  private hangUp(): void {
    // Strophe's disconnect waits for nobody on a socket that is still opening; this one is silent.
    this.connection.disconnect();
  }

  private onStatus(status: number, condition: string | undefined, element?: Element): void {
    if (this.ended) return;
    switch (status) {
      case Strophe.Status.CONNECTED:
        this.onConnected();
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
        this.lose(this.failure);
        return;
    }
  }

  private onConnected(): void {
    clearTimeout(this.connectTimer);
    this.connection.addHandler((stanza) => this.onStanza(stanza), null, null, null);
    if (this.isHeld && this.connection.hasResumed()) {
      this.isHeld = false;
      for (const [id, pending] of this.pending) this.startTimer(id, pending);
      for (const element of this.waiting.splice(0)) this.write(element);
      this.events.onResumed?.(this);
      return;
    }
    this.isHeld = false;
    this.waiting = [];
    this.settle();
    this.events.onOnline(this);
  }

  /** The line is gone: for good, unless the server keeps the session. */
  private lose(failure: LinkFailure): void {
    if (this.ended) return;
    clearTimeout(this.connectTimer);
    const isKept = this.isHeld || managed(this.connection)?.hasResumableState() === true;
    if (failure.kind !== 'lost' || !isKept) {
      this.end(failure);
      return;
    }
    this.isHeld = true;
    for (const pending of this.pending.values()) clearTimeout(pending.timer);
    this.events.onEnd(failure, this);
  }

  private onStanza(stanza: Element): true {
    // Strophe counts and acknowledges by itself.
    if (!STANZAS.includes(stanza.localName)) return true;
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

/** The part of Strophe's stream management that is used; its own types do not name it. */
interface Managed {
  serverSupported: boolean;
  onFailed: () => void;
  reset(): void;
  hasResumableState(): boolean;
}

function managed(connection: Connection): Managed | undefined {
  return (connection as { sm?: Managed }).sm;
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
