/**
 * Who is signed in, and the connection that lasts: lost and found again with growing, jittered
 * pauses, at once when the network or the reader comes back. Does not know what is said over it.
 */
import { NS } from '../xmpp/ns';
import { bare } from '../xmpp/jid';
import { StanzaError } from '../xmpp/errors';
import type { Credentials, Dial, Dialled, Held, Link, LinkFailure } from '../xmpp/link';
import { x } from '../xmpp/xml';
import type { Clock } from './clock';
import { Signal } from './signal';

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
/** A connection that lasted this long was a good one: the next pause is short again. */
const PROVEN_AFTER = 20_000;
const PING_AFTER = 60_000;
const PING_TIMEOUT = 15_000;
const QUICK_PING_TIMEOUT = 5_000;
/** So long a session without a line is waited for, and nobody is told that it is gone. */
const HELD_FOR = 60_000;

export type SessionState =
  /** `tried`: what did not work, where there is a failure. */
  | { kind: 'signed-out'; failure: LinkFailure | undefined; tried: Credentials['kind'] | undefined }
  /** `isFirst`: nothing was ever shown yet. */
  | { kind: 'connecting'; jid: string; isFirst: boolean }
  | { kind: 'online'; jid: string; link: Link }
  | { kind: 'waiting'; jid: string; isFirst: boolean; retryAt: number };

export interface SessionEvents {
  onOnline(link: Link): void;
  onOffline(): void;
  onStanza(stanza: Element, link: Link): void;
  onTraffic(direction: 'in' | 'out', stanza: Element): void;
  /** The credentials do not hold any more. */
  onRefused(): void;
}

export class Session {
  readonly state = new Signal<SessionState>({
    kind: 'signed-out',
    failure: undefined,
    tried: undefined,
  });
  private credentials: Credentials | undefined;
  private dialled: Dialled | undefined;
  private attempt = 0;
  private onlineSince = 0;
  private heardAt = 0;
  private wasOnline = false;
  private cancelRetry: (() => void) | undefined;
  private cancelPing: (() => void) | undefined;
  /** A session that may go on where it was. */
  private held: Held | undefined;
  private heldLink: Link | undefined;
  private cancelHeld: (() => void) | undefined;

  constructor(
    private readonly dial: Dial,
    private readonly clock: Clock,
    private readonly events: SessionEvents,
  ) {}

  /** The current connection, where there is one. */
  get link(): Link | undefined {
    return this.state.value.kind === 'online' ? this.state.value.link : undefined;
  }

  /** Whether this session signs in with what an earlier visit left. */
  get hasToken(): boolean {
    return this.credentials?.kind === 'token';
  }

  start(credentials: Credentials): void {
    this.stop();
    this.credentials = credentials;
    this.attempt = 0;
    this.wasOnline = false;
    this.connect();
  }

  /** Changes how the next connection signs in; the present one stays. */
  renew(credentials: Credentials): void {
    if (this.credentials) this.credentials = credentials;
  }

  /** Ends the connection and forgets the credentials. */
  stop(failure?: LinkFailure): void {
    const tried = failure && this.credentials?.kind;
    this.credentials = undefined;
    this.hangUp();
    this.state.set({ kind: 'signed-out', failure, tried });
  }

  /** The network or the reader is back: no reason to wait any longer, or to trust a silent line. */
  nudge(): void {
    const { kind } = this.state.value;
    if (kind === 'waiting') this.connect();
    else if (kind === 'online') void this.ping(QUICK_PING_TIMEOUT);
  }

  /** The page goes: others are to see it at once. Should it come back, it connects again. */
  leave(): void {
    const wasOnline = this.state.value.kind === 'online';
    if (!wasOnline && !this.held) return;
    this.hangUp();
    if (wasOnline) this.events.onOffline();
    this.retryLater(wasOnline);
  }

