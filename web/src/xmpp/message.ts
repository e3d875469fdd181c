/**
 * One-to-one messages (RFC 6121 §5) with receipts (XEP-0184), chat states (XEP-0085) and the time
 * of what waited (XEP-0203). What is wrapped inside a message, as copies of others' are, is not read.
 */
import { readStanzaError, type StanzaError } from './errors';
import { bare, domainpart } from './jid';
import { NS } from './ns';
import { attribute, child, childText, children, x, type Xml } from './xml';

export type ChatState = 'active' | 'composing' | 'paused' | 'inactive' | 'gone';

const STATES: readonly string[] = ['active', 'composing', 'paused', 'inactive', 'gone'];

/** What came from somebody, apart from errors. */
export interface ChatMessage {
  /** Bare JID. */
  from: string;
  id: string | undefined;
  body: string | undefined;
  state: ChatState | undefined;
  /** The id of the message of ours that this says has arrived. */
  receiptOf: string | undefined;
  wantsReceipt: boolean;
  /** When it was sent, where our own server says that it waited; Unix milliseconds. */
  stamp: number | undefined;
}

/** A message of ours that came back. */
export interface ChatError {
  from: string;
  id: string | undefined;
  error: StanzaError;
}

const LONGEST_BODY = 20_000;

/** Reads a message from somebody else; undefined for events, headlines and any other stanza. */
export function readMessage(stanza: Element, account: string): ChatMessage | undefined {
  const from = attribute(stanza, 'from');
  const type = attribute(stanza, 'type') ?? 'normal';
  if (stanza.localName !== 'message' || !from || bare(from) === account) return undefined;
  if (type !== 'chat' && type !== 'normal') return undefined;
  const state = children(stanza).find((element) => element.namespaceURI === NS.chatStates);
  const receipt = child(stanza, 'received', NS.receipts);
  const message = {
    from: bare(from),
    id: attribute(stanza, 'id'),
    body: childText(stanza, 'body', NS.client)?.slice(0, LONGEST_BODY),
    state: STATES.find((name) => name === state?.localName) as ChatState | undefined,
    receiptOf: attribute(receipt, 'id'),
    wantsReceipt: child(stanza, 'request', NS.receipts) !== undefined,
    stamp: waited(stanza, account),
  };
  const saysNothing = !message.body && !message.state && !message.receiptOf;
  return saysNothing ? undefined : message;
}

/** Anybody may write a time into a message; only that of our own server counts (XEP-0203 §6). */
function waited(stanza: Element, account: string): number | undefined {
  const delay = child(stanza, 'delay', NS.delay);
  const by = attribute(delay, 'from')?.toLowerCase();
  if (by !== domainpart(account) && by !== account) return undefined;
  const stamp = Date.parse(attribute(delay, 'stamp') ?? '');
  return Number.isNaN(stamp) ? undefined : stamp;
}

/** Reads a message that came back with an error. */
export function readChatError(stanza: Element): ChatError | undefined {
  const from = attribute(stanza, 'from');
  if (stanza.localName !== 'message' || attribute(stanza, 'type') !== 'error' || !from) {
    return undefined;
  }
  return { from: bare(from), id: attribute(stanza, 'id'), error: readStanzaError(stanza) };
}

/** To the bare address: every device of the other person that takes messages gets it. */
export function writeMessage(to: string, id: string, body: string): Xml {
  return x(
    'message',
    { xmlns: NS.client, to, id, type: 'chat' },
    x('body', {}, body),
    x('active', { xmlns: NS.chatStates }),
    x('request', { xmlns: NS.receipts }),
  );
}

export function writeState(to: string, state: ChatState): Xml {
  return x('message', { xmlns: NS.client, to, type: 'chat' }, x(state, { xmlns: NS.chatStates }));
}

export function writeReceipt(to: string, id: string): Xml {
  return x(
    'message',
    { xmlns: NS.client, to, type: 'chat' },
    x('received', { xmlns: NS.receipts, id }),
  );
}
