/**
 * One-to-one messages (RFC 6121 §5) with receipts (XEP-0184), chat states (XEP-0085), markers
 * (XEP-0333), corrections (XEP-0308), retractions (XEP-0424) and reactions (XEP-0444), as they come
 * directly, as copies of what other devices see (XEP-0280), and from the archive (XEP-0313).
 */
import { readStanzaError, type StanzaError } from './errors';
import { bare, domainpart } from './jid';
import { NS } from './ns';
import { attribute, child, children, childrenNamed, childText, x, type Xml } from './xml';

export type ChatState = 'active' | 'composing' | 'paused' | 'inactive' | 'gone';

const STATES: readonly string[] = ['active', 'composing', 'paused', 'inactive', 'gone'];

/** What was said in a conversation, by either side. */
export interface ChatMessage {
  /** Bare JID of the other person. */
  peer: string;
  /** Whether this account said it. */
  isOwn: boolean;
  id: string | undefined;
  /** Its id in this account's archive (XEP-0359). */
  archiveId: string | undefined;
  body: string | undefined;
  state: ChatState | undefined;
  /** The id of the message that this says has arrived. */
  receiptOf: string | undefined;
  /** The id of the message up to which this says that everything was read. */
  displayedOf: string | undefined;
  wantsReceipt: boolean;
  /** Whether its author wants to know that it was read. */
  isMarkable: boolean;
  /** The id of the message that this takes the place of. */
  replaces: string | undefined;
  /** The id of the message that this takes back. */
  retracts: string | undefined;
  /** Whether it was taken back, and only says that there was one. */
  isRetracted: boolean;
  reaction: { of: string; emojis: string[] } | undefined;
  /** When it was sent, where our own server says so; Unix milliseconds. */
  stamp: number | undefined;
}

/** A message that says nothing; for what is done here before it comes back. */
export const NOTHING_SAID: Omit<ChatMessage, 'peer' | 'isOwn'> = {
  id: undefined,
  archiveId: undefined,
  body: undefined,
  state: undefined,
  receiptOf: undefined,
  displayedOf: undefined,
  wantsReceipt: false,
  isMarkable: false,
  replaces: undefined,
  retracts: undefined,
  isRetracted: false,
  reaction: undefined,
  stamp: undefined,
};

/** A message of ours that came back. */
export interface ChatError {
  from: string;
  id: string | undefined;
  error: StanzaError;
}

const LONGEST_BODY = 20_000;
const MOST_REACTIONS = 8;
const LONGEST_REACTION = 32;

/** Reads a message from somebody else; undefined for events, headlines and any other stanza. */
export function readMessage(stanza: Element, account: string): ChatMessage | undefined {
  const from = attribute(stanza, 'from');
  if (!from || bare(from) === account) return undefined;
  return read(stanza, account, from, waited(stanza, account));
}

/** Reads a copy of what another device of this account sent or received; only our server makes them. */
export function readCarbon(stanza: Element, account: string): ChatMessage | undefined {
  if (stanza.localName !== 'message' || attribute(stanza, 'from')?.toLowerCase() !== account) {
    return undefined;
  }
  const copy = child(stanza, 'sent', NS.carbons) ?? child(stanza, 'received', NS.carbons);
  return readForwarded(child(copy, 'forwarded', NS.forward), account, undefined);
}

/** Reads a message that our server forwards, under its id in the archive if it has one. */
export function readForwarded(
  forwarded: Element | undefined,
  account: string,
  archiveId: string | undefined,
): ChatMessage | undefined {
  const stanza = child(forwarded, 'message', NS.client);
  const from = attribute(stanza, 'from') ?? account;
  if (!stanza) return undefined;
  const message = read(stanza, account, from, stampOf(child(forwarded, 'delay', NS.delay)));
  return message && { ...message, archiveId: archiveId ?? message.archiveId };
}

