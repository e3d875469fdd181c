/** What others did that concerns this account, and up to where it was read. Keeps no state. */
import { bare, parseItemUri } from './jid';
import type { Link } from './link';
import { NODE, NS } from './ns';
import { fetchItem, fetchItems, publishItem } from './pubsub';
import { attribute, child, children, childText, is, x } from './xml';

export type NoticeType = 'mention' | 'reply' | 'like' | 'boost' | 'follow';

export interface Notice {
  /** A decimal number that grows with time. */
  id: string;
  type: NoticeType;
  /** Bare JID of who did it. */
  by: string;
  /** Unix milliseconds. */
  at: number;
  /** The new post (mention, reply), or one's own (like, boost). */
  post: { number: string; author: string } | undefined;
  /** How the post begins. */
  text: string | undefined;
}

export interface ReadState {
  /** The newest notification that was read. */
  upto: string;
  /** How many came after it; undefined where the server has not said. */
  unread: number | undefined;
}

export interface NoticePage {
  /** Oldest first. */
  notices: Notice[];
  /** The cursor for the page before this one; undefined where this page is empty. */
  first: string | undefined;
}

const ADDRESS = { service: undefined, node: NODE.notifications };
/** The item that says what was read. */
const READ = 'read';

export async function fetchNotices(
  link: Link,
  before: string | undefined,
  max: number,
  now: number,
): Promise<NoticePage> {
  const { items, first } = await fetchItems(link, ADDRESS, { before }, max);
  const account = bare(link.jid);
  const notices = items.map((item) => readNotice(item, account, now));
  return { notices: notices.filter((notice) => notice !== undefined), first };
}

export async function fetchReadState(link: Link): Promise<ReadState> {
  const item = await fetchItem(link, ADDRESS, READ);
  return (item && readState(item)) ?? { upto: '0', unread: undefined };
}

/** Marks everything up to a notification as read, on all devices. */
export async function publishRead(link: Link, upto: string): Promise<void> {
  const place = { service: bare(link.jid), node: NODE.notifications, item: READ };
  await publishItem(link, place, x('read', { xmlns: NS.notifications, upto }));
}

const TYPES: readonly string[] = ['mention', 'reply', 'like', 'boost', 'follow'];

function isType(type: string | undefined): type is NoticeType {
  return type !== undefined && TYPES.includes(type);
}

function readNotice(item: Element, account: string, now: number): Notice | undefined {
  const id = attribute(item, 'id');
  const payload = child(item, 'notification', NS.notifications);
  const type = attribute(payload, 'type');
  const by = attribute(payload, 'by');
  if (!id || !/^\d+$/.test(id) || !by || !isType(type)) return undefined;
  const at = Date.parse(attribute(payload, 'at') ?? '');
  const post = child(payload, 'post', NS.notifications);
  const number = attribute(post, 'id');
  const isOwn = type === 'like' || type === 'boost';
  const origin = parseItemUri(attribute(post, 'uri') ?? '');
  return {
    id,
    type,
    by: bare(by),
    at: Number.isNaN(at) ? now : at,
    post:
      number === undefined || origin === undefined
        ? undefined
        : { number, author: isOwn ? account : bare(by) },
    text: childText(payload, 'text', NS.notifications),
  };
}

function readState(item: Element): ReadState | undefined {
  const read = child(item, 'read', NS.notifications);
  const upto = attribute(read, 'upto');
  const unread = Number.parseInt(attribute(read, 'unread') ?? '', 10);
  if (upto === undefined) return undefined;
  return { upto, unread: Number.isSafeInteger(unread) && unread >= 0 ? unread : undefined };
}

export interface NoticeEvent {
  notices: Notice[];
  retracted: string[];
  read: ReadState | undefined;
}

/** Reads an event of the own account's notifications; undefined for any other stanza. */
export function readNoticeEvent(
  message: Element,
  account: string,
  now: number,
): NoticeEvent | undefined {
  if (message.localName !== 'message' || attribute(message, 'type') === 'error') return undefined;
  const items = child(child(message, 'event', NS.pubsubEvent), 'items', NS.pubsubEvent);
  const from = bare(attribute(message, 'from') ?? account);
  if (!items || attribute(items, 'node') !== NODE.notifications || from !== account) {
    return undefined;
  }
  const event: NoticeEvent = { notices: [], retracted: [], read: undefined };
  for (const element of children(items)) {
    const id = attribute(element, 'id');
    if (is(element, 'retract', NS.pubsubEvent) && id) event.retracted.push(id);
    if (!is(element, 'item', NS.pubsubEvent)) continue;
    const notice = readNotice(element, account, now);
    if (notice) event.notices.push(notice);
    event.read = readState(element) ?? event.read;
  }
  return event;
}
