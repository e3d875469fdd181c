/**
 * What others did that concerns this account: the newest of it, live, and how much is unread,
 * the same on all devices. Does not group: `model/notice-groups.ts` does.
 */
import { LinkLost, StanzaError } from '../xmpp/errors';
import type { Link } from '../xmpp/link';
import {
  fetchNotices,
  fetchReadState,
  publishRead,
  type Notice,
  type NoticeEvent,
  type NoticePage,
  type ReadState,
} from '../xmpp/notifications';
import type { Clock } from './clock';
import { Signal } from './signal';
import { compareNumbers } from './tree';

export const NOTICE_PAGE = 40;
/** As many as the server keeps. */
const MOST = 1_000;

export interface NotificationsState {
  phase: 'loading' | 'ready' | 'failed';
  /** Newest first. */
  notices: readonly Notice[];
  isComplete: boolean;
  older: 'idle' | 'loading' | 'failed';
  /** The newest that was read, on any device. */
  upto: string;
  unread: number;
  error: unknown;
}

const NOTHING: NotificationsState = {
  phase: 'loading',
  notices: [],
  isComplete: false,
  older: 'idle',
  upto: '0',
  unread: 0,
  error: undefined,
};

export class Notifications {
  readonly state = new Signal<NotificationsState>(NOTHING);
  private link: Link | undefined;
  /** What arrives or goes while a page is read, so that an older answer does not undo it. */
  private touched = new Set<string>();

  constructor(private readonly clock: Clock) {}

  /** A connection is there (again). */
  async connect(link: Link): Promise<void> {
    this.link = link;
    await this.catchUp();
  }

  disconnect(): void {
    this.link = undefined;
  }

  clear(): void {
    this.link = undefined;
    this.state.set(NOTHING);
  }

  /** Fetches what events may have missed. */
  async catchUp(): Promise<void> {
    const link = this.link;
    if (!link) return;
    this.touched = new Set();
    try {
      const [page, read] = await Promise.all([
        fetchNotices(link, undefined, NOTICE_PAGE, this.clock.now()),
        fetchReadState(link),
      ]);
      if (this.link !== link) return;
      this.join(page);
      this.takeRead(read);
    } catch (error) {
      if (this.link !== link || error instanceof LinkLost) return;
      this.patch({ phase: this.state.value.notices.length > 0 ? 'ready' : 'failed', error });
    }
  }

  async loadOlder(): Promise<void> {
    const { notices, isComplete, older, phase } = this.state.value;
    const link = this.link;
    if (!link || phase !== 'ready' || isComplete || older === 'loading') return;
    this.patch({ older: 'loading' });
    try {
      const page = await fetchNotices(link, notices.at(-1)?.id, NOTICE_PAGE, this.clock.now());
      const merged = merge(this.state.value.notices, page.notices);
      this.patch({
        older: 'idle',
        notices: merged,
        isComplete: page.first === undefined || merged.length >= MOST,
      });
    } catch (error) {
      this.patch({ older: error instanceof LinkLost ? 'idle' : 'failed' });
    }
  }

  receive({ notices, retracted, read }: NoticeEvent): void {
    const { upto, unread } = this.state.value;
    const known = new Set(this.state.value.notices.map((notice) => notice.id));
    const isUnread = (id: string) => compareNumbers(id, upto) > 0;
    const news = notices.filter(({ id }) => !known.has(id) && isUnread(id));
    const gone = retracted.filter((id) => known.has(id) && isUnread(id));
    for (const id of [...notices.map((notice) => notice.id), ...retracted]) this.touched.add(id);
    const kept = this.state.value.notices.filter(({ id }) => !retracted.includes(id));
    this.patch({
      notices: merge(kept, notices).slice(0, MOST),
      unread: Math.max(0, unread + news.length - gone.length),
    });
    if (read) this.takeRead(read);
  }

  /** Everything that is here has been seen. */
  async markRead(): Promise<void> {
    const { notices, upto, unread } = this.state.value;
    const newest = notices[0]?.id;
    const link = this.link;
    if (!link || newest === undefined || compareNumbers(newest, upto) <= 0) return;
    this.patch({ upto: newest, unread: 0 });
    try {
      await publishRead(link, newest);
    } catch (error) {
      // Refused where another device is ahead; that one's word comes, or has come.
      const isAhead = error instanceof StanzaError && error.condition === 'not-acceptable';
      if (!isAhead && this.state.value.upto === newest) this.patch({ upto, unread });
    }
  }

  private takeRead({ upto, unread }: ReadState): void {
    const before = this.state.value;
    // An older word than one's own is on its way still.
    if (compareNumbers(upto, before.upto) < 0) return;
    const here = before.notices.filter(({ id }) => compareNumbers(id, upto) > 0).length;
    this.patch({ upto, unread: unread === undefined ? here : Math.max(unread, here) });
  }

  private join({ notices, first }: NoticePage): void {
    const { notices: known, isComplete } = this.state.value;
    const oldest = notices[0]?.id;
    if (first === undefined || oldest === undefined) {
      this.patch({
        phase: 'ready',
        notices: known.filter(({ id }) => this.touched.has(id)),
        isComplete: true,
      });
      return;
    }
    const isOlder = ({ id }: Notice) => compareNumbers(id, oldest) < 0;
    const present = new Set(notices.map((notice) => notice.id));
    const meets = known.some(({ id }) => present.has(id));
    const kept = known.filter(
      (notice) => (meets && isOlder(notice)) || this.touched.has(notice.id),
    );
    // What was taken back while the page was on its way stays so.
    const ids = new Set(known.map((notice) => notice.id));
    const valid = notices.filter(({ id }) => !this.touched.has(id) || ids.has(id));
    this.patch({
      phase: 'ready',
      notices: merge(kept, valid),
      isComplete: meets && isComplete,
      error: undefined,
    });
  }

  private patch(part: Partial<NotificationsState>): void {
    this.state.update((state) => ({ ...state, ...part }));
  }
}

/** Newest first, each once. */
function merge(known: readonly Notice[], incoming: readonly Notice[]): Notice[] {
  const byId = new Map([...known, ...incoming].map((notice) => [notice.id, notice]));
  return [...byId.values()].sort((a, b) => compareNumbers(b.id, a.id));
}