  private connect(): void {
    const credentials = this.credentials;
    if (!credentials) return;
    const jid = bare(credentials.jid);
    const { held } = this;
    if (held) {
      this.cancelRetry?.();
      this.state.set({ kind: 'connecting', jid, isFirst: false });
      held.resume();
      return;
    }
    this.hangUp();
    this.state.set({ kind: 'connecting', jid, isFirst: !this.wasOnline });
    this.dialled = this.dial(credentials, {
      onOnline: (link) => this.onOnline(link),
      onResumed: (link) => this.onResumed(link),
      onStanza: (stanza) => {
        this.heardAt = this.clock.now();
        // What the server kept for a held session comes before it is said to go on.
        const link = this.link ?? this.heldLink;
        if (link) this.events.onStanza(stanza, link);
      },
      onTraffic: (direction, stanza) => this.events.onTraffic(direction, stanza),
      onEnd: (failure, held) => this.onEnd(failure, held),
    });
  }

  private onResumed(link: Link): void {
    this.cancelHeld?.();
    this.held = this.heldLink = undefined;
    this.isUp(link);
  }

  /** A session that was held is over; what hung on it is told. */
  private dropHeld(): void {
    this.cancelHeld?.();
    if (!this.held) return;
    this.held = this.heldLink = undefined;
    this.events.onOffline();
  }

  private onOnline(link: Link): void {
    this.dropHeld();
    this.isUp(link);
    this.events.onOnline(link);
  }

  private isUp(link: Link): void {
    this.onlineSince = this.heardAt = this.clock.now();
    this.wasOnline = true;
    this.state.set({ kind: 'online', jid: bare(link.jid), link });
    this.schedulePing();
  }

  private onEnd(failure: LinkFailure, held?: Held): void {
    const wasOnline = this.state.value.kind === 'online';
    if (held && (wasOnline || this.held)) {
      this.hold(held, wasOnline);
      this.retryLater(wasOnline);
      return;
    }
    this.hangUp();
    if (wasOnline) this.events.onOffline();
    if (failure.kind === 'lost' && (this.wasOnline || this.credentials?.kind === 'token')) {
      this.retryLater(wasOnline);
      return;
    }
    this.stop(failure);
    if (failure.kind === 'refused') this.events.onRefused();
  }

  private hold(held: Held, isNew: boolean): void {
    this.cancelPing?.();
    if (!isNew) return;
    this.held = held;
    this.heldLink = this.link;
    this.cancelHeld = this.clock.after(HELD_FOR, () => {
      held.release();
      this.dropHeld();
      // Nothing is left of it but the wish to be there: the next attempt begins anew.
      this.dialled?.close();
      this.dialled = undefined;
      if (this.state.value.kind === 'connecting') this.connect();
    });
  }

  private retryLater(wasOnline: boolean): void {
    if (wasOnline && this.clock.now() - this.onlineSince >= PROVEN_AFTER) this.attempt = 0;
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.attempt);
    this.attempt = Math.min(this.attempt + 1, 10);
    // Between half the pause and all of it, so that a restarted server is not met by everybody at once.
    const delay = Math.round(pause * (0.5 + this.clock.random() / 2));
    const jid = bare(this.credentials?.jid ?? '');
    this.state.set({
      kind: 'waiting',
      jid,
      isFirst: !this.wasOnline,
      retryAt: this.clock.now() + delay,
    });
    this.cancelRetry = this.clock.after(delay, () => this.connect());
  }

  private hangUp(): void {
    this.dropHeld();
    this.cancelRetry?.();
    this.cancelPing?.();
    this.cancelRetry = this.cancelPing = undefined;
    this.dialled?.close();
    this.dialled = undefined;
  }

  private schedulePing(): void {
    this.cancelPing?.();
    this.cancelPing = this.clock.after(PING_AFTER, () => {
      if (this.clock.now() - this.heardAt >= PING_AFTER) void this.ping(PING_TIMEOUT);
      this.schedulePing();
    });
  }

  /** Asks the server whether it is there (XEP-0199); silence is the end of this connection. */
  private async ping(timeout: number): Promise<void> {
    const link = this.link;
    if (!link) return;
    try {
      await link.iq('get', undefined, x('ping', { xmlns: NS.ping }), timeout);
    } catch (error) {
      // An error is an answer too.
      if (!(error instanceof StanzaError)) {
        if (this.link === link) this.dialled?.drop();
        return;
      }
    }
    this.heardAt = this.clock.now();
  }
}
