/**
 * One authenticated connection to a server, as the rest of the client sees it. The real one is
 * in `strophe.ts`; tests bring their own. Does not reconnect: `model/session.ts` does.
 */
import type { Xml } from './xml';

/** How to prove who we are. */
export type Credentials =
  | { kind: 'password'; jid: string; password: string }
  | { kind: 'token'; jid: string; token: string };

/** Why there is no connection (any more). */
export type LinkFailure =
  /** The network, the server going away, a stream error that passes. */
  | { kind: 'lost'; condition: string | undefined }
  /** The server does not accept the credentials. */
  | { kind: 'refused'; condition: string; text: string | undefined }
  /** This browser cannot sign in here, and trying again does not help. */
  | { kind: 'unusable'; condition: 'insecure' | 'no-mechanism' };

/** What a connection tells its owner. */
export interface LinkEvents {
  /** Authenticated and bound. */
  onOnline(link: Link): void;
  /** A message, presence or iq request from outside; answers to our own requests never come here. */
  onStanza(stanza: Element): void;
  /** Every stanza in both directions, once signed in; for those who want to look at them. */
  onTraffic?(direction: 'in' | 'out', stanza: Element): void;
  /** A held connection goes on where it was: nothing was lost, nothing came twice. */
  onResumed?(link: Link): void;
  /**
   * Ends every connection exactly once, whether or not it ever was online. One that is `held` may
   * be resumed: what was asked waits for its answer, what is sent waits for the line.
   */
  onEnd(failure: LinkFailure, held?: Held): void;
}

/** A connection whose line is gone, and whose session the server keeps for a while (XEP-0198). */
export interface Held {
  /** Tries again; ends in `onResumed`, `onOnline` where the session is gone, or `onEnd`. */
  resume(): void;
  /** Gives the session up: what waits for an answer is told so. */
  release(): void;
}

export interface Link {
  /** The full address that the server bound. */
  readonly jid: string;
  /**
   * Sends a request. Rejects with `StanzaError`, `TimedOut`, or `LinkLost`.
   * `to` undefined means one's own account.
   */
  iq(type: 'get' | 'set', to: string | undefined, payload: Xml, timeout?: number): Promise<Element>;
  /** Sends a stanza that needs no answer. */
  send(stanza: Xml): void;
}

/** A connection under way or up; `close` is silent (no `onEnd` follows). */
export interface Dialled {
  close(): void;
  /** Ends it as the loss of the network would; `onEnd` follows. */
  drop(): void;
}

export type Dial = (credentials: Credentials, events: LinkEvents) => Dialled;
