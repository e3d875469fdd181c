/**
 * What a conversation becomes by what is said in it: messages, and what is done to them afterwards.
 * The same whatever way it came and in whatever order: live, copied, or from the archive.
 */
import type { ChatMessage } from '../xmpp/message';
import type { Delivery, Message } from './chat-store';

/** Two copies of one message without an archive id reach two tabs within this time. */
const SAME_WITHIN = 60_000;

export type Log = readonly Message[];

export interface Outcome {
  log: Log;
  /** The message that was not there before, if there is one. */
  added: Message | undefined;
  /** It is about a message that is not there (yet). */
  isOrphan: boolean;
}

/** What else is to be known of a message than it says itself. */
export interface Circumstances {
  now: number;
  /** An id for a message without one. */
  newId: () => string;
  /** Whether it comes as it is said, and not from a memory of it. */
  isLive: boolean;
  /** The bare JID of this account. */
  account: string;
  /** The archive ids of a page that is older than what is there. */
  page?: ReadonlySet<string> | undefined;
}

/** Applies one message; the same twice does no harm. */
export function apply(log: Log, message: ChatMessage, around: Circumstances): Outcome {
  const unchanged = { log, added: undefined, isOrphan: false };
  if (message.retracts !== undefined) return retract(log, message, message.retracts);
  if (message.reaction) return react(log, message, around.account);
  if (message.isRetracted) return take(log, { ...message, body: '' }, around);
  if (message.body === undefined) return unchanged;
  if (message.replaces !== undefined) return correct(log, message, around);
  return take(log, message, around);
}

function isOwn(message: Message): boolean {
  return message.delivery !== undefined;
}

function retract(log: Log, message: ChatMessage, id: string): Outcome {
  const at = log.findLastIndex((other) => other.id === id && isOwn(other) === message.isOwn);
  const target = log[at];
  if (!target) return { log, added: undefined, isOrphan: true };
  return { log: log.with(at, withdrawn(target)), added: undefined, isOrphan: false };
}

function withdrawn(message: Message): Message {
  const { id, at, delivery, isLate, archiveId } = message;
  return { id, at, delivery, isLate, archiveId, body: '', error: undefined, isRetracted: true };
}

function correct(log: Log, message: ChatMessage, around: Circumstances): Outcome {
  const id = message.replaces;
  const at = log.findLastIndex((other) => other.id === id && isOwn(other) === message.isOwn);
  const target = log[at];
  // What it corrects is older than what is here: it stands in its place.
  if (!target) {
    const { log: next, added } = take(log, { ...message, id }, around);
    const place = added ? next.indexOf(added) : -1;
    if (!added || place < 0) return { log: next, added, isOrphan: false };
    const edited = { ...added, isEdited: true };
    return { log: next.with(place, edited), added: edited, isOrphan: false };
  }
  if (target.isRetracted === true) return { log, added: undefined, isOrphan: false };
  const body = message.body ?? '';
  const edited: Message = { ...target, body, isEdited: true, replaces: undefined };
  if (edited.delivery === 'waiting') edited.delivery = 'sent';
  return { log: log.with(at, edited), added: undefined, isOrphan: false };
}

function react(log: Log, message: ChatMessage, account: string): Outcome {
  const { reaction, peer } = message;
  const at = log.findLastIndex(({ id }) => id === reaction?.of);
  const target = log[at];
  if (!target || !reaction) return { log, added: undefined, isOrphan: true };
  if (target.isRetracted === true) return { log, added: undefined, isOrphan: false };
  const by = message.isOwn ? account : peer;
  const others = Object.fromEntries(
    Object.entries(target.reactions ?? {}).filter(([who]) => who !== by),
  );
  const reactions = reaction.emojis.length > 0 ? { ...others, [by]: reaction.emojis } : others;
  return { log: log.with(at, { ...target, reactions }), added: undefined, isOrphan: false };
}

