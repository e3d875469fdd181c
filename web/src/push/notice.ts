/**
 * What a push says, as notifications to show: their words, and the page that each opens. Knows
 * neither worker nor page; whatever it cannot read becomes one plain notification.
 */
import { push as words } from '../i18n/push';
import { paths } from '../model/route';
import { handleOf } from '../xmpp/jid';

/** A notification to be shown in place of an earlier one of the same tag. */
export interface Notice {
  title: string;
  body: string | undefined;
  tag: string;
  path: string;
  /** How many messages it stands for. */
  count: number;
  /** When it happened, in Unix milliseconds. */
  at: number;
}

interface Pushed {
  kind: string;
  from: string;
  count: number;
  at: number;
  text: string | undefined;
  post: string | undefined;
}

const rules = new Intl.PluralRules('en');
/** Of a message's text so much is shown. */
const LONGEST = 240;

/** `shown`: how many messages an earlier notification of this tag stands for, still unread. */
export function notices(text: string, now: number, shown: (tag: string) => number): Notice[] {
  const { account, events } = read(text, now);
  const domain = account.slice(account.indexOf('@') + 1);
  const all = events.flatMap((event) => notice(event, domain, shown) ?? []);
  return all.length > 0 ? all : [plain(now)];
}

function plain(at: number): Notice {
  return { title: words.news, body: undefined, tag: 'news', path: paths.home, count: 0, at };
}

function notice(event: Pushed, domain: string, shown: (tag: string) => number): Notice | undefined {
  const { kind, from, at, text } = event;
  const handle = handleOf(from, domain);
  const name = `@${handle}`;
  const tag = `${kind} ${event.post ?? from}`;
  const about = (title: string, path: string): Notice => ({
    title: title.replace('{name}', name),
    body: text?.slice(0, LONGEST),
    tag,
    path,
    count: event.count,
    at,
  });
  const thread = event.post ? paths.thread(handle, event.post) : paths.notifications;
  switch (kind) {
    case 'message': {
      const count = event.count + shown(tag);
      const many = words.messages[rules.select(count) === 'one' ? 'one' : 'other'];
      const title = count > 1 ? many.replace('{count}', String(count)) : words.message;
      return { ...about(title, paths.conversation(from, domain)), count };
    }
    case 'call':
      return about(words.call, paths.conversation(from, domain));
    case 'request':
      return about(words.request, paths.requests);
    case 'mention':
      return about(words.mention, thread);
    case 'reply':
      return about(words.reply, thread);
    case 'follow':
      return about(words.follow, paths.profile(handle));
  }
  return undefined;
}

function read(text: string, now: number): { account: string; events: Pushed[] } {
  const { account, events } = parse(text);
  return {
    account: typeof account === 'string' ? account : '',
    events: (Array.isArray(events) ? events : []).flatMap((event) => readEvent(event, now) ?? []),
  };
}

function parse(text: string): { account?: unknown; events?: unknown } {
  try {
    return (JSON.parse(text) ?? {}) as { account?: unknown; events?: unknown };
  } catch {
    // What is no push of ours is told plainly.
    return {};
  }
}

function readEvent(event: unknown, now: number): Pushed | undefined {
  if (typeof event !== 'object' || event === null) return undefined;
  const { kind, from, count, at, text, post } = event as Record<string, unknown>;
  if (typeof kind !== 'string' || typeof from !== 'string' || from === '') return undefined;
  return {
    kind,
    from,
    count: typeof count === 'number' ? count : 1,
    at: typeof at === 'number' ? at : now,
    text: typeof text === 'string' ? text : undefined,
    post: typeof post === 'string' && /^\d{1,16}$/.test(post) ? post : undefined,
  };
}
