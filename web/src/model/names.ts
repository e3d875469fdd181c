/** What people call themselves, fetched once for each and kept for the most recent of them. */
import type { Link } from '../xmpp/link';
import { fetchNick } from '../xmpp/social';
import type { Clock } from './clock';
import { Signal } from './signal';

const MOST = 500;
const AT_ONCE = 4;
const FRESH_FOR = 10 * 60_000;
const LONGEST_NAME = 60;

interface Known {
  name: Signal<string | undefined>;
  fetched: number;
}

export class Names {
  /** In the order of their last use, so that the first is the one to forget. */
  private readonly known = new Map<string, Known>();
  private readonly queue = new Set<string>();
  private running = 0;
  private link: Link | undefined;

  constructor(private readonly clock: Clock) {}

  connect(link: Link): void {
    this.link = link;
    this.next();
  }

  disconnect(): void {
    this.link = undefined;
  }

  /** The name as a value that may still come; undefined until then, or for ever. */
  of(jid: string): Signal<string | undefined> {
    const known = this.known.get(jid) ?? {
      name: new Signal<string | undefined>(undefined),
      fetched: 0,
    };
    this.known.delete(jid);
    this.known.set(jid, known);
    if (this.known.size > MOST) {
      const [oldest] = this.known.keys();
      if (oldest !== undefined) this.known.delete(oldest);
    }
    if (this.clock.now() - known.fetched > FRESH_FOR) {
      this.queue.add(jid);
      this.next();
    }
    return known.name;
  }

  /** The name as far as it is known already; asks nobody. */
  peek(jid: string): string | undefined {
    return this.known.get(jid)?.name.value;
  }

  /** A name that came with something else. */
  learn(jid: string, name: string | undefined): void {
    const { name: signal } = this.known.get(jid) ?? { name: this.of(jid) };
    signal.set(tidy(name));
  }

  private next(): void {
    const link = this.link;
    while (link && this.running < AT_ONCE) {
      const [jid] = this.queue;
      if (jid === undefined) return;
      this.queue.delete(jid);
      const known = this.known.get(jid);
      if (!known) continue;
      known.fetched = this.clock.now();
      this.running++;
      void this.fetch(link, jid, known).finally(() => {
        this.running--;
        this.next();
      });
    }
  }

  private async fetch(link: Link, jid: string, known: Known): Promise<void> {
    try {
      known.name.set(tidy(await fetchNick(link, jid)));
    } catch {
      known.fetched = 0;
    }
  }
}

/** A name in one line, without what would turn or hide the text around it. */
export function tidy(name: string | undefined): string | undefined {
  const clean = name
    ?.replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '')
    .trim()
    .slice(0, LONGEST_NAME);
  return clean === '' ? undefined : clean;
}
