/** Connections to the server in memory, and a clock that stands still until it is moved. */
import type { Clock } from '../../src/model/clock';
import type { Credentials, Dial, Held, Link, LinkEvents, LinkFailure } from '../../src/xmpp/link';
import { LinkLost, readStanzaError, TimedOut } from '../../src/xmpp/errors';
import { NS } from '../../src/xmpp/ns';
import { attribute, parse, x, type Xml } from '../../src/xmpp/xml';
import type { FakeServer, FakeSession } from './server';

export class FakeClock implements Clock {
  private time = Date.UTC(2027, 0, 1);
  private timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.time;
  }

  random(): number {
    return 0.5;
  }

  after(delay: number, run: () => void): () => void {
    const timer = { at: this.time + delay, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** How long until the next timer; undefined where none waits. */
  get next(): number | undefined {
    const times = this.timers.map((timer) => timer.at - this.time);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Lets time pass, and everything happen that was due meanwhile. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    for (;;) {
      const due = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.timers = this.timers.filter((timer) => timer !== due);
      this.time = Math.max(this.time, due.at);
      due.run();
      await settled();
    }
    this.time = end;
    await settled();
  }
}

/** Resolves when everything that was ready to happen has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A network between clients and the server in memory. */
export class FakeNetwork {
  readonly dialled: Credentials[] = [];
  /** What every dialling meets, unless the network is up. */
  trouble: LinkFailure | undefined;
  /** Requests get no answers, but nothing tells that the line is dead. */
  isSilent = false;
  private readonly lines = new Set<Line>();

  constructor(
    readonly server: FakeServer,
    private readonly clock: FakeClock,
  ) {}

  readonly dial: Dial = (credentials, events) => {
    this.dialled.push(credentials);
    const line = new Line(this, credentials, events, this.clock);
    this.lines.add(line);
    queueMicrotask(() => line.open());
    return {
      close: () => this.drop(line),
      drop: () => {
        this.drop(line);
        line.events.onEnd({ kind: 'lost', condition: undefined });
      },
    };
  };

  /** Cuts all connections. */
  cut(failure: LinkFailure = { kind: 'lost', condition: undefined }): void {
    for (const line of [...this.lines]) {
      this.drop(line);
      line.events.onEnd(failure);
    }
  }

  /** Cuts the one connection so that it may be resumed by what is given; `resumed` says that it was. */
  hold(held: Held): void {
    for (const line of this.lines) line.events.onEnd({ kind: 'lost', condition: undefined }, held);
  }

  resumed(): void {
    for (const line of this.lines) line.resume();
  }

  drop(line: Line): void {
    if (this.lines.delete(line)) line.close();
  }
}

class Line implements FakeSession {
  readonly jid: string;
  isAvailable = false;
  readonly subscriptions = new Set<string>();
  private readonly waiting = new Map<
    string,
    { resolve: (stanza: Element) => void; reject: (error: Error) => void; cancel: () => void }
  >();
  private readonly link: Link;
  private counter = 0;
  private isOpen = false;
  private isClosed = false;

  constructor(
    private readonly network: FakeNetwork,
    credentials: Credentials,
    readonly events: LinkEvents,
    private readonly clock: FakeClock,
  ) {
    this.jid = `${credentials.jid}/web-${network.dialled.length}`;
    this.link = {
      jid: this.jid,
      iq: (type, to, payload, timeout) => this.iq(type, to, payload, timeout),
      send: (stanza) => this.write(stanza),
    };
  }

  open(): void {
    if (this.isClosed) return;
    const { trouble, server } = this.network;
    if (trouble) {
      this.network.drop(this);
      this.events.onEnd(trouble);
      return;
    }
    this.isOpen = true;
    server.sessions.add(this);
    this.events.onOnline(this.link);
  }

  resume(): void {
    this.events.onResumed?.(this.link);
  }

  close(): void {
    this.isClosed = true;
    this.network.server.sessions.delete(this);
    for (const { reject, cancel } of this.waiting.values()) {
      cancel();
      reject(new LinkLost());
    }
    this.waiting.clear();
  }

  /** From the server. */
  send(stanza: Xml): void {
    if (this.isClosed || this.network.isSilent) return;
    const element = parse(stanza.text);
    if (!element) throw new Error(`the server sent no XML: ${stanza.text}`);
    const id = attribute(element, 'id') ?? '';
    const waiting = this.waiting.get(id);
    if (element.localName === 'iq' && waiting) {
      this.waiting.delete(id);
      waiting.cancel();
      if (attribute(element, 'type') === 'error') waiting.reject(readStanzaError(element));
      else waiting.resolve(element);
    } else this.events.onStanza(element);
  }

  private iq(type: string, to: string | undefined, payload: Xml, timeout = 30_000) {
    if (this.isClosed) return Promise.reject(new LinkLost());
    const id = String(++this.counter);
    return new Promise<Element>((resolve, reject) => {
      const cancel = this.clock.after(timeout, () => {
        this.waiting.delete(id);
        reject(new TimedOut());
      });
      this.waiting.set(id, { resolve, reject, cancel });
      this.write(x('iq', { xmlns: NS.client, type, to, id }, payload));
    });
  }

  private write(stanza: Xml): void {
    queueMicrotask(() => {
      if (!this.isOpen || this.isClosed || this.network.isSilent) return;
      const element = parse(stanza.text);
      if (!element) throw new Error(`the client sent no XML: ${stanza.text}`);
      this.network.server.handle(this, element);
    });
  }
}