function take(log: Log, message: ChatMessage, around: Circumstances): Outcome {
  const { now, newId, isLive } = around;
  const at = Math.min(message.stamp ?? now, now);
  const body = message.body ?? '';
  const place = log.findIndex((known) => isSame(known, message, at));
  const known = log[place];
  if (known) {
    const next = { ...known, archiveId: message.archiveId ?? known.archiveId };
    if (next.delivery === 'waiting' || next.delivery === 'failed') {
      // What one wrote and the archive has, the server has taken.
      next.delivery = 'sent';
      next.error = undefined;
    }
    const whole = message.isRetracted ? withdrawn(next) : next;
    return { log: log.with(place, whole), added: undefined, isOrphan: false };
  }
  const added: Message = {
    id: message.id ?? message.archiveId ?? newId(),
    body,
    at,
    delivery: message.isOwn ? 'sent' : undefined,
    isLate: isLive && message.stamp !== undefined && !message.isOwn,
    error: undefined,
    archiveId: message.archiveId,
  };
  if (message.isRetracted) added.isRetracted = true;
  if (message.isMarkable) added.isMarkable = true;
  return { log: insert(log, added, around.page), added, isOrphan: false };
}

/**
 * Where its time puts it: what waited on the server may be older than what was written meanwhile.
 * Of the same moment, it is the last, but for what is older being after what is in its `page`.
 */
export function insert(log: Log, message: Message, page?: ReadonlySet<string>): Log {
  const isBefore = ({ at, archiveId }: Message) =>
    at < message.at || (at === message.at && (page?.has(archiveId ?? '') ?? true));
  return log.toSpliced(log.findLastIndex(isBefore) + 1, 0, message);
}

function isSame(known: Message, message: ChatMessage, at: number): boolean {
  if (isOwn(known) !== message.isOwn) return false;
  // A correction stands here in the place of what it corrects, under its id.
  if (known.isEdited === true && known.id === message.id) return true;
  if (known.archiveId !== undefined && message.archiveId !== undefined) {
    return known.archiveId === message.archiveId;
  }
  if (known.id !== message.id) return false;
  // Ids of one's own are made up once; some programs begin to count anew at each connection.
  const isNear = known.body === message.body && Math.abs(known.at - at) < SAME_WITHIN;
  return message.isOwn || isNear;
}

const ORDER: Record<Exclude<Delivery, 'failed'>, number> = {
  waiting: 0,
  sent: 1,
  delivered: 2,
  read: 3,
};

/** Says how far messages of one's own have come; it only gets better. */
export function deliver(
  log: Log,
  ids: readonly string[],
  delivery: Exclude<Delivery, 'failed'>,
): Log {
  return change(log, ({ id }) => ids.includes(id), delivery);
}

/** Somebody has read everything up to a message (XEP-0333 §4). */
export function readUpTo(log: Log, id: string): Log {
  const at = log.findLastIndex((message) => isOwn(message) && message.id === id);
  const upTo = new Set(log.slice(0, at + 1));
  return change(log, (message) => upTo.has(message) && message.delivery !== 'failed', 'read');
}

function change(
  log: Log,
  isMeant: (message: Message) => boolean,
  delivery: Exclude<Delivery, 'failed'>,
): Log {
  const isBetter = (message: Message) => {
    if (message.delivery === undefined || !isMeant(message)) return false;
    // What came back is tried again, or stays what it is.
    if (message.delivery === 'failed') return delivery === 'waiting';
    return ORDER[message.delivery] < ORDER[delivery];
  };
  if (!log.some(isBetter)) return log;
  return log.map((message) =>
    isBetter(message) ? { ...message, delivery, error: undefined } : message,
  );
}

/** How many messages of the other person nobody has read: those after the last one that was. */
export function unreadAfter(log: Log, displayed: string | undefined): number | undefined {
  const at = log.findLastIndex(({ archiveId }) => archiveId === displayed);
  if (displayed === undefined || at < 0) return undefined;
  return countUnread(log.slice(at + 1));
}

export function countUnread(log: Log): number {
  return log.filter((message) => !isOwn(message) && message.isRetracted !== true).length;
}

/** The same without what is known of it, for those who never said up to where they read: what came since they spoke. */
export function unreadSinceOwn(log: Log): number {
  return countUnread(log.slice(log.findLastIndex(isOwn) + 1));
}
