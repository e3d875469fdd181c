/** Who is there: what every resource of every contact says, and what that comes to. */
import { bare } from '../xmpp/jid';
import type { PresenceNews, Show } from '../xmpp/presence';
import { Signal } from './signal';

export interface Availability {
  /** Undefined: not there. */
  show: Show | undefined;
  status: string | undefined;
  /** Since when they are away or gone, where anybody said so; Unix milliseconds. */
  since: number | undefined;
}

const GONE: Availability = { show: undefined, status: undefined, since: undefined };
/** More devices than anybody has. */
const MOST_RESOURCES = 20;
const RANKS: Record<Show, number> = { available: 2, dnd: 1, away: 0 };

export class Presences {
  /** Grows with every change. */
  readonly changes = new Signal(0);
  private readonly resources = new Map<string, Map<string, PresenceNews>>();
  private readonly gone = new Map<string, Availability>();

  /** Takes what somebody says; the caller knows whether they are of interest. */
  receive(news: PresenceNews, now: number): void {
    const jid = bare(news.from);
    const known = this.resources.get(jid) ?? new Map<string, PresenceNews>();
    if (news.show !== undefined) {
      if (known.size >= MOST_RESOURCES && !known.has(news.from)) return;
      known.set(news.from, news);
      this.resources.set(jid, known);
      this.gone.delete(jid);
    } else {
      const wasThere = news.from === jid ? known.size > 0 : known.delete(news.from);
      if (news.from === jid) known.clear();
      if (known.size === 0) {
        this.resources.delete(jid);
        const since = news.stamp ?? (wasThere ? now : this.gone.get(jid)?.since);
        this.gone.set(jid, { show: undefined, status: news.status, since });
      }
    }
    this.changes.update((count) => count + 1);
  }

  of(jid: string): Availability {
    const known = this.resources.get(jid);
    if (!known) return this.gone.get(jid) ?? GONE;
    let best: PresenceNews | undefined;
    for (const news of known.values()) if (!best || isBetter(news, best)) best = news;
    return best ? { show: best.show, status: best.status, since: best.stamp } : GONE;
  }

  /** Takes somebody out who is no contact any more. */
  forget(jid: string): void {
    const wasKnown = this.resources.delete(jid) || this.gone.delete(jid);
    if (wasKnown) this.changes.update((count) => count + 1);
  }

  clear(): void {
    this.resources.clear();
    this.gone.clear();
    this.changes.update((count) => count + 1);
  }
}

function isBetter(a: PresenceNews, b: PresenceNews): boolean {
  const rank = (news: PresenceNews) => (news.show === undefined ? -1 : RANKS[news.show]);
  return rank(a) - rank(b) > 0 || (rank(a) === rank(b) && a.priority > b.priority);
}
