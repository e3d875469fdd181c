/** What can go wrong between this client and a server, as values. Does not hold any text. */
import { NS } from './ns';
import { attribute, children, child } from './xml';

/** A stanza error (RFC 6120 §8.3). */
export class StanzaError extends Error {
  constructor(
    /** The defined condition, such as `item-not-found`. */
    readonly condition: string,
    /** `auth`, `cancel`, `continue`, `modify` or `wait`. */
    readonly kind: string,
    /** The server's own words, where it gave some. */
    readonly serverText: string | undefined,
    /** The application's condition beside the defined one, such as `presence-subscription-required`. */
    readonly detail?: string,
  ) {
    super(serverText ? `${condition}: ${serverText}` : condition);
    this.name = 'StanzaError';
  }
}

/** The connection ended before an answer came; nothing is known about the request's fate. */
export class LinkLost extends Error {
  constructor() {
    super('connection lost');
    this.name = 'LinkLost';
  }
}

/** No answer in time, on a connection that seems alive. */
export class TimedOut extends Error {
  constructor() {
    super('no answer in time');
    this.name = 'TimedOut';
  }
}

/** Reads the error of a stanza of type `error`. */
export function readStanzaError(stanza: Element): StanzaError {
  const error = children(stanza).find((element) => element.localName === 'error');
  const conditions = error ? children(error).filter((e) => e.namespaceURI === NS.stanzas) : [];
  const condition = conditions.find((element) => element.localName !== 'text');
  const text = child(error, 'text', NS.stanzas)?.textContent.trim();
  return new StanzaError(
    condition?.localName ?? 'undefined-condition',
    attribute(error, 'type') ?? 'cancel',
    text === '' ? undefined : text,
    error && children(error).find((element) => element.namespaceURI !== NS.stanzas)?.localName,
  );
}

/** Whether the same request may succeed later, unchanged. */
export function isTemporary(error: unknown): boolean {
  if (error instanceof LinkLost || error instanceof TimedOut) return true;
  if (!(error instanceof StanzaError)) return false;
  return (
    error.kind === 'wait' ||
    ['internal-server-error', 'resource-constraint', 'remote-server-timeout'].includes(
      error.condition,
    )
  );
}