function read(
  stanza: Element,
  account: string,
  from: string,
  stamp: number | undefined,
): ChatMessage | undefined {
  const type = attribute(stanza, 'type') ?? 'normal';
  if (stanza.localName !== 'message' || (type !== 'chat' && type !== 'normal')) return undefined;
  const isOwn = bare(from) === account;
  const to = attribute(stanza, 'to');
  const state = children(stanza).find((element) => element.namespaceURI === NS.chatStates);
  const retract = child(stanza, 'retract', NS.retractions);
  const reaction = readReaction(stanza);
  const message: ChatMessage = {
    peer: isOwn ? bare(to ?? account) : bare(from),
    isOwn,
    id: attribute(stanza, 'id'),
    archiveId: archiveId(stanza, account),
    // What stands there for programs that know neither is no message of its own (XEP-0428).
    body: retract || reaction ? undefined : bodyOf(stanza),
    state: STATES.find((name) => name === state?.localName) as ChatState | undefined,
    receiptOf: attribute(child(stanza, 'received', NS.receipts), 'id'),
    displayedOf: attribute(child(stanza, 'displayed', NS.markers), 'id'),
    wantsReceipt: child(stanza, 'request', NS.receipts) !== undefined,
    isMarkable: child(stanza, 'markable', NS.markers) !== undefined,
    replaces: attribute(child(stanza, 'replace', NS.corrections), 'id'),
    retracts: attribute(retract, 'id'),
    isRetracted: child(stanza, 'retracted', NS.retractions) !== undefined,
    reaction,
    stamp,
  };
  const says = [message.body, message.state, message.receiptOf, message.displayedOf];
  const does = [message.retracts, message.reaction, message.isRetracted || undefined];
  return [...says, ...does].some((part) => part !== undefined) ? message : undefined;
}

function bodyOf(stanza: Element): string | undefined {
  return childText(stanza, 'body', NS.client)?.slice(0, LONGEST_BODY);
}

function readReaction(stanza: Element): ChatMessage['reaction'] {
  const reactions = child(stanza, 'reactions', NS.reactions);
  const of = attribute(reactions, 'id');
  if (!reactions || of === undefined) return undefined;
  const emojis = childrenNamed(reactions, 'reaction', NS.reactions)
    .map((reaction) => reaction.textContent.trim())
    .filter((emoji) => emoji !== '' && emoji.length <= LONGEST_REACTION);
  return { of, emojis: [...new Set(emojis)].slice(0, MOST_REACTIONS) };
}

/** Anybody may write an id; only that of our own account's archive counts (XEP-0359 §5). */
function archiveId(stanza: Element, account: string): string | undefined {
  const ids = childrenNamed(stanza, 'stanza-id', NS.stanzaIds);
  return attribute(
    ids.find((id) => attribute(id, 'by')?.toLowerCase() === account),
    'id',
  );
}

/** Anybody may write a time into a message; only that of our own server counts (XEP-0203 §6). */
function waited(stanza: Element, account: string): number | undefined {
  const ours = childrenNamed(stanza, 'delay', NS.delay).find((delay) => {
    const by = attribute(delay, 'from')?.toLowerCase();
    return by === domainpart(account) || by === account;
  });
  return stampOf(ours);
}

function stampOf(delay: Element | undefined): number | undefined {
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
export function writeMessage(to: string, id: string, body: string, replaces?: string): Xml {
  return x(
    'message',
    { xmlns: NS.client, to, id, type: 'chat' },
    x('body', {}, body),
    replaces === undefined ? undefined : x('replace', { xmlns: NS.corrections, id: replaces }),
    x('active', { xmlns: NS.chatStates }),
    x('request', { xmlns: NS.receipts }),
    x('markable', { xmlns: NS.markers }),
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

/** Takes a message back; `instead` is for programs that do not know of that. */
export function writeRetraction(to: string, id: string, of: string, instead: string): Xml {
  return x(
    'message',
    { xmlns: NS.client, to, id, type: 'chat' },
    x('retract', { xmlns: NS.retractions, id: of }),
    x('fallback', { xmlns: NS.fallback, for: NS.retractions }),
    x('body', {}, instead),
    x('store', { xmlns: NS.hints }),
  );
}

/** All of one's reactions to a message; none takes them back. */
export function writeReactions(to: string, id: string, of: string, emojis: readonly string[]): Xml {
  return x(
    'message',
    { xmlns: NS.client, to, id, type: 'chat' },
    x(
      'reactions',
      { xmlns: NS.reactions, id: of },
      ...emojis.map((emoji) => x('reaction', {}, emoji)),
    ),
    x('store', { xmlns: NS.hints }),
  );
}

/** Asks for copies of what other devices send and receive (XEP-0280 §4). */
export function enableCarbons(): Xml {
  return x('enable', { xmlns: NS.carbons });
}
